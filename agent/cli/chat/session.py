"""One conversation at a time: questions, their answers, and approvals."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from agent.answering.formats.result import level
from agent.cli.chat.approvals import YES, decided
from agent.cli.chat.passage import source_line
from agent.cli.chat.reader import Reader
from agent.cli.chat.screen import Display, Screen
from agent.cli.chat.threads import Conversations, Memory
from agent.cli.chat.why import call_line
from agent.cli.chat.words import Words
from agent.errors import UsageError
from indexes.types import Principal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agent.app import Event, Waypost
    from agent.state import Answer

__all__ = ["Session"]


class Session:
    """Who talks, on which thread, and what was last answered.

    Args:
        waypost: the opened project.
        principal: who asks.
        screen: where answers go.
        reader: where decisions come from.
        words: the chat's texts.
    """

    def __init__(
        self,
        waypost: Waypost,
        principal: Principal | None,
        screen: Screen,
        reader: Reader,
        words: Words,
    ) -> None:
        self.waypost, self.principal = waypost, principal
        self.screen, self.reader, self.words = screen, reader, words
        self.conversations = Conversations(waypost)
        self.thread = _new_name()
        self.last: Answer | None = None
        settings = waypost.settings
        self._titles = {one.name: one.label for one in settings.index}
        # Without a chat model an answer quotes documents, and is shown to the letter.
        self._as_markdown = (
            bool(settings.models.of("answerer")) and settings.answer.format == "plain"
        )

    @property
    def who(self) -> str:
        """The name that the prompt shows; "" for nobody in particular."""
        return "" if self.principal is None else self.principal.id

    async def memory(self) -> Memory:
        """Return what the conversation remembers."""
        return await self.conversations.read(self.principal, self.thread)

    def begin(self, name: str | None = None) -> None:
        """Begin a conversation."""
        self.thread, self.last = name or _new_name(), None

    async def open(self, name: str) -> bool:
        """Continue a conversation where it stopped: at its answer, or at an approval."""
        self.begin(name)
        memory = await self.memory()
        asked = memory.questions
        if not asked:
            self.screen.note(self.words("thread_new", name=name))
            return True
        self.screen.note(self.words("continuing", thread=name, count=len(asked)))
        self.screen.asked(asked[-1])
        if memory.request is not None:
            await self.decide(memory.request)
        elif memory.unfinished:
            await self._finish()
        elif "answer" in memory.values:
            self.last = cast("Answer", memory.values["answer"])
            with self.screen.answering(as_markdown=self._as_markdown) as out:
                out.finish(self.last["answer"])
            self._sources()
        return True

    async def _finish(self) -> None:
        """Go on with a turn that ended with its process, if the person wants to."""
        reply = await self.reader.ask(self.words("finish_ask")) if self.reader.interactive else None
        if reply is not None and reply.lower() in {"", *YES}:
            await self._play(self._resumed([]))

    async def ask(self, question: str) -> None:
        """Ask a question and show what happens until it is answered.

        Raises:
            WaypostError: there is no answer.
        """
        await self._play(
            self.waypost.stream(question, principal=self.principal, thread=self.thread)
        )

    async def decide(self, request: dict[str, Any]) -> None:
        """Ask for the decisions that a turn waits for, and continue it with them.

        Raises:
            WaypostError: it cannot be continued.
        """
        while True:
            decisions = await decided(
                request, self.waypost.tools, self.screen, self.reader, self.words
            )
            if decisions is None:
                if self.reader.interactive:
                    self.screen.note(self.words("waits"))
                else:
                    self.screen.error(self.words("waits_pipe", thread=self.thread))
                return
            try:
                await self._play(self._resumed(decisions))
            except UsageError as error:  # a decision cannot be used: it is asked for again
                if not self.reader.interactive:
                    raise
                request = {**request, "error": str(error)}
            else:
                return

    def _resumed(self, decisions: list[dict[str, Any]]) -> AsyncIterator[Event]:
        return self.waypost.stream_resume(
            thread=self.thread, decisions=decisions, principal=self.principal
        )

    async def _play(self, events: AsyncIterator[Event]) -> None:
        """Show a turn's events; a turn that then waits for an approval is decided."""
        answer: Answer | None = None
        async with aclosing(cast("AsyncGenerator[Event, None]", events)):
            with self.screen.answering(as_markdown=self._as_markdown) as out:
                async for event in events:
                    if event["type"] == "answer":
                        answer = event["answer"]
                        if answer["pending"] is None:
                            out.finish(answer["answer"])
                    else:
                        self._show(event, out)
        assert answer is not None
        self.last = answer
        if answer["pending"] is not None:
            await self.decide(answer["pending"])
        else:
            self._sources()

    def _show(self, event: Event, out: Display) -> None:
        """Show what happens before there is an answer."""
        kind = event["type"]
        if kind == "token":
            out.token(event["text"])
        elif kind == "restart":
            out.restart()
        elif kind == "tool":
            out.event(call_line(event["call"], self.words))
        elif kind == "passages":
            out.status(self.words("reading", count=len(event["passages"])))
        elif kind == "route":
            route = event["route"]
            if route["action"] == "act":
                out.event(self.words("using", tools=self.words.listed(route["tools"])))
            elif route["indexes"]:
                titles = [self._titles.get(one["name"], one["name"]) for one in route["indexes"]]
                out.event(self.words("searching", indexes=self.words.listed(titles)))

    def _sources(self) -> None:
        """List the sources of the last answer, and say where it is not to be relied on."""
        answer = self.last
        assert answer is not None
        lines = {
            one["marker"]: source_line(one, self.words) for one in reversed(answer["citations"])
        }
        self.screen.sources(sorted(lines.items()))
        if answer["citations"] and not answer["grounded"]:
            self.screen.note(self.words("not_grounded"))
        elif answer["citations"] and level(answer["confidence"]) == "low":
            self.screen.note(self.words("low"))
        if answer["limit"]:
            self.screen.note(self.words("limited", limit=answer["limit"]))
        self.screen.end()


def _new_name() -> str:
    return f"{datetime.now():%m%d-%H%M}-{secrets.token_hex(2)}"
