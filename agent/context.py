"""What nodes work with: resources that live as long as the app, and who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date

from agent.models import ChatModel
from agent.routing import Router, Target
from agent.settings import Settings
from agent.tools import Tool
from indexes import Principal, Registry
from indexes.access import permits

__all__ = ["Context", "Resources"]


@dataclass(frozen=True)
class Resources:
    """Everything a graph needs, opened once.

    Args:
        settings: the project's settings.
        registry: its indexes.
        router: gives its router, fitted at the first call.
        tools: its tools and the built-in ones, by name.
        answerer: the chat model that writes answers, if there is one.
        router_model: the chat model that the router escalates to, if there is one.
        today: gives the day that relative dates count from.
    """

    settings: Settings
    registry: Registry
    router: Callable[[], Awaitable[Router]]
    tools: Mapping[str, Tool]
    answerer: ChatModel | None = None
    router_model: ChatModel | None = None
    today: Callable[[], date] = date.today

    def sees(self, target: Target, principal: Principal | None) -> bool:
        """Say whether `principal` may be routed to a target."""
        if target.kind == "talk":
            return True
        if target.kind == "tool":
            return self.tools[target.name].allows(principal)
        return permits(self.registry.index(target.name).settings.groups, principal)


@dataclass(frozen=True)
class Context:
    """What one run works with."""

    resources: Resources
    principal: Principal | None = None
