"""Nobody reaches a server without a key or token that counts, and nobody reaches what is another's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx
import jwt
import pytest
import websockets
from starlette.responses import PlainTextResponse

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from agent.errors import ConfigurationError
from agent.keys import KeysFile
from agent.server.guard import Guard
from agent.server.identity import ANYONE, Identities, UnreachableKeysError
from agent.server.opened import opened
from agent.settings import ServerSettings
from indexes import Principal
from tests.loopback import on_loopback
from tests.serving import Provider, Server, shared_server

pytestmark = pytest.mark.slow
QUESTION = "东站项目的环保措施有哪些？"
SECRET_QUESTION = "审计专用印章由谁保管？"
SECRET = "周岚"
ABSENT = "00000000-0000-4000-8000-000000000000"
HIDDEN = {403, 404, 409}
METHODS = ("get", "post", "put", "patch", "delete")

# public: for everyone. known: for everyone with a key. closed: for nobody. own: for who owns the thread.
# list: shows what is one's own alone. live: streams and protocols, which have tests of their own.
Kind = Literal["public", "known", "closed", "own", "list", "live"]
THREAD = "/threads/{thread_id}"
RUNS = f"{THREAD}/runs"
INPUT = {"messages": [{"role": "user", "content": QUESTION}]}
TURN = {"assistant_id": "waypost", "input": INPUT}
LATER = {**TURN, "after_seconds": 3600}
CHECKPOINT = {"checkpoint": {"checkpoint_id": "{checkpoint_id}", "checkpoint_ns": ""}}
RPC = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
NAMES = ["a", "b"]


class Call(NamedTuple):
    """A route, and a request that the one it is for is granted; two of the runs are yet to begin."""

    kind: Kind
    method: str
    path: str
    body: Any = None
    on: Literal["finished", "waiting", "queued"] = "finished"


ROUTES = [
    *(Call("public", "GET", path) for path in ("/", "/ok", "/health", "/ready")),
    *(Call("known", "GET", path) for path in ("/docs", "/openapi.json", "/info", "/metrics")),
    Call("known", "POST", "/assistants/search", {}),
    Call("known", "POST", "/assistants/count", {}),
    Call("known", "GET", "/assistants/{assistant_id}"),
    Call("known", "GET", "/assistants/{assistant_id}/graph"),
    Call("known", "GET", "/assistants/{assistant_id}/subgraphs"),
    Call("known", "GET", "/assistants/{assistant_id}/subgraphs/{namespace}"),
    Call("known", "GET", "/assistants/{assistant_id}/schemas"),
    Call("known", "POST", "/assistants/{assistant_id}/versions", {}),
    Call("known", "GET", "/a2a/{assistant_id}"),
    Call("known", "GET", "/a2a/{assistant_id}/.well-known/agent-card.json"),
    Call("known", "GET", "/a2a/{assistant_id}/.well-known/agent.json"),
    Call("known", "GET", "/.well-known/agent-card.json"),
    Call("known", "GET", "/waypost/project"),
    Call("known", "POST", "/waypost/documents", {"index": "policy"}),
    Call("known", "POST", "/waypost/passage",
         {"index": "policy", "document": "docs/policy/招标采购管理办法.md", "text": "招标"}),
    Call("closed", "POST", "/waypost/correct", {"question": "x", "action": "answer"}),
    Call("closed", "POST", "/assistants", {"graph_id": "waypost"}),
    Call("closed", "PATCH", "/assistants/{assistant_id}", {"name": "mine"}),
    Call("closed", "DELETE", "/assistants/{assistant_id}"),
    Call("closed", "POST", "/assistants/{assistant_id}/latest", {"version": 1}),
    Call("closed", "POST", f"{RUNS}/crons", {**TURN, "schedule": "0 0 * * *"}),
    Call("closed", "POST", "/runs/crons", {**TURN, "schedule": "0 0 * * *"}),
    Call("closed", "POST", "/runs/crons/search", {}),
    Call("closed", "POST", "/runs/crons/count", {}),
    Call("closed", "GET", "/runs/crons/{cron_id}"),
    Call("closed", "PATCH", "/runs/crons/{cron_id}", {"schedule": "0 1 * * *"}),
    Call("closed", "DELETE", "/runs/crons/{cron_id}"),
    Call("closed", "PUT", "/store/items", {"namespace": NAMES, "key": "k", "value": {}}),
    Call("closed", "GET", "/store/items", {"namespace": "a.b", "key": "k"}),
    Call("closed", "DELETE", "/store/items", {"namespace": NAMES, "key": "k"}),
    Call("closed", "POST", "/store/items/search", {"namespace_prefix": NAMES}),
    Call("closed", "POST", "/store/namespaces", {"prefix": NAMES}),
    Call("closed", "POST", "/internal/truncate", {}),
    Call("closed", "GET", "/internal/debug/thread/{thread_id}"),
    Call("closed", "GET", "/deploy"),
    Call("closed", "POST", "/deploy", {}),
    Call("closed", "GET", "/deploy/{operation_id}/stream"),
    Call("closed", "DELETE", "/a2a/{assistant_id}"),
    Call("closed", "GET", "/mcp"),
    Call("closed", "DELETE", "/mcp"),
    Call("list", "POST", "/threads", {}),
    Call("list", "POST", "/threads/search", {}),
    Call("list", "POST", "/threads/count", {}),
    Call("own", "GET", THREAD),
    Call("own", "GET", f"{THREAD}/storage"),
    Call("own", "GET", f"{THREAD}/state"),
    Call("own", "GET", f"{THREAD}/state/{{checkpoint_id}}"),
    Call("own", "POST", f"{THREAD}/state/checkpoint", CHECKPOINT),
    Call("own", "GET", f"{THREAD}/history"),
    Call("own", "POST", f"{THREAD}/history", {}),
    Call("own", "GET", RUNS),
    Call("own", "GET", f"{RUNS}/{{run_id}}"),
    Call("own", "GET", f"{RUNS}/{{run_id}}/join"),
    Call("own", "POST", RUNS, TURN),
    Call("own", "POST", f"{RUNS}/wait", TURN),
    Call("own", "POST", f"{RUNS}/stream", TURN),
    Call("own", "POST", f"{THREAD}/copy", {}),
    Call("own", "PATCH", THREAD, {"metadata": {"note": "x"}}),
    Call("own", "POST", f"{THREAD}/state", {"values": {"messages": []}}),
    Call("own", "POST", f"{RUNS}/{{run_id}}/cancel", {}, on="waiting"),
    Call("own", "POST", "/runs/cancel", {"thread_id": "{thread_id}", "run_ids": ["{run_id}"]},
         on="queued"),
    Call("own", "DELETE", f"{RUNS}/{{run_id}}"),
    Call("own", "POST", "/threads/prune", {"thread_ids": ["{thread_id}"]}, on="waiting"),
    Call("own", "POST", "/waypost/feedback", {"thread": "{thread_id}", "good": True}),
    Call("own", "DELETE", THREAD),
    Call("live", "GET", f"{THREAD}/stream"),
    Call("live", "GET", f"{RUNS}/{{run_id}}/stream"),
    Call("live", "POST", f"{THREAD}/stream/events", {"channels": ["values"]}),
    Call("live", "POST", f"{THREAD}/commands", {"id": 1, "method": "agent.getTree"}),
    Call("live", "POST", "/runs", TURN),
    Call("live", "POST", "/runs/wait", TURN),
    Call("live", "POST", "/runs/stream", TURN),
    Call("live", "POST", "/runs/batch", [TURN]),
    Call("live", "POST", "/a2a/{assistant_id}", RPC),
    Call("live", "POST", "/mcp", RPC),
    Call("live", "POST", "/mcp/", RPC),
    Call("live", "GET", "/mcp/"),
    Call("live", "DELETE", "/mcp/"),
]  # fmt: skip


def of(*kinds: Kind) -> pytest.MarkDecorator:
    """Make a test of every route of these kinds."""
    calls = [call for call in ROUTES if call.kind in kinds]
    return pytest.mark.parametrize("call", calls, ids=[f"{c.method} {c.path}" for c in calls])


@dataclass
class Hers:
    """What Ann has: a thread with a finished run, and two with runs that are yet to begin."""

    finished: dict[str, str]
    waiting: dict[str, str]
    queued: dict[str, str]


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Server:
    """The server that the tests share."""
    return shared_server(request)


@pytest.fixture(scope="module")
def ann(server: Server) -> Iterator[httpx.Client]:
    """A client of Ann."""
    with server.client("ann") as client:
        yield client


@pytest.fixture(scope="module")
def bob(server: Server) -> Iterator[httpx.Client]:
    """A client of Bob, who is another."""
    with server.client("bob") as client:
        yield client


@pytest.fixture(scope="module")
def nobody(server: Server) -> Iterator[httpx.Client]:
    """A client without a key."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def hers(ann: httpx.Client) -> Hers:
    """Ann's threads."""
    threads = [ann.post("/threads", json={}).json()["thread_id"] for _ in range(3)]
    ann.post(f"/threads/{threads[0]}/runs/wait", json=TURN).raise_for_status()
    for thread in threads[1:]:
        ann.post(f"/threads/{thread}/runs", json=LATER).raise_for_status()
    state = ann.get(f"/threads/{threads[0]}/state").json()
    made = [
        {
            "thread_id": thread,
            "run_id": run["run_id"],
            "assistant_id": run["assistant_id"],
            "checkpoint_id": state["checkpoint"]["checkpoint_id"],
        }
        for thread in threads
        for run in ann.get(f"/threads/{thread}/runs").json()
    ]
    return Hers(*made)


def send(client: httpx.Client, call: Call, ids: Mapping[str, str]) -> httpx.Response:
    """Send a route's request, about these things."""
    names = {"cron_id": ABSENT, "operation_id": "x", "namespace": "x", **ids}
    url, body = call.path, json.dumps(call.body)
    for name, value in names.items():
        url, body = url.replace(f"{{{name}}}", value), body.replace(f"{{{name}}}", value)
    if call.body is None:
        return client.request(call.method, url, params={"assistant_id": names["assistant_id"]})
    if call.method == "GET":
        return client.request(call.method, url, params=json.loads(body))
    return client.request(
        call.method, url, content=body, headers={"Content-Type": "application/json"}
    )


def test_every_route_is_classified(ann: httpx.Client) -> None:
    """A route that a new version of the server brings has to be looked at before this passes."""
    paths = ann.get("/openapi.json").json()["paths"]
    found = {(m.upper(), path) for path, methods in paths.items() for m in methods if m in METHODS}
    assert found == {(call.method, call.path) for call in ROUTES}


@of("known", "closed", "own", "list", "live")
def test_nobody_is_let_in_without_a_key(nobody: httpx.Client, hers: Hers, call: Call) -> None:
    """Every route but the public ones says 401, or that it is not there, to who has no key."""
    answer = send(nobody, call, hers.finished)
    unknown = call.path.startswith(("/internal", "/deploy"))
    assert answer.status_code == (404 if unknown else 401), answer.text


@of("public")
def test_public_routes_are_public(nobody: httpx.Client, hers: Hers, call: Call) -> None:
    """Health is told to everyone, as load balancers have no key."""
    assert send(nobody, call, hers.finished).status_code == 200


@of("known")
def test_known_people_read_what_is_shared(bob: httpx.Client, hers: Hers, call: Call) -> None:
    """The assistants, the pages and the figures are for everyone with a key."""
    answer = send(bob, call, hers.finished)
    assert answer.status_code == 200, answer.text


@of("closed")
def test_what_is_closed_is_closed(bob: httpx.Client, hers: Hers, call: Call) -> None:
    """Assistants cannot be changed, and crons, the store and a developer's routes are for nobody."""
    answer = send(bob, call, hers.finished)
    assert answer.status_code in {403, 404, 405}, answer.text


@of("own")
def test_another_cannot(server: Server, bob: httpx.Client, hers: Hers, call: Call) -> None:
    """What is Ann's looks to Bob as if it did not exist."""
    with server.log_on_failure():
        answer = send(bob, call, getattr(hers, call.on))
        absent = {**getattr(hers, call.on), "thread_id": ABSENT, "run_id": ABSENT}
        assert answer.status_code in HIDDEN, answer.text
        assert answer.status_code == send(bob, call, absent).status_code
        assert QUESTION not in answer.text


def test_lists_show_ones_own_alone(ann: httpx.Client, bob: httpx.Client, hers: Hers) -> None:
    """Searching and counting threads, also by Ann's metadata or ids, tells Bob nothing of hers."""
    mine = bob.post("/threads", json={}).json()["thread_id"]
    thread = hers.finished["thread_id"]
    for query in ({}, {"metadata": {"owner": "ann"}}, {"ids": [thread]}, {"status": "idle"}):
        found = {one["thread_id"] for one in bob.post("/threads/search", json=query).json()}
        assert found.isdisjoint({thread, hers.waiting["thread_id"]})
    assert bob.post("/threads/search", json={"ids": [mine]}).json()[0]["thread_id"] == mine
    counted = bob.post("/threads/count", json={"metadata": {"owner": "ann"}}).json()
    assert counted <= bob.post("/threads/count", json={}).json()
    assert ann.post("/threads/search", json={"ids": [thread]}).json()[0]["thread_id"] == thread


def test_nobody_becomes_an_owner(ann: httpx.Client, bob: httpx.Client, hers: Hers) -> None:
    """Metadata and ids that a client sends make nobody the owner of a thread, nor give one away."""
    thread = hers.finished["thread_id"]
    claim = {"metadata": {"owner": "ann"}}
    for options in ({"if_exists": "do_nothing"}, {"if_exists": "raise"}):
        taken = bob.post("/threads", json={"thread_id": thread, **options})
        assert taken.status_code in HIDDEN
    mine = bob.post("/threads", json=claim).json()
    assert mine["metadata"]["owner"] == "bob"
    changed = bob.patch(f"/threads/{mine['thread_id']}", json=claim).json()
    assert changed["metadata"]["owner"] == "bob"
    run = {**TURN, **claim, "config": claim, "if_not_exists": "create"}
    bob.post(f"/threads/{mine['thread_id']}/runs/wait", json=run).raise_for_status()
    made = "11111111-0000-4000-8000-000000000001"
    bob.post(f"/threads/{made}/runs/wait", json=run).raise_for_status()
    for one in (mine["thread_id"], made):
        assert bob.get(f"/threads/{one}").json()["metadata"]["owner"] == "bob"
        assert ann.get(f"/threads/{one}").status_code == 404


async def listen(server: Server, user: str, thread: str) -> dict[str, str]:
    """Return what each way of listening to a thread has told, until it is cancelled."""
    told: dict[str, str] = {}
    headers = {"X-Api-Key": server.keys[user]}

    async def stream(name: str, method: str, path: str, **options: Any) -> None:
        async with (
            httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client,
            client.stream(method, path, **options) as answer,
        ):
            async for text in answer.aiter_text():
                told[name] = told.get(name, "") + text

    async def socket() -> None:
        url = f"{server.url.replace('http', 'ws')}/threads/{thread}/stream/events"
        async with websockets.connect(url, additional_headers=headers) as connection:
            subscribe = {"id": 1, "method": "subscription.subscribe"}
            subscribe["params"] = {"channels": ["values"]}
            await connection.send(json.dumps(subscribe))
            async for text in connection:
                told["socket"] = told.get("socket", "") + str(text)

    listeners = [
        stream("thread", "GET", f"/threads/{thread}/stream"),
        stream("events", "POST", f"/threads/{thread}/stream/events", json={"channels": ["values"]}),
        socket(),
    ]
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*listeners, return_exceptions=True)
    return told


async def test_nobody_overhears_a_thread(server: Server) -> None:
    """While Ann asks on a thread, every stream of it tells her, and none tells Bob."""
    with server.log_on_failure():
        async with httpx.AsyncClient(
            base_url=server.url, headers={"X-Api-Key": server.keys["ann"]}, timeout=60
        ) as ann:
            thread = (await ann.post("/threads", json={})).json()["thread_id"]
            listeners = [
                asyncio.create_task(listen(server, user, thread)) for user in ("ann", "bob")
            ]
            await asyncio.sleep(0.5)
            answer = await ann.post(f"/threads/{thread}/runs/wait", json=TURN)
            assert answer.is_success
            await asyncio.sleep(0.5)
            for listener in listeners:
                listener.cancel()
            hers, his = await asyncio.gather(*listeners)
        said = answer.json()["answer"]["route"]["question"]
        for name in ("thread", "events", "socket"):
            assert said in plain(hers[name]), name
            assert said not in plain(his.get(name, "")), name


def plain(text: str) -> str:
    """Return JSON's text with its characters unescaped."""
    return text if "\\u" not in text else text.encode().decode("unicode_escape")


def test_a_page_in_a_browser_may_ask(
    server: Server, nobody: httpx.Client, ann: httpx.Client
) -> None:
    """A chat page of another address may send a key, and read the answer, also that a key is needed."""
    page = {"Origin": "https://chat.example"}
    wanted = {
        **page,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    with server.log_on_failure():
        allowed = nobody.options("/threads", headers=wanted)
        assert allowed.status_code == 200
        assert "x-api-key" in allowed.headers["access-control-allow-headers"].lower()
        for client, status in ((ann, 200), (nobody, 401)):
            answer = client.post("/threads/search", json={}, headers=page)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] in {"*", page["Origin"]}


async def test_a_socket_needs_a_key(server: Server) -> None:
    """A WebSocket without a key is refused before it is opened."""
    url = f"{server.url.replace('http', 'ws')}/threads/{ABSENT}/stream/events"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(url)
    assert refused.value.response.status_code in {401, 403}


def test_nobody_acts_on_a_thread_by_other_protocols(
    ann: httpx.Client, bob: httpx.Client, hers: Hers
) -> None:
    """Neither the streaming protocol's commands nor A2A reach a thread of another."""
    thread, run = hers.finished["thread_id"], hers.finished["run_id"]
    before = ann.get(f"/threads/{thread}").json()
    for command in (
        {"id": 1, "method": "run.start", "params": TURN},
        {"id": 2, "method": "input.respond", "params": {"interrupt_id": "x", "response": "y"}},
        {"id": 3, "method": "agent.getTree"},
    ):
        answer = bob.post(f"/threads/{thread}/commands", json=command)
        assert command["method"] == "agent.getTree" or answer.json()["type"] == "error"
        assert run not in answer.text
    message = {"role": "user", "messageId": "m", "parts": [{"kind": "text", "text": QUESTION}]}
    for method, params in (
        ("message/send", {"message": {**message, "contextId": thread}}),
        ("tasks/get", {"id": run, "contextId": thread}),
        ("tasks/get", {"id": f"{thread}:{run}"}),
        ("tasks/cancel", {"id": run, "contextId": thread}),
    ):
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = bob.post(f"/a2a/{hers.finished['assistant_id']}", json=call)
        assert "error" in answer.json(), answer.text
        assert before["values"]["answer"]["answer"] not in answer.text
    assert ann.get(f"/threads/{thread}").json() == before
    assert len(ann.get(f"/threads/{thread}/runs").json()) == 1


async def test_mcp_knows_who_calls(server: Server) -> None:
    """Over MCP the agent is a tool, and tells each caller what they may see."""
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "waypost", "arguments": ASKED["input"]},
    }
    accept = {"Accept": "application/json, text/event-stream"}

    async def told(user: str) -> bool:
        headers = {"X-Api-Key": server.keys[user], **accept}
        answer = await post(server, "/mcp", headers, call)
        assert "result" in answer.json(), answer.text
        return SECRET in plain(answer.text)

    with server.log_on_failure():
        assert list(await asyncio.gather(told("boss"), told("bob"))) == [True, False]


def secret_told(answer: Any) -> bool:
    """Say whether an answer has the secret; it must have answered something."""
    assert answer["answer"]["action"] in {"search", "abstain"}
    return SECRET in json.dumps(answer, ensure_ascii=False)


BOSS: dict[str, Any] = {"identity": "boss", "groups": ["audit"], "is_authenticated": True}
ASKED = {
    "assistant_id": "waypost",
    "input": {"messages": [{"role": "user", "content": SECRET_QUESTION}]},
}
CLAIMS: dict[str, dict[str, Any]] = {
    "context": {"context": {"id": "boss", "groups": ["audit"]}},
    "context with the server's names": {"context": {"langgraph_auth_user": BOSS}},
    "configurable": {
        "config": {"configurable": {"langgraph_auth_user": BOSS, "langgraph_auth_user_id": "boss"}}
    },
    "metadata": {"metadata": {"owner": "boss", "groups": ["audit"]}},
    "input": {"input": {**ASKED["input"], "principal": BOSS, "groups": ["audit"]}},  # type: ignore[dict-item]
}


async def post(server: Server, path: str, headers: Mapping[str, str], body: Any) -> httpx.Response:
    """Send a request that may take a while."""
    async with httpx.AsyncClient(base_url=server.url, verify=False, timeout=60) as client:
        return await client.post(path, json=body, headers=dict(headers))


async def test_a_client_cannot_say_who_it_is(server: Server) -> None:
    """Whatever a run's request says of its user opens no document: only the key counts."""
    key = {"X-Api-Key": server.keys["bob"]}
    with server.log_on_failure():
        asked = [post(server, "/runs/wait", key, {**ASKED, **claim}) for claim in CLAIMS.values()]
        for name, answer in zip(CLAIMS, await asyncio.gather(*asked), strict=True):
            assert answer.status_code == 200, (name, answer.text)
            assert not secret_told(answer.json()), name


async def test_the_groups_of_a_key_and_of_a_token_open_documents(server: Server) -> None:
    """Boss, by a key, and Dan, by a token that has his groups, read what is for the auditors."""
    tokens = [server.provider.token(groups=[group]) for group in ("audit", "sales")]
    headers = [{"Authorization": f"Bearer {text}"} for text in (server.keys["boss"], *tokens)]
    with server.log_on_failure():
        answers = await asyncio.gather(*(post(server, "/runs/wait", one, ASKED) for one in headers))
        assert [secret_told(answer.json()) for answer in answers] == [True, True, False]


def search(client: httpx.Client, headers: dict[str, str]) -> int:
    """Return the status of a request that needs a key."""
    return client.post("/threads/search", json={}, headers=headers).status_code


@pytest.mark.parametrize(
    "form", ["X-Api-Key", "Authorization: Bearer", "Authorization: bearer", "token"]
)
def test_good_credentials(server: Server, nobody: httpx.Client, form: str) -> None:
    """A key is taken from either header, a token from its own."""
    secret = server.provider.token() if form == "token" else server.keys["ann"]
    headers = (
        {"X-Api-Key": secret} if form == "X-Api-Key" else {"Authorization": f"Bearer {secret}"}
    )
    assert search(nobody, headers) == 200


def forged(provider: Provider, kind: str) -> str:
    """Return a token that must not count."""
    if kind == "unsigned":
        return jwt.encode(provider.claims(), "", "none")
    if kind == "signed by another":
        return Provider().token()
    if kind == "the public key as a secret":
        header, body = (
            jwt.utils.base64url_encode(json.dumps(part).encode()).decode()
            for part in ({"alg": "HS256", "typ": "JWT"}, provider.claims())
        )
        mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        signed = mac.sign(f"{header}.{body}".encode(), provider.public)
        return f"{header}.{body}.{jwt.utils.base64url_encode(signed).decode()}"
    changed: dict[str, dict[str, Any]] = {
        "another issuer": {"iss": "https://id.example.evil"},
        "another audience": {"aud": "payroll"},
        "expired": {"exp": int(time.time()) - 120},
        "without an end": {"exp": None},
        "without an issuer": {"iss": None},
        "without an audience": {"aud": None},
        "without a user": {"sub": None},
        "a blank user": {"sub": " "},
        "not yet valid": {"nbf": int(time.time()) + 3600},
        "groups that are no list": {"groups": {"audit": True}},
    }
    return provider.token(**changed[kind])


FORGED = [
    "unsigned", "signed by another", "the public key as a secret", "another issuer",
    "another audience", "expired", "without an end", "without an issuer", "without an audience",
    "without a user", "a blank user", "not yet valid", "groups that are no list",
]  # fmt: skip


@pytest.mark.parametrize("kind", FORGED)
def test_forged_tokens(server: Server, nobody: httpx.Client, kind: str) -> None:
    """A token counts only if the provider signed it, for this audience, and it is in time."""
    text = forged(server.provider, kind)
    assert search(nobody, {"Authorization": f"Bearer {text}"}) == 401


def test_wrong_keys(server: Server, nobody: httpx.Client) -> None:
    """A key that is cut, changed, of another form or sent in another way is none."""
    key = server.keys["ann"]
    name = key.split("-")[2]
    wrong = [key[:-1], key[:-1] + ("0" if key[-1] != "0" else "1"), f"sk-wp-{name}-", "x", ""]
    for text in wrong:
        assert search(nobody, {"X-Api-Key": text}) == 401
    for headers in (
        {"Authorization": key},
        {"Authorization": f"Basic {key}"},
        {"Cookie": f"X-Api-Key={key}"},
        {"x-auth-scheme": "langsmith"},
        {"x-auth-scheme": "langsmith", "X-Api-Key": "x"},
    ):
        assert search(nobody, headers) == 401


def test_keys_come_and_go_while_the_server_runs(server: Server, nobody: httpx.Client) -> None:
    """A new key opens at once; a revoked one and an expired one no longer do."""
    file = KeysFile(server.project)
    made, text = file.add("eve")
    assert search(nobody, {"X-Api-Key": text}) == 200
    file.revoke(made.name)
    assert search(nobody, {"X-Api-Key": text}) == 401
    made, text = file.add("eve")
    saved = file.path.read_text(encoding="utf-8")
    ended = f"{saved.rstrip()}\nexpires = 2020-01-01T00:00:00+00:00\n"
    file.path.write_text(ended, encoding="utf-8")
    assert search(nobody, {"X-Api-Key": text}) == 401
    file.path.write_text(saved, encoding="utf-8")
    assert search(nobody, {"X-Api-Key": text}) == 200
    file.revoke("eve")
    assert search(nobody, {"X-Api-Key": text}) == 401


def test_keys_that_cannot_be_read_let_nobody_in(server: Server, nobody: httpx.Client) -> None:
    """A file of keys that is spoilt stops everyone, until it is mended."""
    path = KeysFile(server.project).path
    saved = path.read_bytes()
    headers = {"X-Api-Key": server.keys["ann"]}
    path.write_bytes(saved + b"[[key]]\nname = ")
    try:
        assert search(nobody, headers) == 503
    finally:
        path.write_bytes(saved)
    assert search(nobody, headers) == 200


@of("own")
def test_the_owner_can(server: Server, ann: httpx.Client, hers: Hers, call: Call) -> None:
    """The very requests that Bob was refused succeed for Ann, so that they could have."""
    with server.log_on_failure():
        answer = send(ann, call, getattr(hers, call.on))
        assert answer.is_success, answer.text


def jwt_settings(**changed: Any) -> ServerSettings:
    """Return the settings of a server that takes tokens."""
    good = {"issuer": "https://id.example", "audience": "waypost"}
    return ServerSettings.model_validate({"jwt": {**good, **changed}})


@pytest.fixture
def published() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An identity provider's page of keys: its address, and the keys on it, to be changed."""
    keys: list[dict[str, Any]] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": keys}).encode()
            self.send_response(200 if keys else 500)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None: ...

    with on_loopback(ThreadingHTTPServer(("127.0.0.1", 0), Page)) as page:
        yield f"http://127.0.0.1:{page.server_address[1]}/keys", keys


def shown(provider: Provider, name: str) -> dict[str, Any]:
    """Return a public key as it is published."""
    key = jwt.algorithms.RSAAlgorithm.to_jwk(provider.private.public_key(), as_dict=True)
    return {**key, "kid": name, "use": "sig", "alg": "RS256"}


def test_published_keys(tmp_path: Path, published: tuple[str, list[dict[str, Any]]]) -> None:
    """The provider's keys are fetched from its address; a token of a key that is not there fails."""
    url, keys = published
    provider, stranger = Provider(), Provider()
    identities = Identities(tmp_path, jwt_settings(jwks_url=url))
    good = provider.token(headers={"kid": "one"}, groups=["audit", "sales"])
    with pytest.raises(UnreachableKeysError):
        identities.find(good)
    keys.append(shown(provider, "one"))
    assert identities.find(good) == Principal("dan", ("audit", "sales"))
    assert identities.find(stranger.token(headers={"kid": "one"})) is None
    assert identities.find(provider.token(headers={"kid": "two"})) is None
    assert identities.find(provider.token()) is None


def test_a_shared_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in a variable checks tokens; one that is missing or short stops the start."""
    settings = jwt_settings(secret_env="PROVIDER_SECRET", groups_claim="realm_access.roles")
    for secret in ("", "short"):
        monkeypatch.setenv("PROVIDER_SECRET", secret)
        with pytest.raises(ConfigurationError, match="PROVIDER_SECRET"):
            Identities(tmp_path, settings)
    monkeypatch.setenv("PROVIDER_SECRET", "s" * 32)
    identities = Identities(tmp_path, settings)
    claims = Provider().claims(realm_access={"roles": ["audit"]})
    assert identities.find(jwt.encode(claims, "s" * 32, "HS256")) == Principal("dan", ("audit",))
    assert identities.find(jwt.encode(claims, "t" * 32, "HS256")) is None
    assert identities.find(jwt.encode(claims, "s" * 64, "HS512")) is None


WRONG_SETTINGS: list[dict[str, Any]] = [
    {},
    {"public_key": "k.pem", "secret_env": "S"},
    {"public_key": "k.pem", "algorithms": ["HS256"]},
    {"secret_env": "S", "algorithms": ["RS256"]},
    {"public_key": "k.pem", "algorithms": ["none"]},
    {"public_key": "k.pem", "issuer": ""},
    {"jwks_url": "file:///etc/keys"},
]


@pytest.mark.parametrize("changed", WRONG_SETTINGS, ids=str)
def test_settings_that_would_let_strangers_in(changed: dict[str, Any]) -> None:
    """A token's key is of one kind, its algorithms fit it, and its issuer is named."""
    with pytest.raises(ValueError, match="validation error"):
        jwt_settings(**changed)


def test_a_server_for_nobody_does_not_start(tmp_path: Path) -> None:
    """Without a key, tokens or a word about it, nobody is let in: the server says how to change that."""
    with pytest.raises(ConfigurationError, match="waypost key add"):
        Identities(tmp_path, ServerSettings())
    with pytest.raises(ConfigurationError, match=r"k\.pem"):
        Identities(tmp_path, jwt_settings(public_key="k.pem"))
    for auth in ("loopback", "none"):
        settings = ServerSettings.model_validate({"auth": auth})
        assert Identities(tmp_path, settings).find(None) == ANYONE
    KeysFile(tmp_path).add("ann")
    assert Identities(tmp_path, ServerSettings()).find(None) is None


LOCAL = [
    ("127.0.0.1", {"host": "localhost:2024"}, 200),
    ("::1", {"host": "[::1]:2024"}, 200),
    ("127.0.0.1", {"host": "127.0.0.1:2024", "origin": "http://localhost:3000"}, 200),
    ("192.168.1.7", {"host": "localhost:2024"}, 403),
    ("127.0.0.1", {"host": "rebound.example:2024"}, 403),
    ("127.0.0.1", {"host": "localhost:2024", "origin": "https://page.example"}, 403),
    ("127.0.0.1", {"host": "localhost:2024", "origin": "null"}, 403),
    ("127.0.0.1", {"host": "localhost.example"}, 403),
    ("127.0.0.1", {}, 403),
]


@pytest.mark.parametrize(("client", "headers", "status"), LOCAL, ids=str)
async def test_a_server_without_keys_is_for_its_own_machine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: str,
    headers: dict[str, str],
    status: int,
) -> None:
    """With --open neither other machines nor pages of the web in a browser here reach the server."""
    settings = ServerSettings.model_validate({"auth": "loopback"})
    monkeypatch.setattr(opened, "identities", Identities(tmp_path, settings))

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("in")(scope, receive, send)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/threads/search",
        "client": (client, 50000),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await Guard(answer)(scope, _nothing, send)
    assert sent[0]["status"] == status


async def _nothing() -> Any:
    return {"type": "http.request", "body": b""}


def test_the_keys_file_holds_no_key(tmp_path: Path) -> None:
    """What is kept of keys is a hash, and names that TOML could misread come back as they were."""
    file = KeysFile(tmp_path)
    users = ["ann", 'a "quoted" \\ name', "李雷", "x@example.com"]
    texts = [file.add(user, ("审计", 'g"1'))[1] for user in users]
    written = file.path.read_text(encoding="utf-8")
    for text, user in zip(texts, users, strict=True):
        assert text.rpartition("-")[2] not in written
        found = KeysFile(tmp_path).find(text)
        assert found is not None
        assert (found.user, found.groups) == (user, ("审计", 'g"1'))
    assert len(file.revoke("李雷")) == 1
    assert file.find(texts[2]) is None
    assert len(KeysFile(tmp_path).keys()) == 3


def test_keys_made_at_once_are_all_kept(tmp_path: Path) -> None:
    """Several commands that make keys at the same time lose none."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda user: KeysFile(tmp_path).add(f"user {user}"), range(24)))
    assert set(KeysFile(tmp_path).keys()) == {key.name for key, _ in made}
    assert len(made) == 24
