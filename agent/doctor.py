"""What `waypost doctor` looks at: settings, sources, store, models, tools, disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypedDict

from agent.errors import ConfigurationError, WaypostError
from agent.settings import ROLES, Settings, load
from agent.tools import check_mcp
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
    for server in await check_mcp(project, settings.tool):
        checks.append(
            {
                "name": f"tool server {server['server']}",
                "ok": not server["error"],
                "detail": server["error"] or ", ".join(server["tools"]),
                "fix": server["fix"],
            }
        )
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
    named = [*(name for role in ROLES for name in settings.models.of(role))]
    if settings.models.embedding != "local":
        named.append(settings.models.embedding)
    known = {one.name: one for one in settings.model}
    for name in dict.fromkeys(named):
        kind, _, model = name.partition(":")
        own = known[model].api_key_env if model in known else ""
        variable = own or ("AZURE_OPENAI_API_KEY" if kind == "azure" else "OPENAI_API_KEY")
        if not os.environ.get(variable):
            return {
                "name": "models", "ok": False, "detail": f"{name} needs {variable}",
                "fix": f"set {variable} (any text for a local server), and the server's URL in"
                " OPENAI_BASE_URL or as base_url in [[model]].",
            }  # fmt: skip
    told = ", ".join(dict.fromkeys(named))
    return _passed("models", told or "local only; no key and no network")


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
