"""A question with the one before it, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from agent.routing.followup.values import PERIOD, FindSlots, Value, find_values
from agent.routing.followup.words import Fragment, asks, fragment, topic_of
from indexes.text import content_terms, language

__all__ = ["Standalone", "Turn", "changed", "lead_of", "whole"]


@dataclass(frozen=True)
class Standalone:
    """A question that needs nothing from before.

    `topic`, a part of it, is what further aspects are asked of. `alternative` reads the question in
    another way where its wording does not tell; whoever can look at the documents decides between
    the two. `sure` is false where this reading is a guess that a chat model may better.
    """

    text: str
    topic: str
    alternative: str | None = None
    sure: bool = True


@dataclass(frozen=True)
class Turn:
    """A question with the one before it."""

    question: str
    previous: str
    topic: str
    find_slots: FindSlots

    @cached_property
    def fragment(self) -> Fragment:
        """The question without what only marks it as a follow-up."""
        return fragment(self.question)

    @cached_property
    def old(self) -> list[Value]:
        """The values of the question before."""
        return find_values(self.previous, self.find_slots)

    @cached_property
    def new(self) -> list[Value]:
        """The values of the fragment."""
        return find_values(
            self.fragment.text,
            self.find_slots,
            after=self.old,
            before=self.previous,
            phrase=not asks(self.fragment.text),
        )

    @cached_property
    def rest(self) -> dict[str, float]:
        """What the question is about beside its values."""
        text = self.fragment.text
        for value in reversed(self.new):
            text = f"{text[: value.start]} {text[value.end :]}"
        return content_terms(text)

    @property
    def chinese(self) -> bool:
        """Whether it is asked in Chinese."""
        return language(self.question) == "zh"

    @property
    def space(self) -> str:
        """What stands between words put together."""
        return "" if self.chinese else " "

    @property
    def about(self) -> list[Value]:
        """The first named value of the question before, which is what it is about."""
        return [value for value in self.old if value.named][:1]

    def values(self, text: str) -> list[Value]:
        """Return the values of another text."""
        return find_values(text, self.find_slots)


def whole(question: str, alternative: str | None = None) -> Standalone:
    """Return a question that stands as it is."""
    return Standalone(question, topic_of(question), alternative)


def changed(
    text: str, topic: str, alternative: str | None = None, *, sure: bool = True
) -> Standalone:
    """Return a question in which something took another's place, as in its topic, if that still fits."""
    return Standalone(text, topic if topic in text else topic_of(text), alternative, sure)


def lead_of(turn: Turn) -> str:
    """Return whom and when the question before was about, where this one does not say."""
    taken = {value.kind for value in turn.new}
    kinds = {PERIOD, *(value.kind for value in turn.about)} - taken
    return turn.space.join(value.text for value in turn.old if value.kind in kinds)
