from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from qdrant_client import AsyncQdrantClient

from indexes import Registry
from indexes.base import Level, Point, Store
from indexes.errors import StoreError, UsageError
from indexes.settings import StoreSettings
from indexes.stores.qdrant import QdrantStore
from indexes.transfer import LEVELS, backup, copy, restore
from indexes.types import Filter
from tests.indexes.projects import ingested, write_project

# qdrant-client's own engine needs no payload indexes, and says so once
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

CONFIG = """
[project]
default_access = "public"
[[index]]
name = "notes"
layout = "hierarchical"
embedding = "none"
sources = ["docs/*.md"]
fields = { year = "number" }
"""
FILES = {
    f"docs/{n:03}.md": f"---\nyear: {2000 + n % 30}\n---\n# 第{n}号记录\n\n抽水泵{n}型的检修周期为{n + 1}天。\n"
    for n in range(300)
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    """Return a project of 300 short documents, ingested."""
    project = write_project(tmp_path_factory.mktemp("source"), CONFIG, FILES)
    async with ingested(project) as opened:
        yield opened


async def server(registry: Registry) -> QdrantStore:
    """Return an empty store of qdrant-client's own engine."""
    store = QdrantStore(AsyncQdrantClient(":memory:"), StoreSettings(), registry.schema)
    await store.open()
    return store


async def everything(store: Store) -> dict[str, dict[str, Any]]:
    """Return every point of a store as comparable data."""
    out: dict[str, dict[str, Any]] = {}
    for level in LEVELS:
        after: str | None = None
        while True:
            points, after = await store.export(level, after, 1000)
            out |= {f"{level} {point.id}": plain(point) for point in points}
            if after is None:
                break
    return out


def plain(point: Point) -> dict[str, Any]:
    """Return a point with rounded numbers."""
    return {
        "payload": point.payload,
        "dense": {k: np.round(np.asarray(v), 5).tolist() for k, v in point.dense.items()},
        "sparse": {
            name: sorted(zip(v.ids, np.round(v.weights, 5).tolist(), strict=True))
            for name, v in point.sparse.items()
        },
    }


async def test_copy_loses_nothing(registry: Registry, tmp_path: Path) -> None:
    """A copy to another engine has the same points, and finds the same passages."""
    target = await server(registry)
    counts = await copy(registry.store, target, tmp_path / "state.json")
    assert counts == {"chunks": 300, "documents": 300}
    assert await everything(target) == await everything(registry.store)
    assert not (tmp_path / "state.json").exists()
    await target.close()


class Breaking:
    """A store whose third write fails, as when a network ends."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def upsert(self, level: Level, points: list[Point]) -> None:
        """Write, but not the third time."""
        self.writes += 1
        if self.writes == 3:
            raise StoreError("The network ended.")
        await self._inner.upsert(level, points)


async def test_copy_goes_on(registry: Registry, tmp_path: Path) -> None:
    """A copy that was cut short goes on where it stopped, and writes nothing twice."""
    target = Breaking(await server(registry))
    with pytest.raises(StoreError, match="network"):
        await copy(registry.store, target, tmp_path / "state.json")  # type: ignore[arg-type]
    before = target.writes
    await copy(registry.store, target, tmp_path / "state.json")  # type: ignore[arg-type]
    assert target.writes - before == 2  # two of the four batches were there already
    assert await everything(target) == await everything(registry.store)  # type: ignore[arg-type]


async def test_copy_into_a_full_store(registry: Registry, tmp_path: Path) -> None:
    """A store that holds other points is not written over."""
    target = await server(registry)
    await copy(registry.store, target, tmp_path / "state.json")
    with pytest.raises(UsageError, match="300 documents already"):
        await copy(registry.store, target, tmp_path / "state.json")


async def test_backup_and_restore(registry: Registry, tmp_path: Path) -> None:
    """What a backup holds comes back in any engine, without sources."""
    file = tmp_path / "store.waypost"
    counts = await backup(registry.store, registry.schema, file)
    target = await server(registry)
    assert await restore(file, target, registry.schema, replace=False) == counts
    assert await everything(target) == await everything(registry.store)
    with pytest.raises(UsageError, match="already"):
        await restore(file, target, registry.schema, replace=False)
    assert await restore(file, target, registry.schema, replace=True) == counts
    assert [one.name for one in await asyncio.to_thread(os.scandir, tmp_path)] == [file.name]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[: len(data) // 2], "no complete backup"),
        (lambda data: gzip.compress(b"\0\0\0\x05hello"), "no "),
        (lambda data: b"not gzip at all", "no complete backup"),
        (lambda data: gzip.compress(gzip.decompress(data).replace("检修".encode(), "检查".encode(), 1)), "damaged"),
        (None, "There is no file"),
    ],
    ids=["cut", "foreign", "text", "changed", "missing"],
)  # fmt: skip
async def test_damaged_backup(registry: Registry, tmp_path: Path, damage: Any, says: str) -> None:
    """A backup that is not whole is refused before anything is deleted."""
    file = tmp_path / "store.waypost"
    await backup(registry.store, registry.schema, file)
    target = await server(registry)
    await restore(file, target, registry.schema, replace=False)
    data = file.read_bytes()
    file.unlink()
    if damage is not None:
        file.write_bytes(damage(data))
    with pytest.raises(UsageError, match=says):
        await restore(file, target, registry.schema, replace=True)
    assert await target.count("documents", [Filter()]) == [300]


class Ingesting:
    """A store into which a document is ingested between the reading of chunks and documents."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def export(
        self, level: Level, after: str | None, limit: int
    ) -> tuple[list[Point], str | None]:
        """Return points, with a new document that was written meanwhile."""
        points, further = await self._inner.export(level, after, limit)
        if level == "documents" and after is None:
            points = [
                replace(points[0], payload={**points[0].payload, "digest": "new"}),
                *points[1:],
            ]
        return points, further


async def test_backup_while_something_is_ingested(registry: Registry, tmp_path: Path) -> None:
    """A document whose chunks were read before it changed counts as unfinished in the backup."""
    file = tmp_path / "store.waypost"
    await backup(Ingesting(registry.store), registry.schema, file)
    target = await server(registry)
    await restore(file, target, registry.schema, replace=False)
    digests = [hit.payload["digest"] for hit in await target.scroll("documents", Filter())]
    assert digests.count("") == 1
    assert "new" not in digests


async def test_backup_that_cannot_be_written(registry: Registry, tmp_path: Path) -> None:
    """A place that cannot be written to is an error that names it."""
    with pytest.raises(StoreError, match="cannot be written"):
        await backup(registry.store, registry.schema, tmp_path / "missing" / "store.waypost")
