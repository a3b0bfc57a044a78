"""Word documents: headings by style, lists with their numbers, tables row by row, notes, text boxes.

python-docx opens the file; its paragraphs leave out content controls, insertions, notes and text
boxes, so the XML itself is walked. lxml refuses XML deeper than 256 levels, which bounds recursion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexes.base import Loaded
from indexes.ingest.loaders.numbering import Numbering
from indexes.ingest.loaders.office import (
    drawn,
    fill_headers,
    local,
    parse,
    resolve_alternatives,
    told_title,
)
from indexes.ingest.loaders.table import rows_to_blocks
from indexes.ingest.structure import heading_level
from indexes.text import language
from indexes.types import Block

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["load_docx"]

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_LEFT_OUT = frozenset(  # deleted text, readings above characters, and what is walked separately
    "del moveFrom rt pPr rPr drawing pict object txbxContent instrText delText".split()
)
_NOTES = {"footnote": ("注", "Note"), "endnote": ("尾注", "Endnote")}
_PAGE_NUMBER = re.compile(r"[\W\d_]*(?:(?:第|共|页|page|of)[\W\d_]*)*", re.IGNORECASE)


def load_docx(path: Path) -> Loaded:
    """Read a Word file; Word has no fixed pages, so locations are headings."""
    import docx

    document = docx.Document(str(path))
    reader = _Reader(document)
    title = reader.title()
    name = " ".join(reader.text(title).split()) if title is not None else ""
    return Loaded(
        reader.blocks(title, name), title=name or told_title(document.core_properties.title)
    )


@dataclass(frozen=True)
class _Style:
    """What a paragraph's style says of it, what it inherits included."""

    name: str = ""
    level: int = 0
    list: tuple[str, int] | None = None


@dataclass
class _Beside:
    """What stands beside a paragraph or table: notes and drawings it refers to, nested tables."""

    notes: list[tuple[str, str]] = field(default_factory=list)
    drawings: list[Element] = field(default_factory=list)
    tables: list[Element] = field(default_factory=list)


class _Reader:
    """Reads the blocks of one document."""

    def __init__(self, document: Any) -> None:
        self._part = document.part
        self._body: Element = document.element.body
        resolve_alternatives(self._body)
        self._styles = _styles(self._related("styles"))
        self._numbering = Numbering(self._related("numbering"))
        self._notes = {kind: _notes(self._related(f"{kind}s"), kind) for kind in _NOTES}
        self._counts = dict.fromkeys(_NOTES, 0)

    def _related(self, kind: str) -> Element | None:
        for relation in self._part.rels.values():
            if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
                return parse(relation.target_part.blob)
        return None

    def title(self) -> Element | None:
        """Return the first paragraph in the style "Title" that has a text."""
        for paragraph in self._body.iter(f"{W}p"):
            if self._style(paragraph).name == "title" and self.text(paragraph).strip():
                return paragraph
        return None

    def blocks(self, title: Element | None, name: str) -> Iterator[Block]:
        """Yield all blocks but the title: what heads and foots pages, once, then the body."""
        seen = {name}
        for block in self._running():
            if block.text not in seen and not _PAGE_NUMBER.fullmatch(block.text):
                seen.add(block.text)
                yield Block(block.text, {})
        yield from self._content(self._body, self._part, title)

    def _running(self) -> Iterator[Block]:
        parts = {
            relation.target_part
            for relation in self._part.rels.values()
            if relation.reltype.endswith(("/header", "/footer")) and not relation.is_external
        }
        for part in sorted(parts, key=lambda one: str(one.partname)):
            root = parse(part.blob)
            resolve_alternatives(root)
            yield from self._content(root, part)

    def _content(
        self, parent: Element, part: Any, left_out: Element | None = None
    ) -> Iterator[Block]:
        """Yield the blocks of a body, a cell, a note, a header or a text box."""
        for element in parent:
            match local(element):
                case "p" if element is not left_out:
                    yield from self._paragraph(element, part)
                case "tbl":
                    yield from self._table(element, part)
                case "sdt":
                    content = element.find(f"{W}sdtContent")
                    if content is not None:
                        yield from self._content(content, part, left_out)
                case "ins" | "moveTo" | "customXml" | "smartTag":
                    yield from self._content(element, part, left_out)

    def _paragraph(self, paragraph: Element, part: Any) -> Iterator[Block]:
        beside = _Beside()
        text = self.text(paragraph, beside).strip()
        style = self._style(paragraph)
        if text and not re.match(r"toc \d|目录 ?\d", style.name):  # its headings come themselves
            mark = self._mark(paragraph, style)
            level = _level(paragraph, style)
            if level or not mark:
                text = f"{mark} {text}" if mark not in {"", "-"} else text
                level = level or (heading_level(text) if _all_bold(paragraph) else 0)
                yield Block(text, {}, level)
            else:
                yield Block(f"{mark} {text}", {})
        yield from self._beside(beside, part)

    def _beside(self, beside: _Beside, part: Any) -> Iterator[Block]:
        for kind, key in beside.notes:
            yield from self._note(kind, key)
        for drawing in beside.drawings:
            yield from drawn(part, drawing, {})
            for box in _boxes(drawing):
                yield from self._content(box, part)
        for table in beside.tables:
            yield from self._table(table, part)

    def _note(self, kind: str, key: str) -> Iterator[Block]:
        note = self._notes[kind].pop(key, None)  # a note that is referred to again stands once
        if note is None:
            return
        self._counts[kind] += 1
        chinese, english = _NOTES[kind]
        blocks = list(self._content(note, self._part))
        for number, block in enumerate(blocks):
            name = chinese if language(block.text) == "zh" else f"{english} "
            lead = f"[{name}{self._counts[kind]}] " if not number else ""
            yield Block(lead + block.text, {})

    def text(self, element: Element, beside: _Beside | None = None) -> str:
        """Return a paragraph's text as it reads with all changes accepted.

        Args:
            element: the paragraph.
            beside: takes what the paragraph refers to.
        """
        beside = beside or _Beside()
        out: list[str] = []
        waiting = list(reversed(element))
        while waiting:
            one = waiting.pop()
            name = local(one)
            if name == "t":
                out.append(one.text or "")
            elif name in _BREAKS:
                out.append(_BREAKS[name])
            elif name == "sym":
                out.append(_symbol(one))
            elif name in {"footnoteReference", "endnoteReference"}:
                beside.notes.append((name.removesuffix("Reference"), one.get(f"{W}id", "")))
            elif name in {"drawing", "pict", "object"}:
                beside.drawings.append(one)
            elif name not in _LEFT_OUT:
                waiting.extend(reversed(one))
        return "".join(out)

    def _style(self, paragraph: Element) -> _Style:
        style = paragraph.find(f"{W}pPr/{W}pStyle")
        return self._styles.get(style.get(f"{W}val", "") if style is not None else "", _Style())

    def _mark(self, paragraph: Element, style: _Style) -> str:
        """Return a list item's bullet or number, and count it; "" of what is none."""
        own = _list(paragraph.find(f"{W}pPr"))
        number, level = own or style.list or ("", 0)
        if own and style.list and not own[0]:
            number = style.list[0]
        mark = self._numbering.mark(number, level)
        if mark is None:
            return "-" if not own and re.match("list (?:bullet|number)", style.name) else ""
        return mark

    def _table(self, table: Element, part: Any) -> Iterator[Block]:
        rows = list(_rows(table))
        cells = [cell for row in rows for cell in row.iter(f"{W}tc") if _row_of(cell) is row]
        if len(cells) == 1:  # a frame around text
            yield from self._content(cells[0], part)
            return
        beside = _Beside()
        yield from rows_to_blocks(fill_headers(self._cells(rows, beside)), {})
        yield from self._beside(beside, part)

    def _cells(self, rows: list[Element], beside: _Beside) -> Iterator[list[tuple[str, int]]]:
        """Yield each row's cells: text and columns covered; cells merged downwards repeat theirs."""
        above: dict[int, str] = {}
        for row in rows:
            column = _number(row.find(f"{W}trPr/{W}gridBefore"))
            out = [("", column)] if column else []
            for cell in row.iter(f"{W}tc"):
                if _row_of(cell) is not row:
                    continue
                properties = cell.find(f"{W}tcPr")
                span = max(1, _number(properties, "gridSpan"))
                merge = properties.find(f"{W}vMerge") if properties is not None else None
                text = " ".join(" ".join(self._inside(cell, beside)).split())
                if merge is not None and merge.get(f"{W}val") != "restart":
                    text = text or above.get(column, "")
                above[column] = text
                out.append((text, span))
                column += span
            yield out

    def _inside(self, cell: Element, beside: _Beside) -> Iterator[str]:
        for element in cell:
            match local(element):
                case "p":
                    text = self.text(element, beside).strip()
                    if text:
                        mark = self._mark(element, self._style(element))
                        yield text if mark in {"", "-"} else f"{mark} {text}"
                case "tbl":
                    beside.tables.append(element)
                case "sdt" | "sdtContent" | "ins" | "moveTo" | "customXml" | "smartTag":
                    yield from self._inside(element, beside)


def _boxes(drawing: Element) -> Iterator[Element]:
    """Yield the text boxes of a drawing, but those that stand in another one."""
    waiting = [drawing]
    while waiting:
        one = waiting.pop()
        if local(one) == "txbxContent":
            yield one
        else:
            waiting.extend(reversed(one))


def _rows(table: Element) -> Iterator[Element]:
    """Yield a table's rows, but those that were deleted."""
    for row in table.iter(f"{W}tr"):
        own = next(above for above in row.iterancestors() if local(above) == "tbl") is table
        if own and row.find(f"{W}trPr/{W}del") is None:
            yield row


def _row_of(cell: Element) -> Element | None:
    return next((above for above in cell.iterancestors() if local(above) == "tr"), None)


def _number(parent: Element | None, name: str = "") -> int:
    element = parent.find(f"{W}{name}") if parent is not None and name else parent
    value = element.get(f"{W}val", "") if element is not None else ""
    return int(value) if value.isdecimal() and len(value) < 6 else 0


def _level(paragraph: Element, style: _Style) -> int:
    """Return a paragraph's depth as a heading, by its own outline level or its style's."""
    own = paragraph.find(f"{W}pPr/{W}outlineLvl")
    if own is not None:
        level = _number(own) + 1
        return level if level <= 9 else 0
    return style.level


def _all_bold(paragraph: Element) -> bool:
    runs = [run for run in paragraph.iter(f"{W}r") if any(t.text for t in run.iter(f"{W}t"))]
    bold = [run.find(f"{W}rPr/{W}b") for run in runs]
    return bool(runs) and all(b is not None and b.get(f"{W}val", "1") in _ON for b in bold)


_ON = frozenset({"1", "true", "on"})


def _symbol(element: Element) -> str:
    """Return the sign that a symbol stands for, if its font has none of its own."""
    code = element.get(f"{W}char", "")
    sign = chr(int(code, 16)) if re.fullmatch("[0-9A-Fa-f]{4}", code) else ""
    return "" if not sign or "\ud800" <= sign <= "\uf8ff" else sign


def _list(properties: Element | None) -> tuple[str, int] | None:
    found = properties.find(f"{W}numPr") if properties is not None else None
    if found is None:
        return None
    number = found.find(f"{W}numId")
    key = number.get(f"{W}val", "") if number is not None else ""
    return key, min(_number(found, "ilvl"), 8)


def _styles(root: Element | None) -> dict[str, _Style]:
    """Return the paragraph styles by their ids, each with what it inherits."""
    elements = {
        one.get(f"{W}styleId", ""): one for one in (root if root is not None else ()) if len(one)
    }
    return {key: _inherited(key, elements) for key in elements}


def _inherited(key: str, elements: dict[str, Element]) -> _Style:
    own = elements[key]
    name = own.find(f"{W}name")
    plain = (name.get(f"{W}val", "") if name is not None else "").lower()
    level, listed = 0, None
    heading = re.search(r"(?:heading|标题)\s*(\d)", plain)
    outlined = False
    for _ in range(12):  # styles may inherit from each other in a ring
        properties = own.find(f"{W}pPr")
        outline = properties.find(f"{W}outlineLvl") if properties is not None else None
        if outline is not None and not outlined:
            outlined = True
            level = _number(outline) + 1
        listed = listed or _list(properties)
        based = own.find(f"{W}basedOn")
        if based is None or based.get(f"{W}val", "") not in elements:
            break
        own = elements[based.get(f"{W}val", "")]
    level = int(heading.group(1)) if heading else level
    return _Style(plain, level if level <= 9 else 0, listed)


def _notes(root: Element | None, kind: str) -> dict[str, Element]:
    if root is None:
        return {}
    resolve_alternatives(root)
    return {note.get(f"{W}id", ""): note for note in root.iter(f"{W}{kind}")}
