"""Filling a tool's arguments from a question, without a model.

Enumerations are found by their values and aliases, periods and dates by their wording, numbers and
codes by their form. What is required and not found is asked back; nothing is ever guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

from agent.tools.types import Parameter, Tool
from indexes.text import NOUN, Period, content_terms, normalize, numbers, period_spans, periods

__all__ = ["Filled", "FoundValue", "affinity", "fill_arguments", "find_slots"]

RESEMBLANCE = 0.7
ELSEWHERE = 0.5  # of a question that names another thing than a tool can be asked for


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
    names a project and a year, and something the tool knows nothing of, is no call. All the less where
    one of few values is not named: what the question names instead is none of them.
    """
    filled = fill_arguments(tool, question, today=today)
    if not filled.share:
        return 0.0
    terms = content_terms(question)
    known = _vocabulary(tool.description, tool.examples)
    slots = find_slots([tool], question)
    surfaces = normalize(" ".join(question[slot.start : slot.end] for slot in slots))
    strange = {
        term: weight
        for term, weight in terms.items()
        if not (term in known or term in surfaces or term.startswith("~"))
    }
    total = sum(terms.values())
    explained = 1 - sum(strange.values()) / total if total else 0.0
    other = any(weight >= NOUN for weight in strange.values())
    if other and any(parameter.choices for parameter in filled.missing):
        explained *= ELSEWHERE
    return filled.share * explained


@lru_cache(maxsize=256)
def _vocabulary(description: str, examples: tuple[str, ...]) -> frozenset[str]:
    return frozenset(term for text in (description, *examples) for term in content_terms(text))


def find_slots(tools: Sequence[Tool], text: str) -> list[FoundValue]:
    """Find the enumeration values, codes and times that a text names; a time's value is its wording.

    Codes are required arguments that are known by their pattern, such as an order's number.
    """
    folded = _folded(text)
    found = [
        FoundValue("period", text[start:end], start, end)
        for start, end, _ in period_spans(text, today=date.today())
    ][:1]
    for parameter in (parameter for tool in tools for parameter in tool.parameters):
        hit = _slot(parameter, text, folded)
        if hit is None or hit in found:
            continue
        if hit.argument != "period" or all(one.argument != "period" for one in found):
            found.append(hit)
    return found


def _slot(parameter: Parameter, text: str, folded: str) -> FoundValue | None:
    hit = _enumerated(parameter, folded)
    if hit is not None and parameter.format in {"period", "date"}:
        return FoundValue("period", text[hit.start : hit.end], hit.start, hit.end)
    if hit is None and parameter.required and parameter.pattern and not parameter.aliases:
        code = _matching(parameter.pattern.strip("^$"), text)
        if code is not None and (start := text.find(code)) >= 0:
            return FoundValue(parameter.name, code, start, start + len(code))
    return hit


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
        return _matching(parameter.pattern.strip("^$"), question)
    if parameter.aliases:
        return None  # its values have wordings of their own
    quoted = re.search(r"[《“\"「](.+?)[》”\"」]", question)
    return quoted.group(1) if quoted else None


def _matching(pattern: str, text: str) -> str | None:
    """Return what fits a pattern and is no part of a longer word or number, in full width as well."""
    found = re.compile(pattern)
    for one in (text, unicodedata.normalize("NFKC", text)):
        for match in found.finditer(one):
            if match.group() and _is_apart(one, match.start(), match.end()):
                return match.group()
    return None


def _is_apart(text: str, start: int, end: int) -> bool:
    """Say whether a stretch neither begins nor ends inside a Latin word or a number."""

    def joined(before: str, after: str) -> bool:
        return (before + after).isascii() and before.isalnum() and after.isalnum()

    return not (
        joined(text[start - 1 : start], text[start : start + 1])
        or joined(text[end - 1 : end], text[end : end + 1])
    )


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


def _nearest(period: Period, today: date) -> Period:
    """Return a day of the year as the one that is nearest to today: 1月3日, asked in December."""
    days = []
    for year in (today.year - 1, today.year, today.year + 1):
        with suppress(ValueError):  # 29 February, or no day at all
            days.append(date(year, period.month or 0, period.day or 0))
    if not days:
        return period
    return replace(period, year=min(days, key=lambda day: abs(day - today)).year)


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
                if _is_apart(name, i, j) and _stands(name[i:j], text)
            ),
            default=0,
        )
        if longest >= 3 and longest >= RESEMBLANCE * len(name):
            found.append(choice)
    return found[0] if len(found) == 1 else None


def _stands(part: str, text: str) -> bool:
    """Say whether a part of a name stands in a text, but not inside a code: seal in seals, no VX-20 in VX-20S."""
    start = text.find(part)
    coded = any(sign.isdigit() for sign in part)
    return start >= 0 and (not coded or _is_apart(text, start, start + len(part)))


def _period(parameter: Parameter, question: str, today: date) -> str | None:
    text = normalize(question)
    for period in periods(text, today=today):
        if period.year is None:
            period = _nearest(period, today)
        if period.year is None:
            continue
        value = period.iso()
        if parameter.format == "date" and period.day is None:
            continue
        if not parameter.pattern or re.fullmatch(parameter.pattern, value):
            return value
    alias = _enumerated(parameter, _folded(question))
    return alias.value if alias else None
