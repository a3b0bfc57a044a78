"""PDF through pypdfium2: text page by page, running headers and footers removed, lines joined.

The first pages tell what the document's type sizes and running lines are; blocks are made while pages
are read, and at no time lie more than those pages in memory.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.loaders import ocr
from indexes.ingest.structure import blocks_of_lines, heading_level, join_lines
from indexes.text import normalize, tokens
from indexes.types import Block

__all__ = ["load_pdf"]

MAX_PAGES = 20_000
SURVEYED = 1000  # pages that tell a document's sizes and running lines
FEW = 10  # visible characters: a page with an image and no more than these is scanned
COVERED = 0.3  # of a page, by an image that may be a scan
DRAWN = 50  # paths on a page without text that may be letters
OBJECTS = 5000  # of a page that are looked at
TAIL = 2048  # bytes at a file's end, where its mark stands
MAX_PIXELS = 4000  # of a page's longer side when it is drawn to be recognised
_HASH = r"(?=[a-f]*\d+[a-f])[0-9a-f]{8,}"  # letters after digits, which words do not have
_MEANINGLESS = re.compile(
    r"(?:scan|document|doc|file|untitled|img|download|扫描件?|文档|新建)?[\W_\d]*"
    rf"(?:{_HASH}|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})?[\W_\d]*"
)


def load_pdf(path: Path) -> Loaded:
    """Read a PDF; every block carries its page, counted from 1.

    Pages without a text are recognised if an engine is installed, and named in a warning either way.
    """
    import pypdfium2 as pdfium

    _forget_system_fonts()
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise LoadError(
                "The PDF is encrypted.", fix="save a copy without a password."
            ) from error
        raise
    try:
        if len(document) > MAX_PAGES:
            raise LoadError(
                f"The PDF has {len(document)} pages; the limit is {MAX_PAGES}.",
                fix="split it into smaller files.",
            )
        pages = _pages(document)
        first = list(itertools.islice(pages, SURVEYED))
        layout = _survey(first)
        title = _title(layout.kept(first[0].lines), layout.larger) if first else ""
    except BaseException:
        document.close()
        raise
    warnings = [] if _is_whole(path) else ["The file has no end; pages may be missing."]
    return Loaded(
        _blocks(document, itertools.chain(_drained(first), pages), layout, warnings),
        title=title if _is_told_apart(title, path.stem) else "",
        warnings=warnings,
    )


@cache
def _forget_system_fonts() -> None:
    """Let pdfium stand its own fonts in for those that a file lacks.

    With those of the machine the same file has other line breaks on another machine.
    """
    import pypdfium2 as pdfium

    class OwnFonts(pdfium.PdfSysfontBase):  # type: ignore[misc]  # pypdfium2 is untyped
        def EnumFonts(self, _: Any, mapper: Any) -> None:  # pdfium's name
            return None

        def MapFont(self, *asked: Any) -> None:  # pdfium's name
            return None

    OwnFonts().setup()


def _blocks(
    document: Any, pages: Iterable[_Page], layout: _Layout, warnings: list[str]
) -> Iterator[Block]:
    scanned: list[int] = []
    read = False
    try:
        for number, page in enumerate(pages, 1):
            lines = layout.kept(page.lines)
            headings = {line.text.strip(): _level(line, layout.larger) for line in lines}
            for block in blocks_of_lines(_unwrapped(lines, headings), {"page": number}, headings):
                read = True
                yield block
            if page.drawn and sum(len("".join(line.text.split())) for line in lines) < FEW:
                scanned.append(number)
                for block in _recognised(document, number):
                    read = True
                    yield block
                if ocr.available():
                    yield Block("", {"page": number})  # even without a text it took seconds
        pages_in_all = len(document)
    finally:
        document.close()
    if scanned and not read:
        raise LoadError(
            f"The PDF has no text: {len(scanned)} of its {pages_in_all} pages are scanned.",
            fix=f"{ocr.INSTALL}, or run text recognition on the file first.",
        )
    if scanned and ocr.available():
        warnings.append(f"{_named(scanned)} scanned; the text was recognised and may have errors.")
    elif scanned:
        warnings.append(f"{_named(scanned, 'has', 'have')} no text (scanned): {ocr.INSTALL}.")


def _named(pages: Sequence[int], one: str = "is", many: str = "are") -> str:
    """Return pages as a sentence begins with them: "Pages 3, 7-9 are"."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and runs[-1][-1] == page - 1:
            runs[-1] = [runs[-1][0], page]
        else:
            runs.append([page])
    names = ", ".join("-".join(map(str, run)) for run in runs)
    return f"Page {names} {one}" if len(pages) == 1 else f"Pages {names} {many}"


def _recognised(document: Any, number: int) -> Iterator[Block]:
    if not ocr.available():
        return
    page = document[number - 1]
    scale = min(ocr.DPI / 72, MAX_PIXELS / max(1.0, *page.get_size()))
    bitmap = page.render(scale=scale)
    lines = [_Line(text, 0.0) for text in ocr.recogniser()(bitmap.to_numpy())]
    bitmap.close()
    page.close()
    headings = {line.text.strip(): _level(line, ()) for line in lines}
    yield from blocks_of_lines(_unwrapped(lines, headings), {"page": number}, headings)


def _is_whole(path: Path) -> bool:
    """Say whether a file ends as a PDF does, and was not cut off."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL))
        return b"%%EOF" in file.read()


def _is_told_apart(title: str, name: str) -> bool:
    """Say whether a title found on the first page tells this document from its like.

    It does if it shares a word with the file's name, or if the name says nothing; the largest line
    of a form ("UNITED STATES SECURITIES AND EXCHANGE COMMISSION") stands on thousands of others.
    """
    words = {word for word in tokens(name) if len(word) > 1 and not word[0].isdigit()}
    plain = normalize(title)
    meaningless = not words or _MEANINGLESS.fullmatch(normalize(name)) is not None
    return meaningless or any(word in plain for word in words)


@dataclass(frozen=True)
class _Line:
    text: str
    size: float


@dataclass(frozen=True)
class _Page:
    """A page's lines, and whether it may show text that it does not have."""

    lines: list[_Line]
    drawn: bool


@dataclass(frozen=True)
class _Layout:
    """What a document's pages have in common: type sizes above its text's, and running lines."""

    larger: Sequence[float]
    running: set[str]

    def kept(self, lines: Sequence[_Line]) -> list[_Line]:
        """Return a page's lines without the running ones."""
        total = len(lines)
        return [one for i, one in enumerate(lines) if not _is_running(one, i, total, self.running)]


def _survey(pages: Sequence[_Page]) -> _Layout:
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            sizes[line.size] += len(line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    larger = sorted((size for size, n in sizes.items() if n and size > 1.05 * body), reverse=True)
    layout = _Layout(larger, _running_lines([page.lines for page in pages]))
    if not any(layout.kept(page.lines) for page in pages):
        # each page says one thing, in the same words but a number
        return _Layout(larger, _running_lines([]))
    return layout


def _pages(document: Any) -> Iterator[_Page]:
    for number in range(len(document)):
        try:
            page = document[number]
        except Exception as error:
            raise LoadError(
                f"Page {number + 1} of the PDF cannot be read: the file is damaged or cut off.",
                fix="open and save it again in its own program.",
            ) from error
        if _is_filled_in(page):
            page = _flattened(document, page, number)
        lines = _lines(page)
        visible = sum(len("".join(line.text.split())) for line in lines)
        yield _Page(lines, visible < 20 * FEW and _is_drawn(page, visible))
        page.close()


def _is_filled_in(page: Any) -> bool:
    """Say whether a page has forms or notes whose text is none of its own."""
    import pypdfium2.raw as raw

    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind in {raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT}:
            return True
    return False


def _flattened(document: Any, page: Any, number: int) -> Any:
    """Return the page with what is filled in as its own text."""
    import pypdfium2.raw as raw

    raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    page.close()
    return document[number]


def _drained(pages: list[_Page]) -> Iterator[_Page]:
    """Yield pages and let go of each."""
    pages.reverse()
    while pages:
        yield pages.pop()


def _is_drawn(page: Any, visible: int) -> bool:
    """Say whether a page has a large image, or no text but many paths."""
    import pypdfium2.raw as raw

    width, height = page.get_size()
    paths = 0
    for thing in itertools.islice(page.get_objects(max_depth=3), OBJECTS):
        paths += thing.type == raw.FPDF_PAGEOBJ_PATH
        if thing.type == raw.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = thing.get_bounds()
            if (right - left) * (top - bottom) >= COVERED * width * height:
                return True
    return not visible and paths >= DRAWN


def _lines(page: Any) -> list[_Line]:
    """Return the lines of a page, each with the font size of its first visible character."""
    import pypdfium2.raw as raw

    textpage = page.get_textpage()
    out: list[_Line] = []
    start = 0
    for text in re.split(r"[\r\n]", _characters(textpage)):
        if text:
            visible = (start + i for i, char in enumerate(text) if not char.isspace())
            found = (raw.FPDFText_GetFontSize(textpage, i) for i in visible)
            size = next((rounded for one in found if (rounded := round(one, 1))), 0.0)
            out.append(_Line(clean(text), size))
        start += len(text) + 1
    textpage.close()
    return out


def _characters(textpage: Any) -> str:
    """Return a page's characters by their index; rare ones are two surrogates, each with its own."""
    import pypdfium2.raw as raw

    count = textpage.count_chars()
    units = (ctypes.c_ushort * (count + 1))()
    if count and raw.FPDFText_GetText(textpage, 0, count, units) == count + 1:
        return "".join(map(chr, units[:count]))
    return "".join(chr(raw.FPDFText_GetUnicode(textpage, i)) for i in range(count))


def _level(line: _Line, larger: Sequence[float]) -> int:
    """Return a line's heading depth: by its number, else by its size where sizes tell."""
    text = line.text.strip()
    if larger and line.size not in larger:
        return 0
    by_number = heading_level(text)
    if by_number or not larger or len(text) > 60 or text.endswith(("。", "；", "，")):
        return by_number
    return larger.index(line.size) + 1


def clean(line: str) -> str:
    """Remove what PDF text carries and people do not see: odd spaces and control characters.

    Rare characters come as two surrogates, which are joined. A hyphen at a line's end comes as a
    control character: it is kept before digits and capitals, where it parts no word.
    """
    line = line.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    line = re.sub(r"[\x02\ufffe](?=[\dA-Z])", "-", line)  # it parts COVID-19, not a word
    line = line.replace("\ufffe", "").replace("\u00a0", " ")
    return re.sub(r"[\x00-\x08\x0b-\x1f]", "", line).rstrip()


def _masked(line: str) -> str:
    return re.sub(r"\d+", "#", re.sub(r"\s+", "", line))


def _running_lines(pages: Sequence[Sequence[_Line]]) -> set[str]:
    """Return the lines, digits masked, that stand at the edge of most pages."""
    if len(pages) < 2:
        return {"第#页", "Page#", "#"}
    edges = Counter(
        masked
        for lines in pages
        for masked in {
            _masked(line.text) for line in (*lines[:2], *lines[-2:]) if line.text.strip()
        }
    )
    return {m for m, n in edges.items() if n >= max(2, 0.6 * len(pages))} | {"第#页", "Page#", "#"}


def _is_running(line: _Line, position: int, total: int, running: set[str]) -> bool:
    at_edge = position < 2 or position >= total - 2
    return at_edge and _masked(line.text) in running


def _unwrapped(lines: Sequence[_Line], headings: dict[str, int]) -> list[str]:
    """Separate paragraphs by blank lines: a line that ends well short of the margin ends one."""
    widths = sorted(_width(line.text) for line in lines if line.text.strip())
    margin = widths[int(len(widths) * 0.9)] if widths else 0
    out: list[str] = []
    for line in lines:
        text = line.text.strip()
        out.append(text)
        full = _width(text) >= 0.93 * margin
        ends = bool(re.search(r"[。！？；.!?:：;]$", text)) and not full
        if ends or _width(text) < 0.72 * margin or headings.get(text):
            out.append("")
    return out


def _width(line: str) -> int:
    return sum(2 if ord(char) > 0x2E80 else 1 for char in line.strip())


def _title(lines: Sequence[_Line], larger: Sequence[float]) -> str:
    """Return the first line of the cover that can be a title, with the lines it is wrapped into.

    One in larger type than the text goes before one that is not: a page's header, say, or its issuer.
    """
    found = [
        position
        for position, line in enumerate(lines[:6])
        if 4 <= len(text := line.text.strip()) <= 60
        and not re.fullmatch(r"[\W\d]+", text)
        and not _NUMBERING.search(text)
    ]
    if not found:
        return ""
    position = next((one for one in found if lines[one].size in larger), found[0])
    return join_lines([lines[position].text.strip(), *_wrapped(lines, position, larger)])


def _wrapped(lines: Sequence[_Line], position: int, larger: Sequence[float]) -> Iterator[str]:
    """Yield the lines after a title that are set as it is, in larger type than the text."""
    size = lines[position].size
    for line in lines[position + 1 : position + 3]:
        if size not in larger or line.size != size:
            return
        yield line.text.strip()


_NUMBERING = re.compile(r"编号|文号|No\.|版本|日期|^第\s*\d+\s*页")
