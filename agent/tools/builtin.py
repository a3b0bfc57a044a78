"""Built-in tools: what is indexed, and handing over to a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from agent.errors import ConfigurationError
from agent.settings import ToolSettings
from agent.tools.load import BUILTIN
from agent.tools.types import Parameter, Tool
from indexes import DocumentInfo, Principal, Registry
from prompts import texts

__all__ = ["builtin_tools"]

TITLES_SHOWN = 3
DOCUMENTS_SHOWN = 10


def builtin_tools(
    registry: Registry,
    language: Literal["zh", "en"],
    settings: Sequence[ToolSettings] = (),
    *,
    contact: str = "",
) -> list[Tool]:
    """Return the tools that every project has.

    Args:
        registry: the project's indexes.
        language: of the texts that people read.
        settings: the [[tool]] tables; `use = "builtin:hand_over"` adds examples and sets rules of use.
        contact: how people reach a person.

    Raises:
        ConfigurationError: a table names a tool that Waypost does not have.
    """
    words = texts("messages", language)

    async def hand_over(args: dict[str, Any], principal: Principal | None, key: str) -> Any:
        question = str(args.get("question", ""))
        told = [words["hand_over"].format(question=question)]
        if contact:
            told.append(words["contact"].format(contact=contact))
        return {"handed_over": True, "summary": "\n".join(told)}

    examples = texts("builtin_tools", "examples")
    asked = Parameter(
        name="question", title="question", kind="string", required=False, format="asked"
    )
    tools = [
        Tool(
            "list_documents",
            "Lists and counts the documents that are indexed: all, those of one index or file type, "
            "those that mention a phrase, the newest.",
            _list_parameters(registry),
            _list_schema(),
            partial(_list_documents, registry, words),
            examples=tuple(examples["list_documents"]),
        ),
        Tool(
            "hand_over",
            "Hands the conversation over to a person.",
            (asked,),
            _object(
                question={"type": "string", "description": "what the person wants, in their words"}
            ),
            hand_over,
            examples=tuple(examples["hand_over"]),
        ),
    ]
    return _as_set(tools, settings)


def _as_set(tools: Sequence[Tool], settings: Sequence[ToolSettings]) -> list[Tool]:
    """Return the tools with the further examples and the rules of use of their tables."""
    found = {tool.name: tool for tool in tools}
    for table in settings:
        file, _, name = table.use.partition(":")
        if file != BUILTIN:
            continue
        if name not in found:
            raise ConfigurationError(
                f"{table.use!r} is no tool of Waypost.", fix=f"use one of: {', '.join(found)}."
            )
        found[name] = replace(
            found[name],
            examples=(*found[name].examples, *table.examples),
            approve=table.approve,
            groups=table.groups,
            timeout=table.timeout,
        )
    return list(found.values())


def _list_parameters(registry: Registry) -> tuple[Parameter, ...]:
    reading = texts("builtin_tools", "list_documents")
    names = {
        word: one.settings.name
        for one in registry.indexes.values()
        for word in (one.settings.name, one.settings.label)
    }
    return (
        Parameter("mentions", "mentions", "string", required=False, pattern=reading["mentions"]),
        # wordings, not choices: a choice is also found by a part of it, "docx" by "documents"
        Parameter("index", "index", "string", required=False, aliases=names),
        Parameter("type", "type", "string", required=False, aliases=_wordings(reading["type"])),
        Parameter("order", "order", "string", required=False, aliases=_wordings(reading["order"])),
    )


def _list_schema() -> dict[str, Any]:
    """Return what a model sees; it does not name the indexes, of which some are not for everyone."""
    reading = texts("builtin_tools", "list_documents")
    return _object(
        mentions={"type": "string", "description": "only documents that contain this phrase"},
        index={"type": "string", "description": "only this index, by its name"},
        type={"type": "string", "enum": sorted(reading["type"])},
        order={"type": "string", "enum": sorted(reading["order"])},
    )


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _wordings(values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {word: value for value, words in values.items() for word in words}


async def _list_documents(
    registry: Registry,
    words: Mapping[str, str],
    args: dict[str, Any],
    principal: Principal | None,
    key: str,
) -> Any:
    """Answer from what the store knows of documents; no text is read."""
    name = args.get("index")
    if name and name not in registry.indexes:  # an error would name those that are not for everyone
        return {"count": 0, "summary": words["documents_none"]}
    found = await registry.documents(index=name, principal=principal)
    conditions: list[str] = []
    if phrase := str(args.get("mentions") or "").strip():
        having = await registry.mentioning(phrase, principal=principal)
        found = [one for one in found if (one["index"], one["document"]) in having]
        conditions.append(words["documents_mention"].format(phrase=phrase))
    if kind := args.get("type"):
        found = [one for one in found if Path(one["document"]).suffix.lower() == f".{kind}"]
        conditions.append(words["documents_type"].format(type=str(kind).upper()))
    if name:
        label = registry.index(name).settings.label
        conditions.append(words["documents_index"].format(index=label))
    newest = args.get("order") == "newest"
    if newest:
        found.sort(key=lambda one: one["date"], reverse=True)
    if not found:
        return {"count": 0, "summary": words["documents_none"]}
    counts = dict(Counter(one["index"] for one in found))
    if conditions or newest:
        lines = _each(found, registry, words)
        shape = words["documents_matching"] if conditions else words["documents_some"]
        joined = words["list_separator"].join(conditions)
        summary = shape.format(count=len(found), conditions=joined, lines="\n".join(lines))
    else:
        lines = _by_index(found, registry, words)
        summary = words["documents_some"].format(count=len(found), lines="\n".join(lines))
    return {
        "count": len(found),
        "indexes": counts,
        "documents": [one["document"] for one in found[:DOCUMENTS_SHOWN]],
        "summary": summary,
    }


def _each(found: Sequence[DocumentInfo], registry: Registry, words: Mapping[str, str]) -> list[str]:
    lines = [
        words["documents_one"].format(
            title=one["title"],
            index=registry.index(one["index"]).settings.label,
            date=f"{words['separator']}{one['date']}" if one["date"] else "",
        )
        for one in found[:DOCUMENTS_SHOWN]
    ]
    if len(found) > DOCUMENTS_SHOWN:
        lines.append(words["documents_more"].format(count=len(found) - DOCUMENTS_SHOWN))
    return lines


def _by_index(
    found: Sequence[DocumentInfo], registry: Registry, words: Mapping[str, str]
) -> list[str]:
    titles: dict[str, list[str]] = defaultdict(list)
    for document in found:
        titles[document["index"]].append(document["title"])
    return [
        words["documents_line"].format(
            index=registry.index(name).settings.label,
            count=len(some),
            titles=words["list_separator"].join(
                words["documents_quote"].format(title=title) for title in some[:TITLES_SHOWN]
            ),
        )
        for name, some in titles.items()
    ]
