"""`Registry.watch` follows what happens in a project's folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from indexes import Registry, SyncReport
from tests.indexes.projects import counts, found, write_project

CONFIG = """\
[project]
default_access = "public"

[[index]]
name = "all"
sources = ["docs/**/*"]
embedding = "none"
"""
FILES = {
    "docs/noise.md": "# 噪声\n\n夜间施工噪声。",
    "docs/dust.md": "# Dust\n\nThe road is sprinkled.",
}
PATIENCE = 20.0  # seconds


@asynccontextmanager
async def watching(project: Path) -> AsyncIterator[tuple[Registry, asyncio.Queue[SyncReport]]]:
    """Watch a project; its reports come over a queue, the first one of the first look."""
    reports: asyncio.Queue[SyncReport] = asyncio.Queue()
    async with Registry.open(project) as registry:

        async def follow() -> None:
            async for report in registry.watch():
                await reports.put(report)

        task = asyncio.create_task(follow())
        try:
            yield registry, reports
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def following(reports: asyncio.Queue[SyncReport]) -> SyncReport:
    """Return the next report."""
    return await asyncio.wait_for(reports.get(), PATIENCE)


def write(project: Path) -> None:
    """Add a document in a new folder."""
    (project / "docs/new").mkdir()
    (project / "docs/new/leak.md").write_text("# 渗漏\n\n隧道渗漏每周监测。", encoding="utf-8")


def change(project: Path) -> None:
    """Write another text into a document."""
    (project / "docs/noise.md").write_text("# 噪声\n\n隧道渗漏每周监测。", encoding="utf-8")


def replace(project: Path) -> None:
    """Change a document as editors do: a hidden file takes its place."""
    hidden = project / "docs/.noise.md.swp"
    hidden.write_text("# 噪声\n\n隧道渗漏每周监测。", encoding="utf-8")
    os.replace(hidden, project / "docs/noise.md")


def rename(project: Path) -> None:
    """Give a document another name."""
    (project / "docs/noise.md").rename(project / "docs/渗漏.md")


def remove(project: Path) -> None:
    """Delete a document."""
    (project / "docs/noise.md").unlink()


def remove_folder(project: Path) -> None:
    """Move the folder of all documents away."""
    (project / "docs").rename(project / "away")


def close(project: Path) -> None:
    """Shut everybody out of a document."""
    (project / "access.toml").write_text('"docs/noise.md" = []\n', encoding="utf-8")


@pytest.mark.parametrize(
    ("act", "expected", "query", "documents"),
    [
        (write, (1, 0, 0), "隧道渗漏", {"docs/new/leak.md"}),
        (change, (0, 1, 0), "隧道渗漏", {"docs/noise.md"}),
        (replace, (0, 1, 0), "隧道渗漏", {"docs/noise.md"}),
        (rename, (1, 0, 1), "夜间", {"docs/渗漏.md"}),
        (remove, (0, 0, 1), "夜间", set()),
        (remove_folder, (0, 0, 2), "夜间", set()),
        (close, (0, 1, 0), "夜间", set()),
    ],
)
async def test_changes_are_followed(
    tmp_path: Path,
    act: Callable[[Path], None],
    expected: tuple[int, int, int],
    query: str,
    documents: set[str],
) -> None:
    """Whatever happens to a file, the store follows, and a report says what was done."""
    project = write_project(tmp_path, CONFIG, FILES)
    async with watching(project) as (registry, reports):
        assert counts(await following(reports))[:3] == (2, 0, 0)
        act(project)
        assert counts(await following(reports))[:3] == expected
        assert await found(registry, query) == documents


async def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """Hidden files, those of no index and the store itself start nothing."""
    project = write_project(tmp_path, CONFIG, FILES)
    async with watching(project) as (_, reports):
        await following(reports)
        for name in ("notes.txt", "docs/.draft.md", "docs/~$noise.docx"):
            (project / name).write_text("no document", encoding="utf-8")
        await asyncio.sleep(1)
        assert reports.empty()
        change(project)
        assert counts(await following(reports)) == (0, 1, 0, 0)


async def test_other_settings_end_it(tmp_path: Path) -> None:
    """When waypost.toml changes, the project has to be opened anew."""
    project = write_project(tmp_path, CONFIG, FILES)
    async with Registry.open(project) as registry, asyncio.timeout(PATIENCE):
        async for _ in registry.watch():
            (project / "waypost.toml").write_text(f"{CONFIG}k = 3\n", encoding="utf-8")
