"""What an answer is made of."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from indexes.types import LocatedPassage, Location, Span

__all__ = ["Citation", "Draft", "location_at"]


class Citation(TypedDict):
    """What a marker [n] stands for: the quoted text and where it is."""

    marker: int
    text: str
    index: str
    document: str
    title: str
    uri: str
    location: Location


class Draft(TypedDict):
    """An answer before verification."""

    text: str
    citations: list[Citation]


def location_at(passage: LocatedPassage, offset: int) -> Location:
    """Return where the character at `offset` of a passage's text stands in its document."""
    spans: list[Span] = passage["spans"]
    found = passage["location"]
    for span in spans:
        if span["start"] <= offset:
            found = span["location"]
    return found
