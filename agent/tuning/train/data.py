"""What is learned from: the files that `waypost tune export` wrote, as they were then."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from agent.errors import UsageError
from agent.routing import question_sha256

__all__ = ["CARD", "FILES", "Data", "ExportCard", "Row", "read_card", "read_data"]

CARD = "card.json"
FILES = ("train.jsonl", "validation.jsonl")
FEWEST = 2  # rows of a label that are learned from


class ExportCard(TypedDict):
    """What an export's card says, as far as training needs it."""

    task: Literal["router", "tools", "answer", "style"]
    format: str
    project: str
    tokens: dict[str, Any]
    problems: list[str]
    sha256: dict[str, str]


@dataclass(frozen=True)
class Row:
    """A question and the name that is right for it."""

    question: str
    label: str


@dataclass(frozen=True)
class Data:
    """Rows to learn from and to be measured on.

    Args:
        task: what is learned.
        project: whose rows they are.
        labels: the names, sorted.
        train: rows to learn from.
        validation: rows that decide when to stop.
        sha256: of each file.
    """

    task: Literal["router", "tools"]
    project: str
    labels: tuple[str, ...]
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    sha256: dict[str, str]

    @property
    def questions_sha256(self) -> list[str]:
        """The SHA-256 of every question, by which a later measurement sees that it is not new."""
        return sorted({question_sha256(row.question) for row in (*self.train, *self.validation)})


def read_card(folder: Path, *, format: str, files: tuple[str, ...] = FILES) -> ExportCard:
    """Read an export's card, and check its files against it.

    Args:
        folder: of the export.
        format: the one that is needed.
        files: those that are needed.

    Raises:
        UsageError: the folder is no export of this format, or its files were changed.
    """
    again = f"make it: waypost tune export --task TASK --format {format} --out {folder}"
    try:
        text = (folder / CARD).read_bytes()
    except OSError as error:
        raise UsageError(
            f"{str(folder)!r} is no export: {CARD} cannot be read ({error.strerror}).", fix=again
        ) from error
    try:
        card = TypeAdapter(ExportCard).validate_json(text)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the file"
        raise UsageError(
            f"{str(folder / CARD)!r} is no export's card: {where} is missing or wrong.", fix=again
        ) from error
    if card["format"] != format:
        raise UsageError(
            f"{str(folder)!r} has the format {card['format']!r}; this needs {format!r}.",
            fix=again,
        )
    if card["problems"]:
        raise UsageError(
            f"{str(folder)!r} cannot be used as it is: {'; '.join(card['problems'])}",
            fix="mend that and export again; its README.md says more.",
        )
    for name in files:
        path = folder / name
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise UsageError(
                f"{str(path)!r} cannot be read: {error.strerror}.", fix=again
            ) from error
        if card["sha256"].get(name) != found:
            raise UsageError(
                f"{str(path)!r} is not the file that {CARD} tells of.",
                fix="export again: the checks for leaks and secrets were of the file before.",
            )
    return card


def read_data(folder: Path) -> Data:
    """Read an export in the form "prompt-completion" for a model that chooses names.

    Raises:
        UsageError: the folder is none, was changed, or has too little to learn from.
    """
    card = read_card(folder, format="prompt-completion")
    if card["task"] not in ("router", "tools"):
        raise UsageError(
            f"{str(folder)!r} is for the task {card['task']!r}; an adapter chooses names.",
            fix="export with --task router or --task tools, or train it at an endpoint.",
        )
    train, validation = (_rows(folder / name) for name in FILES)
    counts = Counter(row.label for row in train)
    if len(counts) < 2 or not validation:
        raise UsageError(
            f"{str(folder)!r} has {len(counts)} names and {len(validation)} rows of validation:"
            " too little to learn a choice from.",
            fix="add examples or correct routes, then export again.",
        )
    few = sorted(name for name, count in counts.items() if count < FEWEST)
    strange = sorted({row.label for row in validation} - set(counts))
    if few or strange:
        raise UsageError(
            f"{str(folder / FILES[0])!r} has too few rows of: {', '.join([*few, *strange])}.",
            fix=f"give each at least {FEWEST} examples, better 20, and export again.",
        )
    return Data(
        task=card["task"],
        project=card["project"],
        labels=tuple(sorted(counts)),
        train=tuple(train),
        validation=tuple(validation),
        sha256={name: card["sha256"][name] for name in FILES},
    )


def _rows(path: Path) -> list[Row]:
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            question, label = data["prompt"], data["completion"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{str(path)!r}, line {number}: no prompt and completion.", fix="export again."
            ) from error
        if not isinstance(question, str) or not isinstance(label, str) or not question.strip():
            raise UsageError(f"{str(path)!r}, line {number}: no texts.", fix="export again.")
        rows.append(Row(question, label.strip()))
    return rows
