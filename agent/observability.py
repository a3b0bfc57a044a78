"""Structured logs: event names, and one canonical line a question. No text of people is logged."""

from __future__ import annotations

import logging
import sys
from typing import Any

__all__ = ["INGEST_FINISHED", "QUESTION_FINISHED", "STAGE_FAILED", "configure", "info", "warning"]

QUESTION_FINISHED = "question.finished"
STAGE_FAILED = "stage.failed"
INGEST_FINISHED = "ingest.finished"


_LOGGER = logging.getLogger("waypost")


def configure(*, verbose: bool = False) -> None:
    """Send the logs to standard error: warnings alone, or with `verbose` every event.

    Apps that embed Waypost need not call this: events go to the standard logger "waypost".

    Args:
        verbose: log each question's canonical line too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _LOGGER.handlers[:] = [handler]
    _LOGGER.setLevel(logging.INFO if verbose else logging.WARNING)
    _LOGGER.propagate = False


def info(event: str, **fields: Any) -> None:
    """Log an event that is worth a line in normal operation."""
    _write(logging.INFO, event, fields)


def warning(event: str, **fields: Any) -> None:
    """Log something that went wrong and was worked around."""
    _write(logging.WARNING, event, fields)


def _write(level: int, event: str, fields: dict[str, Any]) -> None:
    if not _LOGGER.isEnabledFor(level):
        return  # structlog is not even imported then
    import structlog

    logger = structlog.wrap_logger(
        _LOGGER,
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
    )
    logger.log(level, event, **fields)
