"""The command: its options, and the loop that reads lines and obeys them."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.common import Groups, Project, User, ensure_ingested, principal_of, run_async
from agent.errors import UsageError, WaypostError
from indexes.log import LOGGER
from indexes.types import Principal

if TYPE_CHECKING:
    from agent.app import Waypost
    from agent.cli.chat.commands import Commands
    from agent.cli.chat.reader import Reader
    from agent.cli.chat.screen import Screen
    from agent.cli.chat.words import Words

__all__ = ["chat"]


def chat(
    project: Project = Path(),
    thread: Annotated[
        str | None, typer.Option(help="Continue or begin the conversation of this name.")
    ] = None,
    last: Annotated[
        bool, typer.Option("--continue", "-c", help="Continue the last conversation.")
    ] = False,
    user: User = None,
    group: Groups = None,
) -> None:
    """Talk to the project in the terminal; without one, questions are read from stdin, one a line."""
    if thread is not None and last:
        raise UsageError("--thread and --continue name two conversations.", fix="use one of them.")
    code = run_async(_chat(project, thread, last, principal_of(user, group)))
    if code:
        raise typer.Exit(code)


async def _chat(project: Path, thread: str | None, last: bool, principal: Principal | None) -> int:
    from agent.app import Waypost
    from agent.cli.chat.commands import Commands
    from agent.cli.chat.session import Session
    from agent.cli.chat.words import Words

    async with Waypost.open(project) as waypost:
        await ensure_ingested(waypost)
        words = Words(waypost.settings.project.language)
        screen, reader = _ends(waypost, words)
        session = Session(waypost, principal, screen, reader, words)
        commands = Commands(session)
        reader.complete_with(commands.completions)
        screen.note(words("hello", name=waypost.settings.project.name))
        try:
            name = await session.conversations.last(principal) if last else thread
            if name is not None:
                await _obeyed(session.open(name), screen, words, reader)
            return await _loop(commands, reader, screen, words)
        finally:
            await session.conversations.close()


def _ends(waypost: Waypost, words: Words) -> tuple[Screen, Reader]:
    """Return where the chat writes to and reads from: a terminal, or a pipe."""
    from agent.cli.chat.reader import Pipe
    from agent.cli.chat.screen import PlainScreen

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return PlainScreen(words, alone=True), Pipe()
    from agent.cli.chat.cooked import Cooked
    from agent.cli.chat.keyboard import Keyboard
    from agent.cli.chat.terminal import TerminalScreen, console

    out = console()
    folder = waypost.project / waypost.settings.store.path
    _log_to(folder / "chat.log")
    if out.is_dumb_terminal:
        plain = PlainScreen(words)
        return plain, Cooked(plain, words)
    screen = TerminalScreen(out, words)
    return screen, Keyboard(folder / "chat_history", screen, words)


def _log_to(path: Path) -> None:
    """Keep warnings off a screen that is being drawn on; --verbose asked for them."""
    if sys.stderr.isatty() and not LOGGER.isEnabledFor(logging.INFO):
        LOGGER.handlers[:] = [logging.FileHandler(path, encoding="utf-8", delay=True)]


async def _loop(commands: Commands, reader: Reader, screen: Screen, words: Words) -> int:
    """Obey line after line; return the exit code: in a pipe that of the first line that failed."""
    failed = 0
    while (line := await reader.line(commands.session.who)) is not None:
        code, goes_on = await _obeyed(commands.obey(line), screen, words, reader)
        failed = failed or code
        if not goes_on:
            break
    return 0 if reader.interactive else failed


async def _obeyed(
    work: Coroutine[Any, Any, bool], screen: Screen, words: Words, reader: Reader
) -> tuple[int, bool]:
    """Do what a line asks for; Ctrl-C stops that and not the chat.

    Returns:
        The exit code that its failure stands for, and whether the chat goes on.
    """
    task = asyncio.create_task(work)
    try:
        with reader.working(task.cancel):
            return 0, await task
    except asyncio.CancelledError:
        if not reader.interactive:
            raise
        screen.note(words("stopped"))
    except WaypostError as error:
        screen.error(words("error", error=error))
        return error.exit_code, True
    return 0, True
