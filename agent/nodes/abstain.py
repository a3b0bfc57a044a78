"""abstain: say that nothing supports an answer, where it was looked for, and what is missing."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.answering import empty_draft
from agent.context import Context
from agent.nodes.common import covered, tell, with_contact, words
from agent.state import State
from indexes.text import as_written

__all__ = ["abstain", "missing_terms"]

SHOWN = 6


async def abstain(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Refuse, naming the indexes that were searched and the terms that none of them has."""
    texts = words(state)
    searched = list(dict.fromkeys(one["index"] for one in state["found"]))
    terms = missing_terms(state)
    missing = texts["missing"].format(terms=texts["list_separator"].join(terms)) if terms else ""
    text = (
        texts["abstain"]
        .format(searched=covered(state, runtime.context, searched), missing=missing)
        .strip()
    )
    if state["limit"] is not None:
        text = f"{text} {texts['limit_search'].format(limit=state['limit'])}"
    text = tell(state, runtime, with_contact(state, runtime.context, text))
    return {"draft": {**empty_draft(), "text": text}, "outcome": "abstain"}


def missing_terms(state: State) -> list[str]:
    """Return the terms of the unanswered parts that no passage has, as people can read them."""
    judgement = state["judgement"]
    found = {
        as_written(term, state["parts"][position]["question"]): None
        for position in judgement["unanswered"]
        for term in judgement["parts"][position]["missing"]
        if not term.startswith(("~", "§"))
    }
    return list(found)[:SHOWN]
