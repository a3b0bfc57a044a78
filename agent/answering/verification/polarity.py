"""Whether a claim says the opposite of its source: must not for may, need not for must."""

from __future__ import annotations

import re
from functools import lru_cache

from indexes.text import Haystack, content_terms

__all__ = ["opposed"]

ALIKE = 0.75  # the share of a claim's words that a clause of the source has if it is about the same
PARTLY = 0.4
FEWEST = 2  # words that say what a clause is about
_MODES = tuple(
    (mode, re.compile(pattern, re.IGNORECASE))
    for mode, pattern in (
        (
            "free",
            r"无需|不需要?|不必|不须|无须|毋须|免于|可不(?!能)|\bneed not\b|\bnot (?:required|necessary|obliged|need)\b|\b(?:do|does|did)(?: not|n['’]t) (?:need|have|require)|\boptional\b",
        ),
        (
            "forbid",
            r"\bno longer\b|不再|不得(?![少低小短超大高多长])|禁止|严禁|不准|不允许|不支持|不能|不可(?!抗)|不予(?!以)|不应|不宜|\b(?:must|shall|may|can|should)(?: not|n['’]t|not)\b|\bcannot\b|\bnot (?:be )?(?:allowed|permitted|entitled)\b|\bprohibit|\bforbid|\bbanned\b|\bnever\b",
        ),
        (
            "need",
            r"必须|应当|务必|需要|[应须需](?=[^急用求对付答])|\b(?:must|shall|mandatory|required|have to|has to|needs? to)\b",
        ),
        (
            "may",
            r"可以|(?<!不)支持|允许|准许|有权|可(?=[^能行靠见持视控再燃溶])|\b(?:may|can|allowed|permitted|entitled|optional)\b",
        ),
    )
)
_OPPOSITES = {frozenset(pair) for pair in (("free", "need"), ("forbid", "need"), ("forbid", "may"))}
_WITHIN = re.compile(  # up to 50 needs no approval, of which more than 50 must have one
    r"不超过|未超过|以[下内]|低于|少于|不足|不到|\b(?:up to|under|below|less than|at most|within)\b",
    re.IGNORECASE,
)
_BEYOND = re.compile(r"超过|以上|高于|大于|\b(?:over|above|more than|exceed)", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[，,；;。！!？?\n]|\.\s|\bbut\b|\bunless\b|\bexcept\b|\b(?:where|when|if|which|who|while|because|since|although|so)\b|但|除非"
)
_MODAL = frozenset(
    "必须 应当 务必 需要 可以 允许 准许 有权 禁止 严禁 支持 不得 不准 不能 无需 不必 应 须 需 allow permit prohibit forbid "
    "requir mandatori necessari entitl oblig ban never option".split()
)


def opposed(claim: str, source: str) -> bool:
    """Say whether a clause of a claim says the opposite of the clause of a source that is most like it.

    Args:
        claim: a claim without markers.
        source: the text that it cites.
    """
    for clause in _CLAUSE.split(claim):
        mode = _mode(clause) if clause else None
        if mode is None or (mode == "free" and _WITHIN.search(claim) and _BEYOND.search(source)):
            continue
        terms = {t: w for t, w in content_terms(clause).items() if t not in _MODAL}
        if len(terms) < FEWEST:
            continue
        total = sum(terms.values())
        found: list[tuple[float, str | None]] = []
        for other, there in _parts(source):
            share = sum(w * there.share(t) for t, w in terms.items()) / total
            if share >= PARTLY:  # a short clause may say less than the claim does
                share = max(share, _held(other, clause))
            if share >= ALIKE:
                found.append((share, _mode(other)))
        best = max((share for share, _ in found), default=0.0)
        modes = {theirs for share, theirs in found if share >= best - 0.1}
        if modes and all(frozenset((mode, theirs)) in _OPPOSITES for theirs in modes):
            return True
    return False


@lru_cache(maxsize=64)
def _parts(source: str) -> list[tuple[str, Haystack]]:
    """Return the clauses of a source; the claims of an answer are compared with them one by one."""
    return [(clause, Haystack(clause)) for clause in _CLAUSE.split(source) if len(clause) >= 4]


def _held(clause: str, claim: str) -> float:
    """Return the share of the words of a source's clause that a claim has, 0 for a clause of one word."""
    terms = {t: w for t, w in content_terms(clause).items() if t not in _MODAL}
    there = Haystack(claim)
    if len(terms) < FEWEST:
        return 0.0
    return sum(w * there.share(t) for t, w in terms.items()) / sum(terms.values())


def _mode(clause: str) -> str | None:
    for mode, pattern in _MODES:
        if pattern.search(clause):
            return mode
    return None
