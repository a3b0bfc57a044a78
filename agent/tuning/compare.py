"""Two models in a role, or two reports, on the same questions: what differs, and whether that is chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from typing_extensions import TypedDict

from agent.errors import UsageError
from agent.evaluation import Earlier, Report
from agent.evaluation.types import EarlierResult, Result
from agent.tuning.paired import (
    LEVEL,
    holm,
    mcnemar,
    mean_interval,
    permutation,
    questions_for_mean,
    questions_for_shares,
    share_interval,
)

__all__ = [
    "CHANGED",
    "TASKS",
    "Compared",
    "Row",
    "compared",
]

TASKS: dict[str, tuple[str, ...]] = {
    "route": ("route.right", "route.action_accuracy", "route.index_accuracy"),
    "tools": ("tools.named", "route.tool_accuracy"),
    "retrieval": ("search.document@5", "search.page@5"),
    "answers": (
        "answer.cited", "answer.cited_page", "answer.contains", "answer.refused",
        "answer.citations_stand",
    ),
    "cost": ("cost.calls", "cost.tokens", "cost.money"),
    "latency": ("latency.total", "latency.route"),
}  # fmt: skip
MEANS = {key for task in ("cost", "latency") for key in TASKS[task]}
"""Those that are means, of which less is better; all others are shares of questions."""
CHANGED = 20  # questions that are named of each figure
FAILED = ("the model stage failed", "the tuned model stage failed")  # as a route says it


class Row(TypedDict):
    """One figure of both, over the questions that both have a value for.

    `a` and `b` are shares or means, `difference` is b less a, with its 95% interval; `p` is that of the
    paired test, `p_holm` with all figures of the comparison allowed for. `better` is "a" or "b" where a
    difference is shown; else `needed` is how many questions it would take to show one of this size.
    """

    task: str
    figure: str
    questions: int
    a: float
    b: float
    difference: float
    interval: list[float]
    p: float
    p_holm: float
    better: Literal["a", "b"] | None
    needed: int | None


class Compared(TypedDict):
    """Two arms on their shared questions; `gained` and `lost` are ids that b alone, or a alone, has right.

    `failed` is on how many questions the router's model gave no usable reply, of a and of b.
    """

    a: str
    b: str
    role: str | None
    questions: int
    rows: list[Row]
    gained: dict[str, list[str]]
    lost: dict[str, list[str]]
    failed: list[int]


def compared(
    a: Report | Earlier,
    b: Report | Earlier,
    *,
    names: tuple[str, str],
    role: str | None = None,
) -> Compared:
    """Compare two reports question by question; those with the same id and text are paired.

    Latencies leave the first question out: it loads the models. A tested figure is one that any
    question of both has a value for.

    Args:
        a: the first, such as what serves now.
        b: the second.
        names: of both, for the reader.
        role: that was exchanged, if one was.

    Raises:
        UsageError: they share no question.
    """
    second = {(one["id"], one["question"]): one for one in b["results"]}
    pairs: list[tuple[_One, _One]] = [
        (one, second[one["id"], one["question"]])
        for one in a["results"]
        if (one["id"], one["question"]) in second
    ]
    if not pairs:
        raise UsageError(
            "They have no question in common.", fix="compare reports of the same questions."
        )
    rows: list[Row] = []
    gained: dict[str, list[str]] = {}
    lost: dict[str, list[str]] = {}
    for task, keys in TASKS.items():
        for key in keys:
            values = _values(pairs, key)
            if not values or (task == "cost" and not any(one or other for _, one, other in values)):
                continue  # nothing is labelled for it, or nothing costs anything
            rows.append(_mean_row(task, key, values) if key in MEANS else _row(task, key, values))
            if key not in MEANS:
                if turned := [id_ for id_, one, other in values if one < other]:
                    gained[key] = turned
                if turned := [id_ for id_, one, other in values if one > other]:
                    lost[key] = turned
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = round(corrected, 4)
        if corrected < LEVEL:
            row["better"] = _better(row)
            row["needed"] = None
    return {
        "a": names[0],
        "b": names[1],
        "role": role,
        "questions": len(pairs),
        "rows": rows,
        "gained": gained,
        "lost": lost,
        "failed": [
            sum(_has_failed(pair[side].get("reason", "")) for pair in pairs) for side in (0, 1)
        ],
    }


_One = Result | EarlierResult
_Values = list[tuple[str, float, float]]


def _has_failed(reason: str) -> bool:
    return any(one in reason for one in FAILED)


def _better(row: Row) -> Literal["a", "b"]:
    more_is_b = row["difference"] > 0
    return "b" if more_is_b != (row["figure"] in MEANS) else "a"


def _values(pairs: Sequence[tuple[_One, _One]], key: str) -> _Values:
    """Return id and both values of the questions that have both."""
    found = [
        (one["id"], _value(one, key), _value(other, key))
        for one, other in (pairs[1:] if key.startswith("latency.") else pairs)
    ]
    return [(id_, one, other) for id_, one, other in found if one is not None and other is not None]


def _value(result: _One, key: str) -> float | None:
    group, _, name = key.partition(".")
    if group == "latency":
        return result.get("timings_ms", {}).get(name)
    if group == "cost":
        return _cost(result, name)
    if key == "tools.named":
        expected: dict[str, Any] = result.get("expected", {})
        made = result.get("got", {}).get("tools", [])
        return (
            float(made[:1] != [] and made[0]["name"] == expected["tool"])
            if "tool" in expected
            else None
        )
    return result["scores"].get(key)


def _cost(result: _One, name: str) -> float | None:
    usage = result.get("usage")
    if usage is None:
        return None
    if name == "tokens":
        return float(usage["input_tokens"] + usage["output_tokens"])
    if name == "calls":
        return float(usage["model_calls"])
    # a turn that asked no model cost nothing; one whose model has no price cost nobody knows what
    return usage.get("cost", 0.0 if not usage["model_calls"] else None)


def _row(task: str, key: str, values: _Values) -> Row:
    total = len(values)
    gained = sum(one < other for _, one, other in values)
    lost = sum(one > other for _, one, other in values)
    found = _means(task, key, values)
    found["interval"] = [round(end, 4) for end in share_interval(gained, lost, total)]
    found["p"] = round(mcnemar(gained, lost), 6)
    found["needed"] = questions_for_shares(gained, lost, total)
    return found


def _mean_row(task: str, key: str, values: _Values) -> Row:
    differences = [other - one for _, one, other in values]
    found = _means(task, key, values)
    found["interval"] = [round(end, 6) for end in mean_interval(differences)]
    found["p"] = round(permutation(differences), 6)
    found["needed"] = questions_for_mean(differences)
    return found


def _means(task: str, key: str, values: _Values) -> Row:
    total = len(values)
    a, b = sum(one for _, one, _ in values) / total, sum(other for _, _, other in values) / total
    return {
        "task": task,
        "figure": key,
        "questions": total,
        "a": round(a, 6),
        "b": round(b, 6),
        "difference": round(b - a, 6),
        "interval": [0.0, 0.0],
        "p": 1.0,
        "p_holm": 1.0,
        "better": None,
        "needed": None,
    }
