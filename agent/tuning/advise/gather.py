"""Gathering all facts of a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agent.evaluation import Labelled, Report
from agent.tuning.advise.load import Took, load_of
from agent.tuning.advise.misses import (
    cause_of_documents,
    known_documents,
    labelled_rows,
    missed,
    misses_of,
    targets_of,
)
from agent.tuning.advise.project import (
    deployment_of,
    document_facts,
    form_of,
    index_facts,
    is_untaught,
    tool_facts,
)
from agent.tuning.advise.style import unfilled_of
from agent.tuning.advise.trials import mended_by_trials
from agent.tuning.advise.turns import read_turns
from agent.tuning.advise.types import Cause, DocumentFacts, Facts, LabelFacts

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = ["gather"]

Told = Callable[[str, int, int], None]


async def gather(
    waypost: Waypost,
    report: Report | None = None,
    questions: Sequence[Labelled] = (),
    progress: Told | None = None,
) -> Facts:
    """Return all facts of a project.

    Args:
        waypost: the opened project.
        report: an evaluation of it; None: no questions are labelled.
        questions: its labelled questions; a report does not say who asked.
        progress: told (what is being done, done, of how many).

    Raises:
        ConfigurationError: a file that the settings name cannot be read.
        StoreError: the traces cannot be read.
    """
    settings = waypost.settings
    documents = await document_facts(waypost)
    indexes = await index_facts(waypost)
    labels = None
    if report is not None:
        bare = [one["name"] for one in indexes if is_untaught(one["phrases"], one["examples"])]
        labels = await _labels(waypost, report, questions, documents, bare, progress)
    turns, load = await read_turns(waypost)
    if load is None and report is not None:
        load = load_of(
            [Took(one["timings_ms"], one["usage"], one["decided_by"]) for one in report["results"]],
            "questions",
        )
    return {
        "name": settings.project.name,
        "language": settings.project.language,
        "indexes": indexes,
        "tools": tool_facts(waypost),
        "documents": documents,
        "labels": labels,
        "turns": turns,
        "load": load,
        "form": form_of(settings),
        "deployment": deployment_of(settings),
    }


async def _labels(
    waypost: Waypost,
    report: Report,
    questions: Sequence[Labelled],
    documents: DocumentFacts,
    bare: Sequence[str],
    progress: Told | None,
) -> LabelFacts:
    rows = labelled_rows(report, questions)
    known = await known_documents(waypost.registry)
    causes: dict[str, tuple[Cause, str]] = {}
    again = []
    for result in filter(missed, report["results"]):
        row = rows[result["id"]]
        cause = cause_of_documents(waypost, row, result, known, documents)
        if cause is not None:
            causes[row["id"]] = cause, ""
        elif not result["got"]["tools"]:  # what runs a tool could change something
            again.append((row, result))
    causes |= await mended_by_trials(waypost, again, progress)
    filled = unfilled_of(
        [(one["got"]["action"], one["got"]["answer"]) for one in report["results"]],
        waypost.settings,
    )
    return {
        "questions": len(report["results"]),
        "targets": targets_of(rows.values(), known),
        "formed": len(filled),
        "unfilled": sum(filled),
        "misses": await misses_of(waypost, report, rows, known, causes, bare),
    }
