"""The protocols that indexes, stores, embedders and loaders fulfil."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from indexes.types import (
    Block,
    Document,
    DocumentInfo,
    FieldValue,
    Filter,
    LocatedPassage,
    Principal,
    SyncReport,
    Where,
)

if TYPE_CHECKING:  # the process that owns a store starts without these
    import numpy as np
    from numpy.typing import NDArray

    from indexes.settings import IndexSettings
    from indexes.validity import Asked

__all__ = [
    "SPARSE",
    "Change",
    "Delete",
    "Embedder",
    "Hit",
    "Index",
    "Intake",
    "Kind",
    "Level",
    "Loaded",
    "Loader",
    "Point",
    "Query",
    "Schema",
    "SetPayload",
    "Source",
    "Space",
    "Sparse",
    "Store",
    "Upsert",
    "Vector",
    "chunk_id",
    "document_id",
]

Level = Literal["chunks", "documents"]
Kind = Literal["keyword", "number"]
Vector: TypeAlias = "NDArray[np.float32]"
SPARSE: Mapping[Level, Sequence[str]] = {  # the sparse vectors of each level
    "chunks": ("text",),
    "documents": ("title", "terms", "opening", "metadata"),
}
NAMESPACE = uuid.UUID("6f1c8f0e-6f0b-5a44-9d0a-7e5f4f4b8a51")


def document_id(index: str, document: str) -> str:
    """Return the store's id of a document's point."""
    return str(uuid.uuid5(NAMESPACE, f"{index}\0{document}"))


def chunk_id(index: str, document: str, ordinal: int, version: str = "") -> str:
    """Return the store's id of a chunk, counted from 0, of one version of a document."""
    return str(uuid.uuid5(NAMESPACE, f"{index}\0{document}\0{ordinal}\0{version}"))


@dataclass(frozen=True)
class Sparse:
    """A sparse vector: token ids (32 bits, ascending) and their weights, of one length."""

    ids: Sequence[int]
    weights: Sequence[float]


@dataclass(frozen=True)
class Point:
    """What a store keeps: an id (UUID), a payload, and dense and sparse vectors by name."""

    id: str
    payload: dict[str, Any]
    dense: Mapping[str, Vector | Sequence[float]] = field(default_factory=dict)
    sparse: Mapping[str, Sparse] = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """A point that a query found."""

    id: str
    score: float
    payload: dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One search: any of the two branches, fused in the engine when both are given.

    Args:
        filter: what a hit must fulfil; it is applied inside the engine.
        limit: how many hits to return.
        sparse: (vector name, sparse vector); each token weighs its inverse document frequency.
        dense: (vector name, embedding of shape (dimension,)).
        corpus: the points over which inverse document frequencies are counted; None: all.
        candidates: how deep each branch is read before fusion.
        weights: (sparse, dense) weights of a min-max fusion; None: distribution-based fusion.
        fields: the payload fields to return; None: all.
    """

    filter: Filter
    limit: int
    sparse: tuple[str, Sparse] | None = None
    dense: tuple[str, Vector | Sequence[float]] | None = None
    corpus: Filter | None = None
    candidates: int = 60
    weights: tuple[float, float] | None = None
    fields: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Space:
    """A named dense vector of a store: which model fills it, and its length."""

    model: str
    dimension: int


@dataclass(frozen=True)
class Schema:
    """What a store's points are made of.

    Args:
        spaces: the dense vectors by name, which points of both levels may have.
        fields: the payload fields that filters name; each gets an index.
    """

    spaces: Mapping[str, Space]
    fields: Mapping[str, Kind]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """Return the schema that `dataclasses.asdict` made plain data of."""
        return cls({name: Space(**space) for name, space in data["spaces"].items()}, data["fields"])


@dataclass(frozen=True)
class Upsert:
    """Insert or replace points."""

    level: Level
    points: Sequence[Point]


@dataclass(frozen=True)
class Delete:
    """Delete the points that match."""

    level: Level
    where: Filter


@dataclass(frozen=True)
class SetPayload:
    """Set these payload fields of the points that match; their others stay."""

    level: Level
    where: Filter
    payload: Mapping[str, Any]


Change: TypeAlias = Upsert | Delete | SetPayload


class Store(Protocol):
    """A vector engine with two levels of points: documents and chunks.

    Many queries go in one call, because each call may cross to another process or machine.

    Every method raises:
        StoreError: the engine failed, refused a write or cannot be reached.
    """

    queried: float
    """When this process last sent a query, by the clock of `time.monotonic`."""

    async def upsert(self, level: Level, points: Sequence[Point]) -> None:
        """Insert or replace points, after checking every one of them."""
        ...

    async def delete(self, level: Level, where: Filter) -> None:
        """Delete the points that match."""
        ...

    async def apply(self, changes: Sequence[Change]) -> None:
        """Make changes one after the other; in an embedded store no reader sees some of them alone."""
        ...

    async def query(self, level: Level, queries: Sequence[Query]) -> list[list[Hit]]:
        """Return each query's best hits, best first."""
        ...

    async def scroll(
        self, level: Level, where: Filter, fields: Sequence[str] | None = None
    ) -> list[Hit]:
        """Return every point that matches, in any order, with these payload fields (None: all)."""
        ...

    async def count(self, level: Level, wheres: Sequence[Filter]) -> list[int]:
        """Return how many points match each filter."""
        ...

    async def idf(
        self, level: Level, name: str, tokens: Sequence[Sparse], corpus: Filter
    ) -> list[float]:
        """Return the inverse document frequency of each one-token vector; an absent one's is 0."""
        ...

    async def export(
        self, level: Level, after: str | None, limit: int
    ) -> tuple[list[Point], str | None]:
        """Return points with their vectors in the order of ids, and the id to go on from (None: end).

        Args:
            level: documents or chunks.
            after: the id to begin at; None: the first.
            limit: how many points to return at the most.
        """
        ...

    async def flush(self) -> None:
        """Make everything written so far survive a power loss."""
        ...

    async def close(self) -> None:
        """Flush and let go of the store."""
        ...


class Embedder(Protocol):
    """An embedding model: `name` identifies its vectors in stores and caches."""

    @property
    def name(self) -> str:
        """The model's name and version."""
        ...

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        ...

    @property
    def calibrated(self) -> bool:
        """Whether its cosines are on the scale that routing and judging were fitted on."""
        ...

    @property
    def remote(self) -> bool:
        """Whether texts are sent over a network, which costs time and perhaps money."""
        ...

    @property
    def at_once(self) -> int:
        """How many parts of a large job it embeds at a time."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the model makes of `text`."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """Return the unit vector of a question, of shape (dimension,)."""
        ...

    async def embed_passages(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return the unit vectors of passages, of shape (len(texts), dimension)."""
        ...

    async def close(self) -> None:
        """Close its connections, if it has any."""
        ...


class Source(Protocol):
    """Documents that are not files of the project: rows of a database, pages of a wiki."""

    @property
    def name(self) -> str:
        """What tells its documents from those of other sources."""
        ...

    async def versions(self) -> Mapping[str, str]:
        """Return the id of every document with what changes when it does: a time, a number."""
        ...

    def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
        """Yield documents; one that has gone since is left out."""
        ...


class Intake(Protocol):
    """Takes documents into indexes and out of them, one ingestion at a time."""

    async def add(self, index: str, documents: Sequence[Any]) -> SyncReport:
        """Insert documents, or replace those of the same ids."""
        ...

    async def update(self, index: str, documents: Sequence[Any]) -> SyncReport:
        """Replace documents that are there."""
        ...

    async def delete(self, index: str, ids: Sequence[str]) -> int:
        """Delete documents; return how many there were."""
        ...


@runtime_checkable
class Index(Protocol):
    """A named, searchable collection of documents."""

    @property
    def settings(self) -> IndexSettings:
        """The index's settings."""
        ...

    @property
    def calibrated(self) -> bool:
        """Whether its passages' similarities are on the scale that judging was fitted on."""
        ...

    async def search(
        self,
        query: str,
        *,
        principal: Principal | None,
        k: int | None = None,
        where: Where | None = None,
        asked: Asked | None = None,
    ) -> list[LocatedPassage]:
        """Return the at most k best passages that `principal` may see, best first.

        Args:
            query: a question or keywords.
            principal: who asks; None sees public documents only.
            k: how many passages; None: the index's own number.
            where: what documents to look in.
            asked: the days on one of which documents have to hold; None: any document.

        Raises:
            UsageError: the filter has a field that the index does not have, or does not fit it.
        """
        ...

    async def section(
        self, document: str, path: Sequence[str], *, principal: Principal | None
    ) -> list[LocatedPassage]:
        """Return a document's chunks under a heading path, in order, as far as visible."""
        ...

    async def within(
        self, document: str, term: str, *, principal: Principal | None
    ) -> list[LocatedPassage]:
        """Return a document's chunks that have a term (of `indexes.text.tokens`), best first."""
        ...

    async def documents(
        self,
        *,
        principal: Principal | None,
        where: Where | None = None,
        asked: Asked | None = None,
    ) -> list[DocumentInfo]:
        """Return what is indexed, as far as `principal` may see it and it holds on the days asked about."""
        ...

    async def count(self, wheres: Sequence[Where], *, principal: Principal | None) -> list[int]:
        """Return how many visible documents fulfil each filter."""
        ...

    async def idf(self, terms: Sequence[str], *, principal: Principal | None) -> list[float]:
        """Return the inverse document frequency of terms among the visible chunks (0: absent)."""
        ...

    async def embed(self, query: str) -> Vector | None:
        """Return the question's embedding by this index's model; None in a lexical index."""
        ...

    def nearest(self, vector: Vector, where: Filter) -> Query:
        """Return the query for the chunk that is nearest to a question."""
        ...

    async def add(self, documents: Sequence[Any]) -> SyncReport:
        """Insert documents, or replace those of the same ids; files of the sources are no such ids.

        Args:
            documents: `Document`s, or LangChain's; of the latter, those with one id (`id`, else
                `source` in the metadata) are one document's pages.

        Raises:
            UsageError: a document is neither, or its id is that of a file.
        """
        ...

    async def update(self, documents: Sequence[Any]) -> SyncReport:
        """Replace documents that were added.

        Raises:
            UsageError: one of them is not there; nothing is written.
        """
        ...

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete documents that were added; return how many there were."""
        ...


@dataclass(frozen=True)
class Loaded:
    """What a loader reads from one file; all but `blocks` only if the file says so.

    Args:
        blocks: its text, in order; read once, and may be made while they are read, so that a large
            file never lies in memory as a whole.
        title: its title.
        date: its date in ISO form.
        groups: who may see it.
        fields: further metadata.
        warnings: what people should know of the file (pages without a text); complete when the last
            block was read.
    """

    blocks: Iterable[Block]
    title: str = ""
    date: str = ""
    groups: tuple[str, ...] | None = None
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


Loader = Callable[[Path], Loaded]
