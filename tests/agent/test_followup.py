from __future__ import annotations

import pytest

from agent.routing import standalone
from agent.tools import Tool
from tests.agent.followups import slots_of

KPI = "东站项目2024年三季度的纳统金额是多少？"
EIA = "东站项目的环保措施有哪些？"
WAGES = "农民工工资保证金的比例是多少？"
METRO = "What was the completed investment of the East Station in 2024?"
LOANS = "What is the loan balance at the end of 2024?"


def asked(question: str, previous: str | None, tools: dict[str, Tool]) -> tuple[str, str | None]:
    """Return a question made to stand alone, with slots found as `prepare` finds them."""
    result = standalone(question, previous, slots_of(tools))
    return result.text, result.alternative


@pytest.mark.parametrize(
    ("previous", "question", "expected"),
    [
        (KPI, "西站呢？", "西站项目2024年三季度的纳统金额是多少？"),
        (KPI, "那西站呢？", "西站项目2024年三季度的纳统金额是多少？"),
        (KPI, "换成西站", "西站项目2024年三季度的纳统金额是多少？"),
        (KPI, "那西站2023年呢？", "西站项目2023年三季度的纳统金额是多少？"),
        (KPI, "第四季度呢？", "东站项目2024年第四季度的纳统金额是多少？"),
        (KPI, "那第四季度呢？", "东站项目2024年第四季度的纳统金额是多少？"),
        (KPI, "完成投资呢", "东站项目2024年三季度的完成投资是多少？"),
        (EIA, "那西站呢？", "西站项目的环保措施有哪些？"),
        ("東站項目的環保措施有哪些？", "那西站呢？", "西站項目的環保措施有哪些？"),
        (METRO, "and in 2023?", METRO.replace("2024", "2023")),
        (METRO, "What about 2023?", METRO.replace("2024", "2023")),
        (LOANS, "How about 2023?", LOANS.replace("2024", "2023")),
    ],
)
def test_values_are_put_in_place(
    tools: dict[str, Tool], previous: str, question: str, expected: str
) -> None:
    """A follow-up that names only other values repeats the question with them."""
    assert asked(question, previous, tools) == (expected, None)


@pytest.mark.parametrize(
    ("previous", "question", "expected"),
    [
        (WAGES, "2023年以前是多少？", "2023年以前农民工工资保证金的比例是多少？"),
        (WAGES, "以前是多少", "以前农民工工资保证金的比例是多少？"),
        (WAGES, "修订前又是多少？", "修订前农民工工资保证金的比例是多少？"),
        ("现在每月按多大比例拨付工资？", "去年是多少？", "去年每月按多大比例拨付工资？"),
        ("2024年的差旅费是多少？", "现在是多少？", "现在的差旅费是多少？"),
        (KPI, "2022年是多少？", "东站项目2022年三季度的纳统金额是多少？"),
        (WAGES, "保证金总额是多少？", "保证金总额是多少？"),
    ],
)
def test_the_same_is_asked_of_another_time(
    tools: dict[str, Tool], previous: str, question: str, expected: str
) -> None:
    """What names nothing but a time and asks how much repeats the question for that time."""
    assert asked(question, previous, tools)[0] == expected


def test_english_values_take_the_place_of_the_old(tools: dict[str, Tool]) -> None:
    """A project named in English replaces the one before, by the tool's own value."""
    text, _ = asked("What about Line 5?", METRO, tools)
    assert "East Station" not in text
    assert "5号线一期" in text
    assert "completed investment" in text


@pytest.mark.parametrize(
    ("previous", "question", "expected"),
    [
        (EIA, "它的工期是多久？", "东站的工期是多久？"),
        (EIA, "这个项目的总投资是多少？", "东站的总投资是多少？"),
        (EIA, "该项目什么时候开工？", "东站什么时候开工？"),
        (WAGES, "这部分由谁审批？", "农民工工资保证金的比例由谁审批？"),
        (METRO, "When does it open?", "When does East Station open?"),
        (METRO, "What is its length?", "What is East Station's length?"),
    ],
)
def test_pronouns_are_resolved(
    tools: dict[str, Tool], previous: str, question: str, expected: str
) -> None:
    """A pronoun gives way to what it stands for."""
    assert asked(question, previous, tools)[0] == expected


@pytest.mark.parametrize(
    ("previous", "question", "expected"),
    [
        ("病假有几天？", "那年假呢？", "年假有几天？"),
        ("病假怎么申请？", "那时间呢？", "病假的时间"),
        ("病假怎么申请？", "那条件呢？", "病假的条件"),
        ("病假怎么申请？", "那位置呢？", "病假的位置"),
        ("大人的票价是多少？", "那儿童呢？", "儿童的票价是多少？"),
        ("大人的里程是多少？", "那个呢？", "大人呢？"),
        ("2024年的差旅费是多少？", "去年的呢？", "去年的差旅费是多少？"),
        ("2024年的差旅费是多少？", "那2023年的呢？", "2023年的差旅费是多少？"),
    ],
)
def test_openings_and_periods_leave_nothing_behind(
    tools: dict[str, Tool], previous: str, question: str, expected: str
) -> None:
    """The 那 of 那年假呢 is dropped where it points at nothing, and the old period gives way."""
    assert asked(question, previous, tools)[0] == expected


@pytest.mark.parametrize(
    ("previous", "question", "keeps"),
    [
        (EIA, "那费用呢？", ["东站", "环保措施", "费用"]),
        (WAGES, "那审批流程呢？", ["农民工工资保证金", "审批流程"]),
        (METRO, "and the risk?", ["East Station", "risk"]),
        ("Who approves change orders?", "and the deadline?", ["change orders", "deadline"]),
    ],
)
def test_fragments_keep_the_topic(
    tools: dict[str, Tool], previous: str, question: str, keeps: list[str]
) -> None:
    """A new aspect is asked of what was talked about."""
    text = asked(question, previous, tools)[0]
    assert all(word in text for word in keeps)


@pytest.mark.parametrize(
    ("previous", "question"),
    [
        (EIA, "西站的环保措施有哪些？"),
        (EIA, "什么是纳统？"),
        (EIA, "形象进度是什么意思？"),
        (METRO, "How much was paid for the Line 5 contract in 2023?"),
        (METRO, "What does retention money mean?"),
        (EIA, "招标采购管理办法第五条是怎么规定的？"),
        (EIA, EIA),
        ("屏幕黑了怎么办？", "屏幕黑了怎么办？"),
        ("屏幕黑了怎么办？", "屏幕黑了怎么办"),
        ("螢幕黑了怎麼辦？", "萤幕黑了怎么办?"),
        ("How long does it take?", "how long does it take"),
        (EIA, "工程变更超过多少万元要报集团审批？"),
    ],
)
def test_whole_questions_stay_as_they_are(
    tools: dict[str, Tool], previous: str, question: str
) -> None:
    """A question that needs nothing from before is not touched."""
    assert asked(question, previous, tools)[0] == question


@pytest.mark.parametrize(
    ("previous", "question", "expected"),
    [
        (EIA, "西站2023年的计划投资是多少？", "西站2023年的计划投资是多少？"),
        (EIA, "那西站2023年的计划投资呢？", "西站2023年的计划投资"),
        (EIA, "2024年的纳统金额呢？", "东站2024年的纳统金额"),
        (EIA, "那计划投资呢？", "东站计划投资"),
        (WAGES, "东站2024年纳统金额", "东站2024年纳统金额"),
        (WAGES, "那东站呢？", "东站农民工工资保证金的比例是多少？"),
    ],
)
def test_values_of_a_new_kind(
    tools: dict[str, Tool], previous: str, question: str, expected: str
) -> None:
    """A measure asked for after something else is not mixed into the old question."""
    assert asked(question, previous, tools) == (expected, None)


def test_doubtful_questions_have_a_second_reading(tools: dict[str, Tool]) -> None:
    """Where wording does not tell, the documents may decide between two readings."""
    text, alternative = asked("夜间施工怎么审批？", EIA, tools)
    assert text == "夜间施工怎么审批？"
    assert alternative is not None
    assert alternative.startswith("东站")
    assert "夜间施工" in alternative


@pytest.mark.parametrize("previous", [None, ""])
@pytest.mark.parametrize("question", ["那西站呢？", "它的工期？", " What about 2023? ", ""])
def test_first_questions_stay_as_they_are(
    tools: dict[str, Tool], previous: str | None, question: str
) -> None:
    """Without a question before there is nothing to add."""
    assert asked(question, previous, tools) == (question.strip(), None)
