"""The form of answers: what few-shot examples have in common, and whether an answer has it too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from agent.answering.formats.schema import OWN
from agent.settings import Settings
from indexes.text import language, normalize

__all__ = ["complaint", "form", "house_style", "keeps", "unfilled_of"]

_OPENING = re.compile(
    r"\W*(您好|你好|尊敬的|亲|hello|hi\b|dear|good (?:morning|day|afternoon))", re.I
)
_CLOSING = re.compile(
    r"(感谢|谢谢|祝您|祝你|再见|随时|thank|regards|sincerely|happy to help|let (?:me|us) know)"
    r"[^。.!！~～]*[。.!！~～]*\s*$",
    re.I,
)
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.、)])\s", re.M)
_FIELD = re.compile(r"^\s*[^\s:：]{1,12}[:：]", re.M)
_LONG = 400  # characters
_COMPLAINTS = {  # what the note of a bad feedback is about; the first that fits counts
    "outdated": re.compile(
        r"过期|过时|旧的|旧版|已经变|变了|改了|更新|不是最新|out ?dated|old (?:price|version|one)|no longer|stale|changed"
    ),
    "format": re.compile(r"格式|字段|json|没有列|缺少|表格|format|field|layout|table", re.I),
    "style": re.compile(
        r"语气|口气|风格|啰嗦|太长|太短|不礼貌|生硬|官方|称呼|tone|style|polite|rude|wordy|too (?:long|short)|voice",
        re.I,
    ),
    "slow": re.compile(r"太慢|很慢|等了|超时|slow|took (?:too )?long|wait|timed? ?out", re.I),
}


def form(text: str) -> frozenset[str]:
    """Return what shows an answer's form: that it greets, takes leave, lists, has labelled lines, is long."""
    signs = {
        "opening": _OPENING.match(text) is not None,
        "closing": _CLOSING.search(text) is not None,
        "list": _LIST.search(text) is not None,
        "fields": len(_FIELD.findall(text)) >= 2,
        "long": len(text) > _LONG,
    }
    return frozenset(name for name, there in signs.items() if there)


def house_style(examples: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return, by language, what all examples of answers in it have."""
    found: dict[str, frozenset[str]] = {}
    for text in examples:
        spoken, signs = language(text), form(text)
        found[spoken] = found.get(spoken, signs) & signs
    return found


def keeps(text: str, style: Mapping[str, frozenset[str]]) -> bool:
    """Say whether an answer has all that the examples in its language have in common."""
    return style.get(language(text), frozenset()) <= form(text)


def _unfilled(text: str) -> bool | None:
    """Say whether an answer in JSON is broken or has an empty property of the project's own.

    None for one that has no such property.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return True
    if not isinstance(value, dict):
        return True
    own = [one for name, one in value.items() if name not in OWN]
    return any(one in (None, "", [], {}) for one in own) if own else None


def unfilled_of(answers: Iterable[tuple[str, str]], settings: Settings) -> list[bool]:
    """Return of each answer that has a schema to fill whether something is missing in it.

    Args:
        answers: the outcome and the text of each.
        settings: the project's.
    """
    if settings.answer.format != "json":
        return []
    found = [_unfilled(text) for action, text in answers if action in {"search", "act"}]
    return [one for one in found if one is not None]


def complaint(note: str) -> str:
    """Return what the note of a bad feedback is about: outdated, format, style, slow, or other."""
    plain = normalize(note)
    return next((kind for kind, words in _COMPLAINTS.items() if words.search(plain)), "other")
