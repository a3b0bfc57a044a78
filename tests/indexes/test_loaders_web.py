from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.loaders import load

MOST = 2**27
SECONDS = 20  # that a hostile file may take on a busy machine
ARABIC = "مرحبا بالعالم، هذا اختبار"
FAMILY = "👩‍👩‍👧"


def put(path: Path, content: str | bytes) -> Path:
    """Write a file."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, content: str | bytes) -> Loaded:
    """Write and load a file."""
    return load(put(path, content), most=MOST)


def texts(loaded: Loaded) -> list[str]:
    """Return the text of a file's blocks."""
    return [block.text for block in loaded.blocks]


def page(tmp_path: Path, body: str) -> list[str]:
    """Return the blocks of a web page."""
    return texts(read(tmp_path / "a.html", f"<meta charset=utf-8><title>t</title>{body}"))


def markdown(tmp_path: Path, text: str) -> list[str]:
    """Return the blocks of a Markdown text."""
    return texts(read(tmp_path / "a.md", text))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<h1>总<br>则</h1><p>甲<b>乙</b>丙<div>丁</div>戊", ["总 则", "甲乙丙", "丁", "戊"]),
        ("<p>第一行，\n   第二行。 one\n two", ["第一行，第二行。 one two"]),
        ("一<br>二<br><br>三", ["一\n二", "三"]),
        ("<ul><li>甲<ol start=3><li>乙<li><p>丙</p>丁</ol></ul>", ["- 甲", "3. 乙", "4. 丙", "丁"]),
        ("<dl><dt>扬尘<dd>细小颗粒<dt>噪声</dl>", ["扬尘: 细小颗粒", "噪声"]),
        ("<pre>\n  a = 1\n    b\n</pre>", ["  a = 1\n    b"]),
        ("<figure><img alt=平面图><figcaption>图1</figcaption></figure>", ["平面图", "图1"]),
        ("&lt;a&gt; &hearts; &#x4e2d;a&nbsp;b&amp;c", ["<a> ♥ 中a b&c"]),
        ("10<sup>5</sup> m<sup>2</sup> CO<sub>2</sub>", ["10⁵ m² CO₂"]),
        ("<abbr title='World Bank'>WB</abbr>", ["WB (World Bank)"]),
        ("<a href='mailto:a@b.cn'>来信</a> <a href='/x'>甲</a>", ["来信 (a@b.cn) 甲"]),
        ("<ruby>漢<rp>(</rp><rt>han</rt><rp>)</rp></ruby>", ["漢(han)"]),
        ("<math alttext='x^2'><mi>x</mi><mn>2</mn></math>是", ["x^2是"]),
        (f"<p dir=rtl>{ARABIC}<p>{FAMILY}😀", [ARABIC, f"{FAMILY}😀"]),
        ("<p>甲<p>乙<li>丙<b>丁<i>戊</b>己", ["甲", "乙", "- 丙丁戊己"]),
        (
            "<select><option>甲<option>乙</select><textarea>丙\n丁</textarea>",
            ["甲", "乙", "丙\n丁"],
        ),
    ],
)
def test_html_blocks(tmp_path: Path, body: str, expected: list[str]) -> None:
    """Inline elements join, blocks part, and markup that says something is put in words."""
    assert page(tmp_path, body) == expected


def test_html_headings(tmp_path: Path) -> None:
    """h1 to h6 give the depth, and a paragraph that is only set as one gives none."""
    body = f"<h1>甲</h1><h3>乙</h3>丙<h6>丁</h6><h2>{'长' * 300}</h2>"
    blocks = read(tmp_path / "a.html", body).blocks
    assert [block.level for block in blocks] == [1, 3, 0, 6, 0]


def test_html_merged_cells(tmp_path: Path) -> None:
    """A merged cell counts for all its rows and columns."""
    rows = page(
        tmp_path,
        "<table><caption>表一</caption><tr><th rowspan=2>部门<th colspan=2>预算<tr><th>上<th>下"
        "<tr><td rowspan=2>工程<td>1<td>2<tr><td>3<td>4<br>五</table>",
    )
    assert rows[0] == "表一"
    for row, values in ((-2, "工程 1 2"), (-1, "工程 3 4")):
        assert all(value in rows[row] for value in values.split())
    assert "五" in rows[-1]
    assert "预算" in rows[-1]


def test_html_tables_that_place_a_page(tmp_path: Path) -> None:
    """A table around headings or other tables is no data: what its cells hold stays in order."""
    found = page(
        tmp_path,
        "<table><tr><td><h2>左</h2><p>甲<p>乙<td><table><tr><td>名<td>数<tr><td>丙<td>7</table>丁</table>",
    )
    assert found[:3] == ["左", "甲", "乙"]
    assert "丙" in found[3]
    assert "7" in found[3]
    assert found[-1] == "丁"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>密</script>", "<style>密</style>", "<template>密</template>", "<div hidden>密</div>",
        "<p style='color:red; DISPLAY : none'>密</p>", "<!-- 密 -->", "<main>乙</main><nav>密</nav>",
    ],
)  # fmt: skip
def test_html_leaves_out(tmp_path: Path, hidden: str) -> None:
    """What a reader does not see, and a page's menu, is no text of it."""
    found = " ".join(page(tmp_path, f"<p>甲</p>{hidden}"))
    assert "甲" in found
    assert "密" not in found


@pytest.mark.parametrize(
    "shown",
    [
        "<nav>见</nav>", "<main>乙</main><footer>见</footer>", "<main><nav>见</nav></main>",
        "<p aria-hidden=true>见</p>", "<noscript>见</noscript>", "<body style='display:none'>见",
        "<svg><text>见</text></svg>", "<my-card>见</my-card>", "<font>" * 3000 + "见",
    ],
)  # fmt: skip
def test_html_keeps(tmp_path: Path, shown: str) -> None:
    """What may matter stays, however old or odd the markup is."""
    assert "见" in " ".join(page(tmp_path, f"{shown}<p>甲"))


def test_html_metadata(tmp_path: Path) -> None:
    """The head gives title, date and fields."""
    loaded = read(
        tmp_path / "a.html",
        '<html lang="zh-CN"><title>招标\n 公告</title><meta name="Description" content="简介">'
        '<meta name=author content=王工><meta name=keywords content="招标，采购,">'
        '<meta property="article:published_time" content="2024-5-1T08:00:00+08:00"><p>正文',
    )
    assert (loaded.title, loaded.date) == ("招标 公告", "2024-05-01")
    assert loaded.fields == {
        "description": "简介", "author": "王工", "keywords": ["招标", "采购"], "lang": "zh-CN",
    }  # fmt: skip


def test_html_title_from_heading(tmp_path: Path) -> None:
    """An editor's stand-in for a title is none."""
    assert read(tmp_path / "a.html", "<title>无标题文档</title><h1>总则</h1>").title == "总则"


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("utf-8", "utf-8", "施工扬尘管理办法"),
        ("gb2312", "gb18030", "施工扬尘管理办法朱镕基"),
        ("big5", "big5", "施工揚塵管理辦法"),
        ("shift_jis", "shift_jis", "日本語の文書です"),
        ("", "gb18030", "施工扬尘管理办法，夜间不得施工"),
        ("utf-8", "gb18030", "施工扬尘管理办法，夜间不得施工"),
        ("iso-8859-1", "utf-8", "施工扬尘管理办法"),
        ("iso-8859-1", "cp1252", "Café – “Größe” naïve"),
        ("nonsense", "utf-8", "施工扬尘管理办法"),
        ("utf-8", "utf-16", "施工扬尘管理办法"),
        ("gbk", "utf-8-sig", "施工扬尘管理办法"),
    ],
)
def test_html_encodings(tmp_path: Path, declared: str, encoding: str, text: str) -> None:
    """A byte order mark counts first, then what the page says if that fits, then what it looks like."""
    content = f"<meta http-equiv=Content-Type content='text/html; charset={declared}'><p>{text}"
    assert texts(read(tmp_path / "a.html", content.encode(encoding))) == [text]


def test_html_saved_by_word(tmp_path: Path) -> None:
    """Word's own tags and conditional comments leave nothing behind, and take nothing away."""
    found = page(
        tmp_path,
        "<!--[if gte mso 9]><xml><w:View>Normal</w:View></xml><![endif]--><p class=MsoTitle>方案</p>"
        "<p class=MsoListParagraph><![if !supportLists]><span style='mso-list:Ignore'>1.</span>"
        "<![endif]>基坑<o:p></o:p></p><table><tr><td><p class=MsoNormal>名</p><td>数<tr><td>甲<td>2</table>",
    )
    assert found[:2] == ["方案", "1.基坑"]
    assert len(found) == 3


@pytest.mark.parametrize(
    "content",
    [
        "<div>" * 100_000 + "x" + "</div>" * 100_000,
        "<div><ul><li>" * 5_000 + "x" + "</li></ul></div>" * 5_000,
        "<table><tr><td>" * 5_000 + "x",
        "<p " + " ".join(f"a{i}=b" for i in range(100_000)) + ">x",
        "<table>" + "<tr><td rowspan=65534 colspan=1000>x" * 2_000,
        "<" * 200_000,
        "&" * 500_000,
        "</b>" * 100_000 + "x",
        "<b><p>" * 5_000 + "x",
        "<a " * 100_000,
        "字" * 2_000_000,
        "<!--" * 50_000,
        bytes(range(256)) * 100,
    ],
    ids=range(13),
)
def test_hostile_html(tmp_path: Path, content: str | bytes) -> None:
    """Whatever the page, it ends in blocks or in a LoadError, soon."""
    assert ends_soon(tmp_path / "a.html", content)


def ends_soon(path: Path, content: str | bytes) -> bool:
    """Say whether loading ends within some seconds, and in no other error than a LoadError."""
    began = time.process_time()
    try:
        for _ in read(path, content).blocks:
            pass
    except LoadError:
        pass
    return time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"名": "甲", "量": 2.5, "新": True, "空": None}], ["名: 甲 | 量: 2.5 | 新: true"]),
        ([{"a": {"b": [1, 2]}, "c": [{"d": "x"}, {"d": "y"}]}], ["a.b: 1, 2 | c.d: x | c.d: y"]),
        ([{"正文": "一段\n\n二段", "号": 7}], ["号: 7\n正文: 一段\n二段"]),
        ({"code": 0, "data": [{"a": 1}, {"a": 2}]}, ["code: 0", "a: 1", "a: 2"]),
        ({"服务": {"端口": 80, "主机": ["a", "b"]}}, ["服务", "端口: 80 | 主机: a, b"]),
        ({"a": [{"x": 1}], "b": {"y": 2}}, ["a", "x: 1", "b", "y: 2"]),
        ([["名", "数"], ["甲", 1]], ["名: 甲 | 数: 1"]),
        ([[1, 2], [3, 4]], ["1, 2", "3, 4"]),
        (["甲", "乙"], ["甲", "乙"]),
        ("一句", ["一句"]),
        ([f"{ARABIC}{FAMILY}"], [f"{ARABIC}{FAMILY}"]),
        (["半\ud83d"], ["半\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_json_blocks(tmp_path: Path, value: Any, expected: list[str]) -> None:
    """Records are one block each, the parts of objects stand under their keys."""
    assert texts(read(tmp_path / "a.json", json.dumps(value))) == expected


def test_json_locations_and_levels(tmp_path: Path) -> None:
    """Records are counted from 1, keys are headings as deep as they stand."""
    value = {"title": "清单", "甲": {"乙": {"丙": 1}}, "丁": [{"a": 1}, {"a": 2}]}
    loaded = read(tmp_path / "a.json", json.dumps(value))
    found = [(block.text, block.level, block.location.get("row")) for block in loaded.blocks]
    assert loaded.title == "清单"
    assert found == [
        ("title: 清单", 0, None), ("甲", 1, None), ("乙", 2, None), ("丙: 1", 0, None),
        ("丁", 1, None), ("a: 1", 0, 1), ("a: 2", 0, 2),
    ]  # fmt: skip


def test_json_keeps_every_value(tmp_path: Path) -> None:
    """However deep it lies, each value is in some block."""
    value: Any = {"leaf": "最里"}
    for depth in range(200):
        value = {f"k{depth}": value, "side": f"旁{depth}。"}
    whole = " ".join(texts(read(tmp_path / "a.json", json.dumps(value))))
    assert "最里" in whole
    assert all(f"旁{depth}。" in whole for depth in range(200))


def test_json_that_is_not_valid(tmp_path: Path) -> None:
    """What is wrong is told with its line and column."""
    with pytest.raises(LoadError, match="line 2, column 2"):
        read(tmp_path / "a.json", '{"a": 1,\n }')


def test_json_of_several_lines(tmp_path: Path) -> None:
    """JSON Lines under the ending of JSON are read as what they are, and the other way round."""
    assert texts(read(tmp_path / "a.json", '{"a": 1}\n{"a": 2}\n')) == ["a: 1", "a: 2"]
    assert texts(read(tmp_path / "a.jsonl", '{\n"a": 1,\n"b": 2\n}')) == ["a: 1 | b: 2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_jsonl_skips_bad_lines(tmp_path: Path, encoding: str) -> None:
    """A bad line costs that line only, and a warning names it."""
    lines = '{"名": "夜间施工"}\n\n{"名": \n{"名": "扬尘管理"}\n'
    loaded = read(tmp_path / "a.jsonl", lines.encode(encoding))
    found = [(block.text, block.location["row"]) for block in loaded.blocks]
    assert found == [("名: 夜间施工", 1), ("名: 扬尘管理", 3)]
    assert loaded.warnings == ["1 line of no valid JSON left out: line 3."]


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000, "9" * 100_000, "nul",
        '"\\ud800"', "[" + "[1]," * 100_000 + "1]", '{"":{"":""}}', "NaN", '["' + "字" * 500_000 + '"]',
    ],
    ids=range(9),
)  # fmt: skip
@pytest.mark.parametrize("ending", [".json", ".jsonl"])
def test_hostile_json(tmp_path: Path, content: str, ending: str) -> None:
    """Whatever the data, it ends in blocks or in a LoadError, soon."""
    assert ends_soon(tmp_path / f"a{ending}", content)


def test_json_chats_are_told_apart(tmp_path: Path) -> None:
    """An export of Slack is read as a chat: who said what, and when."""
    messages = [
        {"type": "message", "user": "U1", "text": "明天停工", "ts": "1714528800.000100"},
        {"type": "message", "user": "U2", "text": "收到", "ts": "1714528860.000200"},
    ]
    found = list(read(tmp_path / "a.json", json.dumps(messages)).blocks)
    assert all("ts:" not in block.text for block in found)
    assert any("U1" in block.text and "明天停工" in block.text for block in found)


def message() -> EmailMessage:
    """Return a message with a plain body, the same in HTML, and no attachment."""
    mail = EmailMessage()
    mail["Subject"] = "关于扬尘整改的通知 😀"
    mail["From"] = "张三 <Zhang@x.cn>"
    mail["To"] = '李四 <li@x.cn>, "Wang, W" <w@x.cn>'
    mail["Date"] = "Wed, 01 May 2024 10:00:00 +0800"
    mail.set_content("各位：\n\n请于5月3日前整改。\n\n> 原文第一行\n> 第二行\n\n--\n张三\n工程部\n")
    mail.add_alternative("<p>各位：</p><p>请于5月3日前整改。</p>", subtype="html")
    return mail


def test_eml(tmp_path: Path) -> None:
    """Subject, people, date and the plain body with quotations and signature are read."""
    loaded = read(tmp_path / "a.eml", bytes(message()))
    assert (loaded.title, loaded.date) == ("关于扬尘整改的通知 😀", "2024-05-01")
    assert loaded.fields == {"from": "zhang@x.cn", "to": ["li@x.cn", "w@x.cn"]}
    subject, head, *body = loaded.blocks
    assert (subject.text, subject.level) == (loaded.title, 1)
    assert all(part in head.text for part in ("张三", "李四", "Wang, W", "2024"))
    assert [block.text for block in body] == [
        "各位：", "请于5月3日前整改。", "> 原文第一行\n> 第二行", "--\n张三\n工程部",
    ]  # fmt: skip


def test_eml_html_body(tmp_path: Path) -> None:
    """The HTML is read where the plain text only refers to it, or is missing."""
    mail = EmailMessage()
    mail["Subject"] = "月报"
    mail.set_content("请用支持 HTML 的程序查看。")
    mail.add_alternative(f"<h2>进度</h2><p>{'本月完成开挖。' * 60}", subtype="html")
    found = list(read(tmp_path / "a.eml", bytes(mail)).blocks)
    assert [block.level for block in found] == [1, 3, 0]
    assert "本月完成开挖" in found[2].text


def encoded_word(data: bytes) -> bytes:
    """Return bytes as an encoded word in the national encoding."""
    return b"=?gb2312?B?" + base64.b64encode(data) + b"?="


WORD = "采购需求书模板".encode("gb18030")


@pytest.mark.parametrize(
    ("raw", "title", "body"),
    [
        (b"Subject: " + encoded_word(WORD[:7]) + b"\r\n " + encoded_word(WORD[7:]) + b"\r\n\r\nx", "采购需求书模板", "x"),
        ("Subject: 裸标题\r\n\r\n正文没有编码说明，按国标读出。".encode("gb18030"), "裸标题", "按国标读出"),
        ("Subject: 裸标题\r\n\r\n正文".encode(), "裸标题", "正文"),
        (
            b"Subject: a\r\nContent-Type: text/plain; charset=big5\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.b64encode("繁體內文".encode("big5")),
            "a",
            "繁體內文",
        ),
        (
            b"Subject: a\r\nContent-Type: text/plain; charset=nope\r\nContent-Transfer-Encoding: "
            b"quoted-printable\r\n\r\n=E4=B8=AD=E6=96=87=\r\n=E5=A5=BD",
            "a",
            "中文好",
        ),
        (b'Subject: a\r\nContent-Type: multipart/mixed; boundary="\r\n\r\nlost boundary', "a", "lost boundary"),
        (b"Subject: =?utf-8?B?broken\r\nDate: never\r\nFrom: <<>>\r\n\r\nbody", "=?utf-8?B?broken", "body"),
    ],
    ids=range(7),
)  # fmt: skip
def test_eml_encodings(tmp_path: Path, raw: bytes, title: str, body: str) -> None:
    """Headers and bodies are read in what they declare, or what they look like."""
    loaded = read(tmp_path / "a.eml", raw)
    assert loaded.title == title
    assert body in texts(loaded)[-1]


def test_eml_attachments(tmp_path: Path) -> None:
    """Attachments are named; those of known formats are read; a bad one is a warning."""
    mail = message()
    mail.add_attachment(
        "名称,数量\n盾构机,2\n".encode("gb18030"),
        maintype="text",
        subtype="csv",
        filename="清单.csv",
    )
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="坏.pdf")
    mail.add_attachment(b"\0", maintype="application", subtype="octet-stream", filename="a.exe")
    loaded = read(tmp_path / "a.eml", bytes(mail))
    blocks = list(loaded.blocks)
    found = [block.text for block in blocks]
    assert "Attachments: 清单.csv, 坏.pdf, a.exe" in found
    heading = blocks[found.index("清单.csv")]
    row = blocks[found.index("清单.csv") + 1]
    assert heading.level == 2
    assert "盾构机" in row.text
    assert row.location["row"] == 2
    assert len(loaded.warnings) == 1
    assert "坏.pdf" in loaded.warnings[0]


def nested(depth: int) -> EmailMessage:
    """Return a message within messages, each with a file."""
    mail = EmailMessage()
    mail["Subject"] = f"第{depth}层"
    mail.set_content(f"正文{depth}。")
    mail.add_attachment(
        f"附件{depth}。".encode(), maintype="text", subtype="plain", filename="n.txt"
    )
    if depth < 3:
        mail.add_attachment(nested(depth + 1))
    return mail


def test_eml_within_eml(tmp_path: Path) -> None:
    """Forwarded messages and their attachments are read two deep, and a warning tells the rest."""
    loaded = read(tmp_path / "a.eml", bytes(nested(0)))
    whole = " ".join(texts(loaded))
    for shown in ("正文0", "附件0", "正文1", "附件1", "正文2"):
        assert shown in whole
    assert "附件2" not in whole
    assert "2 attachments not read" in loaded.warnings[0]


def hostile_mail() -> Iterator[bytes]:
    """Yield messages that could keep a reader busy."""
    yield b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\r\n\r\nx"
    yield b"Subject: x\r\nTo: " + b"(" * 100_000 + b"\r\n\r\nx"
    yield b"".join(
        b"Subject: s\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (k, k)
        for k in range(3000)
    )
    yield (
        b"Subject: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nx\r\n" * 5000
    )
    yield b"no headers at all"
    yield b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + b"<div>" * 100_000


@pytest.mark.parametrize("content", [*hostile_mail()], ids=range(6))
def test_hostile_mail(tmp_path: Path, content: bytes) -> None:
    """Whatever the message, it ends in blocks or in a LoadError, soon."""
    assert ends_soon(tmp_path / "a.eml", content)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<div>甲<p>乙</p></div>\n\n丙", ["甲", "乙", "丙"]),
        ("<details>\n<summary>摘要</summary>\n\n内**容**\n\n</details>", ["摘要", "内容"]),
        ("<table><tr><td>名<td>数<tr><td>甲<td>2</table>", ["名: 甲 | 数: 2"]),
        ("a <b>粗</b> <your-name> x<br>y `<code>`", ["a 粗 <your-name> x\ny <code>"]),
        ("<your-name>", ["<your-name>"]),
        ('<img src=x alt="图 一"> 后', ["图 一 后"]),
        ("前 <!-- 密 --> 后\n\n<!-- 密 -->", ["前  后"]),
        ("甲\n\n<!-- 没有结束\n\n乙", ["甲", "没有结束", "乙"]),
        ("![*全*图](a.png '题')", ["全图 (题)"]),
        ("见[门户](https://a.cn/x)、[条](#b)、<http://c.d>", ["见门户 (https://a.cn/x)、条、http://c.d"]),
        ("见[^1]。\n\n[^1]: 注一。\n\n    续。", ["见[^1]。", "[^1]: 注一。", "续。"]),
        ("[注]: 本表不含税\n\n> [注]:\n> 含税", ["[注]: 本表不含税", "[注]:\n含税"]),
        ("[甲][1]\n\n[1]: https://a.cn '全 文'", ["甲 (https://a.cn 全 文)"]),
        ("- [ ] 待办\n- [x] 完成", ["- [ ] 待办", "- [x] 完成"]),
        ("1. 甲\n   - 乙\n\n     | 名 | 数 |\n     |---|---|\n     | 丙 | 1 |\n\n2. 丁", ["1. 甲", "- 乙", "名: 丙 | 数: 1", "2. 丁"]),
        ("5~10℃，30~40% 与 ~~旧~~", ["5~10℃，30~40% 与 ~~旧~~"]),
        ("$a*b*c$ 与 $$x_1$$，$5 and $10", ["$a*b*c$ 与 $$x_1$$，$5 and $10"]),
        ("术语\n: 定义", ["术语\n: 定义"]),
        ("```python\n  x = 1\n[a]: b\n```\n\n    y", ["  x = 1\n[a]: b", "y"]),
        ("| a | b<br>c |\n|---|---|\n| `x|` | **y** |", ["a: `x | b c: `"]),
        ("> 引用\n>\n> - 项", ["引用", "- 项"]),
        (f"{ARABIC} {FAMILY}", [f"{ARABIC} {FAMILY}"]),
    ],
    ids=range(22),
)  # fmt: skip
def test_markdown_loses_nothing(tmp_path: Path, text: str, expected: list[str]) -> None:
    """What a reader of the Markdown sees is in the blocks, whatever it is written with."""
    assert markdown(tmp_path, text) == expected


def test_markdown_headings(tmp_path: Path) -> None:
    """Both kinds of headings have depths; a paragraph with a line under it is a paragraph."""
    text = "总则\n====\n\n### 二 ###\n\n第一行\n第二行\n---\n\n# " + "长" * 300
    assert [block.level for block in read(tmp_path / "a.md", text).blocks] == [1, 3, 0, 0]


@pytest.mark.parametrize(
    ("text", "title", "first"),
    [
        ('+++\ntitle = "办法"\ntags = ["a"]\n+++\n正文', "办法", "正文"),
        ("---\r\ntitle: 办法\r\n---\r\n正文", "办法", "正文"),
        ("---\n\n正文\n\n---\n", "", "正文"),
        ("---\n只是一句话\n---\n", "", "只是一句话"),
    ],
)
def test_markdown_front_matter_kinds(tmp_path: Path, text: str, title: str, first: str) -> None:
    """YAML and TOML are understood, and text between two rules stays text."""
    loaded = read(tmp_path / "a.md", text)
    assert loaded.title == title
    assert texts(loaded)[0] == first


def test_markdown_front_matter_without_end(tmp_path: Path) -> None:
    """Aliases that stand for endless lists cost nothing."""
    lists = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12))
    loaded = read(tmp_path / "a.md", f"---\nl0: &l0 [x]\n{lists}\n---\n正文")
    assert loaded.fields["l0"] == ["x"]
    assert texts(loaded) == ["正文"]


@pytest.mark.parametrize(
    "content",
    [
        ">" * 100_000 + "a", "[" * 200_000, "*a_ " * 100_000, "![" * 50_000 + "](a)" * 50_000, "<a " * 100_000,
        "- " * 20_000 + "a", "|" * 2_000 + "\n" + "|-" * 1_999 + "|\n" + "a\n" * 2_000, "<div>\n\n" * 5_000,
        "[a]: b\n" * 50_000, "[^a]: " * 20_000, "$a " * 100_000, "`" * 100_000, "---\n" * 50_000,
        "[a]: " + "x" * 1_000_000 + "。", "[" + " " * 200_000 + "]: a", "+++\na = " + "[" * 100_000 + "\n+++\n",
        "---\na: " + "[" * 20_000 + "\n---\n",
    ],
    ids=range(17),
)  # fmt: skip
def test_hostile_markdown(tmp_path: Path, content: str) -> None:
    """Whatever the text, it ends in blocks or in a LoadError, soon."""
    assert ends_soon(tmp_path / "a.md", content)
