"""What every store must do, as tests.

A new engine inherits `StoreContract`, or `EmbeddedStoreContract` if it lives in a local folder, and
overrides the fixture `opener`. An engine without folders takes the path as the store's name.
"""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import pytest_asyncio

from indexes.base import (
    Delete,
    Hit,
    Level,
    Point,
    Query,
    Schema,
    SetPayload,
    Space,
    Sparse,
    Store,
    Upsert,
    Vector,
    chunk_id,
    document_id,
)
from indexes.errors import StoreError, StoreLockedError, StoreSchemaError
from indexes.lexical import encode_document, encode_query, encode_term
from indexes.stores.edge import EdgeStore
from indexes.types import AnyOf, Condition, Filter, Ids, Not, Range

ROOT = Path(__file__).parents[2]
DIMENSION = 4
SCHEMA = Schema(
    {"dense": Space("m", DIMENSION)},
    {"index": "keyword", "document": "keyword", "access": "keyword", "meta.year": "number"},
)
ALL = Filter()
PUBLIC = Filter((AnyOf("access", ("*",)),))
Opener: TypeAlias = Callable[[Path, Schema], Awaitable[Store]]


def vector(*numbers: float) -> Vector:
    """Return a unit vector."""
    raw = np.asarray(numbers, dtype=np.float32)
    return np.asarray(raw / max(float(np.linalg.norm(raw)), 1e-9), dtype=np.float32)


def chunk(
    number: int,
    text: str,
    dense: Vector | None = None,
    *,
    index: str = "a",
    document: str = "d",
    access: Sequence[str] = ("*",),
    **payload: Any,
) -> Point:
    """Return a chunk as ingestion writes it."""
    return Point(
        chunk_id(index, document, number),
        {"index": index, "document": document, "text": text, "access": list(access), **payload},
        {} if dense is None else {"dense": dense},
        {"text": encode_document("text", text)},
    )


def said(hits: Sequence[Hit]) -> list[str]:
    """Return the texts of hits."""
    return [str(hit.payload["text"]) for hit in hits]


def ids(hits: Sequence[Hit | Point]) -> list[str]:
    """Return the ids of hits."""
    return [hit.id for hit in hits]


def lexical(text: str, limit: int = 10, where: Filter = ALL) -> Query:
    """Return a BM25 search."""
    return Query(where, limit, sparse=("text", encode_query(text)), corpus=where)


def dense(towards: Vector, limit: int = 10, where: Filter = ALL) -> Query:
    """Return a search by vector."""
    return Query(where, limit, dense=("dense", towards))


def hybrid(text: str, towards: Vector, limit: int = 10, where: Filter = ALL, **more: Any) -> Query:
    """Return a search by both."""
    return Query(
        where,
        limit,
        sparse=("text", encode_query(text)),
        dense=("dense", towards),
        corpus=where,
        **more,
    )


async def ask(store: Store, query: Query, level: Level = "chunks") -> list[Hit]:
    """Return the hits of one query."""
    (hits,) = await store.query(level, [query])
    return hits


async def size(store: Store, where: Filter = ALL, level: Level = "chunks") -> int:
    """Return how many points match."""
    (found,) = await store.count(level, [where])
    return found


async def exported(store: Store, limit: int = 1000, level: Level = "chunks") -> list[Point]:
    """Return all points with their vectors, read page by page."""
    out: list[Point] = []
    after: str | None = None
    while True:
        points, after = await store.export(level, after, limit)
        assert len(points) <= limit
        out += points
        if after is None:
            return out


def assert_equal(found: Sequence[Point], expected: Sequence[Point]) -> None:
    """Check that points have the same ids, payloads and vectors, in the same order."""
    assert ids(found) == ids(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.payload == other.payload
        assert set(one.dense) == set(other.dense)
        for name, own in one.dense.items():
            assert list(own) == pytest.approx(list(other.dense[name]), abs=1e-6)
        assert {k: _weights(v) for k, v in one.sparse.items()} == {
            k: pytest.approx(_weights(v), abs=1e-6) for k, v in other.sparse.items()
        }


def _weights(sparse: Sparse) -> dict[int, float]:
    return dict(zip(sparse.ids, sparse.weights, strict=True))


SAMPLE = (
    chunk(0, "噪声防治措施", vector(1, 0, 0, 0), tags=["x", "y"], n=[1, 2], meta={"year": 2022.0}),
    chunk(1, "shield tunnelling schedule", vector(0, 1, 0, 0), tags="x", n=3, meta={"year": 2023}),
    chunk(2, "扬尘与噪声监测计划 每月一次", vector(3, 4, 0, 0), document="e", meta={"year": 2024}),
    chunk(3, "内部噪声投诉", vector(4, 3, 0, 0), index="b", access=("finance",), n=4.5, flag=True),
)
BAD = {
    "nan": Point(chunk_id("a", "d", 99), {}, {"dense": np.array([1, np.nan, 0, 0], np.float32)}),
    "infinity": Point(chunk_id("a", "d", 99), {}, {"dense": [1.0, math.inf, 0.0, 0.0]}),
    "dimension": Point(chunk_id("a", "d", 99), {}, {"dense": np.ones(DIMENSION + 1, np.float32)}),
    "shape": Point(chunk_id("a", "d", 99), {}, {"dense": np.ones((1, DIMENSION), np.float32)}),
    "dense name": Point(chunk_id("a", "d", 99), {}, {"colour": np.ones(DIMENSION, np.float32)}),
    "sparse name": Point(chunk_id("a", "d", 99), {}, {}, {"title": Sparse([1], [1.0])}),
    "sparse nan": Point(chunk_id("a", "d", 99), {}, {}, {"text": Sparse([1], [math.nan])}),
    "sparse lengths": Point(chunk_id("a", "d", 99), {}, {}, {"text": Sparse([1, 2], [1.0])}),
    "sparse twice": Point(chunk_id("a", "d", 99), {}, {}, {"text": Sparse([1, 1], [1.0, 1.0])}),
    "sparse id": Point(chunk_id("a", "d", 99), {}, {}, {"text": Sparse([2**32], [1.0])}),
    "id": Point("chunk-99", {}),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the path of a store that does not exist yet."""
    return tmp_path / "made" / "store"


class StoreContract:
    """The behaviour of any store; `store` is an empty one."""

    @pytest_asyncio.fixture(scope="class", loop_scope="session")
    @classmethod
    async def opener(cls) -> AsyncIterator[Opener]:
        """Return the function that opens the engine under test; override this."""
        raise NotImplementedError
        yield

    @pytest_asyncio.fixture(scope="class", loop_scope="session")
    @classmethod
    async def opened(
        cls, opener: Opener, tmp_path_factory: pytest.TempPathFactory
    ) -> AsyncIterator[Store]:
        """Open a store for all tests of the class."""
        store = await opener(tmp_path_factory.mktemp("store") / "store", SCHEMA)
        yield store
        await store.close()

    @pytest_asyncio.fixture
    async def store(self, opened: Store) -> Store:
        """Return an empty store."""
        await opened.delete("chunks", ALL)
        await opened.delete("documents", ALL)
        return opened

    @pytest_asyncio.fixture
    async def filled(self, store: Store) -> Store:
        """Return a store that holds the sample."""
        await store.upsert("chunks", SAMPLE)
        return store

    async def test_empty(self, store: Store) -> None:
        """An empty store answers every question with nothing."""
        one = vector(1, 0, 0, 0)
        queries = [lexical("噪声"), dense(one), hybrid("噪声", one)]
        assert await store.query("chunks", queries) == [[], [], []]
        assert await store.scroll("documents", ALL) == []
        assert await store.count("chunks", [ALL, PUBLIC]) == [0, 0]
        assert await store.idf("chunks", "text", [encode_term("噪声")], ALL) == [0.0]
        assert await store.export("chunks", None, 10) == ([], None)
        await store.delete("chunks", ALL)
        await store.flush()

    async def test_nothing_asked(self, filled: Store) -> None:
        """No points, queries, filters and terms are no error."""
        await filled.upsert("chunks", [])
        assert await filled.query("chunks", []) == []
        assert await filled.count("chunks", []) == []
        assert await filled.idf("chunks", "text", [], ALL) == []
        assert await filled.idf("chunks", "text", [Sparse([], [])], ALL) == [0.0]

    async def test_payloads_nest(self, store: Store) -> None:
        """Spans, empty lists, numbers and Chinese text survive the trip."""
        payload = {
            "index": "a", "spans": [{"start": 0, "location": {"page": 3}}], "access": [],
            "day": 20240131, "share": 0.25, "flag": True, "none": None, "标题": "噪声",
        }  # fmt: skip
        await store.upsert("chunks", [Point(chunk_id("a", "d", 0), payload)])
        (hit,) = await store.scroll("chunks", ALL)
        assert (hit.id, hit.payload) == (chunk_id("a", "d", 0), payload)

    async def test_upsert_replaces(self, filled: Store) -> None:
        """A known id's text, vector and payload give way to the new ones."""
        await filled.upsert("chunks", [chunk(0, "财务报表", vector(0, 0, 0, 1))])
        assert await size(filled) == len(SAMPLE)
        assert "财务报表" in said(await ask(filled, lexical("财务报表")))
        assert "噪声防治措施" not in said(await ask(filled, lexical("噪声")))
        (hit,) = await ask(filled, dense(vector(0, 0, 0, 1), 1))
        assert (hit.payload["text"], "tags" in hit.payload) == ("财务报表", False)

    async def test_scrolling_reads_every_page(self, store: Store) -> None:
        """More points than one page holds come back once each."""
        points = [chunk(number, f"噪声 {number}") for number in range(2100)]
        await store.upsert("chunks", points)
        found = await store.scroll("chunks", ALL, ("text",))
        assert (len(found), {*ids(found)}) == (2100, {*ids(points)})

    async def test_queries_are_noticed(self, filled: Store) -> None:
        """When it was last searched is known, so that an ingestion can give way."""
        before = filled.queried
        await filled.scroll("chunks", ALL)
        assert filled.queried == before
        await ask(filled, lexical("噪声"))
        assert before < filled.queried <= time.monotonic()

    async def test_delete_takes_what_matches(self, filled: Store) -> None:
        """Deletion takes the points that fulfil all conditions, and no others."""
        where = Filter((AnyOf("index", ("a",)), AnyOf("document", ("d",))))
        await filled.delete("chunks", where)
        assert await size(filled, where) == 0
        assert {*ids(await filled.scroll("chunks", ALL))} == {*ids(SAMPLE[2:])}
        assert await ask(filled, lexical("shield")) == []

    async def test_payload_fields_are_set(self, filled: Store) -> None:
        """Of the points that match, the named fields change; the rest of them, and others, stay."""
        where = Filter((AnyOf("document", ("d",)),))
        await filled.apply([SetPayload("chunks", where, {"access": ["board"], "note": "新"})])
        for hit in await filled.scroll("chunks", ALL):
            mine = hit.payload["document"] == "d"
            assert (hit.payload.get("note") == "新") is mine
            assert (hit.payload["access"] == ["board"]) is mine
            assert hit.payload["text"]
        board = Filter((AnyOf("access", ("board",)),))
        assert await size(filled, board) == await size(filled, where) > 0
        assert len(await ask(filled, dense(vector(1, 0, 0, 0), 9, board))) == await size(
            filled, board
        )

    async def test_changes_are_made_in_order(self, filled: Store) -> None:
        """What comes later in a list of changes counts: here a document gives way to its new text."""
        old = tuple(
            hit.id
            for hit in await filled.scroll("chunks", Filter((AnyOf("document", ("d",)),)), ())
        )
        new = chunk(50, "噪声监测报告", vector(1, 0, 0, 0), access=())
        await filled.apply(
            [
                Upsert("chunks", [new]),
                Delete("chunks", Filter((Ids(old),))),
                SetPayload("chunks", Filter((Ids((new.id,)),)), {"access": ["*"]}),
            ]
        )
        public = Filter((AnyOf("document", ("d",)), AnyOf("access", ("*",))))
        assert ids(await filled.scroll("chunks", public)) == [new.id]
        assert ids(await ask(filled, lexical("噪声监测报告", 1, public))) == [new.id]

    async def test_delete_everything(self, filled: Store) -> None:
        """A filter without conditions matches every point."""
        await filled.delete("chunks", ALL)
        assert await size(filled) == 0

    async def test_levels_are_apart(self, filled: Store) -> None:
        """Documents and chunks do not see each other."""
        point = Point(
            document_id("a", "d"),
            {"index": "a", "access": ["*"]},
            {"dense": vector(1, 0, 0, 0)},
            {name: encode_document(name, "噪声") for name in ("title", "terms")},
        )
        await filled.upsert("documents", [point])
        assert await size(filled, level="documents") == 1
        assert await size(filled) == len(SAMPLE)
        query = Query(ALL, 5, sparse=("terms", encode_query("噪声")), corpus=ALL)
        assert ids(await ask(filled, query, "documents")) == [point.id]
        assert ids(await ask(filled, dense(vector(1, 1, 0, 0)), "documents")) == [point.id]

    @pytest.mark.parametrize(
        ("text", "best"),
        [
            ("噪声防治有哪些措施", "噪声防治措施"),
            ("噪聲監測", "扬尘与噪声监测计划 每月一次"),
            ("the tunnel's schedules", "shield tunnelling schedule"),
            ("SHIELD", "shield tunnelling schedule"),
        ],
    )
    async def test_sparse_search(self, filled: Store, text: str, best: str) -> None:
        """The points that share most and rarest terms come first."""
        hits = await ask(filled, lexical(text))
        assert said(hits)[0] == best
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)

    @pytest.mark.parametrize("text", ["", "？！", "龘"])
    async def test_sparse_search_without_a_known_term(self, filled: Store, text: str) -> None:
        """A query that shares no term with any point finds none."""
        assert await ask(filled, lexical(text)) == []

    async def test_weights_of_a_query_count(self, filled: Store) -> None:
        """A term of twice the weight scores twice as much."""
        once = encode_query("shield")
        twice = Sparse(once.ids, [2 * weight for weight in once.weights])
        found = await filled.query(
            "chunks", [Query(ALL, 1, sparse=("text", one), corpus=ALL) for one in (once, twice)]
        )
        assert found[1][0].score == pytest.approx(2 * found[0][0].score, rel=1e-4)

    async def test_dense_search(self, filled: Store) -> None:
        """Points come by cosine, and it is their score."""
        hits = await ask(filled, dense(vector(1, 0, 0, 0)))
        assert ids(hits) == [SAMPLE[i].id for i in (0, 3, 2, 1)]
        assert [h.score for h in hits] == pytest.approx([1.0, 0.8, 0.6, 0.0], abs=1e-5)

    async def test_hybrid_search_uses_both_branches(self, filled: Store) -> None:
        """What only one branch finds is there, and what both find comes first."""
        hits = said(await ask(filled, hybrid("噪声监测", vector(0, 1, 0, 0))))
        assert hits[0] == "扬尘与噪声监测计划 每月一次"
        assert "shield tunnelling schedule" in hits
        assert len(hits) == len(set(hits)) == len(SAMPLE)

    async def test_hybrid_search_without_a_term(self, filled: Store) -> None:
        """With one branch empty the other one's order and scores stand."""
        hits = await ask(filled, hybrid("？", vector(1, 0, 0, 0)))
        assert [h.score for h in hits] == pytest.approx([1.0, 0.8, 0.6, 0.0], abs=1e-5)

    @pytest.mark.parametrize(
        ("weights", "best"),
        [((1.0, 0.0), "噪声防治措施"), ((0.0, 1.0), "shield tunnelling schedule")],
    )
    async def test_weights_decide(
        self, filled: Store, weights: tuple[float, float], best: str
    ) -> None:
        """A branch with all the weight decides alone."""
        hits = await ask(filled, hybrid("防治措施", vector(0, 1, 0, 0), 4, weights=weights))
        assert said(hits)[0] == best
        assert hits[0].score == pytest.approx(1.0)

    async def test_weights_scale_to_the_whole_range(self, store: Store) -> None:
        """In each branch the best point counts as 1 and the worst as 0."""
        points = [
            chunk(0, "噪声 噪声", vector(0, 1, 0, 0)),
            chunk(1, "噪声 其他 文字 很多", vector(1, 0, 0, 0)),
        ]
        await store.upsert("chunks", points)
        hits = await ask(store, hybrid("噪声", vector(1, 0, 0, 0), 2, weights=(0.6, 0.4)))
        assert [h.score for h in hits] == pytest.approx([0.6, 0.4])

    @pytest.mark.parametrize("weights", [None, (0.5, 0.5)])
    async def test_filters_hold_before_the_top_k(
        self, store: Store, weights: tuple[float, float] | None
    ) -> None:
        """A hundred better points that may not be seen do not push out the one that may."""
        one = vector(1, 0, 0, 0)
        hidden = [chunk(i, "噪声 噪声 噪声", one, access=("secret",)) for i in range(100)]
        seen = chunk(100, "施工期的噪声与其他很多文字", vector(1, 9, 0, 0))
        await store.upsert("chunks", [*hidden, seen])
        queries = [
            hybrid("噪声", one, 1, PUBLIC, candidates=10, weights=weights),
            lexical("噪声", 1, PUBLIC),
            dense(one, 1, PUBLIC),
        ]
        for hits in await store.query("chunks", queries):
            assert ids(hits) == [seen.id]

    @pytest.mark.parametrize(
        ("conditions", "numbers"),
        [
            ((), [0, 1, 2, 3]),
            ((AnyOf("index", ("a",)),), [0, 1, 2]),
            ((AnyOf("access", ("*", "finance")),), [0, 1, 2, 3]),
            ((AnyOf("index", ("a", "b")), AnyOf("document", ("e",))), [2]),
            ((AnyOf("index", ("b",)), AnyOf("access", ("*",))), []),
            ((AnyOf("document", ()),), []),
            ((AnyOf("missing", ("a",)),), []),
            ((AnyOf("tags", ("x",)),), [0, 1]),
            ((AnyOf("tags", ("y", "z")),), [0]),
            ((AnyOf("n", (2, 3)),), [0, 1]),
            ((AnyOf("meta.year", (2022, 2024)),), [0, 2]),
            ((AnyOf("n", ("x", 3)),), [1]),
            ((AnyOf("tags", (2023,)),), []),
            ((Range("meta.year", gte=2023),), [1, 2]),
            ((Range("meta.year", gt=2023),), [2]),
            ((Range("meta.year", lte=2023),), [0, 1]),
            ((Range("meta.year", lt=2023),), [0]),
            ((Range("meta.year", gte=2022.5, lt=2024),), [1]),
            ((Range("meta.year", gt=2022, lte=2024), AnyOf("document", ("d",))), [1]),
            ((Range("meta.year", gte=2025),), []),
            ((Not(Range("meta.year", gt=2023)),), [0, 1, 3]),
            ((Not(Range("meta.year", lt=2023)), Not(Range("meta.year", gt=2023))), [1, 3]),
            ((Range("n", gte=2, lt=4),), [0, 1]),
            ((Range("n", gt=4),), [3]),
            ((Range("flag", gte=0),), []),
            ((Range("index", gte=0),), []),
            ((Ids((SAMPLE[1].id, SAMPLE[3].id, chunk_id("x", "y", 0))),), [1, 3]),
            ((Ids((SAMPLE[1].id, SAMPLE[3].id)), AnyOf("index", ("a",))), [1]),
            ((Ids(()),), []),
        ],
    )
    async def test_filters(
        self, filled: Store, conditions: tuple[Condition, ...], numbers: list[int]
    ) -> None:
        """All conditions hold, each for any of its values, whichever way it is asked."""
        where = Filter(conditions)
        expected = {SAMPLE[i].id for i in numbers}
        assert {*ids(await filled.scroll("chunks", where))} == expected
        assert {*ids(await ask(filled, dense(vector(1, 1, 0, 0), 10, where)))} == expected
        assert {*ids(await ask(filled, hybrid("噪声", vector(1, 1, 0, 0), 10, where)))} == expected
        assert await size(filled, where) == len(expected)

    async def test_points_without_access_are_nobodys(self, store: Store) -> None:
        """An empty access list matches no group."""
        await store.upsert("chunks", [chunk(0, "噪声", vector(1, 0, 0, 0), access=())])
        assert await ask(store, lexical("噪声", where=PUBLIC)) == []
        assert await size(store, PUBLIC) == 0

    @pytest.mark.parametrize("limit", [0, 1, 2])
    async def test_limit(self, filled: Store, limit: int) -> None:
        """Never more hits than asked for."""
        one = vector(1, 1, 0, 0)
        queries = [
            dense(one, limit), lexical("噪声", limit), hybrid("噪声", one, limit),
            hybrid("噪声", one, limit, weights=(0.5, 0.5)),
        ]  # fmt: skip
        assert [len(hits) for hits in await filled.query("chunks", queries)] == [limit] * 4

    @pytest.mark.parametrize(
        ("fields", "payload"),
        [
            (None, SAMPLE[0].payload),
            ((), {}),
            (("text", "meta.year"), {"text": "噪声防治措施", "meta": {"year": 2022.0}}),
            (("missing",), {}),
        ],
    )
    async def test_fields(
        self, filled: Store, fields: tuple[str, ...] | None, payload: dict[str, Any]
    ) -> None:
        """Only the fields asked for come back; None stands for all of them."""
        one = vector(1, 0, 0, 0)
        queries = [
            Query(ALL, 1, dense=("dense", one), fields=fields),
            hybrid("防治措施", one, 1, fields=fields),
            hybrid("防治措施", one, 1, fields=fields, weights=(0.5, 0.5)),
        ]
        for (hit,) in await filled.query("chunks", queries):
            assert hit.payload == payload
        (hit,) = await filled.scroll("chunks", Filter((Ids((SAMPLE[0].id,)),)), fields)
        assert hit.payload == payload

    async def test_idf_ranks_rare_terms_above_common_ones(self, filled: Store) -> None:
        """The rarer a term the larger its number; an absent one has 0."""
        terms = [encode_term(term) for term in ("shield", "噪声", "龘")]
        rare, common, absent = await filled.idf("chunks", "text", terms, ALL)
        assert rare == pytest.approx(math.log((4 - 1 + 0.5) / (1 + 0.5) + 1), rel=1e-4)
        assert common == pytest.approx(math.log((4 - 3 + 0.5) / (3 + 0.5) + 1), rel=1e-4)
        assert absent == 0.0

    async def test_idf_counts_over_the_corpus_alone(self, filled: Store) -> None:
        """A term that only others may see is absent, so its number tells nobody that it exists."""
        term = [encode_term("投诉")]
        assert (await filled.idf("chunks", "text", term, ALL))[0] > 0
        assert await filled.idf("chunks", "text", term, PUBLIC) == [0.0]

    async def test_corpus_is_apart_from_the_filter(self, filled: Store) -> None:
        """A search in one document can count its terms over a larger corpus."""
        where = Filter((AnyOf("document", ("e",)),))
        scores = [
            (await ask(filled, Query(where, 1, sparse=("text", encode_query("扬尘")), corpus=over)))
            for over in (where, ALL)
        ]
        assert scores[1][0].score > scores[0][0].score > 0

    async def test_many_queries_at_once(self, filled: Store) -> None:
        """Each of many queries is answered as it would be alone, in their order."""
        other = Filter((AnyOf("index", ("b",)),))
        one = vector(1, 0, 0, 0)
        kinds = [
            lexical("噪声"),
            lexical("龘"),
            lexical(""),
            dense(one, where=other),
            hybrid("噪声监测", one, 3),
            hybrid("噪声监测", one, 3, weights=(0.3, 0.7)),
            lexical("噪声", where=PUBLIC),
        ]
        alone = [await ask(filled, query) for query in kinds]
        found = await filled.query("chunks", kinds * 30)
        assert [ids(hits) for hits in found] == [ids(hits) for hits in alone] * 30
        assert [bool(hits) for hits in alone] == [True, False, False, True, True, True, True]

    async def test_counts_of_many_filters(self, filled: Store) -> None:
        """Each filter has its own count."""
        b = Filter((AnyOf("index", ("b",)),))
        assert await filled.count("chunks", [ALL, PUBLIC, b, ALL]) == [4, 3, 1, 4]

    async def test_scroll_returns_everything(self, store: Store) -> None:
        """More points than any page holds come back, each once."""
        points = [chunk(i, f"第{i}段", vector(1, i, 0, 0)) for i in range(2300)]
        await store.upsert("chunks", points)
        found = ids(await store.scroll("chunks", ALL))
        assert len(found) == 2300
        assert {*found} == {*ids(points)}
        assert ids(await exported(store, 900)) == sorted(ids(points))

    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
    async def test_bad_points_are_refused_whole(self, filled: Store, bad: Point) -> None:
        """One bad point at the end of a batch keeps all of it out, and its id is named."""
        batch = [chunk(i, "新", vector(1, 0, 0, 0), index="new") for i in range(300)]
        with pytest.raises(StoreError, match=bad.id):
            await filled.upsert("chunks", [*batch, bad])
        assert await size(filled) == len(SAMPLE)

    @pytest.mark.parametrize(
        "query",
        [
            dense(vector(1, 0, 0)),
            Query(ALL, 1, dense=("dense", [1.0, math.nan, 0.0, 0.0])),
            Query(ALL, 1, dense=("colour", [1.0, 0.0, 0.0, 0.0])),
            Query(ALL, 1, sparse=("title", Sparse([1], [1.0]))),
            Query(ALL, 1, sparse=("text", Sparse([1, 2], [1.0]))),
        ],
        ids=["dimension", "nan", "dense name", "sparse name", "lengths"],
    )
    async def test_bad_queries_are_refused(self, filled: Store, query: Query) -> None:
        """A bad question is a StoreError, whatever the engine makes of it, and harms nothing."""
        with pytest.raises(StoreError):
            await filled.query("chunks", [lexical("噪声"), query])
        assert len(await ask(filled, lexical("噪声"))) == 3

    async def test_export_returns_everything_in_order(self, filled: Store) -> None:
        """Points come page by page in the order of ids, with the vectors that were written."""
        expected = sorted(SAMPLE, key=lambda point: point.id)
        assert_equal(await exported(filled, 3), expected)
        points, after = await filled.export("chunks", expected[2].id, 1)
        assert (ids(points), after) == ([expected[2].id], expected[3].id)

    async def test_export_moves_to_another_engine_and_back(
        self, filled: Store, folder: Path
    ) -> None:
        """What one engine exports another takes, and exports unchanged."""
        bare = Point(chunk_id("a", "d", 9), {"index": "a"})
        await filled.upsert("chunks", [bare])
        points = await exported(filled)
        other = EdgeStore(folder, SCHEMA)
        await other.upsert("chunks", points)
        assert_equal(await exported(other), points)
        await filled.delete("chunks", ALL)
        await filled.upsert("chunks", await exported(other))
        await other.close()
        assert_equal(await exported(filled), points)
        assert said(await ask(filled, lexical("shield"))) == [SAMPLE[1].payload["text"]]

    async def test_reopening_keeps_everything(self, opener: Opener, folder: Path) -> None:
        """Texts, vectors and payloads are there after a close."""
        store = await opener(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        await store.close()
        store = await opener(folder, SCHEMA)
        assert await size(store) == len(SAMPLE)
        assert said(await ask(store, lexical("shield"))) == [SAMPLE[1].payload["text"]]
        assert (await ask(store, dense(vector(1, 0, 0, 0))))[0].id == SAMPLE[0].id
        assert await size(store, PUBLIC) == len(SAMPLE) - 1
        await store.close()

    async def test_new_spaces_and_fields_are_added(self, opener: Opener, folder: Path) -> None:
        """A store of an older schema gets the new vectors and fields, and keeps its points."""
        store = await opener(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        await store.close()
        wide = Schema(
            {**SCHEMA.spaces, "second": Space("n", 2)}, {**SCHEMA.fields, "meta.place": "keyword"}
        )
        store = await opener(folder, wide)
        new = Point(chunk_id("c", "d", 0), {"meta": {"place": "here"}}, {"second": vector(0, 1)})
        await store.upsert("chunks", [new])
        here = Filter((AnyOf("meta.place", ("here",)),))
        assert await size(store) == len(SAMPLE) + 1
        found = await store.query(
            "chunks",
            [
                Query(here, 5, dense=("second", vector(1, 1))),
                Query(ALL, 5, dense=("second", vector(1, 1))),
                dense(vector(1, 0, 0, 0)),
            ],
        )
        assert [len(hits) for hits in found] == [1, 1, 4]
        await store.close()

    async def test_fewer_spaces_than_the_store_has(self, opener: Opener, folder: Path) -> None:
        """A schema that names fewer vectors leaves those that exist alone."""
        store = await opener(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        await store.close()
        store = await opener(folder, Schema({}, SCHEMA.fields))
        assert said(await ask(store, lexical("shield"))) == [SAMPLE[1].payload["text"]]
        await store.close()
        store = await opener(folder, SCHEMA)
        assert len(await ask(store, dense(vector(1, 0, 0, 0)))) == len(SAMPLE)
        await store.close()

    @pytest.mark.parametrize("space", [Space("other", DIMENSION), Space("m", DIMENSION + 1)])
    async def test_other_model_is_refused(self, opener: Opener, folder: Path, space: Space) -> None:
        """Vectors of another model are never mixed in; the message says what to do."""
        await (await opener(folder, SCHEMA)).close()
        with pytest.raises(StoreSchemaError, match=f"'m' .4 numbers.*{space.model!r}") as caught:
            await opener(folder, Schema({"dense": space}, SCHEMA.fields))
        assert "waypost ingest" in caught.value.fix
        await (await opener(folder, SCHEMA)).close()

    async def test_close_twice(self, opener: Opener, folder: Path) -> None:
        """Closing a closed store does nothing."""
        store = await opener(folder, SCHEMA)
        await store.close()
        await store.close()


class EmbeddedStoreContract(StoreContract):
    """What a store in a local folder must do besides."""

    @pytest_asyncio.fixture
    async def closed(self, opener: Opener, folder: Path) -> Path:
        """Return the folder of a store that was filled and closed, and that no process has open."""
        store = EdgeStore(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        await store.close()
        return folder

    async def test_path_that_is_a_file(self, opener: Opener, folder: Path) -> None:
        """A store cannot be made where a file stands; the message says what to change."""
        folder.parent.mkdir()
        folder.touch()  # noqa: ASYNC240
        for path in (folder, folder / "store"):
            with pytest.raises(StoreError, match="cannot be made") as caught:
                await opener(path, SCHEMA)
            assert "[store] path" in caught.value.fix

    async def test_missing_folder_is_made(self, opener: Opener, folder: Path) -> None:
        """The first use makes the folder and those above it."""
        await (await opener(folder / "a" / "b", SCHEMA)).close()
        assert (folder / "a" / "b" / "schema.json").exists()

    async def test_half_made_store_is_finished(self, opener: Opener, folder: Path) -> None:
        """A process that died while making the store left folders, which the next one completes."""
        (folder / "chunks" / "wal").mkdir(parents=True)
        store = await opener(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        assert await size(store) == len(SAMPLE)
        await store.close()

    @pytest.mark.parametrize("broken", ["schema.json", "chunks/edge_config.json"])
    async def test_damaged_store_says_how_to_recover(
        self, opener: Opener, closed: Path, broken: str
    ) -> None:
        """A damaged file is a StoreError that names the folder to delete, never a bare exception."""
        (closed / broken).write_text("{", encoding="utf-8")
        with pytest.raises(StoreError) as caught:
            await opener(closed, SCHEMA)
        assert repr(str(closed)) in caught.value.fix

    async def test_store_of_another_version_is_refused(self, opener: Opener, closed: Path) -> None:
        """A store of an older form is not read; the message says what to delete."""
        (closed / "schema.json").write_text('{"version": 1}', encoding="utf-8")
        with pytest.raises(StoreSchemaError, match="schema version 1") as caught:
            await opener(closed, SCHEMA)
        assert repr(str(closed)) in caught.value.fix

    async def test_open_elsewhere_is_refused(self, opener: Opener, folder: Path) -> None:
        """An engine that another process has open is refused, and can be used once that has ended."""
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDING, str(folder),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        assert other.stdin is not None
        assert other.stdout is not None
        assert await other.stdout.readline() == b"open\n"
        with pytest.raises(StoreLockedError, match="another process"):
            await opener(folder, SCHEMA)
        await other.communicate(b"\n")
        store = await opener(folder, SCHEMA)
        assert await size(store) == len(SAMPLE)
        await store.close()
        assert StoreLockedError.retryable


HOLDING = """
import asyncio, sys
import time
from pathlib import Path
from indexes.stores.edge import EdgeStore
from tests.indexes.store_contract import SAMPLE, SCHEMA
store = EdgeStore(Path(sys.argv[1]), SCHEMA)
asyncio.run(store.upsert("chunks", SAMPLE))
print("open", flush=True)
sys.stdin.readline()
asyncio.run(store.close())
"""
