"""`waypost ask` and `waypost route`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.common import (
    Groups,
    Json,
    Project,
    User,
    ensure_ingested,
    lines_of,
    principal_of,
    print_json,
    run_async,
    show,
    where,
)
from agent.errors import UsageError

__all__ = ["ask", "route"]


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    project: Project = Path(),
    thread: Annotated[str | None, typer.Option(help="Continue or begin this conversation.")] = None,
    user: User = None,
    group: Groups = None,
    as_json: Json = False,
) -> None:
    """Answer one question; ingests first if nothing has been ingested."""
    run_async(_ask(question, project, thread, user, group, as_json))


async def _ask(
    question: str,
    project: Path,
    thread: str | None,
    user: str | None,
    group: list[str] | None,
    as_json: bool,
) -> None:
    from agent.app import Waypost

    principal = principal_of(user, group)
    async with Waypost.open(project) as waypost:
        waypost.check_question(question)
        await ensure_ingested(waypost)
        answer = await waypost.ask(question, principal=principal, thread=thread)
    if as_json:
        print_json(answer)
        return
    show(answer["answer"])
    if answer["citations"]:
        show()
    for citation in answer["citations"]:
        place = where(citation["location"])
        show(f"[{citation['marker']}] {citation['document']}{f' ({place})' if place else ''}")


def route(
    question: Annotated[str | None, typer.Argument(help="The question.")] = None,
    file: Annotated[Path | None, typer.Option(help="A file of questions, one a line.")] = None,
    project: Project = Path(),
    user: User = None,
    group: Groups = None,
    as_json: Json = False,
) -> None:
    """Show what would be done with a question, without doing it."""
    if (question is None) == (file is None):
        raise UsageError("Give either a question or --file.", fix='waypost route "…"')
    questions = [question] if question is not None else lines_of(file or Path())
    run_async(_route(questions, project, user, group, as_json))


async def _route(
    questions: list[str], project: Path, user: str | None, group: list[str] | None, as_json: bool
) -> None:
    from agent.app import Waypost

    principal = principal_of(user, group)
    async with Waypost.open(project) as waypost:
        for question in questions:
            waypost.check_question(question)
        await ensure_ingested(waypost)
        for question in questions:
            found = await waypost.route(question, principal=principal)
            if as_json:
                print_json(found)
                continue
            targets = [index["name"] for index in found["indexes"]] + found["tools"]
            show(
                f"{question}\n  {found['action']} {' '.join(targets)}"
                f"  confidence {found['confidence']:.2f}, by {found['decided_by']}: {found['reason']}"
            )
            for candidate in found["candidates"][:4]:
                show(f"    {candidate['confidence']:.2f} {candidate['name']}")
