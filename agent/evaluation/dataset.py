"""Reading labelled questions, and refusing labels that could never be met."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from agent.errors import UsageError
from agent.evaluation.types import Labelled
from agent.state import Outcome

__all__ = ["read_questions"]

NEEDS = {"groups": "user", "args": "tool", "pages": "documents"}  # without these they say nothing
ALIKE = 0.8  # a key this like a known one is a typing mistake; any other is a note of the author's


def read_questions(
    path: Path, *, indexes: Collection[str] | None = None, tools: Collection[str] | None = None
) -> list[Labelled]:
    """Read labelled questions from JSON Lines.

    Args:
        path: the file; blank lines are passed over.
        indexes: the names that `indexes` may hold; None: any.
        tools: the names that `tool` may be; None: any.

    Raises:
        UsageError: the file cannot be read, or a line cannot be used; it names the line and what is allowed.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}.") from error
    names = {"action": get_args(Outcome), "indexes": indexes, "tool": tools}
    found: dict[str, Labelled] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = _row(line, number, names)
            if row["id"] in found:
                raise UsageError(f"the id {row['id']!r} is used twice.", fix="give each its own.")
        except UsageError as error:
            where = f"{str(path)!r}, line {number}"
            raise UsageError(f"{where}: {error.message}", fix=error.fix) from error
        found[row["id"]] = row
    if not found:
        raise UsageError(f"{str(path)!r} holds no question.", fix='write {"question": "…"} a line.')
    return list(found.values())


def _row(line: str, number: int, names: Mapping[str, Collection[str] | None]) -> Labelled:
    try:
        row = json.loads(line)
        line.encode()
        json.dumps(row, ensure_ascii=False).encode()  # half a character can be printed nowhere
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON ({error}).") from error
    if not isinstance(row, dict) or not isinstance(row.get("question"), str):
        raise UsageError("no object with a `question`.", fix='write {"question": "…", …}.')
    for key in row.keys() - Labelled.__annotations__.keys():
        if meant := difflib.get_close_matches(key, Labelled.__annotations__, 1, ALIKE):
            known = ", ".join(Labelled.__annotations__)
            raise UsageError(f"unknown key {key!r}.", fix=f"write {meant[0]!r}; known: {known}.")
    row = {key: row[key] for key in Labelled.__annotations__ if row.get(key) is not None}
    row["id"] = str(row.get("id", number))
    _check_types(row)
    for key, needed in NEEDS.items():
        if key in row and needed not in row:
            raise UsageError(f"`{key}` without `{needed}`.", fix=f"add `{needed}`.")
    for key, allowed in names.items():
        given = row.get(key, [])
        for name in [given] if isinstance(given, str) else given:
            if allowed is not None and name not in allowed:
                raise UsageError(
                    f"`{key}` names {name!r}, which the project does not have."
                    if key != "action"
                    else f"unknown action {name!r}.",
                    fix=f"use one of: {', '.join(sorted(allowed))}.",
                )
    return cast(Labelled, row)


def _check_types(row: dict[str, Any]) -> None:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(Labelled).validate_python(row, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(f"`{key}`: {first['msg']}, got {first['input']!r}.") from None
    if not row["question"].strip():
        raise UsageError("the question is empty.")
