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

__all__ = ["approve"]


async def approve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Interrupt with the requests for approval, and apply the decisions."""
    tools = runtime.context.resources.tools
    asked = [plan for plan in state["plans"] if tools[plan["name"]].approve]
    if not asked:
        return {}
    text = words(state)["approve"]
    answer = interrupt(
        {
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
                {"action_name": plan["name"], "allowed_decisions": ["approve", "edit", "reject"]}
                for plan in asked
            ],
        }
    )
    decided = _decisions(answer, len(asked))
    plans: list[ToolPlan] = []
    for plan in state["plans"]:
        kept = plan if plan not in asked else _decided(plan, decided[asked.index(plan)])
        if kept is not None:
            plans.append(kept)
    return {"plans": plans}


def _decisions(answer: Any, count: int) -> list[dict[str, Any]]:
    decisions = answer.get("decisions") if isinstance(answer, dict) else None
    if not isinstance(decisions, list) or len(decisions) != count:
        raise UsageError(
            f"The approval needs {count} decision(s).",
            fix='resume with {"decisions": [{"type": "approve"}]}.',
        )
    for decision in decisions:
        if not isinstance(decision, dict) or decision.get("type") not in {
            "approve",
            "edit",
            "reject",
        }:
            raise UsageError("A decision is not one of approve, edit, reject.")
    return decisions


def _decided(plan: ToolPlan, decision: dict[str, Any]) -> ToolPlan | None:
    if decision["type"] == "reject":
        return None
    if decision["type"] == "edit":
        edited = decision.get("edited_action", {}).get("args", {})
        return {"name": plan["name"], "args": {**plan["args"], **edited}}
    return plan
