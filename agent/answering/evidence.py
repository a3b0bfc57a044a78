"""Whether passages support an answer, and how much each term of a question weighs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexes.text import contains, content_terms, normalize, tokens
from indexes.types import LocatedPassage

__all__ = ["Evidence", "Weights", "coverage", "weigh"]

ENOUGH = 0.5  # the share of a question's weighted terms that its best passage must have
Weights = Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """How well passages support an answer.

    Args:
        sufficient: whether they support one.
        score: the best passage's share of the question's terms, by weight, from 0 to 1.
        missing: terms that no passage has.
        order: positions of the passages, best supported first.
    """

    sufficient: bool
    score: float
    missing: tuple[str, ...]
    order: tuple[int, ...]


def weigh(
    question: str, passages: Sequence[LocatedPassage], weights: Weights, *, enough: float = ENOUGH
) -> Evidence:
    """Judge passages by the question's terms that they have, weighted by rarity.

    Args:
        question: the standalone question.
        passages: what was found, best first.
        weights: each content term's inverse document frequency; absent terms weigh most.
        enough: the share that counts as support.
    """
    terms = content_terms(question)
    if not passages or not terms:
        return Evidence(False, 0.0, tuple(terms), ())
    scores = []
    present: set[str] = set()
    for passage in passages:
        score, found = coverage(terms, _whole(passage), weights)
        scores.append(score)
        present |= found
    order = sorted(range(len(passages)), key=lambda i: (-round(scores[i], 2), i))
    best = scores[order[0]]
    missing = tuple(term for term in terms if term not in present)
    return Evidence(best >= enough, round(best, 4), missing, tuple(order))


def coverage(terms: Sequence[str], text: str, weights: Weights) -> tuple[float, set[str]]:
    """Return the weighted share of `terms` that a text has, and which."""
    haystack = normalize(text)
    known = frozenset(tokens(text))
    found = {term for term in terms if contains(haystack, known, term)}
    total = sum(weights.get(term, 1.0) for term in terms)
    return (sum(weights.get(term, 1.0) for term in found) / total if total else 0.0), found


def _whole(passage: LocatedPassage) -> str:
    heading = " ".join(
        str(span["location"].get(key, ""))
        for span in passage["spans"]
        for key in ("sheet", "heading")
    )
    return f"{passage['title']} {passage['document']} {heading}\n{passage['text']}"
