"""The graph's decisions: pure functions from state to the next node."""

from __future__ import annotations

from typing import Literal

from langgraph.types import Send

from agent.context import Resources
from agent.state import SearchTask, State
from agent.tools import failed

__all__ = ["Edges"]


class Edges:
    """Edge functions that need the project's limits and tools.

    Args:
        resources: the graph's resources.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def after_route(self, state: State) -> list[Send] | Literal["respond", "plan_tools", "clarify"]:
        """Search what the route names; else act, answer or ask back."""
        action = state["route"]["action"]
        if action in {"search", "act"} and (searches := self._searches(state)):
            return searches
        if action == "act":
            return "plan_tools"
        return "clarify" if action in {"clarify", "search"} else "respond"

    def after_judge(self, state: State) -> Literal["respond", "plan_tools", "rewrite", "abstain"]:
        """Answer from sufficient passages; else search on while that is allowed and possible."""
        if state["route"]["action"] == "act":
            return "plan_tools"
        if state["judgement"]["unanswered"] and self._may_rewrite(state):
            return "rewrite"
        return "respond" if state["judgement"]["sufficient"] else "abstain"

    def after_rewrite(self, state: State) -> list[Send] | Literal["respond", "abstain"]:
        """Search what has not been searched; where there is nothing, take what there is."""
        searches = self._searches(state)
        if searches:
            return searches
        return "respond" if state["judgement"]["sufficient"] else "abstain"

    def after_plan(self, state: State) -> Literal["propose", "respond", "clarify"]:
        """Ask back for a required argument that is missing; after a failed call there may be nothing left."""
        if not state["plans"]:
            return "respond"
        return "clarify" if self._resources.missing(state["plans"]) else "propose"

    def after_propose(self, state: State) -> Literal["approve", "run_tools"]:
        """Wait for a person where one must decide."""
        return "approve" if state["approvals"] else "run_tools"

    def after_tools(self, state: State) -> Literal["plan_tools", "respond"]:
        """Let the chat model correct a call that failed, once."""
        again = state["rounds"] == 1 and "answerer" in self._resources.models
        wrong = any("error" in call["result"] for call in state["tool_calls"] if failed(call))
        return "plan_tools" if again and wrong else "respond"

    def after_respond(self, state: State) -> Literal["verify", "propose", "rewrite", "abstain"]:
        """Make the calls that a model asks for; search on where it found no answer in the passages."""
        if state["draft"]["text"]:
            return "verify"
        if state["outcome"] == "act":
            return "propose"
        return "rewrite" if self._may_rewrite(state) else "abstain"

    def _may_rewrite(self, state: State) -> bool:
        """Say whether there is a round left, and an index or a rewriter that may find more."""
        if state["rewrites"] >= self._resources.settings.limits.rewrites or not state["parts"]:
            return False
        every = set(self._resources.registry.indexes)
        unsearched = any(
            every - set(state["parts"][position]["indexes"])
            for position in state["judgement"]["unanswered"]
        )
        return unsearched or "rewriter" in self._resources.models

    def _searches(self, state: State) -> list[Send]:
        done = {(one["part"], one["index"]) for one in state["found"]}
        tasks: list[SearchTask] = [
            {"part": position, "question": part["query"], "index": name, "weight": weight}
            for position, part in enumerate(state["parts"])
            for name, weight in part["indexes"].items()
            if (position, name) not in done
        ]
        return [Send("search", task) for task in tasks]
