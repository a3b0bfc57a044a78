"""Routing: rules, then the local classifier, then a chat model; each may decide or pass."""

from __future__ import annotations

from agent.routing.cascade import Router
from agent.routing.classifier import LocalClassifier
from agent.routing.followup import standalone
from agent.routing.rules import small_talk
from agent.routing.types import Action, Candidate, Question, Route, Slot, Target

__all__ = [
    "Action",
    "Candidate",
    "LocalClassifier",
    "Question",
    "Route",
    "Router",
    "Slot",
    "Target",
    "small_talk",
    "standalone",
]
