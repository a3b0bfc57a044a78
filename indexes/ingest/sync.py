"""Bringing the store in line with the sources: only what differs is loaded, embedded, written.

A document's point carries the digest of its content and of the settings that shape its chunks. Its
digest is emptied before its chunks are replaced and written after them, so that an ingestion that
dies half-way is finished by the next one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes.access import access_list
from indexes.base import Embedder, Point, Store, Vector, chunk_id, document_id
from indexes.errors import LoadError
from indexes.ingest.chunking import chunk_document
from indexes.ingest.loaders import load
from indexes.settings import IndexSettings, Settings
from indexes.text import language
from indexes.types import Chunk, Condition, Document, Failure, Filter, SyncReport

__all__ = ["Progress", "sync"]

Progress = Callable[[str, int, int], None]  # (what is being done, done, of how many)
CHUNKING_VERSION = 5
BATCH = 128  # chunks embedded between two writes


@dataclass(frozen=True)
class _Source:
    index: IndexSettings
    path: Path
    document: str
    digest: str


@dataclass(frozen=True)
class _Prepared:
    source: _Source
    document: Document
    chunks: Sequence[Chunk]


async def sync(
    project: Path,
    settings: Settings,
    store: Store,
    embedder: Embedder,
    *,
    only: Sequence[Path] = (),
    progress: Progress | None = None,
) -> SyncReport:
    """Compare every index's sources with the store and apply the difference.

    Args:
        project: the project's folder, which sources must lie in.
        settings: its settings.
        store: where documents and chunks are kept.
        embedder: the embedding model of the indexes that have one.
        only: look at these files and folders alone; nothing outside them is touched.
        progress: told what is being done and how far it is.

    Returns:
        What was added, updated and deleted, and which files failed with which error. A file that
        fails keeps its old text in the store.
    """
    started = time.perf_counter()
    told = progress or (lambda what, done, total: None)
    report: SyncReport = {
        "added": 0, "updated": 0, "deleted": 0, "unchanged": 0, "failed": [], "chunks": 0,
        "seconds": 0.0,
    }  # fmt: skip
    sources, failed = await asyncio.to_thread(_scan, project, settings, embedder.name, only)
    report["failed"] += failed
    known = {
        (str(hit.payload["index"]), str(hit.payload["document"])): str(hit.payload["digest"])
        for hit in store.scroll("documents", Filter())
        if not only or _inside(project / str(hit.payload["document"]), only)
    }
    wanted = {(source.index.name, source.document): source for source in sources}
    troubled = {failure["path"] for failure in failed}
    for index, document in sorted(known):
        if (index, document) not in wanted and document not in troubled:
            _delete(store, index, document)
            report["deleted"] += 1
    todo = [source for key, source in wanted.items() if known.get(key) != source.digest]
    report["unchanged"] = len(wanted) - len(todo)
    prepared: list[_Prepared] = []
    written = 0

    async def write() -> None:
        nonlocal written
        await _write(
            store, settings, embedder, prepared, lambda n: told("embedding", written + n, 0)
        )
        for item in prepared:
            key = (item.source.index.name, item.source.document)
            report["updated" if key in known else "added"] += 1
            report["chunks"] += len(item.chunks)
        written += sum(len(item.chunks) for item in prepared)
        prepared.clear()

    for done, source in enumerate(todo):
        told("reading", done, len(todo))
        try:
            prepared.append(await asyncio.to_thread(_prepare, source, embedder))
        except LoadError as error:
            report["failed"].append({"path": source.document, "error": str(error)})
        if sum(len(item.chunks) for item in prepared) >= BATCH:
            await write()
    await write()
    told("reading", len(todo), len(todo))
    await asyncio.to_thread(store.flush)
    report["seconds"] = round(time.perf_counter() - started, 3)
    return report


def _scan(
    project: Path, settings: Settings, model: str, only: Sequence[Path]
) -> tuple[list[_Source], list[Failure]]:
    found: list[_Source] = []
    failed: list[Failure] = []
    root = project.resolve()
    for index in settings.index:
        for path in _files(project, index):
            if only and not _inside(path, only):
                continue
            name = path.relative_to(project).as_posix()
            if not path.resolve().is_relative_to(root):
                failed.append({"path": name, "error": "The file is a link out of the project."})
                continue
            try:
                digest = _digest(path, index, settings, model)
            except OSError as error:
                failed.append(
                    {"path": name, "error": f"The file cannot be read: {error.strerror}."}
                )
                continue
            found.append(_Source(index, path, name, digest))
    return found, failed


def _inside(path: Path, only: Sequence[Path]) -> bool:
    real = os.path.abspath(path)  # without "..", and links as they are
    return any(Path(real).is_relative_to(os.path.abspath(one)) for one in only)


def _files(project: Path, index: IndexSettings) -> Iterator[Path]:
    seen: set[Path] = set()
    for pattern in index.sources:
        for path in sorted(project.glob(pattern)):
            hidden = path.name.startswith((".", "~$"))
            if path.is_file() and not hidden and path not in seen:
                seen.add(path)
                yield path


def _digest(path: Path, index: IndexSettings, settings: Settings, model: str) -> str:
    shape = [
        CHUNKING_VERSION,
        index.chunk_tokens,
        index.chunk_min_tokens,
        index.groups,
        settings.project.default_access,
        index.embedding or model,
    ]
    digest = hashlib.sha256(json.dumps(shape).encode())
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _prepare(source: _Source, embedder: Embedder) -> _Prepared:
    loaded = load(source.path)
    document = Document(
        id=source.document,
        title=loaded.title or source.path.stem,
        blocks=loaded.blocks,
        uri=source.document,
        date=loaded.date,
        groups=loaded.groups,
    )
    chunks = chunk_document(
        document,
        count=embedder.count_tokens,
        most=source.index.chunk_tokens,
        least=source.index.chunk_min_tokens,
    )
    return _Prepared(source, document, chunks)


def _where(index: str, document: str) -> Filter:
    return Filter((Condition("index", (index,)), Condition("document", (document,))))


def _delete(store: Store, index: str, document: str) -> None:
    store.delete("chunks", _where(index, document))
    store.delete("documents", _where(index, document))


async def _write(
    store: Store,
    settings: Settings,
    embedder: Embedder,
    prepared: Sequence[_Prepared],
    progress: Callable[[int], None],
) -> None:
    embedded = [item for item in prepared if item.source.index.embedding != "none"]
    texts = [f"{chunk.header}\n{chunk.text}" for item in embedded for chunk in item.chunks]
    vectors: Iterator[Vector] = iter(await embedder.embed_passages(texts, progress))
    for item in prepared:
        index, document = item.source.index, item.document
        access = access_list(document.groups, index.groups, settings.project.default_access)
        points = [
            Point(
                id=chunk_id(index.name, document.id, ordinal),
                payload={
                    "index": index.name,
                    "document": document.id,
                    "ordinal": ordinal,
                    "title": document.title,
                    "uri": document.uri,
                    "header": chunk.header,
                    "path": list(chunk.path),
                    "text": chunk.text,
                    "spans": list(chunk.spans),
                    "access": access,
                },
                dense={} if index.embedding == "none" else {"dense": next(vectors)},
                lexical={"text": f"{chunk.header}\n{chunk.text}"},
            )
            for ordinal, chunk in enumerate(item.chunks)
        ]
        await asyncio.to_thread(_store, store, item, access, points)


def _store(store: Store, item: _Prepared, access: Sequence[str], points: Sequence[Point]) -> None:
    """Write a document; its digest comes last, so that a write cut short is done again."""
    store.upsert("documents", [_document_point(item, access, digest="")])
    store.delete("chunks", _where(item.source.index.name, item.document.id))
    store.upsert("chunks", points)
    store.upsert("documents", [_document_point(item, access, digest=item.source.digest)])


def _document_point(item: _Prepared, access: Sequence[str], *, digest: str) -> Point:
    document = item.document
    headings = list(dict.fromkeys(block.text for block in document.blocks if block.level))
    title = f"{document.title} {Path(document.id).stem}"
    return Point(
        id=document_id(item.source.index.name, document.id),
        payload={
            "index": item.source.index.name,
            "document": document.id,
            "title": document.title,
            "uri": document.uri,
            "date": document.date,
            "language": language(" ".join(block.text for block in document.blocks[:40])),
            "headings": headings[:60],
            "chunks": len(item.chunks),
            "access": list(access),
            "digest": digest,
        },
        lexical={"title": title, "terms": " ".join([title, *headings])},
    )
