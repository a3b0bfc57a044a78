"""clarify: ask back for what is missing."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.nodes.common import covered, say, visible_indexes, words
from agent.state import State
from agent.tools import Parameter, fill_arguments

__all__ = ["clarify"]

CHOICES_SHOWN = 15


async def clarify(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the question back: the missing arguments, an unknown name, or what could be asked."""
    missing = _missing(state, runtime)
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
    say(runtime, "token", text=text)
    outcome = "abstain" if unknown else "clarify"  # what does not exist cannot be asked back for
    return {"draft": {"text": text, "citations": []}, "outcome": outcome}


def _missing(state: State, runtime: Runtime[Context]) -> list[Parameter]:
    resources = runtime.context.resources
    found: dict[str, Parameter] = {}
    for plan in state["plans"]:
        tool = resources.tools[plan["name"]]
        filled = fill_arguments(tool, "", today=resources.today(), known=plan["args"])
        found.update({parameter.name: parameter for parameter in filled.missing})
    return list(found.values())


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
