"""Embeddings of any OpenAI-compatible endpoint, through langchain-openai."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.base import Vector
from indexes.errors import EmbeddingError

__all__ = ["OpenAIEmbedder"]

BATCH = 64


class OpenAIEmbedder:
    """An embedding model behind OPENAI_API_KEY and OPENAI_BASE_URL.

    Args:
        model: the model's name at the endpoint.
    """

    calibrated = False  # every model's cosines have a range of their own

    def __init__(self, model: str) -> None:
        self.model = model
        self.name = f"openai:{model}"
        self._dimension = 0

    @cached_property
    def _client(self) -> Any:
        from langchain_openai import OpenAIEmbeddings

        # Other servers take text, not OpenAI's token ids, so the length check that sends ids is off.
        return OpenAIEmbeddings(
            model=self.model, check_embedding_ctx_length=False, chunk_size=BATCH
        )

    @property
    def dimension(self) -> int:
        """The length of the vectors; asked of the endpoint once."""
        if not self._dimension:
            self._dimension = len(self._call(lambda: self._client.embed_query("dimension")))
        return self._dimension

    def count_tokens(self, text: str) -> int:
        """Return an upper estimate of the tokens in `text`, at 1.2 characters a token or 4 letters."""
        wide = sum(1 for char in text if ord(char) > 0x2E80)
        return math.ceil(wide / 1.2 + (len(text) - wide) / 3.5)

    def _call(self, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> EmbeddingError:
        return EmbeddingError(
            f"The embedding endpoint failed for model {self.model!r}: {type(error).__name__}.",
            fix="check OPENAI_API_KEY, OPENAI_BASE_URL and the model's name, then try again.",
        )

    async def embed_query(self, text: str) -> Vector:
        """Return the unit vector of a question."""
        try:
            vector = await self._client.aembed_query(text)
        except Exception as error:
            raise self._failed(error) from error
        return np.asarray(_unit(np.asarray([vector], dtype=np.float32))[0])

    async def embed_passages(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return the unit vectors of passages, of shape (len(texts), dimension)."""
        out: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            try:
                out += await self._client.aembed_documents(list(texts[start : start + BATCH]))
            except Exception as error:
                raise self._failed(error) from error
            if progress is not None:
                progress(len(out))
        return _unit(np.asarray(out, dtype=np.float32))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
