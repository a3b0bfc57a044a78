"""`waypost correct`: stores the right route of a question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from agent.cli.common import (
    Groups,
    Json,
    Project,
    User,
    principal_of,
    print_json,
    run_async,
)
from agent.cli.completing import index_names, tool_names

__all__ = ["correct"]

Action = Literal["answer", "search", "act", "clarify"]  # of agent.routing, which is heavy to import


def correct(
    question: Annotated[str, typer.Argument(help="The question, as it stands alone.")],
    action: Annotated[
        Action,
        typer.Option(help="What is right; answer is for what no index or tool covers."),
    ],
    index: Annotated[
        list[str] | None,
        typer.Option(
            "--index",
            help="Search this index; repeatable, best first.",
            autocompletion=index_names,
        ),
    ] = None,
    tool: Annotated[
        str | None, typer.Option("--tool", help="Call this tool.", autocompletion=tool_names)
    ] = None,
    project: Project = Path(),
    user: User = None,
    group: Groups = None,
    as_json: Json = False,
) -> None:
    """Store the right route of a question; routing learns from it at once."""
    run_async(_correct(question, action, index or [], tool, project, user, group, as_json))


async def _correct(
    question: str,
    action: Action,
    indexes: list[str],
    tool: str | None,
    project: Path,
    user: str | None,
    group: list[str] | None,
    as_json: bool,
) -> None:
    from agent.app import Waypost

    principal = principal_of(user, group)
    async with Waypost.open(project) as waypost:
        stored = await waypost.correct(
            question, action=action, indexes=indexes, tool=tool, principal=principal
        )
    if as_json:
        print_json(stored.as_dict())
        return
    targets = [*indexes, *([tool] if tool else [])]
    typer.echo(f"Stored in router/corrections.jsonl: {stored.question}")
    typer.echo(f"  {action} {' '.join(targets)}".rstrip())
