"""`waypost mcp`: the project as an MCP server."""

from __future__ import annotations

from pathlib import Path

from agent.cli.common import Groups, Project, User, ensure_ingested, principal_of, run_async

__all__ = ["mcp"]


def mcp(project: Project = Path(), user: User = None, group: Groups = None) -> None:
    """Serve the project to other agents over MCP, on standard input and output.

    Everything is asked as --user, in its groups; without it public documents only are seen.
    """
    run_async(_mcp(project, user, group))


async def _mcp(project: Path, user: str | None, group: list[str] | None) -> None:
    from agent.app import Waypost
    from agent.mcp import make_mcp_server

    principal = principal_of(user, group)
    async with Waypost.open(project) as waypost:
        server = make_mcp_server(waypost, principal)
        await ensure_ingested(waypost)
        await server.run_stdio_async()
