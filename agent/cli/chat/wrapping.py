"""Lines of text in a terminal: Chinese breaks between characters, but not before a closing sign."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

__all__ = ["Wrapped", "breaks"]

_OPEN = "「『《〈（【〔“"
_CLOSE = "，。、；：？！」』》〉）】〕”…％"
_WIDE = "⺀-鿿ꥠ-\ua97f가-퟿豈-\ufaff︰-﹏\uff00-\uffef\U00020000-\U0003ffff"
_UNIT = re.compile(
    rf"[{_OPEN}]*(?:(?![{_OPEN}{_CLOSE}])[{_WIDE}]|[^\s{_WIDE}{_OPEN}{_CLOSE}]+)?"
    rf"[{_CLOSE}]*(?:\s?\[\d+\])*[{_CLOSE}]*\s*"
)


def breaks(text: str, width: int) -> list[int]:
    """Return the offsets at which the lines of a text begin, but for the first.

    Args:
        text: without line feeds.
        width: of a line, in columns; a Chinese character takes two.
    """
    found: list[int] = []
    column = 0
    for unit in _UNIT.finditer(text):
        word, start = unit.group(), unit.start()
        size = cell_len(word.rstrip())
        if column and column + size > width:
            found.append(start)
            column = 0
        if size > width:
            found += [start + offset for offset in _forced(word, width)]
            word = text[found[-1] : unit.end()]
        column += cell_len(word)
    return found


def _forced(word: str, width: int) -> Iterator[int]:
    """Yield where a word breaks that is longer than a line."""
    column = 0
    for offset, char in enumerate(word):
        size = cell_len(char)
        if column + size > width and not char.isspace():
            yield offset
            column = 0
        column += size


class Wrapped:
    """A text for rich to print, broken as `breaks` says.

    Args:
        text: with line feeds, if any.
        indent: columns before every line but the first.
    """

    def __init__(self, text: Text, indent: int = 0) -> None:
        self.text = text
        self.indent = indent

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(options.max_width - self.indent, 10)
        first = True
        for line in self.text.split("\n", allow_blank=True):
            for piece in line.divide(breaks(line.plain, width)):
                piece.rstrip()
                if not first:
                    piece.pad_left(self.indent)
                first = False
                piece.no_wrap, piece.overflow = True, "ignore"
                yield piece

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        widest = max((cell_len(line) for line in self.text.plain.split("\n")), default=0)
        return Measurement(min(widest, 10), widest + self.indent)
