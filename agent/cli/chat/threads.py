"""The conversations that a project keeps: who has which, and what one remembers."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from agent.threads import Threads, thread_key
from indexes.types import Principal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointTuple
    from langgraph.types import StateSnapshot

    from agent.app import Waypost

__all__ = ["Conversations", "Memory", "Summary"]

LISTED = 20
LOOKED_AT = 500  # stored steps; where many people talk, the latest are others'


@dataclass(frozen=True)
class Summary:
    """A conversation: how many questions it has, when it was last used, and its first question."""

    name: str
    questions: int
    last: datetime
    first: str


@dataclass(frozen=True)
class Memory:
    """What a conversation remembers.

    Args:
        values: the graph's state.
        request: the approval that its last turn waits for.
        unfinished: its last turn ended before there was an answer, and waits for nobody.
    """

    values: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] | None = None
    unfinished: bool = False

    @property
    def questions(self) -> list[str]:
        """The questions, as they were asked."""
        return _questions(self.values)


class Conversations:
    """The conversations of a project; each person sees their own.

    Args:
        waypost: the opened project.
    """

    def __init__(self, waypost: Waypost) -> None:
        settings = waypost.settings
        self._graph = waypost.graph
        self._threads = Threads(waypost.project / settings.store.path, settings.threads.url)

    async def close(self) -> None:
        """Close what was opened."""
        await self._threads.close()

    async def last(self, principal: Principal | None) -> str | None:
        """Return the name of the conversation that was used last."""
        found = await self.latest(principal, 1)
        return found[0].name if found else None

    async def latest(self, principal: Principal | None, most: int = LISTED) -> list[Summary]:
        """Return the latest conversations, the last one first."""
        owner = None if principal is None else principal.id
        saver = await self._threads.saver()
        found: dict[str, Summary] = {}
        steps = cast("AsyncGenerator[CheckpointTuple, None]", saver.alist(None, limit=LOOKED_AT))
        async with aclosing(steps):
            async for step in steps:
                name = _name(step.config["configurable"]["thread_id"], owner)
                asked = _questions(step.checkpoint["channel_values"])
                if name is None or name in found or not asked:
                    continue
                last = datetime.fromisoformat(step.checkpoint["ts"]).astimezone()
                found[name] = Summary(name, len(asked), last, asked[0])
                if len(found) == most:
                    break
        return list(found.values())

    async def read(self, principal: Principal | None, name: str) -> Memory:
        """Return what a conversation remembers; nothing, if there is none of that name."""
        graph = self._graph.copy({"checkpointer": await self._threads.saver()})
        snapshot = await graph.aget_state(_config(principal, name))
        return _memory(snapshot)

    async def rename(self, principal: Principal | None, old: str, new: str) -> bool:
        """Give a conversation another name; return whether that was free.

        Only its last step is kept, which is all that a finished turn leaves.
        """
        saver = await self._threads.saver()
        before, after = _config(principal, old), _config(principal, new)
        step = await saver.aget_tuple(before)
        if await saver.aget_tuple(after) is not None:
            return False
        if step is not None:
            versions = step.checkpoint["channel_versions"]
            stored = await saver.aput(after, step.checkpoint, step.metadata, versions)
            tasks: dict[str, list[tuple[str, Any]]] = {}
            for task, channel, value in step.pending_writes or ():
                tasks.setdefault(task, []).append((channel, value))
            for task, writes in tasks.items():
                await saver.aput_writes(stored, writes, task)
            await saver.adelete_thread(thread_key(principal, old))
        return True


def _config(principal: Principal | None, name: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_key(principal, name), "checkpoint_ns": ""}}


def _memory(snapshot: StateSnapshot) -> Memory:
    request = snapshot.interrupts[0].value if snapshot.interrupts else None
    return Memory(dict(snapshot.values or {}), request, bool(snapshot.next) and request is None)


def _questions(values: dict[str, Any]) -> list[str]:
    return [str(one.content) for one in values.get("messages", ()) if one.type == "human"]


def _name(key: str, owner: str | None) -> str | None:
    """Return the name that a person knows a stored thread by; None if it is not theirs."""
    try:
        found = json.loads(key)
    except ValueError:
        return None  # another app's, in the same database
    if isinstance(found, list) and len(found) == 2 and found[0] == owner:
        return str(found[1])
    return None
