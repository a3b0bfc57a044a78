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
from typing import Any

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from pydantic import BaseModel

from agent.routing import Question, Target
from agent.routing.decision import Choice, cheapest
from agent.routing.types import Asked
from agent.settings import Costs, Routing, Rule, Settings, ToolSettings
from indexes.settings import (
    IndexSettings,
    IngestSettings,
    SourceSettings,
    StoreSettings,
    Views,
    Weights,
)
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
GUIDES = [
    RETRIEVAL,
    DOCUMENTS,
    ROUTING,
    TOOLS,
    TRACES,
    TUNING,
    MODELS,
    SECURITY,
    SERVER,
    PRODUCTION,
]
NEEDS_SERVER = ("docker run", "waypost store copy")
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
FILE = re.compile(  # the first line of a file that a block shows, but for that of front matter
    r"(---\n)?# ((?:archive|depot|library|office|vault)/\S+)\n"
)


def blocks(readme: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)


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
        if file := FILE.match(text):
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


@pytest.mark.parametrize("readme", [*READMES, *GUIDES], ids=lambda path: path.name)
def test_settings(readme: Path) -> None:
    """Every TOML snippet is valid, and every key of waypost.toml in it is known."""
    snippets = blocks(readme, "toml")
    assert snippets
    for snippet in snippets:
        data = tomllib.loads(snippet)
        if not snippet.startswith("# archive/access.toml"):
            Settings.model_validate(data)


def test_every_key_has_its_default() -> None:
    """The guides' tables name every key of their sections, with its default."""

    def shown(guide: Path) -> dict[str, Any]:
        rows = re.findall(
            r"^\| `([\w.]+)` \| (?:`(.+?)`|—) \|", guide.read_text("utf-8"), re.MULTILINE
        )
        return {key: tomllib.loads(f"x = {value}")["x"] if value else None for key, value in rows}

    def defaults(kind: type[BaseModel], before: str = "") -> dict[str, Any]:
        return {
            before + name: None
            if field.is_required()
            else list(default)
            if isinstance(default := field.get_default(call_default_factory=True), tuple)
            else default
            for name, field in kind.model_fields.items()
        }

    tables: dict[str, type[BaseModel]] = {"views": Views, "weights": Weights}
    known = {key: value for key, value in defaults(IndexSettings).items() if key not in tables}
    for name, kind in tables.items():
        known |= defaults(kind, f"{name}.")
    assert shown(RETRIEVAL) == known | defaults(StoreSettings)
    assert shown(DOCUMENTS) == defaults(IngestSettings) | defaults(SourceSettings)
    routing = {
        key: value for key, value in defaults(Routing).items() if key not in {"costs", "rule"}
    }
    tools = {key: value for key, value in defaults(ToolSettings).items() if key != "effects"}
    assert shown(TOOLS) == tools | {"effects": None}
    assert shown(ROUTING) == routing | defaults(Costs) | defaults(Rule)


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


@pytest.mark.parametrize(
    "readme",
    [*READMES, *GUIDES, PYTHON, ROOT / "docs" / "chat.md"],
    ids=lambda path: path.name,
)
def test_links(readme: Path) -> None:
    """Every relative link of the README leads to a file."""
    for link in re.findall(r"\]\(([^)#]+)\)", readme.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (readme.parent / link).exists(), link


def test_translation_has_the_same_code() -> None:
    """The Chinese README shows the same commands, snippets and settings, comments aside."""

    def code(readme: Path) -> list[str]:
        found = blocks(readme, r"(?:bash|python|toml)")
        return [re.sub(r"\s*#.*", "", line) for block in found for line in block.splitlines()]

    assert code(READMES[0]) == code(READMES[1])


def test_setup_commands() -> None:
    """The README has exactly two set-up commands, and CI runs the second from there."""
    found = [line for block in blocks(READMES[0], "bash") for line in block.splitlines()]
    assert sum(line.startswith("python3 -m venv") for line in found) == 2
    assert "<!-- test command -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
