"""Plain text: its encoding, its lines, and texts that are not made for reading."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from indexes.errors import LoadError
from indexes.ingest.loaders.encodings import read_text
from indexes.ingest.loaders.lines import lines_of, pieces_of
from indexes.ingest.loaders.plain import load_plain

SIMPLIFIED = [
    "你好",
    "张三",
    "采购",
    "会议纪要",
    "备注：无",
    "高级工程师",
    "项目名称：东站综合交通枢纽",
    "name,数量\npump,两台\n",
    "王小明 13800000000 工程部",
    "“双碳”目标——减排30%",
    "PM2.5 浓度超标时应停止土方作业。\nSee chapter 3 for details.\n",
    "Dust limit: 0.5 mg/m³ — 扬尘",
    "第一条 施工单位应当覆盖裸土。\n\n第二条 夜间不得施工。\n",
    "第一條 施工單位應當覆蓋裸土。",
    "总投资约八十亿元人民币，资金来源为市财政拨款与银行贷款。" * 50,
    "plain words only\n" * 3000 + "末行：完",
]
TRADITIONAL = [
    "你好",
    "我們的",
    "臺北市政府",
    "會議紀要",
    "備註：無",
    "專案名稱：東站綜合交通樞紐",
    "name,數量\npump,兩臺\n",
    "工程部 王小明",
    "「節能減碳」目標——減排30%",
    "開會通知：請各單位於星期五下午三時出席。",
    "第一條 施工單位應當覆蓋裸土。\n\n第二條 夜間不得施工。\n",
    "總投資約八十億元新臺幣，資金來源為市府撥款與銀行貸款。" * 50,
]
WESTERN = [
    "café",
    "Müller",
    "naïve résumé",
    "Ça va? Très bien, merci à tous les élèves.",
    "El niño comió piñata en España. ¿Qué pasó? ¡Nada!",
    "Größe: 5 µm ± 2°C",
    "Straße\nFußgänger\nÜbergröße",
    "São Paulo – ação e informação",
    "Å ångström",
    "“Quoted” text – with dashes…",
    "It’s 5 o’clock",
    "£50 and €20",
    "Temperature 25°C",
    "© 2024 Müller GmbH",
    "déjà vu, à la carte, crème brûlée. " * 200,
    "plain words only\n" * 3000 + "one é at the end",
]
JAPANESE = ["こんにちは", "東京タワー", "会議の議事録です。本日は晴天なり。", "これはテストです"]
SAMPLES = [
    *(("gb18030", text) for text in SIMPLIFIED),
    *(("big5", text) for text in TRADITIONAL),
    *(("cp1252", text) for text in WESTERN),
    *(("shift_jis", text) for text in JAPANESE),
    *(
        (encoding, text)
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le")
        for text in ("hello\n", "第一条 甲\r\n第二条 乙", SIMPLIFIED[-2], TRADITIONAL[-2], WESTERN[3], "👨‍👩‍👧 ok")
    ),
    *((encoding, SIMPLIFIED[-2]) for encoding in ("utf-16-le", "utf-16-be")),  # no null byte
]  # fmt: skip


def put(folder: Path, data: bytes, name: str = "a.txt") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("encoding", "text"), SAMPLES, ids=lambda one: one[:12].strip())
def test_encodings(tmp_path: Path, encoding: str, text: str) -> None:
    """Short and long texts are the same in every encoding, and cost no warning."""
    warnings: list[str] = []
    assert read_text(put(tmp_path, text.encode(encoding)), warnings) == text
    assert not warnings


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5", "utf-16"])
def test_cut_within_a_character(tmp_path: Path, encoding: str) -> None:
    """A text that ends within a character is read up to it, with a warning."""
    text = TRADITIONAL[-2] * 5 + "完"
    warnings: list[str] = []
    read = read_text(put(tmp_path, text.encode(encoding)[:-1]), warnings)
    assert read.rstrip("\ufffd") == text[:-1]
    assert len(warnings) == 1
    assert "1 broken character" in warnings[0]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_few_broken_bytes(tmp_path: Path, encoding: str) -> None:
    """A few broken bytes cost their own characters, and are told."""
    text = "施工单位应当覆盖裸土，夜间不得施工。\n"
    data = (text * 200).encode(encoding) + b"\xff\n" + (text * 200).encode(encoding)
    warnings: list[str] = []
    read = read_text(put(tmp_path, data), warnings)
    assert read.count(text) == 400
    assert warnings == ["1 broken character could not be read and is shown as \ufffd."]


BINARY = {
    "all bytes": bytes(range(256)) * 8,
    "null bytes in text": b"hello\0world " * 100,
    "null bytes in Chinese": "你好".encode() * 100 + b"\0",
    "control characters": b"\x01\x02\x03abc" * 200,
    "picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(0, 255, 3)) * 30,
    "compressed": bytes((i * i * 31 + i // 7) % 251 for i in range(5000)),
    "Russian": "Привет, это русский текст в старой кодировке. ".encode("cp1251") * 9,
    "mostly broken": "好\n".encode() * 50 + b"\xff\xfe\xfd" * 100,
}


@pytest.mark.parametrize("data", BINARY.values(), ids=BINARY)
def test_what_is_no_text(tmp_path: Path, data: bytes) -> None:
    """Binary data and encodings that are not known are refused, with a cure."""
    with pytest.raises(LoadError, match="not text") as caught:
        read_text(put(tmp_path, data))
    assert caught.value.fix


def test_utf8_is_read_fast(tmp_path: Path) -> None:
    """50 MB of UTF-8 take a fraction of a second."""
    path = put(tmp_path, "第三条 施工单位应当覆盖裸土。The quick brown fox.\n".encode() * 800_000)
    started = time.process_time()
    read_text(path)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\f", "\v", "\x85", "\u2028", "\u2029"])
def test_line_ends(end: str) -> None:
    """Every kind of line end ends one line, wherever the text is divided for reading."""
    lines = [f"第{i}行 {'字' * (i % 50)}" for i in range(60_000)]
    assert list(lines_of(end.join(lines))) == lines


def test_pieces() -> None:
    """A long text is cut after sentences, loses nothing, and a short one is left alone."""
    text = "施工单位应当覆盖裸土，夜间不得施工。" * 1000
    pieces = list(pieces_of(text))
    assert "".join(pieces) == text
    assert all(len(piece) <= 4000 and piece.endswith("。") for piece in pieces)
    assert list(pieces_of("短")) == ["短"]


def texts(blocks: Iterable[object]) -> list[str]:
    """Return the texts of blocks."""
    return [str(getattr(block, "text", "")) for block in blocks]


@pytest.mark.parametrize(
    "line",
    ["x" * 2_000_000, "字" * 2_000_000, "word " * 400_000, "\u200d" * 200_000, "a\u0301" * 200_000],
)
def test_one_long_line(tmp_path: Path, line: str) -> None:
    """A text without line ends comes in blocks of a bounded length, and is whole."""
    started = time.process_time()
    blocks = texts(load_plain(put(tmp_path, line.encode())).blocks)
    assert max(map(len, blocks)) <= 4_000
    assert "".join(blocks).replace(" ", "") == line.replace(" ", "")
    assert time.process_time() - started < 10


@pytest.mark.parametrize("line", ["没有句号的一行", "no full stop here", "一句话。"])
def test_lines_without_paragraphs(tmp_path: Path, line: str) -> None:
    """Lines that no blank one divides are not joined without end."""
    blocks = texts(load_plain(put(tmp_path, f"{line}\n".encode() * 5_000)).blocks)
    assert max(map(len, blocks)) <= 10_000
    assert sum(block.count(line) for block in blocks) == 5_000


LOG = """\
2024-03-01 10:02:33,123 INFO app started
2024-03-01 10:02:34,456 ERROR 连接失败
Traceback (most recent call last):
  File "a.py", line 1

ValueError: no
2024-03-01 10:02:35,789 INFO done
"""


@pytest.mark.parametrize("name", ["a.log", "a.txt"])
def test_logs(tmp_path: Path, name: str) -> None:
    """A record of a log is a block with its lines and time, and what follows it stays with it."""
    blocks = list(load_plain(put(tmp_path, LOG.encode(), name)).blocks)
    assert [(b.text, b.location) for b in blocks] == [
        (
            "2024-03-01 10:02:33,123 INFO app started",
            {"lines": [1, 1], "time": "2024-03-01 10:02:33"},
        ),
        (
            "2024-03-01 10:02:34,456 ERROR 连接失败\nTraceback (most recent call last):\n"
            '  File "a.py", line 1\nValueError: no',
            {"lines": [2, 6], "time": "2024-03-01 10:02:34"},
        ),
        ("2024-03-01 10:02:35,789 INFO done", {"lines": [7, 7], "time": "2024-03-01 10:02:35"}),
    ]


def test_colours_of_terminals(tmp_path: Path) -> None:
    """The colours of a terminal are no text."""
    path = put(tmp_path, b"\x1b[32mINFO\x1b[0m started\n\x1b[1;31mERROR\x1b[0m failed\n", "a.log")
    assert texts(load_plain(path).blocks) == ["INFO started", "ERROR failed"]


@pytest.mark.slow
def test_a_long_log_is_read_record_by_record(tmp_path: Path) -> None:
    """A million short lines take seconds, and their blocks are never all in memory."""
    path = put(tmp_path, b"2024-03-01 10:02:33 INFO step\n" * 1_000_000, "a.log")
    started = time.process_time()
    blocks = iter(load_plain(path).blocks)
    next(iter(blocks))
    tracemalloc.start()
    for _ in range(50_000):
        next(blocks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(1 for _ in blocks) == 949_999
    assert peak < 20 * 2**20
    assert time.process_time() - started < 60
