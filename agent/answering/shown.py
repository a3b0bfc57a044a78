"""What people are shown: nothing that a terminal obeys, a browser runs or loads, or nobody sees.

Replies of models, quotations and results of tools all pass here before they are sent as tokens.
"""

from __future__ import annotations

import re

__all__ = ["escaped", "harmless", "visible"]

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


def visible(text: str) -> str:
    """Return a text without what nobody sees: controls but tab and line feed, zero widths, directions.

    Args:
        text: from anywhere.
    """
    return _UNSEEN.sub("", _BREAK.sub("\n", text))


def harmless(text: str) -> str:
    """Return a text that does nothing where it is shown, be that a terminal, Markdown or HTML.

    `<script>` becomes `＜script>`, and an image a link to it.

    Args:
        text: for people to read; whole, or in pieces of at least a sentence.
    """
    return _IMAGE.sub("", _MARKUP.sub("＜", visible(text)))


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
