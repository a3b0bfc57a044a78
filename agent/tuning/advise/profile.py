"""What the criteria look at, of a project's facts."""

from __future__ import annotations

from agent.tuning.advise.criteria import CHANGING
from agent.tuning.advise.shares import LIMIT, share
from agent.tuning.advise.types import Facts, LoadFacts, Profile

__all__ = ["profile_of"]

HISTORY = 7.0  # days of ingestions it takes to say that facts are stable


def profile_of(facts: Facts) -> Profile:
    """Return what the criteria look at."""
    turns, documents, form = facts["turns"], facts["documents"], facts["form"]
    known = documents["days"] >= HISTORY or bool(documents["fresh"])
    changing = documents["changing"] / documents["total"] if documents["total"] else 0.0
    kinds = turns["complaints"] if turns else {}
    seen = turns["formed"] or turns["written"] if turns else 0
    unlike = 0
    if turns:
        unlike = (
            turns["unfilled"] if turns["formed"] else max(turns["unlike"], kinds.get("style", 0))
        )
    load = facts["load"]
    numbers = {
        "structured": form["format"],
        "private": ", ".join(facts["deployment"]["models"]) or "local",
    }
    if documents["fresh"]:
        numbers["changing"] = f"[fresh] {', '.join(documents['fresh'])}"
    if load:
        numbers["pressed"] = f"p95 {load['total_p95'] / 1000:.1f} s, {load['tokens']:,.0f} tokens"
    return {
        "samples": turns["samples"] if turns else 0,
        "recent": turns["recent"] if turns else 0,
        "changing": max(changing, CHANGING if documents["fresh"] else 0.0) if known else None,
        "structured": form["format"] != "plain",
        "form_wanted": form["format"] != "plain" or form["persona"] or form["examples"] > 0,
        "form_seen": seen,
        "form_held": 1 - unlike / seen if seen else None,
        "private": facts["deployment"]["private"],
        "pressed": _pressed(load) if load else None,
        "numbers": numbers,
    }


def _pressed(load: LoadFacts) -> bool:
    reached = sum(load["limits"].get(name, 0) for name in ("cost", "tokens", "seconds"))
    return share(load["slow"] + reached, load["turns"])["low"] > LIMIT
