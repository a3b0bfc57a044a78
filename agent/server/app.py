"""The HTTP app beside LangGraph's API: it opens the project, guards the door, has the page, and says how it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent import observability
from agent.app import Waypost
from agent.errors import WaypostError
from agent.server.feedback import feedback
from agent.server.guard import Guard
from agent.server.identity import Identities
from agent.server.metrics import Stored, observe
from agent.server.opened import opened
from agent.server.page import routes
from agent.settings import load, project_folder

__all__ = ["app"]

WARM_UP = "warm-up"
FAILED = "server.failed"


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the project, ingest it if nothing is stored yet, and warm what questions need."""
    async with AsyncExitStack() as stack:
        try:
            folder = await asyncio.to_thread(lambda: project_folder().absolute())
            settings = await asyncio.to_thread(load, folder)
            identities = await asyncio.to_thread(Identities, folder, settings.server)
            waypost = await stack.enter_async_context(
                Waypost.open(folder, settings=settings, persistent=False)
            )
            if await waypost.registry.is_empty():
                await waypost.ingest()
            await waypost.route(WARM_UP)
        except WaypostError as error:
            opened.failure = error
            observability.warning(FAILED, error=error.message, fix=error.fix)
            raise
        opened.waypost, opened.identities, opened.stored = waypost, identities, Stored(waypost)
        observability.observers.append(observe)
        try:
            yield
        finally:
            observability.observers.remove(observe)
            opened.waypost = opened.identities = opened.stored = None


async def _health(request: Request) -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> JSONResponse:
    """Say whether the project is open."""
    if opened.waypost is None:
        return JSONResponse({"status": "opening"}, status_code=503)
    return JSONResponse({"status": "ready", "project": opened.waypost.settings.project.name})


async def _metrics(request: Request) -> Response:
    """Give the figures, on servers that have no such page of their own."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


app = Starlette(
    routes=[
        Route("/health", _health),
        Route("/ready", _ready),
        Route("/metrics", _metrics, include_in_schema=False),
        Route("/waypost/feedback", feedback, methods=["POST"]),
        *routes,
    ],
    lifespan=_lifespan,
    middleware=[Middleware(Guard)],
)
