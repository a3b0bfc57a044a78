"""Build the PDF, DOCX and HTML files of the examples' documents from Markdown.

Every ``_sources/<project>/<folders>/<stem>.md`` whose front matter names a ``format`` (pdf, docx or
html) becomes ``<project>/docs/<folders>/<stem>.<format>``.  The output is deterministic: building
twice gives the same bytes.

Usage: ``python examples/_sources/build.py [PROJECT [STEM ...]]`` (no project: all; no stems: all).
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any, Literal

import docx
import yaml
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from markdown_it import MarkdownIt
from markdown_it.token import Token
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import cm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, PageBreak, SimpleDocTemplate, Spacer, Table, TableStyle

SOURCES = Path(__file__).resolve().parent
EXAMPLES = SOURCES.parent
AUTHOR = "临江城投集团"  # of documents whose front matter names none

CJK_FONT = "STSong-Light"
LATIN_FONT = "Helvetica"
BODY_SIZE = 10.5
TABLE_SIZE = 9.0
LEADING = 1.55
MARGIN = 2.5 * cm
TEXT_WIDTH = A4[0] - 2 * MARGIN
CELL_PADDING = 4.0
HEADING_SIZES = {1: 15.0, 2: 12.5, 3: 11.0}
NO_LINE_START = set("，。；：、！？）》」』】”’%‰℃·…—,.;:!?)]")
NO_LINE_END = set("（《「『【“‘([")
PAGE_BREAK = "<!-- pagebreak -->"
FIXED_ZIP_TIME = (2020, 1, 1, 0, 0, 0)

Format = Literal["pdf", "docx", "html"]
Run = tuple[str, bool]
"""A piece of text and whether it is bold."""


@dataclass(frozen=True)
class Source:
    """The front matter and the body of one Markdown source."""

    path: Path
    title: str
    format: Format
    header: str
    number: str
    date: str
    author: str
    body: str

    @property
    def english(self) -> bool:
        """Tell whether the document is written in English."""
        return not any(_is_wide(char) for char in self.title)

    @property
    def target(self) -> Path:
        """Return the path of the built file."""
        project, *folders = self.path.parent.relative_to(SOURCES).parts
        name = f"{self.path.stem}.{self.format}"
        return EXAMPLES.joinpath(project, "docs", *folders, name)

    @property
    def cover_lines(self) -> list[str]:
        """Return the lines that stand below the title."""
        colon = ": " if self.english else "："
        labels = ("Document No.", "Date") if self.english else ("文件编号", "日期")
        values = (self.number, self.date)
        return [f"{name}{colon}{text}" for name, text in zip(labels, values, strict=True) if text]


@dataclass
class Block:
    """One block of a document: heading, paragraph, list item, table or page break."""

    kind: Literal["heading", "paragraph", "item", "table", "break"]
    runs: list[Run] = field(default_factory=list)
    level: int = 1
    number: int | None = None
    rows: list[list[list[Run]]] = field(default_factory=list)


def read_source(path: Path) -> Source | None:
    """Read a source, or return None where its front matter names no built format."""
    text = path.read_text(encoding="utf-8")
    if not text.startswith("---\n"):
        return None
    front, _, body = text[4:].partition("\n---\n")
    meta: dict[str, Any] = yaml.safe_load(front) or {}
    built_format: Format | None = meta.get("format")
    if built_format is None or built_format not in BUILDERS:
        return None
    return Source(
        path=path,
        title=str(meta["title"]),
        format=built_format,
        header=str(meta.get("header") or ""),
        number=str(meta.get("number") or ""),
        date=str(meta.get("date") or ""),
        author=str(meta.get("author") or AUTHOR),
        body=body,
    )


def parse_blocks(body: str) -> Iterator[Block]:
    """Yield the blocks of a Markdown body in order."""
    lists: list[int | None] = []
    heading = 0
    rows: list[list[list[Run]]] = []
    in_table = False
    item_open = False
    for token in MarkdownIt("commonmark").enable("table").parse(body):
        match token.type:
            case "heading_open":
                heading = int(token.tag[1:])
            case "heading_close":
                heading = 0
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "list_item_open":
                item_open = True
            case "table_open":
                in_table, rows = True, []
            case "table_close":
                in_table = False
                yield Block("table", rows=rows)
            case "tr_open":
                rows.append([])
            case "html_block" if token.content.strip() == PAGE_BREAK:
                yield Block("break")
            case "html_block" | "fence" | "code_block":
                yield Block("paragraph", runs=[(token.content.strip(), False)])
            case "inline" if in_table:
                rows[-1].append(_inline_runs(token))
            case "inline" if heading:
                yield Block("heading", runs=_inline_runs(token), level=min(heading, 3))
            case "inline" if lists and item_open:
                item_open = False
                number = lists[-1]
                yield Block("item", runs=_inline_runs(token), level=len(lists), number=number)
                if number is not None:
                    lists[-1] = number + 1
            case "inline":
                yield Block("paragraph", runs=_inline_runs(token))
            case _:
                pass


def _inline_runs(token: Token) -> list[Run]:
    """Flatten an inline token to runs of plain and bold text."""
    runs: list[Run] = []
    depth = 0
    for child in token.children or []:
        if child.type == "strong_open":
            depth += 1
        elif child.type == "strong_close":
            depth -= 1
        elif child.type == "softbreak":
            before = runs[-1][0][-1:] if runs else ""
            runs.append(("" if _is_wide(before) else " ", depth > 0))
        elif child.type == "hardbreak":
            runs.append(("\n", depth > 0))
        elif child.content:
            runs.append((child.content, depth > 0))
    return runs


def _is_wide(char: str) -> bool:
    """Tell whether a character is Chinese text or Chinese punctuation."""
    return bool(char) and (ord(char) >= 0x2E80 or char in "“”‘’…—·")


def _font(char: str, english: bool) -> str:
    """Return the PDF font that holds a character."""
    latin = ord(char) < 0x100 if english else char in "²³"
    return LATIN_FONT if latin else CJK_FONT


def _width(text: str, size: float, english: bool) -> float:
    """Return the printed width of a text in points."""
    return float(sum(pdfmetrics.stringWidth(c, _font(c, english), size) for c in text))


def _words(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Yield the unbreakable pieces of a text as lists of single characters."""
    word: list[Run] = []
    for text, bold in runs:
        for char in text:
            before = word[-1][0] if word else ""
            glued = char in NO_LINE_START or before in NO_LINE_END
            if char == "\n" or before in (" ", "\n"):
                splits = True
            else:
                splits = not glued and (_is_wide(char) or _is_wide(before))
            if word and splits:
                yield word
                word = []
            word.append((char, bold))
    if word:
        yield word


@dataclass(frozen=True)
class Look:
    """How a stretch of PDF text is set."""

    size: float = BODY_SIZE
    english: bool = False
    centred: bool = False
    left: float = 0.0
    first: float = 0.0


def wrap_text(runs: Sequence[Run], width: float, look: Look) -> list[list[Run]]:
    """Break runs into lines that fit a width, keeping numbers and Latin words whole."""
    lines: list[list[Run]] = [[]]
    used = look.first
    for piece in _words(runs):
        word = piece
        if word[0][0] == "\n":
            lines.append([])
            used = 0.0
            word = word[1:]
        needed = sum(_width(c, look.size, look.english) for c, _ in word if c != " ")
        if used + needed > width and lines[-1]:
            lines.append([])
            used = 0.0
        for char, bold in word:
            step = _width(char, look.size, look.english)
            if needed > width and used + step > width:
                lines.append([])
                used = 0.0
            lines[-1].append((char, bold))
            used += step
    return lines


def draw_line(canvas: Any, runs: Sequence[Run], x: float, y: float, look: Look) -> None:
    """Draw one line of text, one text object for every stretch of one font."""
    stretches: list[tuple[str, bool, str]] = []
    for text, bold in runs:
        for char in text:
            font = _font(char, look.english)
            if stretches and stretches[-1][:2] == (font, bold):
                stretches[-1] = (font, bold, stretches[-1][2] + char)
            else:
                stretches.append((font, bold, char))
    canvas.setLineWidth(look.size / 35)
    for font, bold, text in stretches:
        drawn = canvas.beginText(x, y)
        drawn.setFont(font, look.size)
        drawn.setTextRenderMode(2 if bold else 0)
        # Where no Chinese font is installed, PDFium drops text objects of one glyph.
        drawn.textOut(text + " " if len(text) == 1 and font == CJK_FONT else text)
        canvas.drawText(drawn)
        x += _width(text, look.size, look.english)


class TextBlock(Flowable):
    """Text that is broken into lines here and can be split between pages."""

    def __init__(
        self,
        runs: Sequence[Run],
        look: Look,
        *,
        before: float = 0.0,
        after: float = 0.0,
        keep: bool = False,
        lines: list[list[Run]] | None = None,
    ) -> None:
        """Keep the text and its look."""
        super().__init__()
        self.runs = runs
        self.look = look
        self.spaceBefore = before
        self.spaceAfter = after
        self.keepWithNext = keep
        self.lines = lines
        self.leading = look.size * LEADING
        self.available = 0.0

    def _broken(self, width: float) -> list[list[Run]]:
        """Return the lines at a width."""
        self.available = width
        if self.lines is None:
            self.lines = wrap_text(self.runs, width - self.look.left - 0.5, self.look)
        return self.lines

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        """Return the size of the text at a width."""
        return availWidth, len(self._broken(availWidth)) * self.leading

    def split(self, availWidth: float, availHeight: float) -> list[Flowable]:
        """Return the lines that fit and the rest, or nothing where none fit."""
        lines = self._broken(availWidth)
        fits = int(availHeight // self.leading)
        if fits < 1 or fits >= len(lines):
            return [] if fits < 1 else [self]
        rest = replace(self.look, first=0.0)
        return [
            TextBlock(self.runs, self.look, before=self.spaceBefore, lines=lines[:fits]),
            TextBlock(self.runs, rest, after=self.spaceAfter, lines=lines[fits:]),
        ]

    def draw(self) -> None:
        """Draw the lines from the top down."""
        lines = self._broken(self.available)
        for i, line in enumerate(lines):
            y = (len(lines) - i) * self.leading - self.look.size * 1.2
            x = self.look.left + (self.look.first if i == 0 else 0.0)
            if self.look.centred:
                text = "".join(t for t, _ in line).rstrip()
                x = (self.available - _width(text, self.look.size, self.look.english)) / 2
            draw_line(self.canv, line, x, y, self.look)


def _column_widths(rows: Sequence[Sequence[Sequence[Run]]], english: bool) -> list[float]:
    """Return column widths that follow the length of the cells' text."""
    count = max(len(row) for row in rows)
    natural = [0.0] * count
    for row in rows:
        for i, cell in enumerate(row):
            printed = sum(_width(t, TABLE_SIZE, english) for t, _ in cell)
            natural[i] = max(natural[i], max(min(printed, 220.0), 24.0) + 2 * CELL_PADDING + 4.0)
    if sum(natural) <= TEXT_WIDTH:
        return [width * TEXT_WIDTH / sum(natural) for width in natural]
    # Short columns keep their width; the long ones share what is left.
    fair = TEXT_WIDTH / count
    short = sum(width for width in natural if width <= fair)
    scale = (TEXT_WIDTH - short) / sum(width for width in natural if width > fair)
    return [width if width <= fair else width * scale for width in natural]


def _pdf_table(rows: list[list[list[Run]]], english: bool) -> Table:
    """Return a bordered table whose header row repeats on every page."""
    look = Look(TABLE_SIZE, english)
    cells = [
        [TextBlock([(t, b or i == 0) for t, b in cell], look) for cell in row]
        for i, row in enumerate(rows)
    ]
    style = TableStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
            ("BACKGROUND", (0, 0), (-1, 0), colors.Color(0.91, 0.91, 0.91)),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("LEFTPADDING", (0, 0), (-1, -1), CELL_PADDING),
            ("RIGHTPADDING", (0, 0), (-1, -1), CELL_PADDING),
        ]
    )
    widths = _column_widths(rows, english)
    return Table(cells, widths, repeatRows=1, style=style, spaceBefore=4, spaceAfter=8)


def _pdf_flowable(block: Block, english: bool) -> Any:
    """Return the reportlab flowable of one block."""
    match block.kind:
        case "break":
            return PageBreak()
        case "table":
            return _pdf_table(block.rows, english)
        case "heading":
            look = Look(HEADING_SIZES[block.level], english)
            runs = [(text, True) for text, _ in block.runs]
            return TextBlock(runs, look, before=look.size * 0.8, after=5, keep=True)
        case "item":
            mark = f"{block.number}. " if block.number is not None else "• "
            look = Look(english=english, left=18.0 * block.level)
            return TextBlock([(mark, False), *block.runs], look)
        case _:
            look = Look(english=english, first=0.0 if english else 2 * BODY_SIZE)
            return TextBlock(block.runs, look, after=4)


def build_pdf(source: Source) -> bytes:
    """Return the source as PDF."""
    english = source.english
    cover = Look(BODY_SIZE, english, centred=True)
    story: list[Any] = [
        Spacer(1, 10),
        TextBlock([(source.title, True)], replace(cover, size=20.0), after=12),
        *(TextBlock([(line, False)], cover) for line in source.cover_lines),
        Spacer(1, 22),
        *(_pdf_flowable(block, english) for block in parse_blocks(source.body)),
    ]

    def decorate(canvas: Any, document: Any) -> None:
        small = Look(TABLE_SIZE, english)
        footer = f"Page {document.page}" if english else f"第 {document.page} 页"
        canvas.saveState()
        for text, y in ((source.header, A4[1] - 1.6 * cm), (footer, 1.3 * cm)):
            x = (A4[0] - _width(text, TABLE_SIZE, english)) / 2
            draw_line(canvas, [(text, False)], x, y, small)
        canvas.line(MARGIN, A4[1] - 1.8 * cm, A4[0] - MARGIN, A4[1] - 1.8 * cm)
        canvas.restoreState()

    buffer = io.BytesIO()
    # A frame pads its content by 6 pt on each side.
    side = MARGIN - 6
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=side,
        rightMargin=side,
        topMargin=MARGIN,
        bottomMargin=2.2 * cm,
        title=source.title,
        author=source.author,
        invariant=1,
    )
    document.build(story, onFirstPage=decorate, onLaterPages=decorate)
    return buffer.getvalue()


def _add_runs(paragraph: Any, runs: Sequence[Run]) -> None:
    """Add runs to a DOCX paragraph."""
    for text, bold in runs:
        if text:
            paragraph.add_run(text).bold = bold or None


def _add_page_field(paragraph: Any) -> None:
    """Add the field that shows the page number."""
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        run = paragraph.add_run()
        if kind:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        else:
            element = OxmlElement("w:instrText")
            element.text = text
        run._r.append(element)


def _set_fonts(document: Any) -> None:
    """Give all used styles a Latin and a Chinese font."""
    for name in ("Normal", "Title", "Heading 1", "Heading 2", "Heading 3"):
        style = document.styles[name]
        style.font.name = "Arial"
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{theme}"), None)
        fonts.set(qn("w:eastAsia"), "宋体")
    document.styles["Normal"].font.size = Pt(BODY_SIZE)


def _add_table(document: Any, rows: list[list[list[Run]]]) -> None:
    """Add a bordered table to a DOCX document."""
    table = document.add_table(rows=len(rows), cols=max(len(row) for row in rows))
    table.style = "Table Grid"
    cells = list(table._cells)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            target = cells[i * len(table.columns) + j].paragraphs[0]
            _add_runs(target, [(text, bold or i == 0) for text, bold in cell])
    document.add_paragraph()


def build_docx(source: Source) -> bytes:
    """Return the source as DOCX."""
    document: Any = docx.Document()
    _set_fonts(document)
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    section.header.paragraphs[0].text = source.header
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    footer.add_run("Page " if source.english else "第 ")
    _add_page_field(footer)
    if not source.english:
        footer.add_run(" 页")

    document.add_paragraph(source.title, style="Title")
    for line in source.cover_lines:
        document.add_paragraph(line).alignment = WD_ALIGN_PARAGRAPH.CENTER
    for block in parse_blocks(source.body):
        match block.kind:
            case "break":
                document.add_page_break()
            case "table":
                _add_table(document, block.rows)
            case "heading":
                _add_runs(document.add_paragraph(style=f"Heading {block.level}"), block.runs)
            case "item" if block.number is not None:
                # Written as text: Word's automatic numbers get lost in extraction.
                paragraph = document.add_paragraph(style="List Paragraph")
                paragraph.paragraph_format.left_indent = Cm(0.7 * block.level)
                _add_runs(paragraph, [(f"{block.number}. ", False), *block.runs])
            case "item":
                style = "List Bullet" if block.level == 1 else "List Bullet 2"
                _add_runs(document.add_paragraph(style=style), block.runs)
            case _:
                _add_runs(document.add_paragraph(), block.runs)

    properties = document.core_properties
    properties.title = source.title
    properties.author = properties.last_modified_by = source.author
    properties.comments = ""
    properties.created = properties.modified = dt.datetime(2020, 1, 1)
    buffer = io.BytesIO()
    document.save(buffer)
    return _fixed_zip(buffer.getvalue())


def _fixed_zip(data: bytes) -> bytes:
    """Return a zip archive again with fixed time stamps."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, FIXED_ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            info.create_system = 3
            new.writestr(info, old.read(name))
    return buffer.getvalue()


def build_html(source: Source) -> bytes:
    """Return the source as a web page, with its date and author as metadata."""
    metas = {"author": source.author, "date": source.date}
    lines = [
        "<!DOCTYPE html>",
        f'<html lang="{"en" if source.english else "zh"}">',
        '<head><meta charset="utf-8">',
        f"<title>{escape(source.title)}</title>",
        *(f'<meta name="{name}" content="{escape(text)}">' for name, text in metas.items() if text),
        "</head>",
        "<body>",
        *([f"<header>{escape(source.header)}</header>"] if source.header else []),
        f"<h1>{escape(source.title)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in source.cover_lines),
        MarkdownIt("commonmark").enable("table").render(source.body).rstrip(),
        "</body>",
        "</html>",
    ]
    return "\n".join([*lines, ""]).encode()


BUILDERS: Mapping[Format, Callable[[Source], bytes]] = {
    "pdf": build_pdf,
    "docx": build_docx,
    "html": build_html,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the named sources of a project, or all of it, or all projects."""
    parser = argparse.ArgumentParser(description="Build the examples' PDF, DOCX and HTML files.")
    parser.add_argument("project", nargs="?", default="", help="such as urban_construction")
    parser.add_argument("stems", nargs="*", help="build only the sources with these stems")
    given = parser.parse_args(arguments)
    wanted = set(given.stems)
    pdfmetrics.registerFont(UnicodeCIDFont(CJK_FONT))
    paths = sorted((SOURCES / given.project).rglob("*.md"))
    missing = wanted - {path.stem for path in paths}
    if missing or not paths:
        print(f"no such source: {', '.join(sorted(missing)) or given.project}", file=sys.stderr)
        return 1
    for path in paths:
        if wanted and path.stem not in wanted:
            continue
        source = read_source(path)
        if source is None:
            continue
        source.target.parent.mkdir(parents=True, exist_ok=True)
        source.target.write_bytes(BUILDERS[source.format](source))
        print(source.target.relative_to(EXAMPLES))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
