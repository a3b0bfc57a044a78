"""Routing: rules, then the local classifier, then a chat model; each may decide or pass."""

from __future__ import annotations

from agent.routing.cascade import Router
from agent.routing.classifier import LocalClassifier, spread
from agent.routing.corrections import FILE as CORRECTIONS
from agent.routing.corrections import (
    Correction,
    Corrections,
    CorrectionsFile,
    Right,
    question_key,
    question_sha256,
)
from agent.routing.files import stamp_of
from agent.routing.followup import Standalone, ask_standalone, standalone
from agent.routing.learned import (
    LEARNED,
    Learned,
    LearnedExample,
    Version,
    read_learned,
)
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
    Weigh,
)

__all__ = [
    "CORRECTIONS",
    "LEARNED",
    "NONE",
    "Action",
    "Candidate",
    "Complete",
    "Correction",
    "Corrections",
    "CorrectionsFile",
    "Decision",
    "Learned",
    "LearnedExample",
    "LocalClassifier",
    "Question",
    "Right",
    "Route",
    "Router",
    "Slot",
    "Standalone",
    "Target",
    "Version",
    "Weigh",
    "ask_standalone",
    "parts_of",
    "question_key",
    "question_sha256",
    "read_learned",
    "spread",
    "stamp_of",
    "standalone",
    "stands_alone",
    "talk_targets",
]
