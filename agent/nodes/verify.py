"""verify: check the draft against what it cites, and assemble the answer."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.answering import verified
from agent.context import Context
from agent.nodes.common import say
from agent.nodes.respond import result_text
from agent.state import Answer, Previous, State

__all__ = ["verify"]


async def verify(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Remove what is not supported, and write the answer, the message and the thread's memory."""
    outcome = state["outcome"]
    results = [result_text(call) for call in state["tool_calls"] if not _failed(call["result"])]
    verdict = verified(state["draft"], state["passages"], results)
    backed = outcome in {"search", "act"}
    grounded = backed and verdict.grounded
    citations = verdict.draft["citations"] if backed else []
    for citation in citations:
        say(runtime, "citation", citation=citation)
    answer: Answer = {
        "answer": verdict.draft["text"],
        "action": outcome,
        "route": state["route"],
        "citations": citations,
        "tool_calls": state["tool_calls"],
        "grounded": grounded,
        "confidence": _confidence(state, grounded=grounded),
        "pending": None,
        "limit": state["limit"],
        "thread_id": "",
        "usage": state["usage"],
        "timings_ms": dict(state["timings"]),
    }
    unfinished = outcome in {"clarify", "abstain"} and state["plans"] and not state["tool_calls"]
    open_call = state["plans"][0] if unfinished else None
    previous: Previous = {
        "question": state["question"],
        "topic": state["topic"],
        "open_call": open_call,
    }
    message = {
        "role": "assistant",
        "content": verdict.draft["text"],
        "additional_kwargs": {"citations": citations, "action": outcome},
    }
    return {
        "answer": answer,
        "messages": [message],
        # small talk does not end a topic, nor begin one
        "previous": state.get("previous") if state["talk"] is not None else previous,
    }


def _failed(result: Any) -> bool:
    return isinstance(result, dict) and "error" in result


def _confidence(state: State, *, grounded: bool) -> float:
    """Return how much the answer can be relied on: the route's confidence and the evidence's share."""
    if state["outcome"] == "search":
        support = state["judgement"]["score"] if grounded else 0.5 * state["judgement"]["score"]
        return round(support * (0.5 + 0.5 * state["route"]["confidence"]), 4)
    return round(state["route"]["confidence"], 4)
