"""Two models, or two reports, are compared question by question, and no difference is claimed by chance."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli.tune import app
from agent.errors import ConfigurationError, UsageError
from agent.evaluation import Earlier, Labelled
from agent.routing import question_sha256
from agent.settings import Settings
from agent.tuning.arms import check_unseen, questions_of, with_model
from agent.tuning.compare import TASKS, Compared, compared
from agent.tuning.compare_page import compared_page
from agent.tuning.paired import (
    holm,
    mcnemar,
    mean_interval,
    permutation,
    questions_for_mean,
    questions_for_shares,
    share_interval,
)
from prompts import texts
from tests.agent.endpoint import Endpoint, endpoint
from tests.agent.test_adapter import CARD

MakeProject = Callable[..., Path]


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (10, 2, 0.03857), (3, 3, 1.0), (40, 900, 0.0)],
)  # fmt: skip
def test_exact_mcnemar(gained: int, lost: int, p: float) -> None:
    """It is the two-sided binomial test of those that changed, and the same both ways."""
    assert mcnemar(gained, lost) == pytest.approx(p, abs=1e-5)
    assert mcnemar(lost, gained) == mcnemar(gained, lost)


@pytest.mark.parametrize(("gained", "lost", "total"), [(0, 0, 5), (3, 1, 50), (50, 0, 50)])
def test_interval_of_a_difference(gained: int, lost: int, total: int) -> None:
    """It has the difference inside, is never a point, and does not leave [-1, 1]."""
    low, high = share_interval(gained, lost, total)
    assert -1 <= low < (gained - lost) / total <= high <= 1
    assert low < high


def test_permutation_of_signs() -> None:
    """Few differences are tried in every way; many in enough; those of nothing prove nothing."""
    assert permutation([]) == permutation([0.0, 0.0]) == 1.0
    assert permutation([1.0] * 6) == pytest.approx(2 / 64)
    assert permutation([1.0, -1.0, 2.0, -2.0]) == 1.0
    assert permutation([1.0] * 30) < 0.001
    assert permutation([1.0, -1.0] * 30) > 0.9
    low, high = mean_interval([1.0, 2.0, 3.0] * 20)
    assert 1.5 < low < 2.0 < high < 2.5


def test_questions_needed() -> None:
    """A smaller difference takes more questions; where there is none no number helps."""
    small, large = questions_for_shares(12, 10, 100), questions_for_shares(30, 10, 100)
    assert large is not None
    assert small is not None
    assert 70 < large < 100 < small
    assert questions_for_shares(3, 3, 10) is questions_for_mean([1.0, -1.0]) is None
    n = questions_for_mean([1.0, 2.0, 3.0])
    assert n == math.ceil((2.801585 / 2) ** 2)


def test_holm() -> None:
    """The smallest is multiplied by their number, none falls below one before, and order stays."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def result(number: int, *, right: bool, tokens: int = 0, ms: float = 100.0, **more: Any) -> Any:
    """Return a question's result."""
    return {
        "id": str(number), "question": f"q{number}", "scores": {"route.right": float(right)},
        "timings_ms": {"total": ms, "route": 5.0},
        "usage": {"model_calls": 1 if tokens else 0, "input_tokens": tokens, "output_tokens": 0},
        **more,
    }  # fmt: skip


def report(*results: Any) -> Earlier:
    """Return a report of results."""
    return {"route": {}, "search": {}, "answer": {}, "latency": {}, "results": list(results)}


def rows_of(found: Compared) -> dict[str, Any]:
    """Return the rows by figure."""
    return {row["figure"]: row for row in found["rows"]}


def test_a_better_and_dearer_model() -> None:
    """Shown differences are told with who is better; less cost and time is better, a chance gain is none."""
    a = report(*(result(i, right=i % 2 == 0, ms=100 + i % 3) for i in range(60)))
    b = report(*(result(i, right=True, tokens=300 + i, ms=103 - i % 3) for i in range(61)))
    found = compared(a, b, names=("local", "tuned"), role="router")
    rows = rows_of(found)
    assert found["questions"] == 60
    assert list(rows) == [
        "route.right",
        "cost.calls",
        "cost.tokens",
        "latency.total",
        "latency.route",
    ]
    assert (rows["route.right"]["a"], rows["route.right"]["b"]) == (0.5, 1.0)
    assert (rows["route.right"]["better"], rows["cost.tokens"]["better"]) == ("b", "a")
    assert rows["latency.total"]["questions"] == 59  # without the first
    assert (rows["latency.route"]["better"], rows["latency.route"]["needed"]) == (None, None)
    assert found["gained"] == {"route.right": [str(i) for i in range(1, 60, 2)]}
    assert found["lost"] == {}


def test_a_chance_gain_is_not_claimed() -> None:
    """Two of ten more right shows nothing, and it says how many questions it would take."""
    a = report(*(result(i, right=i < 7) for i in range(10)))
    b = report(*(result(i, right=i < 9) for i in range(10)))
    row = rows_of(compared(a, b, names=("a", "b")))["route.right"]
    assert (row["better"], row["difference"]) == (None, 0.2)
    assert row["needed"] > 30
    assert row["interval"][0] < 0 < row["interval"][1]


def test_tools_money_and_failures() -> None:
    """A tool is told from its arguments, a price that is unknown from none, a failed model from a choice."""
    call = {"name": "book", "args": {}}
    failed = "fallback; the model stage failed (no reply)"
    tuned = "fallback; the tuned model stage failed (no weights)"
    a = report(
        result(
            1, right=True, tokens=9, expected={"tool": "book"}, got={"tools": []}, reason=failed
        ),
        result(2, right=True, expected={}, got={"tools": [call]}),
    )
    b = report(
        result(1, right=True, expected={"tool": "book"}, got={"tools": [call]}),
        result(2, right=True, expected={}, got={"tools": [call]}, reason=tuned),
    )
    b["results"][1]["usage"] = {
        "model_calls": 1, "input_tokens": 1, "output_tokens": 1, "cost": 0.5
    }  # fmt: skip
    found = compared(a, b, names=("a", "b"))
    rows = rows_of(found)
    assert (rows["tools.named"]["questions"], rows["tools.named"]["difference"]) == (1, 1.0)
    assert (rows["cost.money"]["questions"], rows["cost.money"]["b"]) == (1, 0.5)
    assert found["failed"] == [1, 1]


def test_reports_that_have_nothing_in_common() -> None:
    """They cannot be compared; an older report without costs can."""
    with pytest.raises(UsageError, match="no question in common"):
        compared(report(result(1, right=True)), report(result(2, right=True)), names=("a", "b"))
    old: Any = {"id": "1", "question": "q1", "scores": {"route.right": 1.0}}
    rows = rows_of(compared(report(old), report(result(1, right=True)), names=("a", "b")))
    assert list(rows) == ["route.right"]
    with pytest.raises(UsageError, match="none of the questions"):
        questions_of(report(old), [{"id": "2", "question": "q2"}])


SETTINGS = Settings.model_validate(
    {
        "models": {"chat": "openai:main", "answerer": "azure:ours"},
        "model": [{"name": "main"}, {"name": "ours"}, {"name": "spare"}],
    }
)


@pytest.mark.parametrize(
    ("role", "name", "router", "answerer"),
    [
        ("router", "local", (), ("azure:ours",)),
        ("router", "spare", ("openai:spare",), ("azure:ours",)),
        ("router", "ours", ("azure:ours",), ("azure:ours",)),
        ("chat", "openai:x", ("openai:x",), ("openai:x",)),
        ("answerer", "local", ("openai:main",), ()),
    ],
)
def test_a_model_in_a_role(
    role: Any, name: str, router: tuple[str, ...], answerer: tuple[str, ...]
) -> None:
    """A model plays its role alone; the other roles stay with whom they were."""
    models = with_model(SETTINGS, role, name).models
    assert (models.of("router"), models.of("answerer")) == (router, answerer)


@pytest.mark.parametrize("name", ["nobody", "spair", "ftp:x"])
def test_no_model(name: str) -> None:
    """What is no model is told with what there is."""
    with pytest.raises(UsageError, match=r"no model|cannot be"):
        with_model(SETTINGS, "router", name)


def test_questions_of_the_training(tmp_path: Path) -> None:
    """An adapter is not measured on what its card says it learned from."""
    (tmp_path / "tuned").mkdir()
    questions: list[Labelled] = [
        {"id": "a", "question": "年假有几天？"}, {"id": "b", "question": "病假？"}
    ]  # fmt: skip
    known = {**CARD, "questions_sha256": [question_sha256("年假有几天")]}
    card = tmp_path / "tuned" / "card.json"
    card.write_text(json.dumps(known), encoding="utf-8")
    with pytest.raises(UsageError, match="learned from 1 of 2 questions: a"):
        check_unseen(tmp_path, "lora:tuned", questions)
    check_unseen(tmp_path, "lora:tuned", questions[1:])
    check_unseen(tmp_path, "openai:tuned", questions)
    card.write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no adapter's card"):
        check_unseen(tmp_path, "lora:tuned", questions)


def test_words_in_both_languages() -> None:
    """Every word, task and figure has both languages."""
    zh, en = texts("compare", "zh"), texts("compare", "en")
    assert zh.keys() == en.keys()
    assert (zh["tasks"].keys(), zh["labels"].keys()) == (en["tasks"].keys(), en["labels"].keys())
    assert list(zh["tasks"]) == list(TASKS)
    known = zh["labels"].keys() | texts("evaluation", "zh")["labels"].keys()
    assert {key for keys in TASKS.values() for key in keys} <= known


def test_page_in_both_languages() -> None:
    """The page says what the figures say, in the project's language, and escapes what it names."""
    a = report(*(result(i, right=i % 2 == 0) for i in range(40)))
    b = report(*(result(i, right=True) for i in range(40)))
    found = compared(a, b, names=("local", "<b>"), role="router")
    for language, said in (("zh", "&lt;b&gt; 更好"), ("en", "&lt;b&gt; is better")):
        text = compared_page(found, name="<x>", language=language)  # type: ignore[arg-type]
        assert said in text
        assert "<b>" not in text
        assert "<script" not in text


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Yield an endpoint that the environment names."""
    with endpoint() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        server.reply = '{"targets": ["manual"], "reason": "it is about the pump"}'
        yield server


QUESTIONS = [
    *({"id": f"n{i}", "question": text, "action": "abstain"} for i, text in enumerate(["明天几度？", "Sing!", "谁赢了？"])),
    {"id": "m1", "question": "How often is the bearing lubricated?", "action": "search", "indexes": ["manual"]},
    {"id": "l1", "question": "病假两天谁来批？", "action": "search", "indexes": ["leave"]},
    {"id": "m2", "question": "It leaks, what now?", "indexes": ["manual"]},
]  # fmt: skip


@pytest.mark.slow
def test_command(tiny_project: MakeProject, tmp_path: Path, model: Endpoint) -> None:
    """A model that knows is compared with none, as router, in the terminal, as JSON and as a page."""
    project = tiny_project(
        ("[routing]\n", '[[model]]\nname = "tuned"\nprice_input = 1000\nwindow = 8192\n\n[routing]\nthreshold = 0.999\n')
    )  # fmt: skip
    data = tmp_path / "held.jsonl"
    data.write_text("\n".join(json.dumps(row) for row in QUESTIONS), encoding="utf-8")

    def run(*words: str | Path) -> str:
        given = ["compare", *map(str, words), "--project", str(project)]
        done = CliRunner().invoke(app, given, catch_exceptions=False, env={"COLUMNS": "150"})
        return done.stdout

    page = tmp_path / "page.html"
    found = json.loads(run("local", "tuned", "--questions", data, "--json", "--html", page))
    rows = rows_of(found)
    assert (found["a"], found["b"], found["role"], found["questions"]) == (
        "local",
        "tuned",
        "router",
        6,
    )
    assert rows["cost.money"]["b"] > rows["cost.money"]["a"] == 0
    assert found["gained"]["route.right"] == ["m2"]
    assert model.asked("/completions")
    assert "tuned" in page.read_text(encoding="utf-8")
    model.status = 500
    shown = run("local", "tuned", "--questions", data)
    assert "no difference shown" in shown
    assert "gave no usable reply" in shown

    with pytest.raises(UsageError, match="compared on questions"):
        run("local", "tuned")
    with pytest.raises(UsageError, match="both 'local'"):
        run("local", "local", "--questions", data)
    data.write_text('{"question": "x", "indexes": ["leeve"]}', encoding="utf-8")
    with pytest.raises(UsageError, match="'leeve'"):
        run("local", "tuned", "--questions", data)


def test_command_on_reports(tmp_path: Path, tiny_project: MakeProject) -> None:
    """Two reports need neither questions nor a store, and the project's language is spoken."""
    project = tiny_project(('language = "en"', 'language = "zh"'))
    files = []
    for name, right in (("before.json", False), ("after.json", True)):
        files.append(tmp_path / name)
        data = report(*(result(i, right=right) for i in range(12)))
        files[-1].write_text(json.dumps(data), encoding="utf-8")
    given = ["compare", *map(str, files), "--project", str(project)]
    done = CliRunner().invoke(app, given, catch_exceptions=False, env={"COLUMNS": "150"})
    assert "after.json 更好" in done.stdout
    assert not (project / ".waypost" / "store").exists()
