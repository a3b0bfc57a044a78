"""Structure-aware chunking: along headings and articles, within a bound of tokens, as blocks come.

A chunk is made of whole blocks where possible, of whole sentences (lines of code) otherwise. It
remembers where each part of its text stands, so that a quotation can name its own page, row or
article. Only the chunk in the making is held, and what may not be parted from its next block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from indexes.ingest.sizes import Size, Sizer, line_spans, pieces, sizer_of
from indexes.ingest.structure import article_of
from indexes.text import sentence_spans
from indexes.types import Block, Chunk, Location, Span

__all__ = ["chunk_blocks"]

WINDOW = 512  # tokens that the embedded model reads at once: header and text
FLOOR = 64  # tokens left to the text, however long its header
HEADING = 120  # characters of a title or heading that the header repeats
WAITING = 4000  # characters of headings without a text between them
LETTERS, CHARACTERS = (
    16,
    3,
)  # a token at the most: what is longer is split without measuring it whole

NOTHING = Size(0, 0)

_Path = tuple[str, ...]
_Unit = tuple[str, _Path, str]


@dataclass
class _Part:
    """A piece of text under one heading path.

    `unit` is what it should not be parted from: an article, a symbol of code, a conversation. `above`
    are the headings that lead it and stand in the header only.
    """

    path: _Path
    text: str
    location: Location
    size: Size
    unit: _Unit | None = None
    above: _Path = ()


@dataclass
class _Draft:
    """A chunk in the making, under one heading path."""

    path: _Path
    parts: list[_Part] = field(default_factory=list)
    size: Size = NOTHING


def chunk_blocks(
    blocks: Iterable[Block],
    title: str,
    *,
    count: Callable[[str], int],
    most: int,
    least: int,
) -> Iterator[Chunk]:
    """Split a document into chunks while its blocks come.

    Args:
        blocks: the document's blocks; they are read once.
        title: its title, which leads every header.
        count: counts the tokens of a text, and always the same for the same text.
        most: tokens that a chunk holds at the most, its header not counted; fewer under a header so
            long that a model of 512 tokens could not read both.
        least: a section shorter than this is joined with the next one of the same parent heading; with
            0, articles are not joined either.
    """
    cutter = _Cutter(title, sizer_of(count), most)
    draft: _Draft | None = None
    for unit in _units(cutter.parts(blocks), most):
        if draft is not None and not _joins(draft, unit, cutter, least):
            yield _chunk(draft, cutter.title)
            draft = None
        for part in unit.parts:
            common = _common(draft.path, part.path) if draft else part.path
            if draft is not None and not cutter.holds(
                common, _total(draft, [part], common, cutter)
            ):
                yield _chunk(draft, cutter.title)
                draft = None
            if draft is None:
                draft = _Draft(part.path)
            _add(draft, part, cutter)
    if draft is not None:
        yield _chunk(draft, cutter.title)


@dataclass
class _Run:
    """Parts that come together: `whole` if they are all of a unit, and fit into one chunk."""

    parts: list[_Part]
    whole: bool


def _units(parts: Iterable[_Part], most: int) -> Iterator[_Run]:
    """Gather the parts of a unit as long as they fit into a chunk; what is too long comes as it is."""
    held: list[_Part] = []
    tokens = 0
    broken: _Unit | None = None  # the unit that turned out to be longer than a chunk
    for part in parts:
        if held and part.unit != held[0].unit:
            yield _Run(held, True)
            held = []
        if part.unit is None or part.unit == broken:
            yield _Run([part], False)
            continue
        broken = None
        tokens = tokens + part.size.usual if held else part.size.usual
        held.append(part)
        if tokens > most:
            yield _Run(held, False)
            held, broken = [], part.unit
    if held:
        yield _Run(held, True)


def _joins(draft: _Draft, run: _Run, cutter: _Cutter, least: int) -> bool:
    """Say whether a run goes on in the chunk in the making."""
    first = run.parts[0]
    if not least and draft.parts[-1].unit != first.unit and _is_article(first.unit):
        return False
    common = _common(draft.path, first.path)
    size = sum(part.size.usual for part in run.parts)
    tokens = draft.size.usual
    started = draft.parts[-1].unit == first.unit
    if draft.path != first.path:
        if len(common) < min(len(draft.path), len(first.path)) - 1:
            return False
        apart = size >= least or tokens >= least
        if first.unit is not None and first.unit[0] == "time":
            if apart:
                return False
        elif tokens >= least and size >= least // 4:
            return False
    if run.whole:
        return cutter.holds(common, _total(draft, run.parts, common, cutter))
    return started or first.unit is None or tokens < least


def _is_article(unit: _Unit | None) -> bool:
    return unit is not None and unit[0] == "article"


def _common(left: _Path, right: _Path) -> _Path:
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return left[:length]


def _total(draft: _Draft, parts: list[_Part], path: _Path, cutter: _Cutter) -> Size:
    """Return the size of a draft with further parts, and the headings that its header would lose."""
    most = draft.size.most + sum(part.size.most for part in parts)
    usual = draft.size.usual + sum(part.size.usual for part in parts)
    if path != draft.path or any(part.above for part in parts):
        lost = (name for part in (*draft.parts, *parts) for name in part.above if name not in path)
        more = sum(cutter.sizer(f"{name}\n") for name in lost)
        most, usual = most + more, usual + more
    return Size(most, usual)


def _add(draft: _Draft, part: _Part, cutter: _Cutter) -> None:
    """Add a part; headings above it and the others that are no longer in the header go into the text."""
    path = _common(draft.path, part.path)
    draft.size = _total(draft, [part], path, cutter)
    draft.parts.append(part)
    if path == draft.path and not part.above:
        return
    draft.path = path
    for one in draft.parts:
        lost = [name for name in one.above if name not in draft.path]
        if lost:
            one.text = "\n".join([*lost, one.text])
            one.above = tuple(name for name in one.above if name in draft.path)


def _chunk(draft: _Draft, title: str) -> Chunk:
    spans: list[Span] = []
    start = 0
    for part in draft.parts:
        if not spans or spans[-1]["location"] != part.location:
            spans.append({"start": start, "location": part.location})
        start += len(part.text) + 1
    text = "\n".join(part.text for part in draft.parts)
    return Chunk(text, " · ".join([title, *draft.path]), spans, draft.path)


class _Cutter:
    """Makes parts of blocks: each has its heading path, and fits into a chunk."""

    def __init__(self, title: str, sizer: Sizer, most: int) -> None:
        self.title = _short(title)
        self.sizer = sizer
        self._own = title
        self._most = most
        self._headings: dict[int, str] = {}
        self._path: _Path = ()
        self._article = ""
        self._rooms: tuple[_Path | None, int] = (None, most)

    def room(self, path: _Path) -> int:
        """Return how many tokens a text may have under a header."""
        if self._rooms[0] != path:
            header = self.sizer(" · ".join([self.title, *path])) + self.sizer.base
            self._rooms = (path, min(self._most, max(FLOOR, WINDOW - header)))
        return self._rooms[1]

    def holds(self, path: _Path, size: Size) -> bool:
        """Say whether a chunk under a header may have this size.

        What each part would cost as a text of its own counts, so that a chunk of many rows or items stays
        smaller than one of running text.
        """
        room = self.room(path)
        return size.usual <= room and size.most + self.sizer.base <= room

    def parts(self, blocks: Iterable[Block]) -> Iterator[_Part]:
        """Yield the parts of a document; headings become part of the text they lead."""
        waiting: list[str] = []
        location: Location = {}
        for block in blocks:
            if not block.text.strip():
                continue
            location = block.location
            if block.level:
                self._enter(block)
                waiting.append(block.text)
                if sum(map(len, waiting)) > WAITING:
                    yield from self._block(Block("", location), waiting)
                    waiting = []
                continue
            if not _is_code(block.location):
                self._article = article_of(block.text) or self._article
            yield from self._block(block, waiting)
            waiting = []
        if waiting:  # headings without a text, at the end
            yield from self._block(Block("", location), waiting)

    def _enter(self, heading: Block) -> None:
        kept = {level: text for level, text in self._headings.items() if level < heading.level}
        self._headings = {**kept, heading.level: heading.text}
        named = (text for _, text in sorted(self._headings.items()))
        self._path = tuple(_short(text) for text in named if text != self._own)
        self._article = ""

    def _block(self, block: Block, waiting: list[str]) -> Iterator[_Part]:
        path = self._path
        above = tuple(text for text in waiting if text in path[:-1])
        lead = "\n".join(text for text in waiting if text not in path[:-1])
        location: Location = {**block.location}
        if block.text and path and "row" not in location:
            location["heading"] = path[-1]
        if block.text and self._article:
            location["article"] = self._article
        text = f"{lead}\n{block.text}" if lead and block.text else lead or block.text
        room = self.room(path)
        unit = _unit(path, location) if block.text else None
        code = _is_code(location)
        before = text.count("\n", 0, len(lead)) + 1 if lead else 0
        spans = line_spans if code else sentence_spans
        if code and len(text) <= room * (LETTERS if text.isascii() else CHARACTERS):
            # its lines have more tokens one by one than together
            size = self.sizer.fits(text, self.sizer(text), room)
            if size is not None:
                yield _Part(path, text, location, size, unit, above)
                return
        for start, end, size in pieces(text, self.sizer, room, spans, whole=not code):
            piece = text[start:end]
            place = _lines_of(text, start, end, location, before) if code else location
            if code and end < len(text):
                piece = piece.removesuffix("\n")  # the next piece begins a line, as parts do
            yield _Part(path, piece, place, size, unit, above)
            above = ()


def _short(heading: str) -> str:
    line = " ".join(heading[: 4 * HEADING].split()) if "\n" in heading else heading
    return line if len(line) <= HEADING else f"{line[: HEADING - 1]}…"


def _is_code(location: Location) -> bool:
    return "symbol" in location or "lines" in location


def _lines_of(text: str, start: int, end: int, location: Location, before: int) -> Location:
    """Return the location of a piece of code, with the lines that it has of the block's.

    Args:
        text: the block's text under its headings.
        start: where the piece begins.
        end: where it ends.
        location: the block's.
        before: how many lines of the text are headings.
    """
    lines = location.get("lines")
    if lines is None or text.count("\n") - before != lines[1] - lines[0]:
        return location
    first = lines[0] - before + text.count("\n", 0, start)
    last = first + text.count("\n", start, end - 1)
    return {**location, "lines": [max(first, lines[0]), max(last, lines[0])]}


def _unit(path: _Path, location: Location) -> _Unit | None:
    if "time" in location:
        return ("time", path, "")
    if "symbol" in location:
        return ("symbol", path, location["symbol"])
    return ("article", path, location["article"]) if "article" in location else None
