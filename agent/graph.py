"""The graph: wiring only."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from agent import nodes, observability
from agent.context import Context, Resources
from agent.edges import Edges
from agent.state import Input, Output, State
from indexes import Principal

__all__ = ["build_graph"]

Node = Callable[[Any, Runtime[Context]], Awaitable[dict[str, Any]]]


def build_graph(resources: Resources) -> StateGraph[State, Any, Input, Output]:
    """Return the graph over a project's resources, not yet compiled.

    The resources are bound here, so the graph also runs inside another graph and on a server, whose
    own context holds nothing of Waypost.

    Args:
        resources: what the nodes work with.
    """
    graph = StateGraph(State, context_schema=Principal, input_schema=Input, output_schema=Output)
    edges = Edges(resources)
    for name in nodes.__all__:
        graph.add_node(name, _bound(name, getattr(nodes, name), resources))
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "route")
    graph.add_conditional_edges(
        "route", _in_place(edges.after_route), ["search", "respond", "plan_tools", "clarify"]
    )
    graph.add_edge("search", "judge")
    graph.add_conditional_edges(
        "judge", _in_place(edges.after_judge), ["respond", "plan_tools", "rewrite", "abstain"]
    )
    graph.add_conditional_edges(
        "rewrite", _in_place(edges.after_rewrite), ["search", "respond", "abstain"]
    )
    graph.add_conditional_edges(
        "plan_tools", _in_place(edges.after_plan), ["approve", "respond", "clarify"]
    )
    graph.add_edge("approve", "run_tools")
    graph.add_conditional_edges(
        "run_tools", _in_place(edges.after_tools), ["plan_tools", "respond"]
    )
    graph.add_conditional_edges(
        "respond",
        _in_place(edges.after_respond),
        ["verify", "approve", "rewrite", "abstain"],
    )
    for name in ("clarify", "abstain"):
        graph.add_edge(name, "verify")
    graph.add_edge("verify", END)
    return graph


def _in_place(edge: Callable[[State], Any]) -> Callable[[State], Awaitable[Any]]:
    """Let an edge decide on the event loop: LangGraph sends a function that is not async to a thread."""

    @wraps(edge)
    async def decide(state: State) -> Any:
        return edge(state)

    return decide


def _bound(name: str, node: Node, resources: Resources) -> Any:
    """Give a node its context, and time it."""

    async def run(state: Any, runtime: Runtime[Any]) -> dict[str, Any]:
        context = Context(resources, _principal(runtime))
        started = time.perf_counter()
        with observability.span(f"waypost.{name}"):
            update = await node(state, runtime.override(context=context))
        took = {name: round((time.perf_counter() - started) * 1000, 2)}
        begins = "timings" in update  # the first node takes those of the turn before away
        return {**update, "timings": Overwrite(took) if begins else took}

    return run


def _principal(runtime: Runtime[Any]) -> Principal | None:
    """Return who asks: on a server only its own authentication says so, never the client's context."""
    if runtime.server_info is not None:
        user = runtime.server_info.user
        if user is None:
            return None
        groups = user.get("groups", ())  # type: ignore[attr-defined]
        return Principal(user.identity, tuple(str(group) for group in groups))
    return runtime.context if isinstance(runtime.context, Principal) else None
