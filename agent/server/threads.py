"""The server's checkpointer: the database that [threads] names, else a file of the project."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agent.settings import load, project_folder
from agent.threads import FILE, postgres_saver

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

__all__ = ["STATE", "make_checkpointer"]

STATE = "server"  # the folder of what the server keeps, beside the store


@asynccontextmanager
async def make_checkpointer() -> AsyncIterator[BaseCheckpointSaver[str]]:
    """Open the checkpointer of the project that is served.

    Raises:
        StoreError: the database does not answer.
        ConfigurationError: the extra `postgres` is not installed.
    """
    project = project_folder()
    settings = load(project)
    if settings.threads.url:
        async with postgres_saver(settings.threads.url) as saver:
            yield saver
        return
    from agent.server.saver import ServerSaver

    folder = project / settings.store.path / STATE
    folder.mkdir(parents=True, exist_ok=True)
    async with ServerSaver.from_conn_string(str(folder / FILE)) as kept:
        yield kept
