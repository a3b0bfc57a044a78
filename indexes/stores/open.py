"""The store that a project's settings name, opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from indexes.base import Embedder, Kind, Schema, Space, Store
from indexes.filters import stored_fields
from indexes.settings import IndexSettings, Settings
from indexes.stores.shared import SharedStore

__all__ = ["model_of", "open_store", "schema_of", "space_of"]

FIELDS: Mapping[str, Kind] = dict.fromkeys(
    ("index", "document", "access", "source", "origin"), "keyword"
)


def model_of(index: IndexSettings, settings: Settings) -> str:
    """Return the embedding model of an index; a lexical one has the project's, and does not use it."""
    own = index.embedding not in {"", "none"}
    return index.embedding if own else settings.models.embedding


def space_of(index: IndexSettings, settings: Settings) -> str:
    """Return the name of an index's dense vectors: one of its own if it has a model of its own."""
    same = model_of(index, settings) == settings.models.embedding
    return "dense" if same else f"dense_{index.name}"


def schema_of(settings: Settings, embedders: Mapping[str, Embedder]) -> Schema:
    """Return what the points of a project are made of.

    Args:
        settings: the project's settings.
        embedders: its embedding models by the names that settings give them.
    """
    fields = dict(FIELDS)
    spaces: dict[str, Space] = {}
    for index in settings.index:
        fields |= stored_fields(index.fields)
        if index.embedding != "none":
            embedder = embedders[model_of(index, settings)]
            spaces[space_of(index, settings)] = Space(embedder.name, embedder.dimension)
    return Schema(spaces, fields | stored_fields({}))


async def open_store(project: Path, settings: Settings, schema: Schema) -> Store:
    """Open the store: a server's collections if the settings have a `url`, else the local folder.

    Raises:
        StoreError: it cannot be opened or reached, or does not fit the schema.
    """
    if settings.store.url:
        from indexes.stores.qdrant import QdrantStore, connect

        server = QdrantStore(connect(settings.store), settings.store, schema)
        await server.open()
        return server
    shared = SharedStore(project / settings.store.path / "store", schema)
    await shared.open()
    return shared
