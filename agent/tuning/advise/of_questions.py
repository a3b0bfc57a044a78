"""Rules on labelled questions: by cause, what would mend those that missed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from agent.tuning.advise.project import EXAMPLES, PHRASES
from agent.tuning.advise.seen import finding, known_routes, learnable, listed
from agent.tuning.advise.shares import share
from agent.tuning.advise.types import Cause, Facts, Finding, LabelFacts, Miss, Remedy

__all__ = ["answers", "labelled", "routing"]

PLAIN: dict[Cause, Remedy] = {
    "not_ingested": "ingest", "unreadable": "mend_files", "no_documents": "add_documents",
    "unknown_document": "check_labels", "access": "grant", "rule": "mend_rule",
    "none": "mend_none",
    "costs": "reset_costs", "search_settings": "reset_search", "synonyms": "use_synonyms",
    "terminology": "write_synonyms", "ranking": "chunks", "evidence": "evidence",
    "follow_up": "rewriter", "tool_arguments": "arguments", "answered_anyway": "none_examples",
}  # fmt: skip
"""The causes that have one remedy whatever else is the case."""
CUTTING: frozenset[Cause] = frozenset({"terminology", "ranking", "evidence"})
"""Those that may come of how an index's documents are cut and embedded, if that is not as usual."""


def labelled(facts: Facts) -> Iterator[Finding]:
    """Misses by cause: together they would all be mended, so that is how much each is worth at most."""
    labels = facts["labels"]
    if labels is None:
        return
    odd = {one["name"]: one["odd"] for one in facts["indexes"] if one["odd"]}
    for cause, missed in _by_cause(labels["misses"]).items():
        if cause not in PLAIN:
            continue
        cut = {one["where"] for one in missed} & odd.keys() if cause in CUTTING else set()
        if cause == "terminology":  # how long chunks are says nothing of the words in them
            cut = {name for name in cut if odd[name][0].startswith("embed")}
        settings = {one["setting"]: "" for one in missed if one["setting"]}
        settings |= {f"{name}: {', '.join(odd[name])}": "" for name in sorted(cut)}
        yield _of_questions(
            cause,
            "reset_ingest" if cut else PLAIN[cause],
            missed,
            labels,
            terms=listed(term for one in missed for term in one["terms"]),
            settings="; ".join(settings),
            files=listed(facts["documents"]["failed"]),
            failed=len(facts["documents"]["failed"]),
            waiting=len(facts["documents"]["waiting"]),
        )


def routing(facts: Facts) -> Iterator[Finding]:
    """What was routed wrong, by what the router lacks: a description, examples, or a refit."""
    labels = facts["labels"]
    if labels is None:
        return
    targets = {one["name"]: (one["phrases"], one["examples"]) for one in facts["indexes"]}
    targets |= {one["name"]: (one["terms"], one["examples"]) for one in facts["tools"]}
    unfitting = {one["name"] for one in facts["indexes"] if one["fits_better"]}
    for cause in ("routing", "tool_choice"):
        found: dict[Remedy, list[Miss]] = defaultdict(list)
        for one in labels["misses"]:
            if one["cause"] != cause:
                continue
            said, examples = targets.get(one["where"], (PHRASES, EXAMPLES))
            if said < PHRASES or one["where"] in unfitting:
                found["descriptions" if cause == "routing" else "describe_tool"].append(one)
            elif examples >= EXAMPLES and learnable(facts):
                found["tune_router"].append(one)
            else:
                found["examples"].append(one)
        for remedy, missed in found.items():
            went = Counter(f"{one['where']} → {one['instead'] or 'none'}" for one in missed)
            known = ", ".join(
                f"{name}: {targets[name][0]} / {targets[name][1]}"
                for name in sorted({one["where"] for one in missed})
                if name in targets
            )
            yield _of_questions(
                cause, remedy, missed, labels,
                confused=", ".join(f"{pair} ({count})" for pair, count in went.most_common(3)),
                known=known, learnable=known_routes(facts),
            )  # fmt: skip


def answers(facts: Facts) -> Iterator[Finding]:
    """Evidence was found and the answer lacks what it should have: a model writes better than quotations."""
    labels = facts["labels"]
    missed = [one for one in labels["misses"] if one["cause"] == "answer"] if labels else []
    if labels and missed:
        remedy: Remedy = "few_shot" if facts["deployment"]["models"] else "chat_model"
        yield _of_questions("answer", remedy, missed, labels)


def _of_questions(
    cause: Cause, remedy: Remedy, missed: Sequence[Miss], labels: LabelFacts, **values: object
) -> Finding:
    """Return a finding of labelled questions: of all, and of the index or tool that has it worst."""
    counted = Counter(one["where"] for one in missed if one["where"])
    shares = {name: share(count, labels["targets"][name]) for name, count in counted.items()}
    worst = max(shares, key=lambda name: shares[name]["low"], default="")
    whole = share(len(missed), labels["questions"])
    found = finding(cause, remedy, counted, whole, "questions", **values)
    return {**found, "target": worst, "within": shares.get(worst)}


def _by_cause(misses: Iterable[Miss]) -> dict[Cause, list[Miss]]:
    found: dict[Cause, list[Miss]] = defaultdict(list)
    for one in misses:
        found[one["cause"]].append(one)
    return found
