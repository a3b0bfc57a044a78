"""Traces of a project: recorded behind the turns, read, exported and erased."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from agent import observability
from agent.errors import StoreError
from agent.settings import Settings
from agent.traces.database import Database, utc
from agent.traces.redaction import Redactor
from agent.traces.types import Feedback, Stats, Trace, TraceRight

__all__ = ["TRACE_FAILED", "Traces", "untraced"]

T = TypeVar("T")
TRACE_FAILED = "trace.failed"
WAITING = 1_000  # turns that may wait to be written; beyond that traces are lost, not memory
DAY = 24 * 3600.0  # seconds
KEPT_AS_IS = {"id", "time", "thread", "principal", "language", "action", "model", "usage", "timings_ms"}  # fmt: skip
_untraced: ContextVar[bool] = ContextVar("untraced", default=False)


@contextmanager
def untraced() -> Iterator[None]:
    """Keep no traces of the turns in the block, as of labelled questions, which must not be learned."""
    token = _untraced.set(True)
    try:
        yield
    finally:
        _untraced.reset(token)


class Traces:
    """The traces of a project.

    One thread writes them, in the order of the turns; no turn waits for it. Nothing is opened or made
    before it is needed.

    Args:
        project: the folder.
        settings: of the project.
    """

    def __init__(self, project: Path, settings: Settings) -> None:
        self._settings = settings.traces
        self._redactor = Redactor(settings.traces.patterns)
        self._database = Database(project / settings.store.path, settings.traces.days)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="waypost-traces")
        self._room = threading.BoundedSemaphore(WAITING)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, project: str | Path, settings: Settings, *, pruned: bool = True
    ) -> AsyncIterator[Self]:
        """Open the traces of a project until the block ends, also where no more are kept.

        Args:
            project: the folder.
            settings: of the project.
            pruned: delete what is too old first.

        Raises:
            StoreError: the file cannot be used.
        """
        traces = cls(Path(project), settings)
        try:
            if pruned:
                await traces.prune()
            yield traces
        finally:
            await traces.close()

    async def record(self, trace: Trace) -> None:
        """Let a turn be stored, without waiting for it; what fails is a warning in the log.

        Args:
            trace: the turn, with its thread and principal as they are: they are hashed, and personal
                data is taken out, before anything is written.
        """
        if _untraced.get():
            return
        try:
            said = json.dumps(trace, ensure_ascii=False, default=str)  # before anyone changes it
        except (TypeError, ValueError) as error:  # a tool's result that is no plain data
            _warn(error)
            return
        if not self._room.acquire(blocking=False):
            _warn(StoreError("Too many traces wait to be written."))
            return
        try:
            self._thread.submit(self._write, said).add_done_callback(self._written)
        except RuntimeError:  # closed meanwhile
            self._room.release()
            _warn(StoreError("The project was closed before the turn ended."))

    async def feedback(
        self, thread: str, principal: str, good: bool, note: str = ""
    ) -> Feedback | None:
        """Store what a person thought of their last turn on a thread.

        Args:
            thread: what the thread is stored under: `agent.threads.thread_key`, on a server its id.
            principal: the id of who says so; "" for nobody in particular.
            good: whether the answer was.
            note: in their words.

        Returns:
            What was stored; None if there is no trace of such a turn.

        Raises:
            StoreError: the file cannot be used.
        """
        said: Feedback = {
            "good": good,
            "note": self._redactor.text(note.strip()),
            "time": utc(datetime.now(UTC)),
        }

        def stored() -> bool:
            hashes = self._database.hashes
            return self._database.give_feedback(
                hashes.thread(thread), hashes.principal(principal), said
            )

        return said if await self._run(stored) else None

    async def correct(self, question: str, principal: str, right: TraceRight) -> bool:
        """Store the right route with the last turn of a question; False: no such turn is kept.

        Args:
            question: as it stands alone.
            principal: the id of who corrects: a turn of theirs comes before those of others.
            right: the right route.

        Raises:
            StoreError: the file cannot be used.
        """

        def stored() -> bool:
            hashes = self._database.hashes
            return self._database.correct(
                hashes.question(question), hashes.principal(principal), right
            )

        return await self._run(stored)

    async def read(
        self, since: datetime | None = None, good: bool | None = None
    ) -> AsyncGenerator[Trace, None]:
        """Yield the traces, the oldest first.

        Args:
            since: the earliest time; None: from the first one.
            good: those with good, or with bad, feedback alone; None: all.

        Raises:
            StoreError: the file cannot be used.
        """
        begin, after = "" if since is None else utc(since), ("", "")
        while page := await self._run(partial(self._database.page, begin, good, after)):
            for trace in page:
                yield trace
            after = page[-1]["time"], page[-1]["id"]

    async def erase(self, user: str) -> int:
        """Delete all traces of a user from the file, and return how many there were.

        Args:
            user: the principal's id.

        Raises:
            StoreError: the file cannot be used, or others read it all the time.
        """
        database = self._database
        return await self._run(
            lambda: database.erase(database.hashes.principal(user)) if database.exists else 0
        )

    async def prune(self) -> int:
        """Delete the traces that are older than they may be, and return how many there were.

        Raises:
            StoreError: the file cannot be used.
        """
        return await self._run(self._database.prune)

    async def prune_daily(self) -> None:
        """Prune now and every day, until cancelled; what fails is a warning in the log."""
        while True:
            try:
                await self.prune()
            except StoreError as error:
                _warn(error)
            await asyncio.sleep(DAY)

    async def stats(self) -> Stats:
        """Count what is kept.

        Raises:
            StoreError: the file cannot be used.
        """
        return await self._run(self._database.stats)

    async def close(self) -> None:
        """Write what still waits, and close the file."""
        await self._run(self._database.close)
        self._thread.shutdown(wait=False)

    def _write(self, said: str) -> None:
        trace = json.loads(said)
        hashes = self._database.hashes
        question = hashes.question(trace["question"])
        trace["thread"] = hashes.thread(trace["thread"])
        trace["principal"] = hashes.principal(trace["principal"])
        self._database.add(cast(Trace, self._clean(trace)), question)

    def _clean(self, trace: dict[str, Any]) -> dict[str, Any]:
        """Return a trace without personal data, and without documents' texts unless they are kept."""
        if not self._settings.texts:
            for one in (*trace["passages"], *trace["citations"]):
                one.pop("text", None)
        chunks = [one["chunk_id"] for one in trace["passages"]]
        clean = {
            key: value if key in KEPT_AS_IS else self._redactor.value(value)
            for key, value in trace.items()
        }
        for one, chunk in zip(clean["passages"], chunks, strict=True):
            one["chunk_id"] = chunk
        return clean

    def _written(self, done: Future[None]) -> None:
        self._room.release()
        error = done.exception()
        if error is not None:
            _warn(error)

    async def _run(self, work: Callable[[], T]) -> T:
        """Do something after what waits to be written."""
        return await asyncio.wrap_future(self._thread.submit(work))


def _warn(error: BaseException) -> None:
    """Say that a trace was lost, without any of its text."""
    told = error.message if isinstance(error, StoreError) else type(error).__name__
    observability.warning(TRACE_FAILED, error=told)
