"""The errors of the agent: those of retrieval, and a few of its own.

WaypostError (indexes.errors)
├── …                      what retrieval raises
├── ModelError             a chat model failed
├── ToolError              a tool failed or was refused
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
    "ConfigurationError",
    "EmbeddingError",
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
    """A chat model failed or answered in a form that cannot be used."""

    code = "model"
    retryable = True


class ToolError(WaypostError):
    """A tool failed."""

    code = "tool"


class ThreadError(UsageError):
    """A thread has nothing to resume, or waits for an approval first."""

    code = "thread"
