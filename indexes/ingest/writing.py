"""Writing documents so that a reader sees a whole one or none, and a crash leaves nothing behind.

A document's point has no digest from before the first change to its chunks until after the last one,
so that an ingestion which dies in between is finished by the next. Chunks that are not all there yet
have an empty access list, so nobody finds them; they appear in the same step in which the older
ones go. Chunks know their version, by which those of a broken-off ingestion are told.

A store may die between any two changes, and an embedded one after every `UPSERT` points. So what one
change makes visible is a whole document: chunks that can be seen are always complete.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, TypeVar

from indexes import log
from indexes.base import Change, Delete, Embedder, Hit, Point, SetPayload, Store, Upsert, Vector
from indexes.errors import LoadError
from indexes.ingest.items import Item, Part
from indexes.ingest.loaders import reader_versions
from indexes.ingest.points import stub
from indexes.stores.common import UPSERT
from indexes.types import AnyOf, Filter, Ids, SyncReport

__all__ = ["KNOWN", "Known", "Work", "Writer", "complete_versions", "remove", "some", "where"]

Known = Mapping[str, Any]  # what is stored of a document, as far as an ingestion needs it
T = TypeVar("T")
MANY = 1000  # documents named in one filter, of which a server takes 32 MiB
KNOWN = (
    "index",
    "document",
    "source",
    "digest",
    "content",
    "version",
    "chunks",
    "access",
    "place",
    "own_access",
    "failed",
    "error",
    "since",
    "changes",
)


@dataclass(eq=False)
class Work:
    """A document on its way into the store.

    Args:
        item: what it is.
        known: what the store holds of it; None: nothing.
        renamed_from: the document that it was, which goes when this one is there.
        old: the ids of its chunks that can be seen until the new ones are there.
        in_place: whether these are of the same version, so that each is replaced by its equal.
        staged: the ids of new chunks that wait, unseen, for the last one.
    """

    item: Item
    known: Known | None
    renamed_from: str = ""
    old: Sequence[str] = ()
    in_place: bool = False
    replaced: set[str] = field(default_factory=set)
    staged: list[str] = field(default_factory=list)
    begun: bool = False
    chunks: int = 0


class Writer:
    """Embeds parts of documents and writes them.

    Args:
        store: where to.
        embedders: the embedding models by the names that settings give them.
        limits: what reading was bounded by; a file that failed is tried again when they change.
        report: what was done; it is kept up.
        embedding: told how many chunks are embedded.
    """

    def __init__(
        self,
        store: Store,
        embedders: Mapping[str, Embedder],
        limits: Mapping[str, Any],
        report: SyncReport,
        embedding: Callable[[int], None],
    ) -> None:
        self._store = store
        self._embedders = embedders
        self._limits = json.dumps(limits, sort_keys=True)
        self._report = report
        self._embedding = embedding
        self._embedded = 0

    async def write(self, batch: Sequence[tuple[Work, Part | LoadError]]) -> None:
        """Write parts of documents, and what is to be known of those that failed."""
        sound = [(work, part) for work, part in batch if isinstance(part, Part)]
        failed = [(work, part) for work, part in batch if isinstance(part, LoadError)]
        await self._begin(sound)
        sound = await self._embed(sound)
        ended = {work for work, part in sound if part.document is not None}
        chunks: dict[Work, list[Point]] = defaultdict(list)
        for work, part in sound:
            chunks[work] += part.chunks
        for work, points in chunks.items():
            work.chunks += len(points)
            if work.in_place:
                work.replaced.update(point.id for point in points)
            elif work not in ended or work.staged or len(points) > UPSERT:
                for point in points:
                    point.payload["access"] = []
                work.staged += [point.id for point in points]
        changes = [*self._leaving(ended), *_packed(chunks.values())]
        changes += self._appearing(sound)
        changes += [Upsert("documents", [_dated(p.document, w) for w, p in sound if p.document])]
        for work, error in failed:
            changes += self._broken_off(work, error)
        await self._store.apply([change for change in changes if not _is_empty(change)])
        for work in ended:
            self._report["updated" if _is_whole(work.known) else "added"] += 1
            self._report["deleted"] += bool(work.renamed_from)
            self._report["chunks"] += work.chunks
        for work, part in sound:
            warnings = part.document.payload["warnings"] if part.document is not None else ()
            self._report["warned"] += [
                {"path": work.item.document, "warning": warning} for warning in warnings
            ]

    async def _begin(self, batch: Sequence[tuple[Work, Part]]) -> None:
        """Mark documents as unfinished; whom their new lists shut out sees the old text no more."""
        new: list[Point] = []
        changes: list[Change] = []
        known: list[tuple[Work, Known, Sequence[str]]] = []
        for work, part in batch:
            if work.begun:
                continue
            work.begun = True
            if work.known is None:
                new.append(stub(work.item))
            else:
                known.append((work, work.known, part.access))
        leftovers = await self._find_old(known)
        for work, before, access in known:
            mine = where(*work.item.key)
            changes.append(SetPayload("documents", mine, {"digest": ""}))
            # an ingestion that died may have changed the list of the chunks alone
            if _is_whole(before) and (list(access) != before["access"] or not before["digest"]):
                seen = {"access": list(access)}
                if work.old:
                    changes.append(SetPayload("chunks", Filter((Ids(tuple(work.old)),)), seen))
                changes.append(SetPayload("documents", mine, seen))
        if leftovers:
            changes.append(Delete("chunks", Filter((Ids(tuple(leftovers)),))))
        if new:
            changes.append(Upsert("documents", new))
        if changes:
            await self._store.apply(changes)

    async def _find_old(self, works: Sequence[tuple[Work, Known, Sequence[str]]]) -> list[str]:
        """Find each document's chunks; return those that a broken-off ingestion left unfinished."""
        leftovers: list[str] = []
        by_index: dict[str, dict[str, tuple[Work, Known]]] = defaultdict(dict)
        for work, known, _ in works:
            by_index[work.item.recipe.index][work.item.document] = work, known
        for index, mine in by_index.items():
            hits = await self._store.scroll(
                "chunks", where(index, *mine), ("document", "version", "access")
            )
            own: dict[str, list[Hit]] = defaultdict(list)
            for hit in hits:
                own[hit.payload["document"]].append(hit)
            for name, found in own.items():
                work, known = mine[name]
                complete = complete_versions(found, known)
                work.old = [id for ids in complete.values() for id in ids]
                work.in_place = work.item.version in complete
                leftovers += {hit.id for hit in found}.difference(work.old)
        return leftovers

    async def _embed(self, batch: Sequence[tuple[Work, Part]]) -> list[tuple[Work, Part]]:
        """Return the parts with their dense vectors."""
        vectors: dict[str, Iterator[Vector]] = {}
        for model, embedder in self._embedders.items():
            mine = [part for work, part in batch if work.item.recipe.model == model]
            texts = [text for part in mine for text in (*part.texts, part.text) if text]
            done = self._embedded

            def told(count: int, done: int = done) -> None:
                self._embedding(done + count)

            if texts:
                vectors[model] = iter(await embedder.embed_passages(texts, told))
                self._embedded += len(texts)
        return [
            (work, _with_vectors(part, work.item.recipe.space, vectors.get(work.item.recipe.model)))
            for work, part in batch
        ]

    def _leaving(self, works: Iterable[Work]) -> list[Change]:
        """Return what takes the older chunks away, and documents that were renamed."""
        old = [id for work in works for id in work.old if id not in work.replaced]
        changes: list[Change] = [Delete("chunks", Filter((Ids(tuple(old)),)))] if old else []
        for work in works:
            if work.renamed_from:
                changes += _removal(where(work.item.recipe.index, work.renamed_from))
        return changes

    def _appearing(self, batch: Sequence[tuple[Work, Part]]) -> list[Change]:
        return [
            SetPayload("chunks", Filter((Ids(tuple(work.staged)),)), {"access": list(part.access)})
            for work, part in batch
            if part.document is not None and work.staged
        ]

    def _broken_off(self, work: Work, error: LoadError) -> list[Change]:
        """Return what leaves a document as it was, with a note of why."""
        self._report["failed"].append({"path": work.item.document, "error": str(error)})
        log.info("document.failed", document=work.item.document, code=error.code)
        again = "" if error.retryable else self.failure_of(work.item)
        note = {"error": str(error), "failed": again}
        changes: list[Change] = []
        if work.staged:
            changes.append(Delete("chunks", Filter((Ids(tuple(work.staged)),))))
        if work.renamed_from:
            changes += _removal(where(work.item.recipe.index, work.renamed_from))
            self._report["deleted"] += 1
        if work.known is None:
            point = stub(work.item)
            changes.append(Upsert("documents", [replace(point, payload=point.payload | note)]))
        else:
            changes.append(SetPayload("documents", where(*work.item.key), note))
        return changes

    def failure_of(self, item: Item) -> str:
        """Return what a failed attempt depended on: with the same, another one fails too."""
        state = f"{item.digest}{self._limits}{reader_versions()}"
        return hashlib.sha256(state.encode()).hexdigest()


def where(index: str, *documents: str) -> Filter:
    """Return the filter of an index's documents."""
    return Filter((AnyOf("index", (index,)), AnyOf("document", documents)))


def complete_versions(chunks: Sequence[Hit], known: Known) -> dict[str, list[str]]:
    """Return the ids of a document's chunks by version, without those that wait for others.

    Args:
        chunks: all of them, with their `version` and `access`.
        known: what the store holds of the document.
    """
    versions: dict[str, list[Hit]] = defaultdict(list)
    for hit in chunks:
        versions[hit.payload.get("version", "")].append(hit)
    return {
        version: [hit.id for hit in found]
        for version, found in versions.items()
        # nobody may see some documents, which are complete if they are as their point says
        if any(hit.payload["access"] for hit in found)
        or (version == known.get("version") and len(found) == known.get("chunks"))
    }


def _removal(which: Filter) -> list[Change]:
    """Return what takes documents out of the store.

    Without the first change, one whose chunks alone are gone would count as there when it comes back.
    """
    return [
        SetPayload("documents", which, {"digest": ""}),
        Delete("chunks", which),
        Delete("documents", which),
    ]


async def remove(store: Store, index: str, documents: Sequence[str]) -> None:
    """Take documents out of the store."""
    for few in some(documents):
        await store.apply(_removal(where(index, *few)))


def some(given: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield as many at a time as one filter may name."""
    return (given[start : start + MANY] for start in range(0, len(given), MANY))


def _is_whole(known: Known | None) -> bool:
    """Say whether a document has been in the store with all its text."""
    return known is not None and bool(known.get("version"))


def _with_vectors(part: Part, space: str, vectors: Iterator[Vector] | None) -> Part:
    if vectors is None:
        return part
    chunks = [
        replace(point, dense={space: next(vectors)} if text else {})
        for point, text in zip_longest(part.chunks, part.texts, fillvalue="")
        if isinstance(point, Point)
    ]
    document = part.document
    if document is not None and part.text:
        document = replace(document, dense={space: next(vectors)})
    return replace(part, chunks=chunks, document=document)


def _packed(documents: Iterable[Sequence[Point]]) -> list[Change]:
    """Return upserts of the chunks of several documents, none of which is parted needlessly."""
    packs: list[list[Point]] = [[]]
    for points in documents:
        if len(packs[-1]) + len(points) > UPSERT:
            packs.append([])
        packs[-1] += points
    return [Upsert("chunks", pack) for pack in packs]


def _dated(point: Point, work: Work) -> Point:
    """Return a document's point with its history: since when it is here, how often its content changed."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    known = work.known if work.known is not None and _is_whole(work.known) else {}
    changed = bool(known) and known.get("content") != work.item.content
    history = {
        "synced": now,
        "since": known.get("since") or now,
        "changes": int(known.get("changes") or 0) + changed,
    }
    return replace(point, payload=point.payload | history)


def _is_empty(change: Change) -> bool:
    return isinstance(change, Upsert) and not change.points
