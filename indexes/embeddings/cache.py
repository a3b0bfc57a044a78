"""A content-addressed cache of embeddings, so that no text is ever embedded twice.

Vectors are kept as 16-bit floats in SQLite under sha256(model, kind, text). A project may ship
such a file (`embeddings.db` beside its waypost.toml): it is read and never written.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexes.base import Embedder, Vector
from indexes.errors import EmbeddingError

__all__ = ["CachedEmbedder", "EmbeddingCache"]

SHIPPED = "embeddings.db"
Kind = Literal["query", "passage"]
_SCHEMA = "CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"


class EmbeddingCache:
    """Vectors by content.

    Args:
        path: the file that new vectors are written to.
        shipped: a file to read besides, if it exists.
    """

    def __init__(self, path: Path, shipped: Path | None = None) -> None:
        self._path = path
        self._shipped = shipped if shipped is not None and shipped.exists() else None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are known among `keys`."""
        found: dict[bytes, NDArray[np.float32]] = {}
        for path in (self._shipped, self._path):
            missing = [key for key in keys if key not in found]
            if path is not None and path.exists() and missing:
                with closing(
                    sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
                ) as db:
                    for start in range(0, len(missing), 500):
                        part = missing[start : start + 500]
                        marks = ",".join("?" * len(part))
                        rows = db.execute(
                            f"SELECT key, vector FROM embeddings WHERE key IN ({marks})", part
                        )
                        for key, blob in rows:
                            found[key] = np.frombuffer(blob, dtype=np.float16).astype(np.float32)
        return found

    def put(self, items: Iterable[tuple[bytes, NDArray[np.float32]]]) -> None:
        """Remember vectors."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=30)) as db, db:
            db.execute(_SCHEMA)
            db.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?)",
                [(key, vector.astype(np.float16).tobytes()) for key, vector in items],
            )


class CachedEmbedder:
    """An embedder that asks its cache first.

    What comes back has always passed through the cache's 16 bits, so a rerun gives equal vectors.

    Args:
        inner: the model.
        cache: where its vectors are kept.
    """

    save_every = 64

    def __init__(self, inner: Embedder, cache: EmbeddingCache) -> None:
        self._inner = inner
        self._cache = cache
        self._examples: dict[str, Vector] = {}

    @property
    def name(self) -> str:
        """The model's name and version."""
        return self._inner.name

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        return self._inner.dimension

    @property
    def calibrated(self) -> bool:
        """Whether the model's cosines are on the scale that routing and judging were fitted on."""
        return self._inner.calibrated

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the model makes of `text`."""
        return self._inner.count_tokens(text)

    def _key(self, kind: Kind, text: str) -> bytes:
        return hashlib.sha256(f"{self.name}\0{kind}\0{text}".encode()).digest()

    async def embed_query(self, text: str) -> Vector:
        """Return the unit vector of a question; questions are not kept on disk."""
        if text in self._examples:
            return self._examples[text]
        return _checked(await self._inner.embed_query(text), self.name)

    async def embed_examples(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of example questions, embedded as questions and kept in the cache."""
        keys = [self._key("query", text) for text in texts]
        known = await asyncio.to_thread(self._cache.get, keys)
        new: dict[bytes, NDArray[np.float32]] = {}
        for key, text in zip(keys, texts, strict=True):
            if key not in known and key not in new:
                new[key] = _rounded(_checked(await self._inner.embed_query(text), self.name))
        if new:
            await asyncio.to_thread(self._cache.put, list(new.items()))
        vectors = [new[key] if key in new else known[key] for key in keys]
        self._examples.update(zip(texts, vectors, strict=True))
        return _stacked(vectors, self.dimension)

    async def embed_passages(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return the unit vectors of passages; only unknown ones reach the model.

        Args:
            texts: the passages.
            progress: told how many are done, known ones included.
        """
        keys = [self._key("passage", text) for text in texts]
        known = await asyncio.to_thread(self._cache.get, keys)
        todo = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        done = len(texts) - len(todo)
        if progress is not None:
            progress(done)
        waiting = list(todo.items())
        for start in range(0, len(waiting), self.save_every):
            batch = waiting[start : start + self.save_every]
            base = done + start

            def report(count: int, base: int = base) -> None:
                if progress is not None:
                    progress(base + count)

            vectors = await self._inner.embed_passages([text for _, text in batch], report)
            new = [
                (key, _rounded(_checked(v, self.name)))
                for (key, _), v in zip(batch, vectors, strict=True)
            ]
            await asyncio.to_thread(self._cache.put, new)
            known.update(new)
        return _stacked([known[key] for key in keys], self.dimension)


def _rounded(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector.astype(np.float16).astype(np.float32)


def _stacked(vectors: Sequence[NDArray[np.float32]], dimension: int) -> NDArray[np.float32]:
    return np.stack(vectors) if vectors else np.empty((0, dimension), dtype=np.float32)


def _checked(vector: Vector, model: str) -> Vector:
    if not np.isfinite(vector).all():
        raise EmbeddingError(
            f"The embedding model {model!r} returned a vector that is not finite.",
            fix="try again; if it stays, use another embedding model.",
        )
    return vector
