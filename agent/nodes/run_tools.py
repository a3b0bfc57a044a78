"""run_tools: make the planned calls, each within its time and with the principal's rights."""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.runtime import Runtime

from agent import observability
from agent.context import Context
from agent.nodes.common import say, words
from agent.observability import STAGE_FAILED
from agent.state import State
from agent.tools import ToolCall, ToolPlan

__all__ = ["run_tools"]


async def run_tools(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Run the planned calls side by side."""
    calls = await asyncio.gather(*(_run(plan, state, runtime) for plan in state["plans"]))
    for call in calls:
        say(runtime, "tool", call=call)
    return {"tool_calls": list(calls)}


async def _run(plan: ToolPlan, state: State, runtime: Runtime[Context]) -> ToolCall:
    context = runtime.context
    tool = context.resources.tools[plan["name"]]
    texts = words(state)
    if not tool.allows(context.principal):
        return _failed(plan, texts["tool_denied"].format(tool=tool.name))
    try:
        result = await asyncio.wait_for(tool.run(plan["args"], context.principal), tool.timeout)
    except TimeoutError:
        error = f"{tool.timeout:g} s"
    except Exception as raised:  # a project's tool may raise anything; the person is told
        error = f"{type(raised).__name__}: {raised}"
    else:
        return {"name": plan["name"], "args": plan["args"], "result": result}
    observability.warning(STAGE_FAILED, stage="tool", tool=tool.name)
    return _failed(plan, texts["tool_failed"].format(tool=tool.name, error=error))


def _failed(plan: ToolPlan, message: str) -> ToolCall:
    return {"name": plan["name"], "args": plan["args"], "result": {"error": message}}
