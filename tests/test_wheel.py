"""What is installed is whole: from a wheel alone every template becomes a project that answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.templates import template_names
from tests.serving import ROOT

ASKED = {
    "basic": ("How do I add my own documents?", "docs/getting-started.md"),
    "code_assistant": ("Where is build_graph defined?", "agent/graph.py"),
    "customer_service": ("VX-20S的滤网多久换一次？", "VX-20S"),
    "regulations": ("采购管理办法第三条怎么规定？", "采购管理办法"),
    "urban_construction": ("东站项目的环保措施有哪些？", "东站综合交通枢纽工程环境影响报告书.pdf"),
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which a wheel of this checkout is installed, without what it depends on."""
    wheels, folder = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", wheels, ROOT], check=True)
    [wheel] = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder, wheel], check=True)
    return folder


def waypost(installed: Path, folder: Path, *arguments: str) -> str:
    """Run a command of what is installed, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", "from agent.cli.main import run; run()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_the_installed_one(installed: Path, tmp_path: Path) -> None:
    """The commands below run what was installed, not the checkout, which would hide what is missing."""
    code = (
        "import agent, indexes, prompts; print(agent.__file__, indexes.__file__, prompts.__file__)"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.count(str(installed)) == 3


@pytest.mark.parametrize("template", sorted(ASKED))
def test_every_template_answers(installed: Path, tmp_path: Path, template: str) -> None:
    """`waypost init`, then `waypost ask`: the first answer is cited."""
    question, document = ASKED[template]
    waypost(installed, tmp_path, "init", "x", "--template", template)
    answer = json.loads(waypost(installed, tmp_path / "x", "ask", question, "--json"))
    assert answer["grounded"], answer["answer"]
    told = [one["document"] for one in answer["citations"]]
    assert any(document in one for one in [*told, json.dumps(answer["tool_calls"])])


def test_every_template_is_asked() -> None:
    """A template that is added is tried above."""
    assert set(template_names()) == set(ASKED)
