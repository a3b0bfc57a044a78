"""Where in a passage the question is met."""

from __future__ import annotations

from collections.abc import Sequence

from indexes.text import symbol_terms, tokens
from indexes.types import Location, Span

__all__ = ["best_location"]


def best_location(text: str, spans: Sequence[Span], asked: frozenset[str]) -> Location:
    """Return the location of the part of a passage that has most of the question's terms.

    A passage that goes over a page's end is about the page that answers, not the one it begins on;
    on that page, about the row, article or paragraph that does.

    Args:
        text: the passage's text.
        spans: where its parts stand, in order.
        asked: the question's tokens, and the symbols that it may name.
    """
    if not spans:
        return {}
    ends = [*(span["start"] for span in spans[1:]), len(text)]
    parts = [text[span["start"] : end] for span, end in zip(spans, ends, strict=True)]
    if len(spans) == 1:
        return spans[0]["location"]
    met = [
        asked.intersection((*tokens(part), *symbol_terms(span["location"].get("symbol", ""))))
        for part, span in zip(parts, spans, strict=True)
    ]
    pages: dict[object, set[str]] = {}
    for span, terms in zip(spans, met, strict=True):
        pages.setdefault(_place(span["location"]), set()).update(terms)
    page = max(pages, key=lambda place: len(pages[place]))  # the first of equal ones
    there = [i for i, span in enumerate(spans) if _place(span["location"]) == page]
    return spans[max(there, key=lambda i: len(met[i]))]["location"]


def _place(location: Location) -> object:
    return location.get("page"), location.get("slide"), location.get("sheet")
