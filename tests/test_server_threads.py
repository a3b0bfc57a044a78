"""Threads of a served project outlive the server, killed in the middle of a turn or of an approval."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from langgraph_sdk import get_client

from tests.agent.test_threads import SETTINGS, TOOLS, runs
from tests.postgres import MISSING, postgres
from tests.serving import ROOT, command, free_port

pytestmark = pytest.mark.slow
KEPT_IN = [
    "a file",
    pytest.param("Postgres", marks=pytest.mark.skipif(bool(MISSING), reason=MISSING)),
]


@pytest.fixture(params=KEPT_IN)
def project(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Return a small project whose threads are in a file of its own, or in Postgres."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pump.md").write_text("The seal is replaced after 8,000 hours.\n")
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "waypost.toml").write_text(SETTINGS)
    if request.param == "a file":
        yield tmp_path
        return
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        (tmp_path / "waypost.toml").write_text(f'{SETTINGS}\n[threads]\nurl = "{url}"\n')
        yield tmp_path


@contextmanager
def served(project: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve the project until the block ends."""
    asked = command(
        "serve", "--open", "--json", "--project", str(project), "--port", str(free_port())
    )
    with subprocess.Popen(
        asked, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"], process
        finally:
            process.kill()


async def run(url: str, thread: str, **options: Any) -> Any:
    """Run the assistant on a thread, and return the last values."""
    async with get_client(url=url) as client:
        return await client.runs.wait(
            thread, "waypost", if_not_exists="create", durability="sync", **options
        )


def asked(question: str) -> dict[str, Any]:
    """Return the input of a question."""
    return {"messages": [{"role": "user", "content": question}]}


async def test_an_approval_survives_the_server(project: Path) -> None:
    """What waited for a person waits on after kill -9, and runs once."""
    thread = "6f1f9a64-30a6-4b0a-9f0b-0f1d3c3d8a11"
    with served(project) as (url, process):
        values = await run(url, thread, input=asked("Scrap 3 seals"))
        assert values["__interrupt__"]
        process.send_signal(signal.SIGKILL)
    with served(project) as (url, _):
        decisions = {"resume": {"decisions": [{"type": "approve"}]}}
        values = await run(url, thread, command=decisions)
    assert "Scrapped 3 seals." in values["answer"]["answer"]
    assert runs(project) == ["scrap"]


async def test_a_turn_survives_the_server(project: Path) -> None:
    """A turn that was killed in a tool with side effects goes on there, and does not run it twice."""
    thread = "6f1f9a64-30a6-4b0a-9f0b-0f1d3c3d8a12"
    (project / "wait").touch()
    with served(project) as (url, process):
        turn = asyncio.create_task(run(url, thread, input=asked("Order 3 seals")))
        ends = time.monotonic() + 60
        while not runs(project):
            assert time.monotonic() < ends
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        await asyncio.gather(turn, return_exceptions=True)
    (project / "wait").unlink()
    with served(project) as (url, _):
        values = await run(url, thread, input=None)
    assert runs(project) == ["order"]
    assert "A person has to check" in values["answer"]["answer"]
    assert values["answer"]["route"]["question"] == "Order 3 seals"


@pytest.mark.parametrize("project", ["a file"], indirect=True)
async def test_a_run_that_the_server_begins_again(project: Path) -> None:
    """A server that was killed may repeat a run from its question; what has side effects is not repeated."""
    thread = "6f1f9a64-30a6-4b0a-9f0b-0f1d3c3d8a14"
    state = project / ".waypost" / "server"
    (project / "wait").touch()
    with served(project) as (url, process):
        async with get_client(url=url) as client:
            await client.threads.create(thread_id=thread)
            started = await client.runs.create(
                thread, "waypost", input=asked("Order 3 seals"), durability="sync"
            )
        name = started["run_id"].encode()
        ends = time.monotonic() + 60
        # its list of runs is saved every ten seconds
        while not runs(project) or not any(
            name in file.read_bytes() for file in (state / ".langgraph_api").iterdir()
        ):
            assert time.monotonic() < ends
            await asyncio.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    (project / "wait").unlink()
    with closing(sqlite3.connect(state / "threads.db")) as database:  # as if none was written yet
        for table in ("checkpoints", "writes"):
            database.execute(f"DELETE FROM {table}")
        database.commit()
    with served(project) as (url, _):
        async with get_client(url=url) as client:
            values: Any = await client.runs.join(thread, started["run_id"])
    assert runs(project) == ["order"]
    assert "A person has to check" in values["answer"]["answer"]


def said(state: Any) -> list[str]:
    """Return the texts of a state's messages."""
    return [one["content"] for one in state["values"].get("messages", ())]


@pytest.mark.parametrize("project", ["a file"], indirect=True)
async def test_another_answer_and_another_question(project: Path) -> None:
    """One step back from an answer the whole turn is done again, and from a question it is replaced."""
    thread = "6f1f9a64-30a6-4b0a-9f0b-0f1d3c3d8a13"
    with served(project) as (url, _):
        for question in (
            "When is the seal replaced?",
            "After how many hours is the seal replaced?",
        ):
            await run(url, thread, input=asked(question))
        async with get_client(url=url) as client:
            history: Any = await client.threads.get_history(thread)
            assert [len(said(one)) for one in history] == [4, 2, 2, 0]
            parts = client.runs.stream(
                thread, "waypost", checkpoint=history[0]["parent_checkpoint"], stream_mode="updates"
            )
            passed = {node async for part in parts if part.event == "updates" for node in part.data}
            assert {"prepare", "route", "respond", "verify"} <= passed
            again: Any = await client.threads.get_state(thread)
            assert said(again) == said(history[0])
            other = "What happens after 8,000 hours?"
            values = await run(
                url, thread, input=asked(other), checkpoint=history[2]["parent_checkpoint"]
            )
            kept: Any = await client.threads.get_history(thread)
        assert [one["content"] for one in values["messages"]] == [other, values["answer"]["answer"]]
        assert [one["values"] for one in kept[-4:]] == [one["values"] for one in history]
