"""Plain types that search results, documents and people are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NotRequired

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

__all__ = [
    "BUILTIN_FIELDS",
    "AnyOf",
    "Block",
    "Chunk",
    "Condition",
    "Document",
    "DocumentInfo",
    "Estimate",
    "Failure",
    "FieldType",
    "FieldValue",
    "Filter",
    "Ids",
    "Layout",
    "LocatedPassage",
    "Location",
    "Not",
    "Passage",
    "Principal",
    "Range",
    "Span",
    "Standing",
    "SyncReport",
    "Validity",
    "Value",
    "Warned",
    "Where",
]

Layout = Literal["flat", "hierarchical"]
Standing = Literal["in_force", "ended", "not_yet"]
Value = str | int | float | bool
FieldValue = Value | list[Value]
FieldType = Literal["keyword", "number", "date", "text"]
BUILTIN_FIELDS: Mapping[str, FieldType] = {
    "title": "text",
    "date": "date",
    "language": "keyword",
    "effective": "date",
    "expires": "date",
}
Where = Mapping[str, Value | Sequence[Value] | Mapping[str, Value]]
"""What documents a search is limited to: field → condition, all of which hold.

`{"language": "zh"}` equals; `{"region": ["north", "south"]}` any of; `{"year": {"gte": 2023}}` and
`{"date": {"gte": "2024-01", "lt": "2024-07"}}` a range (`gte`, `gt`, `lte`, `lt`);
`{"title": {"text": "annual report"}}` all of the words. The fields are `document`, `title`, `date`,
`language`, `effective`, `expires` and those that an index declares.
"""


class Location(TypedDict, total=False):
    """Where in its document a text stands; only the keys that apply are present.

    Args:
        page: page of a PDF, from 1.
        slide: slide of a presentation, from 1.
        sheet: sheet of a workbook.
        row: row of a table, a list or a file of lines.
        heading: the nearest heading above.
        article: article of a law or contract, such as 第三条.
        symbol: the function, class or method.
        lines: the first and the last line.
        time: when it was said or logged.
    """

    page: int
    slide: int
    sheet: str
    row: int
    heading: str
    article: str
    symbol: str
    lines: list[int]
    time: str


class Span(TypedDict):
    """From `start` (a character offset in the chunk's text) on, the text stands at `location`."""

    start: int
    location: Location


class Validity(TypedDict):
    """When a document holds: its days are in ISO form, "" where it does not say.

    Args:
        effective: the first day.
        expires: the last day.
        replaced_by: what to read instead.
        state: what that means for the days asked about.
        now: what it means today.
        asked: these days, "/" between the first and the last; "" if none were named.
    """

    effective: str
    expires: str
    replaced_by: str
    state: NotRequired[Standing]
    now: NotRequired[Standing]
    asked: NotRequired[str]


class Passage(TypedDict):
    """A retrieved chunk.

    Args:
        text: the chunk's text.
        score: the search's score; comparable within one search alone.
        index: the index that it is from.
        document: the document's id; of a file its path in the project.
        title: the document's title.
        uri: opens the document at the chunk where its format allows that.
        location: where it stands in the document.
        context: neighbouring texts.
        chunk_id: the store's id of it.
        validity: there if the document says when it holds.
    """

    text: str
    score: float
    index: str
    document: str
    title: str
    uri: str
    location: Location
    context: list[str]
    chunk_id: str
    validity: NotRequired[Validity]


class LocatedPassage(Passage):
    """A passage that still knows where each part of its text stands, and how close it is.

    `header` is the title with the headings of `path`; `similarity` the cosine of query and chunk, 0 in
    an index without embeddings, or whose model is not calibrated.
    """

    header: str
    path: list[str]
    spans: list[Span]
    similarity: float


class DocumentInfo(TypedDict):
    """What is known of an indexed document.

    Args:
        index: the index that it is in.
        document: its id; of a file its path in the project.
        title: its title, else its file's name.
        uri: where it is.
        language: "zh" or "en".
        chunks: how many chunks it has.
        date: its date in ISO form; "" if it has none.
        fields: its metadata beside title and date.
        source: the `[[source]]` or app that it is from; "" for files.
        synced: when its text was last written (ISO 8601, UTC).
        warnings: what people should know of it.
    """

    index: str
    document: str
    title: str
    uri: str
    language: str
    chunks: int
    date: str
    fields: dict[str, FieldValue]
    source: str
    synced: str
    warnings: list[str]


class Failure(TypedDict):
    """A source that could not be ingested, and why.

    Args:
        path: the file, document or source.
        error: why.
    """

    path: str
    error: str


class Estimate(TypedDict):
    """What embedding will take: `dollars` is None where the model's price is not known."""

    model: str
    texts: int
    tokens: int
    dollars: float | None


class Warned(TypedDict):
    """A source that was ingested, and what people should know of it.

    Args:
        path: the file, document or source.
        warning: what to know.
    """

    path: str
    warning: str


class SyncReport(TypedDict):
    """What an ingestion did; a renamed document counts as one added and one deleted.

    Args:
        added: documents that were not there.
        updated: those that changed.
        deleted: those that are gone.
        unchanged: those that are as they were.
        failed: what could not be ingested.
        warned: what was, with a warning.
        chunks: chunks that were written.
        seconds: seconds that it took.
    """

    added: int
    updated: int
    deleted: int
    unchanged: int
    failed: list[Failure]
    warned: list[Warned]
    chunks: int
    seconds: float


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Args:
        id: the user's id.
        groups: the groups that they belong to.
    """

    id: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, list item or table row of a loaded document.

    Args:
        text: its text.
        location: where it stands.
        level: the heading's depth from 1; 0 for everything else.
    """

    text: str
    location: Location = field(default_factory=lambda: Location())
    level: int = 0


@dataclass(frozen=True)
class Document:
    """A loaded source: its identity is `id`, not its content.

    Args:
        id: unique in its index.
        title: as people read it.
        blocks: its text, in order.
        uri: where it is.
        date: its date in ISO form.
        groups: who may see it; None: it has no access list of its own.
        fields: its metadata beside title and date.
    """

    id: str
    title: str
    blocks: Sequence[Block]
    uri: str = ""
    date: str = ""
    groups: tuple[str, ...] | None = None
    fields: Mapping[str, FieldValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """A passage of a document, as it is stored: `header` is its title and heading path.

    `path` is that of the headings alone.
    """

    text: str
    header: str
    spans: Sequence[Span]
    path: Sequence[str] = ()


@dataclass(frozen=True)
class AnyOf:
    """A field equals one of `values`; of a list, one of its items does."""

    field: str
    values: tuple[str | int, ...]


@dataclass(frozen=True)
class Range:
    """A number lies between bounds; a bound that is None does not count."""

    field: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


@dataclass(frozen=True)
class Ids:
    """A point has one of these ids."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Not:
    """A number does not lie in a range; nor does one that is not there."""

    range: Range


Condition = AnyOf | Range | Ids | Not


@dataclass(frozen=True)
class Filter:
    """All conditions hold: `Filter((AnyOf("index", ("policy",)), Range("date", gte=20240101)))`.

    This is what stores compile. What people write is a `Where`.
    """

    conditions: tuple[Condition, ...] = ()

    def and_(self, *conditions: Condition) -> Filter:
        """Return this filter narrowed by further conditions."""
        return Filter((*self.conditions, *conditions))
