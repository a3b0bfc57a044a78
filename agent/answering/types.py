"""What an answer is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NotRequired

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.answering.links import opened
from indexes.types import LocatedPassage, Location, Span, Validity

__all__ = ["Citation", "Draft", "Source", "empty_draft", "location_at"]


class Citation(TypedDict):
    """What a marker [n] stands for: the quoted text and where it is.

    Args:
        marker: the n of [n].
        text: what is quoted.
        index: the index that it is from; "" for a tool's result.
        document: the document's id; of a tool's result "tool:<name>".
        title: the document's title.
        uri: opens the document at the quotation where its format allows that.
        location: where it stands in the document.
        validity: there if the document says when it holds.
    """

    marker: int
    text: str
    index: str
    document: str
    title: str
    uri: str
    location: Location
    validity: NotRequired[Validity]


@dataclass(frozen=True)
class Source:
    """Something an answer may cite as [number]: a passage, or a tool's result.

    A tool's result has no index; its `document` is "tool:<name>" and its `title` the tool's name.
    `validity` is None where the document does not say when it holds.
    """

    number: int
    text: str
    title: str
    index: str
    document: str
    uri: str
    location: Location
    validity: Validity | None = None

    def cited(self, text: str, location: Location | None = None) -> Citation:
        """Return the citation of a stretch of its text."""
        place = self.location if location is None else location
        citation: Citation = {
            "marker": self.number,
            "text": text,
            "index": self.index,
            "document": self.document,
            "title": self.title,
            "uri": opened(self.uri, place, text),
            "location": place,
        }
        if self.validity is not None:
            citation["validity"] = self.validity
        return citation


class Draft(TypedDict):
    """An answer, checked against its sources.

    `grounded` is whether every claim that is left is supported by what it cites, `support` how well on
    the whole, from 0 to 1, and `problems` what was found wrong, by kind.
    """

    text: str
    citations: list[Citation]
    grounded: bool
    support: float
    problems: list[str]


def empty_draft() -> Draft:
    """Return the draft of no answer."""
    return {"text": "", "citations": [], "grounded": False, "support": 0.0, "problems": []}


def location_at(passage: LocatedPassage, offset: int) -> Location:
    """Return where the character at `offset` of a passage's text stands in its document."""
    spans: list[Span] = passage["spans"]
    found = passage["location"]
    for span in spans:
        if span["start"] <= offset:
            found = span["location"]
    return found
