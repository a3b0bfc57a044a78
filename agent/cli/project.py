"""`waypost ingest` and `waypost doctor`: the project itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.common import Json, Project, may_embed, print_json, progress_bar, run_async

if TYPE_CHECKING:
    from indexes import SyncReport

__all__ = ["doctor", "ingest"]


def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Only these files or folders, of the project.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on, and follow what changes until Ctrl-C.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Embed over the network without asking.")
    ] = False,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Bring the store in line with the sources: add, update, delete."""
    from agent.errors import UsageError

    for path in paths or ():
        if not path.absolute().is_relative_to(project.absolute()):
            raise UsageError(
                f"{str(path)!r} is not inside the project {str(project)!r}.",
                fix="move it there, or list it in an index's `sources`.",
            )
    if watch and paths:
        raise UsageError("--watch follows the whole project.", fix="leave the paths out.")
    run_async(_ingest(paths or [], project, watch, yes, as_json))


async def _ingest(paths: list[Path], project: Path, watch: bool, yes: bool, as_json: bool) -> None:
    from agent.app import Waypost

    confirm = None if yes else may_embed
    while True:
        async with Waypost.open(project) as waypost:
            with progress_bar() as told:
                report = await waypost.ingest(paths, told, confirm)
            _tell(report, as_json)
            if not watch:
                return
            if not as_json:
                typer.echo("Following changes; Ctrl-C ends it.", err=True)
            async for report in waypost.watch(confirm=confirm):
                _tell(report, as_json)
        # waypost.toml has changed: open the project anew


def _tell(report: SyncReport, as_json: bool) -> None:
    if as_json:
        print_json(report)
        sys.stdout.flush()
        return
    typer.echo(
        f"{report['added']} added, {report['updated']} updated, {report['deleted']} deleted, "
        f"{report['unchanged']} unchanged; {report['chunks']} chunks in {report['seconds']:.1f} s."
    )
    for warned in report["warned"]:
        typer.echo(f"Note: {warned['path']}: {warned['warning']}", err=True)
    for failure in report["failed"]:
        typer.echo(f"Failed: {failure['path']}: {failure['error']}", err=True)


def doctor(project: Project = Path(), as_json: Json = False) -> None:
    """Check settings, documents, models, store, access and tools; say what to fix.

    Every chat model is asked for one word. The exit code is 1 where something is wrong.
    """
    from agent.doctor import examine

    checks = run_async(examine(project))
    sound = all(check["ok"] for check in checks)
    if as_json:
        print_json({"checks": checks})
        raise typer.Exit(0 if sound else 1)
    for check in checks:
        typer.echo(f"{'ok  ' if check['ok'] else 'FAIL'} {check['name']}: {check['detail']}")
        if check["fix"]:
            typer.echo(f"     fix: {check['fix']}")
    raise typer.Exit(0 if sound else 1)
