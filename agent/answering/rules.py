"""What a model was told to do, which is no part of an answer, whoever asks it to repeat that."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
        rules = _bare(told)
        self._size = STRETCH_CJK if _CHINESE.search(rules) else STRETCH
        self._stretches = set(self._cut(rules))
        for text in allowed:
            self._stretches.difference_update(self._cut(_bare(text)))

    def repeated(self, text: str) -> bool:
        """Say whether a text repeats a stretch of the rules, whatever its signs, width and case."""
        return not self._stretches.isdisjoint(self._cut(_bare(text)))

    def _cut(self, text: str) -> Iterable[str]:
        return (text[i : i + self._size] for i in range(len(text) - self._size + 1))


def _bare(text: str) -> str:
    return _SIGNS.sub("", normalize(text))
