"""What tests of the whole agent share: a small project and the example, each ingested and opened once."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from agent import Waypost
from tests.agent.tiny import write_tiny_project
from tests.serving import copy_example

Edit = tuple[str, str]
ROOM = 4 * 2**30  # bytes


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary folders in memory if there is room: waiting for a disk proves nothing.

    A store's making waits for the disk a dozen times, 0.15 s each.
    """
    memory = Path("/dev/shm")
    chosen = config.option.basetemp is not None or "PYTEST_DEBUG_TEMPROOT" in os.environ
    if not chosen and memory.is_dir() and shutil.disk_usage(memory).free > ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(memory)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tiny(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Waypost]:
    """Return the small project, ingested and open; every test uses threads of its own."""
    project = write_tiny_project(tmp_path_factory.mktemp("tiny"))
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        yield waypost


@pytest.fixture
def tiny_project(tiny: Waypost, tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of further small projects, whose embeddings are known and whose store is empty."""

    def make(*edits: Edit, name: str = "project") -> Path:
        project = write_tiny_project(tmp_path / name)
        settings = project / "waypost.toml"
        text = settings.read_text(encoding="utf-8")
        for old, new in edits:
            assert old in text, f"{old!r} is not in the project's settings"
            text = text.replace(old, new)
        settings.write_text(text, encoding="utf-8")
        shutil.copytree(tiny.project / ".waypost" / "cache", project / ".waypost" / "cache")
        return project

    return make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def example(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Waypost]:
    """Return a copy of the example project, ingested and open."""
    async with Waypost.open(
        copy_example(tmp_path_factory.mktemp("example") / "project")
    ) as waypost:
        await waypost.ingest()
        yield waypost
