"""`waypost doctor` finds what is wrong with a project, and says how to mend it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_asyncio

from agent import Waypost
from agent.doctor import examine
from agent.keys import KeysFile
from tests.agent.endpoint import endpoint
from tests.agent.tiny import write_tiny_project

Break = Callable[[Path], object]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sound(tiny: Waypost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which nothing is wrong, closed."""
    folder = write_tiny_project(tmp_path_factory.mktemp("doctor") / "project")
    shutil.copytree(tiny.project / ".waypost" / "cache", folder / ".waypost" / "cache")
    async with Waypost.open(folder) as waypost:
        await waypost.ingest()
    return folder


@pytest.fixture
def project(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it, with an environment that names no model."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "project"
    shutil.copytree(sound, folder, ignore=shutil.ignore_patterns("owner.lock", "address"))
    return folder


def setting(old: str, new: str) -> Break:
    """Replace a part of waypost.toml."""

    def edit(project: Path) -> None:
        file = project / "waypost.toml"
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), "utf-8")

    return edit


def file(name: str, content: bytes | str) -> Break:
    """Write a file of the project."""

    def write(project: Path) -> None:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def ingested(*steps: Break) -> Break:
    """Break something and ingest."""

    def run(project: Path) -> None:
        for step in steps:
            step(project)

        async def ingest() -> None:
            async with Waypost.open(project) as waypost:
                await waypost.ingest()

        asyncio.run(ingest())

    return run


def private(project: Path) -> None:
    """Let nobody see anything."""
    ingested(setting('default_access = "public"', 'default_access = "private"'))(project)


def open_keys(project: Path) -> None:
    """Let others of the machine read the hashes of keys."""
    KeysFile(project).add("ann")
    (project / "server" / "keys.toml").chmod(0o644)


MODEL = '[models]\nchat = "openai:main"\n\n[routing]'
NOWHERE = (
    f'[[model]]\nname = "main"\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "PATH"\n\n{MODEL}'
)
SERVER = '[store]\nurl = "http://127.0.0.1:9"\ntimeout = 1.0\n\n[routing]'
RULE = '[[routing.rule]]\npattern = "("\nindex = "leave"\n\n[[index]]'
MISTAKES: dict[str, tuple[Break, str, str, str]] = {
    # what: how it is made, the check, what is told, the cure
    "no settings": (lambda p: (p / "waypost.toml").unlink(), "settings", "waypost.toml", "waypost init"),
    "broken TOML": (setting("[project]", "[project"), "settings", "not valid TOML", "correct the line"),
    "misspelt key": (setting('language = "en"', 'lnguage = "en"'), "settings", "project.lnguage (line 3): unknown key; did you mean 'language'?", "correct that key"),
    "wrong value": (setting('language = "en"', 'language = "fr"'), "settings", "Input should be 'zh' or 'en'", "correct that key"),
    "broken pattern of a rule": (setting("[[index]]", RULE), "settings", "no regular expression", "correct that key"),
    "no documents there": (setting("docs/manual/*", "documents/*"), "sources", "No file matches the sources of: manual", "correct `sources`"),
    "format without a loader": (file("docs/manual/plan.dwg", b"x"), "sources", "No loader for: plan.dwg", "convert"),
    "too large a file": (lambda p: (setting("[routing]", "[ingest]\nmax_mb = 0.001\n\n[routing]")(p), file("docs/manual/big.md", "x " * 2000)(p)), "sources", "big.md", "split"),
    "one description twice": (setting('description = "pump, start-up, seal, bearing, lubrication, vibration limit, maintenance interval"', 'description = "年假、病假、婚假、产假、请假审批、加班调休"'), "routing", "leave, manual", "what it alone covers"),
    "one example twice": (setting('"How do I start the pump?"', '"年假有几天？"'), "routing", "is an example of leave, manual", "leave it with the one"),
    "no key of a model": (setting("[routing]", MODEL), "model openai:main", "OPENAI_API_KEY is not set", "set OPENAI_API_KEY"),
    "a model that does not answer": (setting("[routing]", NOWHERE), "model openai:main", "main", "base_url"),
    "missing examples": (setting('sources = ["docs/manual/*"]', 'sources = ["docs/manual/*"]\nexamples_file = "more.txt"'), "router", "more.txt", "correct the path"),
    "missing synonyms": (setting('sources = ["docs/manual/*"]', 'sources = ["docs/manual/*"]\nsynonyms = "words.toml"'), "store and tools", "words.toml", ""),
    "missing tool": (setting("tools:read_gauge", "tools:read_gage"), "store and tools", "'read_gage'", ""),
    "broken tools": (file("tools.py", "import nowhere_at_all"), "store and tools", "nowhere_at_all", ""),
    "broken prompt": (file("prompts/answer.toml", "version = "), "store and tools", "answer.toml", ""),
    "nothing ingested": (lambda p: shutil.rmtree(p / ".waypost" / "store"), "store", "Nothing has been ingested", "waypost ingest"),
    "changed since": (file("docs/manual/pump.md", "# Pump\n\nIt is red.\n"), "documents", "docs/manual/pump.md", "waypost ingest"),
    "unreadable document": (ingested(file("docs/manual/broken.pdf", b"no pdf")), "documents", "broken.pdf", "mend the files"),
    "nobody may see anything": (private, "access", "Nobody may see any of the 1 documents of 'leave'", "default_access"),
    "a list that fits nothing": (file("access.toml", '"docs/manul/*" = ["staff"]\n'), "lists and files", "docs/manul/*", "access.toml"),
    "another embedding model": (setting("[routing]", '[models]\nembedding = "openai:other"\n\n[routing]'), "embedding model openai:other", "OPENAI_API_KEY", "set OPENAI_API_KEY"),
    "no server of the store": (setting("[routing]", SERVER), "store and tools", "127.0.0.1:9", ""),
    "no database of threads": (setting("[routing]", '[threads]\nurl = "postgresql://127.0.0.1:9/x"\n\n[routing]'), "threads", "database", "threads.url"),
    "keys that others read": (open_keys, "server", "keys.toml", "chmod 600"),
    "broken keys": (file("server/keys.toml", "x ="), "server", "keys.toml", "waypost key"),
    "a tool server that does not start": (setting("[routing]", '[[tool]]\nmcp = "no-such-program server.py"\ntools = ["*"]\n\n[routing]'), "tool server no-such-program server.py", "no-such-program", ""),
}  # fmt: skip


async def test_nothing_is_found_where_nothing_is_wrong(project: Path) -> None:
    """A sound project passes every check."""
    checks = await examine(project)
    assert [check for check in checks if not check["ok"]] == []
    assert {"settings", "sources", "routing", "disk", "store", "router", "tools"} <= {
        check["name"] for check in checks
    }


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_found(project: Path, mistake: str) -> None:
    """What is wrong is named, with its cure, whatever else that makes wrong."""
    make, name, told, cure = MISTAKES[mistake]
    await asyncio.to_thread(make, project)
    found = [check for check in await examine(project) if not check["ok"]]
    assert all(check["fix"] for check in found), found
    assert any(
        check["name"] == name and told in check["detail"] and cure in check["fix"]
        for check in found
    ), found


async def test_models_are_asked_for_a_word(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that answers passes, for the price of one word."""
    setting("[routing]", MODEL)(project)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with endpoint() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        [check] = [one for one in await examine(project) if one["name"] == "model openai:main"]
        assert check["ok"], check
        [request] = server.requests
    assert request[-1]["messages"][-1]["content"] == "Say OK."


@pytest.mark.slow
def test_its_exit_code_tells(project: Path) -> None:
    """A script learns from the exit code whether something is wrong."""
    root = Path(__file__).parents[2]
    for step, code in ((None, 0), (file("docs/manual/new.md", "# New\n"), 1)):
        if step is not None:
            step(project)
        done = subprocess.run(
            [sys.executable, "-c", "from agent.cli.main import run; run()", "doctor", "--json"],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
