"""What tells of a turn: one line of the log, OpenTelemetry's spans, LangSmith's runs."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import pytest_asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent import Waypost
from agent.models import ChatModel
from agent.models.endpoint import LangChainEndpoint
from agent.settings import ChatModelSettings
from tests.agent.scripted import Scripted
from tests.loopback import on_loopback

MakeProject = Callable[..., Path]
ROOT = Path(__file__).parents[2]
QUESTION = "How often is the bearing lubricated?"
REPLY = "It is lubricated every 500 hours [1]."
SECRET = "sk-abcdefghijklmnop1234"
FIELDS = {
    "action",
    "route",
    "indexes",
    "tools",
    "decided_by",
    "confidence",
    "grounded",
    "citations",
    "limit",
    "route_ms",
    "prepare_ms",
    "model_calls",
    "input_tokens",
    "output_tokens",
}
COMMON = {"timestamp", "level", "event"}


def priced(*replies: str) -> ChatModel:
    """Return a scripted chat model whose tokens cost something."""
    settings = ChatModelSettings(
        name="scripted", retries=0, price_input=2.0, price_output=8.0, window=8192
    )
    model = Scripted(replies=list(replies), prompts=[], offered=[])
    return ChatModel([LangChainEndpoint(model, settings)])


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    """Return the fields of the lines that tell of a turn."""
    told = [one.getMessage() for one in caplog.records if one.name == "waypost"]
    return [fields(line) for line in told if "event=question.finished" in line]


def fields(line: str) -> dict[str, str]:
    """Return the fields of a line in logfmt."""
    return {
        name: json.loads(value) if value.startswith('"') else value
        for name, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line)
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def waypost(
    tiny: Waypost, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Waypost]:
    """Return the small project, with models that the tests exchange; it keeps no threads."""
    async with Waypost.open(tiny.project, settings=tiny.settings, persistent=False) as opened:
        yield opened


# --- the log -------------------------------------------------------------------------------------

OUTCOMES = {  # question, action, route, decided by, index
    "talk": ("Hello", "answer", "answer", "rule", ""),
    "answer": (QUESTION, "search", "search", "classifier", "manual"),
    "refusal": ("Who won the match?", "abstain", "answer", "classifier", ""),
    "question back": ("Order a part", "clarify", "act", "classifier", ""),
    "tool": ("Which documents do you have?", "act", "act", "rule", ""),
    "approval": ("Order 3 seals", "approval", "act", "classifier", ""),
}


@pytest.mark.parametrize("kind", OUTCOMES)
async def test_one_line_a_turn(tiny: Waypost, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    """Every turn has exactly one line, with all of its fields and none of its texts."""
    question, action, route, decided_by, indexes = OUTCOMES[kind]
    with caplog.at_level(logging.INFO, "waypost"):
        answer = await tiny.ask(question, thread=f"line {kind}")
    [line] = lines(caplog)
    assert line.keys() >= FIELDS
    assert {name for name in line.keys() - FIELDS if not name.endswith("_ms")} == COMMON
    assert (line["action"], line["route"], line["indexes"]) == (action, route, indexes)
    assert line["decided_by"] == decided_by
    assert line["grounded"] == str(answer["grounded"]).lower()
    for text in (question, answer["answer"], "lithium"):
        assert text not in caplog.text


async def test_line_of_a_resumed_turn(tiny: Waypost, caplog: pytest.LogCaptureFixture) -> None:
    """A turn that goes on after an approval has a second line, with the tool that was called."""
    await tiny.ask("Order 3 seals", thread="resumed line")
    with caplog.at_level(logging.INFO, "waypost"):
        await tiny.resume(thread="resumed line", decisions=[{"type": "reject", "message": SECRET}])
    [line] = lines(caplog)
    assert (line["action"], line["tools"]) == ("act", "order_part")
    assert SECRET not in caplog.text


async def test_line_of_a_model(waypost: Waypost, caplog: pytest.LogCaptureFixture) -> None:
    """What a chat model was asked is counted in tokens and in money."""
    waypost.with_models({"answerer": priced(REPLY)})
    with caplog.at_level(logging.INFO, "waypost"):
        await waypost.ask(QUESTION)
    [line] = lines(caplog)
    counted = [line[name] for name in ("model_calls", "input_tokens", "output_tokens")]
    assert counted == ["1", "100", "7"]
    assert float(line["cost"]) == pytest.approx((100 * 2 + 7 * 8) / 1e6)


@pytest.mark.parametrize("limit", ["model_calls = 0", "seconds = 0.001"])
async def test_line_of_a_limit(
    tiny: Waypost, tiny_project: MakeProject, caplog: pytest.LogCaptureFixture, limit: str
) -> None:
    """A turn that reaches a limit names it in its line."""
    project = tiny_project(("[routing]", f"[limits]\n{limit}\n\n[routing]"))
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        waypost.with_models({"answerer": priced(REPLY)})
        with caplog.at_level(logging.INFO, "waypost"):
            await waypost.ask(QUESTION)
    [line] = lines(caplog)
    assert (line["limit"], line["model_calls"]) == (limit.partition(" ")[0], "0")


async def test_texts_by_opt_in(
    tiny: Waypost, tiny_project: MakeProject, caplog: pytest.LogCaptureFixture
) -> None:
    """With [log] text = true the question and the answer are in the line, but no credential."""
    project = tiny_project(("[routing]", "[log]\ntext = true\n\n[routing]"))
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        with caplog.at_level(logging.INFO, "waypost"):
            await waypost.ask(f"{QUESTION} My api key is {SECRET}")
    [line] = lines(caplog)
    assert line["question"].startswith(QUESTION)
    assert "answer" in line
    assert SECRET not in caplog.text


# --- OpenTelemetry -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """Return where this process's spans go: a process has one provider for good."""
    made = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(made))
    trace.set_tracer_provider(provider)
    return made


@contextmanager
def recorded(exporter: InMemorySpanExporter) -> Iterator[dict[str, ReadableSpan]]:
    """Return the spans of the block by name, once it has ended, inside one of the app."""
    found: dict[str, ReadableSpan] = {}
    exporter.clear()
    with trace.get_tracer("app").start_as_current_span("app"):
        yield found
    found |= {span.name: span for span in exporter.get_finished_spans()}


async def test_spans(waypost: Waypost, exporter: InMemorySpanExporter) -> None:
    """Each node has a span inside the app's own, and a model's call one inside its node's."""
    waypost.with_models({"answerer": priced(REPLY)})
    with recorded(exporter) as spans:
        await waypost.ask(QUESTION)
    nodes = ["prepare", "route", "search", "judge", "respond", "verify"]
    assert spans.keys() == {"app", "chat scripted", *(f"waypost.{node}" for node in nodes)}
    assert len({span.context.trace_id for span in spans.values()}) == 1
    assert {parent(spans, f"waypost.{node}") for node in nodes} == {"app"}
    assert parent(spans, "chat scripted") == "waypost.respond"
    assert dict(spans["chat scripted"].attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "scripted",
        "gen_ai.response.model": "scripted",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 7,
    }
    told = {name: dict(span.attributes or {}) for name, span in spans.items()}
    assert told["waypost.search"]["waypost.index"] == "manual"
    assert told["waypost.route"] == {"waypost.action": "search", "waypost.decided_by": "classifier"}
    assert told["waypost.verify"]["waypost.outcome"] == "search"
    assert not any(text in str(told) for text in (QUESTION, REPLY, "lithium"))


def parent(spans: dict[str, ReadableSpan], name: str) -> str:
    """Return the name of the span that another one is in."""
    inside = spans[name].parent
    assert inside is not None
    return next(one.name for one in spans.values() if one.context.span_id == inside.span_id)


async def test_span_of_a_failed_call(waypost: Waypost, exporter: InMemorySpanExporter) -> None:
    """A call that fails says so by its kind, and the node that goes on without it does not."""
    waypost.with_models({"answerer": priced()})
    with recorded(exporter) as spans:
        await waypost.ask(QUESTION)
    failed, node = spans["chat scripted"], spans["waypost.respond"]
    assert (failed.attributes or {})["error.type"] == "model"
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert node.status.status_code is trace.StatusCode.UNSET
    assert failed.events == ()


async def test_span_of_an_approval(tiny: Waypost, exporter: InMemorySpanExporter) -> None:
    """Waiting for a person is no error, and the arguments that they are shown are not told."""
    with recorded(exporter) as spans:
        await tiny.ask("Order 3 seals", thread="span of an approval")
    span = spans["waypost.approve"]
    assert span.status.status_code is trace.StatusCode.UNSET
    assert (span.events, dict(span.attributes or {})) == ((), {})


# --- LangSmith -----------------------------------------------------------------------------------

TURN = """
import asyncio, sys, time
from agent import Waypost
from tests.agent.scripted import scripted

async def main():
    async with Waypost.open(sys.argv[1], persistent=False) as waypost:
        await waypost.ingest()
        waypost.with_models({"answerer": scripted(*[sys.argv[3]] * 2)[1]})
        await waypost.ask(sys.argv[2])
        began = time.monotonic()
        answer = await waypost.ask(sys.argv[2])
        print(answer["answer"], time.monotonic() - began, sep="|")

asyncio.run(main())
"""


class Runs(BaseHTTPRequestHandler):
    """Takes what LangSmith's client sends."""

    got: ClassVar[list[bytes]] = []

    def do_GET(self) -> None:
        """Tell nothing of the server, as an older one does."""
        self.send_error(404)

    def do_POST(self) -> None:
        """Note what came."""
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


def traced(project: Path, endpoint: str) -> tuple[str, float]:
    """Ask twice with LangSmith's tracing on; return the second answer and its seconds."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": endpoint,
        "LANGSMITH_API_KEY": "any",
    }
    done = subprocess.run(
        [sys.executable, "-c", TURN, str(project), QUESTION, REPLY],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer, seconds = done.stdout.strip().split("|")
    return answer, float(seconds)


@pytest.mark.slow
def test_runs_arrive_at_langsmith(tiny_project: MakeProject) -> None:
    """With LangSmith's own environment variables a turn's nodes and model calls arrive there."""
    Runs.got.clear()
    with on_loopback(ThreadingHTTPServer(("127.0.0.1", 0), Runs)) as server:
        answer, _ = traced(tiny_project(), f"http://127.0.0.1:{server.server_port}")
    sent = b"".join(Runs.got)
    names = set(re.findall(rb'"name":"(\w+)"', sent))
    assert answer == REPLY
    assert names >= {b"waypost", b"prepare", b"route", b"search", b"respond", b"Scripted"}
    assert QUESTION.encode() in sent


@pytest.mark.slow
def test_langsmith_that_is_down(tiny_project: MakeProject) -> None:
    """Where nobody listens there, a turn is answered as fast as ever."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    answer, seconds = traced(tiny_project(), endpoint)
    assert answer == REPLY
    assert seconds < 1.0
