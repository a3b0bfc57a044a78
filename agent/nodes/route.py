"""route: rules, the local classifier, a chat model; what is done with the question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.errors import ModelError
from agent.nodes.common import after, budget_left, say
from agent.routing import Decision, Question, Route
from agent.state import State
from agent.tools import Tool, affinity, find_slots

__all__ = ["describe", "expanded", "route"]

SURE = 0.95  # above this a question is not read as a follow-up that it does not say it is


async def route(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide what is done with the question."""
    context = runtime.context
    resources = context.resources
    usage = state["usage"]

    async def complete(prompt: str) -> str:
        nonlocal usage
        assert resources.router_model is not None
        if not budget_left({**state, "usage": usage}, context):
            raise ModelError("The turn's limit of model calls or tokens is reached.")
        completion = await resources.router_model.complete(prompt)
        usage = after(usage, completion)
        return completion.text

    async def known(text: str) -> Question:
        return await describe(text, context)

    router = await resources.router()
    escalate = resources.router_model is not None and budget_left(state, context)

    async def decide(text: str) -> Decision:
        return await router.route(
            text,
            known,
            visible=lambda target: resources.sees(target, context.principal),
            complete=complete if escalate else None,
            language=state["language"],
        )

    decision = await decide(state["question"])
    alternative = state["alternative"]
    if alternative is not None and decision.route["confidence"] < SURE:
        other = await decide(alternative)
        if _answers(other.route) and other.route["confidence"] > decision.route["confidence"]:
            decision = other
    found = decision.route
    say(runtime, "route", route=found)
    return {
        "route": found,
        "talk": decision.talk,
        "question": found["question"],
        "query": await _query(found["question"], context),
        "searched": [index["name"] for index in found["indexes"]],
        "usage": usage,
    }


def _answers(route: Route) -> bool:
    return route["action"] in {"search", "act"} and route["decided_by"] != "fallback"


async def _query(question: str, context: Context) -> str:
    """Return a question in the words of the documents and with the names of the project."""
    resources = context.resources
    text = await resources.registry.reworded(question, principal=context.principal)
    return expanded(text, list(resources.tools.values()))


def expanded(question: str, tools: Sequence[Tool]) -> str:
    """Return a question with the names that the project uses for what it calls otherwise."""
    lowered = question.lower()
    added = [
        slot.value
        for slot in find_slots(tools, question)
        if slot.argument != "period" and slot.value.lower() not in lowered
    ]
    return " ".join([question, *added])


async def describe(text: str, context: Context, *, unrestricted: bool = False) -> Question:
    """Return a question, with the project's own names, and what the indexes and tools make of it."""
    resources = context.resources
    query = await _query(text, context)
    affinities = await resources.registry.affinities(
        query, principal=context.principal, unrestricted=unrestricted
    )
    today = resources.today()
    calls = {
        tool.name: affinity(tool, text, today=today)
        for tool in resources.tools.values()
        if any(parameter.required for parameter in tool.parameters)
    }
    return Question(query, affinities, calls)
