"""Figures, labels and results in a few words, for the terminal and the page."""

from __future__ import annotations

from typing import Any

from agent.evaluation.keys import LOWER
from agent.evaluation.types import Got

__all__ = ["changed", "expected_lines", "got_lines", "shown"]

LONGEST = 160  # of an answer


def shown(key: str, value: float | None) -> str:
    """Return a figure as people read it; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.1f}" if key.startswith("latency.") else f"{value:.1%}"


def changed(key: str, difference: float | None) -> tuple[str, str]:
    """Return a difference as people read it, and whether it is "better", "worse" or "" for neither."""
    if not difference:
        return ("–" if difference is None else "="), ""
    text = f"{difference:+,.1f}" if key.startswith("latency.") else f"{100 * difference:+.1f}"
    return text, "better" if (difference < 0) == (key in LOWER) else "worse"


def expected_lines(labels: dict[str, Any]) -> list[str]:
    """Return a question's labels, a line each."""
    call = [_call(labels["tool"], labels.get("args", {}))] if "tool" in labels else []
    first = [labels.get("action", ""), *labels.get("indexes", ()), *call]
    pages = labels.get("pages")
    lines = [" ".join(part for part in first if part), *labels.get("documents", ())]
    lines += [f"p. {', '.join(map(str, pages))}"] if pages else []
    lines += [f"“{labels['answer']}”"] if "answer" in labels else []
    return [line for line in lines if line]


def got_lines(got: Got) -> list[str]:
    """Return what came out, a line each: the route, the cited documents, the answer."""
    made = [_call(tool["name"], tool["args"]) for tool in got["tools"]]
    cited: dict[str, list[str]] = {}
    for one in got["cited"]:
        page = one["location"].get("page")
        cited.setdefault(one["document"], []).extend([] if page is None else [str(page)])
    backed = [
        f"{document} (p. {', '.join(dict.fromkeys(pages))})" if pages else document
        for document, pages in cited.items()
    ]
    answer = " ".join(got["answer"].split())
    short = answer if len(answer) <= LONGEST else f"{answer[:LONGEST]}…"
    return [" ".join([got["action"], *got["indexes"], *made]), *backed, f"“{short}”"]


def _call(name: str, args: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value}' for key, value in args.items())})"
