from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent import Answer, Passage, Route, Waypost
from agent.settings import load
from indexes.base import Schema
from indexes.stores.edge import EdgeStore
from tests.agent.tiny import runs, write_tiny_project

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-W", "error", "-c", "from agent.cli.main import run; run()"]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
}


def waypost(*args: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        env=ENVIRONMENT,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def printed(*args: str | Path) -> Any:
    """Run the command with --json and return what it prints."""
    done = waypost(*args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def project(tiny: Waypost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small project that the command has ingested and nobody holds open."""
    folder = write_tiny_project(tmp_path_factory.mktemp("cli") / "project")
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    report = printed("ingest", "--project", folder)
    assert (report["added"], report["failed"]) == (2, [])
    return folder


def write_lines(path: Path, *rows: object) -> Path:
    """Write a file of lines, JSON for what is no text."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_from_nothing_to_an_answer(tmp_path: Path, tiny: Waypost) -> None:
    """A new project answers about its own document, with the keys that programs rely on."""
    folder = tmp_path / "new"
    made = printed("init", folder)
    assert (made["template"], made["files"]) == ("basic", 3)
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    report = printed("ingest", "--project", folder)
    assert set(report) == {
        "added", "updated", "deleted", "unchanged", "failed", "warned", "chunks", "seconds"
    }  # fmt: skip
    assert (report["added"], report["failed"]) == (1, [])
    answer = printed("ask", "How do I add my own documents?", "--project", folder)
    assert set(answer) == set(Answer.__annotations__)
    assert set(answer["route"]) == set(Route.__annotations__)
    assert set(answer["citations"][0]) == {
        "marker", "text", "index", "document", "title", "uri", "location"
    }  # fmt: skip
    assert "waypost ingest" in answer["answer"]
    assert (answer["action"], answer["grounded"]) == ("search", True)


def test_the_templates_settings_are_read(tmp_path: Path) -> None:
    """Every template is a project whose settings and tools load."""
    for template in ("basic", "urban_construction"):
        assert waypost("init", tmp_path / template, "--template", template).returncode == 0
        assert load(tmp_path / template).index
    assert not list(tmp_path.rglob(".waypost"))


def test_ask_ingests_first(tmp_path: Path, tiny: Waypost) -> None:
    """A question to a project that was never ingested is answered, not refused."""
    folder = write_tiny_project(tmp_path)
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    done = waypost("ask", "年假有几天？", "--project", folder)
    assert done.returncode == 0, done.stderr
    assert "7天" in done.stdout
    assert "[1] docs/leave/休假制度.md (第一条 年假)" in done.stdout


def test_no_answer_is_a_success(project: Path) -> None:
    """A refusal is an outcome, not an error."""
    answer = printed("ask", "产假有多少天？", "--project", project)
    assert (answer["action"], answer["citations"]) == ("abstain", [])


def test_thread_and_user(project: Path) -> None:
    """A conversation goes on from one run of the command to the next, for the same user."""
    same = ("--project", project, "--thread", "t", "--user", "li", "--group", "hr")
    printed("ask", "三天以内的婚假由谁批准？", *same)
    followed = printed("ask", "那病假呢？", *same)
    assert followed["thread_id"] == "t"
    assert "部门经理" in followed["answer"]


def test_route_prints_json_lines(project: Path, tmp_path: Path) -> None:
    """One question a line in, one route a line out."""
    questions = ["年假有几天？", "Order 3 seals", "Hello"]
    done = waypost(
        "route",
        "--file",
        write_lines(tmp_path / "q.txt", *questions),
        "--project",
        project,
        "--json",
    )
    routes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [route["question"] for route in routes] == questions
    assert [route["action"] for route in routes] == ["search", "act", "answer"]
    assert all(set(route) == set(Route.__annotations__) for route in routes)
    assert runs(project) == []


def test_search_prints_json_lines(project: Path, tmp_path: Path) -> None:
    """One query a line in, its passages a line out, no more than asked for."""
    queries = ["年假", "vibration limit"]
    file = write_lines(tmp_path / "q.txt", *queries)
    done = waypost("search", "--file", file, "--k", "1", "--project", project, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["query"] for one in found] == queries
    assert [one["passages"][0]["index"] for one in found] == ["leave", "manual"]
    assert all(len(one["passages"]) == 1 for one in found)
    assert set(found[0]["passages"][0]) == set(Passage.__annotations__) - {"validity"}


def test_documents(project: Path) -> None:
    """What is indexed is listed, of one index where one is named."""
    found = printed("documents", "--index", "manual", "--project", project)["documents"]
    assert [(one["index"], one["document"]) for one in found] == [("manual", "docs/manual/pump.md")]


async def test_ingest_follows_the_sources(tmp_path: Path, tiny: Waypost) -> None:
    """A changed, a new, a removed and an unreadable file are told apart."""
    folder = write_tiny_project(tmp_path)
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    async with Waypost.open(folder) as opened:
        await opened.ingest()
    (folder / "docs" / "leave" / "休假制度.md").unlink()
    (folder / "docs" / "leave" / "new.md").write_text("# New\n\nOvertime is paid.\n", "utf-8")
    (folder / "docs" / "manual" / "pump.md").write_text("# Pump\n\nIt is red.\n", "utf-8")
    (folder / "docs" / "manual" / "broken.pdf").write_bytes(b"not a pdf")
    report = await asyncio.to_thread(printed, "ingest", "--project", folder)
    assert [report[key] for key in ("added", "updated", "deleted", "unchanged")] == [1, 1, 1, 0]
    assert [failure["path"] for failure in report["failed"]] == ["docs/manual/broken.pdf"]


MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "missing folder": (["search", "Hi", "--project", "absent"], ["'absent'", "waypost init"]),
    "no project": (["search", "Hi", "--project", "empty"], ["no Waypost project", "waypost.toml"]),
    "unknown key": (["search", "Hi", "--project", "misspelt"], ["index.2.laoyut", "line 5"]),
    "broken TOML": (["documents", "--project", "broken"], ["not valid TOML", "line 2"]),
    "unknown index": (["search", "seal", "--index", "nope"], ["'nope'", "leave, manual"]),
    "empty question": (["ask", "  "], ["empty"]),
    "empty query": (["search", ""], ["empty"]),
    "long question": (["ask", "a" * 100_000], ["100000 characters", "8000"]),
    "nothing to route": (["route"], ["--file"]),
    "missing file": (["search", "--file", "absent.txt"], ["'absent.txt'"]),
    "group without user": (["search", "Hi", "--group", "hr"], ["--user"]),
    "path outside": (["ingest", "/etc/hostname"], ["'/etc/hostname'", "not inside"]),
    "folder in use": (["init", "misspelt"], ["already exists"]),
    "unknown template": (["init", "fresh", "--template", "x"], ["'x'", "basic"]),
    "bad floor": (["eval", "long.txt", "--min", "route"], ["--min 'route'"]),
    "bad data set": (["eval", "long.txt"], ["line 1", "not JSON"]),
    "unknown command": (["aks", "Hi"], ["aks"]),
    "unknown option": (["ask", "Hi", "--thraed", "t"], ["--thraed"]),
    "too many": (["search", "seal", "--k", "1000"], ["--k", "100"]),
}
BOTH = {"missing folder", "unknown key", "unknown index", "empty question", "long question"}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with projects that cannot be used."""
    folder = tmp_path_factory.mktemp("mistakes")
    for name, text in (
        ("empty", ""),
        ("misspelt", '[[index]]\nname = "a"\n[[index]]\nname = "b"\nlaoyut = "flat"\n'),
        ("broken", '[project]\nname = "x\n'),
    ):
        (folder / name).mkdir()
        if text:
            write_lines(folder / name / "waypost.toml", text)
    write_lines(folder / "long.txt", "a" * 100_000)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(
    project: Path, mistaken: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    """A mistake exits with 2, prints nothing on stdout, and one sentence that says what to mend."""
    monkeypatch.chdir(mistaken)
    args, says = MISTAKES[mistake]
    if "--project" not in args and args[0] not in {"init", "aks"}:
        args = [*args, "--project", str(project)]
    done = waypost(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert [said for said in says if said not in done.stderr] == []
    if mistake in BOTH:
        done = waypost(*args, "--json")
        error = json.loads(done.stderr)
        assert (done.returncode, done.stdout) == (2, "")
        assert set(error) == {"error", "message", "fix", "retryable"}
        assert [said for said in says if said not in f"{error['message']} {error['fix']}"] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", [["ask", "Hi"], ["documents"]])
async def test_store_in_use(tmp_path: Path, command: list[str]) -> None:
    """A store that another process keeps to itself is a failure that may pass, not a mistake."""
    folder = write_tiny_project(tmp_path) / ".waypost" / "store"
    store = EdgeStore(folder, Schema({}, {}))
    done = await asyncio.to_thread(waypost, *command, "--project", tmp_path, "--json")
    await store.close()
    assert (done.returncode, done.stdout) == (1, "")
    error = json.loads(done.stderr)
    assert (error["error"], error["retryable"]) == ("store_locked", True)
    assert "another process" in error["message"]


def test_eval_and_its_floors(project: Path, tmp_path: Path) -> None:
    """An evaluation prints its report; below a floor it fails and says which figure is too low."""
    data = write_lines(
        tmp_path / "q.jsonl",
        {
            "question": "年假有几天？", "action": "search", "indexes": ["leave"],
            "documents": ["docs/leave/休假制度.md"], "answer": "7天",
        },
        {"question": "产假有多少天？", "action": "search"},
    )  # fmt: skip
    good = waypost(
        "eval", data, "--project", project, "--min", "route.action_accuracy=0.5", "--json"
    )
    report = json.loads(good.stdout)
    assert (good.returncode, good.stderr) == (0, "")
    assert report["questions"] == 2
    assert report["route"]["action_accuracy"] == 0.5
    assert report["answer"]["contains"] == report["search"]["document@5"] == 1.0
    assert report["route"]["tool_accuracy"] is None
    floors = ("--min", "route.action_accuracy=0.6", "--min", "answer.refused=0.1")
    bad = waypost("eval", data, "--project", project, *floors)
    assert bad.returncode == 1
    assert "route.action_accuracy is 0.5, below 0.6" in bad.stderr
    assert "answer.refused is None" in bad.stderr


def test_nothing_is_written_where_it_should_not(project: Path) -> None:
    """The state folder and the tools' own record are all that the commands added."""
    found = {path.name for path in project.iterdir()} - {"__pycache__"}
    assert found <= {".waypost", "docs", "tools.py", "waypost.toml", "runs.jsonl"}


@pytest.mark.slow
def test_a_terminal_is_not_steered_by_documents(tmp_path: Path, tiny: Waypost) -> None:
    """Signs that a terminal obeys, in a document's name and text, are not printed by any command."""
    folder = write_tiny_project(tmp_path)
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    hostile = folder / "docs" / "leave" / "\x1b[2J\u202e加班.md"
    hostile.write_text("# 加班\n\n加班须经\x1b]0;x\x07总监\u200b批准。\n", encoding="utf-8")
    printed("ingest", "--project", folder)
    for command in (("ask", "加班由谁批准？"), ("search", "加班批准"), ("documents",)):
        done = waypost(*command, "--project", folder)
        assert done.returncode == 0, done.stderr
        assert "加班" in done.stdout
        assert not set(done.stdout) & set("\x1b\x07\u202e\u200b")
