"""How alike texts are by their characters: TF-IDF over n-grams, which needs no word list."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from indexes.text import normalize

__all__ = ["Lexicon"]

COMMON, COMMON_SHARE = 200, 0.03  # what stands in more rows tells little and costs most
BUCKETS = 2**18  # n-grams are hashed, so that no vocabulary has to be loaded
_RUNS = re.compile(r"[぀-ヿ㐀-鿿가-힣]+|[^\W_぀-ヿ㐀-鿿가-힣]+")
_WIDE = re.compile(r"[぀-ヿ㐀-鿿가-힣]")


class Lexicon:
    """The n-grams of texts, each text a unit vector.

    In scripts without spaces n-grams of 1 to 3 characters run across a whole run of characters;
    elsewhere those of 2 to 4 stay within a word and know where it begins and ends.

    Args:
        arrays: what `arrays` of another one returned.
    """

    def __init__(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        self._starts = np.asarray(arrays["lexicon_starts"], dtype=np.int32)
        self._rows = np.asarray(arrays["lexicon_rows"], dtype=np.int32)
        self._weights = np.asarray(arrays["lexicon_weights"], dtype=np.float32)
        self._rarity = np.asarray(arrays["lexicon_rarity"], dtype=np.float32)
        self._count = int(np.asarray(arrays["lexicon_count"]))

    @classmethod
    def of(cls, texts: Sequence[str]) -> Lexicon:
        """Return the lexicon of texts, whose positions are its rows."""
        found = [np.unique(np.fromiter(_buckets(text), dtype=np.int64)) for text in texts]
        lengths = [len(one) for one in found]
        flat = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
        counts = np.bincount(flat, minlength=BUCKETS)
        rarity = (np.log((1 + len(texts)) / (1 + counts)) + 1).astype(np.float32)
        rows = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
        weights = rarity[flat]
        norms = np.sqrt(np.bincount(rows, weights.astype(np.float64) ** 2, minlength=len(texts)))
        weights = (weights / np.maximum(norms[rows], 1e-9)).astype(np.float32)
        order = np.argsort(flat, kind="stable")
        return cls(
            {
                "lexicon_starts": np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
                "lexicon_rows": rows[order],
                "lexicon_weights": weights[order],
                "lexicon_rarity": rarity,
                "lexicon_count": np.array(len(texts)),
            }
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what it consists of, to be kept in a file."""
        return {
            "lexicon_starts": self._starts,
            "lexicon_rows": self._rows,
            "lexicon_weights": self._weights,
            "lexicon_rarity": self._rarity,
            "lexicon_count": np.array(self._count),
        }

    def similarities(self, text: str) -> NDArray[np.float32]:
        """Return the cosine of a text with each row, of shape (rows,)."""
        asked = np.unique(np.fromiter(_buckets(text), dtype=np.int64))
        if not len(asked):
            return np.zeros(self._count, dtype=np.float32)
        sizes = self._starts[asked + 1] - self._starts[asked]
        telling = asked[sizes <= max(COMMON, COMMON_SHARE * self._count)]
        starts, ends = self._starts[telling], self._starts[telling + 1]
        lengths = ends - starts
        weight = self._rarity[telling] / np.linalg.norm(self._rarity[asked])
        # the positions of all postings, without a loop over the n-grams
        skips = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        positions = np.arange(int(lengths.sum())) + skips
        shares = self._weights[positions] * np.repeat(weight, lengths)
        summed = np.bincount(self._rows[positions], shares, minlength=self._count)
        return summed.astype(np.float32)


def _buckets(text: str) -> Iterable[int]:
    for run in _RUNS.findall(normalize(text)):
        wide = _WIDE.match(run) is not None
        padded = run if wide else f" {run} "
        for size in (1, 2, 3) if wide else (2, 3, 4):
            for start in range(len(padded) - size + 1):
                yield zlib.crc32(padded[start : start + size].encode()) % BUCKETS
