"""What is typed or piped in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

__all__ = ["QUICKLY", "Completions", "Pipe", "Reader"]

QUICKLY = 2.0  # seconds between two Ctrl-C that leave
Completions = Callable[[str], Iterable[str]]  # what the last word of a line may become


class Reader(Protocol):
    """Where lines come from; `interactive` is whether a person types them."""

    interactive: bool

    async def line(self, who: str) -> str | None:
        """Return the next line, None to leave; `who` asks."""
        ...

    async def ask(self, question: str, *, default: str = "") -> str | None:
        """Return the answer to a question of the chat itself; None if there is none now."""
        ...

    def complete_with(self, completions: Completions) -> None:
        """Let words be completed."""
        ...

    def working(self, cancel: Callable[[], object]) -> AbstractContextManager[None]:
        """Let Ctrl-C call `cancel`, and keep what is typed meanwhile off the screen."""
        ...


class Pipe:
    """Lines of stdin."""

    interactive = False

    async def line(self, who: str) -> str | None:
        """Return the next line, None at the end."""
        return await asyncio.to_thread(sys.stdin.readline) or None

    async def ask(self, question: str, *, default: str = "") -> str | None:
        """Return the next line, None at the end; nothing is printed."""
        line = await self.line("")
        return None if line is None else line.strip()

    def complete_with(self, completions: Completions) -> None:
        """Do nothing."""

    def working(self, cancel: Callable[[], object]) -> AbstractContextManager[None]:
        """Do nothing: Ctrl-C ends the program."""
        return nullcontext()
