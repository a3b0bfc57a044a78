"""Qdrant Edge: Qdrant's engine in this process, the embedded default.

Two shards, "chunks" and "documents", hold all indexes of a project; `index` is a payload field.
The rules kept here (write-ahead log on, small upserts, checked vectors, room on the disk) come from
trials with kill -9, NaN and full disks.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge

from indexes.base import Hit, Level, Point, Query, Vector
from indexes.errors import StoreError, StoreLockedError, StoreSchemaError
from indexes.text import tokens
from indexes.types import Condition, Filter

__all__ = ["EdgeStore"]

SCHEMA_VERSION = 1
DBSF: Any = edge.Fusion.Dbsf()  # the stub does not know that a Dbsf is a Fusion
UPSERT = 256  # the engine keeps the GIL: 10,000 points at once stall every other thread for 330 ms
MIN_FREE_BYTES = 256 * 2**20  # a full disk kills the process with SIGBUS
LEXICAL: Mapping[Level, Mapping[str, float]] = {  # vector name → expected length in tokens
    "chunks": {"text": 300.0},
    "documents": {"title": 24.0, "terms": 60.0},
}
DENSE: Mapping[Level, Sequence[str]] = {"chunks": ["dense"], "documents": []}
FIELDS: Mapping[Level, Sequence[str]] = {
    "chunks": ["index", "document", "access"],
    "documents": ["index", "document", "access"],
}


class EdgeStore:
    """A store in a local folder, owned by one process at a time.

    Args:
        path: the folder; it is made if it does not exist.
        model: the name of the embedding model that its vectors come from.
        dimension: the length of its vectors.

    Raises:
        StoreLockedError: another process has it open.
        StoreSchemaError: it was written by another version or another embedding model.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, *, model: str, dimension: int) -> None:
        self._path = path
        self._dimension = dimension
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder {str(path)!r} cannot be made: {error.strerror}.",
                fix="choose a writable folder as [store] path.",
            ) from error
        self._check_schema({"schema": SCHEMA_VERSION, "model": model, "dimension": dimension})
        self._shards: dict[Level, edge.EdgeShard] = {}
        self._bm25 = {
            name: edge.Bm25(_bm25_config(length))
            for names in LEXICAL.values()
            for name, length in names.items()
        }
        for level in LEXICAL:
            self._shards[level] = self._open(level)
        self._unflushed = 0

    def _check_schema(self, wanted: dict[str, object]) -> None:
        path = self._path / "schema.json"
        if not path.exists():
            half = path.with_suffix(
                ".part"
            )  # a process that dies while writing leaves no broken file
            half.write_text(json.dumps(wanted), encoding="utf-8")
            half.replace(path)
            return
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{str(path)!r} cannot be read: {error}.",
                fix=f"delete {str(self._path)!r} and run `waypost ingest` again.",
            ) from error
        if found != wanted:
            raise StoreSchemaError(
                f"The store in {str(self._path)!r} was made with {found}, and these settings need {wanted}.",
                fix=f"delete {str(self._path)!r} and run `waypost ingest`, or put the setting back.",
            )

    def _open(self, level: Level) -> edge.EdgeShard:
        path = self._path / level
        try:
            if (path / "segments").exists():
                return edge.EdgeShard.load(str(path))
            path.mkdir(exist_ok=True)
            shard = edge.EdgeShard.create(str(path), self._config(level))
            for name in FIELDS[level]:
                shard.update(
                    edge.UpdateOperation.create_field_index(name, edge.PayloadSchemaType.Keyword)
                )
            return shard
        except Exception as error:  # the engine raises bare Exception
            self.close()
            if "WouldBlock" in str(error):
                raise StoreLockedError(
                    f"The store in {str(self._path)!r} is open in another process.",
                    fix="end that process (a chat, a server, an ingestion), then try again.",
                ) from error
            raise StoreError(
                f"The store in {str(self._path)!r} cannot be opened: {error}.",
                fix=f"if it is damaged, delete {str(self._path)!r} and run `waypost ingest` again.",
            ) from error

    def _config(self, level: Level) -> edge.EdgeConfig:
        return edge.EdgeConfig(
            vectors={
                name: edge.EdgeVectorParams(size=self._dimension, distance=edge.Distance.Cosine)
                for name in DENSE[level]
            },
            sparse_vectors={
                name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)
                for name in LEXICAL[level]
            },
            wal_enabled=True,
        )

    def upsert(self, level: Level, points: Sequence[Point]) -> None:
        """Insert or replace points, after checking every one of them."""
        free = shutil.disk_usage(self._path).free
        if free < MIN_FREE_BYTES:
            raise StoreError(
                f"Only {free // 2**20} MiB are free on the disk of {str(self._path)!r}.",
                fix=f"make at least {MIN_FREE_BYTES // 2**20} MiB free; nothing was written.",
            )
        converted = [self._point(level, point) for point in points]
        for start in range(0, len(converted), UPSERT):
            self._update(
                level, edge.UpdateOperation.upsert_points(converted[start : start + UPSERT])
            )
        self._unflushed += len(points)
        if self._unflushed >= 20_000:
            self.flush()

    def _point(self, level: Level, point: Point) -> edge.Point:
        vectors: dict[str, Any] = {}
        for name, vector in point.dense.items():
            if name not in DENSE[level] or vector.shape != (self._dimension,):
                raise StoreError(
                    f"Point {point.id} has a vector {name!r} of shape {vector.shape}, "
                    f"not one of {list(DENSE[level])} with {self._dimension} numbers."
                )
            if not np.isfinite(vector).all():
                raise StoreError(f"Point {point.id} has a vector {name!r} that is not finite.")
            vectors[name] = vector.tolist()
        for name, text in point.lexical.items():
            if name not in LEXICAL[level]:
                raise StoreError(
                    f"Point {point.id} has a text {name!r}, not one of {list(LEXICAL[level])}."
                )
            vectors[name] = self._bm25[name].embed_document(" ".join(tokens(text)))
        return edge.Point(point.id, vectors, point.payload)

    def delete(self, level: Level, where: Filter) -> None:
        """Delete the points that match."""
        self._update(level, edge.UpdateOperation.delete_points_by_filter(_compile(where)))

    def _update(self, level: Level, operation: edge.UpdateOperation) -> None:
        try:
            self._shards[level].update(operation)
        except Exception as error:
            raise StoreError(
                f"The store in {str(self._path)!r} refused a write: {error}."
            ) from error

    def query(self, level: Level, query: Query) -> list[Hit]:
        """Return the best hits, best first; both branches are filtered and fused in the engine."""
        where = _compile(query.filter)
        branches = self._branches(query, where)
        if not branches:
            return []
        if len(branches) == 1:
            only = branches[0]
            request = edge.QueryRequest(
                limit=query.limit,
                query=only.query,
                filter=where,
                params=only.params,
                with_payload=True,
            )
            return self._hits(level, request)
        if query.weights is not None:
            return self._min_max(level, query, branches, where)
        return self._hits(
            level,
            edge.QueryRequest(
                limit=query.limit, prefetches=branches, query=DBSF, with_payload=True
            ),
        )

    def best_scores(self, level: Level, queries: Sequence[Query]) -> list[float]:
        """Return the best score of each query of one branch, in one pass over the shard."""
        wheres = [_compile(query.filter) for query in queries]
        found = [self._branches(q, where) for q, where in zip(queries, wheres, strict=True)]
        requests = [
            edge.QueryRequest(limit=1, query=one[0].query, filter=where, params=one[0].params)
            for one, where in zip(found, wheres, strict=True)
            if one
        ]
        try:
            answers = iter(self._shards[level].query_batch(edge.QueryBatchRequest(requests)))
        except Exception as error:
            raise StoreError(
                f"The store in {str(self._path)!r} failed to search: {error}."
            ) from error
        hits = [next(answers) if one else [] for one in found]
        return [one[0].score if one else 0.0 for one in hits]

    def _branches(self, query: Query, where: edge.Filter) -> list[edge.Prefetch]:
        branches: list[edge.Prefetch] = []
        if query.lexical is not None:
            name, text = query.lexical
            sparse = self._bm25[name].embed_query(" ".join(tokens(text)))
            if sparse.indices:
                idf = edge.IdfParams(corpus=_compile(query.corpus)) if query.corpus else None
                branches.append(
                    edge.Prefetch(
                        limit=query.candidates,
                        query=edge.Query.Nearest(sparse, using=name),
                        filter=where,
                        params=edge.SearchParams(idf=idf),
                    )
                )
        if query.dense is not None:
            name, vector = query.dense
            branches.append(
                edge.Prefetch(
                    limit=query.candidates,
                    query=edge.Query.Nearest(vector.tolist(), using=name),
                    filter=where,
                )
            )
        return branches

    def _min_max(
        self, level: Level, query: Query, branches: Sequence[edge.Prefetch], where: edge.Filter
    ) -> list[Hit]:
        totals: dict[str, float] = {}
        hits: dict[str, Hit] = {}
        for branch, weight in zip(branches, query.weights or (), strict=True):
            found = self._hits(
                level,
                edge.QueryRequest(
                    limit=query.candidates, query=branch.query, filter=where, params=branch.params,
                    with_payload=True,
                ),
            )  # fmt: skip
            low = min((hit.score for hit in found), default=0.0)
            span = max((hit.score for hit in found), default=0.0) - low
            for hit in found:
                part = (hit.score - low) / span if span > 0 else 1.0
                totals[hit.id] = totals.get(hit.id, 0.0) + weight * part
                hits[hit.id] = hit
        best = sorted(totals, key=lambda key: (-totals[key], key))[: query.limit]
        return [Hit(key, totals[key], hits[key].payload) for key in best]

    def _hits(self, level: Level, request: edge.QueryRequest) -> list[Hit]:
        try:
            found = self._shards[level].query(request)
        except Exception as error:
            raise StoreError(
                f"The store in {str(self._path)!r} failed to search: {error}."
            ) from error
        return [Hit(str(p.id), p.score, p.payload or {}) for p in found]

    def retrieve(self, level: Level, ids: Sequence[str]) -> list[Hit]:
        """Return the points with these ids."""
        records = self._shards[level].retrieve(list(ids), with_payload=True, with_vector=False)
        return [Hit(str(r.id), 0.0, r.payload or {}) for r in records]

    def similarities(
        self, level: Level, name: str, vector: Vector, ids: Sequence[str]
    ) -> dict[str, float]:
        """Return the cosine of `vector` with the points' vectors of that name."""
        records: Any = self._shards[level].retrieve(
            list(ids), with_payload=False, with_vector=[name]
        )
        return {
            str(r.id): float(np.dot(vector, np.asarray(r.vector[name], dtype=np.float32)))
            for r in records
            if r.vector and name in r.vector
        }

    def scroll(self, level: Level, where: Filter) -> list[Hit]:
        """Return every point that matches."""
        out: list[Hit] = []
        offset: Any = None
        while True:
            records, offset = self._shards[level].scroll(
                edge.ScrollRequest(
                    offset=offset, limit=1000, filter=_compile(where), with_payload=True
                )
            )
            out += [Hit(str(r.id), 0.0, r.payload or {}) for r in records]
            if offset is None:
                return out

    def count(self, level: Level, where: Filter) -> int:
        """Return how many points match."""
        return self._shards[level].count(edge.CountRequest(exact=True, filter=_compile(where)))

    def idf(self, level: Level, name: str, terms: Sequence[str], corpus: Filter) -> list[float]:
        """Return each term's inverse document frequency, as the engine counts it.

        A search for one term scores idf · weight, and the found point's own vector holds the weight.
        """
        where = _compile(corpus)
        params = edge.SearchParams(idf=edge.IdfParams(corpus=where))
        sparse = [self._bm25[name].embed_query(term) for term in terms]
        requests = [
            edge.QueryRequest(
                limit=1, query=edge.Query.Nearest(vector, using=name), filter=where, params=params,
                with_vector=[name],
            )
            for vector in sparse
        ]  # fmt: skip
        answers = (
            self._shards[level].query_batch(edge.QueryBatchRequest(requests)) if requests else []
        )
        out = []
        for vector, hits in zip(sparse, answers, strict=True):
            value = 0.0
            if hits and hits[0].vector:
                stored: Any = hits[0].vector
                weights = dict(zip(stored[name].indices, stored[name].values, strict=True))
                weight = weights.get(vector.indices[0], 0.0)
                value = hits[0].score / weight if weight > 0 else 0.0
            out.append(value if math.isfinite(value) else 0.0)
        return out

    def flush(self) -> None:
        """Write everything to the disk, where it survives a power loss too."""
        for shard in self._shards.values():
            shard.flush()
        self._unflushed = 0

    def close(self) -> None:
        """Flush and let go of the folder."""
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()


def _bm25_config(average_length: float) -> edge.Bm25Config:
    """BM25 over tokens that are already made: split at spaces, no stemmer, no stop words."""
    return edge.Bm25Config(
        tokenizer=edge.TokenizerType.Whitespace,
        stemmer=edge.DisabledStemmer(),
        stopwords=edge.StopwordsSet(languages=set(), custom=set()),
        avg_len=average_length,
        max_token_len=64,
    )


def _compile(where: Filter) -> edge.Filter:
    return edge.Filter(must=[_condition(condition) for condition in where.conditions])


def _condition(condition: Condition) -> edge.FieldCondition:
    return edge.FieldCondition(condition.field, match=edge.MatchAny(list(condition.values)))
