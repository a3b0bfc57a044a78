"""Qdrant Edge: Qdrant's engine in this process, the embedded default.

Two shards, "chunks" and "documents", hold all indexes of a project; `index` is a payload field.
The rules kept here (write-ahead log on, small upserts, checked vectors, room on the disk) come from
trials with kill -9, NaN and full disks. The methods do not wait for anything but the engine.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import qdrant_edge as edge

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
from indexes.errors import StoreError, StoreLockedError, StoreSchemaError
from indexes.stores.common import (
    SCHEMA_VERSION,
    UPSERT,
    as_point,
    check_query,
    checked,
    min_max,
    numbers,
    parted,
    rarities,
)
from indexes.types import AnyOf, Condition, Filter, Ids, Not, Range

__all__ = ["EdgeStore"]

DBSF: Any = edge.Fusion.Dbsf()  # the stub does not know that a Dbsf is a Fusion
PAGE = 1000  # points read at once: the engine keeps the GIL for 20 ms
FLUSH = 20_000  # points written between two flushes
MIN_FREE_BYTES = 256 * 2**20  # a full disk kills the process with SIGBUS
LARGE_BYTES = 2**30  # a shard above this is searched by all cores; below, handing over costs more
QUANTIZED_BYTES = 2**27  # above this documents are scanned by their quantised vectors
# in settled segments these indexes stay in files, read as needed: opening 5,000,000 chunks takes
# 2 to 3 s instead of 7 to 9, and memory 70 bytes a chunk instead of 290
KINDS: Mapping[Kind, edge.KeywordIndexParams | edge.FloatIndexParams] = {
    "keyword": edge.KeywordIndexParams(memory=edge.Memory.Cold),
    "number": edge.FloatIndexParams(memory=edge.Memory.Cold),
}
QUANTIZED = edge.TurboQuantQuantizationConfig(
    bits=edge.TurboQuantBitSize.Bits4, memory=edge.Memory.Cold
)
# by 4 bits a number, then by the true vectors of the best: all that a scan of the true ones finds
RESCORED = edge.SearchParams(
    quantization=edge.QuantizationSearchParams(rescore=True, oversampling=4.0)
)
# in a small shard there is nothing to win, and the 60th of 60 candidates can differ
EXACT = edge.SearchParams(quantization=edge.QuantizationSearchParams(ignore=True))
SETTLE = 50_000  # points written to a level until they are put into settled segments
SEGMENT_KB = 1_000_000  # of vectors; a merge writes at most that much anew
LEXICAL_KB = (
    100_000  # the same without embeddings: merging words takes five times their size in memory
)
MANY = 10_000  # points below which people's filters need no index; making one takes 0.15 s
COMMON = 50_000  # points of a level from which on a filter that all of them match is left out
NO_GRAPH = edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=1)  # HNSW takes minutes


class EdgeStore:
    """A store in a local folder, owned by one process at a time.

    Args:
        path: the folder; it is made if it does not exist.
        schema: what its points are made of; a store of an older schema gets what is new.

    Raises:
        StoreLockedError: another process has it open.
        StoreSchemaError: it was written by another version or another embedding model.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path = path
        self._shards: dict[Level, edge.EdgeShard] = {}
        self._nearest: dict[Level, edge.SearchParams] = {}
        self._schema = Schema({}, {})
        self._unsettled: dict[Level, int] = dict.fromkeys(SPARSE, 0)
        self._common: dict[tuple[Level, Condition], bool] = {}
        self.unflushed = 0
        self.queried = 0.0
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder {str(path)!r} cannot be made: {error.strerror}.",
                fix="choose a writable folder as [store] path.",
            ) from error
        known = self._known_schema(schema)
        for level in SPARSE:
            self._shards[level] = self._open(level, known)
        self.extend(schema)

    def extend(self, schema: Schema) -> None:
        """Add vectors and fields that the store does not have yet.

        Raises:
            StoreSchemaError: a vector is of another embedding model.
        """
        known = self._known_schema(schema)
        for level, shard in self._shards.items():
            for name in set(schema.spaces) - set(_vectors(self._path / level)):
                dimension = schema.spaces[name].dimension
                self._check_room()
                with self._translated("refused a new vector"):
                    shard.update(
                        edge.UpdateOperation.create_dense_vector(
                            name, dimension, edge.Distance.Cosine
                        )
                    )
            info = shard.info()
            for field, kind in schema.fields.items():
                needed = not field.startswith("meta.") or info.points_count >= MANY
                if needed and field not in info.payload_schema:
                    self._check_room()
                    with self._translated(f"refused an index on {field!r} of {level}"):
                        shard.update(edge.UpdateOperation.create_field_index(field, KINDS[kind]))
        both = Schema({**known.spaces, **schema.spaces}, {**known.fields, **schema.fields})
        if both != self._schema or not (self._path / "schema.json").exists():
            self._schema = both
            self._write_schema(both)

    def _known_schema(self, wanted: Schema) -> Schema:
        """Return the schema on the disk; without one, the wanted one."""
        path = self._path / "schema.json"
        if not path.exists():
            return wanted
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{str(path)!r} cannot be read: {error}.",
                fix=f"delete {str(self._path)!r} and run `waypost ingest` again.",
            ) from error
        cure = f"delete {str(self._path)!r} and run `waypost ingest`, or put the setting back."
        if found.get("version") != SCHEMA_VERSION:
            raise StoreSchemaError(
                f"The store in {str(self._path)!r} has the schema version "
                f"{found.get('version', 1)!r}, and this version of Waypost needs {SCHEMA_VERSION}.",
                fix=f"delete {str(self._path)!r} and run `waypost ingest`.",
            )
        known = Schema.from_dict(found)
        for name, space in wanted.spaces.items():
            other = known.spaces.get(name, space)
            if other != space:
                raise StoreSchemaError(
                    f"The store in {str(self._path)!r} holds vectors of the embedding model "
                    f"{other.model!r} ({other.dimension} numbers), and the settings name "
                    f"{space.model!r} ({space.dimension} numbers).",
                    fix=cure,
                )
        return known

    def _write_schema(self, schema: Schema) -> None:
        path = self._path / "schema.json"
        half = path.with_suffix(".part")  # a process that dies while writing leaves no broken file
        half.write_text(json.dumps({"version": SCHEMA_VERSION, **asdict(schema)}), encoding="utf-8")
        half.replace(path)

    def _open(self, level: Level, schema: Schema) -> edge.EdgeShard:
        path = self._path / level
        size = _size(path)
        large = size > LARGE_BYTES
        self._nearest[level] = RESCORED if size > QUANTIZED_BYTES else EXACT
        # what the shard has, rather than what schema.json says: a process may die between the two
        lengths = _vectors(path) or {name: one.dimension for name, one in schema.spaces.items()}
        config = edge.EdgeConfig(
            vectors={
                name: edge.EdgeVectorParams(
                    size=length,
                    distance=edge.Distance.Cosine,
                    # chunks are searched inside a few documents, where scanning them costs nothing
                    quantization_config=QUANTIZED if level == "documents" else None,
                    memory=edge.Memory.Cold,  # segments keep it; else opening reads all vectors
                )
                for name, length in lengths.items()
            },
            sparse_vectors={
                name: edge.EdgeSparseVectorParams(
                    modifier=edge.Modifier.Idf, memory=edge.Memory.Cold
                )
                for name in SPARSE[level]
            },
            hnsw_config=NO_GRAPH,
            optimizers=edge.EdgeOptimizersConfig(
                indexing_threshold=10_000,
                max_segment_size=SEGMENT_KB if schema.spaces else LEXICAL_KB,
            ),
            max_search_threads=os.cpu_count() or 1 if large else 1,
            wal_enabled=True,
        )
        try:
            if (path / "segments").exists():
                return edge.EdgeShard.load(str(path), config)
            path.mkdir(exist_ok=True)
            return edge.EdgeShard.create(str(path), config)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the engine raises bare Exception; a panic is not even one
            self._close()
            if "WouldBlock" in str(error):
                raise StoreLockedError(
                    f"The store in {str(self._path)!r} is open in another process.",
                    fix="end that process, then try again.",
                ) from error
            raise StoreError(
                f"The store in {str(self._path)!r} cannot be opened: {error}.",
                fix=f"if it is damaged, restore a backup, or delete {str(self._path)!r} and run "
                "`waypost ingest` again.",
            ) from error

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (StoreError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the engine raises bare Exception; a panic is not even one
            raise StoreError(f"The store in {str(self._path)!r} {what}: {error}.") from error

    def _check_room(self) -> None:
        free = shutil.disk_usage(self._path).free
        if free < MIN_FREE_BYTES:
            raise StoreError(
                f"Only {free // 2**20} MiB are free on the disk of {str(self._path)!r}.",
                fix=f"make at least {MIN_FREE_BYTES // 2**20} MiB free; nothing was written.",
            )

    async def upsert(self, level: Level, points: Sequence[Point]) -> None:
        """Insert or replace points, after checking every one of them."""
        self._check_room()
        sound = checked(level, points, self._schema)
        self._keep_common(level, sound)  # before the first is written, since the second may fail
        with self._translated("refused a write"):
            converted = [_point(point) for point in sound]
            # the engine keeps the GIL: 10,000 points at once stall every other thread for 330 ms
            for start in range(0, len(converted), UPSERT):
                self._shards[level].update(
                    edge.UpdateOperation.upsert_points(converted[start : start + UPSERT])
                )
        self.unflushed += len(points)
        self._unsettled[level] += len(points)
        if self.unflushed >= FLUSH:
            await self.flush()

    def _keep_common(self, level: Level, points: Sequence[Point]) -> None:
        """Forget the conditions that all points matched and one of the new ones does not."""
        for key in [key for key, common in self._common.items() if common and key[0] == level]:
            if not all(_matches(key[1], point.payload) for point in points):
                del self._common[key]

    def _lean(self, level: Level, where: Filter) -> Filter:
        """Leave out the conditions on access and index that every point of a large level matches.

        Of a million documents, the engine takes 110 ms to see that all are public.
        """
        kept = [one for one in where.conditions if not self._is_common(level, one)]
        return where if len(kept) == len(where.conditions) else Filter(tuple(kept))

    def _is_common(self, level: Level, condition: Condition) -> bool:
        if not isinstance(condition, AnyOf) or condition.field not in {"access", "index"}:
            return False
        known = self._common.get((level, condition))
        if known is None:
            shard = self._shards[level]
            total = shard.count(edge.CountRequest(exact=True))
            matching = edge.Filter(must=[_condition(condition)])
            known = total >= COMMON and total == shard.count(
                edge.CountRequest(exact=True, filter=matching)
            )
            self._common[level, condition] = known
        return known

    async def delete(self, level: Level, where: Filter) -> None:
        """Delete the points that match."""
        with self._translated("refused a deletion"):
            self._shards[level].update(
                edge.UpdateOperation.delete_points_by_filter(_compile(where))
            )
        self.unflushed += 1

    async def apply(self, changes: Sequence[Change]) -> None:
        """Make changes one after the other; nothing else happens in between, since none waits."""
        if any(isinstance(change, Upsert) for change in changes):
            self._check_room()  # else what gives way would go, and nothing come
        for change in changes:
            if isinstance(change, Upsert):
                await self.upsert(change.level, change.points)
            elif isinstance(change, Delete):
                await self.delete(change.level, change.where)
            else:
                self._set_payload(change)

    def _set_payload(self, change: SetPayload) -> None:
        if "access" in change.payload or "index" in change.payload:
            self._common = {
                key: known for key, known in self._common.items() if key[0] != change.level
            }
        with self._translated("refused a change"):
            self._shards[change.level].update(
                edge.UpdateOperation.set_payload_by_filter(
                    _compile(change.where), dict(change.payload)
                )
            )
        self.unflushed += 1

    async def query(self, level: Level, queries: Sequence[Query]) -> list[list[Hit]]:
        """Return each query's best hits, best first; branches are filtered and fused in the engine."""
        self.queried = time.monotonic()
        requests: list[edge.QueryRequest] = []
        spans: list[int] = []
        for query in queries:
            check_query(level, query, self._schema)
        with self._translated("failed to search"):
            for query in queries:
                new = _requests(self._leaner(level, query), self._nearest[level])
                requests += new
                spans.append(len(new))
            answers = (
                self._shards[level].query_batch(edge.QueryBatchRequest(requests))
                if requests
                else []
            )
            found = [[Hit(str(p.id), p.score, p.payload or {}) for p in one] for one in answers]
        out: list[list[Hit]] = []
        for query, span in zip(queries, spans, strict=True):
            own, found = found[:span], found[span:]
            if len(own) == 2 and query.weights is not None:
                out.append(min_max(own, query.weights, query.limit))
            else:
                out.append(own[0] if own else [])
        return out

    def _leaner(self, level: Level, query: Query) -> Query:
        # an empty corpus stays one: without any, the engine counts what was deleted too
        corpus = None if query.corpus is None else self._lean(level, query.corpus)
        return replace(query, filter=self._lean(level, query.filter), corpus=corpus)

    async def scroll(
        self, level: Level, where: Filter, fields: Sequence[str] | None = None
    ) -> list[Hit]:
        """Return every point that matches."""
        out, after = await self.page(level, where, fields, None)
        while after is not None:
            hits, after = await self.page(level, where, fields, after)
            out += hits
        return out

    async def page(
        self, level: Level, where: Filter, fields: Sequence[str] | None, after: str | None
    ) -> tuple[list[Hit], str | None]:
        """Return some of the points that match, in the order of ids, and the id to go on from."""
        with self._translated("failed to read"):
            records, offset = self._shards[level].scroll(
                edge.ScrollRequest(
                    offset=after,
                    limit=PAGE,
                    filter=_compile(where),
                    with_payload=True if fields is None else list(fields),
                )
            )
        hits = [Hit(str(r.id), 0.0, r.payload or {}) for r in records]
        return hits, None if offset is None else str(offset)

    async def count(self, level: Level, wheres: Sequence[Filter]) -> list[int]:
        """Return how many points match each filter."""
        with self._translated("failed to count"):
            return [
                self._shards[level].count(
                    edge.CountRequest(exact=True, filter=_compile(self._lean(level, where)))
                )
                for where in wheres
            ]

    async def idf(
        self, level: Level, name: str, tokens: Sequence[Sparse], corpus: Filter
    ) -> list[float]:
        """Return each term's inverse document frequency, as the engine counts it.

        A search for one term scores idf · weight, and the found point's own vector holds the weight.
        """
        where = _compile(self._lean(level, corpus))
        params = edge.SearchParams(idf=edge.IdfParams(corpus=where))
        asked = [token for token in tokens if token.ids]
        for token in asked:
            check_query(level, Query(corpus, 1, sparse=(name, token)), self._schema)
        requests = [
            edge.QueryRequest(
                limit=1, query=edge.Query.Nearest(_sparse(token), using=name), filter=where,
                params=params, with_vector=[name],
            )
            for token in asked
        ]  # fmt: skip
        with self._translated("failed to search"):
            answers = (
                self._shards[level].query_batch(edge.QueryBatchRequest(requests))
                if requests
                else []
            )
        return rarities(name, tokens, answers)

    async def export(
        self, level: Level, after: str | None, limit: int
    ) -> tuple[list[Point], str | None]:
        """Return points with their vectors in the order of ids, and the id to go on from."""
        with self._translated("failed to read"):
            records, offset = self._shards[level].scroll(
                edge.ScrollRequest(offset=after, limit=limit, with_payload=True, with_vector=True)
            )
        points = [as_point(level, record) for record in records]
        return points, None if offset is None else str(offset)

    async def flush(self) -> None:
        """Write everything to the disk, where it survives a power loss too."""
        with self._translated("failed to flush"):
            for shard in self._shards.values():
                shard.flush()
            self._settle(SETTLE)
        self.unflushed = 0
        self._common = {key: True for key, common in self._common.items() if common}

    def _settle(self, written: int) -> None:
        """Put levels to which so many points were written into settled segments, if that is due.

        Until then they lie in memory, at 1.2 GB a million. The engine does nothing for a few of them.
        """
        for level, shard in self._shards.items():
            roomy = shutil.disk_usage(self._path).free > MIN_FREE_BYTES + 3 * SEGMENT_KB * 1024
            if self._unsettled[level] >= written and roomy:
                shard.optimize()
                self._unsettled[level] = 0
                _trim()

    async def close(self) -> None:
        """Settle what was written, flush and let go of the folder."""
        try:
            with self._translated("failed to settle"):
                self._settle(1)  # nobody waits for an answer now
        finally:
            self._close()

    def _close(self) -> None:
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()


def _trim() -> None:
    """Give freed memory back to the system: glibc keeps what settling freed, 800 MiB of it at times."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _point(point: Point) -> edge.Point:
    vectors: dict[str, Any] = {
        **point.dense,
        **{name: _sparse(sparse) for name, sparse in point.sparse.items()},
    }
    return edge.Point(point.id, vectors, point.payload)


def _requests(query: Query, nearest: edge.SearchParams) -> list[edge.QueryRequest]:
    """Return what the engine is asked: one request, or one a branch where they are fused here."""
    where = _compile(query.filter)
    branches = _branches(query, where, nearest)
    payload: Any = True if query.fields is None else list(query.fields)
    if len(branches) == 2 and query.weights is None:
        return [
            edge.QueryRequest(
                limit=query.limit, prefetches=branches, query=DBSF, with_payload=payload
            )
        ]
    limit = query.limit if len(branches) == 1 else query.candidates
    return [
        edge.QueryRequest(
            limit=limit,
            query=branch.query,
            filter=where,
            params=branch.params,
            with_payload=payload,
        )
        for branch in branches
    ]


def _branches(query: Query, where: edge.Filter, nearest: edge.SearchParams) -> list[edge.Prefetch]:
    branches: list[edge.Prefetch] = []
    if query.sparse is not None and query.sparse[1].ids:
        name, sparse = query.sparse
        idf = edge.IdfParams(corpus=_compile(query.corpus)) if query.corpus else None
        branches.append(
            edge.Prefetch(
                limit=query.candidates,
                query=edge.Query.Nearest(_sparse(sparse), using=name),
                filter=where,
                params=edge.SearchParams(idf=idf),
            )
        )
    if query.dense is not None:
        name, vector = query.dense
        branches.append(
            edge.Prefetch(
                limit=query.candidates,
                query=edge.Query.Nearest(numbers(vector), using=name),
                filter=where,
                params=nearest,
            )
        )
    return branches


def _sparse(vector: Sparse) -> edge.SparseVector:
    return edge.SparseVector(indices=list(vector.ids), values=list(vector.weights))


def _compile(where: Filter) -> edge.Filter:
    return edge.Filter(must=[_condition(condition) for condition in where.conditions])


def _matches(condition: Condition, payload: Mapping[str, Any]) -> bool:
    if not isinstance(condition, AnyOf):
        return False
    value = payload.get(condition.field)
    values = value if isinstance(value, list) else [value]
    return not set(values).isdisjoint(condition.values)


def _condition(condition: Condition) -> edge.FieldCondition | edge.HasIdCondition | edge.Filter:
    if isinstance(condition, Ids):
        return edge.HasIdCondition(set(condition.values))
    if isinstance(condition, Range):
        return _range(condition)
    if isinstance(condition, Not):
        return edge.Filter(must_not=[_range(condition.range)])
    words, ranges = parted(condition)
    named = edge.FieldCondition(condition.field, match=edge.MatchAny(words))
    equal = [_range(one) for one in ranges]
    if not equal:
        return named
    return edge.Filter(should=[*([named] if words else []), *equal])


def _range(condition: Range) -> edge.FieldCondition:
    return edge.FieldCondition(
        condition.field,
        range=edge.RangeFloat(
            gte=condition.gte, gt=condition.gt, lte=condition.lte, lt=condition.lt
        ),
    )


def _vectors(path: Path) -> dict[str, int]:
    """Return the dense vectors that a shard has, with their lengths; none if there is no shard."""
    try:
        config = json.loads((path / "edge_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a missing or broken shard is told of when it is opened
    return {name: one["size"] for name, one in config.get("vectors", {}).items()}


def _size(path: Path) -> int:
    """Return how much of the disk a folder takes; the engine's files are sparse."""
    return sum(file.stat().st_blocks * 512 for file in path.rglob("*") if file.is_file())
