"""route: rules, the local classifier, a chat model; what is done with the question."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.nodes.common import after, budget_left, say
from agent.routing import Question
from agent.state import State
from agent.tools import fill_arguments

__all__ = ["describe", "route"]


async def route(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide what is done with the question."""
    context = runtime.context
    resources = context.resources
    usage = state["usage"]

    async def complete(prompt: str) -> str:
        nonlocal usage
        assert resources.router_model is not None
        completion = await resources.router_model.complete(prompt)
        usage = after(usage, completion)
        return completion.text

    async def known(text: str) -> Question:
        return await describe(text, context)

    router = await resources.router()
    escalate = resources.router_model is not None and budget_left(state, context)
    found = await router.route(
        state["question"],
        known,
        visible=lambda target: resources.sees(target, context.principal),
        complete=complete if escalate else None,
        language=state["language"],
    )
    say(runtime, "route", route=found)
    return {
        "route": found,
        "question": found["question"],
        "searched": [index["name"] for index in found["indexes"]],
        "usage": usage,
    }


async def describe(text: str, context: Context, *, unrestricted: bool = False) -> Question:
    """Return a question with what the indexes and tools make of it."""
    resources = context.resources
    affinities = await resources.registry.affinities(
        text, principal=context.principal, unrestricted=unrestricted
    )
    today = resources.today()
    filled = {
        tool.name: fill_arguments(tool, text, today=today).share
        for tool in resources.tools.values()
    }
    return Question(text, affinities, filled)
