"""Word documents through python-docx: headings by style, tables row by row, lists, footnotes' host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from indexes.base import Loaded
from indexes.ingest.loaders.table import rows_to_blocks
from indexes.ingest.structure import heading_level
from indexes.types import Block

if TYPE_CHECKING:
    from docx.document import Document as DocxDocument
    from docx.table import Table
    from docx.text.paragraph import Paragraph

__all__ = ["load_docx"]


def load_docx(path: Path) -> Loaded:
    """Read a Word file; Word has no fixed pages, so locations are headings."""
    import docx

    document = docx.Document(str(path))
    title = ""
    blocks: list[Block] = []
    for block, is_title in _body(document):
        if is_title and not title:
            title = block.text
        else:
            blocks.append(block)
    properties = document.core_properties
    return Loaded(blocks, title=title or (properties.title or "").strip())


def _body(document: DocxDocument) -> Iterator[tuple[Block, bool]]:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    for item in document.iter_inner_content():
        if isinstance(item, Paragraph):
            block = _paragraph(item)
            if block is not None:
                yield block, _style(item) == "title"
        elif isinstance(item, Table):
            for block in rows_to_blocks(_cells(item), {}):
                yield block, False


def _paragraph(paragraph: Paragraph) -> Block | None:
    text = paragraph.text.strip()
    if not text:
        return None
    style = _style(paragraph)
    heading = re.search(r"(?:heading|标题)\s*(\d)", style)
    if heading:
        return Block(text, {}, int(heading.group(1)))
    if style.startswith("list"):
        return Block(f"- {text}", {})
    return Block(text, {}, heading_level(text) if _all_bold(paragraph) else 0)


def _style(paragraph: Paragraph) -> str:
    style = paragraph.style
    return (style.name or "").lower() if style is not None else ""


def _all_bold(paragraph: Paragraph) -> bool:
    runs = [run for run in paragraph.runs if run.text.strip()]
    return bool(runs) and all(run.bold for run in runs)


def _cells(table: Table) -> list[list[str]]:
    rows = []
    for row in table.rows:
        seen: set[int] = set()
        cells = []
        for cell in row.cells:
            merged = id(cell._tc) in seen  # a merged cell is listed once for each column it covers
            seen.add(id(cell._tc))
            cells.append("" if merged else " ".join(cell.text.split()))
        rows.append(cells)
    return rows
