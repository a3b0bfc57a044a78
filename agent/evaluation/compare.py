"""Comparing a report with an earlier one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from agent.errors import UsageError
from agent.evaluation.keys import FIGURES, SHARES, flat
from agent.evaluation.types import Comparison, Earlier, Report

__all__ = ["compare", "read_report", "read_whole_report"]

T = TypeVar("T")

MADE_BY = "make one with `waypost eval … --json > previous.json`."


def read_report(path: Path) -> Earlier:
    """Read a report that `waypost eval --json` printed, as far as every version wrote it.

    Raises:
        UsageError: the file cannot be read or holds no such report.
    """
    return _read(path, Earlier)


def read_whole_report(path: Path) -> Report:
    """Read a report that this version's `waypost eval --json` printed.

    Raises:
        UsageError: the file cannot be read or holds no such report.
    """
    return _read(path, Report)


def _read(path: Path, kind: type[T]) -> T:
    from pydantic import TypeAdapter, ValidationError

    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{str(path)!r} is no report: {key}: {first['msg']}.", fix=MADE_BY
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}.", fix=MADE_BY) from error


def compare(old: Report | Earlier, new: Report) -> Comparison:
    """Return what changed from one report to another.

    Only questions with the same id and text in both are compared one by one; figures are over all
    questions of their report.
    """
    before, after = flat(old), flat(new)
    asked = {(one["id"], one["question"]): one["scores"] for one in old["results"]}
    pairs = [
        (one["id"], asked[one["id"], one["question"]], one["scores"])
        for one in new["results"]
        if (one["id"], one["question"]) in asked
    ]
    comparison: Comparison = {
        "shared": len(pairs),
        "figures": {},
        "became_right": {},
        "became_wrong": {},
    }
    for key in FIGURES:
        was, now = before.get(key), after.get(key)
        apart = None if was is None or now is None else round(now - was, 4)
        comparison["figures"][key] = {"old": was, "new": now, "difference": apart}
        if key in SHARES:
            for turned, values in (
                (comparison["became_right"], (0, 1)),
                (comparison["became_wrong"], (1, 0)),
            ):
                if changed := [
                    id_ for id_, one, other in pairs if (one.get(key), other.get(key)) == values
                ]:
                    turned[key] = changed
    return comparison
