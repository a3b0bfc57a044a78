"""Plain text: paragraphs between blank lines, in UTF-8, UTF-16, GB 18030 or Big5."""

from __future__ import annotations

import codecs
from pathlib import Path

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.structure import blocks_of_lines

__all__ = ["load_plain", "read_text"]


def read_text(path: Path) -> str:
    """Return a text file's content, trying the encodings that Chinese and English files come in."""
    data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    for encoding in ("utf-8-sig", "gb18030", "big5"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise LoadError("The file is not text in UTF-8, UTF-16, GB 18030 or Big5.")


def load_plain(path: Path) -> Loaded:
    """Read a text file; lines such as 第三条 or 2.1 标题 give its structure."""
    return Loaded(blocks_of_lines(read_text(path).splitlines(), {}))
