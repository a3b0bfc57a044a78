"""`waypost eval`: measures the project on labelled questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.common import Json, Project, ensure_ingested, print_json, progress_bar, run_async
from agent.errors import UsageError, WaypostError

if TYPE_CHECKING:
    from agent.evaluation import Report

__all__ = ["evaluate"]

Bounds = dict[str, float]


class OutOfBoundsError(WaypostError):
    """A figure is below its --min or above its --max.

    Fix: see `misses` of the report, or move the bound.
    """

    code = "out_of_bounds"


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Labelled questions as JSON Lines.")],
    project: Project = Path(),
    minimum: Annotated[
        list[str] | None,
        typer.Option("--min", help="Fail below this, as in route.action_accuracy=0.9; repeatable."),
    ] = None,
    maximum: Annotated[
        list[str] | None,
        typer.Option("--max", help="Fail above this, as in route.ece=0.1; repeatable."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Compare with this report of an earlier --json.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the report as one HTML page too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure routing, retrieval and answers on labelled questions."""
    floors, ceilings = _bounds("--min", minimum), _bounds("--max", maximum)
    report = run_async(_evaluate(dataset, project, baseline, html, as_json))
    _check(report, floors, ceilings)


def _bounds(option: str, given: Sequence[str] | None) -> Bounds:
    bounds: Bounds = {}
    for text in given or ():
        name, _, value = text.partition("=")
        try:
            bounds[name.strip()] = float(value)
        except ValueError:
            raise UsageError(
                f"{option} {text!r} is not of the form KEY=NUMBER.",
                fix=f"write it as {option} route.action_accuracy=0.9.",
            ) from None
    if bounds:
        from agent.evaluation import FIGURES

        for name in bounds:
            if name not in FIGURES:
                raise UsageError(
                    f"{option} names {name!r}, which is no figure.",
                    fix=f"use one of: {', '.join(FIGURES)}.",
                )
    return bounds


async def _evaluate(
    dataset: Path, project: Path, baseline: Path | None, html: Path | None, as_json: bool
) -> Report:
    from agent import evaluation
    from agent.app import Waypost

    old = None if baseline is None else evaluation.read_report(baseline)
    if html is not None and not html.parent.is_dir():
        raise UsageError(f"--html {str(html)!r}: there is no such folder.", fix="make it first.")
    evaluation.read_questions(
        dataset
    )  # a file that is no data set is told before a project is opened
    async with Waypost.open(project, persistent=False) as waypost:
        questions = evaluation.read_questions(
            dataset, indexes=waypost.registry.indexes, tools=waypost.tools
        )
        await ensure_ingested(waypost)
        if as_json:
            report = await evaluation.evaluate(waypost, questions)
        else:
            with progress_bar() as told:
                report = await evaluation.evaluate(waypost, questions, told)
        settings = waypost.settings.project
    comparison = None if old is None else evaluation.compare(old, report)
    if html is not None:
        text = evaluation.page(
            report, name=settings.name, language=settings.language, comparison=comparison
        )
        _write(html, text)
    if as_json:
        print_json(report if comparison is None else {**report, "comparison": comparison})
    else:
        from agent.cli.report import print_report

        print_report(report, comparison, language=settings.language)
    return report


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--html {str(path)!r} cannot be written: {error.strerror}.") from error


def _check(report: Report, floors: Mapping[str, float], ceilings: Mapping[str, float]) -> None:
    """Fail if a figure is out of its bounds, or has no value to compare.

    Raises:
        OutOfBoundsError: one or more are; it names all.
    """
    from agent.evaluation import flat

    values = flat(report)
    wrong = [
        f"{key} is None: no question is labelled for it"
        for key in dict.fromkeys([*floors, *ceilings])
        if values[key] is None
    ]
    for bounds, side, sign in ((floors, "below", -1), (ceilings, "above", 1)):
        for key, bound in bounds.items():
            value = values[key]
            if value is not None and (value - bound) * sign > 0:
                wrong.append(f"{key} is {value}, {side} {bound}")
    if wrong:
        raise OutOfBoundsError(f"{'; '.join(wrong)}.")
