"""From passages and tool results to a cited answer: evidence, extraction, generation, verification."""

from __future__ import annotations

from agent.answering.evidence import Evidence, Weights, weigh
from agent.answering.extract import Quote, compose, extract
from agent.answering.generate import GroundedReply, generate
from agent.answering.types import Citation, Draft
from agent.answering.verify import verified

__all__ = [
    "Citation",
    "Draft",
    "Evidence",
    "GroundedReply",
    "Quote",
    "Weights",
    "compose",
    "extract",
    "generate",
    "verified",
    "weigh",
]
