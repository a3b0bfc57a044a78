"""Threads for tools that block, so that one that hangs holds up neither the others nor the exit.

Python cannot end a thread. One whose caller has stopped waiting runs on, and how many of a tool may do so
is bounded. They are no threads of a pool: a pool lends out few, and the interpreter waits for them at exit.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from agent.errors import ToolError

__all__ = ["MOST_HANGING", "HangingError", "Threads"]

MOST_HANGING = 4


class HangingError(ToolError):
    """So many earlier calls of a tool have not ended that it is not called again.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} earlier calls have not ended.")
        self.count = count


class Threads:
    """Runs the calls of one tool, each in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hanging = 0

    async def run(self, function: Callable[[], Any]) -> Any:
        """Return what the function returns, in the caller's context variables.

        Raises:
            HangingError: as many calls that nobody waits for as may be are still running.
        """
        if self._hanging >= MOST_HANGING:
            raise HangingError(self._hanging)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()
        ended = left = False

        def tell(result: Any, error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def work() -> None:
            nonlocal ended
            result: Any = None
            error: Exception | None = None
            try:
                result = context.run(function)
            except (SystemExit, StopIteration) as raised:  # the one would end the server, the other
                error = RuntimeError(f"{type(raised).__name__}: {raised}")  # no future can hold
            except Exception as raised:
                error = raised
            finally:
                with self._lock:
                    ended = True
                    self._hanging -= left
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, result, error)

        threading.Thread(target=work, name="waypost-tool", daemon=True).start()
        try:
            return await future
        except asyncio.CancelledError:
            with self._lock:
                if not ended:
                    left = True
                    self._hanging += 1
            raise
