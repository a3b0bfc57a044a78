"""Dates in a text, Chinese and English, as precise as they are given."""

from __future__ import annotations

import re
from dataclasses import dataclass

from indexes.text import chinese_number, period_spans

__all__ = ["Date", "chinese_dates", "english_dates"]


@dataclass(frozen=True)
class Date:
    """A date as precise as it is given, with its text."""

    text: str
    year: int | None = None
    half: int | None = None
    quarter: int | None = None
    month: int | None = None
    day: int | None = None


_MONTHS = {name: i for i, name in enumerate(
    "jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # fmt: skip
_MONTH_NAME = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|JANUARY|FEBRUARY|MARCH|APRIL|MAY|JUNE|JULY|AUGUST|SEPTEMBER|OCTOBER|NOVEMBER|DECEMBER"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?"
)
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_ENGLISH_DATE = re.compile(
    rf"\b(?:(?P<d1>{_DAY})(?:\s*(?:[-–—]|to|and)\s*(?P<d2>{_DAY}))?\s+(?:of\s+)?)?(?P<month>{_MONTH_NAME})"
    rf"(?:\s+(?P<d3>{_DAY})(?!\d|:\d)(?:\s*(?:[-–—]|to|and)\s*(?P<d4>{_DAY})(?!\d))?)?(?:(?:,|\s+of)?\s*(?P<year>(?:19|20)\d\d)\b)?"
)
_TOLD = re.compile(
    r"\b(?:in|by|since|until|till|before|after|during|through|late|early|every|each|next|last) \Z",
    re.IGNORECASE,
)
_AMBIGUOUS = {"May", "March", "Mar", "Dec", "Sep", "Jan", "may"}
_CN_DATE = re.compile(
    r"(?:(?P<y>(?:19|20)\d\d|[二一][〇零九][〇零一二三四五六七八九]{2})\s*年(?:度)?\s*)?(?P<m>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])\s*月(?:份)?"
    r"(?:\s*(?P<d>3[01]|[12]\d|0?[1-9]|三十一?|二?十[一二三四五六七八九]?|[一二三四五六七八九])\s*[日号]?(?:\s*[-–—~至到]\s*(?P<d2>3[01]|[12]\d|0?[1-9])\s*[日号])?(?<=[日号]))?"
)


def _day(text: str | None) -> int | None:
    return None if text is None else chinese_number(text.rstrip("stndrh"))


def english_dates(text: str) -> tuple[list[Date], str]:
    """Return the dates with an English month, and the text without them."""
    found: list[Date] = []

    def take(match: re.Match[str]) -> str:
        first, second = match["d1"] or match["d3"], match["d2"] or match["d4"]
        name = match["month"].rstrip(".")
        told = _TOLD.search(match.string, max(0, match.start() - 12), match.start()) is not None
        if name in _AMBIGUOUS and not (first or match["year"] or told) and name != "March":
            return match.group()
        if name == "March" and not (first or match["year"]) and match.start() == 0:
            return match.group()
        year = int(match["year"]) if match["year"] else None
        month = _MONTHS[name[:3].lower()]
        days = [day for day in (first, second) if day] or [None]
        found.extend(Date(match.group(), year, month=month, day=_day(day)) for day in days)
        return " " * len(match.group())

    return found, _ENGLISH_DATE.sub(take, text)


def chinese_dates(text: str) -> tuple[list[Date], str]:
    """Return the dates in a normalised text, and the text without them."""
    found: list[Date] = []

    def take(match: re.Match[str]) -> str:
        year = match["y"]
        value = None if year is None else int(year) if year[0].isdigit() else _year(year)
        for day in [match["d"], *([match["d2"]] if match["d2"] else [])]:
            month = chinese_number(match["m"])
            found.append(Date(match.group(), value, month=month, day=_day(day)))
        return " " * len(match.group())

    if "月" in text:
        text = _CN_DATE.sub(take, text)
    for start, end, period in period_spans(text):
        said = text[start:end]
        if text[max(0, start - 1) : start] in tuple("这那上下每某该"):
            continue
        if said.strip().isdigit() or _SHORT_YEAR.fullmatch(said.strip()):
            continue  # a year or a number, ten years perhaps: it counts as a number
        found.append(Date(said, period.year, period.half, period.quarter, period.month, period.day))
        text = text[:start] + " " * (end - start) + text[end:]
    return found, text


_SHORT_YEAR = re.compile(r"\d\d年?")


def _year(text: str) -> int:
    return int("".join(str(chinese_number(sign)) for sign in text))
