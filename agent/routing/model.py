"""The third stage: a chat model, asked only about questions that the classifier is unsure of.

Its reply decides only if it cannot be misread: one JSON object and nothing beside it, naming
choices that it was given. Anything else is asked once more and then given up, never guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import ModelError
from agent.routing.types import NONE, Complete, Language, Target
from indexes.text import normalize
from prompts import render

__all__ = ["ModelChoice", "ask_model"]

DESCRIPTION = 200  # characters of a description, and of an example, that the prompt has
EXAMPLE = 80
EXAMPLES = 2
QUESTION = 1500  # of a longer one the prompt has the beginning and the end
REPLY = 4000  # a longer reply, thinking apart, is no choice
MOST = 2  # targets of a choice
REASON = 200
QUOTES = "\"'`“”‘’「」『』《》 \t\r\n"


@dataclass(frozen=True)
class ModelChoice:
    """The targets a model chose, best first; empty for "none"."""

    targets: tuple[str, ...]
    reason: str


async def ask_model(
    question: str, targets: Sequence[Target], complete: Complete, language: Language
) -> ModelChoice:
    """Ask a chat model which targets a question belongs to; an unusable reply is asked again once.

    Args:
        question: the standalone question.
        targets: the choices that the principal may see.
        complete: sends a prompt and returns the reply.
        language: the prompt's language.

    Raises:
        ModelError: neither reply was of the form asked for, or `complete` failed.
    """
    choices = "\n".join(_choice(target) for target in targets)
    prompt = render("route", language, targets=choices, question=_quoted(question))
    try:
        return _parse(await complete(prompt), targets)
    except _Unusable as error:
        again = render("route_again", language, prompt=prompt, problem=str(error))
    try:
        return _parse(await complete(again), targets)
    except _Unusable as error:
        raise ModelError(
            f"The router's model gave no usable reply in two tries: {error}.",
            fix="name a model that keeps to a JSON format in [models] router.",
        ) from error


def _choice(target: Target) -> str:
    """Return a target as one line: what it is made of cannot look like further choices."""
    title = "" if target.title in {"", target.name} else target.title
    parts = [title, _short(target.description, DESCRIPTION)]
    parts += [_quoted(_short(text, EXAMPLE)) for text in target.examples[:EXAMPLES]]
    return f"- {target.name}: " + " | ".join(" ".join(part.split()) for part in parts if part)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _quoted(text: str) -> str:
    """Return a text of somebody's as a JSON string that can end neither itself nor its fence."""
    if len(text) > QUESTION:
        text = f"{text[: 2 * QUESTION // 3]} … {text[-QUESTION // 3 :]}"
    return json.dumps(text, ensure_ascii=False).replace("<", "\\u003c")


class _Unusable(Exception):
    """A reply cannot be used; the text says why, to people and to the model."""


def _parse(reply: str, targets: Sequence[Target]) -> ModelChoice:
    data = _object(reply)
    if not set(data) <= {"targets", "reason"} or "targets" not in data:
        raise _Unusable("the keys must be `targets` and `reason` alone")
    names, reason = data["targets"], data.get("reason", "")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _Unusable("`targets` must be a list of names")
    if not isinstance(reason, str):
        raise _Unusable("`reason` must be a text")
    chosen = tuple(dict.fromkeys(_known(name, targets) for name in names))
    if not chosen:
        raise _Unusable(f"`targets` is empty; for no choice it must be [{NONE!r}]")
    if len(chosen) > MOST:
        raise _Unusable(f"`targets` must have at most {MOST} names")
    if NONE in chosen and len(chosen) > 1:
        raise _Unusable(f"{NONE!r} must stand alone")
    # it is shown in terminals, where other characters could be commands
    told = "".join(char for char in " ".join(reason.split()) if char.isprintable())
    return ModelChoice(
        () if chosen == (NONE,) else chosen, told[:REASON] or "the model gave no reason"
    )


def _object(reply: str) -> dict[str, Any]:
    """Return the JSON object that a reply is, but for a model's thinking and a code fence."""
    text = reply.rpartition("</think>")[2].strip()  # some endpoints cut the opening tag off
    fenced = re.fullmatch(r"```(?:json|JSON)?\s*\n(.*?)\n?\s*```", text, re.DOTALL)
    text = fenced[1] if fenced else text
    if len(text) > REPLY:
        raise _Unusable("the reply is too long")
    try:
        data = json.loads(text, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise _Unusable("the reply must be one JSON object and nothing else")
    return data


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _known(name: str, targets: Sequence[Target]) -> str:
    """Return the one choice that a name or title means, whatever its case and quotation marks."""
    names = {NONE, *(target.name for target in targets)}
    if name in names:
        return name
    wanted = _bare(name)
    found = {known for known in names if _bare(known) == wanted}
    found |= {target.name for target in targets if target.title and _bare(target.title) == wanted}
    if len(found) != 1:
        raise _Unusable(f"{_short(name, 40)!r} is not one of the names to choose from")
    return found.pop()


def _bare(name: str) -> str:
    return normalize(name.strip(QUOTES)).strip()
