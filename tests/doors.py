"""What must not depend on the door through which a question comes: in Python, on a server, in a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import Waypost
from tests.serving import EXAMPLE

__all__ = ["Row", "differences", "essence", "in_python", "labelled"]

SAME = 0.001  # a vector that was kept is rounded a little
Row = dict[str, Any]


def labelled() -> list[Row]:
    """Return the example's labelled questions."""
    lines = (EXAMPLE / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


async def in_python(project: Path, rows: list[Row]) -> dict[str, Row]:
    """Return what Python answers, by the question's id; the project is ingested first."""
    found = {}
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        for row in rows:
            for text in [*row.get("after", ()), row["question"]]:
                answer = await waypost.ask(text, thread=f"python-{row['id']}")
            found[row["id"]] = essence(answer)
    return found


def essence(answer: Mapping[str, Any]) -> Row:
    """Return what must not depend on the door: all but times, the thread's name and what it cost."""
    told = ("answer", "action", "citations", "tool_calls", "grounded", "pending", "limit")
    route = {**answer["route"]}
    sure = {one["name"]: one["confidence"] for one in route.pop("candidates")}
    sure |= {"route": route.pop("confidence"), "answer": answer["confidence"]}
    route["indexes"] = [one["name"] for one in route["indexes"]]
    same: Row = json.loads(json.dumps({**{name: answer[name] for name in told}, "route": route}))
    return {**same, "sure": sure}


def differences(found: dict[str, Row], expected: dict[str, Row]) -> list[tuple[str, str, Any, Any]]:
    """Return what differs: the question's id, what of its answer, and both."""
    return [
        (name, key, found[name][key], expected[name][key])
        for name in expected
        for key in expected[name]
        if found[name][key]
        != (pytest.approx(expected[name][key], abs=SAME) if key == "sure" else expected[name][key])
    ]
