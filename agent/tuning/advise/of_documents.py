"""Rules on what is certain without any question: the store, and what the router is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.tuning.advise.project import is_untaught
from agent.tuning.advise.seen import exact, finding, listed
from agent.tuning.advise.shares import WELL, outcomes
from agent.tuning.advise.types import Facts, Finding, Remedy

__all__ = ["documents", "untaught"]


def documents(facts: Facts) -> Iterator[Finding]:
    """What is certain without any question: files that are not in, or empty indexes."""
    stored = facts["documents"]
    whole = stored["total"] + len(stored["failed"])
    if stored["failed"]:
        yield finding(
            "unreadable", "mend_files", [], exact(len(stored["failed"]), whole), "documents",
            failed=len(stored["failed"]), files=listed(stored["failed"]),
        )  # fmt: skip
    if stored["waiting"]:
        yield finding(
            "not_ingested", "ingest", [], exact(len(stored["waiting"]), whole), "documents",
            waiting=len(stored["waiting"]), files=listed(stored["waiting"]),
        )  # fmt: skip
    empty = [one["name"] for one in facts["indexes"] if not one["documents"]]
    if empty:
        counted = exact(len(empty), len(facts["indexes"]))
        yield finding("no_documents", "add_documents", empty, counted, "documents", clusters="")


def untaught(facts: Facts) -> Iterator[Finding]:
    """Targets of which the router is told nearly nothing, unless questions show that it does no harm."""
    if outcomes(facts)["high"] <= WELL:
        return
    kinds: Sequence[tuple[Remedy, dict[str, tuple[int, int]]]] = (
        (
            "descriptions",
            {one["name"]: (one["phrases"], one["examples"]) for one in facts["indexes"]},
        ),
        ("describe_tool", {one["name"]: (one["terms"], one["examples"]) for one in facts["tools"]}),
    )
    for remedy, known in kinds:
        bare = [name for name, (said, shown) in known.items() if is_untaught(said, shown)]
        told = ", ".join(f"{name}: {known[name][0]} / {known[name][1]}" for name in bare)
        counted = exact(len(bare), len(known))
        yield finding("untaught", remedy, bare, counted, "documents", known=told)
