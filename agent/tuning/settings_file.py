"""Writing a number into waypost.toml, of which nothing else changes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError
from agent.tuning.whole_file import replace_file

__all__ = ["write_number"]


def write_number(project: Path, table: str, key: str, value: float) -> None:
    """Set a key of a table of a project's waypost.toml.

    The text is edited in place, so that comments stay where they are, and used only if it then
    says what it said before and the new value; the file is replaced whole or not at all.

    Raises:
        ConfigurationError: the file cannot be read or written, is no TOML, or has the table in a
            form that is not edited, such as an inline one.
    """
    path = (project / "waypost.toml").resolve()  # a link stays a link
    by_hand = f"write `{key} = {value}` into [{table}] by hand."
    try:
        text = path.read_bytes().decode()
        wanted = tomllib.loads(text)
        known = wanted.get(table, {})
        wanted[table] = {**(known if isinstance(known, dict) else {}), key: value}
        for edited in _edits(text, table, f"{key} = {value}", key):
            if _read(edited) == wanted:
                replace_file(path, edited.encode())
                return
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{str(path)!r} cannot be changed: {error}.", fix=by_hand
        ) from error
    raise ConfigurationError(f"{str(path)!r} has [{table}] in an unusual form.", fix=by_hand)


def _edits(text: str, table: str, line: str, key: str) -> Iterator[str]:
    """Yield the text with the old value replaced, with a line below the header, with a new table."""
    header = re.search(rf"^[ \t]*\[{table}\][^\r\n]*(\r?\n|\Z)", text, re.MULTILINE)
    if header is not None:
        old = re.compile(rf"^[ \t]*{key}[ \t]*=[^#\r\n]*?(?=[ \t]*(?:#|\r?$))", re.MULTILINE)
        found = old.search(text, header.end())
        if found is not None:
            yield text[: found.start()] + line + text[found.end() :]
        before = text[: header.end()] + ("" if header[1] else "\n")
        yield before + line + (header[1] or "\n") + text[header.end() :]
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    yield f"{text}{gap}[{table}]\n{line}\n"


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None  # an edit that does not fit this file
