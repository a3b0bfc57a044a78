"""A comparison as one HTML page that needs nothing else."""

from __future__ import annotations

from typing import Literal

from agent.evaluation.markup import el
from agent.evaluation.page import document, table
from agent.tuning.compare import Compared
from agent.tuning.compare_words import Words

__all__ = ["compared_page"]


def compared_page(found: Compared, *, name: str, language: Literal["zh", "en"] = "en") -> str:
    """Return a comparison as a page of HTML.

    Args:
        found: what was compared.
        name: of the project.
        language: of its words.
    """
    words = Words(found, name, language)
    body = [
        el("h1", words.title),
        el("p", words.questions),
        *(el("p", one) for one in words.notes()),
    ]
    for task in dict.fromkeys(row["task"] for row in found["rows"]):
        rows = []
        for row in found["rows"]:
            if row["task"] == task:
                label, *values, finding, needed = words.cells(row)
                numbers = [el("td", one, class_="number") for one in values]
                said = el("td", finding, class_="better" if row["better"] else "")
                rows.append([label, *numbers, said, el("td", needed, class_="number")])
        body += [el("h2", words.task(task)), table(words.head, rows)]
    title, changed = words.changed()
    if changed:
        body += [el("h2", title), table((), changed)]
    return document(words.title, body, language)
