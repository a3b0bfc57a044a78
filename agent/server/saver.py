"""A server's conversations in a SQLite file, where no database is named."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

__all__ = ["ServerSaver"]

TABLES = ("checkpoints", "writes")
SOURCE = "json_extract(CAST(metadata AS TEXT), '$.source')"
RUN = "json_extract(CAST(metadata AS TEXT), '$.run_id')"


class ServerSaver(AsyncSqliteSaver):
    """Checkpoints in a file; of a turn that is over it keeps how it began and how it ended.

    From these a turn can be asked again, or a conversation be continued elsewhere. The steps between are
    only of use while the turn may still have to be resumed, and each holds the whole state.
    """

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint; with the first one of a turn the turn before becomes shorter."""
        written = await super().aput(config, checkpoint, metadata, new_versions)
        last = config["configurable"].get("checkpoint_id")
        if metadata.get("source") == "input" and last is not None:
            await self._shorten(str(config["configurable"]["thread_id"]), last)
        return written

    async def _shorten(self, thread: str, last: str) -> None:
        """Leave out the steps between the beginning of a turn and its last checkpoint."""
        named = {"thread": thread, "last": last}
        begun = (
            "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = :thread"
            f" AND checkpoint_id < :last AND {SOURCE} = 'input')"
        )
        async with self.lock:
            found = await self.conn.execute_fetchall(f"SELECT {begun}", named)
            first = next(iter(found))[0]
            if first is None:
                return
            named["first"] = first
            for table in TABLES:
                await self.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = :thread"
                    " AND checkpoint_id > :first AND checkpoint_id < :last",
                    named,
                )
            await self.conn.execute(
                "UPDATE checkpoints SET parent_checkpoint_id = :first"
                " WHERE thread_id = :thread AND checkpoint_id = :last",
                named,
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
