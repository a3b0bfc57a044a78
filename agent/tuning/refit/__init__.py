"""Refitting the local classifier on what people accepted, corrected and labelled, with proof that it helps."""

from __future__ import annotations

from agent.tuning.refit.ask import least_sure, select, to_label, unlabelled
from agent.tuning.refit.candidates import Candidate, Kept, sift, traced
from agent.tuning.refit.labels import ToLabel, read_labels, read_stream, write_labels
from agent.tuning.refit.measure import ClassChange, Figure, Measured
from agent.tuning.refit.refit import Refit, deploy, refit
from agent.tuning.refit.versions import Versions

__all__ = [
    "Candidate",
    "ClassChange",
    "Figure",
    "Kept",
    "Measured",
    "Refit",
    "ToLabel",
    "Versions",
    "deploy",
    "least_sure",
    "read_labels",
    "read_stream",
    "refit",
    "select",
    "sift",
    "to_label",
    "traced",
    "unlabelled",
    "write_labels",
]
