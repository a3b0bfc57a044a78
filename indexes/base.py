"""The protocols that indexes, stores, embedders and loaders fulfil."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from indexes.settings import IndexSettings
from indexes.types import Block, DocumentInfo, Filter, LocatedPassage, Principal

__all__ = [
    "Embedder",
    "Hit",
    "Index",
    "Level",
    "Loaded",
    "Loader",
    "Point",
    "Query",
    "Store",
    "Vector",
    "chunk_id",
    "document_id",
]

Level = Literal["chunks", "documents"]
Vector = NDArray[np.float32]
NAMESPACE = uuid.UUID("6f1c8f0e-6f0b-5a44-9d0a-7e5f4f4b8a51")


def document_id(index: str, document: str) -> str:
    """Return the store's id of a document's point."""
    return str(uuid.uuid5(NAMESPACE, f"{index}\0{document}"))


def chunk_id(index: str, document: str, ordinal: int) -> str:
    """Return the store's id of a document's chunk, counted from 0."""
    return str(uuid.uuid5(NAMESPACE, f"{index}\0{document}\0{ordinal}"))


@dataclass(frozen=True)
class Point:
    """What a store keeps: an id, texts to index lexically, vectors by name, and a payload."""

    id: str
    payload: dict[str, Any]
    dense: Mapping[str, Vector] = field(default_factory=dict)
    lexical: Mapping[str, str] = field(default_factory=dict)


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
        lexical: (vector name, text); scored by BM25.
        dense: (vector name, embedding of shape (dimension,)).
        filter: what a hit must fulfil; it is applied inside the engine.
        corpus: the points over which inverse document frequencies are counted; None: all.
        candidates: how deep each branch is read before fusion.
        weights: (lexical, dense) weights of a min-max fusion; None: distribution-based fusion.
    """

    filter: Filter
    limit: int
    lexical: tuple[str, str] | None = None
    dense: tuple[str, Vector] | None = None
    corpus: Filter | None = None
    candidates: int = 60
    weights: tuple[float, float] | None = None


class Store(Protocol):
    """A vector engine with two levels of points: documents and chunks.

    Calls are synchronous and take fractions of a millisecond to a few milliseconds, except
    `upsert` and `flush` of much data, which callers send to a thread.
    """

    def upsert(self, level: Level, points: Sequence[Point]) -> None:
        """Insert or replace points."""
        ...

    def delete(self, level: Level, where: Filter) -> None:
        """Delete the points that match."""
        ...

    def query(self, level: Level, query: Query) -> list[Hit]:
        """Return the best hits, best first."""
        ...

    def best_scores(self, level: Level, queries: Sequence[Query]) -> list[float]:
        """Return the best score of each query of one branch, 0 where nothing is found."""
        ...

    def retrieve(self, level: Level, ids: Sequence[str]) -> list[Hit]:
        """Return the points with these ids, in any order; unknown ids are left out."""
        ...

    def similarities(
        self, level: Level, name: str, vector: Vector, ids: Sequence[str]
    ) -> dict[str, float]:
        """Return the cosine of `vector` with the points' vectors of that name."""
        ...

    def scroll(self, level: Level, where: Filter) -> list[Hit]:
        """Return every point that matches."""
        ...

    def count(self, level: Level, where: Filter) -> int:
        """Return how many points match."""
        ...

    def idf(self, level: Level, name: str, terms: Sequence[str], corpus: Filter) -> list[float]:
        """Return each term's inverse document frequency in `corpus`; an absent term's is 0."""
        ...

    def flush(self) -> None:
        """Make everything written so far survive a power loss."""
        ...

    def close(self) -> None:
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


@runtime_checkable
class Index(Protocol):
    """A named, searchable collection of documents."""

    @property
    def settings(self) -> IndexSettings:
        """The index's settings."""
        ...

    async def search(
        self, query: str, *, principal: Principal | None, k: int | None = None
    ) -> list[LocatedPassage]:
        """Return the at most k best passages that `principal` may see, best first."""
        ...

    async def section(
        self, document: str, path: Sequence[str], *, principal: Principal | None
    ) -> list[LocatedPassage]:
        """Return a document's chunks under a heading path, in order, as far as visible."""
        ...

    async def documents(self, *, principal: Principal | None) -> list[DocumentInfo]:
        """Return what is indexed, as far as `principal` may see it."""
        ...

    async def idf(self, terms: Sequence[str], *, principal: Principal | None) -> list[float]:
        """Return the inverse document frequency of terms among the visible chunks (0: absent)."""
        ...


@dataclass(frozen=True)
class Loaded:
    """What a loader reads from one file; `title` and `groups` only if the file says so."""

    blocks: Sequence[Block]
    title: str = ""
    date: str = ""
    groups: tuple[str, ...] | None = None


Loader = Callable[[Path], Loaded]
