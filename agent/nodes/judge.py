"""judge: merge what the indexes returned and decide whether it supports an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime

from agent.answering import weigh
from agent.context import Context
from agent.state import State
from indexes import Principal, Registry
from indexes.fusion import merge_by_rank
from indexes.text import NAMED, content_terms

__all__ = ["judge"]

RAREST = 7.0  # the rarity of a name that no visible chunk has
UNUSUAL = 3.5  # that of another word: people do not use the documents' words
TELLING = 3.5  # a date, article or number in a question always matters, however common it is
MOST_PASSAGES = 10


async def judge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Merge the passages by rank, put the best supported first, and judge them."""
    context = runtime.context
    found = state["found"]
    merged = merge_by_rank(
        [one["passages"] for one in found], [one["weight"] for one in found], MOST_PASSAGES
    )
    terms = content_terms(state["query"])
    names = [one["index"] for one in found]
    weights = await _weights(context.resources.registry, names, terms, context.principal)
    evidence = weigh(state["query"], merged, weights, prior=state["route"]["confidence"])
    return {
        "passages": [merged[position] for position in evidence.order],
        "judgement": {
            "sufficient": evidence.sufficient,
            "score": evidence.score,
            "support": list(evidence.support),
            "missing": list(evidence.missing),
            "weights": weights,
        },
    }


async def _weights(
    registry: Registry, names: list[str], terms: Mapping[str, float], principal: Principal | None
) -> dict[str, float]:
    """Return each term's weight: what it says, times its lowest inverse document frequency."""
    weights: dict[str, float] = {}
    for name in names:
        values = await registry.index(name).idf(list(terms), principal=principal)
        for term, value in zip(terms, values, strict=True):
            if value > 0:
                weights[term] = min(value, weights.get(term, value))
    return {
        term: round(says * _rarity(term, says, weights.get(term)), 3)
        for term, says in terms.items()
    }


def _rarity(term: str, says: float, idf: float | None) -> float:
    """Return how much a term weighs: an unknown name rules passages out, an unknown word does not."""
    rarity = idf if idf is not None else RAREST if says >= NAMED else UNUSUAL
    return max(rarity, TELLING) if term[0] in "~§" or term[0].isdigit() else rarity
