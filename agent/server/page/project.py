"""GET /waypost/project: what the page says of the project, to the person who asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from agent.app import Waypost
from agent.server.page.asking import answered, asked, may_correct, visible
from indexes import Principal
from indexes.settings import IndexSettings
from indexes.text import language

__all__ = ["project"]

EXAMPLES = 6


async def project(request: Request) -> JSONResponse:
    """Tell the project's name, who asks, and the indexes and tools that they may use."""
    waypost, principal = await asked(request)
    settings = waypost.settings
    indexes = visible(waypost, principal)
    return answered(
        {
            "name": settings.project.name,
            "language": settings.project.language,
            "contact": settings.project.contact,
            "user": principal.id,
            "groups": list(principal.groups),
            "signed_in": settings.server.auth == "required",
            "indexes": await _indexes(waypost, indexes, principal),
            "tools": [
                {"name": one.name, "description": one.description}
                for one in waypost.tools.values()
                if one.allows(principal)
            ],
            "examples": _examples(indexes, settings.project.language),
            "feedback": waypost.traces is not None,
            "correct": may_correct(waypost, principal),
            # Without a chat model an answer quotes documents, and is shown to the letter.
            "markdown": bool(settings.models.of("answerer")) and settings.answer.format == "plain",
            "question_characters": settings.limits.question_characters,
        }
    )


async def _indexes(
    waypost: Waypost, indexes: Sequence[IndexSettings], principal: Principal
) -> list[dict[str, Any]]:
    found = await waypost.registry.documents(principal=principal)
    counts = Counter(one["index"] for one in found)
    return [
        {
            "name": one.name,
            "title": one.label,
            "description": one.description,
            "documents": counts[one.name],
        }
        for one in indexes
    ]


def _examples(indexes: Sequence[IndexSettings], spoken: str) -> list[str]:
    """Return a few questions to begin with, of each index in turn, first those in the language spoken."""
    turns = zip_longest(*(one.examples for one in indexes))
    found = list(dict.fromkeys(one for one in chain.from_iterable(turns) if one))
    found.sort(key=lambda one: language(one) != spoken)
    return found[:EXAMPLES]
