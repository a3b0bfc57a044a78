"""Work on many things, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["in_parallel"]

T = TypeVar("T")


async def in_parallel(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_once: int
) -> None:
    """Do `work` on every item, at most `at_once` at a time.

    After a failure no further item is begun. What is under way is finished first, for it may have
    been paid for already; then the first failure is raised.

    Args:
        items: taken one by one as there is room.
        work: what to do with one.
        at_once: how many at a time.
    """
    waiting = iter(items)
    failures: list[Exception] = []

    async def worker() -> None:
        for item in waiting:
            if failures:
                return
            try:
                await work(item)
            except Exception as error:
                failures.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    if failures:
        raise failures[0]
