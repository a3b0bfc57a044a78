"""What a document's place says of it: access lists and fields by pattern, and fields by folder."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from indexes.errors import ConfigurationError
from indexes.types import FieldValue

__all__ = [
    "AccessLists",
    "FieldLists",
    "compile_glob",
    "folder_fields",
    "load_access",
    "load_fields",
]

FILE_NAME = "access.toml"
FIELDS_NAME = "fields.toml"


class AccessLists:
    """Access lists by pattern.

    Args:
        lists: (pattern, groups); the last pattern that fits a document counts.
    """

    def __init__(self, lists: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        self._patterns = [pattern for pattern, _ in lists]
        self._lists = [(compile_glob(pattern), groups) for pattern, groups in lists]

    def unused(self, documents: Sequence[str]) -> list[str]:
        """Return the patterns that fit none of the documents: perhaps they are misspelt."""
        return _unused(self._patterns, documents)

    def of(self, document: str) -> tuple[str, ...] | None:
        """Return the groups that may see a document; None: no pattern fits it."""
        name = unicodedata.normalize("NFC", document)  # some disks part letters and accents
        for pattern, groups in reversed(self._lists):
            if pattern.fullmatch(name):
                return groups
        return None


def load_access(project: Path) -> AccessLists:
    """Read a project's access.toml: `"docs/board/**" = ["board"]`; without the file, no lists.

    Raises:
        ConfigurationError: the file is unusable. Nothing is ingested then, since a list that is
            not understood must not make documents public.
    """
    path = project / FILE_NAME
    lists = []
    for pattern, groups in _read(path).items():
        if not isinstance(groups, list) or not all(isinstance(one, str) for one in groups):
            raise ConfigurationError(
                f"{str(path)!r}: {pattern!r} has no list of groups.",
                fix='write a pattern and its groups, such as "docs/board/**" = ["board"].',
            )
        _check_pattern(project, path, pattern)
        lists.append((pattern, tuple(groups)))
    return AccessLists(lists)


class FieldLists:
    """Fields by pattern.

    Args:
        lists: (pattern, fields); of the patterns that fit a document, a later one's fields win.
    """

    def __init__(self, lists: Sequence[tuple[str, Mapping[str, FieldValue]]]) -> None:
        self._patterns = [pattern for pattern, _ in lists]
        self._lists = [(compile_glob(pattern), fields) for pattern, fields in lists]

    def unused(self, documents: Sequence[str]) -> list[str]:
        """Return the patterns that fit none of the documents: perhaps they are misspelt."""
        return _unused(self._patterns, documents)

    def of(self, document: str) -> dict[str, FieldValue]:
        """Return the fields of a document."""
        name = unicodedata.normalize("NFC", document)
        found: dict[str, FieldValue] = {}
        for pattern, fields in self._lists:
            if pattern.fullmatch(name):
                found |= fields
        return found


def load_fields(project: Path) -> FieldLists:
    """Read a project's fields.toml: `"docs/old.pdf" = { expires = 2023-12-31 }`; without it, no fields.

    Raises:
        ConfigurationError: the file is unusable.
    """
    path = project / FIELDS_NAME
    lists = []
    for pattern, fields in _read(path).items():
        if not isinstance(fields, dict) or not all(map(_is_field, fields.values())):
            raise ConfigurationError(
                f"{str(path)!r}: {pattern!r} has no table of texts, numbers, dates or lists of them.",
                fix='write a pattern and its fields, such as "docs/a.pdf" = { expires = 2023-12-31 }.',
            )
        _check_pattern(project, path, pattern)
        lists.append((pattern, {name: _plain(value) for name, value in fields.items()}))
    return FieldLists(lists)


def _is_field(value: Any) -> bool:
    if isinstance(value, list):
        return all(not isinstance(one, list) and _is_field(one) for one in value)
    return isinstance(value, str | int | float | date)


def _plain(value: Any) -> FieldValue:
    if isinstance(value, list):
        return [one.isoformat() if isinstance(one, date) else one for one in value]
    plain: FieldValue = value.isoformat() if isinstance(value, date) else value
    return plain


def _read(path: Path) -> dict[str, Any]:
    """Return what a file of patterns says; nothing if it is not there."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{str(path)!r} cannot be read: {error}.", fix="correct the line named."
        ) from error


def _unused(patterns: Sequence[str], documents: Sequence[str]) -> list[str]:
    names = [unicodedata.normalize("NFC", document) for document in documents]
    return [one for one in patterns if not any(map(compile_glob(one).fullmatch, names))]


def _check_pattern(project: Path, path: Path, pattern: str) -> None:
    folder = "*" not in pattern and (project / pattern).is_dir()
    if pattern.startswith(("/", "./")) or pattern.endswith("/") or folder:
        raise ConfigurationError(
            f"{str(path)!r}: no document fits {pattern!r}.",
            fix='begin at the project\'s folder and end with files, such as "docs/board/**".',
        )


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """Compile a pattern: `*` within a folder, `**` through folders, `?` one character."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    found = re.split(r"(\*\*/|\*\*|\*|\?)", unicodedata.normalize("NFC", pattern))
    return re.compile("".join(parts.get(part, re.escape(part)) for part in found), re.DOTALL)


def folder_fields(pattern: str, document: str) -> dict[str, str]:
    """Return the fields that a document's folders give: `docs/{company}/{year}`.

    Args:
        pattern: folders from the project on; a part in braces is a field, `*` is any folder.
        document: the document's path in the project.
    """
    out: dict[str, str] = {}
    if not pattern:
        return out
    folders = Path(document).parts[:-1]
    for part, folder in zip(Path(pattern).parts, folders, strict=False):
        if part.startswith("{") and part.endswith("}"):
            out[part[1:-1]] = folder
        elif part not in {"*", folder}:
            return {}
    return out
