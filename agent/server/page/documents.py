"""POST /waypost/documents: the documents of an index that the person who asks may see.

What is searched for goes into the body, not into the address, which servers log.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from agent.server.page.asking import answered, asked, refused, visible

__all__ = ["documents"]

MOST = 100  # documents in one answer
SHOWN = ("index", "document", "title", "uri", "language", "chunks", "date", "synced", "warnings")
PERIOD = ("effective", "expires")


class Wanted(BaseModel):
    """The body: an index, words that title or name have, and how many documents to pass over."""

    model_config = ConfigDict(extra="forbid")

    index: str
    find: Annotated[str, Field(max_length=200)] = ""
    offset: Annotated[int, Field(ge=0)] = 0


async def documents(request: Request) -> JSONResponse:
    """List documents by title, a hundred at a time."""
    waypost, principal = await asked(request)
    try:
        wanted = Wanted.model_validate_json(await request.body())
    except ValidationError:
        return refused(422, 'Send {"index": "…"}, and "find" and "offset" if wanted.')
    if wanted.index not in {one.name for one in visible(waypost, principal)}:
        return refused(404, "There is no such index.")
    found = await waypost.registry.documents(index=wanted.index, principal=principal)
    words = wanted.find.casefold().split()
    chosen = [
        one
        for one in found
        if all(word in f"{one['title']}\n{one['document']}".casefold() for word in words)
    ]
    chosen.sort(key=lambda one: (one["title"].casefold(), one["document"]))
    shown = [
        {
            **{key: one[key] for key in SHOWN},  # type: ignore[literal-required]
            **{key: one["fields"][key] for key in PERIOD if key in one["fields"]},
        }
        for one in chosen[wanted.offset : wanted.offset + MOST]
    ]
    return answered({"documents": shown, "total": len(chosen)})
