"""A chat model's rewordings of a question whose search found too little."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.models.replies import Complete, Unusable, ask_twice, quoted, read_object
from indexes.text import (
    NAMED,
    Haystack,
    chinese_number,
    content_terms,
    language,
    normalize,
    period_spans,
)
from prompts import PACKAGED, Language, Prompts

__all__ = ["ask_rewrite"]

QUERIES = 3
QUESTION = 1500  # characters
LINE = 120  # of a term or of an index's title
SPARE = 80  # characters that a query may have beyond the question
SHARED = 0.25  # the least share of a query's terms, by what they say, that the question has
CANONICAL = ("~", "§")  # what dates and articles are looked for as; the question has them in words
_CODE = re.compile(r"[a-z]+[-_]?\d[a-z\d_-]*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CHINESE_NUMBER = re.compile("第?([零〇一二两三四五六七八九十百千]+)")


async def ask_rewrite(
    question: str,
    missing: Sequence[str],
    searched: Sequence[str],
    complete: Complete,
    language: Language,
    *,
    prompts: Prompts = PACKAGED,
) -> list[str]:
    """Ask a chat model for up to three queries that may find more; an unusable reply is asked again once.

    A query is used only if it is about the question: it has some of its terms or is in the other
    language, and no number or code that the question lacks.

    Args:
        question: the standalone question.
        missing: terms of it that nothing found has.
        searched: titles of the indexes searched, with what is in them.
        complete: sends a prompt and returns the reply.
        language: the prompt's language.
        prompts: the project's prompts.

    Raises:
        ModelError: neither reply had a query that can be used, or `complete` failed.
    """
    prompt = prompts.render(
        "rewrite",
        language,
        question=quoted(question, QUESTION),
        missing=_listed([term for term in missing if not term.startswith(CANONICAL)]),
        searched=_listed(searched),
    )
    return await ask_twice(
        prompt,
        complete,
        lambda reply: _queries(reply, question),
        language=language,
        role="rewriter",
        prompts=prompts,
    )


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(quoted(text, LINE) for text in texts) or "-"


def _queries(reply: str, question: str) -> list[str]:
    data = read_object(reply)
    if set(data) != {"queries"}:
        raise Unusable("the only key must be `queries`")
    queries = data["queries"]
    if not isinstance(queries, list) or not all(isinstance(query, str) for query in queries):
        raise Unusable("`queries` must be a list of texts")
    if not queries:
        raise Unusable("`queries` is empty")
    if len(queries) > QUERIES:
        raise Unusable(f"`queries` must have at most {QUERIES} texts")
    found: dict[str, str] = {}
    problems: list[str] = []
    for query in queries:
        text = query.strip()
        problem = _problem(text, question)
        if problem:
            problems.append(problem)
        else:
            found.setdefault(_said(text), text)
    if not found:
        raise Unusable(problems[0])
    return list(found.values())


def _problem(query: str, question: str) -> str | None:
    """Return why a query cannot be used; None if it can."""
    if not query or not query.isprintable():
        return "a query must be one line of text"
    if len(query) > len(question) + SPARE:
        return f"a query has {len(query)} characters, which is too many"
    if _said(query) == _said(question):
        return "a query repeats the question"
    new = sorted(_figures(query) - _figures(question) - _written_out(question))
    if new:
        return f"{new[0].lstrip('~')!r} does not stand in the question"
    terms = content_terms(query)
    if not terms:
        return "a query says nothing"
    if language(query) != language(question):
        return None  # a translation shares only what is written alike in both languages
    asked = Haystack(question)
    shared = sum(says for term, says in terms.items() if asked.share(term) > 0)
    if shared < SHARED * sum(terms.values()):
        return "a query is about something else than the question"
    named = [term for term in _named(query) if not asked.share(term)]
    there = Haystack(query)
    if named and not all(there.share(term) for term in _named(question)):
        return f"{named[0]!r} does not stand in the question"
    return None


def _named(text: str) -> list[str]:
    return [term for term, says in content_terms(text).items() if says >= NAMED]


def _figures(text: str) -> set[str]:
    """Return the codes, numbers, ordinals and dates of a text, which no rewording may bring in.

    Dates are canonical and ordinals digits: Q3 may stand for 三季度, article 5 for 第五条.
    """
    text = normalize(text)
    found: set[str] = set()
    for start, end, period in reversed(period_spans(text)):
        found.update(period.terms())
        text = f"{text[:start]} {text[end:]}"
    codes = _CODE.findall(text)
    numbers = [number.replace(",", "") for number in _NUMBER.findall(_CODE.sub(" ", text))]
    ordinals = [one[1] for one in _CHINESE_NUMBER.finditer(text) if one[0].startswith("第")]
    return found | {*codes, *numbers} | {str(chinese_number(one)) for one in ordinals}


def _written_out(text: str) -> set[str]:
    """Return the numbers in Chinese, 一 of 一般 too, which a query may have as digits."""
    return {str(chinese_number(number)) for number in _CHINESE_NUMBER.findall(text)}


def _said(text: str) -> str:
    """Return a text as it compares with another: without case, script and final marks."""
    return normalize(text).rstrip(" ?.!。")
