"""POST /waypost/passage: a citation in its document, with what stands around it.

A cited text goes into the body, not into the address, which servers log.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from agent.excerpt import excerpt
from agent.server.page.asking import answered, asked, refused, visible

__all__ = ["passage"]


class Cited(BaseModel):
    """The body: of a citation the index, the document and the text."""

    model_config = ConfigDict(extra="forbid")

    index: str = Field(min_length=1, max_length=200)
    document: str = Field(min_length=1, max_length=2_000)
    text: str = Field(min_length=1, max_length=50_000)


async def passage(request: Request) -> JSONResponse:
    """Give a cited passage and its neighbours, as far as who asks may see them."""
    waypost, principal = await asked(request)
    try:
        cited = Cited.model_validate_json(await request.body())
    except ValidationError:
        return refused(422, 'Send {"index": "…", "document": "…", "text": "…"} of a citation.')
    found = None
    if cited.index in {one.name for one in visible(waypost, principal)}:
        found = await excerpt(
            waypost.registry,
            index=cited.index,
            document=cited.document,
            text=cited.text,
            principal=principal,
        )
    if found is None:
        return refused(404, "This passage is not there, or not any more.")
    return answered(found)
