"""run_tools: make the planned calls, each within its time and with the principal's rights."""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.nodes.common import say, words
from agent.state import State
from agent.tools import ToolCall, ToolPlan, run_call

__all__ = ["run_tools"]


async def run_tools(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Run the planned calls side by side."""
    calls = await asyncio.gather(
        *(_run(plan, position, state, runtime) for position, plan in enumerate(state["plans"]))
    )
    for call in calls:
        say(runtime, "tool", call=call)
    return {
        "tool_calls": [*state["tool_calls"], *calls],
        "plans": [],
        "rounds": state["rounds"] + 1,
    }


async def _run(plan: ToolPlan, position: int, state: State, runtime: Runtime[Context]) -> ToolCall:
    if "rejected" in plan:
        return _done(plan, {"rejected": plan["rejected"]})
    resources = runtime.context.resources
    tool = resources.tools.get(plan["name"])
    if tool is None:
        return _done(plan, {"error": words(state)["tool_unknown"].format(tool=plan["name"])})
    return await run_call(
        tool,
        plan["args"],
        principal=runtime.context.principal,
        key=f"{state['turn']}/{state['rounds']}/{position}",
        ledger=resources.ledger,
        language=state["language"],
    )


def _done(plan: ToolPlan, result: dict[str, Any]) -> ToolCall:
    return {"name": plan["name"], "args": plan["args"], "result": result}
