"""Speed, memory and recall of the embedded store on a synthetic corpus of any size.

`python benchmarks/scale.py --documents 20000 --chunks-per-document 5 [--compare]`. Documents lie around
cluster centres and chunks around their document; words follow Zipf's law, and each document has
terms of its own. Everything is drawn from seeds in batches, so that memory does not grow with the
corpus and exact neighbours can be computed again without storing anything.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.base import (
    Hit,
    Kind,
    Level,
    Point,
    Query,
    Schema,
    Space,
    Sparse,
    chunk_id,
    document_id,
)
from indexes.stores.edge import EdgeStore
from indexes.types import AnyOf, Filter

INDEX = "synthetic"
SCHEMA_FIELDS: dict[str, Kind] = {"index": "keyword", "document": "keyword", "access": "keyword"}
EVERYTHING = Filter((AnyOf("index", (INDEX,)), AnyOf("access", ("*",))))
BATCH = 512  # documents drawn at once
CLUSTER = 1000  # documents around one centre, on average
SPREAD = {"documents": 0.8, "chunks": 0.6, "queries": 0.5}  # length of the noise beside the centre
VOCABULARY = 200_000
OWN = 3  # terms that only one document has
TERMS = {"title": 8, "terms": 40}
FLAT_CHUNKS = 200_000  # with more, an index is not searched flat
TEXT = "The contractor keeps the site in order and reports what it measured to the authority. " * 3

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """What is generated.

    Args:
        documents: how many.
        per_document: how many chunks each has.
        dimension: the length of dense vectors.
        terms: how many different words a chunk has, at the most.
    """

    documents: int
    per_document: int
    dimension: int
    terms: int

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return self.documents * self.per_document

    @property
    def batches(self) -> int:
        """How many batches the documents are drawn in."""
        return -(-self.documents // BATCH)

    @cached_property
    def centres(self) -> Floats:
        """The clusters' centres."""
        shape = (max(8, self.documents // CLUSTER), self.dimension)
        return _unit(np.random.default_rng(1).standard_normal(shape, np.float32))

    @cached_property
    def _zipf(self) -> NDArray[np.float64]:
        shares = np.cumsum(1.0 / np.arange(10, VOCABULARY + 10))
        return np.asarray(shares / shares[-1])

    def members(self, batch: int) -> range:
        """Return the documents of a batch."""
        return range(batch * BATCH, min((batch + 1) * BATCH, self.documents))

    def document_vectors(self, batch: int) -> Floats:
        """Return the documents' vectors, a row each."""
        rng = np.random.default_rng((2, batch))
        own = rng.integers(len(self.centres), size=len(self.members(batch)))
        return self._around(rng, self.centres[own], SPREAD["documents"])

    def chunk_vectors(self, batch: int) -> Floats:
        """Return the chunks' vectors, document by document."""
        rng = np.random.default_rng((3, batch))
        parents = np.repeat(self.document_vectors(batch), self.per_document, axis=0)
        return self._around(rng, parents, SPREAD["chunks"])

    def query_vector(self, document: int) -> Floats:
        """Return the vector of a question about a document."""
        row = self.document_vectors(document // BATCH)[document % BATCH][None]
        return np.asarray(
            self._around(np.random.default_rng((4, document)), row, SPREAD["queries"])[0]
        )

    def words(self, batch: int, name: str) -> list[Sparse]:
        """Return sparse vectors: "text" one a chunk, "title" and "terms" one a document."""
        members = np.asarray(self.members(batch), np.int64)
        owners = np.repeat(members, self.per_document) if name == "text" else members
        count = TERMS.get(name, self.terms)
        rng = np.random.default_rng((5, batch, len(name)))
        ranks = np.searchsorted(self._zipf, rng.random((len(owners), count - 1)))
        common = (ranks.astype(np.int64) + 1) * 2_654_435_761 % 2**31  # scattered like hashes
        ids = np.hstack([common, self._own(owners, rng.integers(OWN, size=len(owners)))[:, None]])
        ids.sort(axis=1)
        first = np.ones(ids.shape, bool)
        first[:, 1:] = ids[:, 1:] != ids[:, :-1]
        weights = np.round(rng.uniform(0.5, 2.0, ids.shape), 3)
        return [
            Sparse(i[keep].tolist(), w[keep].tolist())
            for i, w, keep in zip(ids, weights, first, strict=True)
        ]

    @staticmethod
    def _own(documents: Numbers, which: Numbers) -> Numbers:
        return 2**31 + (documents * OWN + which)

    def points(self, batch: int, level: Level) -> Iterator[Point]:
        """Yield the points of a batch."""
        if level == "documents":
            sparse = {name: self.words(batch, name) for name in TERMS}
            for row, (number, vector) in enumerate(
                zip(self.members(batch), self.document_vectors(batch), strict=True)
            ):
                yield Point(
                    document_id(INDEX, _name(number)),
                    _payload(number) | {"chunks": self.per_document},
                    {"dense": vector},
                    {name: own[row] for name, own in sparse.items()},
                )
            return
        rows = zip(self.chunk_vectors(batch), self.words(batch, "text"), strict=True)
        for row, (vector, text) in enumerate(rows):
            number, ordinal = self.members(batch)[row // self.per_document], row % self.per_document
            yield Point(
                chunk_id(INDEX, _name(number), ordinal),
                _payload(number) | {"ordinal": ordinal, "text": TEXT},
                {"dense": vector},
                {"text": text},
            )

    def _around(self, rng: np.random.Generator, centres: Floats, spread: float) -> Floats:
        noise = rng.standard_normal(centres.shape, np.float32)
        return _unit(centres + noise * np.float32(spread / self.dimension**0.5))


@dataclass(frozen=True)
class Question:
    """A question about a document, and the documents that its chunks are looked for in."""

    document: int
    inside: tuple[int, ...]
    dense: Floats
    sparse: Sparse

    @property
    def where(self) -> Filter:
        """The filter of the chunk stage."""
        return EVERYTHING.and_(AnyOf("document", tuple(map(_name, self.inside))))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def _name(document: int) -> str:
    return f"folder/{document:08}.md"


def _payload(document: int) -> dict[str, Any]:
    return {
        "index": INDEX,
        "document": _name(document),
        "access": ["*"],
        "title": f"Document {document}",
    }


def questions(corpus: Corpus, count: int, seed: int) -> list[Question]:
    """Return questions about documents spread over the corpus, none of them twice."""
    rng = np.random.default_rng((6, seed))
    chosen = rng.permutation(corpus.documents)[: 3 * count]
    out = []
    for number, *others in chosen[: len(chosen) // 3 * 3].reshape(-1, 3).tolist():
        batch, row = divmod(number, BATCH)
        text = corpus.words(batch, "text")[row * corpus.per_document]
        picked = sorted({*rng.permutation(len(text.ids))[:6].tolist(), len(text.ids) - 1})
        out.append(
            Question(
                number,
                (number, *others),
                corpus.query_vector(number),
                Sparse([text.ids[i] for i in picked], [1.0] * len(picked)),
            )
        )
    return out


def progress(text: str) -> None:
    """Write over the line that says how far it is."""
    print(f"\r{text:<100}", end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def memory() -> dict[str, float]:
    """Return the process's memory in MiB: anonymous, of files, and the most it ever was."""
    names = {"RssAnon": "anonymous", "RssFile": "files", "VmHWM": "peak"}
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[key].split()[0]) / 1024 for key, name in names.items()}


def _shown(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:,.0f} MiB" for name, value in found.items())


def on_disk(folder: Path) -> int:
    """Return how many bytes a folder takes."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


async def build(store: EdgeStore, corpus: Corpus) -> None:
    """Fill the store and print how fast that went."""
    most = 0.0
    sizes: dict[Level, int] = {"documents": 1, "chunks": corpus.per_document}
    for level, per_document in sizes.items():
        started = shown = time.monotonic()
        writing = 0.0
        for batch in range(corpus.batches):
            points = list(corpus.points(batch, level))
            before = time.monotonic()
            await store.upsert(level, points)
            writing += time.monotonic() - before
            if time.monotonic() > shown + 10 or batch + 1 == corpus.batches:
                shown, now = time.monotonic(), memory()
                most = max(most, now["anonymous"])
                done = corpus.members(batch).stop * per_document
                progress(
                    f"{level} {done:,} of {corpus.documents * per_document:,}, "
                    f"{done / (shown - started):,.0f}/s, {_shown(now)}"
                )
        seconds, total = time.monotonic() - started, corpus.documents * per_document
        print(
            f"build {level}: {total:,} points, {total / seconds:,.0f}/s with drawing them, "
            f"{total / writing:,.0f}/s the store alone; {seconds:,.0f} s"
        )
    started = time.monotonic()
    await store.flush()
    print(
        f"flush: {time.monotonic() - started:.1f} s; anonymous memory at the most {most:,.0f} MiB"
    )


async def timed(
    store: EdgeStore, level: Level, asked: Sequence[Query]
) -> tuple[list[float], list[list[Hit]]]:
    """Return each query's milliseconds and hits."""
    took, found = [], []
    gc.collect()
    for query in asked:
        started = time.perf_counter()
        [hits] = await store.query(level, [query])
        took.append((time.perf_counter() - started) * 1000)
        found.append(hits)
    return took, found


def _line(name: str, took: Sequence[float], recall: float | None = None) -> str:
    high = sorted(took)[int(len(took) * 0.95)]
    known = "" if recall is None else f"  recall {recall:.4f}"
    return f"{name:<44} p50 {statistics.median(took):8.2f}  p95 {high:8.2f} ms{known}"


def recall(found: Sequence[Sequence[Hit]], exact: Sequence[Sequence[str]]) -> float:
    """Return which share of the exact hits was found."""
    shares = [
        len({hit.id for hit in hits} & set(ids)) / max(len(ids), 1)
        for hits, ids in zip(found, exact, strict=True)
    ]
    return statistics.fmean(shares)


def nearest(
    asked: Sequence[Question], batches: Iterator[tuple[Floats, Callable[[int], str]]], count: int
) -> list[list[str]]:
    """Return the ids of each question's nearest rows, over batches of (rows, id of a row)."""
    vectors = np.stack([one.dense for one in asked])
    best: list[list[tuple[float, str]]] = [[] for _ in asked]
    for rows, name in batches:
        scores = vectors @ rows.T
        few = min(count, scores.shape[1])
        for own, row in zip(best, scores, strict=True):
            top = np.argpartition(-row, few - 1)[:few]
            own += [(float(row[i]), name(int(i))) for i in top]
            own.sort(reverse=True)
            del own[count:]
    return [[name for _, name in own] for own in best]


def all_documents(corpus: Corpus) -> Iterator[tuple[Floats, Callable[[int], str]]]:
    """Yield all documents' vectors."""
    for batch in range(corpus.batches):
        members = corpus.members(batch)
        yield (
            corpus.document_vectors(batch),
            lambda row, members=members: document_id(INDEX, _name(members[row])),  # type: ignore[misc]
        )


def all_chunks(corpus: Corpus) -> Iterator[tuple[Floats, Callable[[int], str]]]:
    """Yield all chunks' vectors."""
    for batch in range(corpus.batches):
        first = corpus.members(batch).start
        yield (
            corpus.chunk_vectors(batch),
            lambda row, first=first: chunk_id(  # type: ignore[misc]
                INDEX, _name(first + row // corpus.per_document), row % corpus.per_document
            ),
        )


def inside_exactly(corpus: Corpus, question: Question) -> tuple[list[str], Floats, list[Sparse]]:
    """Return the ids, vectors and words of the chunks that a question is limited to."""
    words = lru_cache(maxsize=3)(lambda batch: corpus.words(batch, "text"))
    vectors = lru_cache(maxsize=3)(corpus.chunk_vectors)
    ids: list[str] = []
    rows: list[Floats] = []
    texts: list[Sparse] = []
    for number in question.inside:
        batch, row = divmod(number, BATCH)
        own = slice(row * corpus.per_document, (row + 1) * corpus.per_document)
        ids += [chunk_id(INDEX, _name(number), i) for i in range(corpus.per_document)]
        rows.append(vectors(batch)[own])
        texts += words(batch)[own]
    return ids, np.concatenate(rows), texts


def fused_exactly(
    question: Question, ids: Sequence[str], rows: Floats, texts: Sequence[Sparse], count: int
) -> list[str]:
    """Return the best ids by distribution-based fusion of words and vectors, all scored."""
    weights = [dict(zip(text.ids, text.weights, strict=True)) for text in texts]
    lexical = dict.fromkeys(ids, 0.0)
    for term in question.sparse.ids:
        having = sum(term in own for own in weights)
        rarity = np.log(1 + (len(ids) - having + 0.5) / (having + 0.5))
        for name, own in zip(ids, weights, strict=True):
            lexical[name] += rarity * own.get(term, 0.0)
    matching = {name: score for name, score in lexical.items() if score > 0}
    close = dict(zip(ids, (rows @ question.dense).tolist(), strict=True))
    totals = dict.fromkeys(ids, 0.0)
    for branch in (matching, close):
        values = np.asarray(list(branch.values()))
        spread = 3 * values.std(ddof=1) if len(values) > 1 else 0.0
        for name, score in branch.items():
            low = values.mean() - spread
            totals[name] += (score - low) / (2 * spread) if spread else 0.5
    return sorted(totals, key=lambda name: -totals[name])[:count]


def chunk_query(question: Question, *, hybrid: bool) -> Query:
    """Return the chunk stage's query."""
    return Query(
        question.where,
        10,
        sparse=("text", question.sparse) if hybrid else None,
        dense=("dense", question.dense),
        corpus=question.where,
    )


async def measure(store: EdgeStore, corpus: Corpus, count: int) -> None:
    """Print the latencies and recall of every stage."""
    asked = questions(corpus, count, 1)
    for warming in questions(corpus, 5, 2):
        await store.query("chunks", [chunk_query(warming, hybrid=True)])
    exact = [inside_exactly(corpus, one) for one in asked]
    half = len(asked) // 2  # the halves share no document, so each stage touches its own first
    for name, part, hybrid in (("hybrid", slice(half), True), ("dense", slice(half, None), False)):
        queries = [chunk_query(one, hybrid=hybrid) for one in asked[part]]
        best = [
            fused_exactly(one, *own, 10)
            if hybrid
            else [own[0][i] for i in np.argsort(-(own[1] @ one.dense))[:10]]
            for one, own in zip(asked[part], exact[part], strict=True)
        ]
        for touch in ("first touch", "repeated"):
            took, found = await timed(store, "chunks", queries)
            print(_line(f"chunks of 3 documents, {name}, {touch}", took, recall(found, best)))
    closest = nearest(asked, all_documents(corpus), 20)
    plain = [Query(EVERYTHING, 20, dense=("dense", one.dense), fields=("title",)) for one in asked]
    for touch in ("first touch", "repeated"):
        took, found = await timed(store, "documents", plain)
        print(_line(f"documents, dense top 20, {touch}", took, recall(found, closest)))
    free = [Query(Filter(), 20, dense=("dense", one.dense), fields=("title",)) for one in asked]
    took, found = await timed(store, "documents", free)
    print(_line("documents, dense top 20, no filter", took, recall(found, closest)))
    for name, level in (("title", "documents"), ("terms", "documents"), ("text", "chunks")):
        words = [
            Query(EVERYTHING, 20, sparse=(name, one.sparse), corpus=EVERYTHING, fields=("title",))
            for one in asked[: max(10, count // 5)]
        ]
        took, _ = await timed(store, level, words)  # type: ignore[arg-type]
        print(_line(f"{level}, sparse {name}, top 20", took))
    if corpus.chunks <= FLAT_CHUNKS:
        few = asked[: max(20, count // 5)]
        closest = nearest(few, all_chunks(corpus), 10)
        flat = [Query(EVERYTHING, 10, dense=("dense", one.dense)) for one in few]
        took, found = await timed(store, "chunks", flat)
        print(_line("all chunks, dense top 10", took, recall(found, closest)))


async def compare(store: EdgeStore, corpus: Corpus, count: int) -> None:
    """Print how qdrant-client's local mode and FAISS answer the same filtered queries."""
    asked = questions(corpus, count, 1)
    own: dict[str, float] = {}
    for name in ("hybrid", "dense"):
        queries = [chunk_query(one, hybrid=name == "hybrid") for one in asked]
        own[name] = statistics.median((await timed(store, "chunks", queries))[0])
    few = asked[:5]
    for name, took in _local_mode(corpus, few).items():
        ratio = statistics.median(took) / own[name]
        print(_line(f"qdrant-client local, {name}", took) + f"  {ratio:,.0f} times the store's")
    try:
        faiss = importlib.import_module("faiss")
    except ImportError:
        print("FAISS is not installed: pip install faiss-cpu")
        return
    index = faiss.IndexFlatIP(corpus.dimension)
    for batch in range(corpus.batches):
        index.add(corpus.chunk_vectors(batch))
    took = []
    for one in asked:
        rows = [n * corpus.per_document + i for n in one.inside for i in range(corpus.per_document)]
        started = time.perf_counter()
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows))
        index.search(one.dense[None], 10, params=chosen)
        took.append((time.perf_counter() - started) * 1000)
    ratio = statistics.median(took) / own["dense"]
    print(_line("FAISS flat, dense, row numbers given", took) + f"  {ratio:,.1f} times the store's")


def _local_mode(corpus: Corpus, asked: Sequence[Question]) -> dict[str, list[float]]:
    """Return the milliseconds of qdrant-client's local mode."""
    import warnings

    from qdrant_client import QdrantClient, models

    warnings.simplefilter("ignore")  # it says that it is not made for so many points
    client = QdrantClient(":memory:")
    client.create_collection(
        "chunks",
        vectors_config={
            "dense": models.VectorParams(size=corpus.dimension, distance=models.Distance.COSINE)
        },
        sparse_vectors_config={"text": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    for batch in range(corpus.batches):
        points = []
        for point in corpus.points(batch, "chunks"):
            text = point.sparse["text"]
            vectors: dict[str, Any] = {
                "dense": list(point.dense["dense"]),
                "text": models.SparseVector(indices=list(text.ids), values=list(text.weights)),
            }
            points.append(models.PointStruct(id=point.id, vector=vectors, payload=point.payload))
        client.upsert("chunks", points)
        if batch % 20 == 0:
            progress(f"qdrant-client local: {batch} of {corpus.batches} batches")
    took: dict[str, list[float]] = {"hybrid": [], "dense": []}
    for one in asked:
        where = models.Filter(
            must=[
                models.FieldCondition(
                    key=condition.field,
                    match=models.MatchAny(any=[str(v) for v in condition.values]),
                )
                for condition in one.where.conditions
                if isinstance(condition, AnyOf)
            ]
        )
        dense = one.dense.tolist()
        sparse = models.SparseVector(indices=list(one.sparse.ids), values=list(one.sparse.weights))
        started = time.perf_counter()
        client.query_points("chunks", query=dense, using="dense", query_filter=where, limit=10)
        took["dense"].append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        client.query_points(
            "chunks",
            prefetch=[
                models.Prefetch(query=dense, using="dense", filter=where, limit=60),
                models.Prefetch(query=sparse, using="text", filter=where, limit=60),
            ],
            query=models.FusionQuery(fusion=models.Fusion.DBSF),
            limit=10,
        )
        took["hybrid"].append((time.perf_counter() - started) * 1000)
    return took


async def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Build, reopen, measure and print."""
    corpus = Corpus(
        arguments.documents,
        arguments.chunks_per_document,
        arguments.dimension,
        arguments.terms,
    )
    schema = Schema({"dense": Space("synthetic", corpus.dimension)}, SCHEMA_FIELDS)
    print(f"{corpus.documents:,} documents, {corpus.chunks:,} chunks × {corpus.dimension}")
    print(f"memory before: {_shown(memory())}")
    if not (folder / "schema.json").exists():
        store = EdgeStore(folder, schema)
        await build(store, corpus)
        print(f"memory after building: {_shown(memory())}")
        started = time.monotonic()
        await store.close()
        print(f"close: {time.monotonic() - started:.1f} s")
    levels = {level: on_disk(folder / level) / 2**30 for level in ("documents", "chunks")}
    print("disk: " + ", ".join(f"{level} {size:.2f} GiB" for level, size in levels.items()))
    gc.collect()
    print(f"memory while closed: {_shown(memory())}")
    started = time.monotonic()
    store = EdgeStore(folder, schema)
    print(f"reopen: {time.monotonic() - started:.2f} s")
    print(f"memory reopened: {_shown(memory())}")
    await measure(store, corpus, arguments.queries)
    print(f"memory after the queries: {_shown(memory())}")
    if arguments.compare:
        await compare(store, corpus, arguments.queries)
    await store.close()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, required=True)
    parser.add_argument("--chunks-per-document", type=int, required=True)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--terms", type=int, default=48, help="different words of a chunk")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="kept, and measured again if it is there")
    parser.add_argument("--compare", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="waypost-scale-"))
    try:
        asyncio.run(run(arguments, folder))
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
