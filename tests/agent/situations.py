"""Situations: one thing that is wrong with a project, and what should be advised first."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent import Waypost
from agent.evaluation import evaluate, read_questions
from agent.settings import load
from agent.traces import Traces
from agent.tuning.advise import Advice, advice_of, gather
from indexes.base import SetPayload
from indexes.types import Filter
from tests.agent.advised import (
    QUESTIONS,
    edit,
    trace_row,
    traces_of,
    write_office,
    write_questions,
)

__all__ = ["SITUATIONS", "Situation", "advised", "make_busy", "make_office"]

Break = Callable[[Path], None]
Rows = list[dict[str, Any]]


def nothing(project: Path) -> None:
    """Break nothing."""


@dataclass(frozen=True)
class Situation:
    """One thing that is wrong with the office, and what should be advised first.

    Args:
        top: the first recommendation.
        broken: changes the files before they are ingested.
        later: changes them afterwards.
        asked: the labelled questions; None: those of the office; []: none at all.
        turns: the traces that are kept.
        many: there are more than 5,000 good ones besides.
        history: (days, changes) of each document.
    """

    top: str
    broken: Break = nothing
    later: Break = nothing
    asked: Rows | None = None
    turns: Rows = field(default_factory=list)
    many: bool = False
    history: tuple[int, int] | None = None


def removed(*names: str) -> Break:
    """Return what removes files."""

    def work(project: Path) -> None:
        for name in names:
            (project / name).unlink()

    return work


def both(*breaks: Break) -> Break:
    """Return what does one after the other."""

    def work(project: Path) -> None:
        for one in breaks:
            one(project)

    return work


def edited(*changes: tuple[str, str], file: str = "waypost.toml") -> Break:
    """Return what replaces texts in a file."""
    return lambda project: edit(project, *changes, file=file)


def written(name: str, content: bytes) -> Break:
    """Return what writes a file."""

    def work(project: Path) -> None:
        (project / name).write_bytes(content)

    return work


LEAVE = "年假、病假、婚假、产假、请假审批、销假、休假天数"
EXPENSES = "差旅报销、住宿标准、交通费、餐费补贴、发票、借款、报销期限"
LEAVE_EXAMPLES = 'examples = ["年假有几天？", "病假要谁批准？", "婚假怎么申请？", "产假多长时间？", "请假要提前多久？"]\n'
EXPENSES_EXAMPLES = 'examples = ["出差住宿标准是多少？", "发票丢了怎么办？", "餐费补贴一天多少？", "多久之内要报销？", "可以坐飞机吗？"]\n'


POLITE = "您好，年假7天[1]。感谢您的耐心～"
MODEL = """\
[models]
chat = "openai:big"

[[model]]
name = "big"
base_url = "http://localhost:9/v1"
api_key_env = "HOME"

[routing]"""
STYLED = (
    """\
[[answer.example]]
question = "病假呢？"
answer = "您好，病假凭医院证明[1]。感谢您的耐心～"

[[answer.example]]
question = "婚假呢？"
answer = "您好，婚假10天[1]。谢谢您的等待～"

"""
    + MODEL
)


def formed(project: Path) -> None:
    """Let answers be JSON of a schema with a property of the project's own, which a model is to fill."""
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "topic": {"type": "string"}},
        "required": ["answer", "topic"],
    }
    (project / "answer.schema.json").write_text(json.dumps(schema), encoding="utf-8")
    form = '[answer]\nformat = "json"\nschema = "answer.schema.json"\n\n'
    edit(project, ("[routing]", form + MODEL))


def rated(rows: Rows, good: bool, note: str = "") -> Rows:
    """Return turns that people rated."""
    return [{**row, "said": (good, note)} for row in rows]


async def keep(project: Path, settings: Any, rows: Rows) -> None:
    """Write turns as the graph would have, with the feedback that came later."""
    async with Traces.open(project, settings, pruned=False) as traces:
        for number, row in enumerate(rows):
            await traces.record(row)  # type: ignore[arg-type]
            if number % 500 == 499:
                await traces.stats()  # waits until they are written
        said = [(row["thread"], row["said"]) for row in rows if "said" in row]
        await asyncio.gather(*(traces.feedback(thread, "", *one) for thread, one in said))
        for row in rows:
            if "right" in row:
                right: Any = {"action": "search", "indexes": ["leave"], "tool": None}
                await traces.correct(row["question"], "", right)


async def make_office(folder: Path) -> Path:
    """Write the office and ingest it."""
    project = write_office(folder)
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
    return project


async def make_busy(office: Path, folder: Path) -> Path:
    """Return a copy of the office with more than 5,000 good turns."""
    project = folder / "office"
    shutil.copytree(office, project)
    turns = traces_of(5_200, POLITE, model={"answerer": "big"})
    await keep(project, load(project), rated(list(turns), True))
    return project


async def advised(office: Path, busy: Path | None, folder: Path, situation: Situation) -> Advice:
    """Break one thing of a copy of the office, measure it, and return the advice.

    Args:
        office: the office, ingested and closed.
        busy: the same with many good turns; for situations that have them.
        folder: where the copy is made.
        situation: what is broken.
    """
    project = folder / "office"
    source = busy if situation.many else office
    assert source is not None
    shutil.copytree(source, project)
    situation.broken(project)
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        situation.later(project)
        if situation.history is not None:
            days, changes = situation.history
            since = (datetime.now(UTC) - timedelta(days=days)).isoformat()
            store = waypost.registry.store
            past = {"since": since, "changes": changes}
            await store.apply([SetPayload("documents", Filter(), past)])
        await keep(project, waypost.settings, situation.turns)
        if situation.asked == []:
            return advice_of(await gather(waypost))
        file = write_questions(folder / "questions.jsonl", situation.asked)
        rows = read_questions(file)
        report = await evaluate(waypost, rows)
        return advice_of(await gather(waypost, report, rows))


SITUATIONS: dict[str, Situation] = {
    "all well": Situation("nothing"),
    "too few labels": Situation("label", asked=QUESTIONS[::5]),
    "no labels at all": Situation("label", asked=[]),
    "an index's documents removed": Situation(
        "add_documents", removed("docs/leave/annual.md", "docs/leave/sick.md")
    ),
    "synonyms not used": Situation("use_synonyms", edited(('synonyms = "synonyms.txt"\n', ""))),
    "a wrong weight": Situation(
        "reset_search",
        edited(('name = "manual"\n', 'name = "manual"\nk = 1\nweights = {bm25 = 0.0, dense = 0.0}\n')),
    ),
    "a file that cannot be read": Situation(
        "mend_files",
        both(removed("docs/manual/pump.md"), written("docs/manual/pump.pdf", b"%PDF-1.7\nx")),
        asked=[
            {**row, "documents": [one.replace("pump.md", "pump.pdf") for one in row["documents"]]}
            if "documents" in row else row for row in QUESTIONS
        ],
    ),
    "documents not ingested": Situation(
        "ingest", later=edited(("12天", "15天"), ("提前一周", "提前两周"), file="docs/leave/annual.md"),
        asked=[{**row, "answer": row["answer"].replace("12天", "15天").replace("一周", "两周")}
               if "answer" in row else row for row in QUESTIONS],
    ),
    "a rule that is wrong": Situation(
        "mend_rule",
        edited(("[[index]]\nname = \"leave\"", "[[routing.rule]]\npattern = '[年病婚产]假'\n\n[[index]]\nname = \"leave\"")),
    ),
    "costs that decline": Situation(
        "reset_costs",
        edited(("[[index]]\nname = \"leave\"", "[routing.costs]\ndecline = 0.01\nneedless = 5.0\n\n[[index]]\nname = \"leave\"")),
    ),
    "a tool that nothing describes": Situation(
        "describe_tool",
        both(edited(("Say who is on duty today. 查询今天的值班人员。", "x"), file="tools.py"), edited(('examples = ["今天谁值班？", "晚上谁在值班", "Who is on duty today?", "值班电话打给谁？", "查一下值班人员"]\n', ""))),
    ),
    "asking for what one may not see": Situation(
        "grant", edited(('name = "expenses"\n', 'name = "expenses"\ngroups = ["finance"]\n')),
    ),
    "a slow model": Situation(
        "faster_model", edited(("[routing]", MODEL)),
        asked=[],
        turns=list(traces_of(60, "答案 [1]。", model={"answerer": "big"},
                   timings_ms={"route": 40.0, "search": 60.0, "respond": 14_000.0, "total": 14_100.0})),
    ),
    "facts that change daily, with many turns": Situation(
        "fresh", edited(("[routing]", MODEL)), asked=[], history=(60, 50), many=True,
        turns=rated(list(traces_of(900, POLITE, model={"answerer": "big"})), False, "这是旧的规定，已经变了"),
    ),
    "a style that prompts do not hold": Situation(
        "lora", edited(("[routing]", STYLED)), asked=[], history=(60, 0), many=True,
        turns=[trace_row(f"{n}号年假？", "7天。", model={"answerer": "big"}) for n in range(1500)],
    ),
    "a style without data": Situation(
        "few_shot", edited(("[routing]", MODEL)), asked=[],
        turns=rated(list(traces_of(60, "年假7天。", model={"answerer": "big"})), False, "语气太生硬"),
    ),
    "JSON that stays empty": Situation(
        "few_shot", formed, asked=[],
        turns=list(traces_of(40, '{{"answer": "7天", "topic": ""}}', model={"answerer": "big"})),
    ),
    "questions that no document answers": Situation(
        "add_documents", asked=[],
        turns=[*traces_of(60, "年假7天。"),
               *(trace_row(text, "没有找到依据。", action="abstain", grounded=False) for text in (
                   "公积金怎么提取？", "公积金缴存比例是多少？", "公积金可以贷款吗？", "离职后公积金怎么办？",
                   "公积金账户在哪里查？", "异地公积金能转吗？", "公积金断缴有影响吗？", "买房能用公积金吗？"))],
    ),
    "a tool that fails": Situation(
        "mend_tool", asked=[],
        turns=list(traces_of(30, "查询失败。", action="act", tool_calls=[
            {"name": "duty_roster", "args": {}, "result": {"error": "the server is down"}}])),
    ),
    "private by default": Situation("grant", edited(('default_access = "public"', 'default_access = "private"'))),
    "labels that name other documents": Situation(
        "check_labels",
        asked=[{**row, "documents": [one.replace("travel", "trips") for one in row["documents"]]}
               if "documents" in row else row for row in QUESTIONS],
    ),
    "a name of a room that the tool does not know": Situation(
        "arguments",
        asked=[*QUESTIONS, *({"id": f"r{n}", "question": text, "action": "act", "tool": "room_bookings", "args": {"room": "A101"}}
               for n, text in enumerate(["一号会议室今天有人预订吗？", "大会议室空着吗？", "Is the big meeting room free today?"]))],
    ),
    "a router that always asks a model": Situation(
        "threshold", edited(("[routing]", MODEL)), asked=[],
        turns=list(traces_of(80, "年假7天[1]。", model={"answerer": "big"},
            usage={"model_calls": 3, "input_tokens": 3000, "output_tokens": 200},
            route={**trace_row("", "")["route"], "decided_by": "model"})),
    ),
    "sources that name no file": Situation("add_documents", edited(("docs/leave/*", "doc/leave/*"))),
    "a slow tool": Situation(
        "faster_tool", asked=[],
        turns=list(traces_of(40, "今天陈工值班。", action="act",
            timings_ms={"route": 40.0, "run_tools": 21_000.0, "total": 21_040.0})),
    ),
    "turns that run out of tokens": Situation(
        "fewer_calls", edited(("[routing]", MODEL)), asked=[],
        turns=[*traces_of(60, "年假7天[1]。", model={"answerer": "big"}),
               *traces_of(20, "年假7天[1]。", model={"answerer": "big"}, limit="tokens")],
    ),
    "questions that sound like ours": Situation(
        "none_examples",
        asked=[*QUESTIONS, *({"id": f"n{n}", "question": text, "action": "abstain"} for n, text in enumerate([
            "哪家酒店每晚最贵？", "飞机餐有哪些？", "发票是谁发明的？", "经济舱和商务舱的机票差多少？",
            "哪个国家的产假最长？", "Which grease smells best?", "发票抬头怎么写？", "借款利率是多少？"]))],
    ),
    "many good answers, and nothing wrong": Situation(
        "nothing", history=(60, 0), turns=rated(list(traces_of(600, "年假7天。")), True)
    ),
    "routes that people correct": Situation(
        "tune_router", asked=[],
        turns=[*({**row, "right": True} for row in traces_of(70, "年假7天。")), *traces_of(100, "年假12天。")],
    ),
    "a style that prompts do not hold, and a model elsewhere": Situation(
        "hosted", edited(("[routing]", STYLED.replace("http://localhost:9/v1", "https://api.example.com/v1"))),
        asked=[], history=(60, 0), many=True,
        turns=[trace_row(f"{n}号年假？", "7天。", model={"answerer": "big"}) for n in range(1500)],
    ),
    "a style that prompts do not hold, and little data": Situation(
        "keep_traces", edited(("[routing]", STYLED)), asked=[], history=(60, 0),
        turns=rated([trace_row(f"{n}号年假？", "7天。", model={"answerer": "big"}) for n in range(200)], True),
    ),
    "an empty file": Situation("mend_files", written("docs/manual/pump.md", b"")),
    "people asking for what is not theirs": Situation(
        "grant", written("access.toml", b'"docs/expenses/*" = ["finance"]\n'), asked=[],
        turns=[*traces_of(40, "年假7天。"),
               *(trace_row(text, "没有找到。", action="abstain", grounded=False) for text in (
                   "出差住宿标准是多少？", "乘坐飞机要谁批准？", "餐费补贴每天多少？", "发票遗失怎么办？",
                   "费用报销单几天内提交？", "借款何时还清？", "直辖市住宿每晚多少元？", "其他城市每晚多少元？"))],
    ),
    "JSON and no model": Situation(
        "chat_model",
        both(formed, edited((MODEL, "[routing]"))),
    ),
    "a tool for others alone": Situation(
        "grant", edited(('use = "tools:duty_roster"\n', 'use = "tools:duty_roster"\ngroups = ["guards"]\n'))
    ),
    "answers that are old because nobody ingested": Situation(
        "ingest", later=edited(("年假7天", "年假8天"), file="docs/leave/annual.md"), asked=[],
        turns=[*traces_of(40, "年假7天。"), *rated(list(traces_of(12, "年假7天。")), False, "数字过时了，规定改了")],
    ),
    "a search that is slow": Situation(
        "faster_search", asked=[],
        turns=list(traces_of(40, "年假7天。", timings_ms={"route": 30.0, "search": 900.0, "total": 930.0})),
    ),
    "examples of nothing that are ours": Situation(
        "mend_none", edited(("今天天气怎么样？", '工作满一年的员工年假有多少天？", "年假要提前多久申请？", "婚假多少天？", "陪产假有几天？", "产假是多少天？", "病假超过三天由谁批准？')),
    ),
    "one document removed": Situation("add_documents", removed("docs/manual/motor.md")),
}  # fmt: skip
