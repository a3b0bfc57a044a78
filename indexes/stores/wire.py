"""What goes over the socket between the process that owns a store and those that use it.

A frame is its length in four bytes, then MessagePack: `[id, method, arguments]` one way,
`[id, result, null]` or `[id, null, {code, message, fix}]` the other.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from typing import IO, Any

import ormsgpack

from indexes import errors
from indexes.base import Change, Delete, Hit, Point, Query, SetPayload, Sparse, Upsert
from indexes.errors import StoreError
from indexes.types import AnyOf, Condition, Filter, Ids, Not, Range

__all__ = [
    "HEADER",
    "as_change",
    "as_error",
    "as_filter",
    "as_hit",
    "as_point",
    "as_query",
    "frame",
    "read_frame",
    "unpack",
]

HEADER = struct.Struct(">I")
MOST = 2**31  # bytes of one frame
_ERRORS = {
    error.code: error
    for error in (errors.StoreError, errors.StoreLockedError, errors.StoreSchemaError)
}


def frame(message: Any) -> bytes:
    """Return a message as the bytes of one frame.

    Dataclasses become maps, NumPy's arrays lists, Python's the bytes that they are in memory.

    Raises:
        StoreError: it is no plain data, or too much of it.
    """
    try:
        data = ormsgpack.packb(message, _bytes_of, option=ormsgpack.OPT_SERIALIZE_NUMPY)
    except (TypeError, ValueError) as error:
        raise StoreError(f"A message to the store cannot be written: {error}.") from error
    if len(data) >= MOST:
        raise StoreError(f"A message to the store has {len(data)} bytes, which is too much.")
    return HEADER.pack(len(data)) + data


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, array):
        return value.tobytes()
    raise TypeError(f"{type(value).__name__} is no plain data")


def unpack(data: bytes) -> Any:
    """Return the message of a frame's bytes after its header."""
    return ormsgpack.unpackb(data)


def read_frame(stream: IO[bytes]) -> Any:
    """Return the next message of a pipe; None if it has ended."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size = HEADER.unpack(header)[0]
    data = stream.read(size)
    return unpack(data) if len(data) == size else None


def as_error(data: Mapping[str, str]) -> StoreError:
    """Return the error that the other side raised."""
    return _ERRORS.get(data["code"], StoreError)(data["message"], fix=data["fix"])


def as_hit(data: Mapping[str, Any]) -> Hit:
    """Return a hit from plain data."""
    return Hit(data["id"], data["score"], data["payload"])


def as_point(data: Mapping[str, Any]) -> Point:
    """Return a point from plain data."""
    return Point(
        data["id"],
        data["payload"],
        data["dense"],
        {name: _sparse(**sparse) for name, sparse in data["sparse"].items()},
    )


def _sparse(ids: Sequence[int] | bytes, weights: Sequence[float] | bytes) -> Sparse:
    if isinstance(ids, bytes):
        ids = array("I", ids)
    if isinstance(weights, bytes):
        weights = array("f", weights)
    return Sparse(ids, weights)


def as_change(data: Mapping[str, Any]) -> Change:
    """Return a change from plain data."""
    level = data["level"]
    if "points" in data:
        return Upsert(level, [as_point(point) for point in data["points"]])
    where = as_filter(data["where"])
    return SetPayload(level, where, data["payload"]) if "payload" in data else Delete(level, where)


def as_query(data: Mapping[str, Any]) -> Query:
    """Return a query from plain data."""
    sparse, dense, corpus = data["sparse"], data["dense"], data["corpus"]
    return Query(
        filter=as_filter(data["filter"]),
        limit=data["limit"],
        sparse=None if sparse is None else (sparse[0], Sparse(**sparse[1])),
        dense=None if dense is None else (dense[0], dense[1]),
        corpus=None if corpus is None else as_filter(corpus),
        candidates=data["candidates"],
        weights=data["weights"],
        fields=data["fields"],
    )


def as_filter(data: Mapping[str, Any]) -> Filter:
    """Return a filter from plain data."""
    return Filter(tuple(_condition(one) for one in data["conditions"]))


def _condition(data: Mapping[str, Any]) -> Condition:
    if "range" in data:
        return Not(Range(**data["range"]))
    if "values" not in data:
        return Range(**data)
    if "field" not in data:
        return Ids(tuple(data["values"]))
    return AnyOf(data["field"], tuple(data["values"]))
