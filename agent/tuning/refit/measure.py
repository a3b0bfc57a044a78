"""What two classifiers are worth on the same questions, and whether the difference can be chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from agent.evaluation.figures import rounded, wilson
from agent.routing import NONE
from agent.tuning.paired import (
    bootstrap,
    calibration_error,
    mcnemar,
    questions_for_shares,
    share_interval,
)

__all__ = ["ClassChange", "Figure", "Judged", "Measured", "measured"]

Verdict = Literal["better", "same", "worse"]
Bools = NDArray[np.bool_]
Drawn = NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """A question, what is right for it, and the probabilities that each classifier gave."""

    question: str
    right: frozenset[str]
    before: Mapping[str, float]
    after: Mapping[str, float]


class Figure(TypedDict):
    """A figure before and after: intervals are of 95%, None where the figure has none or no questions.

    `p` is that of the paired test, None for figures that are no shares; `needed` is how many questions it
    would take to show a difference of this size, None where there is none.
    """

    questions: int
    before: float | None
    before_interval: list[float] | None
    after: float | None
    after_interval: list[float] | None
    difference: float | None
    interval: list[float] | None
    p: float | None
    needed: int | None


class ClassChange(TypedDict):
    """How many questions of a target were put right before and after, and how many changed sides."""

    questions: int
    before: float
    after: float
    gained: int
    lost: int
    p: float


class Measured(TypedDict):
    """Two classifiers on the same questions.

    `closed`: the right target among targets, of questions that one covers; `all`: the right one among
    targets and "none"; `none_f1`: F1 of "none"; `ece`: expected calibration error. The verdict is "worse"
    if fewer are right in all, "better" if the interval of the gain excludes zero.
    """

    questions: int
    figures: dict[str, Figure]
    classes: dict[str, ClassChange]
    verdict: Verdict


def measured(judged: Sequence[Judged]) -> Measured:
    """Return the figures of two classifiers; all are None where there is no question."""
    labels = [one.right for one in judged]
    before = _Side([one.before for one in judged], labels)
    after = _Side([one.after for one in judged], labels)
    covered = np.array([NONE not in right for right in labels], dtype=bool)
    everything = _shares(before.hits, after.hits)
    none = len(judged) if not covered.all() else 0
    return {
        "questions": len(judged),
        "figures": {
            "closed": _shares(before.closed[covered], after.closed[covered]),
            "all": everything,
            "none_f1": _resampled(
                none, lambda side, drawn: _f1(side, ~covered, drawn), before, after
            ),
            "ece": _resampled(len(judged), _ece, before, after),
        },
        "classes": _classes(labels, before.hits, after.hits),
        "verdict": _verdict(everything),
    }


class _Side:
    """What one classifier said of the questions: what it decided, how sure it was, what was right."""

    def __init__(
        self, said: Sequence[Mapping[str, float]], labels: Sequence[frozenset[str]]
    ) -> None:
        decided = [max(one, key=lambda name: one[name]) for one in said]
        covering = [
            max((name for name in one if name != NONE), key=lambda name: one[name], default=NONE)
            for one in said
        ]
        self.sure = np.array([max(one.values()) for one in said], dtype=np.float64)
        self.none = np.array([name == NONE for name in decided], dtype=bool)
        self.hits = _in(decided, labels)
        self.closed = _in(covering, labels)


def _in(names: Sequence[str], labels: Sequence[frozenset[str]]) -> Bools:
    return np.array([name in right for name, right in zip(names, labels, strict=True)], dtype=bool)


def _shares(before: Bools, after: Bools) -> Figure:
    total = len(before)
    if not total:
        return _figure(0, None, None)
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    ends = [wilson(int(hits.sum()), total) for hits in (before, after)]
    return {
        **_figure(total, float(before.mean()), float(after.mean())),
        "before_interval": [ends[0]["low"], ends[0]["high"]],
        "after_interval": [ends[1]["low"], ends[1]["high"]],
        "interval": _rounded(share_interval(gained, lost, total)),
        "p": round(mcnemar(gained, lost), 4),
        "needed": questions_for_shares(gained, lost, total),
    }


def _resampled(
    count: int, figure: Callable[[_Side, Drawn], float], before: _Side, after: _Side
) -> Figure:
    """Return a figure that is no share: its intervals are those of the bootstrap over questions."""
    if not count:
        return _figure(0, None, None)
    whole = np.arange(count)
    return {
        **_figure(count, figure(before, whole), figure(after, whole)),
        "before_interval": _rounded(bootstrap(count, lambda drawn: figure(before, drawn))),
        "after_interval": _rounded(bootstrap(count, lambda drawn: figure(after, drawn))),
        "interval": _rounded(
            bootstrap(count, lambda drawn: figure(after, drawn) - figure(before, drawn))
        ),
    }


def _rounded(ends: tuple[float, float]) -> list[float]:
    return [round(end, 4) for end in ends]


def _figure(questions: int, before: float | None, after: float | None) -> Figure:
    apart = None if before is None or after is None else round(after - before, 4)
    return {
        "questions": questions,
        "before": rounded(before),
        "before_interval": None,
        "after": rounded(after),
        "after_interval": None,
        "difference": apart,
        "interval": None,
        "p": None,
        "needed": None,
    }


def _f1(side: _Side, outside: Bools, drawn: Drawn) -> float:
    found, right = side.none[drawn], outside[drawn]
    total = int(found.sum()) + int(right.sum())
    return 2 * int((found & right).sum()) / total if total else 0.0


def _ece(side: _Side, drawn: Drawn) -> float:
    return calibration_error(side.sure[drawn], side.hits[drawn])


def _classes(
    labels: Sequence[frozenset[str]], before: Bools, after: Bools
) -> dict[str, ClassChange]:
    """Return the targets that are labelled; of several right ones of a question the first by name."""
    found: dict[str, ClassChange] = {}
    own = np.array([min(right) for right in labels])
    for name in sorted(set(own.tolist())):
        mine = own == name
        gained = int((after & ~before & mine).sum())
        lost = int((before & ~after & mine).sum())
        found[name] = {
            "questions": int(mine.sum()),
            "before": round(float(before[mine].mean()), 4),
            "after": round(float(after[mine].mean()), 4),
            "gained": gained,
            "lost": lost,
            "p": round(mcnemar(gained, lost), 4),
        }
    return found


def _verdict(everything: Figure) -> Verdict:
    if everything["difference"] is None or everything["interval"] is None:
        return "same"
    if everything["difference"] < 0:
        return "worse"
    return "better" if everything["interval"][0] > 0 else "same"
