"""Shares, intervals and percentiles; each is defined on nothing, where it is None."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.evaluation.types import Interval

__all__ = ["mean", "percentile", "ratio", "rounded", "wilson"]

Z = 1.959964  # of the normal distribution, for 95%


def rounded(value: float | None) -> float | None:
    """Return a value with four decimals."""
    return None if value is None else round(value, 4)


def ratio(part: float, whole: float) -> float | None:
    """Return a share; None of nothing."""
    return part / whole if whole else None


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of nothing."""
    return ratio(sum(values), len(values))


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that `share` of all values do not exceed; None of nothing."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def wilson(right: int, total: int) -> Interval:
    """Return Wilson's score interval of 95% for `right` of `total` (total > 0).

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    share, square = right / total, Z * Z / total
    middle = share + square / 2
    spread = Z * math.sqrt((share * (1 - share) + square / 4) / total)
    return {
        "questions": total,
        "low": round(max(0.0, (middle - spread) / (1 + square)), 4),
        "high": round(min(1.0, (middle + spread) / (1 + square)), 4),
    }
