"""The report as one HTML page that needs nothing else: no script, no request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from agent.evaluation.keys import FIGURES, LOWER, SHARES, flat
from agent.evaluation.markup import Element, el, html
from agent.evaluation.plots import reliability_plot, risk_coverage_plot
from agent.evaluation.types import Comparison, Report, Result
from agent.evaluation.words import changed, expected_lines, got_lines, shown
from prompts import texts

__all__ = ["document", "page", "table"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5f6875; --paper: #fff; --line: #dde1e7;
  --mark: #2f6fdb; --bad: #c8402f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eaf0; --soft: #a0a9b8; --paper: #15181d; --line: #353b46; --mark: #6ea0ff; --bad: #ff7d6b; } }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, figcaption { color: var(--soft); margin: .2rem 0; }
.wide { overflow-x: auto; } .side { display: flex; flex-wrap: wrap; gap: 2rem; }
figure { margin: 0; max-width: 380px; } svg { max-width: 100%; height: auto; display: block; }
table { border-collapse: collapse; } th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; } th { font-weight: 600; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font-size: .85em; color: var(--soft); } .better { color: var(--mark); } .worse { color: var(--bad); }
td.cell { text-align: right; background: color-mix(in srgb, var(--bad) calc(var(--share) * 60%), transparent); }
td.cell.same { background: color-mix(in srgb, var(--mark) calc(var(--share) * 60%), transparent); }
.misses td { overflow-wrap: anywhere; min-width: 8rem; max-width: 22rem; }
.misses td:first-child { min-width: 0; }
.confusion thead th { writing-mode: vertical-rl; transform: rotate(180deg); }
.grid { stroke: var(--line); } .ideal { stroke: var(--soft); stroke-dasharray: 4 4; }
.bar { fill: var(--mark); opacity: .55; } .point { fill: var(--mark); }
.curve { fill: none; stroke: var(--mark); stroke-width: 2; }
text { fill: var(--soft); font-size: 11px; } text.small { font-size: 10px; }
"""


def page(
    report: Report,
    *,
    name: str,
    language: Literal["zh", "en"] = "en",
    comparison: Comparison | None = None,
) -> str:
    """Return a report as a page of HTML.

    Args:
        report: what to show.
        name: the project's.
        language: of its words.
        comparison: with an earlier report, to show beside it.
    """
    words = texts("evaluation", language)
    title = words["title"].format(name=name)
    body = [
        el("h1", title),
        el("p", words["questions"].format(count=report["questions"])),
        *_section(words["figures"], _figures(report, comparison, words)),
        *(_changes(comparison, words) if comparison is not None else ()),
        el("h2", words["confidence"]),
        el(
            "div",
            _figure(words, "reliability", reliability_plot(report["reliability"], words)),
            _figure(words, "risk_coverage", risk_coverage_plot(report["risk_coverage"], words)),
            class_="side",
        ),
        *_section(words["confusion"], el("p", words["confusion_note"]), _confusion(report)),
        *_section(words["classes"], _classes(report, words)),
        *_section(words["misroutes"], _misroutes(report, words)),
        *_section(words["decided"], table((), report["decided_by"].items())),
        *_section(words["misses"], *_unknown(report, words), _misses(report, words)),
    ]
    return document(title, body, language)


def document(title: str, body: Sequence[Element], language: Literal["zh", "en"]) -> str:
    """Return a whole page that loads nothing and runs nothing."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("link", rel="icon", href="data:,"),
        el("title", title),
        el("style", STYLE),
    )
    return html(el("html", head, el("body", *body), lang=language))


def _section(title: str, *content: Element) -> list[Element]:
    return [el("h2", title), *content]


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], **attributes: str) -> Element:
    """Return a table; a cell is a text, a number, a list of lines, or an element."""
    top = [el("thead", el("tr", *(el("th", one) for one in head)))] if head else []
    body = el("tbody", *(el("tr", *(_cell(one) for one in row)) for row in rows))
    return el("div", el("table", *top, body, **attributes), class_="wide")


def _cell(value: Any) -> Element:
    if isinstance(value, Element):
        return value if value.tag in {"td", "th"} else el("td", value)
    if isinstance(value, list):
        return el("td", *(el("div", line) for line in value))
    return el("td", str(value)) if isinstance(value, str) else el("td", str(value), class_="number")


def _number(text: str, kind: str = "") -> Element:
    return el("td", text, class_=f"number {kind}".strip())


def _figures(report: Report, comparison: Comparison | None, words: dict[str, Any]) -> Element:
    values = flat(report)
    head = [words["figure"], "", words["value"], words["interval"], words["count"]]
    if comparison is not None:
        head += [words["was"], words["difference"]]
    rows = []
    for key in FIGURES:
        interval = report["intervals"].get(key)
        label = words["labels"][key] + (words["lower"] if key in LOWER else "")
        row = [
            el("code", key),
            label,
            _number(shown(key, values.get(key))),
            _number(f"{interval['low']:.1%} – {interval['high']:.1%}" if interval else ""),
            _number(str(interval["questions"]) if interval else ""),
        ]
        if comparison is not None:
            change = comparison["figures"][key]
            text, kind = changed(key, change["difference"])
            row += [_number(shown(key, change["old"])), _number(text, kind)]
        rows.append(row)
    return table(head, rows)


def _changes(comparison: Comparison, words: dict[str, Any]) -> list[Element]:
    right, wrong = comparison["became_right"], comparison["became_wrong"]
    rows = [
        [el("code", key), ", ".join(right.get(key, ())), ", ".join(wrong.get(key, ()))]
        for key in SHARES
        if key in right or key in wrong
    ]
    said = el("p", words["shared"].format(count=comparison["shared"]))
    head = [words["figure"], words["became_right"], words["became_wrong"]]
    return _section(words["changes"], said, table(head, rows))


def _figure(words: dict[str, Any], key: str, plot: Element) -> Element:
    return el("figure", plot, el("figcaption", words[f"{key}_note"]))


def _confusion(report: Report) -> Element:
    names, counts = report["confusion"]["classes"], report["confusion"]["counts"]
    rows = []
    for name, row in zip(names, counts, strict=True):
        total = sum(row) or 1
        cells = [
            el(
                "td",
                str(count) if count else "",
                class_="cell same" if other == name else "cell",
                style=f"--share: {count / total:.3f}",
            )
            for other, count in zip(names, row, strict=True)
        ]
        rows.append([el("th", name), *cells])
    return table(["", *names], rows, class_="confusion")


def _classes(report: Report, words: dict[str, Any]) -> Element:
    head = [words[key] for key in ("class", "count", "precision", "recall", "f1")]
    rows = [
        [
            name,
            one["questions"],
            *(_number(shown("", one[key])) for key in ("precision", "recall", "f1")),
        ]
        for name, one in report["classes"].items()
    ]
    return table(head, rows)


def _misroutes(report: Report, words: dict[str, Any]) -> Element:
    head = ["", words["count"], words["found"], words["cited"]]
    rows = [
        [
            words[f"route_{side}"],
            int(one["questions"] or 0),
            _number(shown("", one["found"])),
            _number(shown("", one["cited"])),
        ]
        for side, one in (
            ("right", report["misroutes"]["right"]),
            ("wrong", report["misroutes"]["wrong"]),
        )
    ]
    return table(head, rows)


def _unknown(report: Report, words: dict[str, Any]) -> list[Element]:
    names = ", ".join(report["unknown_documents"])
    return (
        [el("p", words["unknown_documents"].format(names=names), class_="worse")] if names else []
    )


def _misses(report: Report, words: dict[str, Any]) -> Element:
    missed = [one for one in report["results"] if _missed(one)]
    if not missed:
        return el("p", words["none_missed"])
    head = ["", *(words[key] for key in ("question", "missed", "expected", "got", "reason"))]
    rows = [
        [
            one["id"],
            one["question"],
            [words["labels"][key] for key in _missed(one)],
            expected_lines(one["expected"]),
            got_lines(one["got"]),
            f"{one['reason']} ({one['decided_by']}, {one['confidence']:.1%})",
        ]
        for one in missed
    ]
    return table(head, rows, class_="misses")


def _missed(result: Result) -> list[str]:
    return [key for key in SHARES if result["scores"].get(key) == 0]
