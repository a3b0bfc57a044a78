"""What flows through the graph, and the answer that comes out: plain data, storable anywhere."""

from __future__ import annotations

import operator
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,  # pydantic needs it before Python 3.12
)

from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

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
    "Part",
    "PartJudgement",
    "Previous",
    "SearchTask",
    "State",
    "Usage",
]

Outcome = Literal["answer", "search", "act", "clarify", "abstain"]


class Usage(TypedDict):
    """What a turn or a whole thread cost.

    Args:
        model_calls: calls of chat models.
        input_tokens: tokens of their prompts.
        output_tokens: tokens of their replies.
        cost: money in the currency of the models' prices; there once a model with a price was asked.
    """

    model_calls: int
    input_tokens: int
    output_tokens: int
    cost: NotRequired[float]


class Answer(TypedDict):
    """The result of a turn.

    Args:
        answer: its text, with [n] for the citations.
        action: the outcome, which may differ from the route's plan: "abstain" is a refusal.
        route: what the router decided.
        citations: what the markers stand for.
        tool_calls: the calls that were made or rejected.
        grounded: every claim is supported by what it cites, or by a tool's result.
        confidence: how sure the answer is, 0 to 1.
        pending: the request for an approval that the turn waits for, as LangChain's HITLRequest.
        limit: the limit that cut the turn short.
        thread_id: the conversation, to ask on.
        usage: what the turn cost.
        timings_ms: milliseconds by node of the graph, and `total`.
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


class Part(TypedDict):
    """A question that is searched by itself: the whole, one side of a comparison, or a rewording.

    `query` is it in the documents' words; `indexes` are those to search, with their weights; `of` is the
    position of the part that it rewords, its own where it was asked; `prior` is how sure its route is,
    and `lost` whether nothing knew where to look; `tools` are those to call for it.
    """

    question: str
    query: str
    indexes: dict[str, float]
    tools: list[str]
    of: int
    prior: float
    lost: bool


class Found(TypedDict):
    """What one index returned for a part of the question."""

    part: int
    index: str
    weight: float
    passages: list[LocatedPassage]


class Related(TypedDict):
    """An article that the best passages of a part refer to: its `rank` among these, and its name."""

    rank: int
    article: str


class PartJudgement(TypedDict):
    """What the judge made of the passages of one part.

    `order` are positions in the turn's passages, best supported first, and `support` is each one's, from
    0 to 1; the first `section` of them are a whole section that the question asks for. `weights` are the
    terms', `missing` those that no passage has; `related` is what the best of them refer to.
    """

    sufficient: bool
    score: float
    order: list[int]
    support: list[float]
    section: int
    missing: list[str]
    weights: dict[str, float]
    related: NotRequired[list[Related]]


class Judgement(TypedDict):
    """What the judge made of all passages: `unanswered` are positions of parts without support."""

    sufficient: bool
    score: float
    parts: list[PartJudgement]
    unanswered: list[int]


class SearchTask(TypedDict):
    """One search of the fan-out."""

    part: int
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
    """The graph's state.

    `messages`, `summary` (of the first `summarised` ones), `previous`, `refusals` (in a row) and `spent`
    belong to the thread, all else to one turn. `turn` is its unique name and `deadline` when it must end, in seconds of the epoch.
    `tool_calls` are all that were made, in `rounds`; `plans` are those about to be made, `approvals` the
    positions of those that a person must decide about. `denied` are the chunks in which the chat model
    found no answer.
    """

    messages: Annotated[list[Any], add_messages]
    summary: str
    summarised: int
    previous: Previous | None
    refusals: int
    spent: Usage
    turn: str
    deadline: float
    question: str
    topic: str
    alternative: str | None
    language: Literal["zh", "en"]
    route: Route
    talk: str | None
    offered: list[str]
    parts: list[Part]
    found: Annotated[list[Found], operator.add]
    passages: list[LocatedPassage]
    denied: list[str]
    judgement: Judgement
    rewrites: int
    plans: list[ToolPlan]
    approvals: list[int]
    unknown: list[str]
    tool_calls: list[ToolCall]
    rounds: int
    draft: Draft
    outcome: Outcome
    limit: str | None
    usage: Usage
    timings: Annotated[dict[str, float], operator.or_]
    answer: Answer
