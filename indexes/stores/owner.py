"""The process that owns an embedded store: `python -m indexes.stores.owner FOLDER`.

It starts with the store's first user and ends after its last, so that a chat, a server and an
ingestion share one store, and the engine's pauses and crashes stay out of their processes.
Users talk to it over a Unix socket that only this user of the machine can open.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from indexes.base import Schema, Sparse
from indexes.errors import StoreError, WaypostError
from indexes.stores.edge import EdgeStore
from indexes.stores.wire import HEADER, as_change, as_filter, as_point, as_query, frame, unpack

__all__ = ["ADDRESS", "BUSY", "READY", "socket_path"]

ADDRESS = "owner.address"  # the file in the store's folder that says where the socket is
READY = b"+"  # what it writes when it can be talked to
BUSY = b"="  # when another process owns the store
LINGER = 1.0  # seconds that it waits for another user
FLUSH_EVERY = 5.0  # seconds
QUIET = 1.0  # seconds without a question after which nobody is kept waiting by a flush


def socket_path(lock: int) -> Path:
    """Return the socket of a store's owner, in a folder that only this user can enter.

    It cannot lie beside the store: a socket's path has at most about 100 characters. The lock file
    names it, so that a store made anew in the same place has another one.

    Args:
        lock: the open lock file of the store.

    Raises:
        StoreError: somebody else made the folder.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    base = runtime if os.path.isdir(runtime) else tempfile.gettempdir()
    folder = Path(base) / f"waypost-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StoreError(
            f"The folder {str(folder)!r} for the store's socket cannot be made: {error.strerror}.",
            fix="set TMPDIR to a folder that you can write to.",
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StoreError(
            f"{str(folder)!r} is not a folder of yours alone.",
            fix="delete it, or set TMPDIR to a folder of your own.",
        )
    status = os.fstat(lock)
    return folder / f"{status.st_dev:x}-{status.st_ino:x}.sock"


Method = Callable[..., Awaitable[Any]]


class Owner:
    """Serves one store over a socket until nobody uses it any more.

    Args:
        folder: the store's folder.
        lock: the open lock file, which says that this process owns the folder.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        self._store: EdgeStore | None = None
        self._users = 0
        self._asked = 0.0  # when a user last asked for something
        self._left = asyncio.Event()
        self._done = asyncio.Event()

    async def serve(self, path: Path, ready: Callable[[bytes], None]) -> None:
        """Accept users until the last has gone for a while, then close the store."""
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - of an owner that was killed
        server = await asyncio.start_unix_server(self._talk, str(path))
        path.chmod(0o600)  # noqa: ASYNC240 - nobody waits yet
        # users may have another TMPDIR than this process
        half = self._folder / f"{ADDRESS}.part"
        half.write_text(str(path), encoding="utf-8")
        half.replace(self._folder / ADDRESS)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._done.set)
        ready(READY)
        flushing = asyncio.create_task(self._flush_at_times())
        idle = asyncio.create_task(self._end_when_idle())
        await self._done.wait()
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - nobody waits any more
        server.close()
        for task in (flushing, idle):
            task.cancel()
        if self._store is not None:
            await self._store.close()

    async def _end_when_idle(self) -> None:
        while True:
            self._left.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), LINGER)
                continue
            if not self._users:
                self._done.set()

    async def _flush_at_times(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            if self._is_gone():
                self._done.set()
            elif self._store is not None and self._store.unflushed:
                with suppress(WaypostError):  # the next flush that is asked for tells
                    await self._keep()
                    if loop.time() - self._asked > QUIET:
                        await self._store.flush()

    async def _keep(self) -> None:
        """Make what was written survive a power loss, while others go on asking.

        Its write-ahead log does, once the disk has it. The engine's own flush saves the time to read
        that log at the next opening, but writes hundreds of files and keeps the GIL: 0.1 to 1.2 s.
        """
        try:
            await asyncio.to_thread(_write_back, self._folder)
        except OSError as error:
            raise StoreError(
                f"The store in {str(self._folder)!r} cannot be kept: {error.strerror}.",
                fix="see whether its disk is full or failing.",
            ) from error

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._users += 1
        try:
            while True:
                header = await reader.readexactly(HEADER.size)
                data = await reader.readexactly(HEADER.unpack(header)[0])
                if self._is_gone():
                    self._done.set()
                    break  # the user asks again, and gets another owner
                writer.write(await self._answered(unpack(data)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the user has gone, or this process ends
        finally:
            self._users -= 1
            self._left.set()
            writer.close()

    def _is_gone(self) -> bool:
        """Say whether the store's folder was deleted, or made anew."""
        try:
            return (self._folder / LOCK).stat().st_ino != os.fstat(self._lock).st_ino
        except OSError:
            return True

    async def _answered(self, message: Any) -> bytes:
        number, method, arguments = message
        try:
            if method == "hello":
                self._hello(*arguments)
                return frame([number, None, None])
            result = await self._call(method, arguments)
            return frame([number, result, None])
        except WaypostError as error:
            told = {"code": error.code, "message": error.message, "fix": error.fix}
            return frame([number, None, told])
        except Exception as error:
            told = {
                "code": StoreError.code,
                "message": f"The store's process failed: {type(error).__name__}: {error}.",
                "fix": "report this.",
            }
            return frame([number, None, told])

    def _hello(self, schema: Mapping[str, Any]) -> None:
        """Open the store for a user."""
        wanted = Schema.from_dict(schema)
        if self._store is None:
            self._store = EdgeStore(self._folder, wanted)
        else:
            self._store.extend(wanted)

    async def _call(self, method: str, arguments: list[Any]) -> Any:
        store = self._store
        self._asked = asyncio.get_running_loop().time()
        if method == "flush":
            return await self._keep()
        if store is None or method not in METHODS:
            raise StoreError(f"The store's process was asked for {method!r} too early or wrongly.")
        return await METHODS[method](store, *arguments)


def _write_back(folder: Path) -> None:
    """Let the disk have what was changed in a folder's files, also through mapped memory."""
    for root, _, names in os.walk(folder):
        for path in (root, *(os.path.join(root, name) for name in names)):
            with suppress(FileNotFoundError):  # the engine deletes what it has merged
                file = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(file)
                finally:
                    os.close(file)


LOCK = "owner.lock"
METHODS: Mapping[str, Method] = {
    "upsert": lambda store, level, points: store.upsert(level, [as_point(p) for p in points]),
    "delete": lambda store, level, where: store.delete(level, as_filter(where)),
    "apply": lambda store, changes: store.apply([as_change(one) for one in changes]),
    "query": lambda store, level, queries: store.query(level, [as_query(q) for q in queries]),
    "page": lambda store, level, where, fields, after: store.page(
        level, as_filter(where), fields, after
    ),
    "count": lambda store, level, wheres: store.count(level, [as_filter(w) for w in wheres]),
    "idf": lambda store, level, name, tokens, corpus: store.idf(
        level, name, [Sparse(**token) for token in tokens], as_filter(corpus)
    ),
    "export": lambda store, level, after, limit: store.export(level, after, limit),
}


def main() -> None:
    """Own the folder that the command line names, if nobody does yet."""
    folder = Path(sys.argv[1])

    def tell(what: bytes) -> None:
        with suppress(BrokenPipeError):  # who started it may have gone
            os.write(1, what)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        tell(BUSY)
        return

    try:
        address = socket_path(lock)
    except StoreError as error:
        sys.exit(str(error))

    async def serve() -> None:
        await Owner(folder, lock).serve(address, tell)

    asyncio.run(serve())


if __name__ == "__main__":
    main()
