"""Results as plain data: what any checkpointer, any endpoint and any reader can take."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from numbers import Integral, Real
from typing import Any

__all__ = ["LONGEST", "NoDataError", "plain", "shortened"]

LONGEST = 20_000  # characters of a result as JSON
WHOLE = 2**63  # integers beyond 64 bits fit into no checkpoint


class NoDataError(TypeError):
    """A value is no data, such as a function or an open file."""


def plain(value: Any) -> Any:
    """Return a value as JSON data: texts, numbers, truth values, None, lists and dicts of them.

    Dates become ISO texts, decimals texts, bytes texts or base64, sets lists, dataclasses and pydantic
    models dicts, numbers that are none null.

    Raises:
        NoDataError: it is no data, or contains itself.
    """
    if isinstance(value, Iterator | AsyncIterator):
        raise NoDataError(type(value).__name__)  # it may have no end
    try:
        text = json.dumps(_jsonable(value), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise NoDataError(type(value).__name__) from error
    readable = text.encode("utf-8", "replace").decode()  # half a character is no text
    return json.loads(readable, parse_int=_integer, parse_constant=lambda _: None)


def _jsonable(value: Any) -> Any:
    from pydantic_core import to_jsonable_python

    try:
        return to_jsonable_python(value, fallback=_number, bytes_mode="utf8")
    except UnicodeDecodeError:
        return to_jsonable_python(value, fallback=_number, bytes_mode="base64")


def _number(value: Any) -> Any:
    """Return a number of another library, such as numpy's, as Python's."""
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(type(value).__name__)


def _integer(digits: str) -> int | str:
    number = int(digits) if len(digits) < 25 else WHOLE
    return number if -WHOLE <= number < WHOLE else digits


def shortened(data: Any, note: str, *, longest: int = LONGEST) -> Any:
    """Return plain data that is not too long, with a note if something was left out.

    Of a dict the short values stay whole, of a list the first elements, of a text its beginning.

    Args:
        data: plain data.
        note: what to say then; `{total}` is replaced by the length.
        longest: characters of the data as JSON.
    """
    total = _length(data)
    if total <= longest:
        return data
    said = note.format(total=total)
    if isinstance(data, dict):
        return {**_fitting(data, longest), "note": said}
    if isinstance(data, list):
        return {"result": _fitting(data, longest), "note": said}
    return f"{_fitting(str(data), longest)}…\n{said}"


def _length(data: Any) -> int:
    return len(json.dumps(data, ensure_ascii=False))


def _fitting(data: Any, room: int) -> Any:
    """Return what of the data fits into a number of characters."""
    if _length(data) <= room:
        return data
    if isinstance(data, str):
        return data[: max(room - 2, 0)]
    if isinstance(data, dict):
        kept: dict[str, Any] = {}
        for name in sorted(data, key=lambda name: _length(data[name])):
            room -= len(name) + 6
            if room <= 0:
                break
            kept[name] = _fitting(data[name], room)
            room -= _length(kept[name])
        return {name: kept[name] for name in data if name in kept}
    if isinstance(data, list):
        some: list[Any] = []
        for value in data:
            length = _length(value) + 2
            if length > room:
                break
            some.append(value)
            room -= length
        return some or [_fitting(value, room) for value in data[:1]]
    return data
