"""A source that claims are checked against, with what is looked for in it found once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from agent.answering.types import Source
from agent.answering.verification.binding import Clause, clauses, misplaced
from agent.answering.verification.facts import Facts, facts
from agent.answering.verification.figures import Figures, stands_alone
from agent.answering.verification.tables import Table, tables
from indexes.text import (
    CJK,
    NAMED,
    NOUN,
    Haystack,
    chinese_number,
    content_terms,
    language,
    normalize,
    persons,
    sentence_spans,
)

__all__ = ["Quotation", "Reference"]

QUOTED = 4  # sentences of a quotation
LENGTH = 0.05  # what each further sentence of a quotation must add to the share
QUOTE_CHARACTERS = 600

KEPT = 512  # sources that are kept read; the same passages come back question after question
MOST_TERMS = 2000  # of a source that are remembered, and ways to leave rows out
MOST_NARROWED = 64
WHOLE = 8  # signs of the whole name of an organisation


@dataclass(frozen=True)
class Quotation:
    """The stretch of a source that supports what cites it, with its offset in the source's text."""

    text: str
    offset: int


_SPACES = re.compile(r"[\s“”\"「」『』‘’'*_`]+")
_ORGANISED = re.compile(
    r"(?:有限责任公司|有限公司|公司|集团|管理局|局|委员会|管委会|研究院|设计院|研究所|大学|医院|法院|银行|协会|事务所|监理部|项目部|基金会|出版社|中心|诊所)\Z"
)
NUMERALS = "一二两三四五六七八九十"
_WEEKDAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?")
_SPAN_OF_DAYS = re.compile(  # Mon-Fri has a Wednesday
    r"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\s?(?:[-–—]|to|through)\s?(?:mon|tue|wed|thu|fri|sat|sun)"
)
_COMMON = frozenset("该 本 各 贵 我 分 子 总 母 本公 上级 有关 相关 当地 中国 我国 公共".split())


class Reference:
    """A source, with what is looked for in it found once."""

    def __init__(
        self, source: Source, stated: str | None = None, sizes: Iterable[float] = ()
    ) -> None:
        self._read = stated
        self._counted = set(sizes)
        self._source = source
        self.text = source.text
        self.uri = source.uri
        place = [str(value) for value in source.location.values()]
        self._above = "\n".join([source.title, source.document, *place, ""])
        self._whole = self._above + source.text
        self._shares: dict[str, float] = {}
        self._narrowed: dict[tuple[int, ...], Reference] = {}

    @classmethod
    def shared(cls, source: Source) -> Reference:
        """Return a source whose text, title and place were perhaps read before, for another answer."""
        place = tuple((name, str(value)) for name, value in source.location.items())
        return _shared(source.text, source.title, source.document, source.uri, place)

    @classmethod
    def of(cls, question: str) -> Reference:
        """Return a question as if it were a source."""
        return cls(Source(0, question, "", "", "", "", {}))

    @cached_property
    def language(self) -> str:
        """The language of its text."""
        return language(self.text)

    @cached_property
    def haystack(self) -> Haystack:
        """Its text with its title and place, to look for terms in."""
        return Haystack(self._whole)

    def share(self, term: str) -> float:
        """Return how much of a term it has."""
        held = self._shares.get(term)
        if held is None:
            if len(self._shares) >= MOST_TERMS:
                self._shares.clear()
            held = self._shares[term] = self.haystack.share(term)
        return held

    @cached_property
    def _facts(self) -> Facts:
        return facts(self._above + self._stated, named=False)

    @cached_property
    def _tables(self) -> list[Table]:
        return tables(self.text)

    @cached_property
    def _rows(self) -> list[tuple[int, int, str]]:
        """Where each row of a table stands, and the row with the units of its columns."""
        found = [
            (start, end, table.written(row))
            for table in self._tables
            for row, (start, end) in enumerate(table.spans)
        ]
        return sorted(found)

    @cached_property
    def _stated(self) -> str:
        """Its text with the rows of its tables as they are to be read."""
        return self._read or _replaced(self.text, self._rows)

    @cached_property
    def _clauses(self) -> tuple[Clause, ...]:
        """Its clauses with figures outside of tables."""
        return clauses(_replaced(self.text, [(start, end, "") for start, end, _ in self._rows]))

    def misplaces(self, said: str) -> list[str]:
        """Return the clauses of a claim with a figure that it gives for something else."""
        return misplaced(said, self._clauses)

    @staticmethod
    def _about(table: Table, claim: Haystack, said: str) -> set[int]:
        """Return the rows that a claim is about; none where it lists some and may call others differently."""
        rows = set(table.about(claim))
        each = [set(table.about(one.haystack)) for one in clauses(said)]
        if each and rows and not each[0]:
            return set()
        if len({table.rows[row][0] for row in rows}) >= 2 and not all(each):
            return set()
        return rows.union(*each) if rows else rows

    @property
    def has_rows(self) -> bool:
        """Whether it has a table."""
        return bool(self._tables)

    def narrowed(self, said: str) -> Reference:
        """Return it without the rows of its tables that are about other things than a claim names."""
        if not self._tables:
            return self
        claim = Haystack(said)
        rows = [self._about(table, claim, said) for table in self._tables]
        spans = [
            span
            for table, kept in zip(self._tables, rows, strict=True)
            for row, span in enumerate(table.spans)
            if kept and row not in kept
        ]
        if not spans:
            return self
        key = tuple(start for start, _ in spans)
        found = self._narrowed.get(key)
        if found is None:
            blank = [(start, end, "") for start, end in spans]
            text = _replaced(self.text, sorted(blank))
            others = [one for one in self._rows if (one[0], one[1], "") not in blank]
            stated = _replaced(self.text, sorted([*blank, *others]))
            found = Reference(replace(self._source, text=text), stated, self._sizes)
            if len(self._narrowed) >= MOST_NARROWED:
                self._narrowed.clear()
            self._narrowed[key] = found
        return found

    @cached_property
    def figures(self) -> Figures:
        """Its figures, dates and codes."""
        return Figures(self._facts, self.haystack, self.language, self._sizes)

    @cached_property
    def _sizes(self) -> set[float]:
        """How many rows its tables have, with and without a sum."""
        sizes = self._counted | _listed(self.text)
        for table in self._tables:
            sums = sum(_SUM.match(row[0]) is not None for row in table.rows)
            sizes |= {float(len(table.rows)), float(len(table.rows) - sums)}
        return sizes

    @cached_property
    def _initials(self) -> str:
        return "".join(word[0] for word in re.findall(r"[a-z]+", self.haystack.text))

    def has_word(self, said: str) -> bool:
        """Say whether it has a word of Latin letters, or what it is the initials of."""
        if said.isupper() and len(said) >= 3 and said.lower() in self._initials:
            return True
        if said.isupper() and len(said) == 2:
            first, second = said[0].lower(), said[1].lower()
            if re.search(rf"\b{first}[a-z]+ {second}[a-z]+", self.haystack.text):
                return True
        word = normalize(said)
        if (
            said.endswith("s")
            and said[:-1].isupper()
            and stands_alone(word[:-1], self.haystack.text)
        ):
            return True
        if _WEEKDAY.fullmatch(word):
            return _SPAN_OF_DAYS.search(self.haystack.text) is not None or (
                re.search(rf"\b{word[:3]}(?:[a-z]*day)?s?\b", self.haystack.text) is not None
            )
        return (
            stands_alone(word, self.haystack.text)
            or self.share(word) > 0
            or any(self.haystack.share(term) == 1.0 for term in content_terms(word))
        )

    def has_chinese(self, said: str, claim: str) -> bool:
        """Say whether it has a Chinese name, or what an organisation's is short for.

        Args:
            said: the name, perhaps cut wrongly out of its sentence.
            claim: the sentence.
        """
        name = normalize(said)
        if name in self.haystack.text or name in _COMMON or self._cut(name, normalize(claim)):
            return True
        kind = _ORGANISED.search(name)
        if kind is None:
            halves = len(name) == 4 and all(self.share(half) for half in (name[:2], name[2:]))
            return halves or self.share(name) >= 0.8
        head = name[: kind.start()]
        for start in range(len(head) - 1):
            found = head[start:] + kind.group()
            if found in self.haystack.text:
                return not start or not self._strange(head[:start], whole=len(found) >= WHOLE)
        if len(head) <= 1 or all(self.share(term) >= 0.5 for term in content_terms(head)):
            return True
        return len(name) <= 5 and _within(name[-4:], self.haystack.text)

    def counts_otherwise(self, number: str, word: str) -> bool:
        """Say whether it gives another small number of something than a claim does: 四连胜 for 五连胜."""
        given = set(re.findall(rf"([{NUMERALS}\d])(?={word})", self.haystack.text))
        return bool(given) and not given & {number, str(chinese_number(number))}

    def has_pair(self, said: str) -> bool:
        """Say whether it has any two signs that stand together in some Chinese words."""
        return any(said[i : i + 2] in self.haystack.text for i in range(len(said) - 1))

    @cached_property
    def _persons(self) -> set[str]:
        return persons(self.text)

    def renames(self, said: str) -> bool:
        """Say whether a word that may be a person's name is one that it has with another sign: 韩旭 for 韩叙."""
        if said in self.haystack.text:
            return False
        return any(
            len(one) == len(said) and sum(a != b for a, b in zip(one, said, strict=True)) == 1
            for one in self._persons
        )

    def _cut(self, name: str, claim: str) -> bool:
        """Say whether a name is another with a sign too much, or begins with what a number counts."""
        if len(name) > 2 and re.search(rf"{name[:-1]}(?![{CJK}])", self.haystack.text):
            return True
        place = claim.find(name)
        return place > 0 and claim[place - 1].isdigit()

    def _strange(self, before: str, *, whole: bool) -> bool:
        """Say whether the last word before a name that it has is a noun that it has not.

        Before a whole name of a company it must be a name: one may be told to 委托 it.
        """
        last = list(content_terms(before).items())[-1:]
        return any(
            weight >= (NAMED if whole else NOUN)
            and before.endswith(term)
            and self.share(term) < 0.5
            for term, weight in last
        )

    @cached_property
    def _squeezed(self) -> str:
        return _SPACES.sub("", self.haystack.text)

    def has_text(self, said: str) -> bool:
        """Say whether it has a stretch word for word, whatever its width, case and script."""
        return _SPACES.sub("", normalize(said)) in self._squeezed

    def links_to(self, url: str) -> bool:
        """Say whether it has an address or comes from it."""
        if not url:
            return False
        if url == self.uri or url.rstrip("/") == self.uri.rstrip("/"):
            return True
        place = self.text.find(url)
        while place >= 0:
            after = self.text[place + len(url) : place + len(url) + 1]
            if not after or not (after.isascii() and (after.isalnum() or after in "-_%=&/?#")):
                return True
            place = self.text.find(url, place + 1)
        return False

    @cached_property
    def _sentences(self) -> list[tuple[int, int, Haystack]]:
        return [(a, b, Haystack(self.text[a:b])) for a, b in sentence_spans(self.text)]

    def stretch(self, terms: Mapping[str, float]) -> Quotation | None:
        """Return the sentences that have most of some terms with few sentences."""
        shares = [
            {term: held for term in terms if (held := one.share(term))}
            for _, _, one in self._sentences
        ]
        total = sum(terms.values()) or 1.0
        best: tuple[float, int, int] | None = None
        for first, (start, _, _) in enumerate(self._sentences):
            together: dict[str, float] = {}
            for length, (_, end, _) in enumerate(self._sentences[first : first + QUOTED]):
                if length and end - start > QUOTE_CHARACTERS:
                    break
                for term, held in shares[first + length].items():
                    together[term] = max(held, together.get(term, 0.0))
                score = sum(terms[t] * h for t, h in together.items()) / total - LENGTH * length
                if best is None or score > best[0] + 1e-9:
                    best = (score, start, end)
        return None if best is None else Quotation(self.text[best[1] : best[2]], best[1])


def _replaced(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    """Return a text with stretches replaced; each stands on a line of its own."""
    out: list[str] = []
    place = 0
    for start, end, said in spans:
        if start >= place:
            out += [text[place:start], said, "\n"]
            place = end
    return "".join([*out, text[place:]])


def _listed(text: str) -> set[float]:
    """Return how many things each numbered list of a text has."""
    sizes: set[float] = set()
    for numbered in _NUMBERED:
        last = 0
        for match in numbered.finditer(text):
            number = int(unicodedata.numeric(match["n"])) if len(match["n"]) == 1 else 10
            if number != last + 1 and last > 1:
                sizes.add(float(last))
            last = number if number in {1, last + 1} else 0
        if last > 1:
            sizes.add(float(last))
    return sizes


_NUMBERED = (
    re.compile(r"[（(](?P<n>[一二三四五六七八九十])[)）]"),
    re.compile(r"(?:^|[\n。；;.:：]) ?[（(]?(?P<n>\d|10)(?:[.、)）](?!\d))"),
    re.compile(r"(?:^|[\n。；;])(?P<n>[一二三四五六七八九十])、"),
    re.compile(r"(?P<n>[①-⑨])"),
)
_SUM = re.compile(r"合计|总计|小计|total|sum", re.IGNORECASE)


def _within(name: str, text: str) -> bool:
    """Say whether the signs of a name stand in this order in a stretch of a text: 环保局 in 环境保护局."""
    if len(name) < 3:
        return False
    place = text.find(name[0])
    while place >= 0:
        at = place
        for sign in name[1:]:
            at = text.find(sign, at + 1, at + 4)
            if at < 0:
                break
        else:
            return True
        place = text.find(name[0], place + 1)
    return False


@lru_cache(maxsize=KEPT)
def _shared(
    text: str, title: str, document: str, uri: str, place: tuple[tuple[str, str], ...]
) -> Reference:
    location: Any = dict(place)
    return Reference(Source(0, text, title, "", document, uri, location))
