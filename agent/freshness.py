"""Files that are looked at before each question, so that the next answer has what changed in them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from agent import observability
from agent.errors import ConfigurationError, WaypostError
from agent.observability import STAGE_FAILED
from agent.settings import Settings
from indexes import Registry

__all__ = ["Freshness"]

Stat = tuple[int, int, int, int]  # size, mtime and ctime in nanoseconds, inode


class Freshness:
    """Brings the indexes that [fresh] names in line with their files, where these changed.

    Args:
        project: its folder.
        settings: its settings.
        registry: its indexes.
        learn: lets the router learn from new titles.

    Raises:
        ConfigurationError: there is no such index.
    """

    def __init__(
        self,
        project: Path,
        settings: Settings,
        registry: Registry,
        learn: Callable[[], Awaitable[None]],
    ) -> None:
        self._project = project
        self._registry = registry
        self._learn = learn
        names = [index.name for index in settings.index]
        for name in settings.fresh.indexes:
            if name not in names:
                raise ConfigurationError(
                    f"[fresh] names the index {name!r}, which does not exist.",
                    fix=f"use one of: {', '.join(names)}.",
                )
        self._patterns = [
            pattern
            for index in settings.index
            if index.name in settings.fresh.indexes
            for pattern in index.sources
        ]
        self._folders = sorted({project / _folder(pattern) for pattern in self._patterns})
        self._known: Mapping[str, Stat] | None = None
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Ingest what changed since the last look; at the first one, compare with the store.

        What cannot be read keeps its old text. It is tried again at the next question, as is all of it
        after a failure that may pass, which is logged.

        Raises:
            WaypostError: the store failed for good.
        """
        if not self._patterns or await asyncio.to_thread(self._state) == self._known:
            return
        async with self._looking:
            state = await asyncio.to_thread(self._state)
            if state == self._known:
                return
            try:
                report = await self._registry.sync(self._folders)
            except WaypostError as error:
                if not error.retryable and not isinstance(error, ConfigurationError):
                    raise
                observability.warning(STAGE_FAILED, stage="freshness", error=error.code)
                return
            if report["added"] or report["updated"] or report["deleted"]:
                await self._learn()
            self._known = None if report["failed"] else state

    def _state(self) -> dict[str, Stat]:
        found: dict[str, Stat] = {}
        for pattern in self._patterns:
            for path in self._project.glob(pattern):
                with suppress(FileNotFoundError):  # it has gone since it was listed
                    stat = path.lstat()
                    place = stat.st_ctime_ns, stat.st_ino
                    found[str(path)] = (stat.st_size, stat.st_mtime_ns, *place)
        return found


def _folder(pattern: str) -> str:
    """Return the folder that the files of a pattern lie below."""
    parts = PurePosixPath(pattern).parts[:-1]
    wild = next((place for place, part in enumerate(parts) if {"*", "?"} & set(part)), len(parts))
    return "/".join(parts[:wild])
