"""PDF through pypdfium2: text page by page, running headers and footers removed, lines joined."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.structure import blocks_of_lines, heading_level, join_lines
from indexes.text import normalize, tokens
from indexes.types import Block

__all__ = ["load_pdf"]

MAX_PAGES = 5000
_MEANINGLESS = re.compile(
    r"(?:scan|document|doc|file|untitled|img|download|扫描件?|文档|新建)?[\W_0-9a-f]*"
)


def load_pdf(path: Path) -> Loaded:
    """Read a PDF; every block carries its page, counted from 1."""
    import pypdfium2 as pdfium

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
            raise LoadError(f"The PDF has {len(document)} pages; the limit is {MAX_PAGES}.")
        pages = [_lines(page) for page in document]
    finally:
        document.close()
    sizes = Counter(line.size for lines in pages for line in lines for _ in line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    larger = sorted((size for size in sizes if size > 1.05 * body), reverse=True)
    running = _running_lines(pages)
    blocks: list[Block] = []
    title = ""
    for number, lines in enumerate(pages, 1):
        kept = [
            line for i, line in enumerate(lines) if not _is_running(line, i, len(lines), running)
        ]
        if number == 1:
            title = _title(kept, larger)
        headings = {line.text.strip(): _level(line, larger) for line in kept}
        blocks += blocks_of_lines(_unwrapped(kept, headings), {"page": number}, headings)
    return Loaded(blocks, title=title if _is_told_apart(title, path.stem) else "")


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


def _lines(page: Any) -> list[_Line]:
    """Return the lines of a page, each with the font size of its first visible character."""
    import pypdfium2.raw as raw

    textpage = page.get_textpage()
    out: list[_Line] = []
    chars: list[str] = []
    size = 0.0
    for i in range(textpage.count_chars()):
        char = chr(raw.FPDFText_GetUnicode(textpage, i))
        if char in "\r\n":
            if chars:
                out.append(_Line(clean("".join(chars)), size))
            chars, size = [], 0.0
        else:
            chars.append(char)
            if not size and not char.isspace():
                size = round(raw.FPDFText_GetFontSize(textpage, i), 1)
    if chars:
        out.append(_Line(clean("".join(chars)), size))
    textpage.close()
    page.close()
    return out


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

    Rare characters come as two surrogates, which are joined.
    """
    line = line.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
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
    """Return the first line of the cover that can be a title, with the lines it is wrapped into."""
    for position, line in enumerate(lines[:6]):
        text = line.text.strip()
        if (
            4 <= len(text) <= 60
            and not re.fullmatch(r"[\W\d]+", text)
            and not _NUMBERING.search(text)
        ):
            return join_lines([text, *_wrapped(lines, position, larger)])
    return ""


def _wrapped(lines: Sequence[_Line], position: int, larger: Sequence[float]) -> Iterator[str]:
    """Yield the lines after a title that are set as it is, in larger type than the text."""
    size = lines[position].size
    for line in lines[position + 1 : position + 3]:
        if size not in larger or line.size != size:
            return
        yield line.text.strip()


_NUMBERING = re.compile(r"编号|文号|No\.|版本|日期|^第\s*\d+\s*页")
