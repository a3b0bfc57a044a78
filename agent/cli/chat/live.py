"""An answer in a terminal while it is made: what does not fit scrolls away, the rest is redrawn."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from agent.answering import visible
from agent.cli.chat.markdown import rendered, split_blocks
from agent.cli.chat.words import Words
from agent.cli.chat.wrapping import Wrapped

__all__ = ["LiveDisplay"]

BELOW = 4  # lines of the screen that the answer leaves free


class LiveDisplay:
    """The part of the screen below what is final.

    Blocks that do not fit any more are printed for good; only they cannot be withdrawn.

    Args:
        out: stdout.
        words: the chat's texts.
        as_markdown: the answer is Markdown.
    """

    def __init__(self, out: Console, words: Words, *, as_markdown: bool) -> None:
        self._out, self._words, self._as_markdown = out, words, as_markdown
        self._printed = ""  # for good
        self._text = ""  # not yet
        self._status = words("working")
        self._live = Live(
            console=out, transient=True, refresh_per_second=10, get_renderable=self._now
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        self._print(self._text)

    def status(self, text: str) -> None:
        """Say what is going on, below the answer."""
        self._status = visible(text)
        self._live.refresh()

    def event(self, text: str) -> None:
        """Say what was done, above the answer."""
        self._out.print(Wrapped(Text(f"· {visible(text)}", "dim"), 2))

    def token(self, text: str) -> None:
        """Show a further piece."""
        self._text += visible(text)
        self._scroll()
        self._live.refresh()

    def restart(self) -> None:
        """Take back what was shown; what has scrolled away is said to be withdrawn."""
        self._text = ""
        if self._printed:
            self._out.print(Wrapped(Text(self._words("restarted"), "dim")))
        self._printed = ""
        self._live.refresh()

    def finish(self, text: str) -> None:
        """Show the whole; what was streamed stays if it is the same."""
        text = visible(text).strip()
        if not text.startswith(self._printed.strip()):
            self.restart()
        self._text = text[len(self._printed.strip()) :].strip() if self._printed else text

    def _now(self) -> RenderableType:
        status = Spinner("dots", Text(self._status, "dim"), style="dim")
        return Group(self._shown(self._text), status) if self._text.strip() else status

    def _shown(self, text: str) -> RenderableType:
        return rendered(text.strip("\n"), as_markdown=self._as_markdown)

    def _scroll(self) -> None:
        """Print the blocks that do not fit on the screen any more."""
        room = max(self._out.height - BELOW, 3)
        blocks = split_blocks(self._text) if self._as_markdown else self._text.split("\n\n")
        while len(blocks) > 1 and len(self._out.render_lines(self._shown(self._text))) > room:
            block = blocks.pop(0)
            at = self._text.index(block) + len(block)
            done, self._text = self._text[:at], self._text[at:]
            self._live.refresh()  # so that it is not seen twice
            self._print(done)

    def _print(self, text: str) -> None:
        """Print a part of the answer for good."""
        if text.strip():
            if self._printed:
                self._out.print()
            self._out.print(self._shown(text))
            self._printed += text
