"""plan_tools: fill the arguments of the tools that the route names."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.state import State
from agent.tools import Tool, ToolPlan, fill_arguments

__all__ = ["plan_tools"]


async def plan_tools(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Plan the calls whose arguments are all there, and those that must be asked back."""
    resources = runtime.context.resources
    plans = [
        _plan(resources.tools[name], state["question"], runtime) for name in state["route"]["tools"]
    ]
    return {"plans": plans}


def _plan(tool: Tool, question: str, runtime: Runtime[Context]) -> ToolPlan:
    args = fill_arguments(tool, question, today=runtime.context.resources.today()).args
    for parameter in tool.parameters:
        if parameter.format == "asked":
            args[parameter.name] = question
    return {"name": tool.name, "args": args}
