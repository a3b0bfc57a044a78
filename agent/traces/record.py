"""What is kept of a turn, taken from the graph's state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.state import Answer, State
from agent.traces.database import utc
from agent.traces.types import Trace, TracePart, TracePassage

__all__ = ["trace_of"]


def trace_of(
    state: State,
    answer: Answer,
    *,
    thread: str,
    principal: str,
    models: Mapping[str, str],
) -> Trace:
    """Return the trace of a turn that ends now; nothing is hashed or left out yet.

    Args:
        state: at the end of the turn, or where a limit cut it short.
        answer: what came out.
        thread: what the thread is stored under.
        principal: the id of who asked; "" for nobody in particular.
        models: the names of the chat models, by role.
    """
    timings = dict(state.get("timings", {}))
    return {
        "id": state["turn"],
        "time": utc(datetime.now(UTC)),
        "thread": thread,
        "principal": principal,
        "asked": _asked(state["messages"]),
        "question": state["question"],
        "language": state["language"],
        "route": answer["route"],
        "parts": [
            TracePart(
                question=one["question"], indexes=list(one["indexes"]), tools=list(one["tools"])
            )
            for one in state.get("parts", ())
        ],
        "passages": [
            TracePassage(
                index=one["index"],
                document=one["document"],
                chunk_id=one["chunk_id"],
                text=one["text"],
            )
            for one in state.get("passages", ())
        ],
        "tool_calls": state.get("tool_calls", []),
        "offered": state.get("offered", []),
        "answer": answer["answer"],
        "action": answer["action"],
        "citations": [dict(one) for one in answer["citations"]],
        "grounded": answer["grounded"],
        "confidence": answer["confidence"],
        "limit": answer["limit"],
        "model": dict(models),
        "usage": answer["usage"],
        "timings_ms": {**timings, "total": round(sum(timings.values()), 2)},
        "feedback": None,
        "correction": None,
    }


def _asked(messages: list[Any]) -> str:
    """Return the last question, as it was typed."""
    for message in reversed(messages):
        if message.type == "human":
            return str(message.text).strip()
    return ""
