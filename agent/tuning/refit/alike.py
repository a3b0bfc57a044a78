"""Questions that say the same in nearly the same words: they must not be counted, asked or tested twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["AKIN", "NEAR", "groups", "spread_out"]

NEAR = 0.85  # likeness, by embedding and characters, from which two questions are one
AKIN = 0.75  # from which knowing the one helps with the other: 年假有几天, 年假有多少天


def groups(alike: NDArray[np.float32], near: float = AKIN) -> NDArray[np.int64]:
    """Return of each question the first of its group: those that a chain of akin ones connects.

    Args:
        alike: how alike the questions are, of shape (questions, questions).
        near: likeness from which two belong together.
    """
    found = np.full(len(alike), -1, dtype=np.int64)
    for first in range(len(alike)):
        if found[first] >= 0:
            continue
        reached = [first]
        found[first] = first
        for position in reached:  # grows meanwhile
            fresh = np.flatnonzero((alike[position] >= near) & (found < 0))
            found[fresh] = first
            reached.extend(fresh.tolist())
    return found


def spread_out(
    order: Sequence[int], alike: NDArray[np.float32], count: int, near: float = NEAR
) -> list[int]:
    """Return the first `count` positions of an order that are near to none before them."""
    chosen: list[int] = []
    for position in order:
        if len(chosen) >= count:
            break
        if not chosen or float(alike[position, chosen].max()) < near:
            chosen.append(position)
    return chosen
