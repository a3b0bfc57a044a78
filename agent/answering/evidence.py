"""Whether passages support an answer, and how much each term of a question weighs."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul

from agent.answering.code import is_code, kind_terms
from indexes.text import (
    NAMED,
    NOUN,
    Haystack,
    content_terms,
    identifiers,
    is_word,
    known_words,
    language,
    normalize,
    periods,
    sentences,
)
from indexes.types import LocatedPassage, Location

__all__ = ["Evidence", "Weights", "coverage", "term_shares", "weigh"]

ENOUGH, ENOUGH_WHEN_LOST = 0.5, 0.6  # the second where the router did not know where to look
WINDOW = 3  # sentences that together may answer; terms strewn over a passage say little
HELD = 0.5  # the share of a term that counts as having it
VALUED = 0.6  # how much of a measure's name a value of its kind stands for
OWN = 0.3  # how much it counts that a window itself has a term, not its heading
# A logistic model of support, fitted on the questions of four projects, answerable ones also with the
# documents that answer them taken away. Fitted on three, it ranks the fourth's with an area under the
# curve of 0.96 to 0.99. Then moved by hand, within what the fits differ by but for BY_ASKED and
# BY_ENGLISH, so that more of the same projects' near misses are refused: there the figures flatter.
BIAS, BY_SHARE, BY_NOUNS, BY_SIMILARITY = -3.9, 3.3, 1.5, 0.45
BY_CONFLICT, BY_KIND, BY_ASKED, BY_PRIOR = -3.2, -0.85, -1.5, 1.1
BY_INSIDE = 0.4  # what the window itself has, not its heading
BY_ENGLISH = 0.5  # whose verbs cannot be told from nouns, so that fewer of these are found
# Similarities of the local model lie in a narrow band, which is lower for English and lower still
# between the languages.
LOW_ZH, LOW_EN, LOW_MIXED, SPREAD = 0.86, 0.83, 0.81, 0.015
UNKNOWN = 1.5  # taken where an index has no such similarity: between what answers and what does not
UNNAMED = 0.1  # what the router thinks of an answer being where it did not send the question
UNDATED = 0.4
SYNONYM = 0.9  # the share of a term whose synonym a passage has
Weights = Mapping[str, float]
Alternatives = Mapping[str, Sequence[Sequence[str]]]
NO_SYNONYMS: Alternatives = {}


@dataclass(frozen=True)
class Evidence:
    """How well passages support an answer.

    Args:
        sufficient: whether they support one.
        score: the probability that the best passage supports one.
        missing: terms that no passage has.
        order: positions of the passages, best supported first.
        support: the score of each of these, in that order.
    """

    sufficient: bool
    score: float
    missing: tuple[str, ...]
    order: tuple[int, ...]
    support: tuple[float, ...]


def weigh(
    question: str,
    passages: Sequence[LocatedPassage],
    weights: Weights,
    *,
    prior: float = 0.5,
    unnamed: Collection[str] = (),
    enough: float = ENOUGH,
    synonyms: Alternatives = NO_SYNONYMS,
) -> Evidence:
    """Judge passages by what of the question stands together in them, and by similarity.

    Args:
        question: the standalone question.
        passages: what was found, best first.
        weights: each content term's weight.
        prior: the route's confidence: what the router thinks of an answer being there.
        unnamed: indexes that the route did not name.
        enough: the score that counts as support.
        synonyms: other words for terms, each as its own terms.
    """
    terms = _terms(question, passages)
    if not passages or not terms:
        return Evidence(False, 0.0, tuple(terms), (), ())
    scores = []
    present: set[str] = set()
    for passage in passages:
        sure = UNNAMED if passage["index"] in unnamed else prior
        score, found = _support(question, terms, passage, weights, sure, synonyms)
        scores.append(score)
        present |= found
    order = sorted(range(len(passages)), key=lambda i: (-round(scores[i], 2), i))
    best = scores[order[0]]
    missing = tuple(term for term in terms if term not in present)
    return Evidence(
        best >= enough,
        round(best, 4),
        missing,
        tuple(order),
        tuple(round(scores[i], 4) for i in order),
    )


def _terms(question: str, passages: Sequence[LocatedPassage]) -> dict[str, float]:
    """Return the terms of a question, those in parts that only the segmenter took for words: 能录 of 能录几枚.

    No dictionary has them, nor any passage. Names are kept, which dictionaries lack as well.
    """
    terms = content_terms(question)
    asked = _noun_after(question)
    coined = [t for t, says in terms.items() if says < NAMED and t != asked and _is_coined(t)]
    wholes = [_whole(passage) for passage in passages] if coined else ()
    lost = {t for t in coined if not any(_haystack(whole).share(t) >= HELD for whole in wholes)}
    found: dict[str, float] = {}
    for term, says in terms.items():
        for part, part_says in _parts(term).items() if term in lost else ((term, says),):
            found.setdefault(part, part_says)
    return found or terms


@lru_cache(maxsize=1024)
def _is_coined(term: str) -> bool:
    """Say whether a Chinese term is in no dictionary and has a function word in it, as 能 of 能录."""
    if term.isascii() or not term.isalpha() or is_word(term):
        return False
    return any(not content_terms(sign) for sign in term)


@lru_cache(maxsize=1024)
def _parts(coined: str) -> Mapping[str, float]:
    """Return the terms that a dictionary knows in a word."""
    return {
        term: says for part in known_words(coined) for term, says in content_terms(part).items()
    }


def _support(
    question: str,
    terms: Mapping[str, float],
    passage: LocatedPassage,
    weights: Weights,
    prior: float,
    synonyms: Alternatives,
) -> tuple[float, set[str]]:
    """Return the probability that a passage supports an answer, and the terms that it has."""
    whole = _whole(passage)
    written = _language(passage["text"])
    own = _comparable(list(terms), written, synonyms)
    if is_code(passage["document"], passage["location"]):
        own = [term for term in own if term not in kind_terms()] or own
    there = dict(zip(own, _told_shares(own, whole, synonyms), strict=True))
    found = {term for term, held in there.items() if held >= HELD}
    covered, inside, together, text = _best_window(
        [term for term, held in there.items() if held], passage, weights, synonyms
    )
    total = sum(weights.get(term, 1.0) for term in own) or 1.0
    nouns = [term for term in own if terms[term] >= NOUN]
    named = sum(term in together for term in nouns) / len(nouns) if nouns else 1.0
    asked = asked_noun(question)
    utility = (
        BIAS
        + BY_SHARE * covered / total
        + BY_INSIDE * inside / total
        + BY_NOUNS * named
        + BY_ENGLISH * (written == "en")
        + BY_SIMILARITY * _closeness(passage["similarity"], _language(question), written)
        + BY_CONFLICT * conflict(question, whole, f"{passage['title']} {passage['document']}")
        + BY_KIND * ("row" not in passage["location"] and lacks_kind(question, text))
        + BY_ASKED * (asked in own and asked not in together)
        + BY_PRIOR * (prior - 0.5)
    )
    return 1 / (1 + math.exp(-utility)), found


def _best_window(
    terms: Sequence[str], passage: LocatedPassage, weights: Weights, synonyms: Alternatives
) -> tuple[float, float, set[str], str]:
    """Return the sentences that have most of the terms: the weight of those, and of those not only above
    them, the terms, and the text.

    What stands above them (title and heading) counts as theirs.
    """
    own = [weights.get(term, 1.0) for term in terms]
    none = [0.0] * len(terms)
    best: tuple[float, float, Sequence[float], str] = (0.0, 0.0, none, passage["text"])
    spans = passage["spans"] or [{"start": 0, "location": passage["location"]}]
    ends = [*(span["start"] for span in spans[1:]), len(passage["text"])]
    for span, end in zip(spans, ends, strict=True):
        above = term_shares(terms, _above(passage, span["location"]))
        whole = is_code(passage["document"], span["location"])  # a line of it says little alone
        text = passage["text"][span["start"] : end]
        part = (text,) if whole else _sentences(text)
        shares = [_told_shares(terms, text, synonyms) for text in part]
        for first in range(max(1, len(part) - WINDOW + 1) if part else 0):
            window = slice(first, first + WINDOW)
            inside = [max(each) for each in zip(*shares[window], strict=True)]
            both = list(map(max, inside, above))
            # Of windows that have the same with their heading, the one that has more itself.
            written = sum(map(mul, own, inside))
            score = sum(map(mul, own, both)) + OWN * written
            if score > best[0] + 1e-9:
                best = (score, written, both, "\n".join(part[window]))
    _, written, held, text = best
    together = {term for term, share in zip(terms, held, strict=True) if share >= HELD}
    return sum(map(mul, own, held)), written, together, text


def _above(passage: LocatedPassage, location: Location) -> str:
    """Return what stands above a stretch of a passage: titles, sheet and headings."""
    around = [str(location.get(key, "")) for key in ("sheet", "heading", "article", "symbol")]
    return " ".join([passage["header"], passage["document"], *around])


def _closeness(similarity: float, asked: str, written: str) -> float:
    """Return how similar question and passage are, in spreads above a low one."""
    if not similarity:
        return UNKNOWN
    alike = LOW_ZH if written == "zh" else LOW_EN
    return (similarity - (alike if asked == written else LOW_MIXED)) / SPREAD


@lru_cache(maxsize=256)
def asked_noun(question: str) -> str | None:
    """Return the noun that a question asks for: 鱼 of 有几种鱼, 成本 of 成本是多少, home of how many homes.

    It stands right after the question word, else before one that asks what something is; None if
    there is no such noun.

    Args:
        question: the question.
    """
    noun = _noun_after(question)
    if noun is not None:
        return noun
    word = _ASKS_OF.search(question)
    if word is None:
        return None
    named = identifiers(question)  # which thing is meant, not what is asked of it
    before = content_terms(question[: word.start()])
    words = [term for term in before if not _is_figure(term) and term not in named]
    return words[-1] if words and before[words[-1]] >= NOUN else None


def _noun_after(question: str) -> str | None:
    """Return the noun right after the question word, unless it names a kind of answer: 多少钱."""
    word = _ASKS_FOR.search(question)
    if word is None:
        return None
    rest = normalize(question[word.end() :])
    noun, says = next(iter(content_terms(rest).items()), ("", 0.0))
    asked = noun in content_terms(question) and says >= NOUN and rest.startswith(noun[:2])
    return noun if asked and noun not in _MEASURES else None


def _is_figure(term: str) -> bool:
    return term[0] in "~§" or term[0].isdigit()


def _comparable(terms: Sequence[str], written: str, synonyms: Alternatives) -> list[str]:
    """Return the terms that a passage of its language could have: no English words in Chinese."""
    own = [
        t
        for t in terms
        if _fits(t, written) or any(_fits("".join(o), written) for o in synonyms.get(t, ()))
    ]
    return own if len(own) >= 2 else list(terms)


def _fits(term: str, written: str) -> bool:
    return not term.isalpha() or term.isascii() != (written == "zh")


def conflict(question: str, passage: str, title: str) -> float:
    """Return how surely a passage is about another time or numbered thing, from 0 to 1.

    A passage without any date conflicts with none.

    Args:
        question: the question.
        passage: the passage with its title and headings.
        title: the title and source name alone.
    """
    numbered, dates = _told_apart(question)
    haystack = _haystack(passage)
    found = 1.0 if any(not haystack.has(name) for name in numbered) else 0.0
    for term in dates:
        there, named = haystack.exact, _haystack(title).exact
        kind = term[:2]
        dated = any(one.startswith(kind) for one in named)
        if kind == "~y" and term not in there and any(one.startswith(kind) for one in there):
            # A rule of another year may hold in the year asked about; a report of it does not.
            found = max(found, 1.0 if dated else UNDATED)
        elif term not in named and dated:
            found = max(found, 0.5 if kind == "~y" else 1.0)
    return found


@lru_cache(maxsize=256)
def _told_apart(question: str) -> tuple[list[str], list[str]]:
    """Return the numbered things that a question names, and its dates as canonical terms."""
    return identifiers(question), [term for p in periods(question) for term in p.terms()]


def lacks_kind(question: str, text: str) -> bool:
    """Say whether a text cannot hold the kind of answer asked for: money, a day, a time, a number.

    Args:
        question: the question.
        text: what may answer it.
    """
    for asks, holds in _KINDS:
        if asks.search(question):
            return not holds.search(text)
    return False


_ASKS_OF = re.compile(
    r"(?:是|为|有|等于|达到?|占)?多[少大长高深宽厚久快重远]|(?:是|为|有|等于|达到?|占)(?:几|什么|哪|谁)"
)
_ASKS_FOR = re.compile(
    r"(?:几|哪|什么|多少)[个种类台条座根名次家位些项份件间所款枚张层套支只户辆道级]?的?"
    r"|\b(?:how many|which|what(?: (?:is|are) the| (?:kind|type)s? of)?)\s+"
    r"|\bhow\s+(?=(?:heavy|loud|noisy|hot|warm|cold|deep|tall|wide|thick)\b)",
    re.IGNORECASE,
)
_MEASURES = {"钱", "时间", "时候", "天", "名字"}  # kinds of answers rather than things
# Numbers as values are written with: in digits, in Chinese numerals, in English words.
_NUMBER = (
    r"(?:\d|[一二两三四五六七八九十百千万亿]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve|fifteen|twenty|thirty|forty|fifty|sixty|ninety|hundred|thousand|dozen)\b)"
)
_STRETCH = (  # of time
    rf"{_NUMBER}\s*(?:个?工作日|[天日年周秒]|个?月|小时|分钟"
    r"|(?:working |business |calendar )?(?:day|week|month|year|hour|minute|second)s?\b)"
)
_PERCENTAGE = rf"\d\s*[%％‰]|百分之|千分之|{_NUMBER} percent"
_VALUES = {
    term: re.compile(holds, re.IGNORECASE)
    for terms, holds in (
        (
            "比例 比率 占比 比重 百分比 利率 费率 税率 rate ratio percentag proport",
            _PERCENTAGE,
        ),
        ("期限 时限 天数 时长 deadlin durat period", _STRETCH),
        (  # what is asked with "how heavy" is told by a weight
            "重量 heavi weigh weight",
            r"\bweigh|\d\s*(?:公斤|千克|吨|(?:kg|t|lbs?|tonnes?|tons?|kilos?|kilograms?|pounds?)\b)",
        ),
        ("loud noisi", r"\bdB|decibel|分贝"),
        ("hot warm cold", r"°|℃|\bdegrees?\b|摄氏|\d\s*度"),
        (
            "deep tall wide thick",
            rf"(?:{_NUMBER})\s*(?:[cmk]?m\b|mm\b|feet|foot|inch|毫米|厘米|公里|米)",
        ),
    )
    for term in terms.split()
}
_KINDS = tuple(
    (re.compile(asks, re.IGNORECASE), re.compile(holds, re.IGNORECASE))
    for asks, holds in (
        (
            r"百分之[多几]|百分比|(?:比例|比率|[利费税]率)(?:是|为|有)?多[少大]|多大(?:的)?比例"
            r"|\bwh(?:at|ich) (?:percentage|rate|ratio)\b|\b(?:how many|what) per ?cent\b",
            rf"{_PERCENTAGE}|{_NUMBER}成|一半|\bhalf\b|\d\s*[:：∶]\s*\d",
        ),
        (
            r"多少钱|多少(?:万|亿)?元|几(?:块钱|万块)|收费|单价|售价|卖多少|工资多少"
            r"|\bhow much (?:money|does|did|is)\b|\bcost\b",
            r"[\d一二两三四五六七八九十百千万亿][\d,.]*\s*(?:万|亿|百万)?[元块]|\d\s*%"
            r"|元[^\d|:：]{0,10}[|:：]\s*\d"  # a table's column names the unit of its values
            r"|(?:RMB|CNY|USD|EUR|GBP|\$|¥|€|£)\s*\d"
            r"|\d[\d,.]*\s*(?:million|thousand|yuan|euros?|dollars?|pounds?|percent|RMB|CNY|USD|EUR)",
        ),
        (
            r"几月|几号(?!线|楼)|哪(?:一)?[天日]|\bwh(?:at|ich) (?:date|day)\b",
            r"[\d一二三四五六七八九十]\s*[月日号]|\d{4}-\d|(?:周|星期)[一二三四五六日天]|\b(?:19|20)\d\d\b|[a-z]day\b",
        ),
        (
            r"什么时候|何时|哪[年月]|\bwhen\b",
            r"\d\s*[年月日号天]|[一二两三四五六七八九十百](?:[月日号天]|个?工作日|个月)|\d{4}-\d"
            rf"|{_NUMBER} (?:(?:working|business|calendar) )?(?:days|hours|months)|\b(?:19|20)\d\d\b",
        ),
        (
            r"多少|几[个台条座根名人次米公吨]|多[大长高深宽厚久快重远]"
            r"|\bhow (?:many|much|long|far|deep|wide|often|high|tall|thick|large|big|old|fast)\b",
            _NUMBER,
        ),
    )
)


@lru_cache(maxsize=1024)
def _language(text: str) -> str:
    """Return the language of a question or passage."""
    return language(text)


@lru_cache(maxsize=1024)
def _sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of a stretch of a passage."""
    return tuple(sentence for _, sentence in sentences(text))


@lru_cache(maxsize=2048)
def _haystack(text: str) -> Haystack:
    """Return a text to look for terms in; passages come back question after question."""
    return Haystack(text)


def term_shares(terms: Sequence[str], text: str) -> list[float]:
    """Return how much of each term a text has, from 0 to 1."""
    haystack = _haystack(text)
    return [haystack.share(term) for term in terms]


def _told_shares(terms: Sequence[str], text: str, synonyms: Alternatives) -> list[float]:
    """Return how much of each term a text has, where a measure is told by a value of its kind, 比例 by 3%,
    and anything by a synonym."""
    shares = term_shares(terms, text)
    for place, term in enumerate(terms):
        holds = _VALUES.get(term)
        if holds is not None and shares[place] < VALUED and holds.search(text):
            shares[place] = VALUED
        for other in synonyms.get(term, ()) if shares[place] < SYNONYM else ():
            shares[place] = max(shares[place], SYNONYM * min(term_shares(other, text)))
    return shares


def coverage(terms: Sequence[str], text: str, weights: Weights) -> tuple[float, set[str]]:
    """Return the weighted share of `terms` that a text has, and which it has at least half of."""
    shares = term_shares(terms, text)
    total = sum(weights.get(term, 1.0) for term in terms)
    found = list(zip(terms, shares, strict=True))
    covered = sum(weights.get(term, 1.0) * share for term, share in found)
    return (covered / total if total else 0.0), {term for term, share in found if share >= HELD}


def _whole(passage: LocatedPassage) -> str:
    """Return a passage with its titles and all its headings."""
    heading = " ".join(
        str(span["location"].get(key, ""))
        for span in passage["spans"]
        for key in ("sheet", "heading", "symbol")
    )
    return f"{passage['header']} {passage['document']} {heading}\n{passage['text']}"
