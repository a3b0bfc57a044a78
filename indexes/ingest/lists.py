"""What a document's place says of it: access lists by pattern, and fields by folder."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from indexes.errors import ConfigurationError

__all__ = ["AccessLists", "compile_glob", "folder_fields", "load_access"]

FILE_NAME = "access.toml"


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
        names = [unicodedata.normalize("NFC", document) for document in documents]
        return [
            pattern
            for pattern in self._patterns
            if not any(compile_glob(pattern).fullmatch(name) for name in names)
        ]

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
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return AccessLists(())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{str(path)!r} cannot be read: {error}.", fix="correct the line named."
        ) from error
    lists = []
    for pattern, groups in data.items():
        if not isinstance(groups, list) or not all(isinstance(one, str) for one in groups):
            raise ConfigurationError(
                f"{str(path)!r}: {pattern!r} has no list of groups.",
                fix='write a pattern and its groups, such as "docs/board/**" = ["board"].',
            )
        folder = "*" not in pattern and (project / pattern).is_dir()
        if pattern.startswith(("/", "./")) or pattern.endswith("/") or folder:
            raise ConfigurationError(
                f"{str(path)!r}: no document fits {pattern!r}.",
                fix='begin at the project\'s folder and end with files, such as "docs/board/**".',
            )
        lists.append((pattern, tuple(groups)))
    return AccessLists(lists)


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
