"""What is done with a question, by what the possible mistakes cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.routing.types import NONE, Action, Asked, Candidate, DecidedBy, Route
from agent.settings import Costs

__all__ = ["FAN_OUT", "Choice", "cheapest", "likely_tools", "make_route"]

FAN_OUT = 3  # indexes that are searched side by side at the most
COMPLETE = 0.55  # how much like a call a question is that names every argument


@dataclass(frozen=True)
class Choice:
    """Something to be done: what, with which targets, its expected cost, and how sure it is right."""

    action: Action
    targets: tuple[str, ...]
    cost: float
    sure: float


def cheapest(asked: Asked, calls: dict[str, float], costs: Costs) -> Choice:
    """Return what costs least in expectation.

    Args:
        asked: the question, with probabilities.
        calls: how much it looks like a call of each tool that has required arguments, 0 to 1.
        costs: what mistakes cost.
    """
    chances = asked.probabilities
    none = chances.get(NONE, 0.0)
    indexes = sorted(asked.names("index"), key=lambda name: -chances[name])
    choices = [Choice("clarify", (), costs.ask, 0.0)]
    for count in range(1, min(FAN_OUT, len(indexes)) + 1):
        chosen = tuple(indexes[:count])
        sure = sum(chances[name] for name in chosen)
        cost = (1 - none - sure) + none * costs.needless + count * costs.search
        choices.append(Choice("search", chosen, cost, sure))
    for name in asked.names("tool"):
        wrong = costs.act * (1 if calls.get(name, 1.0) >= COMPLETE else 2)
        cost = (1 - chances[name]) * wrong
        choices.append(Choice("act", (name,), cost, chances[name]))
    for name in asked.names("talk"):
        cost = (1 - chances[name]) * costs.talk
        choices.append(Choice("answer", (name,), cost, chances[name]))
    talk = sum(chances[name] for name in asked.names("talk"))  # declining it loses nobody an answer
    cost = (1 - none - talk) * costs.decline + talk * costs.needless
    choices.append(Choice("answer", (), cost, none))
    return min(choices, key=lambda choice: choice.cost)


def likely_tools(asked: Asked) -> tuple[str, ...]:
    """Return the tools that the principal may use, likeliest first."""
    return tuple(sorted(asked.names("tool"), key=lambda name: -asked.probabilities.get(name, 0.0)))


def make_route(
    asked: Asked,
    action: Action,
    indexes: Sequence[str],
    tools: Sequence[str],
    sure: float,
    reason: str,
    decided_by: DecidedBy,
) -> Route:
    """Return a route with its candidates, from the probabilities of a question."""
    chances = asked.probabilities
    names = [*asked.names("index"), NONE]
    total = sum(chances.get(name, 0.0) for name in names)
    candidates: list[Candidate] = sorted(
        (
            {
                "name": name,
                "confidence": round(
                    chances.get(name, 0.0) / total if total else 1.0 / len(names), 4
                ),
            }
            for name in names
        ),
        key=lambda candidate: -candidate["confidence"],
    )
    shown = {one["name"]: one["confidence"] for one in candidates}
    return {
        "question": asked.text,
        "action": action,
        "indexes": [
            {"name": name, "confidence": round(chances.get(name, shown[name]), 4)}
            for name in indexes
        ],
        "tools": list(tools),
        "candidates": candidates,
        "confidence": round(min(max(sure, 0.0), 1.0), 4),
        "reason": reason,
        "decided_by": decided_by,
    }
