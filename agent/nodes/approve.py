"""approve: a person decides about the calls that need it, while the graph waits."""

from __future__ import annotations

import json
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agent.context import Context
from agent.errors import UsageError
from agent.nodes.common import words
from agent.state import State
from agent.tools import ToolPlan

__all__ = ["approve", "checked_decisions"]

KINDS = ("approve", "edit", "reject")


async def approve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Interrupt with the requests for approval, and apply the decisions."""
    tools = runtime.context.resources.tools
    asked = [plan for plan in state["plans"] if tools[plan["name"]].approve]
    if not asked:
        return {}
    text = words(state)["approve"]
    request: dict[str, Any] = {
        "action_requests": [
            {
                "name": plan["name"],
                "args": plan["args"],
                "description": text.format(
                    tool=plan["name"], args=json.dumps(plan["args"], ensure_ascii=False)
                ),
            }
            for plan in asked
        ],
        "review_configs": [
            {"action_name": plan["name"], "allowed_decisions": list(KINDS)} for plan in asked
        ],
    }
    decided = _asked_for(request)
    plans: list[ToolPlan] = []
    for plan in state["plans"]:
        kept = plan if plan not in asked else _decided(plan, decided[asked.index(plan)])
        if kept is not None:
            plans.append(kept)
    return {"plans": plans}


def _asked_for(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Wait for decisions; ask again about unusable ones, since what a thread was sent stays with it."""
    answer = interrupt(request)
    while True:
        try:
            return checked_decisions(answer, request)
        except UsageError as error:
            answer = interrupt({**request, "error": str(error)})


def checked_decisions(answer: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the decisions of an answer to a request.

    Raises:
        UsageError: they do not fit the request.
    """
    asked = request["action_requests"]
    decisions = answer.get("decisions") if isinstance(answer, dict) else None
    if not isinstance(decisions, list) or len(decisions) != len(asked):
        raise UsageError(
            f"The approval needs {len(asked)} decision(s).",
            fix='resume with {"decisions": [{"type": "approve"}]}.',
        )
    for decision, action in zip(decisions, asked, strict=True):
        kind = decision.get("type") if isinstance(decision, dict) else None
        if kind not in KINDS:
            raise UsageError(f"A decision is not one of {', '.join(KINDS)}.")
        if kind == "edit" and not _is_edit(decision.get("edited_action"), action["name"]):
            raise UsageError(
                f"An edit changes the arguments of {action['name']!r} and nothing else.",
                fix='send {"type": "edit", "edited_action": {"name": …, "args": {…}}}.',
            )
    return decisions


def _is_edit(edited: Any, name: str) -> bool:
    return (
        isinstance(edited, dict)
        and edited.get("name", name) == name
        and isinstance(edited.get("args"), dict)
    )


def _decided(plan: ToolPlan, decision: dict[str, Any]) -> ToolPlan | None:
    if decision["type"] == "reject":
        return None
    if decision["type"] == "edit":
        return {"name": plan["name"], "args": {**plan["args"], **decision["edited_action"]["args"]}}
    return plan
