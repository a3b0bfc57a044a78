"""What the engines share: which points and queries they take, and the fusion that none of them has."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from typing import Any

from indexes.base import SPARSE, Hit, Level, Point, Query, Schema, Sparse
from indexes.errors import StoreError
from indexes.types import AnyOf, Range

__all__ = [
    "SCHEMA_VERSION",
    "UPSERT",
    "as_point",
    "check_query",
    "checked",
    "min_max",
    "numbers",
    "parted",
    "rarities",
]

SCHEMA_VERSION = 3  # of what points are made of; a store of another version is filled anew
UPSERT = 256  # points written at once


def min_max(branches: Sequence[Sequence[Hit]], weights: Sequence[float], limit: int) -> list[Hit]:
    """Fuse branches by the weighted sum of their scores, each scaled to 0 to 1."""
    totals: dict[str, float] = {}
    hits: dict[str, Hit] = {}
    for found, weight in zip(branches, weights, strict=True):
        low = min((hit.score for hit in found), default=0.0)
        span = max((hit.score for hit in found), default=0.0) - low
        for hit in found:
            part = (hit.score - low) / span if span > 0 else 1.0
            totals[hit.id] = totals.get(hit.id, 0.0) + weight * part
            hits[hit.id] = hit
    best = sorted(totals, key=lambda key: (-totals[key], key))[:limit]
    return [Hit(key, totals[key], hits[key].payload) for key in best]


def numbers(vector: Any) -> list[float]:
    """Return a vector as engines take it, from an array or a list."""
    return list(vector.tolist() if hasattr(vector, "tolist") else vector)


def checked(level: Level, points: Sequence[Point], schema: Schema) -> list[Point]:
    """Return points that an engine may be given, with their vectors as lists.

    Engines take some bad points silently, or take half a batch before they refuse; the embedded one
    never opens again after a sparse vector of unequal lengths.

    Raises:
        StoreError: an id is no UUID, or a vector is unknown, of another length or not finite.
    """
    out: list[Point] = []
    for point in points:
        what = f"Point {point.id}"
        try:
            uuid.UUID(point.id)
        except ValueError as error:
            raise StoreError(f"{what} has an id that is no UUID.") from error
        dense = {name: _dense(what, name, vector, schema) for name, vector in point.dense.items()}
        sparse = {name: _sparse(what, level, name, vector) for name, vector in point.sparse.items()}
        out.append(Point(point.id, point.payload, dense, sparse))
    return out


def check_query(level: Level, query: Query, schema: Schema) -> None:
    """Check that an engine may be asked this.

    Raises:
        StoreError: a vector is unknown, of another length or not finite.
    """
    if query.dense is not None:
        _dense("A query", *query.dense, schema)
    if query.sparse is not None:
        _sparse("A query", level, *query.sparse)


def _dense(what: str, name: str, vector: Any, schema: Schema) -> list[float]:
    space = schema.spaces.get(name)
    own = numbers(vector)
    if space is None or len(own) != space.dimension:
        known = {name: space.dimension for name, space in schema.spaces.items()}
        raise StoreError(
            f"{what} has a vector {name!r} of {len(own)} numbers; the store has {known}."
        )
    if not all(map(math.isfinite, own)):
        raise StoreError(f"{what} has a vector {name!r} that is not finite.")
    return own


def _sparse(what: str, level: Level, name: str, sparse: Sparse) -> Sparse:
    if name not in SPARSE[level]:
        raise StoreError(
            f"{what} has a sparse vector {name!r}; {level} have {', '.join(SPARSE[level])}."
        )
    ids, weights = list(sparse.ids), list(sparse.weights)
    if len(ids) != len(weights) or len(set(ids)) != len(ids):
        raise StoreError(f"{what} has a vector {name!r} without one weight for each id.")
    if ids and not 0 <= min(ids) <= max(ids) < 2**32:
        raise StoreError(f"{what} has a vector {name!r} with an id that has not 32 bits.")
    if not math.isfinite(sum(weights)) and not all(map(math.isfinite, weights)):
        raise StoreError(f"{what} has a vector {name!r} that is not finite.")
    return Sparse(ids, weights)


def as_point(level: Level, record: Any) -> Point:
    """Return an engine's record, read with its vectors, as a point."""
    vectors = record.vector or {}
    return Point(
        str(record.id),
        record.payload or {},
        {name: one for name, one in vectors.items() if name not in SPARSE[level]},
        {
            name: Sparse(one.indices, one.values)
            for name, one in vectors.items()
            if name in SPARSE[level]
        },
    )


def rarities(name: str, tokens: Sequence[Sparse], answers: Sequence[Sequence[Any]]) -> list[float]:
    """Return inverse document frequencies from the best hit of a search for each token alone.

    Such a search scores idf · weight, and the found point's own vector holds the weight.

    Args:
        name: the sparse vector.
        tokens: one-token vectors; an empty one was not searched for, and has 0.
        answers: the hits of the others, in their order.
    """
    known: dict[int, float] = {}
    for token, hits in zip([one for one in tokens if one.ids], answers, strict=True):
        if hits and hits[0].vector:
            stored = hits[0].vector[name]
            weight = dict(zip(stored.indices, stored.values, strict=True)).get(token.ids[0], 0.0)
            value = hits[0].score / weight if weight > 0 else 0.0
            known[token.ids[0]] = value if math.isfinite(value) else 0.0
    return [known.get(token.ids[0], 0.0) if token.ids else 0.0 for token in tokens]


def parted(condition: AnyOf) -> tuple[list[str], list[Range]]:
    """Return a condition's words, and its numbers as ranges: those have an index, and 3 is 3.0."""
    words = [value for value in condition.values if isinstance(value, str)]
    numbers = [value for value in condition.values if not isinstance(value, str)]
    return words, [Range(condition.field, gte=value, lte=value) for value in numbers]
