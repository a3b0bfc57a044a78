from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path
from string import Formatter

import pytest
from rich.cells import cell_len
from rich.console import Console

from agent import Waypost
from agent.cli.chat.approvals import decided
from agent.cli.chat.commands import Commands
from agent.cli.chat.live import LiveDisplay
from agent.cli.chat.markdown import rendered, split_blocks
from agent.cli.chat.reader import Completions
from agent.cli.chat.screen import Card, Excerpt, PlainScreen, Screen
from agent.cli.chat.session import Session
from agent.cli.chat.terminal import THEME, TerminalScreen
from agent.cli.chat.words import Words
from agent.cli.chat.wrapping import breaks
from agent.errors import UsageError, WaypostError
from indexes.types import Principal
from prompts import texts
from tests.agent.endpoint import Endpoint, endpoint
from tests.agent.screens import Terminal, emulated, terminal
from tests.agent.tiny import runs, write_tiny_project

ROOT = Path(__file__).parent.parent.parent
COMMAND = [
    sys.executable, "-W", "error", "-c", "from agent.cli.main import run; run()", "chat"
]  # fmt: skip
PYTHON = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
ASK = "Run it? [y approve / n reject / e edit]"
EN, ZH = Words("en"), Words("zh")
HOSTILE = "ok\x1b[2J\x1b]0;title\x07\x9b31m\u202eevil\x00\r"


# Without a terminal: the parts.


class Person:
    """Somebody whose answers to the chat's own questions are known beforehand."""

    def __init__(self, answers: Sequence[str | None] = (), *, interactive: bool = True) -> None:
        self.interactive = interactive
        self.answers = list(answers)
        self.defaults: list[str] = []

    async def line(self, who: str) -> str | None:
        """Return that there is no line."""
        return None

    async def ask(self, question: str, *, default: str = "") -> str | None:
        """Return the next answer."""
        self.defaults.append(default)
        return self.answers.pop(0) if self.answers else None

    def complete_with(self, completions: Completions) -> None:
        """Do nothing."""

    def working(self, cancel: Callable[[], object]) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()


class Chat:
    """A chat whose lines are given, and whose output is read."""

    def __init__(self, waypost: Waypost, capsys: pytest.CaptureFixture[str]) -> None:
        self.person = Person()
        self._capsys = capsys
        self.session = Session(waypost, None, PlainScreen(EN), self.person, EN)
        self.session.begin(uuid.uuid4().hex)
        self.commands = Commands(self.session)

    async def says(self, *lines: str, answers: Sequence[str | None] = ()) -> str:
        """Return what is printed to lines, with decisions or whatever is asked for."""
        self.person.answers = list(answers)
        for line in lines:
            assert await self.commands.obey(line)
        return self._capsys.readouterr().out


@pytest.fixture
async def chat(tiny: Waypost, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Chat]:
    """Return a chat on a thread of its own."""
    made = Chat(tiny, capsys)
    yield made
    await made.session.conversations.close()


def test_texts_are_complete() -> None:
    """Both languages have every text, with the same variables, and every command has its help."""
    zh, en = texts("chat", "zh"), texts("chat", "en")
    assert zh.keys() == en.keys()
    assert zh["help"].keys() == en["help"].keys()
    for key, text in en.items():
        if key != "help":
            fields = [
                {name for _, name, _, _ in Formatter().parse(one) if name}
                for one in (text, zh[key])
            ]
            assert fields[0] == fields[1], key


def test_every_command_is_helped(chat: Chat) -> None:
    """What can be typed is in /help, and the other way round."""
    typed = {one.removeprefix("/") for one in chat.commands.completions("/")}
    assert typed == set(EN.help) - {"keys"}


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("员工工作满一年的，每年", 10, ["员工工作满", "一年的，每", "年"]),
        ("见《休假制度》和第一条", 12, ["见《休假制", "度》和第一条"]),
        ("一二三四五，六", 10, ["一二三四", "五，六"]),
        ("年假7天。[1] 病假", 8, ["年假7", "天。[1]", "病假"]),
        ("plain English words wrap", 12, ["plain", "English", "words wrap"]),
        ("https://example.com/abcdef", 10, ["https://ex", "ample.com/", "abcdef"]),
        ("用 pump 启动", 7, ["用 pump", "启动"]),
        ("", 10, [""]),
    ],
)  # fmt: skip
def test_lines_break_well(text: str, width: int, lines: list[str]) -> None:
    """Chinese breaks between characters, no line begins with a closing sign or is too wide."""
    offsets = [0, *breaks(text, width), len(text)]
    found = [text[a:b].rstrip() for a, b in pairwise(offsets)]
    assert found == lines
    assert all(cell_len(line) <= width for line in found)


def out(columns: int, lines: int = 30) -> Console:
    """Return a terminal that is written into a text."""
    from io import StringIO

    return Console(
        file=StringIO(), force_terminal=True, width=columns, height=lines, theme=THEME,
        markup=False, highlight=False, emoji=False, color_system=None, legacy_windows=False,
        _environ={"TERM": "xterm"},
    )  # fmt: skip


def written(console: Console) -> str:
    """Return what was written."""
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


TABLE = """\
## 限值

| 项目 | 单位 | 限值 |
|---|---|---|
| 昼间噪声 | dB(A) | 70 |
| vibration at full load | mm/s | 4.5 |

1. 每500小时**润滑**一次 [1]
2. 见 [手册](https://example.com/x)
"""


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_markdown_with_chinese_tables(columns: int) -> None:
    """A table's columns stand below each other though Chinese is twice as wide; links show where they go."""
    console = out(columns)
    console.print(rendered(TABLE, as_markdown=True))
    rows = emulated(written(console), columns=columns, lines=30)
    text = "\n".join(rows)
    table = [row for row in rows if row.strip()][1:]
    ends = {
        cell_len(row[: row.index(word)])
        for row in table
        for word in ("dB(A)", "mm/s")
        if word in row
    }
    assert len(ends) == 1
    assert "润滑 一次" not in text
    assert "**" not in text
    assert "](" not in text
    assert "https://example.com/x" in text.replace("\n", "").replace(" ", "")
    assert "\x1b]8" not in written(console)


def test_blocks_of_markdown() -> None:
    """A text is split where a part of it can stand alone, and nothing is lost."""
    text = "# A\n\none\ntwo\n\n- x\n\n- y\n\n```\na\n\nb\n```\n\nend"
    blocks = split_blocks(text)
    assert [block.strip() for block in blocks] == [
        "# A", "one\ntwo", "- x\n\n- y", "```\na\n\nb\n```", "end"
    ]  # fmt: skip
    assert "\n".join(blocks).replace("\n", "") == text.replace("\n", "")


def test_streaming_redraws() -> None:
    """What was streamed is withdrawn without a trace as long as it is on the screen."""
    console = out(60)
    with LiveDisplay(console, EN, as_markdown=True) as display:
        display.status("searching")
        display.token("The bearing is lubricated **weekly**.")
        assert "weekly" in "\n".join(emulated(written(console), columns=60, lines=30))
        display.restart()
        display.token("It is lubricated every *500* hours [1].")
        display.event("read_gauge (gauge: flow)")
        display.finish("It is lubricated every *500* hours [1].")
    rows = [row for row in emulated(written(console), columns=60, lines=30) if row]
    assert rows == ["· read_gauge (gauge: flow)", "It is lubricated every 500 hours [1]."]


@pytest.mark.parametrize("as_markdown", [True, False])
def test_streaming_more_than_a_screen(as_markdown: bool) -> None:
    """A long answer scrolls, and every line of it is there once."""
    paragraphs = [f"Sentence {number} 一段中文。" for number in range(40)]
    console = out(60, lines=12)
    with LiveDisplay(console, EN, as_markdown=as_markdown) as display:
        for paragraph in paragraphs:
            display.token(f"{paragraph}\n\n")
        display.finish("\n\n".join(paragraphs))
    rows = [row for row in emulated(written(console), columns=60, lines=200) if row]
    assert rows == paragraphs
    assert EN("restarted") not in written(console)


def test_a_long_answer_is_withdrawn_in_words() -> None:
    """What has scrolled away cannot be taken back, so that is said."""
    console = out(60, lines=8)
    with LiveDisplay(console, EN, as_markdown=True) as display:
        display.token("\n\n".join(f"wrong {number}" for number in range(20)))
        display.restart()
        display.token("right")
        display.finish("right")
    text = written(console)
    assert text.index(EN("restarted")) < text.rindex("right")


@pytest.mark.parametrize(
    ("alone", "printed"),
    [(False, "wrong\n" + EN("restarted") + "\nright\n"), (True, "right\n")],
)
def test_streaming_without_a_terminal(
    capsys: pytest.CaptureFixture[str], alone: bool, printed: str
) -> None:
    """What cannot be redrawn is withdrawn in words; in a pipe only the answer is printed."""
    with PlainScreen(EN, alone=alone).answering(as_markdown=True) as display:
        display.token("wrong")
        display.restart()
        display.token("right")
        display.finish("right")
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("columns", [60, 200])
def test_nothing_obeys_what_is_shown(columns: int) -> None:
    """Titles, passages, arguments, names and errors cannot control the terminal."""
    console = out(columns)
    for screen in (TerminalScreen(console, EN), PlainScreen(EN)):
        assert_harmless(screen, console)


def assert_harmless(screen: Screen, console: Console) -> None:
    """Show hostile texts in every way."""
    before = len(written(console))
    screen.line(HOSTILE)
    screen.note(HOSTILE)
    screen.error(HOSTILE)
    screen.asked(HOSTILE)
    screen.sources([(1, HOSTILE)])
    screen.table([[HOSTILE, HOSTILE]], ["a", "b"])
    screen.excerpt(Excerpt(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, [HOSTILE]))
    screen.card(Card(HOSTILE, HOSTILE, [(HOSTILE, HOSTILE)], HOSTILE), "card")
    for as_markdown in (True, False):
        with screen.answering(as_markdown=as_markdown) as display:
            display.status(HOSTILE)
            display.event(HOSTILE)
            display.token(HOSTILE)
            display.finish(HOSTILE)
    shown = written(console)[before:]
    for code in ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e", "\x00"):
        assert code not in shown


def test_nothing_obeys_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The same without a terminal."""
    assert_harmless(PlainScreen(EN, alone=True), out(60))
    captured = capsys.readouterr()
    assert "evil" in captured.out
    assert not set("\x1b\x07\x9b\u202e\x00\r") & set(captured.out + captured.err)


def test_cards_keep_their_frame() -> None:
    """The frame of a card is straight around Chinese, and what is invisible is written out."""
    console = out(60)
    arguments = [
        ("项目名称 (project)", '"东站项目环境影响评价报告书及其全部附件的编制与报审"'),
        ("年份", "2024"),
    ]
    TerminalScreen(console, ZH).card(Card("查询", "查询纳统金额。" * 8, arguments), "需要批准")
    rows = [row for row in written(console).splitlines() if row]
    assert len({cell_len(row) for row in rows}) == 1
    assert cell_len(rows[0]) <= 60
    assert rows[0].startswith("╭─ 需要批准 ─")


REQUEST = {"action_requests": [{"name": "order_part", "args": {"part": "seal", "count": 3}}]}
EDITED = {
    "type": "edit",
    "edited_action": {"name": "order_part", "args": {"part": "seal", "count": 5}},
}
DECISIONS: dict[str, tuple[list[str | None], object, list[str]]] = {
    "yes": (["y"], {"type": "approve"}, []),
    "Chinese yes": (["是"], {"type": "approve"}, []),
    "no": (["n", ""], {"type": "reject"}, []),
    "no with a reason": (["n too many"], {"type": "reject", "message": "too many"}, []),
    "no, the reason asked for": (["n", "no money"], {"type": "reject", "message": "no money"}, []),
    "asked again": (["", "perhaps", "y"], {"type": "approve"}, ["Type y"]),
    "edited as JSON": (['e {"count": 5}', "y"], EDITED, ["(count): 5"]),
    "edited by alias": (['e {"part": "seals", "count": "5"}', "y"], EDITED, []),
    "edited by field": (["e", "seal", "5", "y"], EDITED, ["(count): 5"]),
    "an edit that changes nothing": (["e", "seal", "3", "y"], {"type": "approve"}, []),
    "an edit that is refused": (
        ['e {"part": "wheel"}', 'e {"count": 5}', "y"], EDITED, ["“part” cannot be"],
    ),
    "no JSON": (["e count=5", "n", ""], {"type": "reject"}, ["no JSON object"]),
    "an edit given up": (["e", None, "y"], {"type": "approve"}, []),
    "later": ([None], None, []),
}  # fmt: skip


@pytest.mark.parametrize("case", DECISIONS)
async def test_decisions(tiny: Waypost, capsys: pytest.CaptureFixture[str], case: str) -> None:
    """What a person types at a card becomes a decision that can be used."""
    answers, decision, says = DECISIONS[case]
    found = await decided(REQUEST, tiny.tools, PlainScreen(EN), Person(answers), EN)
    assert found == (None if decision is None else [decision])
    printed = capsys.readouterr().out
    assert "number of pieces (count): 3" in printed
    assert [said for said in says if said not in printed] == []


async def test_invisible_arguments_are_seen(capsys: pytest.CaptureFixture[str]) -> None:
    """Who approves sees what an argument holds, also what a terminal would not show."""
    request = {"action_requests": [{"name": "pay", "args": {"to": "Li\u202e\x1b[2J"}}]}
    await decided(request, {}, PlainScreen(EN), Person(["y"]), EN)
    assert r'to: "Li\u202e\u001b[2J"' in capsys.readouterr().out


async def test_a_question_and_what_is_asked_about_it(chat: Chat) -> None:
    """The answer has numbered sources; why, how much and the passage are told when asked for."""
    assert (await chat.says("/why", "/usage")).count("Nothing has been asked yet.") == 2
    assert "no sources" in await chat.says("/open 1")
    answer = await chat.says("How often is the bearing lubricated?")
    assert "searching Pump manual" in answer
    assert "every 500 hours" in answer
    assert "  [1] Pump manual (Lubrication)\n" in answer
    why = await chat.says("/why")
    for said in ("search manual, by classifier", "1.00 manual █", "support sufficient", "confidence: high", "0 model calls", "route "):  # fmt: skip
        assert said in why
    opened = await chat.says("/open 1")
    assert "docs/manual/pump.md" in opened
    assert ">>>The bearing is lubricated every 500 hours with 40 g of lithium grease.<<<" in opened
    assert "mechanical seal" in opened
    assert "it has 1." in await chat.says("/open 7")
    assert "0 tokens in" in await chat.says("/usage")


async def test_what_is_indexed(chat: Chat) -> None:
    """Indexes with their counts and documents by index and word; one index may be asked alone."""
    indexes = await chat.says("/index")
    assert "leave\t休假制度\t1\t1\t年假、病假" in indexes
    assert "manual" not in await chat.says("/docs leave")
    assert "pump.md" in await chat.says("/docs manual PUMP")
    assert "no such documents" in await chat.says("/docs wheel")
    assert "/index leave QUESTION" in await chat.says("/index leave")
    assert "7天" in await chat.says("/index leave 年假有几天？")
    assert "search leave, by rule" in await chat.says("/why")


MISTAKES = {
    "/corect search leave": "Did you mean /correct?",
    "/Why": "'/Why' is no command. Did you mean /why?",
    "/": "'/' is no command.",
    "/zzz": "'/zzz' is no command. /help",
    "/index leaves 年假": "no index 'leaves'. Did you mean leave?",
    "/thread a b c": "Usage: /thread",
    "/thread name x": "is empty",
    "/export": "Usage: /export",
    "/export /nowhere/at/all.md": "cannot be written",
}


@pytest.mark.parametrize("line", MISTAKES)
async def test_mistakes(chat: Chat, line: str) -> None:
    """A mistyped command is no question: it is refused, with the nearest one."""
    with pytest.raises(WaypostError) as refused:
        await chat.says(line)
    assert MISTAKES[line] in str(refused.value)


async def test_paths_may_be_asked_about(chat: Chat) -> None:
    """What begins with a slash and is no word is a question."""
    assert "outside" in await chat.says("/etc/hosts 在哪里？ football match")


async def test_completions(chat: Chat) -> None:
    """Commands are completed, then the names that a person may use."""
    complete = chat.commands.completions
    assert list(complete("/e")) == ["/exit", "/export"]
    assert list(complete("/index ")) == ["leave", "manual"]
    assert list(complete("/docs m")) == ["manual"]
    assert list(complete("/correct s")) == ["search"]
    assert "read_salary" not in complete("/correct act ")
    chat.session.principal = Principal("li", ("finance",))
    assert "read_salary" in complete("/correct act ")
    assert list(complete("what is /e")) == []


async def test_threads(chat: Chat, tiny: Waypost) -> None:
    """Conversations are listed, named, left and continued; everyone sees their own."""
    name = f"leave-{uuid.uuid4().hex}"
    chat.session.principal = Principal(uuid.uuid4().hex)
    assert "no conversations" in await chat.says("/thread")
    await chat.says("三天以内的婚假由谁批准？", f"/thread name {name}", "/new")
    listed = await chat.says("/thread")
    assert f"  {name}\t1\t" in listed
    assert "三天以内的婚假由谁批准？" in listed
    continued = await chat.says(f"/thread {name}")
    assert f"Continuing {name} (1 questions)" in continued
    assert "> 三天以内的婚假由谁批准？" in continued
    assert "部门经理" in await chat.says("那病假呢？")
    with pytest.raises(UsageError, match="already"):
        await chat.says(f"/thread name {name}")
    assert f"* {name}\t2\t" in await chat.says("/thread")
    assert name not in await chat.says("/as somebody", "/thread")
    assert await chat.session.conversations.last(Principal("nobody-yet")) is None


async def test_a_source_is_there_after_a_restart(chat: Chat, tiny: Waypost) -> None:
    """A conversation that is continued still knows its sources and its route."""
    name = uuid.uuid4().hex
    await chat.says(f"/thread {name}", "How often is the bearing lubricated?", "/new")
    continued = await chat.says(f"/thread {name}", "/why", "/open 1")
    assert "[1] Pump manual (Lubrication)" in continued
    assert "search manual, by classifier" in continued
    assert ">>>The bearing" in continued


async def test_as(chat: Chat) -> None:
    """Somebody else asks, on a thread of their own, and may use what they may use."""
    before = chat.session.thread
    assert "Asking as li (finance, hr)" in await chat.says("/as li finance hr")
    assert chat.session.principal == Principal("li", ("finance", "hr"))
    assert chat.session.thread != before
    assert "Chen earns" in await chat.says("What is the salary of Chen?")
    assert "public documents only" in await chat.says("/as -")
    assert "earns" not in await chat.says("What is the salary of Chen?")


async def test_what_is_no_longer_visible_is_not_read(chat: Chat) -> None:
    """/open reads a document again only for who may see it; what was cited stays readable."""
    await chat.says("How often is the bearing lubricated?")
    assert chat.session.last is not None
    chat.session.last["citations"][0]["document"] = "docs/manual/gone.md"
    opened = await chat.says("/open 1")
    assert "The bearing is lubricated every 500 hours" in opened
    assert "changed since" in opened
    assert "mechanical seal" not in opened


async def test_export(chat: Chat, tmp_path: Path) -> None:
    """The conversation is written as Markdown with its sources, never over another file."""
    path = tmp_path / "talk.md"
    await chat.says("How often is the bearing lubricated?", "Hello", f"/export {path}")
    text = path.read_text("utf-8")
    assert "## You: How often is the bearing lubricated?" in text
    assert "- [1] Pump manual (Lubrication) `docs/manual/pump.md`" in text
    assert "  > The bearing is lubricated every 500 hours" in text
    with pytest.raises(UsageError, match="exists already"):
        await chat.says(f"/export {path}")
    assert path.read_text("utf-8") == text


async def test_approving(chat: Chat, tiny: Waypost) -> None:
    """A call runs as it was approved, or not at all; one left open can be taken up again."""
    before = len(runs(tiny.project))
    rejected = await chat.says("Order 3 seals", answers=["n", "no money"])
    assert "was not run" in rejected
    assert "no money" in rejected
    assert "Ordered 5 of seal." in await chat.says("Order 4 seals", answers=['e {"count": 5}', "y"])
    waiting = await chat.says("Order 6 seals", answers=[None])
    assert "It still waits" in waiting
    assert "Ordered 6 of seal." in await chat.says("/approve", answers=["y"])
    assert "Nothing waits" in await chat.says("/approve")
    assert [run["count"] for run in runs(tiny.project)[before:]] == [5, 6]


async def test_going_on_with_a_lost_turn(chat: Chat, tiny: Waypost) -> None:
    """A turn that was cut short is gone on with, without being asked again."""
    name, before = chat.session.thread, len(runs(tiny.project))
    turn = asyncio.create_task(chat.says("Make the report for the north site"))
    for _ in range(1000):
        if len(runs(tiny.project)) > before:
            break
        await asyncio.sleep(0.005)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    left = await chat.says("/new", f"/thread {name}", answers=["n"])
    assert "0.2 s" not in left
    continued = await chat.says("/new", f"/thread {name}", answers=["y"])
    assert "> Make the report for the north site" in continued
    assert "no answer within 0.2 s" in continued
    assert f"* {name}\t1\t" in await chat.says("/thread")


async def test_correcting(
    tiny_project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was wrong is noted, and what is right decides from then on."""
    async with Waypost.open(tiny_project()) as waypost:
        await waypost.ingest()
        chat = Chat(waypost, capsys)
        assert "Nothing has been asked yet." in await chat.says("/bad")
        await chat.says("How long is it?")
        assert "What is right? /correct search leave|manual" in await chat.says("/bad")
        with pytest.raises(UsageError):
            await chat.says("/correct search nope")
        assert "Stored" in await chat.says("/correct search leave")
        await chat.says("How long is it?")
        assert "search leave, by rule" in await chat.says("/why")
        await chat.session.conversations.close()


# In a pipe.


@pytest.fixture(scope="module")
def project(tiny: Waypost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small project that nobody holds open; a slow tool takes its time."""
    folder = write_tiny_project(tmp_path_factory.mktemp("chat") / "project")
    settings = folder / "waypost.toml"
    slow = settings.read_text("utf-8").replace("timeout = 0.2", "timeout = 50")
    settings.write_text(slow, "utf-8")
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    return folder


def piped(*args: str | Path, typed: str) -> subprocess.CompletedProcess[str]:
    """Run the chat in a pipe."""
    return subprocess.run(
        [*COMMAND, *map(str, args)], env={**os.environ, **PYTHON}, input=typed,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_in_a_pipe(project: Path) -> None:
    """One question a line: answers and what was asked for on stdout alone, mistakes on stderr."""
    lines = [
        "年假有几天？",
        "/open 1",
        "a" * 9000,
        "/corect",
        "Order 3 seals",
        "n dear",
        "Order 4 seals",
    ]
    lines += ["y", "/index leave 年假有几天？", "/exit now", "never read"]
    done = piped("--project", project, typed="\n".join(lines))
    assert done.returncode == 2
    assert [line[:40] for line in done.stderr.splitlines()] == [
        "Error: The question has 9000 characters;", "Error: '/corect' is no command. Did you "
    ]  # fmt: skip
    assert done.stdout.startswith("根据《休假制度》（第一条 年假）：\n")
    answers = done.stdout.split("\n\n")
    assert answers[0].endswith("\n  [1] 休假制度 (第一条 年假)")
    assert "That was not approved, so nothing was done. dear" in answers[1]
    assert answers[2].endswith("Ordered 4 of seal.")
    assert "7天" in answers[3]
    assert len(answers) == 5
    assert [run["count"] for run in runs(project)] == [4]
    assert "\x1b" not in done.stdout + done.stderr
    assert "> " not in done.stdout


@pytest.mark.slow
def test_a_pipe_that_ends_at_an_approval(project: Path) -> None:
    """Nothing runs that nobody approved, and how to go on is said."""
    before = runs(project)
    done = piped("--project", project, "--thread", "cut", typed="Order 9 seals")
    assert (done.returncode, runs(project)) == (0, before)
    assert "waypost chat --thread cut" in done.stderr
    both = piped("--project", project, "--thread", "cut", "--continue", typed="")
    assert (both.returncode, both.stdout) == (2, "")


# In a terminal.


def opened(
    project: Path, *args: str, columns: int = 100, lines: int = 40, **environment: str
) -> AbstractContextManager[Terminal]:
    """Run the chat in a terminal."""
    command = [*COMMAND, "--project", str(project), *args]
    return terminal(command, columns=columns, lines=lines, **PYTHON, **environment)


def leave(at: Terminal) -> None:
    """Press Ctrl-D."""
    at.until_prompt()
    at.type("\x04")
    assert at.ended() == 0


@pytest.mark.slow
def test_in_a_terminal_of_60_columns(project: Path) -> None:
    """A person types, completes, pastes, goes back in history, opens a source, and leaves."""
    with opened(project, columns=60) as at:
        at.enter("How often is the bearing lubricated?")
        at.until_seen(
            "· searching Pump manual …", "lithium grease. [1]", "\n[1] Pump manual (Lubrication)"
        )
        at.until_prompt()
        at.type("/o")
        at.until_seen("/open")
        at.type("\t 1\r")
        at.until_seen("docs/manual/pump.md", "The mechanical seal is replaced")
        cited = [
            char.data
            for y in range(at.screen.lines) for char in at.screen.buffer[y].values() if char.reverse
        ]  # fmt: skip
        assert "".join(cited).replace(" ", "").startswith("Thebearingislubricatedevery500hours")
        at.enter("年假\x1b\r有几天？")
        at.until_seen("> 年假\n  有几天？", "[1] 休假制度 (第一条 年假)")
        at.until_prompt()
        at.type("\x1b[200~婚假有\n几天？\x1b[201~")
        at.until_seen("> 婚假有\n  几天？")
        at.type("\r")
        at.until_seen("婚假10天")
        at.until_prompt()
        at.type("\x1b[A\x1b[A\x1b[A\x1b[A")
        at.until_seen("> /open 1")
        at.type("\x03")
        at.until_seen("Ctrl-C again leaves")
        at.until_prompt()
        at.type("\x03")
        assert at.ended() == 0
        assert max(map(cell_len, at.rows)) <= 60


@pytest.mark.slow
def test_killed_at_an_approval(project: Path) -> None:
    """A call that waits when the chat is killed is offered again, and runs once."""
    before = len(runs(project))
    with opened(project, "--thread", "killed") as at:
        at.enter("Order 7 seals")
        at.until_prompt(ASK)
        at.kill()
    with opened(project, "--continue") as at:
        at.until_prompt(ASK)
        assert "> Order 7 seals" in at.text
        assert "number of pieces (count)  7" in at.text
        at.type("e\r")
        at.until_prompt("  part: seal")
        at.type("\r")
        at.until_prompt("  count: 7")
        at.type("\x7f8\r")
        at.until_seen("(count)  8")
        at.until_prompt(ASK)
        at.type("y\r")
        at.until_seen("Ordered 8 of seal.")
        leave(at)
    assert [run["count"] for run in runs(project)[before:]] == [8]


@pytest.mark.slow
def test_interrupting_an_answer(project: Path) -> None:
    """Ctrl-C stops the answer and not the chat, as often as it is pressed; then it goes on."""
    before = len(runs(project))
    with opened(project, "--thread", "stopped") as at:
        for count in (1, 2):
            at.enter("Make the report for the south site")
            at.until(lambda count=count: len(runs(project)) == before + count)  # type: ignore[misc]
            at.type("\x03")
            at.until(lambda count=count: at.text.count("(stopped)") == count)  # type: ignore[misc]
        at.enter("年假有几天？")
        at.until_seen("享受年假7天")
        leave(at)


@pytest.mark.slow
def test_typing_ahead_and_history(project: Path) -> None:
    """What is typed while an answer is made is asked next, and what was typed is found again later."""
    with opened(project) as at:
        at.enter("How often is the bearing lubricated?")
        at.type("年假有几天？\r")
        at.until_seen("every 500 hours", "享受年假7天")
        leave(at)
    with opened(project) as at:
        at.until_prompt()
        at.type("\x1b[A")
        at.until_seen("> 年假有几天？")
        at.type("\x1b[A")
        at.until_seen("> How often is the bearing lubricated?")
    history = project / ".waypost" / "chat_history"
    assert history.stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_turn_that_was_lost(project: Path) -> None:
    """A turn that ended with its process can be gone on with."""
    before = len(runs(project))
    with opened(project, "--thread", "lost") as at:
        at.enter("Make the report for the north site")
        at.until(lambda: len(runs(project)) == before + 1)
        at.kill()
    with opened(project, "--thread", "lost") as at:
        at.until_seen("> Make the report for the north site", "Go on with it?")
        at.type("n\r")
        at.enter("年假有几天？")
        at.until_seen("享受年假7天")
        leave(at)


@pytest.mark.slow
def test_a_terminal_that_can_only_print(project: Path) -> None:
    """A dumb terminal gets no control codes, approvals and Ctrl-C work there."""
    with opened(project, "--thread", "dumb", TERM="dumb") as at:
        at.enter("年假有几天？")
        at.until_seen("  [1] 休假制度 (第一条 年假)")
        at.enter("Order 2 seals")
        at.until_prompt(ASK)
        at.type("\x03")
        at.until_seen("It still waits")
        at.until_prompt()
        at.type("\x03")
        at.until_seen("Ctrl-C again leaves")
        leave(at)
        assert b"\x1b" not in at.raw


@pytest.mark.slow
def test_without_colours(project: Path) -> None:
    """NO_COLOR: what stands out is bold or reversed, nothing has a colour."""
    with opened(project, NO_COLOR="1", columns=200) as at:
        at.enter("年假有几天？")
        at.until_seen("[1] 休假制度")
        at.enter("/open 1")
        at.until_seen("病假须凭")
        leave(at)
        colours = {char.fg for row in at.screen.buffer.values() for char in row.values()}
        assert colours == {"default"}


@pytest.mark.slow
def test_a_long_passage_in_a_pager(project: Path) -> None:
    """What does not fit is paged, and the chat goes on afterwards."""
    with opened(project, lines=8, PAGER="less") as at:
        at.enter("How often is the bearing lubricated?")
        at.until_seen("[1] Pump manual")
        at.enter("/open 1")
        at.until(lambda: at.shown[at.screen.cursor.y].startswith(":"), "the pager")
        assert "The vibration of the pump" not in at.text
        at.type(" ")
        at.until_seen("The vibration of the pump")
        at.type("\x03")  # is the pager's, and drops what is typed with it
        at.read(1.0)
        at.type("q")
        leave(at)


ANSWER = """\
## Lubrication

The bearing is lubricated every 500 hours with **40 g** of lithium grease [1].

| part | after |
|---|---|
| seal | 8,000 hours [1] |
"""


@pytest.fixture
def model() -> Iterator[Endpoint]:
    """Return an endpoint whose model always writes the same Markdown."""
    with endpoint() as served:
        served.reply = ANSWER
        yield served


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 200])
def test_a_model_writes_markdown(project: Path, model: Endpoint, columns: int) -> None:
    """A chat model's answer is shown as what its Markdown means."""
    with opened(
        project, columns=columns, WAYPOST_MODELS__CHAT="openai:scripted",
        OPENAI_API_KEY="none", OPENAI_BASE_URL=model.url,
    ) as at:  # fmt: skip
        at.enter("How often is the bearing lubricated?")
        at.until_seen("[1] Pump manual")
        assert "40 g of lithium" in at.text.replace("\n", " ")
        assert "**" not in at.text
        assert "##" not in at.text
        at.enter("/usage")
        at.until_seen("model calls")
        leave(at)
