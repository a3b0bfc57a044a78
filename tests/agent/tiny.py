"""A small project to test with: two indexes in two languages, and tools that behave badly on purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent import Waypost

__all__ = ["runs", "state_of", "write_tiny_project"]

SETTINGS = """\
[project]
name = "Pump desk"
language = "en"
persona = "I am the pump desk."
default_access = "public"

[routing]
none = ["Who won the match?", "今天股票涨了吗？", "What is on the canteen's menu?", "公司食堂有什么菜？"]

[[index]]
name = "leave"
title = "休假制度"
description = "年假、病假、婚假、产假、请假审批、加班调休"
sources = ["docs/leave/*"]
examples = ["年假有几天？", "病假要谁批准？", "婚假怎么申请？", "加班可以调休吗？"]

[[index]]
name = "manual"
title = "Pump manual"
description = "pump, start-up, seal, bearing, lubrication, vibration limit, maintenance interval"
sources = ["docs/manual/*"]
examples = [
    "How often is the bearing lubricated?", "How do I start the pump?",
    "Which vibration is allowed?", "When is the seal replaced?",
]

[[tool]]
use = "tools:order_part"
approve = true
examples = ["Order 3 seals", "Please order 12 bearings", "Order a part", "We need 2 impellers, order them"]

[[tool]]
use = "tools:read_salary"
groups = ["finance"]
examples = ["What is the salary of Chen?", "Show me Wang's salary", "查询陈工的工资", "How much does Chen earn?"]

[[tool]]
use = "tools:slow_report"
timeout = 0.2
examples = ["Make the report for the north site", "Report of the south site, please", "做一份北站的报表"]

[[tool]]
use = "tools:read_gauge"
examples = ["Read the pressure gauge", "What does the flow gauge show?", "读一下压力表"]
"""

LEAVE = """\
# 休假制度

## 第一条 年假

员工工作满一年的，每年享受年假7天；满十年的，每年享受年假12天。

## 第二条 病假

病假须凭医院证明，三天以内由部门经理批准，超过三天由人事总监批准。

## 第三条 婚假

员工结婚可休婚假10天，须在登记后一年内使用。
"""

MANUAL = """\
# Pump manual

## Lubrication

The bearing is lubricated every 500 hours with 40 g of lithium grease.

## Seal

The mechanical seal is replaced after 8,000 hours of operation or when it leaks.

## Vibration

The vibration of the pump must stay below 4.5 mm/s at full load.
"""

TOOLS = '''\
"""Tools of the small project; every run is recorded beside this file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from langchain_core.tools import tool
from pydantic import Field

RUNS = Path(__file__).parent / "runs.jsonl"


def record(**call: Any) -> None:
    with RUNS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(call) + "\\n")


Part = Annotated[
    Literal["seal", "bearing", "impeller"],
    Field(title="part", json_schema_extra={
        "aliases": {"seals": "seal", "bearings": "bearing", "impellers": "impeller"}
    }),
]


@tool
def order_part(part: Part, count: Annotated[int, Field(title="number of pieces")]) -> dict[str, Any]:
    """Orders spare parts of the pump: seals, bearings, impellers."""
    record(tool="order_part", part=part, count=count)
    return {"ordered": count, "summary": f"Ordered {count} of {part}."}


@tool
def read_salary(name: Annotated[Literal["Chen", "Wang"], Field(title="name", json_schema_extra={
    "aliases": {"陈工": "Chen", "王工": "Wang"}
})], principal: Any = None) -> str:
    """Reads what an employee earns, the salary."""
    record(tool="read_salary", name=name, asked_by=principal.id)
    return f"{name} earns 8200 a month."


@tool
async def slow_report(site: Annotated[Literal["north", "south"], Field(title="site", json_schema_extra={
    "aliases": {"北站": "north", "南站": "south"}
})]) -> str:
    """Makes the report of a site."""
    record(tool="slow_report", site=site)
    await asyncio.sleep(60)
    return "never"


@tool
def read_gauge(gauge: Annotated[Literal["pressure", "flow"], Field(title="gauge", json_schema_extra={
    "aliases": {"压力表": "pressure"}
})]) -> str:
    """Reads a gauge: pressure or flow."""
    record(tool="read_gauge", gauge=gauge)
    raise ConnectionError("the gauge is offline")
'''


def write_tiny_project(folder: Path) -> Path:
    """Write the project's files; nothing is ingested."""
    for name, text in (
        ("waypost.toml", SETTINGS),
        ("tools.py", TOOLS),
        ("docs/leave/休假制度.md", LEAVE),
        ("docs/manual/pump.md", MANUAL),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def runs(project: Path) -> list[dict[str, Any]]:
    """Return the runs that the project's tools recorded."""
    path = project / "runs.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


async def state_of(waypost: Waypost, thread: str) -> dict[str, Any]:
    """Return what is stored of a thread of nobody in particular."""
    graph = await waypost._remembering()
    return dict((await graph.aget_state(waypost._config(None, thread))).values)
