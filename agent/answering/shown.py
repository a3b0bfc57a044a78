"""What people are shown: nothing that a terminal obeys, a browser runs or loads, or nobody sees.

Replies of models, quotations and results of tools all pass here before they are sent as tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["Pieces", "escaped", "harmless", "outside_code", "visible"]

_BREAK = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# What is not seen can only mislead: controls, zero widths, directions, tags, variation selectors.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff]"
)
# Tags that load, run or ask for something; `List<String>` and `#include <stdio.h>` are none.
_ACTIVE = (
    "script|style|iframe|frame|frameset|object|embed|applet|param|svg|math|img|image|picture|video"
    "|audio|source|track|link|meta|base|form|input|button|select|textarea|template|noscript|noembed"
    "|plaintext|xmp|title|body|html|head|marquee|details|dialog|portal|map|area|layer|bgsound"
)
_MARKUP = re.compile(
    rf"<(?=/?(?:{_ACTIVE})(?![a-z0-9])|[!?]|/?[a-z][^\s<>/\"']*[\s/\"'][^<>=]*=|[a-z/][^<>]*\Z)",
    re.IGNORECASE,
)
_IMAGE = re.compile(r"!(?=\[[^\[\]]{0,300}\]\s?[(\[:])|(?<!\w)!(?=\[)")
_FENCE = re.compile("`{3,}|~{3,}")
FENCES = 100  # in a text; one with more is no answer, and would take long to read


def visible(text: str) -> str:
    """Return a text without what nobody sees: controls but tab and line feed, zero widths, directions.

    Args:
        text: from anywhere.
    """
    return _UNSEEN.sub("", _BREAK.sub("\n", text))


def harmless(text: str) -> str:
    """Return a text that does nothing where it is shown, be that a terminal, Markdown or HTML.

    `<script>` becomes `＜script>`, and an image a link to it. In a code block both stay: there Markdown
    shows them to the letter.

    Args:
        text: for people to read; whole, or a piece of at least a sentence, which is outside of code.
    """
    return Pieces().next(text)


class Pieces:
    """Makes the pieces of a text harmless as they come, and knows which of them are in a code block."""

    def __init__(self) -> None:
        self._before = ""
        self._inside = False

    def next(self, text: str) -> str:
        """Return a further piece as it may be shown.

        Args:
            text: at least a sentence, in a code block a line.
        """
        text = visible(text)
        if _FENCE.search(self._before[-2:] + text):
            text, self._inside = _changed(self._before, text, _inactive)
        elif not self._inside:
            text = _inactive(text)
        self._before += text
        return text


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return a text that is changed but for the lines in its Markdown code blocks.

    Args:
        text: Markdown.
        change: returns a stretch as it should be.
    """
    return _changed("", text, change)[0] if _FENCE.search(text) else change(text)


def _inactive(text: str) -> str:
    return _IMAGE.sub("", _MARKUP.sub("＜", text))


def _changed(before: str, text: str, change: Callable[[str], str]) -> tuple[str, bool]:
    """Return a piece that is changed outside of code, and whether the code goes on behind it."""
    whole, at, out = before + text, len(before), ""
    blocks = _code(f"{whole}\n.")  # a block that goes on has the further line, too
    for start, end in blocks:
        if end > at:
            out += (change(whole[at:start]) if start > at else "") + whole[max(at, start) : end]
            at = end
    rest = whole[at:]
    return out + (change(rest) if rest else ""), bool(blocks) and blocks[-1][1] > len(whole)


def _code(text: str) -> list[tuple[int, int]]:
    """Return where the lines in code blocks begin and end, with the fence behind them.

    Where a fence stands that begins or ends no block of its own, in a list or in HTML say, programs
    read Markdown differently: there no line counts as code.
    """
    from markdown_it import MarkdownIt

    if len(_FENCE.findall(text)) > FENCES:
        return []
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    blocks, rest, known = list[tuple[int, int]](), "", 0
    for token in MarkdownIt("commonmark").disable("inline").parse(text):
        if token.type == "fence" and token.level == 0 and token.map is not None:
            first, last = token.map
            end = starts[last] if last < len(starts) else len(text)
            blocks.append((starts[first + 1] if first + 1 < len(starts) else len(text), end))
            rest, known = rest + text[known : starts[first]], end
    return [] if _FENCE.search(rest + text[known:]) else blocks


def escaped(json: str) -> str:
    """Return JSON in which every sign that nobody sees is written out as `\\u202e`.

    Args:
        json: what somebody is to decide about.
    """
    return _UNSEEN.sub(
        lambda found: "".join(
            f"\\u{int.from_bytes(pair, 'big'):04x}"
            for sign in (found.group().encode("utf-16-be"),)
            for pair in (sign[i : i + 2] for i in range(0, len(sign), 2))
        ),
        json,
    )
