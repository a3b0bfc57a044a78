"""Comparing two arms on the same questions: tests, intervals, and how many questions it would take.

Sources: McNemar, "Note on the sampling error of the difference between correlated proportions", 1947
(the exact form is the binomial test of the discordant pairs); Bonett and Price, "Adjusted Wald intervals
for a difference of binomial proportions based on paired data", 2012; Connor, "Sample size for testing
differences in proportions for the paired-sample design", 1987; Fisher's randomisation test with random
flips of signs; Efron's bootstrap, 1979; Holm, "A simple sequentially rejective multiple test
procedure", 1979.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LEVEL",
    "bootstrap",
    "calibration_error",
    "holm",
    "mcnemar",
    "mean_interval",
    "permutation",
    "questions_for_mean",
    "questions_for_shares",
    "share_interval",
]

LEVEL = 0.05  # below this a difference is taken to be shown
Z, POWER = 1.959964, 0.841621  # of the normal distribution: 95% on both sides; four times of five
RESAMPLES = 5_000
EXACT = 14  # so many differences have few enough signs to try them all
SEED = 0
CEILING = 1_000_000  # more questions than this are no advice


def mcnemar(gained: int, lost: int) -> float:
    """Return how likely it is that two equally good arms differ so much: McNemar's exact test.

    Args:
        gained: questions that the second arm alone has right.
        lost: those that the first alone has right.
    """
    total = gained + lost
    tail = sum(math.comb(total, k) for k in range(min(gained, lost) + 1))
    return min(1.0, float(2 * tail / 2**total)) if total else 1.0


def share_interval(gained: int, lost: int, total: int) -> tuple[float, float]:
    """Return the 95% interval of the difference of two shares of the same `total` > 0 questions."""
    more, less = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    spread = Z * math.sqrt((more + less - (more - less) ** 2) / (total + 2))
    return max(-1.0, more - less - spread), min(1.0, more - less + spread)


def questions_for_shares(gained: int, lost: int, total: int) -> int | None:
    """Return how many questions it takes to show a difference like the one found, four times of five.

    None where there is none, or where no reasonable number is enough.
    """
    apart = abs(gained - lost) / total if total else 0.0
    if not apart:
        return None
    differing = (gained + lost) / total
    root = Z * math.sqrt(differing) + POWER * math.sqrt(max(differing - apart**2, 0.0))
    return _advice((root / apart) ** 2)


def permutation(differences: Sequence[float]) -> float:
    """Return how likely such a mean difference is if each could as well have had the other sign.

    Args:
        differences: second arm less first, one a question.
    """
    values = np.array([one for one in differences if one], dtype=np.float64)
    if not len(values):
        return 1.0
    found = abs(float(values.sum())) - 1e-9 * float(np.abs(values).sum())
    if len(values) <= EXACT:
        signs = 1 - 2 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
        return float((np.abs(signs @ values) >= found).mean())
    random = np.random.default_rng(SEED)
    hits = 0
    for _ in range(RESAMPLES // 500):
        flips = random.choice((-1.0, 1.0), size=(500, len(values)))
        hits += int((np.abs(flips @ values) >= found).sum())
    return (hits + 1) / (RESAMPLES + 1)


def mean_interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of a mean difference, of at least one question."""
    values = np.asarray(differences, dtype=np.float64)
    return bootstrap(len(values), lambda drawn: float(values[drawn].mean()))


def bootstrap(count: int, figure: Callable[[NDArray[np.int64]], float]) -> tuple[float, float]:
    """Return the 95% interval of a figure over `count` questions.

    Args:
        count: of questions, at least one.
        figure: returns it for the positions of the drawn questions, an array.
    """
    random = np.random.default_rng(SEED)
    drawn = [figure(random.integers(count, size=count)) for _ in range(RESAMPLES // 5)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def questions_for_mean(differences: Sequence[float]) -> int | None:
    """Return how many questions it takes to show a mean difference like the one found; None: none is."""
    count = len(differences)
    mean = sum(differences) / count if count else 0.0
    if count < 2 or not mean:
        return None
    variance = sum((one - mean) ** 2 for one in differences) / (count - 1)
    return _advice(max(variance * ((Z + POWER) / mean) ** 2, 2.0))


def _advice(questions: float) -> int | None:
    return math.ceil(questions) if questions <= CEILING else None


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values raised so that of all together one in twenty times any is below 0.05 by chance."""
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, position in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[position]))
        adjusted[position] = highest
    return adjusted


def calibration_error(
    sure: NDArray[np.float64],
    hits: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
    bins: int = 10,
) -> float:
    """Return the expected calibration error over bins of equal width.

    Args:
        sure: how sure each of some choices was, from 0 to 1.
        hits: which of them were right.
        weights: of each, with a sum of 1; None: all alike.
        bins: how many there are.

    Source: Guo et al., "On calibration of modern neural networks", 2017.
    """
    share = np.full(len(sure), 1 / len(sure)) if weights is None else weights
    inside = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(inside, share * (sure - hits), bins)).sum())
