"""The graph's decisions: pure functions from state to the next node."""

from __future__ import annotations

from typing import Literal

from langgraph.types import Send

from agent.context import Resources
from agent.state import SearchTask, State
from agent.tools import fill_arguments

__all__ = ["Edges"]

WIDENED = 0.1  # how much an index counts that the route did not name


class Edges:
    """Edge functions that need the project's limits and tools.

    Args:
        resources: the graph's resources.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def after_route(self, state: State) -> list[Send] | Literal["respond", "plan_tools", "clarify"]:
        """Search what the route names; else act, answer or ask back."""
        route = state["route"]
        if route["action"] in {"search", "act"} and route["indexes"]:
            return self._searches(state)
        if route["action"] == "act":
            return "plan_tools"
        return "clarify" if route["action"] in {"clarify", "search"} else "respond"

    def after_judge(self, state: State) -> Literal["respond", "plan_tools", "rewrite", "abstain"]:
        """Answer from sufficient passages; else widen the search while that is allowed and possible."""
        if state["route"]["action"] == "act":
            return "plan_tools"
        if state["judgement"]["sufficient"]:
            return "respond"
        more = set(self._resources.registry.indexes) - {one["index"] for one in state["found"]}
        allowed = state["rewrites"] < self._resources.settings.limits.rewrites
        return "rewrite" if allowed and more else "abstain"

    def after_rewrite(self, state: State) -> list[Send] | Literal["abstain"]:
        """Search the indexes that have not been searched."""
        return self._searches(state) or "abstain"

    def after_plan(self, state: State) -> Literal["approve", "clarify"]:
        """Ask back if a required argument is missing."""
        today = self._resources.today()
        for plan in state["plans"]:
            tool = self._resources.tools[plan["name"]]
            if fill_arguments(tool, "", today=today, known=plan["args"]).missing:
                return "clarify"
        return "approve"

    def after_respond(self, state: State) -> Literal["verify", "abstain"]:
        """A model that found no answer in the passages abstains."""
        empty = not state["draft"]["text"]
        return "abstain" if empty else "verify"

    def _searches(self, state: State) -> list[Send]:
        done = {one["index"] for one in state["found"]}
        weights = {one["name"]: one["confidence"] for one in state["route"]["indexes"]}
        tasks: list[SearchTask] = [
            {"question": state["query"], "index": name, "weight": weights.get(name, WIDENED)}
            for name in state["searched"]
            if name not in done
        ]
        return [Send("search", task) for task in tasks]
