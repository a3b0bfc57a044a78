"""A LangGraph server gives the answers that Waypost gives in process, and streams how it got there."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from langgraph_sdk import get_client

from agent import Answer, Principal, Waypost
from agent.server import graph as server_graph
from agent.server import make_graph
from agent.server.opened import opened
from agent.templates import SERVING, serving
from tests.serving import ROOT, Server, shared_server

QUESTION = "东站项目的环保措施有哪些？"
FOLLOW_UP = "那费用呢？"
SECRET_QUESTION = "工程变更签证管理办法和审计专用印章管理办法怎么规定审批权限？"
SECRET_DOCUMENT = "docs/policy/secret.md"


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Server:
    """The server that the tests share."""
    return shared_server(request)


@pytest.fixture(scope="module")
async def expected(server: Server) -> list[Answer]:
    """What Waypost answers in process, from the same store: question, follow-up, and an auditor's."""
    async with Waypost.open(server.project) as waypost:
        plain = [await waypost.ask(text, thread="t") for text in (QUESTION, FOLLOW_UP)]
        auditor = Principal("boss", groups=("audit",))
        return [*plain, await waypost.ask(SECRET_QUESTION, principal=auditor)]


async def _thread(server: Server, user: str = "ann") -> str:
    async with get_client(url=server.url, api_key=server.keys[user]) as client:
        return str((await client.threads.create())["thread_id"])


async def _run(
    server: Server, thread: str, question: str | None, user: str = "ann", **options: Any
) -> list[tuple[str, Any]]:
    """Ask on a thread, or go on with it, and return what was streamed, as (mode, data)."""
    turn: Any = None
    if question is not None:
        turn = {"messages": [{"role": "user", "content": question}]}
    async with get_client(url=server.url, api_key=server.keys[user]) as client:
        parts = client.runs.stream(
            thread, "waypost", input=turn, stream_mode=["custom", "updates", "values"], **options
        )
        return [(part.event, part.data) async for part in parts]


def _answer(parts: list[tuple[str, Any]]) -> Any:
    return [data for mode, data in parts if mode == "values"][-1]["answer"]


def _essence(answer: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    citations = [(one["document"], one["location"]) for one in answer["citations"]]
    return answer["action"], answer["answer"], citations


async def test_a_run_streams_and_answers_as_in_process(
    server: Server, expected: list[Answer]
) -> None:
    """Route, token and citation events come, then the very answer that `ask` gives."""
    with server.log_on_failure():
        parts = await _run(server, await _thread(server), QUESTION)
        told = {data["type"] for mode, data in parts if mode == "custom"}
        passed = {node for mode, data in parts if mode == "updates" for node in data}
        assert {"route", "token", "citation"} <= told
        assert {"prepare", "route", "search", "judge", "respond", "verify"} <= passed
        assert _essence(_answer(parts)) == _essence(expected[0])
        assert _answer(parts)["action"] == "search"
        assert _answer(parts)["citations"]


async def test_a_thread_remembers(server: Server, expected: list[Answer]) -> None:
    """A second run on the same thread is read as a follow-up of the first."""
    with server.log_on_failure():
        thread = await _thread(server)
        await _run(server, thread, QUESTION)
        second = _answer(await _run(server, thread, FOLLOW_UP))
        assert _essence(second) == _essence(expected[1])
        assert "东站" in second["route"]["question"]
        async with get_client(url=server.url, api_key=server.keys["ann"]) as client:
            values: Any = (await client.threads.get_state(thread))["values"]
        assert [one["type"] for one in values["messages"]] == ["human", "ai"] * 2


async def test_an_unusable_question_is_refused(server: Server) -> None:
    """The client is told what is wrong with a question, in the library's own words."""
    empty = "The question is empty."

    async def refuse(question: str, message: str) -> None:
        mode, error = (await _run(server, await _thread(server), question))[-1]
        assert mode == "error"
        assert error["error"] == "UsageError"
        assert message in error["message"]

    with server.log_on_failure():
        await asyncio.gather(refuse("", empty), refuse(" \n ", empty), refuse("长" * 8001, "8001"))


async def test_a_client_cannot_say_who_it_is(server: Server) -> None:
    """A group claimed in the run's context opens nothing: only the server's authentication counts."""
    with server.log_on_failure():
        claimed = {"id": "boss", "groups": ["audit"]}
        answer = _answer(
            await _run(server, await _thread(server), SECRET_QUESTION, context=claimed)
        )
        assert answer["action"] == "search"
        assert "周岚" not in answer["answer"]
        assert not [one for one in answer["citations"] if one["document"] == SECRET_DOCUMENT]


async def test_the_secret_is_there_for_its_group(expected: list[Answer]) -> None:
    """In process the same claim is a principal and finds the document, so the test above can fail."""
    assert SECRET_DOCUMENT in [one["document"] for one in expected[2]["citations"]]


def test_the_checkout_is_served_like_a_project() -> None:
    """The repository's langgraph.json is that of projects, for the example and its own machine."""
    own = json.loads((ROOT / SERVING).read_text(encoding="utf-8"))
    made = json.loads(serving())
    different = {name for name in {*own, *made} if own.get(name) != made.get(name)}
    assert different == {"dependencies", "env"}
    assert own["env"] == {
        **made["env"],
        "WAYPOST_PROJECT": "examples/urban_construction",
        "WAYPOST_SERVER__AUTH": "loopback",
    }


async def test_the_form_can_be_read_before_the_project_is_open() -> None:
    """A schema read needs no project, and sees the nodes and the input of the real graph."""
    reading: Any = SimpleNamespace(execution_runtime=None)
    graph = await make_graph(reading)
    assert {"prepare", "route", "verify"} <= set(graph.nodes)
    assert list(graph.get_input_jsonschema()["properties"]) == ["messages"]
    assert graph.config is not None
    assert graph.config["recursion_limit"] <= 100


def test_health_schema_and_readiness(server: Server) -> None:
    """The extra routes answer, and the input schema that clients see has the messages alone."""
    with server.log_on_failure(), server.client("ann") as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json()["status"] == "ready"
        found = client.post("/assistants/search", json={"graph_id": "waypost"}).json()
        schemas = client.get(f"/assistants/{found[0]['assistant_id']}/schemas").json()
        assert list(schemas["input_schema"]["properties"]) == ["messages"]
        assert "answer" in schemas["output_schema"]["properties"]
        assert not schemas["context_schema"]


DECISIONS: list[tuple[dict[str, Any], int, str, bool]] = [
    ({"type": "approve"}, 3, "已订购工牌3张", True),
    ({"type": "edit", "edited_action": {"name": "order_badge", "args": {"count": 6}}}, 5,
     "已订购工牌6张", True),
    ({"type": "reject", "message": "预算用完了"}, 8, "预算用完了", False),
]  # fmt: skip


async def test_an_approval_over_the_sdk(server: Server) -> None:
    """A call that needs a person waits; what they decide is what happens, edited or not at all."""
    done = server.project / "badges.txt"

    async def decide(decision: dict[str, Any], count: int, said: str, ordered: bool) -> None:
        thread = await _thread(server)
        parts = await _run(server, thread, f"帮我订{count}张工牌")
        [waiting] = [data for mode, data in parts if "__interrupt__" in data and mode == "values"]
        request = waiting["__interrupt__"][0]["value"]
        assert request["action_requests"][0]["args"] == {"count": count}
        assert request["review_configs"][0]["allowed_decisions"] == ["approve", "edit", "reject"]
        async with get_client(url=server.url, api_key=server.keys["ann"]) as client:
            assert (await client.threads.get(thread))["status"] == "interrupted"
        command = {"resume": {"decisions": [decision]}}
        answer = _answer(await _run(server, thread, None, command=command))
        assert said in answer["answer"]
        assert answer["action"] == "act"
        assert (said in orders()) is ordered

    def orders() -> list[str]:
        lines = done.read_text(encoding="utf-8").split() if done.exists() else []
        return [f"已订购工牌{line}张" for line in lines]

    with server.log_on_failure():
        await asyncio.gather(*(decide(*one) for one in DECISIONS))
        assert set(orders()).isdisjoint({"已订购工牌5张", "已订购工牌8张"})


async def test_a_decision_that_does_not_fit_leaves_it_waiting(server: Server) -> None:
    """An unusable decision is told what is wrong with it, and the approval waits on."""
    with server.log_on_failure():
        thread = await _thread(server)
        await _run(server, thread, "帮我订4张工牌")
        parts = await _run(server, thread, None, command={"resume": {"decisions": []}})
        [again] = [data for mode, data in parts if "__interrupt__" in data and mode == "values"]
        assert "1 decision" in again["__interrupt__"][0]["value"]["error"]
        command = {"resume": {"decisions": [{"type": "approve"}]}}
        answer = _answer(await _run(server, thread, None, command=command))
        assert "已订购工牌4张" in answer["answer"]


async def test_a_run_is_cancelled_in_the_middle(server: Server) -> None:
    """A run that a tool holds up ends when it is cancelled, and the thread takes a new question."""
    with server.log_on_failure():
        thread = await _thread(server)
        turn: Any = {"messages": [{"role": "user", "content": "请把库存慢慢数一遍"}]}
        async with get_client(url=server.url, api_key=server.keys["ann"]) as client:
            run = await client.runs.create(thread, "waypost", input=turn, stream_mode="custom")
            async for part in client.runs.join_stream(thread, run["run_id"], stream_mode="custom"):
                if part.event == "custom":
                    break  # it has been routed
            started = time.monotonic()
            await client.runs.cancel(thread, run["run_id"], wait=True)
            assert time.monotonic() - started < 10
            assert (await client.runs.get(thread, run["run_id"]))["status"] == "interrupted"
        assert _answer(await _run(server, thread, QUESTION))["action"] == "search"


async def test_messages_come_sentence_by_sentence(server: Server) -> None:
    """A client that reads messages gets the answer's pieces, which make up its one final message."""
    turn: Any = {"messages": [{"role": "user", "content": QUESTION}]}
    with server.log_on_failure():
        thread = await _thread(server)
        async with get_client(url=server.url, api_key=server.keys["ann"]) as client:
            parts = [
                part
                async for part in client.runs.stream(
                    thread, "waypost", input=turn, stream_mode=["messages-tuple", "values"]
                )
            ]
            state: Any = await client.threads.get_state(thread)
        pieces = [part.data[0] for part in parts if part.event == "messages"]
        chunks = [one for one in pieces if one["type"] == "AIMessageChunk"]
        whole = [one for one in pieces if one["type"] == "ai"]
        last = state["values"]["messages"][-1]
        assert chunks
        assert {one["id"] for one in [*chunks, *whole]} == {last["id"]}
        assert "".join(one["content"] for one in chunks) == last["content"]
        assert len(whole) <= 1
        assert [one["type"] for one in state["values"]["messages"]] == ["human", "ai"]


async def test_groups_open_documents_in_a_thread(server: Server, expected: list[Answer]) -> None:
    """A user's groups are the server's knowledge of them: the auditor's answer is that of `ask`."""
    with server.log_on_failure():
        thread = await _thread(server, "boss")
        answer = _answer(await _run(server, thread, SECRET_QUESTION, user="boss"))
        assert _essence(answer) == _essence(expected[2])
        assert SECRET_DOCUMENT in [one["document"] for one in answer["citations"]]


async def test_figures_for_prometheus(server: Server) -> None:
    """Turns are counted by outcome, the store by index; no figure names a user or quotes a text."""
    with server.log_on_failure(), server.client("ann") as client:
        before = _figures(client.get("/metrics").text)
        asked = [
            _run(server, await _thread(server), question)
            for question in (QUESTION, "公司食堂周五供应什么菜？", "帮我订9张工牌", "")
        ]
        await asyncio.gather(*asked)
        text = client.get("/metrics").text
        after = _figures(text)
        grown = {name for name in after if after[name] > before.get(name, 0.0)}
        for outcome in ("search", "abstain"):
            assert any(n.startswith("waypost_turns_total") and f'"{outcome}"' in n for n in grown)
        assert "waypost_turn_seconds_count" in grown
        name = "waypost_approvals_asked_total"
        assert after[name] - before.get(name, 0.0) == 1
        name = 'waypost_turns_failed_total{error="usage"}'
        assert after[name] - before.get(name, 0.0) == 1
        assert 'waypost_node_seconds_count{node="route"}' in grown
        assert after['waypost_documents{index="policy"}'] > 1
        assert after['waypost_chunks{index="policy"}'] > after['waypost_documents{index="policy"}']
        assert after["waypost_last_ingestion_timestamp_seconds"] > time.time() - 3600
        labels = " ".join(name for name in after if name.startswith("waypost_"))
        assert not any(word in labels for word in ("ann", "bob", "东站", "食堂"))


def _figures(text: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_a_node_that_hangs_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server has no caller that gives up: a search that never ends fails the run after the turn's time."""
    (tmp_path / "a.md").write_text("The seal is replaced after 8,000 hours.\n", encoding="utf-8")
    (tmp_path / "waypost.toml").write_text(
        '[limits]\nseconds = 1\n[[index]]\nname = "a"\nsources = ["*.md"]\nembedding = "none"\n'
        'examples = ["When is the seal replaced?"]\n',
        encoding="utf-8",
    )

    async def never(*arguments: Any, **options: Any) -> Any:
        await asyncio.Event().wait()

    async with Waypost.open(tmp_path, persistent=False) as waypost:
        await waypost.ingest()
        monkeypatch.setattr(opened, "waypost", waypost)
        monkeypatch.setattr(server_graph, "GRACE", 0.5)
        monkeypatch.setattr(waypost.registry.index("a"), "search", never)
        reading: Any = SimpleNamespace(execution_runtime=None)
        graph = await make_graph(reading)
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await graph.ainvoke({"messages": [{"role": "user", "content": "Seal replaced when?"}]})
        assert time.monotonic() - started < 20
