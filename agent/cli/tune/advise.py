"""`waypost tune advise`: what limits a project now, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    from agent.tuning.advise import Advice

__all__ = ["command"]


def command(
    questions: Annotated[
        Path | None, typer.Option(help="Labelled questions as JSON Lines: they are asked.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="A report of `waypost eval --json`: nothing is asked, but what missed."
            " With --questions too, it is known who asked."
        ),
    ] = None,
    interview: Annotated[
        bool, typer.Option("--interview", help="Answer nine questions instead; no project needed.")
    ] = False,
    answers: Annotated[
        Path | None, typer.Option(help="The answers to these questions as TOML.")
    ] = None,
    language: Annotated[
        Literal["zh", "en"] | None,
        typer.Option(help="Of the advice.", show_default="the project's"),
    ] = None,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Say what limits the project now and what to do about it, best first, with numbers and reasons.

    Reads labelled questions (or a report), traces where they are kept, the documents' state and
    history, and the settings. Nothing is changed. Tools that questions call are really run, as in
    `waypost eval`. Models are tuned only where the criteria say so: see docs/advise.md.
    """
    from agent.tuning.advise.words import lines_of

    if (interview or answers is not None) and (questions is not None or report is not None):
        raise UsageError(
            "--interview and --answers need no project.", fix="leave out --questions and --report."
        )
    spoken: Literal["zh", "en"] = language or "en"
    if interview and answers is None and language is None:
        names = {"en": "en", "zh": "zh", "中文": "zh", "english": "en"}
        told = typer.prompt(
            "Language / 语言 (en, zh)", value_proc=partial(_choice, names), err=True
        )
        spoken = "zh" if told == "zh" else "en"
    if interview or answers is not None:
        advice = _interviewed(answers, spoken)
    else:
        advice = run_async(_advised(questions, report, language, project, as_json))
        spoken = language or (advice["facts"]["language"] if advice["facts"] else spoken)
    if as_json:
        print_json(advice)
        return
    for line in lines_of(advice, spoken):
        show(line)


async def _advised(
    dataset: Path | None,
    report: Path | None,
    language: Literal["zh", "en"] | None,
    project: Path,
    as_json: bool,
) -> Advice:
    from agent import evaluation
    from agent.app import Waypost
    from agent.tuning.advise import advice_of, gather

    measured = None if report is None else evaluation.read_whole_report(report)
    if dataset is not None:
        evaluation.read_questions(dataset)  # a file that is no data set is told before opening
    async with Waypost.open(project, persistent=False) as waypost:
        rows = []
        if dataset is not None:
            rows = evaluation.read_questions(
                dataset, indexes=waypost.registry.indexes, tools=waypost.tools
            )
        await ensure_ingested(waypost)
        with progress_bar() as bar:
            told = None if as_json else bar
            if rows and measured is None:
                measured = await evaluation.evaluate(waypost, rows, told)
            facts = await gather(waypost, measured, rows, told)
    if language is not None:
        facts["language"] = language
    return advice_of(facts, project=str(project))


def _interviewed(answers: Path | None, language: Literal["zh", "en"]) -> Advice:
    from agent.tuning.advise.interview import advice_for, answers_of, read_answers

    if answers is not None:
        return advice_for(read_answers(answers), language)
    return advice_for(answers_of(_asked(language), "--interview"), language)


def _asked(language: Literal["zh", "en"]) -> dict[str, Any]:
    """Ask the questions in the terminal; on stderr, so that stdout has the advice alone."""
    from agent.tuning.advise.interview import CHOICES
    from prompts import texts

    words = texts("advise", language)
    found: dict[str, Any] = {}
    for key, text in words["questions"].items():
        if key == "held" and found["format"] == "free":
            found[key] = "untried"
            continue
        names = {words["values"][choice]: choice for choice in CHOICES.get(key, ())}
        shown = f"{text} ({', '.join(names)})" if names else text
        value = typer.prompt(
            shown, value_proc=partial(_choice, names) if names else _number, err=True
        )
        found[key] = value == "yes" if "yes" in names.values() and len(names) == 2 else value
    return found


def _number(text: str) -> int:
    if not text.strip().isdecimal():
        raise typer.BadParameter("write a whole number")
    return int(text)


def _choice(names: Mapping[str, str], text: str) -> str:
    """Return the choice that a text names, or is the only one to begin like, in its own words or in ours."""
    plain = text.strip().lower()
    known = {**{choice: choice for choice in names.values()}, **names}
    if plain in known:
        return known[plain]
    fitting = {choice for name, choice in known.items() if plain and name.startswith(plain)}
    if len(fitting) != 1:
        raise typer.BadParameter(f"write one of: {', '.join(names)}")
    return fitting.pop()
