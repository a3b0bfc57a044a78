"""Whether a figure of a claim belongs to another of two like things in its source.

Where a source says "TX-200A 24 months, TX-200B 12 months", a claim about TX-200B with 24 months has
each fact right and the pair wrong. Things are told apart by the words that only one of two clauses has.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from agent.answering.verification.facts import facts
from agent.answering.verification.quantities import COUNTED, OTHER, PART, UNKNOWN
from indexes.text import NOUN, Haystack, content_terms

__all__ = ["Clause", "clauses", "misplaced"]

TELLS = 0.6  # the share of what tells a clause apart that a claim has if it is about it
TELLS_MORE = 0.5  # how much more than of what tells the figure's own clause apart
MOST = 120  # clauses of a source that are compared
PLACES = 6  # of a figure in it; one that stands in more is no label's own

_ENDS = re.compile(r"[。！？!?\n]|(?<!\bRev)(?<!\bNo)(?<!\bDr)(?<!\bM[rs])(?<!\bMrs)(?<!\bSt)\.\s")
_JOINTS = re.compile(
    r"[，；;、]|,(?!\d)|\b(?:and(?! (?:above|below|over|under|more|less|older|younger|higher|lower|later|earlier|up(?! to))\b)|but|while|whereas|versus|vs|against)\b|[和与及]|而"
)
_FIGURE = re.compile(
    r"\d|[一二两三四五六七八九十百]|\b(?:two|three|four|five|six|seven|eight|nine|ten)\b"
)
_RESPECTIVELY = re.compile(r"分别|依次|各为|\brespectively\b")


@dataclass(frozen=True)
class Clause:
    """A stretch of a sentence with its figures."""

    text: str
    sentence: int

    @cached_property
    def figures(self) -> frozenset[tuple[str, float]]:
        """Its figures: dimension and value."""
        found = facts(self.text, named=False)
        days = {("date", 100.0 * d.month + d.day) for d in found.dates if d.month and d.day}
        return frozenset(
            days
            | {
                (_KINDS.get(q.dimension, q.dimension), float(f"{q.value:.9g}"))
                for q in found.quantities
                if q.dimension != PART
            }
        )

    @cached_property
    def terms(self) -> frozenset[str]:
        """The words that it says, but for figures."""
        return frozenset(
            t for t in content_terms(self.text) if len(t) > 1 and not _SAYS_FIGURE.match(t)
        )

    @cached_property
    def haystack(self) -> Haystack:
        """Its text, to look for terms in."""
        return Haystack(self.text)

    def held(self, terms: Collection[str], figures: Collection[tuple[str, float]]) -> float:
        """Return the share of some terms and figures that it has."""
        held = sum(self.haystack.share(term) for term in terms)
        held += sum(figure in self.figures for figure in figures)
        return held / (len(terms) + len(figures))

    def touches(self, other: Clause) -> bool:
        """Say whether it has a word of another."""
        return any(self.haystack.share(term) for term in other.terms)

    def names(self, other: Clause) -> bool:
        """Say whether it has every word of another."""
        return bool(other.terms) and all(self.haystack.share(term) for term in other.terms)


_KINDS = {OTHER: UNKNOWN, COUNTED: UNKNOWN}  # 27 points, and 19 for the other
_SAYS_FIGURE = re.compile(r"[~§\d]")


@lru_cache(maxsize=256)
def clauses(text: str) -> tuple[Clause, ...]:
    """Return the stretches of a text that have a figure each; what has none belongs to the next.

    Args:
        text: a claim or a source.
    """
    found: list[Clause] = []
    for number, sentence in enumerate(_ENDS.split(text)):
        figures = [match.start() for match in _FIGURE.finditer(sentence)]
        if len(found) >= MOST or not figures:
            continue
        parts: list[str] = []
        start = 0
        for joint in _JOINTS.finditer(sentence):
            before = bisect_left(figures, joint.start())
            if before > bisect_left(figures, start) and figures[-1] >= joint.end():
                parts.append(sentence[start : joint.start()])
                start = joint.end()
        parts.append(sentence[start:])
        found += [Clause(part, number) for part in parts]
    return tuple(found[:MOST])


def misplaced(claim: str, source: Sequence[Clause]) -> list[str]:
    """Return the clauses of a claim with a figure that its source gives for something else.

    The source has a clause with the figure and one with another figure of the same kind; what tells these
    two apart stands in the claim for the second and not for the first.

    Args:
        claim: what the claim says, without markers.
        source: the clauses of the text that it cites.
    """
    if _RESPECTIVELY.search(claim):
        return []
    wrong = []
    for clause in clauses(claim):
        for figure in clause.figures:
            own = [one for one in source if figure in one.figures]
            if not 0 < len(own) <= PLACES or any(clause.names(one) for one in own):
                continue
            rivals = [
                one
                for one in source
                if clause.touches(one)
                and figure not in one.figures
                and any(other[0] == figure[0] for other in one.figures - clause.figures)
            ]
            if all(any(_tells(clause, one, rival, figure) for rival in rivals) for one in own):
                wrong.append(clause.text.strip())
                break
    return wrong


@lru_cache(maxsize=4096)
def _apart(one: Clause, other: Clause) -> tuple[str, ...]:
    """Return the words of a clause that another has not; the claims of an answer ask for them again."""
    return tuple(term for term in one.terms if other.haystack.share(term) < NOUN)


def _tells(claim: Clause, own: Clause, rival: Clause, figure: tuple[str, float]) -> bool:
    """Say whether a claim names what a rival clause is about and not what its figure's clause is."""
    shares = []
    alike = own.sentence == rival.sentence or len(_apart(own, rival)) < len(own.terms)
    for one, other in ((rival, own), (own, rival)):
        terms = _apart(one, other)
        figures = [
            f
            for f in one.figures - other.figures - {figure}
            if f[0] != figure[0] or f in claim.figures
        ]
        if not terms or len(terms) + len(figures) < (1 if alike or one is own else 2):
            return False
        shares.append(claim.held(terms, figures))
    return shares[0] >= TELLS and shares[1] <= shares[0] - TELLS_MORE
