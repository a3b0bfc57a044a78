"""Which sources a prompt has room for: the most valuable first, none twice, a long one shortened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import mul

from agent.answering.evidence import term_shares
from agent.answering.types import Source
from indexes.text import content_terms, normalize, numbers, sentence_spans

__all__ = ["LEAST", "pack"]

LEAST = 64  # tokens; less of a source says too little
BEST_SHARE = (
    0.7  # how much of the room the best source gets, if it must be shortened and there are others
)
SAFE = 0.95  # tokens are not spread evenly over a text
_CLAUSE_END = re.compile(r"[，、|\t]|(?<!\d)[,:]|[,:](?!\d)|\s")  # none is within a figure
_FIGURE = re.compile(r"[A-Za-z0-9.,%零〇一二三四五六七八九十百千万亿]+$")
_SIGNS = re.compile(r"[\W_]+")


def pack(
    sources: Sequence[Source],
    support: Sequence[float],
    *,
    question: str,
    room: int,
    count: Callable[[str], int],
    shown: Callable[[Source], str] = lambda source: source.text,
) -> list[Source]:
    """Return the sources that fit, in the order given and with the numbers they have.

    The best one is shortened rather than left out: to the sentences, one after the other, that say
    most about the question. One that does not fit gives way to smaller ones; what room is left then
    goes to the best of those left out. Near-duplicates of what is kept are left out.

    Args:
        sources: numbered.
        support: how well each supports an answer, from 0 to 1; those beyond it, tool results, count 1.
        question: the standalone question.
        room: tokens.
        count: counts the tokens of a text; called a few times for each source.
        shown: how a source stands in the prompt.
    """
    worth = [*support, *[1.0] * (len(sources) - len(support))]
    kept: dict[int, Source] = {}
    skipped: list[int] = []
    # the last source first among equals: tools were called for this question
    for place in sorted(range(len(sources)), key=lambda i: (-worth[i], i < len(support), i)):
        source = sources[place]
        if any(_repeats(source, other) for other in kept.values()):
            continue
        tokens = count(shown(source))
        if not kept and tokens > room:
            most = room if len(sources) == 1 else int(BEST_SHARE * room)
            shorter = shorten(source, question, most, count, shown)
            if shorter is not None:
                source, tokens = shorter, count(shown(shorter))
        if tokens <= room:
            kept[place] = source
            room -= tokens
        else:
            skipped.append(place)
    for place in skipped:
        if room < LEAST:
            break
        shorter = shorten(sources[place], question, room, count, shown)
        if shorter is not None:
            kept[place] = shorter
            room -= count(shown(shorter))
    return [kept[place] for place in sorted(kept)]


def shorten(
    source: Source,
    question: str,
    room: int,
    count: Callable[[str], int],
    shown: Callable[[Source], str],
) -> Source | None:
    """Return a source with the stretch of its text that says most about a question, if any fits.

    Args:
        source: the source.
        question: the standalone question.
        room: tokens that it may have as it is shown.
        count: counts the tokens of a text.
        shown: how a source stands in the prompt.
    """
    around = count(shown(replace(source, text="")))
    tokens = max(1, count(source.text))
    characters = int(SAFE * (room - around) * len(source.text) / tokens)
    for _ in range(3):
        if room - around < LEAST // 2 or characters < 1:
            return None
        text = _best_stretch(source.text, question, characters)
        shorter = replace(source, text=text)
        there = count(shown(shorter))
        if there <= room:
            return shorter if text else None
        characters = int(SAFE * characters * (room - around) / max(1, there - around))
    return None


def _best_stretch(text: str, question: str, most: int) -> str:
    """Return the sentences, one after the other, that have most of what is asked."""
    if len(text) <= most:
        return text
    units = [unit for span in sentence_spans(text) for unit in _units(text, *span, most)]
    if not units:
        return ""
    terms = content_terms(question)
    worth = [
        sum(map(mul, terms.values(), term_shares(list(terms), text[start:end])))
        for start, end in units
    ]
    first, last = _best_window(units, worth, most)
    grown = True
    while grown:  # what follows first, then what comes before
        grown = False
        if last + 1 < len(units) and units[last + 1][1] - units[first][0] <= most:
            last, grown = last + 1, True
        if first > 0 and units[last][1] - units[first - 1][0] <= most:
            first, grown = first - 1, True
    return text[units[first][0] : units[last][1]]


def _best_window(
    units: Sequence[tuple[int, int]], worth: Sequence[float], most: int
) -> tuple[int, int]:
    """Return the first and last of the units that are worth most within `most` characters."""
    best, found = -1.0, (0, 0)
    first, total = 0, 0.0
    for last, value in enumerate(worth):
        total += value
        while units[last][1] - units[first][0] > most:
            total -= worth[first]
            first += 1
        if total > best + 1e-9:
            best, found = total, (first, last)
    first, last = found
    while first < last and not worth[first]:
        first += 1
    return first, last


def _units(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield a sentence whole if it is short enough, else cut at its marks, and never in a figure."""
    while end - start > most:
        piece = text[start : start + most]
        marks = [match.end() for match in _CLAUSE_END.finditer(piece)]
        figure = _FIGURE.search(piece)
        size = marks[-1] if marks else figure.start() if figure else len(piece)
        yield start, start + (size or len(piece))
        start += size or len(piece)
    yield start, end


def _repeats(source: Source, other: Source) -> bool:
    """Say whether a source says nothing that another one of its kind does not say.

    Sentence by sentence, but for signs, blanks, case and script: one "not" more is no repetition. Nor is
    the same text in a document whose title has another year.
    """
    if bool(source.index) != bool(other.index) or not source.text.strip():
        return False
    there = _bare(other.text)
    for start, end in sentence_spans(source.text):  # most differ in the first one
        if _bare(source.text[start:end]) not in there:
            return False
    return set(numbers(source.title)) <= set(numbers(f"{other.title} {other.text}"))


@lru_cache(maxsize=2048)
def _bare(text: str) -> str:
    return _SIGNS.sub("", normalize(text))
