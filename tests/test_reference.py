"""The reference says what the code says: settings, commands, Python, events, errors, the manual page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from agent.app import Event
from agent.settings import load
from docs.reference import generate
from tests.serving import ROOT

SETTABLE = re.compile(r"\| `\w+` \| [^|]*\| (`[^|]*`|—|required) \|[^|]*\| `(WAYPOST_\w+)` \|")


def page(name: str) -> str:
    """Return a page of the reference."""
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


def test_nothing_is_stale() -> None:
    """What stands there is what the code says now; the message names the command that mends it."""
    assert generate.stale() == [], f"run: {generate.COMMAND}"


def test_what_is_stale_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed page is found by `--check`, with the command that mends it, which then does."""
    shutil.copytree(generate.FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "events.md").write_text("# Events\n", encoding="utf-8")
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 1
    told = capsys.readouterr().err
    assert "events.md is stale" in told
    assert generate.COMMAND in told
    monkeypatch.setattr("sys.argv", ["generate.py"])
    assert (generate.main(), generate.stale()) == (0, [])


def test_every_variable_sets_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable that the page of settings names is read: with its key's default, all stays as it is."""
    (tmp_path / "waypost.toml").write_text("", encoding="utf-8")
    known = load(tmp_path)
    variables = SETTABLE.findall(page("settings.md"))
    assert len(variables) > 40
    for default, name in variables:
        if default != "—":
            value = default.strip("`").removeprefix('["').removesuffix('"]').strip('"')
            monkeypatch.setenv(name, value)
    assert load(tmp_path) == known
    monkeypatch.setenv("WAYPOST_LIMITS__SECONDS", "7")
    assert load(tmp_path).limits.seconds == 7


def test_every_event_is_there() -> None:
    """The page of events has a row for each type, with the key that goes with it."""
    hints = get_type_hints(Event, include_extras=True)
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\w+)`)? ", page("events.md"), re.MULTILINE)
    assert [kind for kind, _ in rows] == list(get_args(hints.pop("type")))
    assert {key for _, key in rows if key} == set(hints)


def test_every_error_is_there() -> None:
    """The page of errors has every class of the packages that is one of Waypost's, wherever it is."""
    source = "".join(
        path.read_text(encoding="utf-8") for top in ("agent", "indexes") for path in (ROOT / top).rglob("*.py")
    )  # fmt: skip
    made = re.findall(r"^class (\w+)\((\w+)", source, re.MULTILINE)
    errors = {"WaypostError"}
    while more := {name for name, base in made if base in errors} - errors:
        errors |= more
    assert set(re.findall(r"^\| `(\w+Error)` ", page("errors.md"), re.MULTILINE)) == errors
    assert all(row.count("|") == 8 and not row.endswith("|  |") for row in re.findall(r"^\| `\w+Error.*", page("errors.md"), re.MULTILINE))  # fmt: skip


@pytest.mark.slow
def test_manual_page() -> None:
    """The manual page is shown by man without a complaint."""
    if shutil.which("man") is None:
        pytest.skip("there is no man")
    done = subprocess.run(
        ["man", "--warnings", "-l", generate.FOLDER / "waypost.1"],
        capture_output=True, text=True, env={**os.environ, "MANWIDTH": "80"}, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "waypost tune router" in done.stdout
