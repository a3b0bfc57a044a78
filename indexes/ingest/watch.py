"""Following what changes in a project's folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from importlib import import_module
from pathlib import Path

from indexes.ingest.files import HIDDEN
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
    watchfiles = await asyncio.to_thread(import_module, "watchfiles")
    root = await asyncio.to_thread(lambda: Path(os.path.abspath(project)))
    state = root / settings.store.path

    def counts(_: object, name: str) -> bool:
        path = Path(name)
        if path.is_relative_to(state):
            return False
        return not any(part.startswith(HIDDEN) for part in path.relative_to(root).parts)

    clock = asyncio.get_running_loop().time
    watcher = watchfiles.awatch(root, watch_filter=counts, debounce=BURST, step=QUIET)
    waiting = asyncio.ensure_future(anext(watcher))
    await asyncio.sleep(0)  # it watches from here on, so that the first look misses nothing
    due = clock() + SOURCES
    try:
        yield []
        while True:
            await asyncio.wait(
                {waiting}, timeout=max(0, due - clock()) if settings.source else None
            )
            if not waiting.done():
                due = clock() + SOURCES
                yield []
                continue
            paths = sorted({Path(name) for _, name in waiting.result()})
            waiting = asyncio.ensure_future(anext(watcher))
            if root / SETTINGS in paths:
                return
            # another list may concern every file, and a loader of the project's own many
            every = any(one == root / ACCESS or one.parent == root for one in paths)
            yield [] if every else paths
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await watcher.aclose()
