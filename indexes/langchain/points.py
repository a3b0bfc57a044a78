"""A point as LangChain writes it, as the store keeps it, and its vectors back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import models

from indexes.base import Point
from indexes.errors import UsageError
from indexes.filters import metadata
from indexes.langchain.translation import sparse_of, written_id
from indexes.text import language
from indexes.types import FieldType

__all__ = ["ORIGIN", "stored", "vectors_of"]

ORIGIN = "langchain"  # the payload's mark of what was not ingested, and may be deleted here


def stored(
    index: str,
    given: models.PointStruct,
    access: Sequence[str],
    fields: Mapping[str, FieldType],
) -> Point:
    """Return a chunk as Waypost's searches need it, made of a text and metadata.

    Args:
        index: the index that it is for.
        given: its text and metadata are in the payload under those names; of the metadata,
            `document`, `title`, `uri` (or `source`), `location` and the fields mean what they say.
        access: the groups that may see it.
        fields: the index's filterable fields.

    Raises:
        UsageError: it has no text, or its vectors have no names.
    """
    payload = given.payload or {}
    text, own = payload.get("text"), payload.get("metadata") or {}
    if not isinstance(text, str) or not isinstance(given.vector, dict):
        raise UsageError(
            f"The point {given.id!r} has no 'text' in its payload, or no named vectors.",
            fix="write with WaypostVectorStore.",
        )
    document = str(own.get("document") or given.id)
    title = str(own.get("title") or document)
    location = own.get("location")
    dense: dict[str, Sequence[float]] = {}
    sparse = {}
    for name, vector in given.vector.items():
        if isinstance(vector, models.SparseVector):
            sparse[name] = sparse_of(vector)
        else:
            dense[name] = vector  # type: ignore[assignment]  # the store checks it
    return Point(
        id=written_id(index, given.id),
        payload={
            "text": text,
            "metadata": own,
            "id": str(given.id),
            "origin": ORIGIN,
            "index": index,
            "document": document,
            "access": list(access),
            "title": title,
            "uri": str(own.get("uri") or own.get("source") or ""),
            "meta": metadata({"language": language(text), **own, "title": title}, fields),
            "ordinal": 0,
            "header": title,
            "path": [],
            "spans": [{"start": 0, "location": location if isinstance(location, dict) else {}}],
        },
        dense=dense,
        sparse=sparse,
    )


def vectors_of(point: Point) -> dict[str, Any]:
    """Return a point's vectors as qdrant-client has them."""
    sparse = {
        name: models.SparseVector(indices=list(one.ids), values=list(one.weights))
        for name, one in point.sparse.items()
    }
    return {**{name: list(vector) for name, vector in point.dense.items()}, **sparse}
