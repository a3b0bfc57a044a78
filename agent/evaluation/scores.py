"""What one question scores: each figure that it is labelled for, 0 or 1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.app import Waypost
from agent.evaluation.keys import TOP
from agent.evaluation.types import Labelled
from agent.state import Answer
from indexes import Passage, Principal
from indexes.text import normalize

__all__ = ["Asked", "answer_scores", "calls", "page_score", "principal_of", "route_scores"]


@dataclass(frozen=True)
class Asked:
    """A labelled question that was asked: its answer, and the first passages that were found."""

    row: Labelled
    answer: Answer
    passages: list[Passage]


def principal_of(row: Labelled) -> Principal | None:
    """Return who asks a question."""
    return Principal(row["user"], tuple(row.get("groups", ()))) if "user" in row else None


def calls(answer: Answer) -> list[Mapping[str, Any]]:
    """Return the tool calls of an answer: those made, or those that wait for an approval."""
    waiting = (answer["pending"] or {}).get("action_requests", [])
    return [*answer["tool_calls"], *waiting]


def route_scores(asked: Asked) -> dict[str, float]:
    """Return whether action, indexes and tool are the labelled ones, and whether the route was right.

    A route is right if it names the labelled tool and at least one of the labelled indexes; with
    neither labelled, if the turn ended in the labelled action.
    """
    row, route = asked.row, asked.answer["route"]
    chosen = [index["name"] for index in route["indexes"]]
    scores: dict[str, float] = {}
    if "action" in row:
        scores["route.action_accuracy"] = asked.answer["action"] == row["action"]
    right = []
    if indexes := row.get("indexes"):
        scores["route.index_accuracy"] = bool(chosen) and chosen[0] in indexes
        scores["route.index_covered"] = set(indexes) <= set(chosen)
        right.append(bool(set(indexes) & set(chosen)))
    if "tool" in row:
        scores["route.tool_accuracy"] = _called(row, calls(asked.answer))
        right.append(row["tool"] in route["tools"])
    if not right and "action" in row:
        right.append(asked.answer["action"] == row["action"])
    if right:
        scores["route.right"] = all(right)
    return {key: float(value) for key, value in scores.items()}


def _called(row: Labelled, made: list[Mapping[str, Any]]) -> bool:
    if not made or made[0]["name"] != row["tool"]:
        return False
    return all(made[0]["args"].get(name) == value for name, value in row.get("args", {}).items())


def page_score(asked: Asked) -> dict[str, float]:
    """Return whether a passage of a labelled document begins on a labelled page."""
    row = asked.row
    if "pages" not in row:
        return {}
    found = any(
        passage["document"] in row["documents"] and passage["location"].get("page") in row["pages"]
        for passage in asked.passages
    )
    return {f"search.page@{TOP}": float(found)}


async def answer_scores(asked: Asked, waypost: Waypost) -> dict[str, float]:
    """Return whether the answer cites, holds and refuses what it should, and quotes truly."""
    row, answer = asked.row, asked.answer
    scores: dict[str, float] = {}
    cited = [one for one in answer["citations"] if one["document"] in row.get("documents", ())]
    if row.get("documents"):
        scores["answer.cited"] = bool(cited)
    if "pages" in row:
        pages = row["pages"]
        scores["answer.cited_page"] = any(one["location"].get("page") in pages for one in cited)
    if "answer" in row:
        scores["answer.contains"] = _plain(row["answer"]) in _plain(answer["answer"])
    if row.get("action") == "abstain":
        scores["answer.refused"] = answer["action"] == "abstain"
    stand = [
        await waypost.registry.stands(
            one["index"], one["document"], one["text"], principal=principal_of(row)
        )
        for one in answer["citations"]
    ]
    if stand:
        scores["answer.citations_stand"] = all(stand)
    return {key: float(value) for key, value in scores.items()}


def _plain(text: str) -> str:
    return re.sub(r"[\s,，]", "", normalize(text))
