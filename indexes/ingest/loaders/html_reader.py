"""The blocks of a parsed web page, from a walk through its tree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from indexes.ingest.loaders.html_table import INVISIBLE, Cell, Table, one_line
from indexes.ingest.loaders.lines import LONGEST, pieces_of
from indexes.types import Block

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

__all__ = ["HEADING", "blocks_of_page"]

HEADING = 200  # characters; a longer one is a paragraph set large, and no name of a section
COLUMNS, ROWS = 1000, 65_534  # how far cells may span, as in the HTML standard
_BLOCKS = frozenset(
    "address article aside audio blockquote body button canvas caption center dd details dialog dir div "
    "dl dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html iframe "
    "legend li listing main menu nav noframes noscript object ol optgroup option p plaintext pre search "
    "section select summary table tbody td textarea tfoot th thead tr ul video xmp".split()
)
_DROPPED = frozenset("head script style template rp link meta datalist".split())
_VERBATIM = frozenset("pre textarea listing xmp plaintext".split())
_PLAIN = frozenset(
    "html body div section span b strong i em font u center tbody thead header".split()
)
_HEADINGS = frozenset(f"h{depth}" for depth in range(1, 7))
_AROUND = {"del": "~~", "s": "~~", "strike": "~~"}
_PAIRS = {"q": ("“", "”"), "rt": ("(", ")")}
_SMALL = {
    "sup": str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"),
    "sub": str.maketrans("0123456789+-n", "₀₁₂₃₄₅₆₇₈₉₊₋ₙ"),
}
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_WRAPPED_CJK = re.compile(rf"(?<=[{_CJK}])[ \t]*\r?\n[ \t\r\n]*(?=[{_CJK}])")
_DOUBLED = re.compile(" {2,}")
_BREAK = re.compile(" *\n *")
_NO_DISPLAY = re.compile(r"display\s*:\s*none", re.I)
_BLOCK_DISPLAY = re.compile(r"display\s*:\s*(?:block|flex|grid|table|list-item)", re.I)


def blocks_of_page(page: LexborHTMLParser) -> Iterator[Block]:
    """Yield blocks while walking the tree without recursion, which deep pages would exhaust."""
    root = page.root
    if root is None:
        return
    reader = _Reader(skip_nav=page.css_first("main, article, [role=main]") is not None)
    node: LexborNode | None = root
    depth = 0
    while node is not None:
        tag = node.tag or ""
        if tag == "-text":
            reader.text(node.text_content or "")
        else:
            child = node.first_child if reader.enter(node, tag) else None
            if child is not None:
                node, depth = child, depth + 1
                continue
            reader.leave()
        following = node.next
        while following is None and depth:
            node, depth = node.parent, depth - 1
            assert node is not None  # depth counts the parents below the root
            reader.leave()
            following = node.next
        if reader.done:
            yield from reader.taken()
        node = following


class _Reader:
    """Collects blocks from the tags that it enters and leaves, one after the other."""

    def __init__(self, *, skip_nav: bool) -> None:
        self._skip_nav = skip_nav
        self._open: list[tuple[str, bool]] = []  # tag, whether it parts blocks
        self.done: list[Block] = []
        self._sinks = [self.done]  # where blocks go: the page, or the open cells
        self._tables: list[Table] = []
        self._lists: list[int | None] = []  # the next number of each open list
        self._parts: list[str] = []
        self._marker = ""
        self._term = ""
        self._level = 0
        self._verbatim = 0
        self._within_main = 0
        self._asides: list[str] = []  # what stands in brackets after the open <abbr> and <a>
        self._small: list[int] = []  # where the open <sup> and <sub> began

    def taken(self) -> list[Block]:
        """Return the blocks that are complete."""
        done = list(self.done)
        self.done.clear()
        return done

    def text(self, text: str) -> None:
        """Take up a text."""
        if self._verbatim:
            self._parts.append(text.replace("\r\n", "\n"))
        elif self._parts or not text.isspace():
            if "\n" in text:
                text = _WRAPPED_CJK.sub("", text)
            self._parts.append(_SPACE.sub(" ", text))

    def enter(self, node: LexborNode, tag: str) -> bool:
        """Open an element; say whether to go into it."""
        if tag in _DROPPED or tag.startswith(("-", "!")):  # comments and the like
            self._open.append(("", False))
            return tag == "-document"
        attributes = node.attributes
        style = attributes.get("style") or ""
        if self._hidden(tag, attributes, style):
            self._open.append(("", False))
            return False
        parts = tag in _BLOCKS or bool(style and _BLOCK_DISPLAY.search(style))
        if parts and self._parts:
            self._flush()
        self._open.append((tag, parts))
        return tag in _PLAIN or self._enter(node, tag, attributes)

    def _hidden(self, tag: str, attributes: Mapping[str, str | None], style: str) -> bool:
        if tag in {"html", "body"}:  # shown by a script, if they are hidden
            return False
        if not attributes and tag != "nav":
            return False
        if "hidden" in attributes and attributes["hidden"] != "until-found":
            return True
        if style and _NO_DISPLAY.search(style):
            return True
        if attributes.get("aria-hidden") == "true" and "katex" in (attributes.get("class") or ""):
            return True
        role = attributes.get("role")
        return self._skip_nav and not self._within_main and (tag == "nav" or role == "navigation")

    def _enter(self, node: LexborNode, tag: str, attributes: Mapping[str, str | None]) -> bool:
        match tag:
            case "br" | "hr":
                self._parts.append("\n")
            case "img" | "area" | "input":
                self._picture(tag, attributes)
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self._level = int(tag[1])
                if self._tables:
                    self._tables[-1].places = True
            case "p" if "MsoTitle" in (attributes.get("class") or ""):  # Word's title
                self._level = 1
            case "ul" | "menu" | "dir":
                self._lists.append(None)
            case "ol":
                self._lists.append(_number(attributes.get("start"), 1, most=10**9))
            case "li":
                self._item(attributes)
            case "table":
                if self._tables:
                    self._tables[-1].places = True
                self._tables.append(Table(places=attributes.get("role") == "presentation"))
            case "tr" if self._tables:
                self._tables[-1].rows.append([])
            case "td" | "th" if self._tables:
                table = self._tables[-1]
                cell = Cell(
                    _number(attributes.get("colspan"), 1, most=COLUMNS) or 1,
                    _number(attributes.get("rowspan"), 1, most=ROWS) or ROWS,
                )
                if not table.rows:
                    table.rows.append([])
                table.rows[-1].append(cell)
                self._sinks.append(cell.blocks)
            case "main" | "article":
                self._within_main += 1
            case "sup" | "sub":
                self._small.append(len(self._parts))
            case "math":
                return not self._formula(node, attributes)
            case _ if tag in _VERBATIM:
                self._verbatim += 1
            case _ if tag in _PAIRS or tag in _AROUND:
                self._parts.append(_PAIRS[tag][0] if tag in _PAIRS else _AROUND[tag])
            case "abbr" | "a":
                self._asides.append(_aside(node, tag, attributes))
        return True

    def leave(self) -> None:
        """Close the element that was opened last."""
        tag, parts = self._open.pop()
        if not tag:
            return
        if tag in _PLAIN:
            if parts and self._parts:
                self._flush()
            return
        match tag:
            case "dt":
                self._define()
            case "dl" if self._term:  # a term without a definition
                self._put(self._term.removesuffix(": "))
                self._term = ""
            case "sup" | "sub":
                self._shrink(tag)
            case "td" | "th" if self._tables:
                self._flush()
                self._sinks.pop()
            case "table" if self._tables:
                self._flush()
                self._sinks[-1].extend(self._tables.pop().blocks())
            case "main" | "article":
                self._within_main -= 1
            case "abbr" | "a":
                aside = self._asides.pop()
                if aside:
                    self._parts.append(f" ({aside})")
            case _ if tag in _PAIRS or tag in _AROUND:
                self._parts.append(_PAIRS[tag][1] if tag in _PAIRS else _AROUND[tag])
        if parts:
            self._flush(verbatim=tag in _VERBATIM)
        if tag in _HEADINGS or tag == "p":
            self._level = 0
        elif tag in _VERBATIM:
            self._verbatim -= 1
        elif tag in {"ul", "ol", "menu", "dir"} and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._marker = ""

    def _picture(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        if tag != "input" or attributes.get("type") == "image":
            self._parts.append(one_line(attributes.get("alt") or attributes.get("title") or ""))

    def _item(self, attributes: Mapping[str, str | None]) -> None:
        number = self._lists[-1] if self._lists else None
        if number is None:
            self._marker = "- "
        else:
            number = _number(attributes.get("value"), number, most=10**9)
            self._lists[-1] = number + 1
            self._marker = f"{number}. "

    def _formula(self, node: LexborNode, attributes: Mapping[str, str | None]) -> bool:
        source = attributes.get("alttext") or _annotation(node)
        self._parts.append(source)
        return bool(source)

    def _define(self) -> None:
        term = self._joined(verbatim=False)
        self._parts.clear()
        if term:
            self._term += f"{term}: "

    def _shrink(self, tag: str) -> None:
        start = self._small.pop()
        text = "".join(self._parts[start:])
        if re.fullmatch(r"[0-9+\-n]+", text):
            self._parts[start:] = [text.translate(_SMALL[tag])]

    def _joined(self, *, verbatim: bool) -> str:
        text = INVISIBLE.sub("", "".join(self._parts))
        if verbatim or self._verbatim:
            return text.strip("\n").rstrip()
        text = _DOUBLED.sub(" ", text) if "  " in text else text
        return (_BREAK.sub("\n", text) if "\n" in text else text).strip()

    def _flush(self, *, verbatim: bool = False) -> None:
        if not self._parts:
            return
        verbatim = verbatim or bool(self._verbatim)
        text = self._joined(verbatim=verbatim)
        self._parts.clear()
        self._small = [0] * len(self._small)
        for paragraph in text.split("\n\n") if not verbatim else [text]:
            if paragraph.strip():
                self._put(self._term + (paragraph if verbatim else paragraph.strip()))
                self._term = ""

    def _put(self, text: str) -> None:
        level = self._level if len(text) <= HEADING else 0
        text = self._marker + (one_line(text) if level else text)
        self._marker = ""
        pieces = pieces_of(text) if len(text) > LONGEST else (text,)
        self._sinks[-1].extend(Block(piece, {}, level) for piece in pieces)


def _aside(node: LexborNode, tag: str, attributes: Mapping[str, str | None]) -> str:
    """Return what a short form means, or how a link reaches people, unless its text says so."""
    if tag == "abbr":
        text = one_line(attributes.get("title") or "")
    else:
        scheme, _, address = (attributes.get("href") or "").partition(":")
        text = address.partition("?")[0].strip() if scheme.lower() in {"mailto", "tel"} else ""
    return text if text and text not in (node.text(deep=True) or "") else ""


def _number(text: str | None, default: int, *, most: int) -> int:
    match = re.match(r"\s*(\d{1,9})", text or "")
    return min(int(match.group(1)), most) if match else default


def _annotation(node: LexborNode) -> str:
    source = node.css_first("annotation")
    return one_line(source.text(deep=True) or "") if source is not None else ""
