"""Replies of a chat model that must be one JSON object: read so strictly that none is misread."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agent.errors import ModelError
from prompts import Language, Prompts

__all__ = ["Complete", "Unusable", "ask_twice", "quoted", "read_object"]

Complete = Callable[[str], Awaitable[str]]
REPLY = 4000  # characters; a longer reply, thinking apart, is none that was asked for
_Read = TypeVar("_Read")


class Unusable(Exception):
    """A reply cannot be used; the text says why, to people and to the model."""


async def ask_twice(
    prompt: str,
    complete: Complete,
    read: Callable[[str], _Read],
    *,
    language: Language,
    role: str,
    prompts: Prompts,
) -> _Read:
    """Ask a chat model, and once more with what was wrong where its reply cannot be used.

    Args:
        prompt: the whole prompt.
        complete: sends a prompt and returns the reply.
        read: makes something of a reply, or raises Unusable.
        language: the prompt's language.
        role: whose model it is in [models], for the error.
        prompts: the project's prompts.

    Raises:
        ModelError: neither reply was of the form asked for, or `complete` failed.
    """
    try:
        return read(await complete(prompt))
    except Unusable as error:
        again = prompts.render("route_again", language, prompt=prompt, problem=str(error))
    try:
        return read(await complete(again))
    except Unusable as error:
        raise ModelError(
            f"The {role}'s model gave no usable reply in two tries: {error}.",
            fix=f"name a model that keeps to a JSON format in [models] {role}.",
        ) from error


def read_object(reply: str) -> dict[str, Any]:
    """Return the JSON object that a reply is, but for a model's thinking and a code fence.

    Raises:
        Unusable: it is something else, or more.
    """
    text = reply.rpartition("</think>")[2].strip()  # some endpoints cut the opening tag off
    fenced = re.fullmatch(r"```(?:json|JSON)?\s*\n(.*?)\n?\s*```", text, re.DOTALL)
    text = fenced[1] if fenced else text
    if len(text) > REPLY:
        raise Unusable("the reply is too long")
    try:
        data = json.loads(text, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise Unusable("the reply must be one JSON object and nothing else")
    return data


def quoted(text: str, most: int) -> str:
    """Return a text of somebody's as a JSON string that can end neither itself nor its fence.

    Args:
        text: the text.
        most: characters of it; of a longer one the beginning and the end are kept.
    """
    if len(text) > most:
        text = f"{text[: 2 * most // 3]} … {text[-(most // 3) :]}"
    return json.dumps(text, ensure_ascii=False).replace("<", "\\u003c")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
