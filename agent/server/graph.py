"""The graph's factory."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph_sdk.runtime import ServerRuntime

from agent.app import GRACE, RECURSION_LIMIT, Waypost
from agent.context import Resources
from agent.errors import ConfigurationError
from agent.graph import build_graph
from agent.server.metrics import Ends
from agent.server.opened import opened

__all__ = ["make_graph"]

ENDS = Ends()
PATIENCE = 600.0  # seconds that a run waits for the project, which may be ingesting


async def make_graph(runtime: ServerRuntime[Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the project's graph; the server adds its own checkpointer.

    Schemas and states can be read before the project is open. A run waits for it: a server's queue
    may hold runs from before a restart.

    Args:
        runtime: says what the graph is for.

    Raises:
        ConfigurationError: the project was not opened in time.
    """
    if opened.waypost is None and runtime.execution_runtime is None:
        graph = build_graph(cast(Resources, None)).compile(name="waypost")  # its form, never run
    else:
        waypost = await _waited_for()
        # nodes end in time by themselves; this is for one that hangs
        limit = waypost.settings.limits.seconds + GRACE
        graph = waypost.graph.copy({"step_timeout": limit})
    # Clients fill the context, so it must not become the principal; without any they send {}.
    # The server's own limit of steps is 10,011.
    config: RunnableConfig = {"callbacks": [ENDS], "recursion_limit": RECURSION_LIMIT}
    return graph.copy({"context_schema": None}).with_config(config)


async def _waited_for() -> Waypost:
    # Polled, since an asyncio.Event would belong to one loop and a server's workers may have others.
    deadline = time.monotonic() + PATIENCE
    while opened.waypost is None:
        if time.monotonic() > deadline:
            raise ConfigurationError(
                "The project is not open.",
                fix='set "http": {"app": "agent.server:app"} in langgraph.json; its log says more.',
            )
        await asyncio.sleep(0.05)
    return opened.waypost
