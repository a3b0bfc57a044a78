"""Deterministic verification: whether each sentence of an answer stands in what it cites."""

from __future__ import annotations

from agent.answering.verification.claims import Claim, Splitter, split
from agent.answering.verification.verifier import Checked, Quotation, Verdict, Verifier, verdict

__all__ = [
    "Checked",
    "Claim",
    "Quotation",
    "Splitter",
    "Verdict",
    "Verifier",
    "split",
    "verdict",
]
