"""The tools.py of a tiny project."""

from __future__ import annotations

__all__ = ["CODE", "NAMES"]

CODE = '''\
"""Tools of a tiny project."""
from typing import Annotated, Any, Literal

from langchain_core.tools import tool
from pydantic import Field

Project = Annotated[
    Literal["东站", "西站", "5号线一期"],
    Field(
        title="项目",
        json_schema_extra={"aliases": {"East Station": "东站", "五号线": "5号线一期", "Line 5": "5号线一期"}},
    ),
]
Period = Annotated[
    str,
    Field(
        title="时间",
        pattern=r"^(latest|20\\d\\d(Q[1-4])?)$",
        json_schema_extra={"format": "period", "aliases": {"目前": "latest", "now": "latest"}},
    ),
]


@tool
def investment(project: Project, metric: Literal["完成投资", "计划投资", "纳统金额"], period: Period) -> dict[str, Any]:
    """查询项目的投资 investment."""
    return {"project": project, "metric": metric, "period": period}


@tool
def ticket(
    code: Annotated[str, Field(title="工单号", pattern=r"^GD-\\d{4}$")],
    copies: int = 1,
    principal: Any = None,
) -> dict[str, Any]:
    """查询工单 work ticket."""
    return {"code": code, "copies": copies, "who": principal.id if principal else None}


@tool
async def contract(name: str, amount: float | None = None) -> str:
    """查询合同 contract."""
    return f"{name} {amount}"


def plain() -> None:
    """No tool."""
'''
NAMES = ("investment", "ticket", "contract")
