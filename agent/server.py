"""Serving a project on LangGraph: a graph factory, and an HTTP app that opens the project.

langgraph.json names both, as `agent.server:make_graph` and `agent.server:app`. The app's lifespan
opens the project once; the factory is called for every run and read, and only hands out the graph.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from langgraph.graph.state import CompiledStateGraph
from langgraph_sdk.runtime import ServerRuntime
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from agent.app import Waypost
from agent.context import Resources
from agent.errors import ConfigurationError
from agent.graph import build_graph
from agent.settings import project_folder

__all__ = ["app", "make_graph"]

PATIENCE = 600.0  # seconds that a run waits for the project, which may be ingesting
WARM_UP = "warm-up"


@dataclass
class _Shared:
    """What the lifespan opened, for the factory."""

    waypost: Waypost | None = None


_shared = _Shared()


async def make_graph(runtime: ServerRuntime[Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the project's graph; the server adds its own checkpointer.

    Schemas and states can be read before the project is open. A run waits for it: a server's queue
    may hold runs from before a restart.

    Args:
        runtime: says what the graph is for.

    Raises:
        ConfigurationError: the project was not opened in time.
    """
    if _shared.waypost is None and runtime.execution_runtime is None:
        graph = build_graph(cast(Resources, None)).compile(name="waypost")  # its form, never run
    else:
        graph = (await _opened()).graph
    # Clients fill the context, so it must not become the principal; without any they send {}.
    return graph.copy({"context_schema": None})


async def _opened() -> Waypost:
    # Polled, since an asyncio.Event would belong to one loop and a server's workers may have others.
    deadline = time.monotonic() + PATIENCE
    while _shared.waypost is None:
        if time.monotonic() > deadline:
            raise ConfigurationError(
                "The project is not open.",
                fix='set "http": {"app": "agent.server:app"} in langgraph.json; its log says more.',
            )
        await asyncio.sleep(0.05)
    return _shared.waypost


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the project, ingest it if nothing is stored yet, and warm what questions need."""
    async with Waypost.open(project_folder(), persistent=False) as waypost:
        if await waypost.registry.is_empty():
            await waypost.ingest()
        await waypost.route(WARM_UP)
        _shared.waypost = waypost
        try:
            yield
        finally:
            _shared.waypost = None


async def _health(request: Request) -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> JSONResponse:
    """Say whether the project is open."""
    if _shared.waypost is None:
        return JSONResponse({"status": "opening"}, status_code=503)
    return JSONResponse({"status": "ready", "project": _shared.waypost.settings.project.name})


app = Starlette(
    routes=[Route("/health", _health), Route("/ready", _ready)],
    lifespan=_lifespan,
)
