"""A cited stretch in its document: the passage it is from, and what stands before and after that."""

from __future__ import annotations

from typing import TypedDict

from indexes import Principal, Registry
from indexes.access import visible_to
from indexes.types import AnyOf, Filter

__all__ = ["Excerpt", "excerpt"]


class Excerpt(TypedDict):
    """A passage with its neighbours; "" where its document begins or ends."""

    before: str
    text: str
    after: str


async def excerpt(
    registry: Registry, *, index: str, document: str, text: str, principal: Principal | None
) -> Excerpt | None:
    """Return the passage that a stretch is cited from; None if the document has it no more.

    Args:
        registry: has the documents.
        index: the document's.
        document: its source id.
        text: the cited stretch, to the letter.
        principal: who reads; what they may not see is as if it were not there.
    """
    where = Filter(
        (AnyOf("index", (index,)), AnyOf("document", (document,)), visible_to(principal))
    )
    found = await registry.store.scroll("chunks", where, ("text", "ordinal"))
    chunks = [str(hit.payload["text"]) for hit in sorted(found, key=lambda h: h.payload["ordinal"])]
    for position, chunk in enumerate(chunks):
        if text in chunk:
            before = chunks[position - 1] if position else ""
            after = chunks[position + 1] if position + 1 < len(chunks) else ""
            return {"before": before, "text": chunk, "after": after}
    return None
