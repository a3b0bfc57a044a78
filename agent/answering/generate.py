"""Answers by a chat model, from numbered sources only."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.answering.extract import place
from agent.answering.types import Citation, Draft
from agent.models import ChatModel, Completion
from indexes.types import LocatedPassage
from prompts import render, texts

__all__ = ["GroundedReply", "generate", "pack"]

NO_ANSWER = "NO_ANSWER"
_AROUND = " .。`*\"'\n"  # what models put around it
MAX_CHARACTERS = 9000


@dataclass(frozen=True)
class GroundedReply:
    """A model's answer; `draft` is None where it found that the sources do not answer."""

    draft: Draft | None
    completion: Completion


def pack(
    passages: Sequence[LocatedPassage], results: Sequence[str], language: Literal["zh", "en"]
) -> tuple[str, int]:
    """Return the numbered sources as one text, and how many passages fit.

    Passages come first, [1] to [n]; tool results follow without a number, since they are cited by
    the call itself.
    """
    words = texts("messages", language)
    parts: list[str] = []
    room = MAX_CHARACTERS - sum(len(result) for result in results)
    used = 0
    for number, passage in enumerate(passages, 1):
        where = place(passage["location"], words)
        part = f"[{number}] {passage['title']} {where}\n{passage['text']}"
        if used and room - len(part) < 0:
            break
        parts.append(part)
        room -= len(part)
        used = number
    parts += [f"<tool_result>{result}</tool_result>" for result in results]
    return "\n\n".join(parts), used


async def generate(
    model: ChatModel,
    question: str,
    passages: Sequence[LocatedPassage],
    results: Sequence[str],
    *,
    persona: str,
    language: Literal["zh", "en"],
    on_token: Callable[[str], None] | None = None,
) -> GroundedReply:
    """Ask a chat model for an answer from passages and tool results.

    Args:
        model: the answerer.
        question: the standalone question.
        passages: what it may cite, best first.
        results: tool results as text.
        persona: how the assistant speaks.
        language: the question's language.
        on_token: told each piece of the answer.

    Raises:
        ModelError: the endpoint failed.
    """
    sources, used = pack(passages, results, language)
    prompt = render("answer", language, persona=persona, question=question, sources=sources)
    held = _HoldBack(on_token)
    completion = await model.complete(prompt, held)
    text = completion.text.strip()
    if not text or text.strip(_AROUND) == NO_ANSWER:
        return GroundedReply(None, completion)
    held.flush()
    return GroundedReply({"text": text, "citations": _citations(text, passages[:used])}, completion)


class _HoldBack:
    """Passes tokens on, but not the first ones while they may still become NO_ANSWER."""

    def __init__(self, on_token: Callable[[str], None] | None) -> None:
        self._on_token = on_token
        self._held = ""
        self._open = False

    def __call__(self, token: str) -> None:
        self._held += token
        if self._open or not NO_ANSWER.startswith(self._held.strip(_AROUND)[: len(NO_ANSWER)]):
            self.flush()

    def flush(self) -> None:
        """Pass on what was held back."""
        self._open = True
        if self._held and self._on_token is not None:
            self._on_token(self._held)
        self._held = ""


def _citations(text: str, passages: Sequence[LocatedPassage]) -> list[Citation]:
    markers = dict.fromkeys(int(number) for number in re.findall(r"\[(\d{1,3})\]", text))
    return [
        {
            "marker": marker,
            "text": passages[marker - 1]["text"],
            "index": passages[marker - 1]["index"],
            "document": passages[marker - 1]["document"],
            "title": passages[marker - 1]["title"],
            "uri": passages[marker - 1]["uri"],
            "location": passages[marker - 1]["location"],
        }
        for marker in markers
        if 1 <= marker <= len(passages)
    ]
