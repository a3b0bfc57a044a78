"""What a format is given: a finished turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agent.answering.extract import place
from agent.answering.types import Citation
from prompts import texts

__all__ = ["HIGH", "MEDIUM", "Language", "Result", "level", "listed", "placed"]

Language = Literal["zh", "en"]
HIGH, MEDIUM = 0.75, 0.5  # confidence is called high and medium from these on


@dataclass(frozen=True)
class Result:
    """A finished turn, whatever its outcome.

    Args:
        question: what was asked.
        text: the verified answer, the refusal or what is asked back.
        action: the outcome.
        citations: what its markers stand for.
        confidence: from 0 to 1.
        grounded: whether every claim is supported.
        language: of the answer.
    """

    question: str
    text: str
    action: str
    citations: Sequence[Citation] = ()
    confidence: float = 0.0
    grounded: bool = False
    language: Language = "en"


def level(confidence: float) -> Literal["high", "medium", "low"]:
    """Return a confidence in words: high, medium or low."""
    return "high" if confidence >= HIGH else "medium" if confidence >= MEDIUM else "low"


def placed(citation: Citation, language: Language) -> str:
    """Return the place of a citation in words, on one line."""
    return " ".join(place(citation["location"], texts("messages", language)).split())


def listed(result: Result) -> list[str]:
    """Return the sources of an answer, one line for each marker: [1]《…》（第3页）."""
    words: dict[str, Any] = texts("messages", result.language)
    lines: dict[int, str] = {}
    for citation in sorted(result.citations, key=lambda one: one["marker"]):
        where = placed(citation, result.language)
        line = words["fields_source"].format(
            marker=citation["marker"],
            title=" ".join(citation["title"].split()),
            place=words["fields_place"].format(place=where) if where else "",
        )
        lines.setdefault(citation["marker"], line)
    return list(lines.values())
