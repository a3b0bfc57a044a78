"""Which questions a person should label: those that the router is least sure of, each said only once.

Source: Lewis and Gale, "A sequential algorithm for training text classifiers", 1994 (least confidence).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.app import Waypost
from agent.routing import question_key
from agent.traces import Trace
from agent.tuning.refit.alike import spread_out
from agent.tuning.refit.bench import Bench
from agent.tuning.refit.labels import ToLabel

__all__ = ["least_sure", "select", "to_label", "unlabelled"]

MOST = 5_000  # questions that are looked at, the newest
LIKELIEST = 4  # targets that are shown with a question


def select(confidence: NDArray[np.float64], alike: NDArray[np.float32], count: int) -> list[int]:
    """Return the positions of the `count` least confident questions of which none is near to another.

    Args:
        confidence: the highest probability of each, of shape (questions,).
        alike: how alike they are, of shape (questions, questions).
        count: how many at most.
    """
    order = np.argsort(confidence, kind="stable")
    return spread_out(order.tolist(), alike, count)


async def unlabelled(traces: AsyncIterable[Trace]) -> list[str]:
    """Return the distinct questions of traces that nobody said anything about, the oldest first."""
    found: dict[str, str] = {}
    said = set()
    async for trace in traces:
        key = question_key(trace["question"])
        found.setdefault(key, trace["question"])
        if trace["feedback"] is not None or trace["correction"] is not None:
            said.add(key)
    return [question for key, question in found.items() if key not in said]


async def least_sure(
    waypost: Waypost,
    questions: Sequence[str],
    count: int,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[ToLabel]:
    """Return the questions that a label would tell most about, the least confident first.

    Args:
        waypost: the opened project.
        questions: those that come, the oldest first; what the router has learned, or has a rule for, is
            passed over.
        count: how many to label.
        progress: told (what is being done, done, of how many).
    """
    bench = await Bench.of(waypost)
    known = {question_key(one.question) for one in bench.lessons}
    longest = waypost.settings.limits.question_characters  # longer ones are never routed
    distinct = {question_key(text): text for text in questions if 0 < len(text) <= longest}
    asked = [
        text for key, text in distinct.items() if key not in known and not await bench.ruled(text)
    ][-MOST:]
    classifier = await bench.fitted(bench.lessons)
    said = []
    for number, text in enumerate(asked):
        progress("questions", number, len(asked))
        said.append(await bench.ask(classifier, text))
    confidence = np.array([max(one.values()) for one in said], dtype=np.float64)
    chosen = select(confidence, await classifier.alike(asked), count)
    return [to_label(asked[position], said[position]) for position in chosen]


def to_label(question: str, probabilities: Mapping[str, float], label: str = "") -> ToLabel:
    """Return a question as a person labels it."""
    ordered = sorted(probabilities, key=lambda name: -probabilities[name])
    return {
        "question": question,
        "guess": ordered[0],
        "confidence": round(probabilities[ordered[0]], 4),
        "probabilities": {name: round(probabilities[name], 4) for name in ordered[:LIKELIEST]},
        "label": label,
    }
