"""The third stage: a chat model, asked only about questions that the classifier is unsure of.

Its reply decides only if it cannot be misread: one JSON object and nothing beside it, naming
choices that it was given. Anything else is asked once more and then given up, never guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from agent.models.replies import Unusable, ask_twice, quoted, read_object
from agent.routing.types import NONE, Complete, Language, Target
from indexes.text import normalize
from prompts import PACKAGED, Prompts

__all__ = ["MOST", "ModelChoice", "ask_model", "router_prompt", "router_reply"]

DESCRIPTION = 200  # characters of a description, and of an example, that the prompt has
EXAMPLE = 80
EXAMPLES = 2
QUESTION = 1500  # of a longer one the prompt has the beginning and the end
MOST = 2  # targets of a choice
REASON = 200
QUOTES = "\"'`“”‘’「」『』《》 \t\r\n"


@dataclass(frozen=True)
class ModelChoice:
    """The targets a model chose, best first; empty for "none"."""

    targets: tuple[str, ...]
    reason: str


async def ask_model(
    question: str,
    targets: Sequence[Target],
    complete: Complete,
    language: Language,
    *,
    prompts: Prompts = PACKAGED,
) -> ModelChoice:
    """Ask a chat model which targets a question belongs to; an unusable reply is asked again once.

    Args:
        question: the standalone question.
        targets: the choices that the principal may see.
        complete: sends a prompt and returns the reply.
        language: the prompt's language.
        prompts: the project's prompts.

    Raises:
        ModelError: neither reply was of the form asked for, or `complete` failed.
    """
    return await ask_twice(
        router_prompt(question, targets, language, prompts=prompts),
        complete,
        lambda reply: _parse(reply, targets),
        language=language,
        role="router",
        prompts=prompts,
    )


def router_prompt(
    question: str, targets: Sequence[Target], language: Language, *, prompts: Prompts = PACKAGED
) -> str:
    """Return what the model is asked.

    Args:
        question: the standalone question.
        targets: the choices that the principal may see.
        language: the prompt's language.
        prompts: the project's prompts.
    """
    choices = "\n".join(_choice(target) for target in targets)
    return prompts.render("route", language, targets=choices, question=quoted(question, QUESTION))


def router_reply(names: Sequence[str]) -> str:
    """Return the reply that chooses targets, best first; without one it is "none"."""
    return json.dumps({"targets": [*names[:MOST]] or [NONE]}, ensure_ascii=False)


def _choice(target: Target) -> str:
    """Return a target as one line: what it is made of cannot look like further choices."""
    title = "" if target.title in {"", target.name} else target.title
    parts = [title, _short(target.description, DESCRIPTION)]
    parts += [quoted(_short(text, EXAMPLE), EXAMPLE) for text in target.examples[:EXAMPLES]]
    return f"- {target.name}: " + " | ".join(" ".join(part.split()) for part in parts if part)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _parse(reply: str, targets: Sequence[Target]) -> ModelChoice:
    data = read_object(reply)
    if not set(data) <= {"targets", "reason"} or "targets" not in data:
        raise Unusable("the keys must be `targets` and `reason` alone")
    names, reason = data["targets"], data.get("reason", "")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unusable("`targets` must be a list of names")
    if not isinstance(reason, str):
        raise Unusable("`reason` must be a text")
    chosen = tuple(dict.fromkeys(_known(name, targets) for name in names))
    if not chosen:
        raise Unusable(f"`targets` is empty; for no choice it must be [{NONE!r}]")
    if len(chosen) > MOST:
        raise Unusable(f"`targets` must have at most {MOST} names")
    if NONE in chosen and len(chosen) > 1:
        raise Unusable(f"{NONE!r} must stand alone")
    # it is shown in terminals, where other characters could be commands
    told = "".join(char for char in " ".join(reason.split()) if char.isprintable())
    return ModelChoice(
        () if chosen == (NONE,) else chosen, told[:REASON] or "the model gave no reason"
    )


def _known(name: str, targets: Sequence[Target]) -> str:
    """Return the one choice that a name or title means, whatever its case and quotation marks."""
    names = {NONE, *(target.name for target in targets)}
    if name in names:
        return name
    wanted = _bare(name)
    found = {known for known in names if _bare(known) == wanted}
    found |= {target.name for target in targets if target.title and _bare(target.title) == wanted}
    if len(found) != 1:
        raise Unusable(f"{_short(name, 40)!r} is not one of the names to choose from")
    return found.pop()


def _bare(name: str) -> str:
    return normalize(name.strip(QUOTES)).strip()
