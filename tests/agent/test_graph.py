from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime
from langgraph.types import Overwrite, Send

from agent import Principal, Waypost, nodes
from agent.answering import empty_draft
from agent.context import Context, Resources
from agent.edges import Edges
from agent.errors import UsageError
from agent.graph import build_graph
from agent.state import Part, State

SNAPSHOT = Path(__file__).parent / "graph.mmd"
REPAIR = "if the change is meant, write the new drawing there"


def resources(waypost: Waypost) -> Resources:
    """Return what the project's graph was built with."""
    return waypost._resources


def state(**fields: Any) -> State:
    """Return a state as `prepare` leaves it, with some fields set."""
    base: dict[str, Any] = {
        "question": "How often is the bearing lubricated?",
        "topic": "",
        "messages": [],
        "turn": "t",
        "deadline": time.time() + 60,
        "language": "en",
        "route": {
            "question": "",
            "action": "search",
            "indexes": [],
            "tools": [],
            "candidates": [],
            "confidence": 0.9,
            "reason": "",
            "decided_by": "classifier",
        },
        "talk": None,
        "offered": [],
        "parts": [],
        "found": [],
        "passages": [],
        "denied": [],
        "judgement": {"sufficient": False, "score": 0.0, "parts": [], "unanswered": []},
        "rewrites": 0,
        "plans": [],
        "unknown": [],
        "tool_calls": [],
        "rounds": 0,
        "outcome": "search",
        "draft": empty_draft(),
        "limit": None,
        "usage": {"model_calls": 0, "input_tokens": 0, "output_tokens": 0},
        "timings": {},
    }
    return cast(State, base | fields)


def part(*indexes: str, question: str = "How often is the bearing lubricated?") -> Part:
    """Return a part that is searched in some indexes."""
    return {
        "question": question,
        "query": question,
        "indexes": dict.fromkeys(indexes, 0.9),
        "tools": [],
        "of": 0,
        "prior": 0.9,
        "lost": False,
    }


def planned(action: str, *indexes: str, tools: tuple[str, ...] = ()) -> State:
    """Return a state whose route plans an action."""
    route = {
        **state()["route"],
        "action": action,
        "tools": list(tools),
        "indexes": [{"name": name, "confidence": 0.9} for name in indexes],
    }
    return state(route=route, parts=[part(*indexes)])


def runtime(
    waypost: Waypost, principal: Principal | None = None, **changes: Any
) -> Runtime[Context]:
    """Return the runtime that the graph gives its nodes, with some resources exchanged."""
    return Runtime(context=Context(replace(resources(waypost), **changes), principal))


def test_drawing_is_the_committed_one(tiny: Waypost) -> None:
    """Whoever changes the graph sees the change in review."""
    drawing = build_graph(resources(tiny)).compile().get_graph().draw_mermaid()
    assert drawing == SNAPSHOT.read_text(encoding="utf-8"), f"{SNAPSHOT} differs; {REPAIR}"


@pytest.mark.parametrize(
    ("action", "indexes", "goes_to"),
    [
        ("answer", (), "respond"),
        ("clarify", (), "clarify"),
        ("act", (), "plan_tools"),
        ("search", (), "clarify"),
        ("search", ("manual",), ["manual"]),
        ("act", ("manual", "leave"), ["manual", "leave"]),
    ],
)
def test_after_route(
    tiny: Waypost, action: str, indexes: tuple[str, ...], goes_to: str | list[str]
) -> None:
    """Each plan has its node; a search with nothing to search asks back."""
    found = Edges(resources(tiny)).after_route(planned(action, *indexes))
    if isinstance(found, list):
        assert [(send.node, send.arg["index"]) for send in found] == [
            ("search", n) for n in goes_to
        ]
    else:
        assert found == goes_to


@pytest.mark.parametrize(
    ("sufficient", "rewrites", "searched", "goes_to"),
    [
        (True, 0, ["manual"], "respond"),
        (False, 0, [], "rewrite"),
        (False, 0, ["manual"], "rewrite"),
        (False, 1, ["manual"], "abstain"),
        (False, 0, ["manual", "leave"], "abstain"),
    ],
)
def test_after_judge(
    tiny: Waypost, sufficient: bool, rewrites: int, searched: list[str], goes_to: str
) -> None:
    """The search is widened only while it is allowed and something is left to search."""
    asked = state(
        judgement={
            **state()["judgement"],
            "sufficient": sufficient,
            "unanswered": [] if sufficient else [0],
        },
        rewrites=rewrites,
        parts=[part(*searched)],
    )
    assert Edges(resources(tiny)).after_judge(asked) == goes_to


def test_half_an_answer_is_better_than_none(tiny: Waypost) -> None:
    """Where one side of a comparison stays without support, the other is answered."""
    judgement = {**state()["judgement"], "sufficient": True, "unanswered": [1]}
    asked = state(judgement=judgement, rewrites=1, parts=[part("manual"), part("manual")])
    assert Edges(resources(tiny)).after_judge(asked) == "respond"


def test_after_rewrite(tiny: Waypost) -> None:
    """Only what has not been searched is searched, and with nothing left the turn abstains."""
    edges = Edges(resources(tiny))
    found = [{"part": 0, "index": "leave", "weight": 1.0, "passages": []}]
    sends = edges.after_rewrite(state(found=found, parts=[part("leave", "manual")]))
    assert [cast(Send, send).arg["index"] for send in sends] == ["manual"]
    both = state(found=found, parts=[part("leave"), part("leave")])
    assert [cast(Send, send).arg["part"] for send in edges.after_rewrite(both)] == [1]
    assert edges.after_rewrite(state(found=found, parts=[part("leave")])) == "abstain"
    assert edges.after_rewrite(state()) == "abstain"


@pytest.mark.parametrize(
    ("plans", "goes_to"),
    [
        ([], "respond"),
        ([{"name": "list_documents", "args": {}}], "propose"),
        ([{"name": "order_part", "args": {"part": "seal", "count": 1}}], "propose"),
        ([{"name": "order_part", "args": {"part": "seal"}}], "clarify"),
        ([{"name": "list_documents", "args": {}}, {"name": "read_gauge", "args": {}}], "clarify"),
    ],
)
def test_after_plan(tiny: Waypost, plans: list[dict[str, Any]], goes_to: str) -> None:
    """One missing argument of one call is asked back for."""
    assert Edges(resources(tiny)).after_plan(state(plans=plans)) == goes_to


@pytest.mark.parametrize(("approvals", "goes_to"), [([], "run_tools"), ([1], "approve")])
def test_after_propose(tiny: Waypost, approvals: list[int], goes_to: str) -> None:
    """A turn waits for a person only where one must decide."""
    assert Edges(resources(tiny)).after_propose(state(approvals=approvals)) == goes_to


@pytest.mark.parametrize(
    ("text", "outcome", "rewrites", "goes_to"),
    [
        ("Every 500 hours.", "search", 0, "verify"),
        ("", "abstain", 0, "rewrite"),
        ("", "abstain", 1, "abstain"),
        ("", "act", 0, "propose"),
    ],
)
def test_after_respond(tiny: Waypost, text: str, outcome: str, rewrites: int, goes_to: str) -> None:
    """An empty draft is no answer: calls are made first, or the search goes on, or the turn abstains."""
    asked = state(
        draft={**empty_draft(), "text": text},
        outcome=outcome,
        rewrites=rewrites,
        parts=[part("manual")],
        judgement={**state()["judgement"], "unanswered": [0]},
    )
    assert Edges(resources(tiny)).after_respond(asked) == goes_to


@pytest.mark.parametrize(
    ("rounds", "result", "goes_to"),
    [
        (1, {"error": "offline"}, "plan_tools"),
        (2, {"error": "offline"}, "respond"),
        (1, {}, "respond"),
    ],
)
def test_after_tools(tiny: Waypost, rounds: int, result: dict[str, Any], goes_to: str) -> None:
    """A chat model is told of a failed call once; without a model a person is told at once."""
    calls = [{"name": "read_gauge", "args": {}, "result": result}]
    asked = state(rounds=rounds, tool_calls=calls)
    model: Any = object()
    with_model = replace(resources(tiny), models={"answerer": model})
    assert Edges(with_model).after_tools(asked) == goes_to
    assert Edges(replace(resources(tiny), models={})).after_tools(asked) == "respond"


async def test_prepare_forgets_the_last_turn(tiny: Waypost) -> None:
    """Nothing that was found for one question, or for one person, is left for the next."""
    left = state(
        messages=[HumanMessage("年假有几天？")], found=["old"], parts=[part("leave")], rewrites=1
    )
    update = await nodes.prepare(left, runtime(tiny))
    assert isinstance(update["found"], Overwrite)
    assert update["found"].value == []
    assert (update["parts"], update["rewrites"], update["plans"]) == ([], 0, [])
    assert update["turn"] != left["turn"]
    assert (update["question"], update["language"]) == ("年假有几天？", "zh")


@pytest.mark.parametrize("messages", [[], ["   "]])
async def test_prepare_refuses_an_empty_question(tiny: Waypost, messages: list[str]) -> None:
    """A server's client that sends no text is told so."""
    with pytest.raises(UsageError, match="empty"):
        await nodes.prepare(state(messages=[HumanMessage(m) for m in messages]), runtime(tiny))


async def test_search_returns_one_index(tiny: Waypost) -> None:
    """A search of the fan-out brings passages of its own index and keeps the route's weight."""
    task: Any = {"part": 1, "question": "bearing", "index": "manual", "weight": 0.7}
    [found] = (await nodes.search(task, runtime(tiny)))["found"]
    assert (found["part"], found["index"], found["weight"]) == (1, "manual", 0.7)
    assert {passage["index"] for passage in found["passages"]} == {"manual"}


async def test_judge_of_nothing(tiny: Waypost) -> None:
    """With no passage nothing is supported, and nothing fails."""
    update = await nodes.judge(state(parts=[part("manual")]), runtime(tiny))
    assert update["passages"] == []
    assert not update["judgement"]["sufficient"]
    assert update["judgement"]["unanswered"] == [0]


async def test_rewrite_widens_and_counts(tiny: Waypost) -> None:
    """The second round searches every index that the principal may see."""
    judgement = {**state()["judgement"], "unanswered": [0]}
    asked = state(parts=[part("leave"), part("leave")], judgement=judgement)
    update = await nodes.rewrite(asked, runtime(tiny, models={}))
    assert [list(one["indexes"]) for one in update["parts"]] == [["leave", "manual"], ["leave"]]
    assert update["rewrites"] == 1


@pytest.mark.parametrize(
    ("call", "principal", "result"),
    [
        (("read_salary", {"name": "Chen"}), Principal("eve", ("sales",)), "may not use"),
        (("read_salary", {"name": "Chen"}), None, "may not use"),
        (("read_gauge", {"gauge": "flow"}), None, "the gauge is offline"),
        (("slow_report", {"site": "north"}), None, "0.2 s"),
    ],
)
async def test_run_tools_reports_what_failed(
    tiny: Waypost, call: tuple[str, dict[str, str]], principal: Principal | None, result: str
) -> None:
    """A call that is denied, fails or takes too long becomes a result that says so."""
    plans = [{"name": call[0], "args": call[1]}]
    update = await nodes.run_tools(state(plans=plans), runtime(tiny, principal))
    assert result in update["tool_calls"][0]["result"]["error"]


async def test_run_tools_side_by_side(tiny: Waypost) -> None:
    """One failing call does not take the others with it."""
    plans = [
        {"name": "read_gauge", "args": {"gauge": "flow"}},
        {"name": "list_documents", "args": {}},
    ]
    update = await nodes.run_tools(state(plans=plans), runtime(tiny))
    first, second = (call["result"] for call in update["tool_calls"])
    assert "error" in first
    assert second["count"] == 2


async def test_verify_drops_an_unsupported_quotation(tiny: Waypost) -> None:
    """A citation that does not stand in any passage leaves the answer, with its marker."""
    citation = {"marker": 1, "text": "never written", "index": "manual", "document": "docs/x.md"}
    draft = {**empty_draft(), "text": "So it is. [1]", "citations": [citation], "grounded": True}
    update = await nodes.verify(state(draft=draft, outcome="search"), runtime(tiny))
    answer = update["answer"]
    assert (answer["citations"], answer["grounded"]) == ([], False)
    assert "[1]" not in answer["answer"]
