"""Whole turns against chat models that fail in every way, many at once.

`python benchmarks/faults.py [--turns N] [--at-once N] [--seed N]`. A small project is asked in Chinese and
English: questions about documents, follow-ups, tools whose arguments a model plans, approvals. Its chat
chain has two endpoints on the loopback interface, which answer each request well or with a fault drawn
at random. Some turns are cancelled, and their thread is asked again. The exit code is 1 if a turn raises
an error or hangs, if what was streamed is not the answer, or if anything is left running.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import random
import re
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from agent import Answer, Principal, Waypost
from agent.app import GRACE
from agent.models import ChatModel
from agent.models.dialect import Dialect
from agent.models.endpoint import OpenAIEndpoint
from agent.settings import ROLES, ChatModelSettings
from tests.agent.faults import (
    DONE,
    Act,
    FaultServer,
    busy,
    called,
    error,
    said,
    saying,
)
from tests.agent.tiny import write_tiny_project
from tests.loopback import on_loopback

__all__ = ["KINDS", "Report", "Turn", "run"]

SECONDS = 6.0  # of a turn
SILENT = 1.5  # of a reply's next piece
HEALTHY = 0.4  # of the requests
CANCELLED = 0.06  # of the turns
STREAMED = 0.6
LATE = GRACE + 1.0  # seconds beyond a turn's time after which it hangs
NAMES = ("first", "second")
QUOTED = ("According to “", "根据《")  # how an answer without a model begins
CONTEXT = "This model's maximum context length is 8192 tokens."
KEY = "WAYPOST_FAULTS_KEY"  # the environment variable
ANN = Principal("ann", groups=("finance",))

Made = Callable[[str], Act]

# How a request fails, given what a healthy endpoint would say.
KINDS: dict[str, Made] = {
    # the endpoint refuses
    "HTTP 500": lambda _: error(500),
    "HTTP 503 with a wait": lambda _: replace(busy(0.2), status=503),
    "busy": lambda _: busy(),
    "busy for an hour": lambda _: busy(3600),
    "no quota": lambda _: error(429, "insufficient_quota"),
    "bad key": lambda _: error(401, "invalid_api_key"),
    "no such model": lambda _: error(404, "model_not_found"),
    "too long": lambda _: error(400, "context_length_exceeded", CONTEXT),
    "question filtered": lambda _: error(400, "content_filter"),
    "unknown field": lambda _: error(400, None, "Unrecognized request argument", "response_format"),
    # the connection fails
    "dropped at once": lambda _: Act([], cut=True),
    "silent": lambda _: Act([30.0]),
    "stalls": lambda text: Act([*saying(text)[:3], 30.0]),
    "trickles": lambda text: Act([part for one in saying(text, 1) for part in (one, 0.3)]),
    "kept alive": lambda _: Act([b": ping\n\n", 0.1] * 99),
    "connection lost": lambda text: Act(saying(text)[:4], cut=True),
    "ends without an end": lambda text: Act([*saying(text)[:4], DONE]),
    # the reply is none
    "empty body": lambda _: Act(),
    "HTML": lambda _: Act([b"<html>\ndata: no\n\n</html>"], kind="text/html"),
    "broken JSON": lambda text: Act([*saying(text)[:2], b'data: {"id": "\n\n', DONE]),
    "no choices": lambda _: Act([b'data: {"choices": [{}]}\n\n', DONE]),
    "error in the middle": lambda text: Act(
        [*saying(text)[:3], b'data: {"error": {"message": "down", "code": "oom"}}\n\n']
    ),
    "not UTF-8": lambda _: Act(
        [b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n', DONE]
    ),
    # the reply is of no use
    "filtered in the middle": lambda text: said(text[: len(text) // 2], end="content_filter"),
    "cut by its length": lambda text: said(text[: len(text) // 2], end="length"),
    "nothing but thoughts": lambda _: said("<think>hm, well, let me see", end="length"),
    "no text": lambda _: said(""),
    "unsupported": lambda _: said(
        "The bearing is lubricated every 9,999 hours [1]. 年假有99天 [1]。"
    ),
    "other words": lambda _: said("As an AI model I cannot read this. 我不知道。"),
    "no such source": lambda text: said(text.replace("[", "[7")),
    "many words": lambda text: said(f"{text} " * 300, size=200),
    "control characters": lambda _: said("\x00\x1b[31m\u202e\ud83d\u0000</source>[1]\n\n"),
    "deep JSON": lambda _: said('{"targets":' + "[" * 3000, size=900),
    "broken call": lambda _: called('{"part": ', name="order_part"),
    "unknown call": lambda _: called("{}", name="drop_tables"),
    "wrong arguments": lambda _: called('{"part": 7, "principal": "root"}', name="order_part"),
    # it is only slow
    "slow": lambda text: Act([0.6, *said(text).parts]),
}

# A conversation: what is asked on one thread, one after the other.
CONVERSATIONS: tuple[tuple[str, ...], ...] = (
    ("How often is the bearing lubricated?",),
    ("How often is the bearing lubricated?", "And when is the seal replaced?"),
    ("年假有几天？", "那病假要谁批准？"),
    ("年假有几天？", "它什么时候可以用呢"),
    ("Which vibration is allowed?", "what about at half load"),
    ("婚假和年假分别有几天？",),
    ("When is the seal replaced and how often is the bearing lubricated?",),
    ("pump holidays",),
    ("Who approves the overhaul of the impeller?",),
    ("轴承的润滑脂用量和周期是多少？",),
    ("产假有多少天？",),
    ("Order 3 seals", "And 2 impellers, order them"),
    ("Order a part", "3 seals"),
    ("Read the pressure gauge",),
    ("What does the gauge show?",),
    ("Make the report for the north site",),
    ("查询陈工的工资",),
    ("Which documents do you have?",),
    ("你好", "年假有几天？"),
    ("What is the capital of France?",),
    ("Tell me about it",),
)

# What a healthy model answers, if the words are in its sources.
FACTS = (
    ("every 500 hours", "The bearing is lubricated every 500 hours with 40 g of lithium grease"),
    ("after 8,000 hours", "The mechanical seal is replaced after 8,000 hours of operation"),
    ("below 4.5 mm/s", "The vibration must stay below 4.5 mm/s at full load"),
    ("每年享受年假7天", "员工工作满一年的，每年享受年假7天"),
    ("由部门经理批准", "三天以内的病假由部门经理批准"),
    ("可休婚假10天", "员工结婚可休婚假10天"),
    ("earns 8200", "Chen earns 8200 a month"),
    ("Ordered", "It was ordered"),
)

_TURN: ContextVar[str] = ContextVar("turn", default="0")


class Labelled(Dialect):
    """Says in each request which turn it belongs to, so that its faults do not depend on their order."""

    def fields(
        self, settings: ChatModelSettings, schema: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return what a model is called with."""
        fields = super().fields(settings, schema)
        return {**fields, "extra_body": {**fields.get("extra_body", {}), "user": _TURN.get()}}


class Mixed(FaultServer):
    """Answers well or with a fault, drawn by the turn, the model and how often it was asked."""

    def __init__(self, seed: int, kinds: Sequence[str]) -> None:
        super().__init__()
        self.met: defaultdict[str, list[str]] = defaultdict(list)
        self._seed = seed
        self._kinds = kinds
        self._counts: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()

    def receive(self, path: str, key: str, body: dict[str, Any]) -> Act:
        """Return how to answer a request."""
        turn, model = str(body["user"]), str(body["model"])
        with self._counting:
            self._counts[turn, model] += 1
            drawn = random.Random(f"{self._seed}/{turn}/{model}/{self._counts[turn, model]}")
            kind = "healthy"
            if drawn.random() >= HEALTHY:
                kind = drawn.choice(self._kinds)
            self.met[turn].append(kind)
        healthy = reply(body)
        if kind == "healthy":
            return healthy if isinstance(healthy, Act) else said(healthy)
        return KINDS[kind](healthy if isinstance(healthy, str) else "MISSING")


def reply(body: Mapping[str, Any]) -> str | Act:
    """Return what a good model replies to a request."""
    prompt = "\n".join(str(message["content"]) for message in body["messages"])
    forms = {
        '{"targets"': {"targets": ["manual"], "reason": "pump"},
        '{"sufficient"': {"sufficient": True, "missing": []},
        '{"queries"': {"queries": ["lubrication of the bearing", "轴承 润滑"]},
    }
    for sign, form in forms.items():
        if sign in prompt:
            return json.dumps(form, ensure_ascii=False)
    if found := re.search(r"^(?:Later question|后一个问题)[:：](.*)$", prompt, re.MULTILINE):
        return found[1].strip()
    names = [tool["function"]["name"] for tool in body.get("tools") or ()]
    if "order_part" in names:
        return called('{"part": "seal", "count": 3}', name="order_part")
    if "read_gauge" in names and "offline" not in prompt:
        return called('{"gauge": "flow"}', name="read_gauge")
    told = [
        f"{text} [{number}]. "
        for number, source in re.findall(r'<source id="(\d+)">(.*?)</source>', prompt, re.DOTALL)
        for words, text in FACTS
        if words in source
    ]
    return "".join(told[:3]).strip() or ("NO_ANSWER" if "<sources>" in prompt else "It is Paris.")


@dataclass
class Turn:
    """What became of a turn."""

    number: int
    question: str
    seconds: float = 0.0
    outcome: str = ""
    limit: str | None = None
    calls: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What became of all turns, and what was wrong."""

    turns: list[Turn]
    met: Mapping[str, Sequence[str]]
    seconds: float
    violations: list[str]
    megabytes: tuple[float, float]

    def table(self) -> str:
        """Return the turns by the fault that they met; one that met several is in several rows."""
        rows = [
            f"{'fault':<24}{'turns':>6}{'model':>7}{'local':>7}{'refused':>8}{'asked':>7}{'approval':>9}"
            f"{'limit':>7}{'cancel':>7}{'error':>6}{'p50':>7}{'p95':>7}{'max':>7} s"
        ]
        by_kind: defaultdict[str, list[Turn]] = defaultdict(list)
        for turn in self.turns:
            by_kind["all"].append(turn)
            kinds = set(self.met.get(str(turn.number), ())) or {"no request"}
            for kind in kinds:
                by_kind[kind].append(turn)
        order = ["all", "no request", "healthy", *KINDS]
        for kind in [one for one in order if one in by_kind]:
            turns = by_kind[kind]
            took = sorted(turn.seconds for turn in turns)
            count = Counter(turn.outcome for turn in turns)
            rows.append(
                f"{kind:<24}{len(turns):>6}{count['model']:>7}{count['local']:>7}"
                f"{count['refused']:>8}{count['asked back']:>7}{count['approval']:>9}"
                f"{sum(turn.limit is not None for turn in turns):>7}{count['cancelled']:>7}"
                f"{count['error']:>6}"
                f"{took[len(took) // 2]:>7.2f}{took[int(len(took) * 0.95)]:>7.2f}{took[-1]:>7.2f}"
            )
        return "\n".join(rows)


class Watch:
    """Notes what goes wrong beside the turns: warnings, lost exceptions, tracebacks of threads."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Watch until the block ends."""
        loop = asyncio.get_running_loop()
        before = sys.unraisablehook, threading.excepthook, loop.get_exception_handler()
        sys.unraisablehook = lambda one: self.found.append(f"unraisable: {one.exc_value!r}")
        threading.excepthook = lambda one: self.found.append(f"in a thread: {one.exc_value!r}")
        loop.set_exception_handler(
            lambda _, one: self.found.append(f"{one['message']}: {one.get('exception')!r}")
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
                gc.collect()
            finally:
                sys.unraisablehook, threading.excepthook, handler = before
                loop.set_exception_handler(handler)
        self.found += sorted({f"{one.category.__name__}: {one.message}" for one in caught})


def sockets() -> int:
    """Return how many sockets this process has open (Linux; elsewhere 0)."""
    count = 0
    for link in Path("/proc/self/fd").glob("*"):
        try:
            count += os.readlink(link).startswith("socket:")
        except OSError:
            continue  # it was that of the listing
    return count


def megabytes() -> float:
    """Return this process's memory (Linux; elsewhere 0)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def chain(url: str, seconds: float) -> ChatModel:
    """Return a chat model of two endpoints at one address."""
    endpoints = []
    for name in NAMES:
        table = ChatModelSettings(
            name=name, base_url=url, api_key_env=KEY, timeout=seconds, retries=1
        )
        endpoint = OpenAIEndpoint(table, azure=False)
        endpoint.dialect = Labelled()
        endpoints.append(endpoint)
    return ChatModel(endpoints)


class Asked:
    """Asks a project turns, one conversation after the other, and notes what becomes of them."""

    def __init__(self, waypost: Waypost, seed: int, seconds: float) -> None:
        self.turns: list[Turn] = []
        self._waypost = waypost
        self._seed = seed
        self._seconds = seconds
        self._numbers = iter(range(1, 10**9))

    async def conversations(self, numbers: Iterator[int], turns: int) -> None:
        """Hold conversations until there were enough turns."""
        for number in numbers:
            thread = f"thread-{number}"
            drawn = random.Random(f"{self._seed}/{number}")
            for question in CONVERSATIONS[number % len(CONVERSATIONS)]:
                if len(self.turns) >= turns:
                    return
                cancelled = drawn.random() < CANCELLED
                streamed = drawn.random() < STREAMED
                turn = self._turn(question)
                if cancelled:
                    await self._cancelled(turn, thread, drawn.uniform(0.0, 1.5))
                    turn = self._turn(question)
                answer = await self._asked(turn, thread, streamed=streamed)
                if answer is not None and answer["pending"] is not None:
                    kind = drawn.choice(("approve", "reject"))
                    await self._resumed(self._turn(f"({kind})"), thread, kind, answer)

    def _turn(self, question: str) -> Turn:
        turn = Turn(next(self._numbers), question)
        self.turns.append(turn)
        _TURN.set(str(turn.number))
        return turn

    async def _cancelled(self, turn: Turn, thread: str, after: float) -> None:
        began = time.monotonic()
        task = asyncio.create_task(self._waypost.ask(turn.question, thread=thread, principal=ANN))
        await asyncio.wait([task], timeout=after)
        task.cancel()
        await asyncio.wait([task], timeout=self._seconds)
        turn.seconds = time.monotonic() - began
        if not task.done():
            turn.problems.append("it goes on after it was cancelled")
        elif not task.cancelled() and task.exception() is not None:
            turn.problems.append(f"cancelling raised {task.exception()!r}")
        turn.outcome = "cancelled" if task.done() and task.cancelled() else "error"
        if task.done() and not task.cancelled() and task.exception() is None:
            self._note(turn, task.result())

    async def _resumed(self, turn: Turn, thread: str, kind: str, answer: Answer) -> None:
        assert answer["pending"] is not None
        decisions = [{"type": kind} for _ in answer["pending"]["action_requests"]]
        began = time.monotonic()
        try:
            done = await self._waypost.resume(thread=thread, decisions=decisions, principal=ANN)
        except Exception as failed:  # whatever it is, it is what this looks for
            self._failed(turn, failed)
        else:
            self._note(turn, done)
        turn.seconds = time.monotonic() - began

    async def _asked(self, turn: Turn, thread: str, *, streamed: bool) -> Answer | None:
        began = time.monotonic()
        answer: Answer | None = None
        try:
            if streamed:
                answer = await self._streamed(turn, thread)
            else:
                answer = await self._waypost.ask(turn.question, thread=thread, principal=ANN)
        except Exception as failed:  # whatever it is, it is what this looks for
            self._failed(turn, failed)
        else:
            self._note(turn, answer)
        turn.seconds = time.monotonic() - began
        return answer

    async def _streamed(self, turn: Turn, thread: str) -> Answer:
        shown = ""
        answer: Answer | None = None
        async for event in self._waypost.stream(turn.question, thread=thread, principal=ANN):
            if event["type"] == "token":
                shown += event["text"]
            elif event["type"] == "restart":
                shown = ""
            elif event["type"] == "answer":
                answer = event["answer"]
        assert answer is not None
        if answer["pending"] is None and shown.strip() != answer["answer"].strip():
            turn.problems.append(f"shown {shown!r}, but the answer is {answer['answer']!r}")
        return answer

    def _failed(self, turn: Turn, failed: Exception) -> None:
        turn.outcome = "error"
        turn.problems.append(f"raised {failed!r}")

    def _note(self, turn: Turn, answer: Answer) -> None:
        turn.limit, turn.calls = answer["limit"], answer["usage"]["model_calls"]
        if answer["pending"] is not None:
            turn.outcome = "approval"
        elif answer["action"] == "clarify":
            turn.outcome = "asked back"
        elif answer["action"] == "abstain":
            turn.outcome = "refused"
        else:
            turn.outcome = "model" if worded(answer) else "local"
        if not answer["answer"].strip() and answer["pending"] is None:
            turn.problems.append("an empty answer")
        if answer["action"] == "search" and answer["grounded"] and not answer["citations"]:
            turn.problems.append("grounded in nothing")


def worded(answer: Answer) -> bool:
    """Return whether a model wrote an answer: quotations and results as they are come without one."""
    if answer["limit"] is not None or not answer["usage"]["output_tokens"]:
        return False
    if answer["action"] == "answer":
        return True
    return bool(answer["citations"]) and not answer["answer"].startswith(QUOTED)


@asynccontextmanager
async def opened(project: Path, url: str, seconds: float, silent: float) -> AsyncIterator[Waypost]:
    """Open the small project with a chain of chat models for every role, and ingest it."""
    write_tiny_project(project)
    path = project / "waypost.toml"
    text = path.read_text(encoding="utf-8")
    limits = f"[limits]\nseconds = {seconds}\n\n[routing]\n" + 'outside = "model"\n'
    path.write_text(text.replace("[routing]\n", limits, 1), encoding="utf-8")
    model = chain(url, silent)
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        waypost.with_models(dict.fromkeys(ROLES, model))
        await waypost.route("How do I start the pump?")
        yield waypost


async def run(
    folder: Path,
    *,
    turns: int,
    at_once: int = 16,
    seed: int = 1,
    seconds: float = SECONDS,
    silent: float = SILENT,
    kinds: Sequence[str] = tuple(KINDS),
) -> Report:
    """Ask a new project many turns at once.

    Args:
        folder: where the project is made.
        turns: how many.
        at_once: how many of them run at the same time.
        seed: of all that is drawn at random.
        seconds: the limit of each turn.
        silent: seconds that an endpoint may be silent.
        kinds: the faults to draw from.
    """
    os.environ.setdefault(KEY, "any")
    watch, server = Watch(), Mixed(seed, kinds)
    violations: list[str] = []
    threads, connections = lasting_threads(), sockets()
    early = 0.0
    with watch():
        with on_loopback(server):
            async with opened(folder, server.url, seconds, silent) as waypost:
                tasks = asyncio.all_tasks()
                asked = Asked(waypost, seed, seconds)
                numbers = iter(range(10**9))
                began = time.monotonic()
                for share in (turns // 5, turns):  # what is loaded first is no leak
                    early = megabytes()
                    async with asyncio.TaskGroup() as group:
                        for _ in range(at_once):
                            group.create_task(asked.conversations(numbers, share))
                took = time.monotonic() - began
                late = megabytes()
                violations += [
                    f"left running: {task!r}" for task in await _settled(asyncio.all_tasks, tasks)
                ]
        violations += [f"left running: {one}" for one in await _settled(lasting_threads, threads)]
        more = len(await _settled(lambda: set(range(sockets())), set(range(connections))))
        violations += [f"{more} sockets are left open"] if more else []
    violations += watch.found
    for turn in asked.turns:
        if turn.seconds > seconds + LATE:
            turn.problems.append(f"it took {turn.seconds:.1f} s")
        met = ", ".join(server.met.get(str(turn.number), ())) or "no request"
        violations += [
            f"turn {turn.number} ({turn.question}; {met}): {problem}" for problem in turn.problems
        ]
    return Report(asked.turns, server.met, took, violations, (early, late))


T = TypeVar("T")


async def _settled(running: Callable[[], set[T]], before: set[T]) -> set[T]:
    """Return what is still there beyond what was before, once it has had time to end."""
    ends = time.monotonic() + 5.0
    while (left := running() - before) and time.monotonic() < ends:
        gc.collect()
        await asyncio.sleep(0.05)
    return left


def lasting_threads() -> set[threading.Thread]:
    """Return the threads that run, but for those that the event loop keeps for later."""
    return {one for one in threading.enumerate() if not one.name.startswith("asyncio_")}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    log = logging.getLogger("waypost")
    log.handlers, log.propagate = [logging.NullHandler()], False  # every fault has a line there
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(
            run(
                Path(folder),
                turns=given.turns,
                at_once=given.at_once,
                seed=given.seed,
                seconds=given.seconds,
            )
        )
    requests = sum(map(len, report.met.values()))
    faults = requests - sum(kinds.count("healthy") for kinds in report.met.values())
    late = sum(turn.seconds > given.seconds and turn.limit is None for turn in report.turns)
    print(report.table())
    print(
        f"{len(report.turns)} turns, {given.at_once} at once, in {report.seconds:.0f} s; "
        f"{requests} requests, {faults} of them with a fault; "
        f"{late} took longer than their time without a limit's name; "
        f"{report.megabytes[0]:.0f} MB after a fifth of the turns, {report.megabytes[1]:.0f} MB at the end"
    )
    for violation in report.violations:
        print(f"VIOLATION {violation}")
    sys.exit(bool(report.violations))


if __name__ == "__main__":
    main()
