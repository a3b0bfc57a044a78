"""`waypost tune router`: refits the local classifier on what people accepted, corrected and labelled."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.common import (
    Json,
    Project,
    ensure_ingested,
    print_json,
    progress_bar,
    run_async,
)
from agent.cli.tune.refitted import percent, print_refit, report_of, why
from agent.errors import UsageError, WaypostError

if TYPE_CHECKING:
    from agent.app import Waypost
    from agent.evaluation import Labelled
    from agent.routing import LearnedExample
    from agent.tuning.refit import Refit, ToLabel

__all__ = ["WorseError", "command"]


class WorseError(WaypostError):
    """The refitted router does worse than the one that serves.

    Fix: look at what it would learn with --review, or say --force.
    """

    code = "worse"


def command(
    questions: Annotated[
        Path | None,
        typer.Option(help="Labelled questions to measure on (JSON Lines); they are never learned."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Learn from this labelled file of --ask or --review, not from traces."),
    ] = None,
    ask: Annotated[
        int | None,
        typer.Option(min=1, help="Write the questions worth labelling most, so many of them."),
    ] = None,
    stream: Annotated[
        Path | None, typer.Option(help="With --ask: choose among these, one a line; else traces.")
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Write what would be learned, for a person to check.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file that --ask and --review write.",
            show_default="router/ask.jsonl or router/review.jsonl of the project",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure alone; change nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Put it into service without asking.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Put it into service even if it does worse.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Let the version before serve again.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="List the versions with their figures.")
    ] = False,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Teach the router what people accepted, corrected or labelled, if that makes it better.

    Shows the figures before and after on held-out questions. What serves is router/learned.jsonl; the
    versions before it stay beside it.
    """
    chosen = [
        name
        for name, given in {
            "--ask": ask is not None, "--review": review, "--rollback": rollback, "--history": history
        }.items()
        if given
    ]  # fmt: skip
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} do not go together.", fix="give one of them.")
    if stream is not None and ask is None:
        raise UsageError("--stream needs --ask.", fix="say how many with --ask N.")
    if history:
        _history(project, as_json)
    elif rollback:
        _roll_back(project, as_json)
    elif ask is not None:
        file = out or project / "router" / "ask.jsonl"
        run_async(_ask(ask, stream, file, project, as_json))
    else:
        file = out or project / "router" / "review.jsonl"
        run_async(
            _refit(questions, labels, file if review else None, dry_run, yes, force, project, as_json)
        )  # fmt: skip


def _history(project: Path, as_json: bool) -> None:
    from agent.settings import load
    from agent.tuning.refit import Versions

    load(project)  # what is no project is told
    found = Versions(project).history()
    if as_json:
        rows = [{**head, "examples": count, "serves": serves} for head, count, serves in found]
        print_json({"versions": rows})
        return
    if not found:
        typer.echo("Nothing was learned yet.")
    for head, count, serves in found:
        figure = head["figures"].get("all", {})
        told = f"{percent(figure.get('before'))} → {percent(figure.get('after'))} right"
        marks = [*(["forced"] if head["forced"] else []), *(["serves"] if serves else [])]
        line = f"{head['version']:>3}  {head['at']}  {count} examples  {told}  {', '.join(marks)}"
        typer.echo(line.rstrip())


def _roll_back(project: Path, as_json: bool) -> None:
    from agent.settings import load
    from agent.tuning.refit import Versions

    load(project)
    version = Versions(project).roll_back()
    if as_json:
        print_json({"version": version or None})
        return
    typer.echo(f"Version {version} serves again." if version else "Nothing learned serves now.")


async def _ask(count: int, stream: Path | None, out: Path, project: Path, as_json: bool) -> None:
    from agent.app import Waypost
    from agent.settings import load
    from agent.traces.redaction import Redactor
    from agent.tuning.refit import least_sure, read_stream

    redactor = Redactor(load(project).traces.patterns)
    texts = None if stream is None else read_stream(stream, redactor)
    async with Waypost.open(project, persistent=False) as waypost:
        waypost.with_models({})
        await ensure_ingested(waypost)
        if texts is None:
            texts = await _asked(waypost)
        with progress_bar() as told:
            rows = await least_sure(waypost, texts, count, told)
    _write(out, rows, as_json, f"None of {len(texts)} questions is left to label.")


def _write(out: Path, rows: Sequence[ToLabel], as_json: bool, nothing: str) -> None:
    """Write questions to label, if there are any, and say what to do with them."""
    from agent.tuning.refit import write_labels

    if rows:
        write_labels(out, rows)
    if as_json:
        print_json({"file": str(out) if rows else None, "questions": len(rows)})
    elif not rows:
        typer.echo(nothing)
    else:
        typer.echo(f"Wrote {len(rows)} questions to {out}.")
        typer.echo('Write an index, a tool or "none" as each `label`, or leave it empty.')
        typer.echo(f"Then: waypost tune router --labels {out}")


async def _asked(waypost: Waypost) -> list[str]:
    from agent.traces import Traces
    from agent.tuning.refit import unlabelled

    async with Traces.open(waypost.project, waypost.settings) as traces:
        return await unlabelled(traces.read())


async def _refit(
    questions: Path | None,
    labels: Path | None,
    review: Path | None,
    dry_run: bool,
    yes: bool,
    force: bool,
    project: Path,
    as_json: bool,
) -> None:
    from agent.app import Waypost
    from agent.evaluation import read_questions
    from agent.tuning.refit import Versions, deploy, refit

    if questions is not None:
        read_questions(questions)  # what is no data set is told before a project is opened
    async with Waypost.open(project, persistent=False) as waypost:
        waypost.with_models({})  # the router is to be seen alone
        held: list[Labelled] | None = None
        if questions is not None:
            held = read_questions(questions, indexes=waypost.registry.indexes, tools=waypost.tools)
        examples, left_out = await _examples(waypost, labels)
        await ensure_ingested(waypost)
        with progress_bar() as told:
            found = await refit(waypost, examples, held, told)
    left_out = {**left_out, **found.sifted.left_out}
    if review is not None:
        nothing = f"There is nothing to review: {why(left_out)}."
        _write(review, _to_review(found), as_json, nothing)
        return
    new = len(found.sifted.kept)
    worse = found.measured["verdict"] == "worse"
    if new and worse and not force and not dry_run:
        figure = found.measured["figures"]["all"]
        raise WorseError(
            f"It does worse: {percent(figure['before'])} → {percent(figure['after'])} right of"
            f" {figure['questions']} questions. Nothing was changed.",
            fix="look with --dry-run, check the labels with --review, or use --force.",
        )
    version = None
    if not as_json:
        print_refit(found, left_out)
    if new and not dry_run and (yes or _agreed(as_json)):
        version = deploy(Versions(project), found, forced=worse)
    if as_json:
        print_json(report_of(found, left_out, version))
    elif version is not None:
        typer.echo(f"Version {version} serves; `waypost tune router --rollback` takes it back.")
    elif new:
        typer.echo("Nothing was changed; --yes puts it into service.")


async def _examples(
    waypost: Waypost, labels: Path | None
) -> tuple[list[LearnedExample], dict[str, int]]:
    from agent.traces import Traces
    from agent.traces.redaction import Redactor
    from agent.tuning.refit import read_labels, traced

    names = [*waypost.registry.indexes, *waypost.tools]
    if labels is not None:
        redactor = Redactor(waypost.settings.traces.patterns)
        found, empty = read_labels(labels, names, redactor)
        return found, {"no label": empty} if empty else {}
    async with Traces.open(waypost.project, waypost.settings) as traces:
        return await traced(traces.read(), names)


def _to_review(found: Refit) -> list[ToLabel]:
    """Return what is held back, without a label and with the reason, then what would be learned."""
    from agent.tuning.refit import to_label

    held: list[ToLabel] = [
        {
            **to_label(one.example.question, one.probabilities),
            "why": f"people's verdict says {one.example.target}; {reason}",
        }
        for one, reason in found.sifted.held
    ]
    kept = [
        to_label(one.example.question, one.probabilities, one.example.target)
        for one in found.sifted.kept
    ]
    return [*held, *kept]


def _agreed(as_json: bool) -> bool:
    """Ask whether to put it into service; without a terminal nobody can agree."""
    if as_json or not sys.stdin.isatty():
        return False
    return typer.confirm("Put it into service?", err=True)
