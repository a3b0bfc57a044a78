"""What flows through the graph, and the answer that comes out: plain data, storable anywhere."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from langgraph.graph.message import add_messages
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.answering.types import Citation, Draft
from agent.routing.types import Route
from agent.tools.types import ToolCall, ToolPlan
from indexes.types import LocatedPassage

__all__ = [
    "Answer",
    "Found",
    "Input",
    "Judgement",
    "Outcome",
    "Output",
    "Previous",
    "SearchTask",
    "State",
    "Usage",
]

Outcome = Literal["answer", "search", "act", "clarify", "abstain"]


class Usage(TypedDict):
    """What a turn cost."""

    model_calls: int
    input_tokens: int
    output_tokens: int


class Answer(TypedDict):
    """The result of a turn.

    `action` is the outcome, which may differ from the route's plan. `pending` is the request for an
    approval that the turn waits for. `limit` names the limit that cut the turn short.
    """

    answer: str
    action: Outcome
    route: Route
    citations: list[Citation]
    tool_calls: list[ToolCall]
    grounded: bool
    confidence: float
    pending: dict[str, Any] | None
    limit: str | None
    thread_id: str
    usage: Usage
    timings_ms: dict[str, float]


class Previous(TypedDict):
    """What a turn leaves for the next one: its question, and the tool call it could not complete.

    `topic` is the part of the question that further aspects are asked of: 「那费用呢」, 「那工期呢」.
    """

    question: str
    topic: str
    open_call: ToolPlan | None


class Found(TypedDict):
    """What one index returned."""

    index: str
    weight: float
    passages: list[LocatedPassage]


class Judgement(TypedDict):
    """What the judge made of the passages; `support` is each one's, `weights` are the terms',
    and the first `section` passages are a whole section that the question asks for."""

    sufficient: bool
    score: float
    support: list[float]
    missing: list[str]
    section: int
    weights: dict[str, float]


class SearchTask(TypedDict):
    """One search of the fan-out."""

    question: str
    index: str
    weight: float


class Input(TypedDict):
    """What a caller sends: the new messages of the conversation."""

    messages: Annotated[list[Any], add_messages]


class Output(TypedDict):
    """What a caller gets back."""

    messages: Annotated[list[Any], add_messages]
    answer: Answer


class State(TypedDict, total=False):
    """The graph's state; all but `messages` and `previous` belongs to one turn."""

    messages: Annotated[list[Any], add_messages]
    previous: Previous | None
    question: str
    topic: str
    alternative: str | None
    query: str
    language: Literal["zh", "en"]
    route: Route
    talk: str | None
    found: Annotated[list[Found], operator.add]
    searched: list[str]
    passages: list[LocatedPassage]
    judgement: Judgement
    rewrites: int
    plans: list[ToolPlan]
    unknown: list[str]
    tool_calls: list[ToolCall]
    draft: Draft
    outcome: Outcome
    limit: str | None
    usage: Usage
    timings: Annotated[dict[str, float], operator.or_]
    answer: Answer
