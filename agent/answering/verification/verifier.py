"""Deterministic verification of an answer, sentence by sentence, against its numbered sources.

A claim's numbers, dates, names, codes and quotations must stand in what it cites; a figure that is announced
as reckoned from others stands if it comes out. How much of a claim's wording a source
has (`support`) is lexical; between languages only numbers, dates and codes are compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from agent.answering.links import without_links
from agent.answering.types import Source
from agent.answering.verification.binding import clauses
from agent.answering.verification.claims import Claim
from agent.answering.verification.derived import follows
from agent.answering.verification.facts import Facts, facts
from agent.answering.verification.gaps import ADVICE, BUT, GENERIC, HONEST, TRANSITION
from agent.answering.verification.pieces import Piece, pieces_of, plain
from agent.answering.verification.polarity import opposed
from agent.answering.verification.quantities import COUNTERS
from agent.answering.verification.reference import Quotation, Reference
from indexes.text import CJK, NOUN, content_terms, language

__all__ = ["Checked", "Problem", "Quotation", "Verdict", "Verifier", "verdict"]

Problem = Literal["marker", "number", "date", "name", "quote", "link", "unsupported", "uncited"]

SUPPORTED = 0.2  # a share of a claim's wording below which a source says something else
WELL = 0.6  # a share that makes a source the one that an uncited claim is from
BETTER = 0.35  # how much more another source must have for a marker to be moved to it
ACROSS = 0.5  # support between languages where no number or code can tell; with them all, FIRM
FIRM = 0.8
ELSEWHERE = 0.2  # the share of a claim that stands in other rows than it names, and is too much
FEW = 3  # words, or Chinese characters, that may be of any language
LACKING = 8  # terms of what the sources are said not to have
LABEL = 2  # terms of a column's name
REPEATS = 0.75  # the share of a claim's words from which on its bounds must be its source's, too
NEARLY = 0.05  # how much less another source may have if it has the figures


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
        self._sources = {source.number: Reference.shared(source) for source in sources}
        self._question = Reference.of(question)
        self._asked = content_terms(question)
        self._any_language = bool(_ASKS_LANGUAGE.search(question))

    def check(self, claim: Claim) -> Checked:
        """Check one claim.

        Args:
            claim: as the splitter gives it.
        """
        problems: set[Problem] = set()
        own = self._lines.get(_folded(claim.text)) if claim.kind == "code" else None
        if own is not None:  # to the letter, whatever a model made of its signs
            return Checked(claim.text.replace(claim.text.strip(), own), (), 1.0, (), False)
        cited = [n for _, found in pieces_of(claim.text, self._sources) for n in found if n > 0]
        text = self._linked(claim.text, cited or list(self._sources), problems)
        if claim.kind == "blank":
            return Checked(text, (), 1.0, _ordered(problems), False)
        if _SELF.search(HONEST.sub("", _QUOTED.sub("", plain(text))).strip()):
            problems.add("unsupported")  # no document says what the assistant is or does
        if claim.kind == "code":
            return Checked(self._code(text, problems), (), 1.0, _ordered(problems), False)
        pieces = [Piece(said, found) for said, found in pieces_of(text, self._sources)]
        if any(piece.wrong for piece in pieces):
            problems.add("marker")
        apart = claim.kind in {"heading", "header", "lead"} and not _STATED.search(plain(text))
        claims = not apart and self._claims(text)
        if claims:
            missing, support = self._judge(pieces, problems)
        else:
            missing, support = self._loosely(text), 1.0
            problems |= {problem for problem, _ in missing}
            if not (claim.kind == "header" and self._labels(text)) and not self._about(text):
                problems.add("unsupported")
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

    @cached_property
    def _lines(self) -> dict[str, str]:
        """The sources' lines by what they say, whatever the width of their signs."""
        every = [line.strip() for one in self._sources.values() for line in one.text.splitlines()]
        return {_folded(line): line for line in reversed(every) if line}

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
        said = plain(text)
        if HONEST.search(said):
            return all(
                len(content_terms(HONEST.sub(" ", clause))) <= LACKING
                if HONEST.search(clause)
                else (self._held(clause) >= WELL or self._advises(clause))
                and not self._loosely(clause)
                for clause in _CLAUSE.split(said)
            )
        return bool(TRANSITION.match(said)) or self._held(said) >= ACROSS

    @staticmethod
    def _labels(text: str) -> bool:
        """Say whether a table's header has but labels of few words."""
        cells = plain(text).strip().strip("|").split("|")
        return all(len(content_terms(cell)) <= LABEL for cell in cells)

    def _advises(self, clause: str) -> bool:
        """Say whether a clause only says where to ask for what the sources lack."""
        return ADVICE.search(clause) is not None and len(content_terms(clause)) <= LACKING

    def _held(self, text: str) -> float:
        """Return how much of what a text says stands in any source or in the question."""
        there = [*self._sources.values(), self._question]
        own = {term: w for term, w in content_terms(text).items() if term not in GENERIC}
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
                said = plain(one.text)
                for term, weight in content_terms(said).items():
                    terms[term] = max(weight, terms.get(term, 0.0))
        return source.stretch(terms)

    def _claims(self, text: str) -> bool:
        """Say whether a text claims something that its question does not say already."""
        said = plain(text)
        if HONEST.search(said) and not BUT.search(said):
            return False
        own = content_terms(said)
        rest = [term for term in own if term not in self._asked and term not in GENERIC]
        if not rest:
            return False
        return not (TRANSITION.match(said) and len(rest) <= 3 and not _DIGIT.search(said))

    def _loosely(self, text: str) -> list[tuple[Problem, str]]:
        """Return the figures of what is no claim that stand in no source at all."""
        found = facts(
            " ".join(one for one in _CLAUSE.split(plain(text)) if not HONEST.search(one))
            if HONEST.search(text)
            else plain(text)
        )
        found.names, found.chinese, found.quotes, found.titles = [], [], [], []
        return self._missing(found, list(self._sources.values()), text)

    def _judge(
        self, pieces: list[Piece], problems: set[Problem]
    ) -> tuple[list[tuple[Problem, str]], float]:
        """Check the pieces of a claim, each against its own markers, and mend the markers."""
        every = [n for piece in pieces for n in piece.markers]
        missing: list[tuple[Problem, str]] = []
        supports: list[tuple[float, float]] = []
        carried: list[int] = []
        for i, piece in enumerate(pieces):
            said = plain(piece.text)
            own = {t: w for t, w in content_terms(said).items() if t not in GENERIC}
            if own and piece.wrong and not piece.markers:
                problems.add("uncited")  # nor may the marker of what follows stand for it
                supports.append((0.0, sum(own.values())))
                continue
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
            elif (
                lacking
                and support >= ACROSS
                and all(text in {*found.names, *found.chinese} for _, text in lacking)
            ):
                for number in self._sources:  # whose name it is, another source may tell
                    whole, other = self._against(found, own, said, [*cited, number])
                    if not whole and number not in cited:
                        piece.set([*cited, number])
                        lacking, support = whole, max(support, other)
                        break
            told = len(found.quantities) + len(found.codes)
            if cited and support < SUPPORTED / (1 + told):
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
        least = max(WELL, support - NEARLY)
        alike = any(self._sources[n].language == written for n in cited)
        for number, source in self._sources.items():
            if number in cited or (
                source.language == written and self._share(own, [source]) < least
            ):
                continue
            theirs, share = self._against(found, own, said, [number])
            told = len(found.quantities) + len(found.dates) + len(found.codes)
            firm = source.language == written or (told >= 2 and not alike)
            if not theirs and firm and share >= least:
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
        whole = [self._sources[n] for n in cited]
        sources = [one.narrowed(said) for one in whole]
        share = self._share(own, sources)
        missing = self._missing(found, sources, said, strict=share >= REPEATS)
        if not missing:
            missing = self._mixed_up(found, own, said, whole, sources)
        alike = [one for one in sources if _language(said) in {one.language, None}]
        if not alike:
            told = bool(found.quantities or found.dates or found.codes)
            if not sources or not (language(said) == self._question.language or self._any_language):
                return missing, 0.0  # neither the sources' language nor the question's
            return missing, FIRM if told and not missing else ACROSS
        return missing, share

    @staticmethod
    def _share(own: Mapping[str, float], sources: Sequence[Reference]) -> float:
        """Return the share of a claim's words that some sources have; figures in words are told apart."""
        total = covered = 0.0
        for term, weight in own.items():
            held = max((one.share(term) for one in sources), default=0.0)
            if held or not _NUMERAL.match(term):
                total += weight
                covered += weight * held
        return covered / total if total else 0.0

    def _mixed_up(
        self,
        found: Facts,
        own: Mapping[str, float],
        said: str,
        sources: Sequence[Reference],
        narrowed: Sequence[Reference],
    ) -> list[tuple[Problem, str]]:
        """Return what every source that has it gives for another thing than the claim."""
        if found.quantities or found.dates:
            wrong = [set(one.misplaces(said)) for one in sources]
            if wrong and (common := set.intersection(*wrong)):
                return [("number", text) for text in sorted(common)]
        if any(one.has_rows for one in sources):
            return self._of_other_rows(own, said, sources, narrowed)
        return []

    def _of_other_rows(
        self,
        own: Mapping[str, float],
        said: str,
        sources: Sequence[Reference],
        narrowed: Sequence[Reference],
    ) -> list[tuple[Problem, str]]:
        """Return the facts, else the words, that stand only in rows of tables about other things."""
        for clause in clauses(said):
            rows = [one.narrowed(clause.text) for one in sources]
            if rows != list(narrowed) and rows != list(sources):
                facts_missing = self._missing(facts(clause.text), rows, clause.text)
                if facts_missing:
                    return facts_missing
        words = [
            term
            for term, weight in own.items()
            if weight >= NOUN
            and not any(one.share(term) for one in narrowed)
            and any(one.share(term) == 1.0 for one in sources)
            and not self._question.share(term)
        ]
        if sum(own[term] for term in words) >= ELSEWHERE * sum(own.values()):
            return [("unsupported", term) for term in words]
        return []

    def _missing(
        self, found: Facts, sources: Sequence[Reference], said: str, *, strict: bool = True
    ) -> list[tuple[Problem, str]]:
        there = [*sources, self._question]
        alike = [one for one in sources if _language(said) in {one.language, None}]
        missing: list[tuple[Problem, str]] = []
        free = not strict or _FREES.search(said) is not None  # no more than 50 needs none, 51 does
        for quantity in found.quantities:
            sought = replace(quantity, bound=0) if free else quantity
            if not any(one.figures.has_quantity(sought) for one in there) and not follows(
                quantity, found, said, [q for one in there for q in one.figures.quantities]
            ):
                missing.append(("number", quantity.text))
        for number, word in _SMALL.findall(said) if sources else ():
            if any(one.counts_otherwise(number, word) for one in sources) and not any(
                f"{number}{word}" in one.haystack.text for one in there
            ):
                missing.append(("number", f"{number}{word}"))
        for date in found.dates:
            if not any(one.figures.has_date(date) for one in there):
                missing.append(("date", date.text))
        for code in found.codes:
            if not any(
                one.figures.has_code(code, alike=not sources or bool(alike)) for one in there
            ):
                missing.append(("name", code))
        for name in found.names:
            foreign = sources and not alike and _language(said) == "en"
            if not foreign and not any(one.has_word(name) for one in there):
                missing.append(("name", name))
        for name in found.chinese:
            if alike and not any(one.has_chinese(name, said) for one in there):
                missing.append(("name", name))
        if alike and not any(one.language == "en" for one in sources):
            missing += [
                ("name", said)
                for said in found.called
                if not any(one.has_pair(said) for one in there)
            ]
        for name in found.doubtful:
            if not any(name in one.haystack.text for one in there):
                missing += [("name", name) for one in sources if one.renames(name)][:1]
        for title in found.titles:
            if (alike or not sources) and not any(one.has_text(title) for one in there):
                missing.append(("name", title))
        for quote in found.quotes:
            if not any(one.has_text(quote) for one in there):
                missing.append(("quote", quote))
        return missing


_FREES = re.compile(
    r"无需|不需|不用|不必|不须|免|不算|不受|不收|\b(?:need not|no need|not (?:need|require|count|apply|subject)|without|exempt|free of)\b",
    re.IGNORECASE,
)
_SMALL = re.compile(  # what is counted without a counter, by one numeral: 八车道
    rf"(?<![第零一二两三四五六七八九十百千\d.])([二两三四五六七八九十])(?![十百千万亿个年月日天周门次分点{COUNTERS}])([{CJK}]{{2}})"
)
_DIGIT = re.compile(r"\d")
_NUMERAL = re.compile(
    r"[零一二两三四五六七八九十百千]{1,4}.?\Z"
)  # 五晚, which the facts of a claim tell
_FENCE = re.compile(
    r"(?P<fence>\s*(?:`{3,}|~{3,}))(?:[ \t]*[A-Za-z0-9+#.-]{0,16}[ \t]*(?:\n|\Z))?(?P<rest>.*)",
    re.DOTALL,
)
_QUOTED = re.compile(r"“[^”]*”|「[^」]*」|\"[^\"]*\"")
_CLAUSE = re.compile(r"[,，;；:：]")
_SELF = re.compile(
    r"(?:\A|[.!?:;,|]\s*|\bthat\s+)I(?:['’](?:m|ve|ll|d)\b| [a-z]+)"
    r"|\bmy (?:name|rules|instructions|system prompt)\b"
    r"|(?:\A|[，。；！？：:,;|\s])我(?:是|叫|现在是|已被|的(?:名字|规则|指令|系统提示))"
)
_STATED = re.compile(r"[.。!！](?=[\s:：*_]*(?:\||\Z))")  # a heading or cell that is a sentence
_ASKS_LANGUAGE = re.compile(
    r"中文|汉语|汉字|英文|英语|翻译|双语|chinese|mandarin|english|translat|bilingual", re.IGNORECASE
)


def _folded(line: str) -> str:
    return unicodedata.normalize("NFKC", line.strip())


def _language(said: str) -> str | None:
    """Return the language of what is said; None if it is hardly more than figures and names."""
    return language(said) if len(_WORDS.findall(said)) >= FEW else None


_WORDS = re.compile(f"[{CJK}]|[A-Za-z]{{2,}}")


def _ordered(problems: set[Problem]) -> tuple[Problem, ...]:
    order: tuple[Problem, ...] = (
        "marker", "number", "date", "name", "quote", "link", "unsupported", "uncited",
    )  # fmt: skip
    return tuple(problem for problem in order if problem in problems)
