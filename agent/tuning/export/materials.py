"""Questions whose right route is known: examples, corrections, accepted traces, labelled questions."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.evaluation import Labelled, read_questions
from agent.learning import Lesson, lessons_of, targets_of, taught
from agent.routing import CORRECTIONS, NONE, Corrections, Target
from agent.routing.corrections import read_corrections
from agent.routing.model import EXAMPLES
from agent.settings import Settings
from agent.traces import Trace, Traces
from agent.traces.redaction import Redactor
from agent.tuning.export.types import Dropped, Found, Source, skeleton
from agent.tuning.refit.candidates import target_of
from indexes.access import EVERYONE
from indexes.text import language
from indexes.types import Filter
from prompts import Language

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = ["Known", "Materials", "collected", "dropped", "kinds_in", "read_traces", "why_not"]

CREDENTIAL = "redacted"
_KIND = re.compile(r"\[([^\W\d][\w-]*)\]")


@dataclass(frozen=True)
class Known:
    """A question and its right route.

    Args:
        question: as it stands alone, without personal data.
        targets: the index or tool, or both that are needed; none for what nothing covers.
        source: where it comes from.
        language: of the question.
        args: arguments that the call must have; None: those that the question names.
        asks: what is missing has to be asked back.
        shown: the router's prompt shows it with its target.
        trace: the turn, where one was kept.
        at: when it was said, in ISO form.
    """

    question: str
    targets: tuple[str, ...]
    source: Source
    language: Language
    args: Mapping[str, Any] | None = None
    asks: bool = False
    shown: bool = False
    trace: Trace | None = None
    at: str = ""

    @property
    def thread(self) -> str:
        """The hash of the conversation it is of; "" without one."""
        return "" if self.trace is None else self.trace["thread"]

    @property
    def label(self) -> str:
        """The class: the first target, or "none"."""
        return next(iter(self.targets), NONE)


@dataclass(frozen=True)
class Materials:
    """What an export can draw on.

    Args:
        targets: what can be routed to, as far as it may be told.
        known: the questions with their right routes.
        dropped: the rows that are none.
        found: what was personal.
    """

    targets: tuple[Target, ...]
    known: list[Known] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


def dropped(reason: str, source: str, label: str, question: str = "") -> Dropped:
    """Return why a row was left out."""
    return {"reason": reason, "source": source, "label": label, "question": question}


def kinds_in(text: str, patterns: Mapping[str, str]) -> set[str]:
    """Return the kinds of what was taken out of a text, such as "phone".

    Args:
        text: what a Redactor returned.
        patterns: the project's own, by kind.
    """
    known = {"phone", "id", "card", "email", CREDENTIAL, *patterns}
    return known & set(_KIND.findall(text))


@asynccontextmanager
async def read_traces(waypost: Waypost) -> AsyncIterator[AsyncIterator[Trace]]:
    """Give a project's traces, the oldest first, also where no more are kept."""
    if waypost.traces is not None:
        yield waypost.traces.read()
        return
    async with Traces.open(waypost.project, waypost.settings) as traces:
        yield traces.read()


async def collected(
    waypost: Waypost, *, questions: Sequence[Path] = (), restricted: bool = False
) -> Materials:
    """Return the questions of a project whose right routes are known.

    Args:
        waypost: the opened project.
        questions: files of labelled questions to learn from too.
        restricted: also what not everyone may be routed to.

    Raises:
        ConfigurationError: a file that the settings name cannot be read.
        UsageError: a file of labelled questions cannot be used.
        StoreError: the traces cannot be read.
    """
    settings = waypost.settings
    corrections = await asyncio.to_thread(read_corrections, waypost.project / CORRECTIONS)
    lessons = await asyncio.to_thread(lessons_of, waypost.project, waypost.resources, corrections)
    every = await _targets(waypost, lessons)
    seen = tuple(one for one in every if restricted or waypost.resources.sees(one, None))
    found = Materials(seen)
    rows = [*_corrected(corrections), *_lessons(lessons, settings)]
    rows += await _told(waypost, await _traced(waypost, found), found, restricted=restricted)
    for path in questions:
        for labelled in read_questions(path, indexes=waypost.registry.indexes, tools=waypost.tools):
            _add_labelled(rows, found, labelled)
    _sift(rows, found, every, settings)
    return found


def _sift(
    rows: Sequence[Known],
    found: Materials,
    every: Sequence[Target],
    settings: Settings,
) -> None:
    """Add the rows that may be told, without personal data, to what is found."""
    redactor = Redactor(settings.traces.patterns)
    names, told = {one.name for one in every}, {one.name for one in found.targets}
    for row in rows:
        if not names.issuperset(row.targets):
            reason, asked = "unknown_target", row.question
        elif not told.issuperset(row.targets):
            reason, asked = "restricted", ""  # the question itself may say what is hidden
        else:
            text = redactor.text(row.question)
            kinds = kinds_in(text, settings.traces.patterns)
            if text != row.question or CREDENTIAL in kinds:
                gone = CREDENTIAL in kinds
                found.found.append(
                    {
                        "source": row.source,
                        "label": row.label,
                        "kinds": sorted(kinds),
                        "done": "dropped" if gone else "replaced",
                    }
                )
                if gone:
                    found.dropped.append(dropped("credential", row.source, row.label, text))
                    continue
            found.known.append(replace(row, question=text))
            continue
        found.dropped.append(dropped(reason, row.source, row.label, asked))


async def _targets(waypost: Waypost, lessons: Sequence[Lesson]) -> list[Target]:
    """Return the indexes and tools with the examples that the settings have for them."""
    own = [one for one in lessons if one.source == "example"]
    targets, _ = taught(await targets_of(waypost.resources), own)
    return [one for one in targets if one.kind != "talk"]


def _lessons(lessons: Sequence[Lesson], settings: Settings) -> Iterator[Known]:
    """Yield the examples, and what `waypost tune router` has learned from people."""
    count: Counter[str] = Counter()
    for one in lessons:
        if one.source == "correction":  # the file has more to say of them
            continue
        count[one.target] += 1
        yield Known(
            one.question,
            () if one.target == NONE else (one.target,),
            "examples" if one.source == "example" else "learned",
            _language(one.question, settings),
            shown=one.source == "example" and one.target != NONE and count[one.target] <= EXAMPLES,
        )


def _corrected(corrections: Corrections) -> list[Known]:
    """Return what was corrected; of several corrections of one question the last one counts."""
    last: dict[str, Known] = {}
    for one in corrections.entries:
        if one.right is None or one.right.action == "clarify":
            continue
        named = [one.right.tool] if one.right.tool else []
        last[skeleton(one.question)] = Known(
            one.question,
            (*named, *one.right.indexes),
            "corrections",
            language(one.question),
            at=one.at,
        )
    return list(last.values())


async def _traced(waypost: Waypost, found: Materials) -> list[Known]:
    """Return the turns that show what was right; what was disliked later shows nothing."""
    rows: dict[str, list[Known]] = defaultdict(list)
    async with read_traces(waypost) as traces:
        async for trace in traces:
            key, target = skeleton(trace["question"]), target_of(trace)
            if target is not None:
                targets = () if target == NONE else (target,)
                rows[key].append(
                    Known(
                        trace["question"],
                        targets,
                        "traces",
                        trace["language"],
                        trace=trace,
                        at=trace["time"],
                    )
                )
                continue
            reason = why_not(trace)
            found.dropped.append(dropped(reason, "traces", "", trace["question"]))
            if reason == "bad_feedback":
                found.dropped.extend(
                    dropped(reason, "traces", one.label, one.question) for one in rows.pop(key, [])
                )
    return [one for some in rows.values() for one in some]


async def _told(
    waypost: Waypost, rows: Sequence[Known], found: Materials, *, restricted: bool
) -> list[Known]:
    """Return the turns whose answers cite what everyone may see: a question may tell of what it found."""
    if restricted or not rows:
        return list(rows)
    hits = await waypost.registry.store.scroll(
        "documents", Filter(), ("index", "document", "access")
    )
    access = {
        (hit.payload["index"], hit.payload["document"]): hit.payload["access"] for hit in hits
    }
    kept = []
    for row in rows:
        cited = row.trace["citations"] if row.trace is not None else []
        lists = [access.get((one["index"], one["document"])) for one in cited if one["index"]]
        if all(one is not None and EVERYONE in one for one in lists):
            kept.append(row)
        else:
            gone = None in lists  # whoever might see it then
            found.dropped.append(dropped("stale" if gone else "restricted", "traces", row.label))
    return kept


def why_not(trace: Trace) -> str:
    """Return why a turn shows nothing that is right."""
    said = trace["feedback"]
    if trace["correction"] is not None or (said is not None and said["good"]):
        return "unclear"
    return "no_feedback" if said is None else "bad_feedback"


def _add_labelled(rows: list[Known], found: Materials, row: Labelled) -> None:
    question, action = row["question"], row.get("action")
    targets: tuple[str, ...] | None = None
    if row.get("tool"):
        targets = (row["tool"],)
    elif row.get("indexes"):
        targets = (row["indexes"][0],)  # any of them is right
    elif action == "answer" or ("indexes" in row and action in {None, "abstain"}):
        targets = ()
    label = "" if targets is None else next(iter(targets), NONE)
    if row.get("after"):
        found.dropped.append(dropped("follow_up", "questions", label, question))
    elif targets is None:
        found.dropped.append(dropped("unclear", "questions", label, question))
    else:
        rows.append(
            Known(
                question,
                targets,
                "questions",
                language(question),
                args=row.get("args"),
                asks=action == "clarify",
            )
        )


def _language(text: str, settings: Settings) -> Language:
    return language(text) if any(map(str.isalpha, text)) else settings.project.language
