"""Structure-aware chunking: along headings and articles, within a bound of tokens.

A chunk is made of whole blocks where possible and of whole sentences otherwise. It remembers where
each part of its text stands, so that a quotation can name its own page, row or article.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from indexes.ingest.structure import article_of
from indexes.text import sentences
from indexes.types import Chunk, Document, Location, Span

__all__ = ["chunk_document"]


@dataclass
class _Draft:
    """A chunk in the making, under one heading path."""

    path: tuple[str, ...]
    parts: list[tuple[str, Location]] = field(default_factory=list)
    tokens: int = 0


def chunk_document(
    document: Document, *, count: Callable[[str], int], most: int, least: int
) -> list[Chunk]:
    """Split a document into chunks.

    Args:
        document: the loaded document.
        count: counts the tokens of a text.
        most: tokens that a chunk holds at the most, its header not counted.
        least: a section shorter than this is joined with the next one of the same parent heading.
    """
    drafts: list[_Draft] = []
    for path, text, location in _parts(document, count, most):
        size = count(text)
        draft = drafts[-1] if drafts else None
        if draft is None or not _fits(draft, path, size, most, least):
            draft = _Draft(path)
            drafts.append(draft)
        else:
            draft.path = _common(draft.path, path)
        draft.parts.append((text, location))
        draft.tokens += size
    return [_chunk(draft, document.title) for draft in drafts]


def _fits(draft: _Draft, path: tuple[str, ...], size: int, most: int, least: int) -> bool:
    if draft.tokens + size > most:
        return False
    same = draft.path == path
    sibling = len(_common(draft.path, path)) >= min(len(draft.path), len(path)) - 1
    return same or (sibling and (draft.tokens < least or size < least // 4))


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return left[:length]


def _parts(
    document: Document, count: Callable[[str], int], most: int
) -> Iterable[tuple[tuple[str, ...], str, Location]]:
    """Yield (heading path, text, location); headings become part of the text they lead."""
    headings: dict[int, str] = {}
    waiting: list[str] = []
    article = ""
    for block in document.blocks:
        if block.level:
            headings = {level: text for level, text in headings.items() if level < block.level}
            headings[block.level] = block.text
            waiting.append(block.text)
            article = ""
            continue
        article = article_of(block.text) or article
        path = tuple(text for _, text in sorted(headings.items()) if text != document.title)
        location: Location = {**block.location}
        if path and "row" not in location:
            location["heading"] = path[-1]
        if article:
            location["article"] = article
        lead = "\n".join(text for text in waiting if text not in path[:-1])
        waiting.clear()
        text = f"{lead}\n{block.text}" if lead else block.text
        for piece in _split(text, count, most):
            yield path, piece, location
    if waiting:  # headings without a text, at the end
        path = tuple(text for _, text in sorted(headings.items()) if text != document.title)
        lead = "\n".join(text for text in waiting if text not in path[:-1])
        for piece in _split(lead, count, most):
            yield path, piece, {**document.blocks[-1].location}


def _split(text: str, count: Callable[[str], int], most: int) -> list[str]:
    if count(text) <= most:
        return [text]
    pieces: list[str] = []
    current = ""
    end = 0
    for start, sentence in sentences(text):
        new_line = "\n" in text[end:start]
        end = start + len(sentence)
        for part in _hard_split(sentence, count, most):
            if current and count(f"{current} {part}") > most:
                pieces.append(current)
                current = part
            else:
                glue = "\n" if new_line else " " if current[-1:].isascii() else ""
                current = f"{current}{glue}{part}" if current else part
            new_line = False
    return [*pieces, current] if current else pieces


def _hard_split(sentence: str, count: Callable[[str], int], most: int) -> list[str]:
    """Cut a sentence that is longer than a chunk in half until its parts fit."""
    if count(sentence) <= most or len(sentence) < 2:
        return [sentence]
    middle = len(sentence) // 2
    cut = max(sentence.rfind(mark, 0, middle) for mark in "，,、； ") + 1 or middle
    return [
        *_hard_split(sentence[:cut], count, most),
        *_hard_split(sentence[cut:], count, most),
    ]


def _chunk(draft: _Draft, title: str) -> Chunk:
    text = ""
    spans: list[Span] = []
    for part, location in draft.parts:
        if text:
            text += "\n"
        if not spans or spans[-1]["location"] != location:
            spans.append({"start": len(text), "location": location})
        text += part
    return Chunk(text, " · ".join([title, *draft.path]), spans, draft.path)
