"""The SQLite file of traces: rows in, rows out. All of it waits, so it is called in a thread."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from agent.errors import StoreError
from agent.traces.salt import Hashes, alone
from agent.traces.types import Feedback, Stats, Trace, TraceRight

__all__ = ["FILE", "Database", "utc"]

FILE = "traces.db"
VERSION = 1
PATIENCE = 10.0  # seconds to wait for another process that writes
PAGE = 200  # traces that are read at once
TABLE = """
CREATE TABLE IF NOT EXISTS traces (
    id TEXT PRIMARY KEY, time TEXT NOT NULL, thread TEXT NOT NULL, principal TEXT NOT NULL,
    question TEXT NOT NULL, data TEXT NOT NULL, good INTEGER, feedback TEXT, correction TEXT
);
CREATE INDEX IF NOT EXISTS by_time ON traces (time);
CREATE INDEX IF NOT EXISTS by_thread ON traces (thread, principal, time);
CREATE INDEX IF NOT EXISTS by_principal ON traces (principal, time);
CREATE INDEX IF NOT EXISTS by_question ON traces (question, time);
"""


def utc(moment: datetime) -> str:
    """Return a moment as traces have it: in UTC, to the millisecond, so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


class Database:
    """The traces of a project, for any number of processes; each keeps one connection.

    Args:
        folder: of the project's state; it and the file are made when first needed.
        days: how long a trace is kept.
    """

    def __init__(self, folder: Path, days: int) -> None:
        self.path = folder / FILE
        self._folder = folder
        self._days = days
        self._connection: sqlite3.Connection | None = None
        self._hashes: Hashes | None = None

    @property
    def hashes(self) -> Hashes:
        """The hashes of the folder."""
        if self._hashes is None:
            with self._translated(), alone(self._folder, FILE) as hashes:
                self._hashes = hashes
        return self._hashes

    @property
    def exists(self) -> bool:
        """Whether a trace was ever stored."""
        return self.path.exists()

    def add(self, trace: Trace, question: str) -> None:
        """Store a trace; one of the same turn is replaced.

        Args:
            trace: the turn, its thread and principal hashed already.
            question: the hash of its standalone question.
        """
        text = json.dumps(trace, ensure_ascii=False)
        data = text.encode("utf-8", "replace").decode()  # half a character is no text
        row = (trace["id"], trace["time"], trace["thread"], trace["principal"], question, data)
        with self._writing() as database:
            database.execute(
                "INSERT INTO traces (id, time, thread, principal, question, data)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " time = excluded.time, question = excluded.question, data = excluded.data",
                row,
            )

    def give_feedback(self, thread: str, principal: str, feedback: Feedback) -> bool:
        """Store what a person thought of their last turn on a thread; False: there is none.

        Args:
            thread: its hash.
            principal: theirs.
            feedback: what they thought.
        """
        with self._writing() as database:
            done = database.execute(
                "UPDATE traces SET good = ?, feedback = ? WHERE id = (SELECT id FROM traces"
                " WHERE thread = ? AND principal = ? ORDER BY time DESC LIMIT 1)",
                (feedback["good"], json.dumps(feedback, ensure_ascii=False), thread, principal),
            )
            return done.rowcount == 1

    def correct(self, question: str, principal: str, right: TraceRight) -> bool:
        """Store the right route with the last turn that had a question; False: there is none.

        Args:
            question: its hash.
            principal: who corrects, hashed; a turn of their own comes first.
            right: the right route.
        """
        with self._writing() as database:
            done = database.execute(
                "UPDATE traces SET correction = ? WHERE id = (SELECT id FROM traces"
                " WHERE question = ? ORDER BY principal = ? DESC, time DESC LIMIT 1)",
                (json.dumps(right, ensure_ascii=False), question, principal),
            )
            return done.rowcount == 1

    def page(self, since: str, good: bool | None, after: tuple[str, str]) -> list[Trace]:
        """Return some traces, the oldest first.

        Args:
            since: the earliest time.
            good: those with this feedback alone; None: all.
            after: the time and id of the last one of the page before.
        """
        if not self.exists:
            return []
        wanted = "" if good is None else f"AND good = {int(good)} "
        with self._translated():
            rows = self._opened().execute(
                "SELECT data, feedback, correction FROM traces"
                f" WHERE time >= ? AND (time, id) > (?, ?) {wanted}ORDER BY time, id LIMIT {PAGE}",
                (since, *after),
            )
            return [_trace(*row) for row in rows]

    def erase(self, principal: str) -> int:
        """Delete a person's traces so that no byte of them is left in the files.

        Args:
            principal: their hash.

        Returns:
            How many there were.
        """
        if not self.exists:
            return 0
        with self._writing() as database:
            gone = database.execute("DELETE FROM traces WHERE principal = ?", (principal,)).rowcount
        self._rewrite()
        return gone

    def prune(self) -> int:
        """Delete the traces that are older than they may be, and return how many there were."""
        if not self.exists:
            return 0
        first = utc(datetime.now(UTC) - timedelta(days=self._days))
        with self._writing() as database:
            return database.execute("DELETE FROM traces WHERE time < ?", (first,)).rowcount

    def stats(self) -> Stats:
        """Count what is kept."""
        row: tuple[Any, ...] = (0, 0, 0, 0, 0, "", "")
        if self.exists:
            with self._translated():
                [row] = self._opened().execute(
                    "SELECT count(*), count(DISTINCT nullif(principal, '')), coalesce(sum(good), 0),"
                    " coalesce(sum(NOT good), 0), count(correction), coalesce(min(time), ''),"
                    " coalesce(max(time), '') FROM traces"
                )
        names = ("traces", "users", "good", "bad", "corrected", "first", "last")
        files = [self.path, self.path.with_name(f"{FILE}-wal")]
        size = sum(file.stat().st_size for file in files if file.exists())
        return cast(Stats, {**dict(zip(names, row, strict=True)), "bytes": size})

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction."""
        with self._translated():
            database = self._opened()
            with database:
                database.execute("BEGIN IMMEDIATE")
                yield database

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            with alone(
                self._folder, FILE
            ) as self._hashes:  # its mode cannot be changed by two at once
                self._connection = self._made()
        return self._connection

    def _made(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # its log files are as private
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        with ExitStack() as failing:
            failing.callback(connection.close)
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may take the last traces away, but never damage the file.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")
            [version] = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise StoreError(
                    f"{str(self.path)!r} is of another version of Waypost ({version}).",
                    fix="export with that version, then move the file away.",
                )
            if version == 0:
                connection.executescript(f"{TABLE}PRAGMA user_version = {VERSION};")
            failing.pop_all()
        return connection

    def _rewrite(self) -> None:
        """Write the file anew, since SQLite may leave pieces of rows that it has moved, and end its log."""
        with self._translated():
            database = self._opened()
            database.execute("VACUUM")
            until = time.monotonic() + PATIENCE
            while database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > until:
                    raise StoreError(
                        f"{str(self.path)!r} is being read, so its log still has what was deleted.",
                        fix="run the command again.",
                    )
                time.sleep(0.05)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The traces in {str(self.path)!r} cannot be used: {error}.",
                fix="make the folder writable and its disk roomy; move a damaged file away.",
            ) from error


def _trace(data: str, feedback: str | None, correction: str | None) -> Trace:
    trace: Mapping[str, Any] = json.loads(data)
    said: Feedback | None = json.loads(feedback) if feedback else None
    right: TraceRight | None = json.loads(correction) if correction else None
    return cast(Trace, {**trace, "feedback": said, "correction": right})
