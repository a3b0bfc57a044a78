"""A content-addressed cache of embeddings, so that no text is ever embedded twice.

Vectors are kept as 16-bit floats in SQLite under a digest of model, kind and text. A project may ship
such a file (`embeddings.db` beside its waypost.toml): it is read and never written.

It is only a cache: a damaged file is set aside, and one that cannot be read or written is done
without; both are said in the log.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from indexes.log import warning

__all__ = ["SHIPPED", "CacheWriter", "EmbeddingCache"]

SHIPPED = "embeddings.db"
PATIENCE = 30.0  # seconds that another process may keep the file
ASKED = 500  # keys a query

Items = Iterable[tuple[bytes, NDArray[np.float32]]]

# With row ids: rows of this size in the tree of their keys are read and written at half the speed.
_SCHEMA = """\
CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dimensions (model TEXT PRIMARY KEY, dimension INTEGER NOT NULL);
"""


class EmbeddingCache:
    """Vectors by content; several threads and processes may use one file at a time.

    Args:
        path: the file that new vectors are written to.
        shipped: a file to read besides, if it exists.
    """

    def __init__(self, path: Path, shipped: Path | None = None) -> None:
        self._path = path
        self._shipped = shipped
        self._told: set[tuple[Path, str]] = set()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are known among `keys`."""
        rows = self._rows("SELECT key, vector FROM embeddings WHERE key IN ({})", keys)
        return {
            key: np.frombuffer(blob, np.float16).astype(np.float32)
            for key, blob in rows.values()
            if len(blob) % 2 == 0
        }

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return which of `keys` have a vector."""
        return set(self._rows("SELECT key FROM embeddings WHERE key IN ({})", keys))

    def put(self, items: Items) -> None:
        """Remember vectors."""
        with self.writer() as writer:
            writer.put(items)

    def dimension(self, model: str) -> int | None:
        """Return the length of a model's vectors, if it was remembered."""
        rows = self._rows("SELECT model, dimension FROM dimensions WHERE model IN ({})", [model])
        return int(rows[model][1]) if rows else None

    def remember_dimension(self, model: str, dimension: int) -> None:
        """Remember the length of a model's vectors."""
        with self.writer() as writer:
            writer.write("INSERT OR REPLACE INTO dimensions VALUES (?, ?)", [(model, dimension)])

    def writer(self) -> CacheWriter:
        """Return what puts several times at little cost, to be closed."""
        return CacheWriter(self._path, self._failed)

    def _rows(self, statement: str, keys: Sequence[Any]) -> dict[Any, tuple[Any, ...]]:
        """Return the rows of `keys` by key, the first column."""
        found: dict[Any, tuple[Any, ...]] = {}
        for path in (self._shipped, self._path):
            missing = [key for key in dict.fromkeys(keys) if key not in found]
            if path is None or not missing or not path.exists():
                continue
            try:
                with closing(self._opened(path)) as db:
                    for start in range(0, len(missing), ASKED):
                        part = missing[start : start + ASKED]
                        marks = ",".join("?" * len(part))
                        found.update(
                            (row[0], row) for row in db.execute(statement.format(marks), part)
                        )
            except sqlite3.Error as error:
                self._failed(path, error)
        return found

    def _opened(self, path: Path) -> sqlite3.Connection:
        """Open a file to read it; one that must not be written is read without its locks."""
        own = path == self._path and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        mode = "mode=rw" if own else "mode=ro&immutable=1"
        return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=PATIENCE)

    def _failed(self, path: Path, error: Exception) -> bool:
        """Deal with a failure of SQLite; return whether trying again helps."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_ERROR:
            return False  # a file without the table: nothing is known
        aside = ""
        if path == self._path and code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            try:
                aside = _set_aside(path)
                if not aside:
                    return True
            except OSError as other:
                error = other
        if aside or (path, type(error).__name__) not in self._told:
            self._told.add((path, type(error).__name__))
            warning("embedding.cache_unusable", path=str(path), reason=str(error), moved_to=aside)
        return bool(aside)


class CacheWriter:
    """Writes to a cache over one connection; with the log ahead, nothing waits for the disk until the end.

    Args:
        path: the cache's file, made when there is something to write.
        failed: told of a failure; returns whether to try again.
    """

    def __init__(self, path: Path, failed: Callable[[Path, Exception], bool]) -> None:
        self._path = path
        self._failed = failed
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._closed = False

    def put(self, items: Items) -> None:
        """Remember vectors; they outlive this process from now on."""
        rows = [(key, vector.astype(np.float16).tobytes()) for key, vector in items]
        self.write("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)

    def write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run a statement for every row, all or none."""
        with self._lock:
            again = bool(rows) and not self._closed
            while again:
                try:
                    if self._db is None:
                        self._db = _connected(self._path)
                    with self._db:
                        self._db.executemany(statement, rows)
                    again = False
                except (sqlite3.Error, OSError) as error:
                    self._drop()
                    again = self._failed(self._path, error)

    def close(self) -> None:
        """Write everything to its place; what comes later is not kept."""
        with self._lock:
            self._closed = True
            self._drop()

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _set_aside(path: Path) -> str:
    """Rename a damaged file; return its new name, or nothing if another process has done so already."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with closing(sqlite3.connect(path, timeout=PATIENCE)) as db:
                if db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                    return ""
        except sqlite3.DatabaseError:
            pass
        for suffix in ("-wal", "-shm"):  # they would be taken for the next file's
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        return aside.name
