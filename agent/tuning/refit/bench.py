"""Classifiers of an opened project beside the one it routes with, on whatever lessons."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.app import Waypost
from agent.context import Context
from agent.learning import Lesson, lessons_of, targets_of, taught
from agent.nodes.route import describe
from agent.routing import (
    CORRECTIONS,
    NONE,
    Corrections,
    CorrectionsFile,
    LocalClassifier,
    Question,
    Target,
)
from agent.routing.classifier import ExampleEmbedder
from agent.routing.rules import TALK, Rules
from agent.routing.types import Asked, Decision
from indexes import Principal

__all__ = ["Bench"]


class Bench:
    """Fits and asks classifiers; every text is embedded and looked up in the documents once.

    Args:
        waypost: the opened project.
        targets: what can be routed to, with their own small talk alone.
        corrections: of the project.
        lessons: what its router learns from now.
    """

    def __init__(
        self,
        waypost: Waypost,
        targets: Sequence[Target],
        corrections: Corrections,
        lessons: Sequence[Lesson],
    ) -> None:
        self.lessons = list(lessons)
        self.names = [one.name for one in targets if one.kind != "talk"]
        self._targets = tuple(targets)
        self._rules = Rules(corrections.match, waypost.settings.routing.rule)
        self._resources = waypost.resources
        self._embedder = _Once(waypost.registry.embedder(waypost.settings.routing.embedding))
        self._described: dict[tuple[str, Principal | None, bool], Question] = {}

    @classmethod
    async def of(cls, waypost: Waypost) -> Bench:
        """Return the bench of an opened project."""
        resources = waypost.resources
        file = CorrectionsFile(waypost.project / CORRECTIONS)
        corrections = await asyncio.to_thread(file.current)
        lessons = await asyncio.to_thread(lessons_of, waypost.project, resources, corrections)
        return cls(waypost, await targets_of(resources), corrections, lessons)

    async def fitted(self, lessons: Sequence[Lesson]) -> LocalClassifier:
        """Return a classifier that has learned some lessons."""
        targets, none = taught(self._targets, lessons)
        classifier = LocalClassifier(targets, none, self._embedder)

        async def described(text: str) -> Question:
            return await self._describe(text, None, unrestricted=True)

        await classifier.fit(described)
        return classifier

    async def ask(self, classifier: LocalClassifier, question: str) -> dict[str, float]:
        """Return the probabilities of indexes, tools and "none" for a question of whoever sees all.

        Small talk counts as "none": neither is searched for.
        """
        known = await self._describe(question, None, unrestricted=True)
        return _merged((await classifier.score(known)).probabilities)

    async def ask_as(
        self, classifier: LocalClassifier, question: str, principal: Principal | None
    ) -> dict[str, float]:
        """Return the same for a question of somebody, of what they may see."""
        known = await self._describe(question, principal)
        names = [one.name for one in self._targets if self._resources.sees(one, principal)]
        return _merged((await classifier.score(known, names)).probabilities)

    async def ruled(self, question: str) -> bool:
        """Say whether a rule decides a question, such as a correction, so that no classifier is asked."""

        async def described(text: str) -> Question:
            return Question(text)

        asked = Asked(question, self._targets, described)
        return isinstance(await self._rules.decide(asked), Decision)

    async def _describe(
        self, text: str, principal: Principal | None, *, unrestricted: bool = False
    ) -> Question:
        key = text, principal, unrestricted
        if key not in self._described:
            self._described[key] = await describe(
                text, Context(self._resources, principal), unrestricted=unrestricted
            )
        return self._described[key]


def _merged(probabilities: dict[str, float]) -> dict[str, float]:
    found = {name: chance for name, chance in probabilities.items() if not name.startswith(TALK)}
    found[NONE] = 1.0 - sum(chance for name, chance in found.items() if name != NONE)
    return found


class _Once:
    """An embedder that embeds each question once."""

    def __init__(self, inner: ExampleEmbedder) -> None:
        self._inner = inner
        self._known: dict[str, NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        """The model's name and version."""
        return self._inner.name

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question."""
        if text not in self._known:
            self._known[text] = await self._inner.embed_query(text)
        return self._known[text]

    async def embed_examples(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of example questions."""
        return await self._inner.embed_examples(texts)
