"""Whole turns whose chat models fail: each ends in an answer in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent import Answer, Waypost
from agent.app import Event
from agent.errors import ClosedError, ThreadError
from agent.models import ChatModel, make_chat_model
from agent.settings import ChatModelSettings, Role
from benchmarks.faults import KINDS, run, worded
from tests.agent.faults import Act, FaultServer, busy, error, fault_server, said, saying
from tests.agent.tiny import runs

MakeProject = Callable[..., Path]
Serve = Callable[..., FaultServer]
QUESTION = "How often is the bearing lubricated?"
REPLY = "It is lubricated every 500 hours [1]."
LONG = f"{REPLY} That takes 40 g of lithium grease [1]."
EXTRACT = "every 500 hours with 40 g of lithium grease. [1]"
SECONDS = 1.2  # of a turn
HELD = Act([30.0])  # a reply that does not come
TRICKLE = Act([part for one in saying(LONG, 2) for part in (one, 0.05)])


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """Run an endpoint that fails as told."""
    with fault_server() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def waypost(
    tiny: Waypost, server: FaultServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Waypost]:
    """Return a small project whose answers the endpoint writes; it keeps its threads."""
    project = tmp_path_factory.mktemp("faults") / "project"
    shutil.copytree(tiny.project, project, ignore=shutil.ignore_patterns("store*", "threads*"))
    settings = project / "waypost.toml"
    limits = f"[limits]\nseconds = {SECONDS}\n\n[routing]"
    text = settings.read_text(encoding="utf-8").replace("[routing]", limits, 1)
    settings.write_text(text, encoding="utf-8")
    async with Waypost.open(project) as opened:
        await opened.ingest()
        with (
            pytest.MonkeyPatch.context() as environment
        ):  # the first call in a process loads for long
            environment.setenv("FAULTS_KEY", "any")
            server.plan(said("Hello."))
            table = ChatModelSettings(name="test", base_url=server.url, api_key_env="FAULTS_KEY")
            model = make_chat_model(["openai:test"], [table])
            assert model is not None
            await model.complete("Hello")
            await model.close()
        yield opened


@pytest_asyncio.fixture
async def serve(
    waypost: Waypost, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Serve]:
    """Return what makes the endpoint write the answers, and tells it how to reply."""
    monkeypatch.setenv("FAULTS_KEY", "any")
    made: list[ChatModel] = []

    def plan(
        *acts: Act,
        of: Waypost = waypost,
        roles: Sequence[Role] = ("answerer",),
        **settings: Any,
    ) -> FaultServer:
        values = {"timeout": 0.5, "retries": 0, **settings}
        table = ChatModelSettings(
            name="test", base_url=server.url, api_key_env="FAULTS_KEY", **values
        )
        model = make_chat_model(["openai:test"], [table])
        assert model is not None
        made.append(model)
        of.with_models(dict.fromkeys(roles, model))
        server.plan(*acts)
        return server

    yield plan
    for model in made:
        await model.close()


# --- many at once --------------------------------------------------------------------------------


async def mixed(tiny: Waypost, folder: Path, turns: int, **settings: Any) -> None:
    """Ask many turns with every fault, and expect that none of them is seen to fail."""
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    report = await run(folder, turns=turns, **settings)
    outcomes = {turn.outcome for turn in report.turns}
    met = {kind for kinds in report.met.values() for kind in kinds}
    assert report.violations == []
    assert len(report.turns) >= turns
    assert outcomes >= {"model", "local", "refused"}
    assert len(met & set(KINDS)) >= 25
    assert report.megabytes[1] - report.megabytes[0] < 50


@pytest.mark.slow
async def test_mixed_faults(tiny: Waypost, tmp_path: Path) -> None:
    """Of sixty turns, sixteen at once, each ends in time whatever the endpoints do."""
    await mixed(tiny, tmp_path / "project", 60, seconds=1.5, silent=0.15)


@pytest.mark.slow
async def test_more_mixed_faults(tiny: Waypost, tmp_path: Path) -> None:
    """So do four hundred."""
    await mixed(tiny, tmp_path / "project", 400, seed=7)


# --- what a reader sees --------------------------------------------------------------------------

BREAKS = {
    "connection lost": Act(saying(LONG)[:8], cut=True),
    "stall": Act([*saying(LONG)[:8], 30.0]),
    "error in the reply": Act(
        [*saying(LONG)[:8], b'data: {"error": {"message": "down", "code": "oom"}}\n\n']
    ),
    "filtered": said(LONG[:60], end="content_filter"),
}


@pytest.mark.parametrize("kind", BREAKS)
async def test_what_was_shown_is_withdrawn(waypost: Waypost, serve: Serve, kind: str) -> None:
    """A reply that breaks off is withdrawn before the passages are quoted instead."""
    serve(BREAKS[kind])
    events = [event async for event in waypost.stream(QUESTION)]
    told = [event for event in events if event["type"] in {"token", "restart"}]
    assert [event["type"] for event in told] == ["token", "restart", "token"]
    assert told[0]["text"].strip() == REPLY
    assert told[2]["text"].endswith(EXTRACT)
    assert after_restart(events).strip() == events[-1]["answer"]["answer"].strip()


async def test_what_says_nothing_is_withdrawn(waypost: Waypost, serve: Serve) -> None:
    """So is a reply that makes no claim, since it is not the answer."""
    serve(said("Of course. I do not know. 我不知道。"))
    events = [event async for event in waypost.stream(QUESTION)]
    assert after_restart(events) == events[-1]["answer"]["answer"]
    assert EXTRACT in after_restart(events)


async def test_next_try_is_shown_alone(waypost: Waypost, serve: Serve) -> None:
    """Where the next try succeeds, its words alone are left, and it counts as the same call."""
    server = serve(BREAKS["connection lost"], said(LONG), retries=1)
    events = [event async for event in waypost.stream(QUESTION)]
    answer = events[-1]["answer"]
    assert after_restart(events).strip() == answer["answer"] == LONG
    assert [event["type"] for event in events].count("restart") == 1
    assert (len(server.requests), answer["usage"]["model_calls"]) == (2, 1)


def after_restart(events: list[Event]) -> str:
    """Return what a reader has in view at the end."""
    shown = ""
    for event in events:
        if event["type"] == "token":
            shown += event["text"]
        elif event["type"] == "restart":
            shown = ""
    return shown


@pytest.mark.parametrize("odd", ["\x00", "\x1b", "\x9b", "\x07", "\r", "\ud83d"])
async def test_odd_characters(waypost: Waypost, serve: Serve, odd: str) -> None:
    """What steers a terminal, or is half a character, reaches neither the answer nor the memory."""
    serve(said(REPLY.replace(" every", f"{odd} every")))
    answer = await waypost.ask(QUESTION, thread=f"odd {ord(odd)}")
    assert odd not in answer["answer"]
    assert "500 hours" in answer["answer"]
    server = serve(said(REPLY))
    await waypost.ask(QUESTION, thread=f"odd {ord(odd)}")
    assert odd not in str(server.requests[0]["messages"])


# --- limits and usage ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "silent"), [(HELD, 30.0), (TRICKLE, 0.5)], ids=["silent", "trickling"]
)
async def test_time_runs_out(waypost: Waypost, serve: Serve, act: Act, silent: float) -> None:
    """When the turn's time is over, the passages are quoted, and the limit is named."""
    serve(act, timeout=silent)
    began = time.monotonic()
    events = [event async for event in waypost.stream(QUESTION)]
    answer = events[-1]["answer"]
    assert SECONDS - 0.1 < time.monotonic() - began < SECONDS + 1.0
    assert (answer["limit"], answer["action"], answer["grounded"]) == ("seconds", "search", True)
    assert EXTRACT in answer["answer"]
    assert "limit seconds" in answer["answer"]
    assert after_restart(events).strip() == answer["answer"].strip()


async def test_time_runs_out_in_a_search(waypost: Waypost, serve: Serve) -> None:
    """A refusal names the limit, too, where it kept the search from going on."""
    serve(HELD, timeout=30.0, roles=("rewriter",))
    answer = await waypost.ask("How heavy is the pump?")
    assert (answer["action"], answer["limit"]) == ("abstain", "seconds")
    assert "limit seconds" in answer["answer"]
    serve(said('{"queries": []}'), roles=("rewriter",))
    answer = await waypost.ask("How heavy is the pump?")
    assert (answer["action"], answer["limit"]) == ("abstain", None)


OUTSIDE = {  # what comes of a question that nothing covers: how it ends, the limit
    "answer": (said("It is Paris."), "answer", None),
    "empty": (said(" "), "abstain", None),
    "broken": (Act(saying("It is Paris. It is big.")[:3], cut=True), "abstain", None),
    "silent": (HELD, "abstain", "seconds"),
}


@pytest.mark.parametrize("kind", OUTSIDE)
async def test_outside_the_documents(tiny_project: MakeProject, serve: Serve, kind: str) -> None:
    """A model that is asked what no index covers, and fails, is as if it were not there."""
    act, action, limit = OUTSIDE[kind]
    edit = '[limits]\nseconds = 1.0\n\n[routing]\noutside = "model"'
    async with Waypost.open(tiny_project(("[routing]", edit)), persistent=False) as waypost:
        await waypost.ingest()
        serve(act, of=waypost, timeout=30.0)
        events = [event async for event in waypost.stream("What is the capital of France?")]
    answer = events[-1]["answer"]
    assert (answer["action"], answer["limit"]) == (action, limit)
    assert after_restart(events).strip() == answer["answer"].strip()
    assert answer["usage"]["model_calls"] == 1
    assert ("limit seconds" in answer["answer"]) is (limit is not None)


@pytest.mark.parametrize(
    ("act", "limit"),
    [(error(500), None), (busy(3600), None), (error(401), None), (said(REPLY), None)],
    ids=["down", "busy", "key", "healthy"],
)
async def test_no_limit_is_named_in_vain(
    waypost: Waypost, serve: Serve, act: Act, limit: str | None
) -> None:
    """A limit is named where it is the cause alone; a call that failed counts as one."""
    serve(act)
    answer = await waypost.ask(QUESTION)
    assert (answer["limit"], answer["usage"]["model_calls"]) == (limit, 1)
    assert "limit" not in answer["answer"]
    assert worded(answer) is (answer["answer"] == REPLY)


# --- turns that end otherwise --------------------------------------------------------------------


async def begun(waypost: Waypost, server: FaultServer, thread: str) -> asyncio.Task[Answer]:
    """Return a turn whose model is being asked."""
    server.plan(HELD)
    task = asyncio.create_task(waypost.ask(QUESTION, thread=thread))
    async with asyncio.timeout(5):
        while not server.requests:  # noqa: ASYNC110  (a thread notes them)
            await asyncio.sleep(0.01)
    return task


async def ended(before: set[asyncio.Task[Any]]) -> None:
    """Wait until no task runs that was not there before."""
    async with asyncio.timeout(1):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110  (nothing else tells)
            await asyncio.sleep(0.01)


async def test_a_cancelled_turn(waypost: Waypost, serve: Serve) -> None:
    """A turn that is cancelled closes its connection, leaves nothing running, and its thread goes on."""
    server = serve(HELD, timeout=30.0)
    before = asyncio.all_tasks()
    task = await begun(waypost, server, "cancelled")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.left.wait, 2)
    await ended(before)
    server.plan(said("The seal is replaced after 8,000 hours of operation [1]."))
    answer = await waypost.ask("When is the seal replaced?", thread="cancelled")
    assert "8,000 hours" in answer["answer"]
    assert answer["usage"]["model_calls"] == 1


async def test_a_reader_who_leaves(waypost: Waypost, serve: Serve) -> None:
    """A reader who stops reading ends the turn."""
    server = serve(Act([*saying(LONG)[:8], 30.0]), timeout=30.0)
    before = asyncio.all_tasks()
    events = waypost.stream(QUESTION, thread="left")
    async for event in events:
        if event["type"] == "token":
            break
    await events.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert await asyncio.to_thread(server.left.wait, 2)
    await ended(before)


async def test_turns_of_one_thread(waypost: Waypost, serve: Serve) -> None:
    """Turns that are asked at once on one thread run one after the other, and none is forgotten."""
    serve(Act([0.1, *said(REPLY).parts]))
    questions = [QUESTION, "年假有几天？", "Which vibration is allowed?"]
    answers = await asyncio.gather(*(waypost.ask(one, thread="same") for one in questions))
    assert [answer["route"]["question"] for answer in answers] == questions
    server = serve(said(REPLY))
    await waypost.ask(QUESTION, thread="same")
    prompt = str(server.requests[-1]["messages"])
    assert all(question in prompt for question in questions)


async def test_an_approval_is_given_once(waypost: Waypost, serve: Serve) -> None:
    """Of two who approve the same call at once, one is told that nothing waits any more."""
    serve(said("Ordered 3 of seal [1]."))
    before = len(runs(waypost.project))
    assert (await waypost.ask("Order 3 seals", thread="twice"))["pending"] is not None
    done = await asyncio.gather(
        *(waypost.resume(thread="twice", decisions=[{"type": "approve"}]) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(isinstance(one, ThreadError) for one in done) == [False, True]
    assert [run["count"] for run in runs(waypost.project)[before:]] == [3]


async def test_closing_while_turns_run(tiny_project: MakeProject, serve: Serve) -> None:
    """A project that is closed ends its turns at once, each with an error that says so."""
    async with Waypost.open(tiny_project()) as waypost:
        await waypost.ingest()
        server = serve(HELD, of=waypost, timeout=30.0)
        tasks = [await begun(waypost, server, f"closed-{number}") for number in range(3)]
        tasks.append(asyncio.create_task(waypost.ask(QUESTION, thread="closed-0")))
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in done] == [ClosedError] * 4
    with pytest.raises(ClosedError, match="ask again"):
        await waypost.ask(QUESTION)
    assert await asyncio.to_thread(server.left.wait, 2)
