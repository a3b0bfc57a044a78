"""Spreadsheets: every row is a block that repeats its header, with sheet and row as its location."""

from __future__ import annotations

import csv
import datetime
import itertools
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from indexes.base import Loaded
from indexes.ingest.loaders.encodings import read_text
from indexes.types import Block, Location

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

__all__ = ["load_csv", "load_xlsx", "rows_to_blocks"]

MAX_HEADER_ROWS = 2
MAX_COLUMNS = 1024  # that a merged cell is taken to cover
SAMPLE_ROWS = 50  # that tell a file's separator
SEPARATORS = ",;\t|"
LONGEST = 2**31 - 1  # characters of a cell: as many as the module takes
PIECE = 2**20  # bytes of a sheet's XML looked at together
OVERLAP = 2**14  # of them looked at again with the next: a formula has at most 8,192 characters

_MERGED = re.compile(rb'<(?:\w{1,20}:)?mergeCell ref="\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})"')  # fmt: skip
_BARE_FORMULA = re.compile(
    rb"<(?:\w{1,20}:)?c( [^<>]{0,200})?><(?:\w{1,20}:)?f(?: [^<>]{0,200})?(?:/>|>[^<]{0,9000}</(?:\w{1,20}:)?f>)"
    rb"(?:<(?:\w{1,20}:)?v ?/>|<(?:\w{1,20}:)?v></(?:\w{1,20}:)?v>)?</(?:\w{1,20}:)?c>"
)
_LITERALS = re.compile(r'"[^"]*"|\\.')


def load_xlsx(path: Path) -> Loaded:
    """Read a workbook, sheet by sheet and row by row; formulas give the values that were last saved."""
    import openpyxl

    file = path.open("rb")  # of a path, openpyxl believes the ending
    try:
        with warnings.catch_warnings(action="ignore"):  # of parts that have no text
            workbook = openpyxl.load_workbook(file, data_only=True, read_only=True)
    except BaseException:
        file.close()
        raise
    told: list[str] = []
    return Loaded(_sheets(workbook, file, told), warnings=told)


def load_csv(path: Path) -> Loaded:
    """Read a CSV file, whatever its separator."""
    told: list[str] = []
    text = read_text(path, told)
    separator = _separator(text, path)
    csv.field_size_limit(LONGEST)
    rows = csv.reader(_lines(text), delimiter=separator)
    if text.startswith(f"sep={separator}"):  # Excel's own way of naming it is no row of the table
        next(rows, None)
        rows_from = 2
    else:
        rows_from = 1
    cells = ([cell.strip() for cell in row] for row in rows)
    return Loaded(rows_to_blocks(cells, {}, numbered=True, first=rows_from), warnings=told)


def rows_to_blocks(
    rows: Iterable[Sequence[str]], location: Location, *, numbered: bool = False, first: int = 1
) -> Iterator[Block]:
    """Turn a table into one block a row: 「表头: 值 | …」, while the rows are read.

    Lines above the header (a title, a unit) and below the table (notes) stay plain text. The header
    is the first row with at least two different cells, joined with a second one if that has no
    numbers either while the rows after it have.

    Args:
        rows: the cells, row by row; every cell as text, "" for empty ones.
        location: where the table stands.
        numbered: add each row's number to its location.
        first: the number of the first row.
    """

    def where(number: int) -> Location:
        return {**location, "row": number} if numbered else location

    counted = enumerate(rows, first)
    for number, row in counted:
        cells = _distinct(row)
        if len(cells) >= 2:
            break
        if cells:
            yield Block(cells[0], where(number))
    else:
        return
    ahead = [(number, row), *itertools.islice(counted, MAX_HEADER_ROWS)]
    depth = _header_depth([row for _, row in ahead])
    header = _joined_header([row for _, row in ahead[:depth]])
    if len(ahead) <= depth:  # a header alone
        number, row = ahead[-1]
        yield Block(" ".join(_distinct(row)), where(number))
    for number, row in itertools.chain(ahead[depth:], counted):
        cells = _distinct(row)
        if len(cells) == 1:
            yield Block(cells[0], where(number))
        elif cells:
            pairs = [
                f"{name}: {cell}" if name and name != cell else cell
                for name, cell in itertools.zip_longest(header, row, fillvalue="")
                if cell
            ]
            yield Block(" | ".join(pairs), where(number))


def _distinct(row: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(cell for cell in row if cell))


def _header_depth(rows: Sequence[Sequence[str]]) -> int:
    """Return how many of a table's first rows are its header: two of three, or one."""
    if len(rows) <= MAX_HEADER_ROWS or _numeric(rows[0]):
        return 1
    top, second, after = rows
    is_header = not _numeric(second) and _numeric(after) and len(_distinct(second)) >= 2
    overlaps = any(a and b and a != b for a, b in zip(top, second, strict=False))
    spans = len(_distinct(top)) < len([cell for cell in top if cell]) or overlaps
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


# --- workbooks -----------------------------------------------------------------------------------


def _sheets(workbook: Workbook, file: IO[bytes], told: list[str]) -> Iterator[Block]:
    with file, closing(workbook):
        for sheet in workbook.worksheets:
            title = sheet.title
            merged, bare = _scan(sheet)
            if bare:
                told.append(
                    f"Sheet {title!r} has {bare} formulas without values; open and save it in Excel."
                )
            blocks = rows_to_blocks(_filled(_rows(sheet), merged), {"sheet": title}, numbered=True)
            for number, block in enumerate(blocks):
                if not number:  # a sheet without rows has no heading either
                    yield Block(title, {"sheet": title}, 1)
                yield block


def _rows(sheet: Any) -> Iterator[list[str]]:
    sheet.reset_dimensions()  # what files say of their size is often wrong, and would cut them
    for row in sheet.iter_rows():
        yield [_text(cell) for cell in row]


class _Area:
    """Merged cells of one row or one column, of which only the first has a value."""

    def __init__(self, left: int, top: int, right: int, bottom: int) -> None:
        self.left, self.top, self.bottom = left, top, bottom
        self.right = min(right, left + MAX_COLUMNS)
        self.value = ""


def _scan(sheet: Any) -> tuple[dict[int, list[_Area]], int]:
    """Return a sheet's merged cells by their first row, and how many formulas have no value.

    openpyxl tells neither when it reads row by row, since merged cells stand behind all rows; looking
    for them in the bytes costs little more than unpacking these.
    """
    areas: dict[int, list[_Area]] = defaultdict(list)
    bare = 0
    with sheet.parent._archive.open(sheet._worksheet_path) as file:
        for match in _found(file, _MERGED, _BARE_FORMULA):
            if match.re is _BARE_FORMULA:
                bare += b't="str"' not in (match.group(1) or b"")  # a formula may say ""
                continue
            left, top, right, bottom = match.groups()
            area = _Area(_column(left), int(top), _column(right), int(bottom))
            if area.left == area.right or area.top == area.bottom:
                areas[area.top].append(area)
    return areas, bare


def _found(file: IO[bytes], *patterns: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Yield the matches in a stream, whose parts are looked at with the end of the one before."""
    data = b""
    seen = [0] * len(patterns)  # up to where each was found, counted from the start of `data`
    while piece := file.read(PIECE):
        drop = max(0, len(data) - OVERLAP)
        data = data[drop:] + piece
        for index, pattern in enumerate(patterns):
            seen[index] = max(0, seen[index] - drop)
            for match in pattern.finditer(data, seen[index]):
                seen[index] = match.end()
                yield match


def _column(letters: bytes) -> int:
    """Return the number of a column from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _filled(rows: Iterable[list[str]], areas: dict[int, list[_Area]]) -> Iterator[list[str]]:
    """Yield rows with the value of merged cells in each cell that they cover."""
    open_: list[_Area] = []
    for number, row in enumerate(rows, 1):
        new = areas.pop(number, [])
        for area in new:
            area.value = row[area.left] if area.left < len(row) else ""
        if open_ or new:
            open_ = [area for area in (*open_, *new) if area.bottom >= number and area.value]
        for area in open_:
            row += [""] * (area.right + 1 - len(row))
            for column in range(area.left, area.right + 1):
                row[column] = row[column] or area.value
        yield row


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float | int):
        if "%" in _LITERALS.sub("", cell.number_format or ""):
            return f"{_number(value * 100)}%"
        return _number(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    return " ".join(str(value).split())


def _number(value: float) -> str:
    """Return a number as somebody typed it; one that was computed with four decimals or digits."""
    if isinstance(value, int):
        return str(value)
    typed = f"{value:.10g}"
    if float(typed) != value:
        typed = f"{value:.4f}" if abs(value) >= 0.1 else f"{value:.4g}"
    plain = f"{Decimal(typed):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


# --- text with separators ------------------------------------------------------------------------


def _lines(text: str) -> Iterator[str]:
    """Yield lines with their ends, without a second copy of the text."""
    end_of_line = "\n" if "\n" in text else "\r"
    start = 0
    while start < len(text):
        end = text.find(end_of_line, start) + 1 or len(text)
        yield text[start:end]
        start = end


def _separator(text: str, path: Path) -> str:
    """Return the separator by which most rows have equally many cells; more cells decide a draw."""
    named = re.match(r"sep=([,;\t|])\r?\n", text)
    if named:
        return named.group(1)
    lines = list(itertools.islice(_lines(text), SAMPLE_ROWS))
    separators = "\t,;|" if path.suffix.lower() == ".tsv" else SEPARATORS
    return max(separators, key=lambda one: _evenness(lines, one))


def _evenness(lines: Sequence[str], separator: str) -> tuple[float, int]:
    try:
        rows = list(csv.reader(lines, delimiter=separator))
    except csv.Error:
        return 0.0, 0
    rows = rows[:-1] if len(rows) > 1 else rows  # the last one may be cut off
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return 0.0, 0
    width, number = widths.most_common(1)[0]
    return number / sum(1 for row in rows if row), width
