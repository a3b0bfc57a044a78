"""An ingestion that dies at any moment leaves nothing behind that the next one does not put right."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from benchmarks.crash import Trials, differing, export, processes
from indexes import Registry
from indexes.base import Store
from indexes.embeddings import CachedEmbedder, EmbeddingCache, make_embedder
from indexes.errors import StoreError
from indexes.ingest.documents import Documents
from indexes.settings import Settings
from indexes.stores.edge import EdgeStore
from indexes.stores.open import schema_of
from indexes.types import Block, Document, Filter, LocatedPassage, SyncReport
from tests.indexes.projects import counts, ingest, write_project

Groups: TypeAlias = tuple[str, ...] | None


class Killed(StoreError):
    """The store's process was killed."""


class MortalShard:
    """The engine's shard, which dies before the write that is one too many."""

    def __init__(self, shard: Any, store: MortalStore) -> None:
        self._shard = shard
        self._store = store

    def update(self, operation: Any) -> None:
        """Write, or die."""
        if self._store.writes == self._store.lives:
            raise Killed("The process was killed.")
        self._store.writes += 1
        self._shard.update(operation)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shard, name)


class MortalStore(EdgeStore):
    """The embedded store, which dies between any two writes of the engine."""

    writes = 0
    lives = -1

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._shards = {level: MortalShard(one, self) for level, one in self._shards.items()}  # type: ignore[misc]

    def live(self, writes: int = -1) -> None:
        """Live for so many writes; for ever if negative."""
        self.writes, self.lives = 0, writes


@dataclass(frozen=True)
class Text:
    """A state of a document: so many sections, each with its version."""

    version: str
    sections: int
    groups: Groups = None


State = Mapping[str, Text]


class Shelf:
    """A source of texts, some of which cannot be read."""

    name = "shelf"

    def __init__(self, texts: State, unreadable: Sequence[str] = ()) -> None:
        self._texts = texts
        self._unreadable = unreadable

    async def versions(self) -> Mapping[str, str]:
        """Return what each document's version is."""
        return {
            name: f"{text.version} {'broken' if name in self._unreadable else 'sound'}"
            for name, text in self._texts.items()
        }

    async def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
        """Yield what can be read."""
        for name in ids:
            if name not in self._unreadable:
                yield as_document(name, self._texts[name])


def as_document(name: str, text: Text) -> Document:
    """Return a text as a document with a heading and a paragraph for each section."""
    blocks = [
        block
        for number in range(text.sections)
        for block in (
            Block(f"第{number}节", level=1),
            Block(f"噪声 noise {text.version} 第 {number} 段 of {text.sections}"),
        )
    ]
    return Document(name, "", blocks, groups=text.groups)


async def whole(store: Store) -> dict[str, str]:
    """Return the version that a reader sees of each document, after a look that it is whole."""
    versions: dict[str, set[str]] = defaultdict(set)
    seen: dict[str, int] = defaultdict(int)
    sections: dict[str, int] = {}
    access: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for hit in await store.scroll("chunks", Filter()):
        if hit.payload["access"]:
            name = hit.payload["document"]
            words = hit.payload["text"].split()
            versions[name].add(words[words.index("noise") + 1])
            sections[name] = int(words[-1])
            seen[name] += 1
            access[name].add(tuple(hit.payload["access"]))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
    assert dict(seen) == sections
    assert {name: found for name, found in access.items() if len(found) > 1} == {}
    return {name: found.pop() for name, found in versions.items()}


OLD: State = {
    "changed": Text("v1", 3),
    "long": Text("v1", 19),
    "shorter": Text("v1", 19),
    "longer": Text("v1", 2),
    "closed": Text("v1", 2),
    "opened": Text("v1", 7, ("board",)),
    "named": Text("n1", 5),
    "named long": Text("n2", 11),
    "gone": Text("v1", 4),
    "same": Text("v1", 3),
}
NEW: State = {
    "changed": Text("v2", 4),
    "long": Text("v2", 21),
    "shorter": Text("v2", 2),
    "longer": Text("v2", 13),
    "closed": Text("v2", 2, ("board",)),
    "opened": Text("v2", 7),
    "renamed": Text("n1", 5),
    "renamed long": Text("n2", 11),
    "new": Text("v1", 3),
    "new long": Text("v1", 17),
    "same": Text("v1", 3),
}


class Desk:
    """A project whose store dies on demand, and what an undisturbed ingestion makes.

    Args:
        folder: where its stores are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        cache = EmbeddingCache(folder / "embeddings.db", folder / "none")
        self._embedders = {"local": CachedEmbedder(make_embedder("local"), cache)}
        self._clean: dict[tuple[int, Groups], dict[str, Any]] = {}
        self.store = self._opened("store")

    def _settings(self, groups: Groups) -> Settings:
        index = {"name": "a", "embedding": "none", "chunk_tokens": 64, "chunk_min_tokens": 0}
        project = {"default_access": "public"}
        return Settings.model_validate({"project": project, "index": [{**index, "groups": groups}]})

    def _opened(self, name: str) -> MortalStore:
        return MortalStore(self._folder / name, schema_of(self._settings(None), self._embedders))

    async def ingest(
        self,
        state: State,
        groups: Groups = None,
        *,
        unreadable: Sequence[str] = (),
        store: Store | None = None,
    ) -> SyncReport:
        """Bring a store in line."""
        settings = self._settings(groups)
        documents = Documents(self._folder, settings, store or self.store, self._embedders)
        return await documents.sync("a", Shelf(state, unreadable))

    async def clean(self, state: State, groups: Groups) -> dict[str, Any]:
        """Return what an ingestion into an empty store makes."""
        key = id(state), groups
        if key not in self._clean:
            store = self._opened(f"clean {len(self._clean)}")
            await self.ingest(state, groups, store=store)
            self._clean[key] = await export(store)
            await store.close()
        return self._clean[key]


def adds_up(report: SyncReport, state: State) -> bool:
    """Say whether a report tells of every document once."""
    counted = report["added"] + report["updated"] + report["unchanged"] + len(report["failed"])
    return counted == len(state)


@pytest_asyncio.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Return a project whose long documents take several batches, and batches several writes."""
    monkeypatch.setattr("indexes.ingest.sync.BATCH", 12)
    monkeypatch.setattr("indexes.ingest.points.PART", 5)
    for module in ("stores.edge", "ingest.writing"):
        monkeypatch.setattr(f"indexes.{module}.UPSERT", 6)
    desk = Desk(tmp_path)
    yield desk
    await desk.store.close()


ENDINGS = ("goes on", "goes back", "goes on after a failure", "goes back after a failure")


async def death(desk: Desk, writes: int, groups: Groups, ending: str) -> bool:
    """Let the store die after so many writes of an ingestion, then ingest; say whether it died.

    Args:
        desk: the project, whose store holds the old texts.
        writes: after how many.
        groups: whom the index is closed to others for at the same time.
        ending: what the next ingestion finds: the new texts or the old ones again, perhaps after
            one that could not read them.
    """
    desk.store.live(writes)
    try:
        await desk.ingest(NEW, groups)
    except Killed:
        died = True
    else:
        died = False
    desk.store.live()
    seen = await whole(desk.store)
    assert not died or len(seen) >= len(OLD) - 8  # those of one batch at the most are away
    then, closed = (NEW, groups) if ending.startswith("goes on") else (OLD, None)
    if ending.endswith("failure"):
        await desk.ingest(then, closed, unreadable=list(then))
        await whole(desk.store)
    report = await desk.ingest(then, closed)
    assert adds_up(report, then)
    assert differing(await export(desk.store), await desk.clean(then, closed)) == []
    again = await desk.ingest(then, closed)
    assert counts(again) == (0, 0, 0, len(then))
    if then is NEW:
        await desk.ingest(OLD)
    return died


@pytest.mark.parametrize("ending", ENDINGS)
async def test_death_between_some_writes(desk: Desk, ending: str) -> None:
    """Where an ingestion dies, documents are whole or away, and then all is as if it had not."""
    await desk.ingest(OLD)
    for writes in range(ENDINGS.index(ending), 80, 16):
        await death(desk, writes, ("staff",), ending)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [None, ("staff",)], ids=["open", "closed meanwhile"])
@pytest.mark.parametrize("ending", ENDINGS)
async def test_death_between_any_two_writes(desk: Desk, groups: Groups, ending: str) -> None:
    """The same for every write of the engine."""
    await desk.ingest(OLD)
    writes = 0
    while await death(desk, writes, groups, ending):
        writes += 1
    assert writes > 40


async def test_full_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no room an ingestion ends, documents are whole or away, and the next one is as any."""
    await desk.ingest(OLD)
    with monkeypatch.context() as full:
        full.setattr("indexes.stores.edge.MIN_FREE_BYTES", 2**62)
        with pytest.raises(StoreError, match="MiB are free"):
            await desk.ingest(NEW)
    await whole(desk.store)
    await desk.ingest(NEW)
    assert differing(await export(desk.store), await desk.clean(NEW, None)) == []


async def test_rename_after_a_death(desk: Desk) -> None:
    """A renamed document whose new point is there already is found at every moment."""
    await desk.ingest(OLD)
    state = {**OLD, "renamed": OLD["named"]}
    del state["named"]
    desk.store.live(1)  # the new document's point
    with pytest.raises(Killed):
        await desk.ingest(state)
    for writes in range(2):  # the mark of the old one
        desk.store.live(writes)
        with pytest.raises(Killed):
            await desk.ingest(state)
        assert set(await whole(desk.store)) == set(OLD)
    desk.store.live()
    assert counts(await desk.ingest(state)) == (1, 0, 1, len(state) - 1)


async def test_note_of_a_failure_goes(desk: Desk) -> None:
    """A document that could not be read and is as before again has no error any more."""
    await desk.ingest(OLD)
    await desk.ingest(OLD, unreadable=["long"])
    await desk.ingest(OLD)
    assert differing(await export(desk.store), await desk.clean(OLD, None)) == []


@pytest.mark.slow
async def test_killed_processes(tmp_path: Path) -> None:
    """After kill -9 of an ingestion and what it started, the next one makes what a clean one does."""
    assert await Trials(tmp_path, seed=1, documents=5).run(kills=2) == []


async def test_two_at_once(tmp_path: Path) -> None:
    """Of two ingestions at once one waits for the other, and finds all done."""
    project = write_project(tmp_path, FLAT, {f"docs/{n}.md": f"# {n}\n\n噪声" for n in range(4)})
    reports = await asyncio.gather(ingest(project), ingest(project))
    assert sorted(map(counts, reports)) == [(0, 0, 0, 4), (4, 0, 0, 0)]


SIZES = {"short": 3, "middle": 6, "long": 40}
FLAT = """
[project]
name = "p"
default_access = "public"
[[index]]
name = "flat"
sources = ["docs/**"]
embedding = "none"
chunk_tokens = 64
chunk_min_tokens = 0
"""
BOTH = FLAT + FLAT[FLAT.index("[[index]]") :].replace("flat", "deep").replace(
    'sources = ["docs/**"]', 'layout = "hierarchical"'
)


@pytest.mark.parametrize("killing", [False, True], ids=["undisturbed", "the owner is killed"])
async def test_readers_beside_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killing: bool
) -> None:
    """While documents are replaced, every answer is of one whole version of each."""
    monkeypatch.setattr("indexes.ingest.sync.BATCH", 12)
    monkeypatch.setattr("indexes.ingest.points.PART", 5)
    project = write_project(tmp_path, BOTH, {})
    store = (project / ".waypost" / "store").resolve()
    async with Registry.open(project) as registry, Registry.open(project) as other:
        written = asyncio.Semaphore(0)

        async def write() -> None:
            for version in count():
                texts = {name: Text(f"v{version}", n + version % 3) for name, n in SIZES.items()}
                for index in registry.indexes.values():
                    await index.add([as_document(name, text) for name, text in texts.items()])
                written.release()

        writing = asyncio.create_task(write())
        for _ in range(6):
            await written.acquire()
            assert not writing.done()
            seen = []
            for index in other.indexes.values():
                found = await index.search("噪声 noise", principal=None, k=100)
                seen.append(set(one_version(found)))
                for name in SIZES:
                    one_version(await index.section(name, [], principal=None))
                listed = await index.documents(principal=None)
                seen.append({one["document"] for one in listed})
            mentioned = await other.mentioning("noise", principal=None)
            seen.append({name for _, name in mentioned})
            if killing:  # between taking an old text away and writing a new one there is none
                assert all(documents <= set(SIZES) for documents in seen)
                kill_owner(store)
            else:
                assert seen == [set(SIZES)] * len(seen)
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


def one_version(found: Sequence[LocatedPassage]) -> dict[str, str]:
    """Return the version of each document in an answer, after a look that it is whole."""
    versions: dict[str, set[str]] = defaultdict(set)
    sections: dict[str, list[int]] = defaultdict(list)
    for passage in found:
        for text in (passage["text"], *passage["context"]):
            words = text.split()
            versions[passage["document"]].add(words[words.index("noise") + 1])
        sections[passage["document"]].append(int(passage["text"].split()[-1]))
    assert all(len(found) == 1 for found in versions.values()), versions
    assert all(numbers == [len(numbers)] * len(numbers) for numbers in sections.values())
    return {name: one.pop() for name, one in versions.items()}


def kill_owner(store: Path) -> None:
    """End the process that owns a store as a crash would."""
    for number, _, command in processes():
        if command.endswith(f"indexes.stores.owner {store}"):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
