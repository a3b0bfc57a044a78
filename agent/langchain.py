"""A project inside other LangChain and LangGraph code: as a Runnable, and as a tool of another agent.

`Waypost.graph` is the compiled graph itself, for a node of another graph that shares `messages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.state import Answer
from indexes import Principal

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable, RunnableConfig
    from langchain_core.tools import BaseTool

    from agent.app import Waypost

__all__ = ["as_runnable", "as_tool"]


def as_runnable(waypost: Waypost, *, principal: Principal | None = None) -> Runnable[str, Answer]:
    """Return a LangChain Runnable from question to Answer.

    `config={"configurable": {"thread_id": "…"}}` continues a conversation.

    Args:
        waypost: the opened project.
        principal: who asks; None sees public documents only.
    """
    from langchain_core.runnables import RunnableLambda

    async def asked(question: str, config: RunnableConfig) -> Answer:
        thread = config.get("configurable", {}).get("thread_id")
        return await waypost.ask(question, principal=principal, thread=thread)

    def refused(question: str) -> Answer:
        raise TypeError("this Runnable is asynchronous: use ainvoke, or agent.WaypostSync")

    return RunnableLambda(refused, afunc=asked, name="waypost")


def as_tool(
    waypost: Waypost,
    *,
    principal: Principal | None = None,
    name: str = "company_knowledge",
    description: str = "",
) -> BaseTool:
    """Return a LangChain tool that asks a project and tells the answer with its sources.

    Args:
        waypost: the opened project.
        principal: for whom it asks; None sees public documents only.
        name: what the other agent calls it.
        description: when it should be called; default: what the project's indexes cover.
    """
    from langchain_core.tools import StructuredTool

    covered = "; ".join(f"{one.label}: {one.description}" for one in waypost.settings.index)

    async def asked(question: str) -> dict[str, Any]:
        answer = await waypost.ask(question, principal=principal)
        return {
            "answer": answer["answer"],
            "grounded": answer["grounded"],
            "sources": [
                {"marker": one["marker"], "title": one["title"], "location": one["location"]}
                for one in answer["citations"]
            ],
        }

    return StructuredTool.from_function(
        coroutine=asked,
        name=name,
        description=description or f"Answers questions, with sources, about: {covered}",
    )
