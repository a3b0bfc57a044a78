"""Lines that a person types: history, completion, several lines, and what Ctrl-C means."""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

from agent.cli.chat.reader import QUICKLY, Completions
from agent.cli.chat.screen import Screen
from agent.cli.chat.words import Words

__all__ = ["Keyboard"]


class Keyboard:
    """A person at a terminal.

    Args:
        history: the file of what was typed before.
        screen: where hints go.
        words: the chat's texts.
    """

    interactive = True

    def __init__(self, history: Path, screen: Screen, words: Words) -> None:
        self._screen, self._words = screen, words
        self._completions: Completions = lambda text: ()
        self._interrupted = 0.0
        history.parent.mkdir(parents=True, exist_ok=True)
        history.touch(mode=0o600)
        self._questions: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)),
            multiline=True,
            prompt_continuation=lambda width, number, wraps: " " * width,
            key_bindings=_keys(),
            completer=_Words(lambda text: self._completions(text)),
            complete_while_typing=Condition(self._commanding),
        )
        self._answers: PromptSession[str] = PromptSession()

    def _commanding(self) -> bool:
        return self._questions.default_buffer.text.startswith("/")

    def complete_with(self, completions: Completions) -> None:
        """Let words be completed."""
        self._completions = completions

    async def line(self, who: str) -> str | None:
        """Return what is typed; None at Ctrl-D, or at the second Ctrl-C."""
        while True:
            try:
                with patch_stdout():
                    return await self._questions.prompt_async(f"{who}> ")
            except EOFError:
                return None
            except KeyboardInterrupt:
                now = time.monotonic()
                if now - self._interrupted < QUICKLY:
                    return None
                self._interrupted = now
                self._screen.note(self._words("again_leaves"))

    async def ask(self, question: str, *, default: str = "") -> str | None:
        """Return the answer to a question of the chat; None at Ctrl-C and Ctrl-D."""
        try:
            # Ctrl-C is a key here; `working` keeps its handler for the time after.
            text = await self._answers.prompt_async(question, default=default, handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            return None
        return text.strip()

    @contextmanager
    def working(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Let Ctrl-C call `cancel`, and show what is typed meanwhile only at the next prompt."""
        loop = asyncio.get_running_loop()
        before = termios.tcgetattr(sys.stdin)
        silent: list[Any] = [*before]
        silent[3] &= ~termios.ECHO
        loop.add_signal_handler(signal.SIGINT, cancel)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
            loop.remove_signal_handler(signal.SIGINT)


class _Words(Completer):
    """Completes the word before the cursor."""

    def __init__(self, completions: Completions) -> None:
        self._completions = completions

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        word = text.rpartition(" ")[2]
        for found in self._completions(text):
            yield Completion(found, -len(word))


def _keys() -> KeyBindings:
    """Enter asks, Alt-Enter begins a new line."""
    keys = KeyBindings()

    @keys.add("enter")
    @keys.add("c-j")  # Enter that was typed before there was a prompt
    def ask(event: KeyPressEvent) -> None:
        state = event.current_buffer.complete_state
        if state is not None and state.current_completion is not None:
            event.current_buffer.apply_completion(state.current_completion)
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    return keys
