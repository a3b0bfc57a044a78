"""A project in which nothing is wrong, its labelled questions, and ways to break one thing of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

__all__ = ["QUESTIONS", "edit", "trace_row", "traces_of", "write_office", "write_questions"]

SETTINGS = """\
[project]
name = "Office desk"
language = "zh"
default_access = "public"

[routing]
none = [
    "今天天气怎么样？", "帮我写一首诗", "附近有什么好吃的？", "股票今天涨了吗？", "怎么做红烧肉？",
    "Who won the match?", "Write me a poem", "What is the capital of France?",
    "Recommend a good film", "How do I cook rice?",
]

[[index]]
name = "leave"
title = "休假制度"
description = "年假、病假、婚假、产假、请假审批、销假、休假天数"
sources = ["docs/leave/*"]
examples = ["年假有几天？", "病假要谁批准？", "婚假怎么申请？", "产假多长时间？", "请假要提前多久？"]

[[index]]
name = "expenses"
title = "报销制度"
description = "差旅报销、住宿标准、交通费、餐费补贴、发票、借款、报销期限"
sources = ["docs/expenses/*"]
synonyms = "synonyms.txt"
examples = ["出差住宿标准是多少？", "发票丢了怎么办？", "餐费补贴一天多少？", "多久之内要报销？", "可以坐飞机吗？"]

[[index]]
name = "manual"
title = "Pump manual"
description = "pump, bearing, lubrication, seal, vibration limit, motor, start-up, maintenance interval"
sources = ["docs/manual/*"]
examples = [
    "How often is the bearing lubricated?", "When is the seal replaced?",
    "Which vibration is allowed?", "How is the pump started?", "How hot may the motor get?",
]

[[tool]]
use = "tools:room_bookings"
examples = [
    "A101会议室今天有人用吗？", "Is room B201 free?", "查一下A102的预订", "Who booked A101 today?",
    "会议室B201空着吗？",
]

[[tool]]
use = "tools:duty_roster"
examples = ["今天谁值班？", "晚上谁在值班", "Who is on duty today?", "值班电话打给谁？", "查一下值班人员"]
"""

TOOLS = '''\
"""Tools of the office."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import tool


@tool
def room_bookings(room: Literal["A101", "A102", "B201"]) -> str:
    """Say who has booked a meeting room today. 查询会议室今天的预订情况。"""
    return f"{room} is free today."


@tool
def duty_roster() -> str:
    """Say who is on duty today. 查询今天的值班人员。"""
    return "Chen is on duty today. 今天陈工值班。"
'''

FILES = {
    "docs/leave/annual.md": """\
# 年假

员工工作满一年的，每年享受年假7天；满十年的，每年享受年假12天。

年假须提前一周申请，由部门经理批准。当年未休的年假可以保留到次年三月底。
""",
    "docs/leave/sick.md": """\
# 病假和婚假

病假须凭医院证明，三天以内由部门经理批准，超过三天由人事总监批准。

员工结婚可休婚假10天，须在登记后一年内使用。产假为158天，陪产假为15天。
""",
    "docs/expenses/travel.md": """\
# 差旅报销

出差住宿标准：直辖市每晚500元，其他城市每晚350元。

乘坐飞机须经分管领导批准，一律购买经济舱。餐费补贴每天100元。
""",
    "docs/expenses/invoice.md": """\
# 发票和期限

费用发生后三十天内须提交报销单，逾期不予受理。

发票遗失的，须提供销售方盖章的复印件。借款须在出差结束后十天内还清。
""",
    "docs/manual/pump.md": """\
# Pump

The bearing is lubricated every 500 hours with 40 g of lithium grease.

The mechanical seal is replaced after 8,000 hours of operation or when it leaks.

The vibration of the pump must stay below 4.5 mm/s at full load.
""",
    "docs/manual/motor.md": """\
# Motor

The winding of the motor must not exceed 120 degrees. The motor draws 32 A at full load.

Before start-up, open the suction valve and close the discharge valve.
""",
    "synonyms.txt": "住宿, 宾馆, 酒店, 旅店\n飞机, 航班, 机票\n借款, 预支\n",
    "tools.py": TOOLS,
    "waypost.toml": SETTINGS,
}


def _search(index: str, document: str, *rows: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"question": question, "action": "search", "indexes": [index],
         "documents": [f"docs/{index}/{document}.md"], "answer": answer}
        for question, answer in rows
    ]  # fmt: skip


QUESTIONS: list[dict[str, Any]] = [
    {"id": f"q{number:02}", **row}
    for number, row in enumerate(
        [
            *_search(
                "leave", "annual",
                ("工作满十年年假几天？", "12天"), ("年假要提前多久申请？", "一周"),
                ("没休完的年假可以留到什么时候？", "三月底"), ("工作满一年的员工年假有多少天？", "7天"),
            ),
            *_search(
                "leave", "sick",
                ("病假超过三天由谁批准？", "人事总监"), ("陪产假有几天？", "15天"),
                ("婚假多少天？", "10天"), ("产假是多少天？", "158天"),
            ),
            *_search(
                "expenses", "travel",
                ("直辖市出差住宿标准多少钱一晚？", "500元"), ("去其他城市宾馆一晚可以报多少？", "350元"),
                ("餐费补贴每天多少元？", "100元"), ("坐飞机要经谁批准？", "分管领导"),
                ("酒店每晚的标准是多少？", "350元"), ("旅店每晚最多报多少？", "350元"),
            ),
            *_search(
                "expenses", "invoice",
                ("发票遗失了需要提供什么？", "复印件"), ("费用发生后多少天内提交报销单？", "三十天"),
                ("借款什么时候还清？", "十天"), ("预支什么时候要还清？", "十天"),
            ),
            *_search(
                "manual", "pump",
                ("How much grease does the bearing take?", "40 g"),
                ("When is the mechanical seal replaced?", "8,000 hours"),
                ("What vibration is allowed at full load?", "4.5 mm/s"),
            ),
            *_search(
                "manual", "motor",
                ("How hot may the winding of the motor get?", "120"),
                ("How many A does the motor draw at full load?", "32 A"),
                ("Which valve is opened before start-up?", "suction"),
            ),
            {"question": "B201会议室今天有人预订吗？", "action": "act", "tool": "room_bookings",
             "args": {"room": "B201"}},
            {"question": "Is A102 free today?", "action": "act", "tool": "room_bookings",
             "args": {"room": "A102"}},
            *(
                {"question": text, "action": "act", "tool": "duty_roster"}
                for text in ("今天是谁值班？", "Who is on duty this evening?", "今晚的值班人员是谁？", "周末谁来值班？")
            ),
            {"question": "今天股票跌了吗？", "action": "abstain"},
            {"question": "Who won the cup final?", "action": "abstain"},
        ]
    )
]  # fmt: skip


def write_office(folder: Path) -> Path:
    """Write the project's files; nothing is ingested."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_questions(path: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """Write labelled questions, by default those of the project."""
    chosen = QUESTIONS if rows is None else rows
    path.write_text(
        "\n".join(json.dumps(row, ensure_ascii=False) for row in chosen), encoding="utf-8"
    )
    return path


def edit(project: Path, *changes: tuple[str, str], file: str = "waypost.toml") -> None:
    """Replace texts in a file of the project; each must be there."""
    path = project / file
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{old!r} is not in {file}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def trace_row(question: str, answer: str, *, days: float = 0.0, **changes: Any) -> dict[str, Any]:
    """Return a turn as the graph hands it over, `days` ago."""
    row: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "time": (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds"),
        "thread": uuid.uuid4().hex, "principal": "", "asked": question, "question": question,
        "language": "zh",
        "route": {
            "question": question, "action": "search",
            "indexes": [{"name": "leave", "confidence": 0.9}], "tools": [], "candidates": [],
            "confidence": 0.9, "reason": "", "decided_by": "classifier",
        },
        "parts": [], "passages": [], "tool_calls": [], "offered": [], "answer": answer,
        "action": "search", "citations": [], "grounded": True, "confidence": 0.9, "limit": None,
        "model": {}, "usage": {"model_calls": 0, "input_tokens": 0, "output_tokens": 0},
        "timings_ms": {"route": 20.0, "search": 30.0, "respond": 10.0, "total": 60.0},
        "feedback": None, "correction": None,
    }  # fmt: skip
    return {**row, **changes}


def traces_of(
    count: int, answer: str, *, days: float = 60.0, **changes: Any
) -> Iterator[dict[str, Any]]:
    """Yield turns of different questions, spread over the last `days`."""
    for number in range(count):
        yield trace_row(
            f"第{number}号员工的年假有几天？",
            answer.format(n=number),
            days=days * number / count,
            **changes,
        )
