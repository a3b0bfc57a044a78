"""The door of the server: no path answers without a key but those that the settings make public.

The server checks who asks on its API alone. Its pages, its metrics, and in development also routes
that read any thread, delete all threads and deploy the project are open to everyone otherwise.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.server.auth import identified
from agent.server.opened import opened
from agent.server.page import PAGE

__all__ = ["Guard"]

ALWAYS = frozenset({"/", "/ok"})  # they only say that the server runs
METRICS = "/metrics"
PUBLIC = {
    "/health": "health",
    "/ready": "ready",
    METRICS: "metrics",
    "/docs": "docs",
    "/openapi.json": "docs",
    "/info": "docs",
}
STATIC = re.compile(rf"{PAGE}(?:/.*)?")  # the page's own files, the same in every project
CLOSED = re.compile(r"/(?:internal|deploy)(?:/.*)?")  # of the development server
LOOPBACK = "/noauth"  # how the server calls itself, for a request that has been checked


class Guard:
    """Refuses requests before the server answers them.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        try:
            await _check(scope)
        except HTTPException as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": error.detail})
                return
            refusal = JSONResponse({"detail": error.detail}, status_code=error.status_code)
            await refusal(scope, receive, send)
            return
        if _path(scope) == "/" and _is_browser(scope):
            await RedirectResponse(f".{PAGE}/")(scope, receive, send)
            return
        if opened.stored is not None and _path(scope) == METRICS:
            await opened.stored.refresh()
        await self._app(scope, receive, send)


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


async def _check(scope: Scope) -> None:
    root = scope.get("root_path", "")
    if root == LOOPBACK or root.startswith(f"{LOOPBACK}/"):
        return  # a client cannot set it
    path = _path(scope)
    headers = dict(scope["headers"])
    if CLOSED.fullmatch(path):
        raise HTTPException(404, "Not Found")
    if scope.get("method") == "OPTIONS" and b"access-control-request-method" in headers:
        return  # a browser asks what it may send, without a key
    identities = opened.identities
    if identities is not None and identities.settings.auth == "loopback":
        _check_local(scope, headers)
    public = identities.settings.public if identities is not None else ("health", "ready")
    if path in ALWAYS or STATIC.fullmatch(path):
        return
    if PUBLIC.get(path) not in public:
        await identified(headers)  # on the API once more, should langgraph.json name no `auth`


def _is_browser(scope: Scope) -> bool:
    """Say whether a person looks here with a browser, not a program for whether the server runs."""
    accepted = dict(scope["headers"]).get(b"accept", b"")
    return scope.get("method") == "GET" and b"text/html" in accepted


def _check_local(scope: Scope, headers: Mapping[bytes, bytes]) -> None:
    """Refuse what does not come from this machine, or comes from a web page of another."""
    client = scope.get("client")
    hosts = [client[0]] if client else []  # none: a socket of this machine
    hosts += [urlsplit(f"//{headers.get(b'host', b'').decode('latin-1')}").hostname or ""]
    if b"origin" in headers:
        hosts += [urlsplit(headers[b"origin"].decode("latin-1")).hostname or ""]
    if not all(_is_local(host) for host in hosts):
        raise HTTPException(403, "This server is for its own machine alone.")


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
