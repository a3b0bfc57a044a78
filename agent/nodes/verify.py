"""verify: keep the citations that stand, say how far the answer can be relied on, and assemble it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.runtime import Runtime

from agent import observability
from agent.answering import Citation, sources_of
from agent.answering.formats import Plain, Result, written
from agent.answering.validity import with_validity
from agent.context import Context, Resources
from agent.models import ChatModel, Message
from agent.nodes.budget import Budget, added, no_usage
from agent.nodes.common import said, say, tell, words
from agent.nodes.remember import remembered
from agent.state import Answer, Previous, State
from agent.traces import trace_of
from indexes.types import LocatedPassage

__all__ = ["verify"]

_MARKER = re.compile(r"\[(\d{1,3})\]")


async def verify(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the answer, the message and the thread's memory."""
    outcome, draft = state["outcome"], state["draft"]
    backed = outcome in {"search", "act"}
    standing = [one for one in draft["citations"] if _stands(one, state)] if backed else []
    gone = {one["marker"] for one in draft["citations"]} - {one["marker"] for one in standing}
    text = _MARKER.sub(lambda m: "" if int(m[1]) in gone else m[0], draft["text"])
    grounded = backed and draft["grounded"] and not gone
    confidence = _confidence(state, grounded=grounded)
    budget = Budget(state, runtime.context)
    result = Result(
        state["question"], text, outcome, standing, confidence, grounded, state["language"]
    )
    text = await _formatted(result, state, runtime, budget)
    for citation in standing:
        say(runtime, "citation", citation=citation)
    memory = await remembered(state, budget, runtime.context)
    answer: Answer = {
        "answer": text,
        "action": outcome,
        "route": state["route"],
        "citations": standing,
        "tool_calls": state["tool_calls"],
        "grounded": grounded,
        "confidence": confidence,
        "pending": None,
        "limit": state["limit"],
        "thread_id": "",
        "usage": budget.usage,
        "timings_ms": dict(state["timings"]),
    }
    observability.question_finished(answer, text=runtime.context.resources.settings.log.text)
    observability.note(
        {
            "waypost.outcome": outcome,
            "waypost.grounded": grounded,
            "waypost.limit": state["limit"] or "",
        }
    )
    await _trace(state, answer, runtime)
    return {
        **memory,
        "answer": answer,
        "messages": [*memory.get("messages", ()), said(state, text, outcome, standing)],
        "usage": budget.usage,
        "spent": added(state.get("spent") or no_usage(), budget.usage),
        **(_conversation(state) if state["talk"] is None else {}),
    }


async def _trace(state: State, answer: Answer, runtime: Runtime[Context]) -> None:
    """Let the turn be kept where the project keeps traces."""
    resources, principal = runtime.context.resources, runtime.context.principal
    if resources.traces is None:
        return
    info = runtime.execution_info
    trace = trace_of(
        state,
        answer,
        thread=(info.thread_id if info is not None else None) or "",
        principal="" if principal is None else principal.id,
        models=resources.model_names,
    )
    await resources.traces.record(trace)


async def _formatted(
    result: Result, state: State, runtime: Runtime[Context], budget: Budget
) -> str:
    """Return the answer in the project's form; a form other than plain text is told only now."""
    resources = runtime.context.resources
    if isinstance(resources.form, Plain):
        return result.text
    model = None if budget.reached else resources.models.get("answerer")
    if model is None:
        text = await written(resources.form, result)
    else:
        text = await _filled(model, result, state, budget, resources)
    tell(state, runtime, text, whole=True)
    return text


async def _filled(
    model: ChatModel, result: Result, state: State, budget: Budget, resources: Resources
) -> str:
    """Return the answer in a form whose further fields the model fills in from the sources."""
    from agent.answering.generate import supports
    from agent.answering.verification import Verifier

    sources = sources_of(state["passages"], state["tool_calls"])
    verifier = Verifier(with_validity(sources, words(state)), result.question)

    async def ask(messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
        return (await budget.ask(model, messages, schema=schema)).text

    return await written(
        resources.form,
        result,
        sources,
        ask=ask,
        supported=lambda text: supports(verifier, text),
        room=min(model.input_tokens, budget.tokens * 3 // 4),
        count=model.count,
        prompts=resources.prompts,
    )


def _conversation(state: State) -> dict[str, Any]:
    """Return what the next turn is to know of this one; small talk neither ends a topic nor begins one."""
    refused = state["outcome"] == "abstain"
    return {
        "previous": _previous(state),
        "refusals": state.get("refusals", 0) + 1 if refused else 0,
    }


def _previous(state: State) -> Previous:
    unfinished = state["outcome"] in {"clarify", "abstain"} and not state["tool_calls"]
    return {
        "question": state["question"],
        "topic": state["topic"],
        "open_call": state["plans"][0] if unfinished and state["plans"] else None,
    }


def _stands(citation: Citation, state: State) -> bool:
    """Say whether a quotation is in the passages of its document, or is a tool's result of this turn."""
    if not citation["index"]:
        return bool(state["tool_calls"])
    passages: Sequence[LocatedPassage] = state["passages"]
    return any(
        citation["text"] in passage["text"]
        for passage in passages
        if passage["document"] == citation["document"] and passage["index"] == citation["index"]
    )


def _confidence(state: State, *, grounded: bool) -> float:
    """Return how far to rely on the answer: the route's confidence, the evidence's and the claims' support."""
    if state["outcome"] == "search":
        support = state["judgement"]["score"] * state["draft"]["support"]
        support = support if grounded else 0.5 * support
        return round(support * (0.5 + 0.5 * state["route"]["confidence"]), 4)
    return round(state["route"]["confidence"], 4)
