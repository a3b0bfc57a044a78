"""`waypost tune train`: a tuned model from an export, here or at an endpoint."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from agent.cli.common import Json, Project, print_json, progress_bar
from agent.errors import ConfigurationError, UsageError, WaypostError

if TYPE_CHECKING:
    from agent.models.adapter import AdapterCard
    from agent.tuning.train.hosted import Job, Plan

__all__ = ["JobError", "command"]

DEFAULT = "smollm2"
ROLES = {"router": "router", "tools": "answerer", "answer": "answerer", "style": "answerer"}


class JobError(WaypostError):
    """A fine-tuning job ended without a model.

    Fix: see the endpoint's reason in the message; --seed begins another job.
    """

    code = "job"


def command(
    folder: Annotated[Path, typer.Argument(help="What `waypost tune export` wrote.")],
    backend: Annotated[
        Literal["lora", "openai"],
        typer.Option(help="A LoRA adapter, trained here; or a job at an endpoint of OpenAI's API."),
    ] = "lora",
    base: Annotated[
        str,
        typer.Option(
            help="The model to tune. lora: smollm2 (the default), a GGUF file, a folder,"
            " ORGANISATION/MODEL; openai: a model's name there."
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder for the result.", show_default="models/TASK-BACKEND in the project"
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="How often to go through the rows (lora: 4 at most)."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of all that is drawn; with openai another starts a new job.")
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="lora: go on where a training was interrupted.")
    ] = False,
    rank: Annotated[int, typer.Option(min=1, max=256, help="lora: of the matrices.")] = 8,
    alpha: Annotated[int, typer.Option(min=1, max=1024, help="lora: their weight.")] = 16,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="lora: of their inputs.")] = 0.05,
    targets: Annotated[
        str, typer.Option(help="lora: the modules they belong to.")
    ] = "q_proj,v_proj",
    rate: Annotated[float, typer.Option(min=1e-7, max=1.0, help="lora: the learning rate.")] = 2e-3,
    suffix: Annotated[str, typer.Option(help="openai: a part of the model's name.")] = "waypost",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="openai: upload the rows without asking.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="openai: cancel the job.")] = False,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Train a model on an export: an adapter here, or a fine-tuning job at an endpoint.

    An interrupted training goes on with --resume; a job goes on by the same command, which never
    starts it twice.
    """
    if backend == "lora":
        if cancel:
            raise UsageError("--cancel is for --backend openai.", fix="stop this one with Ctrl-C.")
        from agent.tuning.train.types import Hyper

        modules = tuple(one.strip() for one in targets.split(",") if one.strip())
        if not modules:
            raise UsageError(
                f"--targets {targets!r} names no modules.", fix="give some, such as q_proj,v_proj."
            )
        hyper = Hyper(
            epochs=epochs or Hyper.epochs,
            rate=rate,
            rank=rank,
            alpha=alpha,
            dropout=dropout,
            targets=modules,
            seed=seed,
        )
        _lora(folder, base or DEFAULT, out, hyper, resume, project, as_json)
        return
    if resume:
        raise UsageError("--resume is for --backend lora.", fix="a job goes on without it.")
    if not base:
        raise UsageError(
            "--backend openai needs the model to tune.",
            fix="name it with --base, as the endpoint's list of models that can be tuned has it.",
        )
    from agent.tuning.train.hosted import make_plan

    plan = make_plan(folder, base, suffix=suffix, epochs=epochs, seed=seed)
    _hosted(plan, out or project / "models" / f"{plan.task}-openai", yes, cancel, project, as_json)


def _lora(
    folder: Path,
    base: str,
    out: Path | None,
    hyper: Any,
    resume: bool,
    project: Path,
    as_json: bool,
) -> None:
    from agent.tuning.train.data import read_data
    from agent.tuning.train.lora import train_adapter

    data = read_data(folder)
    where = out or project / "models" / f"{data.task}-lora"
    try:
        with progress_bar() as told:
            card = train_adapter(
                data,
                base,
                where,
                hyper,
                resume=resume,
                progress=told,
                tell=lambda text: typer.echo(text, err=True),
            )
    except KeyboardInterrupt:
        typer.echo("Interrupted; the same command with --resume goes on.", err=True)
        raise
    line = f'router = "lora:{os.path.relpath(where.resolve(), project.resolve())}"'
    if as_json:
        shown = ("task", "labels", "temperature", "figures", "loss")
        told_of = {key: value for key, value in card.items() if key in shown}
        print_json({"folder": str(where), "line": line, **told_of})
        return
    _show(card, where, line)


def _show(card: AdapterCard, where: Path, line: str) -> None:
    figures = card["figures"]
    for name in ("before", "after"):
        scores = figures[name]
        low, high = scores["interval"]
        typer.echo(
            f"{name:<8}{scores['accuracy']:.1%} right ({low:.1%}–{high:.1%}),"
            f" loss {scores['loss']:.3f}, calibration error {scores['ece']:.3f}"
        )
    low, high = figures["gain_interval"]
    typer.echo(
        f"gain    {figures['gain'] * 100:.1f} points ({low * 100:.1f} to {high * 100:.1f},"
        f" p = {figures['p']:g}) on {figures['after']['rows']} rows of validation"
    )
    typer.echo(f"Wrote {where}; its README.md shows the course of the loss. In [models]:\n{line}")
    if figures["gain_interval"][0] <= 0:
        typer.echo("Note: no gain is shown; do not use it.", err=True)


def _hosted(plan: Plan, out: Path, yes: bool, cancel: bool, project: Path, as_json: bool) -> None:
    from agent.tuning.train.hosted import HostedTraining, alone, read_job

    client, where = _client(plan.base, project)
    with client, alone(out):
        training = HostedTraining(client, out, plan, lambda text: typer.echo(text, err=True))
        if cancel:
            _report(training.cancel(), as_json)
            return
        known = read_job(out)
        if known is None or set(known["files"]) != set(plan.rows):
            _may_upload(plan, where, yes)
        training.start()
        try:
            job = training.follow()
        except KeyboardInterrupt:
            typer.echo(
                f"The job {training.job['job']} goes on. The same command follows it again;"
                " --cancel ends it.",
                err=True,
            )
            raise
    if job["status"] != "succeeded":
        raise JobError(
            f"The job {job['job']} {job['status']}{': ' if job['error'] else ''}{job['error']}.",
            fix="mend the cause; the same command then starts another.",
        )
    _report(job, as_json)


def _client(base: str, project: Path) -> tuple[Any, str]:
    """Return the endpoint's client, as [models] and the environment have it, and its host."""
    from urllib.parse import urlsplit

    import openai

    from agent.models import address_of, key_of
    from agent.settings import ChatModelSettings, load

    tables = {one.name: one for one in load(project).model}
    table = tables.get(base) or ChatModelSettings(name=base)
    variable = key_of(table)
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigurationError(
            f"{variable} is not set.", fix=f"set {variable} to the endpoint's key."
        )
    url = address_of(table)
    client = openai.OpenAI(api_key=key, base_url=url, max_retries=0, timeout=120.0)
    return client, urlsplit(url).hostname or ""


def _may_upload(plan: Plan, where: str, yes: bool) -> None:
    """Ask whether the rows, which are people's questions, may leave this machine."""
    told = f"{sum(plan.rows.values())} rows of {plan.folder} to {where}, to tune {plan.base}"
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"To be uploaded: {told}.", fix="agree with --yes; README.md there says what they hold."
        )
    if not typer.confirm(f"Upload {told}?", err=True):
        raise typer.Abort


def _report(job: Job, as_json: bool) -> None:
    role = ROLES[job["task"]]
    line = f'{role} = "openai:{job["model"]}"' if job["model"] else ""
    if as_json:
        print_json({**job, "line": line})
    elif line:
        typer.echo(f"The tuned model is {job['model']}. In [models]:\n{line}")
    else:
        typer.echo(f"The job {job['job']}: {job['status']}")
