"""PowerPoint presentations through python-pptx: slide by slide, each with its notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexes.base import Loaded
from indexes.ingest.loaders.office import (
    drawn,
    fill_headers,
    local,
    resolve_alternatives,
    told_title,
)
from indexes.ingest.loaders.table import rows_to_blocks
from indexes.text import language
from indexes.types import Block, Location

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["load_pptx"]

TITLE = 60  # characters that a slide's first line has at the most to stand for its title
BAND = 228_600  # a quarter of an inch, in EMU: shapes that begin within it stand side by side
_PAGE_NUMBER = re.compile(r"[\W\d_‹›#]*")


def load_pptx(path: Path) -> Loaded:
    """Read a presentation; every block carries its slide, counted from 1, hidden ones included."""
    import pptx

    presentation = pptx.Presentation(str(path))
    title = told_title(presentation.core_properties.title)
    if not title:
        first = next(iter(presentation.slides), None)
        title = _title(first)[0] if first is not None else ""
    return Loaded(_slides(presentation), title=title)


def _slides(presentation: Any) -> Iterator[Block]:
    footers: set[str] = set()
    for number, slide in enumerate(presentation.slides, 1):
        location: Location = {"slide": number}
        resolve_alternatives(slide.element)
        heading, own = _title(slide)
        blocks = [
            block
            for shape in _in_order(slide.shapes)
            if own is None or shape.shape_id != own
            for block in _shape(shape, location, footers)
        ]
        notes = list(_notes(slide, location))
        if not heading and (blocks or notes):  # else it would stand under the slide's before it
            heading = _first_line(blocks) or _slide_name(number, blocks or notes)
            if blocks and blocks[0].text == heading:
                blocks = blocks[1:]
        if heading:
            yield Block(heading, location, 1)
        yield from blocks
        yield from notes


def _title(slide: Any) -> tuple[str, int | None]:
    """Return a slide's title and the id of its shape."""
    shape = slide.shapes.title
    text = " ".join(" ".join(_paragraphs(shape._element)).split()) if shape is not None else ""
    return (text, shape.shape_id) if text else ("", None)


def _first_line(blocks: list[Block]) -> str:
    text = blocks[0].text if blocks else ""
    return text if text and len(text) <= TITLE and " | " not in text and "\n" not in text else ""


def _slide_name(number: int, blocks: list[Block]) -> str:
    chinese = language(" ".join(block.text for block in blocks)) == "zh"
    return f"幻灯片 {number}" if chinese else f"Slide {number}"


def _in_order(shapes: Iterable[Any]) -> list[Any]:
    """Return shapes as people read them: from top to bottom, side by side from left to right."""
    return sorted(shapes, key=lambda one: ((one.top or 0) // BAND, one.left or 0))


def _shape(shape: Any, location: Location, footers: set[str]) -> Iterator[Block]:
    if local(shape._element) == "grpSp":
        for inner in _in_order(shape.shapes):
            yield from _shape(inner, location, footers)
    elif getattr(shape, "has_table", False):
        yield from rows_to_blocks(fill_headers(_cells(shape.table)), location)
    elif local(shape._element) == "graphicFrame":
        yield from drawn(shape.part, shape._element, location)
    elif shape.has_text_frame:
        kind = _placeholder(shape)
        paragraphs = list(_paragraphs(shape._element))
        if kind in {"sldNum", "dt", "ftr"}:  # once, and without numbers of pages
            paragraphs = [one for one in paragraphs if not _PAGE_NUMBER.fullmatch(one)]
            paragraphs = [one for one in paragraphs if one not in footers]
            footers.update(paragraphs)
        listed = kind in {"body", "obj"} and len(paragraphs) > 1
        for text in paragraphs:
            yield Block(f"- {text}" if listed else text, location)


def _placeholder(shape: Any) -> str:
    """Return what a shape is a place for ("obj" if the layout does not say), "" if for nothing."""
    found = next(shape._element.iter("{*}ph"), None)
    return str(found.get("type", "obj")) if found is not None else ""


def _paragraphs(element: Element) -> Iterator[str]:
    """Yield the paragraphs of a shape, a cell or notes, with their fields and formulas."""
    body = next((one for one in element if local(one) == "txBody"), None)
    for paragraph in body.iter("{*}p") if body is not None else ():
        parts = [
            "\n" if local(one) == "br" else one.text or ""
            for one in paragraph.iter("{*}t", "{*}br")
        ]
        text = "".join(parts).strip()
        if text:
            yield text


def _cells(table: Any) -> Iterator[list[tuple[str, int]]]:
    """Yield each row's cells: text and columns covered; cells merged downwards repeat theirs."""
    above: dict[int, tuple[str, int]] = {}
    for row in table.rows:
        out: list[tuple[str, int]] = []
        for column, cell in enumerate(row.cells):
            element = cell._tc
            if element.get("hMerge") in {"1", "true"}:
                continue
            text = " ".join(" ".join(_paragraphs(element)).split())
            one = (text, int(element.get("gridSpan") or 1))
            if element.get("vMerge") in {"1", "true"}:
                one = above.get(column, one)
            above[column] = one
            out.append(one)
        yield out


def _notes(slide: Any, location: Location) -> Iterator[Block]:
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    holder = frame._txBody.getparent() if frame is not None else None
    for number, text in enumerate(_paragraphs(holder) if holder is not None else ()):
        lead = "备注：" if language(text) == "zh" else "Notes: "
        yield Block(f"{lead}{text}" if not number else text, location)
