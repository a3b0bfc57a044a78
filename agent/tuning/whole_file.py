"""Writing a file whole or not at all, for whoever could read it before, a new one for its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import UsageError

__all__ = ["replace_file", "write_private"]


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in the place of the one that may be there, whose mode it takes.

    Raises:
        OSError: it cannot be written; the one before stays.
    """
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(file, "wb") as out:
            os.fchmod(out.fileno(), mode)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a text file that holds people's questions.

    Raises:
        UsageError: it cannot be written; the one before stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())
    except OSError as error:
        raise UsageError(
            f"{str(path)!r} cannot be written: {error.strerror}.",
            fix="name a file in a folder that can be written, on a disk with room.",
        ) from error
