from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConfigurationError
from agent.settings import ToolSettings
from agent.tools import Tool, affinity, fill_arguments, find_slots, load_tools
from indexes import Principal
from tests.agent.samples import CODE

TODAY = date(2025, 2, 10)


def filled(tool: Tool, question: str, **known: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments found in a question, and the titles of those that are missing."""
    found = fill_arguments(tool, question, today=TODAY, known=known)
    return found.args, [parameter.title for parameter in found.missing]


@pytest.mark.parametrize(
    ("question", "args"),
    [
        ("东站2024年三季度的完成投资", {"project": "东站", "metric": "完成投资", "period": "2024Q3"}),
        ("東站2024年的納統金額是多少", {"project": "东站", "metric": "纳统金额", "period": "2024"}),
        ("五号线去年的计划投资", {"project": "5号线一期", "metric": "计划投资", "period": "2024"}),
        ("西站上季度完成投资多少", {"project": "西站", "metric": "完成投资", "period": "2024Q4"}),
        ("东站目前的纳统金额", {"project": "东站", "metric": "纳统金额", "period": "latest"}),
        ("East Station 纳统金额 in Q2 2024", {"project": "东站", "metric": "纳统金额", "period": "2024Q2"}),
        ("完成投资 of EAST STATION now", {"project": "东站", "metric": "完成投资", "period": "latest"}),
        ("5号线一期2023年计划投", {"project": "5号线一期", "metric": "计划投资", "period": "2023"}),
        ("2023年和2024年东站的纳统金额", {"project": "东站", "metric": "纳统金额", "period": "2023"}),
    ],
)  # fmt: skip
def test_everything_is_found(tools: dict[str, Tool], question: str, args: dict[str, Any]) -> None:
    """Values, aliases, other writings and relative dates give the tool's own values."""
    assert filled(tools["investment"], question) == (args, [])


@pytest.mark.parametrize(
    ("question", "args", "missing"),
    [
        ("纳统金额是多少", {"metric": "纳统金额"}, ["项目", "时间"]),
        ("东站三季度的纳统金额", {"project": "东站", "metric": "纳统金额"}, ["时间"]),
        ("东站2024年5月的纳统金额", {"project": "东站", "metric": "纳统金额"}, ["时间"]),
        ("南站2024年的纳统金额", {"metric": "纳统金额", "period": "2024"}, ["项目"]),
        ("Northeast Stations in 2024", {"period": "2024"}, ["项目", "Metric"]),
        ("Line 52 in 2024", {"period": "2024"}, ["项目", "Metric"]),
        ("投资", {}, ["项目", "Metric", "时间"]),
        ("", {}, ["项目", "Metric", "时间"]),
    ],
)
def test_nothing_is_guessed(
    tools: dict[str, Tool], question: str, args: dict[str, Any], missing: list[str]
) -> None:
    """What a question does not name is missing, by the title that people read."""
    found, titles = filled(tools["investment"], question)
    assert found == args
    assert [title.lower() for title in titles] == [title.lower() for title in missing]


@pytest.mark.parametrize(
    ("name", "question", "args"),
    [
        ("ticket", "打印3份工单GD-1234", {"code": "GD-1234", "copies": 3}),
        ("ticket", "工单12", {"copies": 12}),
        ("ticket", "工单在哪", {}),
        ("contract", "《监理合同》的付款", {"name": "监理合同"}),
        ("contract", 'terms of "Supply A", 1,200.5', {"name": "Supply A", "amount": 1200.5}),
        ("contract", "合同条款", {}),
    ],
)
def test_numbers_codes_and_quotations(
    tools: dict[str, Tool], name: str, question: str, args: dict[str, Any]
) -> None:
    """Integers, decimals, patterns and quoted names are read by their form."""
    assert filled(tools[name], question)[0] == args


def test_known_arguments_fill_gaps_alone(tools: dict[str, Tool]) -> None:
    """An earlier turn's argument counts where the question names none."""
    args, missing = filled(tools["investment"], "西站的呢", project="东站", metric="完成投资")
    assert args == {"project": "西站", "metric": "完成投资"}
    assert missing == ["时间"]


def test_share_of_required_arguments(tools: dict[str, Tool]) -> None:
    """Optional arguments do not count."""
    share = {
        question: fill_arguments(tools["ticket"], question, today=TODAY).share
        for question in ("GD-1234", "3份")
    }
    assert share == {"GD-1234": 1.0, "3份": 0.0}


@pytest.mark.parametrize(
    ("question", "surfaces"),
    [
        ("那五号线去年的纳统金额呢", {"project": "五号线", "metric": "纳统金额", "period": "去年"}),
        ("東站的納統金額", {"project": "東站", "metric": "納統金額"}),
        ("East Station in Q2 2024", {"project": "East Station", "period": "Q2 2024"}),
        ("25㎡的东站", {"project": "东站"}),
        ("天气怎么样", {}),
    ],
)
def test_slots_are_where_they_stand(
    tools: dict[str, Tool], question: str, surfaces: dict[str, str]
) -> None:
    """Each value found comes with the offsets of its own wording."""
    found = find_slots([tools["investment"]], question)
    assert {slot.argument: question[slot.start : slot.end] for slot in found} == surfaces


def test_affinity_needs_arguments_and_topic(tools: dict[str, Tool]) -> None:
    """A call names what the tool needs; a question of something else with the same names is none."""

    def how(question: str) -> float:
        return affinity(tools["investment"], question, today=TODAY)

    assert how("查询东站2024年的纳统金额") > how("东站2024年的纳统金额为什么要复核签字盖章")
    assert how("查询东站2024年的纳统金额") > how("查询东站的纳统金额") > how("食堂几点开门") == 0.0


def test_loading_reads_titles_choices_and_rules(tools: dict[str, Tool]) -> None:
    """A tool says what its schema says, and what the settings add."""
    project, metric, period = tools["investment"].parameters
    assert (project.title, project.choices, project.aliases["Line 5"]) == (
        "项目",
        ("东站", "西站", "5号线一期"),
        "5号线一期",
    )
    assert metric.choices == ("完成投资", "计划投资", "纳统金额")
    assert (period.format, period.required) == ("period", True)
    assert tools["investment"].examples == ("查investment",)
    assert "查询项目的投资" in tools["investment"].description


def test_optional_parameters_have_their_own_type(tools: dict[str, Tool]) -> None:
    """`float | None = None` is an optional number."""
    amount = tools["contract"].parameters[1]
    assert (amount.kind, amount.required) == ("number", False)


async def test_principal_is_injected_and_hidden(tools: dict[str, Tool]) -> None:
    """The tool learns who asks, and no question or model can say so."""
    assert [parameter.name for parameter in tools["ticket"].parameters] == ["code", "copies"]
    run = tools["ticket"].run
    given = {"code": "GD-0001", "principal": Principal("impostor")}
    assert (await run(given, Principal("li"), "k"))["who"] == "li"
    assert (await run(given, None, "k"))["who"] is None


async def test_plain_and_async_functions_run(tools: dict[str, Tool]) -> None:
    """Both kinds of tools are awaited alike."""
    args = {"project": "东站", "metric": "纳统金额", "period": "2024"}
    assert await tools["investment"].run(args, None, "k") == args
    assert await tools["contract"].run({"name": "A", "amount": 1.5}, None, "k") == "A 1.5"


@pytest.mark.parametrize(
    ("groups", "principal", "allowed"),
    [
        (None, None, True),
        (("ops",), None, False),
        (("ops",), Principal("a", ("sales",)), False),
        (("ops",), Principal("a", ("sales", "ops")), True),
        ((), Principal("a", ("ops",)), False),
    ],
)
def test_groups_of_a_tool(
    tmp_path: Path, groups: tuple[str, ...] | None, principal: Principal | None, allowed: bool
) -> None:
    """Without a list everyone may use a tool, with an empty one nobody."""
    (tmp_path / "tools.py").write_text(CODE, encoding="utf-8")
    (tool,) = load_tools(tmp_path, [ToolSettings(use="tools:ticket", groups=groups)])
    assert tool.allows(principal) is allowed


@pytest.mark.parametrize(
    ("code", "use", "says"),
    [
        (CODE, "tools:missing", "no LangChain tool named 'missing'"),
        (CODE, "tools:plain", "no LangChain tool named 'plain'"),
        (CODE, "other:ticket", "There is no file"),
        ("def broken(:\n", "tools:broken", "SyntaxError"),
        ("import no_such_module_xyz\n", "tools:x", "no_such_module_xyz"),
        ("raise ValueError('no database')\n", "tools:x", "ValueError: no database"),
    ],
)
def test_tools_that_cannot_be_loaded(tmp_path: Path, code: str, use: str, says: str) -> None:
    """The message names the file and what is wrong with it, and how to mend it."""
    (tmp_path / "tools.py").write_text(code, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=says) as caught:
        load_tools(tmp_path, [ToolSettings(use=use)])
    assert str(tmp_path) in caught.value.message
    assert caught.value.fix


def test_a_broken_file_can_be_mended(tmp_path: Path) -> None:
    """A module that failed is not remembered as if it were loaded."""
    (tmp_path / "tools.py").write_text("raise ValueError\n", encoding="utf-8")
    settings = [ToolSettings(use="tools:ticket")]
    with pytest.raises(ConfigurationError):
        load_tools(tmp_path, settings)
    (tmp_path / "tools.py").write_text(CODE, encoding="utf-8")
    assert load_tools(tmp_path, settings)[0].name == "ticket"


def test_two_tools_of_one_name(tmp_path: Path) -> None:
    """Names decide which tool is called, so each stands once."""
    (tmp_path / "tools.py").write_text(CODE, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="'ticket'"):
        load_tools(tmp_path, [ToolSettings(use="tools:ticket")] * 2)


def test_projects_do_not_share_their_tools(tmp_path: Path) -> None:
    """Two projects in one process each have their own tools.py."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        code = CODE.replace("查询工单", f"工单{name}")
        (tmp_path / name / "tools.py").write_text(code, encoding="utf-8")
    settings = [ToolSettings(use="tools:ticket")]
    found = [load_tools(tmp_path / name, settings)[0].description for name in ("a", "b")]
    assert ["工单a" in found[0], "工单b" in found[1]] == [True, True]
