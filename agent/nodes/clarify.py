"""clarify: ask back for what is missing."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.answering import empty_draft
from agent.context import Context
from agent.nodes.common import covered, tell, visible_indexes, words
from agent.state import State
from agent.tools import Parameter

__all__ = ["clarify"]

CHOICES_SHOWN = 15


async def clarify(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the question back: the missing arguments, an unknown name, or what could be asked."""
    missing = runtime.context.resources.missing(state["plans"])
    texts = words(state)
    if missing:
        text = texts["clarify_arguments"].format(
            missing=texts["list_separator"].join(_named(parameter, texts) for parameter in missing)
        )
    else:
        text = texts["clarify_question"].format(examples=_examples(state, runtime.context))
    unknown = state["unknown"]
    if unknown:
        text = f"{texts['unknown'].format(names=texts['list_separator'].join(unknown))}{text}"
    text = tell(state, runtime, text)
    outcome = "abstain" if unknown else "clarify"  # what does not exist cannot be asked back for
    return {"draft": {**empty_draft(), "text": text}, "outcome": outcome}


def _named(parameter: Parameter, texts: dict[str, Any]) -> str:
    if not parameter.choices:
        return parameter.title
    choices: str = texts["list_separator"].join(parameter.choices[:CHOICES_SHOWN])
    named: str = texts["clarify_choices"].format(title=parameter.title, choices=choices)
    return named


def _examples(state: State, context: Context) -> str:
    registry = context.resources.registry
    first = [
        examples[0]
        for name in visible_indexes(context)
        if (examples := registry.index(name).settings.examples)
    ]
    return " ".join(first[:2]) or covered(state, context)
