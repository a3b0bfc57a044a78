"""An evaluation's report in the terminal, in 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from agent.evaluation.keys import FIGURES, LOWER, SHARES, flat
from agent.evaluation.types import Comparison, Report
from agent.evaluation.words import changed, shown
from prompts import texts

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["print_report"]

COLOURS = {"better": "green", "worse": "red", "": ""}
MISSES_SHOWN = 8


def print_report(
    report: Report, comparison: Comparison | None = None, *, language: Literal["zh", "en"] = "en"
) -> None:
    """Print a report's figures, classes and misses, and what changed since an earlier one."""
    from rich.console import Console

    words = texts("evaluation", language)
    console = Console(highlight=False, markup=False)
    console.print(words["questions"].format(count=report["questions"]))
    console.print(_figures(report, comparison, words))
    console.print(_classes(report, words))
    if report["unknown_documents"]:
        names = ", ".join(report["unknown_documents"])
        console.print(words["unknown_documents"].format(names=names))
    if comparison is not None:
        console.print(words["shared"].format(count=comparison["shared"]))
    for title, lists in (
        (words["misses"], report["misses"]),
        *(
            ((words[side], comparison[side]) for side in ("became_right", "became_wrong"))
            if comparison is not None
            else ()
        ),
    ):
        if lists:
            console.print(_lists(title, lists))


def _table(*columns: str, title: str, left: int = 1) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(
        title=title, box=SIMPLE, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0)
    )
    for number, name in enumerate(columns):
        table.add_column(
            name, justify="left" if number < left else "right", no_wrap=number > 0, overflow="fold"
        )
    return table


def _figures(report: Report, comparison: Comparison | None, words: dict[str, Any]) -> Table:
    from rich.text import Text

    last = [words["was"], words["difference"]] if comparison is not None else []
    table = _table(
        words["figure"], words["value"], words["interval"], words["count"], *last,
        title=words["figures"],
    )  # fmt: skip
    values = flat(report)
    for key in FIGURES:
        value = values.get(key)
        change = comparison["figures"][key] if comparison is not None else None
        if value is None and (change is None or change["old"] is None):
            continue  # nothing is labelled for it
        interval = report["intervals"].get(key)
        row = [
            Text(f"{key} ↓" if key in LOWER else key),
            Text(shown(key, value)),
            Text(f"{interval['low']:.0%}–{interval['high']:.0%}" if interval else ""),
            Text(str(interval["questions"]) if interval else ""),
        ]
        if change is not None:
            text, kind = changed(key, change["difference"])
            row += [Text(shown(key, change["old"])), Text(text, style=COLOURS[kind])]
        table.add_row(*row)
    return table


def _classes(report: Report, words: dict[str, Any]) -> Table:
    from rich.text import Text

    columns = ("class", "count", "precision", "recall", "f1")
    table = _table(*(words[key] for key in columns), title=words["classes"])
    for name, one in report["classes"].items():
        figures = (one["precision"], one["recall"], one["f1"])
        table.add_row(Text(name), str(one["questions"]), *(shown("", value) for value in figures))
    return table


def _lists(title: str, lists: dict[str, list[str]]) -> Table:
    from rich.text import Text

    table = _table("", "", "", title=title, left=3)
    table.show_header = False
    table.columns[2].no_wrap = False
    for key in SHARES:
        ids = lists.get(key, [])
        if ids:
            more = f" … (+{len(ids) - MISSES_SHOWN})" if len(ids) > MISSES_SHOWN else ""
            table.add_row(Text(key), str(len(ids)), Text(", ".join(ids[:MISSES_SHOWN]) + more))
    return table
