"""What nodes work with: resources that live as long as the app, and who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from agent.answering.formats import AnswerFormat, Plain
from agent.models import ChatModel
from agent.models.adapter import Adapter
from agent.routing import Router, Target, Weigh
from agent.settings import Role, Settings
from agent.tools import Ledger, Parameter, Tool, ToolPlan, fill_arguments
from agent.traces import Traces
from indexes import Principal, Registry
from indexes.access import permits
from prompts import PACKAGED, Prompts

__all__ = ["Context", "Resources"]


async def _nothing() -> None: ...


@dataclass(frozen=True)
class Resources:
    """Everything a graph needs, opened once.

    Args:
        settings: the project's settings.
        registry: its indexes.
        router: gives its router, fitted at the first call.
        tools: its tools and the built-in ones, by name.
        models: the chat models by role; a role without one is played locally.
        adapter: the router's tuned model in this process, if it has one.
        prompts: the prompts, the project's own among them.
        form: of answers.
        ledger: of the calls with side effects; None: where no turn can be run again.
        today: gives the day that relative dates count from.
        fresh: brings in what changed in files that are looked at before each question.
        traces: keeps the turns; None: nothing does.
    """

    settings: Settings
    registry: Registry
    router: Callable[[], Awaitable[Router]]
    tools: Mapping[str, Tool]
    models: Mapping[Role, ChatModel] = field(default_factory=dict)
    adapter: Adapter | None = None
    prompts: Prompts = PACKAGED
    form: AnswerFormat = field(default_factory=Plain)
    ledger: Ledger | None = None
    today: Callable[[], date] = date.today
    fresh: Callable[[], Awaitable[None]] = _nothing
    traces: Traces | None = None

    @property
    def weigh(self) -> Weigh | None:
        """What asks the router's tuned model, if it has one."""
        return None if self.adapter is None else self.adapter.weigh

    @property
    def model_names(self) -> dict[str, str]:
        """The names of the chat models, by role."""
        return {role: model.name for role, model in self.models.items()}

    def sees(self, target: Target, principal: Principal | None) -> bool:
        """Say whether `principal` may be routed to a target."""
        if target.kind == "talk":
            return True
        if target.kind == "tool":
            return self.tools[target.name].allows(principal)
        return permits(self.registry.index(target.name).settings.groups, principal)

    def missing(self, plans: Sequence[ToolPlan]) -> list[Parameter]:
        """Return the required arguments that planned calls do not have."""
        today = self.today()
        found = {
            parameter.name: parameter
            for plan in plans
            for parameter in fill_arguments(
                self.tools[plan["name"]], "", today=today, known=plan["args"]
            ).missing
        }
        return list(found.values())


@dataclass(frozen=True)
class Context:
    """What one run works with."""

    resources: Resources
    principal: Principal | None = None
