"""The advice in words: verdict, recommendations in order, and the criteria of tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.tuning.advise.criteria import criteria, tuning
from agent.tuning.advise.findings import findings
from agent.tuning.advise.profile import profile_of
from agent.tuning.advise.ranking import EFFORTS, labels_needed, limits, ranked, verdict
from agent.tuning.advise.shares import outcomes
from agent.tuning.advise.types import (
    Advice,
    Cause,
    Criterion,
    Facts,
    Finding,
    Language,
    Recommendation,
    Remedy,
    Share,
)
from prompts import texts

__all__ = ["advice_of", "named", "recommendation"]


class _Values(dict[str, str]):
    """The values of a text; one that a finding does not have is a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def advice_of(facts: Facts, *, project: str = ".") -> Advice:
    """Return what to do about a project, best first.

    Args:
        facts: what is known of it.
        project: its folder, for the commands.
    """
    words = texts("advise", facts["language"])
    failed = outcomes(facts)
    found = ranked(findings(facts), failed)
    said = verdict(facts, found)
    shown = [_told(one, words, project, limits(one, failed)) for one in found]
    if said != "limited":
        shown.insert(0, _without_limit(said, failed, words, project))
    profile = profile_of(facts)
    first = shown[0]["what"]
    needed = labels_needed(failed)
    return {
        "verdict": said,
        "summary": words[said].format(what=first, needed=needed, of=failed["of"]),
        "recommendations": shown,
        "criteria": named(criteria(profile), facts["language"]),
        "tuning": tuning(profile),
        "facts": facts,
    }


def named(found: list[Criterion], language: Language) -> list[Criterion]:
    """Return criteria with their names in words."""
    names = texts("advise", language)["names"]
    return [{**one, "name": names[one["key"]]} for one in found]


def recommendation(
    remedy: Remedy,
    words: Mapping[str, Any],
    values: Mapping[str, str],
    *,
    why: str,
    cause: Cause | None = None,
    share: Share | None = None,
) -> Recommendation:
    """Return a recommendation in words, of nothing that was counted unless `share` says so."""
    filled = _Values({"at": "", **values})
    return {
        "remedy": remedy,
        "cause": cause,
        "where": [],
        "share": share,
        "basis": None,
        "limits": False,
        "effort": EFFORTS[remedy],
        "what": words["what"][remedy].format_map(filled),
        "why": why,
        "do": [line.format_map(filled) for line in words["do"][remedy]],
        "against": words["against"][remedy],
    }


def _told(finding: Finding, words: Mapping[str, Any], project: str, sure: bool) -> Recommendation:
    values = _Values(finding["values"])
    values["project"] = project
    if finding["where"]:
        values["at"] = words["at"].format(where=", ".join(finding["where"]))
        values["first"] = finding["where"][0]
    why = words["why"][finding["cause"]].format_map(values)
    if (within := finding["within"]) is not None:
        part = {"target": finding["target"], "count": within["count"], "of": within["of"]}
        why += words["within"].format(**part)
    told = recommendation(finding["remedy"], words, values, why=why, cause=finding["cause"])
    told["where"], told["share"], told["basis"] = (
        finding["where"],
        finding["share"],
        finding["basis"],
    )
    told["limits"] = sure
    return told


def _without_limit(
    said: str, failed: Share, words: Mapping[str, Any], project: str
) -> Recommendation:
    needed = str(labels_needed(failed))
    values = {
        "project": project, "needed": needed, "failed": str(failed["count"]),
        "of": str(failed["of"]), "low": f"{failed['low']:.0%}", "high": f"{failed['high']:.0%}",
    }  # fmt: skip
    if said == "nothing":
        return recommendation(
            "nothing", words, values, why=words["asked"].format(**values), share=failed
        )
    why = words["why"]["labels"].format(**values) if failed["of"] else words["unknown"]
    return recommendation("label", words, values, why=why, cause="labels", share=failed)
