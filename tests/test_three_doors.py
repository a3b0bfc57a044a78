"""The same questions give the same routes, citations and answers in Python, on the server and in the terminal."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from langgraph_sdk import get_client

from agent import Waypost
from agent.cli.chat.threads import Conversations
from tests.doors import Row, differences, essence, in_python, labelled
from tests.serving import ROOT, command, copy_example, free_port, running

AT_ONCE = 4  # threads on the server
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example project, ingested by the first door."""
    return copy_example(tmp_path_factory.mktemp("doors") / "project")


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """The example's labelled questions."""
    return labelled()


@pytest.fixture(scope="module")
async def in_process(project: Path, rows: list[Row]) -> dict[str, Row]:
    """What Python answers."""
    return await in_python(project, rows)


async def test_the_server_answers_alike(
    project: Path, rows: list[Row], in_process: dict[str, Row]
) -> None:
    """Each question on a thread of its own over the SDK, several at once."""
    port = free_port()
    serve = command("serve", "--open", "--port", str(port))
    room = asyncio.Semaphore(AT_ONCE)

    async def ask(client: Any, row: Row) -> tuple[str, Row]:
        async with room:
            thread = (await client.threads.create())["thread_id"]
            for text in [*row.get("after", ()), row["question"]]:
                turn = {"messages": [{"role": "user", "content": text}]}
                values = await client.runs.wait(thread, "waypost", input=turn)
        return row["id"], essence(values["answer"])

    with running(serve, project, port, project / "server.log") as server, server.log_on_failure():
        async with get_client(url=server.url) as client:
            found = dict(await asyncio.gather(*(ask(client, row) for row in rows)))
    assert differences(found, in_process) == []


async def test_the_terminal_answers_alike(
    project: Path, rows: list[Row], in_process: dict[str, Row]
) -> None:
    """All questions through one chat, each in a conversation of its own; and it shows what it stores."""
    lines = []
    for row in rows:
        lines += [f"/thread terminal-{row['id']}", *row.get("after", ()), row["question"]]
    done = await asyncio.to_thread(
        subprocess.run,
        command("chat", "--project", str(project)),
        input="\n".join(lines) + "\n",
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    async with Waypost.open(project) as waypost:
        conversations = Conversations(waypost)
        for row in rows:
            memory = await conversations.read(None, f"terminal-{row['id']}")
            found[row["id"]] = essence(memory.values["answer"])
        await conversations.close()
    assert differences(found, in_process) == []
    unseen = [
        row["id"] for row in rows if found[row["id"]]["answer"].splitlines()[0] not in done.stdout
    ]
    assert not unseen
