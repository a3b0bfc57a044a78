from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageError
from agent.evaluation import FIGURES, compare, flat, read_report
from agent.evaluation.figures import mean, percentile, ratio, wilson
from agent.evaluation.keys import LOWER, SHARES
from agent.evaluation.retrieval import retrieval_scores
from agent.evaluation.routing import (
    class_figures,
    confusion,
    expected_calibration_error,
    labelled_classes,
    misroutes,
    reliability,
    risk_coverage,
    risk_coverage_area,
)
from agent.evaluation.words import changed, shown
from prompts import texts


def test_nothing_has_no_figures() -> None:
    """Every figure is None of nothing, never 0 and never an error."""
    assert (mean([]), ratio(0, 0), percentile([], 0.5)) == (None, None, None)
    assert expected_calibration_error(reliability([])) is None
    assert risk_coverage_area(risk_coverage([])) is None
    assert class_figures(confusion([], ["a", "none"])) == {}
    assert retrieval_scores([]) == []
    assert misroutes([], "f", "c")["wrong"] == {"questions": 0.0, "found": None, "cited": None}


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (8, 10, 0.4902, 0.9433),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilson(right: int, total: int, low: float, high: float) -> None:
    """The intervals are those of the literature's tables."""
    assert wilson(right, total) == {"questions": total, "low": low, "high": high}


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.2, 1), (0.5, 3), (0.8, 4), (0.95, 5), (1.0, 5)]
)
def test_percentile(share: float, value: float) -> None:
    """A percentile is a value that was measured."""
    assert percentile([5, 1, 4, 2, 3], share) == value


@pytest.mark.parametrize(
    ("row", "classes"),
    [
        ({"action": "act", "tool": "t", "indexes": ["a"]}, ["t"]),
        ({"action": "search", "indexes": ["a", "b"]}, ["a", "b"]),
        ({"action": "abstain", "indexes": ["a"]}, ["a"]),
        ({"action": "abstain", "indexes": []}, ["none"]),
        ({"action": "answer"}, ["none"]),
        ({"action": "clarify"}, []),
        ({"action": "search"}, []),
        ({}, []),
    ],
)
def test_labelled_classes(row: Any, classes: list[str]) -> None:
    """What a question should end in follows from its labels alone."""
    assert labelled_classes(row) == classes


def test_confusion_and_classes() -> None:
    """Of several labelled indexes the one found counts; a class that is only found has no recall."""
    pairs = [
        (["a", "b"], "b"),
        (["a", "b"], "c"),
        (["a"], "a"),
        (["none"], "none"),
        (["none"], "a"),
    ]
    matrix = confusion(pairs, ["a", "b", "c", "d", "none"])
    assert matrix == {
        "classes": ["a", "b", "c", "none"],
        "counts": [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]],
    }
    figures = class_figures(matrix)
    assert figures["a"] == {"questions": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert figures["c"] == {"questions": 0, "precision": 0.0, "recall": None, "f1": 0.0}
    assert figures["none"] == {"questions": 2, "precision": 1.0, "recall": 0.5, "f1": 0.6667}


def test_calibration() -> None:
    """The error weighs each bin by its questions; 1.0 and 0.0 fall into the outer bins."""
    bins = reliability([(1.0, True), (0.95, False), (0.6, True), (0.0, False)])
    assert [(one["low"], one["questions"], one["right"]) for one in bins] == [
        (0.0, 1, 0.0), (0.5, 1, 1.0), (0.9, 2, 0.5)
    ]  # fmt: skip
    assert expected_calibration_error(bins) == pytest.approx((0 + 0.4 + 2 * 0.475) / 4)


def test_risk_and_coverage() -> None:
    """Equal confidences are followed together, so the order of the questions changes nothing."""
    judged = [(0.9, True), (0.5, False), (0.5, True), (0.2, False)]
    points = risk_coverage(judged)
    assert points == risk_coverage(judged[::-1])
    assert [(point["coverage"], point["risk"]) for point in points] == [
        (0.25, 0.0), (0.75, 0.3333), (1.0, 0.5)
    ]  # fmt: skip
    assert risk_coverage_area(points) == pytest.approx(0.5 * 0.3333 + 0.25 * 0.5)


def test_retrieval() -> None:
    """Documents rank as their first passages do, and only five passages count."""

    def found(*names: str) -> list[Any]:
        return [{"document": name} for name in names]

    scores = retrieval_scores(
        [
            (["a"], found("x", "x", "a", "a")),
            (["a", "b"], found("b")),
            (["a"], found("v", "w", "x", "y", "z", "a")),
            (["a"], []),
            ([], found("a")),
        ]
    )
    order = ("search.document@5", "search.recall@5", "search.mrr", "search.ndcg@5")
    assert [[round(one[key], 4) for key in order] for one in scores[:4]] == [
        [1, 1, 0.5, 0.6309], [1, 0.5, 1, 0.6131], [0, 0, 0, 0], [0, 0, 0, 0]
    ]  # fmt: skip
    assert scores[4] == {}
    assert retrieval_scores([(["a"], [])]) == [dict.fromkeys(order, 0.0)]


def test_misroutes() -> None:
    """Evidence is counted apart for what was routed right and wrong."""
    rows: list[Any] = [
        {"right": True, "scores": {"f": 1.0, "c": 1.0}},
        {"right": True, "scores": {"f": 1.0, "c": 0.0}},
        {"right": False, "scores": {"f": 0.0, "c": 0.0}},
        {"right": False, "scores": {}},
        {"right": None, "scores": {"f": 1.0, "c": 1.0}},
    ]
    assert misroutes(rows, "f", "c") == {
        "right": {"questions": 2.0, "found": 1.0, "cited": 0.5},
        "wrong": {"questions": 1.0, "found": 0.0, "cited": 0.0},
    }


def report(scores: dict[str, dict[str, float]], right: float) -> Any:
    """Return what a comparison reads of a report."""
    results = [{"id": id_, "question": id_, "scores": one} for id_, one in scores.items()]
    groups = {"search": {}, "answer": {}, "latency": {"total_p50": 80.0}}
    return {"route": {"right": right, "ece": None}, **groups, "results": results}


def test_comparison() -> None:
    """Figures are subtracted where both have one; questions are compared where both asked them."""
    old = report({"a": {"route.right": 1}, "b": {"route.right": 0}, "c": {"route.right": 0}}, 0.33)
    new = report({"a": {"route.right": 0}, "b": {"route.right": 1}, "d": {"route.right": 0}}, 0.3)
    found = compare(old, new)
    assert found["shared"] == 2
    assert found["figures"]["route.right"] == {"old": 0.33, "new": 0.3, "difference": -0.03}
    assert found["figures"]["route.ece"]["difference"] is None
    assert (found["became_right"], found["became_wrong"]) == (
        {"route.right": ["b"]}, {"route.right": ["a"]}
    )  # fmt: skip


@pytest.mark.parametrize("content", [None, "{", "[]", '{"questions": 1}'])
def test_no_report(tmp_path: Path, content: str | None) -> None:
    """What is no report of `waypost eval --json` is refused, with how to make one."""
    path = tmp_path / "previous.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"previous\.json.*--json"):
        read_report(path)


@pytest.mark.parametrize(
    ("key", "difference", "said"),
    [
        ("route.right", 0.05, ("+5.0", "better")),
        ("route.right", -0.05, ("-5.0", "worse")),
        ("route.ece", -0.05, ("-5.0", "better")),
        ("latency.total_p50", 1234.56, ("+1,234.6", "worse")),
        ("route.right", 0.0, ("=", "")),
        ("route.right", None, ("–", "")),
    ],
)
def test_differences(key: str, difference: float | None, said: tuple[str, str]) -> None:
    """A difference says whether it is for the better, which for some figures is down."""
    assert changed(key, difference) == said


def test_every_figure_has_its_words() -> None:
    """Each figure is named in both languages, and the names of keys hold together."""
    chinese, english = texts("evaluation", "zh"), texts("evaluation", "en")
    assert set(chinese) == set(english)
    assert set(chinese["labels"]) == set(english["labels"]) == set(FIGURES)
    assert set(SHARES) | LOWER <= set(FIGURES)
    assert len(set(FIGURES)) == len(FIGURES)
    assert flat(report({}, 0.5))["route.right"] == 0.5
    assert (shown("route.right", None), shown("latency.total_p50", 5.0)) == ("–", "5.0")
