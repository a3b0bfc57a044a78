"""Who may do what over the server's API: people have their own threads, and nothing else is theirs.

What is not allowed here is refused, also what later versions of the server may bring.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from langgraph_sdk import Auth
from starlette.exceptions import HTTPException

from agent import observability
from agent.errors import ConfigurationError
from agent.server.identity import UnreachableKeysError
from agent.server.opened import opened
from indexes import Principal

__all__ = ["UNAVAILABLE", "auth", "credential", "identified"]

OWNER = "owner"  # in a thread's metadata
UNAVAILABLE = "server.unavailable"

auth = Auth()


def credential(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the key or token of a request: `Authorization: Bearer …`, or `X-Api-Key: …`.

    Clients of LangGraph's API send the latter.

    Args:
        headers: as ASGI gives them, their names in small letters.
    """
    scheme, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return headers.get(b"x-api-key", b"").decode("latin-1").strip() or None


async def identified(headers: Mapping[bytes, bytes]) -> Principal:
    """Return who sends a request.

    Raises:
        HTTPException: 401: nobody known; 503: that cannot be found out now.
    """
    if opened.identities is None:
        raise HTTPException(503, "The project is not open.")
    try:
        found = await asyncio.to_thread(opened.identities.find, credential(headers))
    except (ConfigurationError, UnreachableKeysError) as error:
        observability.warning(UNAVAILABLE, error=error.message, fix=error.fix)
        raise HTTPException(503, "Keys cannot be checked now.") from error
    if found is None:
        raise HTTPException(401, "A valid key or token is needed.")
    return found


@auth.authenticate
async def authenticate(headers: dict[bytes, bytes]) -> Auth.types.MinimalUserDict:
    """Tell the server who sends a request."""
    try:
        principal = await identified(headers)
    except HTTPException as error:
        if error.status_code != 401:
            raise
        raise Auth.exceptions.HTTPException(status_code=401, detail=error.detail) from None
    user: Any = {"identity": principal.id, "groups": list(principal.groups)}
    found: Auth.types.MinimalUserDict = user
    return found


@auth.on
async def deny(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Refuse what nothing below allows: making and changing assistants, crons, the store."""
    return False


@auth.on.assistants.read
async def read_assistants(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Let everyone known see the assistants, which are the project's."""
    return True


@auth.on.assistants.search
async def search_assistants(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Let everyone known list the assistants."""
    return True


@auth.on.threads
async def own_threads(ctx: Auth.types.AuthContext, value: Any) -> Auth.types.FilterType:
    """Give a new thread to who makes it, and show people their own threads and runs alone."""
    owner = {OWNER: ctx.user.identity}
    if ctx.action in {"create", "create_run", "update"} and isinstance(value, dict):
        # In place, as the server goes on with its own reference; a client's word does not count.
        if value.get("metadata") is None:
            value["metadata"] = {}
        value["metadata"].update(owner)
    return dict(owner)
