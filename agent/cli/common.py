"""What commands share: options, running async code, printing, ingesting a new project."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from agent.errors import UsageError
from indexes.types import Estimate, Location, Principal

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = [
    "Groups",
    "Json",
    "Project",
    "User",
    "ensure_ingested",
    "lines_of",
    "may_embed",
    "principal_of",
    "print_json",
    "progress_bar",
    "run_async",
    "show",
    "where",
]

T = TypeVar("T")
BLANKS = "\n\t\xa0\u3000"
_BARS: list[Any] = []  # those on the screen
Project = Annotated[
    Path, typer.Option("--project", "-p", help="The project's folder.", show_default="current")
]
Json = Annotated[bool, typer.Option("--json", help="Print machine-readable output alone.")]
User = Annotated[str | None, typer.Option("--user", help="Ask as this user.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="A group the user belongs to; repeatable.")
]


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(work)


def show(text: str = "") -> None:
    """Print what quotes documents, file names or models: without signs that only a terminal would read."""
    typer.echo("".join(sign for sign in text if sign.isprintable() or sign in BLANKS))


def print_json(data: object) -> None:
    """Print one line of JSON on stdout."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")


def principal_of(user: str | None, groups: list[str] | None) -> Principal | None:
    """Return who asks; groups without a user are a mistake."""
    if user is None:
        if groups:
            raise UsageError("--group needs --user.", fix="add --user ID.")
        return None
    return Principal(user, tuple(groups or ()))


def lines_of(path: Path) -> list[str]:
    """Return a file's lines that are not blank."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{str(path)!r} cannot be read: {error}.", fix="name a UTF-8 text file, one a line."
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def where(location: Location) -> str:
    """Return a location in a few words, whatever the language."""
    parts = []
    if "page" in location:
        parts.append(f"p. {location['page']}")
    for key in ("slide", "sheet", "row", "article", "heading", "symbol", "time"):
        if key in location:
            parts.append(str(location[key]))
    if "lines" in location:
        first, last = location["lines"]
        parts.append(f"l. {first}" if first == last else f"l. {first}–{last}")
    return ", ".join(parts)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show what an ingestion is doing on stderr; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Count(ProgressColumn):
        """How many are done, and of how many where that is known."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.completed:.0f}{f'/{task.total:.0f}' if task.total else ''}")

    class Rate(ProgressColumn):
        """How many are done in a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        Count(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, Any] = {}
        _BARS.append(bars)

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)

        try:
            yield told
        finally:
            _BARS.remove(bars)


def may_embed(estimates: Sequence[Estimate]) -> bool:
    """Ask whether texts may be sent to an embedding model; without a terminal they may not.

    Raises:
        UsageError: there is nobody to ask.
    """
    told = "; ".join(
        f"{one['texts']:,} texts of about {one['tokens']:,} tokens with {one['model']}"
        + ("" if one["dollars"] is None else f", about ${one['dollars']:.2f}")
        for one in estimates
    )
    if not sys.stdin.isatty():
        raise UsageError(
            f"To be embedded over the network: {told}.",
            fix="agree with `waypost ingest --yes`, or raise [ingest] confirm_tokens.",
        )
    for bars in _BARS:
        bars.stop()  # it would draw over the question
    try:
        return typer.confirm(f"Embed {told}?", err=True)
    finally:
        for bars in _BARS:
            bars.start()


async def ensure_ingested(waypost: Waypost) -> None:
    """Ingest a project whose store is still empty."""
    if await waypost.registry.is_empty():
        with progress_bar() as told:
            await waypost.ingest(progress=told, confirm=may_embed)
