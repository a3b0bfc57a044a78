from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from agent.tools import Tool, builtin_tools, fill_arguments
from indexes import Principal, Registry
from tests.indexes.projects import ingested, write_project

CONFIG = """
[project]
default_access = "public"
[[index]]
name = "policy"
title = "制度办法"
embedding = "none"
sources = ["docs/policy/*"]
[[index]]
name = "reports"
title = "监测报告"
embedding = "none"
sources = ["docs/reports/*"]
"""
FILES = {
    "docs/policy/a.md": "---\ndate: 2024-03-01\n---\n# 安全办法\n\n动火作业须审批，扬尘须控制。",
    "docs/policy/b.md": "---\ndate: 2025-06-01\n---\n# 采购办法\n\n询价至少三家。",
    "docs/reports/c.md": "---\ndate: 2023-01-05\n---\n# 一季度报告\n\n扬尘超标两次。",
    "docs/reports/d.txt": "Dewatering started in May.",
    "docs/reports/e.md": "---\ngroups: [board]\ndate: 2025-12-01\n---\n# 内部报告\n\n扬尘处罚决定。",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    """Return a project of five documents, one of them for the board alone."""
    project = write_project(tmp_path_factory.mktemp("inventory"), CONFIG, FILES)
    async with ingested(project) as opened:
        yield opened


def listing(registry: Registry) -> Tool:
    """Return the tool that lists documents."""
    return next(tool for tool in builtin_tools(registry, "zh") if tool.name == "list_documents")


@pytest.mark.parametrize(
    ("question", "args"),
    [
        ("你这里有哪些文档？", {}),
        ("Which documents do you have?", {}),
        ("哪些文档提到了扬尘？", {"mentions": "扬尘"}),
        ("有多少份提到“动火作业”的文件？", {"mentions": "动火作业"}),
        ("有几份涉及询价的报告", {"mentions": "询价"}),
        ("Which files mention dewatering?", {"mentions": "dewatering"}),
        ("最新的制度办法是哪几份？", {"index": "policy", "order": "newest"}),
        ("What are the latest documents?", {"order": "newest"}),
        ("有几份Word文件？", {"type": "docx"}),
        ("how many PDF files are there", {"type": "pdf"}),
    ],
)
def test_reading(registry: Registry, question: str, args: dict[str, Any]) -> None:
    """What is asked of the inventory is read from the question."""
    found = fill_arguments(listing(registry), question, today=date(2026, 1, 1))
    assert (found.args, found.missing) == (args, ())


@pytest.mark.parametrize(
    ("args", "documents"),
    [
        ({}, ["a.md", "b.md", "c.md", "d.txt"]),
        ({"mentions": "扬尘"}, ["a.md", "c.md"]),
        ({"mentions": "dewatering"}, ["d.txt"]),
        ({"mentions": "没有的词语"}, []),
        ({"index": "policy", "order": "newest"}, ["b.md", "a.md"]),
        ({"order": "newest"}, ["b.md", "a.md", "c.md", "d.txt"]),
        ({"type": "txt"}, ["d.txt"]),
        ({"type": "pdf"}, []),
        ({"mentions": "扬尘", "index": "reports"}, ["c.md"]),
    ],
)
async def test_answers(registry: Registry, args: dict[str, Any], documents: list[str]) -> None:
    """Documents are counted and listed by index, type, mention and date, the visible ones alone."""
    result = await listing(registry).run(args, None, "k")
    assert [name.split("/")[-1] for name in result.get("documents", [])] == documents
    assert result["count"] == len(documents)
    assert "内部报告" not in result["summary"]


async def test_board_sees_its_own(registry: Registry) -> None:
    """Who belongs to a group has its documents in the lists and counts."""
    result = await listing(registry).run({"mentions": "扬尘"}, Principal("li", ("board",)), "k")
    assert result["count"] == 3
    assert "内部报告" in result["summary"]
