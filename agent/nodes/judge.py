"""judge: merge what the indexes returned and decide whether it supports an answer."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from langgraph.runtime import Runtime

from agent.answering import ENOUGH, ENOUGH_WHEN_LOST, asks_list, section_path, weigh
from agent.context import Context
from agent.nodes.common import say
from agent.state import State
from indexes import Principal, Registry, public_passage
from indexes.fusion import merge_by_rank
from indexes.text import NAMED, content_terms
from indexes.types import LocatedPassage

__all__ = ["judge"]

RAREST = 7.0  # the rarity of a name that no visible chunk has
UNUSUAL = 3.5  # the most that another such word weighs: people do not use the documents' words
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
    route = state["route"]
    enough = ENOUGH_WHEN_LOST if route["decided_by"] == "fallback" else ENOUGH
    evidence = weigh(state["query"], merged, weights, prior=route["confidence"], enough=enough)
    ordered = [merged[position] for position in evidence.order]
    support = list(evidence.support)
    section: list[LocatedPassage] = []
    if evidence.sufficient:
        section = await _section(state["query"], ordered, weights, context)
    if section:
        inside = {passage["chunk_id"] for passage in section}
        rest = [
            (p, s) for p, s in zip(ordered, support, strict=True) if p["chunk_id"] not in inside
        ]
        ordered = [*section, *(passage for passage, _ in rest)]
        support = [support[0]] * len(section) + [backing for _, backing in rest]
    say(runtime, "passages", passages=[public_passage(passage) for passage in ordered])
    return {
        "passages": ordered,
        "judgement": {
            "sufficient": evidence.sufficient,
            "score": evidence.score,
            "support": support,
            "section": len(section),
            "missing": list(evidence.missing),
            "weights": weights,
        },
    }


async def _section(
    question: str, ordered: list[LocatedPassage], weights: dict[str, float], context: Context
) -> list[LocatedPassage]:
    """Return the whole section that a list question asks for, if the best passage is in one."""
    path = section_path(question, ordered[0], weights) if asks_list(question) else None
    if path is None:
        return []
    index = context.resources.registry.index(ordered[0]["index"])
    found = await index.section(ordered[0]["document"], path, principal=context.principal)
    return found[:MOST_PASSAGES]


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
    # Rarities grow with the number of chunks: in a small index every word is a common one.
    unusual = min(UNUSUAL, fmean(weights.values())) if weights else UNUSUAL
    return {
        term: round(says * _rarity(term, says, weights.get(term), unusual), 3)
        for term, says in terms.items()
    }


def _rarity(term: str, says: float, idf: float | None, unusual: float) -> float:
    """Return how much a term weighs: an unknown name rules passages out, an unknown word does not."""
    rarity = idf if idf is not None else RAREST if says >= NAMED else unusual
    return max(rarity, TELLING) if term[0] in "~§" or term[0].isdigit() else rarity
