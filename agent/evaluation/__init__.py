"""Measuring routing, retrieval and answers on labelled questions."""

from __future__ import annotations

from agent.evaluation.compare import compare, read_report, read_whole_report
from agent.evaluation.dataset import read_questions
from agent.evaluation.keys import FIGURES, flat
from agent.evaluation.page import page
from agent.evaluation.run import evaluate
from agent.evaluation.types import Comparison, Earlier, Labelled, Report, Result

__all__ = [
    "FIGURES",
    "Comparison",
    "Earlier",
    "Labelled",
    "Report",
    "Result",
    "compare",
    "evaluate",
    "flat",
    "page",
    "read_questions",
    "read_report",
    "read_whole_report",
]
