"""What no training file may have: contradictions, duplicates, rows that are held out or too long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from agent.tuning.export.materials import dropped
from agent.tuning.export.similar import (
    ALIKE,
    DUPLICATE,
    PARAPHRASE,
    Pair,
    Vectors,
    alike,
    codes,
)
from agent.tuning.export.types import Dropped, Sample

__all__ = ["one_each", "without_duplicates", "without_held_out", "without_long"]

BEFORE = ("corrections", "learned", "examples", "traces", "questions")  # who is believed first


def one_each(samples: Sequence[Sample]) -> tuple[list[Sample], list[Dropped]]:
    """Return the samples with one reply a question.

    A correction counts more than an example, that more than an accepted turn, of which the last one counts;
    where the project's own data contradict themselves, none is left.
    """
    every: dict[str, list[Sample]] = defaultdict(list)
    for one in samples:
        every[one.key].append(one)
    kept: list[Sample] = []
    gone: list[Dropped] = []
    for some in every.values():
        best = min(BEFORE.index(one.source) for one in some)
        first = [one for one in some if BEFORE.index(one.source) == best]
        latest = max(one.at for one in first)
        right = [one for one in first if one.at == latest]
        undecided = len({one.outcome for one in right}) > 1
        chosen = None if undecided else right[0]
        if chosen is not None:
            kept.append(chosen)
        for one in some:
            if one is not chosen:
                same = chosen is not None and one.outcome == chosen.outcome
                reason = "duplicate" if same else "contradiction"
                gone.append(dropped(reason, one.source, one.label, one.question))
    return kept, gone


def without_duplicates(
    samples: Sequence[Sample], pairs: Sequence[Pair]
) -> tuple[list[int], list[Dropped]]:
    """Return the positions of the samples that are no near duplicate of one before them.

    Two are, if they have nearly all characters in common, the same numbers and codes, and the same reply.

    Args:
        samples: of different questions.
        pairs: those that are alike.
    """
    gone: dict[int, Dropped] = {}
    for pair in pairs:
        left, right = samples[pair.left], samples[pair.right]
        if (
            pair.characters >= DUPLICATE
            and pair.left not in gone
            and left.outcome == right.outcome
            and codes(left.question) == codes(right.question)
        ):
            gone[pair.right] = dropped("near_duplicate", right.source, right.label, right.question)
    return [place for place in range(len(samples)) if place not in gone], list(gone.values())


def without_held_out(
    samples: Sequence[Sample],
    questions: Sequence[str],
    vectors: tuple[Vectors, Vectors],
) -> tuple[list[int], list[Dropped]]:
    """Return the positions of the samples that are like no held-out question.

    Args:
        samples: those to learn from.
        questions: the held-out ones.
        vectors: the embeddings of both.
    """
    found = alike(
        [one.question for one in samples],
        questions,
        vectors,
        characters=ALIKE,
        meaning=PARAPHRASE,
    )
    near = {pair.left for pair in found}
    gone = [
        dropped("held_out", samples[place].source, samples[place].label, samples[place].question)
        for place in sorted(near)
    ]
    return [place for place in range(len(samples)) if place not in near], gone


def without_long(
    samples: Sequence[Sample], tokens: Callable[[Sample], int], most: int
) -> tuple[list[Sample], list[Dropped]]:
    """Return the samples of at most so many tokens.

    Args:
        samples: the samples.
        tokens: counts those of one.
        most: how many a row may have.
    """
    kept: list[Sample] = []
    gone: list[Dropped] = []
    for one in samples:
        if tokens(one) <= most:
            kept.append(one)
        else:
            gone.append(dropped("too_long", one.source, one.label, one.question))
    return kept, gone
