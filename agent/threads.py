"""Where conversations are kept: a SQLite file of the project, Postgres, or a checkpointer of the app's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import ConfigurationError, StoreError
from indexes import Principal

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

__all__ = ["Threads", "postgres_saver", "thread_key"]

FILE = "threads.db"
CONNECTIONS = 10
PATIENCE = 10.0  # seconds to wait for the database


def thread_key(principal: Principal | None, thread: str) -> str:
    """Return what a thread is stored under: everyone has threads of their own."""
    owner = None if principal is None else principal.id
    return json.dumps([owner, thread], ensure_ascii=False)


class Threads:
    """The conversations of an opened project.

    Args:
        folder: where the SQLite file is, made when first needed.
        url: of a Postgres database to use instead.
        saver: a checkpointer to use instead of both.
    """

    def __init__(
        self, folder: Path, url: str = "", saver: BaseCheckpointSaver[str] | None = None
    ) -> None:
        self._folder = folder
        self._url = url
        self._saver = saver
        self._sqlite: AsyncSqliteSaver | None = None
        self._postgres: AsyncPostgresSaver | None = None
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()

    async def saver(self) -> BaseCheckpointSaver[str]:
        """Return the checkpointer, opened.

        Raises:
            StoreError: the database does not answer.
            ConfigurationError: the extra `postgres` is not installed.
        """
        async with self._lock:
            if self._saver is None and self._url:
                self._saver = self._postgres = await self._stack.enter_async_context(
                    postgres_saver(self._url)
                )
            elif self._saver is None:
                from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

                self._folder.mkdir(parents=True, exist_ok=True)
                self._saver = self._sqlite = await self._stack.enter_async_context(
                    AsyncSqliteSaver.from_conn_string(str(self._folder / FILE))
                )
            return self._saver

    async def forget_steps(self, key: str) -> None:
        """Keep only the last checkpoint of a finished turn; its steps served resuming it alone.

        The SQLite saver has no pruning of its own; a checkpointer of the app's own is left to it.

        Args:
            key: of the thread.
        """
        if self._postgres is not None:
            await self._postgres.aprune([key])
        if self._sqlite is None:
            return
        older = (
            "checkpoint_id < (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = :key)"
        )
        async with self._sqlite.lock:
            for table in ("checkpoints", "writes"):
                await self._sqlite.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = :key AND {older}", {"key": key}
                )
            await self._sqlite.conn.commit()

    async def close(self) -> None:
        """Close what was opened here."""
        await self._stack.aclose()


@asynccontextmanager
async def postgres_saver(url: str) -> AsyncIterator[AsyncPostgresSaver]:
    """Open a checkpointer in Postgres, with a pool of connections; its tables are made if need be.

    Args:
        url: of the database.

    Raises:
        StoreError: the database does not answer.
        ConfigurationError: the extra `postgres` is not installed.
    """
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg import OperationalError
        from psycopg.rows import dict_row
        from psycopg_pool import AsyncConnectionPool, PoolTimeout
    except ImportError as error:
        raise ConfigurationError(
            "[threads] url needs the extra `postgres`.", fix='pip install "waypost[postgres]"'
        ) from error

    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: Any = AsyncConnectionPool(
        url,
        kwargs=options,
        max_size=CONNECTIONS,
        open=False,
        check=AsyncConnectionPool.check_connection,
    )
    try:
        await pool.open(wait=True, timeout=PATIENCE)
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
    except (OperationalError, PoolTimeout) as error:
        await pool.close()
        raise StoreError(
            "The database of [threads] does not answer, or refuses the connection.",
            fix="check threads.url in waypost.toml, the password (PGPASSWORD), and that it runs.",
        ) from error
    try:
        yield saver
    finally:
        await pool.close()
