"""The page shows for every question of the example what Python answers: route, citations and answer."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from agent.answering import visible
from tests.doors import Row, differences, in_python, labelled
from tests.pages import Tab, browsing, opened
from tests.serving import command, copy_example, free_port, running

if TYPE_CHECKING:
    from playwright.async_api import Locator

pytestmark = pytest.mark.slow
AT_ONCE = 3  # pages
# What can be read off a turn: its text, its sources with their quotations, and what "Why?" shows.
SHOWN = """turn => {
  const value = (name) => turn.querySelector(`dd[data-is=${name}]`);
  const decision = value("decision").dataset;
  const sure = [...turn.querySelectorAll(".chart")[0]?.querySelectorAll("li") ?? []].map(
    (row) => [row.dataset.name, Number(row.dataset.value)]);
  return {
    answer: turn.querySelector(".text").textContent,
    action: turn.querySelector(".answer").dataset.action,
    citations: [...turn.querySelectorAll(".sources li")].flatMap((source) =>
      [...source.querySelectorAll(".quote")].map((quote) => ({
        marker: Number(source.dataset.marker), title: source.querySelector(".name").textContent,
        text: quote.textContent, index: quote.dataset.index, document: quote.dataset.document,
        location: JSON.parse(quote.dataset.location)}))),
    tool_calls: [...turn.querySelectorAll("[data-call]")].map((call) => ({
      name: call.dataset.call, args: JSON.parse(call.querySelector("[data-is=args]").textContent),
      result: JSON.parse(call.querySelector("pre").textContent)})),
    grounded: value("checked").dataset.value === "true",
    route: {
      question: value("question").textContent, action: decision.action,
      indexes: JSON.parse(decision.indexes), tools: JSON.parse(decision.tools),
      reason: value("reason").textContent, decided_by: value("decided_by").dataset.value},
    sure: {...Object.fromEntries(sure), route: Number(value("confidence").dataset.value)},
  };
}"""


async def test_the_page_shows_what_python_answers(tmp_path: Path) -> None:
    """Each question is typed into a conversation of its own, after those that it follows."""
    project = copy_example(tmp_path / "project")
    rows = labelled()
    expected = {name: readable(one) for name, one in (await in_python(project, rows)).items()}
    port = free_port()
    serve = command("serve", "--open", "--project", str(project), "--port", str(port))
    found: dict[str, Row] = {}
    waiting = iter(rows)

    async def work(tab: Tab) -> None:
        for row in waiting:
            await tab.press("新对话")
            for text in [*row.get("after", ()), row["question"]]:
                turn = await tab.ask(text, ends="done|waiting")
            found[row["id"]] = await shown(tab, turn)

    with running(serve, project, port, tmp_path / "server.log", stop=signal.SIGKILL) as server:
        async with browsing() as browser, asyncio.TaskGroup() as group:

            async def page() -> None:
                async with opened(browser, server.url) as tab:
                    await tab.page.wait_for_selector("#question")
                    await work(tab)

            for _ in range(AT_ONCE):
                group.create_task(page())
    assert len(found) == len(rows) == 80
    assert differences(found, expected) == []


async def shown(tab: Tab, turn: Locator) -> Row:
    """Return what a turn shows."""
    await tab.press("为什么？", within=turn)
    await turn.locator(".why").wait_for()
    seen: Row = await turn.evaluate(SHOWN)
    return seen


def readable(answer: Row) -> Row:
    """Return of an answer what people see: signs that nobody sees are left out, sources go by number."""
    cited = [
        {
            **{name: one[name] for name in ("marker", "index", "document", "location")},
            "title": visible(one["title"]) if one["index"] else f"{one['title']} 的结果",
            "text": visible(one["text"]),
        }
        for one in sorted(answer["citations"], key=lambda one: int(one["marker"]))
    ]
    kept: dict[str, Any] = {
        name: answer[name] for name in ("answer", "action", "tool_calls", "grounded", "route")
    }
    sure = {name: value for name, value in answer["sure"].items() if name != "answer"}
    return {**json.loads(json.dumps(kept)), "citations": cited, "sure": sure}
