"""Asking labelled questions and measuring what comes back."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from agent.app import Waypost
from agent.evaluation.figures import mean, percentile, ratio, rounded, wilson
from agent.evaluation.keys import FIGURES, SHARES, TOP
from agent.evaluation.retrieval import retrieval_scores
from agent.evaluation.routing import (
    class_figures,
    confusion,
    expected_calibration_error,
    found_class,
    labelled_classes,
    misroutes,
    reliability,
    risk_coverage,
    risk_coverage_area,
)
from agent.evaluation.scores import (
    Asked,
    answer_scores,
    calls,
    page_score,
    principal_of,
    route_scores,
)
from agent.evaluation.types import Got, Interval, Labelled, Misroutes, Report, Result
from agent.routing.types import NONE
from agent.traces import untraced
from indexes import Passage

__all__ = ["evaluate"]

LABELS = ("action", "indexes", "tool", "args", "documents", "pages", "answer")
Told = Callable[[str, int, int], None]


async def evaluate(
    waypost: Waypost, questions: Iterable[Labelled], progress: Told | None = None
) -> Report:
    """Ask every question and compare with its labels.

    Tools are really run, except those that wait for an approval, which is not given.

    Args:
        waypost: the opened project; with `persistent=False` nothing is added to its threads.
        questions: the labelled questions; each is asked on a thread of its own, after its `after`.
        progress: told (what is being done, done, of how many).

    Raises:
        ConfigurationError: the metrics library is needed and not installed.
    """
    rows = list(questions)
    await waypost.router()  # fitting it is no question's time
    asked = []
    with untraced():  # what is learned from traces must not be what it is measured on
        for number, row in enumerate(rows):
            if progress is not None:
                progress("questions", number, len(rows))
            asked.append(await _ask(waypost, row))
    if progress is not None:
        progress("questions", len(rows), len(rows))
    found = retrieval_scores([(one.row.get("documents", ()), one.passages) for one in asked])
    results = [
        _result(one, {**scores, **await answer_scores(one, waypost)})
        for one, scores in zip(asked, found, strict=True)
    ]
    names = [*waypost.registry.indexes, *waypost.tools, NONE]
    return _report(asked, results, names, await _unknown_documents(waypost, asked, results))


async def _unknown_documents(
    waypost: Waypost, asked: Sequence[Asked], results: Sequence[Result]
) -> list[str]:
    """Return the missed documents that could not be found: a label may be mistyped."""
    unknown: set[str] = set()
    for one, result in zip(asked, results, strict=True):
        if result["scores"].get(f"search.document@{TOP}") == 0:
            named = one.row["documents"]
            found = await waypost.registry.documents(
                principal=principal_of(one.row), where={"document": named}
            )
            unknown |= set(named) - {document["document"] for document in found}
    return sorted(unknown)


async def _ask(waypost: Waypost, row: Labelled) -> Asked:
    from langgraph.checkpoint.memory import InMemorySaver

    # The thread of a project that keeps none: it lives for this question alone.
    waypost.graph.checkpointer = InMemorySaver()
    thread, principal = uuid.uuid4().hex, principal_of(row)
    passages: list[Passage] = []
    try:
        for earlier in row.get("after", ()):
            await waypost.ask(earlier, principal=principal, thread=thread)
        async for event in waypost.stream(row["question"], principal=principal, thread=thread):
            if event["type"] == "passages":
                passages = event["passages"][:TOP]
            elif event["type"] == "answer":
                answer = event["answer"]
    finally:
        waypost.graph.checkpointer = None
    return Asked(row, answer, passages)


def _result(asked: Asked, scores: Mapping[str, float]) -> Result:
    row, answer = asked.row, asked.answer
    route = answer["route"]
    all_scores = {**route_scores(asked), **page_score(asked), **scores}
    right = all_scores.get("route.right")
    return {
        "id": row["id"],
        "question": row["question"],
        "expected": {key: value for key, value in row.items() if key in LABELS},
        "got": _got(asked),
        "right": None if right is None else bool(right),
        "confidence": route["confidence"],
        "decided_by": route["decided_by"],
        "reason": route["reason"],
        "scores": {key: round(value, 4) for key, value in all_scores.items()},
        "timings_ms": dict(answer["timings_ms"]),
        "usage": answer["usage"],
    }


def _got(asked: Asked) -> Got:
    answer = asked.answer
    return {
        "action": answer["action"],
        "indexes": [index["name"] for index in answer["route"]["indexes"]],
        "tools": [{"name": call["name"], "args": call["args"]} for call in calls(answer)],
        "documents": list(dict.fromkeys(passage["document"] for passage in asked.passages)),
        "cited": [
            {"document": one["document"], "location": one["location"]}
            for one in answer["citations"]
        ],
        "answer": answer["answer"],
    }


def _report(
    asked: Sequence[Asked], results: list[Result], names: Sequence[str], unknown: list[str]
) -> Report:
    pairs = [(labelled_classes(one.row), found_class(one.answer)) for one in asked]
    matrix = confusion([(labelled, found) for labelled, found in pairs if labelled], names)
    judged = [(one["confidence"], one["right"]) for one in results if one["right"] is not None]
    bins, curve = reliability(judged), risk_coverage(judged)
    classes = class_figures(matrix)
    evidence = misroutes(results, f"search.document@{TOP}", "answer.cited")
    decided = Counter(one["decided_by"] for one in results)
    none = classes.get(NONE)
    total = [one.answer["timings_ms"]["total"] for one in asked]
    routing = [
        one.answer["timings_ms"]["route"] for one in asked if "route" in one.answer["timings_ms"]
    ]
    values: dict[str, float | None] = {
        **{key: mean(_scores(results, key)) for key in FIGURES},
        "route.none_precision": none["precision"] if none else None,
        "route.none_recall": none["recall"] if none else None,
        "route.none_f1": none["f1"] if none else None,
        "route.macro_f1": mean([one["f1"] or 0.0 for one in classes.values() if one["questions"]]),
        "route.ece": expected_calibration_error(bins),
        "route.aurc": risk_coverage_area(curve),
        "route.escalated": ratio(decided["model"], len(results)),
        "route.misroute_cost_found": _lost(evidence, "found"),
        "route.misroute_cost_cited": _lost(evidence, "cited"),
        "latency.total_p50": percentile(total, 0.5),
        "latency.total_p95": percentile(total, 0.95),
        "latency.route_p50": percentile(routing, 0.5),
        "latency.route_p95": percentile(routing, 0.95),
    }
    return {
        "questions": len(results),
        "route": _group(values, "route"),
        "search": _group(values, "search"),
        "answer": _group(values, "answer"),
        "latency": _group(values, "latency"),
        "intervals": _intervals(results),
        "classes": classes,
        "confusion": matrix,
        "reliability": bins,
        "risk_coverage": curve,
        "misroutes": evidence,
        "decided_by": dict(decided),
        "misses": {
            key: missed
            for key in SHARES
            if (missed := [one["id"] for one in results if one["scores"].get(key) == 0])
        },
        "unknown_documents": unknown,
        "results": results,
    }


def _scores(results: Iterable[Result], key: str) -> list[float]:
    return [one["scores"][key] for one in results if key in one["scores"]]


def _lost(evidence: Misroutes, what: str) -> float | None:
    right, wrong = evidence["right"][what], evidence["wrong"][what]
    return None if right is None or wrong is None else right - wrong


def _group(values: Mapping[str, float | None], group: str) -> dict[str, float | None]:
    return {
        key.removeprefix(f"{group}."): rounded(value)
        for key, value in values.items()
        if key.startswith(f"{group}.")
    }


def _intervals(results: Sequence[Result]) -> dict[str, Interval]:
    scores = {key: _scores(results, key) for key in SHARES}
    return {key: wilson(int(sum(held)), len(held)) for key, held in scores.items() if held}
