"""Learning from labelled questions: how sure the router must be to decide without a chat model."""

from __future__ import annotations

from agent.tuning.settings_file import write_number
from agent.tuning.threshold import (
    TARGETS,
    Level,
    Outcome,
    Tuning,
    is_right,
    questions_needed,
    threshold_for,
    tune_threshold,
)

__all__ = [
    "TARGETS",
    "Level",
    "Outcome",
    "Tuning",
    "is_right",
    "questions_needed",
    "threshold_for",
    "tune_threshold",
    "write_number",
]
