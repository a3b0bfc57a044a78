"""What several nodes need: the texts of the answer's language, and the budget of model calls."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.models import Completion
from agent.state import State, Usage
from indexes.access import permits
from prompts import texts

__all__ = ["after", "budget_left", "covered", "limit_reached", "say", "visible_indexes", "words"]


def words(state: State) -> dict[str, Any]:
    """Return the messages in the answer's language."""
    found: dict[str, Any] = texts("messages", state["language"])
    return found


def say(runtime: Runtime[Context], kind: str, **data: Any) -> None:
    """Send a streaming event."""
    runtime.stream_writer({"type": kind, **data})


def visible_indexes(context: Context) -> list[str]:
    """Return the names of the indexes that the principal may search."""
    registry, principal = context.resources.registry, context.principal
    return [
        name
        for name, index in registry.indexes.items()
        if permits(index.settings.groups, principal)
    ]


def covered(state: State, context: Context, names: list[str] | None = None) -> str:
    """Return the titles of indexes as one text; None: of all that the principal may search."""
    registry = context.resources.registry
    chosen = visible_indexes(context) if names is None else names
    separator: str = words(state)["list_separator"]
    return separator.join(registry.index(name).settings.label for name in chosen)


def budget_left(state: State, context: Context) -> bool:
    """Say whether the turn may make another model call."""
    return limit_reached(state, context) is None


def limit_reached(state: State, context: Context) -> str | None:
    """Return the name of the limit that forbids another model call, if one does."""
    limits, usage = context.resources.settings.limits, state["usage"]
    if usage["model_calls"] >= limits.model_calls:
        return "model_calls"
    if usage["input_tokens"] + usage["output_tokens"] >= limits.tokens:
        return "tokens"
    return None


def after(usage: Usage, completion: Completion) -> Usage:
    """Return the usage with one more model call."""
    return {
        "model_calls": usage["model_calls"] + 1,
        "input_tokens": usage["input_tokens"] + completion.input_tokens,
        "output_tokens": usage["output_tokens"] + completion.output_tokens,
    }
