"""The flat layout: hybrid search over all chunks of the index."""

from __future__ import annotations

from collections.abc import Sequence

from indexes.access import visible_to
from indexes.base import Embedder, Hit, Query, Store, Vector, chunk_id
from indexes.settings import IndexSettings
from indexes.types import Condition, DocumentInfo, Filter, LocatedPassage, Principal

__all__ = ["FlatIndex"]


class FlatIndex:
    """An index whose chunks are searched directly.

    Args:
        settings: the index's settings.
        store: where its points are.
        embedder: the model that embedded them.
    """

    def __init__(self, settings: IndexSettings, store: Store, embedder: Embedder) -> None:
        self._settings = settings
        self._store = store
        self._embedder = embedder

    @property
    def settings(self) -> IndexSettings:
        """The index's settings."""
        return self._settings

    async def search(
        self, query: str, *, principal: Principal | None, k: int | None = None
    ) -> list[LocatedPassage]:
        """Return the at most k best passages that `principal` may see, best first."""
        where = self._visible(principal)
        vector = await self._vector(query)
        return self._passages(
            self._hybrid(query, vector, where, where, k or self._settings.k), vector
        )

    async def section(
        self, document: str, path: Sequence[str], *, principal: Principal | None
    ) -> list[LocatedPassage]:
        """Return a document's chunks under a heading path, in order."""
        where = self._visible(principal).and_(Condition("document", (document,)))
        hits = [
            hit
            for hit in self._store.scroll("chunks", where)
            if hit.payload["path"][: len(path)] == list(path)
        ]
        return self._passages(sorted(hits, key=lambda hit: hit.payload["ordinal"]), None)

    async def documents(self, *, principal: Principal | None) -> list[DocumentInfo]:
        """Return what is indexed, as far as `principal` may see it."""
        hits = self._store.scroll("documents", self._visible(principal))
        found: list[DocumentInfo] = [
            {
                "index": self._settings.name,
                "document": hit.payload["document"],
                "title": hit.payload["title"],
                "uri": hit.payload["uri"],
                "language": hit.payload["language"],
                "chunks": hit.payload["chunks"],
                "date": hit.payload["date"],
            }
            for hit in hits
        ]
        return sorted(found, key=lambda info: info["document"])

    async def idf(self, terms: Sequence[str], *, principal: Principal | None) -> list[float]:
        """Return the inverse document frequency of terms among the visible chunks (0: absent)."""
        return self._store.idf("chunks", "text", terms, self._visible(principal))

    def _visible(self, principal: Principal | None) -> Filter:
        return Filter((Condition("index", (self._settings.name,)), visible_to(principal)))

    async def _vector(self, query: str) -> Vector | None:
        if self._settings.embedding == "none":
            return None
        return await self._embedder.embed_query(query)

    def _hybrid(
        self, query: str, vector: Vector | None, where: Filter, corpus: Filter, limit: int
    ) -> list[Hit]:
        weights = self._settings.weights
        return self._store.query(
            "chunks",
            Query(
                filter=where,
                limit=limit,
                lexical=("text", query),
                dense=None if vector is None else ("dense", vector),
                corpus=corpus,
                candidates=max(self._settings.candidates, limit),
                weights=None if weights is None else (weights.bm25, weights.dense),
            ),
        )

    def _passages(self, hits: Sequence[Hit], vector: Vector | None) -> list[LocatedPassage]:
        """Turn hits into passages, each with the chunks before and after it as context."""
        name = self._settings.name
        wanted = {
            hit.id: [
                chunk_id(name, hit.payload["document"], ordinal)
                for ordinal in (hit.payload["ordinal"] - 1, hit.payload["ordinal"] + 1)
                if ordinal >= 0
            ]
            for hit in hits
        }
        close = (
            {}
            if vector is None or not self._embedder.calibrated
            else self._store.similarities("chunks", "dense", vector, [hit.id for hit in hits])
        )
        every = list({id for ids in wanted.values() for id in ids})
        texts = {hit.id: hit.payload["text"] for hit in self._store.retrieve("chunks", every)}
        return [
            {
                "text": hit.payload["text"],
                "score": round(hit.score, 4),
                "index": name,
                "document": hit.payload["document"],
                "title": hit.payload["title"],
                "uri": hit.payload["uri"],
                "location": hit.payload["spans"][0]["location"] if hit.payload["spans"] else {},
                "context": [texts[id] for id in wanted[hit.id] if id in texts],
                "chunk_id": hit.id,
                "header": hit.payload["header"],
                "path": hit.payload["path"],
                "spans": hit.payload["spans"],
                "similarity": round(close.get(hit.id, 0.0), 4),
            }
            for hit in hits
        ]
