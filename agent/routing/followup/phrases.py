"""Follow-ups that are a mere phrase: values, the counterpart of something, another aspect of it."""

from __future__ import annotations

import re

from agent.routing.followup.pronouns import DEMONSTRATIVE
from agent.routing.followup.turn import Standalone, Turn, changed, lead_of, whole
from agent.routing.followup.values import PERIOD, put
from agent.routing.followup.words import asks, is_aspect, of_topic, stem, subject
from indexes.text import CJK, NOUN, content_terms, language, words_of

__all__ = ["aspect", "beside", "circumstance", "counterpart", "modifier", "phrase", "values"]

_LAST_PHRASE = re.compile(
    r"(?P<lead>.*\b(?:for|of|in|on|at|with|to|about|the|an?|my|our|your)\s+)(?P<phrase>[^?]+?)(?:\s+\w{2,}ed)?$",
    re.IGNORECASE,
)
_VERB_PHRASE = re.compile(
    r"(?P<lead>\w+(?:\s+(?:do|does|did|can|should|must)\s+(?:i|we|you))?\s+\w+\s+)(?P<phrase>[^?]+)",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"(?:can|could|do|does|did|is|are|should|may|must|will)\b", re.IGNORECASE)
LONGEST_PHRASE = 14  # characters of a Chinese phrase, or four times as many words' worth in English
NAMES = frozenset({"name", "latin"})
DEED = 0.4  # what verbs say about a topic
DEED_CHARACTERS = 3


def values(turn: Turn) -> Standalone | None:
    """Put new values in the place of the old: 西站呢, and in 2023?"""
    text = turn.fragment.text
    known = content_terms(turn.previous)
    if not turn.new or any(term not in known for term in turn.rest):
        return None
    named = [value for value in turn.new if value.named]
    kinds = {value.kind for value in turn.old}
    strange = [value for value in named if value.kind not in kinds]
    argued = bool(strange) and all(value.kind not in NAMES for value in strange)
    if argued and len(named) > 1:
        return whole(text)
    if argued and turn.about:
        # a measure asked for after something else is no value of the old question
        lead = lead_of(turn)
        return Standalone(lead + turn.space + text, lead)
    out, homeless = put(turn.new, turn.old, turn.previous)
    names = all(value.kind in NAMES for value in homeless)
    if len(homeless) == len(turn.new) and (names or text.endswith("的")):
        return None
    topic, _ = put(turn.new, turn.values(turn.topic), turn.topic)
    space = "" if language(out) == "zh" else " "
    lead = "".join(value.text + space for value in homeless)
    return changed(lead + out, topic)


def beside(turn: Turn) -> Standalone | None:
    """Put another thing after the same word: 和布洛芬呢."""
    word, text = turn.fragment.preposition, turn.fragment.text
    match = re.search(f"(?<=.){word}(?P<was>[{CJK}\\w]+)", turn.previous) if word else None
    if match is None or not turn.chinese or not _is_phrase(turn):
        return None
    was = subject(stem(match["was"]))
    return _replaced(turn, was, text) if was else None


def counterpart(turn: Turn) -> Standalone | None:
    """Put another kind in the place of one: 病假 after 年假, sick leave after annual leave."""
    text = turn.fragment.text
    if not _is_phrase(turn) or is_aspect(text, before=1):
        return None
    span = _same_head(text, turn.previous) if turn.chinese else _same_last_word(text, turn.previous)
    if span is None:
        return None
    was = turn.previous[span[0] : span[1]]
    return _replaced(turn, was, text)


def _same_head(phrase: str, previous: str) -> tuple[int, int] | None:
    """Return where a noun ends as the phrase does."""
    best: tuple[int, int, int] | None = None
    weights = content_terms(previous)
    for run in re.finditer(f"[{CJK}]+", previous):
        words = words_of(run.group())
        end = run.start()
        ends = []
        for word in words:
            ends.append((end, end + len(word), word))
            end += len(word)
        for position, (start, stop, word) in enumerate(ends):
            common = _common_end(phrase, previous[run.start() : stop])
            if not common or (common >= len(phrase) and stop - run.start() <= common):
                continue
            if len(word) == 1 and weights.get(word, 0.0) < NOUN:
                continue
            while position and stop - start < max(len(phrase), common + 1):
                before = ends[position - 1]
                if (
                    weights.get(before[2], 0.2 if len(before[2]) == 1 else 0.0) < 0.2
                    or before[2] in "的和与及或要有对在由是"
                ):
                    break
                position, start = position - 1, before[0]
            if best is None or common > best[0]:
                best = (common, start, stop)
    return None if best is None or best[2] - best[1] < 2 else best[1:]


def _common_end(one: str, other: str) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[-1 - length] == other[-1 - length]:
        length += 1
    return length


def _same_last_word(phrase: str, previous: str) -> tuple[int, int] | None:
    words = re.sub(r"^(?:the|an?)\s+", "", phrase, flags=re.IGNORECASE).split()
    if len(words) < 2:
        return None
    head = re.search(
        rf"(?:\b[\w-]+\s+){{{len(words) - 1}}}{re.escape(words[-1].rstrip('s'))}s?\b",
        previous,
        re.IGNORECASE,
    )
    return head.span() if head else None


def circumstance(turn: Turn) -> Standalone | None:
    """Put another thing after the same word, or add a circumstance: for theft?, in children?"""
    word, text = turn.fragment.preposition, turn.fragment.text
    if not word or not _is_phrase(turn):
        return None
    match = re.search(
        rf"\b{word}\s+(?P<was>.+?)(?=\s+(?:in|for|of|on|at|with|by)\b|[?]|$)",
        turn.previous,
        re.IGNORECASE,
    )
    if match is not None:
        return _replaced(turn, match["was"], text)
    if turn.chinese:
        return Standalone(f"{word}{text}，{turn.previous}", turn.topic)
    return Standalone(f"{turn.previous.rstrip(' ?？')} {word} {text}?", turn.topic)


def modifier(turn: Turn) -> Standalone | None:
    """Ask of some of what was asked about: 已经发货的呢."""
    if not turn.chinese or not turn.fragment.text.endswith("的") or len(turn.fragment.text) < 3:
        return None
    text = turn.fragment.text
    return changed(text + turn.previous, text + turn.topic)


def aspect(turn: Turn) -> Standalone | None:
    """Ask something else of the same: 那费用呢, and the deadline?"""
    text = turn.fragment.text
    if not _is_phrase(turn):
        return None
    deed = (
        turn.chinese
        and len(text) <= DEED_CHARACTERS
        and turn.rest
        and all(DEED <= weight < NOUN for weight in turn.rest.values())
    )
    article = re.match(r"(?:the|its|their|any)\s+", text, re.IGNORECASE)
    if not (is_aspect(text) or article or deed):
        return None
    if turn.old and turn.old[0].kind == PERIOD and turn.old[0].start == 0:
        measure = _head_phrase(turn)
        if measure and stem(turn.previous) == turn.previous[: turn.old[0].end] + measure:
            return _replaced(turn, measure, text)  # 2023年毛利率 after 2023年净利润
    return Standalone(of_topic(text, turn.topic), turn.topic)


def phrase(turn: Turn) -> Standalone | None:
    """Ask the same of something else, most likely: 那电子产品呢, what about electronics?"""
    if not _is_phrase(turn):
        return None
    text = turn.fragment.text
    other = of_topic(text, turn.topic)
    if not turn.fragment.marked and len(turn.rest) > 1:
        return whole(turn.question, other)
    if turn.previous.startswith(f"{turn.topic}的") and not asks(turn.previous):
        return Standalone(other, turn.topic, sure=False)  # one more of a chain of aspects
    was = _head_phrase(turn)
    if not was:
        return Standalone(other, turn.topic, turn.question, sure=False)
    rest = content_terms(turn.previous.replace(was, "", 1)).values()
    if was == turn.topic and len(was) > len(text) and all(weight < DEED for weight in rest):
        # nothing else was asked: 生鲜的退换货政策是什么
        return Standalone(of_topic(turn.previous, text), turn.topic, other, sure=False)
    return _replaced(turn, was, text, sure=False, alternative=other)


def _is_phrase(turn: Turn) -> bool:
    text = turn.fragment.text
    if not text or asks(text):
        return False
    short = len(text) <= LONGEST_PHRASE if turn.chinese else len(text.split()) <= 4
    return short and (turn.fragment.marked or len(turn.rest) <= 2)


def _replaced(
    turn: Turn, was: str, phrase: str, *, sure: bool = True, alternative: str | None = None
) -> Standalone:
    text = turn.previous.replace(was, phrase, 1)
    topic = turn.topic.replace(was, phrase, 1)
    return changed(text, topic, alternative, sure=sure)


def _head_phrase(turn: Turn) -> str:
    """Return the phrase of the question before that another would be contrasted with."""
    if language(turn.previous) == "zh":
        return _head_zh(turn)
    return _head_en(turn)


def _head_zh(turn: Turn) -> str:
    """Return what a Chinese question is about: its first phrase, without the date before it."""
    text = stem(turn.previous)
    for value in turn.old:
        surface = turn.previous[value.start : value.end]
        if value.kind == PERIOD and text.startswith(surface):
            text = text[len(surface) :].lstrip("的")
    name = next((value.text for value in turn.old if value.kind == "name"), "")
    first = name if name and text.startswith(name) else subject(text)
    if DEMONSTRATIVE.match(first):
        return re.sub(r"^(?:的|支持|规定|包括|有|是|能|可以|需要|要|会)+", "", text[len(first) :])
    if is_aspect(first, before=8) and not is_aspect(first, before=1):
        return words_of(first)[0]  # 人民币 of 人民币存款利率
    return first


def _head_en(turn: Turn) -> str:
    """Return the last phrase of an English question, or one that has the same article."""
    previous, phrase = turn.previous, turn.fragment.text
    article = re.match(r"(an?)\s+", phrase, re.IGNORECASE)
    same = re.search(r"\ban?\s+[\w-]+", previous, re.IGNORECASE) if article else None
    if same:
        return same.group()
    end = next((value.start for value in turn.old if value.kind == PERIOD), len(previous))
    text = re.sub(r"\s+(?:in|for|of|at|by)\s*$", "", previous[:end].rstrip(" ?"))
    match = _LAST_PHRASE.match(text)
    if match is None and _YES_NO.match(text):
        return " ".join(text.split()[-len(phrase.split()) :])
    match = match or _VERB_PHRASE.match(text)
    return match["phrase"].strip() if match else ""
