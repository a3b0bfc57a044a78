"""What a tool is to the agent, whatever it is made of."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from indexes.access import permits
from indexes.text import normalize
from indexes.types import Principal

__all__ = ["Parameter", "Run", "Tool", "ToolCall", "ToolPlan", "Wording"]

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
