"""Searches as qdrant-client words them, asked of a store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from langchain_core.vectorstores.utils import maximal_marginal_relevance
from qdrant_client import models

from indexes.base import SPARSE, Hit, Query, Schema, Store
from indexes.langchain.points import vectors_of
from indexes.langchain.translation import refuse, sparse_of, translated, unsupported

__all__ = ["Search"]

RRF_K = 2  # the server's default


class Search:
    """Searches chunks.

    Args:
        store: where they are.
        schema: what they are made of.
        candidates: how deep each branch of a fused search is read at least.
    """

    def __init__(self, store: Store, schema: Schema, candidates: int) -> None:
        self._store = store
        self._schema = schema
        self._candidates = candidates

    async def hits(
        self, index: str, asked: Query, query: Any, using: str | None, prefetch: Any
    ) -> list[Hit]:
        """Return the best hits of a dense or sparse search, of MMR, or of fused branches.

        Args:
            index: the index whose ids a filter names.
            asked: the filter, limit, corpus and fields.
            query: the vector, `NearestQuery` or `FusionQuery`.
            using: the vector's name.
            prefetch: the branches of a fusion.
        """
        if isinstance(query, models.FusionQuery):
            branches = prefetch if isinstance(prefetch, list | tuple) else [prefetch]
            queries = [self._branch(index, asked, branch) for branch in branches]
            return await self._fused(query.fusion, queries, asked.limit)
        if prefetch:
            raise unsupported(f"a prefetch for a {type(query).__name__}")
        aimed = self._aimed(asked, query, using)
        if isinstance(query, models.NearestQuery) and query.mmr is not None:
            return await self._diverse(aimed, query.mmr)
        return await self._best(aimed)

    def _branch(self, index: str, asked: Query, branch: Any) -> Query:
        """Return the query of a prefetch; the whole search's filter holds in it too."""
        if not isinstance(branch, models.Prefetch):
            raise unsupported("a fusion without a prefetch")
        refuse({n: getattr(branch, n) for n in ("prefetch", "params", "lookup_from")})
        refuse({"score_threshold": branch.score_threshold})
        conditions = [
            one for one in translated(branch.filter, index) if one not in asked.filter.conditions
        ]
        deep = replace(
            asked,
            filter=asked.filter.and_(*conditions),
            limit=max(branch.limit or 10, self._candidates),
        )
        return self._aimed(deep, branch.query, branch.using)

    def _aimed(self, asked: Query, query: Any, using: str | None) -> Query:
        vector: Any = query.nearest if isinstance(query, models.NearestQuery) else query
        if isinstance(vector, models.SparseVector) and using and using in SPARSE["chunks"]:
            return replace(asked, sparse=(using, sparse_of(vector)))
        if isinstance(vector, np.ndarray):
            vector = vector.tolist()
        dense = isinstance(vector, list) and not any(isinstance(one, list) for one in vector)
        if dense and using and using in self._schema.spaces:
            return replace(asked, dense=(using, vector))
        raise unsupported(f"a search by {type(vector).__name__} using {using!r}")

    async def _best(self, query: Query) -> list[Hit]:
        [hits] = await self._store.query("chunks", [query])
        return hits

    async def _fused(
        self, fusion: models.Fusion, queries: Sequence[Query], limit: int
    ) -> list[Hit]:
        if fusion is models.Fusion.RRF:
            return _by_rank(await self._store.query("chunks", queries), limit)
        sparse = [query for query in queries if query.sparse]
        dense = [query for query in queries if query.dense]
        if len(sparse) != 1 or len(dense) != 1 or sparse[0].filter != dense[0].filter:
            raise unsupported("DBSF of other branches than a sparse and a dense one of one filter")
        return await self._best(
            replace(sparse[0], dense=dense[0].dense, limit=limit, candidates=sparse[0].limit)
        )

    async def _diverse(self, query: Query, mmr: models.Mmr) -> list[Hit]:
        if query.dense is None:
            raise unsupported("MMR of a sparse search")
        name, target = query.dense
        hits = await self._best(replace(query, limit=mmr.candidates_limit or query.limit))
        vectors = await self.vectors([hit.id for hit in hits])
        hits = [hit for hit in hits if name in vectors.get(hit.id, {})]
        diversity = 0.5 if mmr.diversity is None else mmr.diversity
        chosen = maximal_marginal_relevance(
            np.asarray(target, dtype=np.float32),
            [vectors[hit.id][name] for hit in hits],
            lambda_mult=1 - diversity,
            k=query.limit,
        )
        return [hits[position] for position in chosen]

    async def vectors(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the vectors of points that were found, so that nothing invisible is read."""
        pages = await asyncio.gather(*(self._store.export("chunks", one, 1) for one in ids))
        return {
            wanted: vectors_of(point)
            for wanted, (points, _) in zip(ids, pages, strict=True)
            for point in points
            if point.id == wanted  # it may have been deleted meanwhile
        }


def _by_rank(branches: Sequence[Sequence[Hit]], limit: int) -> list[Hit]:
    """Fuse by reciprocal rank as Qdrant does."""
    scores: dict[str, float] = {}
    hits: dict[str, Hit] = {}
    for branch in branches:
        for rank, hit in enumerate(branch):
            scores[hit.id] = scores.get(hit.id, 0.0) + 1 / (rank + RRF_K)
            hits[hit.id] = hit
    best = sorted(scores, key=lambda one: -scores[one])[:limit]
    return [replace(hits[one], score=scores[one]) for one in best]
