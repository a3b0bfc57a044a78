"""Errors of Waypost, one tree; each says what is wrong, where, and how to mend it.

WaypostError
├── ConfigurationError     the project's settings or its folder are unusable (exit code 2)
├── UsageError             a question or argument is unusable (exit code 2)
│   └── UnknownIndexError
├── StoreError             the store failed
│   ├── StoreLockedError   another process holds the store
│   ├── StoreUnreachableError  the server of the store does not answer
│   └── StoreSchemaError   the store was written by another version or embedding model
├── EmbeddingError         an embedding model failed
└── LoadError              one file cannot be read; ingestion reports it and goes on
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "EmbeddingError",
    "LoadError",
    "StoreError",
    "StoreLockedError",
    "StoreSchemaError",
    "StoreUnreachableError",
    "UnknownIndexError",
    "UsageError",
    "WaypostError",
]


class WaypostError(Exception):
    """Base of every error that Waypost raises on purpose.

    Args:
        message: what is wrong and where.
        fix: what the reader can do about it.

    Fix: do what its `fix` says.
    """

    code = "error"
    retryable = False
    exit_code = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message if not fix else f"{message} Fix: {fix}")
        self.message = message
        self.fix = fix

    def as_dict(self) -> dict[str, object]:
        """Return the error as plain data, as the commands print it with `--json`."""
        return {
            "error": self.code,
            "message": self.message,
            "fix": self.fix,
            "retryable": self.retryable,
        }


class ConfigurationError(WaypostError):
    """The project folder or its waypost.toml cannot be used.

    Fix: correct the key, file or line that the message names; `waypost doctor` looks at all of them.
    """

    code = "configuration"
    exit_code = 2


class UsageError(WaypostError, ValueError):
    """A question, an argument or a combination of arguments cannot be used.

    It is a ValueError too: LangGraph's server shows clients the text of those alone.

    Fix: ask, or call, as the message says.
    """

    code = "usage"
    exit_code = 2


class UnknownIndexError(UsageError):
    """An index was named that the project does not define.

    Fix: use one of the names that the message lists.
    """

    code = "unknown_index"

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f"There is no index {name!r} in this project.",
            fix=f"use one of: {', '.join(known)}."
            if known
            else "add an [[index]] to waypost.toml.",
        )
        self.name = name
        self.known = known


class StoreError(WaypostError):
    """The vector store failed.

    Fix: look into .waypost/store/owner.log, or the server's log; then try again.
    """

    code = "store"


class StoreLockedError(StoreError):
    """Another process has the store open.

    Fix: end that process, or use the store as the user whom it belongs to.
    """

    code = "store_locked"
    retryable = True


class StoreUnreachableError(StoreError):
    """The server of the store does not answer, or not now.

    Fix: start the server, or correct [store] url; then try again.
    """

    code = "store_unreachable"
    retryable = True


class StoreSchemaError(StoreError):
    """The store does not fit this version or these settings.

    Fix: delete the store's folder, or name another collection, and ingest again.
    """

    code = "store_schema"


class EmbeddingError(WaypostError):
    """An embedding model failed.

    Fix: check its key, its name and its address; then try again.
    """

    code = "embedding"
    retryable = True


class LoadError(WaypostError):
    """A source file cannot be read.

    Fix: save the file as the message says; the others are ingested meanwhile.
    """

    code = "load"
