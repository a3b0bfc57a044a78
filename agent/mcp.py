"""A project as an MCP server, whose tools other agents use: ask, search, documents.

Whoever starts the server says for whom it answers: a client cannot claim to be somebody else. An approval
is asked of the person in front of the client (elicitation); where a client cannot ask, nothing is done.
"""

# Annotations are evaluated here, not kept as text: the SDK makes schemas of them, and they name what is local.

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.app import Waypost
from agent.errors import ConfigurationError, WaypostError
from agent.state import Answer
from indexes import Principal
from indexes.access import permits
from prompts import texts

if TYPE_CHECKING:
    from mcp.server.fastmcp import Context, FastMCP

__all__ = ["make_mcp_server"]

NAME = "waypost"


class Cited(TypedDict):
    """What a marker [n] of an answer stands for."""

    marker: int
    text: str
    title: str
    document: str
    location: dict[str, Any]


class Told(TypedDict):
    """An answer, as other agents get it."""

    answer: str
    action: str
    grounded: bool
    confidence: float
    citations: list[Cited]
    thread: str


class Decision(BaseModel):
    """What a person is asked about a call that needs approval."""

    approve: bool = Field(description="run it")
    reason: str = Field(default="", description="why not")


def make_mcp_server(waypost: Waypost, principal: Principal | None) -> "FastMCP[Any]":
    """Return an MCP server for an opened project.

    Args:
        waypost: the project.
        principal: for whom every question is asked; None: public documents only.

    Raises:
        ConfigurationError: the extra `mcp` is not installed.
    """
    try:
        from mcp.server.fastmcp import Context, FastMCP
        from mcp.server.fastmcp.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError as error:
        raise ConfigurationError(
            "The MCP SDK is not installed.", fix='pip install "waypost[mcp]"'
        ) from error

    language = waypost.settings.project.language
    words = texts("mcp", language)
    covered = "; ".join(
        f"{index.label}: {index.description}"
        for index in waypost.settings.index
        if permits(index.groups, principal)
    )
    server: FastMCP[Any] = FastMCP(NAME, instructions=words["instructions"].format(covered=covered))
    reads = ToolAnnotations(readOnlyHint=True, openWorldHint=False)

    @server.tool(description=words["ask"].format(covered=covered))
    async def ask(
        question: Annotated[str, Field(description=words["question"])],
        ctx: Context[Any, Any, Any],
        thread: Annotated[str, Field(description=words["thread"])] = "",
    ) -> Told:
        try:
            answer = await waypost.ask(question, principal=principal, thread=thread or None)
            while answer["pending"] is not None:
                decisions = await _decisions(answer["pending"], ctx)
                answer = await waypost.resume(
                    thread=answer["thread_id"], decisions=decisions, principal=principal
                )
        except WaypostError as error:
            raise ToolError(str(error)) from error
        return _told(answer)

    @server.tool(description=words["search"].format(covered=covered), annotations=reads)
    async def search(
        query: Annotated[str, Field(description=words["query"])],
        index: Annotated[str, Field(description=words["index"])] = "",
        k: Annotated[int, Field(ge=1, le=50)] = 5,
    ) -> list[dict[str, Any]]:
        try:
            found = await waypost.registry.search(
                query, index=index or None, k=k, principal=principal
            )
        except WaypostError as error:
            raise ToolError(str(error)) from error
        return [dict(passage) for passage in found]

    @server.tool(description=words["documents"], annotations=reads)
    async def documents(
        index: Annotated[str, Field(description=words["index"])] = "",
    ) -> list[dict[str, Any]]:
        try:
            found = await waypost.registry.documents(index=index or None, principal=principal)
        except WaypostError as error:
            raise ToolError(str(error)) from error
        return [dict(document) for document in found]

    return server


async def _decisions(
    pending: dict[str, Any], ctx: "Context[Any, Any, Any]"
) -> list[dict[str, Any]]:
    """Ask the person in front of the client about each call; without an answer it is rejected."""
    from mcp.shared.exceptions import McpError

    decisions: list[dict[str, Any]] = []
    for request in pending["action_requests"]:
        try:
            asked = await ctx.elicit(request["description"], Decision)
        except McpError:  # the client cannot ask anybody
            decisions.append({"type": "reject"})
            continue
        if asked.action == "accept" and asked.data.approve:
            decisions.append({"type": "approve"})
            continue
        reason = asked.data.reason if asked.action == "accept" else ""
        decisions.append({"type": "reject", "message": reason} if reason else {"type": "reject"})
    return decisions


def _told(answer: Answer) -> Told:
    return {
        "answer": answer["answer"],
        "action": answer["action"],
        "grounded": answer["grounded"],
        "confidence": answer["confidence"],
        "citations": [
            {
                "marker": one["marker"],
                "text": one["text"],
                "title": one["title"],
                "document": one["document"],
                "location": dict(one["location"]),
            }
            for one in answer["citations"]
        ],
        "thread": answer["thread_id"],
    }
