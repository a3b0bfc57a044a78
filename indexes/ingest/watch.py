"""Following what changes in a project's folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from indexes.ingest.lists import FILE_NAME as ACCESS
from indexes.settings import FILE_NAME as SETTINGS
from indexes.settings import Settings

__all__ = ["changes"]

QUIET = 50  # milliseconds without a change that end a burst of them
BURST = 400  # milliseconds after which a burst is followed anyway
SOURCES = 60  # seconds after which sources that are not files are looked at


async def changes(project: Path, settings: Settings) -> AsyncGenerator[Sequence[Path], None]:
    """Yield the files that changed, again and again; none stands for everything, as at first.

    Args:
        project: the project's folder.
        settings: its settings.
    """
    from watchfiles import Change, awatch

    root = Path(os.path.abspath(project))  # noqa: ASYNC240 - touches no file
    state = root / settings.store.path

    def counts(_: Change, name: str) -> bool:
        path = Path(name)
        if path.is_relative_to(state):
            return False
        return not any(part.startswith((".", "~$")) for part in path.relative_to(root).parts)

    watcher = awatch(
        root,
        watch_filter=counts,
        debounce=BURST,
        step=QUIET,
        rust_timeout=SOURCES * 1000,
        yield_on_timeout=bool(settings.source),
    )
    waiting = asyncio.ensure_future(anext(watcher))
    await asyncio.sleep(0)  # it watches from here on, so that the first look misses nothing
    try:
        yield []
        while True:
            paths = sorted({Path(name) for _, name in await waiting})
            waiting = asyncio.ensure_future(anext(watcher))
            if root / SETTINGS in paths:
                return
            yield [] if root / ACCESS in paths else paths
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await watcher.aclose()
