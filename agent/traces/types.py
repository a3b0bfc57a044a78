"""A trace: what a turn was asked, what it did, what came out, and what people said of it."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.routing.types import Route
from agent.state import Outcome, Usage
from agent.tools.types import ToolCall

__all__ = ["Feedback", "Stats", "Trace", "TracePart", "TracePassage", "TraceRight"]


class TracePart(TypedDict):
    """A question that was searched by itself, the indexes searched for it, and its tools."""

    question: str
    indexes: list[str]
    tools: list[str]


class TracePassage(TypedDict):
    """A passage that was found, best supported first; its `text` is there with `texts = true` alone."""

    index: str
    document: str
    chunk_id: str
    text: NotRequired[str]


class Feedback(TypedDict):
    """What a person thought of an answer.

    Args:
        good: whether it was.
        note: why, in their words.
        time: when they said so, in UTC, in ISO form.
    """

    good: bool
    note: str
    time: str


class TraceRight(TypedDict):
    """The right route, where it was corrected afterwards."""

    action: str
    indexes: list[str]
    tool: str | None


class Trace(TypedDict):
    """A turn, without what looks like personal data or a credential.

    `time` is its end, in UTC and ISO form; `thread` and `principal` are hashed ("" for anonymous);
    `asked` is the question as typed, `question` as it stands alone; `offered` are the tools that a
    model was shown; `model` names the chat model of each role that had one; `timings_ms` are those of
    the graph's nodes and, as `total`, their sum. With `texts = false` citations have no `text`.
    """

    id: str
    time: str
    thread: str
    principal: str
    asked: str
    question: str
    language: Literal["zh", "en"]
    route: Route
    parts: list[TracePart]
    passages: list[TracePassage]
    tool_calls: list[ToolCall]
    offered: list[str]
    answer: str
    action: Outcome
    citations: list[dict[str, Any]]
    grounded: bool
    confidence: float
    limit: str | None
    model: dict[str, str]
    usage: Usage
    timings_ms: dict[str, float]
    feedback: Feedback | None
    correction: TraceRight | None


class Stats(TypedDict):
    """What is kept: `first` and `last` are times, "" without a trace; `bytes` are those of the file."""

    traces: int
    users: int
    good: int
    bad: int
    corrected: int
    first: str
    last: str
    bytes: int
