"""Chat models: replies, every kind of failure, fallback, time, and what endpoints understand."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAuthenticationError,
    ModelRateLimitError,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from agent.errors import ConfigurationError, ModelError
from agent.models import ChatModel, Message, RequestedCall, ToolSchema, chat, make_chat_model
from agent.models.dialect import Dialect
from agent.models.known import reasons, window_of
from agent.models.thinking import Visible
from agent.settings import ChatModelSettings
from tests.agent.faults import (
    DONE,
    SECRET,
    TOOL,
    Act,
    FaultServer,
    busy,
    called,
    chunk,
    error,
    fault_server,
    finish,
    said,
    saying,
)

KEY = "sk-of-the-test"
ASKED = "What is the budget of the east station?"
REPLY = "It is 12 million [1]."
SHORT = 0.2  # seconds, where an endpoint keeps silent
SILENT = {"slow", "stall", "kept alive"}
BUDGET = ToolSchema(TOOL, "A project's budget", {"type": "object", "properties": {}})
SCHEMA = {
    "type": "object",
    "properties": {"route": {"type": "string"}},
    "required": ["route"],
    "additionalProperties": False,
}
STALLED: list[bytes | float] = [chunk("It is"), 5.0]
PINGS: list[bytes | float] = [b": ping\n\n", 0.05] * 99
CONTEXT = "This model's maximum context length is 8192 tokens."


@pytest.fixture(scope="module")
def running() -> Iterator[FaultServer]:
    """Run an endpoint that fails as told."""
    with fault_server() as server:
        yield server


@pytest.fixture
def server(running: FaultServer, monkeypatch: pytest.MonkeyPatch) -> FaultServer:
    """Return an endpoint that the environment points to, and shorten what is waited between tries."""
    running.plan(said(REPLY))
    monkeypatch.setenv("OPENAI_BASE_URL", running.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(chat, "FIRST_WAIT", 0.01)
    return running


Make = Callable[..., ChatModel]


@pytest_asyncio.fixture
async def make(server: FaultServer) -> AsyncIterator[Make]:
    """Return a maker of chat models, which closes them."""
    made: list[ChatModel] = []

    def one(*names: str, **settings: Any) -> ChatModel:
        names = names or ("test",)
        values = {"timeout": 5.0, **settings}
        tables = [ChatModelSettings(name=name, **values) for name in names]
        model = make_chat_model([f"openai:{name}" for name in names], tables)
        assert model is not None
        made.append(model)
        return model

    yield one
    for model in made:
        await model.close()


class Heard:
    """What a reader of a stream has in view, and how often it began anew."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.restarts = 0

    def restart(self) -> None:
        """Forget the pieces."""
        self.pieces.clear()
        self.restarts += 1

    @property
    def text(self) -> str:
        """The pieces together."""
        return "".join(self.pieces)


async def test_a_reply(server: FaultServer, make: Make) -> None:
    """A reply is streamed in pieces, and comes with its tokens and what they cost."""
    heard = Heard()
    model = make(price_input=2.0, price_output=8.0, max_output=700)
    reply = await model.complete(ASKED, on_token=heard.pieces.append)
    assert (reply.text, heard.text, reply.model, reply.cut) == (REPLY, REPLY, "test", False)
    assert len(heard.pieces) == 3
    assert (reply.input_tokens, reply.output_tokens) == (321, 12)
    assert reply.cost == pytest.approx((321 * 2 + 12 * 8) / 1e6)
    [request] = server.requests
    assert server.keys == [f"Bearer {KEY}"]
    assert (request["model"], request["temperature"], request["max_tokens"]) == ("test", 0, 700)
    assert request["messages"] == [{"role": "user", "content": ASKED}]


async def test_what_is_set_for_a_model(
    server: FaultServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address, key, name at the endpoint and further fields are those of its [[model]] table."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OTHER_KEY", " other\n")
    model = make(
        base_url=server.url,
        api_key_env="OTHER_KEY",
        model="lora",
        temperature="default",
        extra_body={"chat_template_kwargs": {"enable_thinking": False}},
    )
    await model.complete(ASKED)
    [request] = server.requests
    assert server.keys == ["Bearer other"]
    assert request["model"] == "lora"
    assert request["chat_template_kwargs"] == {"enable_thinking": False}
    assert "temperature" not in request


async def test_a_conversation_with_tools(server: FaultServer, make: Make) -> None:
    """Messages reach the endpoint as they are, tools as functions, and calls come back whole."""
    server.plan(called('{"project": "东站"}', ""))
    call = {"id": "c", "type": "function", "function": {"name": TOOL, "arguments": "{}"}}
    messages: list[Message] = [
        {"role": "system", "content": "Answer from sources."},
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "12"},
    ]
    reply = await make().complete(messages, tools=[BUDGET])
    assert reply.calls == (
        RequestedCall("id0", TOOL, {"project": "东站"}),
        RequestedCall("id1", TOOL, {}),
    )
    [request] = server.requests
    assert request["messages"] == messages
    assert [tool["function"]["name"] for tool in request["tools"]] == [TOOL]


# --- failures ------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[Act, int, str, bool]] = {  # how, requests, reason, may it pass
    "server": (error(500), 3, "HTTP 500", True),
    "overloaded": (error(503), 3, "HTTP 503", True),
    "busy": (busy(), 3, r"HTTP 429 \(rate_limit_exceeded\)", True),
    "busy for long": (busy(3600), 1, "HTTP 429", True),
    "busy until a date": (busy(3600, date=True), 1, "HTTP 429", True),
    "no quota": (error(429, "insufficient_quota"), 1, "insufficient_quota", False),
    "no balance": (error(402), 1, "HTTP 402", False),
    "bad request": (error(400), 1, "HTTP 400", False),
    "bad key": (error(401, "invalid_api_key"), 1, r"HTTP 401 \(invalid_api_key\)", False),
    "forbidden": (error(403), 1, "HTTP 403", False),
    "no model": (error(404, "model_not_found"), 1, "HTTP 404", False),
    "unprocessable": (error(422), 1, "HTTP 422", False),
    "too long": (
        error(400, "context_length_exceeded", CONTEXT),
        1,
        "longer than its window",
        False,
    ),
    "too long, vLLM": (error(400, 400, CONTEXT), 1, "longer than its window", False),
    "question filtered": (error(400, "content_filter"), 1, "content filter", False),
    "reply filtered": (said("It", end="content_filter"), 1, "content filter", False),
    "all thoughts": (said("<think>hm, well", end="length"), 1, "nothing but thoughts", False),
    "slow": (Act([5.0]), 3, "did not begin in time", True),
    "stall": (Act(STALLED), 3, "stopped in the middle", True),
    "kept alive": (Act(PINGS), 3, "begin in time", True),
    "lost": (Act(saying(REPLY), cut=True), 3, "connection was lost", True),
    "cut": (Act([*saying(REPLY), DONE]), 3, "was cut off", True),
    "aborted": (said("It", end="abort"), 3, "was cut off", True),
    "empty": (Act(), 3, "empty or unreadable", True),
    "HTML": (Act([b"<html>\ndata: no\n\n</html>"], kind="text/html"), 3, "unreadable", True),
    "JSON": (Act([b'{"choices": []}'], kind="application/json"), 3, "unreadable", True),
    "broken JSON": (Act([chunk("It"), b'data: {"id": "\n\n', DONE]), 3, "cannot be read", True),
    "no choices": (Act([b'data: {"choices": [{}]}\n\n', DONE]), 3, "unreadable", True),
    "error in the reply": (
        Act([chunk("It"), b'data: {"error": {"message": "down", "code": "oom"}}\n\n']),
        3,
        r"error in the reply \(oom\)",
        True,
    ),
    "refusal in the reply": (
        Act([b'data: {"error": {"message": "bad", "code": 400}}\n\n']),
        1,
        "error in the reply",
        False,
    ),
    "broken call": (called('{"project": '), 2, "arguments of a call", True),
    "call with a list": (called("[1]"), 2, "no named arguments", True),
    "call without a name": (called("{}", name=""), 2, "no name", True),
    "call that is missing": (
        Act([finish("tool_calls"), DONE]),
        2,
        "form that cannot be read",
        True,
    ),
}


@pytest.mark.parametrize("kind", FAILURES)
async def test_failures(
    server: FaultServer, make: Make, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """What may pass is tried again as often as set, anything else not; texts and keys stay inside."""
    act, requests, reason, passes = FAILURES[kind]
    server.plan(act)
    began = time.monotonic()
    with pytest.raises(ModelError, match=reason) as caught, caplog.at_level(logging.WARNING):
        await make(timeout=SHORT if kind in SILENT else 5.0).complete(ASKED, tools=[BUDGET])
    assert len(server.requests) == requests
    assert (caught.value.retryable, caught.value.code) == (passes, "model")
    assert "'test': " in caught.value.message
    assert caught.value.fix
    assert caught.value.__cause__ is not None
    assert caplog.text.count("model.failed") == requests
    for told in (str(caught.value), caplog.text):
        assert not any(secret in told for secret in (SECRET, KEY, "budget of", "budget\n"))
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("kind", FAILURES)
async def test_what_comes_after_a_failure(server: FaultServer, make: Make, kind: str) -> None:
    """Where a try fails, the next one's reply is the reply, and a reader sees that alone."""
    act, _, _, passes = FAILURES[kind]
    server.plan(act, said(REPLY))
    heard = Heard()
    model = make("first", "second", retries=1, timeout=SHORT if kind in SILENT else 5.0)
    reply = await model.complete(ASKED, on_token=heard.pieces.append, on_restart=heard.restart)
    again = passes and "for long" not in kind and "date" not in kind
    assert (reply.text, heard.text) == (REPLY, REPLY)
    assert reply.model == ("first" if again else "second")
    assert [request["model"] for request in server.requests] == ["first", reply.model]
    shown = b'"content": "It' in b"".join(part for part in act.parts if isinstance(part, bytes))
    assert heard.restarts == int(shown)


async def test_all_of_a_chain_fail(server: FaultServer, make: Make) -> None:
    """The error names each model with its reason and its cure, and passes if one of them may."""
    server.plan(error(401), error(500))
    with pytest.raises(ModelError) as caught:
        await make("first", "second", retries=0).complete(ASKED)
    assert "'first': HTTP 401; 'second': HTTP 500" in caught.value.message
    assert "OPENAI_API_KEY" in caught.value.fix
    assert "server's log" in caught.value.fix
    assert caught.value.retryable


async def test_no_connection(server: FaultServer, make: Make) -> None:
    """Where nobody listens, the address is named, without the password that it carries."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://li:{SECRET}@127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ModelError, match="no connection") as caught:
        await make(base_url=url).complete(ASKED)
    assert "127.0.0.1" in caught.value.fix
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "reason"), [(None, "is not set"), (" ", "is not set"), ("ключ", "characters")]
)
async def test_keys_that_cannot_be(
    server: FaultServer,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    reason: str,
) -> None:
    """Without a usable key nothing is sent, and the variable is named, not what it has."""
    monkeypatch.delenv("TEAM_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEAM_KEY", value)
    with pytest.raises(ModelError, match=f"TEAM_KEY .*{reason}|TEAM_KEY {reason}") as caught:
        await make(api_key_env="TEAM_KEY").complete(ASKED)
    assert (server.requests, caught.value.retryable) == ([], False)
    assert "ключ" not in str(caught.value)


async def test_retry_after_is_kept(server: FaultServer, make: Make) -> None:
    """An endpoint that says when to come again is asked then, and not before."""
    server.plan(busy(0.2), said(REPLY))
    assert (await make().complete(ASKED)).text == REPLY
    assert 0.2 <= server.times[1] - server.times[0] < 0.6


async def test_retry_after_beyond_the_time(server: FaultServer, make: Make) -> None:
    """Where the time left does not hold that wait, the next model is asked at once."""
    server.plan(busy(2), said(REPLY))
    reply = await make("first", "second").complete(ASKED, seconds=1)
    assert reply.model == "second"
    assert server.times[1] - server.times[0] < 0.5


async def test_a_failed_endpoint_is_asked_last(server: FaultServer, make: Make) -> None:
    """After a failure that lasts the others come first for a while, and then it is the turn of the first."""
    model = make("first", "second", retries=0)
    server.plan(error(401), said(REPLY))
    await model.complete(ASKED)
    server.plan(said(REPLY), error(500), said(REPLY))
    assert (await model.complete(ASKED)).model == "second"
    assert (await model.complete(ASKED)).model == "first"


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.6, 0.0, -1.0])
async def test_the_time_of_all_tries(server: FaultServer, make: Make, seconds: float) -> None:
    """Retries and fallbacks together end when the time is over, and say so."""
    server.plan(Act([5.0]))
    began = time.monotonic()
    with pytest.raises(ModelError) as caught:
        await make("first", "second", timeout=0.25, retries=9).complete(ASKED, seconds=seconds)
    assert time.monotonic() - began < max(seconds, 0) + 0.5
    assert (caught.value.code, caught.value.retryable) == ("model_timeout", True)
    assert len(server.requests) > 1 if seconds > 0 else not server.requests


async def test_cancelling(server: FaultServer, make: Make) -> None:
    """Who is cancelled lets go of the endpoint at once."""
    server.plan(Act(STALLED))
    begun = asyncio.Event()
    task = asyncio.create_task(
        make(timeout=9.0).complete(ASKED, on_token=lambda piece: begun.set())
    )
    await asyncio.wait_for(begun.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.left.wait, 1)
    assert len(server.requests) == 1


async def test_errors_of_the_reader(server: FaultServer, make: Make) -> None:
    """What the reader of a stream raises is no failure of the model."""

    def read(piece: str) -> None:
        raise KeyError(piece)

    with pytest.raises(KeyError):
        await make().complete(ASKED, on_token=read)
    assert len(server.requests) == 1


def test_several_event_loops(server: FaultServer) -> None:
    """A model may be asked from one event loop after another, and after it was closed."""
    model = make_chat_model(["openai:test"])
    assert model is not None

    async def ask() -> list[str]:
        replies = [await model.complete(ASKED)]
        replies += await asyncio.gather(*[model.complete(ASKED) for _ in range(3)])
        await model.close()
        replies.append(await model.complete(ASKED))
        await model.close()
        return [reply.text for reply in replies]

    assert [asyncio.run(ask()) for _ in range(2)] == [[REPLY] * 5] * 2


def test_nothing_is_loaded_to_make_a_model() -> None:
    """A model is made when it is first asked: until then its libraries are not imported."""
    code = (
        "import sys; from agent.models import make_chat_model; "
        "make_chat_model(['openai:gpt-4o', 'azure:x']); "
        "sys.exit('openai' in sys.modules or 'langchain_openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- what endpoints understand -------------------------------------------------------------------

REFUSED = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
DIALECTS: dict[str, tuple[list[Act], str, Mapping[str, Any]]] = {
    "no schemas": (
        [error(400, None, "This response_format type is unavailable now")],
        "response_format",
        {"type": "json_object"},
    ),
    "no JSON": ([error(400), error(422)], "response_format", {}),
    "newer": ([error(400, None, REFUSED, "max_tokens")], "max_completion_tokens", {"value": 1024}),
    "warm": ([error(400, None, "only 1", "temperature")], "temperature", {}),
    "no usage": ([error(422, None, "extra field stream_options")], "stream_options", {}),
}


@pytest.mark.parametrize("kind", DIALECTS)
async def test_what_an_endpoint_refuses(server: FaultServer, make: Make, kind: str) -> None:
    """A part of a request that is refused is put otherwise or left out, from then on at once."""
    refusals, name, value = DIALECTS[kind]
    server.plan(*refusals, said("{}"))
    model = make(retries=0)
    for _ in range(2):
        assert (await model.complete(ASKED, schema=SCHEMA)).text == "{}"
    assert len(server.requests) == len(refusals) + 2
    for request in server.requests[-2:]:
        found = request.get(name, {})
        assert (found if isinstance(found, dict) else {"value": found}) == value
        assert (name == "response_format") or "response_format" in request


async def test_a_refusal_of_something_else_is_not_remembered(
    server: FaultServer, make: Make
) -> None:
    """Where no way to put a request helps, the next one is put as the first."""
    server.plan(error(400))
    model = make()
    with pytest.raises(ModelError):
        await model.complete(ASKED, schema=SCHEMA)
    server.plan(said("{}"))
    await model.complete(ASKED, schema=SCHEMA)
    assert server.requests[0]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("change", "strict"),
    [
        ({}, True),
        ({"additionalProperties": True}, False),
        ({"required": []}, False),
        ({"properties": {"route": {"type": "object", "properties": {}}}}, False),
    ],
)
async def test_strict_schemas(
    server: FaultServer, make: Make, change: dict[str, Any], strict: bool
) -> None:
    """A reply is held to its schema strictly where OpenAI can do that."""
    await make().complete(ASKED, schema={**SCHEMA, **change})
    form = server.requests[0]["response_format"]["json_schema"]
    assert (form["strict"], form["schema"]) == (strict, {**SCHEMA, **change})


def responses(*events: Mapping[str, Any]) -> Act:
    """Answer as OpenAI's Responses API does."""
    return Act(
        [
            f"event: {event['type']}\ndata: {json.dumps({'sequence_number': 1, **event})}\n\n".encode()
            for event in events
        ]
    )


def response(status: str, output: Sequence[Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return the event of a response's end."""
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 8,
    }
    whole = {"id": "r", "object": "response", "created_at": 1, "model": "test", "status": status}
    whole |= {"output": output, "usage": usage, "parallel_tool_calls": True, "tools": []}
    return {"type": f"response.{status}", "response": {**whole, "tool_choice": "auto", **fields}}


def called_in_response() -> Act:
    """Answer with a call, through the Responses API."""
    item = {"type": "function_call", "id": "f", "call_id": "c1", "name": TOOL, "arguments": ""}
    delta = {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "f"}
    return responses(
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {**delta, "delta": '{"n":'},
        {**delta, "delta": " 1}"},
        response("completed", [{**item, "arguments": '{"n": 1}'}]),
    )


def said_in_response(status: str, **fields: Any) -> Act:
    """Answer with a text, through the Responses API."""
    part = {"type": "output_text", "text": REPLY, "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": status, "content": [part]}
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0}
    return responses(
        {**delta, "item_id": "m", "delta": REPLY, "logprobs": []},
        response(status, [item], **fields),
    )


async def test_models_that_want_the_responses_api(server: FaultServer, make: Make) -> None:
    """Newer models of OpenAI, which take tools there alone, are asked there; nothing is kept there."""
    refusal = "Function tools with reasoning_effort are not supported. Use /v1/responses instead."
    long = said_in_response("incomplete", incomplete_details={"reason": "max_output_tokens"})
    server.plan(
        error(400, None, refusal, "reasoning_effort"),
        called_in_response(),
        said_in_response("completed"),
        long,
    )
    model = make("gpt-6-luna")
    heard = Heard()
    reply = await model.complete(ASKED, tools=[BUDGET])
    assert reply.calls == (RequestedCall("c1", TOOL, {"n": 1}),)
    assert (reply.input_tokens, reply.output_tokens) == (5, 3)
    reply = await model.complete(ASKED, schema=SCHEMA, on_token=heard.pieces.append)
    assert (reply.text, heard.text, reply.cut) == (REPLY, REPLY, False)
    assert (await model.complete(ASKED)).cut
    assert server.paths == ["/v1/chat/completions", *["/v1/responses"] * 3]
    request = server.requests[2]
    assert (request["store"], request["max_output_tokens"]) == (False, 1024)
    assert request["text"]["format"]["schema"] == SCHEMA


async def test_azure(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment at Azure is asked at its own address, with Azure's key and the newer names."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url.removesuffix("/v1"))
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key")
    table = ChatModelSettings(name="east", api_version="2026-01-01")
    model = make_chat_model(["azure:east"], [table])
    assert model is not None
    assert (await model.complete(ASKED)).text == REPLY
    await model.close()
    assert server.paths == ["/openai/deployments/east/chat/completions?api-version=2026-01-01"]
    assert server.keys == ["azure-key"]
    assert server.requests[0]["max_completion_tokens"] == 1024


@pytest.mark.parametrize("missing", ["AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION"])
async def test_azure_without_its_address(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """What Azure needs and nobody set is named."""
    for name in ("AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(name, server.url)
    monkeypatch.delenv(missing)
    model = make_chat_model(["azure:east"])
    assert model is not None
    with pytest.raises(ModelError, match=f"{missing} is not set"):
        await model.complete(ASKED)


async def test_usage_that_is_missing(server: FaultServer, make: Make) -> None:
    """An endpoint that tells no tokens has them counted, tools and calls included."""
    model = make(price_input=1.0)
    server.plan(said(REPLY, tokens=False))
    reply = await model.complete(ASKED)
    assert (reply.input_tokens, reply.output_tokens) == (model.count(ASKED), model.count(REPLY))
    assert reply.cost == pytest.approx(reply.input_tokens / 1e6)
    more = await model.complete(ASKED, tools=[BUDGET])
    assert more.input_tokens > reply.input_tokens


async def test_replies_that_reach_their_longest(server: FaultServer, make: Make) -> None:
    """A reply that was cut at its longest says so."""
    server.plan(said("It is 12", end="length"))
    reply = await make().complete(ASKED)
    assert (reply.text, reply.cut) == ("It is 12", True)


# --- thoughts ------------------------------------------------------------------------------------

THOUGHTS = [
    ("<think>hm</think>\n\nyes", "yes", 0),
    ("\n<think>\nhm</think>yes", "yes", 0),
    ("<think></think>yes", "yes", 0),
    ("<think>hm", "", 0),
    ("hm, well</think>\n yes", "yes", 1),
    ("</think>yes", "yes", 0),
    ("<b>yes</b>", "<b>yes</b>", 0),
    ("<th", "<th", 0),
    ("a <think>b</think> c", "a <think>b</think> c", 0),
    ("<think>a</think>b </think> c", "b </think> c", 0),
    ("yes </th", "yes </th", 0),
    ("", "", 0),
    ("  \n", "  \n", 0),
]


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(("reply", "visible", "restarts"), THOUGHTS)
def test_thoughts_are_not_shown(reply: str, visible: str, restarts: int, size: int) -> None:
    """What a model thinks aloud is taken out of text and stream, however the pieces are cut."""
    heard = Heard()
    view = Visible(heard.pieces.append, heard.restart)
    for start in range(0, len(reply), size):
        view.add(reply[start : start + size])
    view.end()
    assert (view.text, heard.text) == (visible, visible)
    assert heard.restarts == (restarts if size < 10 else 0)


async def test_endpoints_that_cut_off_the_opening_tag(server: FaultServer, make: Make) -> None:
    """After one such reply the thoughts of the next are held back, and a plain reply is whole."""
    server.plan(said("hm, well, hm</think>yes"), said("well, well</think>no"), said("plain"))
    model = make()
    told = []
    for _ in range(3):
        heard = Heard()
        reply = await model.complete(ASKED, on_token=heard.pieces.append, on_restart=heard.restart)
        assert reply.text == heard.text
        told.append((heard.text, heard.restarts))
    assert told == [("yes", 1), ("no", 0), ("plain", 0)]


# --- models --------------------------------------------------------------------------------------


class Whole(BaseChatModel):
    """A LangChain model that cannot stream."""

    asked: list[Any]
    reply: AIMessage | None = None
    error: Any = None

    @property
    def _llm_type(self) -> str:
        return "whole"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Take tools as they come."""
        return self.bind(tools=tools)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append((messages[-1].content, kwargs))
        if self.reply is None:
            raise self.error
        return ChatResult(generations=[ChatGeneration(message=self.reply)])


async def test_models_of_an_app() -> None:
    """Any LangChain model can be a chat model, with tools, and asked in its own way."""
    call = {"id": "1", "name": TOOL, "args": {"n": 1}}
    given = Whole(asked=[], reply=AIMessage(REPLY, tool_calls=[call]))
    model = ChatModel.of(given, name="own", window=5000, max_output=1000)
    heard = Heard()
    reply = await model.complete(ASKED, on_token=heard.pieces.append, tools=[BUDGET], schema=SCHEMA)
    assert (reply.text, heard.text, reply.model, model.name) == (REPLY, REPLY, "own", "own")
    assert reply.calls == (RequestedCall("1", TOOL, {"n": 1}),)
    assert reply.input_tokens > 0
    [(asked, options)] = given.asked
    assert (asked, list(options)) == (ASKED, ["tools"])
    assert model.input_tokens == 4000


@pytest.mark.parametrize(
    ("error", "reason", "passes"),
    [
        (ConnectionError(SECRET), "ConnectionError", True),
        (ModelRateLimitError(SECRET), "ModelRateLimitError", True),
        (ModelAuthenticationError(SECRET), "ModelAuthenticationError", False),
        (ContextOverflowError(SECRET), "longer than its window", False),
        (RuntimeError(SECRET), "RuntimeError", False),
    ],
)
async def test_failing_models_of_an_app(error: Exception, reason: str, passes: bool) -> None:
    """They are asked once, as they retry by themselves; what they raise is kept as the cause."""
    given = Whole(asked=[], error=error)
    with pytest.raises(ModelError, match=f"'own': .*{reason}") as caught:
        await ChatModel.of(given, name="own").complete(ASKED)
    assert (len(given.asked), caught.value.retryable) == (1, passes)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__cause__ is error


@pytest.mark.parametrize("name", ["openai:", "ollama:x", "gpt", ""])
def test_names_that_are_none(name: str) -> None:
    """A model that is named wrongly is refused with how to write it."""
    with pytest.raises(ConfigurationError, match="openai:<model>"):
        make_chat_model([name])


def test_no_models() -> None:
    """An empty chain is no chat model."""
    assert make_chat_model([]) is None


def test_models_without_room() -> None:
    """A model whose longest reply fills its window is refused."""
    table = ChatModelSettings(name="small", window=1024, max_output=1024)
    with pytest.raises(ConfigurationError, match="its window has 1024"):
        make_chat_model(["openai:small"], [table])


def test_room_for_a_prompt() -> None:
    """The smallest of a chain says how long a prompt may be."""
    table = ChatModelSettings(name="small", window=4096, max_output=512)
    model = make_chat_model(["openai:gpt-4o", "openai:small"], [table])
    assert model is not None
    assert (model.input_tokens, model.name) == (4096 - 512, "gpt-4o → small")


@pytest.mark.parametrize(
    ("name", "window", "thinks"),
    [
        ("gpt-4o-mini", 128_000, False),
        ("openai/gpt-4.1", 1_047_576, False),
        ("ft:gpt-4o:team::1", 128_000, False),
        ("gpt-5", 400_000, True),
        ("gpt-5-chat-latest", 128_000, False),
        ("gpt-5.4-mini", 400_000, True),
        ("gpt-6.1-sol", 1_050_000, True),
        ("o3", 200_000, True),
        ("qwen3-8b", 8192, False),
    ],
)
def test_what_is_known_of_models(name: str, window: int, thinks: bool) -> None:
    """OpenAI's models have known windows, and those that reason are sent no temperature."""
    assert (window_of(name), reasons(name)) == (window, thinks)
    assert Dialect(temperature=not reasons(name)).fields(ChatModelSettings(name=name), None).get(
        "temperature"
    ) == (None if thinks else 0.0)
