"""One connection to an MCP server, kept open by a task of its own and opened anew when it is lost.

The protocol's library holds a connection in cancel scopes, which must be entered and left by one task; the
graph's nodes call from others. So an owner task opens it, waits, and closes it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from agent.errors import ToolError
from agent.observability import redacted

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult
    from mcp.types import Tool as ServerTool

__all__ = ["Connection", "LostError", "ServerAddress", "UnreachableError"]

Reply = TypeVar("Reply")

CONNECT = 10.0  # seconds until a server must have answered
SILENT = 300.0  # seconds that a server may hold a stream open without a word
ALIVE = 5.0  # seconds for a sign of life before a call
PAGES = 20  # of a server's list of tools
TOLD = 300  # characters of what a server says
SESSION_GONE = 32600  # the library's code for a session that the server has forgotten
_QUIET = logging.NullHandler()


class UnreachableError(ToolError):
    """A server does not answer, so nothing was called."""


class LostError(ToolError):
    """The connection broke while a call was under way: nobody knows what became of it."""


@dataclass(frozen=True)
class ServerAddress:
    """Where a server is: a URL with headers, or a command with its arguments, folder and environment."""

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()
    folder: Path = Path()
    env: Mapping[str, str] = field(default_factory=dict)

    def shown(self, text: str) -> str:
        """Return what a server or a library said, in one line and without its credentials."""
        for secret in (*self.headers.values(), *self.env.values()):
            text = text.replace(secret, "[redacted]") if secret else text
        return redacted(" ".join(text.split()))[:TOLD]


@dataclass(frozen=True)
class _Open:
    session: ClientSession
    owner: asyncio.Task[None]
    leave: asyncio.Event


class Connection:
    """A connection to a server; any task may use it.

    Args:
        name: of the server, for messages.
        address: where it is.
    """

    def __init__(self, name: str, address: ServerAddress) -> None:
        self.name = name
        self._address = address
        self._lock = asyncio.Lock()
        self._open: _Open | None = None
        self._asking = 0
        self._owners: set[asyncio.Task[None]] = set()

    async def tools(self) -> list[ServerTool]:
        """Return the tools that the server offers.

        Raises:
            UnreachableError: it does not answer.
            ToolError: it answers with an error.
        """
        from mcp.types import PaginatedRequestParams

        opened = await self._alive()
        found: list[ServerTool] = []
        cursor: str | None = None
        for _ in range(PAGES):
            listing = opened.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
            page = await self._answered(opened, listing)
            found += page.tools
            cursor = page.nextCursor
            if cursor is None:
                break
        return found

    async def call(self, name: str, args: dict[str, Any], *, repeat: bool) -> CallToolResult:
        """Call a tool; a server that is gone is connected to once more.

        Args:
            name: of the tool, as the server has it.
            args: its arguments.
            repeat: call again if the connection breaks during the call.

        Raises:
            LostError: the connection broke during the call.
            UnreachableError: the server does not answer.
            ToolError: it refuses the call.
        """
        opened = await self._alive()
        try:
            return await self._answered(opened, opened.session.call_tool(name, args))
        except LostError:
            if not repeat:
                raise
        opened = await self._alive()
        return await self._answered(opened, opened.session.call_tool(name, args))

    async def close(self) -> None:
        """Close the connection, and end a server that was started here."""
        if self._open is not None:
            self._open.leave.set()
        owners = set(self._owners)
        if owners:
            await asyncio.wait(owners, timeout=ALIVE)
        for owner in owners:
            owner.cancel()
        await asyncio.gather(*owners, return_exceptions=True)

    async def _alive(self) -> _Open:
        """Return the connection after a sign of life, or a new one: a call must not be the first to fail.

        While another request is under way none is asked for: some servers do one thing at a time.
        """
        async with self._lock:
            opened = self._open
            if opened is not None and not self._asking:
                try:
                    async with asyncio.timeout(ALIVE):
                        await self._answered(opened, opened.session.send_ping())
                except (ToolError, TimeoutError):
                    self._drop(opened)
            if self._open is None:
                self._open = await self._connect()
            return self._open

    def _drop(self, opened: _Open) -> None:
        opened.leave.set()
        if self._open is opened:
            self._open = None

    async def _connect(self) -> _Open:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[ClientSession] = loop.create_future()
        leave = asyncio.Event()
        said = _Said()
        owner = asyncio.create_task(self._own(ready, leave, said))
        self._owners.add(owner)
        owner.add_done_callback(self._left)
        first: set[asyncio.Future[Any]] = {ready, owner}
        try:
            await asyncio.wait(first, timeout=CONNECT, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            owner.cancel()
            raise
        if ready.done():
            return _Open(ready.result(), owner, leave)
        late = not owner.done()
        owner.cancel()
        [error] = await asyncio.gather(owner, return_exceptions=True)
        why = f"no answer within {CONNECT:g} s" if late else _reason(error)
        raise UnreachableError(
            f"The MCP server {self.name!r} does not answer: "
            f"{self._address.shown(f'{why} {said.last_line()}')}",
            fix="start it, or correct `mcp`, `headers` and `env` of its [[tool]].",
        )

    def _left(self, owner: asyncio.Task[None]) -> None:
        self._owners.discard(owner)
        if not owner.cancelled():
            owner.exception()  # whoever waits for an answer is told; asyncio need not complain

    async def _own(
        self, ready: asyncio.Future[ClientSession], leave: asyncio.Event, said: _Said
    ) -> None:
        """Hold the connection open until it is to be left, or breaks."""
        async with _session(self._address, said) as session:
            await session.initialize()
            ready.set_result(session)
            await leave.wait()

    async def _answered(self, opened: _Open, request: Coroutine[Any, Any, Reply]) -> Reply:
        """Wait for an answer, or for the end of the connection."""
        from anyio import BrokenResourceError, ClosedResourceError
        from mcp.shared.exceptions import McpError
        from mcp.types import CONNECTION_CLOSED

        asking = asyncio.create_task(request)
        self._asking += 1
        try:
            await asyncio.wait({asking, opened.owner}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
        except McpError as error:
            if error.error.code not in {CONNECTION_CLOSED, SESSION_GONE}:
                raise ToolError(self._address.shown(error.error.message)) from error
        except (BrokenResourceError, ClosedResourceError):
            pass  # it is lost, as is told below
        except (ValueError, RuntimeError) as error:  # what the library says of an unusable answer
            raise ToolError(self._address.shown(f"unusable answer: {error}")) from error
        finally:
            self._asking -= 1
            asking.cancel()
        self._drop(opened)
        raise LostError(f"The connection to the MCP server {self.name!r} broke.")


class _Said(asyncio.Protocol):
    """Keeps the end of what a server that was started here writes to its standard error."""

    def __init__(self) -> None:
        self._end = b""

    def data_received(self, data: bytes) -> None:
        self._end = (self._end + data)[-2000:]

    def last_line(self) -> str:
        """Return the last line, in parentheses; "" without any."""
        lines = [line.strip() for line in self._end.decode("utf-8", "replace").splitlines()]
        last = next((line for line in reversed(lines) if line), "")
        return f"({last})" if last else ""


def _reason(error: BaseException | None) -> str:
    """Return the first cause in what a task group raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}" if error is not None else "it closed the connection"


@asynccontextmanager
async def _session(address: ServerAddress, said: _Said) -> AsyncIterator[ClientSession]:
    from mcp import ClientSession

    # What breaks is told here; without a handler the library's tracebacks would go to standard error.
    logging.getLogger("mcp").addHandler(_QUIET)
    async with AsyncExitStack() as stack:
        if address.url:
            from httpx import AsyncClient, Timeout
            from mcp.client.streamable_http import streamable_http_client

            client = AsyncClient(headers=address.headers, timeout=Timeout(CONNECT, read=SILENT))
            await stack.enter_async_context(client)
            read, write, _ = await stack.enter_async_context(
                streamable_http_client(address.url, http_client=client)
            )
        else:
            from mcp.client.stdio import StdioServerParameters, stdio_client

            command, *args = address.command
            parameters = StdioServerParameters(
                command=command, args=args, env=dict(address.env), cwd=address.folder
            )
            errors = await stack.enter_async_context(_errors(said))
            read, write = await stack.enter_async_context(stdio_client(parameters, errlog=errors))
        yield await stack.enter_async_context(ClientSession(read, write))


@asynccontextmanager
async def _errors(said: _Said) -> AsyncIterator[TextIO]:
    """Give a file whose lines go to `said`: a server's own log belongs to no one's terminal."""
    ours, theirs = os.pipe()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: said, os.fdopen(ours, "rb")
    )
    try:
        with os.fdopen(theirs, "w") as file:
            yield file
    finally:
        transport.close()
