"""Splits a reply into claims while it streams: sentences, list items, table rows, with their markers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["ITEM", "MARKER", "Claim", "Kind", "Splitter", "split"]

Kind = Literal["sentence", "item", "row", "heading", "header", "lead", "code", "blank"]

LONGEST = (
    2000  # characters of a claim; a longer stretch without an end is cut, which bounds the work
)
OPEN = 300  # characters over which a quotation or bracket holds a sentence together
_NUMBERS = (
    r"(?:\^|来源|资料|文献|sources?|doc)?\s*[:：]?\s*\d{1,3}(?:\s*[,，、;；\-–—~]\s*\d{1,3}){0,50}"
)
# A marker in any of the forms that models write. What a link, its definition or an image shows is none.
MARKER = re.compile(
    rf"[\[［【]\s*{_NUMBERS}\s*[\]］】](?!\(|:[ \t]+\S)(?:\s*[-–—~至到]\s*[\[［【]\s*\d{{1,3}}\s*[\]］】])?",
    re.IGNORECASE,
)
ITEM = re.compile(
    r"\s*(?:>\s*)*(?:[-*+•·▪]\s+|\d{1,3}[.)）．](?!\d)\s*|\d{1,2}、\s*|[（(](?:\d{1,2}|[一二三四五六七八九十]{1,3})[)）]\s*"
    r"|[一二三四五六七八九十]{1,3}、\s*|[①-⑳]\s*|[a-hA-H][.)]\s+)"
)
_STOP = re.compile(r"[。！？…!?.;；\n“”「」『』（）()\"]")
_AFTER = re.compile(r"[”’」』）)\"'*_》】]{0,8}")
_TAIL = re.compile(rf"(?:[ \t]*{MARKER.pattern}){{0,40}}(?:。|[.；;](?![\w.]))?", re.IGNORECASE)
_UNFINISHED = re.compile(
    r"[ \t]*[\[［【][^\]］】\n]{0,24}\Z|[ \t]*[-–—~至到][ \t]*[\[［【]?[^\]］】\n]{0,4}\Z"
)
_BLANKS = re.compile(r"[ \t]*")
_ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|fig|figs|sec|art|approx|inc|ltd|co|corp|mr|mrs|ms|dr|prof|st|al|ch|vol"
    r"|pp?|para|ed|est|max|min|incl|resp|dept|rev|ver|ext|tel|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)|(?-i:\b[A-Z])"
    r"|(?:^|\n)\s*\d{1,3})\.\Z",
    re.IGNORECASE,
)
_PAIRS = {"“": "”", "「": "」", "『": "』", "（": "）", "(": ")"}
_CLOSING = {*_PAIRS.values()}
_FENCE = re.compile(r"\s{0,8}(?:```|~~~)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_BOLD = re.compile(r"\s*(?:\*\*|__)[^*_\n。.]{1,80}(?:\*\*|__)\s*[:：]?\s*")
_RULE = re.compile(r"[\s|:\-+=]*-[\s|:\-+=]*")
_LEAD = re.compile(rf"[:：][*_\s]*(?:{MARKER.pattern}\s*)*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """A stretch of a reply with the whitespace around it; all of them joined are the reply.

    A heading, a table's header, a line of a code block and a lead-in that ends with a colon are no
    claims of their own, a blank has no letter.
    """

    text: str
    kind: Kind


def split(text: str) -> list[Claim]:
    """Return the claims of a whole reply."""
    splitter = Splitter()
    return [*splitter.feed(text), *splitter.close()]


class Splitter:
    """Cuts claims from tokens as they come, each as soon as nothing can join it any more."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0  # of the claim
        self._at = 0  # how far it was read
        self._fresh = True  # at the beginning of a line
        self._item = False
        self._fenced = False
        self._row: str | None = None  # a first row, a header if a rule follows
        self._table = False
        self._open: list[tuple[str, int]] = []

    def feed(self, token: str) -> list[Claim]:
        """Return the claims that a token completes."""
        self._text += token
        found = list(self._cut(final=False))
        self._text = self._text[self._start :]
        self._at -= self._start
        self._open = [(sign, place - self._start) for sign, place in self._open]
        self._start = 0
        return found

    def close(self) -> list[Claim]:
        """Return what is left at the end of the reply."""
        found = list(self._cut(final=True))
        if self._row is not None:
            found.append(Claim(self._row, "row"))
            self._row = None
        return found

    def _cut(self, *, final: bool) -> Iterator[Claim]:
        while self._start < len(self._text):
            if self._fresh and not self._skip_blank_lines():
                if final or self._at - self._start > LONGEST:
                    yield from self._released()
                    yield self._taken(len(self._text), "blank")
                    continue
                return
            if self._fresh:
                whole = self._whole_line(final)
                if whole is None:
                    return
                if whole:
                    end = self._line_end(final)
                    if end is None:
                        return
                    yield from self._line(end)
                    continue
                yield from self._released()
                self._table = False
                self._fresh = False
                match = ITEM.match(self._text, self._at)
                self._item = match is not None
                if match is not None:
                    self._at = match.end()
            end = self._sentence_end(final)
            if end is None:
                return
            yield self._sentence(end)

    def _released(self) -> Iterator[Claim]:
        if self._row is not None:
            yield Claim(self._row, "row")
            self._row = None

    def _skip_blank_lines(self) -> bool:
        """Move to where a line with something begins; say whether there is one."""
        match = _NOT_BLANK.search(self._text, self._at)
        if match is None:
            self._at = len(self._text)
            return False
        line = self._text.rfind("\n", self._start, match.start())
        self._at = line + 1 if line >= 0 else self._start
        return True

    def _whole_line(self, final: bool) -> bool | None:
        """Say whether the line is taken as a whole; None if its first signs have not all come."""
        line = self._text[self._at : self._at + 16]
        if not final and "\n" not in line and len(line.strip()) < 4 and len(line) < 16:
            return None
        sign = line.lstrip()[:1]
        return bool(self._fenced or sign == "|" or _FENCE.match(line) or _HEADING.match(line))

    def _line_end(self, final: bool) -> int | None:
        longest = self._at + LONGEST
        end = self._text.find("\n", self._at, longest)
        if end >= 0:
            return end + 1
        if final or len(self._text) > longest:
            return min(len(self._text), longest)
        return None

    def _line(self, end: int) -> Iterator[Claim]:
        line = self._text[self._at : end]
        if self._fenced or _FENCE.match(line):
            yield from self._released()
            self._table = False
            if _FENCE.match(line):
                self._fenced = not self._fenced
            yield self._taken(end, "code")
        elif line.lstrip().startswith("|"):
            if self._row is not None and _RULE.fullmatch(line):
                yield Claim(self._row, "header")
                self._row = None
                self._table = True
                yield self._taken(end, "header")
            elif self._table:
                yield self._taken(end, "row")
            else:
                yield from self._released()
                self._row = self._taken(end, "row").text
        else:
            yield from self._released()
            self._table = False
            yield self._taken(end, "heading")

    def _taken(self, end: int, kind: Kind) -> Claim:
        claim = Claim(self._text[self._start : end], kind)
        self._start = self._at = end
        self._fresh = claim.text.endswith("\n") or kind == "blank"
        self._open = []
        return claim

    def _sentence(self, end: int) -> Claim:
        text = self._text[self._start : end]
        ends_line = text.endswith("\n") or end == len(self._text)
        kind: Kind = "item" if self._item else "sentence"
        if not any(map(str.isalnum, text)):
            kind = "blank"
        elif ends_line and _LEAD.search(text):
            kind = "lead"
        elif ends_line and _BOLD.fullmatch(text):
            kind = "heading"
        claim = self._taken(end, kind)
        self._fresh = text.endswith("\n")
        return claim

    def _sentence_end(self, final: bool) -> int | None:
        """Return where the sentence ends, with its markers and blanks; None if that is not known."""
        text = self._text
        while match := _STOP.search(text, self._at):
            place, sign = match.start(), match.group()
            if place - self._start > LONGEST:
                break
            if sign == "\n":
                return place + 1
            if sign in _PAIRS or sign in _CLOSING or sign == '"':
                if self._closes(sign) and _ENDED.search(text[max(0, place - 2) : place]):
                    end = self._end_after(place - 1, final)
                    if end is None:
                        self._at = place
                        return None
                    if end:
                        return end
                self._at = place + 1
                self._bracket(sign, place)
                continue
            if self._open and place - self._open[-1][1] < OPEN:
                self._at = max(self._at, place + 1)
                continue
            end = self._end_after(place, final)
            if end is None:
                return None
            if end:
                return end
            self._at = max(self._at, place + 1)
        if len(text) - self._start > LONGEST:
            blank = text.rfind(" ", self._start, self._start + LONGEST)
            return blank + 1 if blank > self._start else self._start + LONGEST
        if final:
            return len(text)
        if match is None:
            self._at = len(text)
        return None

    def _closes(self, sign: str) -> bool:
        """Say whether a quotation mark closes all that is open."""
        return sign in '”」』"' and len(self._open) == 1 and self._open[0][0] == sign

    def _bracket(self, sign: str, place: int) -> None:
        if sign == '"':
            if self._open and self._open[-1][0] == '"':
                self._open.pop()
            else:
                self._open.append(('"', place))
        elif sign in _PAIRS:
            if len(self._open) < 8:
                self._open.append((_PAIRS[sign], place))
        elif any(one == sign for one, _ in self._open):
            while self._open.pop()[0] != sign:
                pass

    def _end_after(self, place: int, final: bool) -> int | None:
        """Return the end of a sentence that stops at `place`, 0 if none does, None if not known."""
        text, sign = self._text, self._text[place]
        after = _AFTER.match(text, place + 1)
        end = after.end() if after else place + 1
        if end == len(text) and not final:
            return None
        if sign in ".!?":
            if text[place + 1 : place + 2] in {"."} or (sign == "!" and _IMAGE.match(text, place)):
                return 0
            following = text[end : end + 1]
            if following and not (
                following.isspace() or following in "[［【" or "一" <= following <= "鿿"
            ):
                return 0
            if sign == "." and _ABBREVIATED.search(text[max(self._start, place - 12) : place + 1]):
                return 0
            if sign == "." and _NUMBERED.match(text, max(self._start, place - 4), end + 4):
                return 0
            if sign == "." and following and "一" <= following <= "鿿":
                return 0
        if sign in ";；" and not (
            MARKER.match(text, end) or _MARKED.search(text[max(self._start, place - 30) : place])
        ):
            if not final and _UNFINISHED.match(text, end):
                return None
            return 0
        if sign == "…" and text[place + 1 : place + 2] in {"…", "。", "！", "？"}:
            return 0
        tail = _TAIL.match(text, end)
        end = tail.end() if tail else end
        if not final and (end == len(text) or _UNFINISHED.match(text, end)):
            return None
        blanks = _BLANKS.match(text, end)
        end = blanks.end() if blanks else end
        if end == len(text):
            return end if final or end - self._start > LONGEST else None
        if sign == "." and (text[end].islower() or text[end] in ",，、)"):
            return 0
        if sign == "…" and not text[end].isspace() and text[end - 1] == "…":
            return 0
        return end + 1 if text[end] == "\n" else end


_NUMBERED = re.compile(r".{0,2}\bnos?\.\s*\d", re.IGNORECASE)
_NOT_BLANK = re.compile(r"\S")
_ENDED = re.compile(r"[。！？!?.…][*_]?\Z")
_MARKED = re.compile(rf"{MARKER.pattern}\s*\Z", re.IGNORECASE)
_IMAGE = re.compile(r"!\[[^\d]")
