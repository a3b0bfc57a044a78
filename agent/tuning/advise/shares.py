"""Shares with their intervals, and how many questions failed."""

from __future__ import annotations

from agent.evaluation.figures import wilson
from agent.tuning.advise.types import Facts, Share

__all__ = ["LIMIT", "WELL", "outcomes", "share"]

LIMIT = 0.05  # more than this share of the questions must surely fail of a cause for it to limit
WELL = 0.15  # and surely less than this of all must fail for nothing to limit


def share(count: int, of: int) -> Share:
    """Return a share with its interval; of nothing it is 0."""
    if not of:
        return {"count": 0, "of": 0, "low": 0.0, "high": 1.0}
    interval = wilson(min(count, of), of)
    return {"count": count, "of": of, "low": interval["low"], "high": interval["high"]}


def outcomes(facts: Facts) -> Share:
    """Return how many questions failed: of the labelled ones, else of the turns that people rated."""
    if facts["labels"] is not None:
        return share(len(facts["labels"]["misses"]), facts["labels"]["questions"])
    turns = facts["turns"]
    return share(turns["bad"], turns["rated"]) if turns else share(0, 0)
