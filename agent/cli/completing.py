"""What a shell may complete: names that the project, or Waypost, has; read without opening anything."""

from __future__ import annotations

import tomllib
from pathlib import Path

import typer

__all__ = ["index_names", "template_names", "tool_names"]


def index_names(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the project's indexes with their titles."""
    return [
        (str(one["name"]), str(one.get("title", "")))
        for one in _tables(ctx, "index")
        if str(one.get("name", "")).startswith(incomplete) and "name" in one
    ]


def tool_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the project's own tools."""
    used = [str(one.get("use", "")).rpartition(":")[2] for one in _tables(ctx, "tool")]
    return [name for name in used if name and name.startswith(incomplete)]


def template_names(incomplete: str) -> list[str]:
    """Return what `waypost init --template` takes."""
    from agent.templates import template_names as names

    return [name for name in names() if name.startswith(incomplete)]


def _tables(ctx: typer.Context, name: str) -> list[dict[str, object]]:
    """Return the tables of a name in the project's waypost.toml; none where it cannot be read."""
    path = Path(ctx.params.get("project") or ".") / "waypost.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get(name)
    except (OSError, ValueError):  # a shell that waits for completions must not be told
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
