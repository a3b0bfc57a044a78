from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)
from qdrant_client import AsyncQdrantClient, models

from indexes.access import permits
from indexes.base import Point, Schema, Space, Store, chunk_id
from indexes.errors import UnknownIndexError, UsageError
from indexes.langchain import (
    StoreClient,
    WaypostRetriever,
    WaypostSparse,
    WaypostVectorStore,
    vector_store,
)
from indexes.langchain.background import Background
from indexes.lexical import encode_document
from indexes.registry import Registry
from indexes.settings import IndexSettings, StoreSettings
from indexes.stores.qdrant import QdrantStore
from indexes.stores.shared import SharedStore
from indexes.types import LocatedPassage, Principal, Where

SCHEMA = Schema(
    {"dense": Space("fake", 6)},
    {"index": "keyword", "document": "keyword", "access": "keyword", "metadata.year": "number"},
)
EVERYONE = ("*",)
FINANCE = Principal("ann", ("finance",))
UNUSED = SharedStore(Path("unused"), SCHEMA)  # opens at its first call
NEW = count()
Open = Callable[..., WaypostVectorStore]


class Table(Embeddings):
    """Embeds the words of a table, so that a test knows what is near."""

    vectors = {  # noqa: RUF012
        "query": [1.0, 0, 0, 0, 0, 0],
        "near": [0.9, 0.4, 0, 0, 0, 0],
        "near too": [0.9, 0.41, 0, 0, 0, 0],
        "far": [0.5, -0.8, 0, 0, 0, 0],
    }

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text."""
        return self.vectors.get(text, [0, 0, 0, 0, 0, 1.0])


@contextmanager
def shared(folder: Path) -> Iterator[Store]:
    """Open the embedded store."""
    yield SharedStore(folder / "store", SCHEMA)  # each user's loop hangs up by itself


@contextmanager
def in_memory(folder: Path) -> Iterator[Store]:
    """Open qdrant-client's local mode, in place of a server."""
    with Background() as background:
        schema = Schema(SCHEMA.spaces, {})  # local mode warns of fields: it has no indexes on them
        store = QdrantStore(AsyncQdrantClient(":memory:"), StoreSettings(), schema)
        background.run(store.open())
        yield store
        background.run(store.close())


@pytest.fixture(scope="module", params=[shared, in_memory], ids=["shared", "qdrant"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """Return a store that the tests of a module use, each for an index of its own."""
    with request.param(tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.fixture
def name() -> str:
    """Return the name of an index that no other test uses."""
    return f"index{next(NEW)}"


@pytest.fixture
def open_store(store: Store, name: str) -> Iterator[Open]:
    """Return the function that opens the vector store of the test's index, or of another."""
    opened: list[WaypostVectorStore] = []

    def make(index: str = name, embedding: Embeddings | None = None, **options: Any) -> Any:
        made = vector_store(store, index, embedding=embedding or Table(), schema=SCHEMA, **options)
        opened.append(made)
        return made

    yield make
    for one in opened:
        one.close()


class StandardTests(VectorStoreIntegrationTests):
    """LangChain's standard tests, on each store."""

    @pytest.fixture(params=["dense", "hybrid"])
    def vectorstore(self, request: pytest.FixtureRequest, open_store: Open) -> VectorStore:
        """Return an empty vector store of each mode."""
        return open_store(
            embedding=DeterministicFakeEmbedding(size=6), mode=request.param, access=EVERYONE
        )


class TestVectorStore(StandardTests):
    """A vector store over an index is one as LangChain wants it."""


def texts(found: Sequence[Document]) -> list[str]:
    """Return the texts of documents."""
    return [document.page_content for document in found]


def client_of(one: WaypostVectorStore) -> Any:
    """Return a vector store's client."""
    return one.client


def test_what_a_group_may_see_others_cannot_reach(open_store: Open, name: str) -> None:
    """Neither search, id, scroll, count, overwriting nor deletion reaches a hidden point."""
    insider = open_store(principal=FINANCE)
    insider.add_texts(["near"], ids=["1"])
    for other in (
        open_store(),
        open_store(principal=Principal("bob", ("sales",)), access=EVERYONE),
    ):
        assert other.similarity_search("near") == []
        assert other.max_marginal_relevance_search("near") == []
        assert other.get_by_ids(["1"]) == []
        assert client_of(other).count(name).count == 0
        assert client_of(other).scroll(name) == ([], None)
        other.delete(["1"])
    with pytest.raises(UsageError, match="may not see"):
        other.add_texts(["near too"], ids=["1"])
    assert texts(insider.get_by_ids(["1"])) == ["near"]


def test_a_filter_cannot_widen_access(open_store: Open) -> None:
    """A condition on `access` is one more, not another one."""
    open_store(principal=FINANCE).add_texts(["near"])
    hidden = models.Filter(
        must=models.FieldCondition(key="access", match=models.MatchValue(value="finance"))
    )
    assert open_store().similarity_search("near", filter=hidden) == []


def test_indexes_do_not_see_each_other(open_store: Open, name: str) -> None:
    """An index neither finds, nor overwrites, nor deletes another's points."""
    uid = "6f1c8f0e-6f0b-4a44-9d0a-7e5f4f4b8a51"
    one, other = open_store(access=EVERYONE), open_store(f"{name}-b", access=EVERYONE)
    one.add_texts(["near"], ids=[uid])
    assert other.similarity_search("near") == []
    other.delete([uid])
    for id in (uid, "1"):  # ids are an index's own
        other.add_texts(["far"], ids=[id])
        one.add_texts(["near too"], ids=[id])
        assert texts(other.get_by_ids([id])) == ["far"]
        assert texts(one.get_by_ids([id])) == ["near too"]


def test_writing_for_nobody_is_refused(open_store: Open) -> None:
    """Without an access list and without groups a text would be lost."""
    with pytest.raises(UsageError, match="Nobody could see"):
        open_store().add_texts(["near"])


def test_ids_are_optional_one_by_one(open_store: Open) -> None:
    """Of documents only some of which have ids, each other one gets one."""
    opened = open_store(access=EVERYONE)
    ids = opened.add_documents([Document("near", id="a"), Document("far")])
    assert ids[0] == "a"
    assert texts(opened.get_by_ids([str(one) for one in ids])) == ["near", "far"]


def condition(key: str, **what: Any) -> models.Filter:
    """Return a filter of one condition."""
    return models.Filter(must=[models.FieldCondition(key=key, **what)])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (condition("metadata.kind", match=models.MatchValue(value="a")), {"near"}),
        (condition("metadata.kind", match=models.MatchAny(any=["a", "b"])), {"near", "near too"}),
        (condition("metadata.year", range=models.Range(gte=2021, lt=2023)), {"near too", "far"}),
        (models.Filter(must=[models.HasIdCondition(has_id=["1", "nowhere"])]), {"near"}),
        (
            models.Filter(
                must=[
                    condition("metadata.year", range=models.Range(gt=2020)),
                    condition("metadata.kind", match=models.MatchValue(value="b")),
                ]
            ),
            {"near too"},
        ),
        (models.Filter(), {"near", "near too", "far"}),
    ],
)
def test_filters(open_store: Open, where: models.Filter, expected: set[str]) -> None:
    """Values, ranges and ids that must hold are translated, nested ones too."""
    opened = open_store(access=EVERYONE)
    metadatas = [
        {"kind": "a", "year": 2020},
        {"kind": "b", "year": 2021},
        {"kind": "c", "year": 2022},
    ]
    opened.add_texts(["near", "near too", "far"], metadatas, ["1", "2", "3"])
    assert set(texts(opened.similarity_search("query", filter=where))) == expected


@pytest.mark.parametrize(
    ("where", "named"),
    [
        (models.Filter(should=condition("a", match=models.MatchValue(value="b")).must), "should"),
        (models.Filter(must_not=condition("a", match=models.MatchValue(value=1)).must), "must_not"),
        (condition("a", match=models.MatchText(text="b")), "MatchText"),
        (condition("a", match=models.MatchValue(value=True)), "a truth value"),
        (condition("a", is_null=True), "is_null"),
        (condition("a", range=models.DatetimeRange()), "DatetimeRange"),
        (condition("a"), "empty condition"),
        (condition("a", geo_radius={"center": {"lon": 1, "lat": 1}, "radius": 1}), "geo_radius"),
        (models.Filter(must=[models.HasVectorCondition(has_vector="a")]), "HasVectorCondition"),
        (condition("a", match=models.MatchExcept(**{"except": ["b"]})), "MatchExcept"),
    ],
)
def test_other_filters_are_refused(name: str, where: models.Filter, named: str) -> None:
    """What stores cannot do is an error that names it, before anything is read or deleted."""
    with StoreClient(UNUSED, SCHEMA) as client, pytest.raises(UsageError, match=named):
        client.delete(name, where)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"query": "text", "using": "dense"}, "str"),
        ({"query": [1.0], "using": "other"}, "'other'"),
        ({"query": [1.0], "using": "dense", "search_params": models.SearchParams()}, "params"),
        ({"query": models.FusionQuery(fusion=models.Fusion.RRF)}, "without a prefetch"),
        ({"query": [1.0], "using": "dense", "prefetch": models.Prefetch()}, "prefetch for"),
    ],
)
def test_other_searches_are_refused(options: dict[str, Any], named: str) -> None:
    """So is a search of another kind, or with options that stores do not know."""
    with StoreClient(UNUSED, SCHEMA) as client, pytest.raises(UsageError, match=named):
        client.query_points("a", **options)


@pytest.mark.parametrize("fusion", [models.Fusion.RRF, models.Fusion.DBSF])
def test_both_branches_count_in_hybrid_search(open_store: Open, fusion: models.Fusion) -> None:
    """A text that both branches find comes before those that one finds; offset and limit slice."""
    opened = open_store(access=EVERYONE)
    opened.add_texts(["near", "near too", "far", "query"], ids=["1", "2", "3", "4"])
    by: dict[str, Any] = {"hybrid_fusion": models.FusionQuery(fusion=fusion)}
    found = opened.similarity_search_with_score("near", k=4, **by)
    assert texts([document for document, _ in found])[:2] == ["near", "near too"]
    assert opened.similarity_search("near", k=2, offset=1, **by) == [one for one, _ in found[1:3]]
    best = found[0][1]
    assert len(opened.similarity_search("near", k=4, score_threshold=best, **by)) == 1


def test_rank_fusion_is_the_servers(open_store: Open, name: str) -> None:
    """Reciprocal ranks are added with the server's constant: the best of both scores 1/2 + 1/2."""
    opened = open_store(access=EVERYONE)
    opened.add_texts(["near", "far"])
    scores = [score for _, score in opened.similarity_search_with_score("near")]
    assert scores == pytest.approx([1 / 2 + 1 / 2, 1 / 3])


@pytest.mark.parametrize(("wanted", "expected"), [(1.0, "near too"), (0.0, "far")])
def test_lambda_of_mmr_is_langchains(open_store: Open, wanted: float, expected: str) -> None:
    """With `lambda_mult` 1 the second hit is the second nearest, with 0 the most unlike the first."""
    opened = open_store(access=EVERYONE, mode="dense")
    opened.add_texts(["near", "near too", "far"])
    found = opened.max_marginal_relevance_search("query", k=2, fetch_k=3, lambda_mult=wanted)
    assert texts(found) == ["near", expected]


def test_vectors_and_parts_of_payloads(open_store: Open, name: str) -> None:
    """A client returns the vectors and payload fields that are asked for, and ids as given."""
    opened = open_store(access=EVERYONE)
    opened.add_texts(["near"], ids=["1"])
    [point] = client_of(opened).retrieve(name, ["1"], ["text"], with_vectors=["dense"])
    assert (point.id, point.payload["text"]) == ("1", "near")
    assert point.vector["dense"][:2] == pytest.approx([0.9138, 0.4061], abs=1e-3)
    [point], further = client_of(opened).scroll(name, with_payload=False, with_vectors=True)
    assert (point.payload, set(point.vector), further) == (None, {"dense", "text"}, None)


def test_scrolling_goes_on_where_it_ended(open_store: Open, name: str) -> None:
    """Pages together are all points, each once."""
    opened = open_store(access=EVERYONE)
    opened.add_texts([str(number) for number in range(5)])
    seen, further = client_of(opened).scroll(name, limit=3)
    rest, end = client_of(opened).scroll(name, limit=3, offset=further)
    assert {point.payload["text"] for point in (*seen, *rest)} == set("01234")
    assert end is None


async def test_what_waypost_ingested_is_read(store: Store, open_store: Open, name: str) -> None:
    """A chunk as ingestion writes it is found, and its metadata say where it stands."""
    payload = {
        "index": name, "document": "a.md", "title": "A", "uri": "a.md", "ordinal": 0, "path": ["B"],
        "header": "A", "text": "near", "access": ["*"],
        "spans": [{"start": 0, "location": {"page": 3}}],
    }  # fmt: skip
    sparse = {"text": encode_document("text", "near")}
    uid = chunk_id(name, "a.md", 0)
    reader = open_store()
    client = client_of(reader)
    client.background.run(
        store.upsert("chunks", [Point(uid, payload, {"dense": Table.vectors["near"]}, sparse)])
    )
    [found] = await reader.asimilarity_search("near")
    where = {"index": name, "document": "a.md", "title": "A", "uri": "a.md"}
    assert found == Document(
        "near", id=uid, metadata={**where, "path": ["B"], "location": {"page": 3}}
    )
    assert await reader.aget_by_ids([uid]) == [found]
    writer = open_store(access=EVERYONE)  # ingestion would not notice: its chunks stay as they are
    await writer.adelete([uid])
    await writer.aadd_documents([Document("far", id=uid)])
    assert found in await reader.asimilarity_search("near")


def test_sparse_mode_needs_no_embeddings(store: Store, name: str) -> None:
    """Chinese words are found by Waypost's own terms."""
    with vector_store(store, name, mode="sparse", schema=SCHEMA, access=EVERYONE) as opened:
        opened.add_texts(["噪声防治措施", "盾构施工进度"])
        assert texts(opened.similarity_search("噪声")) == ["噪声防治措施"]
    assert WaypostSparse().embed_query("噪声").indices


PROJECT = """
[project]
default_access = "public"
[[index]]
name = "manual"
sources = ["*.md"]
[[index]]
name = "words"
embedding = "none"
sources = ["*.md"]
"""


async def test_an_index_of_a_registry_serves_langchain(tmp_path: Path) -> None:
    """A project's index is read with its own model, or by words; what is added, Waypost finds too."""
    (tmp_path / "waypost.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "a.md").write_text("# Pump\n\nGrease the bearing twice a year.", encoding="utf-8")
    async with Registry.open(tmp_path) as registry:
        await registry.sync()
        for name, mode in (("manual", "hybrid"), ("words", "sparse")):
            with vector_store(registry, name, access=EVERYONE) as opened:
                assert opened.retrieval_mode == mode
                [found] = opened.similarity_search("bearing")
                opened.add_texts(["Align the coupling."], [{"date": "2024-05-01"}], ["c1"])
            with closing(WaypostRetriever(index=registry.index(name))) as retriever:
                assert [one.id for one in retriever.invoke("bearing", k=1)] == [found.id]
            added = await registry.search("coupling", index=name, where={"date": {"gte": "2024"}})
            assert [passage["document"] for passage in added] == ["c1"]
        with pytest.raises(UnknownIndexError):
            vector_store(registry, "nowhere")


def test_databases_are_not_made(store: Store, name: str) -> None:
    """`from_texts` would make a database without access lists; a store needs schema and model."""
    with pytest.raises(UsageError, match="not made from texts"):
        WaypostVectorStore.from_texts(["near"], Table())
    with pytest.raises(UsageError, match="no schema or no embedding"):
        vector_store(store, name, schema=SCHEMA)


def test_threads_end() -> None:
    """A client's thread ends when it is closed or forgotten; a closed one says so."""

    def running() -> int:
        return sum(thread.name == "waypost-langchain" for thread in threading.enumerate())

    before = running()
    client = StoreClient(UNUSED, SCHEMA)
    assert running() == before + 1
    client.close()
    client.close()
    with pytest.raises(UsageError, match="closed"):
        client.count("a")
    forgotten = Background()
    del forgotten
    assert running() == before


def test_nothing_else_loads_langchains_qdrant() -> None:
    """Registry and stores do not import this package, which takes seconds to load."""
    code = "import sys, indexes.registry; sys.exit('langchain_qdrant' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


class Numbered:
    """An index of ten passages that finance may see, all found by every question."""

    settings = IndexSettings(name="numbered", k=5)

    async def search(
        self,
        query: str,
        *,
        principal: Principal | None,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[LocatedPassage]:
        """Return the first k passages."""
        await asyncio.sleep(0)
        if not permits(("finance",), principal):
            return []
        year = (where or {}).get("year", "any")
        return [
            {
                "text": f"{query} {number}", "score": 1 / (number + 1), "index": "numbered",
                "document": f"{number}.md", "title": str(year), "uri": f"{number}.md",
                "location": {"page": number}, "context": ["before"], "chunk_id": str(number),
                "header": "h", "path": ["p"], "spans": [], "similarity": 0.5,
            }
            for number in range(k or self.settings.k)
        ]  # fmt: skip


class TestRetriever(RetrieversIntegrationTests):
    """LangChain's standard tests of retrievers."""

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        """Return the class."""
        return WaypostRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        """Return its arguments."""
        return {"index": Numbered(), "principal": FINANCE}

    @property
    def retriever_query_example(self) -> str:
        """Return a question."""
        return "question"


def test_a_passage_becomes_a_document() -> None:
    """Its text is the content, its chunk the id; metadata say where it stands and what surrounds it."""
    with closing(
        WaypostRetriever(index=Numbered(), principal=FINANCE, where={"year": 2024})
    ) as one:
        found = one.invoke("q")[1]
    assert (found.page_content, found.id) == ("q 1", "1")
    assert found.metadata == {
        "index": "numbered", "document": "1.md", "title": "2024", "uri": "1.md", "score": 0.5,
        "location": {"page": 1}, "context": ["before"], "chunk_id": "1",
    }  # fmt: skip


async def test_retriever_works_inside_a_running_loop() -> None:
    """`invoke` in Jupyter, where a loop runs, returns what `ainvoke` does; nobody asks as nobody."""
    with closing(WaypostRetriever(index=Numbered(), principal=FINANCE, k=2)) as one:
        assert one.invoke("q") == await one.ainvoke("q")
        assert len(await one.ainvoke("q", k=3, where={"year": 1})) == 3
    assert await WaypostRetriever(index=Numbered()).ainvoke("q") == []
