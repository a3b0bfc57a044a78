"""One thing that `waypost doctor` looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from agent.errors import WaypostError

__all__ = ["Check", "failed", "listed", "passed", "wrong"]

SHOWN = 3


class Check(TypedDict):
    """One thing looked at; `fix` is what to do where it is not `ok`."""

    name: str
    ok: bool
    detail: str
    fix: str


def passed(name: str, detail: str) -> Check:
    """Return a check that found nothing wrong."""
    return {"name": name, "ok": True, "detail": detail, "fix": ""}


def wrong(name: str, detail: str, fix: str) -> Check:
    """Return a check that found something, with its cure."""
    return {"name": name, "ok": False, "detail": detail, "fix": fix}


def failed(name: str, error: WaypostError) -> Check:
    """Return a check that an error ended."""
    return wrong(name, error.message, error.fix)


def listed(names: Sequence[str]) -> str:
    """Return the first of some names as a text, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
