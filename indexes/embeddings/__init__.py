"""Embedding models behind one protocol, with a content-addressed cache in front."""

from __future__ import annotations

from indexes.base import Embedder
from indexes.embeddings.cache import EmbeddingCache
from indexes.embeddings.cached import CachedEmbedder
from indexes.embeddings.known import price_of
from indexes.errors import ConfigurationError

__all__ = ["CachedEmbedder", "EmbeddingCache", "make_embedder", "price_of"]


def make_embedder(name: str) -> Embedder:
    """Return the embedding model that a setting names; nothing is loaded until it is used.

    Args:
        name: "local" or "openai:<model>".
    """
    if name == "local":
        from indexes.embeddings.local import LocalEmbedder

        return LocalEmbedder()
    kind, _, model = name.partition(":")
    if kind == "openai" and model:
        from indexes.embeddings.remote import OpenAIEmbedder

        return OpenAIEmbedder(model)
    raise ConfigurationError(
        f"There is no embedding model {name!r}.", fix="use 'local' or 'openai:<model>'."
    )
