"""`waypost tune export`: training and validation files from a project's own data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agent.cli.common import (
    Json,
    Project,
    ensure_ingested,
    print_json,
    progress_bar,
    run_async,
    show,
)
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.tuning.export import Card, Options

__all__ = ["command"]


def command(
    task: Annotated[
        Literal["router", "tools", "answer", "style"],
        typer.Option(help="What the model is to learn."),
    ],
    form: Annotated[
        Literal["openai", "sharegpt", "alpaca", "prompt-completion"],
        typer.Option("--format", help="The form of the files."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write; an export there is replaced.",
            show_default="training/TASK-FORMAT in the project's .waypost",
        ),
    ] = None,
    questions: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labelled questions to learn from too, as JSON Lines; repeatable."
            " They can no longer measure the model."
        ),
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labelled questions that must stay unknown: rows like them are left out; repeatable."
        ),
    ] = None,
    validation: Annotated[float, typer.Option(help="The share of rows to validate with.")] = 0.1,
    balance: Annotated[
        Literal["cap", "repeat", "none"],
        typer.Option(
            help="Cut large classes down to 3 times the middle one, repeat rows of small ones"
            " up to 3 times, or neither."
        ),
    ] = "cap",
    max_tokens: Annotated[int, typer.Option(help="A longer row is left out.")] = 4096,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Also export what not everyone may see.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    base: Annotated[
        str,
        typer.Option(
            help="The model to tune, for tokens and train.yaml.",
            show_default="gpt-4.1-mini-2025-04-14 for openai, else Qwen/Qwen2.5-0.5B-Instruct",
        ),
    ] = "",
    template: Annotated[
        str, typer.Option(help="LLaMA-Factory's template for it.", show_default="by its name")
    ] = "",
    epochs: Annotated[int, typer.Option(help="How often training goes through the rows.")] = 3,
    price: Annotated[
        float | None, typer.Option(help="Of a million training tokens, for the estimate.")
    ] = None,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Write training and validation files from examples, corrections and accepted traces.

    Prompts are written as they are served. Like questions stay on one side; duplicates, contradictions,
    long rows, credentials and what not everyone may see are left out and counted. Beside the two files
    stand README.md and card.json, which tell what is in them, dropped.jsonl and, where LLaMA-Factory reads
    the format, dataset_info.json and train.yaml.
    """
    for name, value, least, most in (
        ("--validation", validation, 0.0, 0.5),
        ("--max-tokens", max_tokens, 64, 1_000_000),
        ("--epochs", epochs, 1, 100),
        ("--price", price or 0.0, 0.0, 1e6),
    ):
        if not least <= value <= most:
            raise UsageError(f"{name} {value} cannot be.", fix=f"give one from {least} to {most}.")
    from agent.tuning.export import Options

    options = Options(
        task=task,
        format=form,
        questions=tuple(questions or ()),
        held_out=tuple(held_out or ()),
        validation=validation,
        balance=balance,
        max_tokens=max_tokens,
        restricted=restricted,
        seed=seed,
        base=base,
        template=template,
        epochs=epochs,
        price=price,
    )
    card, folder = run_async(_export(options, out, project))
    if as_json:
        print_json({"folder": str(folder), **card})
        return
    _show(card, folder)


async def _export(options: Options, out: Path | None, project: Path) -> tuple[Card, Path]:
    from agent.app import Waypost
    from agent.tuning.export import export

    async with Waypost.open(project, persistent=False) as waypost:
        if options.task in {"answer", "style"}:
            await ensure_ingested(waypost)
        state = project / waypost.settings.store.path
        folder = out or state / "training" / f"{options.task}-{options.format}"
        with progress_bar() as told:
            return await export(waypost, options, folder, told), folder


def _show(card: Card, folder: Path) -> None:
    rows, tokens, cost = card["rows"], card["tokens"], card["cost"]
    show(f"{rows['train']} rows to train on, {rows['validation']} to validate with, in {folder}")
    show(f"classes: {_listed(card['labels'])}")
    show(f"sources: {_listed(card['sources'])}; languages: {_listed(card['language'])}")
    total = "" if cost["total"] is None else f", which cost {cost['total']:.4g}"
    show(
        f"{tokens['train']:,} tokens ({tokens['counted']} for {card['base']}), at most"
        f" {tokens['longest']:,} in a row; {cost['tokens']:,} in {cost['epochs']} epochs{total}"
    )
    if card["dropped"]:
        show(f"left out: {_listed(card['dropped'])} (dropped.jsonl has each)")
    for note in card["warnings"]:
        typer.echo(f"Note: {note}", err=True)
    for problem in card["problems"]:
        typer.echo(f"Problem: {problem}", err=True)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
