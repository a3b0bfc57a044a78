"""Tables and records inside a source: which of its lines are about one of several like things.

Known are lines of cells between bars or tabs and lines of `name: value` cells with the same names. What a
claim says of one row must stand in that row, not in another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from indexes.text import NOUN, Haystack, content_terms, normalize

__all__ = ["Table", "tables"]

MOST_ROWS = 200  # of a table that is looked at; a passage has far fewer
MOST_LETTERS = 24  # of a row's name that is looked for as it stands
NAMED = 0.5  # the share of what tells a row's name apart that a claim has if it is about the row

_LABEL = re.compile(
    r"\s*(?:表头|列名|行|第?\s*\d{1,4}\s*行|headers?|columns?|row)\s*\d{0,4}\s*[:：]\s*",
    re.IGNORECASE,
)
_RULE = re.compile(r"[\s|:\-+=]+")
_RECORD = re.compile(r"\s*([^:：;；|]{1,24})[:：]\s*(.*)", re.DOTALL)
_FIGURE = re.compile(r"[+\-–−]?\d[\d,]*(?:\.\d+)?")
_ANY_FIGURE = re.compile(r"[+\-–−~≈$€£¥]*\s*\d")
_MEASURED = re.compile(r"[（(\[]\s*([^()（）\[\]]{1,12}?)\s*[)）\]]\s*\Z")
_COUNTED = re.compile(r"(天|月|年|人|次|件|户|台|套|页|小时)数\Z")
_MONEY = re.compile(
    r"([$€£¥]|US\$|HK\$|USD|EUR|GBP|RMB|CNY)\s*(M|m|mn|million|k|K|000|bn|B|billion|thousands?)?\Z"
)
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DAY = re.compile(
    rf"\d{{1,2}}月\d{{1,2}}日|\b\d{{1,2}} {_MONTH}\b|\b{_MONTH} \d{{1,2}}\b"
)  # of a roster
_SCALES = {"000": " thousand", "thousands": " thousand"}


@dataclass(frozen=True)
class Table:
    """Lines of a text that are rows.

    Args:
        header: the names of the columns, empty if there are none.
        rows: the cells of each row.
        spans: where each row stands in the text.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    spans: tuple[tuple[int, int], ...]

    @cached_property
    def _names(self) -> list[list[tuple[str, dict[str, float]]]]:
        """For each column that can name a row its cells, each with the terms that tell it apart."""
        found = []
        for column in range(min(map(len, self.rows))):
            cells = [normalize(row[column]) for row in self.rows]
            if any(_figure(cell, first=column == 0) for cell in cells):
                continue
            terms = {cell: content_terms(cell) for cell in cells}
            seen = Counter(term for own in terms.values() for term in own)
            apart = {
                cell: {
                    term: max(weight, NOUN) if len(term) > 1 else weight
                    for term, weight in own.items()
                    if seen[term] == 1
                }
                for cell, own in terms.items()
            }
            found.append([(cell, apart[cell]) for cell in cells])
        return found

    def about(self, claim: Haystack) -> list[int]:
        """Return the rows that a claim names, by the first column that names any; empty if none does.

        Rows of the same name are told apart by the next columns.

        Args:
            claim: what is said.
        """
        rows = list(range(len(self.rows)))
        named = False
        for column in self._names:
            found = [i for i in rows if self._named(claim, column[i])]
            if found:
                rows, named = found, True
            if named and (not found or len({column[i][0] for i in rows}) > 1):
                break
        if not named or len(rows) == len(self.rows):
            return []
        keys = {normalize(self.rows[i][0]) for i in rows}
        return [
            i
            for i, cells in enumerate(self.rows)
            if i in rows or any(key in normalize(cell) for key in keys for cell in cells[1:])
        ]

    @staticmethod
    def _named(claim: Haystack, name: tuple[str, dict[str, float]]) -> bool:
        cell, terms = name
        if day := _DAY.search(cell):
            return re.search(rf"(?<!\d){re.escape(day.group())}(?!\d)", claim.text) is not None
        if 1 < len(cell) <= MOST_LETTERS and re.search(
            rf"(?<![a-z0-9非-]){re.escape(cell)}(?:e?s)?(?![a-z0-9])", claim.text
        ):
            return True  # A班, of which the words alone would tell nothing
        total = sum(terms.values())
        held = sum(weight * claim.share(term) for term, weight in terms.items())
        return total >= NOUN / 2 and held >= NAMED * total

    def written(self, row: int) -> str:
        """Return a row with each figure in the unit that its column's name gives."""
        cells = self.rows[row]
        if not self.header:
            return " | ".join(cells)
        out = []
        for name, cell in zip(self.header, cells, strict=False):
            before, behind = _unit(name)
            plain = _FIGURE.fullmatch(cell.strip()) is not None
            out.append(f"{name}: {before}{cell.strip()}{behind}" if plain else f"{name}: {cell}")
        return "; ".join(out)


def _figure(cell: str, *, first: bool) -> bool:
    """Say whether a cell is a figure, which names no row; in the first column 1F and 2023年 do."""
    return _ANY_FIGURE.match(cell) is not None and not (first and _NAMING.search(cell))


_NAMING = re.compile(r"[a-z㐀-鿿]")


def _unit(name: str) -> tuple[str, str]:
    """Return what stands before and behind the figures of a column: ("$", "M") of Revenue ($M)."""
    match = _MEASURED.search(name.strip())
    if match is None:
        counted = _COUNTED.search(name.strip())
        return "", counted[1] if counted else ""
    money = _MONEY.fullmatch(match[1])
    if money is None:
        return "", match[1]
    scale = money[2] or ""
    return f"{money[1]} ", _SCALES.get(scale, scale)


def tables(text: str) -> list[Table]:
    """Return the tables of a text.

    Args:
        text: a source's text as it stands.
    """
    lines = []
    place = 0
    for line in text.splitlines(keepends=True):
        lines.append((place, place + len(line), line.rstrip("\r\n")))
        place += len(line)
    if len(lines) < 2:
        return []
    return [*_barred(lines), *_records(lines)]


_Line = tuple[int, int, str]


def _barred(lines: Sequence[_Line]) -> Iterator[Table]:
    """Yield the tables whose cells stand between bars or tabs."""
    for sign in ("|", "\t"):
        run: list[tuple[int, int, tuple[str, ...]]] = []
        for start, end, line in [*lines, (0, 0, "")]:
            label = _LABEL.match(line)
            said = line[label.end() :] if label else line
            inner = said.strip().removeprefix("|").removesuffix("|") if sign == "|" else said
            cells = tuple(cell.strip() for cell in inner.split(sign))
            if sign in line and _RULE.fullmatch(line):
                continue
            if len(cells) >= 2 and (not run or len(cells) == len(run[0][2])):
                run.append((start, end, cells))
                continue
            yield from _table(run)
            run = [(start, end, cells)] if len(cells) >= 2 else []


def _table(run: Sequence[tuple[int, int, tuple[str, ...]]]) -> Iterator[Table]:
    records = [_keyed(cells) for _, _, cells in run]
    if len(run) >= 2 and all(records) and len({tuple(one) for one in records if one}) == 1:
        yield _of_records(run, [one for one in records if one])
        return
    if len(run) < 3:
        return
    (_, _, header), *rows = run[: MOST_ROWS + 1]
    yield Table(header, tuple(c for _, _, c in rows), tuple((a, b) for a, b, _ in rows))


def _records(lines: Sequence[_Line]) -> Iterator[Table]:
    """Yield the tables whose rows are `name: value; name: value`."""
    run: list[tuple[int, int, tuple[str, ...]]] = []
    names: tuple[str, ...] = ()
    for start, end, line in [*lines, (0, 0, "")]:
        cells = tuple(re.split(r"[;；]", line)) if "|" not in line else ()
        keyed = _keyed(cells) if len(cells) >= 2 else None
        if keyed is not None and (not run or tuple(keyed) == names):
            names = tuple(keyed)
            run.append((start, end, cells))
            continue
        if len(run) >= 2:
            yield _of_records(run, [one for _, _, c in run if (one := _keyed(c)) is not None])
        run = [(start, end, cells)] if keyed is not None else []
        names = tuple(keyed) if keyed is not None else ()


def _of_records(
    run: Sequence[tuple[int, int, tuple[str, ...]]], records: Sequence[dict[str, str]]
) -> Table:
    spans = tuple((start, end) for start, end, _ in run[:MOST_ROWS])
    rows = tuple(tuple(one.values()) for one in records[:MOST_ROWS])
    return Table(tuple(records[0]), rows, spans)


def _keyed(cells: Sequence[str]) -> dict[str, str] | None:
    """Return the names of a row's cells with their values; None if a cell has no name."""
    found: dict[str, str] = {}
    for cell in cells:
        if not cell.strip(" 。."):
            continue
        match = _RECORD.fullmatch(cell)
        if match is None:
            return None
        found[match[1].strip()] = match[2].strip(" 。")
    return found if len(found) >= 2 else None
