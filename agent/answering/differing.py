"""Where two regulations in force say different things: figures of one kind for the same matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from agent.answering.extract import Quote
from agent.answering.validity import holds, named
from indexes.text import Haystack, content_terms, sentences
from indexes.types import LocatedPassage
from indexes.validity import titled

__all__ = ["Difference", "differences", "differing_note"]

ALIKE = (
    0.4  # the share of its words that a sentence has in common with another about the same matter
)
ASKED = 0.5  # the share of the question that each of them has with its title


@dataclass(frozen=True)
class Difference:
    """Two quotations, by their places, and the figures in which they differ."""

    first: int
    second: int
    value: str
    other: str


@dataclass(frozen=True)
class _Said:
    """A sentence with figures: its words, and its figures by what they measure."""

    terms: Mapping[str, float]
    haystack: Haystack
    values: Mapping[str, Mapping[float, str]]


def differences(
    question: str, quotes: Sequence[Quote], passages: Sequence[LocatedPassage]
) -> list[Difference]:
    """Return where quotations of different regulations give different figures for what is asked.

    Only documents that say when they hold are compared, and only those that hold on the days asked about.

    Args:
        question: without the days that it asks about.
        quotes: those of the answer.
        passages: what they are taken from.
    """
    bearing = [
        (place, quote)
        for place, quote in enumerate(quotes)
        if not quote.related
        and "validity" in passages[quote.passage]
        and holds(passages[quote.passage]["validity"])
    ]
    if len({passages[quote.passage]["document"] for _, quote in bearing}) < 2:
        return []
    said = {
        place: _said(question, quote.text, passages[quote.passage]["header"])
        for place, quote in bearing
    }
    found: list[Difference] = []
    for (first, one), (second, two) in combinations(bearing, 2):
        beside = first != bearing[0][0]  # what differs there is not what was asked
        if beside or passages[one.passage]["document"] == passages[two.passage]["document"]:
            continue
        for mine in said[first]:
            for theirs in said[second]:
                values = _differ(mine, theirs)
                if values is not None:
                    found.append(Difference(first, second, *values))
    return list({(one.first, one.second): one for one in reversed(found)}.values())


def _said(question: str, text: str, header: str) -> list[_Said]:
    from agent.answering.verification.facts import facts
    from agent.answering.verification.quantities import COUNTED, OTHER, PART, PLACE, UNKNOWN

    asked = content_terms(question)
    above = Haystack(header)
    total = sum(asked.values())
    out: list[_Said] = []
    for _, sentence in sentences(text):
        haystack = Haystack(sentence)
        met = sum(w * max(haystack.share(t), above.share(t)) for t, w in asked.items())
        if not total or met / total < ASKED:
            continue
        values: dict[str, dict[float, str]] = {}
        for one in facts(sentence, named=False).quantities:
            if one.dimension not in {PART, PLACE, UNKNOWN, OTHER, COUNTED}:
                values.setdefault(one.dimension, {})[one.value] = one.text
        if values:
            terms = {
                term: weight
                for term, weight in content_terms(sentence).items()
                if not term[0].isdigit() and term[0] not in "~§"
            }
            out.append(_Said(terms, haystack, values))
    return out


def _differ(one: _Said, other: _Said) -> tuple[str, str] | None:
    """Return the figures in which two sentences about the same matter differ; None if they do not."""
    common = sum(w * other.haystack.share(t) for t, w in one.terms.items())
    back = sum(w * one.haystack.share(t) for t, w in other.terms.items())
    sizes = sum(one.terms.values()), sum(other.terms.values())
    if not all(sizes) or max(common / sizes[0], back / sizes[1]) < ALIKE:
        return None
    for kind, mine in one.values.items():
        theirs = other.values.get(kind, {})
        if theirs and not mine.keys() & theirs.keys():
            return next(iter(mine.values())).strip(), next(iter(theirs.values())).strip()
    return None


def differing_note(
    found: Sequence[Difference],
    quotes: Sequence[Quote],
    passages: Sequence[LocatedPassage],
    markers: Mapping[int, int],
    words: Mapping[str, Any],
) -> str:
    """Return what people are told of differences; "" if there are none, or if they are of two versions.

    Args:
        found: the differences.
        quotes: the quotations.
        passages: what they are taken from.
        markers: the marker of each quotation.
        words: the messages of the answer's language.
    """

    def source(place: int) -> str:
        quote = quotes[place]
        article = quote.location.get("article", "")
        gap = "" if article.startswith("第") or not article else " "
        return f"{named(passages[quote.passage]['title'], words)}{gap}{article}"

    lines = []
    for one in found:
        titles = [titled(passages[quotes[p].passage]["title"]) for p in (one.first, one.second)]
        key = "differ" if titles[0] != titles[1] else "differ_versions"
        line = words[key].format(
            first=source(one.first),
            value=one.value,
            second=source(one.second),
            other=one.other,
        )
        lines.append(f"{line} [{markers[one.first]}][{markers[one.second]}]")
    return "\n".join(lines)
