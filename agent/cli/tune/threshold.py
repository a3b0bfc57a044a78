"""`waypost tune threshold`: how sure the router must be to decide without a chat model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.common import Json, Project, ensure_ingested, print_json, progress_bar, run_async
from agent.errors import UsageError, WaypostError

if TYPE_CHECKING:
    from agent.tuning import Level, Tuning

__all__ = ["TooFewQuestionsError", "command"]


class TooFewQuestionsError(WaypostError):
    """There are too few questions for the threshold to be stored.

    Fix: label more questions, or say --few.
    """

    code = "too_few_questions"


def command(
    dataset: Annotated[Path, typer.Argument(help="Labelled questions as JSON Lines.")],
    target: Annotated[float, typer.Option(help="The share of routes that must be right.")] = 0.99,
    write: Annotated[
        bool, typer.Option("--write", help="Store it as [routing] threshold in waypost.toml.")
    ] = False,
    few: Annotated[
        bool, typer.Option("--few", help="Store it even if there are too few questions.")
    ] = False,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Find below which confidence a chat model must be asked for enough routes to be right.

    The model's answers are taken to be right; measure that with `waypost eval`.
    """
    if not 0.5 <= target <= 1.0:
        raise UsageError(f"--target {target} is no share.", fix="give one from 0.5 to 1.")
    run_async(_threshold(dataset, target, write, few, project, as_json))


async def _threshold(
    dataset: Path, target: float, write: bool, few: bool, project: Path, as_json: bool
) -> None:
    from agent import evaluation
    from agent.app import Waypost
    from agent.tuning import TARGETS, questions_needed, tune_threshold, write_number

    evaluation.read_questions(dataset)  # what is no data set is told before a project is opened
    async with Waypost.open(project, persistent=False) as waypost:
        questions = evaluation.read_questions(
            dataset, indexes=waypost.registry.indexes, tools=waypost.tools
        )
        waypost.with_models({})  # the router is to be seen alone
        await ensure_ingested(waypost)
        with progress_bar() as told:
            found = await tune_threshold(
                waypost, questions, sorted({*TARGETS, target}), progress=told
            )
    chosen = next(level for level in found["levels"] if level["target"] == target)
    if write:
        if not (chosen["enough"] or few):
            raise TooFewQuestionsError(
                f"{found['questions']} questions are too few for {target * 100:g}%:"
                f" it takes {questions_needed(target)}. Nothing was written.",
                fix="label more, lower --target, or store it all the same with --few.",
            )
        if chosen["threshold"] is None:
            raise UsageError(
                f"No threshold reaches {target:.1%} on these questions.",
                fix="lower --target, or mend what the rules get wrong.",
            )
        write_number(project, "routing", "threshold", chosen["threshold"])
    if as_json:
        print_json({**found, "chosen": chosen, "written": write})
        return
    _show(found)
    if write:
        typer.echo(f"Wrote threshold = {chosen['threshold']} into [routing] of waypost.toml.")
    elif chosen["threshold"] is not None:
        typer.echo(
            f"For {target:.1%}: threshold = {chosen['threshold']} in [routing]; --write stores it."
        )


def _show(found: Tuning) -> None:
    typer.echo(
        f"{found['questions']} questions ({found['skipped']} skipped),"
        f" {found['accuracy']:.1%} routed right without a model"
    )
    typer.echo(f"{'target':<8}{'threshold':<26}{'to the model':<27}right (95%, new questions)")
    for level in found["levels"]:
        typer.echo(_line(level))
    for warning in found["warnings"]:
        typer.echo(f"Note: {warning}", err=True)


def _line(level: Level) -> str:
    value = level["threshold"]
    low, high = level["threshold_interval"]
    threshold = f"{'–' if value is None else f'{value:.3f}'} ({low:.3f}–{high:.3f})"
    low, high = level["escalated_interval"]
    escalated = f"{level['escalated']:.1%} ({low:.1%}–{high:.1%})"
    low, high = level["accuracy_interval"]
    right = f"{level['accuracy']:.1%} ({low:.1%}–{high:.1%})"
    return f"{level['target']:<8.1%}{threshold:<26}{escalated:<27}{right}"
