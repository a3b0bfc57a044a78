"""Plain text: paragraphs between blank lines, in UTF-8, UTF-16, GB 18030 or Big5."""

from __future__ import annotations

import codecs
from pathlib import Path

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.structure import blocks_of_lines

__all__ = ["load_plain", "read_text"]

SAMPLE = 20_000  # characters looked at to tell GB 18030 from Big5
_COMMON = (  # rows of the national sets: marks, then the characters of daily use
    ("gb2312", (0xA1, 0xA3), range(0xB0, 0xD8)),
    ("big5", (0xA1, 0xA2), range(0xA4, 0xC7)),
)


def read_text(path: Path) -> str:
    """Return a text file's content, trying the encodings that Chinese and English files come in."""
    data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    text = _decoded(data, "utf-8-sig")
    if (
        text is None
    ):  # GB 18030 decodes nearly anything, Big5 too, but what is wrong into rare signs
        readings = (_decoded(data, encoding) for encoding in ("gb18030", "big5"))
        text = min((one for one in readings if one is not None), key=_oddness, default=None)
    if text is None or "\0" in text:
        raise LoadError("The file is not text in UTF-8, UTF-16, GB 18030 or Big5.")
    return text


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _oddness(text: str) -> float:
    """Return the share of signs that are common in neither simplified nor traditional Chinese."""
    wide = [char for char in text[:SAMPLE] if not char.isascii()]
    return sum(not _is_common(char) for char in wide) / len(wide) if wide else 0.0


def _is_common(char: str) -> bool:
    for encoding, marks, characters in _COMMON:
        try:
            first = char.encode(encoding)[0]
        except UnicodeEncodeError:
            continue
        if first in marks or first in characters:
            return True
    return False


def load_plain(path: Path) -> Loaded:
    """Read a text file; lines such as 第三条 or 2.1 标题 give its structure."""
    return Loaded(blocks_of_lines(read_text(path).splitlines(), {}))
