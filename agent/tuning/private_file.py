"""Writing a file that holds people's questions: whole or not at all, and for its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import UsageError

__all__ = ["write_private"]


def write_private(path: Path, text: str) -> None:
    """Write a text file; who may read a file that is there already stays, a new one is its owner's.

    Raises:
        UsageError: it cannot be written; the one before stays.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(file, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), mode)
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except OSError as error:
        raise UsageError(
            f"{str(path)!r} cannot be written: {error.strerror}.",
            fix="name a file in a folder that can be written, on a disk with room.",
        ) from error
    finally:
        beside.unlink(missing_ok=True)
