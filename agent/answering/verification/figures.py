"""The figures, dates and codes of a source: whether it has one that a claim gives, whatever its form."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cached_property

from agent.answering.verification.dates import Date
from agent.answering.verification.facts import Facts, squashed
from agent.answering.verification.quantities import COUNTED, OTHER, PART, PLACE, UNKNOWN, Quantity
from agent.answering.verification.units import MONEY, unit_words
from indexes.text import CJK, Haystack, normalize

__all__ = ["Figures", "stands_alone"]

SMALL = 10  # below it a number stands anywhere for something else


class Figures:
    """What of a source is compared as a value.

    Args:
        found: its facts.
        haystack: its text.
        language: that of its text.
        sizes: how many rows its tables have, which a claim may tell.
    """

    def __init__(
        self, found: Facts, haystack: Haystack, language: str, sizes: Collection[float]
    ) -> None:
        self._facts = found
        self._haystack = haystack
        self._language = language
        self._sizes = sizes

    @cached_property
    def _values(self) -> dict[str, dict[float, set[int]]]:
        """The bounds of each value by dimension."""
        found: dict[str, dict[float, set[int]]] = {}
        for one in self._facts.quantities:
            values = found.setdefault(one.dimension, {})
            values.setdefault(_key(one.value), set()).add(one.bound)
            upper, over, _ = one.dimension.partition("/")
            if over:  # 40mg/kg is also 40mg, of which the rest is told elsewhere
                values = found.setdefault(f"{upper}/", {})
                values.setdefault(_key(one.upper), set()).add(one.bound)
        return found

    @cached_property
    def _numbers(self) -> dict[float, set[int]]:
        """The bounds of each number whatever its unit, the parts of dates among them."""
        found: dict[float, set[int]] = {}
        for one in self._facts.quantities:
            for value in (one.number, one.digits) if one.dimension != PART else ():
                found.setdefault(_key(value), set()).add(one.bound)
        for date in self._facts.dates:
            named = not date.text.isascii() or any(map(str.isalpha, date.text))
            for part in (date.year, None if named else date.month, date.day, date.quarter):
                if part is not None:
                    found.setdefault(float(part), set()).add(0)
        return found

    @cached_property
    def _units(self) -> dict[str, set[float]]:
        return unit_words(self._haystack.text)

    @property
    def quantities(self) -> Sequence[Quantity]:
        """Its quantities."""
        return self._facts.quantities

    def has_quantity(self, said: Quantity) -> bool:
        """Say whether it has a quantity, with no bound to the other side."""
        bounds: set[int] | None
        if said.dimension == OTHER and self._language == "en":
            bounds = self._among((OTHER, UNKNOWN, COUNTED, PLACE, "pp"), said)
        elif said.dimension in {UNKNOWN, OTHER}:
            bounds = self._numbers.get(_key(said.number))
        elif said.dimension == COUNTED:
            bounds = self._among((COUNTED, UNKNOWN, OTHER), said)
        elif said.dimension == PART:
            bounds = self._among((PART, UNKNOWN), said)
            number = f"{said.value:g}"
            if bounds is None and any(_PARTED.sub("", code) == number for code in self._codes):
                bounds = {0}  # Section 1 of 一标段
        elif said.dimension == "clock":
            bounds = self._among(("clock",), said)
            if bounds is None and not said.value % 60:  # open 10-17
                bare = self._values.get(UNKNOWN, {})
                bounds = bare.get(said.value / 60) or bare.get(said.value / 60 % 12)
        elif said.dimension == PLACE:
            bounds = self._among((PLACE, PART, UNKNOWN, COUNTED, "d"), said)
            if bounds is None and any(said.value == date.day for date in self._facts.dates):
                bounds = {0}
        else:
            bounds = self._values.get(said.dimension, {}).get(_key(said.value))
            upper, over, _ = said.dimension.partition("/")
            if bounds is None:  # 40mg/kg where 40mg stands, and the reverse, but not 40mg/h
                value = said.upper if over else said.value
                bounds = self._values.get(upper if over else f"{upper}/", {}).get(_key(value))
            if bounds is None:
                bounds = self._otherwise(said)
        if (
            bounds is None
            and said.dimension in {UNKNOWN, OTHER, COUNTED}
            and said.value in self._sizes
        ):
            bounds = {0}
        if bounds is None and said.value == 2 and said.dimension == COUNTED:
            bounds = {0} if "双" in self._haystack.text and said.text[-1] != "次" else None
        if bounds is not None:
            return not said.bound or -said.bound not in bounds or bool(bounds - {-said.bound})
        return said.about and self._near(said)

    def _among(self, dimensions: Sequence[str], said: Quantity) -> set[int] | None:
        for dimension in dimensions:
            bounds = self._values.get(dimension, {}).get(_key(said.value))
            if bounds is not None:
                return bounds
        return None

    def _otherwise(self, said: Quantity) -> set[int] | None:
        """Return the bounds of what is written otherwise: 3 days as 72 hours, a year as annual."""
        if (said.dimension, said.value) in _A_DAY:
            dimension, value = _A_DAY[said.dimension, said.value]
            if (bounds := self._values.get(dimension, {}).get(value)) is not None:
                return bounds
        if (
            said.number == 1
            and said.text[0] in "一ao"
            and said.value in self._units.get(said.dimension, ())
        ):
            return {0}
        if said.scale and (bounds := self._values.get(UNKNOWN, {}).get(_key(said.value))):
            return bounds
        if said.dimension == "s" and said.value == 60 * said.number:
            bounds = self._values.get("m", {}).get(_key(said.number))  # 15m, of a setting
            if bounds is not None:
                return bounds
        if said.dimension == "d" and said.text.endswith("日") and not said.bound:
            return {0} if any(said.value == one.day for one in self._facts.dates) else None
        if said.dimension == "%" and said.value == 50 and _HALF.search(self._haystack.text):
            return {0}
        if said.dimension == "m" and said.text.endswith("m"):
            bounds = self._numbers.get(_key(1e6 * said.number))  # 2.1m shares
            if bounds is not None:
                return bounds
        return self._bare(said)

    def _bare(self, said: Quantity) -> set[int] | None:
        """Return the bounds of a number without a unit, where the unit stands elsewhere, as in a table."""
        bare = self._values.get(UNKNOWN, {})
        upper, over, per = said.dimension.partition("/")
        value = said.upper if over else said.value
        if per in self._units and said.value and _key(value / said.value) not in self._units[per]:
            return None  # 3.2元/吨 of a table in 元/公斤
        for factor in self._units.get(upper, ()):
            bounds = bare.get(_key(value / factor))
            if bounds is not None:
                return bounds
        if over or said.dimension in MONEY or said.number < SMALL:
            return None
        return bare.get(_key(said.number))  # 45 minutes (long-haul: 60), weight (Feb: 32.8)

    def _near(self, said: Quantity) -> bool:
        """Say whether a value that is rounded in the claim stands here in full."""
        values = (
            self._numbers if said.dimension == UNKNOWN else self._values.get(said.dimension, {})
        )
        return any(abs(value - said.value) <= 0.03 * abs(value) for value in values)

    def has_date(self, said: Date) -> bool:
        """Say whether it has a date, as precise as it is said."""
        years = {date.year for date in self._facts.dates} | {
            int(value) for value in self._numbers if 1900 <= value <= 2100
        }
        for date in self._facts.dates:
            same = all(
                mine is None or mine == theirs
                for mine, theirs in (
                    (said.month, date.month),
                    (said.day, date.day),
                    (said.quarter, date.quarter),
                    (said.half, date.half),
                )
            )
            if same and (said.year is None or said.year == date.year):
                return True
            if same and date.year is None and said.year in years:
                return True
        parts = (said.month, said.day, said.quarter, said.half)
        if said.year is not None and not any(parts):
            return said.year in years
        if said.quarter and said.year in years and not said.month:
            return float(said.quarter) in self._numbers and "季" in self._haystack.text
        return False

    @cached_property
    def _codes(self) -> set[str]:
        return {squashed(code) for code in self._facts.codes}

    def has_code(self, said: str, *, alike: bool) -> bool:
        """Say whether it has a code, or one of which it is the first part.

        Args:
            said: the code.
            alike: whether they are of one language; else 5号线 is anything with that number.
        """
        if not alike and (part := _NUMBERED.search(said)):
            number = part.group().lower()
            word = _CALLED.get(said[-1])
            if word is not None:
                roman = _ROMAN.get(number, number)
                return (
                    re.search(rf"\b(?:{word})s? (?:{number}|{roman})\b", self._haystack.text)
                    is not None
                )
            if number.isdigit():
                return float(number) in self._numbers or any(
                    number in re.findall(r"\d+", code) for code in self._codes
                )
            return any(number in re.split(r"[-\d]", c) for c in self._codes) or stands_alone(
                number, self._haystack.text
            )
        code = squashed(said)
        if _PLURAL.search(said) and code[:-1] in self._codes | self._haystack.exact:
            return True  # vCPUs
        if code in self._codes or any(one.startswith(f"{code}-") for one in self._codes):
            return True
        kind, _, number = normalize(said).partition(" ")
        if number and stands_alone(f"{kind}s {number}", self._haystack.text):
            return True  # grade 8 of grades 8 and above
        if said.endswith("G") and re.search(
            rf"(?<![\d.]){re.escape(said.lower())}[hb]", self._haystack.text
        ):
            return True  # 5G of 5GHz, 10G of 10GB
        return stands_alone(normalize(said), self._haystack.text)


def _key(value: float) -> float:
    return float(f"{value:.9g}")


def stands_alone(word: str, text: str) -> bool:
    """Say whether a word stands in a text with no letter or digit at its sides."""
    place = text.find(word) if word else -1
    while place >= 0:
        before, after = text[place - 1 : place], text[place + len(word) : place + len(word) + 1]
        if not _alphanumeric(before) and not _alphanumeric(after):
            return True
        place = text.find(word, place + 1)
    return False


def _alphanumeric(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


_A_DAY = {("s", 86400.0): ("d", 1.0), ("d", 1.0): ("s", 86400.0)}
_TIME = frozenset({"s", "d", "mo"})
_HALF = re.compile(r"一半|减半|\bhalf\b")
_PLURAL = re.compile(r"[a-z][A-Z]+s\Z")
_PARTED = re.compile(f"(?<=\\d)[{CJK}]+\\Z")
_CALLED = {
    "线": "line",
    "楼": "building|block",
    "期": "phase|stage",
    "类": "category|class|type",
    "级": "class|grade|level",
    "区": "zone|area|section|block",
    "段": "lot|section|contract",
    "方": "party",
}
_ROMAN = dict(zip("1 2 3 4 5 6 7 8".split(), "i ii iii iv v vi vii viii".split(), strict=True))
_NUMBERED = re.compile(rf"(?:\d+|[A-Z])(?=[号{CJK}])|(?<=[a-z] )(?:\d+|[A-Z])\Z")
