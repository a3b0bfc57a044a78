"""The hierarchical layout: find the right documents first, then the right chunks inside them.

Documents are scored by several views, since none is right for every kind of text: their best chunk
(encyclopedia-like text), their title, and their title with headings (filings, reports). Chunks of
different documents cannot be compared by raw score: they are scaled by their document's best one
and decayed by its rank.
"""

from __future__ import annotations

from collections.abc import Sequence

from indexes.base import Hit, Query
from indexes.fusion import scaled
from indexes.search.flat import FlatIndex
from indexes.types import Condition, Filter, LocatedPassage, Principal

__all__ = ["HierarchicalIndex"]

VIEWS = {"chunk": 1.0, "title": 0.5, "terms": 0.3}
CLEAR_MARGIN = 0.2  # a document this far ahead of the second one is searched alone
KEPT = 3
DECAY = 0.15


class HierarchicalIndex(FlatIndex):
    """An index whose documents are chosen before its chunks."""

    async def search(
        self, query: str, *, principal: Principal | None, k: int | None = None
    ) -> list[LocatedPassage]:
        """Return the at most k best passages that `principal` may see, best first."""
        limit = k or self._settings.k
        where = self._visible(principal)
        vector = await self._vector(query)
        best_chunks = self._hybrid(query, vector, where, where, self._settings.candidates)
        scored: list[tuple[float, Hit]] = []
        for rank, document in enumerate(self._kept(self._rank(query, where, best_chunks))):
            inside = where.and_(Condition("document", (document,)))
            hits = self._hybrid(query, vector, inside, inside, max(limit, 10))
            values = scaled([hit.score for hit in hits])
            scored += [
                (value * (1 - DECAY * rank), hit) for value, hit in zip(values, hits, strict=True)
            ]
        scored.sort(key=lambda item: -item[0])
        return self._passages([Hit(h.id, score, h.payload) for score, h in scored[:limit]], vector)

    def _rank(self, query: str, where: Filter, chunks: Sequence[Hit]) -> list[tuple[str, float]]:
        """Return documents with their combined scores, best first."""
        totals: dict[str, float] = {}

        def add(view: str, hits: Sequence[Hit]) -> None:
            best: dict[str, float] = {}
            for hit in hits:
                document = str(hit.payload["document"])
                best[document] = max(best.get(document, 0.0), hit.score)
            for document, score in zip(best, scaled(list(best.values())), strict=True):
                totals[document] = totals.get(document, 0.0) + VIEWS[view] * score

        add("chunk", chunks)
        for view in ("title", "terms"):
            add(
                view,
                self._store.query(
                    "documents",
                    Query(
                        filter=where,
                        limit=self._settings.documents,
                        lexical=(view, query),
                        corpus=where,
                    ),
                ),
            )
        return sorted(totals.items(), key=lambda item: (-item[1], item[0]))

    def _kept(self, ranked: Sequence[tuple[str, float]]) -> list[str]:
        if len(ranked) > 1 and ranked[0][1] - ranked[1][1] >= CLEAR_MARGIN * ranked[0][1]:
            return [ranked[0][0]]
        return [document for document, _ in ranked[:KEPT]]
