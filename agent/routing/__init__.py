"""Routing: rules, then the local classifier, then a chat model; each may decide or pass."""

from __future__ import annotations

from agent.routing.cascade import Router
from agent.routing.classifier import LocalClassifier
from agent.routing.followup import Standalone, standalone
from agent.routing.rules import stands_alone, talk_targets
from agent.routing.types import Action, Candidate, Decision, Question, Route, Slot, Target

__all__ = [
    "Action",
    "Candidate",
    "Decision",
    "LocalClassifier",
    "Question",
    "Route",
    "Router",
    "Slot",
    "Standalone",
    "Target",
    "standalone",
    "stands_alone",
    "talk_targets",
]
