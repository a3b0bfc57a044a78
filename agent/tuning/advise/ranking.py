"""From findings to an order: what surely limits comes first, by how much it would mend, then by effort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.tuning.advise.shares import LIMIT, WELL, outcomes, share
from agent.tuning.advise.types import Cause, Effort, Facts, Finding, Remedy, Share, Verdict

__all__ = ["EFFORTS", "labels_needed", "limits", "ranked", "verdict"]

WITHIN = 0.2  # of the questions of one index or tool
KNOWN: frozenset[Cause] = frozenset(
    {
        "not_ingested", "unreadable", "no_documents", "unknown_document", "access", "rule", "none", "costs",
        "search_settings", "synonyms",
    }
)  # fmt: skip
MOST = 2_000  # questions; more labels are asked of nobody
ORDER: Mapping[Effort, int] = {"minutes": 0, "hours": 1, "days": 2}
EFFORTS: Mapping[Remedy, Effort] = {
    "ingest": "minutes", "check_labels": "minutes", "grant": "minutes", "mend_rule": "minutes", "mend_none": "minutes",
    "descriptions": "minutes", "none_examples": "minutes", "tune_router": "minutes",
    "threshold": "minutes", "reset_costs": "minutes", "reset_search": "minutes",
    "use_synonyms": "minutes", "describe_tool": "minutes", "answer_format": "minutes",
    "fresh": "minutes", "fewer_calls": "minutes", "keep_traces": "minutes", "nothing": "minutes",
    "examples": "hours", "write_synonyms": "hours", "chunks": "hours", "evidence": "hours",
    "rewriter": "hours", "arguments": "hours", "mend_tool": "hours", "chat_model": "hours",
    "few_shot": "hours", "faster_model": "hours", "faster_search": "hours", "label": "hours",
    "mend_files": "hours", "reset_ingest": "hours", "start": "hours", "private_model": "hours",
    "add_documents": "days", "faster_tool": "days", "lora": "days", "hosted": "days",
    "distill": "days",
}  # fmt: skip


def limits(finding: Finding, failed: Share) -> bool:
    """Say whether a cause surely limits.

    Of a cause that is known, from a trial or from the store, the share itself counts; of one that is
    inferred the lower end of its interval. An index or tool that fails in much of its own questions
    limits too, however few they are, and so does what makes most of it where surely too much fails.
    A single question is chance either way.

    Args:
        finding: what a rule saw.
        failed: how many questions failed of all.
    """
    found = finding["share"]
    if finding["basis"] == "documents":
        return found["low"] > LIMIT
    part = found["count"] / found["of"] if finding["cause"] in KNOWN else found["low"]
    within = finding["within"]
    fails = within is not None and within["count"] > 1 and within["low"] > WITHIN
    most = finding["basis"] == "questions" and 2 * found["count"] >= failed["count"]
    return found["count"] > 1 and (part > LIMIT or fails or (most and failed["low"] > LIMIT))


def ranked(findings: Sequence[Finding], failed: Share) -> list[Finding]:
    """Return the findings, best first; of one cause and remedy the one that would mend most."""
    ordered = sorted(findings, key=lambda one: _place(one, failed))
    first: dict[tuple[str, str], Finding] = {}
    for one in ordered:
        first.setdefault((one["cause"], one["remedy"]), one)
    return list(first.values())


def _place(finding: Finding, failed: Share) -> tuple[bool, bool, float, int, str]:
    part = finding["share"]["count"] / finding["share"]["of"]
    effort = ORDER[EFFORTS[finding["remedy"]]]
    unasked = finding["basis"] == "documents"  # what questions show comes before what they might
    return not limits(finding, failed), unasked, -part, effort, finding["cause"]


def verdict(facts: Facts, findings: Sequence[Finding]) -> Verdict:
    """Return whether something surely limits, surely nothing does, or there is too little to tell."""
    failed = outcomes(facts)
    if any(limits(one, failed) for one in findings):
        return "limited"
    return "nothing" if failed["high"] <= WELL else "too_few"


def labels_needed(failed: Share) -> int:
    """Return how many questions in all it takes to tell, if as many of them fail as now."""
    part = failed["count"] / failed["of"] if failed["of"] else 0.0
    for total in range(max(1, failed["of"]), MOST):
        found = share(round(part * total), total)
        if found["high"] <= WELL or (found["count"] >= 2 and found["low"] > LIMIT):
            return total
    return MOST
