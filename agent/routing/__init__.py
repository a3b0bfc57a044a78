"""Routing: rules, then the local classifier, then a chat model; each may decide or pass."""

from __future__ import annotations

from agent.routing.cascade import Router
from agent.routing.classifier import LocalClassifier, spread
from agent.routing.corrections import FILE as CORRECTIONS
from agent.routing.corrections import Correction, Corrections, CorrectionsFile, Right
from agent.routing.followup import Standalone, ask_standalone, standalone
from agent.routing.parts import parts as parts_of
from agent.routing.rules import stands_alone, talk_targets
from agent.routing.types import (
    NONE,
    Action,
    Candidate,
    Complete,
    Decision,
    Question,
    Route,
    Slot,
    Target,
)

__all__ = [
    "CORRECTIONS",
    "NONE",
    "Action",
    "Candidate",
    "Complete",
    "Correction",
    "Corrections",
    "CorrectionsFile",
    "Decision",
    "LocalClassifier",
    "Question",
    "Right",
    "Route",
    "Router",
    "Slot",
    "Standalone",
    "Target",
    "ask_standalone",
    "parts_of",
    "spread",
    "standalone",
    "stands_alone",
    "talk_targets",
]
