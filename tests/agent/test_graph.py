from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime
from langgraph.types import Overwrite, Send

from agent import Principal, Waypost, nodes
from agent.context import Context, Resources
from agent.edges import Edges
from agent.errors import UsageError
from agent.graph import build_graph
from agent.state import State

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
        "query": "How often is the bearing lubricated?",
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
        "found": [],
        "searched": [],
        "passages": [],
        "judgement": {
            "sufficient": False,
            "score": 0.0,
            "support": [],
            "missing": [],
            "section": 0,
            "weights": {},
        },
        "rewrites": 0,
        "plans": [],
        "unknown": [],
        "tool_calls": [],
        "draft": {"text": "", "citations": []},
        "limit": None,
        "usage": {"model_calls": 0, "input_tokens": 0, "output_tokens": 0},
        "timings": {},
    }
    return cast(State, base | fields)


def planned(action: str, *indexes: str, tools: tuple[str, ...] = ()) -> State:
    """Return a state whose route plans an action."""
    route = {
        **state()["route"],
        "action": action,
        "tools": list(tools),
        "indexes": [{"name": name, "confidence": 0.9} for name in indexes],
    }
    return state(route=route, searched=list(indexes))


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
        judgement={**state()["judgement"], "sufficient": sufficient},
        rewrites=rewrites,
        found=[{"index": name, "weight": 1.0, "passages": []} for name in searched],
    )
    assert Edges(resources(tiny)).after_judge(asked) == goes_to


def test_after_rewrite(tiny: Waypost) -> None:
    """Only what has not been searched is searched, and with nothing left the turn abstains."""
    edges = Edges(resources(tiny))
    found = [{"index": "leave", "weight": 1.0, "passages": []}]
    sends = edges.after_rewrite(state(found=found, searched=["leave", "manual"]))
    assert [cast(Send, send).arg["index"] for send in sends] == ["manual"]
    assert edges.after_rewrite(state(found=found, searched=["leave"])) == "abstain"
    assert edges.after_rewrite(state()) == "abstain"


@pytest.mark.parametrize(
    ("plans", "goes_to"),
    [
        ([], "approve"),
        ([{"name": "list_documents", "args": {}}], "approve"),
        ([{"name": "order_part", "args": {"part": "seal", "count": 1}}], "approve"),
        ([{"name": "order_part", "args": {"part": "seal"}}], "clarify"),
        ([{"name": "list_documents", "args": {}}, {"name": "read_gauge", "args": {}}], "clarify"),
    ],
)
def test_after_plan(tiny: Waypost, plans: list[dict[str, Any]], goes_to: str) -> None:
    """One missing argument of one call is asked back for."""
    assert Edges(resources(tiny)).after_plan(state(plans=plans)) == goes_to


@pytest.mark.parametrize(("text", "goes_to"), [("", "abstain"), ("Every 500 hours.", "verify")])
def test_after_respond(tiny: Waypost, text: str, goes_to: str) -> None:
    """An empty draft is no answer."""
    draft = {"text": text, "citations": []}
    assert Edges(resources(tiny)).after_respond(state(draft=draft)) == goes_to


async def test_prepare_forgets_the_last_turn(tiny: Waypost) -> None:
    """Nothing that was found for one question, or for one person, is left for the next."""
    left = state(
        messages=[HumanMessage("年假有几天？")], found=["old"], searched=["leave"], rewrites=1
    )
    update = await nodes.prepare(left, runtime(tiny))
    assert isinstance(update["found"], Overwrite)
    assert update["found"].value == []
    assert (update["searched"], update["rewrites"], update["plans"]) == ([], 0, [])
    assert (update["question"], update["language"]) == ("年假有几天？", "zh")


@pytest.mark.parametrize("messages", [[], ["   "]])
async def test_prepare_refuses_an_empty_question(tiny: Waypost, messages: list[str]) -> None:
    """A server's client that sends no text is told so."""
    with pytest.raises(UsageError, match="empty"):
        await nodes.prepare(state(messages=[HumanMessage(m) for m in messages]), runtime(tiny))


async def test_search_returns_one_index(tiny: Waypost) -> None:
    """A search of the fan-out brings passages of its own index and keeps the route's weight."""
    task: Any = {"question": "bearing", "index": "manual", "weight": 0.7}
    [found] = (await nodes.search(task, runtime(tiny)))["found"]
    assert (found["index"], found["weight"]) == ("manual", 0.7)
    assert {passage["index"] for passage in found["passages"]} == {"manual"}


async def test_judge_of_nothing(tiny: Waypost) -> None:
    """With no passage nothing is supported, and nothing fails."""
    update = await nodes.judge(state(), runtime(tiny))
    assert update["passages"] == []
    assert not update["judgement"]["sufficient"]


async def test_rewrite_widens_and_counts(tiny: Waypost) -> None:
    """The second round searches every index that the principal may see."""
    update = await nodes.rewrite(state(searched=["leave"]), runtime(tiny))
    assert update == {"searched": ["leave", "manual"], "rewrites": 1}


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
    draft = {"text": "So it is. [1]", "citations": [citation]}
    update = await nodes.verify(state(draft=draft, outcome="search"), runtime(tiny))
    answer = update["answer"]
    assert (answer["citations"], answer["grounded"]) == ([], False)
    assert "[1]" not in answer["answer"]
