"""What every store must do, as tests.

A new engine inherits `StoreContract`, or `EmbeddedStoreContract` if it lives in a local folder, and
overrides the fixture `opener` with a function of a module's top level: other processes import it.
"""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from indexes.base import Hit, Point, Query, Store, Vector, chunk_id, document_id
from indexes.errors import StoreError, StoreLockedError, StoreSchemaError
from indexes.types import Condition, Filter

DIMENSION = 4
ALL = Filter()
PUBLIC = Filter((Condition("access", ("*",)),))


class OpenStore(Protocol):
    """Opens a store in a folder."""

    __module__: str
    __qualname__: str

    def __call__(self, path: Path, model: str = "m", dimension: int = DIMENSION) -> Store:
        """Return the store, made if there is none."""
        ...


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
) -> Point:
    """Return a chunk as ingestion writes it."""
    return Point(
        chunk_id(index, document, number),
        {"index": index, "document": document, "text": text, "access": list(access)},
        {} if dense is None else {"dense": dense},
        {"text": text},
    )


def said(hits: Sequence[Hit]) -> list[str]:
    """Return the texts of hits."""
    return [str(hit.payload["text"]) for hit in hits]


def lexical(text: str, limit: int = 10, where: Filter = ALL) -> Query:
    """Return a BM25 search."""
    return Query(where, limit, lexical=("text", text), corpus=where)


def dense(towards: Vector, limit: int = 10, where: Filter = ALL) -> Query:
    """Return a search by vector."""
    return Query(where, limit, dense=("dense", towards))


SAMPLE = (
    chunk(0, "噪声防治措施", vector(1, 0, 0, 0)),
    chunk(1, "shield tunnelling schedule", vector(0, 1, 0, 0)),
    chunk(2, "扬尘与噪声监测计划 每月一次", vector(3, 4, 0, 0), document="e"),
    chunk(3, "内部噪声投诉", vector(4, 3, 0, 0), index="b", access=("finance",)),
)


class StoreContract:
    """The behaviour of any store; `store` is an empty one."""

    @pytest.fixture
    def opener(self) -> OpenStore:
        """Return the function that opens the engine under test; override this."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, opener: OpenStore, tmp_path: Path) -> Iterator[Store]:
        """Open an empty store and close it afterwards."""
        with closing(opener(tmp_path / "store")) as opened:
            yield opened

    @pytest.fixture
    def filled(self, store: Store) -> Store:
        """Return a store that holds the sample."""
        store.upsert("chunks", SAMPLE)
        return store

    def test_empty(self, store: Store) -> None:
        """An empty store answers every question with nothing."""
        assert store.query("chunks", lexical("噪声")) == []
        assert store.query("chunks", dense(vector(1, 0, 0, 0))) == []
        assert store.scroll("documents", ALL) == []
        assert store.count("chunks", ALL) == 0
        assert store.idf("chunks", "text", ["噪声"], ALL) == [0.0]
        store.delete("chunks", ALL)

    def test_nothing_to_write(self, store: Store) -> None:
        """Writing no points is no error."""
        store.upsert("chunks", [])
        assert store.count("chunks", ALL) == 0

    def test_upsert_keeps_payloads(self, filled: Store) -> None:
        """A point comes back with its id and payload."""
        (hit,) = filled.retrieve("chunks", [SAMPLE[2].id])
        assert (hit.id, hit.payload) == (SAMPLE[2].id, SAMPLE[2].payload)

    def test_payloads_nest(self, store: Store) -> None:
        """Spans, empty lists and Chinese text survive the trip."""
        payload = {"index": "a", "spans": [{"start": 0, "location": {"page": 3}}], "access": []}
        store.upsert("chunks", [Point(chunk_id("a", "d", 0), payload)])
        assert store.scroll("chunks", ALL)[0].payload == payload

    def test_upsert_replaces(self, filled: Store) -> None:
        """A known id's text, vector and payload give way to the new ones."""
        filled.upsert("chunks", [chunk(0, "财务报表", vector(0, 0, 0, 1))])
        assert filled.count("chunks", ALL) == len(SAMPLE)
        assert "财务报表" in said(filled.query("chunks", lexical("财务报表")))
        assert "噪声防治措施" not in said(filled.query("chunks", lexical("噪声")))
        assert said(filled.query("chunks", dense(vector(0, 0, 0, 1), 1))) == ["财务报表"]

    def test_delete_takes_what_matches(self, filled: Store) -> None:
        """Deletion takes the points that fulfil all conditions, and no others."""
        where = Filter((Condition("index", ("a",)), Condition("document", ("d",))))
        filled.delete("chunks", where)
        assert filled.count("chunks", where) == 0
        assert sorted(said(filled.scroll("chunks", ALL))) == sorted(
            p.payload["text"] for p in SAMPLE[2:]
        )
        assert filled.query("chunks", lexical("shield")) == []

    def test_levels_are_apart(self, filled: Store) -> None:
        """Documents and chunks do not see each other."""
        point = Point(
            document_id("a", "d"),
            {"index": "a", "access": ["*"]},
            {},
            {"title": "噪声", "terms": "噪声"},
        )
        filled.upsert("documents", [point])
        assert filled.count("documents", ALL) == 1
        assert filled.count("chunks", ALL) == len(SAMPLE)
        (hit,) = filled.query("documents", Query(ALL, 5, lexical=("terms", "噪声"), corpus=ALL))
        assert hit.id == point.id

    @pytest.mark.parametrize(
        ("text", "best"),
        [
            ("噪声防治有哪些措施", "噪声防治措施"),
            ("噪聲監測", "扬尘与噪声监测计划 每月一次"),
            ("the tunnel's schedules", "shield tunnelling schedule"),
            ("SHIELD", "shield tunnelling schedule"),
        ],
    )
    def test_lexical_search(self, filled: Store, text: str, best: str) -> None:
        """Words meet across traditional writing, case and inflection, best first."""
        hits = filled.query("chunks", lexical(text))
        assert said(hits)[0] == best
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)

    @pytest.mark.parametrize("text", ["", "？！", "龘"])
    def test_lexical_search_without_a_known_term(self, filled: Store, text: str) -> None:
        """A query that shares no term with any point finds none."""
        assert filled.query("chunks", lexical(text)) == []

    def test_dense_search(self, filled: Store) -> None:
        """Points come by cosine, and it is their score."""
        hits = filled.query("chunks", dense(vector(1, 0, 0, 0)))
        assert [h.id for h in hits] == [SAMPLE[i].id for i in (0, 3, 2, 1)]
        assert [h.score for h in hits] == pytest.approx([1.0, 0.8, 0.6, 0.0], abs=1e-5)

    def test_hybrid_search_uses_both_branches(self, filled: Store) -> None:
        """What only one branch finds is there, and what both find comes first."""
        query = Query(
            ALL, 10, lexical=("text", "噪声监测"), dense=("dense", vector(0, 1, 0, 0)), corpus=ALL
        )
        hits = said(filled.query("chunks", query))
        assert hits[0] == "扬尘与噪声监测计划 每月一次"
        assert "shield tunnelling schedule" in hits
        assert len(hits) == len(set(hits)) == len(SAMPLE)

    @pytest.mark.parametrize(
        ("weights", "best"),
        [((1.0, 0.0), "噪声防治措施"), ((0.0, 1.0), "shield tunnelling schedule")],
    )
    def test_weights_decide(self, filled: Store, weights: tuple[float, float], best: str) -> None:
        """A branch with all the weight decides alone."""
        query = Query(
            ALL,
            4,
            lexical=("text", "防治措施"),
            dense=("dense", vector(0, 1, 0, 0)),
            corpus=ALL,
            weights=weights,
        )
        hits = filled.query("chunks", query)
        assert said(hits)[0] == best
        assert hits[0].score == pytest.approx(1.0)

    def test_weights_scale_to_the_whole_range(self, store: Store) -> None:
        """In each branch the best point counts as 1 and the worst as 0."""
        store.upsert(
            "chunks",
            [
                chunk(0, "噪声 噪声", vector(0, 1, 0, 0)),
                chunk(1, "噪声 其他 文字 很多", vector(1, 0, 0, 0)),
            ],
        )
        query = Query(
            ALL,
            2,
            lexical=("text", "噪声"),
            dense=("dense", vector(1, 0, 0, 0)),
            corpus=ALL,
            weights=(0.6, 0.4),
        )
        assert [h.score for h in store.query("chunks", query)] == pytest.approx([0.6, 0.4])

    @pytest.mark.parametrize("weights", [None, (0.5, 0.5)])
    def test_filters_hold_before_the_top_k(
        self, store: Store, weights: tuple[float, float] | None
    ) -> None:
        """A hundred better points that may not be seen do not push out the one that may."""
        hidden = [
            chunk(i, "噪声 噪声 噪声", vector(1, 0, 0, 0), access=("secret",)) for i in range(100)
        ]
        store.upsert(
            "chunks", [*hidden, chunk(100, "施工期的噪声与其他很多文字", vector(1, 9, 0, 0))]
        )
        both = Query(
            PUBLIC,
            1,
            lexical=("text", "噪声"),
            dense=("dense", vector(1, 0, 0, 0)),
            corpus=PUBLIC,
            candidates=10,
            weights=weights,
        )
        one = [lexical("噪声", 1, PUBLIC), dense(vector(1, 0, 0, 0), 1, PUBLIC)]
        for query in (both, *one):
            assert said(store.query("chunks", query)) == ["施工期的噪声与其他很多文字"]

    @pytest.mark.parametrize(
        ("conditions", "numbers"),
        [
            ((), [0, 1, 2, 3]),
            ((Condition("index", ("a",)),), [0, 1, 2]),
            ((Condition("access", ("*", "finance")),), [0, 1, 2, 3]),
            ((Condition("index", ("a", "b")), Condition("document", ("e",))), [2]),
            ((Condition("index", ("b",)), Condition("access", ("*",))), []),
            ((Condition("document", ()),), []),
        ],
    )
    def test_filters(
        self, filled: Store, conditions: tuple[Condition, ...], numbers: list[int]
    ) -> None:
        """All conditions hold, each for any of its values; of no values none."""
        where = Filter(conditions)
        expected = {SAMPLE[i].id for i in numbers}
        assert {hit.id for hit in filled.scroll("chunks", where)} == expected
        assert {
            h.id for h in filled.query("chunks", dense(vector(1, 1, 0, 0), 10, where))
        } == expected
        assert filled.count("chunks", where) == len(expected)

    def test_points_without_access_are_nobodys(self, store: Store) -> None:
        """An empty access list matches no group."""
        store.upsert("chunks", [chunk(0, "噪声", vector(1, 0, 0, 0), access=())])
        assert store.query("chunks", lexical("噪声", where=PUBLIC)) == []
        assert store.count("chunks", PUBLIC) == 0

    def test_limit(self, filled: Store) -> None:
        """Never more hits than asked for."""
        assert len(filled.query("chunks", dense(vector(1, 1, 0, 0), 2))) == 2

    def test_idf_ranks_rare_terms_above_common_ones(self, filled: Store) -> None:
        """The rarer a term the larger its number; an absent one has 0."""
        rare, common, absent = filled.idf("chunks", "text", ["shield", "噪声", "龘"], ALL)
        assert rare > common > absent == 0.0
        assert math.isfinite(rare)

    def test_idf_counts_over_the_corpus_alone(self, filled: Store) -> None:
        """A term that only others may see is absent, so its number tells nobody that it exists."""
        assert filled.idf("chunks", "text", ["投诉"], ALL)[0] > 0
        assert filled.idf("chunks", "text", ["投诉"], PUBLIC) == [0.0]

    def test_corpus_is_apart_from_the_filter(self, filled: Store) -> None:
        """A search in one index can count its terms over a larger corpus."""
        where = Filter((Condition("document", ("e",)),))
        narrow = Query(where, 1, lexical=("text", "噪声"), corpus=where)
        wide = Query(where, 1, lexical=("text", "扬尘"), corpus=ALL)
        assert filled.query("chunks", wide)[0].score > filled.query("chunks", narrow)[0].score

    def test_best_scores_are_those_of_the_queries(self, filled: Store) -> None:
        """Many questions at once score as one by one, 0 where nothing is found."""
        other = Filter((Condition("index", ("b",)),))
        queries = [
            lexical("噪声"),
            lexical("龘"),
            lexical(""),
            dense(vector(1, 0, 0, 0), where=other),
            lexical("噪声", where=PUBLIC),
        ]
        alone = [filled.query("chunks", query) for query in queries]
        best = [hits[0].score if hits else 0.0 for hits in alone]
        assert filled.best_scores("chunks", queries) == pytest.approx(best)
        assert [score > 0 for score in best] == [True, False, False, True, True]

    def test_best_scores_of_nothing(self, filled: Store) -> None:
        """No questions, or none with words, are no error."""
        assert filled.best_scores("chunks", []) == []
        assert filled.best_scores("chunks", [lexical("？"), lexical("")]) == [0.0, 0.0]

    def test_similarities_are_cosines(self, filled: Store) -> None:
        """Known ids get their cosine, points without vectors and unknown ids are left out."""
        filled.upsert("chunks", [chunk(9, "无向量")])
        ids = [SAMPLE[0].id, SAMPLE[2].id, chunk_id("a", "d", 9), chunk_id("x", "y", 0)]
        found = filled.similarities("chunks", "dense", vector(1, 0, 0, 0), ids)
        assert found == pytest.approx({SAMPLE[0].id: 1.0, SAMPLE[2].id: 0.6}, abs=1e-5)

    def test_retrieve_leaves_unknown_ids_out(self, filled: Store) -> None:
        """Ids that the store does not hold are no error."""
        found = filled.retrieve("chunks", [chunk_id("x", "y", 0), SAMPLE[1].id])
        assert [hit.id for hit in found] == [SAMPLE[1].id]
        assert filled.retrieve("chunks", []) == []

    def test_scroll_returns_everything(self, store: Store) -> None:
        """More points than any page holds come back, each once."""
        points = [chunk(i, f"第{i}段", vector(1, i, 0, 0)) for i in range(2300)]
        store.upsert("chunks", points)
        found = [hit.id for hit in store.scroll("chunks", ALL)]
        assert len(found) == 2300
        assert set(found) == {point.id for point in points}
        assert store.count("chunks", ALL) == 2300

    @pytest.mark.parametrize(
        "bad",
        [
            Point(chunk_id("a", "d", 99), {}, {"dense": np.array([1, np.nan, 0, 0], np.float32)}),
            Point(chunk_id("a", "d", 99), {}, {"dense": np.array([1, np.inf, 0, 0], np.float32)}),
            Point(chunk_id("a", "d", 99), {}, {"dense": np.ones(DIMENSION + 1, np.float32)}),
            Point(chunk_id("a", "d", 99), {}, {"dense": np.ones((1, DIMENSION), np.float32)}),
            Point(chunk_id("a", "d", 99), {}, {"colour": np.ones(DIMENSION, np.float32)}),
            Point(chunk_id("a", "d", 99), {}, {}, {"body": "text"}),
        ],
        ids=["nan", "infinity", "dimension", "shape", "vector name", "text name"],
    )
    def test_bad_points_are_refused_whole(self, filled: Store, bad: Point) -> None:
        """One bad point at the end of a batch keeps all of it out, and its id is named."""
        batch = [chunk(i, "新", vector(1, 0, 0, 0), index="new") for i in range(300)]
        with pytest.raises(StoreError, match=bad.id):
            filled.upsert("chunks", [*batch, bad])
        assert filled.count("chunks", ALL) == len(SAMPLE)

    def test_bad_queries_are_translated(self, filled: Store) -> None:
        """A question of the wrong dimension is a StoreError, whatever the engine raises."""
        with pytest.raises(StoreError):
            filled.query("chunks", dense(vector(1, 0, 0)))


KILLED = """
import os, signal, sys
from pathlib import Path
from {module} import {name} as open_store
from tests.indexes.store_contract import ALL, chunk, vector
from indexes.types import Condition, Filter
store = open_store(Path(sys.argv[1]))
for start in range(0, 900, 300):
    store.upsert("chunks", [chunk(i, f"第{{i}}段 噪声", vector(1, i, 0, 0)) for i in range(start, start + 300)])
store.upsert("chunks", [chunk(1000, "要删除", index="gone")])
store.delete("chunks", Filter((Condition("index", ("gone",)),)))
os.kill(os.getpid(), signal.SIGKILL)
"""
OPENED = """
import sys
from pathlib import Path
from {module} import {name} as open_store
from indexes.errors import StoreLockedError
try:
    open_store(Path(sys.argv[1]))
except StoreLockedError as error:
    print(error)
    sys.exit(7)
"""


def run(script: str, opener: OpenStore, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own that can open the same store."""
    code = script.format(module=opener.__module__, name=opener.__qualname__)
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{code}", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class EmbeddedStoreContract(StoreContract):
    """What a store in a local folder must do besides: last, survive, and belong to one process."""

    def test_reopening_keeps_everything(self, opener: OpenStore, tmp_path: Path) -> None:
        """Texts, vectors and payloads are there after a close."""
        with closing(opener(tmp_path / "s")) as store:
            store.upsert("chunks", SAMPLE)
        with closing(opener(tmp_path / "s")) as store:
            assert store.count("chunks", ALL) == len(SAMPLE)
            assert said(store.query("chunks", lexical("shield"))) == [SAMPLE[1].payload["text"]]
            assert store.query("chunks", dense(vector(1, 0, 0, 0)))[0].id == SAMPLE[0].id
            assert store.count("chunks", PUBLIC) == len(SAMPLE) - 1

    def test_kill_loses_nothing(self, opener: OpenStore, tmp_path: Path) -> None:
        """What an upsert has taken survives kill -9, and what a delete took stays gone."""
        killed = run(KILLED, opener, tmp_path / "s")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        with closing(opener(tmp_path / "s")) as store:
            assert store.count("chunks", ALL) == 900
            assert len(store.query("chunks", lexical("噪声", 1000))) == 900
            assert store.query("chunks", dense(vector(1, 0, 0, 0), 1))[0].id == chunk_id(
                "a", "d", 0
            )

    def test_second_process_is_refused(self, opener: OpenStore, tmp_path: Path) -> None:
        """Another process learns that the store is taken, and may try again later."""
        with closing(opener(tmp_path / "s")) as store:
            store.upsert("chunks", SAMPLE)
            second = run(OPENED, opener, tmp_path / "s")
            assert second.returncode == 7, second.stderr
            assert "another process" in second.stdout
            assert store.count("chunks", ALL) == len(SAMPLE)
        assert run(OPENED, opener, tmp_path / "s").returncode == 0
        assert StoreLockedError.retryable

    def test_second_open_in_this_process_is_refused(
        self, opener: OpenStore, tmp_path: Path
    ) -> None:
        """A store has one owner, in the same process too, which stays able to work."""
        with closing(opener(tmp_path / "s")) as store:
            with pytest.raises(StoreLockedError):
                opener(tmp_path / "s")
            store.upsert("chunks", SAMPLE)
            assert store.count("chunks", ALL) == len(SAMPLE)

    @pytest.mark.parametrize(("model", "dimension"), [("other", DIMENSION), ("m", DIMENSION + 1)])
    def test_other_model_is_refused(
        self, opener: OpenStore, tmp_path: Path, model: str, dimension: int
    ) -> None:
        """Vectors of another model are never mixed in; the message says what to do."""
        opener(tmp_path / "s").close()
        with pytest.raises(StoreSchemaError) as caught:
            opener(tmp_path / "s", model, dimension)
        assert repr(str(tmp_path / "s")) in caught.value.message
        assert "waypost ingest" in caught.value.fix
        opener(tmp_path / "s").close()

    def test_close_twice(self, opener: OpenStore, tmp_path: Path) -> None:
        """Closing a closed store does nothing."""
        store = opener(tmp_path / "s")
        store.close()
        store.close()
        opener(tmp_path / "s").close()
