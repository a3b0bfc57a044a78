"""The files of lines that a project keeps beside its settings: whether they changed, what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from agent.errors import ConfigurationError

__all__ = ["Stamp", "reason_of", "stamp_of", "unreadable"]

Stamp = tuple[int, int, int] | None


def stamp_of(path: Path) -> Stamp:
    """Return what changes when a file does: its time, size and inode; None where there is none.

    Raises:
        ConfigurationError: the file cannot be looked at.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    return status.st_mtime_ns, status.st_size, status.st_ino


def unreadable(path: Path, error: OSError) -> ConfigurationError:
    """Return the error about a file that is there and cannot be read."""
    return ConfigurationError(
        f"{str(path)!r} cannot be read: {error.strerror}.", fix="make it a readable file."
    )


def reason_of(error: ValidationError) -> str:
    """Return what is wrong with a line, without any of its text."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return "it is no whole JSON object"
    place = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason
