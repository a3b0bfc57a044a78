"""route: rules, the local classifier, a chat model; what is done with the question and its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from agent import observability
from agent.context import Context
from agent.nodes.budget import Budget
from agent.nodes.common import say, slots_of
from agent.routing import NONE, Complete, Decision, Question, Route, parts_of
from agent.state import Part, State
from agent.tools import Tool, ToolPlan, affinity, fill_arguments, find_slots

__all__ = ["decide", "describe", "expanded", "part_of", "route"]

SURE = 0.95  # above this a question is not read as a follow-up that it does not say it is


async def route(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide what is done with the question; each part of a comparison is routed by itself."""
    context = runtime.context
    budget = Budget(state, context)
    complete = budget.completes(context.resources.models.get("router"))
    decision = await decide(state["question"], state, context, complete)
    alternative = state["alternative"]
    if alternative is not None and decision.route["confidence"] < SURE:
        other = await decide(alternative, state, context, complete)
        if _answers(other.route) and other.route["confidence"] > decision.route["confidence"]:
            decision = other
    found, parts = await _parts(decision.route, state, context)
    say(runtime, "route", route=found)
    observability.note(
        {"waypost.action": found["action"], "waypost.decided_by": found["decided_by"]}
    )
    return {
        "route": found,
        "talk": decision.talk,
        "offered": list(decision.tools),
        "question": found["question"],
        "parts": parts,
        "usage": budget.usage,
    }


async def decide(
    text: str, state: State, context: Context, complete: Complete | None = None
) -> Decision:
    """Route a question.

    Args:
        text: the question.
        state: has the language of prompts.
        context: has the router, and who asks.
        complete: sends a prompt to the router's chat model; None to ask none.
    """
    resources = context.resources

    async def known(text: str) -> Question:
        return await describe(text, context)

    router = await resources.router()
    return await router.route(
        text,
        known,
        visible=lambda target: resources.sees(target, context.principal),
        complete=complete,
        weigh=resources.weigh,
        language=state["language"],
    )


async def part_of(route: Route, context: Context, *, of: int) -> Part:
    """Return a routed question as a part of a turn.

    Args:
        route: of the question.
        context: has the documents' words.
        of: the position of the part that it rewords, or its own.
    """
    return {
        "question": route["question"],
        "query": await _query(route["question"], context),
        "indexes": {one["name"]: one["confidence"] for one in route["indexes"]},
        "tools": route["tools"],
        "of": of,
        "prior": route["confidence"],
        "lost": route["decided_by"] == "fallback",
    }


async def _parts(whole: Route, state: State, context: Context) -> tuple[Route, list[Part]]:
    """Return a question's parts, each with its own route, and the route of them all."""
    if whole["action"] not in {"search", "act"}:
        return whole, []
    texts = parts_of(whole["question"], slots_of(context.resources))
    if len(texts) < 2:
        whole = _with_terms(whole, context)
        return whole, [await part_of(whole, context, of=0)]
    parts: list[Part] = []
    for position, text in enumerate(texts):
        own = whole
        if whole["decided_by"] != "rule":
            own = (await decide(text, state, context)).route
        chosen = own if _answers(own) else whole  # half a sentence may say too little by itself
        chosen = _with_terms({**chosen, "question": text}, context)
        parts.append(await part_of(chosen, context, of=position))
    return _together(whole, parts), parts


def _with_terms(route: Route, context: Context) -> Route:
    """Let a call whose arguments are not all there look its terms up first, where a model can read them."""
    resources = context.resources
    if route["action"] != "act" or route["indexes"] or "answerer" not in resources.models:
        return route
    today = resources.today()
    plans: list[ToolPlan] = [
        {
            "name": name,
            "args": fill_arguments(resources.tools[name], route["question"], today=today).args,
        }
        for name in route["tools"]
    ]
    found = [one for one in route["candidates"] if one["name"] != NONE][:1]
    return {**route, "indexes": found} if resources.missing(plans) else route


def _together(whole: Route, parts: Sequence[Part]) -> Route:
    """Return the route of a question that is done in parts."""
    weights: dict[str, float] = {}
    for part in parts:
        for name, weight in part["indexes"].items():
            weights[name] = max(weight, weights.get(name, 0.0))
    tools = list(dict.fromkeys(name for part in parts for name in part["tools"]))
    return {
        **whole,
        "action": "act" if tools else "search",
        "indexes": [
            {"name": name, "confidence": weight}
            for name, weight in sorted(weights.items(), key=lambda one: -one[1])
        ],
        "tools": tools,
        "reason": f"{whole['reason']}; asked in {len(parts)} parts",
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
