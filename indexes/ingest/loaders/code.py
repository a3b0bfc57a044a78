"""Source code: functions, methods and classes as they stand there, found by tree-sitter.

A file's lines are divided among its definitions: each line belongs to the innermost one that starts a
line, with the comments directly above, and what lies between belongs to the class, or to nobody. So
every line comes once, whatever the grammar makes of it.
"""

from __future__ import annotations

import bisect
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexes.base import Loaded
from indexes.ingest.loaders.encodings import read_text
from indexes.ingest.loaders.grammars import (
    CPLUSPLUS,
    GRAMMARS,
    WORDS,
    Grammar,
    GrammarError,
    compiled,
)
from indexes.types import Block, FieldValue, Location

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["load_code"]

ROWS = 40  # lines of a block
ROOM = (
    280  # tokens of a block, as `_cost` estimates them: a chunk's 360, less what it may be wrong by
)
SECONDS = 4.0  # that parsing may take
PART = 2**12  # bytes that the parser reads at once, and looks at the time
PARSED = 2**20  # characters; longer files are made by programs, and their trees fill the memory
DENSE = 400  # characters of a line on average: minified, where lines are no units
MATCHES = 256  # that may be open at once, so that a query takes time in proportion to the text
LEVELS = 200  # of a syntax tree that definitions are looked for in
FLAT = 2e9  # steps a query takes in what does not parse: the square of its parts
DEPTH = 8  # definitions in one another
NAME = 80  # characters of a definition's name

_MODIFIERS = re.compile(r"[\w\s]*")  # before a definition on its line: export, static, typedef
_CLOSER = re.compile(r"\s*(?:[)\]}>;,\s]+|end|fi|done|esac|#\s*endif\b.*)\s*(?://.*|/\*.*|#.*)?")
_GOES_ON = re.compile(
    r"\s*(?:[)\]}>,.&|?:{]|(?:else|elif|elsif|except|finally|catch|rescue|end|then|do)\b)"
)
_NOT_LETTERS = re.compile(r"[^A-Za-z]+")
_ASCII = re.compile(r"[\x00-\x7f]+")
_CPP_HEADER = re.compile(
    r"^\s*(?:class\s+\w|namespace\b|template\s*<|public:|using\s)", re.MULTILINE
)


@dataclass(frozen=True)
class _Found:
    """A definition: its role (see `grammars`), its lines from 0 and where it ends."""

    role: str
    name: str
    word: str
    first: int
    last: int
    start: int
    end: int


@dataclass
class _Unit:
    """A definition that owns lines; `headed` once its name is a heading for them."""

    found: _Found
    symbol: str
    parent: _Unit | None
    depth: int
    open: bool
    headed: bool = False

    @property
    def heading(self) -> str:
        """What the heading of its parts says: class Store, load()."""
        if self.found.role == "class":
            return f"{self.found.word} {self.found.name}"
        return self.found.name


def load_code(path: Path) -> Loaded:
    """Read source code in blocks of a function, a method, a class's head or statements in between.

    A block is whole lines, unchanged but for their ends, with its `symbol` (Class.method) and `lines`.
    What is longer than a chunk is cut between statements. A class of several blocks is a heading, so
    is the name of what was cut; the file's own name ends them. Without a grammar (SQL has its own
    rules), or where it fails, the lines are cut alone.

    Args:
        path: the file.

    Raises:
        LoadError: the file is not text.
    """
    warnings: list[str] = []
    text = read_text(path, warnings).replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    ending = path.suffix.lower()
    grammar = GRAMMARS.get(ending)
    if ending == ".h" and _CPP_HEADER.search(text):
        grammar = CPLUSPLUS
    if grammar:
        found, leads = _parsed(text, lines, grammar, warnings)
    else:
        found, leads = _statements(lines) if ending == ".sql" else ([], set())
    owners = _owners(lines, found, leads)
    fields: dict[str, FieldValue] = {}
    if grammar or ending == ".sql":
        fields["programming_language"] = grammar.name if grammar else "SQL"
    if summary := _summary(lines):
        fields["summary"] = summary
    return Loaded(
        _blocks(lines, owners, path.name, warnings),
        title=path.name,
        fields=fields,
        warnings=warnings,
    )


# --- definitions -------------------------------------------------------------------------------


def _parsed(
    text: str, lines: Sequence[str], grammar: Grammar, warnings: list[str]
) -> tuple[list[_Found], set[int]]:
    """Return the definitions in the order of the text, and the lines of comments and decorators."""
    if len(text) > PARSED or len(text) > DENSE * len(lines):
        warnings.append(
            "The file is minified or made by a program; it was cut by lines. "
            "Exclude it from `sources` if nobody asks about it."
        )
        return [], set()
    try:
        matches = _matches(text.encode("utf-8", "replace"), grammar)
    except GrammarError as error:
        package = grammar.package.replace("_", "-")
        warnings.append(
            f"There is no usable grammar of {grammar.name} here ({error}); the file was cut by "
            f"lines. Fix: install {package}."
        )
        return [], set()
    except TimeoutError:
        warnings.append(f"The file takes too long to parse as {grammar.name}; it was cut by lines.")
        return [], set()
    found: dict[tuple[int, int], _Found] = {}
    leads: set[int] = set()
    errors: set[int] = set()
    wraps: list[Node] = []
    for captures in matches:
        for node in captures.get("lead", ()):
            first, last = _rows(node)
            if not lines[first][: _column(lines[first], node)].strip():
                leads.update(range(first, last + 1))
        for node in captures.get("error", ()):
            first, last = _rows(node)
            errors.update(range(first, min(last, len(lines) - 1) + 1))
        wraps += captures.get("wrap", ())
        for role in ("class", "space", "unit", "value", "plain"):
            for node in captures.get(role, ()):
                first, last = _rows(node)
                found.setdefault(
                    node.byte_range,
                    _Found(
                        role,
                        _name(node, captures),
                        WORDS.get(node.type, "class"),
                        first if _MODIFIERS.fullmatch(_before(lines[first], node)) else -1,
                        last,
                        node.start_byte,
                        node.end_byte,
                    ),
                )
    if len(errors) * 4 > len(lines):
        warnings.append(
            f"Much of the file does not parse as {grammar.name}, from line {min(errors) + 1} on; "
            "its functions may be cut apart."
        )
    _wrap(found, wraps)
    return sorted(found.values(), key=lambda one: (one.start, -one.end)), leads


def _matches(data: bytes, grammar: Grammar) -> list[dict[str, list[Node]]]:
    """Return what the grammar's query captures.

    Raises:
        GrammarError: the grammar cannot be used.
        TimeoutError: it takes too long.
    """
    from tree_sitter import Parser, QueryCursor

    language, query = compiled(grammar)
    until = time.monotonic() + SECONDS
    late = False

    def read(offset: int, _: object) -> bytes:
        nonlocal late
        late = late or time.monotonic() > until
        return b"" if late else data[offset : offset + PART]

    # To end the text early stops a parse in time: tree-sitter's own progress callbacks crash, in
    # parse of 0.25.2 and in matches of 0.26.1.
    tree = Parser(language).parse(read)
    if late:
        raise TimeoutError
    if _is_flat(tree.root_node):
        raise TimeoutError
    cursor = QueryCursor(query, match_limit=MATCHES)
    cursor.set_max_start_depth(LEVELS)
    return [captures for _, captures in cursor.matches(tree.root_node)]


def _is_flat(root: Node) -> bool:
    """Say whether what does not parse has so many parts that a query would take minutes."""
    steps = 0
    todo = [root] if root.has_error else []
    while todo and steps < FLAT:
        node = todo.pop()
        steps += node.child_count**2 if node.is_error else 0
        todo += [child for child in node.children if child.has_error]
    return steps >= FLAT


def _rows(node: Node) -> tuple[int, int]:
    """Return a node's first and last line, which some grammars let end at the start of the next."""
    end = node.end_point
    return node.start_point.row, max(node.start_point.row, end.row - (end.column == 0))


def _column(line: str, node: Node) -> int:
    """Return in characters where on its line a node starts."""
    column = node.start_point.column
    return column if line.isascii() else len(line.encode()[:column].decode("utf-8", "replace"))


def _before(line: str, node: Node) -> str:
    """Return what stands before a node on its line; what is long is cut, and is not only words."""
    return "}" if node.start_point.column > 4 * NAME else line[: _column(line, node)]


def _wrap(found: dict[tuple[int, int], _Found], wraps: Sequence[Node]) -> None:
    """Let each definition start where what is wrapped around it does: decorators, export, template."""
    ends: dict[int, list[tuple[int, int]]] = {}  # what ends there, by where it starts
    for place in sorted(found):
        ends.setdefault(place[1], []).append(place)
    for node in sorted(wraps, key=lambda one: -one.start_byte):
        places = ends.get(node.end_byte) or ends.get(node.end_byte - 1, [])  # before a semicolon
        inner = bisect.bisect_left(places, (node.start_byte, 0))
        if inner < len(places) and found[places[inner]].role != "plain":
            found[places[inner]] = replace(
                found[places[inner]], first=node.start_point.row, start=node.start_byte
            )


def _name(node: Node, captures: dict[str, list[Node]]) -> str:
    """Return a definition's name: a qualified one in points, without what does not tell it apart."""
    named = captures.get("name") or []
    name = named[0] if named else node.child_by_field_name("name")
    declarator: Node | None = node
    while name is None and declarator is not None:
        inner = declarator.child_by_field_name("declarator")
        if inner is None and declarator is not node:
            plain = [one for one in declarator.named_children if "declarator" in one.type]
            inner = plain[0] if plain else None  # in brackets, or after a reference's sign
            if inner is None:
                name = declarator
        declarator = inner
    text = _words(name)
    for prefix in ("module.exports.", "exports."):
        text = text.removeprefix(prefix)
    text = text.replace(".prototype.", ".").replace("::", ".").replace("\\", ".").strip("\"'`.")
    if owner := captures.get("owner"):
        return f"{_words(owner[0])}.{text}" if text else ""
    return text.split("<")[0] if node.type == "impl_item" else text


def _words(node: Node | None) -> str:
    text = (node.text or b"")[: 4 * NAME].decode("utf-8", "ignore") if node else ""
    return " ".join(text.split())[:NAME]


# --- SQL ---------------------------------------------------------------------------------------

_CREATE = re.compile(
    r"\s*create\s+(?:or\s+(?:replace|alter)\s+)?(?:[a-z]+\s+){0,3}?"
    r"(?:table|view|function|procedure|proc|trigger|index|type|package|schema|sequence)\s+"
    r"(?:(?:body|concurrently)\s+)?(?:if\s+not\s+exists\s+)?(?P<name>[^\s(;]+)",
    re.IGNORECASE,
)
_STATEMENT = re.compile(
    r"(?:create|alter|drop|insert|update|delete|select|with|grant|revoke|comment|set|use|merge|"
    r"truncate|call|exec|declare|begin|commit|delimiter|replace|explain|analyze)\b",
    re.IGNORECASE,
)
_DOLLARS = re.compile(r"\$\w*\$")


def _statements(lines: Sequence[str]) -> tuple[list[_Found], set[int]]:
    """Return what an SQL script creates: from CREATE to the next statement at the start of a line."""
    found: list[_Found] = []
    leads: set[int] = set()
    opened: tuple[int, str] | None = None
    quoted = False  # between dollars, as PostgreSQL writes functions
    ended = True  # the statement before

    def close(row: int) -> None:
        if opened:
            last = row - 1
            while last > opened[0] and (last in leads or not lines[last].strip()):
                last -= 1
            found.append(_Found("unit", opened[1], "", opened[0], last, opened[0], row))

    for row, line in enumerate(lines):
        if line.lstrip().startswith("--"):
            leads.add(row)
            continue
        if not quoted and ended and _STATEMENT.match(line):
            close(row)
            created = _CREATE.match(line[: 4 * NAME])
            opened = (row, created["name"].strip('`"[]')[:NAME]) if created else None
        quoted ^= len(_DOLLARS.findall(line)) % 2 == 1
        if line.strip():
            ended = line.split("--")[0].rstrip().endswith((";", "/", "$$")) or (
                line.strip().lower() == "go"
            )
    close(len(lines))
    return found, leads


# --- who owns a line ---------------------------------------------------------------------------


def _owners(lines: Sequence[str], found: Sequence[_Found], leads: set[int]) -> list[_Unit | None]:
    """Return the innermost definition of each line; None outside of all."""
    owners: list[_Unit | None] = [None] * len(lines)
    around: list[_Unit] = []
    for one in found:
        while around and around[-1].found.end <= one.start:
            around.pop()
        parent = around[-1] if around else None
        if (parent and not parent.open) or len(around) >= DEPTH or not 0 <= one.first <= one.last:
            continue
        long = one.last - one.first >= ROWS or not _fits(lines, one.first, one.last)
        if one.role == "plain":
            if not long:
                around.append(_Unit(one, parent.symbol if parent else "", parent, 0, False))
            continue
        same = parent and (parent.found.first, parent.found.last) == (one.first, one.last)
        line = one.role == "value" and one.first == one.last
        if same or line or not one.name or owners[one.first] is not parent:
            continue
        symbol = f"{parent.symbol}.{one.name}" if parent and parent.symbol else one.name
        unit = _Unit(one, symbol, parent, len(around), long or one.role in ("class", "space"))
        first = one.first
        while first and first - 1 in leads and owners[first - 1] is parent:
            first -= 1
        owners[first : one.last + 1] = [unit] * (one.last + 1 - first)
        around.append(unit)
        unit.headed = long and one.role != "space"
        if parent and parent.found.role == "class":
            parent.headed = True
    return owners


def _runs(
    lines: Sequence[str], owners: Sequence[_Unit | None]
) -> Iterator[tuple[_Unit | None, int, int]]:
    """Yield (owner, first line, last line); what only closes brackets goes with what is before."""
    runs: list[tuple[_Unit | None, int, int]] = []
    start = 0
    for row in range(1, len(lines) + 1):
        if row < len(lines) and owners[row] is owners[start]:
            continue
        first, last = start, row - 1
        start = row
        while first <= last and not lines[first].strip():
            first += 1
        while last >= first and not lines[last].strip():
            last -= 1
        if first > last:
            continue
        closes = all(
            not line.strip() or (len(line) < NAME and _CLOSER.fullmatch(line))
            for line in lines[first : last + 1]
        )
        if closes and runs and last - first < ROWS // 4:
            runs[-1] = (*runs[-1][:2], last)
        else:
            runs.append((owners[first], first, last))
    yield from runs


# --- blocks ------------------------------------------------------------------------------------


def _blocks(
    lines: Sequence[str], owners: Sequence[_Unit | None], name: str, warnings: list[str]
) -> Iterator[Block]:
    """Yield the blocks of a file, with a heading wherever the class around changes."""
    headings: list[_Unit] = []
    cut = 0
    for owner, first, last in _runs(lines, owners):
        path = _headed(owner)
        common = sum(1 for a, b in zip(headings, path, strict=False) if a is b)
        if path[common:]:
            for level, unit in enumerate(path[common:], common + 1):
                yield Block(unit.heading, {}, level)
        elif headings[common:]:  # back in what is around; the document's title ends all headings
            yield Block(path[-1].heading if path else name, {}, len(path) or 1)
        headings = path
        for start, end in _parts(lines, first, last):
            location: Location = {"lines": [start + 1, end + 1]}
            if owner and owner.symbol:
                location["symbol"] = owner.symbol
            pieces = _pieces("\n".join(lines[start : end + 1])) if start == end else None
            if pieces is None:
                yield Block("\n".join(lines[start : end + 1]), location)
                continue
            if len(pieces) > 1 and not cut:
                cut = start + 1
                warnings.append(f"Lines longer than a passage were cut, line {cut} first.")
            for piece in pieces:
                yield Block(piece, location)


def _headed(unit: _Unit | None) -> list[_Unit]:
    """Return the definitions around a line whose names are headings, from the outermost."""
    path: list[_Unit] = []
    while unit:
        if unit.headed:
            path.append(unit)
        unit = unit.parent
    return path[::-1]


def _cost(text: str) -> float:
    """Estimate the tokens of source code: signs and digits are one each, letters three to one."""
    dense = "".join(text.split())
    letters = len(_NOT_LETTERS.sub("", dense))
    wide = 0 if dense.isascii() else len(_ASCII.sub("", dense))
    return 0.31 * letters + 0.8 * wide + 0.93 * (len(dense) - letters - wide)


def _fits(lines: Sequence[str], first: int, last: int) -> bool:
    return sum(map(_cost, lines[first : last + 1])) <= ROOM


def _parts(lines: Sequence[str], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) line of parts that fit a chunk, cut where the code is least nested."""
    costs = [_cost(line) for line in lines[first : last + 1]]
    left = sum(costs)
    start = first
    while start <= last:
        parts = max(1, -(-(last + 1 - start) // ROWS), int(-(-left // ROOM)))
        room = costs[start - first]
        row = start + 1
        while row <= last and row - start < ROWS and room + costs[row - first] <= ROOM:
            room += costs[row - first]
            row += 1
        cut = row if row > last else _cut(lines, costs, first, start, row, left / parts)
        left -= sum(costs[start - first : cut - first])
        low, high = start, cut - 1
        while low <= high and not lines[low].strip():
            low += 1
        while high >= low and not lines[high].strip():
            high -= 1
        if low <= high:
            yield low, high
        start = cut


def _cut(
    lines: Sequence[str], costs: Sequence[float], first: int, start: int, limit: int, share: float
) -> int:
    """Return the line between `start` and `limit` that a new part best starts at.

    That is one where a statement starts, the least indented, after a blank line, nearest to an even
    `share`; not in the first half, unless nothing else is there.
    """
    best = limit
    rank: tuple[bool, bool, int, bool, float] | None = None
    room = 0.0
    for row in range(start + 1, limit + 1):
        room += costs[row - 1 - first]
        line = lines[row]
        if not line.strip():
            continue
        indent = len(line[: len(line) - len(line.lstrip())].expandtabs(4))
        mine = (
            room < share / 2 and row - start < ROWS // 2,
            _GOES_ON.match(line) is not None,
            indent,
            bool(lines[row - 1].strip()),
            abs(room - share),
        )
        if rank is None or mine < rank:
            best, rank = row, mine
    return best


def _pieces(line: str) -> list[str]:
    """Cut one line that is longer than a chunk, behind a sign that parts it where there is one."""
    pieces: list[str] = []
    while _cost(line[: 4 * ROOM]) > ROOM or len(line) > 4 * ROOM:
        size = 4 * ROOM
        while _cost(line[:size]) > ROOM:
            size = size * 9 // 10
        at = max(line.rfind(sign, size // 2, size) for sign in ";},) ") + 1 or size
        pieces.append(line[:at])
        line = line[at:]
    return [piece for piece in (*pieces, line) if piece.strip()]


# --- what a file is about ----------------------------------------------------------------------

_COMMENT = re.compile(
    r"\s*(?:#(?!include|if|define|undef|pragma|import|region|error)!?|//[/!]?|/\*+|\*+/?|--+|[rRuU]?(?:\"\"\"|'''))\s?"
)
_LEGAL = re.compile(
    r"copyright|licen[cs]e|spdx|all rights reserved|版权|许可|-\*-|coding[:=]|frozen_string|eslint|@ts-|"
    r"generated|do not edit|usr/bin|bin/|<\?php|^\W*$",
    re.IGNORECASE,
)


def _summary(lines: Sequence[str]) -> str:
    """Return the first line of what a file's opening comment says of it, passing over its licence."""
    for paragraph in _comments(lines):
        if paragraph and not _LEGAL.search("\n".join(paragraph)):
            return paragraph[0][: 4 * NAME]
    return ""


def _comments(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the paragraphs of the comments or docstring that a file opens with, without their marks."""
    paragraph: list[str] = []
    closing = ""  # the sign that ends the comment that is open
    for line in lines[:ROWS]:
        mark = _COMMENT.match(line)
        if not mark and not closing and line.strip() and not line.startswith("<?php"):
            break
        text = line[mark.end() :] if mark else line
        opening = line.lstrip().lstrip("rRuU")
        if not closing and opening.startswith(('"""', "'''", "/*")):
            closing = "*/" if opening.startswith("/*") else opening[:3]
            ended = closing in text or line.rstrip().endswith("*/")
        else:
            ended = bool(closing) and closing in line
        text = text.split(closing)[0].strip() if closing else text.strip()
        if text and not line.startswith(("#!", "<?php")):
            paragraph.append(text.removesuffix("/") if ended else text)
        if ended:
            closing = ""
        if ended or not text:
            yield paragraph
            paragraph = []
    yield paragraph
