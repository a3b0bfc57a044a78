"""Small projects to retrieve from, written and ingested for one test or a file of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from indexes import Principal, Registry, SyncReport

__all__ = ["counts", "found", "ingest", "ingested", "write_project"]


def write_project(folder: Path, config: str, files: Mapping[str, str]) -> Path:
    """Write a project's settings and texts."""
    for name, text in {"waypost.toml": config, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


async def ingest(project: Path, only: Sequence[Path] = ()) -> SyncReport:
    """Open a project and bring its store in line."""
    async with Registry.open(project) as registry:
        return await registry.sync(only)


@asynccontextmanager
async def ingested(project: Path) -> AsyncIterator[Registry]:
    """Open a project whose sources are all ingested without a failure."""
    async with Registry.open(project) as registry:
        failed = (await registry.sync())["failed"]
        assert [failure for failure in failed if failure["path"] != "access.toml"] == []
        yield registry


def counts(report: SyncReport) -> tuple[int, int, int, int]:
    """Return what was added, updated, deleted and left alone."""
    return report["added"], report["updated"], report["deleted"], report["unchanged"]


async def found(
    registry: Registry, query: str, principal: Principal | None = None, **options: Any
) -> set[str]:
    """Return the documents that a search finds."""
    passages = await registry.search(query, principal=principal, **options)
    return {passage["document"] for passage in passages}
