"""Where in a passage the question is met."""

from __future__ import annotations

from collections.abc import Sequence

from indexes.text import tokens
from indexes.types import Location, Span

__all__ = ["best_location"]


def best_location(text: str, spans: Sequence[Span], asked: frozenset[str]) -> Location:
    """Return the location of the part of a passage that has most of the question's terms.

    A passage that goes over a page's end is about the page that answers, not the one it begins on.

    Args:
        text: the passage's text.
        spans: where its parts stand, in order.
        asked: the question's tokens.
    """
    if not spans:
        return {}
    ends = [*(span["start"] for span in spans[1:]), len(text)]
    parts = [text[span["start"] : end] for span, end in zip(spans, ends, strict=True)]
    pages: dict[object, set[str]] = {}
    for span, part in zip(spans, parts, strict=True):
        pages.setdefault(_place(span["location"]), set()).update(asked & set(tokens(part)))
    if len(pages) == 1:
        return spans[0]["location"]
    best = max(pages, key=lambda place: len(pages[place]))  # the first of equal ones
    return next(span["location"] for span in spans if _place(span["location"]) == best)


def _place(location: Location) -> object:
    return location.get("page"), location.get("slide"), location.get("sheet")
