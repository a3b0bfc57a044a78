"""What a model was told to do, which is no part of an answer, whoever asks it to repeat that."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from indexes.text import CJK, normalize

__all__ = ["Rules"]

STRETCH = 20  # letters in a row that nobody writes by chance
STRETCH_CJK = 10
_SIGNS = re.compile(r"[\W_]+")
_CHINESE = re.compile(f"[{CJK}]")


class Rules:
    """Finds stretches of a prompt's rules.

    Args:
        told: the rules.
        allowed: what may be repeated although it stands there: the sources, the persona.
    """

    def __init__(self, told: str, allowed: Iterable[str] = ()) -> None:
        self._size, self._stretches = _stretches(told)
        self._allowed = allowed

    def repeated(self, text: str) -> bool:
        """Say whether a text repeats a stretch of the rules, whatever its signs, width and case."""
        found = self._stretches.intersection(_cut(_bare(text), self._size))
        if not found:
            return False
        self._allowed = [_bare(one) for one in self._allowed]
        return any(not any(stretch in one for one in self._allowed) for stretch in found)


@lru_cache(maxsize=16)
def _stretches(told: str) -> tuple[int, frozenset[str]]:
    """Return the length of stretches and all of them; a project's rules are the same turn after turn."""
    rules = _bare(told)
    size = STRETCH_CJK if _CHINESE.search(rules) else STRETCH
    return size, frozenset(_cut(rules, size))


def _cut(text: str, size: int) -> Iterable[str]:
    return (text[i : i + size] for i in range(len(text) - size + 1))


def _bare(text: str) -> str:
    return _SIGNS.sub("", normalize(text))
