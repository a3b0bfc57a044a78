"""What a tool is to the agent, whatever it is made of."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Any,
    NotRequired,  # pydantic needs it before Python 3.12
)

from typing_extensions import TypedDict

from agent.models import ToolSchema
from indexes.access import permits
from indexes.text import normalize
from indexes.types import Principal

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["INJECTED", "Parameter", "Run", "Tool", "ToolCall", "ToolPlan", "Wording", "failed"]

# Arguments of these names are filled in by Waypost and hidden: who asks, and the key of the call, the
# same whenever this call is made again, by which a tool tells a repetition.
INJECTED = ("principal", "idempotency_key")
Run = Callable[[dict[str, Any], Principal | None, str], Awaitable[Any]]


class ToolPlan(TypedDict):
    """A call that is about to be made; `rejected` is what a person said who did not allow it."""

    name: str
    args: dict[str, Any]
    rejected: NotRequired[str]


class ToolCall(TypedDict):
    """A call of a tool.

    Args:
        name: the tool's name.
        args: its arguments.
        result: plain data: `{"error": …}` if it failed, `{"rejected": …}` if a person did not allow it.
    """

    name: str
    args: dict[str, Any]
    result: Any


def failed(call: ToolCall) -> bool:
    """Say whether a call brought no result: it failed, or a person did not allow it."""
    result = call["result"]
    return isinstance(result, dict) and ("error" in result or "rejected" in result)


@dataclass(frozen=True)
class Wording:
    """A normalised text that stands for a value, and the pattern that finds it in another."""

    text: str
    value: str
    pattern: re.Pattern[str]


def _whole(wording: str) -> re.Pattern[str]:
    """Return a pattern for a wording; one in Latin letters is no part of another word."""
    escaped = re.escape(wording)
    return re.compile(rf"(?<![a-z0-9]){escaped}(?![a-z0-9])" if wording.isascii() else escaped)


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

    @cached_property
    def wordings(self) -> tuple[Wording, ...]:
        """Every wording of the choices and of the aliases."""
        values = {normalize(choice): choice for choice in self.choices}
        values |= {normalize(alias): value for alias, value in self.aliases.items()}
        return tuple(Wording(text, value, _whole(text)) for text, value in values.items())


@dataclass(frozen=True)
class Tool:
    """A callable with a description, parameters and rules of use.

    Args:
        name: what the model and people call it.
        description: what it does.
        parameters: its arguments, the injected ones not among them.
        schema: the JSON schema of the same arguments, as a model sees it.
        run: makes the call with checked arguments, for a principal, under the call's key.
        arguments: the pydantic model that checks the arguments; None: the schema does.
        examples: questions that call for it.
        approve: a person approves before it runs.
        effects: it changes something, so it never runs twice for the same request.
        keyed: it takes the call's key and so can tell a repetition itself.
        groups: who may use it; None: everyone.
        timeout: seconds that one call may take.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    schema: Mapping[str, Any]
    run: Run
    arguments: type[BaseModel] | None = None
    examples: tuple[str, ...] = ()
    approve: bool = False
    effects: bool = False
    keyed: bool = False
    groups: tuple[str, ...] | None = None
    timeout: float = 30.0

    def allows(self, principal: Principal | None) -> bool:
        """Say whether `principal` may use the tool."""
        return permits(self.groups, principal)

    def for_model(self) -> ToolSchema:
        """Return the tool as a chat model sees it."""
        return ToolSchema(self.name, self.description, self.schema)
