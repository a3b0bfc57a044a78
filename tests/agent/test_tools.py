from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from pydantic import BaseModel

from agent import nodes
from agent.context import Context, Resources
from agent.edges import Edges
from agent.errors import StoreError, ToolError, UsageError
from agent.nodes.approve import checked_decisions
from agent.settings import Settings, ToolSettings
from agent.state import State
from agent.tools import Ledger, Tool, check_arguments, failed, fill_arguments, load_tools, run_call
from agent.tools.ledger import KEPT
from agent.tools.plain import LONGEST, NoDataError, plain, shortened
from agent.tools.threads import MOST_HANGING
from indexes import Principal

CODE = '''\
"""Tools of a workshop; what has effects is recorded beside this file."""
import asyncio, json, sys, threading, time
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel, Field, field_validator

HERE = Path(__file__).parent
GATE = threading.Event()


def record(**call: Any) -> None:
    with (HERE / "runs.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\\n")


Part = Annotated[Literal["密封圈", "bearing"], Field(
    title="配件", json_schema_extra={"aliases": {"seal": "密封圈", "O-Ring": "密封圈"}})]


@tool
def order(part: Part, count: Annotated[int, Field(ge=1, le=99)], by: date | None = None,
          principal: Any = None) -> dict[str, Any]:
    """Orders a part."""
    record(part=part, count=count, by=str(by), who=getattr(principal, "id", None))
    return {"ordered": count}


@tool
def pay(sum: float, idempotency_key: str) -> str:
    """Pays."""
    record(sum=sum, key=idempotency_key)
    return f"paid {sum}"


@tool
def hang() -> str:
    """Waits for the gate."""
    GATE.wait(30)
    return "late"


@tool
async def wait() -> str:
    """Waits long."""
    await asyncio.sleep(30)
    return "late"


@tool
def fail(kind: str) -> Any:
    """Fails in a way of its own."""
    if kind == "exit":
        sys.exit("over")
    if kind == "stop":
        raise StopIteration
    if kind == "timeout":
        raise TimeoutError("the database is slow")
    if kind == "nothing":
        return None
    if kind == "data":
        return threading.Lock()
    if kind == "long":
        return {"rows": ["x" * 100] * 1000, "summary": "a thousand rows"}
    raise ConnectionError("https://db?token=abcdefgh123456\\nline two")


class Booking(BaseModel):
    room: str = Field(min_length=2, max_length=4, pattern="^[A-Z]")
    people: list[str] = []
    day: date

    @field_validator("day")
    @classmethod
    def future(cls, day: date) -> date:
        if day.year < 2020:
            raise ValueError("the day is long past")
        return day


book = StructuredTool.from_function(
    lambda room, day, people=(): f"{room} {day:%d.%m.}", name="book", description="Books.", args_schema=Booking)
free = StructuredTool.from_function(lambda **args: args, name="free", description="Takes anything.", args_schema={
    "type": "object", "additionalProperties": True, "required": ["n"],
    "properties": {"n": {"type": ["integer", "null"]}, "on": {"type": "boolean"},
                   "ref": {"$ref": "https://127.0.0.1:9/schema"}}})
'''
NAMES = ("order", "pay", "hang", "wait", "fail", "book", "free")
EFFECTS = ("order", "pay")
LI = Principal("li", ("engineering",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder with its tools."""
    path = tmp_path_factory.mktemp("workshop")
    (path / "tools.py").write_text(CODE, encoding="utf-8")
    return path


@pytest.fixture(scope="module", name="shop")
def loaded(folder: Path) -> dict[str, Tool]:
    """The workshop's tools."""
    settings = [
        ToolSettings(use=f"tools:{name}", effects=name in EFFECTS, timeout=5) for name in NAMES
    ]
    return {tool.name: tool for tool in load_tools(folder, settings)}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger in a folder that does not exist yet."""
    return Ledger(tmp_path / "state" / "calls.db")


def recorded(folder: Path) -> list[dict[str, Any]]:
    """Return what the tools recorded."""
    path = folder / "runs.jsonl"
    return (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )


async def made(
    tool: Tool, args: dict[str, Any], *, key: str = "k", ledger: Ledger | None = None
) -> Any:
    """Make a call as Li and return its result."""
    call = await run_call(tool, args, principal=LI, key=key, ledger=ledger, language="en")
    return call["result"]


# Arguments


@pytest.mark.parametrize(
    ("name", "args", "checked"),
    [
        ("order", {"part": "bearing", "count": 2}, {"part": "bearing", "count": 2}),
        ("order", {"part": "o-ring", "count": "2"}, {"part": "密封圈", "count": 2}),
        ("order", {"part": "ｓｅａｌ", "count": 2.0}, {"part": "密封圈", "count": 2}),
        ("order", {"part": "seal", "count": 2, "by": "2025-03-01"}, {"part": "密封圈", "count": 2, "by": "2025-03-01"}),
        ("pay", {"sum": "2.5"}, {"sum": 2.5}),
        ("book", {"room": "A1", "day": "2025-01-02"}, {"room": "A1", "day": "2025-01-02"}),
        ("free", {"n": None, "on": "True"}, {"n": None, "on": True}),
        ("free", {"n": "7", "else": [1]}, {"n": 7, "else": [1]}),
    ],
)  # fmt: skip
def test_arguments_are_coerced(
    shop: dict[str, Tool], name: str, args: dict[str, Any], checked: dict[str, Any]
) -> None:
    """An alias is its value and a number in quotation marks a number; what comes out is plain data."""
    assert check_arguments(shop[name], args) == checked


@pytest.mark.parametrize(
    ("name", "args", "says"),
    [
        ("order", {"count": 1}, ["缺少参数“part”：可选：密封圈、bearing"]),
        ("order", {"part": "泵", "count": 0}, ["“part”的值 \"泵\" 不可用：可选：密封圈、bearing", "“count”的值 0 不可用：整数、不小于 1、不大于 99"]),
        ("order", {"part": "seal", "count": 1, "colour": 2}, ["没有参数“colour”；可用的参数：part、count、by"]),
        ("order", {"part": "seal", "count": 1, "principal": "boss"}, ["参数“principal”由系统填写"]),
        ("pay", {"sum": 1, "idempotency_key": "x"}, ["参数“idempotency_key”由系统填写"]),
        ("pay", {"sum": "much"}, ["“sum”的值 \"much\" 不可用：数字"]),
        ("book", {"room": "a", "day": "2025-01-02"}, ["文本、须符合格式 ^[A-Z]、至少 2 个字符、最多 4 个字符"]),
        ("book", {"room": "A1", "day": "2001-01-02"}, ["the day is long past"]),
        ("book", {"room": "A1", "day": "2025-01-02", "people": [3]}, ["“people.0”的值 3 不可用"]),
        ("free", {}, ["缺少参数“n”：整数、空"]),
        ("free", {"n": 1, "on": "maybe"}, ["“on”的值 \"maybe\" 不可用：true 或 false"]),
        ("free", {"n": 1, "ref": 1}, ["127.0.0.1"]),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(
    shop: dict[str, Tool], name: str, args: dict[str, Any], says: list[str]
) -> None:
    """The message names each argument, what is wrong with it, and what is allowed."""
    with pytest.raises(ToolError) as raised:
        check_arguments(shop[name], args, language="zh")
    for part in says:
        assert part in raised.value.message


def test_what_a_model_sees(shop: dict[str, Tool]) -> None:
    """Injected arguments and Waypost's own keywords are hidden, the rest of the schema is there."""
    seen = shop["order"].for_model()
    assert (seen.name, seen.description) == ("order", "Orders a part.")
    assert list(seen.parameters["properties"]) == ["part", "count", "by"]
    assert seen.parameters["required"] == ["part", "count"]
    assert seen.parameters["properties"]["part"] == {
        "enum": ["密封圈", "bearing"], "title": "配件", "type": "string"
    }  # fmt: skip
    assert list(shop["pay"].for_model().parameters["properties"]) == ["sum"]


@pytest.mark.parametrize(
    ("question", "args"),
    [
        ("订购密封圈5个，2025年3月1日前到货", {"part": "密封圈", "count": 5, "by": "2025-03-01"}),
        ("Order 5 pieces of the O-Ring by March 2025", {"part": "密封圈", "count": 5}),
    ],
)
def test_local_filling_passes_the_check(
    shop: dict[str, Tool], question: str, args: dict[str, Any]
) -> None:
    """An alias gives its value, and only a whole date is a date."""
    filled = fill_arguments(shop["order"], question, today=date(2025, 1, 1)).args
    assert filled == args == check_arguments(shop["order"], filled)


# Results


class Colour(Enum):
    """A value of an enumeration."""

    RED = "red"


class Point(BaseModel):
    """A pydantic model."""

    x: int
    when: date = date(2025, 1, 2)


@dataclass
class Pair:
    """A dataclass."""

    left: Any
    right: Decimal


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        ({"a": (1, 2.5, True)}, {"a": [1, 2.5, True]}),
        (Point(x=1), {"x": 1, "when": "2025-01-02"}),
        ([Pair(Point(x=2), Decimal("1.20"))], [{"left": {"x": 2, "when": "2025-01-02"}, "right": "1.20"}]),
        (datetime(2025, 1, 2, 3, tzinfo=UTC), "2025-01-02T03:00:00Z"),
        ({1: b"ab", None: b"\xff"}, {"1": "YWI=", "None": "_w=="}),
        ({Colour.RED}, ["red"]),
        ([float("nan"), float("inf"), 2**63, -(2**63)], [None, None, str(2**63), -(2**63)]),
        ([np.int64(3), np.float32(0.5)], [3, 0.5]),
        ("half \ud83d", "half ?"),
        (b"\xe4\xb8\xad", "中"),
    ],
)  # fmt: skip
def test_results_become_plain_data(value: Any, data: Any) -> None:
    """What tools return is kept as JSON data, so that any thread can be stored and read back."""
    assert plain(value) == data
    assert json.loads(json.dumps(plain(value))) == data


def itself() -> list[Any]:
    """Return a list that contains itself."""
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "value", [object(), {"f": print}, itself(), (n for n in [1]), threading.Lock(), ValueError]
)
def test_what_is_no_data_is_refused(value: Any) -> None:
    """An object that only Python understands is an error, not its memory address."""
    with pytest.raises(NoDataError):
        plain(value)


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ("x" * 30_000, lambda cut: cut.startswith("x" * 19_000)),
        ({"rows": ["y" * 90] * 500, "summary": "all"}, lambda cut: cut["summary"] == "all" and len(cut["rows"]) > 190),
        ([{"n": n} for n in range(9000)], lambda cut: cut["result"][:2] == [{"n": 0}, {"n": 1}]),
        ({"a": {"b": ["z" * 50_000]}}, lambda cut: len(cut["a"]["b"][0]) > 19_000),
        ({f"key{n}": n for n in range(5000)}, lambda cut: len(cut) > 500),
    ],
)  # fmt: skip
def test_long_results_are_cut(data: Any, kept: Any) -> None:
    """What is short stays whole, what is long is cut, and a note says how much there was."""
    cut = shortened(data, "too long: {total}")
    assert kept(cut)
    assert "too long: " in json.dumps(cut)
    assert len(json.dumps(cut, ensure_ascii=False)) < LONGEST + 200
    assert shortened("short", "note") == "short"


# Calls


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("net", "The tool fail did not succeed: ConnectionError: https://db?[redacted] line two"),
        ("timeout", "TimeoutError: the database is slow"),
        ("exit", "SystemExit: over"),
        ("stop", "StopIteration"),
        ("data", "no data (lock)"),
    ],
)
async def test_errors_are_results(shop: dict[str, Tool], kind: str, says: str) -> None:
    """Whatever a tool raises becomes one line for people, without a traceback or a secret."""
    result = await made(shop["fail"], {"kind": kind})
    assert says in result["error"]
    assert "abcdefgh" not in result["error"]
    assert failed({"name": "fail", "args": {}, "result": result})


async def test_long_and_empty_results(shop: dict[str, Tool]) -> None:
    """A long result keeps its summary; nothing is a result too."""
    assert (await made(shop["fail"], {"kind": "long"}))["summary"] == "a thousand rows"
    assert await made(shop["fail"], {"kind": "nothing"}) is None


@pytest.mark.parametrize(
    ("groups", "runs"), [(None, True), (("engineering",), True), (("hr",), False)]
)
async def test_groups(shop: dict[str, Tool], groups: tuple[str, ...] | None, runs: bool) -> None:
    """Whoever may not use a tool is told so, and nothing runs."""
    result = await made(replace(shop["pay"], groups=groups), {"sum": 1})
    assert (result == "paid 1.0") is runs
    assert runs or result == {"error": "You may not use the tool pay."}


@pytest.mark.parametrize(("name", "effects", "says"), [("wait", False, "no answer within 0.05 s"), ("hang", True, "may have been done")])  # fmt: skip
async def test_time_is_limited(shop: dict[str, Tool], name: str, effects: bool, says: str) -> None:
    """A tool that takes too long is left; one with side effects may have done its work."""
    tool = replace(shop[name], timeout=0.05, effects=effects)
    assert says in (await made(tool, {}))["error"]


async def test_cancelling_passes(shop: dict[str, Tool]) -> None:
    """A turn that is cancelled gets no error result but ends."""
    task = asyncio.create_task(made(shop["wait"], {}))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_hanging_threads_are_bounded(tmp_path: Path) -> None:
    """Calls that hang keep a thread each; with too many no further one starts, until they end."""
    (tmp_path / "tools.py").write_text(CODE, encoding="utf-8")
    [tool, *_] = load_tools(tmp_path, [ToolSettings(use="tools:hang", timeout=0.05)])
    before = threading.active_count()
    results = [await made(tool, {}) for _ in range(MOST_HANGING + 2)]
    assert [("no answer" in one["error"]) for one in results] == [True] * MOST_HANGING + [False] * 2
    assert f"{MOST_HANGING} earlier calls have not ended" in results[-1]["error"]
    assert threading.active_count() == before + MOST_HANGING
    gate = next(m for name, m in sys.modules.items() if getattr(m, "HERE", None) == tmp_path)
    gate.GATE.set()
    for _ in range(100):
        if threading.active_count() == before:
            break
        await asyncio.sleep(0.02)
    assert await made(tool, {}) == "late"


# The ledger


async def test_a_call_runs_once(shop: dict[str, Tool], folder: Path, ledger: Ledger) -> None:
    """Made again under its key a call brings the result it had; under another key it runs."""
    before = len(recorded(folder))
    args = {"part": "seal", "count": 3}
    assert [await made(shop["order"], args, key=key, ledger=ledger) for key in "aab"] == [
        {"ordered": 3}
    ] * 3
    assert len(recorded(folder)) == before + 2
    assert recorded(folder)[-1] == {"part": "密封圈", "count": 3, "by": "None", "who": "li"}


async def test_a_failure_is_not_repeated(shop: dict[str, Tool], ledger: Ledger) -> None:
    """An error of a call with side effects is its result too."""
    tool = replace(shop["fail"], effects=True)
    first = await made(tool, {"kind": "net"}, ledger=ledger)
    again = await made(replace(tool, run=shop["wait"].run), {"kind": "net"}, ledger=ledger)
    assert ("ConnectionError" in first["error"], again == first) == (True, True)


async def test_an_unfinished_call_is_not_made_again(
    shop: dict[str, Tool], folder: Path, ledger: Ledger
) -> None:
    """Of a call that was begun a person has to find out what became of it: tool, arguments and time."""
    before = recorded(folder)
    assert await ledger.start("k", "order", {"part": "密封圈", "count": 1}) is None
    for args in ({"part": "seal", "count": 1}, {"part": "seal", "count": 2}):
        error = (await made(shop["order"], args, ledger=ledger))["error"]
        assert 'order ({"part": "密封圈", "count": 1}) was started at 20' in error
        assert "A person has to check" in error
    assert recorded(folder) == before


async def test_a_key_is_of_one_call(shop: dict[str, Tool], folder: Path, ledger: Ledger) -> None:
    """Another call under a used key neither runs nor gets the other's result."""
    await made(shop["order"], {"part": "seal", "count": 1}, ledger=ledger)
    before = recorded(folder)
    result = await made(shop["pay"], {"sum": 1}, ledger=ledger)
    assert "may have been done" in result["error"]
    assert recorded(folder) == before


async def test_a_tool_with_a_key_tells_itself(
    shop: dict[str, Tool], folder: Path, ledger: Ledger
) -> None:
    """A tool that takes the key is called again after a crash, with the same key."""
    assert await ledger.start("pay-7", "pay", {"sum": 2.0}) is None
    assert await made(shop["pay"], {"sum": 2}, key="pay-7", ledger=ledger) == "paid 2.0"
    assert recorded(folder)[-1] == {"sum": 2.0, "key": "pay-7"}
    assert await made(shop["pay"], {"sum": 2}, key="pay-7", ledger=ledger) == "paid 2.0"
    assert [call.get("key") for call in recorded(folder)].count("pay-7") == 1


async def test_only_effects_are_recorded(shop: dict[str, Tool], tmp_path: Path) -> None:
    """A tool that changes nothing needs no ledger, and none is made."""
    path = tmp_path / "calls.db"
    await made(shop["fail"], {"kind": "nothing"}, ledger=Ledger(path))
    assert not path.exists()


async def test_old_entries_go(ledger: Ledger, tmp_path: Path) -> None:
    """An entry is kept for thirty days."""
    assert timedelta(seconds=KEPT) == timedelta(days=30)
    for key in ("old", "new"):
        await ledger.start(key, "pay", {})
    age = [(time.time() - KEPT - 60, "old"), (time.time() - KEPT + 60, "new")]
    with sqlite3.connect(tmp_path / "state" / "calls.db") as database:
        database.executemany("UPDATE calls SET started = ? WHERE key = ?", age)
    database.close()
    await ledger.start("next", "pay", {})
    assert await ledger.start("new", "pay", {}) is not None
    assert await ledger.start("old", "pay", {}) is None


async def test_what_cannot_be_recorded_is_not_done(
    shop: dict[str, Tool], folder: Path, tmp_path: Path
) -> None:
    """With an unusable ledger nothing with side effects runs, and the error says how to mend it."""
    (tmp_path / "calls.db").write_text("no database" * 100, encoding="utf-8")
    broken = Ledger(tmp_path / "calls.db")
    before = recorded(folder)
    error = (await made(shop["order"], {"part": "seal", "count": 1}, ledger=broken))["error"]
    assert "cannot be recorded" in error
    assert recorded(folder) == before
    with pytest.raises(StoreError, match="move a damaged file away"):
        await broken.finish("k", None)


CRASH = """
import time
from pathlib import Path
from langchain_core.tools import tool
HERE = Path(__file__).parent

def effect(name):
    with (HERE / name).open("a") as file:
        file.write("done\\n")
    (HERE / f"{name}.ready").touch()

@tool
def inside() -> str:
    "Has its effect and goes on."
    effect("inside")
    time.sleep(30)
    return "ok"

@tool
def after() -> str:
    "Has its effect and ends when it may."
    effect("after")
    while not (HERE / "after.go").exists():
        time.sleep(0.01)
    (HERE / "after.returned").touch()
    return "ok"

@tool
def keyed(idempotency_key: str) -> str:
    "Knows its keys."
    if not (HERE / "keyed").exists():
        effect("keyed")
        time.sleep(30)
    return "known " + idempotency_key

@tool
def once() -> str:
    "Has its effect and ends when it may."
    effect("once")
    while not (HERE / "once.go").exists():
        time.sleep(0.01)
    return "ok"
"""
CALLER = """
import asyncio, sys
from pathlib import Path
from agent.settings import ToolSettings
from agent.tools import Ledger, load_tools, run_call

async def call(folder, name):
    [tool] = load_tools(folder, [ToolSettings(use=f"tools:{name}", effects=True)])
    made = await run_call(
        tool, {}, principal=None, key=name, ledger=Ledger(folder / "calls.db"), language="en"
    )
    return made["result"]

async def main():
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    await asyncio.gather(*(call(folder, name) for name in names))

asyncio.run(main())
"""


async def call_again(folder: Path, name: str) -> Any:
    """Make the call that a process makes."""
    [tool] = load_tools(folder, [ToolSettings(use=f"tools:{name}", effects=True)])
    return await made(tool, {}, key=name, ledger=Ledger(folder / "calls.db"))


@pytest.fixture(scope="module")
def elsewhere(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A process in the middle of four calls, and the folder of its tools and its ledger."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "tools.py").write_text(CRASH, encoding="utf-8")
    names = ("inside", "after", "keyed", "once")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, str(folder), *names], env=environment
    ) as process:
        for name in names:
            until(folder / f"{name}.ready")
        yield folder, process
        process.kill()


def until(path: Path) -> None:
    """Wait until a file exists."""
    for _ in range(1500):
        if path.exists():
            return
        time.sleep(0.02)
    raise TimeoutError(path)


async def test_two_processes(elsewhere: tuple[Path, subprocess.Popen[bytes]]) -> None:
    """What another process is doing is not done here too; when it has ended, its result counts."""
    folder, _ = elsewhere
    assert "A person has to check" in (await call_again(folder, "once"))["error"]
    (folder / "once.go").touch()
    result: Any = None
    for _ in range(100):
        result = await call_again(folder, "once")
        if result == "ok":
            break
        await asyncio.sleep(0.02)
    assert result == "ok"
    assert (folder / "once").read_text("utf-8") == "done\n"


async def test_kill_9(elsewhere: tuple[Path, subprocess.Popen[bytes]]) -> None:
    """Killed within a tool, or after it but before its result is stored, the effect happens once."""
    folder, process = elsewhere
    with closing(sqlite3.connect(folder / "calls.db", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")  # so that the result cannot be stored
        (folder / "after.go").touch()
        until(folder / "after.returned")
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    for name in ("inside", "after"):
        assert "A person has to check" in (await call_again(folder, name))["error"]
    assert await call_again(folder, "keyed") == "known keyed"
    for name in ("inside", "after", "keyed"):
        assert (folder / name).read_text("utf-8") == "done\n"


async def test_many_at_once(ledger: Ledger) -> None:
    """Of many that begin the same call exactly one may make it."""
    claims = await asyncio.gather(*(ledger.start("k", "pay", {}) for _ in range(20)))
    assert claims.count(None) == 1


# Approval


@pytest.fixture
def approval(shop: dict[str, Tool], ledger: Ledger) -> Any:
    """The nodes of approval and of running, on a thread of their own."""
    tools = {name: replace(tool, approve=name in EFFECTS) for name, tool in shop.items()}
    tools["pay"] = replace(tools["pay"], groups=("hr",))
    nothing = cast(Any, None)  # neither is asked for
    resources = Resources(
        settings=Settings(), registry=nothing, router=nothing, tools=tools, ledger=ledger
    )
    context = Context(resources, LI)
    graph = StateGraph(State, context_schema=Context)
    graph.add_node("propose", nodes.propose)
    graph.add_node("approve", nodes.approve)
    graph.add_node("run_tools", nodes.run_tools)
    graph.add_edge(START, "propose")
    graph.add_conditional_edges("propose", Edges(resources).after_propose, ["approve", "run_tools"])
    graph.add_edge("approve", "run_tools")
    graph.add_edge("run_tools", END)
    compiled = graph.compile(checkpointer=InMemorySaver())

    async def run(given: Any) -> dict[str, Any]:
        config: Any = {"configurable": {"thread_id": "t"}}
        return dict(await compiled.ainvoke(given, config, context=context))

    return run


def planned(*plans: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a state with planned calls."""
    calls = [{"name": name, "args": args} for name, args in plans]
    return {"plans": calls, "tool_calls": [], "turn": "turn", "rounds": 0, "language": "en"}


def asked(state: dict[str, Any]) -> dict[str, Any]:
    """Return what a person is asked."""
    [one] = state["__interrupt__"]
    return cast(dict[str, Any], one.value)


def decide(*decisions: dict[str, Any]) -> Command[Any]:
    """Return what a person sends."""
    return Command(resume={"decisions": list(decisions)})


async def test_several_approvals_at_once(approval: Any, folder: Path) -> None:
    """Calls are decided one by one, equal ones too; a rejection is kept with what the person said."""
    before = len(recorded(folder))
    seal = ("order", {"part": "seal", "count": 1})
    waiting = await approval(planned(seal, ("fail", {"kind": "nothing"}), seal, seal))
    request = asked(waiting)
    assert [one["args"] for one in request["action_requests"]] == [
        {"part": "密封圈", "count": 1}
    ] * 3
    assert [one["action_name"] for one in request["review_configs"]] == ["order"] * 3
    assert list(request["review_configs"][0]["args_schema"]["properties"]) == [
        "part",
        "count",
        "by",
    ]
    edit = {"name": "order", "args": {"count": "5"}}
    done = await approval(
        decide(
            {"type": "reject", "message": "too dear"},
            {"type": "approve"},
            {"type": "edit", "edited_action": edit},
        )
    )
    assert [call["result"] for call in done["tool_calls"]] == [
        {"rejected": "too dear"}, None, {"ordered": 1}, {"ordered": 5}
    ]  # fmt: skip
    assert [failed(call) for call in done["tool_calls"]] == [True, False, False, False]
    assert sorted(call["count"] for call in recorded(folder)[before:]) == [1, 5]  # side by side


async def test_a_rejection_without_words(approval: Any) -> None:
    """A rejection says at least that nothing was done."""
    await approval(planned(("order", {"part": "seal", "count": 1})))
    [call] = (await approval(decide({"type": "reject"})))["tool_calls"]
    assert call["result"] == {"rejected": "That was not approved, so nothing was done."}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"count": 0}, "“count” cannot be 0: an integer, at least 1, at most 99"),
        ({"colour": "red"}, "no argument “colour”"),
        ({"principal": {"id": "boss"}}, "“principal” is filled in by the system"),
    ],
)
async def test_a_bad_edit_is_asked_again(approval: Any, args: dict[str, Any], says: str) -> None:
    """An edit is checked like any arguments; the request comes again with what is wrong."""
    await approval(planned(("order", {"part": "seal", "count": 1})))
    edit = {"type": "edit", "edited_action": {"name": "order", "args": args}}
    again = asked(await approval(decide(edit)))
    assert says in again["error"]
    [call] = (await approval(decide({"type": "approve"})))["tool_calls"]
    assert call["result"] == {"ordered": 1}


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (("pay", {"sum": 1}), "You may not use the tool pay."),
        (("order", {"part": "pump", "count": 1}), "“part” cannot be"),
        (("steal", {}), "There is no tool named steal."),
    ],
)
async def test_what_would_be_refused_is_not_asked(
    approval: Any, plan: tuple[str, dict[str, Any]], says: str
) -> None:
    """Nobody approves a call that could not be made; its error is the result."""
    [call] = (await approval(planned(plan)))["tool_calls"]
    assert says in call["result"]["error"]


@pytest.mark.parametrize(
    "decision",
    ["approve", {}, {"type": "maybe"}, {"type": "edit"}, {"type": "reject", "message": 3}],
)
def test_unusable_decisions(shop: dict[str, Tool], decision: Any) -> None:
    """What is no decision is refused before the graph goes on."""
    request = {"action_requests": [{"name": "order", "args": {}}]}
    with pytest.raises(UsageError):
        checked_decisions({"decisions": [decision]}, request, shop, "en")


def test_effects_default_to_approval(folder: Path) -> None:
    """What needs an approval has side effects, unless the table says otherwise."""
    tables = [({}, False), ({"approve": True}, True), ({"approve": True, "effects": False}, False)]
    for table, effects in tables:
        settings = ToolSettings.model_validate({"use": "tools:order", **table})
        assert load_tools(folder, [settings])[0].effects is effects
