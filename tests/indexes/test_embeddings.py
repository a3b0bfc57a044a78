"""Embeddings over the network and their cache: order, limits, failures, token counts, cost."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from email.utils import formatdate
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import tiktoken

from indexes.embeddings import CachedEmbedder, EmbeddingCache, make_embedder, price_of
from indexes.embeddings import remote as remote_module
from indexes.embeddings import tokens as tokens_module
from indexes.embeddings.known import known_model
from indexes.embeddings.local import LocalEmbedder
from indexes.embeddings.parallel import in_parallel
from indexes.embeddings.remote import BATCH, OpenAIEmbedder
from indexes.embeddings.retry import Patience
from indexes.embeddings.tokens import count_tokens, estimate_tokens
from indexes.errors import ConfigurationError, EmbeddingError
from tests.agent.endpoint import DIMENSION, Data, Endpoint, endpoint

TEXTS = [f"passage {number} 第{number}段" for number in range(5 * BATCH)]
SMALL = "text-embedding-3-small"
KEY = "sk-secret"


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test fetch an encoding."""
    monkeypatch.setattr(tokens_module, "_encodings", {"": None, "cl100k_base": None})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Return an endpoint that the environment points to."""
    with endpoint() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield running


@pytest_asyncio.fixture
async def words(server: Endpoint) -> AsyncIterator[OpenAIEmbedder]:
    """Return an embedder of a model that nothing is known of."""
    embedder = OpenAIEmbedder("words")
    yield embedder
    await embedder.close()


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Return the lines that Waypost logs."""
    lines: list[str] = []
    logger = logging.getLogger("waypost")
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def asked(server: Endpoint) -> list[list[str]]:
    """Return the texts of every request that came."""
    return [body["input"] for body in server.asked("/embeddings")]


def impatient(monkeypatch: pytest.MonkeyPatch, **changes: float) -> None:
    """Let ingestion give up sooner."""
    values = {"timeout": 5.0, "limited": 0.5, "broken": 0.5, **changes}
    monkeypatch.setattr(remote_module, "PASSAGES", Patience(**values))


# --- requests ------------------------------------------------------------------------------------


async def test_passages_in_batches_at_once(server: Endpoint, words: OpenAIEmbedder) -> None:
    """Passages go out in full batches, several at once but not more, and come back in order."""
    server.delay = 0.05
    told: list[int] = []
    vectors = await words.embed_passages(TEXTS[:-3], told.append)
    assert server.busiest == words.at_once == 4
    assert sorted(map(len, asked(server))) == [BATCH - 3, *[BATCH] * 4]
    assert told == sorted(told)
    assert (len(told), told[-1]) == (5, len(TEXTS) - 3)
    assert vectors.shape == (len(TEXTS) - 3, DIMENSION)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    for position in (0, BATCH, 4 * BATCH + 7):
        assert np.array_equal(vectors[position], await words.embed_query(TEXTS[position]))


async def test_batches_are_bounded_by_tokens(server: Endpoint, words: OpenAIEmbedder) -> None:
    """A request never has more tokens than OpenAI takes, whatever the texts are made of."""
    await words.embed_passages(["a" * 100_000, "字" * 30_000, "b" * 100_000, "c" * 20_000, "短"])
    assert sorted(map(len, asked(server))) == [2, 3]


async def test_nothing_to_embed(server: Endpoint, words: OpenAIEmbedder) -> None:
    """No passages cost no request."""
    assert len(await words.embed_passages([])) == 0
    assert not server.requests


async def test_question_is_sent_once(server: Endpoint, words: OpenAIEmbedder) -> None:
    """A question that several indexes ask at once, or that was asked before, is one request."""
    server.delay = 0.1
    first = asyncio.create_task(words.embed_query("one"))
    others = [asyncio.create_task(words.embed_query("one")) for _ in range(3)]
    await asyncio.sleep(0.05)
    first.cancel()
    vectors = [await other for other in others]
    assert np.array_equal(vectors[0], await words.embed_query("one"))
    assert asked(server) == [["one"]]
    server.status = 401
    for _ in range(2):  # a failure is not remembered
        with pytest.raises(EmbeddingError):
            await words.embed_query("two")
    assert asked(server) == [["one"], ["two"], ["two"]]


@pytest.mark.parametrize(
    ("failure", "least"),
    [
        ((429, {"Retry-After": "0.3"}), 0.3),
        ((429, {"retry-after-ms": "200", "Retry-After": "9"}), 0.2),
        ((429, {"Retry-After": formatdate(0, usegmt=True)}), 0.0),
        ((429, {}), 0.3),
        ((503, {"Retry-After": "0.2"}), 0.2),
        ((500, {}), 0.3),
        ((408, {}), 0.3),
        ((400, {"x-should-retry": "true"}), 0.3),
    ],
)
async def test_failures_that_pass(
    server: Endpoint, words: OpenAIEmbedder, failure: tuple[int, Mapping[str, str]], least: float
) -> None:
    """A request is sent again after the time that the server asks for, or a growing one."""
    server.failures = {1: failure}
    assert len(await words.embed_passages(TEXTS[:3])) == 3
    first, second = server.times
    assert least <= second - first < least + 2


async def test_rate_limit_is_kept_by_all_requests(
    server: Endpoint, words: OpenAIEmbedder, log: list[str]
) -> None:
    """All requests wait together where the rate is limited, and nothing is lost or asked in vain."""
    server.limit = (2, 1.2)
    vectors = await words.embed_passages(TEXTS)
    assert len(vectors) == len(TEXTS)
    assert 5 < len(server.requests) <= 5 + 2 * words.at_once
    assert any("embedding.waiting" in line and 'reason="HTTP 429"' in line for line in log)
    assert not any("passage" in line or KEY in line for line in log)


@pytest.mark.parametrize(
    ("failure", "fix"),
    [
        ((401, {}), "OPENAI_API_KEY"),
        ((403, {}), "may use this model"),
        ((404, {}), "model's name"),
        ((400, {}), "chunk_tokens"),
        ((429, {"code": "insufficient_quota"}), "credit"),
        ((429, {"Retry-After": "86400"}), "rate limit"),
        ((500, {"x-should-retry": "false"}), "OPENAI_BASE_URL"),
    ],
)
async def test_failures_that_stay(
    server: Endpoint, words: OpenAIEmbedder, failure: tuple[int, Mapping[str, str]], fix: str
) -> None:
    """What waiting does not mend fails at once, and says what, where and how to mend it."""
    server.failures = dict.fromkeys(range(1, 99), failure)
    with pytest.raises(EmbeddingError) as caught:
        await words.embed_passages(TEXTS)
    assert len(server.requests) <= words.at_once
    assert f"HTTP {failure[0]}" in caught.value.message
    assert server.url in caught.value.message
    assert "'words'" in caught.value.message
    assert fix in caught.value.fix
    assert not any(secret in str(caught.value) for secret in (KEY, "passage", "broken"))
    assert caught.value.retryable is ("Retry-After" in failure[1])


@pytest.mark.parametrize(
    ("set_up", "reason"),
    [
        (lambda server: setattr(server, "delay", 0.5), "APITimeoutError"),
        (lambda server: setattr(server, "status", 502), "HTTP 502"),
    ],
)
async def test_patience_ends(
    server: Endpoint,
    words: OpenAIEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    set_up: Callable[[Endpoint], None],
    reason: str,
) -> None:
    """A server that hangs or stays broken is asked more than once, not for ever."""
    impatient(monkeypatch, timeout=0.2, broken=1.0)
    set_up(server)
    with pytest.raises(EmbeddingError, match=reason) as caught:
        await words.embed_passages(TEXTS[:3])
    assert caught.value.retryable
    assert 2 <= len(server.requests) <= 4


async def test_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not run is named, without the password that its URL may carry."""
    impatient(monkeypatch)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://me:pass@127.0.0.1:{port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(EmbeddingError, match=f"http://127.0.0.1:{port}/v1 ") as caught:
        await OpenAIEmbedder("words").embed_passages(["one"])
    assert "server runs" in caught.value.fix
    assert "pass@" not in str(caught.value)


async def test_missing_key(server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is sent, and the error says what to set."""
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(EmbeddingError) as caught:
        await OpenAIEmbedder("words").embed_query("one")
    assert "set OPENAI_API_KEY" in caught.value.fix
    assert not caught.value.retryable
    assert not server.requests


def changed(value: list[float]) -> Callable[[Data], Data]:
    """Return what replaces the last vector of an answer."""
    return lambda data: [*data[:-1], {**data[-1], "embedding": value}]


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda data: data[:-1], "63 vectors for 64 texts"),
        (lambda data: data + data[:1], "65 vectors for 64 texts"),
        (changed([1.0] * 3), "differ in length"),
        (changed([math.nan] * DIMENSION), "not finite"),
        (changed([math.inf] * DIMENSION), "not finite"),
        (changed([0.0] * DIMENSION), "zero"),
        (lambda data: [{**one, "embedding": []} for one in data], "vectors of 0 numbers"),
        (lambda data: [{**one, "embedding": [1.0, 2.0]} for one in data], f"2 numbers instead of {DIMENSION}"),
    ],
)  # fmt: skip
async def test_unusable_vectors(
    server: Endpoint,
    words: OpenAIEmbedder,
    tmp_path: Path,
    spoil: Callable[[Data], Data],
    what: str,
) -> None:
    """Vectors that cannot be right are an error, and none of them is kept."""
    embedder = CachedEmbedder(words, EmbeddingCache(tmp_path / "e.db"))
    assert await asyncio.to_thread(lambda: embedder.dimension) == DIMENSION
    server.spoil = spoil
    with pytest.raises(EmbeddingError, match=what):
        await embedder.embed_passages(TEXTS[:BATCH])
    assert await embedder.unknown(TEXTS[:BATCH]) == TEXTS[:BATCH]


async def test_several_event_loops(server: Endpoint, words: OpenAIEmbedder) -> None:
    """One embedder serves event loops one after another and at once, over connections kept open."""
    server.keep_alive = True
    number = count()

    async def embed() -> int:
        try:
            await words.embed_query(str(next(number)))
            return len(await words.embed_passages(TEXTS[:3]))
        finally:
            await words.close()

    for _ in range(2):
        assert await asyncio.to_thread(lambda: asyncio.run(embed())) == 3
    both = [asyncio.to_thread(lambda: asyncio.run(embed())) for _ in range(2)]
    assert await asyncio.gather(embed(), *both) == [3, 3, 3]


async def test_long_text_is_cut(server: Endpoint, log: list[str]) -> None:
    """A text beyond the model's window is embedded by its beginning, and the log says so."""
    server.dimension = 1536
    embedder = OpenAIEmbedder(SMALL)
    await embedder.embed_passages(["噪声限值" * 20_000, "short"])
    await embedder.close()
    [[cut, short]] = asked(server)
    assert short == "short"
    assert 5_000 < len(cut) < 8_191
    assert embedder.count_tokens(cut) <= 8191
    assert any("embedding.cut" in line and "tokens=96000" in line for line in log)
    assert not any("噪声" in line for line in log)


# --- dimension -----------------------------------------------------------------------------------


async def test_dimension_is_asked_once(
    server: Endpoint, words: OpenAIEmbedder, tmp_path: Path
) -> None:
    """The length of a model's vectors is asked of the endpoint once in the life of a cache."""
    for _ in range(2):
        cached = CachedEmbedder(OpenAIEmbedder("words"), EmbeddingCache(tmp_path / "e.db"))
        assert cached.dimension == DIMENSION  # this thread has a running loop
    assert len(server.requests) == 1


async def test_dimension_of_known_models(server: Endpoint) -> None:
    """OpenAI's models are not asked for what is known of them."""
    assert OpenAIEmbedder(SMALL).dimension == 1536
    assert OpenAIEmbedder("openai/text-embedding-3-large").dimension == 3072
    assert not server.requests


async def test_another_model_of_the_same_name(
    server: Endpoint, words: OpenAIEmbedder, tmp_path: Path
) -> None:
    """Vectors of another length than was remembered are refused, with the cure."""
    cache = EmbeddingCache(tmp_path / "e.db")
    cache.remember_dimension("openai:words", 7)
    with pytest.raises(EmbeddingError, match=r"instead of \(1, 7\)") as caught:
        await CachedEmbedder(words, cache).embed_passages(["one"])
    assert ".waypost/cache" in caught.value.fix


# --- tokens and cost -----------------------------------------------------------------------------


@pytest.fixture
def no_encoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no encoding be known or at hand."""
    monkeypatch.setattr(tokens_module, "_encodings", {"": None})
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))


@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.usefixtures("no_encoding")
def test_no_network_for_an_encoding(
    monkeypatch: pytest.MonkeyPatch, log: list[str], hangs: bool
) -> None:
    """Without a network tokens are estimated, soon and for good, which the log says once."""
    monkeypatch.setattr(tokens_module, "PATIENCE", 0.3 if hangs else 30.0)
    with closing(socket.create_server(("127.0.0.1", 0))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        if not hangs:
            proxy.close()
        started = time.monotonic()
        for _ in range(3):
            assert count_tokens(SMALL, "噪声 noise") == 5
        assert time.monotonic() - started < 5
    for thread in threading.enumerate():
        if thread.name == "tiktoken":
            thread.join()
    [line] = log
    assert "embedding.tokens_estimated" in line
    assert "TIKTOKEN_CACHE_DIR" in line


@pytest.mark.usefixtures("no_encoding")
def test_tokens_are_counted_by_the_models_encoding(
    monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> None:
    """OpenAI's models count by tiktoken, others by an estimate; neither minds special tokens or odd text."""
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"no": 256, "噪".encode()[:2]: 257}
    encoding = tiktoken.Encoding(
        "cl100k_base", pat_str=r"\w+|\W+", mergeable_ranks=ranks, special_tokens={"<|end|>": 300}
    )
    monkeypatch.setitem(tiktoken.registry.ENCODINGS, "cl100k_base", encoding)
    for text, expected in (("", 0), ("noise", 4), ("噪声", 5), ("<|end|>", 7), ("\ud800", 3)):
        assert count_tokens(SMALL, text) == expected
        assert count_tokens(f"openai/{SMALL}", text) == expected
        assert count_tokens("bge-m3", text) == estimate_tokens(text)
    assert not log


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("噪声限值", 4), ("noise at night", 4), ("噪声 noise", 4)]
)
def test_estimate(text: str, tokens: int) -> None:
    """The estimate is 1.2 Chinese characters or 3.5 letters a token, rounded up."""
    assert estimate_tokens(text) == tokens


@pytest.mark.parametrize(
    ("model", "price"),
    [
        (SMALL, 0.02),
        (f"openai:{SMALL}", 0.02),
        ("openai/text-embedding-3-large", 0.13),
        ("text-embedding-ada-002", 0.10),
        ("bge-m3", None),
    ],
)
def test_price(model: str, price: float | None) -> None:
    """Prices of OpenAI's models are known by any of their names."""
    assert price_of(model) == price
    assert (known_model(model) is None) is (price is None)


async def test_what_is_not_paid_for_yet(server: Endpoint, tmp_path: Path) -> None:
    """A cache says which texts are unknown, each once and in order, before anything is sent."""
    server.dimension = 1536
    embedder = CachedEmbedder(make_embedder(f"openai:{SMALL}"), EmbeddingCache(tmp_path / "e.db"))
    assert (embedder.remote, embedder.price) == (True, 0.02)
    assert await embedder.unknown(["b", "a", "b"]) == ["b", "a"]
    assert not server.requests
    await embedder.embed_passages(["a"])
    assert await embedder.unknown(["b", "a", "b"]) == ["b"]
    await embedder.close()
    local = CachedEmbedder(LocalEmbedder(), EmbeddingCache(tmp_path / "l.db"))
    assert (local.remote, local.price, local.at_once) == (False, 0.0, 1)


def test_unknown_kind_of_model() -> None:
    """A setting that names no model says what it may be."""
    for name in ("openai:", "other:x", ""):
        with pytest.raises(ConfigurationError, match="openai:<model>"):
            make_embedder(name)


# --- the cache -----------------------------------------------------------------------------------


@pytest.fixture
def cached(words: OpenAIEmbedder, tmp_path: Path) -> CachedEmbedder:
    """Return an embedder with an empty cache."""
    return CachedEmbedder(words, EmbeddingCache(tmp_path / "cache" / "e.db"))


async def test_nothing_is_paid_twice(server: Endpoint, cached: CachedEmbedder) -> None:
    """After a failure only what did not come back is asked again."""
    server.failures = {3: (400, {})}
    with pytest.raises(EmbeddingError):
        await cached.embed_passages(TEXTS)
    lost = asked(server)[2]
    unknown = await cached.unknown(TEXTS)
    assert set(lost) <= set(unknown)
    assert len(unknown) < len(TEXTS)
    before = len(server.requests)
    vectors = await cached.embed_passages(TEXTS)
    times = Counter(text for batch in asked(server) for text in batch)
    assert {text for text, often in times.items() if often > 1} == set(lost)
    assert sorted(text for batch in asked(server)[before:] for text in batch) == sorted(unknown)
    before = len(server.requests)
    assert np.array_equal(await cached.embed_passages(TEXTS), vectors)
    assert len(server.requests) == before


async def test_repeated_texts(server: Endpoint, cached: CachedEmbedder) -> None:
    """Equal texts are sent once, every place gets its vector, and progress counts all of them."""
    told: list[int] = []
    await cached.embed_passages(["c"])
    vectors = await cached.embed_passages(["a", "b", "a", "c", "b"], told.append)
    assert asked(server)[-2:] == [["c"], ["a", "b"]]
    assert np.array_equal(vectors[[0, 1]], vectors[[2, 4]])
    assert (told[0], told[-1], told) == (1, 5, sorted(told))


async def test_examples_are_kept_as_questions(server: Endpoint, cached: CachedEmbedder) -> None:
    """Example questions are embedded at once with others, kept, and answered from memory."""
    server.delay = 0.05
    texts = TEXTS[:12]
    vectors = await cached.embed_examples(texts)
    assert server.busiest == 4
    before = len(server.requests)
    assert np.array_equal(await cached.embed_examples(texts), vectors)
    assert np.array_equal(await cached.embed_query(texts[3]), vectors[3])
    assert len(server.requests) == before
    assert await cached.unknown(texts) == texts  # as passages they would be embedded anew


async def test_unfit_vectors_in_the_cache(words: OpenAIEmbedder, tmp_path: Path) -> None:
    """Vectors in the cache that have another length or are not finite count as unknown."""
    path = tmp_path / "e.db"
    vectors = await CachedEmbedder(words, EmbeddingCache(path)).embed_passages(TEXTS[:3])
    with closing(sqlite3.connect(path)) as db, db:
        rows = db.execute("SELECT key FROM embeddings").fetchall()
        nan = np.full(DIMENSION, np.nan, np.float16).tobytes()
        for (key,), blob in zip(rows, (b"12", b"123", nan), strict=True):
            db.execute("UPDATE embeddings SET vector = ? WHERE key = ?", (blob, key))
    again = await CachedEmbedder(words, EmbeddingCache(path)).embed_passages(TEXTS[:3])
    assert np.array_equal(again, vectors)


def vectors_of(numbers: range) -> list[tuple[bytes, np.ndarray[tuple[int], np.dtype[np.float32]]]]:
    """Return items for a cache."""
    return [(number.to_bytes(32, "big"), np.full(8, number, np.float32)) for number in numbers]


CHILD = """\
import os, signal, sys
from pathlib import Path
from indexes.embeddings.cache import EmbeddingCache
from tests.indexes.test_embeddings import vectors_of
path, first, last, killed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
writer = EmbeddingCache(path).writer()
for start in range(first, last, 10):
    writer.put(vectors_of(range(start, start + 10)))
if killed == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
writer.close()
"""


def run_child(path: Path, first: int, last: int, how: str = "") -> subprocess.Popen[bytes]:
    """Start a process that writes to a cache."""
    command = [sys.executable, "-c", CHILD, str(path), str(first), str(last), how]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


def test_writers_at_once_and_killed(tmp_path: Path) -> None:
    """Processes write to one cache at the same time, and what a killed one had put is there."""
    path = tmp_path / "new" / "e.db"
    children = [
        run_child(path, 0, 300),
        run_child(path, 300, 600),
        run_child(path, 600, 900, "killed"),
    ]
    assert [child.wait(60) for child in children] == [0, 0, -9]
    items = vectors_of(range(900))
    found = EmbeddingCache(path).get([key for key, _ in items])
    assert all(np.array_equal(found[key], vector) for key, vector in items)


def garbage(path: Path) -> None:
    """Replace a file by what is no database."""
    path.write_bytes(b"no database at all" * 100)


def broken_pages(path: Path) -> None:
    """Overwrite a file's pages but the first."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def cut_short(path: Path) -> None:
    """Cut a file in half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 100])


@pytest.mark.parametrize("damage", [garbage, broken_pages, cut_short])
@pytest.mark.parametrize("first", ["get", "put", "dimension"])
def test_damaged_cache_is_set_aside(
    tmp_path: Path, log: list[str], damage: Callable[[Path], None], first: str
) -> None:
    """A damaged cache is moved away with a warning, and a new one is begun."""
    path = tmp_path / "e.db"
    items = vectors_of(range(2000))
    keys = [key for key, _ in items]
    EmbeddingCache(path).put(items)
    EmbeddingCache(path).remember_dimension("m", 8)
    damage(path)
    cache = EmbeddingCache(path)
    if first == "get":
        assert len(cache.get(keys)) < 2000
    elif first == "dimension":
        assert cache.dimension("m") in {None, 8}
    cache.put(items)
    assert set(EmbeddingCache(path).get(keys)) == set(keys)
    assert (tmp_path / "e.damaged").exists()
    [line] = log
    assert "embedding.cache_unusable" in line
    assert "moved_to=e.damaged" in line


def test_empty_file_is_an_empty_cache(tmp_path: Path, log: list[str]) -> None:
    """A file that a killed process left empty is used as it is."""
    path = tmp_path / "e.db"
    path.touch()
    cache = EmbeddingCache(path)
    items = vectors_of(range(3))
    assert (cache.get([items[0][0]]), cache.dimension("m")) == ({}, None)
    cache.put(items)
    assert cache.known([items[0][0], b"other"]) == {items[0][0]}
    assert not log


def test_cache_that_cannot_be_written(tmp_path: Path, log: list[str]) -> None:
    """Where nothing can be written, nothing is kept, which is said once."""
    (tmp_path / "file").touch()
    cache = EmbeddingCache(tmp_path / "file" / "e.db")
    for _ in range(2):
        cache.put(vectors_of(range(3)))
    assert cache.get([vectors_of(range(1))[0][0]]) == {}
    assert len(log) == 1


def test_shipped_file_is_never_touched(tmp_path: Path, log: list[str]) -> None:
    """A shipped file is read beside the cache, leaves no files behind, and stays even if damaged."""
    shipped = tmp_path / "project" / "embeddings.db"
    items = vectors_of(range(2000))
    keys = [key for key, _ in items]
    EmbeddingCache(shipped).put(items)
    cache = EmbeddingCache(tmp_path / "state" / "e.db", shipped)
    assert set(cache.get(keys)) == set(keys)
    assert [path.name for path in shipped.parent.iterdir()] == [shipped.name]
    broken_pages(shipped)
    before = shipped.read_bytes()
    assert cache.get(keys[:1]) == {}
    cache.put(items[:1])
    assert set(cache.get(keys[:1])) == {keys[0]}
    assert shipped.read_bytes() == before
    assert len(log) == 1


def test_cache_of_earlier_versions(tmp_path: Path) -> None:
    """A file without row ids and remembered dimensions is read and written on."""
    path = tmp_path / "e.db"
    items = vectors_of(range(20))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
        )
        db.execute(
            "INSERT INTO embeddings VALUES (?, ?)",
            (items[0][0], items[0][1].astype(np.float16).tobytes()),
        )
    cache = EmbeddingCache(path)
    assert cache.dimension("m") is None
    cache.put(items[1:])
    cache.remember_dimension("m", 8)
    assert cache.dimension("m") == 8
    assert cache.known([key for key, _ in items]) == {key for key, _ in items}


async def test_failure_lets_others_finish() -> None:
    """After a failure nothing new is begun, and what was under way is finished first."""
    begun: list[int] = []
    finished: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0.01 if number == 1 else 0.03)
        if number == 1:
            raise ValueError(number)
        finished.append(number)

    with pytest.raises(ValueError, match="1"):
        await in_parallel(range(9), work, at_once=3)
    assert (begun, finished) == ([0, 1, 2], [0, 2])
