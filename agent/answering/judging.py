"""A chat model's judgement of borderline evidence: whether the sources answer, and what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.answering.fences import plain
from agent.answering.links import URL
from agent.answering.types import Source
from agent.models.replies import Complete, Unusable, ask_twice, quoted, read_object
from indexes.text import Haystack, content_terms
from prompts import PACKAGED, Language, Prompts

__all__ = ["Judged", "ask_judge", "is_about"]

QUESTION = 1500  # characters
TITLE = 120
SOURCES = 9000  # of all sources together
TEXT = 3000  # of one of them
LEAST = 200  # what is left for a source must hold this much, or it is left out
MISSING = 4
PHRASE = 120
SHARED = 0.4  # the least share of a phrase that is about what was asked


@dataclass(frozen=True)
class Judged:
    """Whether the sources answer a question, and what they lack; nothing where they do."""

    sufficient: bool
    missing: tuple[str, ...]


async def ask_judge(
    question: str,
    sources: Sequence[Source],
    complete: Complete,
    language: Language,
    *,
    prompts: Prompts = PACKAGED,
) -> Judged:
    """Ask a chat model whether sources answer a question; an unusable reply is asked again once.

    Args:
        question: the standalone question.
        sources: what was found, best first; those beyond a budget of characters are left out.
        complete: sends a prompt and returns the reply.
        language: the prompt's language.
        prompts: the project's prompts.

    Raises:
        ModelError: neither reply was of the form asked for, or `complete` failed.
    """
    prompt = prompts.render(
        "judge", language, question=quoted(question, QUESTION), sources=_fenced(sources)
    )
    return await ask_twice(
        prompt, complete, _judged, language=language, role="judge", prompts=prompts
    )


def is_about(phrase: str, question: str) -> bool:
    """Say whether a phrase of a judgement is about the question, and not what a source dictated.

    Args:
        phrase: one of `Judged.missing`.
        question: what was asked.
    """
    terms = content_terms(phrase)
    asked = Haystack(question)
    shared = sum(says for term, says in terms.items() if asked.share(term) > 0)
    return URL.search(phrase) is None and shared >= SHARED * sum(terms.values()) > 0


def _fenced(sources: Sequence[Source]) -> str:
    """Return the sources as lines of JSON strings, whose text can end neither a line nor the fence."""
    lines: list[str] = []
    room = SOURCES
    for source in sources:
        if room < LEAST:
            break
        title, text = (
            quoted(plain(source.title), TITLE),
            quoted(plain(source.text), min(room, TEXT)),
        )
        lines.append(f"[{source.number}] {title}: {text}")
        room -= len(text)
    return "\n".join(lines)


def _judged(reply: str) -> Judged:
    data = read_object(reply)
    if set(data) != {"sufficient", "missing"}:
        raise Unusable("the keys must be `sufficient` and `missing`")
    sufficient, missing = data["sufficient"], data["missing"]
    if not isinstance(sufficient, bool):
        raise Unusable("`sufficient` must be true or false")
    if not isinstance(missing, list) or not all(isinstance(one, str) for one in missing):
        raise Unusable("`missing` must be a list of texts")
    lacking = tuple(dict.fromkeys(phrase for one in missing if (phrase := _line(one))))
    if sufficient and lacking:
        raise Unusable("`missing` must be [] where `sufficient` is true")
    if len(lacking) > MISSING:
        raise Unusable(f"`missing` must have at most {MISSING} phrases")
    if any(len(phrase) > PHRASE for phrase in lacking):
        raise Unusable(f"a phrase of `missing` has more than {PHRASE} characters")
    return Judged(sufficient, lacking)


def _line(text: str) -> str:
    """Return a text as one line without characters that could be commands to a terminal."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
