"""Word, Excel, PowerPoint and PDF files: everything in them appears in a block, at its place."""

from __future__ import annotations

import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
import pytest
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from PIL import Image, ImageDraw
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.loaders import load, ocr
from indexes.ingest.loaders.office import told_title
from indexes.ingest.loaders.pdf import clean
from indexes.ingest.loaders.table import rows_to_blocks
from indexes.types import Block
from tests.indexes.samples import write_docx, write_pdf, write_xlsx

MOST = 2**28
RTL = "السلامة أولا"
EMOJI = "进度 🚧 on time 𠮷"
SENTENCES = (
    "夜间噪声限值为55分贝。",
    "The bid bond is 2% of the price.",
    RTL,
    EMOJI,
    "𠮷野家施工段。",
)


def opened(path: Path) -> Loaded:
    """Load a file as ingestion does."""
    return load(path, most=MOST)


def texts(path: Path) -> list[str]:
    """Return the text of a file's blocks."""
    return [block.text for block in opened(path).blocks]


def read(path: Path) -> tuple[list[Block], list[str]]:
    """Return a file's blocks and the warnings of reading them."""
    loaded = opened(path)
    return list(loaded.blocks), loaded.warnings


def put(path: Path, content: str | bytes) -> Path:
    """Write a file."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# --- Word ----------------------------------------------------------------------------------------

FOOTNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
ENDNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/endnotes"
RUN = '<w:r><w:t xml:space="preserve">{}</w:t></w:r>'


def paragraph(*xml: str) -> Any:
    """Make a paragraph of pieces of WordprocessingML."""
    return parse_xml(
        f'<w:p {nsdecls("w", "r")} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        f'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
        f'xmlns:v="urn:schemas-microsoft-com:vml">{"".join(xml)}</w:p>'
    )


def add_notes(document: Any, kind: str, notes: dict[int, str]) -> None:
    """Give a document footnotes or endnotes, by their ids."""
    inner = "".join(
        f'<w:{kind} w:id="{key}"><w:p>{RUN.format(text)}</w:p></w:{kind}>'
        for key, text in notes.items()
    )
    part = Part(
        PackURI(f"/word/{kind}s.xml"),
        f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}s+xml",
        f"<w:{kind}s {nsdecls('w')}>{inner}</w:{kind}s>".encode(),
        document.part.package,
    )
    document.part.relate_to(part, FOOTNOTES if kind == "footnote" else ENDNOTES)


def save(document: Any, path: Path) -> Path:
    """Save a document or workbook."""
    document.save(str(path))
    return path


@pytest.fixture
def word(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of a Word file with these paragraphs."""

    def make(*paragraphs: Any, change: Callable[[Any], None] | None = None) -> Path:
        document = docx.Document()
        for one in paragraphs:
            if isinstance(one, str):
                document.add_paragraph(one)
            else:
                document.element.body.insert(len(document.element.body) - 1, one)
        if change is not None:
            change(document)
        return save(document, tmp_path / "a.docx")

    return make


def test_docx_every_sentence(word: Callable[..., Path]) -> None:
    """Texts of all scripts come as they are."""
    assert texts(word(*SENTENCES)) == list(SENTENCES)


INSERTED = f'<w:ins w:id="1" w:author="a">{RUN.format("新增")}</w:ins>'
DELETED = '<w:del w:id="2" w:author="a"><w:r><w:delText>旧的</w:delText></w:r></w:del>'
MOVED = f'<w:moveFrom w:id="3" w:author="a">{RUN.format("别处")}</w:moveFrom>'
COMMENT = '<w:commentRangeStart w:id="0"/><w:r><w:commentReference w:id="0"/></w:r>'
LINK = f'<w:hyperlink r:id="rId1">{RUN.format("附图")}</w:hyperlink>'
CONTROL = f"<w:sdt><w:sdtContent>{RUN.format('控件')}</w:sdtContent></w:sdt>"
FIELD = (
    '<w:fldSimple w:instr=" REF x "><w:r><w:t>见表2</w:t></w:r></w:fldSimple>'
    "<w:r><w:instrText> PAGE </w:instrText></w:r>"
)


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (INSERTED, "甲新增乙"),
        (DELETED, "甲乙"),
        (MOVED, "甲乙"),
        (COMMENT, "甲乙"),
        (LINK, "甲附图乙"),
        (CONTROL, "甲控件乙"),
        (FIELD, "甲见表2乙"),
        ("<w:r><w:noBreakHyphen/></w:r>", "甲-乙"),
        ("<w:r><w:br/></w:r>", "甲\n乙"),
    ],
    ids=["inserted", "deleted", "moved", "comment", "link", "control", "field", "hyphen", "break"],
)
def test_docx_what_a_paragraph_says(word: Callable[..., Path], xml: str, text: str) -> None:
    """A paragraph reads as with all changes accepted, links and controls included."""
    assert texts(word(paragraph(RUN.format("甲"), xml, RUN.format("乙")))) == [text]


def test_docx_block_control(word: Callable[..., Path]) -> None:
    """Paragraphs in a content control are read."""
    inner = f"<w:p>{RUN.format('封面')}</w:p>"
    control = parse_xml(f"<w:sdt {nsdecls('w')}><w:sdtContent>{inner}</w:sdtContent></w:sdt>")
    assert texts(word("前", control, "后")) == ["前", "封面", "后"]


def test_docx_notes_stand_behind_their_paragraph(word: Callable[..., Path]) -> None:
    """Footnotes and endnotes come once, numbered, behind what refers to them."""

    def change(document: Any) -> None:
        add_notes(document, "footnote", {2: "见附件一。", 3: "Ibid., p. 4."})
        add_notes(document, "endnote", {2: "终稿为准。"})

    one, two = (f'<w:r><w:footnoteReference w:id="{i}"/></w:r>' for i in (2, 3))
    end = '<w:r><w:endnoteReference w:id="2"/></w:r>'
    path = word(
        paragraph(RUN.format("工期"), one, RUN.format("四十八个月。")),
        paragraph(RUN.format("Second."), two, end, one),
        change=change,
    )
    assert texts(path) == [
        "工期四十八个月。",
        "[注1] 见附件一。",
        "Second.",
        "[Note 2] Ibid., p. 4.",
        "[尾注1] 终稿为准。",
    ]


def test_docx_text_boxes(word: Callable[..., Path]) -> None:
    """A text box is read once, although old versions of Word have a copy of it; one in another too."""
    inner = f"<w:drawing><wps:txbx><w:txbxContent><w:p>{RUN.format('内框')}</w:p></w:txbxContent></wps:txbx></w:drawing>"
    box = f"<w:txbxContent><w:p>{RUN.format('外框')}<w:r>{inner}</w:r></w:p></w:txbxContent>"
    drawing = f"<w:drawing><wps:txbx>{box}</wps:txbx></w:drawing>"
    old = f"<w:pict><v:textbox>{box}</v:textbox></w:pict>"
    both = (
        f'<w:r><mc:AlternateContent><mc:Choice Requires="wps">{drawing}</mc:Choice>'
        f"<mc:Fallback>{old}</mc:Fallback></mc:AlternateContent></w:r>"
    )
    assert texts(word(paragraph(RUN.format("正文"), both))) == ["正文", "外框", "内框"]
    assert texts(word(paragraph(f"<w:r>{old}</w:r>"))) == ["外框", "内框"]


def test_docx_diagrams(word: Callable[..., Path]) -> None:
    """What a diagram (SmartArt) says stands behind the paragraph that holds it."""
    dgm = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
    a = "http://schemas.openxmlformats.org/drawingml/2006/main"

    def change(document: Any) -> None:
        points = "".join(
            f"<d:pt><d:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></d:t></d:pt>"
            for text in ("勘察", "Design")
        )
        data = (
            f'<d:dataModel xmlns:d="{dgm}" xmlns:a="{a}"><d:ptLst>{points}</d:ptLst></d:dataModel>'
        )
        uri = PackURI("/word/diagrams/data1.xml")
        part = Part(uri, "application/xml", data.encode(), document.part.package)
        key = document.part.relate_to(part, f"{dgm}Data")
        drawing = f'<w:r><w:drawing><d:relIds xmlns:d="{dgm}" r:dm="{key}"/></w:drawing></w:r>'
        document.element.body.insert(1, paragraph(drawing))

    assert texts(word("步骤", change=change)) == ["步骤", "- 勘察", "- Design"]


def test_docx_headers_and_footers_once(word: Callable[..., Path]) -> None:
    """Running texts come once, before the body, without page numbers."""

    def change(document: Any) -> None:
        document.add_section()
        for section in document.sections:
            section.header.is_linked_to_previous = False
            section.header.paragraphs[0].text = "送审稿 Draft"
            section.footer.is_linked_to_previous = False
            section.footer.paragraphs[0].text = "第 1 页 共 9 页"

    assert texts(word("正文。", change=change)) == ["送审稿 Draft", "正文。"]


def test_docx_lists_keep_their_numbers(word: Callable[..., Path]) -> None:
    """Numbers that Word counts are written before items, nested ones included."""

    def change(document: Any) -> None:
        for text, style in (
            ("甲", "List Number"), ("乙", "List Number"), ("点", "List Bullet"), ("丙", "List Number"),
        ):  # fmt: skip
            document.add_paragraph(text, style=style)

    assert texts(word(change=change)) == ["1. 甲", "2. 乙", "- 点", "3. 丙"]


LEVELS = (
    ("chineseCountingThousand", "第%1条", ""),
    ("decimal", "%1.%2", "<w:isLgl/>"),
    ("lowerRoman", "(%3)", ""),
)


def test_docx_numbers_of_several_levels(word: Callable[..., Path]) -> None:
    """Chinese articles, legal numbers and Roman ones are counted level by level."""

    def change(document: Any) -> None:
        levels = "".join(
            f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{legal}'
            f'<w:lvlText w:val="{text}"/></w:lvl>'
            for depth, (form, text, legal) in enumerate(LEVELS)
        )
        root = document.part.numbering_part.element
        root.insert(0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{levels}</w:abstractNum>'))  # fmt: skip
        root.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="90"><w:abstractNumId w:val="90"/></w:num>'))  # fmt: skip
        for depth in (0, 1, 1, 2, 0, 1):
            item = document.add_paragraph("条")._p
            item.get_or_add_pPr().append(parse_xml(
                f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{depth}"/><w:numId w:val="90"/></w:numPr>'
            ))  # fmt: skip

    marks = [text.removesuffix(" 条") for text in texts(word(change=change))]
    assert marks == ["第一条", "1.1", "1.2", "(i)", "第二条", "2.1"]


def test_docx_tables(word: Callable[..., Path]) -> None:
    """Merged headers name all their columns, cells merged downwards repeat, nested tables are read."""

    def change(document: Any) -> None:
        table = document.add_table(rows=4, cols=3)
        rows = [("部门", "费用", ""), ("", "预算", "实际"), ("工程部", "12", "11"), ("", "8", "7")]
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                table.cell(row, column).text = text
        table.cell(0, 1).merge(table.cell(0, 2))
        table.cell(2, 0).merge(table.cell(3, 0))
        inner = table.cell(3, 2).add_table(rows=2, cols=2)
        for column, (name, value) in enumerate((("机械", "盾构机"), ("数量", "2"))):
            inner.cell(0, column).text, inner.cell(1, column).text = name, value

    assert texts(word(change=change)) == [
        "部门: 工程部 | 费用·预算: 12 | 费用·实际: 11",
        "部门: 工程部 | 费用·预算: 8 | 费用·实际: 7",
        "机械: 盾构机 | 数量: 2",
    ]


def test_docx_a_frame_is_no_table(word: Callable[..., Path]) -> None:
    """A table of one cell is read as the paragraphs in it."""

    def change(document: Any) -> None:
        cell = document.add_table(rows=1, cols=1).cell(0, 0)
        cell.text = "重要提示。"
        cell.add_paragraph("Keep clear.")

    assert texts(word(change=change)) == ["重要提示。", "Keep clear."]


@pytest.mark.parametrize(
    ("properties", "styled", "title"),
    [
        ("招标办法", "", "招标办法"),
        ("招标办法", "采购办法", "采购办法"),
        ("Word Document", "", ""),
        ("Microsoft Word - a.doc", "", ""),
        ("", "", ""),
    ],
)
def test_docx_titles(word: Callable[..., Path], properties: str, styled: str, title: str) -> None:
    """The styled title counts, then the properties', but not what a template put there."""

    def change(document: Any) -> None:
        document.core_properties.title = properties
        if styled:
            document.add_heading(styled, 0)

    path = word("正文。", change=change)
    assert opened(path).title == title
    assert texts(path) == ["正文。"]


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("PowerPoint 演示文稿", ""),
        ("文档1", ""),
        ("Document safety", "Document safety"),
        (None, ""),
    ],
)
def test_default_titles(title: str | None, told: str) -> None:
    """A default title says nothing; one that only begins like it does."""
    assert told_title(title) == told


# --- Excel and CSV -------------------------------------------------------------------------------


def book(path: Path, *rows: Sequence[object], title: str = "甲") -> Path:
    """Write a workbook of one sheet."""
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    return save(made, path)


def test_xlsx_every_cell(tmp_path: Path) -> None:
    """Every cell is in the block of its row, whatever its script."""
    rows = [("编号", "说明"), *((f"N{i}", text) for i, text in enumerate(SENTENCES))]
    blocks, warned = read(book(tmp_path / "a.xlsx", *rows))
    assert blocks[1:] == [
        Block(f"编号: N{i} | 说明: {text}", {"sheet": "甲", "row": i + 2})
        for i, text in enumerate(SENTENCES)
    ]
    assert not warned


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.0345, "General", "0.0345"),
        (0.0345, "0.00%", "3.45%"),
        (1, "0%", "100%"),
        (0.07, '0" %"', "0.07"),
        (0.1 + 0.2, "General", "0.3"),
        (1 / 3, "General", "0.3333"),
        (3.14159265, "General", "3.14159265"),
        (0.00001234, "General", "0.00001234"),
        (1234567.891, "#,##0.00", "1234567.891"),
        (True, "General", "TRUE"),
        (datetime(2025, 6, 30), "yyyy-mm-dd", "2025-06-30"),
        (datetime(2025, 6, 30, 8, 5), "yyyy-mm-dd hh:mm", "2025-06-30 08:05:00"),
        ("多行\n文字", "General", "多行 文字"),
    ],
)
def test_xlsx_values(tmp_path: Path, value: Any, form: str, text: str) -> None:
    """Values come as people know them: percentages, days, numbers without noise, none lost."""
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    sheet.append(["名称", "值"])
    sheet.append(["甲", value])
    sheet["B2"].number_format = form
    assert texts(save(made, tmp_path / "a.xlsx"))[1] == f"名称: 甲 | 值: {text}"


def test_xlsx_merged_cells_name_their_rows(tmp_path: Path) -> None:
    """A value merged over rows or columns stands in each of them."""
    made = openpyxl.load_workbook(write_xlsx(tmp_path / "b.xlsx"))
    made["管理费用"].merge_cells("A5:A6")
    blocks, _ = read(save(made, tmp_path / "a.xlsx"))
    rows = {block.location.get("row"): block.text for block in blocks if block.location["sheet"] == "管理费用"}  # fmt: skip
    assert rows[5].startswith("部门: 工程部 | 办公费·预算: 12.5 | 办公费·实际: 11")
    assert rows[6].startswith("部门: 工程部 | 办公费·预算: 8 | 办公费·实际: 7.75")


def test_xlsx_hidden_and_empty_sheets(tmp_path: Path) -> None:
    """A hidden sheet is read, an empty one leaves nothing."""
    made = openpyxl.load_workbook(book(tmp_path / "a.xlsx", ["a", "b"], [1, 2]))
    made.create_sheet("空")
    hidden = made.create_sheet("隐藏")
    hidden.append(["密", "码"])
    hidden.append([3, 4])
    hidden.sheet_state = "hidden"
    blocks, _ = read(save(made, tmp_path / "a.xlsx"))
    assert [block.text for block in blocks] == ["甲", "a: 1 | b: 2", "隐藏", "密: 3 | 码: 4"]


def test_xlsx_without_text(tmp_path: Path) -> None:
    """A workbook of empty sheets has no text."""
    with pytest.raises(LoadError, match="no text"):
        texts(book(tmp_path / "a.xlsx"))


def test_xlsx_formulas_without_values(tmp_path: Path) -> None:
    """Formulas that no program has computed are told, with the cure."""
    _, warned = read(book(tmp_path / "a.xlsx", ["a", "b"], [1, "=A2*2"], [2, "=A3*2"]))
    assert warned == ["Sheet '甲' has 2 formulas without values; open and save it in Excel."]


def test_xlsx_wrong_dimension(tmp_path: Path) -> None:
    """What a file says of its size does not cut it."""
    path = book(tmp_path / "a.xlsx", ["a", "b"], [1, 2], [3, 4])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b'ref="A1:B3"', b'ref="A1"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert texts(path)[1:] == ["a: 1 | b: 2", "a: 3 | b: 4"]


@pytest.mark.slow
def test_xlsx_of_many_rows(tmp_path: Path) -> None:
    """A sheet of 100,000 rows is read row by row, in bounded memory."""
    made = openpyxl.Workbook(write_only=True)
    sheet = made.create_sheet("大")
    sheet.append(["编号", "数量", "比率"])
    for row in range(100_000):
        sheet.append([row, row * 2, row / 7])
    path = save(made, tmp_path / "a.xlsx")
    tracemalloc.start()
    try:
        rows = 0
        for block in opened(path).blocks:
            rows += "row" in block.location
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (rows, block.location) == (100_000, {"sheet": "大", "row": 100_001})
    assert peak < 2**25


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_tables_of_any_length(rows: int) -> None:
    """A table is read while its rows come, however few they are."""
    table = [["名称", "数量"], *([f"机{i}", str(i)] for i in range(rows))]
    found = [block.text for block in rows_to_blocks(iter(table), {})]
    assert found == [f"名称: 机{i} | 数量: {i}" for i in range(rows)]


def test_a_header_alone() -> None:
    """A table of a header without rows gives the header."""
    assert list(rows_to_blocks([["名称", "数量"]], {})) == [Block("名称 数量", {})]


def test_tables_are_lazy() -> None:
    """No more rows are read than tell the header."""
    taken = 0

    def rows() -> Iterable[list[str]]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield [f"a{number}", f"b{number}"]

    next(iter(rows_to_blocks(rows(), {})))
    assert taken <= 4


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ('a,b\n1,"x ""y"", z"\n', ['a: 1 | b: x "y", z']),
        ('a,b\n1,"two\nlines"\n2,c\n', ["a: 1 | b: two\nlines", "a: 2 | b: c"]),
        ("a,b\r1,2\r3,4", ["a: 1 | b: 2", "a: 3 | b: 4"]),
        ("sep=;\na;b\n1,5;2\n", ["a: 1,5 | b: 2"]),
        (
            "名称;单价\n盾构机;35,5\n泥浆泵;1,2\n",
            ["名称: 盾构机 | 单价: 35,5", "名称: 泥浆泵 | 单价: 1,2"],
        ),
        (f"a,b\n{RTL},{EMOJI}\n", [f"a: {RTL} | b: {EMOJI}"]),
    ],
    ids=["doubled quotes", "line in a cell", "old Mac", "sep=", "decimal commas", "scripts"],
)
def test_csv(tmp_path: Path, text: str, blocks: list[str]) -> None:
    """Cells come whole, however they are written."""
    assert texts(put(tmp_path / "a.csv", text)) == blocks


def test_csv_rows_are_counted(tmp_path: Path) -> None:
    """A row's number is that of the record, the line naming the separator counted as one."""
    blocks, _ = read(put(tmp_path / "a.csv", "sep=;\na;b\n\n1;2\n"))
    assert blocks == [Block("a: 1 | b: 2", {"row": 4})]


# --- PowerPoint ----------------------------------------------------------------------------------


def test_pptx_slides(tmp_path: Path) -> None:
    """Titles, text, groups, tables, charts and notes come slide by slide, as people read them."""
    deck = pptx.Presentation()
    deck.core_properties.title = "PowerPoint 演示文稿"
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "东站枢纽汇报"
    first.placeholders[1].text = "\n".join(SENTENCES)
    first.notes_slide.notes_text_frame.text = "讲到这里停顿。\nAsk the client."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    low = second.shapes.add_textbox(0, Inches(4), Inches(2), Inches(1))
    low.text_frame.text = "下面一行。"
    group = second.shapes.add_group_shape()
    for left, text in ((3, "右"), (1, "左")):
        box = group.shapes.add_textbox(Inches(left), Inches(1), Inches(1), Inches(1))
        box.text_frame.text = text
    blocks, _ = read(save(deck, tmp_path / "a.pptx"))
    assert opened(tmp_path / "a.pptx").title == "东站枢纽汇报"
    assert [(block.text, block.location["slide"], block.level) for block in blocks] == [
        ("东站枢纽汇报", 1, 1),
        *((f"- {text}", 1, 0) for text in SENTENCES),
        ("备注：讲到这里停顿。", 1, 0),
        ("Ask the client.", 1, 0),
        ("左", 2, 1),
        ("右", 2, 0),
        ("下面一行。", 2, 0),
    ]


def test_pptx_tables_and_charts(tmp_path: Path) -> None:
    """Rows of a table and values of a chart know their headers."""
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "费用"
    table = slide.shapes.add_table(3, 3, 0, Inches(2), Inches(6), Inches(1)).table
    for row, cells in enumerate([("部门", "费用", ""), ("工程部", "12", "11"), ("", "8", "7")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    make: Any = CategoryChartData
    data = make()
    data.categories = ["一季度", "Q2"]
    data.add_series("产值", (1.5, 2.25))
    kind = XL_CHART_TYPE.COLUMN_CLUSTERED
    chart = slide.shapes.add_chart(kind, 0, Inches(4), Inches(4), Inches(3), data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "季度产值"
    assert texts(save(deck, tmp_path / "a.pptx")) == [
        "费用",
        "部门: 工程部 | 费用: 12 | 费用: 11",
        "部门: 工程部 | 费用: 8 | 费用: 7",
        "季度产值",
        "季度产值: 一季度 | 产值: 1.5",
        "季度产值: Q2 | 产值: 2.25",
    ]


def test_pptx_slide_without_a_title(tmp_path: Path) -> None:
    """A slide with a long text alone has a heading of its own, not the one before it."""
    deck = pptx.Presentation()
    for text in ("长" * 80, "long words " * 20):
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        slide.shapes.add_textbox(0, 0, Inches(2), Inches(1)).text_frame.text = text
    blocks, _ = read(save(deck, tmp_path / "a.pptx"))
    assert [block.text for block in blocks if block.level] == ["幻灯片 1", "Slide 2"]


def test_pptx_without_text(tmp_path: Path) -> None:
    """A presentation of empty slides has no text."""
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[6])
    with pytest.raises(LoadError, match="no text"):
        texts(save(deck, tmp_path / "a.pptx"))


def write_deck(path: Path) -> Path:
    """Write a presentation of one slide."""
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "封面"
    return save(deck, path)


@pytest.mark.parametrize("ending", [".docx", ".xlsx", ".pptx"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_office_files(tmp_path: Path, ending: str, share: float) -> None:
    """A file that is cut off is refused, not half read."""
    writers = {".docx": write_docx, ".xlsx": write_xlsx, ".pptx": write_deck}
    path = tmp_path / f"a{ending}"
    data = writers[ending](path).read_bytes()
    put(path, data[: int(len(data) * share)])
    with pytest.raises(LoadError):
        texts(path)


# --- PDF -----------------------------------------------------------------------------------------


def scan(*lines: str) -> ImageReader:
    """Return an image of a page with large Latin text."""
    image = Image.new("RGB", (1240, 1754), "white")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((100, 150 + 120 * number), line, fill="black", font_size=48)
    return ImageReader(image)


def write_scans(path: Path, pages: Sequence[str | None]) -> Path:
    """Write a PDF whose pages have this text, or None for a scan of "Dust limit 0.5 mg"."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(path))
    for text in pages:
        if text is None:
            canvas.drawImage(scan("Dust limit 0.5 mg", "Cover all bare soil"), 0, 0, 595, 842)
        elif text:
            canvas.setFont("STSong-Light", 12)
            canvas.drawString(60, 700, text)
        canvas.showPage()
    canvas.save()
    return path


without_ocr = pytest.mark.skipif(ocr.available(), reason="an engine is installed")
with_ocr = pytest.mark.skipif(not ocr.available(), reason="no engine is installed")
MIXED = ["夜间不得施工。", None, "", *[f"第{i}条 裸土应当覆盖。" for i in "一二"], None, None]


def test_pdf_every_sentence(tmp_path: Path) -> None:
    """Every sentence is in a block of its page."""
    pages = [[(text, 12)] for text in SENTENCES[:2]]
    blocks, warned = read(write_pdf(tmp_path / "a.pdf", pages))
    assert [(b.text, b.location["page"]) for b in blocks] == [
        (text, number) for number, text in enumerate(SENTENCES[:2], 1)
    ]
    assert not warned


@without_ocr
def test_pdf_scanned_pages_are_named(tmp_path: Path) -> None:
    """Pages that are images only are named, with the cure; a blank page is not."""
    blocks, warned = read(write_scans(tmp_path / "a.pdf", MIXED))
    assert {block.location["page"] for block in blocks} == {1, 4, 5}
    assert warned == ["Pages 2, 6-7 have no text (scanned): install waypost[ocr]."]


@without_ocr
def test_pdf_that_is_a_scan(tmp_path: Path) -> None:
    """A PDF of scans alone is refused, with the cure."""
    with pytest.raises(LoadError, match="2 of its 2 pages are scanned") as caught:
        texts(write_scans(tmp_path / "a.pdf", [None, None]))
    assert "waypost[ocr]" in caught.value.fix
    assert "text recognition" in caught.value.fix


@with_ocr
def test_pdf_scanned_pages_are_recognised(tmp_path: Path) -> None:
    """With an engine, scanned pages give their text, and a warning says how it came."""
    blocks, warned = read(write_scans(tmp_path / "a.pdf", MIXED))
    for page in (2, 6, 7):
        text = " ".join(block.text for block in blocks if block.location["page"] == page)
        assert "0.5 mg" in text
        assert "bare soil" in text
    assert warned == ["Pages 2, 6-7 are scanned; the text was recognised and may have errors."]


def test_recognised_pieces_are_read_line_by_line() -> None:
    """Pieces that stand side by side make a line, from left to right, whatever their order."""

    def box(left: float, top: float) -> list[tuple[float, float]]:
        return [(left, top), (left + 80, top), (left + 80, top + 20), (left, top + 20)]

    found = [
        ("11", box(200, 52)),
        ("标题", box(10, 10)),
        ("工程部", box(10, 50)),
        (" ", box(0, 90)),
    ]
    assert ocr.lines_of(found) == ["标题", "工程部  11"]


def test_pdf_forms_are_read_as_filled_in(tmp_path: Path) -> None:
    """What was typed into a form's fields is text."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.drawString(60, 760, "Applicant of the permit")
    canvas.acroForm.textfield(name="who", value="Linjiang Metro", x=60, y=700, width=200, height=20)
    canvas.save()
    assert "Linjiang Metro" in " ".join(texts(tmp_path / "a.pdf"))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_pdfs(tmp_path: Path, share: float) -> None:
    """A PDF that is cut off is refused, or read with a warning."""
    data = write_pdf(
        tmp_path / "b.pdf", [[(f"第{i}页的正文。", 12)] for i in range(40)]
    ).read_bytes()
    path = put(tmp_path / "a.pdf", data[: int(len(data) * share)])
    try:
        _, warned = read(path)
    except LoadError:
        return
    assert warned == ["The file has no end; pages may be missing."]


def test_pdf_with_a_page_that_is_damaged(tmp_path: Path) -> None:
    """A page that cannot be read is named."""
    path = write_pdf(tmp_path / "a.pdf", [[("一", 12)], [("二", 12)]])
    data = path.read_bytes()
    second = [at for at in range(len(data)) if data.startswith(b"/Type /Page\n", at)][1]
    put(path, data[:second] + b"/Type /Pale\n" + data[second + 12 :])
    with pytest.raises(LoadError, match="Page 2"):
        texts(path)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("cafe.pdf", ""),
        ("decade.pdf", ""),
        ("facade2024.pdf", ""),
        ("9f86d081884c7d65.pdf", "Best Practice of Blasting"),
        ("123e4567-e89b-12d3-a456-426614174000.pdf", "Best Practice of Blasting"),
        ("scan_0031.pdf", "Best Practice of Blasting"),
        ("blasting.pdf", "Best Practice of Blasting"),
    ],
)
def test_names_that_say_nothing(tmp_path: Path, name: str, title: str) -> None:
    """Digits and hashes say nothing of a document, words of the letters a to f do."""
    lines = [("Best Practice of Blasting", 18), ("Work begins at eight.", 12)]
    assert opened(write_pdf(tmp_path / name, [lines])).title == title


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("against COVID\x0219 and", "against COVID-19 and"),
        ("the non\x02GAAP measures", "the non-GAAP measures"),
        ("inclu\x02ding", "including"),
        ("inclu\ufffeding", "including"),
    ],
)
def test_hyphens_at_line_ends(line: str, expected: str) -> None:
    """A hyphen that parts a word goes, one before a number or name stays."""
    assert clean(line) == expected


@pytest.mark.slow
def test_pdf_of_many_pages(tmp_path: Path) -> None:
    """Ten thousand pages are read one after the other, in bounded memory."""
    random.seed(1)
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path))
    for number in range(10_000):
        for line in range(5):
            canvas.drawString(
                60, 760 - 20 * line, f"Page {number} line {line} says {random.random()}."
            )
        canvas.showPage()
    canvas.save()
    tracemalloc.start()
    try:
        pages = [block.location["page"] for block in opened(path).blocks]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert list(dict.fromkeys(pages)) == list(range(1, 10_001))
    assert peak < 2**26
