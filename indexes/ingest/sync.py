"""Bringing the store in line with the sources: only what differs is read, embedded, written."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from indexes import log
from indexes.base import SetPayload, Store, document_id
from indexes.embeddings import CachedEmbedder
from indexes.errors import LoadError, StoreError, UsageError
from indexes.ingest.estimate import Confirm, estimate
from indexes.ingest.files import scan
from indexes.ingest.items import FILES, Item, Part, Recipe, Setup, shape_of
from indexes.ingest.loaders import reader_versions
from indexes.ingest.succession import settle
from indexes.ingest.workers import Worker
from indexes.ingest.writing import (
    KNOWN,
    Known,
    Work,
    Writer,
    complete_versions,
    remove,
    some,
    where,
)
from indexes.settings import IndexSettings, Settings
from indexes.stores.open import model_of, space_of
from indexes.types import Filter, Ids, SyncReport

__all__ = ["Found", "Ingestion", "Progress", "empty_report", "ingesting", "recipe_of", "sync_files"]

Progress = Callable[[str, int, int], None]  # (what is being done, done, of how many)
Found = tuple[Work, Part | LoadError]
Read = Callable[[Sequence[Work]], AsyncGenerator[Found | None, None]]
BATCH = 96  # chunks embedded and written together: the store answers nobody meanwhile
BATCH_REMOTE = 1024  # for a model over the network, which embeds several parts at a time
STAGGER = 0.5  # seconds after which another reader helps: starting one takes as long
ASKED = 1.0  # seconds after a query in which more are expected
MOST_PAUSE = 2.0  # seconds
PATIENCE = 0.2  # seconds to wait for a batch to fill
MOST_WORKERS = 4
LOCKED = "waiting for another ingestion"
MOVING = "\0"  # in a document's place while its chunks get the access list of another one


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
                    progress(LOCKED, 0, 0)
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


def recipe_of(index: IndexSettings, settings: Settings) -> Recipe:
    """Return what an index makes of a document."""
    return Recipe(
        index=index.name,
        most=index.chunk_tokens,
        least=index.chunk_min_tokens,
        chunks=index.embeds_chunks,
        documents=index.embeds_documents,
        model=model_of(index, settings),
        space=space_of(index, settings),
        fields=dict(index.fields),
    )


def empty_report() -> SyncReport:
    """Return the report of an ingestion that has done nothing yet."""
    return {
        "added": 0, "updated": 0, "deleted": 0, "unchanged": 0, "failed": [], "warned": [],
        "chunks": 0, "seconds": 0.0,
    }  # fmt: skip


async def sync_files(
    project: Path,
    settings: Settings,
    store: Store,
    embedders: Mapping[str, CachedEmbedder],
    *,
    only: Sequence[Path] = (),
    progress: Progress | None = None,
    confirm: Confirm | None = None,
) -> tuple[SyncReport, Sequence[Known]]:
    """Compare every index's files with the store and apply the difference.

    Args:
        project: the project's folder, which files must lie in.
        settings: its settings.
        store: where documents and chunks are kept.
        embedders: the embedding models by the names that the settings give them.
        only: look at these files and folders alone; nothing outside them is touched.
        progress: told what is being done and how far it is.
        confirm: asked before much is embedded over a network; without it nobody is.

    Returns:
        What was added, updated and deleted, and which files failed with which error; and what the
        store holds of documents that are no files. A file that fails keeps its old text in the store,
        under the access list that its place has now.

    Raises:
        UsageError: `confirm` declined; no text was written.
    """
    recipes: dict[str, tuple[Recipe, str]] = {}
    for index in settings.index:
        recipe = recipe_of(index, settings)
        recipes[index.name] = recipe, shape_of(recipe, embedders[recipe.model].name)
    within = await asyncio.to_thread(_within, project, settings, only)
    inside = await asyncio.to_thread(_inside, project, only)
    workers = await asyncio.to_thread(_workers, project, settings)
    ingestion = Ingestion(settings, store, embedders, progress, confirm, again=bool(only))

    def looked_at(known: Known) -> bool:
        document = str(known["document"])
        return inside(document) and not any(
            not folder or document.startswith(f"{folder}/") for folder in found.unseen
        )

    def read(todo: Sequence[Work]) -> AsyncGenerator[Found | None, None]:
        return _read_all(todo, [worker.read for worker in workers[: len(todo)]])

    def begin() -> None:
        for worker in workers[:1]:
            worker.begin()

    try:
        found = await asyncio.to_thread(scan, project, settings, recipes, only, begin)
        ingestion.report["failed"] += found.failed
        await ingestion.run(FILES, found.items, within, looked_at, read)
    finally:
        while workers:  # the thread of a look that was cancelled begins none any more
            await asyncio.to_thread(workers.pop().close)
    return ingestion.report, ingestion.others


def _workers(project: Path, settings: Settings) -> list[Worker]:
    limits = settings.ingest
    setup = Setup(
        project=os.path.abspath(project),
        loaders=dict(limits.loaders),
        most=int(limits.max_mb * 2**20),
        seconds=limits.seconds,
        memory=limits.memory_mb * 2**20,
    )
    count = limits.workers or min(os.cpu_count() or 1, MOST_WORKERS)
    return [Worker(setup, project / settings.store.path / "ingest.log") for _ in range(count)]


class Ingestion:
    """One comparison of a source with the store.

    Args:
        settings: the project's settings.
        store: where documents and chunks are kept.
        embedders: the embedding models by the names that the settings give them.
        progress: told what is being done and how far it is.
        confirm: asked before more is embedded over a network than the settings allow unasked.
        again: whether to try again what failed as it is now.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        embedders: Mapping[str, CachedEmbedder],
        progress: Progress | None,
        confirm: Confirm | None = None,
        *,
        again: bool = False,
    ) -> None:
        self._again = again
        self.report = empty_report()
        self.others: Sequence[Known] = ()  # what is stored of other sources
        self._embedders = embedders
        self._confirm = confirm
        self._unasked = settings.ingest.confirm_tokens
        self._store = store
        self._batch = BATCH_REMOTE if any(e.remote for e in embedders.values()) else BATCH
        self._told = progress or (lambda what, done, total: None)
        limits = settings.ingest.model_dump(include={"max_mb", "seconds", "memory_mb", "loaders"})
        self._writer = Writer(
            store,
            embedders,
            limits,
            self.report,
            lambda count: self._told("embedding", count, 0),
        )

    async def run(
        self,
        source: str,
        items: Iterable[Item],
        within: Filter,
        looked_at: Callable[[Known], bool],
        read: Read,
    ) -> None:
        """Bring the documents of one source in line.

        Args:
            source: the source's name; documents of others are left alone.
            items: what it has now.
            within: what stored documents are compared.
            looked_at: whether one of them was looked for; if so and it is not among the items, it
                is gone.
            read: yields the parts of documents; None when it has none for the moment.
        """
        started = time.perf_counter()
        await asyncio.to_thread(reader_versions)  # once: it looks at files
        stored = await self._store.scroll("documents", within, KNOWN)
        known: dict[tuple[str, str], Known] = {
            (str(hit.payload["index"]), str(hit.payload["document"])): hit.payload
            for hit in stored
            if hit.payload.get("source", FILES) == source and looked_at(hit.payload)
        }
        wanted = {item.key: item for item in items}
        self.others = [hit.payload for hit in stored if hit.payload.get("source", FILES) != source]
        self._leave_to_others(wanted)
        gone = {key: one for key, one in known.items() if key not in wanted}
        await self._follow_places(wanted, known)
        todo = [
            Work(item, known.get(key)) for key, item in wanted.items() if self._differs(item, known)
        ]
        if self._confirm is not None:
            await self._ask(self._confirm, [work for work in todo if self._is_remote(work)], read)
        _match_renamed(todo, gone)
        await self._delete(gone)
        done = 0
        begun = time.perf_counter()
        async with aclosing(read(todo)) as found:
            async for batch in _batches(found, self._batch):
                if done:
                    asked = time.monotonic() - self._store.queried
                    await asyncio.sleep(_pause(asked, time.perf_counter() - begun))
                begun = time.perf_counter()
                await self._writer.write(batch)
                done += sum(isinstance(p, LoadError) or p.document is not None for _, p in batch)
                self._told("documents", done, len(todo))
        await settle(self._store)
        if todo or gone or self.report["updated"]:
            await self._store.flush()
        self.report["seconds"] = round(time.perf_counter() - started, 3)
        counts = {key: value for key, value in self.report.items() if not isinstance(value, list)}
        log.info("ingest.finished", source=source or "files", **counts)

    def _leave_to_others(self, wanted: dict[tuple[str, str], Item]) -> None:
        """Refuse what has the id of a document of another source, instead of mixing the two."""
        for one in self.others:
            key = str(one["index"]), str(one["document"])
            if wanted.pop(key, None) is not None:
                other = f"The index {key[0]!r} has a document of this name from elsewhere."
                self.report["failed"].append({"path": key[1], "error": other})

    def _is_remote(self, work: Work) -> bool:
        recipe = work.item.recipe
        return (recipe.chunks or recipe.documents) and self._embedders[recipe.model].remote

    async def _ask(self, confirm: Confirm, todo: Sequence[Work], read: Read) -> None:
        """Ask whether documents may be embedded, if that takes much.

        They are read once more for it: cutting them is cheap beside a network.

        Raises:
            UsageError: they may not.
        """
        if not todo:
            return
        self._told("estimating", 0, 0)
        async with aclosing(read(todo)) as found:
            estimates = await estimate(found, self._embedders)
        if sum(one["tokens"] for one in estimates) > self._unasked and not (
            await asyncio.to_thread(confirm, estimates)
        ):
            raise UsageError("Nothing was embedded.", fix="ingest less, or agree to it.")

    def _differs(self, item: Item, known: Mapping[tuple[str, str], Known]) -> bool:
        """Say whether a document has to be read; one that failed as it is now would fail again."""
        before = known.get(item.key)
        if before is None:
            return True
        if _is_same(item, before):
            self.report["unchanged"] += 1
            return False
        if (
            not self._again
            and before.get("failed") == self._writer.failure_of(item)
            and item.content
        ):
            self.report["failed"].append({"path": item.document, "error": str(before["error"])})
            return False
        return True

    async def _follow_places(
        self, wanted: Mapping[tuple[str, str], Item], known: dict[tuple[str, str], Known]
    ) -> None:
        """Give documents the access lists of their places before anything that can fail."""
        alike: dict[tuple[str, tuple[str, ...], bool], list[str]] = defaultdict(list)
        for key, before in known.items():
            item = wanted.get(key)
            if item is None or list(before["place"]) == list(item.place):
                continue
            place = list(item.place)
            own = bool(before.get("own_access")) or not before.get("version")
            known[key] = {**before, "place": place, **({} if own else {"access": place})}
            if own or before["digest"]:
                alike[key[0], tuple(place), own].append(key[1])
            else:
                await self._move(where(*key), await self._seen(key, before), place)
            if _is_same(item, before) and not own:
                self.report["updated"] += 1
                self.report["unchanged"] -= 1
        for (index, groups, own), documents in alike.items():
            for few in some(documents):
                which = where(index, *few)
                if own:
                    mine = SetPayload("documents", which, {"place": list(groups)})
                    await self._store.apply([mine])
                else:
                    await self._move(which, which, list(groups))

    async def _move(self, documents: Filter, chunks: Filter, place: list[str]) -> None:
        """Give documents and their chunks the access list of their place.

        An ingestion that dies before the last of these changes is known by its mark.
        """
        await self._store.apply(
            [
                SetPayload("documents", documents, {"place": [*place, MOVING]}),
                SetPayload("chunks", chunks, {"access": place}),
                SetPayload("documents", documents, {"place": place, "access": place}),
            ]
        )

    async def _seen(self, key: tuple[str, str], known: Known) -> Filter:
        """Return the filter of an unfinished document's chunks, but those that wait for others."""
        hits = await self._store.scroll("chunks", where(*key), ("version", "access"))
        complete = complete_versions(hits, known)
        return Filter((Ids(tuple(id for ids in complete.values() for id in ids)),))

    async def _delete(self, gone: Mapping[tuple[str, str], Known]) -> None:
        by_index: dict[str, list[str]] = {}
        for index, document in gone:
            by_index.setdefault(index, []).append(document)
        for index, documents in by_index.items():
            await remove(self._store, index, documents)
        self.report["deleted"] += sum(bool(one.get("version")) for one in gone.values())


def _is_same(item: Item, known: Known) -> bool:
    """Say whether a document is stored as it is now, without a note that it could not be read."""
    return known["digest"] == item.digest and not known.get("error")


def _match_renamed(todo: Sequence[Work], gone: dict[tuple[str, str], Known]) -> None:
    """Take from what is gone the documents whose content came back under another name."""
    by_content = {
        (key[0], str(one["content"])): key
        for key, one in gone.items()
        if one.get("content") and one.get("version")
    }
    for work in todo:
        if work.known is not None and work.known.get("version"):
            continue
        content = work.item.recipe.index, work.item.content
        key = by_content.get(content)
        # where fewer may see it, it goes at once: writing the new one may fail
        if key is not None and set(gone[key]["access"]) <= set(work.item.place):
            work.renamed_from = key[1]
            del gone[key], by_content[content]


def _pause(asked: float, worked: float) -> float:
    """Return how long to leave the machine to those who ask: two thirds of the time, while there are any.

    Args:
        asked: seconds since the last query.
        worked: seconds that the last batch took, reading included.
    """
    return min(MOST_PAUSE, 2 * worked) if asked < ASKED else 0.0


async def _read_all(
    todo: Sequence[Work], readers: Sequence[Callable[[Item], AsyncIterator[Part]]]
) -> AsyncGenerator[Found | None, None]:
    """Yield the parts of all documents as they come, and None whenever none came for a while."""
    waiting = iter(todo)
    queue: asyncio.Queue[Found | Exception] = asyncio.Queue(8)

    async def work_off(number: int, read: Callable[[Item], AsyncIterator[Part]]) -> None:
        try:
            await asyncio.sleep(number * STAGGER)
            for work in waiting:
                try:
                    async for part in read(work.item):
                        await queue.put((work, part))
                except LoadError as error:
                    await queue.put((work, error))
        except Exception as error:
            await queue.put(error)

    tasks = [asyncio.create_task(work_off(number, read)) for number, read in enumerate(readers)]
    try:
        open_ = len(todo)
        while open_:
            try:
                found = await asyncio.wait_for(queue.get(), PATIENCE)
            except TimeoutError:
                yield None
                continue
            if isinstance(found, Exception):
                raise found
            open_ -= isinstance(found[1], LoadError) or found[1].document is not None
            yield found
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def _batches(found: AsyncIterator[Found | None], most: int) -> AsyncIterator[list[Found]]:
    """Yield parts together until they have a batch's chunks, or no more come for now."""
    batch: list[Found] = []
    size = 0
    async for one in found:
        if one is not None:
            batch.append(one)
            size += len(one[1].chunks) + 1 if isinstance(one[1], Part) else 1
        if batch and (one is None or size >= most):
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _inside(project: Path, only: Sequence[Path]) -> Callable[[str], bool]:
    """Return what says whether a document lies in one of some files and folders, or is one."""
    root = os.path.abspath(project)
    wanted = [os.path.abspath(one) for one in only]  # without "..", and links as they are

    def inside(document: str) -> bool:
        path = f"{root}{os.sep}{document}"
        return not wanted or any(path == one or path.startswith(f"{one}{os.sep}") for one in wanted)

    return inside


def _within(project: Path, settings: Settings, only: Sequence[Path]) -> Filter:
    """Return the filter of the stored documents that a look at some files can concern."""
    if not only or not all(one.is_file() for one in only):
        return Filter()  # what is no file may have been a folder
    root = os.path.abspath(project)
    names = [os.path.relpath(os.path.abspath(one), root).replace(os.sep, "/") for one in only]
    ids = [document_id(index.name, name) for index in settings.index for name in names]
    return Filter((Ids(tuple(ids)),))
