"""Markdown of answers as a terminal shows it."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from markdown_it import MarkdownIt
from rich import markdown
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from agent.cli.chat.wrapping import Wrapped

__all__ = ["rendered", "split_blocks"]

_MARKER = r"\[\d+\]"


class _Paragraph(markdown.Paragraph):
    """A paragraph in which Chinese breaks well."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.highlight_regex(_MARKER, "chat.marker")
        yield Wrapped(self.text)


class _Heading(markdown.Heading):
    """A heading on the left."""

    LEVEL_ALIGN: ClassVar = {}


class _Markdown(markdown.Markdown):
    elements: ClassVar = {
        **markdown.Markdown.elements,
        "paragraph_open": _Paragraph,
        "heading_open": _Heading,
    }


def rendered(text: str, *, as_markdown: bool) -> RenderableType:
    """Return an answer for rich to print.

    Args:
        text: the answer, without control characters.
        as_markdown: a chat model wrote it; else it quotes documents, and is shown to the letter.
    """
    if not as_markdown:
        plain = Text(text)
        plain.highlight_regex(_MARKER, "chat.marker")
        return Wrapped(plain)
    kept = text.replace("\n", "  \n")  # Markdown would join the lines
    # A link is shown with its address: what one reads is where one goes.
    return _Markdown(kept, hyperlinks=False, code_theme="ansi_dark")


def split_blocks(text: str) -> list[str]:
    """Return the blocks of a Markdown text (paragraphs, lists, tables, code), the last may be unfinished."""
    lines = text.split("\n")
    starts = [
        token.map[0]
        for token in MarkdownIt().enable("table").parse(text)
        if token.level == 0 and token.map is not None and token.nesting >= 0
    ]
    bounds = [0, *starts[1:], len(lines)]
    blocks = ["\n".join(lines[a:b]) for a, b in pairwise(bounds)]
    return [block for block in blocks if block.strip()]
