"""Web pages through selectolax (Lexbor), which reads broken markup as browsers do.

libxml2 was measured too: it drops what stands deeper than 2,048 elements without a word, and unclosed
`<font>` or `<b>` tags of old pages nest that deep there.

What is left out: scripts, styles, templates, what `hidden` or `display: none` hides, and `<nav>`
outside of `<main>` and `<article>` where a page has one, since it only leads to other pages. Headers,
footers and asides stay: addresses, dates and notes stand there. `aria-hidden` is shown to eyes, so it
stays, except for the doubles that formula renderers make. Addresses of links are left out but for
`mailto:` and `tel:`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.loaders.encodings import read_text
from indexes.ingest.loaders.html_reader import HEADING, blocks_of_page
from indexes.ingest.loaders.html_table import one_line
from indexes.types import Block, FieldValue

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

__all__ = ["blocks_of_html", "decoded", "load_html"]

HEAD = 4096  # bytes in which a page names its encoding
DEPTH = 20_000  # of elements within another, and attributes of one: Lexbor's time grows with their square
BROKEN = 0.001  # share of broken characters above which a declared encoding is not believed
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w:-]{1,40})""", re.I)
_XML = re.compile(rb"""\s*<\?xml[^>]{0,200}encoding\s*=\s*["']([\w:-]{1,40})""", re.I)
_SELF_CLOSED = re.compile(r"<(script|style|title|textarea|iframe|noscript)(\s[^<>]*)?/>", re.I)
_NESTING = re.compile(
    r"<(/?)(?:div|span|section|article|ul|ol|dl|blockquote|main|center|form)\b", re.I
)
_LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{50000,}")
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})")
_DATES = (
    "article:published_time", "dcterms.created", "dcterms.date", "dc.date", "date", "pubdate",
    "publishdate", "datepublished", "og:published_time", "article:modified_time", "last-modified",
)  # fmt: skip
_NO_TITLE = re.compile(r"^(?:untitled(?: document)?|无标题文档|无标题|新建.{0,6}文档)?$", re.I)


def load_html(path: Path) -> Loaded:
    """Read a web page: headings, paragraphs, lists, table rows, code as it is, texts for pictures.

    `<title>` gives the title, `<meta>` the date and the fields description, author and keywords,
    `<html lang>` the field lang.

    Raises:
        LoadError: the file is no text, or is nested too deep.
    """
    data = path.read_bytes()
    declared = _CHARSET.search(data[:HEAD]) or _XML.match(data[:HEAD])
    text = decoded(data, declared.group(1).decode() if declared else "")
    page = _parsed(read_text(path) if text is None else text)
    meta = _meta(page)
    heading = page.css_first("h1")
    title = _words(page.css_first("title")) or one_line(meta.get("og:title", ""))
    if _NO_TITLE.match(title):
        title = _words(heading)
    return Loaded(
        blocks_of_page(page),
        title=title if len(title) <= HEADING else "",
        date=next((day for name in _DATES if (day := _day(meta.get(name, "")))), ""),
        fields=_fields(page, meta),
    )


def blocks_of_html(text: str) -> Iterator[Block]:
    """Yield the blocks of a page or a piece of one.

    Raises:
        LoadError: it is nested too deep.
    """
    if re.search(r"<t[dhr]\b", text, re.I) and not re.search(r"<table\b", text, re.I):
        text = f"<table>{text}</table>"  # cells without a table would run together
    return blocks_of_page(_parsed(text))


def decoded(data: bytes, declared: str) -> str | None:
    """Return bytes in the encoding that they declare; None if they declare none, or a wrong one.

    Args:
        data: the file or the part of a message.
        declared: the name of an encoding, "" for none.
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        name = codecs.lookup(declared).name
    except (LookupError, ValueError):
        return None
    if name.startswith(("utf-16", "utf-32")):  # it could not have been read from the text then
        name = "utf-8"
    if name in {"gb2312", "gbk", "hz"}:
        name = "gb18030" if name != "hz" else name
    if name in {"ascii", "iso8859-1", "cp1252"}:  # what editors write without looking
        return _strict(data, "utf-8") or (_strict(data, "cp1252") if _latin(data) else None)
    if name == "big5":
        name = "big5hkscs"
    if not name.startswith(_ENCODINGS):
        return None
    text = data.decode(name, "replace")
    return text if text.count("\ufffd") <= BROKEN * len(text) else None


_ENCODINGS = (
    "utf-8", "gb", "hz", "big5", "euc", "shift_jis", "iso2022", "cp", "iso8859", "koi8", "mac", "tis",
)  # fmt: skip


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _latin(data: bytes) -> bool:
    """Say whether signs above ASCII stand alone, as in Western words, and not in pairs."""
    high = re.findall(rb"[\x80-\xff]+", data)
    return sum(len(run) == 1 for run in high) * 2 > len(high)


def _parsed(text: str) -> LexborHTMLParser:
    from selectolax.lexbor import LexborHTMLParser

    _check(text)
    if text.lstrip()[:5].lower() == "<?xml":  # there, these may be closed within their tag
        text = _SELF_CLOSED.sub(r"<\1\2></\1>", text)
    return LexborHTMLParser(text)


def _check(text: str) -> None:
    """Refuse a page that would keep the parser busy for minutes.

    Raises:
        LoadError: it would.
    """
    deep = 0
    for match in _NESTING.finditer(text):
        deep = deep + 1 if not match.group(1) else max(0, deep - 1)
        if deep > DEPTH:
            raise LoadError(
                f"The page has elements more than {DEPTH} deep within others.",
                fix="save it again from a browser, or as text.",
            )
    for match in _LONG_TAG.finditer(text):
        if len(re.findall(r"\s", match.group())) > DEPTH:
            raise LoadError(
                f"The page has an element with more than {DEPTH} attributes.",
                fix="save it again from a browser, or as text.",
            )


def _meta(page: LexborHTMLParser) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for node in page.css("meta[content]"):
        name = (
            node.attributes.get("name")
            or node.attributes.get("property")
            or node.attributes.get("itemprop")
        )
        if name:
            found.setdefault(name.strip().lower(), (node.attributes.get("content") or "").strip())
    return found


def _fields(page: LexborHTMLParser, meta: Mapping[str, str]) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {
        name: one_line(meta[name]) for name in ("description", "author") if meta.get(name)
    }
    keywords = [word.strip() for word in re.split(r"[,，;；、]", meta.get("keywords", ""))]
    if any(keywords):
        fields["keywords"] = [word for word in keywords if word]
    root = page.css_first("html")
    lang = (root.attributes.get("lang") or root.attributes.get("xml:lang") or "") if root else ""
    if lang.strip():
        fields["lang"] = lang.strip()
    return fields


def _day(text: str) -> str:
    match = _DAY.search(text)
    if not match:
        return ""
    year, month, day = (int(part) for part in match.groups())
    return f"{year:04}-{month:02}-{day:02}" if 0 < month < 13 and 0 < day < 32 else ""


def _words(node: LexborNode | None) -> str:
    return one_line(node.text(deep=True) or "") if node is not None else ""
