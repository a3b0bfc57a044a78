"""Sources beside the files: loading those of waypost.toml, and reading a source that may fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from indexes import log
from indexes.base import Source
from indexes.errors import ConfigurationError, LoadError, UsageError
from indexes.ingest.given import check_id, checked
from indexes.ingest.items import FILES, Part
from indexes.ingest.sync import Found
from indexes.ingest.writing import Work
from indexes.project import load_object
from indexes.settings import Settings
from indexes.types import Document

__all__ = ["ADDED", "Reading", "check_source", "load_source", "load_sources", "versions_of"]

ADDED = "added"  # the source of documents that an app adds
READ = 100  # documents that are read together
PATIENCE = 600.0  # seconds for the ids, and for each document: a dead connection would bar others


def load_sources(project: Path, settings: Settings) -> list[tuple[str, Source]]:
    """Return the sources that waypost.toml names, each with its index.

    Raises:
        ConfigurationError: one cannot be loaded, or two of an index have the same name.
    """
    found = [(one.index, load_source(project, one.use)) for one in settings.source]
    names = [(index, source.name) for index, source in found]
    for index, name in names:
        if names.count((index, name)) > 1:
            raise ConfigurationError(
                f"Two sources of the index {index!r} are named {name!r}.",
                fix="give each one a name of its own.",
            )
    return found


def load_source(project: Path, use: str) -> Source:
    """Return the source that a [[source]] names, made by calling what is named if it is no source.

    Raises:
        ConfigurationError: there is none of that name, or making it fails.
    """
    found = load_object(project, use)
    if isinstance(found, type) or not hasattr(found, "versions"):
        if not callable(found):
            raise ConfigurationError(f"{use!r} is no source.", fix="name a Source or a function.")
        try:
            found = found()
        except Exception as error:
            raise ConfigurationError(
                f"{use!r} failed: {type(error).__name__}: {error}.",
                fix="make it return a source; what may fail, such as a connection, belongs into "
                "the source's `versions` and `read`.",
            ) from error
    return check_source(found)


def check_source(source: Source) -> Source:
    """Return a source if it is one.

    Raises:
        ConfigurationError: it is none, or its name cannot be one.
    """
    if not all(hasattr(source, name) for name in ("name", "versions", "read")):
        raise ConfigurationError(
            f"{type(source).__name__!r} is no source.",
            fix="give an object with `name`, `versions` and `read`.",
        )
    if not isinstance(source.name, str) or source.name in {FILES, ADDED}:
        raise ConfigurationError(
            f"A source cannot be named {source.name!r}.", fix="give it another name."
        )
    return source


async def versions_of(source: Source) -> Mapping[str, str]:
    """Return a source's documents with their versions.

    Raises:
        LoadError: the source failed, or what it returns is unusable.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            versions = await source.versions()
    except Exception as error:
        raise _broken(source, error) from error
    if not isinstance(versions, Mapping):
        raise LoadError(
            f"Its `versions` returned {type(versions).__name__!r}.",
            fix="return a mapping of ids to versions.",
        )
    for id in versions:
        try:
            check_id(id)
        except UsageError as error:
            raise LoadError(error.message, fix=error.fix) from error
    return versions


class Reading:
    """Reads the documents of a source that are to be ingested, as far as the source delivers them.

    Args:
        source: the source.
        parts: cuts a document.
    """

    def __init__(
        self, source: Source, parts: Callable[[Work, Document], AsyncIterator[Part]]
    ) -> None:
        self.problem: LoadError | None = None
        self._source = source
        self._parts = parts

    async def read(self, todo: Sequence[Work]) -> AsyncGenerator[Found | None, None]:
        """Yield parts of documents; if the source fails, `problem` says why, and the rest waits."""
        self.problem = None
        missing: list[str] = []
        for start in range(0, len(todo), READ):
            works = {work.item.document: work for work in todo[start : start + READ]}
            try:
                async for document in self._delivered(list(works)):
                    work = works.pop(document.id, None)
                    if work is not None:
                        async for found in self._cut(work, document):
                            yield found
            except LoadError as error:
                self.problem = error
                return
            missing += works
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            self.problem = LoadError(
                f"It did not deliver {missing[0]!r}{more}.",
                fix="yield a document from `read` for each id; one that has gone since is left out "
                "of the next `versions`.",
            )

    async def _delivered(self, ids: Sequence[str]) -> AsyncIterator[Document]:
        """Yield what the source delivers.

        Raises:
            LoadError: it failed, or what it delivers is no document.
        """
        try:
            found = aiter(self._source.read(ids))
            while True:
                try:
                    async with asyncio.timeout(PATIENCE):
                        document = await anext(found)
                except StopAsyncIteration:
                    return
                if not isinstance(document, Document):
                    raise LoadError(f"Its `read` delivered {type(document).__name__!r}.")
                if isinstance(document.id, str):
                    yield document
        except LoadError:
            raise
        except Exception as error:
            raise _broken(self._source, error) from error

    async def _cut(self, work: Work, document: Document) -> AsyncIterator[Found]:
        try:
            async for part in self._parts(work, checked(document)):
                yield work, part
        except UsageError as error:
            yield work, LoadError(error.message, fix=error.fix)


def _broken(source: Source, error: Exception) -> LoadError:
    log.warning("source.failed", source=source.name, error=type(error).__name__)
    return LoadError(
        f"The source failed ({type(error).__name__}: {error}).",
        fix="what was read is kept and nothing was deleted for it; ingest again when it works.",
    )
