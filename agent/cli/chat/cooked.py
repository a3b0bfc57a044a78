"""Lines that a person types at a terminal that can only print, such as a shell inside Emacs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.cli.chat.reader import QUICKLY, Completions
from agent.cli.chat.screen import Screen
from agent.cli.chat.words import Words

__all__ = ["Cooked"]


class Cooked:
    """A person at a terminal that edits the line itself.

    Args:
        screen: where hints go.
        words: the chat's texts.
    """

    interactive = True

    def __init__(self, screen: Screen, words: Words) -> None:
        self._screen, self._words = screen, words
        self._interrupted = 0.0
        self._cancel: Callable[[], object] | None = None

    def complete_with(self, completions: Completions) -> None:
        """Do nothing."""

    async def line(self, who: str) -> str | None:
        """Return the next line; None at its end, or at the second Ctrl-C."""
        while True:
            typed = await self._read(f"{who}> ")
            if typed is not None:
                return typed.decode("utf-8", "replace") or None
            now = time.monotonic()
            if now - self._interrupted < QUICKLY:
                return None
            self._interrupted = now
            self._screen.note(f"\n{self._words('again_leaves')}")

    async def ask(self, question: str, *, default: str = "") -> str | None:
        """Return the answer to a question of the chat; Enter alone is the default."""
        shown = f"{question}[{default}] " if default else question
        typed = await self._read(shown)
        return (typed.decode("utf-8", "replace").strip() or default) if typed else None

    @contextmanager
    def working(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Let Ctrl-C call `cancel`."""
        loop = asyncio.get_running_loop()
        self._cancel = cancel
        loop.add_signal_handler(signal.SIGINT, cancel)
        try:
            yield
        finally:
            self._cancel = None
            loop.remove_signal_handler(signal.SIGINT)

    async def _read(self, prompt: str) -> bytes | None:
        """Return a line with its end, nothing at the end of all; None at Ctrl-C."""
        sys.stdout.write(prompt)
        sys.stdout.flush()
        loop = asyncio.get_running_loop()
        typed: asyncio.Future[bytes | None] = loop.create_future()

        def end(line: bytes | None) -> None:
            if not typed.done():
                typed.set_result(line)

        file = sys.stdin.fileno()
        loop.add_reader(file, lambda: end(os.read(file, 65536)))
        loop.add_signal_handler(signal.SIGINT, end, None)
        try:
            return await typed
        finally:
            loop.remove_reader(file)
            if self._cancel is not None:
                loop.add_signal_handler(signal.SIGINT, self._cancel)
            else:
                loop.remove_signal_handler(signal.SIGINT)
