"""JSON and JSON Lines: one block a record, 「key: value | key: value」, or headings for an object's parts.

Chats exported as JSON are read by `chat`. The standard library's parser holds a file as a whole: one of
60 MB took 165 MB with Chinese texts in it and 570 MB with numbers alone, so no streaming parser is
needed; large exports are better written as JSON Lines, which take 22 MB.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.loaders.encodings import read_text
from indexes.ingest.loaders.lines import LONGEST, pieces_of
from indexes.ingest.loaders.table import rows_to_blocks
from indexes.text import whole
from indexes.types import Block, Location

__all__ = ["load_json", "load_jsonl"]

DEPTH = 6  # of headings; what lies deeper has its keys joined with dots
GROUP = 400  # characters of an object's plain values in one block
LONG = 200  # characters of a value that stands on its own line
NAMED = 5  # bad lines that a warning names
TITLE = 100  # characters
CHUNK = 2**20  # bytes whose encoding is checked at once


def load_json(path: Path) -> Loaded:
    """Read a JSON file: a list gives one block a record, an object headings by its keys.

    A file of several values, one a line, is read as JSON Lines.

    Raises:
        LoadError: it is not valid JSON, or nested too deep.
    """
    from indexes.ingest.loaders.chat import chat_of_json

    warnings: list[str] = []
    text = read_text(path, warnings)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and _is_value(text.lstrip().partition("\n")[0]):
            return _lines_loaded(text.split("\n"), warnings)
        raise LoadError(
            f"The file is not valid JSON: {error.msg.removesuffix(' starting at')} in line {error.lineno}, column {error.colno}.",
            fix="correct it there, or export it again.",
        ) from error
    except RecursionError as error:
        raise LoadError(
            "The JSON is nested too deep to be read.", fix="export it again with less nesting."
        ) from error
    except ValueError as error:  # a number of thousands of digits
        raise LoadError(f"The JSON has a value that cannot be read: {error}.") from error
    del text
    chat = chat_of_json(data, path)
    if chat is not None:
        chat.warnings.extend(warnings)
        return chat
    return Loaded(_blocks(data), title=_title(data), warnings=warnings)


def load_jsonl(path: Path) -> Loaded:
    """Read JSON Lines, one record at a time; lines that are not valid are left out with a warning.

    Raises:
        LoadError: no line of it is valid (raised while the blocks are read).
    """
    warnings: list[str] = []
    if _is_utf8(path):
        return _lines_loaded(_lines(path), warnings, path)
    return _lines_loaded(read_text(path, warnings).split("\n"), warnings, path)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while data := file.read(CHUNK):
                if "\0" in decoder.decode(data):  # UTF-16 without a mark
                    return False
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return False
    return True


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        yield from file


def _is_value(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False


def _lines_loaded(
    lines: Iterator[str] | list[str], warnings: list[str], path: Path | None = None
) -> Loaded:
    return Loaded(_of_lines(lines, warnings, path), warnings=warnings)


def _of_lines(
    lines: Iterator[str] | list[str], warnings: list[str], path: Path | None
) -> Iterator[Block]:
    bad: list[int] = []
    good = row = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row += 1
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            bad.append(number)
            if not good and len(bad) > NAMED and path is not None:
                break
            continue
        good += 1
        yield from _record(record, {"row": row})
    if not bad:
        return
    if not good and path is not None:  # one value over several lines
        whole = load_json(path)
        warnings.extend(whole.warnings)
        yield from whole.blocks
        return
    named = ", ".join(map(str, bad[:NAMED])) + (" …" if len(bad) > NAMED else "")
    plural = "s" * (len(bad) > 1)
    warnings.append(f"{len(bad)} line{plural} of no valid JSON left out: line{plural} {named}.")


def _title(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    for key in ("title", "name"):
        title = data.get(key)
        if isinstance(title, str) and 0 < len(title.strip()) <= TITLE:
            return " ".join(whole(title).split())
    return ""


def _blocks(data: Any) -> Iterator[Block]:
    if isinstance(data, dict):
        nested = [value for value in data.values() if _is_nested(value)]
        if len(nested) == 1 and isinstance(nested[0], list):  # records in an envelope
            yield from _plain({key: one for key, one in data.items() if one is not nested[0]})
            yield from _list(nested[0])
        else:
            yield from _object(data, 1)
    elif isinstance(data, list):
        yield from _list(data)
    else:
        yield from _record(data, {})


def _is_nested(value: Any) -> bool:
    """Say whether a value has more in it than a line: an object, or a list of objects or lists."""
    if isinstance(value, list):
        return any(isinstance(one, dict | list) for one in value)
    return isinstance(value, dict)


def _object(data: Mapping[str, Any], depth: int) -> Iterator[Block]:
    """Yield an object's plain values, then each nested one under its key."""
    yield from _plain({key: value for key, value in data.items() if not _is_nested(value)})
    for key, value in data.items():
        if not _is_nested(value) or not value:
            continue
        yield Block(" ".join(whole(key).split()) or '""', {}, depth)
        if isinstance(value, list):
            yield from _list(value)
        elif depth < DEPTH:
            yield from _object(value, depth + 1)
        else:
            yield from _record(value, {})


def _plain(data: Mapping[str, Any]) -> Iterator[Block]:
    """Yield values in groups that are not long, so that a dictionary of thousands is no one block."""
    group: dict[str, Any] = {}
    size = 0
    for key, value in data.items():
        length = len(key) + (len(value) if isinstance(value, str) else 10)
        if group and size + length > GROUP:
            yield from _record(group, {})
            group, size = {}, 0
        group[key] = value
        size += length
    yield from _record(group, {})


def _list(data: Sequence[Any]) -> Iterator[Block]:
    if _is_table(data):
        rows = [[" ".join(_text(cell).split()) for cell in row] for row in data]
        yield from rows_to_blocks(rows, {}, numbered=True)
        return
    for number, record in enumerate(data, 1):
        yield from _record(record, {"row": number})


def _is_table(data: Sequence[Any]) -> bool:
    """Say whether a list holds rows of plain values, the first of which are names."""
    return (
        len(data) > 1
        and all(isinstance(row, list) and not _is_nested(row) for row in data)
        and len(data[0]) > 1
        and all(isinstance(name, str) for name in data[0])
    )


def _record(value: Any, location: Location) -> Iterator[Block]:
    """Yield a record as one block, or as several if it is longer than any passage."""
    short: list[str] = []
    long: list[str] = []
    for key, text in _leaves(value):
        pair = f"{key}: {text}" if key else text
        (long if len(text) > LONG or "\n" in text else short).append(pair)
    text = "\n".join([" | ".join(short), *long] if short else long)
    for piece in pieces_of(text) if len(text) > LONGEST else (text,):
        if piece.strip():
            yield Block(piece, location)


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """Yield (keys joined with dots, text) of all that is in a value, without recursion."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        key, one = waiting.pop()
        if isinstance(one, dict):
            prefix = f"{key}." if key else ""
            waiting.extend(
                (f"{prefix}{whole(name)}", inner) for name, inner in reversed(one.items())
            )
        elif isinstance(one, list) and any(isinstance(inner, dict | list) for inner in one):
            waiting.extend((key, inner) for inner in reversed(one))
        elif isinstance(one, list):
            texts = [text for inner in one if (text := _text(inner))]
            glue = "\n" if any(len(text) > LONG or "\n" in text for text in texts) else ", "
            if texts:
                yield key, glue.join(texts)
        elif text := _text(one):
            yield key, text


def _text(value: Any) -> str:
    """Return a plain value as JSON writes it, without quotes; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        lines = (line.rstrip() for line in whole(value).strip().splitlines())
        return "\n".join(line for line in lines if line)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
