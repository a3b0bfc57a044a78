"""What belongs to one event loop, as the connections of an HTTP client do, for objects used from several."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["PerLoop"]

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One thing for each event loop, made when it is first asked for there.

    Args:
        make: makes it, in a thread, since that may import much.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, T] = {}
        self._lock = threading.Lock()

    async def get(self) -> T:
        """Return that of the running loop; those of loops that are closed are forgotten."""
        loop = asyncio.get_running_loop()
        found = self._made.get(loop)
        if found is None:
            made = await asyncio.to_thread(self._make)
            with self._lock:
                for old in [old for old in self._made if old.is_closed()]:
                    del self._made[old]
                found = self._made.setdefault(loop, made)
        return found

    def pop(self) -> T | None:
        """Take that of the running loop out, if there is one, so that it can be closed."""
        with self._lock:
            return self._made.pop(asyncio.get_running_loop(), None)
