"""rewrite: search again, in other words and everywhere, for what nothing supports yet."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent import observability
from agent.answering import ask_rewrite
from agent.context import Context
from agent.errors import ModelError
from agent.nodes.budget import Budget
from agent.nodes.common import visible_indexes
from agent.nodes.route import decide, part_of
from agent.observability import STAGE_FAILED
from agent.state import Part, State

__all__ = ["rewrite"]

WIDENED = 0.1  # how much an index counts that the route did not name


async def rewrite(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Let the rewriter reword or split what is unanswered, and widen it to every visible index.

    A rewording is routed by itself. Without a rewriter the search is only widened.
    """
    context = runtime.context
    budget = Budget(state, context)
    everywhere = dict.fromkeys(visible_indexes(context), WIDENED)
    parts = list(state["parts"])
    for position in state["judgement"]["unanswered"]:
        old = parts[position]
        parts[position] = {**old, "indexes": {**everywhere, **old["indexes"]}}
        for query in await _queries(position, state, budget, context):
            route = (await decide(query, state, context)).route
            new = await part_of({**route, "question": query}, context, of=position)
            parts.append({**new, "tools": [], "indexes": {**everywhere, **new["indexes"]}})
    hindered = "rewriter" in context.resources.models and len(parts) == len(state["parts"])
    return {
        "parts": parts,
        "rewrites": state["rewrites"] + 1,
        "limit": budget.reached if hindered else None,
        "usage": budget.usage,
    }


async def _queries(position: int, state: State, budget: Budget, context: Context) -> list[str]:
    """Return what the rewriter would search for instead; nothing without one, or if it fails."""
    complete = budget.completes(context.resources.models.get("rewriter"))
    if complete is None:
        return []
    part: Part = state["parts"][position]
    registry = context.resources.registry
    names = dict.fromkeys(one["index"] for one in state["found"] if one["part"] == position)
    try:
        return await ask_rewrite(
            part["question"],
            state["judgement"]["parts"][position]["missing"],
            [registry.index(name).settings.label for name in names],
            complete,
            state["language"],
            prompts=context.resources.prompts,
        )
    except ModelError as error:
        observability.warning(STAGE_FAILED, stage="rewriter", error=error.code)
        return []
