"""Which rows training sees: balanced classes, and groups of like questions on one side each."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

from agent.tuning.export.materials import dropped
from agent.tuning.export.types import Balance, Dropped, Sample

__all__ = ["CAP", "REPEAT", "balanced", "divided", "repeated"]

CAP = 3  # a class has at most so many times the rows of the middle one
REPEAT = 3  # a row is there at most so often
LEAST = 5  # rows of a class of which one may go to validation


def balanced(
    samples: Sequence[Sample], balance: Balance, seed: int
) -> tuple[list[int], list[Dropped]]:
    """Return the positions of the samples that are left when large classes are cut down.

    Args:
        samples: the samples.
        balance: "cap" cuts to CAP times the rows of the middle class; otherwise all are kept.
        seed: of what is drawn.
    """
    counts = Counter(one.label for one in samples)
    if balance != "cap" or not counts:
        return list(range(len(samples))), []
    most = max(round(CAP * median(counts.values())), CAP)
    places = list(range(len(samples)))
    random.Random(seed).shuffle(places)
    # what a person corrected, and what the prompts show, is the last to go
    places.sort(key=lambda i: not (samples[i].source == "corrections" or samples[i].shown))
    left: Counter[str] = Counter()
    kept = []
    for place in places:
        if left[samples[place].label] < most:
            left[samples[place].label] += 1
            kept.append(place)
    gone = set(places) - set(kept)
    return sorted(kept), [
        dropped("balance", samples[i].source, samples[i].label, samples[i].question)
        for i in sorted(gone)
    ]


def divided(
    samples: Sequence[Sample], group: Sequence[int], share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Return the positions of the rows to train on, and of those to validate with.

    A group stays together. Of each class about the share is taken, and of one with a few rows at least one;
    what prompts show with its label is always trained on.

    Args:
        samples: the samples.
        group: the group of each.
        share: of the rows for validation.
        seed: of what is drawn.
    """
    counts = Counter(one.label for one in samples)
    wanted = {
        label: max(round(share * count), 1) if share and count >= LEAST else 0
        for label, count in counts.items()
    }
    members: dict[int, list[int]] = defaultdict(list)
    for place, name in enumerate(group):
        members[name].append(place)
    order = [some for some in members.values() if not any(samples[place].shown for place in some)]
    random.Random(seed).shuffle(order)
    taken: Counter[str] = Counter()
    validation: list[int] = []
    for some in order:
        own = Counter(samples[place].label for place in some)
        if all(taken[label] + count <= wanted[label] for label, count in own.items()):
            taken += own
            validation += some
    chosen = set(validation)
    return [place for place in range(len(samples)) if place not in chosen], sorted(validation)


def repeated(samples: Sequence[Sample], balance: Balance) -> list[Sample]:
    """Return rows for training, those of small classes again, at most REPEAT times each.

    Args:
        samples: the rows to train on.
        balance: "repeat" does so; otherwise each is there once.
    """
    if balance != "repeat" or not samples:
        return list(samples)
    counts = Counter(one.label for one in samples)
    largest = max(counts.values())
    rows = list(samples)
    for label, count in counts.items():
        own = [one for one in samples if one.label == label]
        more = min(largest, REPEAT * count) - count
        rows += [own[place % count] for place in range(more)]
    return rows
