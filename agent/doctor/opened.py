"""What shows when a project is opened: its store, documents, router, tools and threads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.doctor.check import Check, failed, listed, passed, wrong
from agent.errors import WaypostError
from agent.settings import Settings
from agent.threads import postgres_saver
from indexes.types import Filter

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = ["look_inside"]


async def look_inside(project: Path, settings: Settings) -> list[Check]:
    """Open a project, and check what it holds and who may see it."""
    from agent.app import Waypost

    try:
        async with Waypost.open(project, settings=settings) as waypost:
            return [
                *await _documents(waypost),
                *await _router(waypost),
                *await _threads(waypost),
                passed("tools", ", ".join(sorted(waypost.tools))),
            ]
    except WaypostError as error:
        return [failed("store and tools", error)]


async def _documents(waypost: Waypost) -> list[Check]:
    registry = waypost.registry
    fields = ("document", "index", "error", "access", "version")
    try:
        chunks = await registry.count_chunks()
        if not chunks:
            return [wrong("store", "Nothing has been ingested.", "run `waypost ingest`.")]
        stored = [hit.payload for hit in await registry.store.scroll("documents", Filter(), fields)]
        waiting = await registry.waiting()
    except WaypostError as error:
        return [failed("store", error)]
    checks = [passed("store", f"{chunks} chunks of {len(stored)} documents")]
    if waiting.refused:
        checks.append(
            wrong(
                "lists and files",
                listed(waiting.refused),
                "correct the patterns of access.toml and fields.toml, or the files that are named.",
            )
        )
    if waiting.files:
        checks.append(
            wrong(
                "documents",
                f"{len(waiting.files)} files are not as they were ingested: {listed(waiting.files)}.",
                "run `waypost ingest`, or keep `waypost ingest --watch` running.",
            )
        )
    unread = [f"{one['document']} ({one['error']})" for one in stored if one.get("error")]
    if unread:
        checks.append(
            wrong(
                "documents",
                f"{len(unread)} could not be read: {listed(unread)}",
                "mend the files, then `waypost ingest`.",
            )
        )
    whole = [one for one in stored if one.get("version")]
    for name in registry.indexes:
        own = [one for one in whole if one["index"] == name]
        if own and not any(one["access"] for one in own):
            checks.append(
                wrong(
                    "access",
                    f"Nobody may see any of the {len(own)} documents of {name!r}.",
                    'name groups in access.toml or as `groups` of the index, or set default_access = "public"'
                    " in [project].",
                )
            )
    return checks


async def _router(waypost: Waypost) -> list[Check]:
    try:
        await waypost.router()
    except WaypostError as error:
        return [failed("router", error)]
    return [
        passed("router", f"{len(waypost.registry.indexes)} indexes, {len(waypost.tools)} tools")
    ]


async def _threads(waypost: Waypost) -> list[Check]:
    url = waypost.settings.threads.url
    if not url:
        return []
    try:
        async with postgres_saver(url):
            return [passed("threads", "the database answers")]
    except WaypostError as error:
        return [failed("threads", error)]
