from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent import Waypost
from agent.cli.evaluate import OutOfBoundsError
from agent.cli.main import app
from agent.errors import UsageError
from agent.evaluation import FIGURES, Report, compare, evaluate, flat, read_questions, read_report
from tests.agent.tiny import runs

LEAVE, PUMP = "docs/leave/休假制度.md", "docs/manual/pump.md"
QUESTIONS: list[Any] = [
    {
        "id": "right", "question": "年假有几天？", "action": "search", "indexes": ["leave"],
        "documents": [LEAVE], "answer": "7天",
    },
    {
        "id": "mislabelled", "question": "How often is the bearing lubricated?", "action": "search",
        "indexes": ["leave"], "documents": ["docs/leave/gone.md"], "answer": "500 hours",
    },
    {
        "id": "follow-up", "question": "那婚假呢？", "after": ["年假有几天？"], "action": "search",
        "indexes": ["leave"], "documents": [LEAVE], "answer": "10天",
    },
    {"id": "outside", "question": "Who won the match?", "action": "abstain"},
    {"id": "talk", "question": "Hello", "action": "answer"},
    {
        "id": "waits", "question": "Order 17 seals", "action": "act", "tool": "order_part",
        "args": {"part": "seal", "count": 17},
    },
    {
        "id": "hidden", "question": "What is the salary of Chen?", "user": "li", "groups": ["finance"],
        "action": "act", "tool": "read_salary", "args": {"name": "Chen"}, "answer": "8200",
    },
]  # fmt: skip


def write(path: Path, rows: list[Any]) -> Path:
    """Write a data set."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def report(tiny: Waypost, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Evaluate the small project."""
    path = write(tmp_path_factory.mktemp("data") / "q.jsonl", QUESTIONS)
    questions = read_questions(path, indexes=tiny.registry.indexes, tools=tiny.tools)
    return await evaluate(tiny, questions)


def test_the_figures(report: Report) -> None:
    """Every figure is there under its name, and is what the questions were made for."""
    values = flat(report)
    assert set(values) == set(FIGURES)
    assert report["questions"] == len(QUESTIONS)
    assert {key: value for key, value in values.items() if not key.startswith("latency.")} | {
        "route.ece": None, "route.aurc": None
    } == {
        "route.action_accuracy": 1.0, "route.index_accuracy": 0.6667, "route.index_covered": 0.6667,
        "route.tool_accuracy": 1.0, "route.right": 0.8571, "route.none_precision": 1.0,
        "route.none_recall": 1.0, "route.none_f1": 1.0, "route.macro_f1": 0.95, "route.ece": None,
        "route.aurc": None, "route.escalated": 0.0, "route.misroute_cost_found": 1.0,
        "route.misroute_cost_cited": 1.0, "search.document@5": 0.6667, "search.page@5": None,
        "search.recall@5": 0.6667, "search.mrr": 0.6667, "search.ndcg@5": 0.6667,
        "answer.cited": 0.6667, "answer.cited_page": None, "answer.contains": 1.0,
        "answer.refused": 1.0, "answer.citations_stand": 1.0,
    }  # fmt: skip
    for key in ("route.ece", "route.aurc", "latency.total_p95", "latency.route_p50"):
        assert (values[key] or 0) > 0


def test_the_structures(report: Report) -> None:
    """Confusion, bins, curve, intervals and results tell of the same questions."""
    matrix = report["confusion"]
    assert matrix["classes"] == ["leave", "manual", "order_part", "read_salary", "none"]
    assert matrix["counts"][0] == [2, 1, 0, 0, 0]
    assert sum(map(sum, matrix["counts"])) == len(QUESTIONS)
    assert sum(one["questions"] for one in report["reliability"]) == len(QUESTIONS)
    assert report["risk_coverage"][-1]["coverage"] == 1.0
    assert report["intervals"]["route.right"] == {"questions": 7, "low": 0.4869, "high": 0.9743}
    assert sum(report["decided_by"].values()) == len(QUESTIONS)
    assert report["misroutes"]["wrong"] == {"questions": 1.0, "found": 0.0, "cited": 0.0}
    assert [one["id"] for one in report["results"] if not one["right"]] == ["mislabelled"]
    assert set(report["misses"]["route.right"]) == {"mislabelled"}
    assert json.loads(json.dumps(report)) == report


def test_a_label_that_cannot_be_met(report: Report) -> None:
    """A labelled document that the store does not have is named; one that was missed is not."""
    assert report["unknown_documents"] == ["docs/leave/gone.md"]


def test_a_tool_that_waits_is_not_run(report: Report, tiny: Waypost) -> None:
    """A call that needs an approval counts as proposed, and nobody approves it."""
    [waiting] = [one for one in report["results"] if one["id"] == "waits"]
    assert waiting["got"]["tools"] == [
        {"name": "order_part", "args": {"part": "seal", "count": 17}}
    ]
    assert {"part": "seal", "count": 17} not in [
        {key: run.get(key) for key in ("part", "count")}
        for run in runs(tiny.project)
        if run["tool"] == "order_part"
    ]


def test_nothing_changes_against_itself(report: Report, tmp_path: Path) -> None:
    """A report read back and compared with itself shows every question and no change."""
    path = tmp_path / "previous.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    found = compare(read_report(path), report)
    assert (found["shared"], found["became_right"], found["became_wrong"]) == (7, {}, {})
    assert {change["difference"] for change in found["figures"].values()} == {0.0, None}


def run(*args: str | Path) -> None:
    """Run `waypost eval` in this process."""
    app(["eval", *map(str, args)], standalone_mode=False)


def test_the_command(
    tiny_project: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command compares with an earlier report, checks bounds, writes the page, and no thread."""
    project = tiny_project()
    data = write(tmp_path / "q.jsonl", QUESTIONS[:3])
    run(data, "--project", project, "--json")
    previous = tmp_path / "previous.json"
    previous.write_text(capsys.readouterr().out, encoding="utf-8")
    write(data, [QUESTIONS[0], {**QUESTIONS[1], "indexes": ["manual"]}, QUESTIONS[2]])
    monkeypatch.setenv("COLUMNS", "80")
    page = tmp_path / "report.html"
    bounds = ("--min", "route.right=1", "--max", "route.ece=-1", "--min", "answer.refused=0")
    with pytest.raises(OutOfBoundsError) as caught:
        run(data, "--project", project, "--baseline", previous, "--html", page, *bounds)
    said = str(caught.value)
    assert "answer.refused is None: no question is labelled for it" in said
    assert "route.ece is " in said
    assert "route.right" not in said
    printed = capsys.readouterr().out
    assert "became right" in printed
    assert "docs/leave/gone.md" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "Pump desk: evaluation" in page.read_text(encoding="utf-8")
    assert not (project / ".waypost" / "threads.db").exists()


async def test_a_kept_thread_is_left_alone(tiny: Waypost, report: Report) -> None:
    """An app that evaluates its own open project keeps working threads."""
    await tiny.ask("年假有几天？", thread="kept")
    followed = await tiny.ask("那婚假呢？", thread="kept")
    assert "10天" in followed["answer"]
    assert tiny.graph.checkpointer is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--min", "route.acuracy=1"],
            ["--min", "'route.acuracy'", "route.action_accuracy", "latency"],
        ),
        (["--max", "route.ece"], ["--max 'route.ece'", "KEY=NUMBER"]),
        (["--min", "route.ece=low"], ["--min 'route.ece=low'"]),
        (["--baseline", "absent.json"], ["'absent.json'", "--json"]),
        (["--html", "absent/report.html"], ["absent/report.html", "no such folder"]),
    ],
)
def test_mistakes(tmp_path: Path, options: list[str], says: list[str]) -> None:
    """A mistake in an option is told before a project is opened."""
    with pytest.raises(UsageError) as caught:
        run(write(tmp_path / "q.jsonl", QUESTIONS), "--project", "absent", *options)
    assert [one for one in says if one not in str(caught.value)] == []


def test_threads_stay_as_they_were(tiny_project: Callable[..., Path], tmp_path: Path) -> None:
    """Where a project has threads already, an evaluation adds none."""
    project = tiny_project()
    database = project / ".waypost" / "threads.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE checkpoints (thread_id TEXT)")
    before = database.read_bytes()
    run(write(tmp_path / "q.jsonl", QUESTIONS[2:3]), "--project", project, "--json")
    assert database.read_bytes() == before
