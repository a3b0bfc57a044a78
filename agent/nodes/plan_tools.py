"""plan_tools: fill the arguments of the tools that the route names."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.state import State
from agent.tools import Tool, ToolPlan, fill_arguments, find_slots
from indexes.text import names

__all__ = ["plan_tools"]


async def plan_tools(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Plan the calls whose arguments are all there, and those that must be asked back."""
    resources = runtime.context.resources
    plans = [
        _plan(resources.tools[name], state["question"], runtime) for name in state["route"]["tools"]
    ]
    return {"plans": plans, "unknown": await _unknown(state["question"], plans, runtime.context)}


async def _unknown(question: str, plans: list[ToolPlan], context: Context) -> list[str]:
    """Return names in the question that are no value of a missing enumeration, nor in any document."""
    resources = context.resources
    today = resources.today()
    missing = [
        parameter
        for plan in plans
        for parameter in fill_arguments(
            resources.tools[plan["name"]], "", today=today, known=plan["args"]
        ).missing
    ]
    slots = find_slots([resources.tools[plan["name"]] for plan in plans], question)
    said = [
        name
        for name in names(question)
        if not any(name in question[slot.start : slot.end] for slot in slots)
    ]
    if not said or not any(parameter.choices for parameter in missing):
        return []
    known = {
        name
        for index in resources.registry.indexes.values()
        for name, idf in zip(said, await index.idf(said, principal=context.principal), strict=True)
        if idf > 0
    }
    return [name for name in said if name not in known]


def _plan(tool: Tool, question: str, runtime: Runtime[Context]) -> ToolPlan:
    args = fill_arguments(tool, question, today=runtime.context.resources.today()).args
    for parameter in tool.parameters:
        if parameter.format == "asked":
            args[parameter.name] = question
    return {"name": tool.name, "args": args}
