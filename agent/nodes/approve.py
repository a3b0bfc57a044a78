"""propose and approve: a person decides about the calls that need it, while the graph waits."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agent.answering import escaped
from agent.context import Context
from agent.errors import ToolError, UsageError
from agent.nodes.common import said, words
from agent.state import State
from agent.tools import Tool, ToolPlan, check_arguments, given
from prompts import Language

__all__ = ["approve", "checked_decisions", "propose"]

KINDS = ("approve", "edit", "reject")


async def propose(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Find the calls that a person must decide about, and say so in the conversation.

    Calls that would be refused anyway are not asked about; what is shown is what would run. The message
    is a step of its own, as nothing of a node that is interrupted is kept; `verify` replaces it.
    """
    context = runtime.context
    tools = context.resources.tools
    plans = list(state["plans"])
    asked: list[int] = []
    for position, plan in enumerate(plans):
        tool = tools.get(plan["name"])
        if (
            tool is None
            or not tool.allows(context.principal)
            or not _needed(plan, tool, state, context)
        ):
            continue
        try:
            args = check_arguments(tool, plan["args"], language=state["language"])
        except ToolError:
            continue  # run_tools says what is wrong with them
        plans[position] = {"name": plan["name"], "args": args}
        asked.append(position)
    if not asked:
        return {"approvals": []}
    told = "\n".join(_told(plans[position], state) for position in asked)
    return {"plans": plans, "approvals": asked, "messages": [said(state, told, "act")]}


async def approve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Interrupt with the requests for approval, in LangChain's form, and apply the decisions."""
    context = runtime.context
    tools = context.resources.tools
    plans, asked = list(state["plans"]), state["approvals"]
    request = _request([plans[position] for position in asked], tools, state)
    decisions = _asked_for(request, tools, state["language"])
    for position, decision in zip(asked, decisions, strict=True):
        plans[position] = _decided(plans[position], decision, words(state)["rejected"])
    seconds = context.resources.settings.limits.seconds
    deadline = time.time() + seconds  # people take their time
    return {"plans": plans, "approvals": [], "deadline": deadline}


def _needed(plan: ToolPlan, tool: Tool, state: State, context: Context) -> bool:
    """Say whether a person must decide: the tool says so, or it changes something that nobody asked for.

    A document or another tool's result may have talked the model into the call, or into its arguments.
    """
    if tool.approve or not tool.effects:
        return tool.approve
    today = context.resources.today()
    return plan["name"] not in state["route"]["tools"] or not given(
        tool, plan["args"], state["question"], today=today
    )


def _told(plan: ToolPlan, state: State) -> str:
    args = escaped(json.dumps(plan["args"], ensure_ascii=False))
    text: str = words(state)["approve"]
    return text.format(tool=plan["name"], args=args)


def _request(plans: list[ToolPlan], tools: Mapping[str, Tool], state: State) -> dict[str, Any]:
    """Return a `HITLRequest` of `langchain.agents.middleware`, which chat interfaces know to show."""
    return {
        "action_requests": [
            {"name": plan["name"], "args": plan["args"], "description": _told(plan, state)}
            for plan in plans
        ],
        "review_configs": [
            {
                "action_name": plan["name"],
                "allowed_decisions": list(KINDS),
                # a tool may be gone by the time that a waiting call is shown again
                "args_schema": dict(tools[plan["name"]].schema) if plan["name"] in tools else {},
            }
            for plan in plans
        ],
    }


def _asked_for(
    request: dict[str, Any], tools: Mapping[str, Tool], language: Language
) -> list[dict[str, Any]]:
    """Wait for decisions; ask again about unusable ones, since what a thread was sent stays with it."""
    answer = interrupt(request)
    while True:
        try:
            return checked_decisions(answer, request, tools, language)
        except UsageError as error:
            answer = interrupt({**request, "error": str(error)})


def checked_decisions(
    answer: Any, request: dict[str, Any], tools: Mapping[str, Tool], language: Language
) -> list[dict[str, Any]]:
    """Return the decisions of an answer to a request, the arguments of edits checked and complete.

    Args:
        answer: `{"decisions": [...]}`.
        request: what was asked.
        tools: the project's, by name.
        language: in which wrong arguments are told.

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
    return [
        _checked(decision, action, tools, language)
        for decision, action in zip(decisions, asked, strict=True)
    ]


def _checked(
    decision: Any, action: dict[str, Any], tools: Mapping[str, Tool], language: Language
) -> dict[str, Any]:
    kind = decision.get("type") if isinstance(decision, dict) else None
    if kind not in KINDS:
        raise UsageError(f"A decision is not one of {', '.join(KINDS)}.")
    if kind == "reject" and not isinstance(decision.get("message", ""), str):
        raise UsageError("The message of a rejection is no text.")
    if kind != "edit":
        return dict(decision)
    name, edited = action["name"], decision.get("edited_action")
    if not _is_edit(edited, name):
        raise UsageError(
            f"An edit changes the arguments of {name!r} and nothing else.",
            fix='send {"type": "edit", "edited_action": {"name": …, "args": {…}}}.',
        )
    if name not in tools:
        raise UsageError(f"The tool {name!r} is no longer there.", fix="reject the call.")
    try:
        args = check_arguments(tools[name], {**action["args"], **edited["args"]}, language=language)
    except ToolError as error:
        raise UsageError(error.message) from error
    return {"type": "edit", "edited_action": {"name": name, "args": args}}


def _is_edit(edited: Any, name: str) -> bool:
    return (
        isinstance(edited, dict)
        and edited.get("name", name) == name
        and isinstance(edited.get("args"), dict)
    )


def _decided(plan: ToolPlan, decision: dict[str, Any], rejected: str) -> ToolPlan:
    if decision["type"] == "reject":
        message = decision.get("message", "").strip()
        return {**plan, "rejected": message or rejected}
    if decision["type"] == "edit":
        return {"name": plan["name"], "args": decision["edited_action"]["args"]}
    return plan
