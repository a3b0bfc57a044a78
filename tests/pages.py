"""The chat page in a browser, and what a browser notes of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

__all__ = ["AXE", "Tab", "axe", "browsing", "chromium", "opened", "problems"]

AXE = "axe-core@4.14.1"
PATIENCE = 15_000  # milliseconds


@dataclass
class Tab:
    """An open page: what it asked for, and what went wrong in it."""

    page: Page
    host: str
    requests: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def sign_in(self, key: str) -> None:
        """Sign in, and wait until a question can be asked."""
        await self.page.fill("#key", key)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_selector("#question")

    async def ask(self, question: str, *, ends: str = "done") -> Locator:
        """Type a question, send it, wait until its turn has a status, and return the turn."""
        turns = self.page.locator(".turn")
        before = await turns.count()
        await self.page.fill("#question", question)
        await self.page.press("#question", "Enter")
        turn = turns.nth(before)
        await self.reaches(turn, ends)
        return turn

    async def reaches(self, turn: Locator, status: str, *, within: int = PATIENCE) -> None:
        """Wait until a turn has a status."""
        from playwright.async_api import expect

        await expect(turn).to_have_attribute(
            "data-status", re.compile(f"^{status}$"), timeout=within
        )

    async def says(self, text: str) -> None:
        """Wait until a text can be seen."""
        await self.page.get_by_text(text).first.wait_for()

    async def press(self, name: str, *, within: Page | Locator | None = None) -> None:
        """Press a button by its exact name."""
        await (within or self.page).get_by_role("button", name=name, exact=True).click()

    def check(self) -> None:
        """Check that no script failed or was refused, nothing asked back, and no other host was asked."""
        assert self.told == []
        assert {urlsplit(url).netloc for url in self.requests} == {self.host}


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Run a browser until the block ends."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield found
        await found.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: Any) -> AsyncIterator[Tab]:
    """Open the page of a server in a browser of its own, and check it when the block ends.

    Args:
        browser: the browser.
        url: the server's address.
        options: of the context: locale, viewport, color_scheme, ...
    """
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    tab = Tab(page, urlsplit(url).netloc)
    page.on("request", lambda request: tab.requests.append(request.url))
    page.on("pageerror", lambda error: tab.told.append(str(error)))
    page.on("dialog", lambda dialog: tab.told.append(dialog.message))
    page.on("console", lambda said: _note(tab, said.type, said.text))
    await page.goto(url)
    yield tab
    tab.check()
    await context.close()


def _note(tab: Tab, kind: str, text: str) -> None:
    """Note what the browser complains of, but for refusals and lost connections, which tests provoke."""
    if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
        tab.told.append(text)


def chromium() -> str:
    """Return the path of a Chromium; without one the test fails, since nothing else looks at the page."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("No Chromium is installed: apt-get install --no-install-recommends chromium")


def axe(folder: Path) -> str:
    """Return the source of axe, or skip the test where npm is not installed."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    install = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), AXE]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def problems(tab: Tab, source: str) -> Sequence[str]:
    """Return the serious and critical problems that axe finds in the page as it is now."""
    await tab.page.evaluate(source)
    found = await tab.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
