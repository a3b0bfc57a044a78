"""Writing an export: every file whole, the card last, so that no half of one is taken for a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import UsageError
from agent.tuning.export.types import Card
from agent.tuning.whole_file import write_private

__all__ = ["CARD", "check_folder", "digest", "lines", "write"]

CARD = "card.json"
OURS = (
    "train.jsonl", "validation.jsonl", "dropped.jsonl", "README.md", "dataset_info.json", "train.yaml",
)  # fmt: skip


def lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def digest(text: str) -> str:
    """Return the SHA-256 of a file with this text."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_folder(folder: Path) -> None:
    """See that a folder is new, empty, or holds an export that may be replaced.

    Raises:
        UsageError: it is something else.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is a file.", fix="name a folder with --out.")
    if folder.is_dir() and any(folder.iterdir()):
        names = {one.name for one in folder.iterdir()}
        if CARD not in names and names & set(OURS):
            raise UsageError(
                f"{str(folder)!r} holds files of such names that are no whole export.",
                fix="name another folder with --out, or move them away.",
            )


def write(folder: Path, texts: Mapping[str, str], card: Card) -> None:
    """Write an export into a folder, in place of the one that is there; other files stay.

    Args:
        folder: made if need be.
        texts: the files by name.
        card: written last.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CARD).unlink(missing_ok=True)
        for name in OURS:
            if name not in texts:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{str(folder)!r} cannot be written: {error.strerror}.", fix="name another with --out."
        ) from error
    for name, text in texts.items():
        write_private(folder / name, text)
    write_private(folder / CARD, json.dumps(card, ensure_ascii=False, indent=2) + "\n")
