"""Bringing the store in line with the sources: only what differs is loaded, embedded, written.

A document's point carries the digest of its content and of the settings that shape its chunks. Its
digest is emptied before its chunks are replaced and written after them, so that an ingestion that
dies half-way is finished by the next one.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from indexes.access import access_list
from indexes.base import Embedder, Store
from indexes.errors import LoadError, StoreError
from indexes.ingest.chunking import chunk_document
from indexes.ingest.lists import folder_fields, load_access
from indexes.ingest.loaders import load
from indexes.ingest.points import Prepared, document_points, texts_to_embed
from indexes.settings import IndexSettings, Settings
from indexes.stores.open import model_of, space_of
from indexes.types import AnyOf, Document, Failure, Filter, SyncReport

__all__ = ["Progress", "ingesting", "sync"]

Progress = Callable[[str, int, int], None]  # (what is being done, done, of how many)
CHUNKING_VERSION = 9
BATCH = 128  # chunks embedded between two writes


@dataclass(frozen=True)
class _Source:
    index: IndexSettings
    path: Path
    document: str
    digest: str
    groups: tuple[str, ...] | None


@asynccontextmanager
async def ingesting(folder: Path, progress: Progress | None = None) -> AsyncIterator[None]:
    """Wait until no other ingestion of this project is at work on this machine, and keep others out.

    Two at once could leave an older text of a document under the newer one's digest.

    Args:
        folder: the project's state folder.
        progress: told that it waits.
    """
    lock = await asyncio.to_thread(_lock_file, folder)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if progress is not None:
                    progress("waiting for another ingestion", 0, 0)
                await asyncio.sleep(0.1)
        yield
    finally:
        os.close(lock)


def _lock_file(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / "ingest.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            f"The folder {str(folder)!r} cannot be written to: {error.strerror}.",
            fix="choose a writable folder as [store] path.",
        ) from error


async def sync(
    project: Path,
    settings: Settings,
    store: Store,
    embedders: Mapping[str, Embedder],
    *,
    only: Sequence[Path] = (),
    progress: Progress | None = None,
) -> SyncReport:
    """Compare every index's sources with the store and apply the difference.

    Args:
        project: the project's folder, which sources must lie in.
        settings: its settings.
        store: where documents and chunks are kept.
        embedders: the embedding models by the names that the settings give them.
        only: look at these files and folders alone; nothing outside them is touched.
        progress: told what is being done and how far it is.

    Returns:
        What was added, updated and deleted, and which files failed with which error. A file that
        fails keeps its old text in the store, unless its place has another access list now.
    """
    started = time.perf_counter()
    told = progress or (lambda what, done, total: None)
    report: SyncReport = {
        "added": 0, "updated": 0, "deleted": 0, "unchanged": 0, "failed": [], "chunks": 0,
        "seconds": 0.0,
    }  # fmt: skip
    sources, failed = await asyncio.to_thread(_scan, project, settings, embedders, only)
    report["failed"] += failed
    stored = await store.scroll("documents", Filter(), ("index", "document", "digest", "place"))
    known = {
        (str(hit.payload["index"]), str(hit.payload["document"])): hit.payload
        for hit in stored
        if not only or _inside(project / str(hit.payload["document"]), only)
    }
    wanted = {(source.index.name, source.document): source for source in sources}
    for index, document in sorted(known):
        if (index, document) not in wanted:
            await _delete(store, index, document)
            report["deleted"] += 1
    todo = [
        source
        for key, source in wanted.items()
        if key not in known or known[key]["digest"] != source.digest
    ]
    report["unchanged"] = len(wanted) - len(todo)
    prepared: list[tuple[_Source, Prepared]] = []
    written = 0

    async def write() -> None:
        nonlocal written
        for model in embedders:
            mine = [item for s, item in prepared if model_of(s.index, settings) == model]

            def embedded(count: int, before: int = written) -> None:
                told("embedding", before + count, 0)

            await _write(store, embedders[model], mine, embedded)
            written += sum(len(item.chunks) for item in mine)
        for source, item in prepared:
            key = (source.index.name, source.document)
            report["updated" if key in known else "added"] += 1
            report["chunks"] += len(item.chunks)
        prepared.clear()

    for done, source in enumerate(todo):
        told("reading", done, len(todo))
        try:
            embedder = embedders[model_of(source.index, settings)]
            item = await asyncio.to_thread(_prepare, source, settings, embedder)
            prepared.append((source, item))
        except LoadError as error:
            report["failed"].append({"path": source.document, "error": str(error)})
            key = (source.index.name, source.document)
            if key in known and known[key].get("place") != _place(source, settings):
                # its old text must not stay open to those whom its place has shut out since
                await _delete(store, *key)
                report["deleted"] += 1
        if sum(len(one.chunks) for _, one in prepared) >= BATCH:
            await write()
    await write()
    told("reading", len(todo), len(todo))
    await store.flush()
    report["seconds"] = round(time.perf_counter() - started, 3)
    return report


def _scan(
    project: Path, settings: Settings, embedders: Mapping[str, Embedder], only: Sequence[Path]
) -> tuple[list[_Source], list[Failure]]:
    found: list[_Source] = []
    failed: list[Failure] = []
    root = project.resolve()
    lists = load_access(project)
    for index in settings.index:
        model = embedders[model_of(index, settings)].name
        for path in _files(project, index):
            if only and not _inside(path, only):
                continue
            name = path.relative_to(project).as_posix()
            if not path.resolve().is_relative_to(root):
                failed.append({"path": name, "error": "The file is a link out of the project."})
                continue
            groups = lists.of(name)
            try:
                digest = _digest(path, index, settings, model, groups)
            except OSError:
                digest = ""  # reading it tells why
            found.append(_Source(index, path, name, digest, groups))
    if not only:
        failed += [
            {"path": "access.toml", "error": f"No document fits {pattern!r}."}
            for pattern in lists.unused([source.document for source in found])
        ]
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


def _digest(
    path: Path,
    index: IndexSettings,
    settings: Settings,
    model: str,
    groups: Sequence[str] | None,
) -> str:
    """Return what a document's points depend on: its content and what its settings make of it."""
    shape = [
        CHUNKING_VERSION,
        index.layout,
        index.chunk_tokens,
        index.chunk_min_tokens,
        index.groups,
        groups,
        settings.project.default_access,
        model if index.embeds_chunks else "none",
        model if index.embeds_documents else "none",
        dict(index.fields),
        index.folders,
    ]
    digest = hashlib.sha256(json.dumps(shape).encode())
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _prepare(source: _Source, settings: Settings, embedder: Embedder) -> Prepared:
    loaded = load(source.path)
    document = Document(
        id=source.document,
        title=loaded.title or source.path.stem.replace("_", " ").strip(),
        blocks=loaded.blocks,
        uri=source.document,
        date=loaded.date,
        groups=loaded.groups if loaded.groups is not None else source.groups,
        fields={**folder_fields(source.index.folders, source.document), **loaded.fields},
    )
    chunks = chunk_document(
        document,
        count=embedder.count_tokens,
        most=source.index.chunk_tokens,
        least=source.index.chunk_min_tokens,
    )
    access = access_list(document.groups, source.index.groups, settings.project.default_access)
    space = space_of(source.index, settings)
    place = _place(source, settings)
    return Prepared(source.index, document, chunks, access, place, source.digest, space)


def _place(source: _Source, settings: Settings) -> list[str]:
    """Return the access list that a document has by its place, if it carries none of its own."""
    return access_list(source.groups, source.index.groups, settings.project.default_access)


def _where(index: str, document: str) -> Filter:
    return Filter((AnyOf("index", (index,)), AnyOf("document", (document,))))


async def _delete(store: Store, index: str, document: str) -> None:
    await store.delete("chunks", _where(index, document))
    await store.delete("documents", _where(index, document))


async def _write(
    store: Store,
    embedder: Embedder,
    prepared: Sequence[Prepared],
    progress: Callable[[int], None],
) -> None:
    """Embed and write documents; each one's digest comes last, so that a write cut short is redone."""
    texts = [text for item in prepared for text in texts_to_embed(item)]
    vectors = iter(await embedder.embed_passages(texts, progress))
    for item in prepared:
        unfinished, chunks, finished = await asyncio.to_thread(document_points, item, vectors)
        await store.upsert("documents", [unfinished])
        await store.delete("chunks", _where(item.index.name, item.document.id))
        await store.upsert("chunks", chunks)
        await store.upsert("documents", [finished])
