"""What is compared: a model in a role, asked the questions now, or a report of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import pydantic

from agent.app import Waypost
from agent.errors import UsageError
from agent.evaluation import Earlier, Labelled, evaluate
from agent.evaluation.types import EarlierResult
from agent.models.adapter import read_card
from agent.routing import question_sha256
from agent.settings import ROLES, Models, Settings

__all__ = ["Part", "check_unseen", "evaluated", "questions_of", "with_model"]

Part = Literal["router", "answerer", "judge", "rewriter", "chat"]
TURN = 5  # questions that one of both is asked before the other


def with_model(settings: Settings, role: Part, name: str) -> Settings:
    """Return settings in which a model plays a role, alone.

    Args:
        settings: of the project.
        role: the role; "chat": every role.
        name: "local", a model as [models] names it, or the name of a [[model]] table.

    Raises:
        UsageError: there is no such model, or it cannot play the role.
    """
    tables = [one.name for one in settings.model]
    full = name
    if name != "local" and ":" not in name:
        if name not in tables:
            raise UsageError(
                f"There is no model and no report {name!r}.",
                fix='name "local", a model such as "openai:gpt-4.1-mini" or "lora:FOLDER", a report'
                f" of `waypost eval --json`, or a [[model]]: {', '.join(tables) or 'there is none'}.",
            )
        known = {one for each in ROLES for one in settings.models.of(each)}
        full = f"azure:{name}" if f"azure:{name}" in known else f"openai:{name}"
    chosen: dict[str, Any] = settings.models.model_dump(exclude_unset=True)
    chosen.update(dict.fromkeys(ROLES if role == "chat" else (role,), full))
    try:
        models = Models.model_validate(chosen)
    except pydantic.ValidationError as error:
        raise UsageError(
            f"{name!r} cannot be the {role}: {error.errors()[0]['msg']}.",
            fix="name it as [models] in docs/models.md does.",
        ) from error
    return settings.model_copy(update={"models": models})


def check_unseen(project: Path, name: str, questions: Sequence[Labelled]) -> None:
    """Refuse questions that an adapter learned from, as far as its card tells.

    Args:
        project: the folder that the adapter's path is relative to.
        name: of the model.
        questions: those that it is to be measured on.

    Raises:
        ConfigurationError: the folder has no adapter, or its card is damaged.
        UsageError: it learned some of them.
    """
    kind, _, folder = name.partition(":")
    if kind != "lora":
        return
    known = set(read_card(project / folder)["questions_sha256"])
    seen = [one["id"] for one in questions if question_sha256(one["question"]) in known]
    if seen:
        raise UsageError(
            f"{name!r} learned from {len(seen)} of {len(questions)} questions:"
            f" {', '.join(seen[:8])}{' …' if len(seen) > 8 else ''}.",
            fix="measure on questions that were kept out of its training.",
        )


def questions_of(report: Earlier, questions: Sequence[Labelled]) -> Earlier:
    """Return a report of some questions alone.

    Raises:
        UsageError: it has none of them.
    """
    asked = {(one["id"], one["question"]) for one in questions}
    results = [one for one in report["results"] if (one["id"], one["question"]) in asked]
    if not results:
        raise UsageError(
            "The report has none of the questions.", fix="name the file it was made with."
        )
    return {**report, "results": results}


async def evaluated(
    projects: Sequence[Waypost],
    questions: Sequence[Labelled],
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[Earlier]:
    """Ask opened projects the same questions in turns, so that none has a quieter machine.

    Args:
        projects: opened, with `persistent=False`.
        questions: the labelled questions.
        progress: told (what is being done, done, of how many).

    Returns:
        For each project its results, without figures over them all.
    """
    found: list[list[EarlierResult]] = [[] for _ in projects]
    for start in range(0, len(questions), TURN):
        progress("questions", start, len(questions))
        order = list(range(len(projects)))
        for place in order if start % (2 * TURN) == 0 else order[::-1]:
            report = await evaluate(projects[place], questions[start : start + TURN])
            found[place] += cast(list[EarlierResult], report["results"])
    progress("questions", len(questions), len(questions))
    return [
        {"route": {}, "search": {}, "answer": {}, "latency": {}, "results": results}
        for results in found
    ]
