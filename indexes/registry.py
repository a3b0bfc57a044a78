"""The registry: a project's indexes, opened together over one store."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from indexes.access import visible_to
from indexes.base import Index, Query, Store
from indexes.embeddings import CachedEmbedder, EmbeddingCache, make_embedder
from indexes.embeddings.cache import SHIPPED
from indexes.errors import UnknownIndexError
from indexes.fusion import merge_by_rank, scaled
from indexes.ingest.sync import Progress, sync
from indexes.search import FlatIndex, HierarchicalIndex
from indexes.settings import Settings, load_settings
from indexes.stores import EdgeStore
from indexes.text import content_terms
from indexes.types import (
    Condition,
    DocumentInfo,
    Filter,
    LocatedPassage,
    Passage,
    Principal,
    SyncReport,
)

__all__ = ["Affinity", "Outline", "Registry", "public_passage"]

BM25_SATURATION = 2.2  # k1 + 1, what a term's weight in a document tends to


@dataclass(frozen=True)
class Affinity:
    """How well an index's best chunks match a question.

    `lexical` is the best BM25 score over the most it could be, from 0 to 1; `similarity` the best
    cosine, 0 in an index without embeddings.
    """

    lexical: float
    similarity: float


@dataclass(frozen=True)
class Outline:
    """Titles and headings of an index, for a router to learn from."""

    titles: tuple[str, ...]
    headings: tuple[str, ...]


class Registry:
    """A project's indexes.

    `async with Registry.open("my_project") as registry: await registry.search("...")`
    """

    def __init__(self, project: Path, settings: Settings, store: Store, embedder: CachedEmbedder):
        self.project = project
        self.settings = settings
        self.embedder = embedder
        self._store = store
        layouts = {"flat": FlatIndex, "hierarchical": HierarchicalIndex}
        self.indexes: Mapping[str, Index] = {
            index.name: layouts[index.layout](index, store, embedder) for index in settings.index
        }

    @classmethod
    @asynccontextmanager
    async def open(
        cls, project: str | Path, settings: Settings | None = None
    ) -> AsyncIterator[Self]:
        """Open a project's store; no document is read and no model loaded.

        Args:
            project: the folder with waypost.toml.
            settings: what to use instead of reading that file.

        Raises:
            ConfigurationError: the folder or its settings are unusable.
            StoreLockedError: another process has the store open.
            StoreSchemaError: the store was made with another version or embedding model.
        """
        folder = Path(project)
        known = settings or load_settings(folder, Settings)
        state = folder / known.store.path
        embedder = CachedEmbedder(
            make_embedder(known.models.embedding),
            EmbeddingCache(state / "cache" / "embeddings.db", folder / SHIPPED),
        )
        store = await asyncio.to_thread(
            lambda: EdgeStore(state / "store", model=embedder.name, dimension=embedder.dimension)
        )
        try:
            yield cls(folder, known, store, embedder)
        finally:
            await asyncio.to_thread(store.close)

    def index(self, name: str) -> Index:
        """Return the index of that name.

        Raises:
            UnknownIndexError: the project has no such index.
        """
        try:
            return self.indexes[name]
        except KeyError:
            raise UnknownIndexError(name, sorted(self.indexes)) from None

    async def search(
        self,
        query: str,
        *,
        index: str | None = None,
        k: int | None = None,
        principal: Principal | None = None,
    ) -> list[Passage]:
        """Return the best passages of one index, or of all merged by rank.

        Args:
            query: a question or keywords.
            index: the index's name; None searches all.
            k: how many passages; None: the index's own number.
            principal: who asks; None sees public documents only.
        """
        query = query.encode("utf-8", "replace").decode()  # half a character is no text
        if index is not None:
            found = await self.index(index).search(query, principal=principal, k=k)
        else:
            rankings = [
                await one.search(query, principal=principal, k=k) for one in self.indexes.values()
            ]
            most = k or max((one.settings.k for one in self.indexes.values()), default=5)
            affinities = await self.affinities(query, principal=principal)
            known = [one.similarity for one in affinities.values() if one.similarity]
            usual = sum(known) / len(known) if known else 0.0
            weights = scaled([_weight(affinities.get(name), usual) for name in self.indexes])
            found = merge_by_rank(rankings, weights, most)
        return [public_passage(passage) for passage in found]

    async def documents(
        self, *, index: str | None = None, principal: Principal | None = None
    ) -> list[DocumentInfo]:
        """Return what is indexed, in one index or all, as far as `principal` may see it."""
        chosen = [self.index(index)] if index is not None else list(self.indexes.values())
        return [info for one in chosen for info in await one.documents(principal=principal)]

    def is_empty(self) -> bool:
        """Say whether nothing has been ingested yet."""
        return self._store.count("documents", Filter()) == 0

    def count_chunks(self) -> int:
        """Return how many chunks the store holds."""
        return self._store.count("chunks", Filter())

    async def sync(self, only: Sequence[Path] = (), progress: Progress | None = None) -> SyncReport:
        """Bring the store in line with the sources.

        Args:
            only: look at these files and folders alone.
            progress: told (what is being done, done, of how many).
        """
        return await sync(
            self.project, self.settings, self._store, self.embedder, only=only, progress=progress
        )

    async def affinities(
        self, question: str, *, principal: Principal | None, unrestricted: bool = False
    ) -> dict[str, Affinity]:
        """Return how well each index's best chunks match a question; empty indexes are left out.

        Inverse document frequencies are counted over all visible chunks, so that indexes can be
        compared.

        Args:
            question: the question.
            principal: who asks.
            unrestricted: look at every chunk; for calibrating a router, never for a person.
        """
        terms = list(content_terms(question))
        visible = Filter(() if unrestricted else (visible_to(principal),))
        total = self._store.count("chunks", visible)
        if not terms or not total:
            return {}
        rare = math.log(1 + (total + 0.5) / 0.5)
        idf = self._store.idf("chunks", "text", terms, visible)
        most = BM25_SATURATION * sum(value or rare for value in idf)
        lexical = ("text", " ".join(terms))
        vector = await self.embedder.embed_query(question)
        wheres = {name: visible.and_(Condition("index", (name,))) for name in self.indexes}
        words = [Query(where, 1, lexical=lexical, corpus=visible) for where in wheres.values()]
        shared = self._store.best_scores("chunks", words)
        nearest = [Query(where, 1, dense=("dense", vector)) for where in wheres.values()]
        known = self.embedder.calibrated
        close = self._store.best_scores("chunks", nearest) if known else [0.0] * len(nearest)
        return {
            name: Affinity(min(1.0, one / most), similarity)
            for name, one, similarity in zip(self.indexes, shared, close, strict=True)
            if one or similarity or self._store.count("chunks", wheres[name])
        }

    async def stands(
        self, index: str, document: str, text: str, *, principal: Principal | None = None
    ) -> bool:
        """Say whether a text stands, to the letter, in a visible chunk of a document."""
        where = Filter(
            (
                Condition("index", (index,)),
                Condition("document", (document,)),
                visible_to(principal),
            )
        )
        return any(text in str(hit.payload["text"]) for hit in self._store.scroll("chunks", where))

    def outlines(self, *, principal: Principal | None) -> dict[str, Outline]:
        """Return the titles and headings of each index that `principal` may see."""
        titles: dict[str, list[str]] = {name: [] for name in self.indexes}
        headings: dict[str, list[str]] = {name: [] for name in self.indexes}
        for hit in self._store.scroll("documents", Filter((visible_to(principal),))):
            name = str(hit.payload["index"])
            if name in titles:
                titles[name].append(str(hit.payload["title"]))
                headings[name] += hit.payload["headings"]
        return {
            name: Outline(tuple(sorted(set(titles[name]))), tuple(sorted(set(headings[name]))))
            for name in self.indexes
        }


def _weight(affinity: Affinity | None, usual: float) -> float:
    """Return how much an index counts when all are searched: the better it matches, the more.

    An index without embeddings counts as if its similarity were the `usual` one.
    """
    if affinity is None:
        return 0.0
    return math.exp(8.0 * affinity.lexical + 20.0 * (affinity.similarity or usual))


def public_passage(passage: LocatedPassage) -> Passage:
    """Return a passage as people get it, without its inner spans."""
    return {
        "text": passage["text"],
        "score": passage["score"],
        "index": passage["index"],
        "document": passage["document"],
        "title": passage["title"],
        "uri": passage["uri"],
        "location": passage["location"],
        "context": passage["context"],
        "chunk_id": passage["chunk_id"],
    }
