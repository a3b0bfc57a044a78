"""The forms in which a schema may want what every answer has, the likeliest first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.answering.formats.result import Result, level, listed, placed
from indexes.text import sentence_spans
from prompts import texts

__all__ = ["MISSING", "candidates", "sound"]

DEEPEST = 100  # lists and objects within each other
MISSING: Any = object()  # None is a value
LANGUAGES = {"zh": ("zh", "zh-CN", "zh-Hans", "中文", "Chinese"), "en": ("en", "en-US", "English")}


def sound(value: Any, depth: int = 0) -> bool:
    """Say whether plain data is JSON that can be worked with: finite numbers, and no endless nesting.

    Args:
        value: plain data.
        depth: of what is around it.
    """
    if depth > DEEPEST:
        return False
    if isinstance(value, Mapping):
        return all(sound(one, depth + 1) for one in value.values())
    if isinstance(value, list):
        return all(sound(one, depth + 1) for one in value)
    return not isinstance(value, float) or math.isfinite(value)


def candidates(
    name: str, schema: Mapping[str, Any], result: Result, about: Any = None
) -> list[Any]:
    """Return values for a property of every answer; the first that its schema allows is taken.

    Args:
        name: the property's; "source.<name>" for one of a source.
        schema: its own, without references; it tells how long a text or list may be.
        result: the finished turn.
        about: for "sources" the citations as objects of the schema, for "source.…" the citation.
    """
    if name.startswith("source."):
        return _of_citation(name.removeprefix("source."), schema, result, about)
    if name == "answer":
        return _text(result.text, schema)
    if name == "question":
        return _text(result.question, schema)
    if name == "confidence":
        return list(_confidence(result, schema))
    if name == "grounded":
        return [result.grounded]
    if name == "action":
        return [result.action]
    if name == "language":
        return list(LANGUAGES[result.language])
    return _sources(schema, result, about)


def _text(text: str, schema: Mapping[str, Any]) -> list[Any]:
    """Return a text, and what of it is no longer than allowed, at the end of a sentence if it can be."""
    most = schema.get("maxLength")
    if not isinstance(most, int) or len(text) <= most:
        return [text]
    ends = [end for _, end in sentence_spans(text) if end <= most]
    return [text[: ends[-1]] if ends else text[: max(0, most - 1)] + "…" * (most > 0)]


def _sources(schema: Mapping[str, Any], result: Result, objects: Sequence[Any]) -> list[Any]:
    lines = listed(result)
    markers = sorted({citation["marker"] for citation in result.citations})
    most = schema.get("maxItems")
    forms: list[list[Any]] = [lines, _unlike(objects), markers]
    cut = [form[:most] if isinstance(most, int) else form for form in forms]
    joined = "\n".join(lines)
    return [*cut, *_text(joined, schema)]


def _unlike(values: Sequence[Any]) -> list[Any]:
    """Return the values, each one once."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _confidence(result: Result, schema: Mapping[str, Any]) -> Iterator[Any]:
    sure = result.confidence
    most = schema.get("maximum")
    if isinstance(most, int | float) and most > 1:  # out of 100, or of 5 stars
        yield from (round(sure * most, 4), round(sure * most))
    elif schema.get("type") == "integer":
        yield round(100 * sure)
    yield round(sure, 4)
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 0:
        scale = most if isinstance(most, int | float) and most > 1 else 1
        steps = math.floor(sure * scale / step + 1e-9)
        yield from (round(steps * step, 10), steps * step)
    yield round(100 * sure)
    wanted = level(sure)
    languages = (result.language, "en", "zh")
    words = [str(texts("messages", one)[f"confidence_{wanted}"]) for one in languages]
    yield from (form for word in words for form in (word, word.capitalize(), word.upper()))
    numbers = [one for one in schema.get("enum", ()) if type(one) in (int, float)]
    scale = max([1, *numbers])
    yield from sorted(numbers, key=lambda one: abs(one / scale - sure))
    yield f"{sure:.2f}"


def _of_citation(name: str, schema: Mapping[str, Any], result: Result, citation: Any) -> list[Any]:
    if name == "location":
        return [*_text(placed(citation, result.language), schema), dict(citation["location"])]
    if name == "marker":
        return [citation["marker"], str(citation["marker"])]
    if name in {"title", "uri", "document", "index", "text"}:
        return _text(citation[name], schema)
    if name in citation["location"]:
        return [citation["location"][name]]
    return []
