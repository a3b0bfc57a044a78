"""The guide to evaluation, followed from its beginning."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agent.evaluation import FIGURES
from agent.evaluation.types import Labelled
from agent.settings import Settings

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(\w+)\n(?:# (desk/\S+)\n)?(.*?)```", re.DOTALL)


def test_every_name_is_explained() -> None:
    """The guide's tables name every figure and every label, and nothing else."""
    first = [
        re.findall(r"`([^`]+)`", row.split("|")[1]) for row in re.findall(r"^\| `.*", GUIDE, re.M)
    ]
    names = {name for cell in first for name in cell}
    assert names == set(FIGURES) | set(Labelled.__annotations__)


def test_settings() -> None:
    """The guide's settings are valid."""
    for language, _, text in BLOCK.findall(GUIDE):
        if language == "toml":
            Settings.model_validate(tomllib.loads(text))


@pytest.mark.slow
def test_commands(tmp_path: Path) -> None:
    """Every file, command and snippet of the guide works as it stands, in order."""
    command = tmp_path / "bin" / "waypost"
    command.parent.mkdir()
    start = f'exec "{sys.executable}" -W error -c "from agent.cli.main import run; run()" "$@"'
    command.write_text(f"#!/bin/sh\n{start}\n", encoding="utf-8")
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    for language, file, text in BLOCK.findall(GUIDE):
        if file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text, encoding="utf-8")
        elif language in {"bash", "python"}:
            program = ["bash", "-e"] if language == "bash" else [sys.executable, "-W", "error"]
            done = subprocess.run(
                [*program, "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True,
                timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert done.stdout.strip()
    report = json.loads((tmp_path / "previous.json").read_text(encoding="utf-8"))
    assert (report["route"]["right"], report["misses"]) == (1.0, {})
    assert "<svg" in (tmp_path / "report.html").read_text(encoding="utf-8")
