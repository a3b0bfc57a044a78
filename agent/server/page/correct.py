"""POST /waypost/correct: the right route of a question, by those who may teach the project's routing."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from agent import observability
from agent.errors import ConfigurationError, UsageError
from agent.routing import Action
from agent.server.auth import UNAVAILABLE
from agent.server.page.asking import answered, asked, may_correct, refused

__all__ = ["correct"]

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Said(BaseModel):
    """The body: a question as it stands alone (`route.question`), and what is right for it."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1)
    action: Action
    indexes: list[Name] = Field(default_factory=list, max_length=20)
    tool: Name | None = None


async def correct(request: Request) -> JSONResponse:
    """Store the right route of a question, which routing learns from at once, for everybody."""
    waypost, principal = await asked(request)
    if not may_correct(waypost, principal):
        return refused(403, "You may not correct this project's routing.")
    try:
        said = Said.model_validate_json(await request.body())
    except ValidationError:
        return refused(422, 'Send {"question": "…", "action": "search", "indexes": ["…"]}.')
    try:
        stored = await waypost.correct(
            said.question,
            action=said.action,
            indexes=said.indexes,
            tool=said.tool,
            principal=principal,
        )
    except ConfigurationError as error:
        observability.warning(UNAVAILABLE, error=error.message, fix=error.fix)
        return refused(503, "Corrections cannot be stored now.")
    except UsageError as error:
        return refused(422, str(error))
    return answered(stored.as_dict())
