"""What the chat shows, and how it looks without a terminal's arts: in a pipe, in a dumb terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from agent.answering import visible
from agent.cli.chat.words import Words

__all__ = ["Card", "Display", "Excerpt", "PlainScreen", "Screen"]


@dataclass(frozen=True)
class Excerpt:
    """A passage in its context: what stands before it and after it, and the stretches that are cited."""

    heading: str
    place: str
    document: str
    before: str
    text: str
    after: str
    cited: Sequence[str]
    remark: str = ""


@dataclass(frozen=True)
class Card:
    """A call that somebody has to approve: the tool, what it does, and its arguments by title."""

    tool: str
    description: str
    arguments: Sequence[tuple[str, str]]
    error: str = ""


class Display(Protocol):
    """An answer that is being made."""

    def status(self, text: str) -> None:
        """Say what is going on."""
        ...

    def event(self, text: str) -> None:
        """Say what was done."""
        ...

    def token(self, text: str) -> None:
        """Show a further piece of the answer."""
        ...

    def restart(self) -> None:
        """Withdraw the pieces shown so far."""
        ...

    def finish(self, text: str) -> None:
        """Show the whole answer, as far as it is not shown yet."""
        ...


class Screen(Protocol):
    """Where the chat writes to; whatever it is given, no control character gets there."""

    def line(self, text: str = "") -> None:
        """Show a text."""
        ...

    def note(self, text: str) -> None:
        """Say something by the way."""
        ...

    def error(self, text: str) -> None:
        """Say what went wrong."""
        ...

    def asked(self, question: str) -> None:
        """Show a question of before."""
        ...

    def answering(self, *, as_markdown: bool) -> AbstractContextManager[Display]:
        """Show an answer while it is made."""
        ...

    def sources(self, sources: Sequence[tuple[int, str]]) -> None:
        """List the sources of an answer."""
        ...

    def end(self) -> None:
        """End what belongs to a question."""
        ...

    def table(
        self, rows: Sequence[Sequence[str]], head: Sequence[str] = (), *, long: bool = False
    ) -> None:
        """Show rows; `long`: there may be very many."""
        ...

    def excerpt(self, shown: Excerpt) -> None:
        """Show a passage in its context."""
        ...

    def card(self, shown: Card, title: str) -> None:
        """Show a call that waits for an approval."""
        ...


class PlainScreen:
    """Lines of text, without colours.

    Args:
        words: the chat's texts.
        alone: only what was asked for goes to stdout, and errors to stderr, as in a pipe.
    """

    def __init__(self, words: Words, *, alone: bool = False) -> None:
        self._words = words
        self._alone = alone

    def line(self, text: str = "") -> None:
        """Print a text."""
        self._write(f"{text}\n")

    def note(self, text: str) -> None:
        """Print a text, unless only what was asked for is wanted."""
        if not self._alone:
            self.line(text)

    def error(self, text: str) -> None:
        """Print what went wrong."""
        if self._alone:
            sys.stderr.write(visible(f"{text}\n"))
            sys.stderr.flush()
        else:
            self.line(text)

    def asked(self, question: str) -> None:
        """Print a question of before."""
        self.note(f"> {question}")

    def answering(self, *, as_markdown: bool) -> AbstractContextManager[Display]:
        """Print an answer while it is made, in a pipe once it is there."""
        return _PlainDisplay(self._write, self.note, self._words, whole=self._alone)

    def sources(self, sources: Sequence[tuple[int, str]]) -> None:
        """Print the sources of an answer."""
        for number, text in sources:
            self.line(f"  [{number}] {text}")

    def end(self) -> None:
        """Print the blank line that separates answers."""
        self.line()

    def table(
        self, rows: Sequence[Sequence[str]], head: Sequence[str] = (), *, long: bool = False
    ) -> None:
        """Print rows, a tab between their cells."""
        for row in [head, *rows] if head and not self._alone else rows:
            self.line("\t".join(" ".join(cell.splitlines()) for cell in row))

    def excerpt(self, shown: Excerpt) -> None:
        """Print a passage; what is cited stands between >>> and <<<."""
        self.line(" · ".join(part for part in (shown.heading, shown.place, shown.document) if part))
        text = shown.text
        for cited in shown.cited:
            text = text.replace(cited, f">>>{cited}<<<", 1)
        for part in (shown.remark, shown.before, text, shown.after):
            if part:
                self.line(part)

    def card(self, shown: Card, title: str) -> None:
        """Print a call that waits for an approval."""
        self.line(f"{title}: {shown.tool}")
        for text in (shown.description, shown.error):
            if text:
                self.line(text)
        for name, value in shown.arguments:
            self.line(f"  {name}: {value}")

    def _write(self, text: str) -> None:
        sys.stdout.write(visible(text))
        sys.stdout.flush()


class _PlainDisplay:
    """An answer as plain text; `whole`: only once it is there."""

    def __init__(
        self,
        write: Callable[[str], None],
        note: Callable[[str], None],
        words: Words,
        *,
        whole: bool,
    ) -> None:
        self._write, self._note, self._words, self._whole = write, note, words, whole
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self._shown:
            self._write("\n")

    def status(self, text: str) -> None:
        self._note(text)

    def event(self, text: str) -> None:
        self._note(text)

    def token(self, text: str) -> None:
        if not self._whole:
            self._shown += text
            self._write(text)

    def restart(self) -> None:
        if self._shown:
            self._write(f"\n{self._words('restarted')}\n")
        self._shown = ""

    def finish(self, text: str) -> None:
        if self._shown and self._shown.strip() != text.strip():
            self.restart()
        self._write("\n" if self._shown else f"{text}\n")
