"""When cited documents hold, in words: where that matters to an answer, and always to a chat model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from agent.answering.types import Citation, Source
from indexes.types import Validity

__all__ = [
    "day",
    "holds",
    "lapsed_documents",
    "lapsed_note",
    "named",
    "told",
    "with_validity",
]

_VERSION = re.compile(
    r"\s*([（(\[〔][^（()）]*(?:(?:19|20)\d\d|修订|修正|version|revision|amended)[^（()）]*[)）\]〕])\s*$",
    re.IGNORECASE,
)


def named(title: str, words: Mapping[str, Any]) -> str:
    """Return a title in quotation marks, with its version behind them: 《X办法》（2023年修订）.

    Args:
        title: the document's.
        words: the messages of the answer's language.
    """
    version = _VERSION.search(title)
    if version is None or not version.start():
        return str(words["documents_quote"]).format(title=title)
    base: str = words["documents_quote"].format(title=title[: version.start()])
    return f"{base}{'' if version[1][0] in '（〔' else ' '}{version[1]}"


def day(iso: str, words: Mapping[str, Any]) -> str:
    """Return a day in words; days from one to another are parted by "/"."""
    if "/" in iso:
        first, last = iso.split("/")
        whole = _whole(date.fromisoformat(first), date.fromisoformat(last), words)
        return whole or str(words["days"]).format(first=day(first, words), last=day(last, words))
    found = date.fromisoformat(iso)
    month = words["months"].split()[found.month - 1]
    return str(words["day"]).format(year=found.year, month=month, day=found.day)


def _whole(first: date, last: date, words: Mapping[str, Any]) -> str:
    """Return days that are a whole year as that year; "" if they are not."""
    if (first.month, first.day, last.month, last.day) == (1, 1, 12, 31) and first.year == last.year:
        return str(words["year"]).format(year=first.year)
    return ""


def holds(validity: Validity | None) -> bool:
    """Say whether a document holds on the days asked about; one that says nothing does."""
    return validity is None or validity.get("state", "in_force") == "in_force"


def told(validity: Validity | None, words: Mapping[str, Any], *, always: bool = False) -> str:
    """Return when a document holds, in words; "" where it holds today and no other day is asked about.

    Args:
        validity: as the search gives it.
        words: the messages of the answer's language.
        always: whether it is told in any case.
    """
    if validity is None:
        return ""
    now = validity.get("now", "in_force")
    plain = holds(validity) and now == "in_force" and not validity.get("asked")
    if plain and not always:
        return ""
    effective, expires = validity["effective"], validity["expires"]
    key = (
        "validity_both"
        if effective and expires
        else "validity_from"
        if effective
        else "validity_until"
    )
    parts = [
        words[key].format(
            effective=day(effective, words) if effective else "",
            expires=day(expires, words) if expires else "",
        )
    ]
    if now != "in_force":
        parts.append(words[f"validity_{now}"])
    if now == "ended" and validity["replaced_by"]:
        title = named(validity["replaced_by"], words)
        parts.append(words["validity_replaced"].format(title=title))
    separator: str = words["separator"]
    return separator.join(parts)


def lapsed_note(citations: Iterable[Citation], words: Mapping[str, Any]) -> str:
    """Return a warning if none of the cited documents holds on the days asked about; else "".

    Args:
        citations: of the answer.
        words: the messages of its language.
    """
    found = [one.get("validity") for one in citations]
    if not found or any(map(holds, found)):
        return ""
    asked = next((one["asked"] for one in found if one is not None and one.get("asked")), "")
    if asked:
        return str(words["lapsed_then"]).format(days=day(asked, words))
    return str(words["lapsed"])


def lapsed_documents(citations: Iterable[Citation], words: Mapping[str, Any]) -> list[str]:
    """Return a line for each cited document that does not hold on the days asked about."""
    lines = {
        one[
            "title"
        ]: f"{named(one['title'], words)}{words['colon']}{told(one.get('validity'), words)}"
        for one in citations
        if not holds(one.get("validity"))
    }
    return list(lines.values())


def with_validity(sources: Sequence[Source], words: Mapping[str, Any]) -> list[Source]:
    """Return sources as claims are checked against them: with what is known of when they hold.

    Args:
        sources: as a model was shown them.
        words: the messages of the prompt's language.
    """
    return [
        replace(one, title=f"{one.title} {said}")
        if (said := told(one.validity, words, always=True))
        else one
        for one in sources
    ]
