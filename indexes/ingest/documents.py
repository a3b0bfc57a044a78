"""Documents that are not files: those that an app adds, and those of its sources."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from indexes.access import access_list
from indexes.base import Loaded, Source, Store, document_id
from indexes.embeddings import CachedEmbedder
from indexes.errors import LoadError, UnknownIndexError, UsageError
from indexes.ingest.estimate import Confirm
from indexes.ingest.given import as_documents, checked_ids, digest_of_document
from indexes.ingest.items import FILES, Item, Part, digest_of, shape_of
from indexes.ingest.points import parts
from indexes.ingest.sources import (
    ADDED,
    Reading,
    check_source,
    versions_of,
)
from indexes.ingest.sync import Found, Ingestion, Progress, empty_report, ingesting, recipe_of
from indexes.ingest.writing import KNOWN, Known, Work, remove, some
from indexes.settings import IndexSettings, Settings
from indexes.types import AnyOf, Document, Filter, Ids, SyncReport

__all__ = ["Documents"]

PARTS = 8  # of a document that are cut together
NO_TEXT = "It has no text."


class Documents:
    """Takes documents that are not files into a project's indexes.

    Args:
        project: the project's folder.
        settings: its settings.
        store: where documents and chunks are kept.
        embedders: the embedding models by the names that the settings give them.
    """

    def __init__(
        self,
        project: Path,
        settings: Settings,
        store: Store,
        embedders: Mapping[str, CachedEmbedder],
    ) -> None:
        self._state = project / settings.store.path
        self._settings = settings
        self._store = store
        self._embedders = embedders

    async def add(self, index: str, documents: Sequence[Any]) -> SyncReport:
        """Insert documents, or replace those of the same ids.

        Raises:
            UsageError: one is not sound, or has the id of a document from elsewhere; nothing is
                written.
        """
        return await self._put(index, documents, new=True)

    async def update(self, index: str, documents: Sequence[Any]) -> SyncReport:
        """Replace documents that are there.

        Raises:
            UsageError: one is not there, or not sound; nothing is written.
        """
        return await self._put(index, documents, new=False)

    async def delete(self, index: str, ids: Sequence[str]) -> int:
        """Delete documents that were added; return how many there were.

        Raises:
            UsageError: these are no ids.
        """
        settings, wanted = self._index(index), checked_ids(ids)
        async with ingesting(self._state):
            there = await self._sources_of(settings.name, wanted)
            found = [document for document, source in there.items() if source == ADDED]
            await self._delete(settings.name, found)
        return len(found)

    async def sync(
        self,
        index: str,
        source: Source,
        progress: Progress | None = None,
        confirm: Confirm | None = None,
    ) -> SyncReport:
        """Bring an index in line with a source, under the lock of an ingestion.

        Args:
            index: the index's name.
            source: where the documents are.
            progress: told what is being done and how far it is.
            confirm: asked before much is embedded over a network.

        Returns:
            What was done. If the source fails, it is among what failed, by its name: what was read
            until then is kept, and nothing is deleted because of it.

        Raises:
            ConfigurationError: it is no source, or has the name of another kind of documents.
        """
        settings, name = self._index(index), check_source(source).name
        ingestion = Ingestion(self._settings, self._store, self._embedders, progress, confirm)
        reading = Reading(source, lambda work, document: self._parts(work.item, document))
        problem: LoadError | None = None
        try:
            versions = await versions_of(source)
            await self._refuse_ids_of_others(settings.name, name, list(versions))
        except UsageError as error:
            problem = LoadError(error.message, fix=error.fix)
        except LoadError as error:
            problem = error
        else:
            # The id is in the content, so that no document is taken for another one renamed.
            contents = ((id, json.dumps([id, str(v)])) for id, v in versions.items())
            items = self._items(settings, name, contents)
            await ingestion.run(
                name, items, _of_source(settings.name, name), lambda known: True, reading.read
            )
            problem = reading.problem
        if problem is not None:
            ingestion.report["failed"].append({"path": name, "error": str(problem)})
        return ingestion.report

    async def sync_named(
        self,
        sources: Sequence[tuple[str, Source]],
        stored: Iterable[Known],
        progress: Progress | None = None,
        confirm: Confirm | None = None,
    ) -> list[SyncReport]:
        """Bring in line what waypost.toml says of documents that are not files.

        The documents of a source that has left waypost.toml go. Those that an app added stay, even
        if their index has left, since they may be nowhere else; they get the access list that their
        index has now.

        Args:
            sources: those that waypost.toml names, each with its index.
            stored: the documents that are no files, as they were before.
            progress: told what is being done and how far it is.
            confirm: asked before much is embedded over a network.
        """
        named = {(index, source.name) for index, source in sources}
        memory = self._state / "sources.json"
        before = await asyncio.to_thread(_remembered, memory)
        await asyncio.to_thread(_remember, memory, before | named)
        reports = [await self.sync(index, one, progress, confirm) for index, one in sources]
        reports.append(await self._tidy(stored, named, before - named))
        await asyncio.to_thread(_remember, memory, named)
        return reports

    async def _tidy(
        self,
        stored: Iterable[Known],
        named: set[tuple[str, str]],
        left: set[tuple[str, str]],
    ) -> SyncReport:
        """Delete what belongs to nothing any more, and renew the access lists of what was added."""
        report = empty_report()
        indexes = {one.name: one for one in self._settings.index}
        gone: dict[str, list[str]] = {}
        outdated: set[tuple[str, str]] = set()
        for one in stored:
            index, source = str(one["index"]), str(one["source"])
            if (index, source) in left or (index not in indexes and source != ADDED):
                gone.setdefault(index, []).append(str(one["document"]))
            elif (
                index in indexes
                and (index, source) not in named
                and list(one["place"]) != self._place(indexes[index])
            ):
                outdated.add((index, source))
        for index, documents in gone.items():
            await self._delete(index, documents)
            report["deleted"] += len(documents)
        for index, source in outdated:
            report["updated"] += await self._renew_places(indexes[index], source)
        return report

    async def _renew_places(self, index: IndexSettings, source: str) -> int:
        """Give documents whose texts are not at hand the access list of their index."""
        within = _of_source(index.name, source)
        known = {
            str(hit.payload["document"]): hit.payload
            for hit in await self._store.scroll("documents", within, KNOWN)
        }
        items = [
            replace(item, digest=known[item.document]["digest"])  # unchanged: nothing is read
            for item in self._items(index, source, ((id, "") for id in known))
        ]
        ingestion = Ingestion(self._settings, self._store, self._embedders, None)
        await ingestion.run(source, items, within, lambda known: True, _nothing)
        return ingestion.report["updated"]

    async def _put(self, index: str, given: Sequence[Any], *, new: bool) -> SyncReport:
        settings = self._index(index)
        by_id = {one.id: one for one in await asyncio.to_thread(as_documents, given)}
        contents = ((id, digest_of_document(document)) for id, document in by_id.items())
        items = await asyncio.to_thread(lambda: list(self._items(settings, ADDED, contents)))

        async def read(todo: Sequence[Work]) -> AsyncGenerator[Found | None, None]:
            for work in todo:
                async for part in self._parts(work.item, by_id[work.item.document]):
                    yield work, part

        started = time.perf_counter()
        ingestion = Ingestion(self._settings, self._store, self._embedders, None)
        async with ingesting(self._state):
            there = await self._refuse_ids_of_others(settings.name, ADDED, list(by_id))
            missing = [id for id in by_id if id not in there]
            if not new and missing:
                raise UsageError(
                    f"There is no document {missing[0]!r} in the index {index!r}.", fix="add it."
                )
            for few in some(items):
                within = _points(settings.name, [item.document for item in few])
                await ingestion.run(ADDED, few, within, lambda known: True, read)
        ingestion.report["seconds"] = round(time.perf_counter() - started, 3)
        return ingestion.report

    async def _delete(self, index: str, documents: Sequence[str]) -> None:
        await remove(self._store, index, documents)
        if documents:
            await self._store.flush()

    async def _refuse_ids_of_others(
        self, index: str, source: str, ids: Sequence[str]
    ) -> Mapping[str, str]:
        """Return which of the ids are there already.

        Raises:
            UsageError: one of them is a document of another source.
        """
        there = await self._sources_of(index, ids)
        for document, other in there.items():
            if other != source:
                kind = {FILES: "a file", ADDED: "a document that was added"}
                raise UsageError(
                    f"The id {document!r} is that of {kind.get(other, f'the source {other!r}')} "
                    f"in the index {index!r}.",
                    fix="choose another id, such as one that begins with the source's name.",
                )
        return there

    async def _sources_of(self, index: str, ids: Sequence[str]) -> dict[str, str]:
        """Return the sources of documents by id, as far as they are there."""
        return {
            str(hit.payload["document"]): str(hit.payload.get("source", FILES))
            for few in some(ids)
            for hit in await self._store.scroll(
                "documents", _points(index, few), ("document", "source")
            )
        }

    def _index(self, name: str) -> IndexSettings:
        for one in self._settings.index:
            if one.name == name:
                return one
        raise UnknownIndexError(name, sorted(one.name for one in self._settings.index))

    def _place(self, index: IndexSettings) -> list[str]:
        return access_list(None, index.groups, self._settings.project.default_access)

    def _items(
        self, index: IndexSettings, source: str, contents: Iterable[tuple[str, str]]
    ) -> Iterator[Item]:
        """Yield what is to be ingested of documents, given by id and content."""
        recipe, place = recipe_of(index, self._settings), self._place(index)
        shape = shape_of(recipe, self._embedders[recipe.model].name)
        for id, content in contents:
            digest = digest_of(shape, {}, content)
            yield Item(recipe, id, id, source, content, digest, place)

    async def _parts(self, item: Item, document: Document) -> AsyncIterator[Part]:
        count: Callable[[str], int] = self._embedders[item.recipe.model].count_tokens
        silent = not any(block.text.strip() for block in document.blocks)
        loaded = Loaded(
            document.blocks,
            title=document.title,
            date=document.date,
            groups=document.groups,
            fields=document.fields,
            warnings=[NO_TEXT] if silent else [],
        )
        found = parts(replace(item, uri=document.uri or item.uri), loaded, count)
        while cut := await asyncio.to_thread(lambda: list(islice(found, PARTS))):
            for part in cut:
                yield part
            if len(cut) < PARTS:
                return  # without another thread for what most documents are


async def _nothing(todo: Sequence[Work]) -> AsyncGenerator[Found | None, None]:
    for _ in ():
        yield None


def _of_source(index: str, source: str) -> Filter:
    return Filter((AnyOf("index", (index,)), AnyOf("source", (source,))))


def _points(index: str, documents: Sequence[str]) -> Filter:
    """Return the filter of documents by their points, which the engine finds at once."""
    return Filter((Ids(tuple(document_id(index, one) for one in documents)),))


def _remembered(path: Path) -> set[tuple[str, str]]:
    """Return the (index, name) of sources that waypost.toml named at the last ingestion."""
    try:
        return {(str(index), str(name)) for index, name in json.loads(path.read_text("utf-8"))}
    except (FileNotFoundError, ValueError, TypeError):
        return set()


def _remember(path: Path, named: set[tuple[str, str]]) -> None:
    if _remembered(path) == named:
        return
    new = path.with_suffix(".new")
    new.write_text(json.dumps(sorted(named)), encoding="utf-8")
    os.replace(new, path)
