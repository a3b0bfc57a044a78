"""What `waypost doctor` looks at: settings, sources, store, models, tools, disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypedDict

from agent.errors import ConfigurationError, WaypostError
from agent.settings import Settings, load
from indexes.ingest.loaders import supported

__all__ = ["Check", "examine"]


class Check(TypedDict):
    """One thing looked at."""

    name: str
    ok: bool
    detail: str
    fix: str


async def examine(project: Path) -> list[Check]:
    """Return every check of a project; a failing one says how to mend it."""
    try:
        settings = load(project)
    except ConfigurationError as error:
        return [_failed("settings", error)]
    checks = [_passed("settings", f"{len(settings.index)} indexes, {len(settings.tool)} tools")]
    checks += [_sources(project, settings), _examples(settings), _key(settings), _disk(project)]
    steps: list[tuple[str, Callable[[Path, Settings], Awaitable[str]]]] = [
        ("embedding model", _embedding),
        ("store and tools", _opened),
    ]
    for name, step in steps:
        try:
            checks.append(_passed(name, await step(project, settings)))
        except WaypostError as error:
            checks.append(_failed(name, error))
    return checks


def _passed(name: str, detail: str) -> Check:
    return {"name": name, "ok": True, "detail": detail, "fix": ""}


def _failed(name: str, error: WaypostError) -> Check:
    return {"name": name, "ok": False, "detail": error.message, "fix": error.fix}


def _sources(project: Path, settings: Settings) -> Check:
    empty, strange, count = [], [], 0
    for index in settings.index:
        files = [
            path for pattern in index.sources for path in project.glob(pattern) if path.is_file()
        ]
        count += len(files)
        strange += [path.name for path in files if not supported(path)]
        if index.sources and not files:
            empty.append(index.name)
    if empty:
        return {
            "name": "sources", "ok": False, "detail": f"no file matches: {', '.join(empty)}",
            "fix": "correct `sources` of these indexes, or add documents.",
        }  # fmt: skip
    if strange:
        return {
            "name": "sources", "ok": False, "detail": f"no loader for: {', '.join(strange[:5])}",
            "fix": "convert these files, or exclude them from `sources`.",
        }  # fmt: skip
    return _passed("sources", f"{count} files")


def _examples(settings: Settings) -> Check:
    poor = [i.name for i in settings.index if len(i.description) < 8 and len(i.examples) < 3]
    if poor:
        return {
            "name": "routing", "ok": False, "detail": f"little to route by: {', '.join(poor)}",
            "fix": "enumerate in `description` what the index covers, or add `examples`.",
        }  # fmt: skip
    return _passed("routing", "every index has a description or examples")


def _key(settings: Settings) -> Check:
    models = settings.models
    remote = [
        m
        for m in (models.chat, models.router, models.answerer, models.embedding)
        if m and m != "local"
    ]
    if remote and not os.environ.get("OPENAI_API_KEY"):
        return {
            "name": "models", "ok": False, "detail": f"{remote[0]} needs OPENAI_API_KEY",
            "fix": "set OPENAI_API_KEY (any text for a local server) and OPENAI_BASE_URL.",
        }  # fmt: skip
    return _passed("models", ", ".join(remote) if remote else "local only; no key and no network")


def _disk(project: Path) -> Check:
    free = shutil.disk_usage(project).free // 2**20
    ok = free >= 1024
    fix = "" if ok else "make room: writes are refused below 256 MiB."
    return {"name": "disk", "ok": ok, "detail": f"{free} MiB free", "fix": fix}


async def _embedding(project: Path, settings: Settings) -> str:
    from indexes.embeddings import make_embedder

    embedder = make_embedder(settings.models.embedding)
    vector = await embedder.embed_query("test")
    return f"{embedder.name}, {len(vector)} dimensions"


async def _opened(project: Path, settings: Settings) -> str:
    from agent.app import Waypost

    async with Waypost.open(project, settings=settings) as waypost:
        chunks = await waypost.registry.count_chunks()
        if not chunks:
            return "nothing ingested yet; run: waypost ingest"
        return f"{chunks} chunks, tools: {', '.join(sorted(waypost.tools))}"
