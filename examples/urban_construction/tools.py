"""Tools of the example: the project dashboard, read from data/projects.db."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal

from langchain_core.tools import tool
from pydantic import Field

DATABASE = Path(__file__).parent / "data" / "projects.db"
COLUMNS = {
    "计划投资": "planned",
    "完成投资": "completed",
    "纳统金额": "counted",
    "支付金额": "paid",
}

# `aliases` are other names that questions use; the local argument filling reads them.
Project = Annotated[
    Literal[
        "东站", "西站", "滨江大道", "青龙湖", "城北污水厂", "南湖隧道", "科技园二期", "会展中心", "老城管网",
        "安居家园三期", "5号线一期", "循环产业园",
    ],
    Field(
        title="项目",
        description="项目简称",
        json_schema_extra={
            "aliases": {
                "East Station": "东站", "West Station": "西站", "Riverside Avenue": "滨江大道",
                "Qinglong Lake": "青龙湖", "城北污水处理厂": "城北污水厂", "污水厂": "城北污水厂",
                "North Wastewater": "城北污水厂", "South Lake Tunnel": "南湖隧道", "科技园": "科技园二期",
                "Hi-tech Park": "科技园二期", "Expo Centre": "会展中心", "国际会展中心": "会展中心",
                "老城区雨污": "老城管网", "Old Town Sewer": "老城管网", "安居家园": "安居家园三期",
                "Anju Homes": "安居家园三期", "5号线": "5号线一期", "五号线": "5号线一期", "Line 5": "5号线一期",
                "循环经济产业园": "循环产业园", "垃圾焚烧": "循环产业园", "Recycling Park": "循环产业园",
            }
        },
    ),
]  # fmt: skip
Metric = Annotated[
    Literal["纳统金额", "完成投资", "计划投资", "投资完成率", "支付金额", "形象进度"],
    Field(
        title="指标",
        description="看板指标；金额单位为万元",
        json_schema_extra={
            "aliases": {
                "纳统": "纳统金额", "入统": "纳统金额", "counted investment": "纳统金额",
                "实际完成": "完成投资", "完成了多少投资": "完成投资", "investment completed": "完成投资",
                "completed investment": "完成投资", "investment did": "完成投资",
                "投资计划": "计划投资", "planned investment": "计划投资", "完成率": "投资完成率",
                "completion rate": "投资完成率", "已付工程款": "支付金额", "支付了多少": "支付金额",
                "付了多少": "支付金额", "工程款支付": "支付金额", "支付工程款": "支付金额", "paid": "支付金额",
                "进展": "形象进度", "干到": "形象进度", "进度怎么样": "形象进度", "physical progress": "形象进度",
            }
        },
    ),
]  # fmt: skip
Period = Annotated[
    str,
    Field(
        title="时间",
        description="2024、2024H1、2024Q3，或 latest（最近一个季度）",
        pattern=r"^(latest|20\d\d(Q[1-4]|H[12])?)$",
        json_schema_extra={
            "format": "period",
            "aliases": {
                "目前": "latest", "现在": "latest", "最新": "latest", "当前": "latest", "最近": "latest", "眼下": "latest", "如今": "latest", "到哪": "latest",
                "currently": "latest", "latest": "latest", "now": "latest",
            },
        },
    ),
]  # fmt: skip


@tool
def get_dashboard_info(project: Project, metric: Metric, period: Period) -> dict[str, Any]:
    """查询投资看板：某个项目在某年、某半年或某季度的纳统金额、完成投资、计划投资、投资完成率、支付金额（万元）或形象进度。"""
    with closing(sqlite3.connect(f"{DATABASE.as_uri()}?mode=ro", uri=True)) as database:
        quarters = _quarters(database, project, period)
        base = {"project": project, "metric": metric, "period": period}
        if not quarters:
            first, last = database.execute(
                "SELECT min(quarter), max(quarter) FROM investments JOIN projects ON id = project_id WHERE name = ?",
                (project,),
            ).fetchone()
            summary = f"看板中没有{project}项目{_spoken(period)}的数据，现有数据从{first}到{last}。"
            return {**base, "value": None, "summary": summary}
        if metric == "形象进度":
            return {**base, **_progress(database, project, quarters[-1])}
        return {**base, **_amount(database, project, metric, period, quarters)}


def _quarters(database: sqlite3.Connection, project: str, period: str) -> list[str]:
    rows = database.execute(
        "SELECT quarter FROM investments JOIN projects ON id = project_id WHERE name = ? ORDER BY quarter",
        (project,),
    )
    known = [str(quarter) for (quarter,) in rows]
    if period == "latest":
        return known[-1:]
    half = re.fullmatch(r"(20\d\d)H([12])", period)
    wanted = (
        {f"{half[1]}Q{int(half[2]) * 2 - 1}", f"{half[1]}Q{int(half[2]) * 2}"} if half else {period}
    )
    return [q for q in known if q in wanted or (len(period) == 4 and q.startswith(period))]


def _progress(database: sqlite3.Connection, project: str, quarter: str) -> dict[str, Any]:
    description, percent = database.execute(
        "SELECT description, percent FROM progress JOIN projects ON id = project_id WHERE name = ? AND quarter = ?",
        (project, quarter),
    ).fetchone()
    summary = f"截至{quarter}末，{project}项目的形象进度：{description}累计完成{percent:g}%。"
    return {"value": percent, "unit": "%", "quarter": quarter, "summary": summary}


def _amount(
    database: sqlite3.Connection, project: str, metric: str, period: str, quarters: list[str]
) -> dict[str, Any]:
    def total(column: str) -> float:
        marks = ",".join("?" * len(quarters))
        row = database.execute(
            f"SELECT sum({column}) FROM investments JOIN projects ON id = project_id "
            f"WHERE name = ? AND quarter IN ({marks})",
            (project, *quarters),
        ).fetchone()
        return float(row[0])

    spoken = _spoken(quarters[-1] if period == "latest" else period)
    covered = f"（{quarters[0]}至{quarters[-1]}合计）" if len(quarters) > 1 else ""
    if metric == "投资完成率":
        rate = round(100 * total("completed") / total("planned"), 1)
        summary = f"{project}项目{spoken}的投资完成率为{rate:g}%{covered}。"
        return {"value": rate, "unit": "%", "summary": summary}
    value = total(COLUMNS[metric])
    summary = f"{project}项目{spoken}的{metric}为{value:.10g}万元{covered}。"
    return {"value": value, "unit": "万元", "summary": summary}


def _spoken(period: str) -> str:
    if period == "latest":
        return "最近"
    part = period[4:]
    names = {
        "H1": "上半年",
        "H2": "下半年",
        "Q1": "第一季度",
        "Q2": "第二季度",
        "Q3": "第三季度",
        "Q4": "第四季度",
    }
    return f"{period[:4]}年{names.get(part, '')}"
