"""What an ingestion would do, without doing it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indexes.base import Store
from indexes.embeddings import CachedEmbedder
from indexes.ingest.files import scan
from indexes.ingest.items import FILES, shape_of
from indexes.ingest.sync import recipe_of
from indexes.settings import Settings
from indexes.types import Filter

__all__ = ["Waiting", "waiting_files"]


@dataclass(frozen=True)
class Waiting:
    """What an ingestion would find.

    Args:
        files: those that are not in the store as they are now, and those that have gone.
        refused: what it would say of other files and of lists, each with its name.
    """

    files: list[str]
    refused: list[str]


async def waiting_files(
    project: Path, settings: Settings, store: Store, embedders: Mapping[str, CachedEmbedder]
) -> Waiting:
    """Return what an ingestion would find.

    Files that could not be read when they were as they are now are left out.

    Args:
        project: the project's folder.
        settings: its settings.
        store: where documents are kept.
        embedders: the embedding models by the names that the settings give them.

    Raises:
        ConfigurationError: access.toml or fields.toml is unusable.
    """
    cut = {index.name: recipe_of(index, settings) for index in settings.index}
    recipes = {
        name: (recipe, shape_of(recipe, embedders[recipe.model].name))
        for name, recipe in cut.items()
    }
    found = await asyncio.to_thread(scan, project, settings, recipes, ())
    fields = ("index", "document", "source", "digest", "error")
    stored = await store.scroll("documents", Filter(), fields)
    known = {
        (str(hit.payload["index"]), str(hit.payload["document"])): hit.payload
        for hit in stored
        if hit.payload.get("source", FILES) == FILES
    }
    there = {item.key for item in found.items}
    new = {
        item.document
        for item in found.items
        if item.key not in known
        or not (known[item.key].get("error") or known[item.key]["digest"] == item.digest)
    }
    gone = {
        document
        for index, document in known
        if (index, document) not in there
        and not any(not one or document.startswith(f"{one}/") for one in found.unseen)
    }
    refused = [f"{one['path']}: {one['error']}" for one in found.failed]
    return Waiting(sorted(new | gone), refused)
