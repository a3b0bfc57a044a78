"""A chat model's reading of a follow-up, asked for only where the local reading is a guess."""

from __future__ import annotations

from typing import Literal

from agent.errors import ModelError
from agent.routing.types import Complete
from indexes.text import Haystack, content_terms
from prompts import PACKAGED, Prompts

__all__ = ["ask_standalone"]

SPARE = 60  # characters that a rewritten question may have beyond the two it is made of
SHARED = 0.6  # the share of its terms that must come from the conversation


async def ask_standalone(
    question: str,
    previous: str,
    complete: Complete,
    language: Literal["zh", "en"],
    *,
    prompts: Prompts = PACKAGED,
) -> str:
    """Let a chat model make a question that can be understood without the one before.

    Args:
        question: what is asked now.
        previous: the previous turn's standalone question.
        complete: sends a prompt and returns the reply.
        language: the prompt's language.
        prompts: the project's prompts.

    Raises:
        ModelError: the reply is no question, or not one about what the conversation is about.
    """
    prompt = prompts.render("followup", language, previous=previous, question=question)
    reply = await complete(prompt)
    text = reply.strip().strip("\"“”「」'` ")
    if not text or len(text.splitlines()) > 1:
        raise ModelError("The model did not rewrite the follow-up as one line.")
    if len(text) > len(previous) + len(question) + SPARE:
        raise ModelError(f"The model rewrote the follow-up with {len(text)} characters: too many.")
    conversation = Haystack(f"{previous}\n{question}")
    terms = content_terms(text)
    shared = sum(weight for term, weight in terms.items() if conversation.share(term) > 0)
    if not terms or shared < SHARED * sum(terms.values()):
        raise ModelError("The model rewrote the follow-up as a question about something else.")
    return text
