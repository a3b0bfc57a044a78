"""Whether two phrases name things of one kind: two years, two codes, two values of an argument."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.routing.followup import FindSlots
from indexes.text import CJK, words_of

__all__ = ["MOST", "PERIOD", "alike", "head_kind", "same_kind", "tail_kind"]

MOST = 4  # parts of a question; of a longer list the last one has the rest
_N = "一二三四五六七八九十百〇零\\d"
PERIOD = (
    rf"(?:(?:FY\s?|fiscal year )?(?:19|20)\d\d(?:年度?)?|[今去前明上本]年度?)(?:的?(?:第?[一二三四1-4]季度|[上下]半年|[{_N}]{{1,2}}月份?|Q[1-4]|全年))?"
    rf"|第?[一二三四1-4]季度|[上下]半年|[{_N}]{{1,2}}月份|(?:Q[1-4]|H[12])(?:\s?(?:of\s)?(?:19|20)\d\d)?"
    r"|(?:January|February|March|April|May|June|July|August|September|October|November|December)(?: (?:19|20)\d\d)?"
)
_KINDS = tuple(
    (kind, pattern)
    for kind, pattern in (
        ("period", PERIOD),
        ("title", r"《[^》]+》"),
        ("ordinal", rf"第[{_N}]+[条章节款期版批标]|(?:[Aa]rticle|[Cc]lause|[Ss]ection|[Cc]hapter|[Ss]tep) \d+"),
        ("code", r"[A-Za-z]*[A-Z][A-Za-z]*[-_/ ]?\d[A-Za-z\d_./-]*|[A-Z][A-Za-z]*-[A-Z]+\d*|\d+(?:号[楼线]|#)"),
    )
)  # fmt: skip
_HEADS = tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS)
_TAILS = tuple((kind, re.compile(rf"(?:{pattern})$")) for kind, pattern in _KINDS)
_UNIT = re.compile("项目|工程|标段| [Pp]roject")
_HAN = re.compile(f"[{CJK}]")


def head_kind(text: str, find_slots: FindSlots) -> tuple[str, int] | None:
    """Return the kind of thing that a text begins with, and where that ends; None if it is not known."""
    for kind, pattern in _HEADS:
        match = pattern.match(text)
        if match is not None:
            return kind, match.end()
    return next((slot[:2] for slot in _slots(text, find_slots) if slot[2] == 0), None)


def tail_kind(text: str, find_slots: FindSlots) -> tuple[str, int] | None:
    """Return the kind of thing that a text ends with, and where that begins; None if it is not known."""
    for kind, pattern in _TAILS:
        match = pattern.search(text)
        if match is not None:
            return kind, match.start()
    slots = _slots(text, find_slots)
    return next(((kind, start) for kind, end, start in slots if end == len(text)), None)


def _slots(text: str, find_slots: FindSlots) -> Iterator[tuple[str, int, int]]:
    """Yield the kind, end and start of the values in a text, with the 项目 of 东站项目."""
    for slot in find_slots(text):
        unit = _UNIT.match(text, slot.end)
        yield slot.argument, unit.end() if unit else slot.end, slot.start


def same_kind(first: str, second: str, find_slots: FindSlots) -> bool:
    """Say whether two phrases are known to name things of one kind."""
    one, other = head_kind(first, find_slots), head_kind(second, find_slots)
    return (
        one is not None
        and other is not None
        and one[0] == other[0]
        and (one[1], other[1]) == (len(first), len(second))
    )


def alike(first: str, second: str) -> bool:
    """Say whether two names look as if they named things of one kind: 东站 and 西站, 一期 and 二期."""
    if first == second or not first or not second:
        return False
    if _HAN.search(first) and _HAN.search(second):
        if first[-1] == second[-1]:
            return True
        return len(first) == len(second) and first[0] == second[0]
    return first.split()[-1].lower() == second.split()[-1].lower() and bool(words_of(first))
