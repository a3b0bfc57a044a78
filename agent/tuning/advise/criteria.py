"""When to tune a model and when not: the criteria, each with the number behind it.

Source: the articles that Waypost follows. Knowledge that changes, little data, a format that prompts
can hold, and pressure on cost or time speak for prompts and retrieval. Tuning is considered where at
least three of five hold: 5,000 good samples, clear input and output, a format or tone that prompts
cannot hold, private deployment, data that keeps coming. Style or terms with data: tune, and retrieve.
"""

from __future__ import annotations

from agent.tuning.advise.types import Criterion, Profile, Side, Tuning

__all__ = ["CHANGING", "ENOUGH_SAMPLES", "HELD", "RECENT", "criteria", "may_distil", "tuning"]

ENOUGH_SAMPLES = 5_000  # the articles' number
LITTLE = 500  # below that even a small model learns the samples by heart
CHANGING = 0.1  # of the documents, weekly or oftener: what a model learned would be wrong in places
HELD = 0.9  # of the answers have the form that is wanted: prompts hold it
SEEN = 50  # answers it takes to say so
RECENT = 200  # good samples in four weeks: as many as make a new tuning worth it each quarter
NEEDED = 3  # of the five


def criteria(profile: Profile) -> list[Criterion]:
    """Return every criterion with whether it is met; it has no name in words yet."""
    samples, changing = profile["samples"], profile["changing"]
    held = profile["form_held"] if profile["form_seen"] >= SEEN else None
    holds = None if held is None else held >= HELD
    form = f"{held:.0%} / {profile['form_seen']}" if held is not None else _few(profile)
    numbers = profile["numbers"]
    changes = None if changing is None else changing >= CHANGING
    found: list[tuple[str, bool | None, str]] = [
        ("changing_facts", changes, numbers.get("changing", _share(changing))),
        ("little_data", samples < ENOUGH_SAMPLES, f"{samples:,}"),
        ("form_by_prompts", holds if profile["form_wanted"] else None, form),
        ("pressed", profile["pressed"], numbers.get("pressed", "")),
    ]
    tune: list[tuple[str, bool | None, str]] = [
        ("enough_samples", samples >= ENOUGH_SAMPLES, f"{samples:,}"),
        ("structured", profile["structured"], numbers.get("structured", "")),
        ("form_not_by_prompts", _not(holds) if profile["form_wanted"] else False, form),
        ("private", profile["private"], numbers.get("private", "")),
        ("keeps_coming", profile["recent"] >= RECENT, f"{profile['recent']:,}"),
    ]
    sides: tuple[tuple[Side, list[tuple[str, bool | None, str]]], ...] = (
        ("prompts", found),
        ("tuning", tune),
    )
    return [
        {"key": key, "name": key, "side": side, "met": met, "number": number}
        for side, rows in sides
        for key, met, number in rows
    ]


def tuning(profile: Profile) -> Tuning:
    """Return whether the criteria let a language model be tuned, for its form or its price.

    Facts are never what it is tuned for. Too few samples forbid it, whatever else holds; so do facts
    that change, unless form is what it is wanted for: retrieval then still brings the facts.
    """
    five = [one["met"] for one in criteria(profile) if one["side"] == "tuning"]
    met = sum(one is True for one in five)
    wants_form = five[2] is True
    veto = ""
    if profile["samples"] < LITTLE:
        veto = "little_data"
    elif profile["samples"] < ENOUGH_SAMPLES:
        veto = "too_little_data"
    elif not wants_form and profile["changing"] is None:
        veto = "unknown_facts"
    elif not wants_form and (profile["changing"] or 0.0) >= CHANGING:
        veto = "changing_facts"
    return {
        "met": met,
        "known": sum(one is not None for one in five),
        "considered": met >= NEEDED and not veto,
        "veto": veto,
    }


def may_distil(profile: Profile) -> bool:
    """Say whether a cheaper model may learn a dear one's answers: facts and all, so they must not change."""
    changing = profile["changing"]
    return tuning(profile)["considered"] and changing is not None and changing < CHANGING


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _few(profile: Profile) -> str:
    return f"{profile['form_seen']} / {SEEN}" if profile["form_seen"] else ""
