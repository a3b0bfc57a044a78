"""A LangGraph server gives the answers that Waypost gives in process, and streams how it got there."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from langgraph_sdk import get_client

from agent import Answer, Principal, Waypost
from agent.server import make_graph
from tests.serving import Server, copy_example, serve

QUESTION = "东站项目的环保措施有哪些？"
FOLLOW_UP = "那费用呢？"
SECRET_QUESTION = "工程变更签证管理办法和审计专用印章管理办法怎么规定审批权限？"
SECRET_DOCUMENT = "docs/policy/secret.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a copy of the example, which it ingests as it starts."""
    folder = tmp_path_factory.mktemp("server")
    with serve(copy_example(folder / "project"), folder) as running:
        yield running


@pytest.fixture(scope="module")
async def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """What Waypost answers in process, on another copy: question, follow-up, and an auditor's."""
    project = copy_example(tmp_path_factory.mktemp("in_process") / "project")
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        plain = [await waypost.ask(text, thread="t") for text in (QUESTION, FOLLOW_UP)]
        auditor = Principal("boss", groups=("audit",))
        return [*plain, await waypost.ask(SECRET_QUESTION, principal=auditor)]


async def _thread(server: Server) -> str:
    async with get_client(url=server.url) as client:
        return str((await client.threads.create())["thread_id"])


async def _run(server: Server, thread: str, question: str, **options: Any) -> list[tuple[str, Any]]:
    """Ask on a thread and return what was streamed, as (mode, data)."""
    turn: dict[str, Any] = {"messages": [{"role": "user", "content": question}]}
    async with get_client(url=server.url) as client:
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
        async with get_client(url=server.url) as client:
            values: Any = (await client.threads.get_state(thread))["values"]
        assert [one["type"] for one in values["messages"]] == ["human", "ai"] * 2


@pytest.mark.parametrize(
    ("question", "message"),
    [("", "The question is empty."), (" \n ", "The question is empty."), ("长" * 8001, "8001")],
    ids=["empty", "blank", "too long"],
)
async def test_an_unusable_question_is_refused(server: Server, question: str, message: str) -> None:
    """The client is told what is wrong with a question, in the library's own words."""
    with server.log_on_failure():
        parts = await _run(server, await _thread(server), question)
        mode, error = parts[-1]
        assert mode == "error"
        assert error["error"] == "UsageError"
        assert message in error["message"]


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


async def test_the_form_can_be_read_before_the_project_is_open() -> None:
    """A schema read needs no project, and sees the nodes and the input of the real graph."""
    reading: Any = SimpleNamespace(execution_runtime=None)
    graph = await make_graph(reading)
    assert {"prepare", "route", "verify"} <= set(graph.nodes)
    assert list(graph.get_input_jsonschema()["properties"]) == ["messages"]


def test_health_schema_and_readiness(server: Server) -> None:
    """The extra routes answer, and the input schema that clients see has the messages alone."""
    with server.log_on_failure(), httpx.Client(base_url=server.url) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json()["status"] == "ready"
        found = client.post("/assistants/search", json={"graph_id": "waypost"}).json()
        schemas = client.get(f"/assistants/{found[0]['assistant_id']}/schemas").json()
        assert list(schemas["input_schema"]["properties"]) == ["messages"]
        assert "answer" in schemas["output_schema"]["properties"]
        assert not schemas["context_schema"]
