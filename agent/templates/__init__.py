"""Projects to start from; inside the wheel, and in a source checkout under examples/."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from agent.errors import UsageError

__all__ = ["SERVING", "copy_template", "serving", "template_names"]

SERVING = "langgraph.json"
IGNORED = shutil.ignore_patterns(".waypost", "__pycache__", "*.pyc")


def _folders() -> dict[str, Path]:
    inside = Path(str(resources.files("agent.templates")))
    checkout = inside.parent.parent / "examples"
    found: dict[str, Path] = {}
    for root in (checkout, inside):
        if root.is_dir():
            found |= {p.parent.name: p.parent for p in sorted(root.glob("*/waypost.toml"))}
    return found


def template_names() -> list[str]:
    """Return the names that `waypost init --template` takes."""
    return sorted(_folders())


def serving() -> str:
    """Return the langgraph.json of a project."""
    return (resources.files("agent.templates") / SERVING).read_text(encoding="utf-8")


def copy_template(name: str, target: Path) -> int:
    """Copy a template into a new folder.

    Args:
        name: the template's name.
        target: the folder; it must not exist, or be empty.

    Returns:
        How many files were made.

    Raises:
        UsageError: there is no such template, or the folder is not empty.
    """
    folders = _folders()
    if name not in folders:
        raise UsageError(
            f"There is no template {name!r}.", fix=f"use one of: {', '.join(sorted(folders))}."
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{str(target)!r} already exists.", fix="choose a new or empty folder.")
    try:
        shutil.copytree(folders[name], target, ignore=IGNORED, dirs_exist_ok=True)
        if not (target / SERVING).exists():
            (target / SERVING).write_text(serving(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{str(target)!r} cannot be made: {error.strerror}.") from error
    return sum(1 for path in target.rglob("*") if path.is_file())
