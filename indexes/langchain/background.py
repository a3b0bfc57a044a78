"""An event loop in a thread of its own, for callers who cannot await."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Self, TypeVar

from indexes.errors import UsageError

__all__ = ["Background"]

T = TypeVar("T")
Started = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Background:
    """Runs coroutines to their end from any thread, one with a running loop included.

    The thread ends with `close`, or with the object; what its loop has open is closed then.
    """

    def __init__(self) -> None:
        started: Future[Started] = Future()
        thread = threading.Thread(
            target=lambda: asyncio.run(_serve(started)), name="waypost-langchain", daemon=True
        )
        thread.start()
        self._loop, stop = started.result()
        self._end = weakref.finalize(self, _end, self._loop, stop, thread)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return the coroutine's result.

        Raises:
            UsageError: it was closed before.
        """
        if not self._end.alive:
            coroutine.close()
            raise UsageError("This client is closed.", fix="make another one.")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C reaches the caller alone
            raise

    def close(self) -> None:
        """End the thread; a second time does nothing."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _serve(started: Future[Started]) -> None:
    stop = asyncio.Event()
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()


def _end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(stop.set)
    if thread is not threading.current_thread():  # the collector may run in any thread
        thread.join()
