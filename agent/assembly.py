"""From settings to the resources of a graph, checked against each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from agent.answering.formats import load_format
from agent.context import Resources
from agent.errors import ConfigurationError
from agent.freshness import Freshness
from agent.models import ChatModel, make_chat_model
from agent.models.adapter import Adapter, open_adapter
from agent.observability import warning
from agent.routing import NONE, Router
from agent.settings import ROLES, Role, Settings
from agent.tools import Ledger, Tool, builtin_tools, load_tools
from agent.traces import Traces
from indexes import Registry
from prompts import PromptError, Prompts

__all__ = ["assemble"]

ADAPTER_OLD = "adapter.old"  # it never chooses these indexes: train it again


def assemble(
    project: Path,
    settings: Settings,
    registry: Registry,
    router: Callable[[], Awaitable[Router]],
    tools: Sequence[Tool],
    learn: Callable[[], Awaitable[None]],
) -> Resources:
    """Return what a graph works with.

    Args:
        project: the folder.
        settings: of the project.
        registry: its indexes, opened.
        router: gives its router.
        tools: those beside the project's own and the built-in ones.
        learn: fits the router anew.

    Raises:
        ConfigurationError: something that the settings name does not exist or does not fit.
    """
    every = [
        *load_tools(project, settings.tool),
        *builtin_tools(
            registry,
            settings.project.language,
            settings.tool,
            contact=settings.project.contact,
        ),
        *tools,
    ]
    names = [tool.name for tool in every]
    _check_names(settings, names)
    _check_rules(settings, names)
    return Resources(
        settings=settings,
        registry=registry,
        router=router,
        tools={tool.name: tool for tool in every},
        models=_models(settings),
        adapter=_adapter(project, settings, names),
        prompts=_prompts(project),
        form=load_format(settings.answer, project),
        ledger=Ledger(project / settings.store.path / "calls.db"),
        fresh=Freshness(project, settings, registry, learn).look,
        traces=Traces(project, settings) if settings.traces.keep else None,
    )


def _models(settings: Settings) -> dict[Role, ChatModel]:
    made: dict[tuple[str, ...], ChatModel | None] = {}
    for role in ROLES:
        chain = settings.models.of(role)
        if chain not in made:
            made[chain] = make_chat_model(chain, settings.model)
    found = {role: made[settings.models.of(role)] for role in ROLES}
    return {role: model for role, model in found.items() if model is not None}


def _adapter(project: Path, settings: Settings, tools: Sequence[str]) -> Adapter | None:
    """Return the router's adapter, if what it chooses from is there."""
    if settings.models.adapter is None:
        return None
    adapter = open_adapter(project / settings.models.adapter)
    labels = set(adapter.card["labels"])
    indexes = {index.name for index in settings.index}
    strange = labels - indexes - {*tools, NONE}
    remote = any(tool.mcp for tool in settings.tool)  # a server that is down has no tools to check
    if strange and not remote:
        raise ConfigurationError(
            f"The adapter {settings.models.adapter!r} in [models] router chooses among names that"
            f" the project does not have: {', '.join(sorted(strange))}.",
            fix="train it again on this project's data (waypost tune export, waypost tune train),"
            " or take it out of [models] router.",
        )
    new = indexes - labels if adapter.card["task"] == "router" else set()
    if new:
        warning(ADAPTER_OLD, adapter=settings.models.adapter, indexes=", ".join(sorted(new)))
    return adapter


def _prompts(project: Path) -> Prompts:
    prompts = Prompts(project / "prompts")
    try:
        prompts.check()
    except PromptError as error:
        raise ConfigurationError(error.message, fix=error.fix) from error
    return prompts


def _check_names(settings: Settings, tools: Sequence[str]) -> None:
    """Routing tells targets apart by their names alone."""
    taken = {NONE}
    for kind, names in (("index", [one.name for one in settings.index]), ("tool", tools)):
        for name in names:
            if name in taken:
                raise ConfigurationError(
                    f"The {kind} {name!r} has a name that is taken by another target of routing.",
                    fix=f"rename it; {NONE!r} stands for what nothing covers.",
                )
            taken.add(name)


def _check_rules(settings: Settings, tools: Sequence[str]) -> None:
    indexes = [index.name for index in settings.index]
    remote = any(tool.mcp for tool in settings.tool)  # a server that is down has no tools to check
    for rule in settings.routing.rule:
        name = rule.index or (None if remote else rule.tool)
        if name is not None and name not in (indexes if rule.index else tools):
            kind = "index" if rule.index else "tool"
            raise ConfigurationError(
                f"[[routing.rule]] {rule.pattern!r} names the {kind} {name!r}, which does not exist.",
                fix=f"use one of: {', '.join(indexes if rule.index else tools)}.",
            )
