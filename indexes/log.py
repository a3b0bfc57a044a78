"""Structured logs: events and their fields, never a text of people or a secret.

They go to the standard logger "waypost", which an app configures as it likes.
"""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["LOGGER", "info", "warning"]

LOGGER = logging.getLogger("waypost")  # structlog's own default would write to standard output


def info(event: str, **fields: Any) -> None:
    """Log an event that is worth a line in normal operation."""
    _write(logging.INFO, event, fields)


def warning(event: str, **fields: Any) -> None:
    """Log something that went wrong and was worked around."""
    _write(logging.WARNING, event, fields)


def _write(level: int, event: str, fields: dict[str, Any]) -> None:
    if not LOGGER.isEnabledFor(level):
        return  # structlog is not even imported then
    import structlog

    logger = structlog.wrap_logger(
        LOGGER,
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            ),
        ],
    )
    logger.log(level, event, **fields)
