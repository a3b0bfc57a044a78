"""Tool of the example: the versions of a regulation, read from the documents' front matter and fields.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from langchain_core.tools import tool
from pydantic import Field

PROJECT = Path(__file__).parent
STEMS = {
    "质量保证金管理办法": "建设工程质量保证金管理办法",
    "公共数据管理条例": "公共数据管理条例",
    "食品小作坊和小餐饮管理规定": "食品小作坊和小餐饮管理规定",
    "医疗器械经营监督管理办法": "医疗器械经营监督管理办法",
    "医疗器械临床使用规则": "Rules-Clinical-Use",
    "单用途预付卡管理办法": "单用途预付卡管理办法",
    "数据留存政策": "Data-Retention-Policy",
    "采购管理办法": "采购管理办法",
}

# `aliases` are other names that questions use; the local argument filling reads them.
Regulation = Annotated[
    Literal[
        "质量保证金管理办法", "公共数据管理条例", "食品小作坊和小餐饮管理规定", "医疗器械经营监督管理办法",
        "医疗器械临床使用规则", "单用途预付卡管理办法", "数据留存政策", "采购管理办法",
    ],
    Field(
        title="法规",
        description="有多个版本的法规或制度",
        json_schema_extra={
            "aliases": {
                "质保金办法": "质量保证金管理办法", "质量保证金办法": "质量保证金管理办法",
                "retention money measures": "质量保证金管理办法", "公共数据条例": "公共数据管理条例",
                "public data regulation": "公共数据管理条例", "小作坊规定": "食品小作坊和小餐饮管理规定",
                "小餐饮规定": "食品小作坊和小餐饮管理规定", "food workshop rules": "食品小作坊和小餐饮管理规定",
                "医疗器械经营办法": "医疗器械经营监督管理办法", "器械经营办法": "医疗器械经营监督管理办法",
                "device distribution measures": "医疗器械经营监督管理办法", "临床使用规则": "医疗器械临床使用规则",
                "clinical use rules": "医疗器械临床使用规则", "预付卡办法": "单用途预付卡管理办法",
                "预付卡管理办法": "单用途预付卡管理办法", "prepaid card measures": "单用途预付卡管理办法",
                "数据留存制度": "数据留存政策", "data retention policy": "数据留存政策",
                "集团采购办法": "采购管理办法", "采购办法": "采购管理办法", "purchasing policy": "采购管理办法",
            }
        },
    ),
]  # fmt: skip

Which = Annotated[
    Literal["全部", "最新"],
    Field(
        title="版本",
        description="全部版本，或最新一版",
        json_schema_extra={
            "aliases": {
                "版本": "全部", "几版": "全部", "历次": "全部", "改过": "全部", "改了几次": "全部",
                "修正过": "全部", "修订过": "全部", "修订记录": "全部", "versions": "全部",
                "version history": "全部", "revisions": "全部", "最新版本": "最新", "最近一次修订": "最新",
                "latest version": "最新", "current version": "最新",
            }
        },
    ),
]  # fmt: skip


@tool
def list_versions(regulation: Regulation, which: Which) -> dict[str, Any]:
    """列出一部法规或制度的各个版本及其施行、失效日期。Lists the versions of a regulation and when each holds."""
    found = sorted(_versions(STEMS[regulation]))
    if which == "最新":
        found = found[-1:]
    lines = [f"{name}：{first}至{last or '今'}" for first, last, name in found]
    versions = [{"name": name, "effective": a, "expires": b} for a, b, name in found]
    count = "最新版本" if which == "最新" else f"共有{len(found)}个版本"
    summary = f"{regulation}{count}：{'；'.join(lines)}。"
    return {"regulation": regulation, "versions": versions, "summary": summary}


def _versions(stem: str) -> Iterator[tuple[str, str, str]]:
    """Yield first day, last day and name of each version."""
    told = tomllib.loads((PROJECT / "fields.toml").read_text(encoding="utf-8"))
    for path in PROJECT.glob(f"docs/*/{stem}-*"):
        fields = told.get(path.relative_to(PROJECT).as_posix())
        if fields is None:
            fields = yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])
        yield _iso(fields["effective"]), _iso(fields.get("expires")), path.stem


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()
