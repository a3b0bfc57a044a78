"""What a tool is to the agent, whatever it is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from indexes.access import permits
from indexes.types import Principal

__all__ = ["Parameter", "Run", "Tool", "ToolCall", "ToolPlan"]

Run = Callable[[dict[str, Any], Principal | None], Awaitable[Any]]


class ToolPlan(TypedDict):
    """A call that is about to be made."""

    name: str
    args: dict[str, Any]


class ToolCall(TypedDict):
    """A call that was made, with its result as plain data."""

    name: str
    args: dict[str, Any]
    result: Any


@dataclass(frozen=True)
class Parameter:
    """An argument of a tool, as its JSON schema describes it.

    `aliases` maps further wordings to values; `choices` are the values of an enumeration.
    """

    name: str
    title: str
    kind: str
    required: bool
    choices: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    pattern: str = ""
    format: str = ""


@dataclass(frozen=True)
class Tool:
    """A callable with a description, parameters and rules of use.

    Args:
        name: what the model and people call it.
        description: what it does.
        parameters: its arguments, the injected principal not among them.
        run: makes the call with validated arguments, for a principal.
        examples: questions that call for it.
        approve: a person approves before it runs.
        groups: who may use it; None: everyone.
        timeout: seconds that one call may take.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    run: Run
    examples: tuple[str, ...] = ()
    approve: bool = False
    groups: tuple[str, ...] | None = None
    timeout: float = 30.0

    def allows(self, principal: Principal | None) -> bool:
        """Say whether `principal` may use the tool."""
        return permits(self.groups, principal)
