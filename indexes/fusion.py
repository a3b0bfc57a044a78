"""Merging of rankings whose scores cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence

from indexes.types import LocatedPassage

__all__ = ["merge_by_rank", "scaled"]

RRF_K = 10  # small, so that the first places of every ranking count


def scaled(scores: Sequence[float]) -> list[float]:
    """Divide scores by the largest, so that it becomes 1; without a positive one they become 0."""
    top = max(scores, default=0.0)
    return [score / top if top > 0 else 0.0 for score in scores]


def merge_by_rank(
    rankings: Sequence[Sequence[LocatedPassage]], weights: Sequence[float], k: int
) -> list[LocatedPassage]:
    """Merge rankings of several indexes by weighted reciprocal rank fusion.

    Args:
        rankings: one list of passages an index, best first.
        weights: how much each index counts, such as the route's confidence in it.
        k: how many passages to return.

    Source: Cormack, Clarke and Büttcher, Reciprocal Rank Fusion, SIGIR 2009.
    """
    scored = [
        (weight / (RRF_K + rank), order, passage)
        for order, (ranking, weight) in enumerate(zip(rankings, weights, strict=True))
        for rank, passage in enumerate(ranking)
    ]
    scored.sort(key=lambda item: (-item[0], item[1]))
    return [{**passage, "score": round(score * RRF_K, 4)} for score, _, passage in scored[:k]]
