"""The names of the figures: what reports, floors and comparisons share."""

from __future__ import annotations

from agent.evaluation.types import Earlier, Report

__all__ = ["FIGURES", "LOWER", "SHARES", "TOP", "flat"]

TOP = 5  # the passages that count
SHARES = (
    "route.action_accuracy", "route.index_accuracy", "route.index_covered", "route.tool_accuracy",
    "route.right", f"search.document@{TOP}", f"search.page@{TOP}", "answer.cited", "answer.cited_page",
    "answer.contains", "answer.refused", "answer.citations_stand",
)  # fmt: skip
"""A question counts 0 or 1 for these, so that it can be missed, and an interval can be given."""
FIGURES = (
    "route.action_accuracy", "route.index_accuracy", "route.index_covered", "route.tool_accuracy",
    "route.right", "route.none_precision", "route.none_recall", "route.none_f1", "route.macro_f1",
    "route.ece", "route.aurc", "route.escalated",
    "route.misroute_cost_found", "route.misroute_cost_cited",
    f"search.document@{TOP}", f"search.page@{TOP}", f"search.recall@{TOP}", "search.mrr",
    f"search.ndcg@{TOP}",
    "answer.cited", "answer.cited_page", "answer.contains", "answer.refused", "answer.citations_stand",
    "latency.total_p50", "latency.total_p95", "latency.route_p50", "latency.route_p95",
)  # fmt: skip
LOWER = frozenset(
    key
    for key in FIGURES
    if key in {"route.ece", "route.aurc", "route.escalated"}
    or key.startswith(("latency.", "route.misroute_cost"))
)
"""Those of which less is better."""


def flat(report: Report | Earlier) -> dict[str, float | None]:
    """Return a report's figures under their dotted names."""
    groups = {
        "route": report["route"],
        "search": report["search"],
        "answer": report["answer"],
        "latency": report["latency"],
    }
    return {
        f"{group}.{key}": value for group, found in groups.items() for key, value in found.items()
    }
