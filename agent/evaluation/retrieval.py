"""Figures of retrieval, computed by ir-measures (trec_eval underneath)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.evaluation.keys import TOP
from indexes import Passage

__all__ = ["retrieval_scores"]


def retrieval_scores(
    asked: Sequence[tuple[Sequence[str], Sequence[Passage]]],
) -> list[dict[str, float]]:
    """Return document@5, recall@5, mrr and ndcg@5 of each question; nothing without labels.

    Args:
        asked: the labelled documents of each question and its passages, best first. Documents rank as
            their first passages do.
    """
    scores: list[dict[str, float]] = [{} for _ in asked]
    if not any(labelled for labelled, _ in asked):
        return scores
    import ir_measures as library

    measures = {
        library.Success @ TOP: f"search.document@{TOP}",
        library.R @ TOP: f"search.recall@{TOP}",
        library.RR @ TOP: "search.mrr",
        library.nDCG @ TOP: f"search.ndcg@{TOP}",
    }
    labels, found = [], []
    for number, (labelled, passages) in enumerate(asked):
        labels += [library.Qrel(str(number), document, 1) for document in set(labelled)]
        ranked = dict.fromkeys(passage["document"] for passage in passages[:TOP])
        found += [
            library.ScoredDoc(str(number), document, float(-rank))
            for rank, document in enumerate(ranked if labelled else ())
        ]
        if labelled:
            scores[number] = dict.fromkeys(measures.values(), 0.0)
    for one in library.iter_calc(list(measures), labels, found):
        scores[int(one.query_id)][measures[one.measure]] = float(one.value)
    return scores
