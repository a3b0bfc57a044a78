"""Documents that are not files: those that an app adds, and those of its sources."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from indexes.access import access_list
from indexes.base import Delete, Embedder, Loaded, Source, Store
from indexes.errors import ConfigurationError, LoadError, UnknownIndexError, UsageError
from indexes.ingest.items import FILES, Item, Part, digest_of
from indexes.ingest.points import parts
from indexes.ingest.structure import blocks_of_lines
from indexes.ingest.sync import Found, Ingestion, Progress, empty_report, ingesting, recipe_of
from indexes.ingest.writing import Work, where
from indexes.project import load_object
from indexes.settings import IndexSettings, Settings
from indexes.stores.open import model_of
from indexes.types import AnyOf, Block, Document, Filter, SyncReport

__all__ = ["Documents", "load_source"]

ADDED = "added"  # the source of documents that an app adds
READ = 100  # documents of a source that are read together


class Documents:
    """Takes documents that are not files into a project's indexes.

    Args:
        project: the project's folder.
        settings: its settings.
        store: where documents and chunks are kept.
        embedders: the embedding models by the names that the settings give them.
    """

    def __init__(
        self, project: Path, settings: Settings, store: Store, embedders: Mapping[str, Embedder]
    ) -> None:
        self._state = project / settings.store.path
        self._settings = settings
        self._store = store
        self._embedders = embedders

    async def add(self, index: str, documents: Sequence[Any]) -> SyncReport:
        """Insert documents, or replace those of the same ids."""
        return await self._put(index, _as_documents(documents), new=True)

    async def update(self, index: str, documents: Sequence[Any]) -> SyncReport:
        """Replace documents that are there.

        Raises:
            UsageError: one is not there; nothing is written.
        """
        return await self._put(index, _as_documents(documents), new=False)

    async def delete(self, index: str, ids: Sequence[str]) -> int:
        """Delete documents that were added; return how many there were."""
        which = where(self._index(index).name, *ids).and_(AnyOf("source", (ADDED,)))
        async with ingesting(self._state):
            found = [
                str(hit.payload["document"])
                for hit in await self._store.scroll("documents", which, ("document",))
            ]
            if found:
                gone = where(index, *found)
                await self._store.apply([Delete("chunks", gone), Delete("documents", gone)])
                await self._store.flush()
        return len(found)

    async def sync(
        self, index: str, source: Source, progress: Progress | None = None
    ) -> SyncReport:
        """Bring an index in line with a source, under the lock of an ingestion.

        Args:
            index: the index's name.
            source: where the documents are.
            progress: told what is being done and how far it is.

        Raises:
            ConfigurationError: the source has the name of another kind of documents.
        """
        if source.name in {FILES, ADDED}:
            raise ConfigurationError(
                f"A source cannot be named {source.name!r}.", fix="give it another name."
            )
        settings = self._index(index)
        versions = await source.versions()
        items = [self._item(settings, source.name, id, str(v)) for id, v in versions.items()]
        own = Filter((AnyOf("index", (index,)),))
        await self._refuse_ids_of_others(settings, source.name, list(versions))

        async def read(todo: Sequence[Work]) -> AsyncIterator[Found | None]:
            for start in range(0, len(todo), READ):
                works = {work.item.document: work for work in todo[start : start + READ]}
                async for document in source.read(list(works)):
                    work = works.pop(document.id, None)
                    if work is not None:
                        async for part in self._parts(work.item, document):
                            yield work, part
                for work in works.values():
                    yield work, LoadError(f"The source {source.name!r} did not deliver it.")

        ingestion = Ingestion(self._settings, self._store, self._embedders, progress)
        await ingestion.run(source.name, items, own, lambda known: True, read)
        return ingestion.report

    async def _put(self, index: str, documents: Sequence[Document], *, new: bool) -> SyncReport:
        if not documents:
            return empty_report()
        settings = self._index(index)
        by_id = {document.id: document for document in documents}
        if len(by_id) < len(documents):
            raise UsageError("Two documents have the same id.", fix="give each one its own.")
        items = [
            self._item(settings, ADDED, document.id, _content_of(document))
            for document in documents
        ]

        async def read(todo: Sequence[Work]) -> AsyncIterator[Found | None]:
            for work in todo:
                async for part in self._parts(work.item, by_id[work.item.document]):
                    yield work, part

        async with ingesting(self._state):
            there = await self._refuse_ids_of_others(settings, ADDED, list(by_id))
            missing = sorted(set(by_id) - there)
            if not new and missing:
                raise UsageError(
                    f"There is no document {missing[0]!r} in the index {index!r}.", fix="add it."
                )
            ingestion = Ingestion(self._settings, self._store, self._embedders, None)
            await ingestion.run(ADDED, items, where(index, *by_id), lambda known: True, read)
        return ingestion.report

    async def _refuse_ids_of_others(
        self, index: IndexSettings, source: str, ids: Sequence[str]
    ) -> set[str]:
        """Return which of the ids are there already.

        Raises:
            UsageError: one of them is a document of another source.
        """
        hits = await self._store.scroll(
            "documents", where(index.name, *ids), ("document", "source")
        )
        for hit in hits:
            if hit.payload.get("source", FILES) != source:
                raise UsageError(
                    f"The id {hit.payload['document']!r} is that of a document from elsewhere.",
                    fix="choose another id, such as one that begins with the source's name.",
                )
        return {str(hit.payload["document"]) for hit in hits}

    def _index(self, name: str) -> IndexSettings:
        for one in self._settings.index:
            if one.name == name:
                return one
        raise UnknownIndexError(name, sorted(one.name for one in self._settings.index))

    def _item(self, index: IndexSettings, source: str, id: str, content: str) -> Item:
        recipe = recipe_of(index, self._settings)
        model = self._embedders[model_of(index, self._settings)].name
        return Item(
            recipe,
            document=id,
            uri=id,
            source=source,
            content=content,
            digest=digest_of(recipe, model, {}, content),
            place=access_list(None, index.groups, self._settings.project.default_access),
        )

    async def _parts(self, item: Item, document: Document) -> AsyncIterator[Part]:
        count: Callable[[str], int] = self._embedders[item.recipe.model].count_tokens
        loaded = Loaded(
            document.blocks,
            title=document.title,
            date=document.date,
            groups=document.groups,
            fields=document.fields,
        )
        found = parts(replace(item, uri=document.uri or item.uri), loaded, count)
        while (part := await asyncio.to_thread(next, found, None)) is not None:
            yield part


def load_source(project: Path, use: str) -> Source:
    """Return the source that a [[source]] names, made by calling what is named if it is no source.

    Raises:
        ConfigurationError: there is none of that name.
    """
    found = load_object(project, use)
    source = found if hasattr(found, "versions") and not isinstance(found, type) else found()
    if not all(hasattr(source, name) for name in ("name", "versions", "read")):
        raise ConfigurationError(
            f"{use!r} is no source.", fix="return an object with `name`, `versions` and `read`."
        )
    made: Source = source
    return made


def _content_of(document: Document) -> str:
    text = json.dumps(asdict(document), sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _as_documents(given: Sequence[Any]) -> list[Document]:
    """Return documents, made of LangChain's where they are not Waypost's own.

    Raises:
        UsageError: something is neither.
    """
    own = [one for one in given if isinstance(one, Document)]
    pages: dict[str, list[Any]] = {}
    for one in given:
        if isinstance(one, Document):
            continue
        if not hasattr(one, "page_content") or not hasattr(one, "metadata"):
            raise UsageError(
                f"{type(one).__name__!r} is no document.",
                fix="give indexes.Document or LangChain's Document.",
            )
        name = one.id or one.metadata.get("id") or one.metadata.get("source")
        if not name:
            raise UsageError(
                "A LangChain document has no id.", fix="set its `id`, or `source` in its metadata."
            )
        pages.setdefault(str(name), []).append(one)
    return own + [_of_pages(name, found) for name, found in pages.items()]


def _of_pages(name: str, pages: Sequence[Any]) -> Document:
    blocks: list[Block] = []
    for one in pages:
        page = one.metadata.get("page")
        where_it_is = {"page": page + 1} if isinstance(page, int) else {}  # LangChain counts from 0
        blocks += blocks_of_lines(one.page_content.splitlines(), where_it_is)  # type: ignore[arg-type]
    first = pages[0].metadata
    groups = first.get("groups")
    known = {"id", "title", "date", "groups", "page", "uri"}
    return Document(
        id=name,
        title=str(first.get("title") or ""),
        blocks=blocks,
        uri=str(first.get("uri") or first.get("source") or ""),
        date=str(first.get("date") or ""),
        groups=None if groups is None else (groups,) if isinstance(groups, str) else tuple(groups),
        fields={
            key: value
            for key, value in first.items()
            if key not in known and isinstance(value, str | int | float | bool)
        },
    )
