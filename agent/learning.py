"""The router of an opened project: fitted when first needed, and again as documents and corrections come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from agent import observability
from agent.context import Context, Resources
from agent.errors import ConfigurationError, WaypostError
from agent.nodes.route import describe
from agent.observability import LEARNING_FAILED
from agent.routing import (
    CORRECTIONS,
    Correction,
    Corrections,
    CorrectionsFile,
    LocalClassifier,
    Question,
    Router,
    Target,
    spread,
    talk_targets,
)

__all__ = ["Learner"]

RETRY = 30.0  # seconds until corrections that could not be learned are tried again
TITLES = 40  # how many titles and headings of an index the router learns from
HEADINGS = 40


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
        self._learned = Corrections()  # what the router has learned from
        self._learning: asyncio.Task[None] | None = None
        self._first = asyncio.Lock()
        self._fitting = asyncio.Lock()

    async def router(self) -> Router:
        """Return the router, fitted on the project's examples and corrections.

        A correction decides its own question at once; the router learns from it meanwhile.
        """
        if self._router is None:
            async with self._first:
                if self._router is None:
                    await self.learn()
        elif (self._learning is None or self._learning.done()) and await asyncio.to_thread(
            self._corrections.current
        ) is not self._learned:
            self._learning = asyncio.create_task(self._learn_corrections())
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

    async def _learn_corrections(self) -> None:
        try:
            await self.learn()
        except Exception as error:  # nobody awaits this; the router of before goes on answering
            code = error.code if isinstance(error, WaypostError) else type(error).__name__
            observability.warning(LEARNING_FAILED, error=code)
            await asyncio.sleep(RETRY)

    async def _made(self) -> tuple[Router, Corrections]:
        resources = self._resources()
        settings, registry = resources.settings, resources.registry
        corrections = await asyncio.to_thread(self._corrections.current)
        classifier = LocalClassifier(
            await self._targets(resources, corrections),
            [
                *settings.routing.none,
                *await asyncio.to_thread(self._lines, settings.routing.none_file, "none_file"),
                *corrections.none(),
            ],
            registry.embedder(settings.routing.embedding),
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
        return router, corrections

    async def _targets(self, resources: Resources, corrections: Corrections) -> list[Target]:
        corrected = corrections.examples()
        # Only public titles: a route's probabilities must not tell of documents one may not see.
        outlines = await resources.registry.outlines(principal=None)
        indexes = [
            Target(
                name=index.name,
                kind="index",
                title=index.label,
                description=index.description,
                examples=(
                    *index.examples,
                    *await asyncio.to_thread(self._lines, index.examples_file, "examples_file"),
                ),
                corrected=tuple(corrected.get(index.name, ())),
                phrases=(
                    *spread(outlines[index.name].titles, TITLES),
                    *spread(outlines[index.name].headings, HEADINGS),
                ),
            )
            for index in resources.settings.index
        ]
        tools = [
            Target(
                tool.name,
                "tool",
                tool.name,
                tool.description,
                tuple(tool.examples),
                corrected=tuple(corrected.get(tool.name, ())),
            )
            for tool in resources.tools.values()
        ]
        return [*indexes, *tools, *talk_targets()]

    def _lines(self, file: str, key: str) -> list[str]:
        if not file:
            return []
        try:
            text = (self._project / file).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ConfigurationError(
                f"{key} = {file!r} cannot be read: {error.strerror}.", fix="correct the path."
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{key} = {file!r} is not in UTF-8.", fix="save it as UTF-8."
            ) from error
        return [line.strip() for line in text.splitlines() if line.strip()]
