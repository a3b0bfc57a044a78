"""From passages and tool results to a cited answer: evidence, extraction, prompts, rewording.

What only a chat model's answers need is imported where they are written: `agent.answering.generate` and
`agent.answering.verification`.
"""

from __future__ import annotations

from agent.answering.evidence import (
    ENOUGH,
    ENOUGH_WHEN_LOST,
    Alternatives,
    Evidence,
    Weights,
    weigh,
)
from agent.answering.extract import (
    Quote,
    article_quote,
    asks_list,
    compose,
    extract,
    outline,
    section_path,
)
from agent.answering.fences import plain, unnumbered
from agent.answering.judging import Judged, ask_judge, is_about
from agent.answering.prompt import AnswerPrompt, answer_prompt, shown_source, sources_of
from agent.answering.rewriting import ask_rewrite
from agent.answering.shown import Pieces, escaped, harmless, visible
from agent.answering.types import Citation, Draft, Source, empty_draft, location_at

__all__ = [
    "ENOUGH",
    "ENOUGH_WHEN_LOST",
    "Alternatives",
    "AnswerPrompt",
    "Citation",
    "Draft",
    "Evidence",
    "Judged",
    "Pieces",
    "Quote",
    "Source",
    "Weights",
    "answer_prompt",
    "article_quote",
    "ask_judge",
    "ask_rewrite",
    "asks_list",
    "compose",
    "empty_draft",
    "escaped",
    "extract",
    "harmless",
    "is_about",
    "location_at",
    "outline",
    "plain",
    "section_path",
    "shown_source",
    "sources_of",
    "unnumbered",
    "visible",
    "weigh",
]
