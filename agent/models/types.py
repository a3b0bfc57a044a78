"""What a chat model is asked and what it answers, whatever endpoint it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Completion", "Message", "RequestedCall", "ToolSchema", "as_messages"]

Message = Mapping[str, Any]  # of OpenAI's chat form: role, content, tool_calls, tool_call_id


@dataclass(frozen=True)
class ToolSchema:
    """A tool as a model sees it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class RequestedCall:
    """A call that a model asks for; the arguments are a JSON object, not validated yet."""

    id: str
    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True)
class Completion:
    """A model's reply and what it cost.

    `cost` counts in the currency of the model's prices, 0 without any. `cut` is whether the reply ended
    because it reached its longest. `model` names who replied.
    """

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    calls: Sequence[RequestedCall] = field(default=())
    cut: bool = False
    model: str = ""


def as_messages(prompt: str | Sequence[Message]) -> list[Message]:
    """Return a prompt as messages: a text is what the user says."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
