"""A comparison in words: what the terminal and the page both say."""

from __future__ import annotations

from typing import Any, Literal

from agent.tuning.compare import CHANGED, Compared, Row
from prompts import texts

__all__ = ["Words"]

Language = Literal["zh", "en"]


class Words:
    """The words for a comparison.

    Args:
        found: what was compared.
        name: of the project.
        language: of the words.
    """

    def __init__(self, found: Compared, name: str, language: Language) -> None:
        self._found = found
        self._words: dict[str, Any] = texts("compare", language)
        self._labels = {**texts("evaluation", language)["labels"], **self._words["labels"]}
        told = {"name": name, "a": found["a"], "b": found["b"], "role": found["role"]}
        key = "title_role" if found["role"] else "title"
        self.title: str = self._words[key].format(**told)
        self.questions: str = self._words["questions"].format(count=found["questions"])
        self.head: list[str] = [
            self._words["figure"], self._words["count"], found["a"], found["b"],
            self._words["difference"], self._words["p"], self._words["found"], self._words["needed"],
        ]  # fmt: skip

    def task(self, name: str) -> str:
        """Return the name of a task."""
        return str(self._words["tasks"][name])

    def cells(self, row: Row) -> list[str]:
        """Return a figure's name, number of questions, both values, difference, p, finding, and questions needed."""
        key = row["figure"]
        low, high = row["interval"]
        apart = _apart(key, row["difference"])
        return [
            self._labels[key],
            str(row["questions"]),
            _value(key, row["a"]),
            _value(key, row["b"]),
            f"{apart} ({_apart(key, low)}…{_apart(key, high)})",
            f"{row['p_holm']:.3f}" if row["p_holm"] >= 0.001 else "<0.001",
            self._finding(row),
            "" if row["needed"] is None else f"{row['needed']:,}",
        ]

    def notes(self) -> list[str]:
        """Return what else there is to say."""
        names = self._found["a"], self._found["b"]
        failed = [
            self._words["failed"].format(name=name, count=count)
            for name, count in zip(names, self._found["failed"], strict=True)
            if count
        ]
        short = any(row["needed"] is not None for row in self._found["rows"])
        return [*failed, *([self._words["needed_note"]] if short else [])]

    def changed(self) -> tuple[str, list[list[str]]]:
        """Return a title, and for each figure which questions one side alone has right."""
        rows = []
        for name, found in (
            (self._found["b"], self._found["gained"]),
            (self._found["a"], self._found["lost"]),
        ):
            for key, ids in found.items():
                more = self._words["more"].format(count=len(ids)) if len(ids) > CHANGED else ""
                alone = self._words["gained"].format(name=name)
                rows.append([self._labels[key], alone, f"{', '.join(ids[:CHANGED])}{more}"])
        return self._words["changed"], rows

    def _finding(self, row: Row) -> str:
        if row["better"] is not None:
            name = self._found["a"] if row["better"] == "a" else self._found["b"]
            return str(self._words["better"].format(name=name))
        return str(self._words["none"])


def _value(key: str, value: float) -> str:
    if key == "cost.money":
        return f"{value:.6f}"
    return f"{value:,.1f}" if key.startswith(("cost.", "latency.")) else f"{value:.1%}"


def _apart(key: str, value: float) -> str:
    if key == "cost.money":
        return f"{value:+.6f}"
    shown = value if key.startswith(("cost.", "latency.")) else 100 * value
    return f"{round(shown, 1) or 0.0:+,.1f}"
