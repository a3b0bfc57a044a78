"""An embedded store that lives in a process of its own and is shared by all that use it."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from indexes.base import Change, Hit, Level, Point, Query, Schema, Sparse
from indexes.errors import StoreError, StoreLockedError
from indexes.processes import python_process
from indexes.stores.owner import ADDRESS, BUSY, READY
from indexes.stores.wire import HEADER, as_error, as_hit, as_point, frame, unpack
from indexes.types import Filter

__all__ = ["SharedStore"]

PATIENCE = 60.0  # seconds to wait for an owner that starts, or settles a large store as it ends
T = TypeVar("T")


class _Connection:
    """One socket of one event loop; requests on it may overlap."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self._failed = False
        self._listener = asyncio.create_task(self._listen())

    @property
    def lost(self) -> bool:
        return self._failed or self._listener.done()

    async def call(self, method: str, *arguments: Any) -> Any:
        """Return the answer to a request.

        Raises:
            ConnectionError: the other side has gone.
            StoreError: the other side refused.
        """
        if self.lost:
            raise ConnectionError
        self._count += 1
        number = self._count
        data = frame([number, method, arguments])
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(data)
            await self._writer.drain()
            return await future
        except ConnectionError:
            self._failed = True  # a write may learn of it before the listener does
            raise
        finally:
            self._waiting.pop(number, None)
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen: a failed write leaves it to nobody

    async def _listen(self) -> None:
        try:
            while True:
                header = await self._reader.readexactly(HEADER.size)
                number, result, error = unpack(
                    await self._reader.readexactly(HEADER.unpack(header)[0])
                )
                future = self._waiting.get(number)
                if future is None or future.done():
                    continue  # who asked was cancelled
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(as_error(error))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionResetError())
            self._writer.close()

    async def close(self) -> None:
        """Hang up."""
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._writer.close()


class SharedStore:
    """A store in a local folder, reached through the process that owns it.

    That process is started by the first user and ends after the last. Each event loop has a
    connection of its own, made at its first call.

    Args:
        path: the folder; it is made if it does not exist.
        schema: what the store's points are made of.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path = path
        self._schema = schema
        self._connections: dict[asyncio.AbstractEventLoop, asyncio.Task[_Connection]] = {}
        self.queried = 0.0

    async def open(self) -> None:
        """Start the owner if there is none, and check that the store fits the schema.

        Raises:
            StoreLockedError: something else than an owner has the store open.
            StoreSchemaError: it was written by another version or another embedding model.
            StoreError: it cannot be opened.
        """
        await self._connected()

    async def _connected(self) -> _Connection:
        loop = asyncio.get_running_loop()
        task = self._connections.get(loop)
        if task is None or (task.done() and (task.exception() or task.result().lost)):
            for other in [one for one in list(self._connections) if one.is_closed()]:
                self._connections.pop(other, None)
            task = self._connections[loop] = loop.create_task(self._connect())
        return await asyncio.shield(task)

    async def _connect(self) -> _Connection:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                address = await asyncio.to_thread((self._path / ADDRESS).read_text, "utf-8")
                connection = _Connection(*await asyncio.open_unix_connection(address))
            except PermissionError as error:
                raise StoreLockedError(
                    f"The store in {str(self._path)!r} is in use by another user of this machine.",
                    fix="use it as that user, or a store of your own: [store] path.",
                ) from error
            except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
                if not await asyncio.to_thread(self._start):
                    await asyncio.sleep(0.02)  # another one is starting or ending
                continue
            try:
                async with asyncio.timeout(max(0.1, until - time.monotonic())):
                    await connection.call("hello", asdict(self._schema))
                return connection
            except (ConnectionError, TimeoutError):
                await connection.close()  # it was ending, or does not answer
            except BaseException:
                await connection.close()
                raise
            await asyncio.sleep(0.02)
        raise StoreLockedError(
            f"The process that owns the store in {str(self._path)!r} does not answer.",
            fix="end the processes that use this project, then try again.",
        )

    def _start(self) -> bool:
        """Start an owner; say whether it is ready, rather than another one."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            log = (self._path / "owner.log").open("ab")
        except OSError as error:
            raise StoreError(
                f"The folder {str(self._path)!r} cannot be made or written: {error.strerror}.",
                fix="choose a writable folder as [store] path.",
            ) from error
        with log:
            process = python_process(
                "indexes.stores.owner",
                str(self._path.resolve()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        threading.Thread(target=process.wait, name="waypost-owner", daemon=True).start()
        assert process.stdout is not None
        with process.stdout:
            answer = process.stdout.read(1)
        if not answer and process.wait() < 0:
            return False  # it was killed: another one may live
        if answer not in {READY, BUSY}:
            raise StoreError(
                f"The process for the store in {str(self._path)!r} did not start: {self._said()}"
            )
        return answer == READY

    def _said(self) -> str:
        try:
            lines = (self._path / "owner.log").read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing."

    async def _call(self, method: str, *arguments: Any) -> Any:
        # Once more with a new owner if it was killed: every request may safely be made twice.
        for _ in range(2):
            connection = await self._connected()
            try:
                return await connection.call(method, *arguments)
            except ConnectionError:
                continue
        raise StoreError(
            f"The process that owns the store in {str(self._path)!r} ended twice while it did "
            f"{method!r}.",
            fix="see whether the disk is full or memory ran out; what was acknowledged is kept.",
        )

    async def upsert(self, level: Level, points: Sequence[Point]) -> None:
        """Insert or replace points, after checking every one of them."""
        await self._call("upsert", level, list(points))

    async def delete(self, level: Level, where: Filter) -> None:
        """Delete the points that match."""
        await self._call("delete", level, where)

    async def apply(self, changes: Sequence[Change]) -> None:
        """Make changes one after the other; no reader sees some of them alone."""
        await self._call("apply", list(changes))

    async def query(self, level: Level, queries: Sequence[Query]) -> list[list[Hit]]:
        """Return each query's best hits, best first."""
        self.queried = time.monotonic()
        found = await self._call("query", level, list(queries))
        return [_each(as_hit, one) for one in found]

    async def scroll(
        self, level: Level, where: Filter, fields: Sequence[str] | None = None
    ) -> list[Hit]:
        """Return every point that matches, read page by page, so that others are answered between."""
        chosen = None if fields is None else list(fields)
        out: list[Hit] = []
        after: str | None = None
        while True:
            hits, after = await self._call("page", level, where, chosen, after)
            out += _each(as_hit, hits)
            if after is None:
                return out

    async def count(self, level: Level, wheres: Sequence[Filter]) -> list[int]:
        """Return how many points match each filter."""
        return list(await self._call("count", level, list(wheres)))

    async def idf(
        self, level: Level, name: str, tokens: Sequence[Sparse], corpus: Filter
    ) -> list[float]:
        """Return the inverse document frequency of each one-token vector."""
        return list(await self._call("idf", level, name, list(tokens), corpus))

    async def export(
        self, level: Level, after: str | None, limit: int
    ) -> tuple[list[Point], str | None]:
        """Return points with their vectors in the order of ids, and the id to go on from."""
        points, further = await self._call("export", level, after, limit)
        return _each(as_point, points), further

    async def flush(self) -> None:
        """Write everything to the disk, where it survives a power loss too."""
        await self._call("flush")

    async def close(self) -> None:
        """Hang up; the owner ends by itself when nobody uses it."""
        task = self._connections.pop(asyncio.get_running_loop(), None)
        if task is not None and task.done() and not task.exception():
            await task.result().close()


def _each(make: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
    return [make(item) for item in items]
