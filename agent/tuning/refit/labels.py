"""Files of questions for a person to label, and reading them back.

A line is `{"question": …, "guess": …, "confidence": …, "probabilities": {…}, "label": ""}`: the person
writes the name of an index or a tool, or "none", as `label`, and leaves it empty where they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NotRequired

from typing_extensions import TypedDict

from agent.errors import UsageError
from agent.routing import NONE, LearnedExample
from agent.traces.redaction import Redactor
from agent.tuning.whole_file import write_private

__all__ = ["ToLabel", "read_labels", "read_stream", "write_labels"]


class ToLabel(TypedDict):
    """A question to label: the router's guess, its likeliest targets, and why it is asked about."""

    question: str
    guess: str
    confidence: float
    probabilities: dict[str, float]
    label: str
    why: NotRequired[str]


def write_labels(path: Path, rows: Sequence[ToLabel]) -> None:
    """Write questions to label into a new file.

    Raises:
        UsageError: there is such a file, which may hold labels, or it cannot be written.
    """
    if path.exists():
        raise UsageError(
            f"{str(path)!r} exists and may hold labels.",
            fix="name another file with --out, or move it away.",
        )
    write_private(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_labels(
    path: Path, names: Collection[str], redactor: Redactor
) -> tuple[list[LearnedExample], int]:
    """Read labelled questions back.

    Args:
        path: the file.
        names: of the indexes and tools; "none" may be said too.
        redactor: takes personal data out of the questions.

    Returns:
        Those with a label, and how many have none.

    Raises:
        UsageError: the file cannot be read, a line is none of these, or a label is no target.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found: list[LearnedExample] = []
    empty = 0
    for number, row in _rows(path):
        label = row.get("label")
        if label is None or not str(label).strip():
            empty += 1
            continue
        if label not in {*names, NONE}:
            raise UsageError(
                f"{str(path)!r}, line {number}: {label!r} is no target of this project.",
                fix=f"use one of: {', '.join(sorted(names))}, {NONE}.",
            )
        found.append(LearnedExample(redactor.text(row["question"].strip()), label, "labelled", now))
    return found, empty


def read_stream(path: Path, redactor: Redactor) -> list[str]:
    """Read questions, one a line: plain text, or JSON objects with a `question`.

    Args:
        path: the file.
        redactor: takes personal data out of the questions.

    Raises:
        UsageError: the file cannot be read, or holds nothing.
    """
    lines = [line for _, line in _lines(path)]
    if lines and all(line.startswith("{") for line in lines):
        lines = [row["question"].strip() for _, row in _rows(path)]
    return [redactor.text(line) for line in lines]


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    found = []
    for number, line in _lines(path):
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()  # half a character can be stored nowhere
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{str(path)!r}, line {number}: not JSON ({error}).") from error
        question = row.get("question") if isinstance(row, dict) else None
        if not isinstance(question, str) or not question.strip():
            raise UsageError(
                f"{str(path)!r}, line {number}: no object with a `question`.",
                fix='write {"question": "…", "label": "…"} a line.',
            )
        found.append((number, row))
    return found


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}.") from error
    found = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UsageError(f"{str(path)!r} holds no question.", fix="write one a line.")
    return found
