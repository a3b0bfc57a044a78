"""Reading a report that `waypost eval --json` wrote, as far as an advice needs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from agent.errors import UsageError
from agent.evaluation import Report
from agent.evaluation.types import Result

__all__ = ["read_whole_report"]

MADE_BY = "pass a file that `waypost eval … --json` wrote."
GOT = {"action", "indexes", "tools"}


def read_whole_report(path: Path) -> Report:
    """Read an evaluation's report with its results.

    Raises:
        UsageError: the file cannot be read, or is no such report.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}.", fix=MADE_BY) from error
    results: Any = data.get("results") if isinstance(data, dict) else None
    try:
        found = TypeAdapter(list[Result]).validate_python(results)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        key = ".".join(map(str, ("results", *first["loc"])))
        raise UsageError(
            f"{str(path)!r} is no report: {key}: {first['msg']}.", fix=MADE_BY
        ) from error
    if any(not one["got"].keys() >= GOT for one in found):
        raise UsageError(f"{str(path)!r} is no report: a result lacks `got`.", fix=MADE_BY)
    return cast(Report, data)
