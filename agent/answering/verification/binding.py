"""Whether a figure of a claim belongs to another of two like things in its source.

Where a source says "TX-200A 24 months, TX-200B 12 months", a claim about TX-200B with 24 months has
each fact right and the pair wrong. Things told apart by a code or by day and night are compared where the
source names them before their figures, others by the words that tell two clauses of the source apart.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from agent.answering.verification.facts import Facts, facts, squashed
from agent.answering.verification.quantities import COUNTED, OTHER, PART, UNKNOWN, Quantity
from indexes.text import CJK, NOUN, Haystack, content_terms, normalize

__all__ = ["Clause", "clauses", "misplaced", "swapped"]

TELLS = 0.6  # the share of what tells a clause apart that a claim has if it is about it
TELLS_MORE = 0.5  # how much more than of what tells the figure's own clause apart
MOST = 120  # clauses of a source that are compared
PLACES = 6  # of a figure in it; one that stands in more is no label's own

_SENTENCE = re.compile(r"[。;\n!?！？]|\.\s")
_CONTRASTS = (
    (re.compile(r"昼间|日间|白天|daytime"), re.compile(r"夜间|夜晚|晚间|night-?time")),
    (re.compile(r"进口|import"), re.compile(r"出口|export")),
    (re.compile(r"最大值|maximum"), re.compile(r"最小值|minimum")),
)
_TELLS = re.compile(rf"\d+[a-z]?(?![a-z])|\d+|(?<=-)[a-z]{{1,4}}\Z|\A[a-z](?=[{CJK}])")


def swapped(claim: str, found: Facts, source: str, codes: Sequence[str]) -> list[str]:
    """Return the figures of a claim that its source gives for something else only.

    Args:
        claim: what the claim says, without markers.
        found: its facts.
        source: the normalised text that it cites.
        codes: the codes in that text.
    """
    said = normalize(claim)
    wrong: list[str] = []
    for own, others in _rivals(said, found, codes):
        if not others.search(source):
            continue
        wrong += [q.text for q in found.quantities if _elsewhere(q, own, others, source)]
    return wrong


def _rivals(
    claim: str, found: Facts, codes: Sequence[str]
) -> Iterator[tuple[re.Pattern[str], re.Pattern[str]]]:
    """Yield what a claim is about with what it could be mixed up with."""
    for first, second in _CONTRASTS:
        has = bool(first.search(claim)), bool(second.search(claim))
        if has == (True, False):
            yield first, second
        elif has == (False, True):
            yield second, first
    kinds: dict[str, set[str]] = {}
    for code in found.codes:
        kinds.setdefault(_kind(code), set()).add(code)
    for kind, own in kinds.items():
        if len(own) != 1:
            continue
        mine = next(iter(own))
        like = {c for c in codes if _kind(c) == kind and squashed(c) != squashed(mine)}
        if like and kind:
            yield _any({mine}), _any(like)


def _kind(code: str) -> str:
    return _TELLS.sub("", squashed(code))


def _any(codes: set[str]) -> re.Pattern[str]:
    """Return a pattern of some codes; 2标段 is also 二标段."""
    ways = {normalize(code) for code in sorted(codes)[:20]}
    ways |= {_NUMERALS[int(m[1])] + m[2] for way in ways if (m := _FEW.fullmatch(way))}
    either = "|".join(re.escape(way) for way in sorted(ways, key=len, reverse=True))
    return re.compile(rf"(?<![a-z0-9])(?:{either})(?![a-z0-9])")


_NUMERALS = "〇一二三四五六七八九"
_FEW = re.compile(rf"([1-9])([{CJK}]+)")


def _elsewhere(
    quantity: Quantity, own: re.Pattern[str], others: re.Pattern[str], source: str
) -> bool:
    """Say whether a number stands in a source behind another thing and never behind its own."""
    digits = f"{quantity.digits:.9g}"
    pattern = re.compile(rf"(?<![\d.]){re.escape(digits)}(?!\d|\.\d)")
    found = False
    for sentence in _SENTENCE.split(source.replace(",", "") if len(digits) > 3 else source):
        names = [(m.start(), True) for m in own.finditer(sentence)]
        names += [(m.start(), False) for m in others.finditer(sentence)]
        first = _DIGIT.search(_blanked(sentence, own, others))
        for match in pattern.finditer(sentence):
            before = [name for name in names if name[0] < match.start()]
            if not before or first is None or min(names)[0] > first.start():
                return False
            if max(before)[1]:
                return False
            found = True
    return found


_DIGIT = re.compile(r"(?<![\d.-])\d+(?!\d|\s*[年月日-])")  # none of a date


def _blanked(sentence: str, *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        sentence = pattern.sub(lambda match: "x" * len(match.group()), sentence)
    return sentence


# --- parallel clauses ----------------------------------------------------------------------------

_ENDS = re.compile(r"[。！？!?\n]|\.\s")
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
            if not 0 < len(own) <= PLACES:
                continue
            rivals = [
                one
                for one in source
                if figure not in one.figures
                and any(other[0] == figure[0] for other in one.figures - clause.figures)
            ]
            if all(any(_tells(clause, one, rival, figure) for rival in rivals) for one in own):
                wrong.append(clause.text.strip())
                break
    return wrong


def _tells(claim: Clause, own: Clause, rival: Clause, figure: tuple[str, float]) -> bool:
    """Say whether a claim names what a rival clause is about and not what its figure's clause is."""
    alike = own.sentence == rival.sentence
    alike = alike or any(rival.haystack.share(term) == 1.0 for term in own.terms)
    shares = []
    for one, other in ((rival, own), (own, rival)):
        terms = [term for term in one.terms if other.haystack.share(term) < NOUN]
        figures = [
            f
            for f in one.figures - other.figures - {figure}
            if f[0] != figure[0] or f in claim.figures
        ]
        if len(terms) + len(figures) < (1 if alike or one is own else 2):
            return False
        shares.append(claim.held(terms, figures))
    return shares[0] >= TELLS and shares[1] <= shares[0] - TELLS_MORE
