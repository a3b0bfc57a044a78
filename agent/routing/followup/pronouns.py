"""Pronouns: 它的工期是多久, 这个办法由谁批准, who approves that?"""

from __future__ import annotations

import re

from agent.routing.followup.turn import Standalone, Turn
from agent.routing.followup.words import SO_THE_NOUN, stem, subject
from indexes.text import CJK, NOUN, content_terms, language, words_of

__all__ = ["DEMONSTRATIVE", "pronoun"]

DEMONSTRATIVE = re.compile(
    rf"(?!{SO_THE_NOUN})(?:这|那)(?:个|种|项|款|条|份|类|家|位|座|本)|(?<![应活我你他不谁都就也本])该(?!不)|(?<![因如彼])此(?!外|类|前|后|时|次)|上述|(?:上面|刚才|前面|之前)(?:说?的|提到的)?(?:那个|那种)?|(?<![{CJK}])本(?=项目|工程|合同|办法|制度)"
)
_PERSONAL = re.compile(
    r"它们的|他们的|她们的|它们|(?<![其吉维])(?<!排)他们|她们|它的|(?<!其)它|(?<![其吉])他(?!人)的?|她的?|(?<![尤极何莫耳])其(?=[一-鿿]{2})(?![他它中实次间余])"
    r"|\b(?:it|its|they|their|them)\b",
    re.IGNORECASE,
)
_ALL_OF_IT = re.compile(
    rf"(?!{SO_THE_NOUN})(?:这|那)(?:一部分|部分|一?块|方面|些(?!天|年)|里面?)|上述内容|(?<![一-鿿])这(?=[要需花得是由])"
    r"|\b(?:this|that|these|those)\b(?=[?.!\s]*$)|(?<=^is )(?:this|that)\b|(?<=does )(?:this|that)\b(?= (?:also|apply|include|need|have|cost|take|mean|work|still|only|depend|require|change)\b)",
    re.IGNORECASE,
)
_EXPLETIVE = re.compile(
    r"\b(?:it|that)\s+(?:take|takes|took|cost|costs)\b.*\bto\b|\b(?:is|was|be)\s+it\s+(?:\w+ly\s+)?[a-z]+\s+(?:to|for|that)\b|\b(?:what time|what day) is it\b|\bit (?:rain|snow)",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"\b(?:an?|the|my|our|your|this|new|all)\s+[a-z][\w-]+|\b(?:(?!does\b|was\b|has\b|its\b)[a-z]{2,}[a-rt-z]s|people|children)\b(?=.*\b(?:they|their|them)\b)",
    re.IGNORECASE,
)

_CLAUSE = re.compile(r".*\w{3,}.*[:,;]")


def pronoun(turn: Turn) -> Standalone | None:
    """Put what a pronoun stands for in its place: 它的工期是多久, who approves that?"""
    if any(value.named for value in turn.new if value.kind not in {"name", "latin"}):
        return None
    question = turn.question
    everything = _ALL_OF_IT.search(question)
    if everything is not None:
        about = stem(turn.previous)
        return Standalone(
            question[: everything.start()] + about + question[everything.end() :], about
        )
    span = _demonstrated(question) or _personal(question)
    if span is None:
        return None
    start, end, glue = span
    about = _antecedent(turn)
    return Standalone(f"{question[:start]}{about}{glue}{question[end:]}", about)


def _personal(question: str) -> tuple[int, int, str] | None:
    """Return where a pronoun stands that nothing in the question itself explains."""
    match = _PERSONAL.search(question)
    if match is None or match.group() == "IT" or _EXPLETIVE.search(question):
        return None
    before = question[: match.start()]
    if match.group().isascii():
        glue = "'s" if match.group().lower() in {"its", "their"} else ""
        tail = " they" if match.group().lower().startswith("the") else ""
        explained = _OWN.search(before + tail) or _CLAUSE.match(before)
        return None if explained else (*match.span(), glue)
    said = any(weight >= NOUN for weight in content_terms(before).values())
    return None if said else (*match.span(), "的" if match.group().endswith(("的", "其")) else "")


def _demonstrated(question: str) -> tuple[int, int, str] | None:
    """Return where 这个项目 or 该办法 stands: a demonstrative and the noun behind it."""
    match = DEMONSTRATIVE.search(question)
    run = re.match(f"[{CJK}]+", question[match.end() :]) if match else None
    if match is None:
        return None
    if run is None:
        return (*match.span(), "") if match.group().startswith(("这", "那")) else None
    word = words_of(run.group())[0]
    weight = content_terms(word).get(word, 0.0)
    if word in {"月", "季度", "年度", "星期", "周", "时候", "公司"} or (
        match.group() in {"该", "此"} and weight < NOUN
    ):
        return None
    # 这个怎么用: no noun of its own
    return (match.start(), match.end() + (len(word) if weight else 0), "")


def _antecedent(turn: Turn) -> str:
    values = [value for value in turn.values(turn.topic) if value.named]
    if values:
        return turn.topic[values[0].start : values[0].end]
    return subject(turn.topic) if language(turn.topic) == "zh" else turn.topic
