"""An advice as lines of text, in the language of the project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agent.tuning.advise.shares import outcomes
from agent.tuning.advise.types import Advice, Criterion, Language, Recommendation
from prompts import texts

__all__ = ["lines_of"]

TUNED = {"lora", "hosted", "distill"}


def lines_of(advice: Advice, language: Language) -> Iterator[str]:
    """Yield an advice as people read it, a line each."""
    words = texts("advise", language)
    yield from _seen(advice, words)
    yield advice["summary"]
    sure = [one for one in advice["recommendations"] if one["limits"]]
    if advice["facts"] is None or advice["verdict"] != "limited":
        sure = advice["recommendations"][: 1 if advice["facts"] is not None else None]
    yield from _several(words["first"], sure, words)
    others = [one for one in advice["recommendations"] if one not in sure]
    yield from _several(words["also"], others, words)
    yield from _criteria(advice, words)


def _seen(advice: Advice, words: dict[str, Any]) -> Iterator[str]:
    facts = advice["facts"]
    if facts is None:
        return
    yield words["title"].format(name=facts["name"])
    failed = outcomes(facts)
    said = words["asked"] if facts["labels"] is not None else words["rated"]
    yield (
        said.format(
            failed=failed["count"], of=failed["of"],
            low=f"{failed['low']:.0%}", high=f"{failed['high']:.0%}",
        )
        if failed["of"]
        else words["unknown"]
    )  # fmt: skip
    if facts["turns"] is not None:
        turns = facts["turns"]
        yield words["traces"].format(turns=turns["turns"], samples=turns["samples"])


def _several(title: str, found: Sequence[Recommendation], words: dict[str, Any]) -> Iterator[str]:
    if found:
        yield ""
        yield title
    for number, one in enumerate(found, 1):
        yield f"{number}. {one['what']}  [{words['effort']}: {words['efforts'][one['effort']]}]"
        yield f"   {words['reason']}: {one['why']}"
        if (share := one["share"]) is not None and one["basis"] is not None:
            line = words["mends_exact" if one["basis"] == "documents" else "mends_line"]
            basis = words["basis"][one["basis"]]
            told = line.format(
                count=share["count"], of=share["of"], basis=basis,
                low=f"{share['low']:.0%}", high=f"{share['high']:.0%}",
            )  # fmt: skip
            yield f"   {words['mends']}: {told}"
        for line in one["do"]:
            yield f"   {words['how']}: {line}"
        if one["against"]:
            yield f"   {words['counter']}: {one['against']}"


def _criteria(advice: Advice, words: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield words["criteria"]
    sides = (("prompts", words["prompts_side"]), ("tuning", words["tuning_side"]))
    for side, title in sides:
        yield f"  {title}:"
        for one in advice["criteria"]:
            if one["side"] == side:
                yield f"    {_mark(one, words)}  {one['name']}{_number(one)}"
    tuning = advice["tuning"]
    yield words["criteria_met"].format(met=tuning["met"], known=tuning["known"])
    verdict = "considered" if tuning["considered"] else "not_considered"
    if tuning["considered"] and not TUNED & {one["remedy"] for one in advice["recommendations"]}:
        verdict = "not_needed"
    yield f"{words[verdict]} {words['veto'].get(tuning['veto'], '')}".strip()


def _mark(one: Criterion, words: dict[str, Any]) -> str:
    said: str = words["not_known" if one["met"] is None else "met" if one["met"] else "not_met"]
    return said


def _number(one: Criterion) -> str:
    return f": {one['number']}" if one["number"] else ""
