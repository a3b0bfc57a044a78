"""Structured logs: event names, and one canonical line a question. No text of people is logged."""

from __future__ import annotations

import logging
import sys

from indexes.log import LOGGER, info, warning

__all__ = ["LEARNING_FAILED", "QUESTION_FINISHED", "STAGE_FAILED", "configure", "info", "warning"]

QUESTION_FINISHED = "question.finished"
STAGE_FAILED = "stage.failed"
LEARNING_FAILED = "learning.failed"


def configure(*, verbose: bool = False) -> None:
    """Send the logs to standard error: warnings alone, or with `verbose` every event.

    Apps that embed Waypost need not call this: events go to the standard logger "waypost".

    Args:
        verbose: log each question's canonical line too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO if verbose else logging.WARNING)
    LOGGER.propagate = False
