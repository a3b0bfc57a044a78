"""What people accept, correct and label teaches the router, if it makes it better, and can be taken back."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from agent import Waypost
from agent.cli.main import app as main
from agent.cli.tune import app
from agent.errors import UsageError
from agent.evaluation import Labelled
from agent.learning import Lesson
from agent.routing import LEARNED, LearnedExample, read_learned
from agent.settings import load
from agent.traces import Trace, Traces
from agent.traces.redaction import Redactor
from agent.tuning.refit import (
    Candidate,
    Versions,
    deploy,
    least_sure,
    read_labels,
    read_stream,
    refit,
    select,
    sift,
    traced,
    unlabelled,
)
from agent.tuning.refit.alike import groups
from agent.tuning.refit.candidates import target_of
from agent.tuning.refit.measure import Judged, measured

MakeProject = Callable[..., Path]
ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")


def a_trace(question: str, index: str | None = None, **changes: Any) -> Trace:
    """Return a trace of an answered search of an index; `good` is the feedback."""
    said = changes.pop("good", True)
    planned = {"action": "search", "indexes": [index] if index else [], "tools": []}
    planned |= changes.pop("route", {})
    trace: Any = {
        "id": uuid.uuid4().hex, "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "thread": uuid.uuid4().hex, "principal": "li", "asked": question, "question": question,
        "language": "zh", "parts": [], "passages": [], "tool_calls": [], "offered": [],
        "route": {
            "question": question, "candidates": [], "confidence": 0.6, "reason": "",
            "decided_by": "classifier", **planned,
            "indexes": [{"name": name, "confidence": 0.6} for name in planned["indexes"]],
        },
        "answer": "…", "action": "search", "grounded": True, "confidence": 0.7, "limit": None,
        "citations": [{"index": name} for name in planned["indexes"]],
        "model": {}, "usage": {"model_calls": 0, "input_tokens": 0, "output_tokens": 0},
        "timings_ms": {"total": 1.0}, "correction": None,
        "feedback": None if said is None else {"good": said, "note": "", "time": ""},
    }  # fmt: skip
    return {**trace, **changes}  # type: ignore[typeddict-item]


CALL = {"name": "read_gauge", "args": {}, "result": "1"}
REFUSED: dict[str, Any] = {"action": "abstain", "grounded": False, "citations": []}
NOTHING = {"action": "answer", "indexes": [], "tools": []}


@pytest.mark.parametrize(
    ("trace", "target"),
    [
        (a_trace("?", "leave"), "leave"),
        (a_trace("?", "leave", good=None), None),
        (a_trace("?", "leave", good=False), None),
        (a_trace("?", "leave", grounded=False), None),
        (a_trace("?", "leave", citations=[{"index": "leave"}, {"index": "manual"}]), None),
        (a_trace("?", "leave", citations=[{"index": "manual"}]), "manual"),
        (a_trace("?", "leave", limit="seconds"), None),
        (a_trace("?", "leave", parts=[{}, {}]), None),
        (a_trace("?", action="act", route={"tools": ["read_gauge"]}, tool_calls=[CALL]), "read_gauge"),
        (a_trace("?", action="act", route={"tools": ["order_part"]}, tool_calls=[CALL]), None),
        (a_trace("?", route=NOTHING, **REFUSED), "none"),
        (a_trace("?", "leave", **REFUSED), None),
        (a_trace("Hi", route=NOTHING, action="answer", citations=[]), None),
        (a_trace("?", "leave", good=False, correction={"action": "search", "indexes": ["manual", "leave"], "tool": None}), "manual"),
        (a_trace("?", "leave", correction={"action": "act", "indexes": ["leave"], "tool": "read_gauge"}), "read_gauge"),
        (a_trace("?", "leave", correction={"action": "answer", "indexes": [], "tool": None}), "none"),
        (a_trace("?", "leave", correction={"action": "clarify", "indexes": [], "tool": None}), None),
    ],
    ids=[
        "accepted", "no verdict", "bad", "not grounded", "two indexes cited", "what is cited counts",
        "cut short", "a comparison", "a call", "another call", "a planned refusal", "a failed search",
        "small talk", "corrected", "corrected to a tool", "corrected to none", "to be asked back",
    ],
)  # fmt: skip
def test_what_a_turn_shows(trace: Trace, target: str | None) -> None:
    """The evidence of an accepted turn names its target, a correction overrules it, all else is silent."""
    assert target_of(trace) == target


async def each(traces: Sequence[Trace]) -> AsyncIterator[Trace]:
    """Yield traces as a store does."""
    for trace in traces:
        yield trace


async def test_verdicts_on_one_question() -> None:
    """Who disagrees later takes an accepted question out, no one a corrected one; lost targets are told."""
    right = {"action": "search", "indexes": ["leave"], "tool": None}
    found, left_out = await traced(
        each(
            [
                a_trace("年假几天？", "leave"),
                a_trace("年假几天", "leave", good=False),
                a_trace("婚假几天？", "manual", good=False, correction=right),
                a_trace("婚假几天？", "manual"),
                a_trace("Which seal?", "gone"),
                a_trace("拨打[phone]可以请假吗", "leave"),
            ]
        ),
        ["leave", "manual"],
    )
    assert [(one.question, one.target, one.source) for one in found] == [
        ("婚假几天？", "leave", "corrected"),
        ("拨打[phone]可以请假吗", "leave", "accepted"),
    ]
    assert left_out == {"bad feedback": 1, "its target is gone": 1}


def test_what_is_held_back() -> None:
    """Known, repeated and held-out questions are left out; what may be wrong waits for a person."""

    def one(question: str, target: str, source: Any = "accepted", **chances: float) -> Candidate:
        return Candidate(LearnedExample(question, target, source), chances or {target: 0.6})

    candidates = [
        one("a", "leave"),
        one("a again", "leave"),
        one("b", "leave", leave=0.1, manual=0.9),
        one("c", "leave", leave=0.3, manual=0.7),
        one("d", "leave", "labelled", leave=0.1, manual=0.9),
        one("e", "leave"),
        one("e too", "manual"),
        one("known", "leave"),
        one("example", "leave", "labelled"),
        one("learned", "leave", "labelled"),
        one("held out", "leave"),
    ]
    alike = np.eye(len(candidates), dtype=np.float32)
    alike[0, 1] = alike[1, 0] = alike[5, 6] = alike[6, 5] = 0.9
    known = {
        "known": Lesson("known", "leave", "example"),
        "example": Lesson("example", "manual", "example"),
        "learned": Lesson("learned", "manual", "learned"),
    }
    found = sift(candidates, alike, known, {10})
    assert [kept.example.question for kept in found.kept] == ["a", "c", "d", "learned"]
    assert {held.example.question: why for held, why in found.held} == {
        "b": "the router is sure of manual",
        "e": "others like it have another target",
        "e too": "others like it have another target",
        "example": "it is known as manual",
    }
    assert found.left_out == {
        "another like it is learned": 1, "it is known": 1, "it is held out": 1
    }  # fmt: skip


def test_akin_questions_are_one_group() -> None:
    """A chain of akin questions is one group, so that no fold has a part of it."""
    alike = np.eye(5, dtype=np.float32)
    for i, j in ((0, 3), (3, 4)):
        alike[i, j] = alike[j, i] = 0.8
    assert groups(alike).tolist() == [0, 1, 2, 0, 0]


def test_the_least_sure_are_asked_once() -> None:
    """The least confident come first, and of two that are nearly the same only the first."""
    alike = np.eye(4, dtype=np.float32)
    alike[0, 2] = alike[2, 0] = 0.95
    assert select(np.array([0.4, 0.9, 0.3, 0.5]), alike, 3) == [2, 3, 1]


def judged(right: str, before: str, after: str, sure: float = 0.8) -> Judged:
    """Return a question with what two classifiers said of it."""

    def said(name: str) -> dict[str, float]:
        return {"a": 0.0, "b": 0.0, "none": 0.0} | {name: sure}

    return Judged("?", frozenset([right]), said(before), said(after))


@pytest.mark.parametrize(
    ("rows", "verdict", "closed", "everything"),
    [
        ([], "same", None, None),
        ([judged("a", "a", "a")] * 9, "same", 0.0, 0.0),
        ([judged("a", "b", "a")] * 2 + [judged("a", "a", "a")] * 8, "same", 0.2, 0.2),
        ([judged("a", "b", "a")] * 9 + [judged("a", "a", "a")] * 9, "better", 0.5, 0.5),
        ([judged("a", "a", "b"), *[judged("a", "a", "a")] * 40], "worse", -0.0244, -0.0244),
        ([judged("none", "a", "none")] * 9 + [judged("a", "a", "a")] * 9, "better", 0.0, 0.5),
    ],
    ids=["nothing", "equal", "too few to tell", "better", "one lost", "better at none"],
)
def test_verdicts(
    rows: list[Judged], verdict: str, closed: float | None, everything: float | None
) -> None:
    """Fewer right is worse; more right is better only if chance does not explain it."""
    found = measured(rows)
    assert found["verdict"] == verdict
    figures = found["figures"]
    assert [figures[key]["difference"] for key in ("closed", "all")] == [closed, everything]
    if rows:
        low, high = figures["all"]["interval"] or []
        assert low <= (everything or 0) <= high


def test_figures_of_one_side() -> None:
    """F1 of "none", calibration and classes count what they say."""
    rows = [judged("none", "none", "a"), judged("a", "none", "a"), judged("b", "b", "a", 0.6)]
    found = measured(rows)
    assert found["figures"]["none_f1"]["before"] == pytest.approx(0.6667, abs=1e-4)
    assert found["figures"]["none_f1"]["after"] == 0.0
    assert found["figures"]["ece"]["before"] == pytest.approx((2 * 0.3 + 0.4) / 3, abs=1e-4)
    assert found["classes"]["b"] | {"p": 1.0} == {
        "questions": 1, "before": 1.0, "after": 0.0, "gained": 0, "lost": 1, "p": 1.0
    }  # fmt: skip


EXAMPLE = LearnedExample("陪产假能休几天", "leave", "accepted", "2027-01-01T00:00:00+00:00")


def test_versions_can_be_taken_back(tmp_path: Path) -> None:
    """What served is kept as it was, edits by hand included; going back ends at nothing learned."""
    versions = Versions(tmp_path)
    assert (versions.history(), versions.serving.version) == ([], None)
    assert versions.deploy([EXAMPLE], {"all": {"before": 0.5}}, forced=False) == 1
    file = tmp_path / LEARNED
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps({**EXAMPLE.as_dict(), "question": "by hand"}) + "\n")
    edited = file.read_bytes()
    assert versions.deploy([], {}, forced=True) == 2
    assert [(head["version"], head["forced"], count, serves) for head, count, serves in versions.history()] == [
        (1, False, 2, False), (2, True, 0, True)
    ]  # fmt: skip
    assert versions.roll_back() == 1
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (edited, 0o600)
    assert versions.deploy([EXAMPLE], {}, forced=False) == 3
    assert [versions.roll_back(), versions.roll_back()] == [1, 0]
    assert not file.exists()
    with pytest.raises(UsageError, match="no version"):
        versions.roll_back()


def test_a_file_without_its_head_is_not_overwritten(tmp_path: Path) -> None:
    """A damaged first line costs no example: they count, and nothing takes the file's place."""
    file = tmp_path / LEARNED
    file.parent.mkdir()
    file.write_text("{\n" + json.dumps(EXAMPLE.as_dict()) + "\nnonsense\n", encoding="utf-8")
    found = read_learned(file)
    assert (found.examples, len(found.problems)) == ((EXAMPLE,), 2)
    with pytest.raises(UsageError, match="does not begin"):
        Versions(tmp_path).deploy([], {}, forced=False)


ODD = "flange torque"
ODDS = [
    "What is the torque of the flange bolts?",
    "Should I tighten the flange?",
    "Flange bolts: how tight?",
]


@pytest.mark.slow
async def test_a_deployed_file_is_learned_and_taken_back(tiny_project: MakeProject) -> None:
    """A running process learns what is put into service, corrections first, and unlearns what goes."""

    async def settled(waypost: Waypost) -> float:
        await waypost.route(ODD)  # notices the change
        if waypost._learner._learning is not None:
            await waypost._learner._learning
        found = {one["name"]: one["confidence"] for one in (await waypost.route(ODD))["candidates"]}
        return found["manual"]

    async with Waypost.open(tiny_project(), persistent=False) as waypost:
        await waypost.ingest()
        before = await settled(waypost)
        versions = Versions(waypost.project)
        versions.deploy(
            [
                LearnedExample(ODD, "manual", "labelled"),
                LearnedExample("nobody's", "gone", "labelled"),
                LearnedExample("年假有几天", "manual", "accepted"),
            ],
            {},
            forced=False,
        )
        after = await settled(waypost)
        assert after > before + 0.3
        assert (await waypost.route("年假有几天？"))["indexes"][0]["name"] == "leave"
        await waypost.correct(ODD, action="search", indexes=["leave"])
        assert (await waypost.route(ODD))["decided_by"] == "rule"
        (waypost.project / "router" / "corrections.jsonl").unlink()
        versions.roll_back()
        assert await settled(waypost) == pytest.approx(before, abs=0.01)


ACCEPTED = {
    "leave": ["陪产假能休几天", "请病假需要什么材料", "调休当天还是隔天", "婚假要提前登记吗", "哺乳假每天几小时"],
    "manual": ["What grease does the pump take", "Is 5 mm/s of vibration too much", "It leaks, what now"],
}  # fmt: skip


async def keep(project: Path, traces: Sequence[Trace]) -> None:
    """Store traces with their feedback, as a served project would have."""
    async with Traces.open(project, load(project)) as kept:
        for trace in traces:
            await kept.record(trace)
            if trace["feedback"] is not None:
                await kept.feedback(trace["thread"], "li", trace["feedback"]["good"])


def accepted() -> list[Trace]:
    """Return accepted turns, one of them with a wrong target, and two that nobody judged."""
    found = [a_trace(text, name) for name, texts in ACCEPTED.items() for text in texts]
    found.append(a_trace("How often do I lubricate the bearing?", "leave"))
    return [*found, a_trace("押金怎么退", good=None), a_trace("Reimburse my taxi", good=None)]


HELD: list[Labelled] = [
    {"id": "1", "question": "病假三天以内谁批？", "indexes": ["leave"]},
    {"id": "2", "question": "When must the seal go?", "indexes": ["manual"]},
    {"id": "3", "question": "Please read the flow gauge", "tool": "read_gauge"},
    {"id": "4", "question": "What a lovely day", "action": "answer"},
    {"id": "5", "question": "那年假呢？", "after": ["病假呢？"], "indexes": ["leave"]},
    {"id": "6", "question": "年假有几天", "indexes": ["leave"]},
    {"id": "7", "question": "产假？", "action": "abstain"},
    {"id": "8", "question": "婚假要提前登记吗？", "indexes": ["leave"]},
]


async def test_refit_on_held_out_questions(tiny: Waypost) -> None:
    """What is learned is what can be trusted and is not held out; follow-ups and known questions do not measure."""
    names = [*tiny.registry.indexes, *tiny.tools]
    examples, _ = await traced(each(accepted()), names)
    found = await refit(tiny, examples, HELD)
    assert (found.how, found.skipped, found.few) == ("questions", 3, True)
    assert found.measured["questions"] == 5
    learned = {one.question for one in found.learned}
    assert learned == {text for texts in ACCEPTED.values() for text in texts} - {"婚假要提前登记吗"}
    [(held, why)] = found.sifted.held
    assert (held.example.target, why) == ("leave", "the router is sure of manual")
    with pytest.raises(UsageError, match="None of the 1 questions"):
        await refit(tiny, examples, HELD[5:6])
    with pytest.raises(UsageError, match="Another version serves"):
        deploy(Versions(tiny.project), replace(found, since=1))


@pytest.mark.slow
async def test_refit_on_its_own_folds(tiny: Waypost) -> None:
    """Without questions every lesson is asked of classifiers that never saw it."""
    examples = [LearnedExample(text, "leave", "labelled") for text in ACCEPTED["leave"]]
    found = await refit(tiny, examples)
    known = sum(len(one.examples) for one in tiny.tools.values())
    assert found.measured["questions"] == known + 8 + 4 + len(examples)
    assert found.measured["figures"]["all"]["after"] != 1.0  # what is learned would be right


async def test_the_least_sure_of_a_stream(tiny: Waypost) -> None:
    """Chosen are new questions alone, each once, the least confident first."""
    stream = [
        "年假有几天",
        "Reimburse my taxi",
        "押金怎么退",
        "押金怎么退？",
        "病假要谁批准？",
        "谢谢！",
    ]
    rows = await least_sure(tiny, stream, 9)
    assert {row["question"] for row in rows} == {"Reimburse my taxi", "押金怎么退？"}
    assert rows[0]["confidence"] <= rows[1]["confidence"]
    assert {row["label"] for row in rows} == {""}
    assert all(row["probabilities"][row["guess"]] == row["confidence"] for row in rows)
    assert await unlabelled(each(accepted())) == ["押金怎么退", "Reimburse my taxi"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            '{"question": "x", "label": "leeve"}',
            r"line 2: 'leeve' is no target.*leave, manual, none",
        ),
        ('{"question": "", "label": "leave"}', "line 2: no object with a `question`"),
        ("{", "line 2: not JSON"),
        ('{"question": "\\ud800", "label": "leave"}', "line 2: not JSON"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, line: str, told: str) -> None:
    """A mistake in a labelled file is told with its line, and nothing is learned."""
    file = tmp_path / "labels.jsonl"
    file.write_text(f'{{"question": "年假", "label": "leave"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        read_labels(file, ["manual", "leave"], Redactor({}))


@pytest.mark.parametrize("form", ["{}", '{{"question": "{}", "label": "leave"}}'])
def test_files_lose_personal_data(tmp_path: Path, form: str) -> None:
    """What is learned is part of the project, so no phone gets into it, whatever a file holds."""
    file = tmp_path / "stream.txt"
    file.write_text("\ufeff" + form.format("请假打13800138000行吗") + "\n\n", encoding="utf-8")
    assert read_stream(file, Redactor({})) == ["请假打[phone]行吗"]
    if form != "{}":
        [found], empty = read_labels(file, ["leave"], Redactor({}))
        assert (found.question, found.target, empty) == ("请假打[phone]行吗", "leave", 0)


@pytest.mark.slow
def test_command_from_traces_to_service_and_back(tiny_project: MakeProject, tmp_path: Path) -> None:
    """Asked, labelled, reviewed, put into service, listed and taken back: each by the command alone."""
    project = tiny_project()
    asyncio.run(keep(project, accepted()))
    held = tmp_path / "held.jsonl"
    held.write_text("\n".join(json.dumps(row) for row in HELD), encoding="utf-8")

    def run(*words: str | Path) -> Any:
        given = ["router", *map(str, words), "--project", str(project), "--json"]
        done = CliRunner().invoke(app, given, catch_exceptions=False)
        return json.loads(done.stdout)

    out = tmp_path / "ask.jsonl"
    assert run("--ask", "5", "--out", out)["questions"] == 2
    with pytest.raises(UsageError, match="may hold labels"):
        run("--ask", "5", "--out", out)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    rows[0]["label"] = "none"
    out.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert run("--labels", out, "--questions", held)["version"] is None  # nobody agreed
    first = run("--labels", out, "--questions", held, "--yes", "--force")
    assert (first["version"], first["examples"], first["left_out"]) == (1, 1, {"no label": 1})

    review = tmp_path / "review.jsonl"
    assert run("--review", "--out", review, "--questions", held)["questions"] == 8
    found = [json.loads(line) for line in review.read_text(encoding="utf-8").splitlines()]
    doubtful = {row["question"]: (row["label"], row["why"]) for row in found if "why" in row}
    wrong = "How often do I lubricate the bearing?"
    assert doubtful[wrong] == ("", "people's verdict says leave; the router is sure of manual")
    assert review.stat().st_mode & 0o777 == 0o600

    dry = run("--dry-run", "--yes", "--questions", held)
    count = len(found) - len(doubtful)
    assert (dry["version"], len(dry["new"]), dry["verdict"]) == (None, count, "same")
    assert run("--yes", "--questions", held)["version"] == 2
    listed = run("--history")["versions"]
    assert [(one["version"], one["examples"], one["serves"]) for one in listed] == [
        (1, 1, False), (2, 1 + count, True)
    ]  # fmt: skip
    assert [run("--rollback")["version"], run("--rollback")["version"]] == [1, None]
    with pytest.raises(UsageError, match="--ask and --review"):
        run("--ask", "5", "--review")


@pytest.mark.slow
def test_a_worse_router_is_not_put_into_service(tiny_project: MakeProject, tmp_path: Path) -> None:
    """Labels that make fewer questions right change nothing unless forced, and then it is on record."""
    project = tiny_project()
    labels, held = tmp_path / "labels.jsonl", tmp_path / "held.jsonl"
    wrong = [
        "陪产假有多久",
        "陪产假可以休多少天",
        "产假能不能分开休",
        "产假分两次休行吗",
        "请病假交什么材料",
        "病假材料有哪些",
    ]
    labels.write_text(
        "\n".join(json.dumps({"question": text, "label": "none"}) for text in wrong), "utf-8"
    )
    asked = ["陪产假能休几天", "产假可以分成几段休吗", "请病假需要带什么材料"]
    held.write_text(
        "\n".join(json.dumps({"question": text, "indexes": ["leave"]}) for text in asked), "utf-8"
    )
    words = ["router", "--labels", str(labels), "--questions", str(held), "--project", str(project)]
    done = CliRunner().invoke(app, [*words, "--yes"])
    assert "It does worse" in str(done.exception)
    assert not (project / LEARNED).exists()
    shown = CliRunner().invoke(app, [*words, "--dry-run"], catch_exceptions=False).stdout
    assert "It does worse." in shown
    assert "worse: leave" in shown
    assert CliRunner().invoke(app, [*words, "--yes", "--force"]).exit_code == 0
    assert [head["forced"] for head, _, _ in Versions(project).history()] == [True]


BLOCK = re.compile(r"```(\w+)\n(?:# (desk/\S+)\n)?(.*?)```", re.DOTALL)


@pytest.mark.slow
def test_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file, command and snippet of the guide works as it stands, in order."""
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    printed = {}
    for language, file, text in BLOCK.findall(GUIDE):
        if file:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text, encoding="utf-8")
        elif language == "python":
            python = [sys.executable, "-W", "error", "-c", text]
            done = subprocess.run(
                python, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        elif language == "bash":
            for line in text.splitlines():
                command, _, out = line.partition(" > ")
                said = CliRunner().invoke(main, shlex.split(command)[1:], catch_exceptions=False)
                printed[line] = said.stdout
                if out:
                    Path(out).write_text(said.stdout, encoding="utf-8")
    assert all(printed.values())
    shown = "".join(printed.values())
    assert "3 new questions to learn (3 accepted)" in shown
    assert "Version 1 serves" in shown
    assert "Nothing learned serves now" in shown
    assert Path("ask.jsonl").read_text(encoding="utf-8").count("question") == 4
    assert Path("compared.html").exists()
