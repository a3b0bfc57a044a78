"""The errors of the agent: those of retrieval, and a few of its own.

WaypostError (indexes.errors)
├── …                      what retrieval raises
├── ModelError             a chat model failed
│   └── LimitError         the turn may not ask a chat model any more
├── ToolError              a tool failed or was refused
├── ClosedError            the project was closed while a turn ran
└── ThreadError            a thread cannot be continued as asked
"""

from __future__ import annotations

from indexes.errors import (
    ConfigurationError,
    EmbeddingError,
    LoadError,
    StoreError,
    StoreLockedError,
    StoreSchemaError,
    UnknownIndexError,
    UsageError,
    WaypostError,
)

__all__ = [
    "ClosedError",
    "ConfigurationError",
    "EmbeddingError",
    "LimitError",
    "LoadError",
    "ModelError",
    "StoreError",
    "StoreLockedError",
    "StoreSchemaError",
    "ThreadError",
    "ToolError",
    "UnknownIndexError",
    "UsageError",
    "WaypostError",
]


class ModelError(WaypostError):
    """A chat model failed, or gave no usable reply in time (`model_timeout`).

    Fix: check the model's key, name and address with `waypost doctor`; turns go on without it.
    """

    code = "model"
    retryable = True


class LimitError(ModelError):
    """The turn has reached a limit of calls, tokens, cost or time.

    Fix: raise the limit in [limits], or let the answer say which one it was.

    Args:
        limit: its name in [limits].
    """

    code = "limit"
    retryable = False

    def __init__(self, limit: str) -> None:
        super().__init__(
            f"The limit {limit!r} is reached.", fix=f"raise limits.{limit} in waypost.toml."
        )
        self.limit = limit


class ToolError(WaypostError):
    """A tool failed.

    Fix: see the tool's own message; its arguments and its code are the project's.
    """

    code = "tool"


class ClosedError(WaypostError):
    """The project was closed while a turn ran, or before it began.

    Fix: ask again when it is open.
    """

    code = "closed"

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="ask again when it is open.")


class ThreadError(UsageError):
    """A thread has nothing to resume, or waits for an approval first.

    Fix: resume the thread that `pending` was of, once; or ask something new on it.
    """

    code = "thread"
