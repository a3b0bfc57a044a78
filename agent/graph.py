"""The graph: wiring only."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Overwrite

from agent import nodes, observability
from agent.context import Context, Resources
from agent.edges import Edges
from agent.state import Input, Output, State
from indexes import Principal

__all__ = ["build_graph"]

Node = Callable[[Any, Runtime[Context]], Awaitable[dict[str, Any]]]
Edge = Callable[[State], Any]


def build_graph(resources: Resources) -> StateGraph[State, Any, Input, Output]:
    """Return the graph over a project's resources, not yet compiled.

    The resources are bound here, so the graph also runs inside another graph and on a server, whose
    own context holds nothing of Waypost.

    Args:
        resources: what the nodes work with.
    """
    graph = StateGraph(State, context_schema=Principal, input_schema=Input, output_schema=Output)
    edges = Edges(resources)
    decided: dict[str, tuple[Edge, tuple[str, ...]]] = {
        "route": (edges.after_route, ("search", "respond", "plan_tools", "clarify")),
        "judge": (edges.after_judge, ("respond", "plan_tools", "rewrite", "abstain")),
        "rewrite": (edges.after_rewrite, ("search", "respond", "abstain")),
        "plan_tools": (edges.after_plan, ("propose", "respond", "clarify")),
        "propose": (edges.after_propose, ("approve", "run_tools")),
        "run_tools": (edges.after_tools, ("plan_tools", "respond")),
        "respond": (edges.after_respond, ("verify", "propose", "rewrite", "abstain")),
    }
    for name in nodes.__all__:
        edge, targets = decided.get(name, (None, None))
        run = _bound(name, getattr(nodes, name), resources, edge)
        graph.add_node(name, run, destinations=targets)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "route")
    graph.add_edge("search", "judge")
    graph.add_edge("approve", "run_tools")
    for name in ("clarify", "abstain"):
        graph.add_edge(name, "verify")
    graph.add_edge("verify", END)
    return graph


def _bound(name: str, node: Node, resources: Resources, edge: Edge | None) -> Any:
    """Give a node its context, time it, and let its edge say what comes next.

    LangGraph's own conditional edges read the whole state anew and run as a task of their own.
    """

    async def run(state: Any, runtime: Runtime[Any]) -> dict[str, Any] | Command[Any]:
        context = Context(resources, _principal(runtime))
        started = time.perf_counter()
        with observability.span(f"waypost.{name}"):
            update = await node(state, runtime.override(context=context))
        took = {name: round((time.perf_counter() - started) * 1000, 2)}
        begins = "timings" in update  # the first node takes those of the turn before away
        written = {**update, "timings": Overwrite(took) if begins else took}
        if edge is None:
            return written
        # of what has a reducer these nodes write `timings` and `messages`, which no edge looks at
        return Command(update=written, goto=edge(cast(State, {**state, **update})))

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
