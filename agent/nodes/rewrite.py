"""rewrite: the routed indexes had no support, so the others are searched too."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.nodes.common import visible_indexes
from agent.state import State

__all__ = ["rewrite"]


async def rewrite(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Widen the search to every index that the principal may see."""
    return {"searched": visible_indexes(runtime.context), "rewrites": state["rewrites"] + 1}
