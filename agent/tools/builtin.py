"""Built-in tools: what is indexed, and handing over to a person."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal

from agent.tools.types import Parameter, Tool
from indexes import Principal, Registry
from prompts import texts

__all__ = ["builtin_tools"]

TITLES_SHOWN = 3


def builtin_tools(registry: Registry, language: Literal["zh", "en"]) -> list[Tool]:
    """Return the tools that every project has.

    Args:
        registry: the project's indexes.
        language: of the texts that people read.
    """
    words = texts("messages", language)

    async def list_documents(args: dict[str, Any], principal: Principal | None) -> Any:
        documents = await registry.documents(principal=principal)
        if not documents:
            return {"count": 0, "summary": words["documents_none"]}
        titles: dict[str, list[str]] = defaultdict(list)
        for document in documents:
            titles[document["index"]].append(document["title"])
        lines = [
            words["documents_line"].format(
                index=registry.index(name).settings.label,
                count=len(found),
                titles=words["list_separator"].join(
                    words["documents_quote"].format(title=title) for title in found[:TITLES_SHOWN]
                ),
            )
            for name, found in titles.items()
        ]
        summary = words["documents_some"].format(count=len(documents), lines="\n".join(lines))
        counts = {name: len(found) for name, found in titles.items()}
        return {"count": len(documents), "indexes": counts, "summary": summary}

    async def hand_over(args: dict[str, Any], principal: Principal | None) -> Any:
        question = str(args.get("question", ""))
        return {"handed_over": True, "summary": words["hand_over"].format(question=question)}

    examples = texts("builtin_tools", "examples")
    asked = Parameter(
        name="question", title="question", kind="string", required=False, format="asked"
    )
    return [
        Tool(
            "list_documents",
            "Lists the documents that are indexed.",
            (),
            list_documents,
            tuple(examples["list_documents"]),
        ),
        Tool(
            "hand_over",
            "Hands the conversation over to a person.",
            (asked,),
            hand_over,
            tuple(examples["hand_over"]),
        ),
    ]
