"""Deterministic verification of an answer, sentence by sentence, against its numbered sources.

A claim's numbers, dates, names, codes and quotations must stand in what it cites; a fact that follows
from two others (a sum, a difference) does not stand and is reported. How much of a claim's wording a
source has (`support`) is lexical; between languages only numbers, dates and codes are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from agent.answering.binding import swapped
from agent.answering.claims import ITEM, MARKER, Claim
from agent.answering.dates import Date
from agent.answering.facts import Facts, facts, squashed
from agent.answering.links import URL, without_links
from agent.answering.polarity import opposed
from agent.answering.quantities import COUNTED, OTHER, PART, PLACE, UNKNOWN, Quantity
from agent.answering.types import Source
from agent.answering.units import unit_words
from indexes.text import CJK, Haystack, content_terms, language, normalize, sentence_spans

__all__ = ["Checked", "Problem", "Quotation", "Verdict", "Verifier", "verdict"]

Problem = Literal["marker", "number", "date", "name", "quote", "link", "unsupported", "uncited"]

SUPPORTED = 0.3  # a share of a claim's wording below which a source says something else
WELL = 0.6  # a share that makes a source the one that an uncited claim is from
BETTER = 0.35  # how much more another source must have for a marker to be moved to it
ACROSS = 0.5  # support between languages where no number or code can tell; with them all, FIRM
FIRM = 0.8
LACKING = 5  # terms
NEARLY = 0.05  # how much less another source may have if it has the figures
QUOTED = 4  # sentences of a quotation
LENGTH = 0.05  # what each further sentence of a quotation must add to the share
QUOTE_CHARACTERS = 600


@dataclass(frozen=True)
class Checked:
    """A claim after its check.

    Args:
        text: without bad markers and links; markers are written [n], and one is added where a claim
            without any clearly comes from one source.
        markers: the sources it cites now.
        support: how much of its wording these have, from 0 to 1; 1 for what claims nothing.
        problems: what is wrong with it.
        claims: whether it claims anything, which a transition or a heading does not.
        missing: the numbers, names and quotations that stand in no cited source, as written.
    """

    text: str
    markers: tuple[int, ...]
    support: float
    problems: tuple[Problem, ...]
    claims: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quotation:
    """The stretch of a source that supports what cites it, with its offset in the source's text."""

    text: str
    offset: int


@dataclass(frozen=True)
class Verdict:
    """What is known of a whole answer.

    Args:
        supported: the share of its claims without a problem; 1 without claims.
        grounded: whether a claim is cited and supported, and nothing has a problem.
        confidence: the mean support of the claims, 0 for those with a problem and without claims.
    """

    supported: float
    grounded: bool
    confidence: float


def verdict(checked: Sequence[Checked]) -> Verdict:
    """Judge the claims that are left of an answer."""
    claims = [one for one in checked if one.claims]
    good = [one for one in claims if not one.problems]
    return Verdict(
        len(good) / len(claims) if claims else 1.0,
        any(one.markers for one in good) and not any(one.problems for one in checked),
        round(sum(one.support for one in good) / len(claims), 4) if claims else 0.0,
    )


class Verifier:
    """Checks claims against the sources of one answer.

    Args:
        sources: what the answer may cite, by their numbers.
        question: what was asked; its numbers and names may be repeated.
    """

    def __init__(self, sources: Sequence[Source], question: str) -> None:
        self._sources = {source.number: _Prepared(source) for source in sources}
        self._question = _Prepared.of(question)
        self._asked = content_terms(question)

    def check(self, claim: Claim) -> Checked:
        """Check one claim.

        Args:
            claim: as the splitter gives it.
        """
        problems: set[Problem] = set()
        cited = [n for _, found in _pieces(claim.text, self._sources) for n in found if n > 0]
        text = self._linked(claim.text, cited or list(self._sources), problems)
        if claim.kind == "blank":
            return Checked(text, (), 1.0, _ordered(problems), False)
        if claim.kind == "code":
            return Checked(self._code(text, problems), (), 1.0, _ordered(problems), False)
        pieces = [_Piece(said, found) for said, found in _pieces(text, self._sources)]
        if any(piece.wrong for piece in pieces):
            problems.add("marker")
        claims = claim.kind not in {"heading", "header", "lead"} and self._claims(text)
        if claims:
            missing, support = self._judge(pieces, problems)
        else:
            missing, support = self._loosely(text), 1.0
            problems |= {problem for problem, _ in missing}
            if not self._about(text):
                problems.add("unsupported")
        if _SELF.search(_QUOTED.sub("", text)):
            problems.add("unsupported")  # no document says what the assistant is or does
        rebuilt = "".join(piece.written() for piece in pieces)
        markers = tuple(dict.fromkeys(n for piece in pieces for n in piece.markers))
        if not cited:
            rebuilt = self._linked(rebuilt, markers, problems)
        return Checked(
            rebuilt,
            markers,
            round(support, 4),
            _ordered(problems),
            claims,
            tuple(dict.fromkeys(said for _, said in missing)),
        )

    def _linked(self, text: str, numbers: Sequence[int], problems: set[Problem]) -> str:
        """Return a text without the links that some sources do not have."""
        sources = [self._sources[n] for n in numbers]
        text, removed = without_links(text, lambda url: any(one.links_to(url) for one in sources))
        if removed:
            problems.add("link")
        return text

    def _code(self, text: str, problems: set[Problem]) -> str:
        """Check a line of a code block, which has no marker: what it says stands in some source."""
        fence = _FENCE.match(text)
        if fence is not None:
            return text if fence["rest"] == "" else f"{fence['fence']}\n"
        held = self._held(text)
        if not any(one.has_text(text) for one in self._sources.values()) and (
            held < WELL or self._loosely(text)
        ):
            problems.add("unsupported")
        return text

    def _about(self, text: str) -> bool:
        """Say whether what claims nothing, such as a heading, is about what is asked and found.

        What the sources are said to lack is told in a few words of its own.
        """
        said = _plain(text)
        lacking = _HONEST.sub(" ", said)
        if lacking != said:
            return self._held(lacking) >= SUPPORTED or len(content_terms(lacking)) <= LACKING
        return bool(_TRANSITION.match(said)) or self._held(said) >= SUPPORTED

    def _held(self, text: str) -> float:
        """Return how much of what a text says stands in any source or in the question."""
        there = [*self._sources.values(), self._question]
        own = {term: w for term, w in content_terms(text).items() if term not in _GENERIC}
        held = sum(w * max(one.share(term) for one in there) for term, w in own.items())
        return held / sum(own.values()) if own else 1.0

    def quote(self, number: int, checked: Iterable[Checked]) -> Quotation | None:
        """Return the sentences of a source that support what cites it.

        Args:
            number: the source.
            checked: the answer's claims; those that do not cite it are left out.
        """
        source = self._sources.get(number)
        if source is None:
            return None
        terms: dict[str, float] = {}
        for one in checked:
            if number in one.markers:
                said = _plain(one.text)
                for term, weight in content_terms(said).items():
                    terms[term] = max(weight, terms.get(term, 0.0))
        return source.stretch(terms)

    def _claims(self, text: str) -> bool:
        """Say whether a text claims something that its question does not say already."""
        said = _plain(text)
        if _HONEST.search(said) and not _BUT.search(said):
            return False
        own = content_terms(said)
        rest = [term for term in own if term not in self._asked and term not in _GENERIC]
        if not rest:
            return False
        return not (_TRANSITION.match(said) and len(rest) <= 3 and not _DIGIT.search(said))

    def _loosely(self, text: str) -> list[tuple[Problem, str]]:
        """Return the figures of what is no claim that stand in no source at all."""
        found = facts(_plain(text))
        found.names, found.chinese, found.quotes, found.titles = [], [], [], []
        return self._missing(found, list(self._sources.values()), text)

    def _judge(
        self, pieces: list[_Piece], problems: set[Problem]
    ) -> tuple[list[tuple[Problem, str]], float]:
        """Check the pieces of a claim, each against its own markers, and mend the markers."""
        every = [n for piece in pieces for n in piece.markers]
        missing: list[tuple[Problem, str]] = []
        supports: list[tuple[float, float]] = []
        carried: list[int] = []
        for i, piece in enumerate(pieces):
            said = _plain(piece.text)
            own = {t: w for t, w in content_terms(said).items() if t not in _GENERIC}
            if not own or (i + 1 < len(pieces) and not piece.markers):
                carried += piece.markers
                continue
            cited = piece.markers or carried
            tail = not cited and bool(every)
            if tail:
                cited = every[-1:]
            carried = [] if piece.markers else carried
            found = facts(said)
            lacking, support = self._against(found, own, said, cited)
            mended = self._mended(found, own, said, cited, every, lacking, support)
            if mended is not None:
                piece.set(mended)
                lacking, support = self._against(found, own, said, mended)
                cited = mended
            elif not cited:
                problems.add("uncited")
                lacking = self._missing(found, list(self._sources.values()), said)
                support = 0.0
            elif lacking and set(every) - set(cited):
                whole, other = self._against(found, own, said, every)
                if not whole:
                    lacking, support = whole, max(support, other)
            if cited and support < SUPPORTED:
                problems.add("unsupported")
            elif cited and any(opposed(said, self._sources[n].text) for n in cited):
                problems.add("unsupported")
            missing += lacking
            supports.append((support, sum(own.values())))
        problems |= {problem for problem, _ in missing}
        total = sum(weight for _, weight in supports)
        return missing, sum(s * w for s, w in supports) / total if total else 0.0

    def _mended(
        self,
        found: Facts,
        own: Mapping[str, float],
        said: str,
        cited: Sequence[int],
        every: Sequence[int],
        lacking: Sequence[tuple[Problem, str]],
        support: float,
    ) -> list[int] | None:
        """Return better markers: of another source that has it all; None if there is none."""
        if not lacking and cited and support >= ACROSS:
            return None
        rivals = []
        written = language(said)
        alike = any(self._sources[n].language == written for n in cited)
        for number, source in self._sources.items():
            if number in cited:
                continue
            theirs, share = self._against(found, own, said, [number])
            told = len(found.quantities) + len(found.dates) + len(found.codes)
            firm = source.language == written or (told >= 2 and not alike)
            if not theirs and firm and share >= max(WELL, support - NEARLY):
                rivals.append((share, -number))
        if not rivals:
            return None
        share, number = max(rivals)
        if lacking or not cited or share >= support + BETTER:
            return [-number]
        return None

    def _against(
        self, found: Facts, own: Mapping[str, float], said: str, cited: Sequence[int]
    ) -> tuple[list[tuple[Problem, str]], float]:
        """Return what of a claim's facts is missing in some sources, and its support by them."""
        sources = [self._sources[n] for n in cited]
        missing = self._missing(found, sources, said)
        if found.quantities and not missing:
            missing = self._swapped(found, sources, said)
        alike = [one for one in sources if one.language == language(said)]
        if not alike:
            told = bool(found.quantities or found.dates or found.codes)
            return missing, (FIRM if told and not missing else ACROSS) if sources else 0.0
        total = sum(own.values())
        covered = sum(w * max(one.share(term) for one in sources) for term, w in own.items())
        return missing, covered / total if total else 0.0

    def _swapped(
        self, found: Facts, sources: Sequence[_Prepared], said: str
    ) -> list[tuple[Problem, str]]:
        """Return the numbers that every source that has them gives for another thing."""
        mixed = [one.mixes_up(said, found) for one in sources]
        common = set.intersection(*map(set, mixed)) if mixed else set()
        return [("number", text) for text in sorted(common)]

    def _missing(
        self, found: Facts, sources: Sequence[_Prepared], said: str
    ) -> list[tuple[Problem, str]]:
        there = [*sources, self._question]
        alike = [one for one in sources if one.language == language(said)]
        missing: list[tuple[Problem, str]] = []
        for quantity in found.quantities:
            if not any(one.has_quantity(quantity) for one in there):
                missing.append(("number", quantity.text))
        for date in found.dates:
            if not any(one.has_date(date) for one in there):
                missing.append(("date", date.text))
        for code in found.codes:
            if not any(one.has_code(code, alike=not sources or bool(alike)) for one in there):
                missing.append(("name", code))
        for name in found.names:
            foreign = sources and not alike and language(said) == "en"
            if not foreign and not any(one.has_word(name) for one in there):
                missing.append(("name", name))
        for name in found.chinese:
            if alike and not any(one.has_chinese(name) for one in there):
                missing.append(("name", name))
        for title in found.titles:
            if (alike or not sources) and not any(one.has_text(title) for one in there):
                missing.append(("name", title))
        for quote in found.quotes:
            if not any(one.has_text(quote) for one in there):
                missing.append(("quote", quote))
        return missing


class _Piece:
    """A stretch of a claim with the markers behind it.

    Args:
        text: the stretch.
        found: the numbers of its markers, of which some may have no source (written as negative).
    """

    def __init__(self, text: str, found: Sequence[int]) -> None:
        self.text = text
        self.marked = bool(found)
        self.wrong = any(n < 0 for n in found)
        self.markers = [n for n in dict.fromkeys(found) if n > 0]

    def set(self, markers: list[int]) -> None:
        """Cite other sources."""
        self.markers = markers

    def written(self) -> str:
        """Return the stretch with its markers as [n], before its full stop if it had none."""
        signs = "".join(f"[{n}]" for n in self.markers)
        if self.marked:
            return self.text + signs if signs else self.text.rstrip(" \t")
        if not signs:
            return self.text
        end = _END.search(self.text)
        place = end.start() if end else len(self.text)
        space = "" if re.search(f"[{CJK}，。]", self.text) else " "
        return f"{self.text[:place]}{space}{signs}{self.text[place:]}"


_END = re.compile(r"(?:\s*\|)?[。.!！?？;；:：,，\s]*\Z")


def _pieces(text: str, known: Mapping[int, object]) -> Iterator[tuple[str, list[int]]]:
    """Yield the stretches of a claim with the markers behind each; unknown ones are negative."""
    start = 0
    waiting: tuple[str, list[int]] | None = None
    spans = [m.span() for m in _CODE_SPAN.finditer(text)] if "`" in text else []
    for match in MARKER.finditer(text):
        if any(begin < match.start() < end for begin, end in spans[:20]):
            continue
        numbers = [n if n in known else -1 for n in _numbers(match.group(), len(known))]
        between = text[start : match.start()]
        if waiting is not None and not between.strip(" ,，、"):
            waiting[1].extend(numbers)
        else:
            if waiting is not None:
                yield waiting
            waiting = (between, numbers)
        start = match.end()
    if waiting is not None:
        yield waiting
    if start < len(text):
        yield text[start:], []


_FENCE = re.compile(
    r"(?P<fence>\s*(?:`{3,}|~{3,}))(?:[ \t]*[A-Za-z0-9+#.-]{0,16}[ \t]*(?:\n|\Z))?(?P<rest>.*)",
    re.DOTALL,
)
_QUOTED = re.compile(r"“[^”]*”|「[^」]*」|\"[^\"]*\"")
_SELF = re.compile(
    r"\bI(?: am|['’]m| was| will| have been) |\bmy (?:name|rules|instructions|system prompt)\b"
    r"|(?:\A|[，。；！？：:,;\s])我(?:是|叫|现在是|已被|的(?:名字|规则|指令|系统提示))",
    re.IGNORECASE,
)
_CODE_SPAN = re.compile(r"`[^`\n]{1,500}`")
_RANGE_SIGN = re.compile(r"\d\s*[\]］】]?\s*[-–—~至到]\s*[\[［【]?\s*\d")
_DIGITS = re.compile(r"\d{1,3}")


def _numbers(marker: str, most: int) -> list[int]:
    numbers = [int(n) for n in _DIGITS.findall(marker)]
    if len(numbers) == 2 and numbers[0] < numbers[1] and _RANGE_SIGN.search(marker):
        return list(range(numbers[0], min(numbers[1], numbers[0] + most) + 1))
    return numbers


def _plain(text: str) -> str:
    """Return what a claim says: without markers, addresses, its bullet or number, and emphasis."""
    text = URL.sub(" ", MARKER.sub(" ", text))
    bullet = ITEM.match(text)
    return _EMPHASIS.sub("", text[bullet.end() :] if bullet else text)


_EMPHASIS = re.compile(r"\*\*|__|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|^\s*#{1,6}\s")


def _ordered(problems: set[Problem]) -> tuple[Problem, ...]:
    order: tuple[Problem, ...] = (
        "marker", "number", "date", "name", "quote", "link", "unsupported", "uncited",
    )  # fmt: skip
    return tuple(problem for problem in order if problem in problems)


# --- sources -------------------------------------------------------------------------------------

_SPACES = re.compile(r"[\s“”\"「」『』‘’'*_`]+")
_ORGANISED = re.compile(
    r"(?:有限责任公司|有限公司|公司|集团|管理局|局|委员会|管委会|研究院|设计院|研究所|大学|医院|法院|银行|协会|事务所|监理部|项目部|基金会|出版社)\Z"
)
_COMMON = frozenset("该 本 各 贵 我 分 子 总 母 本公 上级 有关 相关 当地 中国 我国 公共".split())


class _Prepared:
    """A source, with what is looked for in it found once."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.uri = source.uri
        place = [str(value) for value in source.location.values()]
        self._whole = "\n".join([source.title, source.document, *place, source.text])

    @classmethod
    def of(cls, question: str) -> _Prepared:
        """Return a question as if it were a source."""
        return cls(Source(0, question, "", "", "", "", {}))

    @cached_property
    def language(self) -> str:
        return language(self.text)

    @cached_property
    def haystack(self) -> Haystack:
        return Haystack(self._whole)

    def share(self, term: str) -> float:
        """Return how much of a term it has."""
        return self.haystack.share(term)

    @cached_property
    def _facts(self) -> Facts:
        return facts(self._whole, named=False)

    @cached_property
    def _values(self) -> dict[str, dict[float, set[int]]]:
        """The bounds of each value by dimension."""
        found: dict[str, dict[float, set[int]]] = {}
        for one in self._facts.quantities:
            values = found.setdefault(one.dimension, {})
            values.setdefault(_key(one.value), set()).add(one.bound)
            upper, over, _ = one.dimension.partition("/")
            if over:  # 40mg/kg is also 40mg, of which the rest is told elsewhere
                values = found.setdefault(upper, {})
                values.setdefault(_key(one.upper), set()).add(one.bound)
        return found

    @cached_property
    def _numbers(self) -> dict[float, set[int]]:
        """The bounds of each number whatever its unit, the parts of dates among them."""
        found: dict[float, set[int]] = {}
        for one in self._facts.quantities:
            for value in (one.number, one.digits) if one.dimension != PART else ():
                found.setdefault(_key(value), set()).add(one.bound)
        for date in self._facts.dates:
            for part in (date.year, date.month, date.day, date.quarter):
                if part is not None:
                    found.setdefault(float(part), set()).add(0)
        return found

    @cached_property
    def _units(self) -> set[str]:
        return unit_words(self.haystack.text)

    def has_quantity(self, said: Quantity) -> bool:
        """Say whether it has a quantity, with no bound to the other side."""
        bounds: set[int] | None
        if said.dimension in {UNKNOWN, OTHER}:
            bounds = self._numbers.get(_key(said.number))
        elif said.dimension == COUNTED:
            words = (OTHER,) if self.language == "en" else ()  # English counts without counters
            bounds = self._among((COUNTED, UNKNOWN, *words), said)
        elif said.dimension == PART:
            bounds = self._among((PART, UNKNOWN), said)
            number = f"{said.value:g}"
            if bounds is None and any(_PARTED.sub("", code) == number for code in self._codes):
                bounds = {0}  # Section 1 of 一标段
        elif said.dimension == PLACE:
            bounds = self._among((PLACE, PART, UNKNOWN, COUNTED, "d"), said)
            if bounds is None and any(said.value == date.day for date in self._facts.dates):
                bounds = {0}
        else:
            bounds = self._values.get(said.dimension, {}).get(_key(said.value))
            if bounds is None and "/" in said.dimension:
                upper = said.dimension.partition("/")[0]
                bounds = self._values.get(upper, {}).get(_key(said.upper))
            if bounds is None:
                bounds = self._bare(said)
        if bounds is not None:
            return not said.bound or -said.bound not in bounds or bool(bounds - {-said.bound})
        return said.about and self._near(said)

    def _among(self, dimensions: Sequence[str], said: Quantity) -> set[int] | None:
        for dimension in dimensions:
            bounds = self._values.get(dimension, {}).get(_key(said.value))
            if bounds is not None:
                return bounds
        return None

    def _bare(self, said: Quantity) -> set[int] | None:
        """Return the bounds of a number without a unit, where the unit stands elsewhere, as in a table."""
        bare = self._values.get(UNKNOWN, {})
        parts = said.dimension.split("/")
        if not all(part in self._units for part in parts):
            return None
        if said.scale and said.scale in self.haystack.text and _key(said.digits) in bare:
            return bare[_key(said.digits)]
        return bare.get(_key(said.number))

    def _near(self, said: Quantity) -> bool:
        """Say whether a value that is rounded in the claim stands here in full."""
        values = (
            self._numbers if said.dimension == UNKNOWN else self._values.get(said.dimension, {})
        )
        return any(abs(value - said.value) <= 0.03 * abs(value) for value in values)

    def has_date(self, said: Date) -> bool:
        """Say whether it has a date, as precise as it is said."""
        years = {date.year for date in self._facts.dates} | {
            int(value) for value in self._numbers if 1900 <= value <= 2100
        }
        for date in self._facts.dates:
            same = all(
                mine is None or mine == theirs
                for mine, theirs in (
                    (said.month, date.month),
                    (said.day, date.day),
                    (said.quarter, date.quarter),
                    (said.half, date.half),
                )
            )
            if same and (said.year is None or said.year == date.year):
                return True
            if same and date.year is None and said.year in years:
                return True
        parts = (said.month, said.day, said.quarter, said.half)
        if said.year is not None and not any(parts):
            return said.year in years
        if said.quarter and said.year in years and not said.month:
            return float(said.quarter) in self._numbers and "季" in self.haystack.text
        return False

    @cached_property
    def _codes(self) -> set[str]:
        return {squashed(code) for code in self._facts.codes}

    def has_code(self, said: str, *, alike: bool) -> bool:
        """Say whether it has a code, or one of which it is the first part.

        Args:
            said: the code.
            alike: whether they are of one language; else 5号线 is anything with that number.
        """
        if not alike and (part := _NUMBERED.search(said)):
            number = part.group().lower()
            word = _CALLED.get(said[-1])
            if word is not None:
                roman = _ROMAN.get(number, number)
                return (
                    re.search(rf"\b(?:{word})s? (?:{number}|{roman})\b", self.haystack.text)
                    is not None
                )
            if number.isdigit():
                return float(number) in self._numbers or any(
                    number in re.findall(r"\d+", code) for code in self._codes
                )
            return any(number in re.split(r"[-\d]", c) for c in self._codes) or _stands_alone(
                number, self.haystack.text
            )
        code = squashed(said)
        if code in self._codes or any(one.startswith(f"{code}-") for one in self._codes):
            return True
        return _stands_alone(normalize(said), self.haystack.text)

    def mixes_up(self, said: str, found: Facts) -> list[str]:
        """Return the numbers of a claim that it gives for another thing."""
        return swapped(said, found, self.haystack.text, self._facts.codes)

    @cached_property
    def _initials(self) -> str:
        return "".join(word[0] for word in re.findall(r"[a-z]+", self.haystack.text))

    def has_word(self, said: str) -> bool:
        """Say whether it has a word of Latin letters, or what it is the initials of."""
        if said.isupper() and len(said) >= 3 and said.lower() in self._initials:
            return True
        word = normalize(said)
        return (
            _stands_alone(word, self.haystack.text)
            or self.share(word) > 0
            or any(self.haystack.share(term) == 1.0 for term in content_terms(word))
        )

    def has_chinese(self, said: str) -> bool:
        """Say whether it has a Chinese name, or what an organisation's is short for."""
        name = normalize(said)
        if name in self.haystack.text or name in _COMMON:
            return True
        kind = _ORGANISED.search(name)
        if kind is None:
            return self.share(name) >= 0.8
        head = name[: kind.start()]
        for start in range(len(head) - 1):
            if head[start:] + kind.group() in self.haystack.text:
                return True
        if len(head) <= 1 or all(self.share(term) >= 0.5 for term in content_terms(head)):
            return True
        return _within(name[-4:], self.haystack.text)

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


def _key(value: float) -> float:
    return float(f"{value:.9g}")


def _stands_alone(word: str, text: str) -> bool:
    """Say whether a word stands in a text with no letter or digit at its sides."""
    place = text.find(word) if word else -1
    while place >= 0:
        before, after = text[place - 1 : place], text[place + len(word) : place + len(word) + 1]
        if not _alphanumeric(before) and not _alphanumeric(after):
            return True
        place = text.find(word, place + 1)
    return False


def _alphanumeric(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


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


_PARTED = re.compile(f"(?<=\\d)[{CJK}]+\\Z")
_CALLED = {
    "线": "line",
    "楼": "building|block",
    "期": "phase|stage",
    "类": "category|class|type",
    "级": "class|grade|level",
    "区": "zone|area|section|block",
    "段": "lot|section|contract",
    "方": "party",
}
_ROMAN = dict(zip("1 2 3 4 5 6 7 8".split(), "i ii iii iv v vi vii viii".split(), strict=True))
_NUMBERED = re.compile(rf"(?:\d+|[A-Z])(?=[号{CJK}])|(?<=[a-z] )(?:\d+|[A-Z])\Z")

# --- what claims nothing -------------------------------------------------------------------------

_DIGIT = re.compile(r"\d")
_GENERIC = frozenset(
    "见 详见 参见 资料 来源 文件 文档 上述 以上 综上所述 综上 总结 总之 信息 内容 回答 如下 以下 希望 帮助 进一步 参考 提供 您好 你好 "
    "感谢 联系 补充 说明 材料 检索 结果 下面 首先 其次 最后 此外 另外 同时 因此 所以 但是 不过 然而 具体 概括 整理 依据 "
    "随时 告知 解答 疑问 更多 下列 包括 要点 主要 用户 现有 给出 提到 一般来说 需要注意 注意 值得 值得注意 有用 "
    "sourc document provid base follow summari summar summaris inform hope help question answer pleas context passag materi "
    "feel free ask detail addit see document overal conclus short brief thank refer relev abov below note state accord cite "
    "here main key point list further happi let assist more".split()
)
_HONEST = re.compile(
    r"(?:没有|未|并未|均未|无法|不足以|暂无|未能|不能|查不到|找不到|不包含|未找到)[^，。；;,]{0,24}?(?:提到|提及|说明|涉及|给出|包含|找到|明确|载明|确定|列出|提供|记载|写明|披露|回答|判断|得知|信息|依据|看出)"
    r"|(?:找不到|查不到|暂无)[^，。；;,]{0,16}"
    r"|\b(?:sources?|documents?|passages?|information|context|materials?|excerpts?|texts?|they|i|we|it|records?|files?|polic(?:y|ies)|manual|reports?)\b[^.;]{0,40}?"
    r"\b(?:(?:do|does|did|could|can)(?: not|n['’]t)|cannot)\s+(?:\w+\s+){0,2}?(?:mention|state|say|specify|contain|include|provide|cover|give|indicate|address|find|determine|answer|disclose|confirm|tell|reveal|list|describe|discuss)\b"
    r"|\b(?:there is )?no (?:information|mention|data|details?)\b|\bnot (?:mentioned|stated|specified|given|provided|available|covered|disclosed) (?:in|by)\b|\bis(?: not|n't) (?:mentioned|stated|specified|given)\b",
    re.IGNORECASE,
)
_BUT = re.compile(
    r"[，,;；]\s*(?:但|不过|然而|通常|一般)|\b(?:but|however|although|usually|typically|generally|while)\b",
    re.IGNORECASE,
)
_TRANSITION = re.compile(
    r"\s*(?:根据|综上|总之|总的来说|总体而言|以下|下面|希望|如需|如有|如果您|您好|感谢|需要说明|请注意|具体如下|以上"
    r"|based on|according to|in summary|to summari[sz]e|overall|in conclusion|here (?:is|are)|below|i hope|hope|let me know|please|if you|feel free|thank|sure|certainly|the following|in short)",
    re.IGNORECASE,
)
