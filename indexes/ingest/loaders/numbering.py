"""The numbers and bullets of Word's lists, which stand in no paragraph but are counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["Numbering"]

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DIGITS = "〇一二三四五六七八九"
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
          (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


@dataclass
class _Level:
    format: str = "decimal"
    text: str = ""
    start: int = 1
    legal: bool = False  # 第一章's sections are 1.1, not 一.1


@dataclass
class _List:
    """An abstract list: its levels, and how far each is counted."""

    levels: dict[int, _Level] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Counts the items of a document's lists, in the order in which they stand.

    Args:
        root: the document's numbering part; None: it has no lists.
    """

    def __init__(self, root: Element | None) -> None:
        self._lists: dict[str, _List] = {}
        self._numbers: dict[str, tuple[str, dict[int, int]]] = {}
        for abstract in root.iter(f"{W}abstractNum") if root is not None else ():
            levels = dict(_levels(abstract))
            self._lists[abstract.get(f"{W}abstractNumId", "")] = _List(levels)
        for number in root.iter(f"{W}num") if root is not None else ():
            starts = {
                _depth(one): _integer(one.find(f"{W}startOverride"), 1)
                for one in number.iter(f"{W}lvlOverride")
                if one.find(f"{W}startOverride") is not None
            }
            key = _value(number.find(f"{W}abstractNumId"))
            self._numbers[number.get(f"{W}numId", "")] = (key, starts)

    def mark(self, number: str, level: int) -> str | None:
        """Count an item and return what stands before it: "-" of bullets, else such as 1.2 or （三）.

        Args:
            number: the list's id.
            level: the item's depth, from 0.

        Returns:
            None if there is no such list.
        """
        if number not in self._numbers or self._numbers[number][0] not in self._lists:
            return None
        key, starts = self._numbers[number]
        found = self._lists[key]
        for restarted, start in starts.items():  # only before the list's first item
            found.counts[restarted] = start - 1
        starts.clear()
        own = found.levels.get(level, _Level("bullet"))
        found.counts[level] = found.counts.get(level, own.start - 1) + 1
        for deeper in [one for one in found.counts if one > level]:
            del found.counts[deeper]
        if own.format == "bullet":
            return "-"
        if own.format == "none":
            return re.sub(r"%\d", "", own.text).strip()
        return re.sub(r"%(\d)", lambda m: _count(found, int(m.group(1)) - 1, own), own.text)


def _count(found: _List, level: int, asked: _Level) -> str:
    """Return how far a level is counted, as it writes it, or in digits where the item asks for them."""
    own = found.levels.get(level, _Level())
    value = found.counts.get(level, own.start)
    return _written(value, "decimal" if asked.legal else own.format)


def _levels(abstract: Element) -> Iterator[tuple[int, _Level]]:
    for level in abstract.iter(f"{W}lvl"):
        form, text = level.find(f"{W}numFmt"), level.find(f"{W}lvlText")
        start = _integer(level.find(f"{W}start"), 1)
        yield (
            _depth(level),
            _Level(
                _value(form) or "decimal",
                _value(text),
                start,
                level.find(f"{W}isLgl") is not None,
            ),
        )


def _depth(element: Element) -> int:
    depth = element.get(f"{W}ilvl", "0")
    return int(depth) if depth.isdecimal() and len(depth) < 3 else 0


def _value(element: Element | None) -> str:
    return element.get(f"{W}val", "") if element is not None else ""


def _integer(element: Element | None, default: int) -> int:
    value = _value(element)
    return int(value) if re.fullmatch(r"\d{1,6}", value) else default


def _written(number: int, form: str) -> str:
    """Return a number as Word writes it in this format."""
    match form:
        case "lowerLetter" | "upperLetter":
            letters = chr(97 + (number - 1) % 26) * min((number - 1) // 26 + 1, 9)
            return letters if form == "lowerLetter" else letters.upper()
        case "lowerRoman" | "upperRoman":
            roman = _roman(number)
            return roman if form == "lowerRoman" else roman.upper()
        case "decimalZero":
            return f"{number:02d}"
        case _ if form.startswith(("chinese", "japanese", "taiwanese", "ideographTraditional")):
            return _chinese(number)
        case "ideographDigital":
            return "".join(_DIGITS[int(digit)] for digit in str(number))
        case "decimalEnclosedCircle" | "decimalEnclosedCircleChinese" if 0 < number <= 20:
            return chr(0x2460 + number - 1)
    return str(number)


def _roman(number: int) -> str:
    out = ""
    for value, sign in _ROMAN if number < 4000 else ():
        out += sign * (number // value)
        number %= value
    return out or str(number)


def _chinese(number: int) -> str:
    """Return a number below a thousand in Chinese (一百零五), and a larger one in digits."""
    if not 0 < number < 1000:
        return str(number)
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    out = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        out += "十" if tens == 1 and not hundreds else f"{_DIGITS[tens]}十"
    elif hundreds and ones:
        out += "零"
    return out + (_DIGITS[ones] if ones else "")
