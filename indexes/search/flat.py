"""The flat layout: hybrid search over all chunks of the index."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from indexes.access import visible_to
from indexes.base import Embedder, Hit, Intake, Query, Sparse, Store, Vector, chunk_id
from indexes.filters import compile_where
from indexes.lexical import encode_query, encode_term
from indexes.search.location import best_location
from indexes.settings import IndexSettings
from indexes.synonyms import Synonyms
from indexes.text import asked_symbols, tokens
from indexes.types import (
    AnyOf,
    Condition,
    DocumentInfo,
    Filter,
    Ids,
    LocatedPassage,
    Principal,
    SyncReport,
    Where,
)
from indexes.validity import Asked, of_payload

__all__ = ["FlatIndex"]

ATTEMPTS = 3  # at a search during which documents are replaced
FIELDS = ("text", "document", "title", "uri", "header", "path", "spans", "meta")
WITHIN = 20  # chunks of one document that have a term


class FlatIndex:
    """An index whose chunks are searched directly.

    Args:
        settings: the index's settings.
        store: where its points are.
        embedder: the model that embedded them.
        space: the name of their dense vectors.
        synonyms: the domain's synonyms.
        intake: takes documents into it.
    """

    def __init__(
        self,
        settings: IndexSettings,
        store: Store,
        embedder: Embedder,
        space: str,
        synonyms: Synonyms,
        intake: Intake,
    ) -> None:
        self._settings = settings
        self._store = store
        self._embedder = embedder
        self._space = space
        self._synonyms = synonyms
        self._intake = intake

    @property
    def settings(self) -> IndexSettings:
        """The index's settings."""
        return self._settings

    @property
    def calibrated(self) -> bool:
        """Whether its passages' similarities are on the scale that judging was fitted on."""
        return self._settings.embeds_chunks and self._embedder.calibrated

    async def search(
        self,
        query: str,
        *,
        principal: Principal | None,
        k: int | None = None,
        where: Where | None = None,
        asked: Asked | None = None,
    ) -> list[LocatedPassage]:
        """Return the at most k best passages that `principal` may see, best first."""
        limit = k or self._settings.k
        allowed = self._allowed(principal, where, asked)
        vector = await self._vector(query)

        async def best() -> list[Hit]:
            return await self._best(query, vector, allowed, limit, principal)

        return await self._passages_of(best, query, vector, principal)

    async def _best(
        self,
        query: str,
        vector: Vector | None,
        allowed: Filter,
        limit: int,
        principal: Principal | None,
    ) -> list[Hit]:
        """Return the best chunks, with their `document`, `ordinal` and `version`."""
        asked = self._chunk_query(self._sparse(query), vector, allowed, limit)
        [hits] = await self._store.query(
            "chunks", [replace(asked, corpus=self._visible(principal))]
        )
        return hits

    async def section(
        self, document: str, path: Sequence[str], *, principal: Principal | None
    ) -> list[LocatedPassage]:
        """Return a document's chunks under a heading path, in order."""
        where = self._visible(principal).and_(AnyOf("document", (document,)))

        async def under() -> list[Hit]:
            hits = [
                hit
                for hit in await self._store.scroll("chunks", where)
                if hit.payload["path"][: len(path)] == list(path)
            ]
            return sorted(hits, key=lambda hit: int(hit.payload["ordinal"]))

        return await self._passages_of(under, "", None, principal)

    async def within(
        self, document: str, term: str, *, principal: Principal | None
    ) -> list[LocatedPassage]:
        """Return a document's chunks that have a term, best first."""
        where = self._visible(principal).and_(AnyOf("document", (document,)))
        query = Query(where, WITHIN, sparse=("text", encode_term(term)), corpus=where,
                      fields=("document", "ordinal", "version"))  # fmt: skip

        async def having() -> list[Hit]:
            [hits] = await self._store.query("chunks", [query])
            return hits

        return await self._passages_of(having, "", None, principal)

    async def documents(
        self,
        *,
        principal: Principal | None,
        where: Where | None = None,
        asked: Asked | None = None,
    ) -> list[DocumentInfo]:
        """Return what is indexed, as far as `principal` may see it."""
        hits = await self._store.scroll("documents", self._allowed(principal, where, asked))
        found: list[DocumentInfo] = [
            {
                "index": self._settings.name,
                "document": hit.payload["document"],
                "title": hit.payload["title"],
                "uri": hit.payload["uri"],
                "language": hit.payload["language"],
                "chunks": hit.payload["chunks"],
                "date": hit.payload["date"],
                "fields": hit.payload["fields"],
                "source": hit.payload["source"],
                "synced": hit.payload["synced"],
                "warnings": hit.payload["warnings"],
            }
            for hit in hits
            if hit.payload["version"]  # else it is on its way in, or could not be read
        ]
        return sorted(found, key=lambda info: info["document"])

    async def count(self, wheres: Sequence[Where], *, principal: Principal | None) -> list[int]:
        """Return how many visible documents fulfil each filter."""
        allowed = [self._allowed(principal, where, None) for where in wheres]
        return await self._store.count("documents", allowed)

    async def idf(self, terms: Sequence[str], *, principal: Principal | None) -> list[float]:
        """Return the inverse document frequency of terms among the visible chunks (0: absent)."""
        encoded = [encode_term(term) for term in terms]
        return await self._store.idf("chunks", "text", encoded, self._visible(principal))

    async def embed(self, query: str) -> Vector | None:
        """Return the question's embedding by this index's model; None in a lexical index."""
        return await self._vector(query) if self._settings.embedding != "none" else None

    def nearest(self, vector: Vector, where: Filter) -> Query:
        """Return the query for the chunk that is nearest to a question."""
        return Query(where, 1, dense=(self._space, vector), fields=())

    async def add(self, documents: Sequence[Any]) -> SyncReport:
        """Insert documents, or replace those of the same ids."""
        return await self._intake.add(self._settings.name, documents)

    async def update(self, documents: Sequence[Any]) -> SyncReport:
        """Replace documents that were added."""
        return await self._intake.update(self._settings.name, documents)

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete documents that were added; return how many there were."""
        return await self._intake.delete(self._settings.name, ids)

    def _visible(self, principal: Principal | None) -> Filter:
        return Filter((AnyOf("index", (self._settings.name,)), visible_to(principal)))

    def _allowed(
        self, principal: Principal | None, where: Where | None, asked: Asked | None
    ) -> Filter:
        conditions: tuple[Condition, ...] = compile_where(where, self._settings.fields)
        held = () if asked is None else asked.in_force
        return self._visible(principal).and_(*conditions, *held)

    def _sparse(self, query: str) -> Sparse:
        weight = self._settings.synonym_weight
        return encode_query(query, dict.fromkeys(self._synonyms.of(query), weight))

    async def _vector(self, query: str) -> Vector | None:
        if self._settings.embedding == "none":
            return None
        return await self._embedder.embed_query(query)

    def _chunk_query(
        self, sparse: Sparse, vector: Vector | None, where: Filter, limit: int
    ) -> Query:
        weights = self._settings.weights
        dense = vector is not None and self._settings.embeds_chunks
        return Query(
            filter=where,
            limit=limit,
            sparse=("text", sparse),
            dense=(self._space, vector) if vector is not None and dense else None,
            corpus=where,
            candidates=max(self._settings.candidates, limit),
            weights=None if weights is None else (weights.bm25, weights.dense),
            fields=("document", "ordinal", "version"),  # the rest is read of the best ones alone
        )

    async def _passages_of(
        self,
        find: Callable[[], Awaitable[list[Hit]]],
        query: str,
        vector: Vector | None,
        principal: Principal | None,
    ) -> list[LocatedPassage]:
        """Return the passages of what is found; it is looked for again if it is replaced meanwhile."""
        passages: list[LocatedPassage] = []
        for _ in range(ATTEMPTS):
            hits = await find()
            passages = await self._passages(query, hits, vector, principal)
            if len(passages) == len(hits):
                break
        return passages

    async def _passages(
        self,
        query: str,
        hits: Sequence[Hit],
        vector: Vector | None,
        principal: Principal | None,
    ) -> list[LocatedPassage]:
        """Turn hits into passages, each with the chunks before and after it as context."""
        name = self._settings.name
        if not hits:
            return []
        close, found = await asyncio.gather(
            self._similarities([hit.id for hit in hits], vector),
            self._with_neighbours(hits, principal),
        )
        names, pairs = asked_symbols(query)
        asked = frozenset((*tokens(query), *names, *pairs))
        out: list[LocatedPassage] = []
        for hit in hits:
            payload = found.get(hit.id)
            if payload is None:
                continue  # it was deleted a moment ago
            around = (found.get(id) for id in self._neighbours(hit))
            out.append(
                {
                    "text": payload["text"],
                    "score": round(hit.score, 4),
                    "index": name,
                    "document": payload["document"],
                    "title": payload["title"],
                    "uri": payload["uri"],
                    "location": best_location(payload["text"], payload["spans"], asked),
                    "context": [one["text"] for one in around if one is not None],
                    "chunk_id": hit.id,
                    "header": payload["header"],
                    "path": payload["path"],
                    "spans": payload["spans"],
                    "similarity": round(close.get(hit.id, 0.0), 4),
                }
            )
            validity = of_payload(payload)
            if validity is not None:
                out[-1]["validity"] = validity
        return out

    def _neighbours(self, hit: Hit) -> list[str]:
        """Return the ids of the chunks before and after one."""
        document, ordinal = hit.payload["document"], hit.payload["ordinal"]
        version = hit.payload.get("version", "")
        return [
            chunk_id(self._settings.name, document, one, version)
            for one in (ordinal - 1, ordinal + 1)
            if one >= 0
        ]

    async def _with_neighbours(
        self, hits: Sequence[Hit], principal: Principal | None
    ) -> dict[str, dict[str, Any]]:
        """Return what is stored of chunks and of those around them, as far as it is visible."""
        ids = {id for hit in hits for id in (hit.id, *self._neighbours(hit))}
        where = self._visible(principal).and_(Ids(tuple(sorted(ids))))
        found = await self._store.scroll("chunks", where, FIELDS)
        return {hit.id: hit.payload for hit in found}

    async def _similarities(self, ids: Sequence[str], vector: Vector | None) -> dict[str, float]:
        """Return the cosine of the question with each chunk, where the model's scale is known."""
        if vector is None or not self.calibrated:
            return {}
        asked = Query(Filter((Ids(tuple(ids)),)), len(ids), dense=(self._space, vector), fields=())
        [found] = await self._store.query("chunks", [asked])
        return {hit.id: hit.score for hit in found}
