"""Which questions say nearly the same: by their characters, and by their embeddings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.tuning.export.types import skeleton

__all__ = ["ALIKE", "DUPLICATE", "PARAPHRASE", "Pair", "alike", "codes", "groups"]

DUPLICATE = 0.9  # of two questions' character pairs and triples in common: one is enough
ALIKE = 0.6  # so much in common, and they stay on one side
PARAPHRASE = 0.95  # cosine of the local embedder, whose scale begins at 0.8; docs/training-data.md
GRAMS = (2, 3)
BATCH = 256  # questions that are compared with all others at once
_CODE = re.compile(r"[a-z-]*\d[a-z\d-]*")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two questions by their positions, and how much they have in common: Jaccard index and cosine."""

    left: int
    right: int
    characters: float
    meaning: float


def codes(question: str) -> frozenset[str]:
    """Return the numbers and codes in a question, by which two that look the same may differ."""
    return frozenset(_CODE.findall(question.lower()))


def alike(
    left: Sequence[str],
    right: Sequence[str],
    vectors: tuple[Vectors, Vectors],
    *,
    characters: float = ALIKE,
    meaning: float = PARAPHRASE,
) -> Iterator[Pair]:
    """Yield the pairs of questions that have enough in common, in either way.

    All pairs are looked at, without an approximation such as MinHash: of 20,000 questions in 20 s.

    Args:
        left: questions.
        right: the same ones, of which each pair is then yielded once, or others.
        vectors: their unit embeddings, of shape (questions, dimension) each.
        characters: the least Jaccard index of their character pairs and triples.
        meaning: the least cosine.
    """
    grams = [_grams(one) for one in left]
    same = left is right
    others = grams if same else [_grams(one) for one in right]
    sizes = np.array([len(one) for one in others])
    having: dict[str, list[int]] = defaultdict(list)
    for place, some in enumerate(others):
        for gram in some:
            having[gram].append(place)
    places = {gram: np.array(some, dtype=np.int64) for gram, some in having.items()}
    for start in range(0, len(left), BATCH):
        near = vectors[0][start : start + BATCH] @ vectors[1].T
        for position, close in enumerate(near, start):
            own = grams[position]
            there = [places[gram] for gram in own if gram in places]
            common = np.bincount(
                np.concatenate([np.zeros(0, dtype=np.int64), *there]), minlength=len(right)
            )
            shared = common / (len(own) + sizes - common)
            for column in np.flatnonzero((shared >= characters) | (close >= meaning)):
                if not same or position < column:
                    yield Pair(position, int(column), float(shared[column]), float(close[column]))


def _grams(question: str) -> frozenset[str]:
    """Return the character pairs and triples of a question, its ends among them."""
    text = f"^{skeleton(question)}$"
    return frozenset(
        text[start : start + size] for size in GRAMS for start in range(len(text) - size + 1)
    )


def groups(count: int, together: Iterator[tuple[int, int]]) -> list[int]:
    """Return the group of each of `count` things, named by its first one.

    Args:
        count: how many there are.
        together: pairs of which each must be in one group.
    """
    first = list(range(count))

    def root(position: int) -> int:
        while first[position] != position:
            first[position] = first[first[position]]
            position = first[position]
        return position

    for left, right in together:
        low, high = sorted((root(left), root(right)))
        first[high] = low
    return [root(position) for position in range(count)]
