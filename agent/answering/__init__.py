"""From passages and tool results to a cited answer: evidence, extraction, generation, verification."""

from __future__ import annotations

from agent.answering.evidence import ENOUGH, ENOUGH_WHEN_LOST, Evidence, Weights, weigh
from agent.answering.extract import Quote, asks_list, compose, extract, outline, section_path
from agent.answering.generate import GroundedReply, generate
from agent.answering.types import Citation, Draft
from agent.answering.verify import verified

__all__ = [
    "ENOUGH",
    "ENOUGH_WHEN_LOST",
    "Citation",
    "Draft",
    "Evidence",
    "GroundedReply",
    "Quote",
    "Weights",
    "asks_list",
    "compose",
    "extract",
    "generate",
    "outline",
    "section_path",
    "verified",
    "weigh",
]
