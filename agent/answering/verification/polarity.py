"""Whether a claim says the opposite of its source: must not for may, fell for rose, does for does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

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
            r"\bno longer\b|不再|不得(?![少低小短超大高多长])|禁[止用入行放停售运]|严禁|不准|不允许|不支持|不能|不可(?!抗)|不予(?!以)|不应|不宜|\b(?:must|shall|may|can|should)(?: not|n['’]t|not)\b|\bcannot\b|\bnot (?:be )?(?:allowed|permitted|entitled)\b|\bprohibit|\bforbid|\bbanned\b|\bnever\b",
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
_OPPOSITES = {
    pair
    for one, other in (("free", "need"), ("forbid", "need"), ("forbid", "may"))
    for pair in ((one, other), (other, one))
}
_WITHIN = re.compile(  # up to 50 needs no approval, of which more than 50 must have one
    r"不超过|未超过|以[下内]|低于|少于|不足|不到|\b(?:up to|under|below|less than|at most|within)\b",
    re.IGNORECASE,
)
_BEYOND = re.compile(r"超过|以上|高于|大于|\b(?:over|above|more than|exceed)", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[，；;。！!？?\n]|,(?!\d)|\.\s|\bbut\b|\bunless\b|\bexcept\b|\b(?:where|when|if|which|who|while|because|since|although|so)\b|但|除非"
)
_AXES = tuple(
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE))
    for one, other in (
        (
            r"增长|上升|上涨|提高|增加|\b(?:rose|rises?|risen|rising|increas|grew|grow|climb)",
            r"下降|下滑|下跌|降低|减少|\b(?:fell|falls?|fallen|decreas|drop|declin|shrank)",
        ),
        (
            r"(?:获批|(?<![未不没予有])(?:获得?)?批准|(?<![未不没予有])通过)(?!率)|\b(?:approved|accepted|passed)\b",
            r"否决|驳回|(?:[未没]有?|不予)(?:获得?)?(?:批准|通过)|\b(?:rejected|refused|failed|turned down)\b",
        ),
        (
            r"开放|营业(?![收额执部])|\b(?:open|opens|opened)\b",
            r"关闭|关门|停业|\b(?:closed?|closes|shut|shuts)\b",
        ),
        (
            r"(?<!逆)顺时针|(?<!-)(?<!counter)(?<!anti)\bclockwise",
            r"逆时针|counter-?clockwise|anti-?clockwise",
        ),
    )
)
_ANY_SIDE = re.compile(
    "|".join(pattern.pattern for axis in _AXES for pattern in axis), re.IGNORECASE
)
_NEGATED = re.compile(
    r"[不未没无非免禁否]|\b(?:not?|never|without|neither|nor|none|cannot)\b|n['’]t\b", re.IGNORECASE
)
_NOT = re.compile(
    r"[不未无](?:[得能可应予会被要再准许]{0,2})(?P<zh>[㐀-鿿]{2})(?<!超过)(?<!低于)(?<!少于)(?<!高于)(?<!大于)"
    r"|(?:\b(?:not?|never|cannot)|n['’]t) (?:be |been |yet )?(?P<en>[a-z]{4,})",
    re.IGNORECASE,
)
_ONLY = re.compile(
    r"[只仅才]|最多|至多|\b(?:only|at most|up to|(?:no|not) (?:more|later|longer|less) than)\b",
    re.IGNORECASE,
)
_UNLESS = re.compile(r"未经|除非|\b(?:without|unless)\b", re.IGNORECASE)
_LACKS = re.compile(r"没有|未|无|without|\bno\b", re.IGNORECASE)
_ASKED = re.compile(r"[^。！!？?\n，,；;]*[？?]")
_MODAL = frozenset(
    "必须 应当 务必 需要 可以 允许 准许 有权 禁止 严禁 支持 不得 不准 不能 无需 不必 应 须 需 allow permit prohibit forbid "
    "requir mandatori necessari entitl oblig ban never option".split()
)


@dataclass(frozen=True)
class _Clause:
    """A clause, with what can be the opposite of another's found once."""

    text: str

    @cached_property
    def mode(self) -> str | None:
        """Whether it says that one must, may, need not or must not; may only and at most are neither."""
        if not _ONLY.search(self.text):
            for mode, pattern in _MODES:
                if pattern.search(self.text):
                    return mode
        return None

    @cached_property
    def sides(self) -> tuple[int, ...]:
        """Of each two opposites which it has: 1, -1, or 0 for none or both."""
        if not _ANY_SIDE.search(self.text):
            return ()
        return tuple(
            (one.search(self.text) is not None) - (other.search(self.text) is not None)
            for one, other in _AXES
        )

    @cached_property
    def denied(self) -> frozenset[str]:
        """The words that it denies, none if it does so on a condition."""
        if not _NEGATED.search(self.text) or _UNLESS.search(self.text):
            return frozenset()
        return frozenset(m["zh"] or m["en"].lower() for m in _NOT.finditer(self.text))

    @cached_property
    def affirms(self) -> str:
        """Its text in lower case if it denies nothing at all."""
        return "" if _NEGATED.search(self.text) else self.text.lower()

    @cached_property
    def terms(self) -> dict[str, float]:
        """Its words, but for those that all such clauses have."""
        return {t: w for t, w in content_terms(self.text).items() if t not in _MODAL}

    @cached_property
    def haystack(self) -> Haystack:
        """Its text, to look for terms in."""
        return Haystack(self.text)

    def against(self, other: _Clause) -> bool:
        """Say whether it would say the opposite of another if both are about the same."""
        return (
            (self.mode, other.mode) in _OPPOSITES
            or (
                bool(self.sides and other.sides)
                and any(a * b < 0 for a, b in zip(self.sides, other.sides, strict=True))
            )
            or (bool(self.denied) and any(word in other.affirms for word in self.denied))
            or (bool(other.denied) and any(word in self.affirms for word in other.denied))
        )

    def alike(self, other: _Clause) -> float:
        """Return how much of its words another has, or of the other's, which may say less, it has."""
        share = _share(self.terms, other.haystack)
        if share >= PARTLY and len(other.terms) >= FEWEST:
            share = max(share, _share(other.terms, self.haystack))
        return share


def opposed(claim: str, source: str) -> bool:
    """Say whether a clause of a claim says the opposite of the clauses of a source that are most like it.

    Args:
        claim: a claim without markers.
        source: the text that it cites.
    """
    for clause in map(_Clause, _CLAUSE.split(claim)):
        if clause.mode == "free" and _WITHIN.search(claim) and _BEYOND.search(source):
            continue
        if clause.mode == "forbid" and _LACKS.search(clause.text):
            continue  # without a ticket you may not is that you must have one
        against = [clause.against(other) for other in _clauses(source)]
        if not any(against) or len(clause.terms) < FEWEST:
            continue
        shares = [clause.alike(other) for other in _clauses(source)]
        least = max(ALIKE, max(shares) - 0.1)
        near = [bad for bad, share in zip(against, shares, strict=True) if share >= least]
        if near and all(near):
            return True
    return False


@lru_cache(maxsize=256)
def _clauses(source: str) -> tuple[_Clause, ...]:
    """Return the clauses of a source, without questions; the claims of an answer are compared with them."""
    said = _ASKED.sub(" ", source)
    return tuple(_Clause(text) for text in _CLAUSE.split(said) if len(text) >= 4)


def _share(terms: Mapping[str, float], there: Haystack) -> float:
    return sum(w * there.share(t) for t, w in terms.items()) / sum(terms.values())
