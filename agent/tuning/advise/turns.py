"""Facts of traces: how turns went, what people said of them, what they cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from agent.tuning.advise.load import Took, load_of
from agent.tuning.advise.style import complaint, house_style, keeps, unfilled_of
from agent.tuning.advise.types import Cluster, LoadFacts, TurnFacts
from indexes.text import content_terms, normalize

if TYPE_CHECKING:
    from agent.app import Waypost
    from agent.settings import Settings
    from agent.traces import Trace
    from indexes import Registry

__all__ = ["clusters", "hidden_from_public", "read_turns", "turn_facts"]

RECENT = timedelta(weeks=4)
CLUSTER = 3  # unanswered questions that share a word
LOOKED_UP = 200  # unanswered questions that are searched again, the latest
CLEAR = 0.5  # of the most that words can match: what is hidden matches at least this well
WORSE = 0.7  # of that, what the public may see matches at most


async def read_turns(waypost: Waypost) -> tuple[TurnFacts | None, LoadFacts | None]:
    """Return what the traces show, and what the turns took; None where there are none.

    Raises:
        StoreError: the file of traces cannot be used.
    """
    from agent.traces import Traces

    async with Traces.open(waypost.project, waypost.settings) as opened:
        if not (await opened.stats())["traces"]:
            return None, None
        traces = [trace async for trace in opened.read()]
    unanswered = [one["question"] for one in traces if _is_unanswered(one)]
    hidden = await hidden_from_public(waypost.registry, unanswered[-LOOKED_UP:])
    took = [
        Took(one["timings_ms"], one["usage"], one["route"]["decided_by"], one["limit"])
        for one in traces
    ]
    return turn_facts(traces, waypost.settings, hidden), load_of(took, "turns")


def turn_facts(traces: list[Trace], settings: Settings, hidden: Collection[str] = ()) -> TurnFacts:
    """Return what traces show.

    Args:
        traces: the turns, at least one.
        settings: the project's.
        hidden: unanswered questions that documents answer which not everybody may see.
    """
    accepted = [one for one in traces if _is_good(one) and not one["limit"]]
    since = (datetime.now(UTC) - RECENT).isoformat()
    style = house_style(one.answer for one in settings.answer.example)
    written = [
        one["answer"]
        for one in traces
        if one["model"].get("answerer") and one["action"] in {"search", "act", "answer"}
    ]
    filled = unfilled_of([(one["action"], one["answer"]) for one in traces], settings)
    rated = [one["feedback"] for one in traces if one["feedback"] is not None]
    calls = [call for one in traces for call in one["tool_calls"]]
    failed = [
        call["name"]
        for call in calls
        if isinstance(call["result"], dict) and "error" in call["result"]
    ]
    unanswered = [one["question"] for one in traces if _is_unanswered(one)]
    return {
        "turns": len(traces),
        "rated": len(rated),
        "bad": sum(not one["good"] for one in rated),
        "samples": len(_distinct(accepted)),
        "recent": len(_distinct(one for one in accepted if one["time"] >= since)),
        "labelled": len(_distinct(one for one in traces if _is_good(one) or one["correction"])),
        "corrected": sum(one["correction"] is not None for one in traces),
        "complaints": dict(Counter(complaint(one["note"]) for one in rated if not one["good"])),
        "abstained": len(unanswered),
        "clusters": clusters(one for one in unanswered if one not in hidden),
        "hidden": sum(one in hidden for one in unanswered),
        "calls": dict(Counter(call["name"] for call in calls)),
        "failed_calls": dict(Counter(failed)),
        "written": len(written),
        "unlike": sum(not keeps(text, style) for text in written) if style else 0,
        "formed": len(filled),
        "unfilled": sum(filled),
    }


def clusters(questions: Iterable[str]) -> list[Cluster]:
    """Group questions by the words they share, the largest group first; each question counts once."""
    left = [(text, set(content_terms(text))) for text in questions]
    found: list[Cluster] = []
    while True:
        counted: dict[str, set[str]] = defaultdict(set)
        for text, terms in left:
            for term in terms:
                if len(term) > 1:
                    counted[term].add(normalize(text))
        term = max(counted, key=lambda one: (len(counted[one]), len(one), one), default="")
        if len(counted.get(term, ())) < CLUSTER:
            return found
        found.append({"term": term, "turns": sum(term in terms for _, terms in left)})
        left = [(text, terms) for text, terms in left if term not in terms]


async def hidden_from_public(registry: Registry, questions: Iterable[str]) -> set[str]:
    """Return the questions whose words stand in documents that not everybody may see, and in no other."""
    found = set()
    for text in dict.fromkeys(questions):
        everything = await registry.affinities(text, principal=None, unrestricted=True)
        public = await registry.affinities(text, principal=None)
        best = max((one.lexical for one in everything.values()), default=0.0)
        seen = max((one.lexical for one in public.values()), default=0.0)
        if best >= CLEAR and seen <= WORSE * best:
            found.add(text)
    return found


def _is_good(trace: Trace) -> bool:
    return trace["feedback"] is not None and trace["feedback"]["good"]


def _is_unanswered(trace: Trace) -> bool:
    return trace["action"] == "abstain" and not trace["limit"]


def _distinct(traces: Iterable[Trace]) -> set[str]:
    return {normalize(one["question"]) for one in traces}
