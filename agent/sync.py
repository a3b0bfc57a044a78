"""Waypost for code without an event loop: scripts, notebooks, threads of a web framework."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from agent.app import Event, Waypost
from agent.routing import Action, Correction, Route
from agent.state import Answer
from agent.traces import Feedback
from indexes import Passage, Principal, SyncReport

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

__all__ = ["WaypostSync"]


class WaypostSync:
    """A project, opened: `with WaypostSync.open("my_project") as waypost: waypost.ask("…")`.

    Its event loop runs in a thread of its own, so it also works where a loop runs already, as in a
    notebook, and may be used from several threads at once. Arguments and errors are those of `Waypost`.
    """

    def __init__(self, waypost: Waypost, portal: BlockingPortal) -> None:
        self.waypost = waypost
        self._portal = portal

    @classmethod
    @contextmanager
    def open(cls, project: str | Path, **options: Any) -> Iterator[Self]:
        """Open a project until the block ends.

        Args:
            project: the folder with waypost.toml.
            options: those of `Waypost.open`.
        """
        from anyio.from_thread import start_blocking_portal

        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(Waypost.open(project, **options)) as waypost,
        ):
            yield cls(waypost, portal)

    def ingest(self, only: Sequence[Path] = ()) -> SyncReport:
        """Bring the store in line with the sources."""
        return self._portal.call(self.waypost.ingest, only)

    def ask(
        self, question: str, *, principal: Principal | None = None, thread: str | None = None
    ) -> Answer:
        """Answer a question."""

        async def asked() -> Answer:
            return await self.waypost.ask(question, principal=principal, thread=thread)

        answer: Answer = self._portal.call(asked)
        return answer

    def stream(
        self, question: str, *, principal: Principal | None = None, thread: str | None = None
    ) -> Iterator[Event]:
        """Answer a question and yield what happens meanwhile; leaving the loop cancels the turn."""
        events: SimpleQueue[Event | None] = SimpleQueue()

        async def followed() -> None:
            try:
                async for event in self.waypost.stream(
                    question, principal=principal, thread=thread
                ):
                    events.put(event)
            finally:
                events.put(None)

        turn = self._portal.start_task_soon(followed)  # one task, as what it awaits belongs to one
        try:
            while (event := events.get()) is not None:
                yield event
            turn.result()
        finally:
            turn.cancel()

    def resume(
        self,
        *,
        thread: str,
        decisions: Sequence[dict[str, Any]],
        principal: Principal | None = None,
    ) -> Answer:
        """Continue a turn that waits for an approval."""

        async def resumed() -> Answer:
            return await self.waypost.resume(
                thread=thread, decisions=decisions, principal=principal
            )

        answer: Answer = self._portal.call(resumed)
        return answer

    def route(self, question: str, *, principal: Principal | None = None) -> Route:
        """Return what would be done with a question."""

        async def routed() -> Route:
            return await self.waypost.route(question, principal=principal)

        return self._portal.call(routed)

    def search(
        self,
        query: str,
        *,
        index: str | None = None,
        k: int | None = None,
        principal: Principal | None = None,
    ) -> list[Passage]:
        """Search one index, or all."""

        async def found() -> list[Passage]:
            registry = self.waypost.registry
            return await registry.search(query, index=index, k=k, principal=principal)

        return self._portal.call(found)

    def feedback(
        self, *, thread: str, good: bool, note: str = "", principal: Principal | None = None
    ) -> Feedback:
        """Store what a person thinks of the last answer on a thread of theirs."""

        async def said() -> Feedback:
            return await self.waypost.feedback(
                thread=thread, good=good, note=note, principal=principal
            )

        return self._portal.call(said)

    def correct(
        self,
        question: str,
        *,
        action: Action | None,
        indexes: Sequence[str] = (),
        tool: str | None = None,
        principal: Principal | None = None,
    ) -> Correction:
        """Store the right route of a question."""

        async def corrected() -> Correction:
            return await self.waypost.correct(
                question, action=action, indexes=indexes, tool=tool, principal=principal
            )

        return self._portal.call(corrected)
