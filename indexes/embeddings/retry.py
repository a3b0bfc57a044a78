"""Which failures of an endpoint pass, and how long to wait for that."""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from indexes.log import warning

__all__ = ["Pace", "Patience", "Setback", "setback_of"]

PASSING = {408, 409, 425, 429}
BUSY = {429, 503, 529}
LONGEST = 30.0  # seconds between two tries, where the endpoint says nothing


@dataclass(frozen=True)
class Patience:
    """How long a request may take, and for how many seconds to try again.

    `limited` counts from the last success of any request, as an endpoint that limits its rate still
    answers some; `broken` counts from the request's own first failure.
    """

    timeout: float
    limited: float
    broken: float


@dataclass(frozen=True)
class Setback:
    """A failure that passes: why, how long the endpoint asks to wait, and whether it is just busy."""

    reason: str
    asked: float | None
    busy: bool

    def wait(self, attempt: int) -> float:
        """Return how many seconds to wait after the given attempt, from 0."""
        if self.asked is not None:
            return self.asked
        return min(0.5 * 2.0 ** min(attempt, 10), LONGEST) * random.uniform(0.75, 1.0)


class Pace:
    """When an endpoint may be asked again, for all requests that share it."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._open = 0.0
        self._told = 0.0
        self.succeeded = 0.0

    async def turn(self) -> None:
        """Wait until the endpoint may be asked."""
        while (left := self._open - time.monotonic()) > 0:  # noqa: ASYNC110  (it may be put off)
            await asyncio.sleep(left)

    def hold(self, seconds: float) -> None:
        """Let no request go for some seconds."""
        self._open = max(self._open, time.monotonic() + seconds)

    def tell(self, seconds: float, reason: str) -> None:
        """Say in the log that a request waits, unless that was said for as long already."""
        until = time.monotonic() + seconds
        if seconds >= 1 and until > self._told + 1:
            self._told = until
            warning(
                "embedding.waiting", model=self._model, reason=reason, seconds=round(seconds, 1)
            )


def setback_of(error: Exception) -> Setback | None:
    """Return what passes of a failure of the openai package; None: it stays."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        return Setback(type(error).__name__, None, busy=False)
    if not isinstance(error, openai.APIStatusError):
        return None
    status, headers = error.status_code, error.response.headers
    told = headers.get("x-should-retry")
    passes = told == "true" or ((status in PASSING or status >= 500) and told != "false")
    if not passes or error.code == "insufficient_quota":
        return None
    return Setback(f"HTTP {status}", _asked(headers), busy=status in BUSY)


def _asked(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for: a number, or a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        return seconds if seconds >= 0 else None
    try:
        date = email.utils.parsedate_to_datetime(headers["retry-after"])
        return max(date.timestamp() - time.time(), 0.0)
    except (KeyError, ValueError):
        return None
