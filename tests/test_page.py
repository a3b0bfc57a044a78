"""The chat page, in a real browser against a real `waypost serve`."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from agent.keys import KeysFile
from tests.agent import test_threads as stock
from tests.agent.endpoint import endpoint
from tests.pages import Tab, axe, browsing, opened, problems
from tests.serving import ROOT, Server, command, free_port, running, served_project
from tests.test_serve import waypost, written

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator

pytestmark = pytest.mark.slow
BYTES = 150_000  # of the first load, unpacked
QUESTION = "东站项目的环保措施有哪些？"
FOLLOW_UP = "那南湖隧道呢？"
ORDER = "订工牌3张"
SLOW = "慢慢数一遍库存"
SECRET = "审计专用印章"
HOSTILE = """# 食堂<img src=x onerror=alert(1)>菜单</div></main><script>alert(2)</script>

夜宵摊位编号为 <b onclick="alert(3)">ZX-77</b>，[详情](javascript:alert(4))，![图](http://127.0.0.1:9/x.png) \u202e反\u202c，
<iframe src="http://127.0.0.1:9/"></iframe><style>body{display:none}</style>夜宵摊位编号由后勤部发放。
"""
MARKDOWN = """
<img src="http://127.0.0.1:9/a.png" onerror="alert(1)"> and <script>alert(2)</script> [1][2][9]

[run](javascript:alert(3)) [data](data:text/html,x) [here](/threads) [web](https://example.com/?a=1) <https://example.org>
![shown](http://127.0.0.1:9/b.png) <svg onload=alert(4)> </div></main> &lt;b&gt; **strong** `code <i>`

[1]: http://127.0.0.1:9/c

| a | b |
|---|--:|
| <b>x</b> | 2 |

```html
<script>alert(5)</script>
```
- [ ] todo
  1. one
"""
RENDER = """async () => {
  const [{ markdown }, { html }, { render }] = await Promise.all(
    ["./markdown.js", "./html.js", "./vendor/preact.mjs"].map((one) => import(new URL(one, location))));
  const box = document.createElement("div");
  document.body.append(box);
  const cite = (number) => (number < 3 ? html`<button data-cite=${number}>[${number}]</button>` : null);
  render(html`<div>${markdown(TEXT, cite)}</div>`, box);
  const all = [...box.querySelectorAll("*")];
  return {
    tags: [...new Set(all.map((one) => one.tagName))],
    handlers: all.filter((one) => one.getAttributeNames().some((name) => name.startsWith("on"))).length,
    links: [...box.querySelectorAll("a")].map((one) => [one.getAttribute("href"), one.rel]),
    cited: [...box.querySelectorAll("[data-cite]")].map((one) => one.textContent),
    text: box.textContent,
  };
}"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The example with people, tools that wait and are slow, correctors, and a hostile document."""
    made, keys, _ = served_project(tmp_path_factory.mktemp("page") / "project")
    settings = made / "waypost.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("[server.jwt]", '[server]\ncorrectors = ["audit"]\n\n[server.jwt]')
    settings.write_text(text, encoding="utf-8")
    (made / "docs" / "policy" / "hostile.md").write_text(HOSTILE, encoding="utf-8")
    return made, keys


@pytest.fixture(scope="module")
def server(project: tuple[Path, dict[str, str]]) -> Iterator[Server]:
    """That project, served."""
    folder, keys = project
    port = free_port()
    serve = command("serve", "--project", str(folder), "--port", str(port))
    with running(serve, folder, port, folder / "page.log", keys, stop=signal.SIGKILL) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A browser."""
    async with browsing() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def ann(browser: Browser, server: Server) -> AsyncIterator[Tab]:
    """The page, where Ann has signed in; in Chinese, as the project is."""
    with server.log_on_failure():
        async with opened(browser, server.url) as tab:
            await tab.sign_in(server.keys["ann"])
            yield tab


async def test_the_first_load_is_small_and_asks_nobody_else(
    browser: Browser, server: Server
) -> None:
    """All that is loaded until a question can be asked, unpacked; nothing of it may run elsewhere."""
    loaded: list[str] = []
    async with opened(browser, server.url) as tab:
        tab.page.on("response", lambda one: loaded.append(one.url))
        await tab.page.reload()
        await tab.sign_in(server.keys["ann"])
        await tab.says("想了解什么")
    files = sorted({url for url in loaded if "/chat/" in url})
    with server.client() as client:
        found = [client.get(url) for url in files]
        again = client.get(files[0], headers={"If-None-Match": found[0].headers["etag"]})
        outside = client.get("/chat/..%2f__init__.py")
    assert sum(len(one.content) for one in found) <= BYTES
    assert len(files) > 20
    assert (again.status_code, again.content, outside.status_code) == (304, b"", 404)
    for one in found:
        policy = one.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert one.headers["x-content-type-options"] == "nosniff"
    assert not any(mark in found[0].text for mark in ("<style", "style=", "onload", "<script>"))


async def test_signing_in(browser: Browser, server: Server) -> None:
    """A wrong key is told kindly; one that ends leads back to the login, and no typed text is lost."""
    keys = KeysFile(server.project)
    shown, first = keys.add("eve", ())
    async with opened(browser, server.url, locale="en-GB") as tab:
        page = tab.page
        await tab.press("Sign in")
        await tab.says("Please enter your key.")
        await page.fill("#key", "sk-wp-wrong")
        await page.keyboard.press("Enter")
        await tab.says("This key was not accepted.")
        assert await page.evaluate("document.activeElement.id") == "key"
        await tab.sign_in(first)
        await page.fill("#question", "一个写了一半的问题")
        keys.revoke(shown.name)
        await page.reload()
        await tab.says("您的密钥" if await page.locator("html[lang=zh-CN]").count() else "Sign in")
        _, second = keys.add("eve", ())
        await tab.sign_in(second)
        assert await page.input_value("#question") == "一个写了一半的问题"
        keys.revoke("eve")
        await page.press("#question", "Enter")
        await tab.says("您的密钥已失效")
        _, third = keys.add("eve", ())
        await tab.sign_in(third)
        assert await page.input_value("#question") == "一个写了一半的问题"
        assert await page.locator(".turn").count() == 0
        assert await page.evaluate("sessionStorage.length") > 0
        keys.revoke("eve")
        await page.press("#question", "Enter")
        await tab.says("您的密钥已失效")
        await tab.sign_in(server.keys["bob"])
        assert await page.input_value("#question") == ""  # it was Eve's
        await tab.press("退出登录")
        assert await page.evaluate("sessionStorage.length + localStorage.length") == 0


async def test_a_device_keeps_a_key_only_if_asked(browser: Browser, server: Server) -> None:
    """A key is gone with its tab, unless "Keep me signed in" was chosen."""
    context = await browser.new_context(locale="en")
    for always in (False, True):
        page = await context.new_page()
        await page.goto(server.url)
        await page.fill("#key", server.keys["bob"])
        await page.get_by_label("Keep me signed in").set_checked(always)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#question")
        await page.close()
        page = await context.new_page()
        await page.goto(server.url)
        await page.wait_for_selector("#question" if always else "#key")
        await page.close()
    await context.close()


async def test_a_conversation(ann: Tab) -> None:
    """Ask, follow up, open a source in its document, ask why, look around, come back, clear up."""
    page = ann.page
    turn = await ann.ask(QUESTION)
    assert "查找了环评报告" in await turn.inner_text()
    marker = turn.locator(".marker").nth(1)
    await marker.click()
    panel = page.locator(".panel")
    await panel.locator(".passage mark").first.wait_for()
    assert await page.evaluate("document.activeElement.id") == "panel-title"
    quoted = await turn.locator("li[data-marker='2'] .quote").text_content()
    assert await panel.locator("mark").first.text_content() == quoted
    assert await panel.locator(".around").count() == 2
    assert "东站综合交通枢纽工程环境影响报告书" in await panel.inner_text()
    assert "第6页" in await panel.inner_text()
    await page.keyboard.press("Escape")
    assert await panel.count() == 0
    assert await marker.evaluate("one => one === document.activeElement")

    await ann.press("为什么？", within=turn)
    rows = turn.locator(".chart").first.locator("li")
    shares = [
        float(one) for one in await rows.evaluate_all("all => all.map((x) => x.dataset.value)")
    ]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=0.01)
    assert await rows.first.inner_text() == "环评报告\n100%"
    boxes = [await rows.nth(place).locator(".fill").bounding_box() for place in (0, 1)]
    assert [round(box["width"]) > 100 for box in boxes if box is not None] == [True, False]
    assert "训练好的分类器" in await turn.locator(".why").inner_text()

    await ann.ask(FOLLOW_UP)
    assert await page.locator(".turn").count() == 2
    address = page.url
    await page.reload()
    await page.locator(".turn[data-status=done]").nth(1).wait_for()
    first = page.locator(".turn").first
    await ann.press("为什么？", within=first)
    await first.locator("dd[data-is=question]").get_by_text(QUESTION).wait_for()

    await ann.press("这里有什么")
    index = page.locator(".index[data-name=policy]")
    await index.get_by_role("button").click()
    await index.get_by_role("searchbox").fill("农民工")
    await expect_count(index.locator("li"), 1)
    assert "农民工工资保障管理办法" in await index.inner_text()
    assert SECRET not in await page.locator(".panel").inner_text()
    await ann.press("关闭")

    await ann.press("新对话")
    assert await page.locator(".turn").count() == 0
    item = page.locator(".threads li").filter(has_text=QUESTION)
    await item.get_by_role("button").click()
    await ann.press("改名", within=item)
    box = page.get_by_label("对话名称")
    await box.fill("环保")
    async with page.expect_response(lambda one: one.request.method == "PATCH"):
        await box.press("Enter")
    await page.reload()
    await page.get_by_role("link", name="环保", exact=True).click()
    await page.locator(".turn").nth(1).wait_for()
    assert page.url == address
    item = page.locator(".threads li").filter(has_text="环保")
    await item.get_by_role("button").click()
    await ann.press("删除", within=item)
    await ann.press("删除", within=item)
    await page.get_by_role("link", name="环保", exact=True).wait_for(state="detached")
    await page.goto(address)
    await page.reload()
    await ann.says("没有这个对话")


async def expect_count(found: Locator, count: int) -> None:
    """Wait until there are so many."""
    from playwright.async_api import expect

    await expect(found).to_have_count(count)


async def test_refusals_and_opinions(ann: Tab) -> None:
    """What nothing covers is refused as such, and a thumb with a note is stored with the turn's trace."""
    turn = await ann.ask("今晚看什么电影？")
    assert await turn.locator(".label").inner_text() == "资料中没有依据"
    assert "环评报告" in await turn.inner_text()
    await ann.press("回答得不好", within=turn)
    await ann.page.keyboard.type("应该能答")
    await ann.page.keyboard.press("Enter")
    await ann.says("谢谢。")


async def test_an_approval(ann: Tab, server: Server) -> None:
    """The arguments are shown exactly; a call runs as approved, as changed, or not at all."""
    page, ordered = ann.page, server.project / "badges.txt"
    turn = await ann.ask(ORDER, ends="waiting")
    assert await turn.locator(".arguments").inner_text() == "张数 (count)\n3"
    assert not ordered.exists()
    await page.reload()
    turn = page.locator(".turn[data-status=waiting]")
    await ann.press("批准", within=turn)
    await ann.reaches(page.locator(".turn").first, "done")
    assert ordered.read_text() == "3\n"

    turn = await ann.ask(ORDER, ends="waiting")
    await ann.press("修改", within=turn)
    box = turn.get_by_label("张数 (count)")
    await box.fill("两张")
    await ann.press("修改后批准", within=turn)
    await ann.says("请输入整数。")
    await box.fill("2")
    await ann.press("修改后批准", within=turn)
    await ann.reaches(turn, "done")
    assert "2" in await turn.locator(".text").inner_text()
    assert ordered.read_text() == "3\n2\n"

    turn = await ann.ask(ORDER, ends="waiting")
    await ann.press("拒绝", within=turn)
    await turn.get_by_label("为什么不").fill("太多了")
    await ann.press("确认拒绝", within=turn)
    await ann.reaches(turn, "done")
    assert "太多了" in await turn.locator(".text").inner_text()
    assert ordered.read_text() == "3\n2\n"


async def test_who_corrects(browser: Browser, server: Server, ann: Tab) -> None:
    """A corrector's word changes the next route for everybody; others have no button, and are refused."""
    question = "小鹅通平台的报名口令由谁保管？"
    turn = await ann.ask(question)
    assert await turn.get_by_role("button", name="找错地方了？").count() == 0
    said = {"question": question, "action": "search", "indexes": ["finance"]}
    with server.client("ann") as client:
        assert client.post("/waypost/correct", json=said).status_code == 403
    async with opened(browser, server.url) as tab:
        await tab.sign_in(server.keys["boss"])
        turn = await tab.ask(question)
        await tab.press("找错地方了？", within=turn)
        await tab.press("记住", within=turn)
        await tab.says("请选择在哪里。")
        await turn.get_by_label("在哪里查找").select_option("finance")
        await tab.press("记住", within=turn)
        await tab.says("已学会。")
    again = await ann.ask(question)
    await ann.press("为什么？", within=again)
    decision = again.locator("dd[data-is=decision]")
    assert await decision.get_attribute("data-indexes") == '["finance"]'
    assert await decision.inner_text() == "查找财务报表"
    kept = (server.project / "router" / "corrections.jsonl").read_text(encoding="utf-8")
    assert question in kept


async def test_people_see_their_own(browser: Browser, server: Server, ann: Tab) -> None:
    """Neither another's conversations nor documents for others are there for anyone else."""
    await ann.ask(QUESTION)
    async with opened(browser, server.url) as tab:
        await tab.sign_in(server.keys["bob"])
        listed = await tab.page.locator(".threads").inner_text()
        assert QUESTION not in listed
        await tab.page.goto(ann.page.url)
        await tab.page.reload()
        await tab.says("没有这个对话")
    async with opened(browser, server.url) as tab:
        await tab.sign_in(server.keys["boss"])
        turn = await tab.ask("审计专用印章由谁保管？")
        assert "周岚" in await turn.locator(".text").inner_text()
        await turn.locator(".marker").first.click()
        await tab.page.locator(".passage mark").first.wait_for()
        cited = turn.locator(".quote").first
        body = {
            "index": await cited.get_attribute("data-index"),
            "document": await cited.get_attribute("data-document"),
            "text": await cited.text_content(),
        }
    statuses = {}
    counts = {}
    for user in ("boss", "ann"):
        with server.client(user) as client:
            statuses[user] = client.post("/waypost/passage", json=body).status_code
            documents = client.post("/waypost/documents", json={"index": "policy"}).json()
            counts[user] = documents["total"]
            assert (SECRET in json.dumps(documents, ensure_ascii=False)) == (user == "boss")
            listed = client.get("/waypost/project").json()
            [policy] = [one for one in listed["indexes"] if one["name"] == "policy"]
            assert policy["documents"] == counts[user]
    assert statuses == {"boss": 200, "ann": 404}
    assert counts["boss"] == counts["ann"] + 1


async def test_stopping(ann: Tab) -> None:
    """A turn that is stopped stays stopped, can go on, and the conversation takes the next question."""
    turn = await ann.ask(SLOW, ends="running")
    await ann.says("正在使用 count_slowly")
    await ann.press("停止")
    await ann.reaches(turn, "stopped")
    await ann.page.reload()
    await ann.reaches(ann.page.locator(".turn").first, "stopped")
    await ann.ask("纳统是什么意思？")
    assert await ann.page.locator(".turn").count() == 2


async def test_a_running_turn_is_joined_after_a_reload(ann: Tab, server: Server) -> None:
    """A page that is loaded anew, or left and opened again, shows a turn that runs, and its end."""
    turn = await ann.ask(SLOW, ends="running")
    await ann.says("正在使用 count_slowly")
    await ann.page.reload()
    turn = ann.page.locator(".turn").first
    await ann.reaches(turn, "running")
    await ann.press("新对话")
    await ann.page.go_back()
    await ann.reaches(turn, "running")
    await ann.press("停止")
    await ann.reaches(turn, "stopped")


async def test_a_server_that_goes_away_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    """A question asked of a server that is killed is answered once it is back, and was asked once.

    The second time the server's list of threads and runs, which it saves every ten seconds, is lost, too:
    what goes on is the page's doing, and a tool with side effects does not run again.
    """
    serve, port = stocked(tmp_path)
    with ExitStack() as servers:

        def start() -> Server:
            log = tmp_path / "server.log"
            return servers.enter_context(running(serve, tmp_path, port, log, stop=signal.SIGKILL))

        server = start()
        async with opened(browser, server.url, locale="en") as tab:
            for question, tool, answer, lost in (
                ("How many seals are in stock?", "count", "40 seals in stock.", False),
                ("Order 3 seals", "order", "A person has to check", True),
            ):
                (tmp_path / "wait").touch()
                turn = await tab.ask(question, ends="running")
                await begun(tmp_path, tool)
                assert server.process is not None
                server.process.kill()
                await tab.says("No connection.")
                (tmp_path / "wait").unlink()
                if lost:
                    for file in (tmp_path / ".waypost" / "server" / ".langgraph_api").iterdir():
                        file.unlink()
                server = start()
                await tab.reaches(turn, "done", within=60_000)
                assert answer in await turn.locator(".text").inner_text()
                assert await tab.page.get_by_text("No connection.").count() == 0
            await tab.page.reload()
            await expect_count(tab.page.locator(".turn[data-status=done]"), 2)
            assert await tab.page.locator(".turn").count() == 2
    assert stock.runs(tmp_path).count("order") == 1


def stocked(folder: Path, **settings: str) -> tuple[list[str], int]:
    """Write a small project with tools that wait, and return how to serve it, and its port."""
    (folder / "docs").mkdir()
    (folder / "docs" / "pump.md").write_text(
        "The mechanical seal is replaced after 8,000 hours of operation.\n"
    )
    (folder / "tools.py").write_text(stock.TOOLS)
    more = "".join(f"[{table}]\n{text}\n\n" for table, text in settings.items())
    (folder / "waypost.toml").write_text(more + stock.SETTINGS)
    port = free_port()
    return command("serve", "--open", "--project", str(folder), "--port", str(port)), port


async def begun(folder: Path, tool: str) -> None:
    """Wait until a tool of the small project has begun."""
    ends = time.monotonic() + 20
    while tool not in stock.runs(folder):
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)


async def test_hostile_documents_are_texts(ann: Tab) -> None:
    """What a document says is shown, in answers, sources and lists, and nothing of it runs or loads."""
    turn = await ann.ask("夜宵摊位编号是什么？")
    assert "ZX-77" in await turn.locator(".text").inner_text()
    await turn.locator(".marker").first.click()
    await ann.page.locator(".passage mark").first.wait_for()
    await ann.press("这里有什么")
    index = ann.page.locator(".index[data-name=policy]")
    await index.get_by_role("button").click()
    await index.get_by_role("searchbox").fill("食堂")
    await index.locator("li").first.wait_for()
    shown = await ann.page.locator("body").inner_html()
    assert "\u202e" not in shown
    for tag in ("img", "iframe", "style", "a[href^=javascript]", "[onclick]", "b"):
        assert await ann.page.locator(f"body {tag}").count() == 0, tag
    assert await ann.page.evaluate("document.scripts.length") == 1


async def test_hostile_markdown_is_text(ann: Tab) -> None:
    """Markdown becomes a few harmless elements; raw HTML stays text, and links lead to web pages alone."""
    found = await ann.page.evaluate(RENDER.replace("TEXT", json.dumps(MARKDOWN)))
    assert set(found["tags"]) <= {
        "DIV", "P", "A", "SPAN", "STRONG", "CODE", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD",
        "FIGURE", "FIGCAPTION", "PRE", "BUTTON", "UL", "OL", "LI",
    }  # fmt: skip
    assert found["handlers"] == 0
    assert {link for link, _ in found["links"]} == {
        "https://example.com/?a=1", "https://example.org",
        "http://127.0.0.1:9/b.png",  # an image is a link to it
    }  # fmt: skip
    assert {rel for _, rel in found["links"]} == {"noopener noreferrer nofollow"}
    assert found["cited"] == ["[1]", "[2]"]
    for text in ("<script>alert(2)</script>", "<b>", "[9]", "code <i>", "</main>"):
        assert text in found["text"]
    deep = await ann.page.evaluate(RENDER.replace("TEXT", json.dumps("> " * 5_000 + "deep")))
    assert "deep" in deep["text"]


REPLY = """The mechanical seal is replaced after **8,000 hours** of operation. [1]

- The seal is replaced after 8,000 hours. [1]
"""


async def test_a_chat_model_writes_markdown(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a chat model an answer is Markdown as it is told, and its sources open as any."""
    serve, port = stocked(tmp_path, models='answerer = "openai:test"')
    with endpoint() as model:
        model.reply = REPLY
        monkeypatch.setenv("OPENAI_BASE_URL", model.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        with running(serve, tmp_path, port, tmp_path / "server.log", stop=signal.SIGKILL) as server:
            async with opened(browser, server.url) as tab:
                turn = await tab.ask("When is the seal replaced?")
                assert await turn.locator(".text strong").inner_text() == "8,000 hours"
                await turn.locator(".marker").first.click()
                await tab.page.locator(".passage mark").first.wait_for()


@pytest.fixture(scope="module")
def source_of_axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What finds problems of accessibility."""
    return axe(tmp_path_factory.mktemp("axe"))


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(
    browser: Browser, server: Server, source_of_axe: str, tmp_path: Path, scheme: Any, width: int
) -> None:
    """No serious or critical problem in any state of the page, and nothing wider than the screen."""
    size: Any = {"width": width, "height": 760}
    found: dict[str, Any] = {}
    async with opened(browser, server.url, viewport=size, color_scheme=scheme) as tab:
        page = tab.page

        async def look(name: str) -> None:
            await page.wait_for_timeout(250)  # until nothing moves any more
            await page.screenshot(path=tmp_path / f"{name}.png")
            found[name] = await problems(tab, source_of_axe)
            wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, name

        await page.wait_for_selector("#key")
        await look("login")
        await tab.sign_in(server.keys["boss"])
        await look("hello")
        turn = await tab.ask(QUESTION)
        await look("conversation")
        await tab.press("为什么？", within=turn)
        await tab.press("找错地方了？", within=turn)
        await look("why and correct")
        await turn.locator(".marker").first.click()
        await page.locator(".passage mark").first.wait_for()
        await look("panel")
        await tab.press("关闭")
        turn = await tab.ask(ORDER, ends="waiting")
        await tab.press("修改", within=turn)
        await look("approval")
        if width < 900:
            await page.get_by_role("button", name="对话列表").click()
        await look("conversations")
        await tab.press("这里有什么")
        await page.locator(".index button").first.click()
        await page.locator(".documents li").first.wait_for()
        await look("overview")
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        await look("twice the size")
    assert {name: told for name, told in found.items() if told} == {}
    assert len(found) == 9


async def test_by_keyboard_alone(browser: Browser, server: Server) -> None:
    """Everything is reached by keys, in an order that makes sense, and shows that it has the focus."""
    async with opened(browser, server.url, locale="zh-CN") as tab:
        keys = tab.page.keyboard
        await tab.page.wait_for_selector("#key")
        await keys.type(server.keys["ann"])
        await keys.press("Enter")
        await tab.page.wait_for_selector("#question")
        await keys.type("纳统是什么")
        await keys.press("Shift+Enter")
        await keys.type("意思？")
        assert await tab.page.input_value("#question") == "纳统是什么\n意思？"
        await keys.press("Enter")
        turn = tab.page.locator(".turn").first
        await tab.reaches(turn, "done")
        assert await focused(tab) == "question"
        for _ in range(40):
            await keys.press("Shift+Tab")
            if "marker" in await focused(tab):
                break
        outline = await tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        await keys.press("Enter")
        await tab.page.locator(".passage mark").first.wait_for()
        assert await focused(tab) == "panel-title"
        await keys.press("Escape")
        assert "marker" in await focused(tab)
        await keys.press("/")
        assert await focused(tab) == "question"
        assert await tab.page.input_value("#question") == ""
        await keys.type("a/b")
        assert await tab.page.input_value("#question") == "a/b"
        await keys.press("Tab")
        await keys.press("Control+k")
        assert await focused(tab) == "question"


async def focused(tab: Tab) -> str:
    """Return the id or the classes of what has the focus."""
    found: str = await tab.page.evaluate(
        "document.activeElement.id || document.activeElement.className"
    )
    return found


async def test_an_input_method_keeps_its_enter(ann: Tab) -> None:
    """Enter that takes a candidate of an input method does not send the question."""
    page = ann.page
    await page.focus("#question")
    await page.evaluate(
        "document.getElementById('question').addEventListener('keydown', (event) => { window.composing = event.isComposing; })"
    )
    client = await page.context.new_cdp_session(page)
    await client.send(
        "Input.imeSetComposition", {"text": "na tong", "selectionStart": 7, "selectionEnd": 7}
    )
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    for kind in ("rawKeyDown", "keyUp"):  # the input method takes what it would type
        await client.send("Input.dispatchKeyEvent", {"type": kind, **enter})
    assert await page.evaluate("window.composing") is True
    assert await page.locator(".turn").count() == 0
    await client.send("Input.insertText", {"text": "纳统是什么意思？"})
    # some input methods end before the key comes, which then has their code
    await page.evaluate(
        "document.getElementById('question').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', keyCode: 229, bubbles: true}))"
    )
    assert await page.locator(".turn").count() == 0
    assert await page.input_value("#question") == "纳统是什么意思？"
    await page.keyboard.press("Enter")
    await ann.reaches(page.locator(".turn").first, "done")


async def test_two_languages_and_two_themes(ann: Tab) -> None:
    """The page speaks the project's language until another is chosen, which stays; so do its colours."""
    page = ann.page
    await ann.ask(QUESTION)
    await ann.press("English")
    assert await page.get_by_role("button", name="Why?").count() == 1
    assert await page.evaluate("document.documentElement.lang") == "en"
    paper = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(paper)
    await ann.press("Colours: as the device")
    await ann.press("Colours: light")
    dark = await page.evaluate(paper)
    await page.reload()
    await ann.says("Sources")
    assert await page.evaluate(paper) == dark != light
    assert await page.evaluate("document.documentElement.lang") == "en"
    hidden = page.locator("[role=status].hidden")
    assert await hidden.text_content() == ""  # what is opened is not read out
    turn = await ann.ask("纳统是什么意思？")
    told = await turn.locator(".text").text_content()
    assert told is not None
    assert told in (await hidden.text_content() or "")


async def test_hundreds_of_messages(ann: Tab, server: Server) -> None:
    """A conversation of 300 turns opens in a moment, and typing in it stays swift."""
    text = "施工期间按方案执行，每日检查并记录。[1]\n" * 30
    said = [
        one
        for place in range(300)
        for one in (
            {"role": "user", "content": f"第{place}个问题？", "id": f"q{place}"},
            {"role": "assistant", "content": text, "id": f"a{place}"},
        )
    ]
    with server.client("ann") as client:
        thread = str(uuid.uuid4())
        assert client.post("/threads", json={"thread_id": thread}).is_success
        body = {"values": {"messages": said}, "as_node": "verify"}
        client.post(
            f"/threads/{thread}/runs/wait",
            json={"assistant_id": "waypost", "input": {"messages": said[:1]}},
        )
        assert client.post(f"/threads/{thread}/state", json=body).is_success
    page = ann.page
    started = time.monotonic()
    await page.goto(f"{page.url.split('#')[0]}#{thread}")
    await page.locator(".turn").nth(299).wait_for()
    opened_in = time.monotonic() - started
    await page.focus("#question")
    started = time.monotonic()
    await page.keyboard.type("这是一个比较长的问题" * 3)
    typed_in = (time.monotonic() - started) / 30
    assert opened_in < 4
    assert typed_in < 0.08


async def test_the_guide_runs(browser: Browser, tmp_path: Path) -> None:
    """What the guide "page.md" shows does what it says: a key, the page, and a corrector's button."""
    guide = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    written(tmp_path)  # the project of the server's guide
    [setting] = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    with (tmp_path / "desk" / "waypost.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{setting}")
    lines = "".join(re.findall(r"```bash\n(.*?)```", guide, re.DOTALL)).splitlines()
    [add] = [line for line in lines if line.startswith("waypost key add")]
    done = waypost(*shlex.split(add)[1:], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    [serve, alone] = [line for line in lines if line.startswith("waypost serve")]
    assert alone == serve.replace("serve", "serve --open")
    port = free_port()
    words = command(*shlex.split(serve)[1:], "--port", str(port))
    with running(words, tmp_path, port, tmp_path / "log", stop=signal.SIGKILL) as server:
        async with opened(browser, server.url) as tab:
            await tab.sign_in(done.stdout.strip())
            turn = await tab.ask("Who staffs the front desk?")
            assert "Marta Lind" in await turn.locator(".text").inner_text()
            assert await turn.get_by_role("button", name="Wrong place?").count() == 1
        routes = re.findall(r"^\| `(GET|POST) ([^?`]+)", guide, re.MULTILINE)
        with server.client() as client:
            statuses = [client.request(method, path).status_code for method, path in routes]
    assert statuses == [401] * 5
