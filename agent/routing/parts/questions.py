"""Several questions after one another: 「东站什么时候开工？谁是负责人？」."""

from __future__ import annotations

import re

from agent.routing.followup.words import asks
from indexes.text import CJK, language

__all__ = ["several"]

_END = re.compile(r"(?<=[？?；;])\s*")
_COMMA = re.compile(r"[，,]\s*(?:另外|还有|以及|并且|同时|而且|那|那么)?[，,]?")
_ASKS = re.compile(
    r"什么时候|什么|多少|多[久长大高远]|怎么|怎样|如何|为什么|为何|哪[些个里儿年家位]|是谁|由谁|谁(?=是|负责|来|审批|批)|几[个天次年月]|何时"
)
# a clause that leaves open what the next one asks: no question of its own
_OPEN = re.compile(
    r"^(?:如果|要是|假如|若|万一|因为|由于|虽然|无论|不管|不论|不知道?|当|除了|谁|为了|既然)|(?:时|的话|后|前|以后|之后|的时候)$"
)
_SHORT = 4  # characters that a Chinese clause which asks has at least
_CLAUSE_EN = re.compile(
    r"(?:,\s*(?:and|but|also)\s+|;\s*(?:and\s+)?|,?\s+and\s+(?:also\s+)?)(?="
    r"(?:how (?:do|does|did|can|could|should|much|many|long|often|is|are|was|were)|(?:what|when|where|who|which \w+|why) (?:is|are|was|were|do|does|did|can|could|should|will|must|has|have))\b)"
    r"|,\s*and\s+(?=(?:who|what|how|when|where|why|which)\b)",
    re.IGNORECASE,
)
_WORDS_EN = 4  # words of the first question, and two of the next
_EMBEDDED = re.compile(r"^(?:if|when|while|unless|because|although|once|after|before)\b", re.I)


def several(question: str) -> list[str]:
    """Return the questions that a text asks one after the other; what leads up to one stays with it.

    Args:
        question: what is asked.
    """
    sentences = [one for one in _END.split(question) if one.strip(" ？?；;")]
    found: list[str] = []
    lead = ""
    for sentence in sentences:
        whole = lead + sentence
        if not _is_question(sentence):
            lead = whole
            continue
        found += _clauses(whole)
        lead = ""
    if lead and found:
        found[-1] += lead
    return found if len(found) > 1 else [question]


def _is_question(sentence: str) -> bool:
    """Say whether a sentence asks something that can be looked up, not just 对吗 or 是吗."""
    bare = sentence.strip(" ？?；;。")
    if language(sentence) == "zh":
        return len(re.findall(rf"[{CJK}\w]", bare)) >= _SHORT and asks(bare)
    return len(bare.split()) > 1 and asks(bare)


def _clauses(sentence: str) -> list[str]:
    """Return the questions of one sentence."""
    if language(sentence) == "zh":
        pieces = _COMMA.split(sentence)
        return _joined(pieces) if len(pieces) > 1 else [sentence]
    if not asks(sentence) or _EMBEDDED.match(sentence):
        return [sentence]
    pieces = [piece.strip() for piece in _CLAUSE_EN.split(sentence)]
    if len(pieces[0].split()) < _WORDS_EN or any(len(one.split()) < 2 for one in pieces):
        return [sentence]
    return pieces


def _joined(pieces: list[str]) -> list[str]:
    """Put Chinese clauses together, so that each group ends with one that asks."""
    groups: list[str] = []
    held: list[str] = []
    for piece in pieces:
        held.append(piece)
        bare = piece.strip(" ？?。")
        if len(bare) >= _SHORT and _ASKS.search(bare) and not _OPEN.search(bare):
            groups.append("，".join(held))
            held = []
    if held and groups:
        groups[-1] = "，".join([groups[-1], *held])
    return groups or ["，".join(pieces)]
