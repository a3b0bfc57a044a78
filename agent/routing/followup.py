"""Follow-ups: 「那费用呢？」 after a question about a project becomes a question of its own.

Only the previous question is looked at, never the whole history: adding back exactly one turn is
what recovers most of a deep conversation's routing accuracy, and more drags old topics along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.routing.types import Slot
from indexes.text import NOUN, content_terms, language, periods

__all__ = ["FindSlots", "Standalone", "standalone"]

FindSlots = Callable[[str], Sequence[Slot]]

_OPENING = re.compile(
    r"^\s*(?:那么|那|还有|另外|再(?:问一下|查一下|看看|查)?|以及|同样|换成|如果是|and|what about|how about|then|also)"
    r"(?:\s*(?:what about|how about|for|in))?[\s,，]*",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"(?:又)?(?:呢|怎么样|如何|又是多少)?[\s?？。.!！]*$")
_PRONOUN = re.compile(
    r"(?:这个|那个|该|此|本|上述|上面(?:的|那个)|刚才(?:的|那个)|前面(?:的|那个))(?:项目|工程|文件|办法|规定|制度|报告|方案|案例|标段|术语|事故)"
    r"|它们|他们|它的|它|其(?=[一-鿿]{2})|\b(?:it|its|they|their|them|that project|this project|the project)\b",
    re.IGNORECASE,
)
_TOPIC_PRONOUN = re.compile(
    r"这部分|那部分|这一?块|这里面?|那里面?|这些|那些|这方面|这项|上述内容|这(?=[要需花得])|\b(?:this|that|these|those)\b(?!\s+[a-z]{4,})",
    re.IGNORECASE,
)
_QUESTION_TAIL = re.compile(
    r"(?:分别|各)?(?:都)?(?:是|有|为)?(?:哪些|什么|多少(?:万元|元|万|个|天|米|公里|吨)?|怎么样|怎么(?:做|办|处理|规定的?|控制|安排)?|如何|几个|几月|多久|多长|多大|什么时候|哪一年|吗|呢)?[?？。.\s]*$"
)
_POLITE = re.compile(
    r"^(?:请问(?:一下)?|请|麻烦|帮我?|查询|查一下|查|看一下|看看|告诉我|我想知道|想问一下)+"
)


@dataclass(frozen=True)
class Standalone:
    """A question that needs nothing from before.

    `alternative` reads it as a follow-up where its wording does not tell; whoever can look at the
    documents decides between the two.
    """

    text: str
    alternative: str | None = None


def standalone(question: str, previous: str | None, find_slots: FindSlots) -> Standalone:
    """Return a question that can be understood without what was asked before.

    Args:
        question: what is asked now.
        previous: the previous turn's standalone question, if any.
        find_slots: finds names, dates and other argument values in a text.
    """
    question = question.strip()
    if not previous:
        return Standalone(question)
    mine, old = list(find_slots(question)), list(find_slots(previous))
    opening = _OPENING.match(question)
    fragment = _CLOSING.sub("", question[opening.end() :] if opening else question).strip()
    terms = content_terms(_without(fragment, mine, question))
    topics = [term for term, weight in terms.items() if weight >= NOUN]
    named = any(slot.argument != "period" for slot in mine)
    pronoun = _PRONOUN.search(question)
    if pronoun and not named:
        return Standalone(_replace_pronoun(question, pronoun, previous, old))
    topical = _TOPIC_PRONOUN.search(question)
    if topical and not named:
        rest = question[: topical.start()] + _topic(previous) + question[topical.end() :]
        return Standalone(rest)
    short = len(terms) <= 1 and not _is_whole(question, mine)
    if mine and not terms and (opening or short):
        return Standalone(_of_values(fragment, previous, mine, old, question))
    if not opening and not short:
        if named or not old or _is_whole(question, mine):
            return Standalone(question)
        if topics:
            return Standalone(question, _with_names(fragment, old, mine, question))
        return Standalone(question, f"{_topic(previous)} {question}")
    if named and len(terms) >= 2:
        return Standalone(fragment)
    if len(topics) >= 2:
        return Standalone(_with_names(fragment, old, mine, question))
    return Standalone(_with_topic(fragment, previous, mine, old), question if topics else None)


def _of_values(
    fragment: str, previous: str, mine: Sequence[Slot], old: Sequence[Slot], question: str
) -> str:
    """A question of nothing but values: they replace the old ones, unless they ask something new.

    After a question about measures, 「西站2023年的计划投资」 is complete, and 「2023年的计划投资呢」 lacks
    only the project.
    """
    known = {"period", "name"} | {slot.argument for slot in old}
    named = [slot for slot in mine if slot.argument != "period"]
    subject = [slot for slot in old if slot.argument in _first(old)]
    if all(slot.argument in known for slot in named) or not (len(named) > 1 or subject):
        return _substitute(previous, old, mine, fragment)
    return fragment if len(named) > 1 else _with_names(fragment, subject, mine, question)


def _is_whole(question: str, slots: Sequence[Slot]) -> bool:
    """A name and a topic, or a question about a term, needs nothing from before."""
    asks = re.search(
        r"什么是|是什么|什么意思|什么叫|指的是|\bwhat (?:is|are|does)\b|\bdefine\b",
        question,
        re.IGNORECASE,
    )
    named = any(slot.argument != "period" for slot in slots)
    return bool(asks) or (named and bool(content_terms(_without(question, slots, question))))


def _without(text: str, slots: Sequence[Slot], source: str) -> str:
    """Remove the values that were found in `source` from `text`, which is a part of it."""
    for slot in slots:
        surface = source[slot.start : slot.end]
        text = text.replace(surface, " ", 1) if surface else text
    return text


def _merged(new: Slot, old: str) -> str:
    """Keep the old year where the new period names none: 第四季度 after 2024年三季度."""
    if new.argument != "period" or any(period.year for period in periods(new.value)):
        return new.value
    year = next((period.year for period in periods(old) if period.year), None)
    if year is None:
        return new.value
    return f"{year}年{new.value}" if language(new.value) == "zh" else f"{new.value} {year}"


def _substitute(previous: str, old: Sequence[Slot], new: Sequence[Slot], fragment: str) -> str:
    """Put the new values where the previous question had values of the same arguments."""
    out = previous
    used = set()
    by_argument = {slot.argument: slot for slot in new}
    for slot in sorted(old, key=lambda slot: -slot.start):
        replacement = by_argument.get(slot.argument)
        if replacement is not None:
            used.add(slot.argument)
            surface = _merged(replacement, out[slot.start : slot.end])
            out = out[: slot.start] + surface + out[slot.end :]
    missing = [slot for slot in new if slot.argument not in used]
    if not used and not missing:
        return fragment
    lead = "".join(
        slot.value if language(previous) == "zh" else f"{slot.value} " for slot in missing
    )
    return lead + out


def _replace_pronoun(
    question: str, pronoun: re.Match[str], previous: str, slots: Sequence[Slot]
) -> str:
    names = [slot for slot in slots if slot.argument != "period"]
    subject = previous[names[0].start : names[0].end] if names else _topic(previous)
    possessive = pronoun.group().lower() in {"its", "their"}
    glue = "的" if pronoun.group() in {"它的", "其"} else "'s" if possessive else ""
    return question[: pronoun.start()] + subject + glue + question[pronoun.end() :]


def _with_names(fragment: str, old: Sequence[Slot], mine: Sequence[Slot], question: str) -> str:
    """A question of its own that lacks only whom or what it is about."""
    taken = {slot.argument for slot in mine}
    names = [
        slot.value
        for slot in old
        if slot.argument not in taken and slot.argument in {"name", "period"} | set(_first(old))
    ]
    lead = "".join(names) if language(question) == "zh" else " ".join([*names, ""])
    return lead + fragment


def _first(slots: Sequence[Slot]) -> list[str]:
    """Return the argument that comes first in the question, which is what it is about."""
    named = sorted(
        (slot for slot in slots if slot.argument != "period"), key=lambda slot: slot.start
    )
    return [named[0].argument] if named else []


def _with_topic(fragment: str, previous: str, mine: Sequence[Slot], old: Sequence[Slot]) -> str:
    """A fragment such as 费用: the previous topic followed by it."""
    taken = {slot.argument for slot in mine}
    replaced = [slot for slot in old if slot.argument in taken]
    topic = _topic(_without(previous, replaced, previous))
    if language(previous) == "zh" or language(fragment) == "zh":
        return f"{topic}的{fragment}" if fragment else previous
    return f"{fragment} of {topic}" if fragment else previous


def _topic(question: str) -> str:
    """Return a question without its question words."""
    text = _POLITE.sub("", question.strip())
    text = re.sub(
        r"^(?:what|which|how|when|where|who)\b(?:\s+(?:is|are|was|were|does|do|did|much|many))*\s*",
        "",
        text,
        flags=re.IGNORECASE,
    )
    return _QUESTION_TAIL.sub("", text).strip(" ?？的")
