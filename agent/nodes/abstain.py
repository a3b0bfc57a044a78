"""abstain: say that nothing supports an answer, where it was looked for, and what is missing."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.nodes.common import covered, say, words
from agent.state import State

__all__ = ["abstain"]


async def abstain(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Refuse, naming the indexes that were searched and the terms that none of them has."""
    texts = words(state)
    terms = [term for term in state["judgement"]["missing"] if not term.startswith(("~", "§"))]
    missing = (
        texts["missing"].format(terms=texts["list_separator"].join(terms[:6])) if terms else ""
    )
    text = (
        texts["abstain"]
        .format(searched=covered(state, runtime.context, state["searched"]), missing=missing)
        .strip()
    )
    say(runtime, "token", text=text)
    return {"draft": {"text": text, "citations": []}, "outcome": "abstain"}
