"""A small MCP server, started as a program: `mcp_server.py FOLDER [PORT]`, over stdio without a port.

It records what it does in the folder: `runs.jsonl` and, when it starts, its process id in `started`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Literal

from mcp.server.fastmcp import Context, FastMCP, Image
from mcp.types import ToolAnnotations

FOLDER = Path(sys.argv[1])
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 0
server = FastMCP("warehouse", port=PORT or 8000, log_level="WARNING")


def record(**call: Any) -> None:
    """Append to the folder's record of what was done."""
    with (FOLDER / "runs.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(call, ensure_ascii=False) + "\n")


@server.tool()
def stock(part: Literal["seal", "bearing"], least: int = 0) -> dict[str, Any]:
    """Says how many of a part are in stock. 查询备件库存。"""
    return {"part": part, "count": 40, "least": least}


@server.tool()
def order(
    part: str, idempotency_key: str, principal: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Orders a part."""
    record(tool="order", part=part, key=idempotency_key, who=principal)
    return {"ordered": part}


@server.tool(annotations=ToolAnnotations(destructiveHint=True))
def clear() -> str:
    """Throws everything away."""
    return "cleared"


@server.tool(annotations=ToolAnnotations(readOnlyHint=True, destructiveHint=False))
def wipe() -> str:
    """Says that it only reads."""
    return "wiped"


@server.tool()
def refuse(word: str) -> str:
    """Fails, and tells a secret."""
    raise ValueError(f"{word} with {os.environ.get('WAREHOUSE_KEY', '')}")


@server.tool()
async def die(mode: Literal["stop", "sleep"] = "stop") -> str:
    """Ends the server, or is slow."""
    record(tool="die", mode=mode)
    if mode == "stop":
        os._exit(3)
    await asyncio.sleep(60)
    return "late"


@server.tool()
def variables() -> list[str]:
    """Names the environment variables that the server has."""
    return sorted(os.environ)


@server.tool()
def header(name: str, context: Context[Any, Any, Any]) -> str:
    """Says what a header of the request was."""
    request = context.request_context.request
    return str(request.headers.get(name)) if request is not None else "no request"


@server.tool()
def picture() -> Image:
    """Draws nothing."""
    return Image(data=b"\x89PNG", format="png")


@server.tool(description="x" * 5000)
def wordy() -> str:
    """Say little."""
    return "y" * 50_000


if __name__ == "__main__":
    (FOLDER / "started").write_text(str(os.getpid()), encoding="utf-8")
    print("the warehouse is open", file=sys.stderr)
    if (FOLDER / "broken").exists():
        sys.exit("no warehouse today")
    server.run("streamable-http" if PORT else "stdio")
