"""What `waypost doctor` looks at: settings, documents, models, store, router, tools, server, disk."""

from __future__ import annotations

from pathlib import Path

from agent.doctor.check import Check, failed, passed, wrong
from agent.doctor.files import look_at_files
from agent.doctor.models import look_at_models
from agent.doctor.opened import look_inside
from agent.errors import ConfigurationError
from agent.keys import KeysFile
from agent.settings import Settings, load
from agent.tools import check_mcp

__all__ = ["Check", "examine"]


async def examine(project: Path) -> list[Check]:
    """Return every check of a project; one that is not ok says how to mend it."""
    try:
        settings = load(project)
    except ConfigurationError as error:
        return [failed("settings", error)]
    checks = [passed("settings", f"{len(settings.index)} indexes, {len(settings.tool)} tools")]
    checks += look_at_files(project, settings)
    checks += await look_at_models(project, settings)
    checks += await look_inside(project, settings)
    checks += _keys(project, settings)
    for server in await check_mcp(project, settings.tool):
        what = f"tool server {server['server']}"
        checks.append(
            wrong(what, server["error"], server["fix"])
            if server["error"]
            else passed(what, ", ".join(server["tools"]))
        )
    return checks


def _keys(project: Path, settings: Settings) -> list[Check]:
    """Check the keys of a project that is served: one without any may never be."""
    file = KeysFile(project)
    try:
        keys = file.keys()
    except ConfigurationError as error:
        return [failed("server", error)]
    if not keys:
        return []
    mode = file.path.stat().st_mode
    if mode & 0o077:
        return [
            wrong(
                "server",
                f"Others on this machine may read {str(file.path)!r}.",
                f"chmod 600 {str(file.path)!r}",
            )
        ]
    live = [one for one in keys.values() if not one.has_expired()]
    if not live and settings.server.auth == "required" and settings.server.jwt is None:
        return [wrong("server", "All keys have expired.", "make one with `waypost key add`.")]
    return [passed("server", f"{len(live)} keys")]
