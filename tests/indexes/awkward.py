"""Makers of awkward and hostile files: each with what ingestion must find in it, or say of it."""

from __future__ import annotations

import base64
import contextlib
import csv
import os
import random
import socket
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx

from indexes.types import Location
from tests.indexes.samples import write_docx, write_pdf, write_xlsx

__all__ = ["AWKWARD", "LIMITS", "OUTSIDE", "Awkward", "make_all"]

Maker = Callable[[Path], object]
LIMITS = "[ingest]\nmax_mb = 8\nseconds = 30\nmemory_mb = 1024\n"  # they are read within
OUTSIDE = "outside"  # the folder beside the project that nothing may be read from
SECRET = "The launch word is orchidlantern."
MIB = 2**20


@dataclass(frozen=True)
class Awkward:
    """A file and what becomes of it: indexed, if something must be found in it, else reported.

    Args:
        name: its name in the folder.
        make: writes it.
        found: a text that must stand in a passage of it.
        at: where that passage must say it stands, as far as that is checked.
        error: a part of the reason that is reported.
        fix: a part of the cure.
        warning: a part of what is told of a file that is indexed.
        shown: the beginning of the name as it is reported, if that differs.
    """

    name: str
    make: Maker
    found: str = ""
    at: Location = field(default_factory=lambda: Location())
    error: str = ""
    fix: str = ""
    warning: str = ""
    shown: str = ""


def text(content: str, encoding: str = "utf-8") -> Maker:
    """Return a maker of a text file."""
    return data(content.encode(encoding))


def data(content: bytes) -> Maker:
    """Return a maker of a file of these bytes."""
    return lambda path: path.write_bytes(content)


def nothing(path: Path) -> None:
    """Make no file: another row's maker does."""


def sparse(size: int) -> Maker:
    """Return a maker of a file that has a size but takes no room."""

    def make(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return make


def link(target: str) -> Maker:
    """Return a maker of a symbolic link."""
    return lambda path: path.symlink_to(target)


def cut(make: Maker, share: float = 0.5) -> Maker:
    """Return a maker of the beginning of a file."""

    def made(path: Path) -> None:
        whole = written(path, make)
        path.write_bytes(whole[: int(len(whole) * share)])

    return made


def renamed(make: Maker, ending: str) -> Maker:
    """Return a maker of a file under another format's ending."""

    def made(path: Path) -> None:
        path.write_bytes(written(path, make, ending))

    return made


def written(path: Path, make: Maker, ending: str = "") -> bytes:
    """Return the content that a maker gives a file, which is not left there."""
    aside = path.parent.parent / f"aside{ending or path.suffix}"
    make(aside)
    content = aside.read_bytes()
    aside.unlink()
    return content


def _same(content: bytes) -> bytes:
    return content


def repacked(make: Maker, parts: Mapping[str, Callable[[bytes], bytes] | None]) -> Maker:
    """Return a maker of an Office file with some of its parts changed, or left out."""

    def made(path: Path) -> None:
        aside = path.parent.parent / f"aside{path.suffix}"
        make(aside)
        with (
            zipfile.ZipFile(aside) as old,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for name in old.namelist():
                change = parts.get(name, _same)
                if change is not None:
                    new.writestr(name, change(old.read(name)))
        aside.unlink()

    return made


# --- formats -------------------------------------------------------------------------------------


def pdf(*lines: str, password: str = "") -> Maker:
    """Return a maker of a PDF, a line a page."""
    return lambda path: write_pdf(path, [[(line, 12)] for line in lines], password=password)


def looping_pdf(path: Path) -> None:
    """Write a PDF whose tree of pages contains itself."""
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9000>>endobj\n"
        b"trailer<</Root 1 0 R/Size 3>>\n%%EOF\n"
    )


def word(*paragraphs: str) -> Maker:
    """Return a maker of a Word file."""

    def make(path: Path) -> None:
        document = docx.Document()
        for one in paragraphs:
            document.add_paragraph(one)
        document.save(str(path))

    return make


def nested_tables(path: Path) -> None:
    """Write a Word file with tables in cells of tables, eight deep."""
    document = docx.Document()
    cell = document.add_table(rows=2, cols=2).cell(1, 1)
    for depth in range(8):
        inner = cell.add_table(rows=2, cols=2)
        inner.cell(0, 0).text, inner.cell(0, 1).text = f"level {depth}", "weight"
        inner.cell(1, 0).text = f"box {depth}"
        cell = inner.cell(1, 1)
    cell.text = "the innermost anvil weighs 81 kg"
    document.save(str(path))


def slides(*titles: str) -> Maker:
    """Return a maker of a presentation, a title a slide."""

    def make(path: Path) -> None:
        presentation = pptx.Presentation()
        for title in titles:
            slide = presentation.slides.add_slide(presentation.slide_layouts[5])
            slide.shapes.title.text = title
        presentation.save(str(path))

    return make


def book(*cells: tuple[str, str | int]) -> Maker:
    """Return a maker of a workbook with a value in each cell that is named."""

    def make(path: Path) -> None:
        workbook = openpyxl.Workbook()
        sheet = workbook.worksheets[0]
        for name, value in cells:
            sheet[name] = value
        workbook.save(path)

    return make


def merged(text: str, *areas: str) -> Maker:
    """Return a maker of a workbook with one text in cells that are said to be merged."""
    cells = "".join(f'<mergeCell ref="{area}"/>' for area in areas)
    behind = b"</sheetData>"
    new = behind + f"<mergeCells>{cells}</mergeCells>".encode()
    change = {"xl/worksheets/sheet1.xml": lambda xml: xml.replace(behind, new)}
    return repacked(book(("A1", text)), change)


def mail(path: Path) -> None:
    """Write a message that has a message in it, fifty deep, of which only the first few are read."""
    inner = EmailMessage()
    inner["Subject"] = "Innermost"
    inner.set_content("The innermost letter asks for 83 chairs.")
    for depth in range(50):
        outer = EmailMessage()
        outer["Subject"] = f"Forwarded {depth}"
        outer.set_content("See below.")
        outer.add_attachment(inner)
        inner = outer
    path.write_bytes(inner.as_bytes())


def flat_mail(path: Path) -> None:
    """Write a message with a binary attachment and a text in base64."""
    body = base64.encodebytes("会议室的钥匙在 85 号柜。".encode("gb18030")).decode()
    path.write_text(
        "Subject: =?gb18030?B?1L+z1w==?=\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=gb2312\n"
        f"Content-Transfer-Encoding: base64\n\n{body}\n--b\nContent-Type: image/png\n"
        "Content-Transfer-Encoding: base64\n\n!!!not base64!!!\n",
        encoding="ascii",
    )


def wide_csv(path: Path) -> None:
    """Write a table of 16,000 columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([f"c{number}" for number in range(16_000)])
        rows.writerow(["the last column holds 87 pearls" if n == 15_999 else n for n in range(16_000)])  # fmt: skip


# --- hostile content -----------------------------------------------------------------------------

LAUGHS = "<!DOCTYPE l [<!ENTITY l0 'laughter'>{}]>".format(
    "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
).encode()
QUADRATIC = b"<!DOCTYPE q [<!ENTITY q '%s'>]>" % (b"q" * 500_000)
OUTER = f"<!DOCTYPE o [<!ENTITY o SYSTEM '../{OUTSIDE}/secret.txt'>]>".encode()


def entity(doctype: bytes, reference: bytes, word: bytes) -> Callable[[bytes], bytes]:
    """Return a change of XML that declares an entity and puts it in a word's place."""

    def change(xml: bytes) -> bytes:
        declaration, end, rest = xml.partition(b"?>")
        if not end:
            declaration, rest = b"<?xml version='1.0'", xml
        return declaration + b"?>" + doctype + rest.replace(word, word + reference)

    return change


def bomb(part: str, megabytes: int, ending: bytes = b"") -> Callable[[Path], None]:
    """Return a maker of an archive that unpacks to far more than it is."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
            with archive.open(part, "w", force_zip64=True) as file:
                for _ in range(megabytes):
                    file.write(b" " * MIB)
                file.write(ending)

    return make


def lying(make: Maker, part: str) -> Maker:
    """Return a maker of an archive whose directory says of a bomb that it unpacks to nothing much."""

    def made(path: Path) -> None:
        bombed = repacked(make, {part: lambda xml: xml.replace(b"</w:body>", b" " * 20 * MIB)})
        whole = bytearray(written(path, bombed))
        start = 0
        while (start := whole.find(b"PK\x01\x02", start)) >= 0:
            length = int.from_bytes(whole[start + 28 : start + 30], "little")
            if whole[start + 46 : start + 46 + length] == part.encode():
                whole[start + 24 : start + 28] = (4096).to_bytes(4, "little")
            start += 4
        path.write_bytes(whole)

    return made


def html(body: str) -> Maker:
    """Return a maker of a web page."""
    return text(f"<!doctype html><meta charset=utf-8><title>Page</title><body>{body}")


def nested_json(depth: int, inner: str) -> str:
    """Return lists in lists, or objects in objects."""
    return "[" * depth + inner + "]" * depth


def noise(size: int, seed: int) -> bytes:
    """Return random bytes."""
    return random.Random(seed).randbytes(size)


def pipe(path: Path) -> None:
    """Make a pipe that nobody writes into."""
    os.mkfifo(path)


def listening(path: Path) -> None:
    """Make a socket, by its name alone: a path of one may have no more than 107 bytes."""
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def undecodable(name: bytes, content: bytes) -> Maker:
    """Return a maker of a file whose name is not UTF-8."""

    def make(path: Path) -> None:
        place = os.path.join(os.fsencode(path.parent), name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content)

    return make


def deep_folder(path: Path) -> None:
    """Make folders in folders until their path is longer than the kernel takes."""
    path.mkdir()
    here = os.open(path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with open(os.open("deep.md", os.O_CREAT | os.O_WRONLY, dir_fd=here), "w") as file:
        file.write("Nobody gets here.")
    os.close(here)


SOUND = "Line {} of the ledger names a different quay.\n"
ODD = "is not text"
AGAIN = "save it again"
LONG = "長" * 83 + ".md"  # 252 bytes: no system takes more than 255
NFD = "cafe\u0301.md"

AWKWARD: tuple[Awkward, ...] = (
    # encodings
    Awkward("enc/bom8.txt", text("甲方代表的工牌号是 1101。", "utf-8-sig"), "甲方代表的工牌号是 1101"),
    Awkward("enc/utf16.txt", text("乙方仓库在 1102 号地块。", "utf-16"), "乙方仓库在 1102 号地块"),
    Awkward("enc/utf16be.txt", text("The depot opens at gate 1103.", "utf-16-be"), "gate 1103"),
    Awkward("enc/utf32.txt", text("丙方宿舍有 1104 张床。", "utf-32"), "丙方宿舍有 1104 张床"),
    Awkward("enc/gbk.md", text("# 总则\n\n塔吊编号为 1105，限载两吨。", "gbk"), "塔吊编号为 1105"),
    Awkward("enc/big5.txt", text("會議紀要：第六號倉庫由陳先生負責管理。", "big5"), "倉庫由陳先生負責"),
    Awkward("enc/sjis.txt", text("これは日本語の文書です。倉庫は駅のそばにあります。番号は1107です。", "shift_jis"), "番号は1107です"),
    Awkward("enc/latin.txt", text("Le café coûte 1108 euros à l’été.", "cp1252"), "1108 euros"),
    Awkward("enc/broken.txt", data("第 1109 号泵房的钥匙由值班员保管，交接时须签字。".encode() * 3 + b"\xff\n"), "第 1109 号泵房的钥匙", warning="broken character"),
    Awkward("enc/mixed_ends.txt", data(b"one\rtwo 1110 lamps\r\nthree\n\x0cfour\x85"), "two 1110 lamps"),
    Awkward("enc/gb.csv", text("部门,人数\n工程一部,1111\n", "gb18030"), "工程一部", {"row": 2}),
    Awkward("enc/nulls.txt", data(b"abc\0\0\0def" * 99), error=ODD, fix="ending"),
    Awkward("enc/noise.md", data(noise(9000, 1)), error=ODD, fix="ending"),
    Awkward("enc/noise.html", data(noise(9000, 2)), error=ODD, fix="ending"),
    Awkward("enc/noise.json", data(noise(9000, 3)), error=ODD, fix="ending"),
    # scripts and signs
    Awkward("sign/arabic.txt", text("\u202bيقع المستودع رقم 1201 بجانب الميناء القديم.\u202c"), "المستودع رقم 1201"),
    Awkward("sign/hebrew.md", text("# מחסן\n\nהמפתח נמצא בארון 1202 ליד הדלת."), "בארון 1202"),
    Awkward("sign/emoji.md", text("# 🚧👷🏽‍♀️\n\n👨‍👩‍👧‍👦 The family ticket 🎫 costs 1203 crowns 🇨🇳."), "costs 1203 crowns"),
    Awkward("sign/only_emoji.txt", text("👷🏽‍♀️" * 3000 + " 1207 helmets"), "1207 helmets"),
    Awkward("sign/zalgo.txt", text("z" + "\u0301" * 50_000 + " the marsh has 1204 herons"), "the marsh has 1204 herons"),
    Awkward("sign/zero_width.txt", text("\u200b\ufeffThe\u200b vault\u200b 1205 is sealed."), "1205 is sealed"),
    Awkward("sign/rare.txt", text("𠮷野家第 1206 号分店由𡈽屋经营。"), "第 1206 号分店由"),
    # tables
    Awkward("table/merged.xlsx", write_xlsx, "差旅费含交通补贴", {"sheet": "管理费用"}),
    Awkward("table/nested.docx", nested_tables, "the innermost anvil weighs 81 kg"),
    Awkward("table/nested.html", html("<table><tr><td>" * 60 + "the inner crate 1301 holds salt" + "</td></tr></table>" * 60), "the inner crate 1301 holds salt"),
    Awkward("table/spans.html", html("<table><tr><th colspan=999999>a<th rowspan=999999>b<tr><td>1302 spanners<td>c</table>"), "1302 spanners"),
    Awkward("table/corner.xlsx", book(("A1", "item"), ("B1", "number"), ("A2", "ropes"), ("XFD1048576", "1303 far corners")), "1303 far corners", {"sheet": "Sheet"}),
    Awkward("table/all_merged.xlsx", merged("1304 merged acres", "A1:XFD1048576"), "1304 merged acres"),
    Awkward("table/merged_lines.xlsx", merged("1308 merged miles", *(f"A{n}:XFD{n}" for n in range(1, 900)), "A1:A1048576"), "1308 merged miles"),
    Awkward("table/wide.csv", wide_csv, "the last column holds 87 pearls"),
    Awkward("table/big_cell.csv", text("id,story\n1," + "once upon a time " * 20_000 + "there were 1305 foxes\n"), "there were 1305 foxes"),
    Awkward("table/quote.csv", text('a,b\n1,"never closed 1306 gates\n' + "2,3\n" * 2000), "never closed 1306 gates"),
    Awkward("table/ragged.csv", text("a,b,c\n1\n1,2,3,4,5,1307 rags\n,,\n"), "1307 rags"),
    # nothing there
    Awkward("empty/zero.txt", data(b""), error="The file is empty"),
    Awkward("empty/zero.pdf", data(b""), error="The file is empty"),
    Awkward("empty/zero.docx", data(b""), error="The file is empty"),
    Awkward("empty/blank.md", text(" \n\t\n\u3000\n"), error="no text"),
    Awkward("empty/bom.txt", data(b"\xef\xbb\xbf"), error="no text"),
    Awkward("empty/script.html", html("<script>var a = 1</script>"), error="no text"),
    Awkward("empty/cells.xlsx", book(), error="no text"),
    Awkward("empty/paragraphs.docx", word("", " "), error="no text"),
    Awkward("empty/slides.pptx", slides(), error="no text"),
    Awkward("empty/list.json", text("[]"), error="no text"),
    Awkward("empty/rows.csv", text(",,\n,,\n"), error="no text"),
    Awkward("empty/lines.jsonl", text("\n\n\n"), error="no text"),
    # cut off
    Awkward("cut/half.pdf", cut(pdf(*["half a page"] * 9)), error="damaged", fix=AGAIN),
    Awkward("cut/half.docx", cut(write_docx), error="damaged", fix=AGAIN),
    Awkward("cut/half.xlsx", cut(write_xlsx), error="damaged", fix=AGAIN),
    Awkward("cut/half.pptx", cut(slides("a", "b")), error="damaged", fix=AGAIN),
    Awkward("cut/half.json", text('{"a": [1, 2, {"b": "c'), error="not valid JSON", fix="correct it there"),
    Awkward("cut/half.jsonl", text('{"a": "1501 bolts"}\n{"a": "1502 n'), "1501 bolts", {"row": 1}, warning="line 2"),
    Awkward("cut/half.html", text("<html><body><p>The rest of 1503 is <b>miss"), "The rest of 1503 is miss"),
    Awkward("cut/no_document.docx", repacked(write_docx, {"word/document.xml": None}), error="damaged", fix=AGAIN),
    Awkward("cut/no_sheet.xlsx", repacked(write_xlsx, {"xl/worksheets/sheet1.xml": None}), "建设银行", {"sheet": "贷款"}),
    Awkward("cut/bad_xml.docx", repacked(write_docx, {"word/document.xml": lambda xml: xml[:900]}), error="damaged", fix=AGAIN),
    Awkward("cut/bad_xml.pptx", repacked(slides("a"), {"ppt/slides/slide1.xml": lambda xml: b"\0" + xml}), error="damaged", fix=AGAIN),
    Awkward("cut/bad_xml.xlsx", repacked(write_xlsx, {"xl/worksheets/sheet1.xml": lambda xml: xml[:400]}), error="damaged", fix=AGAIN),
    # the wrong ending
    Awkward("named/really_pdf.docx", renamed(pdf("The sealed bid is 1601 marks."), ".pdf"), "The sealed bid is 1601 marks", {"page": 1}, warning="content is that of a .pdf file"),
    Awkward("named/really_docx.pdf", renamed(word("The open bid is 1602 marks."), ".docx"), "The open bid is 1602 marks", warning="content is that of a .docx file"),
    Awkward("named/really_xlsx.csv", renamed(book(("A1", "name"), ("B1", "lot"), ("A2", "barge"), ("B2", "1603 lots")), ".xlsx"), "1603 lots", {"row": 2}, warning="content is that of a .xlsx file"),
    Awkward("named/really_html.xlsx", html("<table><tr><td>export</td><td>1604 rows</td></tr></table>"), "1604 rows", warning="content is that of a .html file"),
    Awkward("named/really_text.pdf", text("This is only a text."), error="not a PDF", fix="ending"),
    Awkward("named/really_text.docx", text("This is only a text."), error="not a Word file", fix="ending"),
    Awkward("named/really_text.xlsx", text("a,b\n1,2\n"), error="not an Excel file", fix="ending"),
    Awkward("named/really_old.docx", data(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise(900, 4)), error="old Office format", fix="save it as .docx"),
    Awkward("named/really_rtf.docx", data(b"{\\rtf1 hello}"), error="Rich Text", fix="save it as .docx"),
    Awkward("named/really_zip.docx", bomb("notes.txt", 1), error="damaged", fix=AGAIN),
    Awkward("named/really_png.pdf", data(b"\x89PNG\r\n\x1a\n" + noise(900, 5)), error="not a PDF", fix="ending"),
    Awkward("named/really_png.txt", data(b"\x89PNG\r\n\x1a\n" + noise(900, 6)), error=ODD, fix="ending"),
    Awkward("named/archive.7z", data(noise(900, 7)), error="no loader for .7z", fix="exclude it from `sources`"),
    Awkward("named/README", text("no ending"), error="no loader for files without an ending", fix="exclude it"),
    Awkward("named/LOUD.MD", text("The loud horn sounds 1605 times."), "horn sounds 1605 times"),
    # names
    Awkward("names/" + LONG, text("The long name hides 1701 coins."), "hides 1701 coins"),
    Awkward("names/new\nline.md", text("The broken name hides 1702 coins."), "hides 1702 coins"),
    Awkward("names/a..b.md", text("The dotted name hides 1703 coins."), "hides 1703 coins"),
    Awkward("names/  [x](y) %20 'q\" * ?.md", text("The quoted name hides 1704 coins."), "hides 1704 coins"),
    Awkward("names/👷.md", text("The emoji name hides 1705 coins."), "hides 1705 coins"),
    Awkward(f"names/{NFD}", text("The parted name hides 1706 coins."), "hides 1706 coins"),
    Awkward("names/-rf.md", text("The dashing name hides 1707 coins."), "hides 1707 coins"),
    Awkward("names/deep", deep_folder, error="too long", fix="exclude it", shown="names/deep/" + "d" * 200),
    # what is no file, or not ours
    Awkward("links/out.txt", link(f"../../../{OUTSIDE}/secret.txt"), error="link, which is not followed", fix="copy"),
    Awkward("links/folder.txt", link(f"../../../{OUTSIDE}"), error="link, which is not followed"),
    Awkward("links/out_folder", link(f"../../../{OUTSIDE}"), error="link, which is not followed"),
    Awkward("links/round.txt", link("round.txt"), error="link", shown="links/round.txt"),
    Awkward("links/dangling.txt", link("nowhere.txt"), error="link, which is not followed"),
    Awkward("links/sound.txt", link("../enc/utf16be.txt"), error="link, which is not followed", fix="copy"),
    Awkward("links/pipe.txt", pipe, error="pipe", fix=""),
    Awkward("links/socket.txt", listening, error="socket", fix=""),
    Awkward("links/folder.md/inner.md", text("The folder with an ending hides 1801 coins."), "hides 1801 coins"),
    # size
    Awkward("size/sparse.txt", sparse(2 * 2**30), error="2,048.0 MiB; the limit is 8 MiB", fix="raise [ingest] max_mb"),
    Awkward("size/sparse.pdf", sparse(9 * MIB), error="the limit is 8 MiB", fix="raise [ingest] max_mb"),
    Awkward("size/zeros.txt", sparse(7 * MIB), error=ODD, fix="ending"),
    # hostile archives and XML
    Awkward("bomb/bomb.docx", bomb("word/document.xml", 80), error="would unpack to", fix="smaller files"),
    Awkward("bomb/bomb.xlsx", bomb("xl/workbook.xml", 80), error="would unpack to", fix="smaller files"),
    Awkward("bomb/bomb.pptx", bomb("ppt/presentation.xml", 80), error="would unpack to", fix="smaller files"),
    Awkward("bomb/lying.docx", lying(word("a lie"), "word/document.xml"), error="damaged", fix=AGAIN),
    Awkward("bomb/laughs.docx", repacked(word("1901 jokes were told"), {"word/document.xml": entity(LAUGHS, b"&l11;", b"told")}), error="overwhelm", fix="where it comes from"),
    Awkward("bomb/laughs.pptx", repacked(slides("1902 jokes were told"), {"ppt/slides/slide1.xml": entity(LAUGHS, b"&l11;", b"told")}), error="overwhelm", fix="where it comes from"),
    Awkward("bomb/laughs.xlsx", repacked(book(("A1", 1), ("A2", 1903)), {"xl/worksheets/sheet1.xml": entity(LAUGHS, b"&l11;", b"1903")}), error="overwhelm", fix="where it comes from"),
    Awkward("bomb/laughs_strings.xlsx", repacked(book(("A1", "1907 strings told")), {"xl/sharedStrings.xml": entity(LAUGHS, b"&l11;", b"told")}), "1907 strings told"),
    Awkward("bomb/laughs.html", data(LAUGHS + b"<p>1904 jokes were told &l11;"), "1904 jokes were told"),
    Awkward("bomb/quadratic.docx", repacked(word("1905 blowups"), {"word/document.xml": entity(QUADRATIC, b"&q;" * 2000, b"blowups")}), error="overwhelm", fix="where it comes from"),
    Awkward("bomb/outer.docx", repacked(word("1906 spies"), {"word/document.xml": entity(OUTER, b"&o;", b"spies")}), "1906 spies"),
    # hostile PDFs
    Awkward("pdf/encrypted.pdf", pdf("a secret", password="word"), error="encrypted", fix="without a password"),
    Awkward("pdf/looping.pdf", looping_pdf, error="damaged", fix=AGAIN),
    Awkward("pdf/noise.pdf", data(b"%PDF-1.7\n" + noise(100_000, 8)), error="damaged", fix=AGAIN),
    Awkward("pdf/no_text.pdf", pdf("", ""), error="no text", fix="text recognition"),
    # nested deep, and what makes a bad regular expression slow
    Awkward("deep/divs.html", html("<div>" * 15_000 + "2001 fathoms down"), "2001 fathoms down"),
    Awkward("deep/too_many_divs.html", html("<div>" * 200_000 + "down"), error="deep within others", fix="as text"),
    Awkward("deep/fonts.html", html("<b><font><i>" * 20_000 + "2002 fonts open"), "2002 fonts open"),
    Awkward("deep/attributes.html", html("<p" + " a=1" * 200_000 + ">text"), error="attributes", fix="as text"),
    Awkward("deep/list.json", text(nested_json(100_000, '"down"')), error="nested too deep", fix="less nesting"),
    Awkward("deep/objects.json", text('{"a":' * 500 + '"2003 keys"' + "}" * 500), "2003 keys"),
    Awkward("deep/list.jsonl", text('{"a": "2004 lines"}\n' + nested_json(100_000, "1")), "2004 lines", warning="line 2"),
    Awkward("deep/quotes.md", text(">" * 50_000 + " 2005 quotes"), "2005 quotes"),
    Awkward("deep/lists.md", text("\n".join(" " * 2 * n + "- item" for n in range(1500)) + " 2006 end"), "2006 end"),
    Awkward("deep/brackets.md", text("[" * 100_000 + " 2007 " + "](" * 50_000), "2007"),
    Awkward("deep/stars.md", text("*a_" * 50_000 + " 2008 stars"), "2008 stars"),
    Awkward("deep/backticks.md", text("".join("`" * n + " " for n in range(1, 300)) + "2009 ticks"), "2009 ticks"),
    Awkward("deep/mail.eml", mail, "See below", warning="attachment not read"),
    Awkward("deep/flat.eml", flat_mail, "会议室的钥匙在 85 号柜"),
    Awkward("deep/code.py", text("x = " + "(" * 60_000 + "2010" + ")" * 60_000), "2010"),
    Awkward("deep/blocks.js", text("function f() {" * 20_000 + "return 2011" + "}" * 20_000), "2011"),
    Awkward("slow/one_line.txt", text("a" * 600_000 + " 2101 ends"), "2101 ends"),
    Awkward("slow/blanks.txt", text("a" + " " * 2_000_000 + "2102 ends"), "2102 ends"),
    Awkward("slow/tabs.md", text("|" + "\t" * 1_000_000 + "2103 ends"), "2103 ends"),
    Awkward("slow/pipes.md", text("|" * 60_000 + "\n" + "|-" * 30_000 + "\n|2104 ends|\n"), "2104 ends"),
    Awkward("slow/numbers.txt", text("1." * 60_000 + " 2105 ends"), "2105 ends"),
    Awkward("slow/articles.txt", text("第" * 100_000 + "第一" * 60_000 + " 2106 ends"), "2106 ends"),
    Awkward("slow/angles.html", text("<p>2107 begins" + "<" * 120_000), "2107 begins"),
    Awkward("slow/comments.html", text("<p>2108 begins" + "<!--" * 400_000), "2108 begins"),
    Awkward("slow/heading.md", text("# " + "很长的标题" * 40_000 + "\n\n2109 under it"), "2109 under it"),
    Awkward("slow/dates.log", text("2024-01-01 00:00:00" * 8_000 + "\n2110 ends"), "2110 ends"),
    Awkward("slow/colons.txt", text("张三: 10:00 " * 10_000 + "\n2111 ends"), "2111 ends"),
    Awkward("slow/quotes.csv", text('a,b\n"' + '""' * 60_000 + '",2112 ends\n'), "2112 ends"),
)  # fmt: skip


if sys.platform != "darwin":  # whose disks take no such names
    AWKWARD = (
        *AWKWARD,
        Awkward("names/bytes", undecodable(b"bad\xff\xfe.md", b"x"), error="name is not valid UTF-8", fix="rename", shown="names/bad\\udcff\\udcfe.md"),
        Awkward("names/bytes_folder", undecodable(b"fold\xffer/sound.md", b"x"), error="name is not valid UTF-8", fix="rename", shown="names/fold\\udcffer"),
    )  # fmt: skip


def make_all(project: Path) -> None:
    """Write all files into a project's folder docs, and a secret beside the project."""
    outside = project.parent / OUTSIDE
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET, encoding="utf-8")
    for one in AWKWARD:
        path = project / "docs" / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        one.make(path)
