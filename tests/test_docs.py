"""The commands and snippets of the READMEs and of the guides in docs run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat
import pytest
import typer
import yaml
from nbclient import NotebookClient

from agent.cli.main import app
from agent.routing import Question, Target
from agent.routing.decision import Choice, cheapest
from agent.routing.types import Asked
from agent.settings import Costs, Settings
from tests import forked
from tests.agent.tiny import write_tiny_project

ROOT = Path(__file__).parent.parent
READMES = [ROOT / "README.md", ROOT / "docs" / "README.zh.md"]
EXAMPLES = sorted((ROOT / "examples").glob("*/README.md"))
RETRIEVAL = ROOT / "docs" / "retrieval.md"
DOCUMENTS = ROOT / "docs" / "documents.md"
ROUTING = ROOT / "docs" / "routing.md"
TOOLS = ROOT / "docs" / "tools.md"
TRACES = ROOT / "docs" / "traces.md"
TUNING = ROOT / "docs" / "tuning.md"
PYTHON = ROOT / "docs" / "python.md"
MODELS = ROOT / "docs" / "models.md"
SECURITY = ROOT / "docs" / "security.md"
SERVER = ROOT / "docs" / "server.md"
PRODUCTION = ROOT / "docs" / "production.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"
TRANSLATED = [tuple(READMES), (TUTORIAL, ROOT / "docs" / "tutorial.zh.md")]
QDRANT = ROOT / "docs" / "qdrant.md"
DESIGN = ROOT / "docs" / "design.md"
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [  # all that people read
    *READMES[:1], *GUIDES, *sorted((ROOT / "docs" / "reference").glob("*.md")), *EXAMPLES,
    ROOT / "benchmarks" / "README.md",
]  # fmt: skip
TRIED = ("bash", "python")  # blocks that a test must run; settings are all checked below
NEEDS_SERVER = ("docker run", "waypost store copy", "WAYPOST_STORE__SHARD_NUMBER")
NOT_RUN = (
    "python3 -m venv",
    "pip install",
    "export ",
    "langgraph dev",
    "waypost mcp",
    "waypost serve",
    *NEEDS_SERVER,
)
WAYPOST = [sys.executable, "-c", "from agent.cli.main import run; run()"]
MORE = re.compile(r"# at the end of (\S+)\n")  # the first line of what is added to a file
FILE = re.compile(  # the first line of a file that a block shows, but for that of front matter
    r"(---\n)?# ([a-z]+/\S+\.\w+)\n"
)


def blocks(readme: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    text = readme.read_text(encoding="utf-8")
    return [dedent(one) for one in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def commands(bash: str) -> Iterator[list[str]]:
    """Yield the words of each waypost command of a block that can be run here."""
    for line in bash.splitlines():
        if line.strip() and not line.startswith(NOT_RUN):
            words = shlex.split(line, comments=True)
            assert words[0] == "waypost", line
            yield words[1:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a copy of the example, since the store is exclusive."""
    path = tmp_path_factory.mktemp("docs")
    shutil.copytree(
        ROOT / "examples" / "urban_construction",
        path / "examples" / "urban_construction",
        ignore=shutil.ignore_patterns(".waypost", "__pycache__"),
    )
    return path


def run(command: list[str], folder: Path, typed: str = "") -> str:
    """Run a command in the working folder, on what is typed, and return what it printed."""
    if command[: len(WAYPOST)] == WAYPOST:
        code, out, err = forked.waypost(command[len(WAYPOST) :], folder, typed)
        assert code == 0, err
        return out
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_commands(readme: Path, folder: Path) -> None:
    """Every waypost command of the README succeeds and prints something."""
    shutil.rmtree(folder / "my_project", ignore_errors=True)
    found = [words for block in blocks(readme, "bash") for words in commands(block)]
    assert len(found) >= 8
    for words in found:
        assert run([*WAYPOST, *words], folder).strip(), words


@pytest.mark.slow
@pytest.mark.parametrize("readme", EXAMPLES, ids=lambda path: path.parent.name)
def test_commands_of_an_example(readme: Path, tmp_path: Path) -> None:
    """Every waypost command of an example's README succeeds and prints something, in a new folder.

    Its evaluation is run by the example's own tests.
    """
    found = [words for block in blocks(readme, "bash") for words in commands(block)]
    assert len(found) >= 5
    for words in found:
        if words[0] == "eval":
            continue
        typed = "/help\n" if words[0] == "chat" else ""
        assert run([*WAYPOST, *words], tmp_path, typed).strip(), words


@pytest.mark.slow
@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_python_snippets(readme: Path, folder: Path) -> None:
    """Every Python snippet of the README runs and prints something."""
    snippets = blocks(readme, "python")
    assert len(snippets) >= 2
    run([*WAYPOST, "ingest", "--project", "examples/urban_construction"], folder)
    for snippet in snippets:
        assert run([sys.executable, "-W", "error", "-c", snippet], folder).strip()


def follow(guide: Path, folder: Path) -> tuple[dict[str, str], int]:
    """Write a guide's files and run its commands and snippets, in order.

    Returns:
        What each command printed, and how many snippets there were.
    """
    printed: dict[str, str] = {}
    snippets = 0
    for language, text in re.findall(
        r"```(\w+)\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL
    ):
        text = dedent(text)
        if more := MORE.match(text):
            with (folder / more[1]).open("a", encoding="utf-8") as end:
                end.write(text[more.end() :])
        elif file := FILE.match(text):
            path = folder / file[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((file[1] or "") + text[file.end() :], encoding="utf-8")
        elif language == "bash":
            for words in commands(text):
                *command, before, last = words
                fed = before == "<"
                typed = (folder / last).read_text(encoding="utf-8") if fed else ""
                out = run([*WAYPOST, *(command if fed else words)], folder, typed)
                assert out.strip(), words
                printed[shlex.join(words)] = out
        elif language == "python":
            snippets += 1
            assert run([sys.executable, "-W", "error", "-c", text], folder).strip()
    return printed, snippets


@pytest.mark.slow
def test_tutorial(tmp_path: Path) -> None:
    """The tutorial works from its beginning: its folder becomes a project that answers as it says."""
    printed, _ = follow(TUTORIAL, tmp_path)
    asked = {key.split(" company ", 1)[1]: out for key, out in printed.items() if "ask " in key}
    [shown] = [one for one in blocks(TUTORIAL, "text") if one.startswith("According to")]
    assert asked.pop("'How many days of annual leave do I have?'").strip() == shown.strip()
    for question, told in {
        "'打印机没墨了去哪里领？'": "墨盒在二楼资料室领取",
        "'What does a noise measurement cost?'": "1250",
        "'Who won the cup final?'": "I will not guess",
        "'The projector shows nothing'": "press the left button",
        "'Is B201 free today?'": "B201 is free today",
        "'Is there a meeting room for me?'": "room",
        "--user ann --group sales 'When are invoices due?'": "within 30 days",
    }.items():
        assert told in asked[question], question
    assert "within 30 days" not in asked["'When are invoices due?'"]
    routed = printed["route --project company 'The projector shows nothing'"]
    assert decisions(routed) == [("search it", "rule")]
    assert "100" in printed["eval company/questions.jsonl --project company"]


@pytest.mark.slow
def test_retrieval(folder: Path) -> None:
    """The guide to retrieval, followed from its beginning, works."""
    printed, snippets = follow(RETRIEVAL, folder)
    assert (len(printed) >= 10, snippets >= 2) == (True, True)
    listed = "documents --project archive"
    assert [
        [name for name in ("hours", "lifts", "cleaning") if f"{name}.md" in printed[listed + who]]
        for who in ("", " --user ann --group facilities", " --user bo --group board")
    ] == [["hours"], ["hours", "lifts"], ["hours", "cleaning"]]


@pytest.mark.slow
def test_qdrant(folder: Path) -> None:
    """The guide to stores works as far as it needs no server: a backup comes back whole."""
    shutil.rmtree(folder / "archive", ignore_errors=True)  # of the guide to retrieval
    printed, _ = follow(QDRANT, folder)
    restored = printed["store restore archive.waypost --project archive --replace"]
    assert "Restored 1 documents with 1 chunks." in restored
    assert "hours.md" in printed["documents --project archive"]


@pytest.mark.slow
def test_documents(folder: Path) -> None:
    """The guide to documents works too: files, a loader, rows with access lists, code."""
    printed, snippets = follow(DOCUMENTS, folder)
    assert snippets >= 2
    assert "5 added, 0 updated, 0 deleted, 0 unchanged" in printed["ingest --project library"]
    names = ("guides/lifts.md", "opening.srt", "articles/1", "articles/2", "articles/3")
    listed = "documents --project library"
    assert [
        [name in printed[listed + who] for name in names] for who in ("", " --user ann --group hr")
    ] == [[True, True, True, True, False], [True] * 5]
    [first] = re.findall(
        r"^1\. .*", printed[next(key for key in printed if "search" in key)], re.M
    )[:1]
    assert "Loans" in first


@pytest.mark.slow
def test_routing(folder: Path) -> None:
    """The guide to routing works: each stage decides what it says, and nothing hidden is a choice."""
    printed, snippets = follow(ROUTING, folder)
    assert snippets == 1
    routed = "route --project office --file office/"
    assert decisions(printed[f"{routed}ask.txt"]) == [
        ("search it", "classifier"),
        ("search leave", "classifier"),
        ("act room_bookings", "classifier"),
        ("answer", "classifier"),
        ("answer", "rule"),
    ]
    ruled = ["search it", "answer", "search it", "search it", "search leave"]
    assert decisions(printed[f"{routed}rules.txt"]) == [(what, "rule") for what in ruled]
    assert "pay" not in {what.split()[-1] for what, _ in decisions(printed[f"{routed}pay.txt"])}
    assert decisions(printed[f"{routed}pay.txt --user ann --group hr"]) == [
        ("search pay", "classifier"),
        ("search pay", "rule"),
    ]
    assert decisions(printed[f"route --project office {shlex.quote('屏幕黑了怎么办')}"]) == [
        ("search it", "rule")
    ]
    assert len((folder / "office/router/corrections.jsonl").read_text("utf-8").splitlines()) == 6
    assert "B201 is free" in printed["ask --project office --thread t2 'And B201?'"]
    tuned = tomllib.loads((folder / "office" / "waypost.toml").read_text(encoding="utf-8"))
    assert "threshold" in tuned["routing"]
    [example] = [block for block in blocks(ROUTING, "text") if block.startswith("打印机")]
    shown = printed[f"route --project office {shlex.quote(example.splitlines()[0])}"]
    assert decisions(shown) == decisions(example)


@pytest.mark.slow
def test_traces(tmp_path: Path) -> None:
    """The guide to traces works on a project that keeps them: feedback, export, erasing, reading."""
    project = write_tiny_project(tmp_path / "office")
    with (project / "waypost.toml").open("a", encoding="utf-8") as file:
        file.write("\n[traces]\nkeep = true\n")
    printed, snippets = follow(TRACES, tmp_path)
    assert snippets == 2
    assert "1" in printed["traces stats --project office"]
    [kept] = (tmp_path / "traces.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(kept)["feedback"]["note"] == "对"
    assert '"li"' not in kept


@pytest.mark.slow
def test_tools(folder: Path) -> None:
    """The guide to tools works: what is said is read, what is missing is asked back, people decide."""
    printed, snippets = follow(TOOLS, folder)
    assert snippets == 1
    asked = "ask --project depot "
    for question in ("How many seals are in stock?", "密封圈还有多少库存？"):
        assert "40 of seal in stock" in printed[asked + shlex.quote(question)]
    assert "part" in printed[asked + shlex.quote("How many parts are in stock?")]


@pytest.mark.slow
def test_security(folder: Path) -> None:
    """The guide to security works: what its hostile document asks for does not happen."""
    printed, snippets = follow(SECURITY, folder)
    assert snippets == 1
    assert "evil.example" not in "".join(printed.values())


@pytest.mark.slow
def test_python(folder: Path) -> None:
    """The guide to Python works: every snippet runs and prints."""
    _, snippets = follow(PYTHON, folder)
    assert snippets == 4


@pytest.mark.slow
def test_in_a_notebook(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide's cells run in a real kernel, whose event loop runs already."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = [*blocks(PYTHON, "python notebook"), blocks(PYTHON, "python")[1]]
    source = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            {"cell_type": "code", "id": f"c{place}", "metadata": {}, "outputs": [],
             "execution_count": None, "source": text}
            for place, text in enumerate(cells)
        ],
    }  # fmt: skip
    (folder / "guide.ipynb").write_text(json.dumps(source), encoding="utf-8")
    notebook = nbformat.read(folder / "guide.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the kernel's manager
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        assert "质保金" in "".join(output.get("text", "") for output in cell.outputs)


@pytest.mark.slow
def test_in_a_web_app(folder: Path) -> None:
    """The guide's app answers for whom its authentication names, streams, and refuses others."""
    [app] = blocks(PYTHON, "python fastapi")
    (folder / "web_app.py").write_text(app, encoding="utf-8")
    check = """
from starlette.testclient import TestClient
from web_app import app
with TestClient(app) as client:
    asked = {"question": "质保金的比例是多少？", "thread": "t"}
    li = {"Authorization": "Bearer token-of-li"}
    assert client.post("/ask", json=asked).status_code == 401
    assert client.post("/ask", json=asked | {"question": " "}, headers=li).status_code == 422
    answer = client.post("/ask", json=asked, headers=li).json()
    assert answer["citations"], answer
    assert client.post("/stream", json=asked, headers=li).text.strip() == answer["answer"]
    print("done")
"""
    assert run([sys.executable, "-c", check], folder) == "done\n"


def decisions(printed: str) -> list[tuple[str, str]]:
    """Return what `waypost route` printed of each question: what to do, and who decided."""
    found = re.findall(r"^  (\w.*?) +confidence \d\.\d\d, by (\w+): ", printed, re.MULTILINE)
    return [(str(what), str(who)) for what, who in found]


def test_example_of_costs() -> None:
    """The decisions of the guide's example are the cheapest, and cost what it says."""

    async def described(text: str) -> Question:
        return Question(text)

    def chosen(costs: Costs, *names: str) -> Choice:
        targets = tuple(Target(name, "index", "", "") for name in names)
        chances = {"leave": 0.48, "it": 0.30, "none": 0.22}
        return cheapest(Asked("?", targets, described, probabilities=chances), {}, costs)

    guide = ROUTING.read_text(encoding="utf-8")
    [dear] = [text for text in blocks(ROUTING, "toml") if text.startswith("[routing.costs]")]
    usual, slow = Costs(), Settings.model_validate(tomllib.loads(dear)).routing.costs
    both, alone = chosen(usual, "leave", "it"), chosen(usual, "leave")
    assert (both.targets, chosen(slow, "leave", "it").targets) == (("leave", "it"), ("leave",))
    for cost in (both.cost, alone.cost, chosen(slow, "leave").cost):
        assert f"{cost:.3f}" in guide


@pytest.mark.parametrize(
    "readme", [one for one in PAGES if blocks(one, "toml")], ids=lambda path: path.name
)
def test_settings(readme: Path) -> None:
    """Every TOML snippet is valid, and every key of waypost.toml in it is known."""
    for snippet in blocks(readme, "toml"):
        data = tomllib.loads(snippet)
        file = FILE.match(snippet)
        if not file or file[2].endswith("/waypost.toml"):
            Settings.model_validate(data)


def test_commands_are_known() -> None:
    """Every waypost command of every page, run by a test or not, has options and arguments that there are."""
    group: Any = typer.main.get_command(app)
    for page in PAGES:
        for line in "".join(blocks(page, "bash")).splitlines():
            words = shlex.split(line, comments=True)
            while words and re.match(r"\w+=|&&$", words[0]):
                words = words[1:]
            if words[:1] != ["waypost"]:
                continue
            ends = [place for place, word in enumerate(words) if word in {"<", ">", "&&"}]
            words = words[1 : min(ends, default=len(words))]
            command = group
            while hasattr(command, "commands"):
                while words[0].startswith("--"):
                    words = words[1:]
                command, words = command.commands[words[0]], words[1:]
            command.make_context(line, words)


@pytest.mark.parametrize(
    "guide",
    [one for one in GUIDES if any(blocks(one, rf"{kind}[^\n]*") for kind in TRIED)],
    ids=lambda path: path.name,
)
def test_every_guide_is_tried(guide: Path) -> None:
    """What guides show is tried: a test names each guide that has commands, snippets or settings."""
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert f'"{guide.name}"' in tests


def test_compose_file() -> None:
    """Its services name volumes, services and settings that there are."""
    compose = yaml.safe_load((ROOT / "docs/production/compose.yml").read_text(encoding="utf-8"))
    services = compose["services"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        named = {one.partition(":")[0] for one in service["volumes"]}
        assert {one for one in named if not one.startswith(".")} <= set(compose["volumes"])
    given = [name for name in services["app"]["environment"] if name.startswith("WAYPOST_")]
    settings: dict[str, dict[str, str]] = {}
    for name in given:
        section, key = name.removeprefix("WAYPOST_").lower().split("__")
        settings.setdefault(section, {})[key] = str(services["app"]["environment"][name])
    read = Settings.model_validate(settings)
    assert (read.store.shard_number, read.store.replication_factor) == (4, 2)


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return what a link may name in a page, as GitHub makes it of headings."""
    found: list[str] = []
    for title in re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.append(name if name not in found else f"{name}-{found.count(name)}")
    return set(found)


def links(page: Path) -> list[str]:
    """Return where the links of a page lead, in order; code is none."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_links(page: Path) -> None:
    """Every link within the project leads to a file, and to a heading of it."""
    for link in links(page):
        if not link.startswith(("http:", "https:")):
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_messages_name_pages_that_there_are() -> None:
    """What errors, advice and help name of the docs is there."""
    files = [path for top in ("agent", "prompts") for end in ("py", "toml") for path in (ROOT / top).rglob(f"*.{end}")]  # fmt: skip
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    named = set(re.findall(r"docs/[\w./-]+\.md", text))
    missing = {name for name in named if not (ROOT / name).exists()}
    assert missing == set()


def test_every_guide_is_found() -> None:
    """The map of the docs, which the README links, leads to every guide and every page of reference."""
    index = ROOT / "docs" / "index.md"
    assert "docs/index.md" in links(READMES[0])
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    wanted = {*GUIDES, *(ROOT / "docs" / "reference").glob("*.md")} - {index, READMES[1]}
    assert wanted - listed == set()


def test_layers_of_the_design() -> None:
    """The drawing of the architecture has the layers that import-linter checks, in their order."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = [
        [set(layer.split(" | ")) for layer in one["layers"]]
        for one in contracts["tool"]["importlinter"]["contracts"]
        if one["type"] == "layers"
    ]
    drawn = [
        [set(re.findall(r"[a-z_]+\.[a-z_]+", line)) for line in text.splitlines() if "[" in line]
        for text in re.findall(
            r"subgraph \w+\n(.*?)\n *end\n", DESIGN.read_text("utf-8"), re.DOTALL
        )
    ]
    assert drawn == layers


@pytest.mark.parametrize(("page", "translated"), TRANSLATED, ids=["README", "tutorial"])
def test_translation_has_the_same_code(page: Path, translated: Path) -> None:
    """A Chinese page shows the same commands, snippets and settings, comments aside."""

    def code(readme: Path) -> list[str]:
        found = blocks(readme, r"(?:bash|python|toml|json)")
        return [re.sub(r"\s*#.*", "", line) for block in found for line in block.splitlines()]

    assert code(page) == code(translated)


@pytest.mark.parametrize(("page", "translated"), TRANSLATED, ids=["README", "tutorial"])
def test_translation_has_the_same_parts(page: Path, translated: Path) -> None:
    """A Chinese page has the same headings, tables and links, in the same order."""

    def parts(readme: Path) -> tuple[list[str], list[int], list[Path]]:
        text = prose(readme)
        led = [one for one in links(readme) if not one.startswith("http")]
        return (
            re.findall(r"^#+ ", text, re.MULTILINE),
            [row.count("|") for row in re.findall(r"^\|.*", text, re.MULTILINE)],
            [known for one in led if (known := (readme.parent / one).resolve()) not in versions],
        )

    versions = {one for both in TRANSLATED for one in both}
    assert parts(page) == parts(translated)


def test_setup_commands() -> None:
    """The README has exactly two set-up commands, and CI runs the second from there."""
    found = [line for block in blocks(READMES[0], "bash") for line in block.splitlines()]
    assert sum(line.startswith("python3 -m venv") for line in found) == 2
    assert "<!-- test command -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
