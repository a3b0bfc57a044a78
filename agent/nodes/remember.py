"""remember: a conversation that has become long is summarised, so that a prompt never grows with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import RemoveMessage

from agent import observability
from agent.answering import plain
from agent.context import Context
from agent.errors import ModelError
from agent.nodes.budget import Budget
from agent.nodes.common import words
from agent.observability import STAGE_FAILED
from agent.state import State
from indexes.embeddings.tokens import estimate_tokens

__all__ = ["recent", "remembered"]

KEPT = 200  # messages of a thread; older ones are in the summary alone
SUMMARY = 1_500  # characters
SHOWN = 80  # characters of a question in a summary made without a model
INPUT = 12_000  # characters that a summary is made from


async def remembered(state: State, budget: Budget, context: Context) -> dict[str, Any]:
    """Return what changes in a thread that has become long: all but its latest turns are summarised.

    Without a model the summary lists what was asked. A thread that is not too long is left as it is.

    Args:
        state: of the turn, its question included.
        budget: of the turn.
        context: has the limits and the rewriter.
    """
    messages = state["messages"]
    most = context.resources.settings.limits.history_tokens
    rest = messages[state.get("summarised", 0) :]
    if sum(estimate_tokens(str(message.content)) for message in rest) <= 2 * most:
        return {}
    through = len(messages) - len(recent(messages, most))
    older = messages[state.get("summarised", 0) : through]
    summary = await _summary(state, older, budget, context)
    removed = messages[: max(len(messages) - KEPT, 0)]
    return {
        "summary": summary[-SUMMARY:],
        "summarised": through - len(removed),
        "messages": [RemoveMessage(message.id) for message in removed],
    }


def recent(messages: Sequence[Any], tokens: int) -> list[Any]:
    """Return the latest messages that together have at most so many tokens, beginning with a question."""
    kept: list[Any] = []
    for message in reversed(messages):
        tokens -= estimate_tokens(str(message.content))
        if tokens < 0:
            break
        kept.insert(0, message)
    while kept and kept[0].type != "human":
        kept.pop(0)
    return kept


async def _summary(state: State, older: Sequence[Any], budget: Budget, context: Context) -> str:
    before = state.get("summary", "")
    complete = budget.completes(context.resources.models.get("rewriter"))
    if complete is not None:
        said = "\n".join(f"{message.type}: {plain(str(message.content))}" for message in older)[
            -INPUT:
        ]
        prompt = context.resources.prompts.render(
            "summary", state["language"], summary=plain(before), conversation=said
        )
        try:
            reply = (await complete(prompt)).strip()
        except ModelError as error:
            observability.warning(STAGE_FAILED, stage="summary", error=error.code)
        else:
            if reply:
                return reply[:SUMMARY]
    separator: str = words(state)["list_separator"]
    asked = [str(one.content)[:SHOWN] for one in older if one.type == "human"]
    return separator.join([before, *asked] if before else asked)
