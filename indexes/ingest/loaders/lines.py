"""The lines of a text, one at a time, and texts of any length in pieces that can be handled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["LONGEST", "lines_of", "pieces_of"]

LONGEST = 4_000  # characters of a paragraph, record or message before it is cut
PIECE = 2**20  # characters whose lines are made at once
_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_STOPS = ("。", "！", "？", "；", ". ", "! ", "? ", "; ")
_PAUSES = ("，", "、", ", ", " ")


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines of a text without their ends, whichever those are."""
    start = 0
    while start < len(text):
        end = start + PIECE
        if end < len(text):
            cut = text.rfind("\n", start, end) + 1
            if not cut:
                found = _LINE_END.search(text, end)
                cut = found.end() if found else len(text)
                if text[cut - 1 : cut + 1] == "\r\n":
                    cut += 1
            end = cut
        yield from text[start:end].splitlines()
        start = end


def pieces_of(text: str, most: int = LONGEST) -> Iterator[str]:
    """Yield a text in pieces of at most `most` characters, cut after a sentence where it has one."""
    start = 0
    while len(text) - start > most:
        end = start + most
        for marks in (_STOPS, _PAUSES):
            cut = max(
                text.rfind(mark, start + most // 2, end) + len(mark.rstrip()) for mark in marks
            )
            if cut > start + most // 2:
                break
        else:
            cut = _between_signs(text, start, end)
        yield text[start:cut].strip()
        start = cut
    if start < len(text):
        yield text[start:].strip()


def _between_signs(text: str, start: int, end: int) -> int:
    """Return the last place before `end` that is not within an emoji or an accented letter."""
    for cut in range(end, max(start + 1, end - 30), -1):
        joined = "\u200d" in (text[cut], text[cut - 1]) or unicodedata.category(text[cut])[0] == "M"
        if not joined and unicodedata.category(text[cut]) != "Sk":  # the tones of skin
            return cut
    return end
