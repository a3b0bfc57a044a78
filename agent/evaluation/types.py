"""Labelled questions, and what an evaluation reports: plain data, as it is written to JSON."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.state import Usage

__all__ = [
    "Change",
    "ClassFigures",
    "Comparison",
    "Confusion",
    "Earlier",
    "EarlierResult",
    "Interval",
    "Labelled",
    "Misroutes",
    "ReliabilityBin",
    "Report",
    "Result",
    "RiskPoint",
]


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


class Interval(TypedDict):
    """How many questions a share is over, and Wilson's interval of 95% around it."""

    questions: int
    low: float
    high: float


class ClassFigures(TypedDict):
    """How well one class is told from the others; `questions` are those labelled with it."""

    questions: int
    precision: float | None
    recall: float | None
    f1: float | None


class Confusion(TypedDict):
    """Numbers of questions: a row for each labelled class, a column for each class found."""

    classes: list[str]
    counts: list[list[int]]


class ReliabilityBin(TypedDict):
    """Routes whose confidence lies in (low, high]: their mean confidence, and the share that is right."""

    low: float
    high: float
    questions: int
    confidence: float
    right: float


class RiskPoint(TypedDict):
    """The share of questions with at least this confidence, and the share of them routed wrong."""

    confidence: float
    coverage: float
    risk: float


class Misroutes(TypedDict):
    """Of the questions with labelled documents: how many have evidence found and cited.

    Once for those routed right and once for those routed wrong; None where there are none.
    """

    right: dict[str, float | None]
    wrong: dict[str, float | None]


class Got(TypedDict):
    """What came out of a question; `tools` are calls, `documents` those found, `cited` those quoted."""

    action: str
    indexes: list[str]
    tools: list[dict[str, Any]]
    documents: list[str]
    cited: list[dict[str, Any]]
    answer: str


class Result(TypedDict):
    """One question: its labels, what came out, and its value for every figure it is labelled for.

    `right` says whether it was routed right; None where no label tells. `timings_ms` are those of the
    graph's nodes and, as `total`, the turn's; `usage` is what the chat models took.
    """

    id: str
    question: str
    expected: dict[str, Any]
    got: Got
    right: bool | None
    confidence: float
    decided_by: str
    reason: str
    scores: dict[str, float]
    timings_ms: dict[str, float]
    usage: Usage


class Report(TypedDict):
    """What an evaluation found; docs/evaluation.md says what each figure means.

    The figures of `route`, `search` and `answer` are shares from 0 to 1, those of `latency`
    milliseconds; None where no question is labelled for them. `misses` holds the ids of the questions
    that a figure counts with 0, `unknown_documents` the labelled documents that were missed because
    the store has none of that name that the asking user may see.
    """

    questions: int
    route: dict[str, float | None]
    search: dict[str, float | None]
    answer: dict[str, float | None]
    latency: dict[str, float | None]
    intervals: dict[str, Interval]
    classes: dict[str, ClassFigures]
    confusion: Confusion
    reliability: list[ReliabilityBin]
    risk_coverage: list[RiskPoint]
    misroutes: Misroutes
    decided_by: dict[str, int]
    misses: dict[str, list[str]]
    unknown_documents: list[str]
    results: list[Result]


class EarlierResult(TypedDict):
    """What a comparison reads of a question's earlier result; older versions wrote less of it."""

    id: str
    question: str
    scores: dict[str, float]
    expected: NotRequired[dict[str, Any]]
    got: NotRequired[dict[str, Any]]
    reason: NotRequired[str]
    timings_ms: NotRequired[dict[str, float]]
    usage: NotRequired[Usage]


class Earlier(TypedDict):
    """What a comparison reads of an earlier report, which another version may have written."""

    route: dict[str, float | None]
    search: dict[str, float | None]
    answer: dict[str, float | None]
    latency: dict[str, float | None]
    results: list[EarlierResult]


class Change(TypedDict):
    """A figure in two reports; `difference` is None where either has no value."""

    old: float | None
    new: float | None
    difference: float | None


class Comparison(TypedDict):
    """Two reports: their figures, and the questions of both that a figure judges otherwise now."""

    shared: int
    figures: dict[str, Change]
    became_right: dict[str, list[str]]
    became_wrong: dict[str, list[str]]
