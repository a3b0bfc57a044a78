"""The names that a model chooses from, as ways through a tree of tokens.

Where two names part is a fork. What a model would write there, among the branches alone, is how
likely each is, so that the names' probabilities sum to 1 and nothing else can be written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Labels", "make_labels"]

Array = NDArray[np.float64]
END = "\n"  # so that no name is the beginning of another


class Labels:
    """Names and their ways through the tree.

    Args:
        tokens: of each name, none the beginning of another's; at least two names.
    """

    def __init__(self, tokens: Mapping[str, Sequence[int]]) -> None:
        self.names = tuple(tokens)
        known = [tuple(way) for way in tokens.values()]
        after: dict[tuple[int, ...], list[int]] = {}
        for way in known:
            for length in range(len(way)):
                following = after.setdefault(way[:length], [])
                if way[length] not in following:
                    following.append(way[length])
        self.forks = tuple(before for before, following in after.items() if len(following) > 1)
        """What is written before each fork."""
        self.branches = tuple(tuple(after[fork]) for fork in self.forks)
        """The tokens that may follow at each fork."""
        self.ways = tuple(
            tuple(
                (number, self.branches[number].index(way[len(fork)]))
                for number, fork in enumerate(self.forks)
                if len(fork) < len(way) and way[: len(fork)] == fork
            )
            for way in known
        )
        """The forks on the way to each name, and the branch to take there."""

    def log_likelihoods(self, forks: Sequence[Array]) -> Array:
        """Return how likely each name is.

        Args:
            forks: the scores of each fork's branches, as (questions, branches).

        Returns:
            Natural logarithms of probabilities, as (questions, names); each row's sum to 1.
        """
        logs = [one - _log_sum(one) for one in forks]
        columns = [
            np.sum([logs[fork][:, branch] for fork, branch in way], axis=0) for way in self.ways
        ]
        return np.stack(columns, axis=1)


def _log_sum(scores: Array) -> Array:
    most = scores.max(axis=1, keepdims=True)
    return np.asarray(most + np.log(np.exp(scores - most).sum(axis=1, keepdims=True)))


def make_labels(names: Sequence[str], tokenizer: Any) -> Labels:
    """Return the tree of names.

    Args:
        names: distinct, at least two.
        tokenizer: of the model.
    """
    return Labels(
        {name: tokenizer.encode(f" {name}{END}", add_special_tokens=False) for name in names}
    )
