"""What the lines of a document without styles are: headings, articles, list items, paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from indexes.text import article_number
from indexes.types import Block, Location

__all__ = ["article_of", "blocks_of_lines", "heading_level", "join_lines"]

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,3})[.、]?\s+(?=\S)(?!\d)")
_CHAPTER = re.compile(
    r"^第[一二三四五六七八九十百\d]+([章编节])[\s　]*\S{0,40}$|^(?:Chapter|Part)\s+\d+\b.{0,80}$"
)
_CHINESE_LIST = re.compile(r"^[一二三四五六七八九十]{1,3}、\S{2,30}$")
_NAMED = re.compile(
    r"^(?:附[录表件][一二三四五六七八九十A-Z\d]*|Appendix(?:\s+[A-Z\d]+)?|目录|摘要|前言|Summary|References)[\s　:：]*.{0,40}$"
)
_ARTICLE = re.compile(
    r"\W{0,16}(?:(第[一二三四五六七八九十百零〇\d]{1,12}条|Article\s{1,8}\d{1,12})(?!\d|之)"
    r"|(\d{1,2}(?:\.\d{1,3}){2,4})\.?\s(?!\s{0,8}\d)"
    r"|((?:Section|Sec\.)\s{1,8}\d{1,4}(?:\.\d{1,3}){0,4})(?=\s{0,8}(?:[.:—–](?!\S)|\n|$))"
    r"|(§\s{0,8}\d{1,4}[a-z]?(?:\.\d{1,3}){0,4})(?=[.:]?\s))"
)
_ITEM = re.compile(r"[-•·*]\s|[（(]?\d{1,2}[)）.、]\s*\S")
_BREAK = re.compile(r"[。！？；!?;]|[.,，、]\s|\s")
PARAGRAPH = 8000  # characters of a block that is made of lines
_SENTENCE = re.compile(r"[。；;，,：:？！?!]$|[^\d]\.$")


def heading_level(line: str) -> int:
    """Return the depth of a heading that `line` looks like, from 1; 0 if it looks like none."""
    line = line.strip()
    if not line or len(line) > 90 or _SENTENCE.search(line):
        return 0
    numbered = _NUMBERED.match(line)
    if numbered:
        rest = line[numbered.end() :]
        wordy = len(rest) > (70 if rest.isascii() else 36)
        depth = numbered.group(1).count(".") + 1
        row = depth == 1 and (
            re.search(r"\d", rest) or len(rest.split()) > (9 if rest.isascii() else 2)
        )
        return 0 if wordy or row or re.search(r"[。；;]", rest) else depth
    chapter = _CHAPTER.match(line)
    if chapter:
        return 2 if chapter.group(1) == "节" else 1
    if _CHINESE_LIST.match(line):
        return 2
    return 1 if _NAMED.match(line) else 0


def article_of(text: str) -> str | None:
    """Return the article that a paragraph opens with, in its own writing.

    第三条, Article 3, § 5, "Section 5." and clauses of three numbers or more (3.2.1) are articles.
    """
    match = _ARTICLE.match(text)
    if match is None:
        return None
    named = match.group(1)
    if named is not None:
        return named if article_number(named) is not None else None
    return match.group(2) or match.group(3) or match.group(4)


def blocks_of_lines(
    lines: Iterable[str], location: Location, levels: Mapping[str, int] | None = None
) -> Iterator[Block]:
    """Turn lines into blocks: a blank line ends a paragraph, a heading or article starts one.

    A paragraph of more than 8,000 characters is cut, at a line's end where it has one.

    Args:
        lines: the text, line by line.
        location: where all of them stand.
        levels: the depth of each line that is a heading; without it, as its wording suggests.
    """
    paragraph: list[str] = []
    size = 0
    for raw in lines:
        line = raw.strip()
        level = heading_level(line) if levels is None else levels.get(line, 0)
        starts = not line or level or _ITEM.match(line) or article_of(line)
        if paragraph and (starts or size + len(line) > PARAGRAPH):
            yield Block(join_lines(paragraph), location)
            paragraph, size = [], 0
        if level:
            yield Block(line, location, level)
        elif len(line) > PARAGRAPH:
            yield from (Block(part, location) for part in _parts_of(line))
        elif line:
            paragraph.append(line)
            size += len(line) + 1
    if paragraph:
        yield Block(join_lines(paragraph), location)


def _parts_of(line: str) -> Iterator[str]:
    """Cut a line without end: behind the last sign or blank of each part."""
    start = 0
    while len(line) - start > PARAGRAPH:
        end = start + PARAGRAPH
        tail = start + PARAGRAPH - 400
        cut = max((match.end() for match in _BREAK.finditer(line, tail, end)), default=end)
        yield line[start:cut].strip()
        start = cut
    yield line[start:].strip()


def join_lines(lines: list[str]) -> str:
    """Join wrapped lines: with a space between Latin letters, with nothing between Chinese ones."""
    out = lines[0]
    for line in lines[1:]:
        glue = " " if out[-1:].isascii() and line[:1].isascii() else ""
        out += glue + line
    return out
