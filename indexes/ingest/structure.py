"""What the lines of a document without styles are: headings, articles, list items, paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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
_ARTICLE = re.compile(r"^\W*(第[一二三四五六七八九十百零〇\d]+条|Article\s+\d+)(?!\d|之)")
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
    """Return the article that a paragraph opens with (第三条, Article 3), in its own writing."""
    match = _ARTICLE.match(text)
    return match.group(1) if match and article_number(match.group(1)) is not None else None


def blocks_of_lines(
    lines: Iterable[str], location: Location, levels: Mapping[str, int] | None = None
) -> list[Block]:
    """Turn lines into blocks: a blank line ends a paragraph, a heading or article starts one.

    Args:
        lines: the text, line by line.
        location: where all of them stand.
        levels: the depth of each line that is a heading; without it, as its wording suggests.
    """
    blocks: list[Block] = []
    paragraph: list[str] = []

    def close() -> None:
        if paragraph:
            blocks.append(Block(join_lines(paragraph), location))
            paragraph.clear()

    for raw in lines:
        line = raw.strip()
        level = heading_level(line) if levels is None else levels.get(line, 0)
        if (
            not line
            or level
            or article_of(line)
            or re.match(r"^[-•·*]\s|^[（(]?\d{1,2}[)）.、]\s*\S", line)
        ):
            close()
        if level:
            blocks.append(Block(line, location, level))
        elif line:
            paragraph.append(line)
    close()
    return blocks


def join_lines(lines: list[str]) -> str:
    """Join wrapped lines: with a space between Latin letters, with nothing between Chinese ones."""
    out = lines[0]
    for line in lines[1:]:
        glue = " " if out[-1:].isascii() and line[:1].isascii() else ""
        out += glue + line
    return out
