"""Deterministic verification of a draft: markers exist, quotations and numbers stand in what they cite."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.answering.types import Citation, Draft
from indexes.text import numbers, sentences
from indexes.types import LocatedPassage

__all__ = ["Verdict", "verified"]

_MARKER = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True)
class Verdict:
    """A draft without what could not be verified.

    `grounded` is whether every claim that is left is supported by what it cites.
    """

    draft: Draft
    grounded: bool
    problems: tuple[str, ...]


def verified(draft: Draft, passages: Sequence[LocatedPassage], results: Sequence[str]) -> Verdict:
    """Check a draft against the passages and tool results it was made from.

    A citation whose text is not in its document's passages is removed with its marker; a sentence
    with a number that stands neither in what it cites nor in a tool result is reported.

    Args:
        draft: the answer and its citations.
        passages: what was retrieved.
        results: tool results as text.
    """
    problems: list[str] = []
    kept = [citation for citation in draft["citations"] if _stands(citation, passages)]
    if len(kept) < len(draft["citations"]):
        problems.append("a quotation does not stand in its source")
    known = {citation["marker"] for citation in kept}
    text = _MARKER.sub(lambda m: m.group() if int(m.group(1)) in known else "", draft["text"])
    if text != draft["text"]:
        problems.append("a marker has no source")
    if not _numbers_stand(text, kept, results):
        problems.append("a number is not in what is cited")
    supported = bool(kept) or any(results)
    return Verdict({"text": text, "citations": kept}, supported and not problems, tuple(problems))


def _stands(citation: Citation, passages: Sequence[LocatedPassage]) -> bool:
    return any(
        citation["text"] in passage["text"]
        for passage in passages
        if passage["document"] == citation["document"] and passage["index"] == citation["index"]
    )


def _numbers_stand(text: str, citations: Sequence[Citation], results: Sequence[str]) -> bool:
    given = [_numbers_given(citation) for citation in citations]
    by_marker = {one["marker"]: found for one, found in zip(citations, given, strict=True)}
    told = {number for result in results for number in numbers(result)}
    for _, sentence in sentences(text):
        cited = [by_marker[int(n)] for n in _MARKER.findall(sentence) if int(n) in by_marker]
        said = numbers(_MARKER.sub("", sentence))
        if not told.union(*(cited or given)).issuperset(said):
            return False
    return True


def _numbers_given(citation: Citation) -> set[str]:
    """Return the numbers in what a citation quotes and in the name of the place."""
    place = f"{citation['title']}\n{citation['document']}\n{citation['location']}"
    return {*numbers(citation["text"]), *numbers(place)}
