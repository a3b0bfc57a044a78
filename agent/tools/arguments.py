"""Filling a tool's arguments from a question, without a model.

Enumerations are found by their values and aliases, periods and dates by their wording, numbers and
codes by their form. What is required and not found is asked back; nothing is ever guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from agent.tools.types import Parameter, Tool
from indexes.text import content_terms, normalize, numbers, period_spans, periods

__all__ = ["Filled", "FoundValue", "affinity", "fill_arguments", "find_slots"]


RESEMBLANCE = 0.7


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


def affinity(tool: Tool, question: str, *, today: date) -> float:
    """Return how much a question looks like a call of a tool, from 0 to 1.

    The share of the required arguments that it names, times the share of its terms that the
    arguments and the words of the tool's description and examples account for: a question that
    names a project and a year, and something the tool knows nothing of, is no call.
    """
    filled = fill_arguments(tool, question, today=today)
    if not filled.share:
        return 0.0
    terms = content_terms(question)
    known = _vocabulary(tool.description, tool.examples)
    slots = find_slots([tool], question)
    surfaces = normalize(" ".join(question[slot.start : slot.end] for slot in slots))
    explained = sum(
        weight
        for term, weight in terms.items()
        if term in known or term in surfaces or term.startswith("~")
    )
    total = sum(terms.values())
    return filled.share * (explained / total if total else 0.0)


@lru_cache(maxsize=256)
def _vocabulary(description: str, examples: tuple[str, ...]) -> frozenset[str]:
    return frozenset(term for text in (description, *examples) for term in content_terms(text))


def find_slots(tools: Sequence[Tool], text: str) -> list[FoundValue]:
    """Find the enumeration values and periods that a text names; a period's value is its wording."""
    folded = _folded(text)
    found = [
        FoundValue("period", text[start:end], start, end)
        for start, end, _ in period_spans(text, today=date.today())
    ][:1]
    for parameter in {p.name: p for tool in tools for p in tool.parameters}.values():
        hit = _enumerated(parameter, folded)
        if hit is not None and not (hit.argument == "period" and found):
            found.append(hit)
    return found


def _value(parameter: Parameter, question: str, today: date) -> Any:
    if parameter.choices:
        hit = _enumerated(parameter, _folded(question))
        return hit.value if hit else _resembling(parameter, normalize(question))
    if parameter.format in {"period", "date"}:
        return _period(parameter, question, today)
    hit = _enumerated(parameter, _folded(question))
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
    if parameter.aliases:
        return None  # its values have wordings of their own
    quoted = re.search(r"[《“\"「](.+?)[》”\"」]", question)
    return quoted.group(1) if quoted else None


def _folded(text: str) -> str:
    """Return a text in one case and writing, each letter in its place."""
    folded = normalize(text)
    return folded if len(folded) == len(text) else text.lower()


def _enumerated(parameter: Parameter, folded: str) -> FoundValue | None:
    """Return the choice that the text names by the longest wording."""
    best: FoundValue | None = None
    for wording in parameter.wordings:
        # hardly any stands there, which the plain test says sooner than the pattern
        match = wording.pattern.search(folded) if wording.text in folded else None
        if match and (best is None or match.end() - match.start() > best.end - best.start):
            best = FoundValue(parameter.name, wording.value, match.start(), match.end())
    return best


def _resembling(parameter: Parameter, text: str) -> str | None:
    """Return the one choice of which most stands in the text: 计划投 for 计划投资."""
    found = []
    for choice in parameter.choices:
        name = normalize(choice)
        longest = max(
            (
                j - i
                for i in range(len(name))
                for j in range(i + 1, len(name) + 1)
                if name[i:j] in text
            ),
            default=0,
        )
        if longest >= 3 and longest >= RESEMBLANCE * len(name):
            found.append(choice)
    return found[0] if len(found) == 1 else None


def _period(parameter: Parameter, question: str, today: date) -> str | None:
    text = normalize(question)
    for period in periods(text, today=today):
        if period.year is None:
            continue
        value = period.iso()
        if parameter.format == "date" and period.day is None:
            continue
        if not parameter.pattern or re.fullmatch(parameter.pattern, value):
            return value
    alias = _enumerated(parameter, _folded(question))
    return alias.value if alias else None
