"""What qdrant-client's requests say, in the words of stores; what stores cannot do is refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qdrant_client import models

from indexes.base import Sparse, document_id
from indexes.errors import UsageError
from indexes.types import AnyOf, Condition, Ids, Range

__all__ = [
    "fields_of",
    "known_ids",
    "refuse",
    "sparse_of",
    "translated",
    "unsupported",
    "written_id",
]


def unsupported(what: str) -> UsageError:
    """Return the error for a request that stores cannot fulfil."""
    return UsageError(
        f"A Waypost store does not support {what}.",
        fix="use Filter(must=[…]) of MatchValue, MatchAny, Range and HasIdCondition, and "
        "dense, sparse or fused searches.",
    )


def refuse(options: Mapping[str, Any], *harmless: str) -> None:
    """Refuse options that have a value, but for the harmless ones."""
    for name, value in options.items():
        if value is not None and name not in harmless:
            raise unsupported(f"the option {name!r}")


def written_id(index: str, given: Any) -> str:
    """Return the store's id of a point that is written here: never that of an ingested chunk."""
    return document_id(index, f"\0langchain\0{given}")


def known_ids(index: str, given: Any) -> list[str]:
    """Return the ids that a given one may stand for: of a point written here, or of any chunk."""
    try:
        return [written_id(index, given), str(uuid.UUID(str(given)))]
    except ValueError:
        return [written_id(index, given)]


def translated(where: models.Filter | None, index: str) -> Iterator[Condition]:
    """Yield a filter's conditions.

    Raises:
        UsageError: it has a part that stores do not know, which the message names.
    """
    if where is None:
        return
    for part in ("should", "min_should", "must_not"):
        if getattr(where, part):
            raise unsupported(f"{part!r} in a filter")
    for one in where.must if isinstance(where.must, list) else [where.must]:
        if isinstance(one, models.Filter):
            yield from translated(one, index)
        elif isinstance(one, models.HasIdCondition):
            yield Ids(tuple(known for given in one.has_id for known in known_ids(index, given)))
        elif isinstance(one, models.FieldCondition):
            yield from _of_field(one)
        elif one is not None:
            raise unsupported(f"a {type(one).__name__} in a filter")


def _of_field(one: models.FieldCondition) -> Iterator[Condition]:
    given = {name for name in type(one).model_fields if getattr(one, name) is not None}
    for name in sorted(given - {"key", "match", "range"}):
        raise unsupported(f"{name!r} in the condition on {one.key!r}")
    if isinstance(one.match, models.MatchValue):
        yield AnyOf(one.key, _values(one.key, [one.match.value]))
    elif isinstance(one.match, models.MatchAny):
        yield AnyOf(one.key, _values(one.key, one.match.any))
    elif one.match is not None:
        raise unsupported(f"a {type(one.match).__name__} in the condition on {one.key!r}")
    if isinstance(one.range, models.Range):
        bounds = one.range
        yield Range(one.key, gte=bounds.gte, gt=bounds.gt, lte=bounds.lte, lt=bounds.lt)
    elif one.range is not None:
        raise unsupported(f"a {type(one.range).__name__} in the condition on {one.key!r}")
    if given == {"key"}:
        raise unsupported(f"an empty condition on {one.key!r}")


def _values(key: str, values: Sequence[Any]) -> tuple[str | int, ...]:
    if any(isinstance(value, bool) for value in values):
        raise unsupported(f"a truth value in the condition on {key!r}")
    return tuple(values)


def sparse_of(vector: models.SparseVector) -> Sparse:
    """Return a sparse vector as stores take it, its token ids ascending."""
    pairs = sorted(zip(vector.indices, vector.values, strict=True))
    return Sparse([token for token, _ in pairs], [weight for _, weight in pairs])


def fields_of(wanted: Any) -> tuple[str, ...] | None:
    """Return the payload fields that `with_payload` asks for; None: all of them."""
    if wanted is True:
        return None
    if isinstance(wanted, models.PayloadSelectorInclude):
        wanted = wanted.include
    if isinstance(wanted, models.PayloadSelectorExclude | Mapping | str):
        raise unsupported("this 'with_payload'")
    return tuple(wanted or ())
