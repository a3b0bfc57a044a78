"""Structured logs: event names, and one canonical line a question. No text of people is logged."""

from __future__ import annotations

import logging
import sys
from typing import Any

__all__ = ["INGEST_FINISHED", "QUESTION_FINISHED", "STAGE_FAILED", "configure", "log"]

QUESTION_FINISHED = "question.finished"
STAGE_FAILED = "stage.failed"
INGEST_FINISHED = "ingest.finished"


def configure(*, verbose: bool = False) -> None:
    """Send logs to standard error: warnings alone, or with `verbose` every event.

    Args:
        verbose: log each question's canonical line too.
    """
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.LogfmtRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.INFO if verbose else logging.WARNING
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def log() -> Any:
    """Return the logger; structlog is imported only when something is logged."""
    import structlog

    return structlog.get_logger("waypost")
