"""`waypost chat`: the terminal chat; reads questions from a pipe as well."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.common import (
    Groups,
    Project,
    User,
    ensure_ingested,
    principal_of,
    run_async,
    where,
)
from agent.errors import WaypostError
from indexes.access import permits
from indexes.types import Principal
from prompts import texts

if TYPE_CHECKING:
    from agent.app import Waypost
    from agent.state import Answer

__all__ = ["chat"]

HELP = """\
/why     how the last question was routed
/open N  the passage behind source N
/bad     the last question was routed wrongly
/correct what is right for it: search INDEX…, act TOOL [INDEX…], clarify, answer (none covers it)
/docs    what is indexed
/new     a new conversation
/exit    leave (also Ctrl-D); Ctrl-C stops the current answer
/index NAME QUESTION asks one index alone"""
# /index is the router's own; /etc/hosts and /api是什么 may be asked about.
COMMAND = re.compile(r"/(?!index$)[a-z0-9_-]*", re.IGNORECASE)


def chat(
    project: Project = Path(),
    thread: Annotated[str | None, typer.Option(help="Continue this conversation.")] = None,
    user: User = None,
    group: Groups = None,
) -> None:
    """Talk to the project in the terminal."""
    run_async(_chat(project, thread, user, group))


async def _chat(
    project: Path, thread: str | None, user: str | None, group: list[str] | None
) -> None:
    from agent.app import Waypost

    principal = principal_of(user, group)
    async with Waypost.open(project) as waypost:
        await ensure_ingested(waypost)
        session = _Session(waypost, principal, thread or uuid.uuid4().hex)
        typer.echo(f"{waypost.settings.project.name}  (/help)")
        async for line in _lines():
            if not await session.handle(line.strip()):
                return


async def _lines() -> AsyncIterator[str]:
    """Yield what is typed, or what is piped in."""
    if not sys.stdin.isatty():
        while line := await asyncio.to_thread(sys.stdin.readline):
            yield line
        return
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout

    prompt: Any = PromptSession()
    while True:
        try:
            with patch_stdout():
                yield await prompt.prompt_async("> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


class _Session:
    """One conversation: what was last answered, and the slash commands about it."""

    def __init__(self, waypost: Waypost, principal: Principal | None, thread: str) -> None:
        self._waypost = waypost
        self._principal = principal
        self._thread = thread
        self._last: Answer | None = None
        self._texts: dict[str, str] = texts("messages", waypost.settings.project.language)

    async def handle(self, line: str) -> bool:
        """Answer a line or obey a command; False means to leave."""
        if not line:
            return True
        command, _, rest = line.partition(" ")
        if command in {"/exit", "/quit"}:
            return False
        if command == "/help":
            typer.echo(HELP)
        elif command == "/why":
            self._why()
        elif command == "/open":
            self._open(rest)
        elif command == "/docs":
            for info in await self._waypost.registry.documents(principal=self._principal):
                typer.echo(f"{info['index']:<14} {info['title']}")
        elif command == "/correct":
            await self._correct(rest.split())
        elif command == "/bad":
            await self._bad()
        elif command == "/new":
            self._thread, self._last = uuid.uuid4().hex, None
        elif COMMAND.fullmatch(command):
            typer.echo(f"Error: {command!r} is no command. These are:\n{HELP}", err=True)
        else:
            await self._turn(line)
        return True

    async def _turn(self, question: str) -> None:
        task = asyncio.create_task(self._answer(question))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, task.cancel)  # Ctrl-C stops the answer, not the chat
        try:
            await task
        except asyncio.CancelledError:
            typer.echo("\n(stopped)")
        except WaypostError as error:
            typer.echo(f"Error: {error}", err=True)
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    async def _answer(self, question: str) -> None:
        streamed = False
        async for event in self._waypost.stream(
            question, principal=self._principal, thread=self._thread
        ):
            if event["type"] == "token":
                streamed = True
                typer.echo(event["text"], nl=False)
            elif event["type"] == "restart":
                typer.echo(f"\n{self._texts['restarted']}\n")
            elif event["type"] == "answer":
                self._last = event["answer"]
        assert self._last is not None
        typer.echo("" if streamed else self._last["answer"])
        if self._last["pending"] is not None:
            await self._approve()
        for citation in self._last["citations"]:
            place = where(citation["location"])
            typer.echo(
                f"  [{citation['marker']}] {citation['title']}{f' ({place})' if place else ''}"
            )

    async def _approve(self) -> None:
        assert self._last is not None
        assert self._last["pending"] is not None
        asked = self._last["pending"]["action_requests"]
        decisions = []
        for request in asked:
            reply = await asyncio.to_thread(
                typer.prompt, f"{request['description']} [y/n]", default="n"
            )
            decisions.append({"type": "approve" if reply.lower().startswith("y") else "reject"})
        self._last = await self._waypost.resume(
            thread=self._thread, decisions=decisions, principal=self._principal
        )
        typer.echo(self._last["answer"])

    def _why(self) -> None:
        if self._last is None:
            typer.echo("Nothing has been asked yet.")
            return
        route = self._last["route"]
        targets = [index["name"] for index in route["indexes"]] + route["tools"]
        typer.echo(
            f"{route['question']}\n{route['action']} {' '.join(targets)}, by {route['decided_by']}: {route['reason']}"
        )
        for candidate in route["candidates"]:
            typer.echo(f"  {candidate['confidence']:.2f} {candidate['name']}")

    async def _bad(self) -> None:
        if await self._store():
            typer.echo(f"Noted. What is right? {self._choices()}")

    async def _correct(self, words: list[str]) -> None:
        if not words:
            typer.echo(self._choices())
            return
        action, *names = words
        tool = names.pop(0) if action == "act" and names else None
        if await self._store(action, names, tool):
            typer.echo("Stored in router/corrections.jsonl.")

    async def _store(
        self, action: Any = None, indexes: Sequence[str] = (), tool: str | None = None
    ) -> bool:
        """Store a correction of the last question; False if there is nothing to correct."""
        if self._last is None:
            typer.echo("Nothing has been asked yet.")
            return False
        route = self._last["route"]
        try:
            await self._waypost.correct(
                route["question"], action=action, indexes=indexes, tool=tool,
                decided=route, principal=self._principal,
            )  # fmt: skip
        except WaypostError as error:
            typer.echo(f"Error: {error}", err=True)
            return False
        return True

    def _choices(self) -> str:
        indexes = [
            i.name for i in self._waypost.settings.index if permits(i.groups, self._principal)
        ]
        tools = [t.name for t in self._waypost.tools.values() if t.allows(self._principal)]
        return (
            f"/correct search {'|'.join(indexes)}, act {'|'.join(tools)}, clarify,"
            " or answer (none covers it)"
        )

    def _open(self, number: str) -> None:
        found = [] if self._last is None else self._last["citations"]
        chosen = [citation for citation in found if str(citation["marker"]) == number.strip()]
        if not chosen:
            typer.echo("There is no such source in the last answer.")
            return
        typer.echo(f"{chosen[0]['document']} ({where(chosen[0]['location'])})\n{chosen[0]['text']}")
