"""`waypost eval`: measures the project on labelled questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.common import Json, Project, ensure_ingested, print_json, run_async
from agent.errors import UsageError

__all__ = ["evaluate"]


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Labelled questions as JSON Lines.")],
    project: Project = Path(),
    minimum: Annotated[
        list[str] | None,
        typer.Option("--min", help="Fail below this, as in route.action_accuracy=0.9; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure routing, retrieval and answers on labelled questions."""
    run_async(_evaluate(dataset, project, [_floor(text) for text in minimum or ()], as_json))


def _floor(text: str) -> tuple[str, str, float]:
    name, _, value = text.partition("=")
    group, _, key = name.partition(".")
    try:
        return group, key, float(value)
    except ValueError:
        raise UsageError(f"--min {text!r} is not of the form route.action_accuracy=0.9.") from None


async def _evaluate(
    dataset: Path, project: Path, floors: list[tuple[str, str, float]], as_json: bool
) -> None:
    from agent import evaluation
    from agent.app import Waypost

    questions = evaluation.read_questions(dataset)
    async with Waypost.open(project) as waypost:
        await ensure_ingested(waypost)
        report = await evaluation.evaluate(waypost, questions)
    if as_json:
        print_json(report)
    else:
        for group in ("route", "search", "answer"):
            for key, value in report[group].items():
                shown = "  –" if value is None else f"{value:.1%}"
                typer.echo(f"{group}.{key:<18} {shown}")
    low = []
    for group, key, floor in floors:
        value = dict(report).get(group, {}).get(key)  # type: ignore[attr-defined]
        if value is None or value < floor:
            low.append(f"{group}.{key} is {value}, below {floor}")
    if low:
        typer.echo("; ".join(low), err=True)
        raise typer.Exit(1)
