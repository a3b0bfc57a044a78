"""Conversations outlive the process, in SQLite and in a real Postgres."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import Principal, Waypost
from agent.errors import StoreError, ThreadError
from agent.settings import ThreadSettings, load
from tests.postgres import MISSING, postgres

ROOT = Path(__file__).parents[2]
SETTINGS = """\
[project]
language = "en"
default_access = "public"

[[index]]
name = "manual"
title = "Pump manual"
description = "pump, seal, bearing, lubrication"
sources = ["docs/*"]
embedding = "none"
examples = ["How often is the bearing lubricated?", "When is the seal replaced?"]

[[tool]]
use = "tools:order"
effects = true
examples = ["Order 3 seals", "Please order 12 seals", "Order a seal"]

[[tool]]
use = "tools:count"
examples = ["How many seals are in stock?", "Count the seals"]

[[tool]]
use = "tools:scrap"
approve = true
examples = ["Scrap 3 seals", "Please scrap 12 old seals"]
"""
TOOLS = '''\
"""Tools that record their runs and then wait while the file `wait` is there."""

import json
import time
from pathlib import Path
from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field

HERE = Path(__file__).parent
Number = Annotated[int, Field(title="number of pieces")]


def record(name: str) -> None:
    with (HERE / "runs.jsonl").open("a") as file:
        file.write(json.dumps(name) + "\\n")
    while (HERE / "wait").exists():
        time.sleep(0.02)


@tool
def order(number: Number) -> str:
    """Orders seals."""
    record("order")
    return f"Ordered {number} seals."


@tool
def scrap(number: Number) -> str:
    """Scraps old seals."""
    record("scrap")
    return f"Scrapped {number} seals."


@tool
def count() -> str:
    """Says how many seals are in stock."""
    record("count")
    return "40 seals in stock."
'''
ASK = """\
import asyncio, json, sys
from pathlib import Path
from agent import Principal, Waypost

async def main():
    async with Waypost.open(sys.argv[1]) as waypost:
        answer = await waypost.ask(sys.argv[2], thread=sys.argv[3], principal=Principal("li"))
        print(json.dumps(answer["pending"]))

asyncio.run(main())
"""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where threads are kept: nothing said, or a database."""
    if request.param == "sqlite":
        yield ""
        return
    if MISSING:
        pytest.skip(MISSING)
    with postgres(tmp_path_factory.mktemp("postgres")) as found:
        yield found


@pytest.fixture
async def project(tmp_path: Path, url: str) -> Path:
    """Return a small project that is ingested, and keeps its threads there."""
    kept = f'\n[threads]\nurl = "{url}"\n' if url else ""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pump.md").write_text(
        "# Pump\n\nThe bearing is lubricated every 500 hours. The seal is replaced after 8,000 hours.\n"
    )
    (tmp_path / "waypost.toml").write_text(SETTINGS + kept)
    (tmp_path / "tools.py").write_text(TOOLS)
    async with Waypost.open(tmp_path) as waypost:
        await waypost.ingest()
    return tmp_path


def runs(project: Path) -> list[str]:
    """Return the tools that ran."""
    path = project / "runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def killed_while(project: Path, question: str) -> None:
    """Ask in a process of its own, and kill it as soon as a tool has had its effect."""
    (project / "wait").touch()
    with subprocess.Popen(
        [sys.executable, "-c", ASK, str(project), question, project.name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    ) as process:
        ends = time.monotonic() + 60
        before = len(runs(project))
        while len(runs(project)) == before and process.poll() is None:
            assert time.monotonic() < ends, "no tool ran"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    (project / "wait").unlink()


LI = Principal("li")


@pytest.mark.slow
async def test_a_conversation_goes_on_after_a_restart(project: Path) -> None:
    """What was asked before is known to a project that is opened anew, to its own principal alone."""
    async with Waypost.open(project) as waypost:
        await waypost.ask("How often is the bearing lubricated?", thread=project.name, principal=LI)
    async with Waypost.open(project) as waypost:
        followed = await waypost.ask(
            "And when is the seal replaced?", thread=project.name, principal=LI
        )
        with pytest.raises(ThreadError):
            await waypost.resume(thread=project.name, principal=LI)
        with pytest.raises(ThreadError):
            await waypost.resume(thread=project.name, principal=Principal("eve"))
    assert "8,000 hours" in followed["answer"]


@pytest.mark.slow
async def test_an_approval_waits_for_the_next_process(project: Path) -> None:
    """Who asked decides after a restart, and the call is made once."""
    asked = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", ASK, str(project), "Scrap 3 seals", project.name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(asked.stdout)["action_requests"][0]["args"] == {"number": 3}
    decisions: list[dict[str, Any]] = [{"type": "approve"}]
    async with Waypost.open(project) as waypost:
        answer = await waypost.resume(thread=project.name, decisions=decisions, principal=LI)
        with pytest.raises(ThreadError):
            await waypost.resume(thread=project.name, decisions=decisions, principal=LI)
    assert "Scrapped 3 seals." in answer["answer"]
    assert runs(project) == ["scrap"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "made", "said"),
    [
        ("Order 3 seals", ["order"], "A person has to check"),
        ("Count the seals", ["count", "count"], "40 seals in stock"),
    ],
    ids=["with effects", "without"],
)
async def test_a_killed_turn_goes_on(
    project: Path, question: str, made: list[str], said: str
) -> None:
    """After kill -9 in a tool the turn goes on at that step; what has side effects is not run twice."""
    killed_while(project, question)
    async with Waypost.open(project) as waypost:
        answer = await waypost.resume(thread=project.name, principal=LI)
        assert (await waypost.ask("When is the seal replaced?", thread=project.name, principal=LI))[
            "citations"
        ]
    assert runs(project) == made
    assert said in answer["answer"]
    assert answer["route"]["question"] == question


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.slow
async def test_a_finished_turn_leaves_one_checkpoint(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Postgres does not grow with every step of every turn."""
    import psycopg

    folder = tmp_path_factory.mktemp("pruned")
    (folder / "waypost.toml").write_text(SETTINGS)
    (folder / "tools.py").write_text(TOOLS)
    (folder / "docs").mkdir()
    (folder / "docs" / "a.md").write_text("The seal is replaced after 8,000 hours.")
    with postgres(tmp_path_factory.mktemp("server")) as found:
        settings = load(folder).model_copy(update={"threads": ThreadSettings(url=found)})
        async with Waypost.open(folder, settings=settings) as waypost:
            await waypost.ingest()
            for _ in range(3):
                await waypost.ask("When is the seal replaced?", thread="t")
        with psycopg.connect(found) as connection:
            [count] = connection.execute("SELECT count(*) FROM checkpoints").fetchone() or [0]
    assert count == 1


async def test_a_database_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that does not answer is named with its cure, and without its password."""
    monkeypatch.setattr("agent.threads.PATIENCE", 1.0)
    (tmp_path / "waypost.toml").write_text(SETTINGS.partition("[[tool]]")[0])
    (tmp_path / "docs").mkdir()
    url = "postgresql://li:secret@127.0.0.1:9/none"
    settings = load(tmp_path).model_copy(update={"threads": ThreadSettings(url=url)})
    async with Waypost.open(tmp_path, settings=settings) as waypost:
        with pytest.raises(StoreError, match=r"threads\.url") as caught:
            await waypost.ask("When is the seal replaced?")
    assert "secret" not in str(caught.value)
