"""Whether a figure of a claim belongs to another of two like things in its source.

Where a source says "TX-200A 24 months, TX-200B 12 months", a claim about TX-200B with 24 months has
each fact right and the pair wrong. Only things told apart by a code or by day and night are compared,
and only where the source names the thing before its figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent.answering.facts import Facts, squashed
from agent.answering.quantities import Quantity
from indexes.text import CJK, normalize

__all__ = ["swapped"]

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
