"""An embedder that asks its cache first, and saves what it pays for part by part."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexes.base import Embedder, Vector
from indexes.embeddings.cache import EmbeddingCache
from indexes.embeddings.known import price_of
from indexes.embeddings.parallel import in_parallel
from indexes.errors import EmbeddingError

__all__ = ["CachedEmbedder"]

Kind = Literal["query", "passage"]
Embed = Callable[[Sequence[str], Callable[[int], None]], Awaitable[NDArray[np.float32]]]
LOOKED_UP = 2048  # vectors read from the cache at a time


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
        self._dimension = 0
        self._examples: dict[str, Vector] = {}

    @property
    def name(self) -> str:
        """The model's name and version."""
        return self._inner.name

    @property
    def remote(self) -> bool:
        """Whether texts are sent over a network, which costs time and perhaps money."""
        return self._inner.remote

    @property
    def at_once(self) -> int:
        """How many parts are embedded at a time."""
        return self._inner.at_once

    @property
    def price(self) -> float | None:
        """The US dollars that a million tokens cost; None if that is not known."""
        return price_of(self.name) if self.remote else 0.0

    @property
    def dimension(self) -> int:
        """The length of its vectors; the cache remembers it, so an endpoint is asked once in its life.

        That reads a file and may wait for a network: ask in a thread.
        """
        if not self._dimension:
            known = self._cache.dimension(self.name) if self.remote else None
            self._dimension = known or self._inner.dimension
            if self.remote and known is None:
                self._cache.remember_dimension(self.name, self._dimension)
        return self._dimension

    @property
    def calibrated(self) -> bool:
        """Whether the model's cosines are on the scale that routing and judging were fitted on."""
        return self._inner.calibrated

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the model makes of `text`."""
        return self._inner.count_tokens(text)

    async def close(self) -> None:
        """Close the model's connections, if it has any."""
        await self._inner.close()

    async def unknown(self, texts: Sequence[str]) -> list[str]:
        """Return which passages are not in the cache yet, each once: those that would be paid for.

        Args:
            texts: passages, as `embed_passages` takes them.
        """
        keys = {self._key("passage", text): text for text in texts}
        known = await asyncio.to_thread(self._cache.known, list(keys))
        return [text for key, text in keys.items() if key not in known]

    async def embed_query(self, text: str) -> Vector:
        """Return the unit vector of a question; questions are not kept on disk."""
        if text in self._examples:
            return self._examples[text]
        vectors = np.asarray([await self._inner.embed_query(text)])
        dimension = self._dimension or await asyncio.to_thread(lambda: self.dimension)
        return np.asarray(self._checked(vectors, 1, dimension)[0])

    async def embed_examples(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of example questions, embedded as questions and kept in the cache."""

        async def embed(part: Sequence[str], _: Callable[[int], None]) -> NDArray[np.float32]:
            found: dict[int, Vector] = {}

            async def ask(position: int) -> None:
                found[position] = await self._inner.embed_query(part[position])

            await in_parallel(range(len(part)), ask, at_once=self.at_once)
            return np.stack([found[position] for position in range(len(part))])

        vectors = await self._embedded("query", texts, embed, None)
        self._examples.update(zip(texts, vectors, strict=True))
        return vectors

    async def embed_passages(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return the unit vectors of passages; only unknown ones reach the model.

        Every part is saved as it comes: what fails or is killed later never costs it again.

        Args:
            texts: the passages.
            progress: told how many are done, known ones included.

        Raises:
            EmbeddingError: the model failed, or gave no usable vectors.
        """
        return await self._embedded("passage", texts, self._inner.embed_passages, progress)

    async def _embedded(
        self,
        kind: Kind,
        texts: Sequence[str],
        embed: Embed,
        progress: Callable[[int], None] | None,
    ) -> NDArray[np.float32]:
        dimension = await asyncio.to_thread(lambda: self.dimension)
        out = np.empty((len(texts), dimension), dtype=np.float32)
        places: dict[bytes, list[int]] = {}
        for position, text in enumerate(texts):
            places.setdefault(self._key(kind, text), []).append(position)
        await asyncio.to_thread(self._recall, places, out)
        todo = list(places)
        total = 0
        counted: dict[int, int] = {}

        def report(part: int, count: int) -> None:
            nonlocal total
            total += count - counted.get(part, 0)
            counted[part] = count
            if progress is not None:
                progress(total)

        report(-1, len(texts) - sum(map(len, places.values())))
        writer = self._cache.writer()

        async def work(start: int) -> None:
            keys = todo[start : start + self.save_every]
            part = [texts[places[key][0]] for key in keys]
            raw = await embed(part, lambda count: report(start, count))
            vectors = self._checked(raw, len(part), dimension).astype(np.float16)
            await asyncio.to_thread(writer.put, zip(keys, vectors, strict=True))
            for key, vector in zip(keys, vectors, strict=True):
                out[places[key]] = vector
            report(start, sum(len(places[key]) for key in keys))

        try:
            await in_parallel(range(0, len(todo), self.save_every), work, at_once=self.at_once)
        finally:
            await asyncio.to_thread(writer.close)
        return out

    def _recall(self, places: dict[bytes, list[int]], out: NDArray[np.float32]) -> None:
        """Take what the cache knows out of `places` into `out`."""
        keys = list(places)
        for start in range(0, len(keys), LOOKED_UP):
            for key, vector in self._cache.get(keys[start : start + LOOKED_UP]).items():
                if vector.shape == out.shape[1:] and np.isfinite(vector).all():
                    out[places.pop(key)] = vector

    def _key(self, kind: Kind, text: str) -> bytes:
        return hashlib.sha256(f"{self.name}\0{kind}\0{text}".encode()).digest()

    def _checked(
        self, vectors: NDArray[np.float32], count: int, dimension: int
    ) -> NDArray[np.float32]:
        if vectors.shape != (count, dimension):
            fix = "if another model goes by this name now, delete the project's .waypost/cache folder."
            what = f"vectors of shape {vectors.shape} instead of {(count, dimension)}"
        elif not np.isfinite(vectors).all():
            fix = "try again; if it stays, use another embedding model."
            what = "a vector that is not finite"
        else:
            return vectors
        raise EmbeddingError(f"The embedding model {self.name!r} returned {what}.", fix=fix)
