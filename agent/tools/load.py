"""Loading a project's own LangChain tools, by path and under a module name of their own."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic.fields import FieldInfo

from agent.errors import ConfigurationError
from agent.settings import ToolSettings
from agent.tools.schema import parameters, visible
from agent.tools.threads import Threads
from agent.tools.types import INJECTED, Tool
from indexes.project import load_module
from indexes.types import Principal

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
    from pydantic import BaseModel

__all__ = ["BUILTIN", "as_tool", "load_tools"]

BUILTIN = "builtin"  # stands for a module in `use` of Waypost's own tools


def load_tools(project: Path, settings: Sequence[ToolSettings]) -> list[Tool]:
    """Load the tools that a project's settings name.

    Args:
        project: the project's folder; `use = "tools:name"` means `name` in its tools.py.
        settings: the [[tool]] tables; those of MCP servers are left to `open_mcp`, those of Waypost's own
            tools to `builtin_tools`.

    Raises:
        ConfigurationError: a file or tool is missing, or is no LangChain tool.
    """
    modules: dict[str, ModuleType] = {}
    tools = []
    for one in (one for one in settings if one.use):
        file, _, name = one.use.partition(":")
        if file == BUILTIN:
            continue
        if file not in modules:
            modules[file] = load_module(project, file)
        tools.append(_tool(modules[file], name, one, project / f"{file}.py"))
    names = [tool.name for tool in tools]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(f"Two tools are named {twice[0]!r}.", fix="rename one of them.")
    return tools


def _tool(module: ModuleType, name: str, settings: ToolSettings, path: Path) -> Tool:
    from langchain_core.tools import BaseTool

    found = getattr(module, name, None)
    if not isinstance(found, BaseTool):
        raise ConfigurationError(
            f"{str(path)!r} has no LangChain tool named {name!r}.",
            fix="decorate the function with langchain_core.tools.tool, or correct `use`.",
        )
    return as_tool(found, settings)


def as_tool(found: BaseTool, settings: ToolSettings | None = None) -> Tool:
    """Return a LangChain tool as one of the project.

    Args:
        found: the tool.
        settings: its [[tool]] table; without one it needs no approval and has no examples.
    """
    settings = settings or ToolSettings(use=f"app:{found.name}")
    schema = _schema(found)
    taken = {*inspect.signature(_function(found)).parameters, *schema.get("properties", {})}
    threads = Threads()

    async def run(args: dict[str, Any], principal: Principal | None, key: str) -> Any:
        injected = {"principal": principal, "idempotency_key": key}
        given = {**args, **{name: injected[name] for name in INJECTED if name in taken}}
        if getattr(found, "coroutine", None) is not None:
            return await found.ainvoke(given)
        return await threads.run(lambda: found.invoke(given))

    model: Any = found.args_schema
    arguments: type[BaseModel] | None = None if isinstance(model, dict) else model
    return Tool(
        name=found.name,
        description=found.description,
        parameters=parameters(schema),
        schema=visible(schema),
        run=run,
        arguments=arguments,
        examples=settings.examples,
        approve=settings.approve,
        effects=settings.approve if settings.effects is None else settings.effects,
        keyed="idempotency_key" in taken,
        groups=settings.groups,
        timeout=settings.timeout,
    )


def _function(tool: BaseTool) -> Any:
    return getattr(tool, "func", None) or getattr(tool, "coroutine", None) or tool._run


def _schema(tool: BaseTool) -> dict[str, Any]:
    """Return a tool's schema with the titles and extras of its annotations.

    LangChain builds the schema of a decorated function anew and drops what `Field` says beside
    the description, so that is read from the function again.
    """
    model: Any = tool.args_schema
    schema: dict[str, Any] = dict(model if isinstance(model, dict) else model.model_json_schema())
    properties = {name: dict(entry) for name, entry in schema.get("properties", {}).items()}
    for name, hint in get_type_hints(_function(tool), include_extras=True).items():
        for extra in getattr(hint, "__metadata__", ()):
            if name in properties and isinstance(extra, FieldInfo):
                properties[name] |= {"title": extra.title} if extra.title else {}
                more = extra.json_schema_extra
                properties[name] |= more if isinstance(more, dict) else {}
    return {**schema, "properties": properties}
