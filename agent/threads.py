"""Where conversations are kept: a SQLite file of the project, or a checkpointer of the app's own."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from indexes import Principal

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

__all__ = ["Threads", "thread_key"]

FILE = "threads.db"


def thread_key(principal: Principal | None, thread: str) -> str:
    """Return what a thread is stored under: everyone has threads of their own."""
    owner = None if principal is None else principal.id
    return json.dumps([owner, thread], ensure_ascii=False)


class Threads:
    """The conversations of an opened project.

    Args:
        folder: where the SQLite file is, made when first needed.
        saver: a checkpointer to use instead.
    """

    def __init__(self, folder: Path, saver: BaseCheckpointSaver[str] | None = None) -> None:
        self._folder = folder
        self._given = saver
        self._own: AsyncSqliteSaver | None = None
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()

    async def saver(self) -> BaseCheckpointSaver[str]:
        """Return the checkpointer, opened."""
        if self._given is not None:
            return self._given
        async with self._lock:
            if self._own is None:
                from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

                self._folder.mkdir(parents=True, exist_ok=True)
                self._own = await self._stack.enter_async_context(
                    AsyncSqliteSaver.from_conn_string(str(self._folder / FILE))
                )
        return self._own

    async def forget_steps(self, key: str) -> None:
        """Keep only the last checkpoint of a finished turn; its steps served resuming it alone.

        The SQLite saver has no pruning of its own, and every step's whole state would stay.

        Args:
            key: of the thread.
        """
        if self._own is None:
            return
        older = (
            "checkpoint_id < (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = :key)"
        )
        async with self._own.lock:
            for table in ("checkpoints", "writes"):
                await self._own.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = :key AND {older}", {"key": key}
                )
            await self._own.conn.commit()

    async def close(self) -> None:
        """Close what was opened here."""
        await self._stack.aclose()
