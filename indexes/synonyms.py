"""Synonyms of a domain: a question for one of them finds the others too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from indexes.errors import ConfigurationError
from indexes.text import normalize

__all__ = ["Synonyms", "load_synonyms", "replaced"]


class Synonyms:
    """Groups of words and phrases that mean the same.

    Args:
        groups: each a group.
    """

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self._groups = [[(normalize(phrase), phrase) for phrase in group] for group in groups]

    def of(self, text: str) -> list[str]:
        """Return the phrases that mean the same as what stands in `text`, but are not in it."""
        return [other for _, others in self.named(text) for other in others]

    def named(self, text: str) -> list[tuple[str, list[str]]]:
        """Return the phrases that stand in `text`, each with those that mean the same."""
        plain = normalize(text)
        out: list[tuple[str, list[str]]] = []
        for group in self._groups:
            there = [phrase for key, phrase in group if _pattern(key).search(plain)]
            others = [phrase for _, phrase in group if phrase not in there]
            out += [(phrase, others if n == 0 else []) for n, phrase in enumerate(there)]
        return out


def replaced(text: str, phrase: str, other: str) -> str:
    """Return a text with a phrase replaced where it stands: Latin words whole, Chinese anywhere."""
    return _pattern(phrase).sub(lambda _: other, text)


@lru_cache(maxsize=4096)
def _pattern(phrase: str) -> re.Pattern[str]:
    escaped = re.escape(phrase)
    whole = rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])" if phrase.isascii() else escaped
    return re.compile(whole, re.IGNORECASE)


def load_synonyms(path: Path) -> Synonyms:
    """Read a file of synonyms: one group a line, separated by commas; `#` begins a comment.

    Raises:
        ConfigurationError: the file cannot be read, or a line has fewer than two phrases.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The synonyms file {str(path)!r} cannot be read: {error}.",
            fix="correct `synonyms` in waypost.toml, or save the file as UTF-8 text.",
        ) from error
    groups: list[list[str]] = []
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        group = [one.strip() for one in text.replace("，", ",").replace("、", ",").split(",")]
        group = [one for one in group if one]
        if len(group) < 2:
            raise ConfigurationError(
                f"{str(path)!r}, line {number}: {text!r} has no synonym.",
                fix="write the words of a group on one line, separated by commas.",
            )
        groups.append(group)
    return Synonyms(groups)
