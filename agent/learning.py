"""The router of an opened project: fitted when first needed, and again as documents and corrections come."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agent import observability
from agent.context import Context, Resources
from agent.errors import ConfigurationError, WaypostError
from agent.nodes.route import describe
from agent.observability import LEARNING_FAILED
from agent.routing import (
    CORRECTIONS,
    LEARNED,
    NONE,
    Correction,
    Corrections,
    CorrectionsFile,
    LocalClassifier,
    Question,
    Router,
    Target,
    question_key,
    read_learned,
    spread,
    stamp_of,
    talk_targets,
)

__all__ = ["Learner", "Lesson", "lessons_of", "targets_of", "taught"]

SKIPPED = "learned.skipped"
RETRY = 30.0  # seconds until corrections that could not be learned are tried again
TITLES = 40  # how many titles and headings of an index the router learns from
HEADINGS = 40


@dataclass(frozen=True)
class Lesson:
    """A question that the router learns from.

    Args:
        question: as it stands alone.
        target: the name of an index or a tool, or "none".
        source: the project's examples, a correction, or what `waypost tune router` learned.
    """

    question: str
    target: str
    source: Literal["example", "correction", "learned"]


class Learner:
    """Fits a project's router.

    Args:
        project: its folder.
        resources: gives its resources, which may be exchanged.
    """

    def __init__(self, project: Path, resources: Callable[[], Resources]) -> None:
        self._project = project
        self._resources = resources
        self._router: Router | None = None
        self._corrections = CorrectionsFile(project / CORRECTIONS)
        self._learned: object = None  # what the router has learned from
        self._learning: asyncio.Task[None] | None = None
        self._first = asyncio.Lock()
        self._fitting = asyncio.Lock()

    async def router(self) -> Router:
        """Return the router, fitted on the project's examples, corrections and what was learned.

        A correction decides its own question at once; the router learns from it meanwhile.
        """
        if self._router is None:
            async with self._first:
                if self._router is None:
                    await self.learn()
        elif (self._learning is None or self._learning.done()) and await asyncio.to_thread(
            self._to_learn
        ) != self._learned:
            self._learning = asyncio.create_task(self._learn_again())
        assert self._router is not None
        return self._router

    async def learn(self) -> None:
        """Fit the router anew; until that is done the one before it answers."""
        async with self._fitting:  # one after the other, so that the last one knows the most
            made, learned = await self._made()
            self._router, self._learned = made, learned

    async def correct(self, correction: Correction) -> None:
        """Store a correction."""
        await asyncio.to_thread(self._corrections.add, correction)

    async def stop(self) -> None:
        """Give up what is being learned."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.gather(self._learning, return_exceptions=True)

    def _to_learn(self) -> tuple[Corrections, object]:
        """Return what equals itself until the corrections or the learned examples change."""
        return self._corrections.current(), stamp_of(self._project / LEARNED)

    async def _learn_again(self) -> None:
        try:
            await self.learn()
        except Exception as error:  # nobody awaits this; the router of before goes on answering
            code = error.code if isinstance(error, WaypostError) else type(error).__name__
            observability.warning(LEARNING_FAILED, error=code)
            await asyncio.sleep(RETRY)

    async def _made(self) -> tuple[Router, object]:
        resources = self._resources()
        settings = resources.settings
        to_learn = await asyncio.to_thread(self._to_learn)
        lessons = await asyncio.to_thread(lessons_of, self._project, resources, to_learn[0])
        targets, none = taught(await targets_of(resources), lessons)
        classifier = LocalClassifier(
            targets,
            none,
            resources.registry.embedder(settings.routing.embedding),
            self._project / settings.store.path / "cache" / "router.npz",
        )

        async def described(text: str) -> Question:
            return await describe(text, Context(resources), unrestricted=True)

        await classifier.fit(described)
        router = Router(
            classifier,
            settings.routing,
            lambda question: self._corrections.current().match(question),
            prompts=resources.prompts,
        )
        return router, to_learn


def lessons_of(project: Path, resources: Resources, corrections: Corrections) -> list[Lesson]:
    """Return what a project's router learns from, but for small talk: it reads files, so ask in a thread.

    What was corrected comes before what was learned about the same question, and so do the examples.

    Args:
        project: its folder.
        resources: its resources.
        corrections: those that count.

    Raises:
        ConfigurationError: a file of examples cannot be read.
    """
    settings = resources.settings
    found: list[Lesson] = []

    def add(
        target: str, questions: Sequence[str], source: Literal["example", "correction"]
    ) -> None:
        found.extend(Lesson(question, target, source) for question in questions)

    for index in settings.index:
        lines = _lines(project, index.examples_file, "examples_file")
        add(index.name, [*index.examples, *lines], "example")
    for tool in resources.tools.values():
        add(tool.name, tool.examples, "example")
    add(NONE, settings.routing.none, "example")
    add(NONE, _lines(project, settings.routing.none_file, "none_file"), "example")
    for name, questions in corrections.examples().items():
        add(name, questions, "correction")
    add(NONE, corrections.none(), "correction")
    known = {question_key(one.question) for one in found}
    learned = read_learned(project / LEARNED)
    for problem in learned.problems:
        observability.warning(SKIPPED, file=str(project / LEARNED), problem=problem)
    for one in learned.examples:
        key = question_key(one.question)
        if key not in known and corrections.match(one.question) is None:
            known.add(key)
            found.append(Lesson(one.question, one.target, "learned"))
    return found


async def targets_of(resources: Resources) -> list[Target]:
    """Return what can be routed to; of the examples only those of small talk, which no project teaches."""
    # Only public titles: a route's probabilities must not tell of documents one may not see.
    outlines = await resources.registry.outlines(principal=None)
    indexes = [
        Target(
            name=index.name,
            kind="index",
            title=index.label,
            description=index.description,
            phrases=(
                *spread(outlines[index.name].titles, TITLES),
                *spread(outlines[index.name].headings, HEADINGS),
            ),
        )
        for index in resources.settings.index
    ]
    tools = [
        Target(tool.name, "tool", tool.name, tool.description) for tool in resources.tools.values()
    ]
    return [*indexes, *tools, *talk_targets()]


def taught(targets: Sequence[Target], lessons: Sequence[Lesson]) -> tuple[list[Target], list[str]]:
    """Return targets with their lessons, and the questions that no target covers.

    Lessons about what is no target any more are passed over.
    """
    examples: dict[str, list[str]] = defaultdict(list)
    people: dict[str, list[str]] = defaultdict(list)
    for one in lessons:
        (examples if one.source == "example" else people)[one.target].append(one.question)
    filled = [
        replace(
            target,
            examples=(*target.examples, *examples[target.name]),
            corrected=tuple(people[target.name]),
        )
        for target in targets
    ]
    return filled, [*examples[NONE], *people[NONE]]


def _lines(project: Path, file: str, key: str) -> list[str]:
    if not file:
        return []
    try:
        text = (project / file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"{key} = {file!r} cannot be read: {error.strerror}.", fix="correct the path."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{key} = {file!r} is not in UTF-8.", fix="save it as UTF-8."
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]
