"""Figures that follow from others: a sum, a difference, a multiple, a share, the year compared with.

A model that reckons rightly says nothing that its sources do not. A figure counts as reckoned only where the
words beside it announce that, and where it comes out exactly, or as rounded as it is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from itertools import combinations, product

from agent.answering.verification.facts import Facts
from agent.answering.verification.quantities import COUNTED, OTHER, PART, UNKNOWN, Quantity
from indexes.text import normalize

__all__ = ["follows"]

MOST = 30  # figures of a sentence that are looked at together
MOST_LISTED = 10
FEW = 8  # values of one kind in the sources of which any two are compared

_KINDS = {OTHER: UNKNOWN, COUNTED: UNKNOWN, "pp": "%"}
_YEARS = re.compile(
    r"[较比]|同期|\b(?:versus|vs|compared|from|than|against|earlier|previous|prior)\b"
)
_SUMS = re.compile(
    r"合计|总计|共计|共|总[共和数]|加起来|\btotal\b|\baltogether\b|\bcombined\b|\bin all\b|\btogether\b"
)
_ABOUT = r"\s*(?:约|近|达|了|出|为|是|about|roughly|nearly|of|an?)?\s*\Z"
_MORE = re.compile(
    r"(?:其余|剩余?|余下|(?<![至最不])[多少高低长短贵快慢]|便宜|缩短|增加|减少|提高|上升|下降|降低|增长|节省|超|相差|全程|历时"
    rf"|\b(?:by|difference|gap|takes|lasts|saves|saving)){_ABOUT}"
)
_THAN = re.compile(
    r"\s*(?:more|less|fewer|higher|lower|longer|shorter|cheaper|earlier|later|below|above)\b"
)
_COMPARED = re.compile(r"[比差]|缩短|全程|历时|\b(?:than|[a-z]{3,}er by|takes|lasts)\b")
_TIMES = re.compile(
    r"(?:即|就是|合(?:计[^\d，,]{0,4})?|共|相当于|等于|约|=|能扣|\bi\.e\.,?|\badds? up to|\bcomes? to|\btotal(?:s|ling|ing)?|\bequals?|\bequivalent to"
    rf"|\bamounts? to|\bpays?|\bcosts?|\bor|\bwould be(?: up to)?){_ABOUT}"
)
_SHARE = re.compile(
    rf"(?:占[^，,]{{0,12}}|比例|概率|即|约|\bmakes? up|\baccounts? for|\bshare|\brate){_ABOUT}"
)
_LEFT = re.compile(rf"(?:剩余|余下|其余|剩下|\bremaining|\bother|\brest){_ABOUT}")
_EQUATION = re.compile(
    r"(?<![\d,.])((?:\d[\d,.]{0,15}\s?[+×*]\s?[^\d\s]?){1,12}\d[\d,.]{0,15})[^\d=]{0,3}=\s?[^\d\s]?(\d[\d,]{0,15}(?:\.\d{1,9})?)"
)
_DIGITS = re.compile(r"[^\d.]")
_FACTOR = re.compile(r"([两三四五六七八九十])(?=[个位名人])")
_MEAN = re.compile(r"平均|\baverag")
_YEARLY = re.compile(r"[一全每]年|\b(?:a|per|each|every) year\b|\bannual")
_BRACKET = re.compile(
    r"属于|落在|为例|例如|[这该一]档|范围内|\b(?:falls?|bracket|band|for example|e\.g\.)\b"
)
_LISTS = tuple(re.compile(one) for one in (r";", r",", r"[、,](?: ?and\b)?|\band\b|以及|[和及]"))
_NUMERALS = "两三四五六七八九十"
_SECONDS = {"s": 1.0, "d": 86400.0, "mo": 2629800.0}


def follows(said: Quantity, found: Facts, text: str, there: Collection[Quantity]) -> bool:
    """Say whether a figure follows from others of its sentence and of what it cites.

    Args:
        said: the figure.
        found: the facts of the sentence, which are checked themselves.
        text: the sentence.
        there: the figures of what it cites.
    """
    if len(found.quantities) > MOST or not said.value:
        return False
    years = {one.number for one in found.quantities} | {date.year for date in found.dates}
    low = normalize(text)
    if said.value <= MOST_LISTED and _listed(said, low.partition(said.text)[2]):
        return True
    if 1900 <= said.number <= 2100 and said.number + 1 in years:
        return _YEARS.search(low) is not None
    own = [one for one in found.quantities if one is not said and one.dimension != PART]
    if any(_restates(one, said) for one in own):
        return True
    if _BRACKET.search(low) and _inside(said, own):
        return True
    start = low.find(said.text)
    before, behind = low[:start], low[start + len(said.text) :]
    return any(_same(value, said) for value in _reckoned(said, own, there, before, behind))


def _restates(one: Quantity, said: Quantity) -> bool:
    """Say whether a length of time is given twice: 三天（72小时）, a year (52 weeks)."""
    first, second = _SECONDS.get(one.dimension), _SECONDS.get(said.dimension)
    if first is None or second is None or first == second:
        return False
    return math.isclose(one.value * first, said.value * second, rel_tol=0.02)


def _listed(said: Quantity, behind: str) -> bool:
    """Say whether as many things are listed behind a colon: two bugs: the first, and the second."""
    _, _, things = behind.partition(":")
    splits = (sign.split(things) for sign in _LISTS)
    return bool(things) and said.value in {
        len([one for one in found if one.strip()]) for found in splits
    }


def _inside(said: Quantity, own: Collection[Quantity]) -> bool:
    """Say whether an example lies in the range that is told with it: 30岁 of 21-40岁."""
    like = [one.value for one in own if _kind(one) == _kind(said)]
    return bool(like) and min(like) <= said.value <= max(like)


def _reckoned(
    said: Quantity,
    own: Collection[Quantity],
    there: Collection[Quantity],
    before: str,
    behind: str,
) -> Iterator[float]:
    """Yield what can be reckoned as the words beside a figure announce."""
    mine = [one.value for one in own if _kind(one) == _kind(said)]
    theirs = {one.value for one in there if _kind(one) == _kind(said)}
    pairs = [
        (first.value, second.value)
        for first, second in combinations(own, 2)
        if _kind(first) == _kind(second) != "%" and first.value and second.value
    ]
    share = _kind(said) == "%"
    if len(mine) >= 2 and _SUMS.search(before + behind):
        yield sum(mine)
    if mine and _SUMS.search(before + behind):  # 20 minutes and another 25
        bare = [one.number for one in own if one.dimension in {UNKNOWN, OTHER}]
        yield from (sum(mine) + one * said.value / said.number for one in bare)
    if _MORE.search(before) or _THAN.match(behind):
        yield from (abs(a - b) for a, b in product(mine, {*mine, *theirs}))
        if share:
            yield from (100 * abs(a / b - 1) for one in pairs for a, b in (one, one[::-1]))
        elif (_COMPARED.search(before + behind) or _THAN.match(behind)) and (
            _kind(said) != UNKNOWN or said.number % 1
        ):
            yield from _apart(said, theirs, [*own, *there])
    if share and (len(pairs) == 1 or _SHARE.search(before)):
        yield from (100 * min(pair) / max(pair) for pair in pairs)
    if share and _LEFT.search(before):
        yield from (100 - value for value in {*mine, *theirs, sum(mine)})
    if said.text.endswith("倍"):
        yield from (100 * max(pair) / min(pair) for pair in pairs)
        yield from (100 * one.value / other.value for one, other in product(own, there)
                    if _kind(one) == _kind(other) and other.value)  # fmt: skip
    elif not share and _TIMES.search(before):
        factors = {f for one in own if _kind(one) != _kind(said) for f in _factors(one)}
        factors |= {float(_NUMERALS.index(sign) + 2) for sign in _FACTOR.findall(before)}
        if _YEARLY.search(before):
            factors.add(12.0)
        shares = {one.value / 100 for one in there if _kind(one) == "%"}
        yield from (a * b for a, b in product(mine, factors | shares))
        yield from (a * b for a, b in product(theirs, factors))
    if "×" in before + behind:  # 2 of (2 × 80), where the product stands too
        yield from (b.number / a.number * said.value / said.number for a, b in product(own, own)
                    if a.number and b.number > a.number)  # fmt: skip
    if _MEAN.search(before):
        yield from (a.value / b.number for a, b in product(own, own) if b.number > 1)
    for match in _EQUATION.finditer(before + said.text + behind):
        if math.isclose(_value(match[1]), float(match[2].replace(",", "")), rel_tol=1e-9):
            yield _value(match[1]) * said.value / said.digits


def _kind(one: Quantity) -> str:
    return _KINDS.get(one.dimension, one.dimension)


def _factors(one: Quantity) -> set[float]:
    """Return what one may be multiplied by because of a figure: 9 or 12 for nine months, a year."""
    return {one.value / 100} if _kind(one) == "%" else {one.number, one.value}


def _apart(
    said: Quantity, values: Collection[float], figures: Collection[Quantity]
) -> Iterator[float]:
    """Yield the differences of the values of one kind if they are few, and of times of the day."""
    if len(values) <= FEW:
        yield from (abs(a - b) for a, b in combinations(values, 2))
    times = {one.value for one in figures if one.dimension == "clock"}
    if said.dimension == "s" and len(times) <= FEW:
        yield from (60 * abs(a - b) for a, b in combinations(times, 2))


def _value(sum_: str) -> float:
    """Return the value of 158+15 or 9 × 1,483."""
    addends = sum_.replace(",", "").split("+")
    return sum(
        math.prod(float(_DIGITS.sub("", one).strip(".") or 0) for one in re.split(r"[×*]", addend))
        for addend in addends
    )


def _same(value: float, said: Quantity) -> bool:
    """Say whether a value is a figure as it is written; shares are rounded to the digits written."""
    if said.about:
        return math.isclose(value, said.value, rel_tol=0.02)
    if _kind(said) == "%" and said.number == said.value:
        digits = len(f"{said.digits:.9g}".partition(".")[2])
        return abs(value - said.value) <= 0.5 * math.pow(10, -digits)
    return math.isclose(value, said.value, rel_tol=1e-9)
