"""What an article of a regulation refers to: other articles, and terms that are defined elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

from indexes.text import chinese_number, normalize

__all__ = ["DEFINING", "Referred", "defined", "referred"]

DEFINING = ("所称", "是指", "mean")  # terms of the passages that may define something
MOST = 5  # articles of a range that are counted
_CN = "零〇一二两三四五六七八九十百千\\d"
_ARTICLE = re.compile(
    rf"(?:《(?P<title>[^《》]{{2,60}})》\s*(?:[（(][^（()）]{{1,20}}[）)])?\s*)?第\s*(?P<number>[{_CN}]{{1,8}})\s*条"
)
_ARTICLE_EN = re.compile(
    r"\bArticles?\s+(?P<numbers>\d{1,4}(?:\s*(?:,|and|or|to|–|-)\s*\d{1,4})*)"
    r"(?P<other>\s+of\s+(?!(?:this|these|the present)\b))?"
)
_AND = re.compile(r"\s*(?:[、和及或与]|以及)\s*")
_TO = re.compile(r"\s*(?:至|到|—|-|~)\s*")
_DEFINES = (
    re.compile(r"所称(?:的)?“?(?P<term>[^，,。；：“”\s]{2,20}?)”?\s*[，,]?\s*(?:是指|指|包括)"),
    re.compile(
        r"(?:^|\n|[）)]\s*)“?(?P<term>(?:(?!所称)[一-鿿A-Za-z0-9]){2,16}?)”?\s*[，,：:]?\s*(?:是指|系指)",
        re.M,
    ),
    re.compile(r"[“\"](?P<term>[A-Za-z][^”\"]{1,40})[”\"]\s+(?:means|refers to)"),
)


@dataclass(frozen=True)
class Referred:
    """An article that a text names: its number, and its document's title ("" for the same document)."""

    number: int
    title: str = ""


def referred(text: str, own: int | None = None) -> list[Referred]:
    """Return the articles that a text names, each once, but for its own number in the same document.

    Args:
        text: an article.
        own: its number.
    """
    found: dict[Referred, None] = {}
    last: Referred | None = None
    end = 0
    for match in _ARTICLE.finditer(text):
        number, title = chinese_number(match["number"]), match["title"] or ""
        between = text[end : match.start()]
        if last is not None and not title and (_AND.fullmatch(between) or _TO.fullmatch(between)):
            title = last.title
            if _TO.fullmatch(between):
                for one in range(last.number + 1, min(number, last.number + MOST)):
                    found[Referred(one, title)] = None
        last, end = Referred(number, title), match.end()
        found[last] = None
    for match in _ARTICLE_EN.finditer(text):
        if match["other"] is None:
            found |= {Referred(int(one)): None for one in re.findall(r"\d+", match["numbers"])}
    return [one for one in found if one.title or one.number != own]


def defined(text: str) -> list[str]:
    """Return the terms that a text defines, as they stand there."""
    found = [match["term"].strip() for one in _DEFINES for match in one.finditer(text)]
    return list(dict.fromkeys(term for term in found if len(normalize(term)) > 1))
