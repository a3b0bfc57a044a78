"""How sure the router must be to decide alone, so that with a chat model for the rest enough is right.

Accuracy counts what the model is asked about as right: the model's own mistakes come on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from agent.errors import UsageError
from agent.routing import Route

if TYPE_CHECKING:
    from agent.app import Waypost
    from agent.evaluation import Labelled

__all__ = [
    "TARGETS",
    "Level",
    "Outcome",
    "Tuning",
    "is_right",
    "questions_needed",
    "threshold_for",
    "tune_threshold",
]

TARGETS = (0.9, 0.95, 0.98, 0.99)
MARGIN = 0.01  # measured on CLINC150: a threshold undershoots on new questions by about a point
RESAMPLES = 1000
SEED = 0
ENOUGH = 3  # n questions without a mistake leave up to 3/n mistakes likely (the rule of three)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """How one labelled question was routed without a chat model.

    Args:
        confidence: the route's.
        right: whether it is right.
        final: whether a rule decided, so that no model is asked however high the threshold.
        lost: whether nothing decided, so that a model is asked however low the threshold.
    """

    confidence: float
    right: bool
    final: bool = False
    lost: bool = False


class Level(TypedDict):
    """What reaching a target takes.

    `threshold` is None where even asking the model about all that it can be asked is not enough;
    `escalated` and `accuracy` then are those of doing so. The intervals are of 95%: that of the
    accuracy is on questions that the threshold was not picked on. `enough` is whether there are
    as many questions as it takes to tell the target from a better accuracy.
    """

    target: float
    goal: float
    threshold: float | None
    threshold_interval: list[float]
    escalated: float
    escalated_interval: list[float]
    accuracy: float
    accuracy_interval: list[float]
    enough: bool


class Tuning(TypedDict):
    """What labelled questions say about the threshold; `accuracy` is without any model."""

    questions: int
    skipped: int
    accuracy: float
    levels: list[Level]
    warnings: list[str]


def threshold_for(outcomes: Sequence[Outcome], target: float, *, margin: float = MARGIN) -> Level:
    """Return the lowest threshold with which enough is right, and how far that can be trusted.

    Args:
        outcomes: of the labelled questions, at least one.
        target: the share that must be right, a question that a model is asked about counting so.
        margin: how much higher to aim, as a picked threshold does worse on new questions.

    Source: the intervals are percentiles of the bootstrap (Efron, 1979), those of the accuracy on
    the questions that a resample left out.
    """
    goal = min(target + margin, 1.0)
    confidence = np.array([-1.0 if one.lost else one.confidence for one in outcomes])
    right = np.array([one.right for one in outcomes])
    final = np.array([one.final for one in outcomes]) | (confidence >= 1.0)
    threshold, reached = _pick(confidence, right, final, goal)
    asked = ~final & (confidence < threshold)
    random = np.random.default_rng(SEED)
    count = len(outcomes)
    picked, shares, accuracies = [], [], []
    for _ in range(RESAMPLES):
        drawn = random.integers(count, size=count)
        one, _ = _pick(confidence[drawn], right[drawn], final[drawn], goal)
        picked.append(one)
        sent = ~final & (confidence < one)
        shares.append(float(sent.mean()))
        left = np.ones(count, dtype=bool)
        left[drawn] = False
        if left.any():
            accuracies.append(float((right | sent)[left].mean()))
    accuracy = float((right | asked).mean())
    return {
        "target": target,
        "goal": round(goal, 4),
        "threshold": threshold if reached else None,
        "threshold_interval": _interval(picked),
        "escalated": round(float(asked.mean()), 4),
        "escalated_interval": _interval(shares),
        "accuracy": round(accuracy, 4),
        "accuracy_interval": _interval(accuracies or [accuracy]),
        "enough": count >= questions_needed(target),
    }


def _pick(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    final: NDArray[np.bool_],
    goal: float,
) -> tuple[float, bool]:
    """Return the lowest threshold that reaches the goal, and whether one does (else the highest)."""
    allowed = math.floor((1 - goal) * len(right) + 1e-9)  # mistakes that may be kept
    kept = ~right & (confidence >= 0)  # without a threshold
    mistakes = np.sort(confidence[kept & ~final])  # that a model can mend
    excess = int(kept.sum()) - allowed
    if excess <= 0:
        return 0.0, True
    if excess > len(mistakes):
        return 1.0, False
    highest = mistakes[excess - 1]  # must be below the threshold, and with it all that are as sure
    above = confidence[~final & (confidence > highest)]
    following = float(above.min()) if len(above) else 1.0
    middle = round((float(highest) + following) / 2, 4)
    return (middle if middle > highest else following), True


def _interval(values: Sequence[float]) -> list[float]:
    return [round(float(value), 4) for value in np.percentile(values, [2.5, 97.5])]


def questions_needed(target: float) -> int:
    """Return how many questions it takes to tell a target from a better accuracy."""
    return math.ceil(ENOUGH / max(1 - target, 1e-3) - 1e-6)


def is_right(row: Labelled, route: Route) -> bool | None:
    """Say whether a question was routed as its labels say; None where they do not tell.

    Labels are of the outcome: `abstain` alone fits a search that finds nothing as well as no search;
    `"indexes": []` says that no index covers the question. `clarify` fits a tool whose arguments
    the question leaves open.
    """
    if row.get("tool"):
        return route["tools"][:1] == [row["tool"]]
    if row.get("indexes"):
        first = [index["name"] for index in route["indexes"][:1]]
        return not route["tools"] and bool(set(first) & set(row["indexes"]))
    if "indexes" in row and row.get("action", "answer") in {"abstain", "answer"}:
        return route["action"] == "answer"
    action = row.get("action")
    if action is None or action == "abstain":
        return None
    return route["action"] in ({"clarify", "act"} if action == "clarify" else {action})


async def tune_threshold(
    waypost: Waypost,
    questions: Iterable[Labelled],
    targets: Sequence[float] = TARGETS,
    progress: Progress | None = None,
) -> Tuning:
    """Route labelled questions with the project's router, and find the threshold for each target.

    Args:
        waypost: the opened project, without a chat model for its router.
        questions: the labelled questions; follow-ups, and those whose labels do not tell what a
            right route is, are skipped.
        targets: shares of right routes.
        progress: told (what is being done, done, of how many).

    Raises:
        UsageError: a question is empty or too long, or all are skipped.
    """
    from agent.evaluation.scores import principal_of

    rows = list(questions)
    alone = [row for row in rows if not row.get("after")]
    outcomes = []
    for number, row in enumerate(alone, 1):
        route = await waypost.route(row["question"], principal=principal_of(row))
        right = is_right(row, route)
        if right is not None:
            decided = route["decided_by"]
            outcomes.append(
                Outcome(
                    route["confidence"], right, final=decided == "rule", lost=decided == "fallback"
                )
            )
        if progress is not None:
            progress("routing", number, len(alone))
    if not outcomes:
        raise UsageError(
            f"None of the {len(rows)} questions tells what its right route is.",
            fix='label them with `tool`, `indexes` ("indexes": [] where none covers it) or `action`.',
        )
    levels = [threshold_for(outcomes, target) for target in targets]
    return {
        "questions": len(outcomes),
        "skipped": len(rows) - len(outcomes),
        "accuracy": round(sum(one.right for one in outcomes) / len(outcomes), 4),
        "levels": levels,
        "warnings": _warnings(len(rows), len(alone), len(outcomes), levels),
    }


def _warnings(rows: int, alone: int, used: int, levels: Sequence[Level]) -> list[str]:
    found = []
    if rows > alone:
        found.append(
            f"{rows - alone} follow-ups were skipped: they are routed by what came before."
        )
    if alone > used:
        found.append(
            f"{alone - used} questions were skipped: their labels do not tell the right route"
            ' (a refusal needs "indexes": [] if no index covers it).'
        )
    found += [
        f"{used} questions are too few for {level['target'] * 100:g}%: take {questions_needed(level['target'])}."
        for level in levels
        if not level["enough"]
    ]
    found += [
        f"{level['target'] * 100:g}% cannot be reached: rules, or routes of full confidence, are wrong."
        for level in levels
        if level["threshold"] is None
    ]
    return found
