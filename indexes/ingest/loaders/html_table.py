"""Tables of web pages: their rows with merged cells repeated, or a page's parts that they only place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from indexes.ingest.loaders.table import rows_to_blocks
from indexes.types import Block

__all__ = ["INVISIBLE", "Cell", "Table", "one_line"]

CELL_BLOCKS = 10  # a table with more in one cell places things on a page
REPEATED_CELLS = 100_000  # of merged cells in one table
REPEATED_TEXT = 200  # characters of a merged cell that are repeated
INVISIBLE = re.compile("[\u00ad\u200b\ufeff]")


def one_line(text: str) -> str:
    """Return a text without breaks, doubled spaces and characters that nobody sees."""
    return " ".join(INVISIBLE.sub("", text).split())


@dataclass
class Cell:
    """An open cell: how far it spans, and what stands in it."""

    columns: int
    rows: int
    blocks: list[Block] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its blocks in one line."""
        return one_line(" ".join(block.text for block in self.blocks))


@dataclass
class Table:
    """An open table; `places` says that it lays out a page rather than data."""

    rows: list[list[Cell]] = field(default_factory=list)
    places: bool = False

    def blocks(self) -> list[Block]:
        """Return its rows as blocks, or what its cells hold if it only places them."""
        cells = [cell for row in self.rows for cell in row]
        if (
            self.places
            or all(sum(bool(cell.blocks) for cell in row) < 2 for row in self.rows)
            or any(len(cell.blocks) > CELL_BLOCKS for cell in cells)
        ):
            return [block for cell in cells for block in cell.blocks]
        return list(rows_to_blocks(self._grid(), {}))

    def _grid(self) -> list[list[str]]:
        """Return the rows with merged cells repeated, so that columns meet their headers."""
        grid: list[list[str]] = []
        reaching: dict[int, tuple[int, str]] = {}  # column → rows left, text of a cell above
        left = REPEATED_CELLS
        for row in self.rows:
            line: list[str] = []
            waiting = iter(row)
            cell = next(waiting, None)
            while cell is not None or len(line) in reaching:
                if len(line) in reaching:
                    rows, text = reaching.pop(len(line))
                    if rows > 1:
                        reaching[len(line)] = (rows - 1, text)
                    line.append(text)
                    continue
                assert cell is not None  # the loop's condition
                text = cell.text
                repeated = text if len(text) <= REPEATED_TEXT else ""
                spanned = min(cell.columns, left)
                for position in range(max(1, spanned)):
                    if cell.rows > 1 and left > 0:
                        reaching[len(line)] = (cell.rows - 1, repeated)
                    line.append(repeated if position else text)
                left -= cell.columns - 1 + bool(cell.rows > 1)
                cell = next(waiting, None)
            left -= sum(1 for column in reaching if column < len(line))
            if left <= 0:
                reaching.clear()
                left = 0
            grid.append(line)
        return grid
