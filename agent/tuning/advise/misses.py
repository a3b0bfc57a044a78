"""Why a labelled question missed: each is put down to one cause, the first in its way that mending needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

from agent.evaluation import Labelled, Report, Result
from agent.evaluation.keys import TOP
from agent.evaluation.scores import principal_of
from agent.routing import NONE
from agent.tuning.advise.types import Cause, DocumentFacts, Miss
from indexes.access import permits
from indexes.lexical import encode_term
from indexes.text import NOUN, as_written, content_terms, numbers
from indexes.types import AnyOf, Filter

if TYPE_CHECKING:
    from agent.app import Waypost
    from indexes import Principal, Registry

__all__ = [
    "Known",
    "cause_of_documents",
    "known_documents",
    "labelled_rows",
    "missed",
    "misses_of",
    "targets_of",
]

ALIKE = 0.7  # a document's name this like a label's is what was meant
DEEP = 20  # passages looked at for a document that is not among the first
DECISIVE = (
    "route.action_accuracy", "route.tool_accuracy", f"search.document@{TOP}", "answer.contains",
    "answer.refused",
)  # fmt: skip
"""A question that one of these figures counts with 0 did not come out as labelled."""


@dataclass(frozen=True)
class Known:
    """A document of the store: its index, whether its text is there, who may see it."""

    index: str
    there: bool
    failed: bool
    access: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What a search of the right index alone finds for a question.

    Args:
        rank: of the first passage of a labelled document, from 1; None: not among the first `DEEP`.
        unknown: the question's words that no document of the index has.
        strange: whether these are all that the question is about.
    """

    rank: int | None = None
    unknown: list[str] = field(default_factory=list)
    strange: bool = False


def missed(result: Result) -> bool:
    """Say whether a question did not come out as labelled."""
    return any(result["scores"].get(key) == 0 for key in DECISIVE)


def labelled_rows(report: Report, questions: Iterable[Labelled] = ()) -> dict[str, Labelled]:
    """Return the labels of a report's questions by id; who asked is known of `questions` alone."""
    rows = {
        one["id"]: cast(Labelled, {**one["expected"], "id": one["id"], "question": one["question"]})
        for one in report["results"]
    }
    given = {row["id"]: row for row in questions}
    return {id_: given.get(id_, row) for id_, row in rows.items()}


async def known_documents(registry: Registry) -> dict[str, Known]:
    """Return all documents of the store by name, whoever may see them."""
    fields = ("index", "document", "version", "error", "access")
    return {
        str(hit.payload["document"]): Known(
            str(hit.payload["index"]),
            bool(hit.payload.get("version")),
            bool(hit.payload.get("error")),
            tuple(hit.payload["access"]),
        )
        for hit in await registry.store.scroll("documents", Filter(), fields)
    }


async def misses_of(
    waypost: Waypost,
    report: Report,
    rows: Mapping[str, Labelled],
    known: Mapping[str, Known],
    causes: Mapping[str, tuple[Cause, str]],
    untaught: Collection[str],
) -> list[Miss]:
    """Return every missed question with its cause.

    Args:
        waypost: the opened project.
        report: the evaluation.
        rows: the labels by id.
        known: the documents of the store.
        causes: those that are known already, by id, each with the setting that mended it ("" for none).
        untaught: the indexes of which the router is told nearly nothing.
    """
    found = []
    for result in report["results"]:
        if not missed(result):
            continue
        row = rows[result["id"]]
        if result["id"] in causes:
            cause, setting = causes[result["id"]]
            terms: list[str] = []
        else:
            probe = await _probe(waypost, row, known)
            cause, setting, terms = _of_turn(result, row, probe), "", probe.unknown
            if _unsure(result, row) and _target(row, known) in untaught:
                cause = "routing"  # what else is wrong shows when the router knows more
        found.append(_miss(result, row, known, cause, terms, setting))
    return found


def _miss(
    result: Result,
    row: Labelled,
    known: Mapping[str, Known],
    cause: Cause,
    terms: list[str],
    setting: str,
) -> Miss:
    went = [*(one["name"] for one in result["got"]["tools"]), *result["got"]["indexes"]]
    where = _target(row, known)
    return {
        "id": result["id"],
        "cause": cause,
        "where": where,
        "instead": went[0] if went and went[0] != where else "",
        "terms": terms,
        "setting": setting,
    }


def targets_of(rows: Iterable[Labelled], known: Mapping[str, Known]) -> dict[str, int]:
    """Return how many questions belong to each index and tool."""
    return dict(Counter(target for row in rows if (target := _target(row, known))))


def _target(row: Labelled, known: Mapping[str, Known]) -> str:
    """Return the tool or index that a question belongs to, or "none"; "" if its labels do not say."""
    own = row.get("tool") or next(iter(_indexes(row, known)), "")
    return own or (NONE if row.get("action") == "abstain" else "")


def _indexes(row: Labelled, known: Mapping[str, Known]) -> list[str]:
    """Return the indexes that hold the answer: those labelled, else those of the labelled documents."""
    there = [known[one].index for one in row.get("documents", ()) if one in known]
    return row.get("indexes") or list(dict.fromkeys(there))


def cause_of_documents(
    waypost: Waypost,
    row: Labelled,
    result: Result,
    known: Mapping[str, Known],
    documents: DocumentFacts,
) -> Cause | None:
    """Return what is wrong with the documents or the tool that hold the answer, if anything is.

    Args:
        waypost: the opened project.
        row: the labels of a question.
        result: what came out.
        known: the documents of the store.
        documents: their state.
    """
    labelled = row.get("documents", [])
    asks = principal_of(row)
    tool = waypost.tools.get(row.get("tool", ""))
    if tool is not None and not tool.allows(asks):
        return "access"
    if labelled:
        there = [known[one] for one in labelled if one in known and known[one].there]
        if any(one in documents["waiting"] for one in labelled):
            return "not_ingested"
        if not there:
            if any(one in known and known[one].failed for one in labelled):
                return "unreadable"
            outside = any(_exists(waypost.project, one) for one in labelled)  # no `sources` fits it
            return "no_documents" if outside else _absent(row, result, known)
        if not any(_may_see(waypost, one, asks) for one in there):
            return "access"
    filled = {one.index for one in known.values() if one.there}
    if row.get("indexes") and not filled.intersection(row["indexes"]):
        return "no_documents"
    return None


def _absent(row: Labelled, result: Result, known: Mapping[str, Known]) -> Cause:
    """Return why a labelled document is nowhere: its name is wrong, or it is missing.

    The name is wrong if the answer was found all the same, or if a file is called nearly like it.
    """
    if result["scores"].get("answer.contains") == 1:
        return "unknown_document"
    stems = [PurePosixPath(name).stem for name in known]
    alike = [
        found
        for stem in (PurePosixPath(one).stem for one in row["documents"])
        for found in get_close_matches(stem, stems, 3, ALIKE)
        if numbers(found) == numbers(stem)  # the report of another year is another report
    ]
    return "unknown_document" if alike else "no_documents"


def _exists(project: Path, document: str) -> bool:
    return "\0" not in document and (project / document).is_file()


def _may_see(waypost: Waypost, one: Known, principal: Principal | None) -> bool:
    groups = waypost.registry.index(one.index).settings.groups
    return permits(one.access, principal) and permits(groups, principal)


async def _probe(waypost: Waypost, row: Labelled, known: Mapping[str, Known]) -> Found:
    """Search the right indexes alone, as the asking person."""
    indexes = [one for one in _indexes(row, known) if one in waypost.registry.indexes]
    if not indexes or row.get("after"):
        return Found()
    unknown, strange = await _unknown(waypost.registry, row["question"], indexes)
    ranks: list[int] = []
    for index in indexes:
        passages = await waypost.registry.search(
            row["question"], index=index, k=DEEP, principal=principal_of(row)
        )
        names = [one["document"] for one in passages]
        ranks += [names.index(one) + 1 for one in row.get("documents", ()) if one in names]
    return Found(min(ranks, default=None), unknown, strange)


async def _unknown(
    registry: Registry, question: str, indexes: Sequence[str]
) -> tuple[list[str], bool]:
    """Return the words of a question that no document of some indexes has, and whether these are all.

    A word that a synonym stands for is known.
    """
    terms = [
        term
        for term, weight in content_terms(question).items()
        if weight >= NOUN and len(term) > 1 and not term.startswith("~")  # a date, as it is indexed
    ]
    if not terms:
        return [], False
    within = Filter((AnyOf("index", tuple(indexes)),))
    named = {
        term
        for index in indexes
        for phrase, others in registry.synonyms(index).named(question)
        if others
        for term in content_terms(phrase)
    }
    idf = await registry.store.idf("chunks", "text", [encode_term(one) for one in terms], within)
    unknown = [
        as_written(term, question)
        for term, value in zip(terms, idf, strict=True)
        if not value and term not in named
    ]
    return unknown, len(unknown) == len(terms)


def _unsure(result: Result, row: Labelled) -> bool:
    """Say whether the router did not know where to search: it asked several indexes, or none."""
    searches = row.get("action") in {"search", None} and "tool" not in row
    return searches and (result["decided_by"] == "fallback" or not result["got"]["indexes"])


def _of_turn(result: Result, row: Labelled, probe: Found) -> Cause:
    """Return what went wrong in the turn, given that the documents are there and may be seen."""
    got, scores = result["got"], result["scores"]
    tools = [one["name"] for one in got["tools"]]
    if result["decided_by"] == "rule" and result["right"] is False:
        return "rule"
    if "tool" in row:
        if row["tool"] in tools:
            return "tool_arguments" if scores.get("route.tool_accuracy") == 0 else "answer"
        clarified = got["action"] == "clarify" and row.get("action") == "act"
        return "tool_arguments" if clarified and result["right"] else "tool_choice"
    if row.get("action") == "abstain":
        return "answered_anyway"
    if row.get("after") and result["right"] is False:
        return "follow_up"
    if row.get("action") == "act" or (tools and row.get("action") in {"search", "answer"}):
        return "tool_choice"
    wanted: Collection[str] = row.get("indexes", ())
    routed = not wanted or bool(set(wanted) & set(got["indexes"]))
    near = probe.rank is not None and probe.rank <= TOP
    if not routed and probe.strange and not got["indexes"]:
        return "terminology"  # nothing in the question could tell the router where it belongs
    if not routed and (near or not row.get("documents")):
        return "routing"  # the right index alone would have had it
    if scores.get(f"search.document@{TOP}") == 0 and not near:
        if probe.unknown:
            return "terminology"
        return "ranking" if probe.rank is not None else "evidence"
    if got["action"] == "abstain":
        return "terminology" if probe.unknown else "evidence"
    if scores.get(f"search.document@{TOP}") == 0:
        return "routing"  # searched among others, and crowded out
    return "answer"
