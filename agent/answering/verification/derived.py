"""Figures that follow from others of the same sentence: a sum with its addends, the year compared with."""

from __future__ import annotations

import math
import re

from agent.answering.verification.facts import Facts
from agent.answering.verification.quantities import COUNTED, OTHER, UNKNOWN, Quantity

__all__ = ["follows"]

MOST = 30  # figures of a sentence that are looked at together

_COUNTS = {OTHER: UNKNOWN, COUNTED: UNKNOWN}
_SUMS = re.compile(
    r"合计|总计|共计|一共|总共|共|\btotal\b|\baltogether\b|\bcombined\b|\bin all\b|\btogether\b",
    re.IGNORECASE,
)
_COMPARES = re.compile(
    r"[较比]|同期|\b(?:versus|vs|compared|from|than|against|earlier|previous|prior)\b",
    re.IGNORECASE,
)


def follows(said: Quantity, found: Facts, text: str) -> bool:
    """Say whether a figure follows from the others of its sentence, which are checked themselves.

    Args:
        said: the figure.
        found: the facts of the sentence.
        text: the sentence.
    """
    if len(found.quantities) > MOST:
        return False
    years = {one.number for one in found.quantities} | {date.year for date in found.dates}
    if 1900 <= said.number <= 2100 and said.number + 1 in years:
        return _COMPARES.search(text) is not None
    if not _SUMS.search(text):
        return False
    kind = _COUNTS.get(said.dimension, said.dimension)
    addends = [
        one.value
        for one in found.quantities
        if one is not said and _COUNTS.get(one.dimension, one.dimension) == kind
    ]
    return len(addends) >= 2 and math.isclose(sum(addends), said.value, rel_tol=1e-9)
