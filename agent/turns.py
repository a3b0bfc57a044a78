"""The turns that run: one at a time on a thread, and all of them end when the project is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from agent.errors import ClosedError

__all__ = ["Turns"]

PATIENCE = 2.0  # seconds in which turns end once the project is closed


class Turns:
    """What keeps turns apart, and ends them."""

    def __init__(self) -> None:
        self._threads: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Future[None]] = set()
        self._steps: set[asyncio.Timeout] = set()
        self._closed = False

    @asynccontextmanager
    async def alone(self, thread: str | None) -> AsyncIterator[None]:
        """Run a turn in the block, once no other one runs on its thread.

        Two at once would begin with the same memory, and each would forget what the other said.

        Args:
            thread: the thread's key; None: nothing is remembered, so nobody has to wait.

        Raises:
            ClosedError: the project is closed.
        """
        lock = self._threads.setdefault(thread, asyncio.Lock()) if thread else asyncio.Lock()
        running = asyncio.get_running_loop().create_future()
        self._running.add(running)
        try:
            async with lock:
                self._check()
                yield
        finally:
            self._running.discard(running)
            running.cancel()

    @asynccontextmanager
    async def until(self, deadline: float) -> AsyncIterator[None]:
        """Run a step of a turn in the block.

        Args:
            deadline: when it must have ended, by the event loop's clock.

        Raises:
            TimeoutError: it was too late.
            ClosedError: the project was closed meanwhile.
        """
        self._check()
        try:
            async with asyncio.timeout_at(deadline) as step:
                self._steps.add(step)
                try:
                    yield
                finally:
                    self._steps.discard(step)
        except TimeoutError:
            self._check()
            raise

    async def end(self) -> None:
        """End the turns that run; each raises ClosedError. One whose reader pauses is not waited for."""
        self._closed = True
        for step in self._steps:
            step.reschedule(0.0)
        if self._running:
            await asyncio.wait(self._running, timeout=PATIENCE)

    def _check(self) -> None:
        if self._closed:
            raise ClosedError("The project was closed before the turn ended.")
