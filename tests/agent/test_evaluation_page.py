from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pytest

from agent.evaluation import Report, compare, page
from agent.evaluation.keys import FIGURES
from agent.evaluation.routing import reliability, risk_coverage

HOSTILE = (
    "</style></title><script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>&\"'"
)
JUDGED = [(0.99, True), (0.9, True), (0.8, False), (0.55, True), (0.3, False), (0.1, False)]


def report(**changes: Any) -> Report:
    """Return a report of two questions, whose every text is hostile."""
    made: Any = {
        "questions": 2,
        **{
            group: {key.split(".")[1]: 0.5 for key in FIGURES if key.startswith(group)}
            for group in ("route", "search", "answer", "latency")
        },
        "intervals": {"route.right": {"questions": 2, "low": 0.1, "high": 0.9}},
        "classes": {HOSTILE: {"questions": 1, "precision": None, "recall": 0.0, "f1": 0.0}},
        "confusion": {"classes": [HOSTILE, "none"], "counts": [[0, 1], [0, 1]]},
        "reliability": reliability(JUDGED),
        "risk_coverage": risk_coverage(JUDGED),
        "misroutes": {
            "right": {"questions": 1.0, "found": 1.0, "cited": 1.0},
            "wrong": {"questions": 0.0, "found": None, "cited": None},
        },
        "decided_by": {"classifier": 2},
        "misses": {"route.right": [HOSTILE]},
        "unknown_documents": [HOSTILE],
        "results": [
            {
                "id": HOSTILE, "question": HOSTILE, "right": False, "confidence": 0.8,
                "expected": {
                    "action": "act", "indexes": [HOSTILE], "tool": HOSTILE, "args": {HOSTILE: HOSTILE},
                    "documents": [HOSTILE], "pages": [1, 2], "answer": HOSTILE,
                },
                "got": {
                    "action": "search", "indexes": [HOSTILE], "tools": [{"name": HOSTILE, "args": {}}],
                    "documents": [HOSTILE], "cited": [{"document": HOSTILE, "location": {"page": 3}}],
                    "answer": HOSTILE,
                },
                "decided_by": "classifier", "reason": HOSTILE, "scores": {"route.right": 0.0},
            },
            {
                "id": "b", "question": "多少？", "right": True, "confidence": 0.9, "expected": {},
                "got": {"action": "answer", "indexes": [], "tools": [], "documents": [], "cited": [], "answer": ""},
                "decided_by": "rule", "reason": "", "scores": {"route.right": 1.0},
            },
        ],
    }  # fmt: skip
    made.update(changes)
    return made  # type: ignore[no-any-return]


class Seen(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Remember a text."""
        self.text += data


@pytest.mark.parametrize("language", ["zh", "en"])
def test_texts_are_data(language: Literal["zh", "en"]) -> None:
    """What questions, documents and answers say is shown and never becomes part of the page."""
    made = report()
    seen = Seen(page(made, name=HOSTILE, language=language, comparison=compare(made, made)))
    assert {tag for tag, _ in seen.tags} & {
        "script",
        "img",
        "iframe",
        "object",
        "form",
        "a",
    } == set()
    links = [
        v for _, attributes in seen.tags for k, v in attributes.items() if k in {"src", "href"}
    ]
    assert links == ["data:,"]
    assert not any(name.startswith("on") for _, attributes in seen.tags for name in attributes)
    assert seen.text.count("alert(1)") >= 12
    assert not re.search(r"url\(|@import", seen.text)


def test_the_page_is_in_the_projects_language() -> None:
    """Headings are Chinese or English; the figures' names are the same in both."""
    chinese, english = (page(report(), name="P", language=one) for one in ("zh", "en"))
    assert "混淆矩阵" in chinese
    assert "Confusion matrix" in english
    for text in (chinese, english):
        assert all(key in text for key in FIGURES)


def test_nothing_to_show() -> None:
    """A report without routes, classes and misses is a page too."""
    empty = report(
        confusion={"classes": [], "counts": []}, classes={}, reliability=[], risk_coverage=[], results=[]
    )  # fmt: skip
    assert "None." in page(empty, name="P")


def browser() -> str:
    """Return the path of a Chromium; without one the test fails, since nothing else looks at the page."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("No Chromium is installed: apt-get install --no-install-recommends chromium")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_in_a_browser(tmp_path: Path, scheme: Literal["light", "dark"]) -> None:
    """A browser shows the page without a request, an error or a script, with plots that can be seen."""
    from playwright.async_api import async_playwright

    path = tmp_path / "report.html"
    made = report()
    path.write_text(page(made, name="P", comparison=compare(made, made)), encoding="utf-8")
    requests: list[str] = []
    told: list[str] = []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=browser(), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        tab = await chromium.new_page(color_scheme=scheme, viewport={"width": 1000, "height": 800})
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: told.append(message.text))
        tab.on("pageerror", lambda error: told.append(str(error)))
        tab.on("dialog", lambda dialog: told.append(dialog.message))
        await tab.goto(path.as_uri())
        boxes = [await one.bounding_box() for one in await tab.locator("svg").all()]
        bars = [await one.bounding_box() for one in await tab.locator("rect.bar").all()]
        lengths = [
            await one.evaluate("x => x.getTotalLength()")
            for one in await tab.locator("polyline").all()
        ]
        paper = await tab.evaluate("getComputedStyle(document.body).backgroundColor")
        shades = await tab.locator("td.cell").evaluate_all(
            "cells => new Set(cells.map(one => getComputedStyle(one).backgroundColor)).size"
        )
        await tab.set_viewport_size({"width": 360, "height": 700})
        overflow = await tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        await chromium.close()
    assert (requests, told) == ([path.as_uri()], [])
    assert [box is not None and box["width"] > 300 and box["height"] > 200 for box in boxes] == [
        True
    ] * 2
    assert len(bars) == len(made["reliability"])
    assert all(bar is not None and bar["width"] > 5 and bar["height"] >= 1 for bar in bars)
    assert [length > 200 for length in lengths] == [True]
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert shades >= 3
    assert overflow <= 0
