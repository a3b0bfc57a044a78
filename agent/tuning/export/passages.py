"""The passages of a turn as the store has them now: a trace says only which they were."""

from __future__ import annotations

from typing import Any

from agent.traces import Trace
from agent.traces.redaction import Redactor
from indexes import Registry
from indexes.access import EVERYONE
from indexes.base import Hit
from indexes.search.location import best_location
from indexes.text import tokens
from indexes.types import Filter, Ids, LocatedPassage
from indexes.validity import of_payload

__all__ = ["Unusable", "stored_passages"]

FIELDS = ("index", "document", "title", "uri", "text", "header", "path", "spans", "meta", "access")


class Unusable(Exception):
    """A row cannot be learned from.

    Args:
        reason: why, as the card counts it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def stored_passages(
    registry: Registry, trace: Trace, redactor: Redactor, *, restricted: bool
) -> list[LocatedPassage]:
    """Return the passages that a turn found, in its order, without personal data.

    Args:
        registry: the project's indexes.
        trace: of the turn.
        redactor: takes personal data out.
        restricted: also those that not everyone may see.

    Raises:
        Unusable: one is not for everyone, or no longer what it was.
    """
    ids = [one["chunk_id"] for one in trace["passages"]]
    if not ids:
        return []
    hits = await registry.store.scroll("chunks", Filter((Ids(tuple(ids)),)), FIELDS)
    found = {hit.id: hit for hit in hits}
    passages = []
    for one in trace["passages"]:
        hit = found.get(one["chunk_id"])
        if hit is None:
            raise Unusable("stale")
        if not restricted and EVERYONE not in hit.payload["access"]:
            raise Unusable("restricted")
        passage = _passage(hit, trace["question"])
        text = redactor.text(passage["text"])
        if one.get("text", text) != text:
            raise Unusable("stale")
        passages.append(_with_text(passage, text))
    return passages


def _with_text(passage: LocatedPassage, text: str) -> LocatedPassage:
    return {**passage, "text": text}


def _passage(hit: Hit, question: str) -> LocatedPassage:
    payload: dict[str, Any] = hit.payload
    passage: LocatedPassage = {
        "text": payload["text"],
        "score": 0.0,
        "index": payload["index"],
        "document": payload["document"],
        "title": payload["title"],
        "uri": payload["uri"],
        "location": best_location(payload["text"], payload["spans"], frozenset(tokens(question))),
        "context": [],
        "chunk_id": hit.id,
        "header": payload["header"],
        "path": payload["path"],
        "spans": payload["spans"],
        "similarity": 0.0,
    }
    validity = of_payload(payload)
    return passage if validity is None else {**passage, "validity": validity}
