"""The third stage: a chat model, asked only about questions that the classifier is unsure of."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.errors import ModelError
from agent.routing.types import NONE, Target
from prompts import render

__all__ = ["Complete", "ModelChoice", "ask_model"]

Complete = Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class ModelChoice:
    """The targets a model chose, best first; empty for "none"."""

    targets: tuple[str, ...]
    reason: str


async def ask_model(
    question: str, targets: Sequence[Target], complete: Complete, language: Literal["zh", "en"]
) -> ModelChoice:
    """Ask a chat model which targets a question belongs to.

    Args:
        question: the standalone question.
        targets: the choices that the principal may see.
        complete: sends a prompt and returns the reply.
        language: the prompt's language.

    Raises:
        ModelError: the reply is not of the form asked for.
    """
    choices = "\n".join(f"- {t.name}：{t.title}。{t.description}" for t in targets)
    reply = await complete(render("route", language, targets=choices, question=question))
    return _parse(reply, {target.name for target in targets})


def _parse(reply: str, known: set[str]) -> ModelChoice:
    match = re.search(r"\{.*\}", reply, re.DOTALL)
    try:
        data = json.loads(match.group()) if match else None
    except ValueError:
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("targets"), list):
        raise ModelError("The router's model did not reply with the JSON object it was asked for.")
    names = data["targets"]
    if not names or not all(isinstance(name, str) and name in {*known, NONE} for name in names):
        raise ModelError("The router's model named a target that does not exist.")
    chosen = tuple(dict.fromkeys(name for name in names if name != NONE))[:2]
    return ModelChoice(() if names[0] == NONE else chosen, str(data.get("reason", ""))[:200])
