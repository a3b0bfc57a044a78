"""search: one index for one part; the graph runs it for each of them, in parallel."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent import observability
from agent.context import Context
from agent.state import Found, SearchTask
from indexes.validity import asked_days

__all__ = ["search"]


async def search(task: SearchTask, runtime: Runtime[Context]) -> dict[str, Any]:
    """Search one index for what holds on the days asked about."""
    context = runtime.context
    index = context.resources.registry.index(task["index"])
    asked = asked_days(task["question"], today=context.resources.today())
    passages = await index.search(task["question"], principal=context.principal, asked=asked)
    observability.note({"waypost.index": task["index"], "waypost.passages": len(passages)})
    asked.judge(passages)
    for passage in passages:
        passage["context"] = []  # nothing after this reads it, and every checkpoint would keep it
    found: Found = {
        "part": task["part"],
        "index": task["index"],
        "weight": task["weight"],
        "passages": passages,
    }
    return {"found": [found]}
