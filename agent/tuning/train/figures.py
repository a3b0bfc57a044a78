"""How good names are chosen, and the temperature with which a choice's confidence means something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.figures import wilson
from agent.models.adapter.scoring import sharpened
from agent.tuning.paired import calibration_error, mcnemar, share_interval
from agent.tuning.train.types import Figures, Scores

__all__ = ["best_temperature", "compared", "scored"]

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
COLDEST, HOTTEST = 0.25, 8.0


def scored(logs: Array, right: Numbers, temperature: float = 1.0) -> Scores:
    """Return how good choices are.

    Args:
        logs: logarithms of the names' probabilities, as (rows, names), at least one row.
        right: the right name of each row.
        temperature: what they are divided by.
    """
    chances = sharpened(logs, temperature)
    hits = chances.argmax(axis=1) == right
    interval = wilson(int(hits.sum()), len(hits))
    return {
        "rows": len(hits),
        "accuracy": round(float(hits.mean()), 4),
        "interval": [interval["low"], interval["high"]],
        "loss": round(_loss(logs, right, temperature), 4),
        "ece": round(calibration_error(chances.max(axis=1), hits), 4),
    }


def _loss(logs: Array, right: Numbers, temperature: float) -> float:
    chances = sharpened(logs, temperature)[np.arange(len(right)), right]
    return float(-np.log(np.maximum(chances, 1e-12)).mean())


def best_temperature(logs: Array, right: Numbers) -> float:
    """Return the temperature with which the right names are most probable.

    Source: Guo et al., "On calibration of modern neural networks", 2017.
    """
    candidates = np.geomspace(COLDEST, HOTTEST, 141)
    return round(float(min(candidates, key=lambda one: _loss(logs, right, float(one)))), 4)


def compared(
    before: Array, after: Array, right: Numbers, names: Sequence[str], temperature: float
) -> Figures:
    """Return what training changed on the same rows.

    Args:
        before: logarithms of the names' probabilities by the base model, as (rows, names).
        after: the same by the tuned one.
        right: the right name of each row.
        names: of the columns.
        temperature: of the tuned model.
    """
    first, second = before.argmax(axis=1) == right, after.argmax(axis=1) == right
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return {
        "before": scored(before, right),
        "after": scored(after, right, temperature),
        "gain": round((gained - lost) / len(right), 4),
        "gain_interval": [round(one, 4) for one in share_interval(gained, lost, len(right))],
        "p": float(f"{mcnemar(gained, lost):.2g}"),
        "by_label": {
            name: round(float(second[right == number].mean()), 4)
            for number, name in enumerate(names)
            if (right == number).any()
        },
    }
