"""Files that are looked at before each question, and tables for Waypost's own tools."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from agent import Waypost
from agent.errors import ConfigurationError
from agent.settings import ToolSettings
from agent.tools import Parameter, Tool, builtin_tools, fill_arguments, find_slots, run_call
from indexes import Principal
from prompts import Language

MakeProject = Callable[..., Path]


async def _nothing(args: dict[str, object], principal: Principal | None, key: str) -> object:
    return {"summary": {"zh": "没有", "en": "nothing"}}


def tool(*parameters: Parameter) -> Tool:
    """Return a tool with these arguments, whose summary is in two languages."""
    schema = {"type": "object", "properties": {one.name: {} for one in parameters}}
    return Tool("lookup", "Looks up.", parameters, schema, _nothing)


CODE = Parameter("code", "code", "string", required=True, pattern="^[Ff]-?[0-9]{3}$")
DAY = Parameter(
    "day", "day", "string", required=True, format="date", aliases={"今天": "today", "now": "today"}
)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("F-123在哪", "F-123"),
        ("f123 在哪", "f123"),
        ("Ｆ１２３在哪", "F123"),
        ("看F1234", None),
        ("XF123", None),
        ("F1234和F123", "F123"),
    ],
)
def test_codes_are_no_parts_of_others(question: str, found: str | None) -> None:
    """What fits a pattern is taken only where it stands by itself, in whatever width."""
    filled = fill_arguments(tool(CODE), question, today=date(2026, 12, 20))
    assert filled.args.get("code") == found


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("1月3日有课吗", "2027-01-03"),
        ("12月1日有课吗", "2026-12-01"),
        ("2025年1月3日有课吗", "2025-01-03"),
        ("今天有课吗", "today"),
        ("1月有课吗", None),
    ],
)
def test_days_without_a_year(question: str, found: str | None) -> None:
    """A day without a year is the nearest one; a month alone is no day."""
    filled = fill_arguments(tool(DAY), question, today=date(2026, 12, 20))
    assert filled.args.get("day") == found


def test_choices_are_not_read_into_longer_codes() -> None:
    """A model that is not among the choices is not taken for the one that its name begins with."""
    model = Parameter("model", "model", "string", required=True, choices=("VX-20", "AP-300B"))
    for question, found in (("VX-20多重", "VX-20"), ("VX-20S多重", None), ("AP-300多重", None)):
        assert fill_arguments(tool(model), question, today=date.today()).args.get("model") == found


def test_slots_of_arguments_of_one_name() -> None:
    """Arguments of several tools may have one name; codes and days are found, days by their wording."""
    other = Parameter("code", "code", "string", required=False, aliases={"newest": "newest"})
    found = find_slots([tool(CODE, DAY), tool(other)], "今天的F-123")
    assert [(slot.argument, slot.value) for slot in found] == [
        ("code", "F-123"),
        ("period", "今天"),
    ]


async def test_a_summary_is_told_in_the_question_s_language() -> None:
    """A result may have its summary in two languages."""
    expected: dict[Language, str] = {"zh": "没有", "en": "nothing"}
    for language, said in expected.items():
        call = await run_call(
            tool(),
            {},
            principal=None,
            key="k",
            ledger=None,
            language=language,
        )
        assert call["result"] == {"summary": said}


def test_own_tools_take_examples_and_groups(tiny: Waypost) -> None:
    """A table for a tool of Waypost's own adds examples to it and says who may use it."""
    table = ToolSettings(use="builtin:hand_over", examples=("Enough!",), groups=("staff",))
    found = {one.name: one for one in builtin_tools(tiny.registry, "en", [table])}
    assert found["hand_over"].examples[-1] == "Enough!"
    assert not found["hand_over"].allows(None)
    assert found["list_documents"].allows(None)
    with pytest.raises(ConfigurationError, match="hand_over"):
        builtin_tools(tiny.registry, "en", [ToolSettings(use="builtin:hand_over_to_ann")])


async def test_unknown_indexes_are_refused(tiny_project: MakeProject) -> None:
    """[fresh] names indexes that there are."""
    project = tiny_project(("[routing]", '[fresh]\nindexes = ["nowhere"]\n\n[routing]'))
    with pytest.raises(ConfigurationError, match="nowhere"):
        async with Waypost.open(project):
            pass
