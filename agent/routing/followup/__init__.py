"""Follow-ups: 「那费用呢？」 after a question about a project becomes a question of its own.

Only the previous question is looked at, never the whole history: adding back exactly one turn is
what recovers most of a deep conversation's routing accuracy, and more drags old topics along. A
question is read in one way after the other; the first reading that fits makes the question. What
fits none is a question of its own.
"""

from __future__ import annotations

from agent.routing.followup.model import ask_standalone
from agent.routing.followup.phrases import (
    aspect,
    beside,
    circumstance,
    counterpart,
    modifier,
    phrase,
    values,
)
from agent.routing.followup.pronouns import pronoun
from agent.routing.followup.sentences import (
    again,
    comparison,
    complete,
    condition,
    request,
    what_if,
)
from agent.routing.followup.turn import Standalone, Turn, whole
from agent.routing.followup.values import FindSlots
from agent.routing.followup.words import topic_of
from indexes.text import normalize

__all__ = ["FindSlots", "Standalone", "ask_standalone", "standalone"]

READINGS = (
    request,
    comparison,
    what_if,
    again,
    pronoun,
    complete,
    beside,
    values,
    condition,
    counterpart,
    circumstance,
    modifier,
    aspect,
    phrase,
)


def standalone(
    question: str, previous: str | None, find_slots: FindSlots, topic: str = ""
) -> Standalone:
    """Return a question that can be understood without what was asked before.

    Args:
        question: what is asked now.
        previous: the previous turn's standalone question, if any.
        find_slots: finds the values of tools' arguments in a text, and periods.
        topic: the previous turn's topic.
    """
    question = question.strip()
    if not previous or _said(question) == _said(previous):
        return whole(question)
    about = topic if topic and topic in previous else topic_of(previous)
    turn = Turn(question, previous, about, find_slots)
    found = (reading(turn) for reading in READINGS)
    return next((one for one in found if one is not None), whole(question))


def _said(question: str) -> str:
    """Return a question as it compares with another: without case, script and final marks."""
    return normalize(question).rstrip(" ?.!。")
