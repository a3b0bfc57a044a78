"""Spreadsheets: every row is a block that repeats its header, with sheet and row as its location."""

from __future__ import annotations

import csv
import datetime
import io
import itertools
from collections.abc import Sequence
from pathlib import Path

from indexes.base import Loaded
from indexes.ingest.loaders.plain import read_text
from indexes.types import Block, Location

__all__ = ["load_csv", "load_xlsx", "rows_to_blocks"]

MAX_HEADER_ROWS = 2


def load_xlsx(path: Path) -> Loaded:
    """Read a workbook, sheet by sheet; formulas give the values that Excel last saved."""
    import openpyxl

    workbook = openpyxl.load_workbook(path, data_only=True)
    blocks: list[Block] = []
    try:
        for sheet in workbook.worksheets:
            merged = {
                (row, column): sheet.cell(area.min_row, area.min_col).value
                for area in sheet.merged_cells.ranges
                if area.min_row == area.max_row or area.min_col == area.max_col
                for row in range(area.min_row, area.max_row + 1)
                for column in range(area.min_col, area.max_col + 1)
            }
            rows = [
                [
                    _text(cell if cell is not None else merged.get((number, column)))
                    for column, cell in enumerate(row, 1)
                ]
                for number, row in enumerate(sheet.iter_rows(values_only=True), 1)
            ]
            blocks.append(Block(sheet.title, {"sheet": sheet.title}, 1))
            blocks += rows_to_blocks(rows, {"sheet": sheet.title}, numbered=True)
    finally:
        workbook.close()
    return Loaded(blocks)


def load_csv(path: Path) -> Loaded:
    """Read a CSV file, whatever its separator."""
    text = read_text(path)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), dialect)]
    return Loaded(rows_to_blocks(rows, {}, numbered=True))


def rows_to_blocks(
    rows: Sequence[Sequence[str]], location: Location, *, numbered: bool = False
) -> list[Block]:
    """Turn a table into one block a row: 「表头: 值 | …」.

    Lines above the header (a title, a unit) and below the table (notes) stay plain text. The header
    is the first row with at least two different cells, joined with a second one if that has no
    numbers either while the rows after it have.

    Args:
        rows: the cells, row by row; every cell as text, "" for empty ones.
        location: where the table stands.
        numbered: add each row's number, from 1, to its location.
    """
    first = next((i for i, row in enumerate(rows) if len(_distinct(row)) >= 2), None)
    header: list[str] = []
    blocks: list[Block] = []
    body = 0
    if first is not None:
        depth = _header_depth(rows, first)
        header = _joined_header(rows[first : first + depth])
        body = first + depth
    for position, row in enumerate(rows):
        where: Location = {**location, "row": position + 1} if numbered else location
        cells = _distinct(row)
        if not cells or (
            first is not None and first <= position < body and position + 1 < len(rows)
        ):
            continue
        if len(cells) == 1 or position < body:
            blocks.append(Block(" ".join(cells), where))
        else:
            pairs = [
                f"{name}: {cell}" if name and name != cell else cell
                for name, cell in itertools.zip_longest(header, row, fillvalue="")
                if cell
            ]
            blocks.append(Block(" | ".join(pairs), where))
    return blocks


def _distinct(row: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(cell for cell in row if cell))


def _header_depth(rows: Sequence[Sequence[str]], first: int) -> int:
    if first + 2 >= len(rows) or _numeric(rows[first]):
        return 1
    second, after = rows[first + 1], rows[first + 2]
    is_header = not _numeric(second) and _numeric(after) and len(_distinct(second)) >= 2
    overlaps = any(a and b and a != b for a, b in zip(rows[first], second, strict=False))
    spans = len(_distinct(rows[first])) < len([c for c in rows[first] if c]) or overlaps
    return MAX_HEADER_ROWS if is_header and spans else 1


def _numeric(row: Sequence[str]) -> bool:
    return any(
        cell.replace(",", "").replace(".", "").replace("-", "").replace("%", "").isdigit()
        for cell in row
        if cell
    )


def _joined_header(rows: Sequence[Sequence[str]]) -> list[str]:
    width = max(len(row) for row in rows)
    columns = [[row[i] if i < len(row) else "" for row in rows] for i in range(width)]
    return ["·".join(dict.fromkeys(part for part in column if part)) for column in columns]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    return " ".join(str(value).split())
