"""A Qdrant server's collections as a store: several machines, or more than one machine can hold.

`<collection>_documents` has an HNSW graph over all its points. `<collection>_chunks` has none: a
hierarchical index searches the chunks of a few documents, which a server finds by the tenant field
`document` and scans, or, in documents of many chunks, by graphs of their own (`payload_m`). So a new
chunk is searchable at once, and nothing is built while millions are written. The chunks of a flat
index are scanned too; quantisation makes that quicker, and above some 100,000 a hierarchical layout.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from indexes.base import (
    SPARSE,
    Change,
    Delete,
    Hit,
    Kind,
    Level,
    Point,
    Query,
    Schema,
    SetPayload,
    Sparse,
    Upsert,
)
from indexes.errors import (
    ConfigurationError,
    StoreError,
    StoreSchemaError,
    StoreUnreachableError,
)
from indexes.settings import StoreSettings
from indexes.stores.common import (
    SCHEMA_VERSION,
    UPSERT,
    as_point,
    check_query,
    checked,
    min_max,
    parted,
    rarities,
)
from indexes.types import Condition, Filter, Ids, Not, Range

__all__ = ["QdrantStore", "connect"]

OLDEST = (1, 19)  # the first server that counts inverse document frequencies over a filter
REQUEST_BYTES = 28 * 2**20  # of a write; a server takes 32 MiB
PAGE = 1000
OVERSAMPLING = 4.0  # with turbo4, recall 1.0 in trials
LATER = {429, 502, 503, 504}  # states of a server that may answer soon
VERSION_KEY = "waypost_version"  # in a collection's metadata
MODEL_KEY = "waypost_model_"  # with a space's name after it
LINKED: Mapping[Level, frozenset[str]] = {  # fields by whose values HNSW has further links
    "chunks": frozenset({"document"}),
    "documents": frozenset({"index", "access"}),
}
DBSF = models.FusionQuery(fusion=models.Fusion.DBSF)


def connect(settings: StoreSettings) -> AsyncQdrantClient:
    """Return a client of the server that the settings name; it connects when it is first used.

    The key is the setting `api_key`, or the environment's QDRANT_API_KEY.

    Raises:
        ConfigurationError: the key has characters that a key cannot have.
    """
    key = _key(settings)
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(
            "The key of the Qdrant server has characters that a key cannot have.",
            fix="see QDRANT_API_KEY and [store] api_key for blanks, quotes and line ends.",
        )
    return AsyncQdrantClient(
        url=settings.url,
        headers={"api-key": key} if key else None,  # as `api_key` it would warn at every http://
        timeout=math.ceil(settings.timeout),
        transport=_Transport(_proxy(settings.url)),
        prefer_grpc=False,
        check_compatibility=False,  # `open` does, without a thread and a warning
    )


def _key(settings: StoreSettings) -> str:
    return (settings.api_key or os.environ.get("QDRANT_API_KEY", "")).strip()


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a URL."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


class _Transport(httpx.AsyncBaseTransport):
    """Connections by event loop, because each can be used in the one that made it alone."""

    def __init__(self, proxy: str | None) -> None:
        self._proxy = proxy
        self._pools: dict[asyncio.AbstractEventLoop, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            self._pools = {own: pool for own, pool in self._pools.items() if not own.is_closed()}
            pool = self._pools[loop] = httpx.AsyncHTTPTransport(proxy=self._proxy)
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        self._pools = {}  # those of other loops end with their loops
        if pool is not None:
            await pool.aclose()


class QdrantStore:
    """A store in two collections of a Qdrant server; any event loop may use it.

    Args:
        client: the server's client; the store closes it.
        settings: the collections' name, and how they are made if they do not exist.
        schema: what the points are made of; older collections get what is new.
    """

    def __init__(self, client: AsyncQdrantClient, settings: StoreSettings, schema: Schema) -> None:
        self._client = client
        self._settings = settings
        self._schema = schema
        self.queried = 0.0
        self._names: dict[Level, str] = {
            level: f"{settings.collection}_{level}" for level in SPARSE
        }

    async def open(self) -> None:
        """Make what the server does not have yet, and check what it has.

        Raises:
            StoreUnreachableError: the server does not answer.
            StoreSchemaError: a collection is not Waypost's, or of another version or embedding model.
            StoreError: the server is too old or refused.
        """
        await self._check_server()
        found = {level: await self._found_or_made(level) for level in SPARSE}
        for level, info in found.items():
            self._check(level, info)
        for level, info in found.items():
            await self._extend(level, info)

    async def _check_server(self) -> None:
        with self._translated("failed to tell its version"):
            version = (await self._client.info()).version
        parts = re.match(r"v?(\d+)\.(\d+)", version)
        if parts and (int(parts[1]), int(parts[2])) < OLDEST:
            raise StoreError(
                f"The Qdrant server at {self._url} has the version {version}, which is too old.",
                fix=f"update it to {'.'.join(map(str, OLDEST))} or newer.",
            )

    async def _found_or_made(self, level: Level) -> models.CollectionInfo:
        name = self._names[level]
        with self._translated(f"refused the collection {name!r}"):
            if not await self._client.collection_exists(name):
                try:
                    await self._make(level)
                except Exception:
                    # another process may have been quicker
                    if not await self._client.collection_exists(name):
                        raise
            return await self._client.get_collection(name)

    async def _make(self, level: Level) -> None:
        settings = self._settings
        cold = models.Memory.COLD if settings.on_disk else None
        await self._client.create_collection(
            self._names[level],
            vectors_config={
                name: models.VectorParams(
                    size=space.dimension, distance=models.Distance.COSINE, memory=cold
                )
                for name, space in self._schema.spaces.items()
            },
            sparse_vectors_config={
                name: models.SparseVectorParams(
                    modifier=models.Modifier.IDF, index=models.SparseIndexParams(memory=cold)
                )
                for name in SPARSE[level]
            },
            shard_number=settings.shard_number,
            replication_factor=settings.replication_factor,
            payload=models.PayloadStorageParams(
                memory=models.Memory.COLD if settings.on_disk else models.Memory.CACHED
            ),
            hnsw_config=models.HnswConfigDiff(
                m=0 if level == "chunks" else settings.hnsw_m,
                payload_m=settings.hnsw_m,
                ef_construct=settings.hnsw_ef_construct,
                memory=cold,
            ),
            quantization_config=_quantization(settings),
            metadata={VERSION_KEY: SCHEMA_VERSION, **_models(self._schema)},
        )

    def _check(self, level: Level, info: models.CollectionInfo) -> None:
        """Check that a collection is Waypost's and holds no vectors of other models."""
        name = self._names[level]
        known = info.config.metadata or {}
        cure = "delete it and run `waypost ingest`, or name another [store] collection."
        if known.get(VERSION_KEY) != SCHEMA_VERSION:
            made = known.get(VERSION_KEY)
            by = "was not made by Waypost" if made is None else f"has the schema version {made!r}"
            raise StoreSchemaError(
                f"The collection {name!r} at {self._url} {by}, and this version of Waypost needs "
                f"{SCHEMA_VERSION}.",
                fix=cure,
            )
        vectors = _spaces(info)
        for space, wanted in self._schema.spaces.items():
            if space not in vectors:
                continue
            model, size = known.get(MODEL_KEY + space), vectors[space].size
            if (model, size) != (wanted.model, wanted.dimension):
                raise StoreSchemaError(
                    f"The collection {name!r} at {self._url} holds vectors of the embedding model "
                    f"{model!r} ({size} numbers), and the settings name {wanted.model!r} "
                    f"({wanted.dimension} numbers).",
                    fix=f"put the setting back, {cure}",
                )

    async def _extend(self, level: Level, info: models.CollectionInfo) -> None:
        """Add vectors and fields that a collection does not have yet."""
        name = self._names[level]
        new = set(self._schema.spaces) - set(_spaces(info))
        with self._translated(f"refused new vectors or fields in {name!r}"):
            if new:  # the models first: vectors of no known model would never be taken again
                await self._client.update_collection(name, metadata=_models(self._schema))
            for space in sorted(new):
                dense = models.DenseVectorConfig(
                    size=self._schema.spaces[space].dimension, distance=models.Distance.COSINE
                )
                await self._client.create_vector_name(
                    name, space, models.DenseVectorNameConfig(dense=dense)
                )
            for field, kind in self._schema.fields.items():
                params = _index(level, field, kind)
                known = info.payload_schema.get(field)
                if known is None or known.data_type.value != params.type.value:
                    await self._client.create_payload_index(name, field, params, wait=True)

    @property
    def _url(self) -> str:
        """The server's address for messages, without a password."""
        parts = urlsplit(self._settings.url)
        return repr(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise self._error(what, error) from error

    def _error(self, what: str, error: Exception) -> StoreError:
        """Return an error that says in one sentence what the client or the server failed to do."""
        cause = error.source if isinstance(error, ResponseHandlingException) else error
        again = "see that it runs and that [store] url is right, then try again."
        if isinstance(cause, httpx.TimeoutException):
            return StoreUnreachableError(
                f"The Qdrant server at {self._url} did not answer within "
                f"{self._settings.timeout:g} seconds.",
                fix="try again; if it is only slow, raise [store] timeout.",
            )
        if isinstance(cause, httpx.TransportError):
            return StoreUnreachableError(
                f"The Qdrant server at {self._url} cannot be reached: {self._told(cause)}.",
                fix=again,
            )
        if isinstance(cause, ResourceExhaustedResponse):
            return StoreUnreachableError(
                f"The Qdrant server at {self._url} has too much to do: {self._told(cause)}.",
                fix=f"try again in {cause.retry_after_s} seconds.",
            )
        if isinstance(cause, UnexpectedResponse):
            return self._refusal(what, cause)
        if isinstance(
            error, ResponseHandlingException | json.JSONDecodeError
        ):  # the answer is of another form
            return StoreError(
                f"What answers at {self._url} is no Qdrant server of a known version.",
                fix="see whether [store] url is right.",
            )
        return StoreError(f"The Qdrant server at {self._url} {what}: {self._told(cause)}.")

    def _refusal(self, what: str, answer: UnexpectedResponse) -> StoreError:
        state = answer.status_code
        if state in LATER:
            return StoreUnreachableError(
                f"The Qdrant server at {self._url} cannot answer now (HTTP {state}).",
                fix="try again in a moment.",
            )
        if state in {401, 403}:
            return StoreError(
                f"The Qdrant server at {self._url} refused the key (HTTP {state}).",
                fix="set QDRANT_API_KEY, or [store] api_key, to a key that may read and write.",
            )
        try:
            told = str(json.loads(answer.content)["status"]["error"])
        except (ValueError, LookupError, TypeError):
            told = answer.reason_phrase
        return StoreError(
            f"The Qdrant server at {self._url} {what}: {self._told(told)} (HTTP {state})."
        )

    def _told(self, error: object) -> str:
        """Return an error's first line, without the key."""
        line = next(iter(str(error).splitlines()), "") or type(error).__name__
        key = _key(self._settings)
        return (line.replace(key, "***") if key else line)[:300].rstrip(".")

    async def upsert(self, level: Level, points: Sequence[Point]) -> None:
        """Insert or replace points, after checking every one of them."""
        for batch in _batches(checked(level, points, self._schema)):
            with self._translated("refused a write"):
                await self._client.upsert(self._names[level], batch, wait=True)

    async def delete(self, level: Level, where: Filter) -> None:
        """Delete the points that match."""
        with self._translated("refused a deletion"):
            await self._client.delete(
                self._names[level], models.FilterSelector(filter=_compile(where)), wait=True
            )

    async def apply(self, changes: Sequence[Change]) -> None:
        """Make changes one after the other; a server shows each of them as soon as it is made."""
        for change in changes:
            if isinstance(change, Upsert):
                await self.upsert(change.level, change.points)
            elif isinstance(change, Delete):
                await self.delete(change.level, change.where)
            else:
                await self._set_payload(change)

    async def _set_payload(self, change: SetPayload) -> None:
        where = models.FilterSelector(filter=_compile(change.where))
        with self._translated("refused a change"):
            await self._client.set_payload(
                self._names[change.level], dict(change.payload), where, wait=True
            )

    async def query(self, level: Level, queries: Sequence[Query]) -> list[list[Hit]]:
        """Return each query's best hits, best first; all queries go in one request."""
        self.queried = time.monotonic()
        for query in queries:
            check_query(level, query, self._schema)
        asked = [self._requests(query) for query in queries]
        answers = iter(await self._ask(level, [request for one in asked for request in one]))
        out: list[list[Hit]] = []
        for query, requests in zip(queries, asked, strict=True):
            own = [[_hit(point) for point in next(answers)] for _ in requests]
            if len(own) == 2 and query.weights is not None:
                out.append(min_max(own, query.weights, query.limit))
            else:
                out.append(own[0] if own else [])
        return out

    async def _ask(
        self, level: Level, requests: Sequence[models.QueryRequest]
    ) -> list[list[models.ScoredPoint]]:
        if not requests:
            return []
        with self._translated("failed to search"):
            answers = await self._client.query_batch_points(self._names[level], requests)
        return [answer.points for answer in answers]

    def _requests(self, query: Query) -> list[models.QueryRequest]:
        """Return what the server is asked: one request, or one a branch where they are fused here."""
        branches = self._branches(query)
        if query.limit < 1:
            return []
        payload: Any = True if query.fields is None else list(query.fields) or False
        if len(branches) == 2 and query.weights is None:
            return [
                models.QueryRequest(
                    prefetch=branches, query=DBSF, limit=query.limit, with_payload=payload
                )
            ]
        limit = query.limit if len(branches) == 1 else query.candidates
        return [
            models.QueryRequest(
                query=branch.query,
                using=branch.using,
                filter=branch.filter,
                params=branch.params,
                limit=limit,
                with_payload=payload,
            )
            for branch in branches
        ]

    def _branches(self, query: Query) -> list[models.Prefetch]:
        where = _compile(query.filter)
        out: list[models.Prefetch] = []
        if query.sparse is not None and query.sparse[1].ids:
            name, sparse = query.sparse
            out.append(
                models.Prefetch(
                    query=_sparse(sparse),
                    using=name,
                    filter=where,
                    params=_counted_over(query.corpus),
                    limit=query.candidates,
                )
            )
        if query.dense is not None:
            name, vector = query.dense
            out.append(
                models.Prefetch(
                    query=[float(number) for number in vector],
                    using=name,
                    filter=where,
                    params=_searched(self._settings),
                    limit=query.candidates,
                )
            )
        return out

    async def scroll(
        self, level: Level, where: Filter, fields: Sequence[str] | None = None
    ) -> list[Hit]:
        """Return every point that matches."""
        payload: Any = True if fields is None else list(fields) or False
        out: list[Hit] = []
        offset: Any = None
        while True:
            with self._translated("failed to read"):
                records, offset = await self._client.scroll(
                    self._names[level],
                    scroll_filter=_compile(where),
                    limit=PAGE,
                    offset=offset,
                    with_payload=payload,
                )
            out += [Hit(str(record.id), 0.0, record.payload or {}) for record in records]
            if offset is None:
                return out

    async def count(self, level: Level, wheres: Sequence[Filter]) -> list[int]:
        """Return how many points match each filter."""
        with self._translated("failed to count"):
            found = await asyncio.gather(
                *(
                    self._client.count(self._names[level], count_filter=_compile(where), exact=True)
                    for where in wheres
                )
            )
        return [one.count for one in found]

    async def idf(
        self, level: Level, name: str, tokens: Sequence[Sparse], corpus: Filter
    ) -> list[float]:
        """Return each term's inverse document frequency, as the server counts it (in each shard).

        A search for one term scores idf · weight, and the found point's own vector holds the weight.
        """
        asked = [token for token in tokens if token.ids]
        for token in asked:
            check_query(level, Query(corpus, 1, sparse=(name, token)), self._schema)
        requests = [
            models.QueryRequest(
                query=_sparse(token),
                using=name,
                filter=_compile(corpus),
                params=_counted_over(corpus),
                limit=1,
                with_vector=[name],
            )
            for token in asked
        ]
        return rarities(name, tokens, await self._ask(level, requests))

    async def export(
        self, level: Level, after: str | None, limit: int
    ) -> tuple[list[Point], str | None]:
        """Return points with their vectors in the order of ids, and the id to go on from."""
        with self._translated("failed to read"):
            records, offset = await self._client.scroll(
                self._names[level],
                limit=limit,
                offset=after,
                with_payload=True,
                with_vectors=True,
            )
        points = [as_point(level, record) for record in records]
        return points, None if offset is None else str(offset)

    async def flush(self) -> None:
        """Do nothing: a server writes to its disk by itself, every few seconds."""

    async def close(self) -> None:
        """Close the client."""
        with self._translated("failed to close"):
            await self._client.close()


def _batches(points: Sequence[Point]) -> Iterator[list[models.PointStruct]]:
    """Cut points into writes that a server takes."""
    batch: list[models.PointStruct] = []
    size = 0
    for point in points:
        own = _bytes(point)
        if batch and (len(batch) == UPSERT or size + own > REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(_struct(point))
        size += own
    if batch:
        yield batch


def _bytes(point: Point) -> int:
    """Return about how long a point is as JSON, rather too much."""
    dense = sum(len(vector) for vector in point.dense.values())
    sparse = sum(len(vector.ids) for vector in point.sparse.values())
    return 22 * dense + 34 * sparse + 3 * len(str(point.payload)) + 100


def _struct(point: Point) -> models.PointStruct:
    vectors: dict[str, Any] = {
        **point.dense,
        **{name: _sparse(sparse) for name, sparse in point.sparse.items()},
    }
    return models.PointStruct(id=point.id, vector=vectors, payload=point.payload)


def _hit(point: models.ScoredPoint) -> Hit:
    return Hit(str(point.id), point.score, point.payload or {})


def _sparse(vector: Sparse) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.ids), values=list(vector.weights))


def _spaces(info: models.CollectionInfo) -> Mapping[str, models.VectorParams]:
    vectors = info.config.params.vectors
    return vectors if isinstance(vectors, Mapping) else {}


def _models(schema: Schema) -> dict[str, str]:
    return {MODEL_KEY + name: space.model for name, space in schema.spaces.items()}


def _index(
    level: Level, field: str, kind: Kind
) -> models.KeywordIndexParams | models.FloatIndexParams:
    if kind == "number":
        return models.FloatIndexParams(type=models.FloatIndexType.FLOAT, enable_hnsw=False)
    return models.KeywordIndexParams(
        type=models.KeywordIndexType.KEYWORD,
        is_tenant=True if level == "chunks" and field == "document" else None,
        enable_hnsw=field in LINKED[level],
    )


def _quantization(settings: StoreSettings) -> models.QuantizationConfig | None:
    kept = models.Memory.PINNED  # they are few bytes, and what a search reads first
    if settings.quantization == "scalar":
        return models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=0.99, memory=kept
            )
        )
    if settings.quantization == "turbo4":
        return models.TurboQuantization(
            turbo=models.TurboQuantQuantizationConfig(
                bits=models.TurboQuantBitSize.BITS4, memory=kept
            )
        )
    return None


def _searched(settings: StoreSettings) -> models.SearchParams | None:
    if settings.quantization == "none":
        return None
    return models.SearchParams(
        quantization=models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
    )


def _counted_over(corpus: Filter | None) -> models.SearchParams | None:
    if corpus is None:
        return None
    return models.SearchParams(idf=models.IdfCorpusParams(corpus=_compile(corpus)))


def _compile(where: Filter) -> models.Filter:
    return models.Filter(must=[_condition(condition) for condition in where.conditions])


def _condition(
    condition: Condition,
) -> models.FieldCondition | models.HasIdCondition | models.Filter:
    if isinstance(condition, Ids):
        return models.HasIdCondition(has_id=list(condition.values))
    if isinstance(condition, Range):
        return _range(condition)
    if isinstance(condition, Not):
        return models.Filter(must_not=[_range(condition.range)])
    words, ranges = parted(condition)
    named = models.FieldCondition(key=condition.field, match=models.MatchAny(any=words))
    equal = [_range(one) for one in ranges]
    if not equal:
        return named
    return models.Filter(should=[*([named] if words else []), *equal])


def _range(condition: Range) -> models.FieldCondition:
    return models.FieldCondition(
        key=condition.field,
        range=models.Range(gte=condition.gte, gt=condition.gt, lte=condition.lte, lt=condition.lt),
    )
