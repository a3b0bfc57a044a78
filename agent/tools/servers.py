"""MCP servers: connecting to those that the settings name, and their tools as the agent's own.

What a server says of its tools is data: names and descriptions are bounded, a tool with an unusable schema is
left out, and its hints can raise a protection but never lower one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from agent import observability
from agent.errors import ConfigurationError, ToolError
from agent.settings import ToolSettings
from agent.tools.connection import Connection, ServerAddress
from agent.tools.schema import parameters, visible
from agent.tools.types import INJECTED, Tool
from indexes.types import Principal

if TYPE_CHECKING:
    from mcp.types import CallToolResult
    from mcp.types import Tool as ServerTool

__all__ = ["SERVER_FAILED", "ServerCheck", "check_mcp", "open_mcp"]

SERVER_FAILED = "tool_server.failed"
EVERY = "*"
LONGEST_DESCRIPTION = 1_000  # characters
LONGEST_SCHEMA = 20_000  # characters


class ServerCheck(TypedDict):
    """What became of connecting to a server: the tools that may be used, or an error and its cure."""

    server: str
    tools: list[str]
    error: str
    fix: str


@dataclass(frozen=True)
class _Server:
    """A server and the [[tool]] tables that name it."""

    connection: Connection
    address: ServerAddress
    tables: tuple[ToolSettings, ...]


@asynccontextmanager
async def open_mcp(project: Path, settings: Sequence[ToolSettings]) -> AsyncIterator[list[Tool]]:
    """Connect to the MCP servers that a project's settings name, all at once, and give their tools.

    A server that does not answer within ten seconds is told of in the log and its tools are missing.

    Args:
        project: the folder in which servers are started.
        settings: the [[tool]] tables.

    Raises:
        ConfigurationError: a table is unusable, or the extra `mcp` is not installed.
    """
    servers = _servers(project, settings)
    try:
        found = await asyncio.gather(
            *(_offered(server) for server in servers), return_exceptions=True
        )
        tools: list[Tool] = []
        for server, one in zip(servers, found, strict=True):
            if isinstance(one, ToolError):
                name = server.connection.name
                observability.warning(SERVER_FAILED, server=name, error=one.message, fix=one.fix)
            elif isinstance(one, BaseException):
                raise one
            else:
                tools += one
        yield tools
    finally:
        await asyncio.gather(*(server.connection.close() for server in servers))


async def check_mcp(project: Path, settings: Sequence[ToolSettings]) -> list[ServerCheck]:
    """Connect to the MCP servers that a project's settings name and say what became of it.

    Args and errors are those of `open_mcp`.
    """

    async def check(server: _Server) -> ServerCheck:
        name = server.connection.name
        try:
            tools = [tool.name for tool in await _offered(server)]
        except ToolError as error:
            return {"server": name, "tools": [], "error": error.message, "fix": error.fix}
        finally:
            await server.connection.close()
        return {"server": name, "tools": tools, "error": "", "fix": ""}

    return list(await asyncio.gather(*(check(server) for server in _servers(project, settings))))


def _servers(project: Path, settings: Sequence[ToolSettings]) -> list[_Server]:
    tables: dict[str, list[ToolSettings]] = {}
    for one in settings:
        if one.mcp:
            tables.setdefault(one.mcp, []).append(one)
    if tables and find_spec("mcp") is None:
        raise ConfigurationError(
            "MCP servers need the package 'mcp', which is not installed.",
            fix='pip install "waypost[mcp]".',
        )
    return [_server(project, mcp, tuple(named)) for mcp, named in tables.items()]


def _server(project: Path, mcp: str, tables: tuple[ToolSettings, ...]) -> _Server:
    for one in tables:
        if one.examples and (len(one.tools) > 1 or EVERY in one.tools):
            raise ConfigurationError(
                f"A [[tool]] of the MCP server {mcp!r} has examples for several tools at once.",
                fix="give each tool with examples a [[tool]] of its own.",
            )
    headers = {
        name: _variable(variable, mcp) for one in tables for name, variable in one.headers.items()
    }
    env = {name: _variable(name, mcp) for one in tables for name in one.env}
    if mcp.startswith(("http://", "https://")):
        parts = urlsplit(mcp)
        name = (
            f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        )
        address = ServerAddress(url=mcp, headers=headers)
    else:
        try:
            command = shlex.split(mcp)
        except ValueError as error:
            raise ConfigurationError(
                f"mcp = {mcp!r} is no command line: {error}.", fix="close its quotation marks."
            ) from error
        name = observability.redacted(mcp)
        address = ServerAddress(command=command, folder=project.resolve(), env=env)
    return _Server(Connection(name, address), address, tables)


def _variable(name: str, mcp: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise ConfigurationError(
            f"The MCP server {mcp!r} needs the environment variable {name!r}, which is not set.",
            fix=f"set {name}, or remove it from the [[tool]].",
        ) from None


async def _offered(server: _Server) -> list[Tool]:
    """Return the tools of a server that the tables name; `"*"` names those that no other table does."""
    listed = {tool.name: tool for tool in await server.connection.tools()}
    named = {name for table in server.tables for name in table.tools}
    found: list[Tool] = []
    for table in server.tables:
        wanted = [name for name in table.tools if name != EVERY]
        if EVERY in table.tools:
            wanted += [name for name in listed if name not in named]
        for name in wanted:
            if name not in listed:
                _left_out(server, name, f"the server has: {', '.join(listed) or 'none'}")
            elif reason := _unusable(listed[name]):
                _left_out(server, name, reason)
            else:
                found.append(_tool(server, listed[name], table))
    return found


def _left_out(server: _Server, name: str, reason: str) -> None:
    observability.warning(
        SERVER_FAILED,
        server=server.connection.name,
        tool=name[:64],
        error=server.address.shown(reason),
        fix="correct `tools`, or the server.",
    )


def _unusable(listed: ServerTool) -> str:
    """Say why a tool cannot be offered; "" if it can."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    if len(json.dumps(listed.inputSchema)) > LONGEST_SCHEMA:
        return f"its schema has more than {LONGEST_SCHEMA} characters"
    try:
        validator_for(listed.inputSchema).check_schema(listed.inputSchema)
    except SchemaError as error:
        return f"its schema is none: {error.message}"
    return ""


def _tool(server: _Server, listed: ServerTool, table: ToolSettings) -> Tool:
    schema = listed.inputSchema
    taken = [name for name in INJECTED if name in schema.get("properties", {})]
    # Nobody here has read its code, so it is taken to change something unless the settings say no.
    effects = True if table.effects is None else table.effects
    keyed = "idempotency_key" in taken

    async def run(args: dict[str, Any], principal: Principal | None, key: str) -> Any:
        who = None if principal is None else {"id": principal.id, "groups": list(principal.groups)}
        injected = {"principal": who, "idempotency_key": key}
        given = {**args, **{name: injected[name] for name in taken}}
        repeat = keyed or not effects
        return _data(await server.connection.call(listed.name, given, repeat=repeat), server)

    return Tool(
        name=re.sub(r"[^A-Za-z0-9_-]", "_", listed.name)[:64],  # what endpoints of models accept
        description=(listed.description or listed.title or listed.name)[:LONGEST_DESCRIPTION],
        parameters=parameters(schema),
        schema=visible(schema),
        run=run,
        examples=table.examples,
        approve=_approve(listed, table),
        effects=effects,
        keyed=keyed,
        groups=table.groups,
        timeout=table.timeout,
    )


def _approve(listed: ServerTool, table: ToolSettings) -> bool:
    """Say whether a person approves: as the table says, else if the server calls the tool destructive."""
    hinted = listed.annotations is not None and listed.annotations.destructiveHint is True
    return table.approve if "approve" in table.model_fields_set else hinted


def _data(result: CallToolResult, server: _Server) -> Any:
    """Return what a server answered: its structured content, else its texts.

    Raises:
        ToolError: it answered with an error.
    """
    texts = [_text(block) for block in result.content]
    if result.isError:
        raise ToolError(server.address.shown(" ".join(texts)) or "an error without a text")
    content: Mapping[str, Any] | None = result.structuredContent
    if content is None:
        return "\n".join(texts)
    return content["result"] if set(content) == {"result"} else content


def _text(block: Any) -> str:
    """Return a part of a result as text; of pictures and sounds only that they are there."""
    if block.type == "text":
        return str(block.text)
    if block.type == "resource" and hasattr(block.resource, "text"):
        return str(block.resource.text)
    if block.type == "resource_link":
        return str(block.uri)
    return f"[{block.type}]"
