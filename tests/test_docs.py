"""The READMEs' commands and snippets run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READMES = [ROOT / "README.md", ROOT / "docs" / "README.zh.md"]
NOT_RUN = ("python3 -m venv", "pip install", "export ", "langgraph dev")


def blocks(readme: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)


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


def run(command: list[str], folder: Path) -> str:
    """Run a command in the working folder and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_commands(readme: Path, folder: Path) -> None:
    """Every waypost command of the README succeeds and prints something."""
    shutil.rmtree(folder / "my_project", ignore_errors=True)
    lines = [
        line for block in blocks(readme, "bash") for line in block.splitlines() if line.strip()
    ]
    commands = [line for line in lines if not line.startswith(NOT_RUN)]
    assert len(commands) >= 8
    waypost = [sys.executable, "-c", "from agent.cli.main import run; run()"]
    for line in commands:
        words = shlex.split(line, comments=True)
        assert words[0] == "waypost", line
        assert run([*waypost, *words[1:]], folder).strip(), line


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_python_snippets(readme: Path, folder: Path) -> None:
    """Every Python snippet of the README runs and prints something."""
    snippets = blocks(readme, "python")
    assert len(snippets) >= 2
    for snippet in snippets:
        assert run([sys.executable, "-W", "error", "-c", snippet], folder).strip()


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
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
