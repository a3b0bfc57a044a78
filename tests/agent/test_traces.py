"""Traces are kept by opt-in alone, without personal data, beside the turns and never in their way."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import re
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from typer.testing import CliRunner

from agent import Principal, Waypost, WaypostSync, evaluation
from agent.cli.traces import app
from agent.errors import ConfigurationError, StoreError, ThreadError, UsageError
from agent.settings import Settings, TraceSettings, load
from agent.threads import thread_key
from agent.traces import Trace, Traces
from agent.traces.redaction import Redactor
from agent.traces.types import TracePassage
from tests.agent.redaction_cases import FOUND, LEFT
from tests.agent.test_chat import Chat
from tests.agent.tiny import write_tiny_project

ROOT = Path(__file__).parent.parent.parent
KEEP = ("[routing]", '[traces]\nkeep = true\npatterns = {badge = "BG-[0-9]{4}"}\n\n[routing]')
LI, WU = Principal("li.lei"), Principal("wu.min")
QUESTION = "年假有几天？"


@pytest.mark.parametrize(("text", "kept"), FOUND)
def test_personal_data_is_taken_out(text: str, kept: str) -> None:
    """A kind stands where a phone, an identity card, an address, a card or a credential stood."""
    assert Redactor({}).text(text) == kept


@pytest.mark.parametrize("text", LEFT)
def test_other_numbers_are_left(text: str) -> None:
    """Amounts, dates, articles, orders and models are what questions are about."""
    assert Redactor({}).text(text) == text


def test_plain_data_is_searched_to_its_leaves() -> None:
    """Keys and numbers of tools' results count too, and a key says what its number is."""
    found = {
        "phone": 13800138000,
        "amount": 13800138000,
        "投资额（元）": "13800138000",
        "订单号": 13812345678,
        "api_key": "x",
        "input_tokens": 12,
        "rows": [{"li.wei@example.com": [True, None, 1.5, "转 010-65521234"]}],
    }
    assert Redactor({}).value(found) == {
        **found,
        "phone": "[phone]",
        "api_key": "[redacted]",
        "rows": [{"[email]": [True, None, 1.5, "转 [phone]"]}],
    }


def test_a_projects_own_patterns() -> None:
    """They come first, and what is no usable pattern is told when the project is opened."""
    assert Redactor({"badge": "BG-[0-9]{4}"}).text("工牌BG-1234") == "工牌[badge]"
    for name, pattern in (("open", "("), ("all", "x*"), ("two words", "x")):
        with pytest.raises(ValueError, match=f"patterns.{name}"):
            TraceSettings(keep=True, patterns={name: pattern})


@pytest.mark.parametrize(
    "sign", ["1", "1 ", "1-", "+1", "a", "a.", "@", "+1 (", "金额 ", "a@b.", "（0"]
)
def test_hostile_texts_take_no_time(sign: str) -> None:
    """However a text is made, the time grows with its length and no faster."""
    text = sign * (20_000 // len(sign))
    began = time.perf_counter()
    Redactor({}).text(text)
    assert time.perf_counter() - began < 1.0


@pytest.fixture(scope="module")
async def kept(tiny: Waypost, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Waypost]:
    """Return a small project that keeps traces."""
    folder = write_tiny_project(tmp_path_factory.mktemp("traces") / "project")
    settings = folder / "waypost.toml"
    settings.write_text(settings.read_text("utf-8").replace(*KEEP, 1), "utf-8")
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    async with Waypost.open(folder) as made:
        await made.ingest()
        yield made


async def last(waypost: Waypost) -> Trace:
    """Return the trace of the last turn."""
    assert waypost.traces is not None
    return [one async for one in waypost.traces.read()][-1]


async def test_nothing_is_kept_unless_asked(tiny: Waypost) -> None:
    """Without the setting a turn leaves no trace, and feedback says how to keep it."""
    await tiny.ask(QUESTION, principal=LI, thread="untraced")
    assert tiny.traces is None
    assert not list((tiny.project / ".waypost").glob("traces*"))
    with pytest.raises(ConfigurationError, match="keep = true"):
        await tiny.feedback(thread="untraced", good=True, principal=LI)


async def test_a_turn_is_kept(kept: Waypost) -> None:
    """What was asked, routed, found and answered is there; who asked, and their numbers, are not."""
    asked = "年假有几天？我的电话是13800138000，工牌BG-1234"
    answer = await kept.ask(asked, principal=LI, thread="t")
    trace = await last(kept)
    assert set(trace) == set(Trace.__annotations__)
    assert trace["asked"] == "年假有几天？我的电话是[phone]，工牌[badge]"
    assert trace["language"] == "zh"
    assert trace["route"]["decided_by"] == answer["route"]["decided_by"]
    assert trace["route"]["question"] == trace["question"]
    assert trace["action"] == answer["action"]
    assert trace["usage"] == answer["usage"]
    assert trace["timings_ms"]["route"] == answer["timings_ms"]["route"]
    assert datetime.now(UTC) - datetime.fromisoformat(trace["time"]) < timedelta(minutes=1)
    whole = json.dumps(trace, ensure_ascii=False)
    assert not re.search("13800138000|BG-1234|li.lei", whole)


async def test_documents_texts_stay_in_the_store(kept: Waypost, tmp_path: Path) -> None:
    """Passages and citations are kept by name; `texts = true` keeps their texts too."""
    answer = await kept.ask(QUESTION, thread="texts")
    trace = await last(kept)
    assert trace["principal"] == ""
    assert trace["answer"] == answer["answer"]
    [first, *_] = trace["passages"]
    assert set(first) == {"index", "document", "chunk_id"}
    [cited] = trace["citations"]
    assert "text" not in cited
    assert (cited["document"], cited["location"]) == (
        answer["citations"][0]["document"],
        answer["citations"][0]["location"],
    )
    settings = Settings.model_validate({"traces": {"keep": True, "texts": True}})
    async with Traces.open(tmp_path, settings) as traces:
        passage: TracePassage = {**first, "text": "七天，电话13800138000"}
        await traces.record({**trace, "passages": [passage]})
        [full] = [one async for one in traces.read()]
    assert full["passages"] == [{**first, "text": "七天，电话[phone]"}]


async def test_tools_arguments_and_results(kept: Waypost) -> None:
    """A call is kept with its arguments and result, also one that failed."""
    await kept.ask("Read the pressure gauge", thread="tools")
    trace = await last(kept)
    [call] = trace["tool_calls"]
    assert (call["name"], call["args"]) == ("read_gauge", {"gauge": "pressure"})
    assert "error" in call["result"]
    assert trace["action"] == "act"


async def test_a_turn_that_was_cut_short(kept: Waypost, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that a limit ends from outside is kept too, as far as it came."""
    monkeypatch.setattr("agent.app.RECURSION_LIMIT", 3)
    answer = await kept.ask(QUESTION, principal=LI, thread="cut")
    trace = await last(kept)
    assert (trace["limit"], trace["answer"]) == ("steps", answer["answer"])
    assert trace["route"] == answer["route"]
    assert (await kept.feedback(thread="cut", good=True, principal=LI))["good"]


async def test_feedback_is_for_ones_own_answers(kept: Waypost) -> None:
    """It goes to the last turn of the thread; for anyone else there is no such thread."""
    for question in ("婚假怎么申请？", QUESTION):
        await kept.ask(question, principal=LI, thread="mine")
    said = await kept.feedback(thread="mine", good=False, note=" 回拨13800138000 ", principal=LI)
    assert (said["good"], said["note"]) == (False, "回拨[phone]")
    assert kept.traces is not None
    found = [one async for one in kept.traces.read(good=False)]
    assert [(one["asked"], one["feedback"]) for one in found] == [(QUESTION, said)]
    for who in (WU, None):
        with pytest.raises(ThreadError, match="mine"):
            await kept.feedback(thread="mine", good=True, principal=who)
    with pytest.raises(ThreadError):
        await kept.feedback(thread="other", good=True, principal=LI)
    changed = await kept.feedback(thread="mine", good=True, principal=LI)
    assert (await last(kept))["feedback"] == changed


async def test_a_correction_stays_with_its_turn(kept: Waypost) -> None:
    """What was said to be right is known of the turn, not only of the question."""
    question = "How long does grease last?"
    await kept.ask(question, principal=LI, thread="corrected")
    before = await last(kept)
    await kept.ask("Which vibration is allowed?", principal=LI, thread="corrected")
    await kept.correct(question, action="search", indexes=["manual"], principal=LI)
    await kept.correct("Nobody asked this before", action="answer", principal=LI)
    assert kept.traces is not None
    right = {one["id"]: one["correction"] async for one in kept.traces.read()}
    assert right[before["id"]] == {"action": "search", "indexes": ["manual"], "tool": None}
    assert sum(one is not None for one in right.values()) == 1


async def test_labelled_questions_are_not_kept(kept: Waypost) -> None:
    """What a tuned model is measured on must not be among what it learns from."""
    assert kept.traces is not None
    before = (await kept.traces.stats())["traces"]
    await evaluation.evaluate(kept, [{"id": "1", "question": "病假要谁批准？", "action": "search"}])
    assert (await kept.traces.stats())["traces"] == before


async def test_chat(kept: Waypost, capsys: pytest.CaptureFixture[str]) -> None:
    """/good and /bad keep what a person thinks, and why; /bad is noted as a wrong route too."""
    chat = Chat(kept, capsys)
    assert "Nothing has been asked yet." in await chat.says("/good")
    await chat.says(QUESTION)
    assert "Noted, thank you." in await chat.says("/good short and right")
    feedback = (await last(kept))["feedback"]
    assert feedback is not None
    assert (feedback["good"], feedback["note"]) == (True, "short and right")
    assert "What is right?" in await chat.says("/bad")
    feedback = (await last(kept))["feedback"]
    assert feedback is not None
    assert not feedback["good"]
    lines = (kept.project / "router" / "corrections.jsonl").read_text("utf-8").splitlines()
    assert json.loads(lines[-1])["right"] is None
    await chat.session.conversations.close()


async def test_a_writer_that_waits_keeps_nobody_waiting(kept: Waypost) -> None:
    """While another process holds the file, turns end as ever; their traces come when it lets go."""
    assert kept.traces is not None
    before = (await kept.traces.stats())["traces"]
    path = kept.project / ".waypost" / "traces.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.perf_counter()
        for _ in range(3):
            answer = await kept.ask(QUESTION, thread="waiting")
        assert time.perf_counter() - began < 2.0
        assert answer["action"] == "search"
        other.execute("ROLLBACK")
    assert (await kept.traces.stats())["traces"] == before + 3


async def test_a_trace_that_fails_fails_no_turn(
    kept: Waypost, tiny_project: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """A file that cannot be used is a warning in the log, without any text, and feedback says so."""
    folder = tiny_project(KEEP)
    (folder / ".waypost" / "traces.salt").write_bytes(b"s" * 32)
    (folder / ".waypost" / "traces.db").write_bytes(b"no database " * 400)
    async with Waypost.open(folder) as waypost:
        await waypost.ingest()
        with caplog.at_level(logging.WARNING, "waypost"):
            answer = await waypost.ask(QUESTION, thread="t")
            with pytest.raises(StoreError, match="cannot be used"):
                await waypost.feedback(thread="t", good=True)
    assert answer["action"] == "search"
    told = [one.getMessage() for one in caplog.records if "trace.failed" in one.getMessage()]
    assert told
    assert QUESTION not in "".join(told)


def test_without_an_event_loop(tiny_project: Callable[..., Path]) -> None:
    """The synchronous twin gives feedback too, and closing writes what still waits."""
    folder = tiny_project(KEEP)
    with WaypostSync.open(folder) as waypost:
        waypost.ingest()
        answer = waypost.ask(QUESTION, principal=LI)
        waypost.feedback(thread=answer["thread_id"], good=True, principal=LI)
        waypost.ask("婚假怎么申请？", principal=LI)
    stats = printed("stats", "--project", folder)
    assert {key: stats[key] for key in ("traces", "users", "good", "bad", "corrected")} == {
        "traces": 2, "users": 1, "good": 1, "bad": 0, "corrected": 0
    }  # fmt: skip


# The store by itself.


def made(number: int, who: str = "li.lei", text: str = "", age: float = 0.0) -> Trace:
    """Return a trace, `age` days old."""
    at = datetime.now(UTC) - timedelta(days=age)
    return {
        "id": f"{who}-{number}-{text[:8]}",
        "time": at.isoformat(timespec="milliseconds"),
        "thread": thread_key(Principal(who), "t"),
        "principal": who,
        "asked": text or f"question {number}",
        "question": text or f"question {number}",
        "language": "en",
        "route": {
            "question": "q", "action": "search", "indexes": [], "tools": [], "candidates": [],
            "confidence": 0.5, "reason": "", "decided_by": "classifier",
        },
        "parts": [], "passages": [], "tool_calls": [], "offered": [], "answer": text * 3,
        "action": "abstain", "citations": [], "grounded": False, "confidence": 0.5, "limit": None,
        "model": {}, "usage": {"model_calls": 0, "input_tokens": 0, "output_tokens": 0},
        "timings_ms": {}, "feedback": None, "correction": None,
    }  # fmt: skip


def write_many(folder: Path, writer: int, count: int) -> None:
    """Write traces as one process of several does."""

    async def work() -> None:
        async with Traces.open(folder, Settings()) as traces:
            for number in range(count):
                await traces.record(made(number, f"user{writer}"))
                await asyncio.sleep(0)
            await traces.feedback(
                thread_key(Principal(f"user{writer}"), "t"), f"user{writer}", True
            )

    asyncio.run(work())


def readable(folder: Path) -> list[Trace]:
    """Return all traces, read anew."""

    async def work() -> list[Trace]:
        async with Traces.open(folder, Settings()) as traces:
            return [one async for one in traces.read()]

    return asyncio.run(work())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_eight_write_at_once(tmp_path: Path, kind: str) -> None:
    """Eight writers that begin together, where no file is yet, lose nothing."""
    if kind == "threads":
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: write_many(tmp_path, one, 25), range(8)))
    else:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.agent.test_traces"])
        workers = [context.Process(target=write_many, args=(tmp_path, one, 25)) for one in range(8)]
        for one in workers:
            one.start()
        for one in workers:
            one.join(60)
        assert [one.exitcode for one in workers] == [0] * 8
    found = readable(tmp_path)
    assert len(found) == len({one["id"] for one in found}) == 200
    assert len({one["principal"] for one in found}) == 8
    assert sum(one["feedback"] is not None for one in found) == 8


async def test_erasing_leaves_no_byte(tmp_path: Path) -> None:
    """After erasing by id nothing of a user is in any file, though others have it open; theirs stay."""
    state = tmp_path / ".waypost"
    async with (
        Traces.open(tmp_path, Settings()) as traces,
        Traces.open(tmp_path, Settings()) as other,
    ):
        for number in range(300):
            who, word = ("li.lei", "needle") if number % 3 else ("wu.min", "haystack")
            await traces.record(made(number, who, f"{word} {number} " * (number % 40 + 1)))
        assert (await traces.stats())["traces"] == 300
        assert len([one async for one in other.read()]) == 300
        await traces.feedback(thread_key(LI, "t"), "li.lei", False, "needle note")
        everything = b"".join(one.read_bytes() for one in state.iterdir())
        assert b"needle" in everything
        assert await traces.erase("li.lei") == 200
        left = b"".join(one.read_bytes() for one in state.iterdir())
        assert not re.search(b"needle|li.lei", left)
        assert b"haystack" in left
        found = [one async for one in other.read()]
        assert len(found) == 100
        assert len({one["principal"] for one in found}) == 1
        assert await traces.erase("li.lei") == 0


async def test_names_are_hashed_by_project(tmp_path: Path) -> None:
    """The same user has another hash in another project, the salt is for its owner alone."""
    hashes = set()
    for name in ("one", "two"):
        async with Traces.open(tmp_path / name, Settings()) as traces:
            await traces.record(made(1))
            await traces.record(made(2))
            hashes |= {one["principal"] async for one in traces.read()}
        state = tmp_path / name / ".waypost"
        assert {one.stat().st_mode & 0o777 for one in state.iterdir()} == {0o600}
    assert len(hashes) == 2
    (tmp_path / "one" / ".waypost" / "traces.salt").unlink()
    with pytest.raises(StoreError, match="salt"):
        async with Traces.open(tmp_path / "one", Settings()) as traces:
            await traces.erase("li.lei")


async def test_what_is_too_old_goes(tmp_path: Path) -> None:
    """Opening deletes what is older than its days, and so does pruning."""
    settings = Settings.model_validate({"traces": {"days": 30}})
    async with Traces.open(tmp_path, settings) as traces:
        for age in (0, 10, 29, 31, 200):
            await traces.record(made(age, age=age))
        assert (await traces.stats())["traces"] == 5
    async with Traces.open(tmp_path, settings, pruned=False) as traces:
        assert await traces.prune() == 2
        since = datetime.now(UTC) - timedelta(days=15)
        assert [one["asked"] async for one in traces.read(since)] == ["question 10", "question 0"]


async def test_reading_goes_on_page_after_page(tmp_path: Path) -> None:
    """Any number of traces is read once each and in order, also those of one moment."""
    async with Traces.open(tmp_path, Settings()) as traces:
        assert [one async for one in traces.read()] == []
        assert not (tmp_path / ".waypost").exists()
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        for number in range(450):
            await traces.record({**made(number), "time": at})
        found = [one["id"] async for one in traces.read()]
    assert sorted(found) == found
    assert len(set(found)) == 450


async def test_what_is_no_plain_data_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither half a character, nor an object, nor a circle of a tool's result stops a turn."""
    circle: list[Any] = []
    circle.append(circle)
    with caplog.at_level(logging.WARNING, "waypost"):
        async with Traces.open(tmp_path, Settings()) as traces:
            for number, result in enumerate((circle, "half \ud83d", {"at": datetime(2026, 1, 2)})):
                call: Any = {"name": "t", "args": {}, "result": result}
                await traces.record({**made(number), "tool_calls": [call]})
            kept = [one["tool_calls"][0]["result"] async for one in traces.read()]
    assert kept == ["half ?", {"at": "2026-01-02 00:00:00"}]
    assert [one.getMessage().count("trace.failed") for one in caplog.records] == [1]


async def test_another_version_is_left_alone(tmp_path: Path) -> None:
    """A file of another version is not written to; the message says what to do."""
    async with Traces.open(tmp_path, Settings()) as traces:
        await traces.record(made(1))
    with closing(sqlite3.connect(tmp_path / ".waypost" / "traces.db")) as database:
        database.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError, match=r"another version of Waypost \(7\)"):
        async with Traces.open(tmp_path, Settings()):
            pass


# The command, the server, the guide.


def printed(*words: str | Path) -> Any:
    """Run a command and return what it prints with --json."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_commands(tmp_path: Path) -> None:
    """Traces are counted, exported and erased from the command line, also when no more are kept."""
    project = write_tiny_project(tmp_path / "project")
    assert printed("stats", "--project", project)["traces"] == 0
    assert not (project / ".waypost").exists()
    write_many(project, 1, 3)
    out = tmp_path / "out.jsonl"
    exported = printed("export", out, "--good", "--since", "7d", "--project", project)
    assert exported["traces"] == 1
    [line] = out.read_text("utf-8").splitlines()
    assert json.loads(line)["feedback"]["good"] is True
    assert out.stat().st_mode & 0o777 == 0o600
    for wrong in (["--since", "soon"], ["--since", "2027-13-01"]):
        with pytest.raises(UsageError, match="is no time"):
            printed("export", out, *wrong, "--project", project)
    with pytest.raises(UsageError, match="cannot be written"):
        printed("export", tmp_path / "no" / "file", "--project", project)
    assert printed("erase", "--user", "user1", "--project", project) == {"erased": 3}
    assert printed("prune", "--project", project) == {"pruned": 0}


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Return a client of the route; it is who the header says."""
    pytest.importorskip("prometheus_client", reason="the `server` extra is not installed")
    from agent.server import feedback
    from agent.server.opened import opened

    async def identified(headers: Any) -> Principal:
        return Principal(headers[b"who"].decode())

    class Opened:
        traces = Traces(tmp_path, Settings())

    monkeypatch.setattr(feedback, "identified", identified)
    monkeypatch.setattr(opened, "waypost", Opened)
    http = Starlette(routes=[Route("/waypost/feedback", feedback.feedback, methods=["POST"])])
    with TestClient(http) as client:
        asyncio.run(Opened.traces.record({**made(1), "thread": "a-thread"}))
        yield client
    asyncio.run(Opened.traces.close())


def test_over_http(door: TestClient, tmp_path: Path) -> None:
    """Who asked gives feedback; for another the thread is not there, and a body must be one."""

    def posted(who: str, body: Any) -> int:
        return door.post("/waypost/feedback", json=body, headers={"who": who}).status_code

    good = {"thread": "a-thread", "good": True, "note": "right"}
    assert posted("wu.min", good) == 404
    assert posted("li.lei", {**good, "thread": "none"}) == 404
    for wrong in (
        {},
        {**good, "good": "yes"},
        {**good, "user": "li.lei"},
        {**good, "note": "x" * 9999},
    ):
        assert posted("li.lei", wrong) == 422
    assert posted("li.lei", good) == 200
    [trace] = readable(tmp_path)
    assert trace["feedback"] is not None
    assert trace["feedback"]["note"] == "right"


def test_settings_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One variable turns traces on, as for a container."""
    monkeypatch.setenv("WAYPOST_TRACES__KEEP", "true")
    assert load(write_tiny_project(tmp_path)).traces.keep
