"""When documents hold: what they say of it, which days a question asks about, and which hold then.

A document holds from `effective` to `expires`, both days included; one that says neither always does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from indexes.text import Period, chinese_number, normalize, period_spans
from indexes.types import LocatedPassage, Not, Range, Standing, Validity, Where

__all__ = ["Asked", "Stated", "asked_days", "day_before", "of_payload", "titled"]

# --- what a text says of itself ------------------------------------------------------------------

_OWN = (
    "本[一-鿿]{1,12}?"  # 本办法, 本规定: what a clause without it says may be of another document
)
_DAY = r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日"
_FROM = re.compile(rf"{_OWN}自\s*{_DAY}\s*起(?:正式)?(?:施行|实施|执行|生效)")
_UNTIL = re.compile(rf"{_OWN}[^。；《》]{{0,40}}?有效期(?:限)?(?:至|到|截至)\s*{_DAY}")
_YEARS = re.compile(
    rf"{_OWN}自\s*{_DAY}\s*起(?:施行|实施|执行|生效)[，,]\s*有效期(?:为)?\s*([一二两三四五六七八九十\d]{{1,2}})\s*年"
)
_ENDED = re.compile(rf"{_OWN}自\s*{_DAY}\s*起(?:废止|失效|停止执行)")
_MONTHS = "January February March April May June July August September October November December"
_DAY_EN = rf"(?:(\d{{1,2}})\s+({'|'.join(_MONTHS.split())})|({'|'.join(_MONTHS.split())})\s+(\d{{1,2}}),?)\s+(\d{{4}})"
_OWN_EN = r"\b(?:This|These)\s+[A-Z][A-Za-z]+(?:\s+[A-Za-z]+){0,3}?\s+(?:shall\s+|will\s+)?"
_FROM_EN = re.compile(
    rf"{_OWN_EN}(?:(?:come|comes|came|enter|enters|entered) into force|takes? effect|(?:is|are|be) effective)"
    rf"\s+(?:on|from|as of|as from)\s+{_DAY_EN}"
)
_UNTIL_EN = re.compile(
    rf"{_OWN_EN}(?:expires?|(?:is|are|remains?) (?:valid|in force) (?:until|through|up to)|ceases? to have effect after)"
    rf"(?:\s+on)?\s+{_DAY_EN}"
)
_AMENDED = re.compile(r"修订|修正|修改|\b(?:amended|revised|consolidated)\b", re.IGNORECASE)
_HINT = re.compile("起|有效期|This |These ")
OPENING = 12  # paragraphs in which a consolidated text says that it was amended


class Stated:
    """Gathers the days that a text plainly says it holds from and until.

    A text that was amended keeps its first day in its last article, so nothing is taken from one that
    says so at its beginning, nor from one that says several days.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._amended = False
        self._from: set[date] = set()
        self._until: set[date] = set()

    def watch(self, text: str) -> None:
        """Take up a further paragraph."""
        self._seen += 1
        if self._seen <= OPENING and _AMENDED.search(text):
            self._amended = True
        if _HINT.search(text) is None:
            return
        self._from.update(_days(_FROM, text), _days_en(_FROM_EN, text))
        self._until.update(_days(_UNTIL, text), _days_en(_UNTIL_EN, text))
        self._until.update(day - timedelta(1) for day in _days(_ENDED, text))
        for match in _YEARS.finditer(text):
            begun = _date(match[1], match[2], match[3])
            if begun is not None:
                years = chinese_number(match[4])
                self._until.add(_in_year(begun, begun.year + years) - timedelta(1))

    @property
    def fields(self) -> dict[str, str]:
        """The days as fields of the document."""
        if self._amended or len(self._from) > 1 or len(self._until) > 1:
            return {}
        found = (("effective", self._from), ("expires", self._until))
        return {name: next(iter(days)).isoformat() for name, days in found if len(days) == 1}


def _days(pattern: re.Pattern[str], text: str) -> Iterable[date]:
    found = (_date(match[1], match[2], match[3]) for match in pattern.finditer(text))
    return [day for day in found if day is not None]


def _days_en(pattern: re.Pattern[str], text: str) -> Iterable[date]:
    months = {name: number for number, name in enumerate(_MONTHS.split(), 1)}
    found = (
        _date(match[5], months[match[2] or match[3]], match[1] or match[4])
        for match in pattern.finditer(text)
    )
    return [day for day in found if day is not None]


def _date(year: str, month: str | int, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None  # 31 April is no day


def _in_year(day: date, year: int) -> date:
    return date(year, 3, 1) if (day.month, day.day) == (2, 29) else day.replace(year=year)


# --- what a question asks about ------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """The days that a question asks about.

    Args:
        first: the first of them.
        last: the last of them.
        named: whether the question names them; else they are today.
        any_version: whether it names a version by its year (2019年修订), so that any may be meant.
        text: the question without the days that it names.
        today: the day on which it is asked.
    """

    first: date
    last: date
    named: bool
    any_version: bool
    text: str
    today: date

    @property
    def in_force(self) -> tuple[Not, ...]:
        """What the points of documents fulfil that hold on one of the days.

        Of an earlier time a document without a known version before it may tell, too (`since`).
        """
        if self.any_version:
            return ()
        return (
            Not(Range("meta.effective", gt=_number(max(self.last, self.today)))),
            Not(Range("meta.since", gt=_number(self.last))),
            Not(Range("meta.expires", lt=_number(self.first))),
        )

    @property
    def others(self) -> tuple[Where, ...]:
        """Filters for the documents that do not: those that ended before, those that begin later."""
        if self.any_version:
            return ()
        return (
            {"expires": {"lt": self.first.isoformat()}},
            {"effective": {"gt": self.last.isoformat()}},
        )

    def judge(self, passages: Iterable[LocatedPassage]) -> None:
        """Write into passages what it means for these days and for today when their documents hold."""
        for passage in passages:
            if "validity" in passage:
                passage["validity"] = self.judged(passage["validity"])

    def judged(self, validity: Validity) -> Validity:
        """Return when a document holds, with what that means for these days and for today.

        A version that was asked for by its name answers, whether or not it holds today.
        """
        asked = ""
        if self.named:
            days = (self.first.isoformat(), self.last.isoformat())
            asked = days[0] if days[0] == days[1] else "/".join(days)
        return {
            **validity,
            "state": "in_force"
            if self.any_version and not self.named
            else _standing(validity, self.first, self.last),
            "now": _standing(validity, self.today, self.today),
            "asked": asked,
        }


def _standing(validity: Validity, first: date, last: date) -> Standing:
    if validity["expires"] and validity["expires"] < first.isoformat():
        return "ended"
    late = bool(validity["effective"]) and validity["effective"] > last.isoformat()
    return "not_yet" if late else "in_force"


_VERSION = re.compile(
    r"\s*年?(?:[^，。？,?]{0,2}?)(?:版|修订|修正|修改|公布|发布|颁布|印发|制定|起?(?:施行|实施))"
    r"|\s*(?:version|edition|revision|amendment|text)\b"
)
_BEFORE = re.compile(r"\s*(?:年|月|日)?(?:版|修订|修正|修改)?\s*(?:之前|以前|前)")
_AFTER = re.compile(r"\s*(?:年|月|日)?\s*(?:之后|以后|以来|起|后)")
_BEFORE_EN = re.compile(r"\b(?:before|prior to)\s+(?:the\s+)?$")
_AFTER_EN = re.compile(r"\b(?:since|after|from)\s+$")
_AGO = re.compile(
    r"(?P<zh>[一二两三四五六七八九十\d]{1,2})\s*年(?:之|以)?前(?!后)"
    r"|\b(?P<en>one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}) years? ago\b"
)
_AGO_WORDS = "zero one two three four five six seven eight nine ten".split()
_NOW = re.compile(r"现在|目前|如今|眼下|现行|\b(?:now|today|currently|at present)\b")
_COMPARED = re.compile(
    r"区别|变化|不同|相比|比较|改了|\b(?:compared?|differ\w*|changed?|versus|vs)\b"
)
_TITLE = re.compile(r"《[^《》]*》|[〔\[（(]\s*(?:19|20)\d\d\s*[〕\]）)]")
_SHORT = re.compile(r"\d\d年")
_DURATION = re.compile(r"(?:[满为期超过限至少存足]|不少于|至少|over|least|than)\s*$")


def asked_days(question: str, *, today: date) -> Asked:
    """Return the days that a question asks about: those that it names, else today.

    2021年签的合同 asks about 2021, as of May 2022 about that month, 2023年以前 about the day before that year.
    A year that names a version (2019年修订) or stands in a title is no day that is asked about.

    Args:
        question: in Chinese or English.
        today: what relative words count from.
    """
    lowered = question.lower()
    titles = [match.span() for match in _TITLE.finditer(question)]
    first: date | None = None
    last: date | None = None
    any_version = False
    cut: list[tuple[int, int]] = []

    def take(begin: date, end: date, span: tuple[int, int]) -> None:
        nonlocal first, last
        first = begin if first is None else min(first, begin)
        last = end if last is None else max(last, end)
        cut.append(span)

    for start, end, period in period_spans(question, today=today):
        if any(a <= start < b for a, b in titles):
            any_version = any_version or question[start - 1 : start] != "《"
            continue
        if period.year is None or _is_duration(question, start, end, period, today):
            continue
        begin, close = _bounds(period)
        behind = lowered[end:]
        before = _BEFORE.match(behind)
        if before or _BEFORE_EN.search(lowered[:start]):
            stop = end + (before.end() if before else 0)
            take(begin - timedelta(1), begin - timedelta(1), (start, stop))
        elif _VERSION.match(behind):
            any_version = True
        elif (after := _AFTER.match(behind)) or _AFTER_EN.search(lowered[:start]):
            take(begin, max(begin, today), (start, end + (after.end() if after else 0)))
        else:
            take(begin, close, (start, end))
    for match in _AGO.finditer(lowered):
        if any(a < match.end() and match.start() < b for a, b in cut):
            continue
        word = match["zh"] or match["en"]
        years = _AGO_WORDS.index(word) if word in _AGO_WORDS else chinese_number(word)
        day = _in_year(today, max(today.year - years, 1))
        take(date(day.year, 1, 1), date(day.year, 12, 31), match.span())
    text = question
    for start, end in sorted(cut, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    if _NOW.search(lowered):  # 2021年签的合同，现在 …: today, unless the two are compared
        if first is None or _COMPARED.search(lowered) is None:
            return Asked(today, today, False, any_version, text.strip() or question, today)
        last = max(last or today, today)
    if first is None or last is None:
        return Asked(today, today, False, any_version, question, today)
    return Asked(first, last, True, any_version, text.strip() or question, today)


def _is_duration(question: str, start: int, end: int, period: Period, today: date) -> bool:
    """Say whether two digits before 年 are a length of time, and no year: 保存10年."""
    if not _SHORT.match(question[start:end]):
        return False
    assert period.year is not None
    if not 2000 <= period.year <= today.year + 1 or _DURATION.search(question[:start].lower()):
        return True
    return (
        bool(re.match(r"[以之]?内|期|的?保|以[上下]|后|前", question[end:])) or period.year < 2015
    )


def _bounds(period: Period) -> tuple[date, date]:
    """Return the first and last day of a period that has a year."""
    assert period.year is not None
    months = (1, 12)
    if period.month is not None:
        months = (period.month, period.month)
    elif period.quarter is not None:
        months = (3 * period.quarter - 2, 3 * period.quarter)
    elif period.half is not None:
        months = (6 * period.half - 5, 6 * period.half)
    following = date(period.year + months[1] // 12, months[1] % 12 + 1, 1)
    if period.day is not None:
        try:
            day = date(period.year, months[0], period.day)
        except ValueError:
            day = following - timedelta(1)  # 31 April: the month's last day
        return day, day
    return date(period.year, months[0], 1), following - timedelta(1)


# --- what the store keeps ------------------------------------------------------------------------


def of_payload(payload: Mapping[str, Any]) -> Validity | None:
    """Return when the document of a point holds; None if it does not say."""
    meta = payload.get("meta") or {}
    effective, expires = _iso(meta.get("effective")), _iso(meta.get("expires"))
    if not effective and not expires:
        return None
    return {
        "effective": effective,
        "expires": expires,
        "replaced_by": str(meta.get("replaced_by", "")),
    }


def day_before(number: int) -> int | None:
    """Return the day before a day, both written as 20240131; None if it is no day."""
    try:
        day = date(number // 10000, number // 100 % 100, number % 100) - timedelta(1)
    except (ValueError, OverflowError):
        return None
    return _number(day)


def titled(title: str) -> str:
    """Return a title without its version, as titles are compared: 《X办法》（2023年修订） is X办法."""
    bare = re.sub(r"[（(\[〔][^（()）]*[)）\]〕]\s*$", "", title.strip().strip("《》"))
    return "".join(normalize(bare.strip().strip("《》")).split())


def _number(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def _iso(number: Any) -> str:
    if not isinstance(number, int | float):
        return ""
    days = f"{int(number):08d}"
    return f"{days[:4]}-{days[4:6]}-{days[6:]}"
