"""Questions of several parts: 「对比东站和西站的环保措施」 asks of two documents, and each is searched alone.

Read from wording alone, in Chinese and English: several questions after one another, a list or a
pair of which something is asked of each (分别, 区别, 比, compare, versus, respectively), and things of
one kind side by side (two codes, years, articles or values of a tool's argument). A name with 和 or
"and" in it, or a fact about two things together, stays one question.
"""

from __future__ import annotations

import re

from agent.routing.followup import FindSlots, standalone
from indexes.text import language, normalize

__all__ = ["parts"]

LONGEST = 400  # characters; a longer text is a report rather than a question
BARE = 3  # words of an English question, who paid?, that names nothing
_SIGNS = re.compile(
    r"[和与與跟同及、比到至对對还還或差异異，,；;？?]|\b(?:and|or|vs|versus|with|to|than|from|against)\b",
    re.IGNORECASE,
)


def parts(question: str, find_slots: FindSlots) -> list[str]:
    """Return the standalone questions that a question consists of; a question that is one stays as it is.

    Args:
        question: a standalone question.
        find_slots: finds the values of tools' arguments in a text; what it finds helps to see of how
            many things something is asked.
    """
    if len(question) > LONGEST or not _SIGNS.search(question):
        return [question]
    # their patterns are compiled at import, which the start of a command need not wait for
    from agent.routing.parts.kinds import MOST
    from agent.routing.parts.questions import several

    asked = several(question)
    if len(asked) == 1:
        return _compared(question, find_slots) or [question]
    found: list[str] = []
    for one in asked:
        text = _complete(one, asked[0], find_slots) if found else one
        found += _compared(text, find_slots) or [text]
    return found if len(found) <= MOST else [*found[: MOST - 1], " ".join(found[MOST - 1 :])]


def _complete(question: str, first: str, find_slots: FindSlots) -> str:
    """Return a question that was asked together with another one so that it stands alone."""
    read = standalone(question, first, find_slots)
    bare = language(question) == "en" and len(question.split()) <= BARE
    return read.alternative if bare and read.alternative else read.text


def _compared(question: str, find_slots: FindSlots) -> list[str]:
    """Return what a single question asks of several things; nothing if it does not."""
    from agent.routing.parts.kinds import MOST

    if language(question) == "zh":
        from agent.routing.parts.chinese import split_chinese

        found = split_chinese(_simplified(question), find_slots)
    else:
        from agent.routing.parts.english import split_english

        found = split_english(question, find_slots)
    found = list(dict.fromkeys(part for part in map(str.strip, found) if part))
    return found if 1 < len(found) <= MOST else []


def _simplified(text: str) -> str:
    """Return a text in simplified Chinese, its Latin letters and marks untouched."""
    folded = normalize(text)
    if len(folded) != len(text):
        return text
    pairs = zip(text, folded, strict=True)
    return "".join(new if "一" <= new <= "鿿" else old for old, new in pairs)
