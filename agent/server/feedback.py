"""What people think of answers: POST /waypost/feedback, by who asked on the thread and nobody else."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from agent import observability
from agent.errors import StoreError
from agent.server.auth import UNAVAILABLE, identified
from agent.server.opened import opened

__all__ = ["feedback"]

UNKNOWN = "No answer on this thread was kept."


class Said(BaseModel):
    """The body of a request: of the last answer on the thread, whether it was good, and why."""

    model_config = ConfigDict(extra="forbid")

    thread: str = Field(min_length=1, max_length=200)
    good: StrictBool
    note: str = Field(default="", max_length=4_000)


async def feedback(request: Request) -> JSONResponse:
    """Store feedback with the turn's trace; a thread of another looks as if there were none."""
    # The server reads the docstring as YAML, so it has no section of what is raised (401, 503).
    principal = await identified(dict(request.scope["headers"]))
    try:
        said = Said.model_validate_json(await request.body())
    except ValidationError:
        return _refused(422, 'Send {"thread": "…", "good": true, "note": "…"}, the note or none.')
    traces = opened.waypost.traces if opened.waypost is not None else None
    if traces is None:
        return _refused(404, UNKNOWN)
    try:
        stored = await traces.feedback(said.thread, principal.id, said.good, said.note)
    except StoreError as error:
        observability.warning(UNAVAILABLE, error=error.message, fix=error.fix)
        return _refused(503, "Feedback cannot be stored now.")
    return _refused(404, UNKNOWN) if stored is None else JSONResponse(stored)


def _refused(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=status)
