"""Filling a tool's arguments from a question, without a model.

Enumerations are found by their values and aliases, periods and dates by their wording, numbers and
codes by their form. What is required and not found is asked back; nothing is ever guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from agent.tools.types import Parameter, Tool
from indexes.text import normalize, numbers, period_spans, periods

__all__ = ["Filled", "FoundValue", "fill_arguments", "find_slots"]


@dataclass(frozen=True)
class FoundValue:
    """A value of an argument as it stands in a text."""

    argument: str
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Filled:
    """Arguments found, and the required parameters that were not."""

    args: dict[str, Any]
    missing: tuple[Parameter, ...]

    @property
    def share(self) -> float:
        """Which share of the required arguments is there."""
        total = self.required
        return (total - len(self.missing)) / total if total else 0.0

    required: int = 0


def fill_arguments(
    tool: Tool, question: str, *, today: date, known: Mapping[str, Any] | None = None
) -> Filled:
    """Find a tool's arguments in a question.

    Args:
        tool: the tool.
        question: the standalone question.
        today: what relative dates count from.
        known: arguments found in an earlier turn, used where the question names none.
    """
    args: dict[str, Any] = {}
    for parameter in tool.parameters:
        value = _value(parameter, question, today)
        if value is None and known is not None:
            value = known.get(parameter.name)
        if value is not None:
            args[parameter.name] = value
    required = [parameter for parameter in tool.parameters if parameter.required]
    missing = tuple(parameter for parameter in required if parameter.name not in args)
    return Filled(args, missing, len(required))


def find_slots(tools: Sequence[Tool], text: str) -> list[FoundValue]:
    """Find the enumeration values and periods that a text names; a period's value is its wording."""
    lowered = text.lower()
    found = [
        FoundValue("period", text[start:end], start, end)
        for start, end, _ in period_spans(text, today=date.today())
    ][:1]
    for parameter in {p.name: p for tool in tools for p in tool.parameters}.values():
        hit = _enumerated(parameter, lowered)
        if hit is not None and not (hit.argument == "period" and found):
            found.append(hit)
    return found


def _value(parameter: Parameter, question: str, today: date) -> Any:
    if parameter.choices:
        hit = _enumerated(parameter, question.lower())
        return hit.value if hit else None
    if parameter.format in {"period", "date"}:
        return _period(parameter, question, today)
    hit = _enumerated(parameter, question.lower())
    if hit is not None:
        return hit.value
    if parameter.kind in {"integer", "number"}:
        found = numbers(question)
        convert = int if parameter.kind == "integer" else float
        try:
            return convert(found[0]) if found else None
        except ValueError:
            return None
    if parameter.pattern:
        match = re.search(parameter.pattern.strip("^$"), question)
        return match.group() if match else None
    quoted = re.search(r"[《“\"「](.+?)[》”\"」]", question)
    return quoted.group(1) if quoted else None


def _enumerated(parameter: Parameter, lowered: str) -> FoundValue | None:
    """Return the choice that the text names by the longest wording."""
    wordings = {choice.lower(): choice for choice in parameter.choices}
    wordings |= {alias.lower(): value for alias, value in parameter.aliases.items()}
    best: FoundValue | None = None
    for wording, value in wordings.items():
        pattern = re.escape(wording)
        if wording.isascii():
            pattern = rf"(?<![a-z0-9]){pattern}(?![a-z0-9])"
        match = re.search(pattern, lowered)
        if match and (best is None or match.end() - match.start() > best.end - best.start):
            best = FoundValue(parameter.name, value, match.start(), match.end())
    return best


def _period(parameter: Parameter, question: str, today: date) -> str | None:
    text = normalize(question)
    for period in periods(text, today=today):
        if period.year is None:
            continue
        value = period.iso()
        if not parameter.pattern or re.fullmatch(parameter.pattern, value):
            return value
    alias = _enumerated(parameter, question.lower())
    return alias.value if alias else None
