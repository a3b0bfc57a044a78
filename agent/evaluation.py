"""Measuring routing, retrieval and answers on labelled questions."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

from agent.app import Waypost
from agent.errors import UsageError
from agent.state import Answer
from indexes import Passage, Principal
from indexes.text import normalize

__all__ = ["Labelled", "Report", "evaluate", "read_questions"]

TOP = 5


class Labelled(TypedDict, total=False):
    """A labelled question; all but `question` may be missing. `action` is the outcome."""

    id: str
    question: str
    after: list[str]
    user: str
    groups: list[str]
    action: str
    indexes: list[str]
    tool: str
    args: dict[str, Any]
    documents: list[str]
    pages: list[int]
    answer: str


class Report(TypedDict):
    """Shares from 0 to 1, or null where no question is labelled for them; `misses` names the rest."""

    questions: int
    route: dict[str, float | None]
    search: dict[str, float | None]
    answer: dict[str, float | None]
    misses: dict[str, list[str]]


def read_questions(path: Path) -> list[Labelled]:
    """Read labelled questions from JSON Lines.

    Raises:
        UsageError: the file cannot be read, or a line is no object with a question.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}.") from error
    out: list[Labelled] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{str(path)!r}, line {number}: not JSON ({error}).") from error
        if not isinstance(row, dict) or not isinstance(row.get("question"), str):
            raise UsageError(f"{str(path)!r}, line {number}: no object with a `question`.")
        row.setdefault("id", str(number))
        out.append(row)  # type: ignore[arg-type]
    return out


async def evaluate(waypost: Waypost, questions: Iterable[Labelled]) -> Report:
    """Ask every question and compare with its labels.

    Args:
        waypost: the opened project.
        questions: the labelled questions; those with `after` are asked on a thread of their own.
    """
    tally = _Tally()
    count = 0
    for row in questions:
        count += 1
        principal = Principal(row["user"], tuple(row.get("groups", ()))) if "user" in row else None
        thread = uuid.uuid4().hex
        for earlier in row.get("after", ()):
            await waypost.ask(earlier, principal=principal, thread=thread)
        passages: list[Passage] = []
        async for event in waypost.stream(row["question"], principal=principal, thread=thread):
            if event["type"] == "passages":
                passages = event["passages"][:TOP]
            elif event["type"] == "answer":
                answer = event["answer"]
        _score_route(tally, row, answer)
        _score_search(tally, row, passages)
        await _score_answer(tally, row, answer, waypost, principal)
    return {
        "questions": count,
        "route": tally.shares("route"),
        "search": tally.shares("search"),
        "answer": tally.shares("answer"),
        "misses": tally.misses,
    }


KEYS = {
    "route": ("action_accuracy", "index_accuracy", "index_covered", "tool_accuracy"),
    "search": ("document@5", "mrr"),
    "answer": ("cited", "cited_page", "contains", "refused", "citations_stand"),
}


class _Tally:
    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}
        self.misses: dict[str, list[str]] = {}

    def add(self, key: str, value: float, row: Labelled) -> None:
        self._values.setdefault(key, []).append(value)
        if not value:
            self.misses.setdefault(key, []).append(row["id"])

    def shares(self, group: str) -> dict[str, float | None]:
        found = {key: self._values.get(f"{group}.{key}", []) for key in KEYS[group]}
        return {k: round(sum(v) / len(v), 4) if v else None for k, v in found.items()}


def _score_route(tally: _Tally, row: Labelled, answer: Answer) -> None:
    if "action" in row:
        tally.add("route.action_accuracy", answer["action"] == row["action"], row)
    if "indexes" in row:
        chosen = [index["name"] for index in answer["route"]["indexes"]]
        tally.add("route.index_accuracy", bool(chosen) and chosen[0] in row["indexes"], row)
        tally.add("route.index_covered", set(row["indexes"]) <= set(chosen), row)
    if "tool" in row:
        calls = answer["tool_calls"]
        right = bool(calls) and calls[0]["name"] == row["tool"]
        right = right and all(calls[0]["args"].get(k) == v for k, v in row.get("args", {}).items())
        tally.add("route.tool_accuracy", right, row)


def _score_search(tally: _Tally, row: Labelled, passages: Sequence[Passage]) -> None:
    if "documents" not in row:
        return
    ranks = [n for n, p in enumerate(passages, 1) if p["document"] in row["documents"]]
    tally.add("search.document@5", bool(ranks), row)
    tally.add("search.mrr", 1 / ranks[0] if ranks else 0.0, row)


async def _score_answer(
    tally: _Tally, row: Labelled, answer: Answer, waypost: Waypost, principal: Principal | None
) -> None:
    cited = [c for c in answer["citations"] if c["document"] in row.get("documents", ())]
    if "documents" in row:
        tally.add("answer.cited", bool(cited), row)
    if "pages" in row:
        tally.add(
            "answer.cited_page", any(c["location"].get("page") in row["pages"] for c in cited), row
        )
    if "answer" in row:
        tally.add("answer.contains", _plain(row["answer"]) in _plain(answer["answer"]), row)
    if row.get("action") == "abstain":
        tally.add("answer.refused", answer["action"] == "abstain", row)
    for citation in answer["citations"]:
        stands = await waypost.registry.stands(
            citation["index"], citation["document"], citation["text"], principal=principal
        )
        tally.add("answer.citations_stand", stands, row)


def _plain(text: str) -> str:
    return re.sub(r"[\s,，]", "", normalize(text))
