"""A few questions for someone without a project: the same criteria, on what is said instead of measured."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.errors import UsageError
from agent.tuning.advise.advice import named, recommendation
from agent.tuning.advise.criteria import SEEN, criteria, may_distil, tuning
from agent.tuning.advise.types import Advice, Language, Profile, Remedy
from prompts import texts

__all__ = ["CHOICES", "Answers", "advice_for", "answers_of", "read_answers"]

Count = Annotated[int, Field(ge=0)]
Changes = Literal["never", "monthly", "weekly", "daily"]
CHANGING: Mapping[str, float] = {"never": 0.0, "monthly": 0.05, "weekly": 0.5, "daily": 1.0}
RATED = 0.02  # of the questions get a good rating that makes a sample: few people rate
DAYS = 28


@with_config(ConfigDict(extra="forbid"))
class Answers(TypedDict):
    """What someone says of a project to be; docs/advise.md tells what each means."""

    documents: Count
    changes: Changes
    samples: Count
    volume: Count
    format: Literal["free", "tone", "fields", "json"]
    held: Literal["yes", "no", "untried"]
    terms: bool
    private: bool
    pressed: bool


CHOICES: Mapping[str, tuple[str, ...]] = {
    "changes": ("never", "monthly", "weekly", "daily"),
    "format": ("free", "tone", "fields", "json"),
    "held": ("yes", "no", "untried"),
    "terms": ("yes", "no"),
    "private": ("yes", "no"),
    "pressed": ("yes", "no"),
}
"""The questions that are answered with one of some words; the others with a number."""


def answers_of(data: Mapping[str, Any], where: str) -> Answers:
    """Return answers that are all there and make sense.

    Args:
        data: the answers as they were given.
        where: they are from, for the message.

    Raises:
        UsageError: one is missing, unknown or of the wrong kind.
    """
    try:
        return TypeAdapter(Answers).validate_python(dict(data))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        key = str(first["loc"][0])
        allowed = ", ".join(CHOICES.get(key, ("a whole number of 0 or more",)))
        raise UsageError(
            f"{where}: {key}: {first['msg']}.",
            fix=f"{key} takes {allowed}; all keys: {', '.join(Answers.__annotations__)}.",
        ) from error


def read_answers(path: Path) -> Answers:
    """Read answers from a TOML file.

    Raises:
        UsageError: it cannot be read, or an answer cannot be used.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{str(path)!r} cannot be read: {error}.", fix='write TOML: changes = "weekly", …'
        ) from error
    return answers_of(data, repr(str(path)))


def advice_for(answers: Answers, language: Language) -> Advice:
    """Return what someone with these answers should begin with."""
    words = texts("advise", language)
    profile = _profile(answers)
    found = tuning(profile)
    values = {
        "documents": f"{answers['documents']:,}",
        "samples": f"{answers['samples']:,}",
        "changes": words["values"][answers["changes"]],
        "format": answers["format"],
        "met": str(found["met"]),
        "project": "DIR",
        "learnable": "0",
        "terms": "…",
    }
    shown = [
        recommendation(remedy, words, values, why=words["said"][remedy].format(**values))
        for remedy in _remedies(answers, profile)
    ]
    return {
        "verdict": "limited",
        "summary": words["limited"].format(what=shown[0]["what"]),
        "recommendations": shown,
        "criteria": named(criteria(profile), language),
        "tuning": found,
        "facts": None,
    }


def _profile(answers: Answers) -> Profile:
    wanted = answers["format"] != "free"
    held = {"yes": 1.0, "no": 0.0, "untried": None}[answers["held"]]
    volume = answers["volume"]
    return {
        "samples": answers["samples"],
        "recent": int(volume * DAYS * RATED),
        "changing": CHANGING[answers["changes"]],
        "structured": answers["format"] in {"fields", "json"},
        "form_wanted": wanted,
        "form_seen": SEEN if held is not None else 0,
        "form_held": held,
        "private": answers["private"],
        "pressed": answers["pressed"],
        "numbers": {"structured": answers["format"]},
    }


def _remedies(answers: Answers, profile: Profile) -> Iterator[Remedy]:
    """Yield what to do: tuning first only where the criteria hold and it is the form that is wanted."""
    found = tuning(profile)
    form_fails = answers["format"] != "free" and answers["held"] == "no"
    changing = answers["changes"] in {"weekly", "daily"}
    tuned: list[Remedy] = []
    if found["considered"] and form_fails:
        tuned = ["lora" if answers["private"] else "hosted"]
    yield from (
        ("start", *tuned) if changing else (*tuned, "start")
    )  # facts come first where they change
    if changing:
        yield "fresh"
    if answers["format"] in {"fields", "json"} and not found["considered"]:
        yield "answer_format"
    elif answers["format"] == "tone" and not found["considered"]:
        yield "few_shot"
    if answers["terms"]:
        yield "write_synonyms"
    if answers["private"]:
        yield "private_model"
    if answers["pressed"]:
        yield "distill" if may_distil(profile) and not form_fails else "faster_model"
    if form_fails and not found["considered"]:
        yield "keep_traces"
