"""Whether passages support an answer, and how much each term of a question weighs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from indexes.text import NOUN, Haystack, content_terms, identifiers, language, periods
from indexes.types import LocatedPassage

__all__ = ["Evidence", "Weights", "coverage", "term_shares", "weigh"]

ENOUGH, ENOUGH_WHEN_LOST = 0.5, 0.7  # the second where the router did not know where to look
# A logistic model of support, fitted on answerable and unanswerable questions about two sets of
# documents' worth of passages. Similarities of the local model lie in a narrow high band.
BIAS, BY_SHARE, BY_NOUNS, BY_SIMILARITY = -3.5, 3.0, 1.7, 0.5
BY_CONFLICT, BY_KIND, BY_HEAD, BY_PRIOR = -3.0, -0.7, -0.65, 1.5
TYPICAL, SPREAD = 0.86, 0.015
UNDATED = 0.4
FOREIGN = 0.02  # question and passage of different languages are that much less similar
Weights = Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """How well passages support an answer.

    Args:
        sufficient: whether they support one.
        score: the best passage's share of the question's terms, by weight, from 0 to 1.
        missing: terms that no passage has.
        order: positions of the passages, best supported first.
        support: the score of each of these, in that order.
    """

    sufficient: bool
    score: float
    missing: tuple[str, ...]
    order: tuple[int, ...]
    support: tuple[float, ...]


def weigh(
    question: str,
    passages: Sequence[LocatedPassage],
    weights: Weights,
    *,
    prior: float = 0.5,
    enough: float = ENOUGH,
) -> Evidence:
    """Judge passages by the question's terms that they have, weighted by rarity, and by similarity.

    Args:
        question: the standalone question.
        passages: what was found, best first.
        weights: each content term's weight.
        prior: the route's confidence: what the router thinks of an answer being there.
        enough: the score that counts as support.
    """
    terms = content_terms(question)
    if not passages or not terms:
        return Evidence(False, 0.0, tuple(terms), (), ())
    scores = []
    present: set[str] = set()
    for passage in passages:
        score, found = _support(question, terms, passage, weights, prior)
        scores.append(score)
        present |= found
    order = sorted(range(len(passages)), key=lambda i: (-round(scores[i], 2), i))
    best = scores[order[0]]
    missing = tuple(term for term in terms if term not in present)
    return Evidence(
        best >= enough,
        round(best, 4),
        missing,
        tuple(order),
        tuple(round(scores[i], 4) for i in order),
    )


def _support(
    question: str,
    terms: Mapping[str, float],
    passage: LocatedPassage,
    weights: Weights,
    prior: float,
) -> tuple[float, set[str]]:
    """Return the probability that a passage supports an answer, and the terms that it has."""
    whole = _whole(passage)
    own = _comparable(list(terms), passage["text"])
    share, found = coverage(own, whole, weights)
    nouns = [term for term in own if terms[term] >= NOUN]
    named = sum(term in found for term in nouns) / len(nouns) if nouns else 1.0
    foreign = FOREIGN if len(own) < len(terms) else 0.0
    similarity = passage["similarity"]
    close = (similarity + foreign - TYPICAL) / SPREAD if similarity else 0.0
    against = conflict(question, whole, f"{passage['title']} {passage['document']}")
    utility = (
        BIAS
        + BY_SHARE * share
        + BY_NOUNS * named
        + BY_SIMILARITY * close
        + BY_CONFLICT * against
        + BY_KIND * lacks_kind(question, passage)
        + BY_HEAD * (_asked_attribute(question) in set(own) - found)
        + BY_PRIOR * (prior - 0.5)
    )
    return 1 / (1 + math.exp(-utility)), found


@lru_cache(maxsize=256)
def _asked_attribute(question: str) -> str | None:
    """Return the noun just before the question word: 成本 in 运行成本是多少."""
    word = _QUESTION_WORD.search(question)
    if word is None:
        return None
    nouns = [t for t, says in content_terms(question[: word.start()]).items() if says >= NOUN]
    return nouns[-1] if nouns else None


def _comparable(terms: Sequence[str], text: str) -> list[str]:
    """Return the terms that a passage of its language could have: no English words in Chinese."""
    chinese = language(text) == "zh"
    own = [t for t in terms if not t.isalpha() or t.isascii() != chinese]
    return own if len(own) >= 2 else list(terms)


def conflict(question: str, passage: str, title: str) -> float:
    """Return how surely a passage is about another time or numbered thing, from 0 to 1.

    A passage without any date conflicts with none.

    Args:
        question: the question.
        passage: the passage with its title and headings.
        title: the title and source name alone.
    """
    numbered, dates = _told_apart(question)
    haystack = _haystack(passage)
    found = 1.0 if any(name not in haystack.text for name in numbered) else 0.0
    for term in dates:
        there, named = haystack.exact, _haystack(title).exact
        kind = term[:2]
        dated = any(one.startswith(kind) for one in named)
        if kind == "~y" and term not in there and any(one.startswith(kind) for one in there):
            # A rule of another year may hold in the year asked about; a report of it does not.
            found = max(found, 1.0 if dated else UNDATED)
        elif term not in named and dated:
            found = max(found, 0.5 if kind == "~y" else 1.0)
    return found


@lru_cache(maxsize=256)
def _told_apart(question: str) -> tuple[list[str], list[str]]:
    """Return the numbered things that a question names, and its dates as canonical terms."""
    return identifiers(question), [term for p in periods(question) for term in p.terms()]


def lacks_kind(question: str, passage: LocatedPassage) -> bool:
    """Say whether a passage cannot hold the kind of answer asked for: an amount of money, a date, a number."""
    if "row" in passage["location"]:
        return False  # a table's unit stands above it
    text = passage["text"]
    if _ASKS_MONEY.search(question):
        return not _MONEY.search(text)
    if _ASKS_DATE.search(question):
        return not re.search(
            r"\d\s*[年月日号天]|\d{4}-\d|\b\d+ (?:days|hours|months)|\b(?:19|20)\d\d\b", text
        )
    if _ASKS_NUMBER.search(question):
        return not re.search(r"\d|[一二三四五六七八九十百]", text)
    return False


_QUESTION_WORD = re.compile(r"多少|几|什么|哪|谁|怎|如何|为何|多[大长高深宽厚久快重远]")
_ASKS_MONEY = re.compile(
    r"多少钱|多少(?:万|亿)?元|几(?:块钱|万块)|收费|单价|售价|卖多少|工资多少|\bhow much (?:money|does|did|is)\b|\bcost\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"\d[\d,.]*\s*(?:万|亿|百万)?元|\d\s*%|(?:RMB|CNY|USD|\$|¥)\s*\d|\d[\d,.]*\s*(?:million|thousand|yuan|RMB|CNY|USD)",
    re.IGNORECASE,
)
_ASKS_DATE = re.compile(
    r"什么时候|何时|哪(?:一)?[天年月]|几月|几号(?!线|楼)|\bwhen\b|\bwhat date\b", re.IGNORECASE
)
_ASKS_NUMBER = re.compile(
    r"多少|几[个台条座根名人次米公吨]|多[大长高深宽厚久快重远]|\bhow (?:many|much|long|far|deep|wide|often)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=2048)
def _haystack(text: str) -> Haystack:
    """Return a text to look for terms in; passages come back question after question."""
    return Haystack(text)


def term_shares(terms: Sequence[str], text: str) -> list[float]:
    """Return how much of each term a text has, from 0 to 1."""
    haystack = _haystack(text)
    return [haystack.share(term) for term in terms]


def coverage(terms: Sequence[str], text: str, weights: Weights) -> tuple[float, set[str]]:
    """Return the weighted share of `terms` that a text has, and which it has at least half of."""
    shares = term_shares(terms, text)
    total = sum(weights.get(term, 1.0) for term in terms)
    found = list(zip(terms, shares, strict=True))
    covered = sum(weights.get(term, 1.0) * share for term, share in found)
    return (covered / total if total else 0.0), {term for term, share in found if share >= 0.5}


def _whole(passage: LocatedPassage) -> str:
    heading = " ".join(
        str(span["location"].get(key, ""))
        for span in passage["spans"]
        for key in ("sheet", "heading")
    )
    return f"{passage['header']} {passage['document']} {heading}\n{passage['text']}"
