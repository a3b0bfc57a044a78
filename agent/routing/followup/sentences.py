"""Follow-ups that are more than a phrase: requests for more, comparisons, questions without a subject."""

from __future__ import annotations

import re

from agent.routing.followup.phrases import values
from agent.routing.followup.turn import Standalone, Turn, changed, lead_of, whole
from agent.routing.followup.values import PERIOD
from agent.routing.followup.words import (
    asks,
    is_aspect,
    joined,
    of_topic,
    stem,
    subject,
    subjectless,
)
from indexes.text import NOUN, content_terms

__all__ = ["again", "comparison", "complete", "condition", "request", "what_if"]

_MORE = re.compile(
    r"(?:请|再)?(?:能|可以)?(?:再)?(?:详细|具体|展开|仔细|多)(?:的|地)?(?:说说|讲讲|说明|介绍|解释|一点|一些|点|些|说|讲)(?:一下|吗)?|继续(?:说)?|(?:你)?确定吗|是吗|真的吗"
    r"|(?:can you |please |could you )*(?:tell me more|go on|continue|elaborate|explain(?: more| further)?|more details?|in more detail|are you sure|really)(?: please)?",
    re.IGNORECASE,
)
_REST = re.compile(
    r"(?:还有)?(?:其他|其它|别|其余|剩下)的?(?:呢|吗|有哪些)?|还有(?:呢|吗|什么|哪些|别的吗|其他的吗)?|为什么(?:呢)?|为何|怎么会|(?:请|再)?(?:能)?举(?:个|一个|几个)?例(?:子|说明)?(?:吗)?|(?:比如|例如)(?:呢|说)?"
    r"|(?:and )?(?:(?:what|anything|something) else|(?:the )?others?|why(?: not| is that| so)?|how so|how come|for example|(?:give me )?(?:an )?examples?(?: please)?|such as)",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"^(?:(?:和|跟|与|同|相比于?)(?P<zh>.{1,20}?)(?:相比|比较|对比|比起来|比)|比起?(?!例|率|重|赛|较|如)(?P<than>[^是多少怎什]{1,20})(?=呢))(?:一下|的话)?(?:呢|怎么样|如何)?[?？]?$"
    r"|^(?:and |how (?:does|is) (?:it|that) )?(?:compared?|in comparison|relative|versus|vs\.?)(?: (?:to|with))? (?P<en>[^?]{1,40})\??$",
    re.IGNORECASE,
)
CONDITION = re.compile(
    r"^(?:如果|要是|假如|万一|假设|若|按照?|通过|使用|when\b|if\b|in case\b|unless\b)|(?:的时候|之后|以后|的情况下|的话)$|..(?:后|前|时|期间)$",
    re.IGNORECASE,
)
WHAT_IF = re.compile(r"^(?:and |but )?what if\b\s*", re.IGNORECASE)
_TERM = re.compile(
    r"什么是|是什么意思|什么意思|什么叫|指的是什么|\bwhat does .+ mean\b|\bdefine\b|\bwhat (?:is|are) (?:an? )?\w[\w -]*\?*$",
    re.IGNORECASE,
)
_ASKED = re.compile(r"(?:又|都|应该|大概)?(?:是多少|是什么|有多少|有哪些|有几[个种项]|多少)$")
_TIME = re.compile(
    r"(?:在|到|截至|从)?(?:现在|目前|当前|如今|原来|原先|过去|当时|那时候?|(?:改|修改|修订|调整|变更|更新)?[之以]?[前后]|起)"
)
_NOW = re.compile("现在|目前|当前|如今|现行")
SHORT_QUESTION = 9


def request(turn: Turn) -> Standalone | None:
    """Ask for more of the same: 详细说说, anything else?, why?"""
    asked = turn.question.strip(" ?？。.!！")
    if _MORE.fullmatch(asked):
        return Standalone(turn.previous, turn.topic)
    rest = asked if _REST.fullmatch(asked) else turn.fragment.text
    if not _REST.fullmatch(rest):
        return None
    about = stem(turn.previous)
    text = f"{about}，{turn.question}" if turn.chinese else f"{about}: {turn.question}"
    return Standalone(text, turn.topic)


def comparison(turn: Turn) -> Standalone | None:
    """Compare what was asked about: 和西站比呢, compared to 2023?"""
    match = _COMPARED.match(re.sub(r"^那么?", "", turn.question))
    if match is None:
        return None
    other = match["zh"] or match["than"] or match["en"]
    about = stem(turn.previous)
    text = (
        f"{about}和{other}相比如何？"
        if match["en"] is None
        else f"{turn.previous.rstrip(' ?？')} compared to {other}?"
    )
    return Standalone(text, turn.topic)


def again(turn: Turn) -> Standalone | None:
    """Ask the same of another time: 2025年以前是多少, 去年是多少."""
    if not turn.chinese or any(value.kind != PERIOD for value in turn.new):
        return None
    when = rest = _ASKED.sub("", turn.fragment.text)
    for value in reversed(turn.new):
        rest = rest[: value.start] + rest[value.end :]
    old = next((value for value in turn.old if value.kind == PERIOD), None)
    if not rest and old is not None:
        return values(turn)
    if not when or (rest and not _TIME.fullmatch(rest)):
        return None
    span = (old.start, old.end) if old else (0, 0)
    if old is None and (now := _NOW.search(turn.previous)):
        span = now.span()
    text = turn.previous[: span[0]] + when + turn.previous[span[1] :]
    return changed(text, turn.topic)


def what_if(turn: Turn) -> Standalone | None:
    """Add a condition in English: what if it has already shipped?"""
    asked = WHAT_IF.match(turn.question)
    if asked is None:
        return None
    condition = turn.question[asked.end() :].rstrip(" ?")
    return Standalone(f"{turn.previous.rstrip(' ?？')} if {condition}?", turn.topic)


def complete(turn: Turn) -> Standalone | None:
    """Leave a question of its own, and complete one that lacks only what it is about."""
    question = turn.question
    if _TERM.search(question) and content_terms(question) and not turn.fragment.marked:
        return whole(question)
    if WHAT_IF.match(question) or not asks(turn.fragment.text):
        return None
    if (
        CONDITION.match(turn.fragment.text)
        and turn.fragment.marked
        and not asks(re.sub(r"^if\b", "", turn.fragment.text))
    ):
        return None
    named = any(value.named for value in turn.new)
    if named and turn.rest:
        return whole(question)
    asked = turn.fragment.text + (question[-1] if question[-1] in "?？" else "")
    nouns = [term for term, weight in turn.rest.items() if weight >= NOUN]
    if not named and (not nouns or (turn.chinese and subjectless(turn.fragment.text))):
        other = question if turn.rest else None
        return Standalone(joined(turn.topic, asked), turn.topic, other, sure=False)
    lead = lead_of(turn) if turn.about else ""
    if turn.chinese and is_aspect(subject(stem(turn.fragment.text)), before=1):
        return (
            Standalone(lead + asked, lead)
            if lead
            else Standalone(of_topic(asked, turn.topic), turn.topic)
        )
    if lead and not named:
        return whole(question, lead + turn.space + asked)
    short = len(question) <= SHORT_QUESTION if turn.chinese else len(question.split()) <= 4
    return whole(question, joined(turn.topic, question) if short else None)


def condition(turn: Turn) -> Standalone | None:
    """Add a condition: 如果提前退租呢, 开封后呢."""
    text = turn.fragment.text
    if not turn.fragment.marked or not CONDITION.search(text):
        return None
    if turn.chinese:
        return Standalone(f"{text}，{turn.previous}", turn.topic)
    return Standalone(f"{turn.previous.rstrip(' ?？')} {text}?", turn.topic)
