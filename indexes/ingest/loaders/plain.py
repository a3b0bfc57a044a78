"""Plain text: chats, logs, and paragraphs between blank lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from indexes.base import Loaded
from indexes.ingest.loaders.chat import chat_of_text
from indexes.ingest.loaders.encodings import read_text
from indexes.ingest.loaders.lines import LONGEST, lines_of, pieces_of
from indexes.ingest.structure import blocks_of_lines
from indexes.types import Block, Location

__all__ = ["load_plain"]

SAMPLE = 200  # lines that tell a log
RECORDS = 0.5  # of the lines of a log begin a record, in a file that is not named one
_RECORD = re.compile(
    r"^\W{0,3}(?:"
    r"(?P<date>\d{4}[-/]\d\d[-/]\d\d)[T ]?(?P<clock>\d\d:\d\d:\d\d)"
    r"|\d\d:\d\d:\d\d\b"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\b"
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b"
    r"|\d{1,3}(?:\.\d{1,3}){3} \S+ \S+ \[)"
)
_COLOUR = re.compile(r"\x1b\[[\d;]{0,20}[A-Za-z]")
_SENTENCE_END = ("。", "！", "？", "；", "：", ".", "!", "?", ";", ":", "”", '"', "）", ")")


def load_plain(path: Path) -> Loaded:
    """Read a text file; lines such as 第三条 or 2.1 标题 give its structure.

    Raises:
        LoadError: the content is no text, or in an unknown encoding.
    """
    warnings: list[str] = []
    text = read_text(path, warnings)
    if "\x1b[" in text:
        text = _COLOUR.sub("", text)
    chat = chat_of_text(text, path.name)
    if chat is not None:
        chat.warnings.extend(warnings)
        return chat
    if _is_log(text, path):
        return Loaded(_records(text), warnings=warnings)
    return Loaded(blocks_of_lines(_bounded(lines_of(text)), {}), warnings=warnings)


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines with a blank one where a paragraph would be too long, at a sentence's end if any."""
    size = 0
    closed = False  # whether the last line ends a sentence
    for line in lines:
        if not line or line.isspace():
            size = 0
        if len(line) > LONGEST:
            for piece in pieces_of(line):
                yield from ("", piece, "")
            size = 0
            continue
        if size + len(line) > (LONGEST if closed else 2 * LONGEST):
            yield ""
            size = 0
        size += len(line)
        closed = line.endswith(_SENTENCE_END)
        yield line


def _is_log(text: str, path: Path) -> bool:
    sample = [line for line in islice(lines_of(text), SAMPLE) if line.strip()]
    begun = sum(_RECORD.match(line[:80]) is not None for line in sample)
    return path.suffix.lower() == ".log" or (len(sample) >= 5 and begun >= RECORDS * len(sample))


def _records(text: str) -> Iterator[Block]:
    """Yield a log's records: a line that begins one, with those that go on (the trace of an error)."""
    record: list[str] = []
    first = last = size = 0
    time = ""
    for number, line in enumerate(lines_of(text), 1):
        if not line or line.isspace():
            continue
        begins = _RECORD.match(line[:80])
        goes_on = begins is None and (time or line[0] in " \t") and size + len(line) <= LONGEST
        if record and not goes_on:
            yield from _blocks_of_record(record, [first, last], time)
            record.clear()
        if not record:
            first, size = number, 0
            dated = begins and begins["date"]
            time = (
                f"{begins['date'].replace('/', '-')} {begins['clock']}" if begins and dated else ""
            )
        record.append(line.rstrip())
        last = number
        size += len(line)
    if record:
        yield from _blocks_of_record(record, [first, last], time)


def _blocks_of_record(record: list[str], lines: list[int], time: str) -> Iterator[Block]:
    location: Location = {"lines": lines}
    if time:
        location["time"] = time
    for piece in pieces_of("\n".join(record)):
        yield Block(piece, location)
