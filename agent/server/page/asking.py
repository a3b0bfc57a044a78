"""Who asks the page's questions, what they may see, and how they are refused."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from agent.app import Waypost
from agent.server.auth import identified
from agent.server.opened import opened
from indexes import Principal
from indexes.access import permits
from indexes.settings import IndexSettings

__all__ = ["answered", "asked", "may_correct", "refused", "visible"]


async def asked(request: Request) -> tuple[Waypost, Principal]:
    """Return the project, and who asks about it.

    Raises:
        HTTPException: 401: nobody known; 503: the project is not open, or keys cannot be checked.
    """
    principal = await identified(dict(request.scope["headers"]))
    if opened.waypost is None:
        raise HTTPException(503, "The project is not open.")
    return opened.waypost, principal


def visible(waypost: Waypost, principal: Principal) -> list[IndexSettings]:
    """Return the indexes that a person may know of."""
    return [one for one in waypost.settings.index if permits(one.groups, principal)]


def may_correct(waypost: Waypost, principal: Principal) -> bool:
    """Say whether a person may change how everybody's questions are routed."""
    server = waypost.settings.server
    return server.auth == "loopback" or bool(set(server.correctors) & set(principal.groups))


def answered(found: Any) -> JSONResponse:
    """Return what was asked for, which no cache may keep."""
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def refused(status: int, detail: str) -> JSONResponse:
    """Return why a request is not answered."""
    return JSONResponse({"detail": detail}, status_code=status)
