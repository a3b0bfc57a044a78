"""A terminal without a window: a program runs in it, is typed to, and its screen is read."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte

__all__ = ["Terminal", "emulated", "terminal"]

PATIENCE = 40.0  # seconds


class _Screen(pyte.HistoryScreen):
    """A screen that answers when it is asked where the cursor is."""

    def __init__(self, columns: int, lines: int, answer: Callable[[str], object]) -> None:
        super().__init__(columns, lines, history=2000)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        """Send an answer."""
        self._answer(data)


class Terminal:
    """A terminal in which a command runs.

    Args:
        command: with its arguments.
        environment: all of it.
        columns: its width.
        lines: its height.
        cwd: where the command runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 100,
        lines: int = 40,
        cwd: Path | None = None,
    ) -> None:
        self._child: pexpect.spawn[bytes] = pexpect.spawn(
            command[0],
            list(command[1:]),
            env=dict(environment),
            dimensions=(lines, columns),
            cwd=cwd,
            echo=True,
        )
        self._child.delaybeforesend = None
        self.screen = _Screen(columns, lines, lambda data: self._child.send(data))
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""

    @property
    def rows(self) -> list[str]:
        """What was printed, the rows that have scrolled away first."""
        return [*map(self._row, self.screen.history.top), *self.shown]

    @property
    def shown(self) -> list[str]:
        """The rows of the screen."""
        return [row.rstrip() for row in self.screen.display]

    @property
    def text(self) -> str:
        """The rows as one text."""
        return "\n".join(self.rows)

    def _row(self, row: Mapping[int, pyte.screens.Char]) -> str:
        return "".join(row[column].data for column in range(self.screen.columns)).rstrip()

    def read(self, seconds: float = 0.05) -> bool:
        """Let the program print for a while; False at its end."""
        try:
            data = self._child.read_nonblocking(65536, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True

    def until(self, true: Callable[[], object], what: str = "") -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            goes_on = self.read()
            if not goes_on and not true():
                raise AssertionError(f"it ended before {what}:\n{self.text}")
            assert time.monotonic() < deadline, f"{what} never came:\n{self.text}"

    def until_seen(self, *texts: str) -> None:
        """Wait until texts can be read, wherever lines break."""
        for text in texts:
            self.until(lambda text=text: text in self.text, repr(text))  # type: ignore[misc]

    def until_prompt(self, prompt: str = ">") -> None:
        """Wait until the cursor stands behind a prompt."""
        self.until(lambda: self.shown[self.screen.cursor.y] == prompt, f"the prompt {prompt!r}")

    def type(self, text: str) -> None:
        """Type keys."""
        self._child.send(text.encode())

    def enter(self, line: str) -> None:
        """Wait for the prompt, type a line, and press Enter."""
        self.until_prompt()
        self.type(line)
        self.until(lambda: self.shown[self.screen.cursor.y] != ">", "an echo")
        self.type("\r")

    def ended(self) -> int | None:
        """Wait for the end; return the exit code."""
        self.until(lambda: not self.read(), "the end")
        self._child.wait()
        return self._child.exitstatus

    def kill(self) -> None:
        """End the program as a power cut would."""
        self._child.kill(signal.SIGKILL)
        self._child.wait()

    def close(self) -> None:
        """End what is left."""
        self._child.close(force=True)


@contextmanager
def terminal(
    command: Sequence[str], *, columns: int = 100, lines: int = 40, **environment: str
) -> Iterator[Terminal]:
    """Run a command in a terminal of its own."""
    usual = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "PROMPT_TOOLKIT_NO_CPR"):
        usual.pop(name, None)
    made = Terminal(command, {**usual, **environment}, columns=columns, lines=lines)
    try:
        yield made
    finally:
        made.close()


def emulated(output: str, *, columns: int, lines: int) -> list[str]:
    """Return the rows of a screen on which something was printed."""
    screen = pyte.Screen(columns, lines)
    pyte.Stream(screen).feed(output.replace("\n", "\r\n"))
    return [row.rstrip() for row in screen.display]
