"""A Waypost store as a `QdrantClient`, as far as LangChain's `QdrantVectorStore` uses one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from qdrant_client import models
from qdrant_client.http.models import QueryResponse

from indexes.access import visible_to
from indexes.base import SPARSE, Hit, Point, Query, Schema, Store
from indexes.errors import UsageError
from indexes.langchain.background import Background
from indexes.langchain.points import ORIGIN, stored
from indexes.langchain.search import Search
from indexes.langchain.translation import fields_of, known_ids, refuse, translated, unsupported
from indexes.types import AnyOf, FieldType, Filter, Ids, Principal

__all__ = ["StoreClient"]

DONE = models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)


@dataclass(frozen=True)
class _Wanted:
    """What to return of each hit."""

    payload: Any
    vectors: Any

    @property
    def fields(self) -> tuple[str, ...] | None:
        """The payload fields to read: those asked for, and the id that LangChain knows."""
        fields = fields_of(self.payload)
        return fields if fields is None else (*fields, "id")


class StoreClient:
    """Chunks of indexes as collections of the same names: read as one principal, written for some.

    Every read and deletion is limited to the collection's index and to what the principal may see.
    Ids may be any text: those that are no UUIDs are stored as one, and come back as they were given.
    The store stays open when the client is closed; what the client's own thread has open does not.

    Args:
        store: the store.
        schema: what the store's points are made of.
        principal: who reads; None sees public points only.
        access: the groups that may see what is written, ("*",) for everyone; None: the principal's.
        fields: each index's filterable fields, which are kept of what is written.
        candidates: how deep each branch of a fused search is read at least; LangChain asks for k.
    """

    def __init__(
        self,
        store: Store,
        schema: Schema,
        *,
        principal: Principal | None = None,
        access: Sequence[str] | None = None,
        fields: Mapping[str, Mapping[str, FieldType]] | None = None,
        candidates: int = 60,
    ) -> None:
        self.background = Background()
        self._store = store
        self._schema = schema
        self._principal = principal
        self._access = access
        self._fields = fields or {}
        self._search = Search(store, schema, candidates)

    def close(self) -> None:
        """End the client's thread and hang up."""
        self.background.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def collection_exists(self, collection_name: str) -> bool:
        """Return True: an index needs no making."""
        return True

    def get_collection(self, collection_name: str) -> models.CollectionInfo:
        """Return the vectors that chunks may have."""
        return models.CollectionInfo.model_construct(
            status=models.CollectionStatus.GREEN,
            config=models.CollectionConfig.model_construct(
                params=models.CollectionParams(
                    vectors={
                        name: models.VectorParams(
                            size=space.dimension, distance=models.Distance.COSINE
                        )
                        for name, space in self._schema.spaces.items()
                    },
                    sparse_vectors={
                        name: models.SparseVectorParams(modifier=models.Modifier.IDF)
                        for name in SPARSE["chunks"]
                    },
                )
            ),
        )

    def upsert(
        self, collection_name: str, points: Sequence[models.PointStruct], **options: Any
    ) -> models.UpdateResult:
        """Insert or replace points that have their text in the payload as `text`.

        Raises:
            UsageError: nobody could see them, a point is not one that Waypost can keep, or an id
                is that of a point of another index or one that the principal may not see.
        """
        refuse(options, "wait")
        if not isinstance(points, list | tuple):
            raise unsupported(f"points as a {type(points).__name__}")
        access, fields = self._writable(), self._fields.get(collection_name, {})
        self.background.run(
            self._write(
                collection_name, [stored(collection_name, one, access, fields) for one in points]
            )
        )
        return DONE

    async def _write(self, index: str, points: Sequence[Point]) -> None:
        if not points:
            return
        ids = Ids(tuple({point.id for point in points}))
        every, own = await self._store.count(
            "chunks", [Filter((ids,)), self._visible(index).and_(ids)]
        )
        if every != own:
            raise UsageError(
                f"{every - own} of the ids written to {index!r} are of points of another index, or "
                "of points that the principal may not see.",
                fix="write under other ids, or with a principal who may see those points.",
            )
        await self._store.upsert("chunks", points)

    def _writable(self) -> list[str]:
        groups = self._access
        if groups is None:
            groups = () if self._principal is None else self._principal.groups
        if not groups:
            raise UsageError(
                "Nobody could see what is written: there is no access list, and the principal has "
                "no groups.",
                fix='pass access=("*",) for everyone, or the groups that may see it.',
            )
        return sorted(set(groups))

    def delete(
        self, collection_name: str, points_selector: Any, **options: Any
    ) -> models.UpdateResult:
        """Delete points by ids or by a filter, of those that were written through LangChain.

        What was ingested, and what the principal may not see, stays.
        """
        refuse(options, "wait")
        chosen = points_selector
        if isinstance(chosen, models.PointIdsList):
            chosen = chosen.points
        if isinstance(chosen, models.FilterSelector):
            chosen = chosen.filter
        if isinstance(chosen, list | tuple):
            chosen = models.Filter(must=[models.HasIdCondition(has_id=list(chosen))])
        if not isinstance(chosen, models.Filter):
            raise unsupported(f"a deletion by {type(chosen).__name__}")
        where = self._allowed(collection_name, chosen).and_(AnyOf("origin", (ORIGIN,)))
        self.background.run(self._store.delete("chunks", where))
        return DONE

    def count(
        self, collection_name: str, count_filter: models.Filter | None = None, **options: Any
    ) -> models.CountResult:
        """Return how many points match; the count is always exact."""
        refuse(options, "exact")
        where = self._allowed(collection_name, count_filter)
        [count] = self.background.run(self._store.count("chunks", [where]))
        return models.CountResult(count=count)

    def retrieve(
        self,
        collection_name: str,
        ids: Sequence[Any],
        with_payload: Any = True,
        with_vectors: Any = False,
        **options: Any,
    ) -> list[models.Record]:
        """Return points by their ids, in that order, as far as they exist and are visible."""
        refuse(options)
        wanted = _Wanted(with_payload, with_vectors)
        asked = list(
            dict.fromkeys(one for given in ids for one in known_ids(collection_name, given))
        )
        return self.background.run(self._retrieve(collection_name, asked, wanted))

    async def _retrieve(
        self, index: str, ids: Sequence[str], wanted: _Wanted
    ) -> list[models.Record]:
        where = self._visible(index).and_(Ids(tuple(ids)))
        found = {hit.id: hit for hit in await self._store.scroll("chunks", where, wanted.fields)}
        hits = [found[one] for one in ids if one in found]
        return [
            models.Record(**{key: part[key] for key in ("id", "payload", "vector")})
            for part in await self._answer(hits, wanted)
        ]

    def scroll(
        self,
        collection_name: str,
        scroll_filter: models.Filter | None = None,
        limit: int = 10,
        offset: Any = None,
        with_payload: Any = True,
        with_vectors: Any = False,
        **options: Any,
    ) -> tuple[list[models.Record], str | None]:
        """Return points in the order of their ids, and the id to go on from (None: end).

        Each call lists the ids of all points that match.
        """
        refuse(options)
        where = self._allowed(collection_name, scroll_filter)
        hits = self.background.run(self._store.scroll("chunks", where, ()))
        ids = sorted(hit.id for hit in hits if offset is None or hit.id >= str(offset))
        wanted = _Wanted(with_payload, with_vectors)
        page = self.background.run(self._retrieve(collection_name, ids[:limit], wanted))
        return page, ids[limit] if limit < len(ids) else None

    def query_points(
        self,
        collection_name: str,
        query: Any = None,
        using: str | None = None,
        prefetch: models.Prefetch | Sequence[models.Prefetch] | None = None,
        query_filter: models.Filter | None = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: Any = True,
        with_vectors: Any = False,
        score_threshold: float | None = None,
        **options: Any,
    ) -> QueryResponse:
        """Return the best hits of a dense or sparse search, of MMR, or of both branches fused.

        Raises:
            UsageError: the search is of another kind, or has options that stores do not know.
        """
        refuse(options)
        wanted = _Wanted(with_payload, with_vectors)
        first = offset or 0
        asked = Query(
            self._allowed(collection_name, query_filter),
            limit + first,
            corpus=self._visible(collection_name),
            fields=wanted.fields,
        )

        async def answered() -> list[dict[str, Any]]:
            hits = await self._search.hits(collection_name, asked, query, using, prefetch)
            kept = [hit for hit in hits if score_threshold is None or hit.score >= score_threshold]
            return await self._answer(kept[first:], wanted)

        found = self.background.run(answered())
        return QueryResponse(points=[models.ScoredPoint(**part, version=0) for part in found])

    async def _answer(self, hits: Sequence[Hit], wanted: _Wanted) -> list[dict[str, Any]]:
        every = await self._search.vectors([hit.id for hit in hits]) if wanted.vectors else {}
        names = wanted.vectors if isinstance(wanted.vectors, list | tuple) else None
        return [
            {
                "id": hit.payload.get("id", hit.id),
                "score": hit.score,
                "payload": hit.payload if wanted.payload else None,
                "vector": {
                    name: vector
                    for name, vector in every.get(hit.id, {}).items()
                    if names is None or name in names
                }
                if wanted.vectors
                else None,
            }
            for hit in hits
        ]

    def _visible(self, index: str) -> Filter:
        return Filter((AnyOf("index", (index,)), visible_to(self._principal)))

    def _allowed(self, index: str, where: models.Filter | None) -> Filter:
        return self._visible(index).and_(*translated(where, index))
