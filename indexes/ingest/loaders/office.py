"""What Word and PowerPoint files share: their XML, default titles, tables, and charts and diagrams."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from indexes.ingest.loaders.table import rows_to_blocks
from indexes.types import Block, Location

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["drawn", "fill_headers", "local", "parse", "resolve_alternatives", "told_title"]

HEADER_ROWS = 3  # at the top of a table, in which merged cells name every column they cover
MAX_COLUMNS = 1024  # that a merged cell is taken to cover

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_DEFAULT_TITLE = re.compile(
    r"(?:microsoft (?:word|powerpoint)\b.*|word document|powerpoint presentation|"
    r"powerpoint ?演示文稿|(?:document|presentation|slide|文档|演示文稿|幻灯片) ?\d*|"
    r"untitled ?\d*|title|无标题|标题|template|模板|新建.{0,40}(?:文档|演示文稿)|ppt模板)",
    re.IGNORECASE | re.DOTALL,
)


def told_title(title: str | None) -> str:
    """Return the title of a file's properties; "" if a program or its template put it there."""
    title = " ".join((title or "").split())
    return "" if _DEFAULT_TITLE.fullmatch(title) else title


def local(element: Element) -> str:
    """Return an element's name without its namespace ("" of comments and the like)."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def parse(data: bytes) -> Element:
    """Parse a part of an archive; entities and what lies outside of it are left alone."""
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))


def resolve_alternatives(root: Element) -> None:
    """Put in the place of each alternative its first choice, so that no text stands there twice."""
    for one in reversed(list(root.iter("{*}AlternateContent"))):  # inner ones first
        parent = one.getparent()
        if parent is None:
            continue
        chosen = next((c for c in one if local(c) == "Choice" and len(c)), None)
        if chosen is None:
            chosen = next((c for c in one if local(c) == "Fallback"), None)
        place = parent.index(one)
        parent[place : place + 1] = list(chosen) if chosen is not None else []


def fill_headers(rows: Iterator[Sequence[tuple[str, int]]]) -> Iterator[list[str]]:
    """Lay cells of (text, columns covered) out in columns.

    In the rows at the top, as long as they have such cells, a merged cell names all of its columns:
    they are headers. Below, it stands in the first one.
    """
    leading = HEADER_ROWS
    for row in rows:
        out: list[str] = []
        for text, columns in row:
            more = min(columns, MAX_COLUMNS) - 1
            out += [text, *([text if leading else ""] * more)]
        if all(columns < 2 for _, columns in row):
            leading = 0
        leading = max(0, leading - 1)
        yield out


def drawn(part: Any, root: Element, location: Location) -> Iterator[Block]:
    """Yield what the charts and diagrams say that `root`, a piece of `part`, refers to."""
    for element in root.iter("{*}chart", "{*}relIds"):
        key = element.get(f"{_RELATION}{'id' if local(element) == 'chart' else 'dm'}")
        target = part.related_parts.get(key) if hasattr(part, "related_parts") else None
        if target is None and key is not None:
            try:
                target = part.related_part(key)
            except (AttributeError, KeyError):
                continue
        if target is None:
            continue
        content = parse(target.blob)
        if local(element) == "chart":
            yield from _chart(content, location)
        else:
            yield from _diagram(content, location)


def _chart(root: Element, location: Location) -> Iterator[Block]:
    titles = ["".join(_texts(title, "t")) for title in root.iter("{*}title")]
    yield from (Block(title, location) for title in titles if title.strip())
    series = list(root.iter("{*}ser"))
    names = [" ".join(_texts(one.find("{*}tx"), "v")) for one in series]
    columns = [_points(one, "val", "yVal") for one in series]
    labels: dict[int, str] = {}
    for one in series:
        labels = {**_points(one, "cat", "xVal"), **labels}
    keys = sorted({key for column in (labels, *columns) for key in column})
    rows = [[labels.get(key, ""), *(column.get(key, "") for column in columns)] for key in keys]
    if rows:
        yield from rows_to_blocks([[titles[0] if titles else "", *names], *rows], location)


def _points(series: Element, *names: str) -> dict[int, str]:
    """Return a series' points by their position; of labels in several levels, all of them."""
    out: dict[int, str] = {}
    for name in names:
        holder = series.find(f"{{*}}{name}")
        for point in holder.iter("{*}pt") if holder is not None else ():
            text = " ".join(_texts(point, "v")).strip()
            index = int(point.get("idx") or 0)
            out[index] = f"{text} {out[index]}" if index in out else text
    return {key: _plain(text) for key, text in out.items()}


def _plain(text: str) -> str:
    """Return a number without the noise of binary fractions, and other text as it is."""
    try:
        return f"{float(text):.12g}" if re.fullmatch(r"-?\d+\.\d{12,}", text) else text
    except ValueError:
        return text


def _diagram(root: Element, location: Location) -> Iterator[Block]:
    for point in root.iter("{*}pt"):
        for paragraph in point.iter("{*}p"):
            text = "".join(_texts(paragraph, "t")).strip()
            if text:
                yield Block(f"- {text}", location)


def _texts(element: Element | None, name: str) -> list[str]:
    return [one.text or "" for one in element.iter(f"{{*}}{name}")] if element is not None else []
