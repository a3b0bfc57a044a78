"""All rules: each looks at the facts and says what it saw, what would mend it, and how much that is at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agent.tuning.advise import of_documents, of_questions, of_turns
from agent.tuning.advise.types import Facts, Finding

__all__ = ["findings"]

Rule = Callable[[Facts], Iterator[Finding]]
RULES: Sequence[Rule] = (
    of_questions.labelled, of_questions.routing, of_questions.answers, of_turns.corrected,
    of_turns.outdated, of_turns.unanswered, of_turns.tools, of_turns.latency, of_turns.cost,
    of_turns.form, of_turns.style, of_documents.documents, of_documents.untaught,
)  # fmt: skip


def findings(facts: Facts) -> list[Finding]:
    """Return what all rules saw, in no order."""
    return [found for rule in RULES for found in rule(facts) if found["share"]["count"]]
