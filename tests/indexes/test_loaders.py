from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from indexes.errors import LoadError
from indexes.ingest.loaders import LOADERS, MAX_BYTES, load, supported
from indexes.ingest.loaders.pdf import clean
from indexes.types import Block, FieldValue
from tests.indexes.samples import write_docx, write_pdf, write_xlsx

BODY = "本项目位于临江市东部，线路全长十二公里，沿线共设车站九座，总投资约八十亿元人民币"
ARTICLES = "第一条 施工单位应当覆盖裸土。\n\n第二条 夜间不得施工。\n"
TRADITIONAL = "第一條 施工單位應當覆蓋裸土。\n\n第二條 夜間不得施工。\n"
PAGES = [
    [("东站综合交通枢纽工程深基坑", 22), ("专项施工方案", 22), ("建设单位：临江城投集团", 12)],
    [
        ("1 总论", 16),
        (f"{BODY}，", 12),
        ("建设工期四十八个月。", 12),
        ("1.1 编制依据", 14),
        ("第三条 裸土应当覆盖。", 12),
    ],
    [("2 噪声", 16), (f"夜间噪声限值为55分贝。{BODY}", 12)],
]
MARKDOWN = """\
---
title: 招标办法
date: 2024-05-01
groups: [finance, board]
---
# 招标采购管理办法

第一条 为规范招标，
制定本办法。

## 第二章 方式

- 公开 **招标**
- 询价
  1. 三家
  2. 五家

| 类别 | 限额（万元） |
|---|---|
| 工程 | 400 |
| 服务 | 100 |

```
x = 1
```
"""


def put(path: Path, content: str | bytes) -> Path:
    """Write a file."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


class Read(NamedTuple):
    """All that a file holds."""

    blocks: list[Block]
    title: str
    date: str
    groups: tuple[str, ...] | None
    fields: Mapping[str, FieldValue]


def read(path: Path) -> Read:
    """Return all that a file holds."""
    loaded = load(path)
    return Read(list(loaded.blocks), loaded.title, loaded.date, loaded.groups, loaded.fields)


def texts(path: Path) -> list[str]:
    """Return the text of a file's blocks."""
    return [block.text for block in read(path).blocks]


def test_pdf_pages_and_headings(tmp_path: Path) -> None:
    """Each block carries its page, headings have depths, wrapped lines are joined again."""
    blocks = read(write_pdf(tmp_path / "a.pdf", PAGES)).blocks
    assert [(b.text, b.location["page"], b.level) for b in blocks[3:]] == [
        ("1 总论", 2, 1),
        (f"{BODY}，建设工期四十八个月。", 2, 0),
        ("1.1 编制依据", 2, 2),
        ("第三条 裸土应当覆盖。", 2, 0),
        ("2 噪声", 3, 1),
        (f"夜间噪声限值为55分贝。{BODY}", 3, 0),
    ]


def test_pdf_running_lines_are_dropped(tmp_path: Path) -> None:
    """Running headers and page numbers are no text and no title."""
    loaded = read(write_pdf(tmp_path / "a.pdf", PAGES, header="临江城投 送审稿"))
    text = "\n".join(block.text for block in loaded.blocks)
    assert "送审稿" not in text
    assert "第 1 页" not in text
    assert loaded.title == "东站综合交通枢纽工程深基坑专项施工方案"


def test_pdf_with_password(tmp_path: Path) -> None:
    """An encrypted PDF is refused by name."""
    with pytest.raises(LoadError, match="encrypted") as caught:
        read(write_pdf(tmp_path / "a.pdf", PAGES, password="secret"))
    assert "without a password" in caught.value.fix


def test_pdf_without_text(tmp_path: Path) -> None:
    """A scan gives no text, and the cure is text recognition."""
    with pytest.raises(LoadError, match="no text") as caught:
        read(write_pdf(tmp_path / "a.pdf", [[], []]))
    assert "text recognition" in caught.value.fix


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\ud842\udfb7野家", "𠮷野家"),  # a pair of surrogates, as PDF text has rare characters
        ("half \ud842 of one", "half � of one"),
        ("a\u00a0b\x02c  ", "a bc"),
    ],
)
def test_pdf_lines_are_made_clean(line: str, expected: str) -> None:
    """What comes out of a PDF can be kept and searched, rare characters included."""
    assert clean(line) == expected


def test_docx(tmp_path: Path) -> None:
    """Title, headings by style, list items and table rows come in their order."""
    loaded = read(write_docx(tmp_path / "a.docx"))
    assert loaded.title == "东站施工方案"
    assert [
        (b.text, b.level)
        for b in loaded.blocks
        if "盾构机" not in b.text and "泥浆泵" not in b.text
    ] == [
        ("1 总则", 1),
        ("本方案适用于东站综合交通枢纽工程。", 0),
        ("1.1 依据", 2),
        ("- 国家规范", 0),
        ("表后说明。", 0),
    ]
    row = loaded.blocks[4].text
    assert row.startswith("机械: 盾构机")
    assert "数量: 2" in row
    assert "6m" in row


def test_xlsx_rows_repeat_their_header(tmp_path: Path) -> None:
    """A two-row header is joined and repeated; title, unit line and note stay plain text."""
    sheet = [
        b for b in read(write_xlsx(tmp_path / "a.xlsx")).blocks if b.location["sheet"] == "管理费用"
    ]
    assert sheet[0] == Block("管理费用", {"sheet": "管理费用"}, 1)
    assert [b.location["row"] for b in sheet[1:]] == [1, 2, 5, 6, 7]
    assert [sheet[i].text for i in (1, 2, 5)] == [
        "2024年第三季度管理费用表",
        "单位：万元",
        "注：差旅费含交通补贴。",
    ]
    for pair in ("部门: 工程部", "办公费·预算: 12.5", "办公费·实际: 11", "差旅费·实际: 3.25"):
        assert pair in sheet[3].text


def test_xlsx_second_sheet(tmp_path: Path) -> None:
    """Every sheet is read, with dates as days and numbers without noise."""
    last = read(write_xlsx(tmp_path / "a.xlsx")).blocks[-1]
    assert last.location == {"sheet": "贷款", "row": 2}
    for pair in ("银行: 建设银行", "利率: 0.0345", "到期日: 2025-06-30"):
        assert pair in last.text


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_separators(tmp_path: Path, separator: str) -> None:
    """Whatever the separator, rows know their header and number."""
    rows = ["名称;数量;单价", "盾构机;2;35.5", "泥浆泵;4;1.2"]
    path = put(tmp_path / "a.csv", "\n".join(rows).replace(";", separator))
    first, second = read(path).blocks
    assert (first.location, second.location) == ({"row": 2}, {"row": 3})
    for pair in ("名称: 泥浆泵", "数量: 4", "单价: 1.2"):
        assert pair in second.text


def test_csv_quotes_and_encoding(tmp_path: Path) -> None:
    """A quoted comma does not split a cell, and GB 18030 is read."""
    path = put(tmp_path / "a.csv", '名称,说明\n盾构机,"直径6米,两台"\n'.encode("gb18030"))
    assert "说明: 直径6米,两台" in texts(path)[0]


def test_csv_ragged_rows_lose_nothing(tmp_path: Path) -> None:
    """Cells beyond the header are kept."""
    (row,) = texts(put(tmp_path / "a.csv", "名称,数量\n盾构机,2,备用一台\n"))
    assert "备用一台" in row


def test_markdown_front_matter(tmp_path: Path) -> None:
    """Front matter gives title, date and access list, and is no text."""
    loaded = read(put(tmp_path / "a.md", MARKDOWN))
    assert (loaded.title, loaded.date) == ("招标办法", "2024-05-01")
    assert loaded.groups == ("finance", "board")
    assert loaded.blocks[0] == Block("招标采购管理办法", {}, 1)


def test_markdown_blocks(tmp_path: Path) -> None:
    """Headings, wrapped paragraphs, nested lists, table rows and code are told apart."""
    found = texts(put(tmp_path / "a.md", MARKDOWN))
    assert found[1:7] == [
        "第一条 为规范招标，\n制定本办法。",
        "第二章 方式",
        "- 公开 招标",
        "- 询价",
        "1. 三家",
        "2. 五家",
    ]
    for row, pairs in (
        (7, ("类别: 工程", "限额（万元）: 400")),
        (8, ("类别: 服务", "限额（万元）: 100")),
    ):
        assert all(pair in found[row] for pair in pairs)
    assert found[9:] == ["x = 1"]


@pytest.mark.parametrize(
    ("matter", "groups"),
    [("title: a", None), ("groups:", ()), ("groups: []", ()), ("groups: hr", ("hr",)), ("", None)],
)
def test_markdown_access_lists(tmp_path: Path, matter: str, groups: tuple[str, ...] | None) -> None:
    """An empty list means nobody, which is not the same as no list."""
    assert read(put(tmp_path / "a.md", f"---\n{matter}\n---\n正文\n")).groups == groups


@pytest.mark.parametrize("matter", ["title: [a", "groups: {a: b}", "groups: [1, 2]"])
def test_markdown_broken_front_matter(tmp_path: Path, matter: str) -> None:
    """An access list that cannot be understood is never taken for public."""
    with pytest.raises(LoadError, match="front matter"):
        read(put(tmp_path / "a.md", f"---\n{matter}\n---\n正文\n"))


def test_markdown_title_from_heading(tmp_path: Path) -> None:
    """Without front matter the first heading is the title."""
    assert read(put(tmp_path / "a.md", "# 总则\n\n正文")).title == "总则"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", ARTICLES),
        ("utf-8-sig", ARTICLES),
        ("gb18030", ARTICLES),
        ("big5", TRADITIONAL),
        ("utf-16", ARTICLES),
        ("gb18030", TRADITIONAL),
        ("gb18030", "Dust limit: 0.5 mg/m³ — 扬尘"),
    ],
)
def test_txt_encodings(tmp_path: Path, encoding: str, text: str) -> None:
    """Text is the same in every encoding that such files come in."""
    path = put(tmp_path / "a.txt", text.encode(encoding))
    assert texts(path) == [line for line in text.split("\n") if line]


def test_txt_structure(tmp_path: Path) -> None:
    """Numbered lines are headings, articles begin paragraphs, other lines are joined."""
    path = put(
        tmp_path / "a.txt",
        "1 总则\n第一条 甲，\n乙。\n第二条 丙。\n2.1 范围\nOne line\nand another.",
    )
    assert [(b.text, b.level) for b in read(path).blocks] == [
        ("1 总则", 1),
        ("第一条 甲，乙。", 0),
        ("第二条 丙。", 0),
        ("2.1 范围", 2),
        ("One line and another.", 0),
    ]


@pytest.mark.parametrize("ending", sorted(LOADERS))
def test_empty_files(tmp_path: Path, ending: str) -> None:
    """A file of no bytes is refused in every format."""
    with pytest.raises(LoadError, match="empty"):
        read(put(tmp_path / f"a{ending}", b""))


@pytest.mark.parametrize("ending", [".md", ".txt", ".csv"])
def test_blank_files(tmp_path: Path, ending: str) -> None:
    """A file of blanks has no text."""
    with pytest.raises(LoadError, match="no text"):
        read(put(tmp_path / f"a{ending}", " \n\n"))


@pytest.mark.parametrize("ending", [".pdf", ".docx", ".xlsx"])
@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 broken",
        b"PK\x03\x04 broken",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "一".encode(),
    ],
    ids=["pdf", "zip", "encrypted office", "text"],
)
def test_damaged_and_mislabelled_files(tmp_path: Path, ending: str, content: bytes) -> None:
    """Whatever a reader raises over a broken or encrypted file becomes a LoadError with a cure."""
    with pytest.raises(LoadError) as caught:
        read(put(tmp_path / f"a{ending}", content))
    assert caught.value.fix


def test_truncated_files(tmp_path: Path) -> None:
    """Half a document is refused, not half read."""
    for path in (write_docx(tmp_path / "a.docx"), write_xlsx(tmp_path / "a.xlsx")):
        data = path.read_bytes()
        with pytest.raises(LoadError):
            read(put(path, data[: len(data) // 2]))


def test_zip_that_is_no_document(tmp_path: Path) -> None:
    """An archive under the name of a document is refused."""
    for name in ("a.docx", "a.xlsx"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("hello.txt", "hello")
        with pytest.raises(LoadError, match="not what its ending says"):
            read(tmp_path / name)


@pytest.mark.parametrize("ending", [".md", ".txt", ".csv"])
def test_binary_is_no_text(tmp_path: Path, ending: str) -> None:
    """Binary data under the ending of a text file is refused."""
    with pytest.raises(LoadError):
        read(put(tmp_path / f"a{ending}", bytes(range(256)) * 8))


@pytest.mark.parametrize("name", ["a.exe", "a.doc", "README"])
def test_unsupported_files(tmp_path: Path, name: str) -> None:
    """An ending without a loader is named, with formats that have one."""
    path = put(tmp_path / name, b"x")
    assert not supported(path)
    with pytest.raises(LoadError, match="no loader") as caught:
        read(path)
    assert "PDF" in caught.value.fix


def test_endings_in_capitals(tmp_path: Path) -> None:
    """Endings are read in any case."""
    assert texts(put(tmp_path / "A.TXT", "正文")) == ["正文"]


def test_too_large(tmp_path: Path) -> None:
    """A file above the limit is refused before it is read."""
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        os.truncate(file.fileno(), MAX_BYTES + 1)
    with pytest.raises(LoadError, match="64 MiB"):
        read(path)


def test_missing_file(tmp_path: Path) -> None:
    """A file that went away meanwhile is a LoadError too."""
    with pytest.raises(LoadError, match="cannot be read"):
        read(tmp_path / "a.txt")
