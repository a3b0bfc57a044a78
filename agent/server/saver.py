"""A server's conversations in a SQLite file, where no database is named."""

from __future__ import annotations

import json
from collections.abc import Sequence

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

__all__ = ["ServerSaver"]

TABLES = ("checkpoints", "writes")
RUN = "json_extract(CAST(metadata AS TEXT), '$.run_id')"
NEXT = ("branch:to:", "join:", "__pregel_tasks")  # the channels by which LangGraph starts a node


class ServerSaver(AsyncSqliteSaver):
    """Checkpoints in a file; of a turn that is over it keeps how it began and how it ended.

    So the step before an answer is the question: who goes back one step from an answer, as the button
    for another answer in chat interfaces does, has the whole turn done again. The steps between are
    only of use while the turn may still have to be resumed, and each holds the whole state.
    """

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint; with the last one of a turn the turn becomes shorter."""
        written = await super().aput(config, checkpoint, metadata, new_versions)
        if config["configurable"].get("checkpoint_id") and _is_last(checkpoint, metadata):
            await self._shorten(config)
        return written

    async def _shorten(self, config: RunnableConfig) -> None:
        """Leave out the steps of a turn, from the one before its last back to its beginning."""
        left_out: list[str] = []
        step = await self.aget_tuple(config)
        while step is not None and _is_between(step):
            left_out.append(step.config["configurable"]["checkpoint_id"])
            step = await self.aget_tuple(step.parent_config) if step.parent_config else None
        if step is None or not left_out:
            return
        place = config["configurable"]
        ids = json.dumps(left_out)
        these = "IN (SELECT value FROM json_each(:ids))"
        of_place = "thread_id = :thread AND checkpoint_ns = :namespace"
        named = {
            "ids": ids,
            "thread": place["thread_id"],
            "namespace": place.get("checkpoint_ns", ""),
            "first": step.config["configurable"]["checkpoint_id"],
        }
        async with self.lock:
            await self.conn.execute(  # somebody may have gone on from a step between, too
                "UPDATE checkpoints SET parent_checkpoint_id = :first"
                f" WHERE {of_place} AND parent_checkpoint_id {these}",
                named,
            )
            for table in TABLES:
                await self.conn.execute(
                    f"DELETE FROM {table} WHERE {of_place} AND checkpoint_id {these}", named
                )
            await self.conn.commit()

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete what some runs left, which a client takes back.

        Args:
            run_ids: of the runs.
        """
        await self.setup()
        async with self.lock:
            for run in run_ids:
                of_run = f"SELECT thread_id, checkpoint_id FROM checkpoints WHERE {RUN} = ?"
                await self.conn.execute(
                    f"DELETE FROM writes WHERE (thread_id, checkpoint_id) IN ({of_run})", (run,)
                )
                await self.conn.execute(f"DELETE FROM checkpoints WHERE {RUN} = ?", (run,))
            await self.conn.commit()

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a conversation.

        Args:
            source_thread_id: the one to copy.
            target_thread_id: the name of the copy.
        """
        await self.setup()
        async with self.lock:
            for table in TABLES:
                columns = await self.conn.execute_fetchall(f"PRAGMA table_info({table})")
                names = ", ".join(str(one[1]) for one in columns if one[1] != "thread_id")
                await self.conn.execute(
                    f"INSERT INTO {table} (thread_id, {names})"
                    f" SELECT ?, {names} FROM {table} WHERE thread_id = ?",
                    (target_thread_id, source_thread_id),
                )
            await self.conn.commit()

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a conversation, also one of which nothing was ever stored.

        Args:
            thread_id: its name.
        """
        await self.setup()
        await super().adelete_thread(thread_id)


def _is_last(checkpoint: Checkpoint, metadata: CheckpointMetadata) -> bool:
    """Say whether a checkpoint ends a turn: it comes from a step, and starts none."""
    updated = checkpoint.get("updated_channels") or ()
    return metadata.get("source") == "loop" and not any(one.startswith(NEXT) for one in updated)


def _is_between(step: CheckpointTuple) -> bool:
    """Say whether a checkpoint is neither the beginning nor the end of a turn."""
    return step.metadata.get("source") == "loop" and not _is_last(step.checkpoint, step.metadata)
