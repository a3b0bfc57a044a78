"""What the chat shows in a terminal: Markdown, tables, cards, in any width."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from rich.box import ROUNDED
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from agent.answering import visible
from agent.cli.chat.live import LiveDisplay
from agent.cli.chat.pager import paged
from agent.cli.chat.screen import Card, Display, Excerpt
from agent.cli.chat.words import Words
from agent.cli.chat.wrapping import Wrapped

__all__ = ["TerminalScreen", "console"]

NAME = 24  # columns of a name that does not break
# No background of its own: it has to be legible on light and dark.
THEME = Theme(
    {
        "chat.marker": "cyan",
        "chat.cited": "bold reverse",
        "chat.error": "red",
        "markdown.code": "bold",
        "markdown.block_quote": "italic",
        "markdown.h1": "bold underline",
        "markdown.h2": "bold underline",
    }
)


def console() -> Console:
    """Return stdout as rich writes to it: nothing in a text is markup, NO_COLOR and TERM count."""
    return Console(theme=THEME, markup=False, highlight=False, emoji=False)


class TerminalScreen:
    """A terminal.

    Args:
        out: stdout.
        words: the chat's texts.
    """

    def __init__(self, out: Console, words: Words) -> None:
        self._out = out
        self._words = words

    def line(self, text: str = "") -> None:
        """Show a text."""
        self._out.print(Wrapped(Text(visible(text))))

    def note(self, text: str) -> None:
        """Show a text that is not important."""
        self._out.print(Wrapped(Text(visible(text), "dim")))

    def error(self, text: str) -> None:
        """Show what went wrong."""
        self._out.print(Wrapped(Text(visible(text), "chat.error")))

    def asked(self, question: str) -> None:
        """Show a question of before."""
        self._out.print(Wrapped(Text(f"> {visible(question)}", "bold"), 2))

    def answering(self, *, as_markdown: bool) -> AbstractContextManager[Display]:
        """Show an answer while it is made."""
        return LiveDisplay(self._out, self._words, as_markdown=as_markdown)

    def sources(self, sources: Sequence[tuple[int, str]]) -> None:
        """List the sources of an answer."""
        if sources:
            self._out.print()
        for number, text in sources:
            marker = f"[{number}] "
            shown = Text.assemble((marker, "chat.marker"), (visible(text), "dim"))
            self._out.print(Wrapped(shown, len(marker)))

    def end(self) -> None:
        """Leave room for the next question."""
        self._out.print()

    def table(
        self, rows: Sequence[Sequence[str]], head: Sequence[str] = (), *, long: bool = False
    ) -> None:
        """Show rows; a `long` table in a pager if it does not fit."""
        shown = Table(box=None, show_header=bool(head), pad_edge=False, header_style="dim")
        first = max((cell_len(row[0]) for row in rows), default=0)
        for position, title in enumerate(head or [""] * max(map(len, rows), default=0)):
            # what stands first is what one types
            shown.add_column(
                title, overflow="fold", min_width=min(first, NAME) if not position else None
            )
        for row in rows:
            shown.add_row(*(Wrapped(Text(visible(cell).replace("\n", " "))) for cell in row))
        if long:
            paged(self._out, shown)
        else:
            self._out.print(shown)

    def excerpt(self, shown: Excerpt) -> None:
        """Show a passage, with what is cited standing out, in a pager if it is long."""
        text = Text(visible(shown.text))
        for cited in shown.cited:
            wanted = visible(cited)
            start = text.plain.find(wanted)
            if wanted and start >= 0:
                text.stylize("chat.cited", start, start + len(wanted))
        where = "  ".join(part for part in (shown.place, shown.document) if part)
        parts: list[RenderableType] = [Wrapped(Text(visible(shown.heading), "bold"))]
        parts += [Wrapped(Text(visible(one), "dim")) for one in (where, shown.remark) if one]
        for one in (Text(visible(shown.before), "dim"), text, Text(visible(shown.after), "dim")):
            if one.plain.strip():
                parts += [Text(), Wrapped(one)]
        paged(self._out, Group(*parts))

    def card(self, shown: Card, title: str) -> None:
        """Show a call that waits for an approval."""
        arguments = Table(box=None, show_header=False, pad_edge=False)
        arguments.add_column(style="dim", overflow="fold")
        arguments.add_column(style="bold", overflow="fold")
        for name, value in shown.arguments:
            arguments.add_row(Wrapped(Text(visible(name))), Wrapped(Text(visible(value))))
        parts: list[RenderableType] = [Wrapped(Text(visible(shown.tool), "bold"))]
        if shown.description:
            parts.append(Wrapped(Text(visible(shown.description), "dim")))
        parts += [Text(), arguments] if shown.arguments else []
        if shown.error:
            parts += [Text(), Wrapped(Text(visible(shown.error), "chat.error"))]
        self._out.print(
            Panel(
                Group(*parts), title=Text(title), title_align="left", box=ROUNDED, expand=False,
                border_style="yellow",
            )
        )  # fmt: skip
