"""Figures of routing over all questions: classes, calibration, what may be answered at which risk."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from agent.evaluation.figures import mean, ratio, rounded
from agent.evaluation.types import (
    ClassFigures,
    Confusion,
    Labelled,
    Misroutes,
    ReliabilityBin,
    Result,
    RiskPoint,
)
from agent.routing.types import NONE
from agent.state import Answer

__all__ = [
    "class_figures",
    "confusion",
    "expected_calibration_error",
    "found_class",
    "labelled_classes",
    "misroutes",
    "reliability",
    "risk_coverage",
    "risk_coverage_area",
]

BINS = 10
Judged = Sequence[tuple[float, bool]]
"""Of each question the route's confidence, and whether the route was right."""


def labelled_classes(row: Labelled) -> list[str]:
    """Return the classes that a question may end in: its tool, its indexes, or "none".

    "none" is what is to be answered or refused without naming a tool or an index; a question that is to
    be asked back has no class.
    """
    if "tool" in row:
        return [row["tool"]]
    if row.get("indexes"):
        return row["indexes"]
    return [NONE] if row.get("action") in {"answer", "abstain"} else []


def found_class(answer: Answer) -> str:
    """Return the class that a question ended in: the first tool or index of its route.

    It is "none" if the route names nothing, or if what it named did not support an answer (`abstain`).
    """
    route = answer["route"]
    named = [*route["tools"], *(index["name"] for index in route["indexes"])]
    return named[0] if named and answer["action"] != "abstain" else NONE


def confusion(pairs: Iterable[tuple[Sequence[str], str]], order: Sequence[str]) -> Confusion:
    """Count labelled against found classes; of several labelled ones the found one counts, else the first.

    Args:
        pairs: the labelled classes and the found class of each question.
        order: all classes; those that do not occur are left out.
    """
    counted: dict[tuple[str, str], int] = {}
    for labelled, found in pairs:
        pair = (found if found in labelled else labelled[0], found)
        counted[pair] = counted.get(pair, 0) + 1
    seen = {name for pair in counted for name in pair}
    names = [name for name in order if name in seen]
    return {
        "classes": names,
        "counts": [[counted.get((row, column), 0) for column in names] for row in names],
    }


def class_figures(matrix: Confusion) -> dict[str, ClassFigures]:
    """Return precision, recall and F1 of each class of a confusion matrix."""
    figures: dict[str, ClassFigures] = {}
    for position, name in enumerate(matrix["classes"]):
        right = matrix["counts"][position][position]
        labelled = sum(matrix["counts"][position])
        found = sum(row[position] for row in matrix["counts"])
        figures[name] = {
            "questions": labelled,
            "precision": rounded(ratio(right, found)),
            "recall": rounded(ratio(right, labelled)),
            "f1": rounded(ratio(2 * right, labelled + found)),
        }
    return figures


def reliability(judged: Judged) -> list[ReliabilityBin]:
    """Return the bins of a reliability diagram: ten of equal width, without the empty ones."""
    inside: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in judged:
        number = min(BINS - 1, max(0, math.ceil(confidence * BINS) - 1))
        inside.setdefault(number, []).append((confidence, right))
    return [
        {
            "low": number / BINS,
            "high": (number + 1) / BINS,
            "questions": len(held),
            "confidence": round(sum(confidence for confidence, _ in held) / len(held), 4),
            "right": round(sum(right for _, right in held) / len(held), 4),
        }
        for number, held in sorted(inside.items())
    ]


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float | None:
    """Return the mean distance of confidence and share of right routes, by the bins' questions.

    Source: Guo et al., "On calibration of modern neural networks", 2017.
    """
    total = sum(one["questions"] for one in bins)
    apart = sum(one["questions"] * abs(one["confidence"] - one["right"]) for one in bins)
    return ratio(apart, total)


def risk_coverage(judged: Judged) -> list[RiskPoint]:
    """Return the share routed wrong if only routes of at least some confidence were followed.

    Source: El-Yaniv and Wiener, "On the foundations of noise-free selective classification", 2010.
    """
    points: list[RiskPoint] = []
    ordered = sorted(judged, key=lambda one: -one[0])
    wrong = 0
    for number, (confidence, right) in enumerate(ordered, 1):
        wrong += not right
        if number < len(ordered) and ordered[number][0] == confidence:
            continue  # equal confidences are followed together or not at all
        points.append(
            {
                "confidence": confidence,
                "coverage": round(number / len(ordered), 4),
                "risk": round(wrong / number, 4),
            }
        )
    return points


def risk_coverage_area(points: Sequence[RiskPoint]) -> float | None:
    """Return the mean risk over all coverages: 0 if all is right, lower if what is wrong is unsure."""
    before, area = 0.0, 0.0
    for point in points:
        area += (point["coverage"] - before) * point["risk"]
        before = point["coverage"]
    return area if points else None


def misroutes(results: Iterable[Result], found: str, cited: str) -> Misroutes:
    """Return how much evidence was found and cited of what was routed right, and of what was not.

    Args:
        results: the questions; those without labelled documents are passed over.
        found: the score that says that evidence was found.
        cited: the score that says that it was cited.
    """
    labelled = [one for one in results if found in one["scores"] and one["right"] is not None]

    def shares(right: bool) -> dict[str, float | None]:
        of = [one["scores"] for one in labelled if one["right"] is right]
        return {
            "questions": float(len(of)),
            "found": rounded(mean([scores[found] for scores in of])),
            "cited": rounded(mean([scores[cited] for scores in of])),
        }

    return {"right": shares(True), "wrong": shares(False)}
