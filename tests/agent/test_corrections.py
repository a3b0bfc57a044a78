from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import Principal, Waypost
from agent.cli.correct import correct
from agent.errors import ConfigurationError, UnknownIndexError, UsageError
from agent.routing.corrections import (
    FILE,
    Correction,
    CorrectionsFile,
    Right,
    read_corrections,
)

MakeProject = Callable[..., Path]
ROOT = Path(__file__).parent.parent.parent
SEARCH = Right("search", ("leave", "manual"))
ANSWER = Right("answer")


def said(question: str, right: Right | None = SEARCH) -> Correction:
    """Return a correction that is made now."""
    return Correction.now(question, right)


@pytest.fixture
def file(tmp_path: Path) -> CorrectionsFile:
    """Return a file of corrections that does not exist yet."""
    return CorrectionsFile(tmp_path / FILE)


def test_no_file_is_no_correction(file: CorrectionsFile) -> None:
    """A project without corrections has none, and no file is made by reading."""
    assert (file.current().entries, file.current().match("年假？")) == ((), None)
    assert not file.path.parent.exists()


def test_a_correction_is_one_line(file: CorrectionsFile) -> None:
    """A correction is kept as plain JSON with the question, both routes and the time."""
    file.add(Correction.now("年假？", SEARCH, {"action": "answer"}))
    line = json.loads(file.path.read_text(encoding="utf-8"))
    assert list(line) == ["question", "decided", "right", "at"]
    assert line["right"] == {"action": "search", "indexes": ["leave", "manual"], "tool": None}
    assert line["decided"] == {"action": "answer"}
    assert line["at"].endswith("+00:00")
    assert read_corrections(file.path).entries[0].right == SEARCH


@pytest.mark.parametrize(
    "asked",
    ["年假有几天？", "年假有几天", " 年假有几天?? ", "年假有幾天？", "年假有几天。"],
)
def test_match_in_chinese(file: CorrectionsFile, asked: str) -> None:
    """Width, script, blanks around and the final punctuation make no other question."""
    file.add(said("年假有几天？"))
    assert file.current().match(asked) == SEARCH


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        ("How many days of leave?", True),
        ("how  many\ndays of leave", True),
        ("How many days of leave for 2024?", False),
        ("days of leave", False),
        ("", False),
    ],
)
def test_match_in_english(file: CorrectionsFile, asked: str, same: bool) -> None:
    """Case and runs of blanks make no other question; further words do."""
    file.add(said("How many days of leave?"))
    assert (file.current().match(asked) is not None) == same


def test_later_correction_wins(file: CorrectionsFile) -> None:
    """Of two corrections of a question the later counts; one without a right route changes nothing."""
    for right in (SEARCH, ANSWER, None):
        file.add(said("年假？", right))
    found = file.current()
    assert found.match("年假") == ANSWER
    assert (found.examples(), found.none()) == ({}, ["年假？"])
    assert len(found.entries) == 3


def test_questions_become_examples(file: CorrectionsFile) -> None:
    """A question is an example of its tool, else of its first index, or of what nothing covers."""
    file.add(said("年假？"))
    file.add(said("Order seals", Right("act", ("manual",), "order_part")))
    file.add(said("天气？", ANSWER))
    file.add(said("那个呢？", Right("clarify")))
    file.add(said("坏答案", None))
    found = file.current()
    assert found.examples() == {"leave": ["年假？"], "order_part": ["Order seals"]}
    assert found.none() == ["天气？"]


def test_current_is_read_again_only_after_a_change(file: CorrectionsFile) -> None:
    """The same object is returned until the file changes, by whomever, or goes."""
    file.add(said("年假？"))
    first = file.current()
    assert file.current() is first
    CorrectionsFile(file.path).add(said("病假？"))
    assert file.current().match("病假？") == SEARCH
    file.path.unlink()
    assert file.current().entries == ()


BROKEN = {
    "cut": ('{"question": "年', "no whole JSON object"),
    "conflict": ("<<<<<<< HEAD", "no whole JSON object"),
    "list": ("[]", "object"),
    "no question": ('{"right": null}', "question"),
    "no right": ('{"question": "x"}', "right"),
    "unknown key": ('{"question": "x", "right": null, "wright": 1}', "wright"),
    "outcome": ('{"question": "x", "right": {"action": "abstain"}}', "right.action"),
    "search alone": ('{"question": "x", "right": {"action": "search"}}', "needs an index"),
    "act alone": ('{"question": "x", "right": {"action": "act"}}', "needs a tool"),
}


@pytest.mark.parametrize(("line", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_line_is_reported(
    file: CorrectionsFile, caplog: pytest.LogCaptureFixture, line: str, reason: str
) -> None:
    """A line that cannot be read is reported once with its number, and the others count."""
    file.add(said("年假？"))
    with file.path.open("a", encoding="utf-8") as out:
        out.write(f"{line}\n")
    file.add(said("病假？"))
    with caplog.at_level(logging.WARNING, logger="waypost"):
        found = file.current()
        file.current()
    [problem] = found.problems
    assert problem.startswith("line 2: ")
    assert reason in problem
    assert len(caplog.records) == 1
    assert (found.match("年假？"), found.match("病假？")) == (SEARCH, SEARCH)


def test_half_written_last_line(file: CorrectionsFile) -> None:
    """After a line that was cut off inside a character, what is added stands on its own."""
    file.add(said("年假？"))
    whole = file.path.read_bytes()
    file.path.write_bytes(whole + '{"question": "年'.encode()[:-1])
    assert "cut off" in file.current().problems[0]
    file.add(said("病假？"))
    assert [entry.question for entry in file.current().entries] == ["年假？", "病假？"]
    assert file.path.read_bytes().startswith(whole + b'{"question')


def test_last_line_without_an_end(file: CorrectionsFile) -> None:
    """A whole last line whose line end an editor left out counts, and stays whole."""
    file.add(said("年假？"))
    file.path.write_bytes(file.path.read_bytes().rstrip())
    file.add(said("病假？"))
    found = file.current()
    assert (len(found.entries), found.problems) == (2, ())


ADDING = """
import sys
from pathlib import Path
from agent.routing.corrections import Correction, CorrectionsFile, Right
file = CorrectionsFile(Path(sys.argv[1]))
for number in range(40):
    right = Right("search", ("leave",))
    file.add(Correction.now(f"{sys.argv[2]} {number}", right, {"reason": "长" * 3000}))
"""


def test_several_processes_add(file: CorrectionsFile) -> None:
    """Nothing that processes add side by side is lost or mixed up."""
    running = [
        subprocess.Popen([sys.executable, "-c", ADDING, str(file.path), name], cwd=ROOT)
        for name in ("a", "b", "c")
    ]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    found = file.current()
    assert (len(found.entries), found.problems) == (120, ())
    assert len(found.examples()["leave"]) == 120


def test_unusable_file(file: CorrectionsFile) -> None:
    """A folder in the file's place is an error that names it, for readers and writers."""
    file.path.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"corrections\.jsonl"):
        file.current()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        file.add(said("年假？"))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("search",), "needs an index"),
        (("search", ("leave",), "order_part"), "takes no tool"),
        (("act",), "needs a tool"),
        (("act", ("leave",)), "needs a tool"),
        (("answer", ("leave",)), "takes no index"),
        (("answer", (), "order_part"), "takes no tool"),
        (("clarify", ("leave",)), "takes no index"),
        (("abstain",), "answer for what no index or tool covers"),
        (("none",), "answer for what no index or tool covers"),
    ],
)
def test_parts_must_fit(parts: Any, message: str) -> None:
    """An action without what it needs, or with what it cannot have, is refused."""
    with pytest.raises(UsageError, match=message):
        Right(*parts)


# What follows corrects through a project.


async def test_correct(tiny_project: MakeProject) -> None:
    """A correction is checked against the project and stored with what was decided."""
    async with Waypost.open(tiny_project(), persistent=False) as waypost:
        await waypost.ingest()
        decided = await waypost.route("pump holidays")
        stored = await waypost.correct(
            "pump holidays", action="search", indexes=["leave"], decided=decided
        )
        await waypost.correct("pump holidays", action=None, decided=decided)
        with pytest.raises(UnknownIndexError, match="budget"):
            await waypost.correct("pump holidays", action="search", indexes=["budget"])
        with pytest.raises(UsageError, match="no tool 'fly'"):
            await waypost.correct("pump holidays", action="act", tool="fly")
        with pytest.raises(UsageError, match="empty"):
            await waypost.correct(" ", action="answer")
        found = read_corrections(waypost.project / FILE)
    assert stored.right == Right("search", ("leave",))
    assert [entry.right for entry in found.entries] == [stored.right, None]
    assert found.entries[0].decided == decided


async def test_hidden_targets_cannot_be_named(tiny_project: MakeProject) -> None:
    """What one may not see is refused in the words of what does not exist; who may see it can."""
    hidden = ('name = "leave"', 'name = "leave"\ngroups = ["staff"]')
    staff = Principal("li", groups=("staff", "finance"))
    async with Waypost.open(tiny_project(hidden), persistent=False) as waypost:
        with pytest.raises(UnknownIndexError, match="no index 'leave'") as caught:
            await waypost.correct("年假？", action="search", indexes=["leave"])
        assert caught.value.known == ["manual"]
        with pytest.raises(UsageError, match="no tool 'read_salary'") as refused:
            await waypost.correct("工资？", action="act", tool="read_salary")
        assert "read_salary" not in refused.value.fix
        await waypost.correct("年假？", action="search", indexes=["leave"], principal=staff)
        await waypost.correct("工资？", action="act", tool="read_salary", principal=staff)


def test_correct_command(tiny_project: MakeProject, capsys: pytest.CaptureFixture[str]) -> None:
    """The command stores a correction and prints it, for people or as JSON."""
    project = tiny_project()
    correct("查休假", "search", ["leave", "manual"], project=project)
    assert "search leave manual" in capsys.readouterr().out
    correct("Order 3 seals", "act", tool="order_part", project=project, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["right"] == {"action": "act", "indexes": [], "tool": "order_part"}
    assert len(read_corrections(project / FILE).entries) == 2


async def test_learning_that_failed_is_told_and_tried_again(
    tiny_project: MakeProject, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Corrections that could not be learned are learned later; until then the old router answers."""
    monkeypatch.setattr("agent.learning.RETRY", 0.0)
    async with Waypost.open(tiny_project(), persistent=False) as waypost:
        await waypost.ingest()
        first = await waypost.router()
        cache = waypost.project / ".waypost" / "cache" / "router.npz"
        cache.unlink()
        cache.mkdir()  # the fitted router cannot be kept
        await waypost.correct("pump holidays", action="search", indexes=["leave"])
        with caplog.at_level(logging.WARNING, logger="waypost"):
            while "learning.failed" not in caplog.text:
                assert await waypost.router() is first
                await asyncio.sleep(0.05)
        cache.rmdir()
        for _ in range(600):
            if await waypost.router() is not first:
                break
            await asyncio.sleep(0.05)
        assert cache.is_file()
