"""`waypost traces`: what is kept of turns: counted, exported, erased by user, pruned."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from agent.cli.common import Json, Project, print_json, run_async
from agent.cli.manual import Commands, examples
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.traces import Traces

__all__ = ["app"]

_DAYS = re.compile(r"(\d{1,5})d")

app = typer.Typer(
    name="traces",
    cls=Commands,
    help="Export, erase and count the turns that [traces] keep = true keeps.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("export", epilog=examples("waypost traces export traces.jsonl --since 30d --good"))
def export(
    file: Annotated[Path, typer.Argument(help="The file to write, as JSON Lines.")],
    since: Annotated[
        str | None,
        typer.Option("--since", help="From then on: days such as 30d, or a first day (UTC)."),
    ] = None,
    good: Annotated[
        bool | None,
        typer.Option("--good/--bad", help="Those with good, or with bad, feedback alone."),
    ] = None,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Write the traces into a file, one a line, the oldest first."""
    begin = None if since is None else _moment(since)
    with _replacing(file) as out:
        count = run_async(_export(out, begin, good, project))
    if as_json:
        print_json({"traces": count, "file": str(file)})
        return
    typer.echo(f"Wrote {count} traces to {file}.")


@app.command("erase", epilog=examples("waypost traces erase --user ann"))
def erase(
    user: Annotated[str, typer.Option("--user", help="Whose turns are to be erased.")],
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Erase every trace of a user; their conversations are kept elsewhere and stay."""
    if not user:
        raise UsageError("--user '' is nobody.", fix="name the user whose traces are to go.")

    async def work() -> int:
        async with _opened(project) as traces:
            return await traces.erase(user)

    count = run_async(work())
    if as_json:
        print_json({"erased": count})
        return
    typer.echo(f"Erased {count} traces.")


@app.command("prune", epilog=examples("waypost traces prune"))
def prune(project: Project = Path(), as_json: Json = False) -> None:
    """Delete the traces that are older than [traces] days; an open project does so every day."""

    async def work() -> int:
        async with _opened(project, pruned=False) as traces:
            return await traces.prune()

    count = run_async(work())
    if as_json:
        print_json({"pruned": count})
        return
    typer.echo(f"Deleted {count} traces.")


@app.command("stats", epilog=examples("waypost traces stats --json"))
def stats(project: Project = Path(), as_json: Json = False) -> None:
    """Count what is kept."""
    from agent.traces import Stats

    async def work() -> Stats:
        async with _opened(project) as traces:
            return await traces.stats()

    found = run_async(work())
    if as_json:
        print_json(found)
        return
    typer.echo(
        f"{found['traces']} traces of {found['users']} users,"
        f" {found['bytes'] / 1e6:.1f} MB"
        + (f", {found['first'][:10]} to {found['last'][:10]}" if found["traces"] else "")
    )
    typer.echo(
        f"feedback: {found['good']} good, {found['bad']} bad; corrected: {found['corrected']}"
    )


@asynccontextmanager
async def _opened(project: Path, *, pruned: bool = True) -> AsyncIterator[Traces]:
    """Open a project's traces, also where no more are kept."""
    from agent.settings import load
    from agent.traces import Traces

    async with Traces.open(project, load(project), pruned=pruned) as traces:
        yield traces


async def _export(out: TextIO, since: datetime | None, good: bool | None, project: Path) -> int:
    count = 0
    async with _opened(project) as traces:
        async for trace in traces.read(since, good):
            out.write(json.dumps(trace, ensure_ascii=False) + "\n")
            count += 1
    return count


@contextmanager
def _replacing(file: Path) -> Iterator[TextIO]:
    """Give a new file, readable by its owner alone, that takes the old one's place once it is whole."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as out:
            yield out
        new.replace(file)
    except OSError as error:
        raise UsageError(
            f"{str(file)!r} cannot be written: {error.strerror}.",
            fix="name a file in a folder that exists.",
        ) from error
    finally:
        new.unlink(missing_ok=True)


def _moment(text: str) -> datetime:
    """Return when the traces begin: some days ago, or the beginning of a day."""
    days = _DAYS.fullmatch(text)
    if days:
        return datetime.now(UTC) - timedelta(days=int(days[1]))
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise UsageError(
            f"--since {text!r} is no time.",
            fix='use days such as "30d", or a date such as "2027-06-30".',
        ) from None
