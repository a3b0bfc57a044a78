"""What people filter by (`Where`), compiled into what stores filter by (`Filter`).

A point keeps what can be filtered in its payload under `meta`: keywords as they are, numbers as
numbers, dates as the number 20240131, and of texts the terms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from indexes.base import Kind
from indexes.errors import UsageError
from indexes.text import phrase_terms, tokens
from indexes.types import BUILTIN_FIELDS, AnyOf, Condition, FieldType, Range, Value, Where

__all__ = ["compile_where", "metadata", "stored_fields"]

BOUNDS = ("gte", "gt", "lte", "lt")
_DATE = re.compile(r"(\d{4})(?:\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2}))?)?(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")


def stored_fields(declared: Mapping[str, FieldType]) -> dict[str, Kind]:
    """Return the payload fields that the filterable fields of an index are kept in."""
    every = {**BUILTIN_FIELDS, **declared}
    return {
        f"meta.{name}": "number" if kind in {"number", "date"} else "keyword"
        for name, kind in every.items()
    }


def metadata(values: Mapping[str, Any], declared: Mapping[str, FieldType]) -> dict[str, Any]:
    """Return the payload's `meta` of a document; fields without a usable value are left out.

    Args:
        values: the document's title, date, language and own fields.
        declared: the fields of its index, with their types.
    """
    out: dict[str, Any] = {}
    for name, kind in {**BUILTIN_FIELDS, **declared}.items():
        value = values.get(name)
        if value is None or value == "":
            continue
        kept = _last_day(value) if name == "expires" else _kept(kind, value)
        if kept is not None:
            out[name] = kept
    return out


def _kept(kind: FieldType, value: Any) -> Any:
    if kind == "keyword":
        return [str(one) for one in value] if isinstance(value, list) else str(value)
    if kind == "text":
        return sorted(set(tokens(str(value))))
    if kind == "date":
        days = _days(str(value))
        return None if days is None else days[0]
    return _number(value)


def _last_day(value: Any) -> int | None:
    """Return the last day of a date, month or year: what expires in June holds all of June."""
    days = _days(str(value))
    return None if days is None else days[1]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def compile_where(where: Where | None, declared: Mapping[str, FieldType]) -> tuple[Condition, ...]:
    """Return a filter's conditions.

    Args:
        where: the filter; None and an empty one mean everything.
        declared: the fields of the index beside the built-in ones.

    Raises:
        UsageError: a field is unknown or a condition does not fit its field.
    """
    if where is None:
        return ()
    if not isinstance(where, Mapping):
        raise UsageError(
            f"A filter is a mapping from fields to conditions, not {where!r}.",
            fix='write for example {"language": "zh"}.',
        )
    known = {**BUILTIN_FIELDS, **declared}
    out: list[Condition] = []
    for name, condition in where.items():
        if name == "document":
            out += _compiled(name, "document", "keyword", condition)
        elif name in known:
            out += _compiled(name, f"meta.{name}", known[name], condition)
        else:
            raise UsageError(
                f"There is no field {name!r} to filter by.",
                fix=f"use one of: {', '.join(['document', *known])}.",
            )
    return tuple(out)


def _compiled(name: str, field: str, kind: FieldType, condition: Any) -> list[Condition]:
    if isinstance(condition, Mapping):
        if set(condition) == {"text"} and kind == "text":
            return _words(name, field, condition["text"])
        if condition and set(condition) <= set(BOUNDS) and kind in {"number", "date"}:
            return [_range(name, field, kind, condition)]
        raise _unfit(name, kind, condition)
    values = _listed(condition)
    if not values or any(isinstance(one, Mapping) or one is None for one in values):
        raise _unfit(name, kind, condition)
    if kind == "keyword":
        return [AnyOf(field, tuple(str(one) for one in values))]
    if kind == "text":
        if len(values) != 1:
            raise _unfit(name, kind, condition)
        return _words(name, field, values[0])
    if len(values) != 1:
        raise UsageError(
            f"The field {name!r} is a {kind} and cannot be one of several.",
            fix='use a range, such as {"gte": …, "lte": …}.',
        )
    return [_range(name, field, kind, {"gte": values[0], "lte": values[0]})]


def _words(name: str, field: str, text: Any) -> list[Condition]:
    terms = phrase_terms(str(text))
    if not terms:  # no condition would mean every document
        raise _unfit(name, "text", text)
    return [AnyOf(field, (term,)) for term in terms]


def _range(name: str, field: str, kind: FieldType, bounds: Mapping[str, Any]) -> Range:
    found: dict[str, float] = {}
    for bound, value in bounds.items():
        if kind == "date":
            days = _days(str(value))
            if days is None:
                raise _unfit(name, kind, bounds)
            first, last = days
            # a month or year is all of its days: after 2024 means from 2025 on
            found[bound] = first if bound in {"gte", "lt"} else last
        else:
            number = _number(value)
            if number is None:
                raise _unfit(name, kind, bounds)
            found[bound] = number
    return Range(field, **found)


def _days(text: str) -> tuple[int, int] | None:
    """Return the first and last day of a date, month or year, as numbers like 20240131."""
    match = _COMPACT.match(text.strip()) or _DATE.match(text.strip())
    if match is None:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    first = year * 10000 + (month or 1) * 100 + (day or 1)
    return first, year * 10000 + (month or 12) * 100 + (day or 31)


def _listed(condition: Any) -> Sequence[Value]:
    if isinstance(condition, list | tuple):
        return condition
    return [condition]


def _unfit(name: str, kind: str, condition: Any) -> UsageError:
    return UsageError(
        f"The condition {condition!r} does not fit the field {name!r}, which is a {kind}.",
        fix="a keyword equals a value or one of a list; a number or date lies in a range such as "
        '{"gte": …, "lt": …}; a text has words: {"text": "…"}.',
    )
