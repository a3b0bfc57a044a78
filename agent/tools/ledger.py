"""The ledger of calls: what has side effects never runs twice, whatever becomes of the process.

An entry is on disk before a call begins, and its result after it has ended. An entry without a result is a
call that may or may not have done something: nothing but the tool itself, or a person, can tell.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import StoreError

__all__ = ["KEPT", "Entry", "Ledger"]

KEPT = 30 * 24 * 3600.0  # seconds that an entry is kept
PATIENCE = 10.0  # seconds to wait for another process that writes
TABLE = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, args TEXT NOT NULL, started REAL NOT NULL, result TEXT
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Entry:
    """A call that was begun before.

    Args:
        name: of its tool.
        args: its arguments.
        started: seconds since the epoch.
        finished: whether its result is known.
        result: plain data; None too while it is not known.
    """

    name: str
    args: dict[str, Any]
    started: float
    finished: bool
    result: Any


class Ledger:
    """The ledger of a project, for any number of processes.

    Each access opens the file anew: calls with side effects are rare, and nothing has to be closed.

    Args:
        path: the SQLite file; it and its folder are made when first needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def start(self, key: str, name: str, args: Mapping[str, Any]) -> Entry | None:
        """Record durably that a call begins; None: it is new, and only this caller may make it.

        Args:
            key: of the call, the same whenever it is made again.
            name: of the tool.
            args: plain data.

        Returns:
            The entry of an earlier call under this key.

        Raises:
            StoreError: it cannot be recorded; the call must not be made.
        """
        return await asyncio.to_thread(self._start, key, name, dict(args))

    async def finish(self, key: str, result: Any) -> None:
        """Record durably what a call that was begun has brought.

        Args:
            key: of the call.
            result: plain data.

        Raises:
            StoreError: it cannot be recorded; the call stays one of which nothing is known.
        """
        await asyncio.to_thread(self._finish, key, json.dumps(result, ensure_ascii=False))

    def _start(self, key: str, name: str, args: dict[str, Any]) -> Entry | None:
        now = time.time()
        with self._opened() as database:
            database.execute("DELETE FROM calls WHERE started < ?", (now - KEPT,))
            added = database.execute(
                "INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, NULL)",
                (key, name, json.dumps(args, ensure_ascii=False), now),
            )
            if added.rowcount == 1:
                return None
            [row] = database.execute(
                "SELECT name, args, started, result FROM calls WHERE key = ?", (key,)
            )
        result = None if row[3] is None else json.loads(row[3])
        return Entry(row[0], json.loads(row[1]), row[2], row[3] is not None, result)

    def _finish(self, key: str, result: str) -> None:
        with self._opened() as database:
            database.execute("UPDATE calls SET result = ? WHERE key = ?", (result, key))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, which is on disk when the block is left."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None)
            with closing(connection) as database:
                # With less, a power cut could bring back a journal and so undo what was committed.
                database.execute("PRAGMA synchronous = EXTRA")
                database.execute("BEGIN IMMEDIATE")
                database.execute(TABLE)
                yield database
                database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The ledger of calls {str(self._path)!r} cannot be used: {error}.",
                fix="make its folder writable and its disk roomy; move a damaged file away.",
            ) from error
