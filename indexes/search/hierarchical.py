"""The hierarchical layout: find the right documents first, then the right chunks inside them.

Documents are scored by several views, since none is right for every kind of text: their best chunk
(encyclopedia-like text), their name and metadata (filings, reports), key terms, their beginning.
Inside a document terms are as rare as they are there, so scores of different documents cannot be
compared: they are scaled by the document's best one, weighed by how well the document fits, and
joined with the chunk's score among all.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from indexes.base import SPARSE, Hit, Query, Sparse, Vector
from indexes.fusion import scaled
from indexes.search.flat import FlatIndex
from indexes.text import tokens
from indexes.types import AnyOf, Filter, Principal

__all__ = ["HierarchicalIndex"]

BEST_CHUNKS = 60  # of all, whose documents are looked at
LARGE = 200_000  # chunks; above, a search for the nearest of all of them takes too long
COUNT_EVERY = 60.0  # seconds


class HierarchicalIndex(FlatIndex):
    """An index whose documents are chosen before its chunks."""

    _counted = -math.inf
    _large = False

    async def _best(
        self,
        query: str,
        vector: Vector | None,
        allowed: Filter,
        limit: int,
        principal: Principal | None,
    ) -> list[Hit]:
        """Return the best chunks of the best documents."""
        sparse = self._sparse(query)
        everywhere, ranked = await self._rank(query, sparse, vector, allowed)
        kept = self._kept(ranked)
        inside = [allowed.and_(AnyOf("document", (document,))) for document, _ in kept]
        asked = [self._chunk_query(sparse, vector, one, max(limit, 10)) for one in inside]
        scored: list[tuple[float, Hit]] = []
        for rank, hits in enumerate(await self._store.query("chunks", asked)):
            weight = kept[rank][1] * max(0.1, 1 - self._settings.decay * rank)
            values = scaled([hit.score for hit in hits])
            scored += [
                (value * weight + self._settings.global_weight * everywhere.get(hit.id, 0.0), hit)
                for value, hit in zip(values, hits, strict=True)
            ]
        scored.sort(key=lambda item: -item[0])
        return [Hit(hit.id, score, hit.payload) for score, hit in scored[:limit]]

    async def _rank(
        self, query: str, sparse: Sparse, vector: Vector | None, where: Filter
    ) -> tuple[dict[str, float], list[tuple[str, float]]]:
        """Return chunks with their scores, and documents with their combined scores, best first."""
        views = self._settings.views
        asked = {
            name: self._document_query(where, sparse=(name, sparse))
            for name in SPARSE["documents"]
            if getattr(views, name)
        }
        if views.dense and vector is not None and self._settings.embeds_documents:
            asked["dense"] = self._document_query(where, dense=(self._space, vector))
        chunks, found = await asyncio.gather(
            self._best_chunks(sparse, vector, where),
            self._store.query("documents", list(asked.values())),
        )
        totals: dict[str, float] = {}
        words = frozenset(tokens(query))
        for name, hits in (("chunk", chunks), *zip(asked, found, strict=True)):
            shares = _coverages(hits, words) if name == "title" else _shares(hits)
            for document, share in shares.items():
                totals[document] = totals.get(document, 0.0) + getattr(views, name) * share
        values = scaled([hit.score for hit in chunks])
        everywhere = {hit.id: value for hit, value in zip(chunks, values, strict=True)}
        return everywhere, sorted(totals.items(), key=lambda item: (-item[1], item[0]))

    async def _best_chunks(self, sparse: Sparse, vector: Vector | None, where: Filter) -> list[Hit]:
        if not self._settings.views.chunk:
            return []
        if vector is not None and await self._is_large():
            vector = None
        asked = self._chunk_query(sparse, vector, where, BEST_CHUNKS)
        [hits] = await self._store.query("chunks", [replace(asked, fields=("document",))])
        return hits

    async def _is_large(self) -> bool:
        """Say whether there are too many chunks to look for the nearest of all of them."""
        now = time.monotonic()
        if now > self._counted + COUNT_EVERY:
            own = Filter((AnyOf("index", (self._settings.name,)),))
            [count] = await self._store.count("chunks", [own])
            self._counted, self._large = now, count > LARGE
        return self._large

    def _document_query(
        self,
        where: Filter,
        *,
        sparse: tuple[str, Sparse] | None = None,
        dense: tuple[str, Vector] | None = None,
    ) -> Query:
        return Query(
            filter=where,
            limit=self._settings.documents,
            sparse=sparse,
            dense=dense,
            corpus=where,
            fields=("document", "name"),
        )

    def _kept(self, ranked: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
        """Return the documents near the best one, each with its score over the best one's."""
        settings = self._settings
        top = ranked[0][1] if ranked else 0.0
        return [
            (document, score / top if top else 1.0)
            for document, score in ranked[: settings.keep]
            if score >= (1 - settings.margin) * top
        ]


def _shares(hits: Sequence[Hit]) -> Mapping[str, float]:
    """Return the square of each document's score over the best one's.

    The square sets a clear winner apart: BM25 of the second-best of many documents is close to the
    first one's. It was better than the plain share on encyclopedia articles and on filings.
    """
    best: dict[str, float] = {}
    for hit in hits:
        document = str(hit.payload["document"])
        best[document] = max(best.get(document, 0.0), hit.score)
    shares = scaled(list(best.values()))
    return {document: share**2 for document, share in zip(best, shares, strict=True)}


def _coverages(hits: Sequence[Hit], asked: frozenset[str]) -> Mapping[str, float]:
    """Return the share of each document's name that the question names: 1 is the whole name."""
    out: dict[str, float] = {}
    for hit in hits:
        name = set(tokens(str(hit.payload["name"])))
        name -= {term[2:] for term in name if term.startswith("~y")}  # a year is a term already
        out[str(hit.payload["document"])] = len(name & asked) / len(name) if name else 0.0
    return out
