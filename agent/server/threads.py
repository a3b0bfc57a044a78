"""The server's checkpointer, where [threads] names a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agent.settings import load, project_folder
from agent.threads import postgres_saver

if TYPE_CHECKING:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

__all__ = ["make_checkpointer"]


@asynccontextmanager
async def make_checkpointer() -> AsyncIterator[AsyncPostgresSaver]:
    """Open the checkpointer of the project that is served, in its Postgres database.

    Raises:
        StoreError: the database does not answer.
        ConfigurationError: the extra `postgres` is not installed, or [threads] url is not set.
    """
    async with postgres_saver(load(project_folder()).threads.url) as saver:
        yield saver
