"""The values in a question that another may take the place of: names, dates, numbers, articles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.routing.types import Slot
from indexes.text import CJK, Period, language, names, normalize, periods

__all__ = ["PERIOD", "FindSlots", "Value", "find_values", "put"]

FindSlots = Callable[[str], Sequence[Slot]]
PERIOD = "period"
NUMBER = "#"  # a number alone; the kinds that hold one end with it

_DIGITS = "一二三四五六七八九十百千两零〇\\d"
_OVER, _UNDER = "超过|大于|高于|多于|不足|低于|少于|小于|不到|不满|满", "以上|以下|以内|之内|以外"
_MORE, _LESS = re.compile(_OVER), re.compile(f"(?:{_UNDER})$")
_COMPARED = re.compile(f"{_OVER}|{_UNDER}")
_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_PATTERNS = (
    ("title", re.compile(r"《[^》]+》|[“「][^”」]+[”」]")),
    (
        "ordinal",
        re.compile(
            rf"(?<![{CJK}])[{_DIGITS}]{{2,}}(?P<bare>条)|第\s*[{_DIGITS}]+\s*(?P<unit>[{CJK}])"
        ),
    ),
    (
        "labelled",
        re.compile(r"(?<![A-Za-z0-9_.])(?P<label>[A-Za-z]{2,})\s+\d+(?:\.\d+)*(?![A-Za-z0-9_])"),
    ),
    ("code", re.compile(r"(?<![A-Za-z0-9])(?P<letters>[A-Z]{1,3})-?\d+(?![A-Za-z0-9_.])")),
    (
        "counted",
        re.compile(
            rf"(?:{_OVER})?[{_DIGITS}]+(?:\.\d+)?(?P<counted>号[{CJK}]|[万亿]元?|个月|%|[{CJK}])(?:{_UNDER})?"
        ),
    ),
    ("latin", re.compile(r"[A-Za-z][\w+#-]*(?:\.\w+)*(?:\s+[A-Z][\w.+#-]*)*")),
    (NUMBER, re.compile(r"(?<![A-Za-z0-9_.])\d+(?:\.\d+)*(?![A-Za-z0-9_])")),
)
_NO_UNIT = frozenset("下些起般直样定切致旦律向共面旁边")
_NO_LABEL = frozenset(
    "in of at for by than over is was are the and or to from on only about since until with".split()
)
_PROPER = re.compile(r"[A-Z][\w+#-]*|[a-z]+[A-Z]\w*|\w+\.\w+")
_YEAR = re.compile(r"(?:19|20)\d\d|\d\d(?=年)")
_WHOLE_YEAR = re.compile(r"\s*(?:全年|整年|,?\s*full year)", re.IGNORECASE)
_SHIFT = re.compile(
    r"(?P<back>(?:上|前)(?:一|1)?个?)(?P<a>年度?|季度|月)(?!同期)|(?P<on>(?:下|后)(?:一|1)?个?)(?P<b>年度?|季度|月)"
    r"|(?P<same>(?:去年|上年|上一年)?同期)"
    r"|(?:the )?(?:(?P<before>previous|preceding)|(?P<after>next|following)) (?P<c>year|quarter|month)"
    r"|the (?P<d>year|quarter|month) (?:(?P<earlier>before|earlier)|(?:after|later))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Value:
    """A value as it stands in a text, and what it is written as where it takes another's place."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def named(self) -> bool:
        """Whether it is a value of a tool's argument, other than a period, or a name."""
        return self.kind != PERIOD and not self.kind.endswith((NUMBER, "号", "%"))


def find_values(
    text: str,
    find_slots: FindSlots,
    *,
    after: Sequence[Value] = (),
    before: str = "",
    phrase: bool = False,
) -> list[Value]:
    """Return the values in a text in order, none of them overlapping.

    Args:
        text: a question.
        find_slots: finds the values of tools' arguments, and periods.
        after: the values of the question before, which 「上一年」 counts from.
        before: the question before.
        phrase: the text is no sentence, whose first word begins with a capital letter anyway.
    """
    found: list[Value] = []

    def add(values: Iterator[Value]) -> None:
        for value in values:
            if not any(value.start < one.end and one.start < value.end for one in found):
                found.append(value)

    add(_shifted(text, after, before))
    add(_slots(text, find_slots))
    add(_months(text))
    add(_generic(text, phrase=phrase))
    add(_names(text))
    return sorted(found, key=lambda value: value.start)


def put(new: Sequence[Value], old: Sequence[Value], text: str) -> tuple[str, list[Value]]:
    """Put new values in the place of those of their kinds; also return those that have no place.

    Args:
        new: the values of the question asked now.
        old: those of `text`.
        text: the question before, or its topic.
    """
    places: dict[Value, Value] = {}
    homeless: list[Value] = []
    for value in new:
        free = [one for one in old if one not in places]
        place = next((one for one in free if one.kind == value.kind), None)
        if place is None and value.kind == NUMBER:
            place = next((one for one in reversed(free) if one.kind.endswith(NUMBER)), None)
        if place is None:
            homeless.append(value)
        else:
            places[place] = value
    for place in sorted(places, key=lambda one: -one.start):
        text = (
            text[: place.start]
            + _written(places[place], text[place.start : place.end])
            + text[place.end :]
        )
    return text, homeless


def _written(new: Value, old: str) -> str:
    """Return a value as it takes an old one's place: what it leaves out stays as it was.

    第四季度 after 2024年三季度 keeps the year, 2025年 the quarter, 403 the label of HTTP 404.
    """
    if new.kind == NUMBER:
        return re.sub(r"\d+(?:\.\d+)*(?=\D*$)", new.text, old)
    if new.kind.endswith(NUMBER) and not _COMPARED.search(new.text):
        more, less = _MORE.match(old), _LESS.search(old)
        return f"{more.group() if more else ''}{new.text}{less.group() if less else ''}"
    if new.kind != PERIOD:
        return new.text
    fresh, past = next(iter(periods(new.text)), None), next(iter(periods(old)), None)
    if fresh is None or past is None:
        year = _YEAR.search(old) if new.text in _MONTHS else None
        return f"{new.text} {year.group()}" if year else new.text
    if fresh.year is None and past.year is not None:
        return (
            f"{past.year}年{new.text}" if language(new.text) == "zh" else f"{new.text} {past.year}"
        )
    year_alone = fresh == Period(year=fresh.year) and not _WHOLE_YEAR.search(new.text)
    if year_alone and past != Period(year=past.year) and _YEAR.search(old):
        return _YEAR.sub(str(fresh.year), old, count=1)
    return new.text


def _slots(text: str, find_slots: FindSlots) -> Iterator[Value]:
    for slot in find_slots(text):
        whole = _WHOLE_YEAR.match(text, slot.end) if slot.argument == PERIOD else None
        end = whole.end() if whole else slot.end
        yield Value(slot.argument, text[slot.start : end] if whole else slot.value, slot.start, end)


def _months(text: str) -> Iterator[Value]:
    for match in re.finditer(rf"(?<!^)\b(?:{'|'.join(_MONTHS)})\b(?!\s+\d)", text):
        yield Value(PERIOD, match.group(), *match.span())


def _generic(text: str, *, phrase: bool) -> Iterator[Value]:
    chinese = language(text) == "zh"
    first = re.match(r"\w+\s+", text)
    sentence = 0 if chinese or phrase or first is None else first.end()
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text, sentence if kind == "latin" else 0):
            groups = match.groupdict()
            if kind == "ordinal":
                unit = groups["unit"] or groups["bare"]
                surface = match.group() if match.group().startswith("第") else f"第{match.group()}"
                yield Value(f"第{unit}{NUMBER}", surface, *match.span())
            elif kind == "labelled" and groups["label"].lower() not in _NO_LABEL:
                yield Value(f"{groups['label'].lower()} {NUMBER}", match.group(), *match.span())
            elif kind == "code":
                yield Value(f"{groups['letters']}{NUMBER}", match.group(), *match.span())
            elif kind == "counted" and groups["counted"] not in _NO_UNIT:
                yield Value(f"{groups['counted'][-1]}{NUMBER}", match.group(), *match.span())
            elif kind == "latin" and (chinese or _is_proper(match.group())):
                yield Value("latin", match.group(), *match.span())
            elif kind in {"title", NUMBER}:
                yield Value(kind, match.group(), *match.span())


def _is_proper(word: str) -> bool:
    return len(word) > 1 and _PROPER.fullmatch(word.split()[0]) is not None


def _names(text: str) -> Iterator[Value]:
    folded = normalize(text)
    for name in names(text):
        start = text.find(name) if name in text else folded.find(name)
        if start >= 0 and not name.isascii():
            yield Value("name", name, start, start + len(name))


def _shifted(text: str, after: Sequence[Value], before: str) -> Iterator[Value]:
    """上一年, the quarter before: counted from the period that was asked about."""
    match = _SHIFT.search(text)
    old = next((value for value in after if value.kind == PERIOD), None)
    if match is None or old is None:
        return
    surface = before[old.start : old.end]
    period = next(iter(periods(surface)), None)
    if period is None or period.year is None:
        return
    unit = match["a"] or match["b"] or match["c"] or match["d"] or "year"
    step = 1 if match["on"] or match["after"] or (match["d"] and not match["earlier"]) else -1
    moved = _moved(period, unit.lower(), step)
    if moved is not None:
        yield Value(PERIOD, _period_text(moved, surface), *match.span())


def _moved(period: Period, unit: str, step: int) -> Period | None:
    year = period.year or 0
    if unit.startswith(("年", "year")):
        return replace(period, year=year + step)
    if unit in {"季度", "quarter"} and period.quarter:
        index = year * 4 + period.quarter - 1 + step
        return Period(year=index // 4, quarter=index % 4 + 1)
    if unit in {"月", "month"} and period.month:
        index = year * 12 + period.month - 1 + step
        return Period(year=index // 12, month=index % 12 + 1)
    return None


def _period_text(period: Period, old: str) -> str:
    """Write a period as the old one was written."""
    was = periods(old)[0]
    if replace(period, year=was.year) == was and _YEAR.search(old):
        return _YEAR.sub(str(period.year), old, count=1)
    if language(old) == "zh" or "年" in old:
        part = (
            f"{period.month}月"
            if period.month
            else f"第{'一二三四'[(period.quarter or 1) - 1]}季度"
        )
        return f"{period.year}年{part}"
    part = _MONTHS[period.month - 1] if period.month else f"Q{period.quarter}"
    return f"{part} {period.year}"
