"""The stretches of a claim with the markers behind each, and what such a stretch says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from agent.answering.links import URL
from agent.answering.verification.claims import ITEM, MARKER
from indexes.text import CJK

__all__ = ["Piece", "pieces_of", "plain"]


class Piece:
    """A stretch of a claim with the markers behind it.

    Args:
        text: the stretch.
        found: the numbers of its markers, of which some may have no source (written as negative).
    """

    def __init__(self, text: str, found: Sequence[int]) -> None:
        self.text = text
        self.marked = bool(found)
        self.wrong = any(n < 0 for n in found)
        self.markers = [n for n in dict.fromkeys(found) if n > 0]

    def set(self, markers: list[int]) -> None:
        """Cite other sources."""
        self.markers = markers

    def written(self) -> str:
        """Return the stretch with its markers as [n], before its full stop if it had none."""
        signs = "".join(f"[{n}]" for n in self.markers)
        if self.marked:
            return self.text + signs if signs else self.text.rstrip(" \t")
        if not signs:
            return self.text
        end = _END.search(self.text)
        place = end.start() if end else len(self.text)
        space = "" if re.search(f"[{CJK}，。]", self.text) else " "
        return f"{self.text[:place]}{space}{signs}{self.text[place:]}"


_END = re.compile(r"(?:\s*\|)?[。.!！?？;；:：,，\s]*\Z")


def pieces_of(text: str, known: Mapping[int, object]) -> Iterator[tuple[str, list[int]]]:
    """Yield the stretches of a claim with the markers behind each; unknown ones are negative."""
    start = 0
    waiting: tuple[str, list[int]] | None = None
    spans = [m.span() for m in _CODE_SPAN.finditer(text)] if "`" in text else []
    for match in MARKER.finditer(text):
        if any(begin < match.start() < end for begin, end in spans[:20]):
            continue
        numbers = [n if n in known else -1 for n in _numbers(match.group(), len(known))]
        between = text[start : match.start()]
        if waiting is not None and not between.strip(" ,，、"):
            waiting[1].extend(numbers)
        else:
            if waiting is not None:
                yield waiting
            waiting = (between, numbers)
        start = match.end()
    if waiting is not None:
        yield waiting
    if start < len(text):
        yield text[start:], []


_CODE_SPAN = re.compile(r"`[^`\n]{1,500}`")
_RANGE_SIGN = re.compile(r"\d\s*[\]］】]?\s*[-–—~至到]\s*[\[［【]?\s*\d")
_DIGITS = re.compile(r"\d{1,3}")


def _numbers(marker: str, most: int) -> list[int]:
    numbers = [int(n) for n in _DIGITS.findall(marker)]
    if len(numbers) == 2 and numbers[0] < numbers[1] and _RANGE_SIGN.search(marker):
        return list(range(numbers[0], min(numbers[1], numbers[0] + most) + 1))
    return numbers


def plain(text: str) -> str:
    """Return what a claim says: without markers, addresses, its bullet or number, and emphasis."""
    text = URL.sub(" ", MARKER.sub(" ", text))
    bullet = ITEM.match(text)
    return _EMPHASIS.sub(r"\g<code>", text[bullet.end() :] if bullet else text)


_EMPHASIS = re.compile(  # what stands in a code span is none
    r"(?P<code>`[^`\n]{1,500}`)|\*\*|__|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|^\s*#{1,6}\s"
)
