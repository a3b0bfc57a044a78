"""`waypost tune compare`: two models, or two reports, on the same questions."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agent.cli.common import Json, Project, ensure_ingested, print_json, progress_bar, run_async
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.evaluation import Earlier, Report
    from agent.settings import Settings
    from agent.tuning.compare import Compared

__all__ = ["command"]

APART, FINDING = 4, 6  # columns of the table
Part = Literal["router", "answerer", "judge", "rewriter", "chat"]


def command(
    a: Annotated[
        str, typer.Argument(metavar="A", help='"local", a model of [models], or a report\'s file.')
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The same, such as the tuned model.")],
    questions: Annotated[
        Path | None,
        typer.Option(help="Labelled questions (JSON Lines); two reports need none."),
    ] = None,
    role: Annotated[
        Part, typer.Option(help="The role that the models play in turn; chat is every role.")
    ] = "router",
    html: Annotated[
        Path | None, typer.Option(help="Write the comparison as one HTML page too.")
    ] = None,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Compare two models, or two reports of `waypost eval --json`, question by question.

    Each figure has a paired test, and all tests together are allowed for (Holm): what is not shown is
    not claimed. Tools are really run, for each model, but for those that need an approval.
    """
    reports = [Path(one) for one in (a, b) if _is_report(one)]
    if questions is None and len(reports) < 2:
        raise UsageError("Models are compared on questions.", fix="name a file with --questions.")
    if a == b:
        raise UsageError(f"A and B are both {a!r}.", fix="name two.")
    if html is not None and not html.parent.is_dir():
        raise UsageError(f"--html {str(html)!r}: there is no such folder.", fix="make it first.")
    run_async(_compare(a, b, questions, role, html, project, as_json))


def _is_report(name: str) -> bool:
    return name.endswith(".json") or Path(name).is_file()


async def _compare(
    a: str,
    b: str,
    questions: Path | None,
    role: Part,
    html: Path | None,
    project: Path,
    as_json: bool,
) -> None:
    from agent import evaluation
    from agent.settings import load
    from agent.tuning.arms import check_unseen, questions_of, with_model
    from agent.tuning.compare import compared

    settings = load(project)
    rows = [] if questions is None else evaluation.read_questions(questions)
    found: dict[str, Report | Earlier] = {}
    models: dict[str, Settings] = {}
    for name in (a, b):
        if _is_report(name):
            report = evaluation.read_report(Path(name))
            found[name] = questions_of(report, rows) if rows else report
        else:
            models[name] = with_model(settings, role, name)
            check_unseen(project, name, rows)
    if models and questions is not None:
        found |= await _evaluated(models, questions, project)
    result = compared(
        found[a], found[b], names=(_short(a), _short(b)), role=role if models else None
    )
    if html is not None:
        from agent.tuning.compare_page import compared_page
        from agent.tuning.whole_file import write_private

        known = settings.project
        write_private(html, compared_page(result, name=known.name, language=known.language))
    if as_json:
        print_json(result)
    else:
        _show(result, settings)


async def _evaluated(
    models: dict[str, Settings], questions: Path, project: Path
) -> dict[str, Earlier]:
    """Return the results with each of the models, all of which are open at once."""
    from agent import evaluation
    from agent.app import Waypost
    from agent.tuning.arms import evaluated

    async with AsyncExitStack() as opened:
        projects = [
            await opened.enter_async_context(
                Waypost.open(project, settings=changed, persistent=False)
            )
            for changed in models.values()
        ]
        first = projects[0]
        rows = evaluation.read_questions(
            questions, indexes=first.registry.indexes, tools=first.tools
        )
        await ensure_ingested(first)
        with progress_bar() as told:
            return dict(zip(models, await evaluated(projects, rows, told), strict=True))


def _short(name: str) -> str:
    return Path(name).name if _is_report(name) else name


def _show(found: Compared, settings: Settings) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from agent.tuning.compare_words import Words

    known = settings.project
    words = Words(found, known.name, known.language)
    console = Console(highlight=False, markup=False)
    console.print(words.title)
    console.print(words.questions)
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for place, head in enumerate(words.head):
        table.add_column(
            head, justify="left" if place in (0, FINDING) else "right", overflow="fold"
        )
    task = ""
    for row in found["rows"]:
        if row["task"] != task:
            task = row["task"]
            table.add_section()
            table.add_row(Text(words.task(task), style="bold"))
        cells = [Text(cell) for cell in words.cells(row)]
        cells[APART] = Text(cells[APART].plain.replace(" (", "\n("))
        cells[FINDING].stylize("green" if row["better"] else "")
        table.add_row(*cells)
    console.print(table)
    for note in words.notes():
        console.print(note)
    title, changed = words.changed()
    if changed:
        console.print(title)
        for label, alone, ids in changed:
            console.print(f"  {label}, {alone}: {ids}")
