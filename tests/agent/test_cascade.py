"""The cascade: each stage decides or passes, failures are told, and decisions weigh their costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from agent.routing import Question, Router, Target
from agent.routing.corrections import Right
from agent.routing.decision import cheapest
from agent.routing.types import NONE, Asked, TargetScore
from agent.settings import Costs, Routing, Rule

TARGETS = (
    Target("manual", "index", "操作手册", "pumps"),
    Target("leave", "index", "Leave rules", "holidays"),
    Target("finance", "index", "财务报表", "budgets"),
    Target("read_gauge", "tool", "", "reads a gauge"),
    Target("talk:greeting", "talk", "", ""),
    Target("talk:vague", "talk", "", ""),
)


class Scored:
    """A classifier that has found probabilities, or fails."""

    def __init__(self, found: dict[str, float] | Exception) -> None:
        self.targets = list(TARGETS)
        self._found = found

    async def score(self, question: Question, names: Sequence[str] | None = None) -> TargetScore:
        """Return what was found."""
        if isinstance(self._found, Exception):
            raise self._found
        rest = 1 - sum(self._found.values())
        given = {target.name: 0.0 for target in TARGETS} | {NONE: 0.0} | self._found
        seen = {n: p for n, p in given.items() if n == NONE or names is None or n in names}
        return TargetScore({name: p + rest / len(seen) for name, p in seen.items()}, "scored")


async def describe(text: str) -> Question:
    """Return a question about which no document says anything."""
    return Question(text)


def router(
    found: dict[str, float] | Exception,
    corrected: Right | None = None,
    **settings: Any,
) -> Router:
    """Return a router whose classifier has found this."""
    scored: Any = Scored(found)
    return Router(scored, Routing(**settings), lambda question: corrected)


SURE = {"manual": 0.97}


@pytest.mark.parametrize(
    ("question", "action", "names", "rest"),
    [
        ("在财务报表里：2024年的预算", "search", ["finance"], "2024年的预算"),
        ("/index leave how many days", "search", ["leave"], "how many days"),
        ("Leave rules: how many days", "search", ["leave"], "how many days"),
        ("《操作手册》：怎么换油", "search", ["manual"], "怎么换油"),
        ("你好", "answer", [], "你好"),
        ("转人工", "act", ["hand_over"], "转人工"),
        ("有哪些文件？", "act", ["list_documents"], "有哪些文件？"),
        ("？？", "clarify", [], "？？"),
        ("工单 4711 怎么样了", "act", ["read_gauge"], "工单 4711 怎么样了"),
        ("ticket 4711", "search", ["leave"], "ticket 4711"),
        ("about the king", "answer", [], "about the king"),
    ],
)
async def test_rules(question: str, action: str, names: list[str], rest: str) -> None:
    """What needs no judgement is decided by a rule, the project's own among them."""
    rules = (
        Rule(pattern=r"^工单\s*\d+", tool="read_gauge"),
        Rule(pattern=r"^ticket \d+", index="leave"),
        Rule(pattern=r"\bking\b"),
    )
    route = (await router(SURE, rule=rules).route(question, describe)).route
    assert route["decided_by"] == "rule"
    found = [one["name"] for one in route["indexes"]] + route["tools"]
    assert (route["action"], found, route["question"]) == (action, names, rest)
    assert sum(one["confidence"] for one in route["candidates"]) == pytest.approx(1)
    assert {one["name"] for one in route["candidates"]} == {"manual", "leave", "finance", NONE}


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("我要求转人工", True),
        ("我没时间跟机器人说，转人工", True),
        ("等了多久了还没人，给我转人工客服", True),
        ("请人工客服给我回电话", True),
        ("I have waited for hours, let me talk to a human", True),
        ("人工客服几点上班？", False),
        ("人工客服一般什么时候下班", False),
        ("人工客服的电话是多少", False),
        ("转人工要收费吗", False),
        ("When can I talk to a human?", False),
    ],
)
async def test_who_asks_for_a_person(text: str, asks: bool) -> None:
    """A request for a person is one whatever else is said; what is asked about the staff is none."""
    route = (await router(SURE).route(text, describe)).route
    assert (route["tools"] == ["hand_over"]) is asks


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("/index finance budgets", None),
        ("在财务报表里：预算", None),
        ("ticket 1", None),
        ("how many days?", Right("search", ("finance",))),
    ],
)
async def test_rules_do_not_reach_what_is_hidden(question: str, right: Right | None) -> None:
    """Neither a name, a pattern nor a correction leads to an index that the principal may not see."""
    rules = (Rule(pattern=r"^ticket", index="finance"),)
    found = router(SURE, right, rule=rules)
    route = (await found.route(question, describe, visible=lambda t: t.name != "finance")).route
    assert route["decided_by"] != "rule"
    assert "finance" not in str({**route, "question": ""})


async def test_a_correction_comes_first() -> None:
    """What people said is right is done, whatever the other stages think."""
    right = Right("act", tool="read_gauge")
    route = (await router(SURE, right).route("在财务报表里：压力", describe)).route
    assert (route["action"], route["tools"], route["decided_by"]) == ("act", ["read_gauge"], "rule")


@pytest.mark.parametrize(
    ("found", "action", "names"),
    [
        ({"manual": 0.97}, "search", ["manual"]),
        ({"manual": 0.55, "leave": 0.43}, "search", ["manual", "leave"]),
        ({"manual": 0.5, "leave": 0.25, "finance": 0.24}, "search", ["manual", "leave", "finance"]),
        ({"manual": 0.95, "leave": 0.04}, "search", ["manual"]),
        ({"read_gauge": 0.8, "manual": 0.19}, "act", ["read_gauge"]),
        ({"read_gauge": 0.4, "manual": 0.59}, "search", ["manual"]),
        ({NONE: 0.97}, "answer", []),
        ({NONE: 0.7, "manual": 0.29}, "search", ["manual", "leave", "finance"]),
        ({"talk:greeting": 0.9}, "answer", []),
        ({"talk:vague": 0.9}, "clarify", []),
    ],
)
async def test_the_classifier_decides_by_cost(
    found: dict[str, float], action: str, names: list[str]
) -> None:
    """One index, several, a tool, an answer or a question back: what costs least in expectation."""
    route = (await router(found).route("how high is the pressure", describe)).route
    chosen = [one["name"] for one in route["indexes"]] + route["tools"]
    if len(names) == 3 and found.get(NONE):  # "none" without having searched is not sure enough
        assert (route["decided_by"], route["action"], len(chosen)) == ("fallback", "search", 3)
    else:
        assert (route["decided_by"], route["action"], chosen) == ("classifier", action, names)


@pytest.mark.parametrize(
    ("costs", "found", "action", "count"),
    [
        ({"search": 0.44}, {"manual": 0.55, "leave": 0.43}, "search", 1),
        ({"act": 5}, {"read_gauge": 0.8, "manual": 0.19}, "search", 1),
        ({"decline": 0.3}, {NONE: 0.7, "manual": 0.29}, "answer", 0),
        ({"ask": 0.1}, {"manual": 0.4, "leave": 0.3, "finance": 0.3}, "clarify", 0),
        ({"talk": 9}, {"talk:greeting": 0.6, "manual": 0.4}, "search", 1),
    ],
)
async def test_costs_are_settings(
    costs: dict[str, float], found: dict[str, float], action: str, count: int
) -> None:
    """What mistakes cost is the project's to say."""
    asked = Asked("x", TARGETS, describe, probabilities=dict.fromkeys(_names(), 0.0) | found)
    choice = cheapest(asked, {}, Costs(**costs))
    assert (choice.action, len(choice.targets)) == (action, count)


def test_an_incomplete_call_must_be_surer() -> None:
    """Asking for arguments of a tool that was not wanted costs more than a needless search."""
    found = dict.fromkeys(_names(), 0.0) | {"read_gauge": 0.6, "manual": 0.4}
    asked = Asked("x", TARGETS, describe, probabilities=found)
    assert cheapest(asked, {"read_gauge": 0.9}, Costs()).action == "act"
    assert cheapest(asked, {"read_gauge": 0.2}, Costs()).action == "search"
    surer = replace(asked, probabilities=found | {"read_gauge": 0.8, "manual": 0.2})
    assert cheapest(surer, {"read_gauge": 0.2}, Costs()).action == "act"


def _names() -> list[str]:
    return [*(target.name for target in TARGETS), NONE]


@pytest.mark.parametrize(("threshold", "calls"), [(0.0, 0), (0.5, 0), (0.9, 1), (1.0, 1)])
async def test_only_unsure_questions_reach_the_model(threshold: float, calls: int) -> None:
    """The model is asked below the threshold, and nowhere else."""
    prompts: list[str] = []

    async def complete(prompt: str) -> str:
        prompts.append(prompt)
        return '{"targets": ["leave"], "reason": "holidays"}'

    found = router({"manual": 0.8, "read_gauge": 0.19}, threshold=threshold)
    route = (await found.route("how many", describe, complete=complete)).route
    assert len(prompts) == calls
    assert route["decided_by"] == ("model" if calls else "classifier")


@pytest.mark.parametrize(
    "error",
    [ValueError("half"), TimeoutError(), KeyError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_a_failing_classifier_is_told(error: Exception) -> None:
    """Whatever fails in a stage, the next is asked; at last all indexes are searched side by side."""
    found = router(error)

    async def complete(prompt: str) -> str:
        return '{"targets": ["leave"], "reason": "holidays"}'

    by_model = (await found.route("how many days", describe, complete=complete)).route
    assert (by_model["decided_by"], by_model["indexes"][0]["name"]) == ("model", "leave")
    told = f"the classifier stage failed ({type(error).__name__})"
    assert told in by_model["reason"]

    async def broken(prompt: str) -> str:
        raise RuntimeError("the line is cut")

    last = (await found.route("how many days", describe, complete=broken)).route
    assert (last["decided_by"], last["action"], len(last["indexes"])) == ("fallback", "search", 3)
    assert told in last["reason"]
    assert "the model stage failed (RuntimeError)" in last["reason"]
    assert sum(one["confidence"] for one in last["candidates"]) == pytest.approx(1, abs=0.001)


async def test_failing_with_nothing_to_search() -> None:
    """Without an index to search nothing is made up."""
    found = router(ValueError("half"))
    route = (
        await found.route("how", describe, visible=lambda target: target.kind != "index")
    ).route
    assert (route["action"], route["indexes"], route["decided_by"]) == ("answer", [], "fallback")
