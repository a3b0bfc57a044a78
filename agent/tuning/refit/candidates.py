"""What people's verdicts on turns say about routes, and which of it is safe to learn.

A turn with good feedback names the right target if its evidence does: the one index that everything it
cites comes from, the one tool that it called, or "none" for a refusal that was planned. A corrected turn
names what was corrected to. Turns with bad feedback teach nothing.

Labels made so are sometimes wrong. Before anything is learned, those that contradict each other, and those
of which the router is sure of something else without having seen them, are held back for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.learning import Lesson
from agent.routing import NONE, LearnedExample, question_key
from agent.traces import Trace
from agent.tuning.refit.alike import NEAR

__all__ = ["Candidate", "Kept", "sift", "target_of", "traced"]

SURE_OTHERWISE = 0.8  # the router's confidence in another target that only a person may overrule


@dataclass(frozen=True)
class Candidate:
    """A question that may be learned, and what the router makes of it without having seen it."""

    example: LearnedExample
    probabilities: Mapping[str, float]

    @property
    def by_a_person(self) -> bool:
        """Whether a person named its target."""
        return self.example.source != "accepted"


@dataclass(frozen=True)
class Kept:
    """Candidates: those to learn, those held back with the reason, and why others are left out."""

    kept: tuple[Candidate, ...]
    held: tuple[tuple[Candidate, str], ...]
    left_out: dict[str, int]


async def traced(
    traces: AsyncIterable[Trace], names: Collection[str]
) -> tuple[list[LearnedExample], dict[str, int]]:
    """Return what traces say is right, of each question what was said last, and why others say nothing.

    Args:
        traces: the oldest first.
        names: of the indexes and tools that there are.
    """
    found: dict[str, LearnedExample] = {}
    left_out: Counter[str] = Counter()
    async for trace in traces:
        key = question_key(trace["question"])
        target = target_of(trace)
        if target is None:
            left_out[_why(trace)] += 1
            if trace["feedback"] is not None and not trace["feedback"]["good"]:
                before = found.get(key)
                if before is not None and before.source == "accepted":
                    del found[key]  # somebody disagrees
        elif target != NONE and target not in names:
            left_out["its target is gone"] += 1
        else:
            corrected = trace["correction"] is not None
            known = found.get(key)
            if known is not None and known.source == "corrected" and not corrected:
                continue
            found[key] = LearnedExample(
                trace["question"], target, "corrected" if corrected else "accepted", trace["time"]
            )
    return list(found.values()), dict(left_out)


def target_of(trace: Trace) -> str | None:
    """Return the target that a trace shows to be right; None if it shows none."""
    right = trace["correction"]
    if right is not None:
        named = right["tool"] or next(iter(right["indexes"]), None)
        return named or (NONE if right["action"] == "answer" else None)
    if trace["feedback"] is None or not trace["feedback"]["good"] or trace["limit"] is not None:
        return None
    route = trace["route"]
    if len(trace["parts"]) > 1:
        return None  # a comparison belongs to several
    if trace["action"] == "act":
        called = {call["name"] for call in trace["tool_calls"]}
        return called.pop() if len(called) == 1 and called <= set(route["tools"]) else None
    if trace["action"] == "search":
        cited = {str(one["index"]) for one in trace["citations"]}
        return cited.pop() if trace["grounded"] and len(cited) == 1 else None
    planned = route["action"] == "answer" and not route["indexes"] and not route["tools"]
    return NONE if trace["action"] == "abstain" and planned else None


def _why(trace: Trace) -> str:
    said = trace["feedback"]
    if trace["correction"] is not None:
        return "the correction names no target"
    if said is None:
        return "no feedback"
    return "its evidence names no one target" if said["good"] else "bad feedback"


def sift(
    candidates: Sequence[Candidate],
    alike: NDArray[np.float32],
    known: Mapping[str, Lesson],
    held_out: Collection[int],
    near: float = NEAR,
) -> Kept:
    """Return which candidates to learn.

    Args:
        candidates: with what the router makes of each.
        alike: how alike they are, of shape (candidates, candidates).
        known: what is learned already, by the question's key.
        held_out: the positions of those that are near to a held-out question.
        near: likeness from which two questions are one.
    """
    kept: list[int] = []
    held: list[tuple[Candidate, str]] = []
    left_out: Counter[str] = Counter()
    # what a person says comes first, so that an accepted turn cannot crowd it out
    order = sorted(range(len(candidates)), key=lambda i: not candidates[i].by_a_person)
    targets = np.array([one.example.target for one in candidates])
    people = np.array([one.by_a_person for one in candidates], dtype=bool)
    for position in order:
        one = candidates[position]
        label = one.example.target
        before = known.get(question_key(one.example.question))
        close = alike[position] >= near
        other = targets != label
        best = max(one.probabilities, key=lambda name: one.probabilities[name])
        if position in held_out:
            left_out["it is held out"] += 1
        elif before is not None and before.target == label:
            left_out["it is known"] += 1
        elif before is not None and not (one.by_a_person and before.source == "learned"):
            held.append((one, f"it is known as {before.target}"))
        elif (close & other & (people if one.by_a_person else True)).any():
            held.append((one, "others like it have another target"))
        elif not one.by_a_person and best != label and one.probabilities[best] >= SURE_OTHERWISE:
            held.append((one, f"the router is sure of {best}"))
        elif kept and close[kept].any():
            left_out["another like it is learned"] += 1
        else:
            kept.append(position)
    chosen = tuple(candidates[position] for position in sorted(kept))
    return Kept(chosen, tuple(held), dict(left_out))
