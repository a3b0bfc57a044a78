"""Turns of many users at once, on a server and in process: latency, errors and memory, also during ingestion.

`python benchmarks/serving.py [--door python|server|both] [--users N] [--every S] [--minutes M] [--pause S]`.
Local models and the embedded engine. Each user asks a question of the example project once in every `--every`
seconds, at a moment of chance. Three phases in one run, to be compared with each other: one user alone;
all users; all users while 1,000 new lexical documents are ingested, again and again with a pause between.
Latency on a server is that of `/runs/wait` on a thread of the user's own. Memory is the resident set of
all processes that serve (Linux alone). Exit code 1 on an error.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent import Principal, Waypost
from benchmarks.warm import PROJECTS, QUESTIONS, ROOT

SINGLE = 60  # turns of the user who is alone
BETWEEN = 0.3  # seconds between them
DOCUMENTS = 1000
INDEX = """
[[index]]
name = "minutes"
title = "会议纪要"
description = "会议纪要、会议决定、参会人员"
embedding = "none"
sources = ["minutes/*.md"]
"""
QUIET = {"LANGGRAPH_NO_VERSION_CHECK": "true", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}

Ask = Callable[[int, str], Awaitable[None]]
Ingest = Callable[[], Awaitable[None]]


@dataclass
class Phase:
    """What one phase measured.

    Args:
        name: what happened in it.
        seconds: the latency of each turn.
        busy: of those, the turns that overlapped an ingestion.
        errors: turns that failed, as their errors say.
        memory: MiB at the beginning, and after each half minute.
        ingested: seconds that each ingestion took.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    ingested: list[float] = field(default_factory=list)

    def report(self, alone: float | None) -> None:
        """Print the phase; `alone` is the 95th percentile of a user alone."""
        p50, p95 = percentile(self.seconds, 0.5), percentile(self.seconds, 0.95)
        beside = "" if alone is None else f"  = {p95 / alone:4.2f} x one user's"
        print(
            f"{self.name:<34} {len(self.seconds):4} turns  {len(self.errors)} errors  "
            f"p50 {p50 * 1000:5.0f}  p95 {p95 * 1000:5.0f} ms{beside}"
        )
        if self.ingested:
            took = ", ".join(f"{one:.0f}" for one in self.ingested)
            print(
                f"{'':<34} ingestions of {DOCUMENTS} documents took {took} s; {len(self.busy)} turns "
                f"meanwhile, p95 {percentile(self.busy, 0.95) * 1000:5.0f} ms"
            )
        print(f"{'':<34} memory {', '.join(f'{one:.0f}' for one in self.memory)} MiB")
        for error in self.errors[:3]:
            print(f"  {error}", file=sys.stderr)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of some values lie."""
    ordered = sorted(values) or [float("nan")]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def resident(root: int, project: Path) -> float:
    """Return the MiB that a process, its children and the owner of its store hold, shared pages once each."""
    store = str(project).encode()
    parents: dict[int, int] = {}
    owners = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stat = (process / "stat").read_text().rsplit(")", 1)[1].split()
            parents[int(process.name)] = int(stat[1])
            command = (process / "cmdline").read_bytes()
            if b"indexes.stores.owner" in command and store in command:
                owners.append(int(process.name))
    own = {root, *owners}
    while more := {one for one, parent in parents.items() if parent in own} - own:
        own |= more
    total = 0
    for one in own:
        with suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def questions() -> Iterator[str]:
    """Yield questions, no two alike, so that nothing is remembered of one."""
    asked = [question.format(name) for question in QUESTIONS for name in PROJECTS]
    number = 0
    while True:
        random.shuffle(asked)
        number += 1
        yield from (f"{question[:-1]}（第{number}次问）？" for question in asked)


async def one_user(ask: Ask, texts: Iterator[str], memory: Callable[[], float]) -> Phase:
    """Ask one question after the other."""
    phase = Phase("one user", memory=[memory()])
    for _ in range(SINGLE):
        await _turn(phase, ask, 0, next(texts))
        await asyncio.sleep(BETWEEN)
    phase.memory.append(memory())
    return phase


async def many_users(
    name: str,
    ask: Ask,
    texts: Iterator[str],
    memory: Callable[[], float],
    options: argparse.Namespace,
    ingest: Ingest | None = None,
) -> Phase:
    """Let all users ask, each once in every interval."""
    phase = Phase(name)
    end = time.perf_counter() + options.minutes * 60
    working: list[tuple[float, float]] = []

    async def user(number: int) -> None:
        begin = time.perf_counter()
        while begin + options.every <= end:
            await asyncio.sleep(begin + random.uniform(0, options.every) - time.perf_counter())
            await _turn(phase, ask, number, next(texts), working)
            begin += options.every
            await asyncio.sleep(max(0.0, begin - time.perf_counter()))

    async def watch() -> None:
        while True:
            phase.memory.append(memory())
            await asyncio.sleep(30)

    async def ingesting() -> None:
        while ingest is not None:
            started = time.perf_counter()
            working.append((started, float("inf")))
            await ingest()
            working[-1] = (started, time.perf_counter())
            phase.ingested.append(working[-1][1] - started)
            await asyncio.sleep(options.pause)

    beside = [asyncio.create_task(watch()), asyncio.create_task(ingesting())]
    await asyncio.gather(*(user(number) for number in range(options.users)))
    if beside[1].done():
        await beside[1]  # an ingestion that failed says so
    for task in beside:
        task.cancel()
    return phase


async def _turn(
    phase: Phase,
    ask: Ask,
    user: int,
    text: str,
    working: list[tuple[float, float]] | None = None,
) -> None:
    started = time.perf_counter()
    try:
        await ask(user, text)
    except Exception as error:  # it is counted and told
        phase.errors.append(f"{type(error).__name__}: {error}")
    ended = time.perf_counter()
    phase.seconds.append(ended - started)
    if any(started < end and ended > begin for begin, end in working or ()):
        phase.busy.append(ended - started)


def write_documents(project: Path, batch: int) -> None:
    """Write lexical documents that are not there yet."""
    folder = project / "minutes"
    folder.mkdir(exist_ok=True)
    for number in range(DOCUMENTS):
        text = (
            f"# 第{batch}批第{number}次例会纪要\n\n会议由办公室主持，讨论了编号 M-{batch}-{number} 的事项，"
            f"决定拨付{number * 7 + batch}万元，由第{number % 17}组在{number % 28 + 1}日前办结，并报备案。\n"
        )
        (folder / f"{batch}-{number}.md").write_text(text, encoding="utf-8")


@asynccontextmanager
async def in_process(project: Path) -> AsyncIterator[tuple[Ask, Ingest, int]]:
    """Open the project here."""
    batches = iter(range(1, 1000))
    async with Waypost.open(project) as waypost:
        await waypost.router()

        async def ask(user: int, text: str) -> None:
            await waypost.ask(text, principal=Principal(f"user{user}"))

        async def ingest() -> None:
            await asyncio.to_thread(write_documents, project, next(batches))
            await waypost.ingest()

        yield ask, ingest, os.getpid()


@asynccontextmanager
async def on_server(project: Path) -> AsyncIterator[tuple[Ask, Ingest, int]]:
    """Serve the project, and ingest with the command."""
    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    waypost = [sys.executable, "-c", "from agent.cli.main import run; run()"]
    env = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT)}
    batches = iter(range(1, 1000))
    with (project / "server.log").open("wb") as log:
        serving = await asyncio.create_subprocess_exec(
            *[*waypost, "serve", "--open", "--port", str(port), "--project", str(project)],
            env=env,
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while not await _ready(client):
                if serving.returncode is not None:
                    raise RuntimeError((project / "server.log").read_text(encoding="utf-8"))
                await asyncio.sleep(0.5)
            threads: dict[int, str] = {}

            async def ask(user: int, text: str) -> None:
                if user not in threads:
                    made = await client.post("/threads", json={})
                    threads[user] = made.raise_for_status().json()["thread_id"]
                turn = {"messages": [{"role": "user", "content": text}]}
                body: dict[str, Any] = {"assistant_id": "waypost", "input": turn}
                done = await client.post(f"/threads/{threads[user]}/runs/wait", json=body)
                done.raise_for_status().json()["answer"]  # an error has none

            async def ingest() -> None:
                await asyncio.to_thread(write_documents, project, next(batches))
                one = await asyncio.create_subprocess_exec(
                    *waypost, "ingest", "--project", str(project), "--json",
                    env=env, stdout=subprocess.DEVNULL,
                )  # fmt: skip
                if await one.wait():
                    raise RuntimeError("`waypost ingest` failed")

            yield ask, ingest, serving.pid
    finally:
        serving.terminate()
        await serving.wait()


async def _ready(client: Any) -> bool:
    import httpx

    try:
        return bool((await client.get("/ready")).is_success)
    except httpx.TransportError:
        return False


async def measured(door: str, options: argparse.Namespace) -> bool:
    """Measure one door and print; say whether nothing failed."""
    # the store's owner may still be ending
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        project = Path(folder) / "project"
        shutil.copytree(
            ROOT / "examples" / "urban_construction",
            project,
            ignore=shutil.ignore_patterns(".waypost"),
        )
        with (project / "waypost.toml").open("a", encoding="utf-8") as file:
            file.write(INDEX)
        async with Waypost.open(project) as waypost:
            await waypost.ingest()
        opened = in_process if door == "python" else on_server
        async with opened(project) as (ask, ingest, process):
            texts = questions()

            def memory() -> float:
                return resident(process, project)

            for _ in range(5):
                await ask(0, next(texts))
            print(f"--- {door}")
            single = await one_user(ask, texts, memory)
            single.report(None)
            alone = percentile(single.seconds, 0.95)
            together = f"{options.users} users"
            many = await many_users(together, ask, texts, memory, options)
            many.report(alone)
            during = await many_users(f"{together}, ingestion", ask, texts, memory, options, ingest)
            during.report(alone)
            rise = percentile(during.seconds, 0.95) / percentile(many.seconds, 0.95) - 1
            print(f"{'':<34} p95 {rise:+.0%} beside the same without ingestion")
    return not (single.errors or many.errors or during.errors)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--door", choices=["python", "server", "both"], default="both")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--every", type=float, default=20, help="seconds")
    parser.add_argument("--minutes", type=float, default=3, help="of each phase with many users")
    parser.add_argument("--pause", type=float, default=20, help="seconds between two ingestions")
    options = parser.parse_args()
    doors = ["python", "server"] if options.door == "both" else [options.door]
    fine = [asyncio.run(measured(door, options)) for door in doors]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
