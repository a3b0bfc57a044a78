from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import httpx
import pytest
import pytest_asyncio
from qdrant_client import AsyncQdrantClient

from indexes.base import Point, Schema, Space, chunk_id
from indexes.errors import (
    ConfigurationError,
    StoreError,
    StoreLockedError,
    StoreSchemaError,
    StoreUnreachableError,
)
from indexes.settings import StoreSettings
from indexes.stores.common import SCHEMA_VERSION
from indexes.stores.edge import EdgeStore
from indexes.stores.owner import LINGER
from indexes.stores.qdrant import QdrantStore, connect
from indexes.stores.shared import SharedStore
from tests.indexes.store_contract import (
    ALL,
    PUBLIC,
    ROOT,
    SAMPLE,
    SCHEMA,
    EmbeddedStoreContract,
    Opener,
    StoreContract,
    ask,
    chunk,
    dense,
    folder,
    ids,
    lexical,
    size,
    vector,
)

__all__ = ["folder"]  # fixtures

SERVER = os.environ.get("WAYPOST_TEST_QDRANT_URL", "")


async def open_edge(path: Path, schema: Schema) -> EdgeStore:
    """Open Qdrant Edge in this process."""
    return EdgeStore(path, schema)


async def open_shared(path: Path, schema: Schema) -> SharedStore:
    """Open Qdrant Edge in a process of its own."""
    store = SharedStore(path, schema)
    try:
        await store.open()
    except StoreError:
        await store.close()
        raise
    return store


class TestEdgeStore(EmbeddedStoreContract):
    """Qdrant Edge in this process keeps the contract."""

    @pytest_asyncio.fixture(scope="class", loop_scope="session")
    @classmethod
    async def opener(cls) -> AsyncIterator[Opener]:
        """Return the function that opens the engine."""
        yield open_edge

    async def test_second_open_in_this_process_is_refused(self, folder: Path) -> None:
        """A folder has one owner, in the same process too, which stays able to work."""
        store = await open_edge(folder, SCHEMA)
        with pytest.raises(StoreLockedError):
            await open_edge(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        assert await size(store) == len(SAMPLE)
        await store.close()

    async def test_kill_loses_nothing(self, folder: Path) -> None:
        """What an upsert has taken survives kill -9, and what a delete took stays gone."""
        assert await script(KILLED, str(folder)) == (-signal.SIGKILL, "")
        store = await open_edge(folder, SCHEMA)
        assert await size(store) == 900
        assert len(await ask(store, lexical("噪声", 1000))) == 900
        assert ids(await ask(store, dense(vector(1, 0, 0, 0), 1))) == [chunk_id("a", "d", 0)]
        await store.close()

    async def test_full_disk_is_refused_before_the_engine_dies(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With too little room left nothing is written and the message says how much is needed."""
        store = await open_edge(folder, SCHEMA)
        monkeypatch.setattr("indexes.stores.edge.MIN_FREE_BYTES", 2**62)
        with pytest.raises(StoreError, match="MiB are free"):
            await store.upsert("chunks", SAMPLE)
        assert await store.scroll("chunks", ALL) == []
        await store.close()

    @pytest.mark.parametrize("batch", [1, 2], ids=["a new one", "an old one too"])
    async def test_filter_left_out_while_all_match_it(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, batch: int
    ) -> None:
        """A large store tests nobody's access while all may see all, and at once when that ends."""
        monkeypatch.setattr("indexes.stores.edge.COMMON", 4)
        store = await open_edge(folder, SCHEMA)
        await store.upsert("chunks", [chunk(n, "噪声", access=("*",)) for n in range(6)])
        for _ in range(2):
            assert len(await ask(store, lexical("噪声", where=PUBLIC))) == 6
        assert store._common == {("chunks", PUBLIC.conditions[0]): True}
        hidden = [chunk(n, "噪声", access=("board",)) for n in range(7 - batch, 7)]
        await store.upsert("chunks", hidden)
        for _ in range(2):
            assert len(await ask(store, lexical("噪声", where=PUBLIC))) == 7 - batch
            assert await store.count("chunks", [PUBLIC]) == [7 - batch]
        await store.upsert("chunks", [chunk(n, "噪声", access=("*",)) for n in range(7)])
        await store.flush()
        assert len(await ask(store, lexical("噪声", where=PUBLIC))) == 7
        await store.close()

    async def test_settling_keeps_everything(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Putting what was written into settled segments changes no answer."""
        monkeypatch.setattr("indexes.stores.edge.SETTLE", 10)
        store = await open_edge(folder, SCHEMA)
        points = [chunk(n, f"噪声 {n}", vector(1, n / 100, 0, 0)) for n in range(200)]
        await store.upsert("chunks", points)
        before = ids(await ask(store, dense(vector(1, 0, 0, 0), 20)))
        await store.flush()
        assert ids(await ask(store, dense(vector(1, 0, 0, 0), 20))) == before
        assert len(await ask(store, lexical("噪声", 1000))) == 200
        await store.close()


class TestSharedStore(EmbeddedStoreContract):
    """Qdrant Edge in a process of its own keeps the contract."""

    @pytest_asyncio.fixture(scope="class", loop_scope="session")
    @classmethod
    async def opener(cls) -> AsyncIterator[Opener]:
        """Return the function that opens the engine."""
        yield open_shared

    async def test_users_with_other_temporary_folders_meet(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A store is shared by processes that would put its socket into different places."""
        first = await open_shared(folder, SCHEMA)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        second = await open_shared(folder, SCHEMA)
        await first.upsert("chunks", SAMPLE)
        assert await size(second) == len(SAMPLE)
        await first.close()
        await second.close()

    async def test_users_see_each_others_writes(self, folder: Path) -> None:
        """Two users here and one in another process share a store at the same time."""
        first, second = await open_shared(folder, SCHEMA), await open_shared(folder, SCHEMA)
        await first.upsert("chunks", SAMPLE)
        assert await size(second) == len(SAMPLE)
        assert await script(SHARING, str(folder)) == (0, f"{len(SAMPLE)}\n")
        assert [await size(store) for store in (first, second)] == [len(SAMPLE) + 1] * 2
        assert len(owners(folder)) == 1
        await first.close()
        await second.close()

    async def test_many_users_start_one_owner(self, folder: Path) -> None:
        """Users that come at the same time agree on one owner."""
        stores = await asyncio.gather(*(open_shared(folder, SCHEMA) for _ in range(4)))
        await fewer(folder, 2)  # those that were too late are ending
        await asyncio.gather(*(store.upsert("chunks", SAMPLE) for store in stores))
        assert await size(stores[0]) == len(SAMPLE)
        await asyncio.gather(*(store.close() for store in stores))

    async def test_owner_outlives_users_for_a_moment_only(self, folder: Path) -> None:
        """It waits for the next user, ends after the last, and lets go of the folder."""
        first, second = await open_shared(folder, SCHEMA), await open_shared(folder, SCHEMA)
        (owner,) = owners(folder)
        await first.upsert("chunks", SAMPLE)
        await first.close()
        await asyncio.sleep(LINGER * 1.5)
        assert owners(folder) == [owner]
        await second.close()
        third = await open_shared(folder, SCHEMA)
        assert owners(folder) == [owner]
        await third.close()
        await fewer(folder, 1)
        store = await open_edge(folder, SCHEMA)
        assert await size(store) == len(SAMPLE)
        await store.close()

    async def test_owner_killed_between_calls(self, folder: Path) -> None:
        """Acknowledged writes survive, and the next call works with a new owner."""
        store = await open_shared(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        for query in (lexical("shield"), dense(vector(0, 1, 0, 0), 1)):
            kill(folder)
            assert ids(await ask(store, query)) == [SAMPLE[1].id]
        assert await size(store) == len(SAMPLE)
        await store.close()

    async def test_owner_killed_during_calls(self, folder: Path) -> None:
        """A user that writes and one that reads go on while owners are killed; nothing is lost."""
        writer, reader = await open_shared(folder, SCHEMA), await open_shared(folder, SCHEMA)
        written: list[str] = []

        async def write() -> None:
            for start in range(0, 6000, 100):
                points = [chunk(i, "噪声", vector(1, i, 0, 0)) for i in range(start, start + 100)]
                await writer.upsert("chunks", points)
                written.extend(ids(points))

        writing = asyncio.create_task(write())
        for _ in range(3):
            seen = len(written)
            while len(written) < seen + 500:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert await size(reader) >= seen
            kill(folder)
        await writing
        assert {*ids(await reader.scroll("chunks", ALL, ()))} == {*written}
        await writer.close()
        await reader.close()

    async def test_owner_that_dies_at_every_call_is_an_error(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A request that ends two owners in a row is not made for ever."""
        store = await open_shared(folder, SCHEMA)
        call = type(await store._connected()).call

        async def deadly(self: Any, method: str, *arguments: Any) -> Any:
            if method == "count":
                kill(folder)
            return await call(self, method, *arguments)

        monkeypatch.setattr("indexes.stores.shared._Connection.call", deadly)
        with pytest.raises(StoreError, match="ended twice"):
            await size(store)
        await store.close()

    async def test_folder_made_anew_while_an_owner_lingers(self, folder: Path) -> None:
        """The owner of a deleted folder is not asked any more."""
        store = await open_shared(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        await store.close()
        shutil.rmtree(folder)
        store = await open_shared(folder, SCHEMA)
        assert await size(store) == 0
        await store.upsert("chunks", SAMPLE[:1])
        await store.close()
        await fewer(folder, 1)
        anew = await open_edge(folder, SCHEMA)
        assert await size(anew) == 1
        await anew.close()

    async def test_folder_made_anew_while_a_user_stays(self, folder: Path) -> None:
        """A user of a deleted folder gets the new one, and a later user can still come."""
        staying = await open_shared(folder, SCHEMA)
        await staying.upsert("chunks", SAMPLE)
        shutil.rmtree(folder)
        ingesting = await open_shared(folder, SCHEMA)
        await ingesting.upsert("chunks", SAMPLE[:1])
        assert await size(staying) == 1
        await staying.close()
        await asyncio.sleep(1.5)  # until an owner of the old folder would have ended
        late = await open_shared(folder, SCHEMA)
        assert await size(late) == 1
        await late.close()
        await ingesting.close()

    async def test_folder_named_indexes_is_not_imported(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What lies where the command runs does not get into the owner."""
        (tmp_path / "indexes").mkdir()
        (tmp_path / "indexes" / "__init__.py").write_text("raise SystemExit('wrong')")
        monkeypatch.chdir(tmp_path)
        store = await open_shared(folder, SCHEMA)
        assert await size(store) == 0
        await store.close()

    async def test_relative_path(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A relative path names the same store as the absolute one."""
        folder.parent.mkdir()
        monkeypatch.chdir(folder.parent)
        store = await open_shared(Path(folder.name), SCHEMA)
        await store.upsert("chunks", SAMPLE)
        other = await open_shared(folder, SCHEMA)
        assert await size(other) == len(SAMPLE)
        await store.close()
        await other.close()

    async def test_event_loops_one_after_another(self, folder: Path) -> None:
        """One store object works in one event loop after another."""
        store = SharedStore(folder, SCHEMA)
        for number in range(2):
            await asyncio.to_thread(asyncio.run, written_in_a_loop(store, number))
        assert await size(store) == 2
        await store.close()

    async def test_threads_with_loops_of_their_own(self, folder: Path) -> None:
        """One store object works in several threads at the same time."""
        store = await open_shared(folder, SCHEMA)
        await asyncio.gather(
            *(asyncio.to_thread(asyncio.run, written_in_a_loop(store, n)) for n in range(3))
        )
        assert await size(store) == 3
        await store.close()

    async def test_socket_folder_that_others_can_enter_is_refused(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody else can put a socket where the store's is looked for."""
        (tmp_path / f"waypost-{os.getuid()}").mkdir(mode=0o755)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        with pytest.raises(StoreError, match="not a folder of yours alone"):
            await open_shared(folder, SCHEMA)

    async def test_errors_keep_class_and_cure(self, folder: Path) -> None:
        """What the owner refuses reaches the user as the error that it was."""
        store = await open_shared(folder, SCHEMA)
        with pytest.raises(StoreSchemaError, match="'other'") as caught:
            await open_shared(folder, Schema({"dense": Space("other", 4)}, {}))
        assert "waypost ingest" in caught.value.fix
        assert await size(store) == 0
        await store.close()

    async def test_message_that_is_no_plain_data(self, folder: Path) -> None:
        """A payload that cannot be sent is refused, and the connection goes on."""
        store = await open_shared(folder, SCHEMA)
        with pytest.raises(StoreError, match="cannot be written"):
            await store.upsert("chunks", [Point(chunk_id("a", "d", 0), {"x": object()})])
        assert await size(store) == 0
        await store.close()

    async def test_cancelled_call_disturbs_no_other(self, folder: Path) -> None:
        """Who stops waiting leaves the answers of others in order."""
        store = await open_shared(folder, SCHEMA)
        await store.upsert("chunks", SAMPLE)
        calls = [asyncio.create_task(size(store)) for _ in range(20)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert found[1::2] == [len(SAMPLE)] * 10
        await store.close()

    async def test_nothing_is_left_open(self, folder: Path) -> None:
        """A script that opens, uses and closes a store ends without a warning."""
        code, told = await script(SHARING, str(folder), "-X", "dev", "-W", "error")
        assert (code, told) == (0, "0\n")
        gc.collect()


async def written_in_a_loop(store: SharedStore, number: int) -> None:
    """Write and read in the event loop that this runs in, then hang up there."""
    await store.upsert("chunks", [chunk(number, "噪声")])
    assert await size(store) >= 1
    await store.close()


def owners(folder: Path) -> list[int]:
    """Return the processes that own a folder."""
    told = subprocess.run(
        ["ps", "-axww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(None, 2) for line in told.splitlines()]
    return [
        int(pid)
        for pid, state, command in lines
        if command.endswith(f"indexes.stores.owner {folder.resolve()}") and "Z" not in state
    ]


def kill(folder: Path) -> None:
    """End the owner of a folder as a crash would."""
    for owner in owners(folder):
        os.kill(owner, signal.SIGKILL)


async def fewer(folder: Path, count: int) -> None:
    """Wait until a folder has fewer owners."""
    until = time.monotonic() + 10
    while len(owners(folder)) >= count:
        assert time.monotonic() < until, "the owner did not end"
        await asyncio.sleep(0.1)


async def script(code: str, argument: str, *options: str) -> tuple[int, str]:
    """Run a script in a process of its own; return its exit code and all that it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *options, "-c", code, argument,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
    )  # fmt: skip
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from indexes.stores.edge import EdgeStore
from indexes.types import AnyOf, Filter
from tests.indexes.store_contract import SCHEMA, chunk, vector
async def main():
    store = EdgeStore(Path(sys.argv[1]), SCHEMA)
    for start in range(0, 900, 300):
        numbers = range(start, start + 300)
        await store.upsert("chunks", [chunk(i, f"第{i}段 噪声", vector(1, i, 0, 0)) for i in numbers])
    await store.upsert("chunks", [chunk(1000, "要删除", index="gone")])
    await store.delete("chunks", Filter((AnyOf("index", ("gone",)),)))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
SHARING = """
import asyncio, sys
from pathlib import Path
from indexes.stores.shared import SharedStore
from tests.indexes.store_contract import ALL, SCHEMA, chunk
async def main():
    store = SharedStore(Path(sys.argv[1]), SCHEMA)
    await store.open()
    print((await store.count("chunks", [ALL]))[0])
    await store.upsert("chunks", [chunk(100, "噪声")])
    await store.close()
asyncio.run(main())
"""


class KeptClient(AsyncQdrantClient):
    """Qdrant's local mode, which keeps its points when a store closes it."""

    async def close(self, grpc_grace: float | None = None, **kwargs: Any) -> None:
        """Do nothing."""


async def open_qdrant(client: AsyncQdrantClient, path: Path, schema: Schema) -> QdrantStore:
    """Open collections that are named after a path."""
    name = re.sub(r"\W", "_", f"test_{path.parent.name}_{path.name}")[-90:]
    store = QdrantStore(client, StoreSettings(url=SERVER, collection=name), schema)
    try:
        await store.open()
    except StoreError:
        await store.close()
        raise
    return store


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
class TestQdrantStoreInMemory(StoreContract):
    """The store of a Qdrant server keeps the contract in the client's local mode."""

    @pytest_asyncio.fixture(scope="class", loop_scope="session")
    @classmethod
    async def opener(cls) -> AsyncIterator[Opener]:
        """Return the function that opens collections in memory."""
        client = KeptClient(":memory:")
        yield lambda path, schema: open_qdrant(client, path, schema)
        await AsyncQdrantClient.close(client)


@pytest.mark.skipif(not SERVER, reason="WAYPOST_TEST_QDRANT_URL names no server")
class TestQdrantStore(StoreContract):
    """The store of a Qdrant server keeps the contract on the server that the environment names."""

    @pytest_asyncio.fixture(scope="class", loop_scope="session")
    @classmethod
    async def opener(cls) -> AsyncIterator[Opener]:
        """Return the function that opens collections on the server; they are deleted afterwards."""
        settings = StoreSettings(url=SERVER)
        made: set[str] = set()

        async def opener(path: Path, schema: Schema) -> QdrantStore:
            store = await open_qdrant(connect(settings), path, schema)
            made.update(store._names.values())
            return store

        yield opener
        client = connect(settings)
        for name in made:
            await client.delete_collection(name)
        await client.close()


URL = "http://user:hunter2@qdrant.test:6333"
KEY = "s3cret-key"
Answer = Callable[[httpx.Request], httpx.Response]


def serve(monkeypatch: pytest.MonkeyPatch, answer: Answer, **settings: Any) -> QdrantStore:
    """Return a store whose server is a function."""
    given = StoreSettings(**{"url": URL, "api_key": KEY, "timeout": 7, **settings})
    transport = httpx.MockTransport(answer)
    monkeypatch.setattr("indexes.stores.qdrant._Transport", lambda proxy: transport)
    return QdrantStore(connect(given), given, SCHEMA)


def replied(result: Any) -> httpx.Response:
    """Return a server's answer."""
    return httpx.Response(200, json={"time": 0.0, "status": "ok", "result": result})


VERSION = {"title": "qdrant - vector search engine", "version": "1.20.0"}
REFUSED = {"status": {"error": f"Wrong input: no room for {KEY}"}, "time": 0.0}


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (httpx.ConnectError("All attempts failed"), StoreUnreachableError, "cannot be reached"),
        (httpx.ReadTimeout("slow"), StoreUnreachableError, "did not answer within 7 seconds"),
        (httpx.Response(503), StoreUnreachableError, "cannot answer now"),
        (httpx.Response(429, headers={"Retry-After": "3"}), StoreUnreachableError, "3 seconds"),
        (httpx.Response(401, text="Invalid API key"), StoreError, "refused the key"),
        (httpx.Response(400, json=REFUSED), StoreError, "no room for"),
        (httpx.Response(500, text="<html>\n<body>"), StoreError, "HTTP 500"),
        (httpx.Response(200, text="<html>"), StoreError, "is no Qdrant server"),
        (httpx.Response(200, json={"version": 3}), StoreError, "is no Qdrant server"),
        (httpx.Response(200, json={**VERSION, "version": "1.9.4"}), StoreError, "too old"),
    ],
)
async def test_servers_errors_are_translated(
    monkeypatch: pytest.MonkeyPatch,
    answer: httpx.Response | Exception,
    kind: type[StoreError],
    message: str,
) -> None:
    """Whatever goes wrong is one sentence with the address and a cure, and without secrets."""

    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    store = serve(monkeypatch, handle)
    with pytest.raises(StoreError, match=message) as caught:
        await store.open()
    assert type(caught.value) is kind
    assert caught.value.retryable == (kind is StoreUnreachableError)
    assert "'http://qdrant.test:6333'" in caught.value.message
    assert not re.search(f"{KEY}|hunter2|\n", str(caught.value))
    await store.close()


async def test_unreachable_server() -> None:
    """A server that is not there is told in one sentence with its address and what to do."""
    settings = StoreSettings(url="http://127.0.0.1:1")
    store = QdrantStore(connect(settings), settings, SCHEMA)
    with pytest.raises(StoreUnreachableError, match=r"127\.0\.0\.1:1' cannot be reached") as caught:
        await store.open()
    assert "try again" in caught.value.fix
    assert caught.value.as_dict()["error"] == "store_unreachable"
    await store.close()


async def test_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting, QDRANT_API_KEY is sent, and never shown."""
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("api-key"))
        return httpx.Response(503)

    monkeypatch.setenv("QDRANT_API_KEY", "from-environment\n")
    store = serve(monkeypatch, answer, api_key="")
    with pytest.raises(StoreUnreachableError):
        await store.open()
    assert sent == ["from-environment"]
    await store.close()


class Counting(BaseHTTPRequestHandler):
    """Answers every request with a count, and keeps connections."""

    protocol_version = "HTTP/1.1"
    peers: ClassVar[set[Any]] = set()

    def do_POST(self) -> None:
        """Say that there are 5 points."""
        self.peers.add(self.client_address)
        self.rfile.read(int(self.headers["Content-Length"]))
        body = replied({"count": 5}).content
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # of loops that have ended
async def test_server_from_several_event_loops() -> None:
    """One store object works in many loops; each keeps one connection to the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    settings = StoreSettings(url=f"http://127.0.0.1:{server.server_port}")
    store = QdrantStore(connect(settings), settings, SCHEMA)

    async def use() -> int:
        return sum([await size(store) for _ in range(3)])

    assert [await asyncio.to_thread(asyncio.run, use()) for _ in range(2)] == [15, 15]
    assert await use() == 15
    assert len(Counting.peers) == 3
    await store.close()
    await asyncio.to_thread(server.shutdown)
    server.server_close()
    gc.collect()


def test_key_that_no_header_can_carry() -> None:
    """A key with a line break inside is refused without being shown."""
    with pytest.raises(ConfigurationError) as caught:
        connect(StoreSettings(url=URL, api_key="abc\ndef"))
    assert "abc" not in str(caught.value)


async def test_collections_are_made_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks have no graph over all points, documents have one, and both what else is set."""
    made: dict[str, Any] = {}
    fields: dict[tuple[str, str], Any] = {}
    local = AsyncQdrantClient(":memory:")
    await local.create_collection("x", {}, metadata={"waypost_version": SCHEMA_VERSION})
    described = (await local.get_collection("x")).model_dump(mode="json")
    await local.close()

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/collections/")
        if path == "/":
            return httpx.Response(200, json=VERSION)
        if path.endswith("/exists"):
            return replied({"exists": False})
        if request.method == "GET":
            return replied(described)
        if path.endswith("/index"):
            index = json.loads(request.content)
            fields[path.removesuffix("/index"), index["field_name"]] = index["field_schema"]
            return replied({"operation_id": 1, "status": "completed"})
        if request.method == "PUT" and "/" not in path:
            made[path] = json.loads(request.content)
        return replied(True if "/" not in path else {"operation_id": 1, "status": "completed"})

    options = {"shard_number": 3, "replication_factor": 2, "quantization": "turbo4"}
    store = serve(monkeypatch, answer, on_disk=True, hnsw_m=8, hnsw_ef_construct=64, **options)
    await store.open()
    await store.close()
    body = made["waypost_chunks"]
    assert (body["shard_number"], body["replication_factor"]) == (3, 2)
    assert body["vectors"]["dense"] == {"size": 4, "distance": "Cosine", "memory": "cold"}
    assert body["sparse_vectors"]["text"]["modifier"] == "idf"
    assert body["quantization_config"]["turbo"]["bits"] == "bits4"
    assert body["metadata"] == {"waypost_version": SCHEMA_VERSION, "waypost_model_dense": "m"}
    graphs = [made[f"waypost_{level}"]["hnsw_config"] for level in ("chunks", "documents")]
    assert [(g["m"], g["payload_m"], g["ef_construct"]) for g in graphs] == [(0, 8, 64), (8, 8, 64)]
    tenant = {"type": "keyword", "is_tenant": True, "enable_hnsw": True}
    assert fields["waypost_chunks", "document"] == tenant
    assert fields["waypost_chunks", "index"] == {"type": "keyword", "enable_hnsw": False}
    assert fields["waypost_documents", "meta.year"] == {"type": "float", "enable_hnsw": False}


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
async def test_collection_of_somebody_else_is_refused() -> None:
    """A collection that Waypost did not make is not written to."""
    client = AsyncQdrantClient(":memory:")
    await client.create_collection("waypost_chunks", {})
    store = QdrantStore(client, StoreSettings(), SCHEMA)
    with pytest.raises(StoreSchemaError, match="was not made by Waypost") as caught:
        await store.open()
    assert "[store] collection" in caught.value.fix
    await store.close()


async def test_writes_are_cut_into_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request has more points or bytes than a server takes, and none is lost."""
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert len(request.content) < 32 * 2**20
        sizes.append(len(json.loads(request.content)["points"]))
        return replied({"operation_id": 1, "status": "completed"})

    store = serve(monkeypatch, answer)
    await store.upsert("chunks", [chunk(i, "噪声", vector(1, i, 0, 0)) for i in range(600)])
    assert sizes == [256, 256, 88]
    sizes.clear()
    points = [Point(str(uuid.uuid4()), {"text": "长" * 1_000_000}) for _ in range(12)]
    await store.upsert("chunks", points)
    assert sum(sizes) == 12
    assert max(sizes) < 12
    await store.close()
