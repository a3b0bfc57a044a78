"""plan_tools: fill the arguments of the tools that the route names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from langgraph.runtime import Runtime

from agent import observability
from agent.answering import Source, plain, shown_source, sources_of
from agent.context import Context
from agent.errors import ModelError
from agent.models import Message
from agent.nodes.budget import Budget
from agent.nodes.common import calls_left, offered, requested, result_text
from agent.observability import STAGE_FAILED
from agent.state import State
from agent.tools import Tool, ToolPlan, failed, fill_arguments, find_slots
from indexes.text import names
from prompts import Language, Prompts

__all__ = ["MISSING", "PASSAGES", "plan_messages", "plan_tools", "planned"]

PASSAGES = 4  # that the chat model is shown when it plans: terms that the tools do not know
MISSING = "MISSING"  # what the prompt has it say where it can call nothing


async def plan_tools(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Plan the calls of every part of the question; the chat model plans what is not all there.

    What a failed call was told goes to the model once, which may then call with other arguments.
    """
    context = runtime.context
    resources = context.resources
    budget = Budget(state, context)
    if state["rounds"]:
        return {"plans": await _asked_model(state, budget, context), "usage": budget.usage}
    plans = []
    for part in state["parts"]:
        for name in part["tools"]:
            plan = planned(resources.tools[name], part["question"], today=resources.today())
            if plan not in plans:
                plans.append(plan)
    unknown = await _unknown(state["question"], plans, context)
    if resources.missing(plans) and not unknown:
        plans = await _asked_model(state, budget, context) or plans
    left = calls_left(state, context)
    return {"plans": plans[:left], "unknown": unknown, "usage": budget.usage}


async def _asked_model(state: State, budget: Budget, context: Context) -> list[ToolPlan]:
    """Return the calls that the answerer's model makes of the question; none without one, or if it fails."""
    resources = context.resources
    model = resources.models.get("answerer")
    if model is None or budget.reached is not None:
        return []
    tools = offered(state, context)
    wrong = [call for call in state["tool_calls"] if failed(call)]
    prompt = plan_messages(
        state["question"],
        sources_of(state["passages"][:PASSAGES]),
        [f"{call['name']}({call['args']}): {result_text(call)}" for call in wrong],
        state["language"],
        today=resources.today(),
        prompts=resources.prompts,
    )
    try:
        completion = await budget.ask(model, prompt, tools=[tool.for_model() for tool in tools])
    except ModelError as error:
        observability.warning(STAGE_FAILED, stage="tool planner", error=error.code)
        return []
    return requested(completion.calls, state, context)


def plan_messages(
    question: str,
    sources: Sequence[Source],
    wrong: Sequence[str],
    language: Language,
    *,
    today: date,
    prompts: Prompts,
) -> list[Message]:
    """Return what the model is asked when it plans calls.

    Args:
        question: the standalone question.
        sources: what may say what its terms mean.
        wrong: the calls that failed, each with why.
        language: of the prompt.
        today: what relative dates count from.
        prompts: the project's prompts.
    """
    return [
        *prompts.messages(
            "plan",
            language,
            today=today.isoformat(),
            sources="\n\n".join(shown_source(source, language) for source in sources),
            failed="\n".join(map(plain, wrong)),
            question=plain(question),
        )
    ]


async def _unknown(question: str, plans: list[ToolPlan], context: Context) -> list[str]:
    """Return names in the question that are no value of a missing enumeration, nor in any document."""
    resources = context.resources
    missing = resources.missing(plans)
    slots = find_slots([resources.tools[plan["name"]] for plan in plans], question)
    said = [
        name
        for name in names(question)
        if not any(name in question[slot.start : slot.end] for slot in slots)
    ]
    if not said or not any(parameter.choices for parameter in missing):
        return []
    known = {
        name
        for index in resources.registry.indexes.values()
        for name, idf in zip(said, await index.idf(said, principal=context.principal), strict=True)
        if idf > 0
    }
    return [name for name in said if name not in known]


def planned(tool: Tool, question: str, *, today: date) -> ToolPlan:
    """Return the call that a question asks for, as far as it says with which arguments.

    Args:
        tool: what to call.
        question: the standalone question.
        today: what relative dates count from.
    """
    args = fill_arguments(tool, question, today=today).args
    for parameter in tool.parameters:
        if parameter.format == "asked":
            args[parameter.name] = question
    return {"name": tool.name, "args": args}
