"""judge: merge what the indexes returned and decide whether it supports an answer."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.answering import weigh
from agent.context import Context
from agent.state import State
from indexes import Principal, Registry
from indexes.fusion import merge_by_rank
from indexes.text import content_terms

__all__ = ["judge"]

RAREST = 8.0  # the weight of a term that no visible chunk has
MOST_PASSAGES = 10


async def judge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Merge the passages by rank, put the best supported first, and judge them."""
    context = runtime.context
    found = state["found"]
    merged = merge_by_rank(
        [one["passages"] for one in found], [one["weight"] for one in found], MOST_PASSAGES
    )
    terms = content_terms(state["question"])
    names = [one["index"] for one in found]
    weights = await _weights(context.resources.registry, names, terms, context.principal)
    evidence = weigh(state["question"], merged, weights)
    return {
        "passages": [merged[position] for position in evidence.order],
        "judgement": {
            "sufficient": evidence.sufficient,
            "score": evidence.score,
            "missing": list(evidence.missing),
            "weights": weights,
        },
    }


async def _weights(
    registry: Registry, names: list[str], terms: list[str], principal: Principal | None
) -> dict[str, float]:
    """Return each term's inverse document frequency, the lowest among the indexes that have it."""
    weights: dict[str, float] = {}
    for name in names:
        values = await registry.index(name).idf(terms, principal=principal)
        for term, value in zip(terms, values, strict=True):
            if value > 0:
                weights[term] = min(value, weights.get(term, value))
    return {term: round(weights.get(term, RAREST), 3) for term in terms}
