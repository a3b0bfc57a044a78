"""judge: merge what the indexes returned and decide whether it supports an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from statistics import fmean
from typing import Any

from langgraph.runtime import Runtime

from agent import observability
from agent.answering import (
    ENOUGH,
    ENOUGH_WHEN_LOST,
    Alternatives,
    Evidence,
    ask_judge,
    asks_list,
    extract,
    is_about,
    section_path,
    sources_of,
    weigh,
)
from agent.context import Context
from agent.errors import ModelError
from agent.nodes.budget import Budget
from agent.nodes.common import say
from agent.nodes.related import related_articles, search_lapsed
from agent.nodes.rewrite import WIDENED
from agent.observability import STAGE_FAILED
from agent.state import Part, PartJudgement, Related, State
from indexes import Principal, Registry, public_passage
from indexes.fusion import merge_by_rank
from indexes.text import NAMED, content_terms
from indexes.types import LocatedPassage
from indexes.validity import Asked, asked_days

__all__ = ["judge"]

RAREST = 7.0  # the rarity of a name that no visible chunk has
UNUSUAL = 3.5  # the most that another such word weighs: people do not use the documents' words
TELLING = 3.5  # a date, article or number in a question always matters, however common it is
MOST_PASSAGES = 10
LAPSED = 0.1  # how much better what does not hold must answer than what does
RELATED = 0.8  # what an article is worth that the best one refers to
HOW_MUCH, PRICES = "多少钱", ("单价", "售价", "价格", "报价", "price")
BORDERLINE = 0.25  # from here on a chat model is asked whether the passages answer


async def judge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Merge what was found for each part, put the best supported first, and judge whether it answers."""
    context = runtime.context
    budget = Budget(state, context)
    parts = state["parts"]
    weighed = await asyncio.gather(
        *(_weigh(position, state, context) for position in range(len(parts)))
    )
    judged = [await _borderline(one, state, budget, context) for one in weighed]
    passages, orders = _united([one.passages for one in judged])
    judgements: list[PartJudgement] = [
        {
            "sufficient": one.sufficient,
            "score": one.score,
            "order": order,
            "support": one.support,
            "section": one.section,
            "missing": one.missing,
            "weights": one.weights,
            "related": one.related,
        }
        for one, order in zip(judged, orders, strict=True)
    ]
    answered = {
        part["of"] for part, one in zip(parts, judgements, strict=True) if one["sufficient"]
    }
    asked = [position for position, part in enumerate(parts) if part["of"] == position]
    say(runtime, "passages", passages=[public_passage(passage) for passage in passages])
    return {
        "passages": passages,
        "judgement": {
            "sufficient": bool(answered),
            "score": _overall(parts, judgements, asked),
            "parts": judgements,
            "unanswered": [position for position in asked if position not in answered],
        },
        "usage": budget.usage,
    }


@dataclass(frozen=True)
class _Weighed:
    """What was found for a part, best supported first, and what it is worth."""

    question: str
    passages: list[LocatedPassage]
    support: list[float]
    sufficient: bool
    score: float
    section: int
    missing: list[str]
    weights: dict[str, float]
    related: list[Related]


async def _weigh(position: int, state: State, context: Context) -> _Weighed:
    part = state["parts"][position]
    found = [one for one in state["found"] if one["part"] == position]
    merged = merge_by_rank(
        [one["passages"] for one in found], [one["weight"] for one in found], MOST_PASSAGES
    )
    merged = [passage for passage in merged if passage["chunk_id"] not in state["denied"]]
    terms = content_terms(part["query"])
    names = [one["index"] for one in found]
    weights = await _weights(context.resources.registry, names, terms, context.principal)
    enough = ENOUGH_WHEN_LOST if part["lost"] else ENOUGH
    asked = asked_days(part["query"], today=context.resources.today())
    synonyms = _synonyms(part["query"], names, context.resources.registry)
    evidence = _evidence(part, asked, merged, weights, enough, synonyms)
    if not evidence.sufficient or evidence.missing:
        lapsed = await search_lapsed(part["query"], asked, names, context)
        other = _evidence(part, asked, lapsed, weights, enough, synonyms)
        fuller = not evidence.sufficient or set(other.missing) < set(evidence.missing)
        if other.sufficient and fuller and other.score > evidence.score + LAPSED:
            merged, evidence = lapsed, other
    ordered = [merged[position] for position in evidence.order]
    support = list(evidence.support)
    section: list[LocatedPassage] = []
    if evidence.sufficient:
        section = await _section(part["query"], ordered, weights, context)
    if section:
        inside = {passage["chunk_id"] for passage in section}
        rest = [
            (p, s) for p, s in zip(ordered, support, strict=True) if p["chunk_id"] not in inside
        ]
        ordered = [*section, *(passage for passage, _ in rest)]
        support = [support[0]] * len(section) + [backing for _, backing in rest]
    related: list[Related] = []
    articles = any("article" in span["location"] for one in ordered for span in one["spans"])
    if evidence.sufficient and not section and articles:
        quotes = extract(asked.text, ordered, support, weights)
        for passage, article in await related_articles(quotes, ordered, asked, context):
            known = [one["chunk_id"] for one in ordered]
            if passage["chunk_id"] not in known:
                known.append(passage["chunk_id"])
                ordered.append(passage)
                support.append(round(RELATED * support[0], 4))
            related.append({"rank": known.index(passage["chunk_id"]), "article": article})
    return _Weighed(
        part["question"],
        ordered,
        support,
        evidence.sufficient,
        evidence.score,
        len(section),
        list(evidence.missing),
        weights,
        related,
    )


def _evidence(
    part: Part,
    asked: Asked,
    passages: Sequence[LocatedPassage],
    weights: dict[str, float],
    enough: float,
    synonyms: Alternatives,
) -> Evidence:
    """Judge passages; of a document that says when it holds, the days asked about are no words to find."""
    unnamed = {name for name, sure in part["indexes"].items() if sure <= WIDENED}
    judged = partial(weigh, prior=part["prior"], unnamed=unnamed, enough=enough, synonyms=synonyms)
    whole = judged(part["query"], passages, weights)
    if asked.text == part["query"] or not any("validity" in one for one in passages):
        return whole
    free = judged(asked.text, passages, weights)
    scores = [0.0] * len(passages)
    for evidence, dated in ((whole, False), (free, True)):
        for place, score in zip(evidence.order, evidence.support, strict=True):
            if ("validity" in passages[place]) == dated:
                scores[place] = score
    order = sorted(range(len(passages)), key=lambda i: (-round(scores[i], 2), i))
    best = scores[order[0]]
    return Evidence(
        best >= enough,
        best,
        free.missing,
        tuple(order),
        tuple(scores[place] for place in order),
    )


def _synonyms(question: str, names: Sequence[str], registry: Registry) -> Alternatives:
    """Return the other words that indexes have for terms of a question, and what price lists say for 钱."""
    found: dict[str, list[list[str]]] = {}
    for name in dict.fromkeys(names):
        for phrase, others in registry.synonyms(name).named(question):
            known = [terms for one in others if (terms := list(content_terms(one)))]
            for term in content_terms(phrase):
                found.setdefault(term, []).extend(known)
    if HOW_MUCH in question:
        found.setdefault("钱", []).extend([one] for one in PRICES)
    return found


async def _borderline(found: _Weighed, state: State, budget: Budget, context: Context) -> _Weighed:
    """Let the judge's chat model decide about evidence that is nearly enough; if it fails, it is not."""
    acting = state["route"]["action"] == "act"  # its passages only explain terms
    if acting or found.sufficient or found.score < BORDERLINE:
        return found
    complete = budget.completes(context.resources.models.get("judge"))
    if complete is None:
        return found
    sources = sources_of(found.passages)
    try:
        judged = await ask_judge(
            found.question,
            sources,
            complete,
            state["language"],
            prompts=context.resources.prompts,
        )
    except ModelError as error:
        observability.warning(STAGE_FAILED, stage="judge", error=error.code)
        return found
    # people are told what is missing, so nothing that a passage dictated may be among it
    missing = [one for one in judged.missing if is_about(one, found.question)] or found.missing
    return replace(found, sufficient=judged.sufficient, missing=missing)


def _united(lists: Sequence[list[LocatedPassage]]) -> tuple[list[LocatedPassage], list[list[int]]]:
    """Return all passages once, the first of every list before the second of any, and each list's positions."""
    places: dict[tuple[str, str], int] = {}
    passages: list[LocatedPassage] = []
    for rank in zip_longest(*lists):
        for passage in rank:
            if passage is not None and _key(passage) not in places:
                places[_key(passage)] = len(passages)
                passages.append(passage)
    return passages, [[places[_key(passage)] for passage in one] for one in lists]


def _key(passage: LocatedPassage) -> tuple[str, str]:
    return passage["index"], passage["chunk_id"]


def _overall(
    parts: Sequence[Part], judgements: Sequence[PartJudgement], asked: Sequence[int]
) -> float:
    """Return the mean over the parts that were asked of what was found for each, reworded or not."""
    best = [
        max(
            one["score"]
            for part, one in zip(parts, judgements, strict=True)
            if part["of"] == position
        )
        for position in asked
    ]
    return round(fmean(best), 4) if best else 0.0


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
