"""What several nodes need: the texts of the answer's language, and what the principal may see."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk
from langgraph.graph.message import push_message
from langgraph.runtime import Runtime

from agent.answering import Citation, Pieces
from agent.answering.formats import Plain
from agent.context import Context, Resources
from agent.models import RequestedCall
from agent.routing import Slot
from agent.state import Outcome, State
from agent.tools import Tool, ToolCall, ToolPlan, find_slots
from indexes.access import permits
from prompts import texts

__all__ = [
    "before_question",
    "calls_left",
    "covered",
    "offered",
    "requested",
    "result_text",
    "said",
    "say",
    "slots_of",
    "tell",
    "visible_indexes",
    "with_contact",
    "words",
]

OFFERED = 4  # tools that a model is shown
REFUSALS = 2  # in a row, from which on people are told how to reach a person


def words(state: State) -> dict[str, Any]:
    """Return the messages in the answer's language."""
    found: dict[str, Any] = texts("messages", state["language"])
    return found


def say(runtime: Runtime[Context], kind: str, **data: Any) -> None:
    """Send a streaming event."""
    runtime.stream_writer({"type": kind, **data})


def tell(
    state: State,
    runtime: Runtime[Context],
    text: str,
    pieces: Pieces | None = None,
    *,
    whole: bool = False,
) -> str:
    """Send a piece of the answer, made harmless: as an event, and to those who read a run's messages.

    In a form other than plain text only the whole can be sent, once it is made. `pieces` knows what was
    sent before, where a piece may be within a code block.

    Returns:
        The piece as it was sent, or would be.
    """
    text = (pieces or Pieces()).next(text)
    if not whole and not isinstance(runtime.context.resources.form, Plain):
        return text
    say(runtime, "token", text=text)
    push_message(AIMessageChunk(content=text, id=answer_id(state)), state_key=None)
    return text


def answer_id(state: State) -> str:
    """Return the name of the message that the turn's answer becomes."""
    return f"answer-{state['turn']}"


def said(
    state: State, text: str, outcome: Outcome, citations: Sequence[Citation] = ()
) -> dict[str, Any]:
    """Return what the turn says in the conversation; a later message of the turn replaces it."""
    return {
        "role": "assistant",
        "id": answer_id(state),
        "content": text,
        "additional_kwargs": {"citations": list(citations), "action": outcome},
    }


def with_contact(state: State, context: Context, text: str) -> str:
    """Return a refusal with how to reach a person, if it is not the first one in a row."""
    contact = context.resources.settings.project.contact
    if not contact or state.get("refusals", 0) + 1 < REFUSALS:
        return text
    return f"{text} {words(state)['contact'].format(contact=contact)}"


def before_question(state: State) -> list[Any]:
    """Return the messages before those of this turn."""
    messages = state["messages"]
    asked = max(place for place, one in enumerate(messages) if one.type == "human")
    return messages[:asked]


def visible_indexes(context: Context) -> list[str]:
    """Return the names of the indexes that the principal may search."""
    registry, principal = context.resources.registry, context.principal
    return [
        name
        for name, index in registry.indexes.items()
        if permits(index.settings.groups, principal)
    ]


def covered(state: State, context: Context, names: list[str] | None = None) -> str:
    """Return the titles of indexes as one text; None: of all that the principal may search."""
    registry = context.resources.registry
    chosen = visible_indexes(context) if names is None else names
    separator: str = words(state)["list_separator"]
    return separator.join(registry.index(name).settings.label for name in chosen)


def slots_of(resources: Resources) -> Callable[[str], list[Slot]]:
    """Return what finds the values of the project's tools in a text."""
    tools = list(resources.tools.values())

    def slots(text: str) -> list[Slot]:
        return [Slot(s.argument, s.value, s.start, s.end) for s in find_slots(tools, text)]

    return slots


def offered(state: State, context: Context) -> list[Tool]:
    """Return the few tools that a model may call in this turn: those of the route, then the likeliest."""
    tools = context.resources.tools
    names = dict.fromkeys([*state["route"]["tools"], *state["offered"]])
    found = [tools[name] for name in names if name in tools]
    return [tool for tool in found if tool.allows(context.principal)][:OFFERED]


def requested(calls: Sequence[RequestedCall], state: State, context: Context) -> list[ToolPlan]:
    """Return the calls that a model asks for, within the limit, but for those made already or not offered."""
    made = [{"name": call["name"], "args": call["args"]} for call in state["tool_calls"]]
    known = {tool.name for tool in offered(state, context)}
    plans: list[ToolPlan] = []
    for call in calls:
        plan: ToolPlan = {"name": call.name, "args": dict(call.args)}
        if call.name in known and plan not in made and plan not in plans:
            plans.append(plan)
    return plans[: calls_left(state, context)]


def calls_left(state: State, context: Context) -> int:
    """Return how many calls of tools the turn may still make."""
    return context.resources.settings.limits.tool_calls - len(state["tool_calls"])


def result_text(call: ToolCall) -> str:
    """Return a tool's result as people read it: its `summary`, its text, or its fields."""
    result = call["result"]
    if isinstance(result, dict):
        for key in ("error", "rejected", "summary"):
            if key in result:
                return str(result[key])
        return "；".join(f"{key}: {value}" for key, value in result.items())
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
