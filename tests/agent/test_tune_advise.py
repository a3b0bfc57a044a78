from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import string
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast, get_args

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from agent import Waypost
from agent.cli.tune.advise import command
from agent.errors import UsageError
from agent.evaluation import evaluate, read_questions, read_whole_report
from agent.settings import Settings
from agent.tuning.advise import advice_of, gather
from agent.tuning.advise.interview import Answers, advice_for, read_answers
from agent.tuning.advise.project import deployment_of
from agent.tuning.advise.ranking import EFFORTS, labels_needed
from agent.tuning.advise.shares import share
from agent.tuning.advise.style import complaint, house_style, keeps
from agent.tuning.advise.turns import clusters
from agent.tuning.advise.types import Cause, Facts, Remedy
from agent.tuning.advise.words import lines_of
from prompts import texts
from tests.agent.advised import edit
from tests.agent.situations import SITUATIONS, advised, make_busy, make_office

MakeProject = Callable[..., Path]
Changes = dict[str, Any]
TUNING = {"lora", "hosted", "distill"}


def facts(
    *,
    labels: Changes | None = None,
    turns: Changes | None = None,
    load: Changes | None = None,
    documents: Changes | None = None,
    form: Changes | None = None,
    models: tuple[str, ...] = (),
    private: bool = True,
    indexes: Changes | None = None,
    tools: Changes | None = None,
) -> Facts:
    """Return the facts of a project with one index and one tool in which nothing is wrong."""
    index = {
        "name": "a",
        "phrases": 8,
        "fits_better": "",
        "examples": 9,
        "documents": 4,
        "restricted": False,
        "synonyms": "",
        "odd": [],
    }
    kept = {
        "turns": 100,
        "rated": 0,
        "bad": 0,
        "samples": 0,
        "recent": 0,
        "labelled": 0,
        "corrected": 0,
        "complaints": {},
        "abstained": 0,
        "clusters": [],
        "hidden": 0,
        "calls": {},
        "failed_calls": {},
        "written": 0,
        "unlike": 0,
        "formed": 0,
        "unfilled": 0,
    }
    took = {
        "basis": "turns",
        "turns": 100,
        "slow": 0,
        "slow_search": 0,
        "total_p95": 90.0,
        "stages": {},
        "tokens": 0.0,
        "model_calls": 0.0,
        "escalated": 0,
        "limits": {},
    }
    asked = {
        "questions": 60,
        "targets": {"a": 40, "t": 10},
        "formed": 0,
        "unfilled": 0,
        "misses": [],
    }
    stored = {
        "total": 4,
        "failed": [],
        "waiting": [],
        "expired": 0,
        "changing": 0,
        "changes": 0,
        "days": 90.0,
        "fresh": [],
    }
    found = {
        "name": "x", "language": "en",
        "indexes": [{**index, **(indexes or {})}],
        "tools": [{"name": "t", "terms": 8, "examples": 9, **(tools or {})}],
        "documents": {**stored, **(documents or {})},
        "labels": {**asked, **(labels or {})},
        "turns": None if turns is None else {**kept, **turns},
        "load": None if load is None else {**took, **load},
        "form": {"format": "plain", "persona": False, "examples": 0, **(form or {})},
        "deployment": {"models": list(models), "private": private},
    }  # fmt: skip
    return cast(Facts, found)


def misses(cause: Cause, count: int, where: str = "a", **changes: Any) -> Changes:
    """Return labels of which some missed for a cause."""
    row = {"cause": cause, "where": where, "instead": "", "terms": [], "setting": "", **changes}
    return {"misses": [{"id": str(number), **row} for number in range(count)]}


STYLED = {"written": 6000, "unlike": 2000, "samples": 6000, "recent": 900}
RULES: dict[str, tuple[Facts, Remedy]] = {
    "nothing": (facts(), "nothing"),
    "one miss is chance": (facts(labels=misses("routing", 1)), "nothing"),
    "few labels": (facts(labels={"questions": 9}), "label"),
    "vague description": (facts(labels=misses("routing", 9), indexes={"phrases": 1}), "descriptions"),
    "description of another": (facts(labels=misses("routing", 9), indexes={"fits_better": "b"}), "descriptions"),
    "nothing said of an index": (facts(labels={"questions": 9}, indexes={"phrases": 0, "examples": 0}), "descriptions"),
    "nothing said, and no harm": (facts(indexes={"phrases": 0, "examples": 0}), "nothing"),
    "no description": (facts(labels={"questions": 9}, indexes={"phrases": 0}), "descriptions"),
    "few examples": (facts(labels=misses("routing", 9), indexes={"examples": 2}), "examples"),
    "examples, and routes to learn": (facts(labels=misses("routing", 9), turns={"labelled": 80}), "tune_router"),
    "examples, and nothing to learn": (facts(labels=misses("routing", 9)), "examples"),
    "tool without words": (facts(labels=misses("tool_choice", 9, "t"), tools={"terms": 1}), "describe_tool"),
    "tool alone is bad": (facts(labels=misses("tool_arguments", 5, "t")), "arguments"),
    "unknown words": (facts(labels=misses("terminology", 9, terms=["mangel"])), "write_synonyms"),
    "unknown words, odd cutting": (
        facts(labels=misses("terminology", 9), indexes={"odd": ["embedding = \"none\""]}), "reset_ingest"),
    "a trial mended it": (facts(labels=misses("search_settings", 4, setting="a: k")), "reset_search"),
    "follow-ups": (facts(labels=misses("follow_up", 12)), "rewriter"),
    "ranked low": (facts(labels=misses("ranking", 12)), "chunks"),
    "quotations lack it": (facts(labels=misses("answer", 12)), "chat_model"),
    "a model lacks it": (facts(labels=misses("answer", 12), models=("openai:m",)), "few_shot"),
    "much fails of most": (
        facts(labels={"misses": [*misses("answer", 5)["misses"], *misses("ranking", 3)["misses"]]}),
        "chat_model",
    ),
    "unread files": (facts(documents={"failed": ["b.pdf"]}), "mend_files"),
    "waiting files": (facts(documents={"waiting": ["b.md"]}), "ingest"),
    "empty index": (facts(indexes={"documents": 0}), "add_documents"),
    "slow model": (facts(load={"slow": 30, "stages": {"respond": 9e5}}, models=("openai:m",)), "faster_model"),
    "slow router": (facts(load={"slow": 30, "stages": {"route": 9e5}}, models=("openai:m",)), "threshold"),
    "no time left": (facts(load={"limits": {"seconds": 30}}, models=("openai:m",)), "faster_model"),
    "dear, little data": (facts(load={"limits": {"cost": 30}}, models=("openai:m",)), "fewer_calls"),
    "dear, enough data": (
        facts(load={"limits": {"cost": 30}}, turns={"samples": 6000, "recent": 900}, models=("openai:m",),
              form={"format": "json"}),
        "distill",
    ),
    "dear, enough data, changing facts": (
        facts(load={"limits": {"cost": 30}}, turns={"samples": 6000, "recent": 900}, models=("openai:m",),
              form={"format": "json"}, documents={"changing": 3}),
        "fewer_calls",
    ),
    "dear, enough data, short history": (
        facts(load={"limits": {"cost": 30}}, turns={"samples": 6000, "recent": 900}, models=("openai:m",),
              form={"format": "json"}, documents={"days": 2.0}),
        "fewer_calls",
    ),
    "tone, no examples": (facts(turns=STYLED, models=("openai:m",)), "few_shot"),
    "tone, examples, data": (facts(turns=STYLED, models=("openai:m",), form={"examples": 2}), "lora"),
    "tone, examples, data, elsewhere": (
        facts(turns=STYLED, models=("openai:m",), form={"examples": 2, "format": "fields"}, private=False),
        "hosted",
    ),
    "tone, examples, too little data": (
        facts(turns={**STYLED, "samples": 900}, models=("openai:m",), form={"examples": 2}), "keep_traces"),
    "tone, examples, two criteria": (
        facts(turns={**STYLED, "recent": 9}, models=("openai:m",), form={"examples": 2}, private=False),
        "keep_traces",
    ),
    "format asked for": (facts(turns={"complaints": {"format": 20}}), "answer_format"),
    "old answers": (facts(turns={"complaints": {"outdated": 20}}, documents={"changing": 4}), "fresh"),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_rules(name: str) -> None:
    """What is seen decides what is advised first, in both languages."""
    found, top = RULES[name]
    for language in ("zh", "en"):
        advice = advice_of({**found, "language": language})
        assert advice["recommendations"][0]["remedy"] == top
        assert "\n".join(lines_of(advice, language))


def test_no_model_is_tuned_for_facts_or_without_data() -> None:
    """Whatever else holds: below 5,000 samples no model is tuned, and where facts change only its form is."""
    seen = set()
    for samples, changing, days, style, slow, private, form in itertools.product(
        (0, 400, 4999, 5000),
        (0, 4),
        (0.0, 90.0),
        (0, 3000),
        (0, 90),
        (True, False),
        ("plain", "json"),
    ):
        advice = advice_of(
            facts(
                turns={"samples": samples, "recent": samples, "written": 6000, "unlike": style,
                       "complaints": {"outdated": 40 if changing else 0}},
                load={"slow": slow, "stages": {"respond": 1.0}, "limits": {"cost": slow}},
                documents={"changing": changing, "days": days}, models=("openai:m",), private=private,
                form={"examples": 2, "format": form}, labels=misses("routing", 20),
            )
        )  # fmt: skip
        tuned = TUNING & {one["remedy"] for one in advice["recommendations"]}
        assert not tuned or (samples >= 5000 and advice["tuning"]["met"] >= 3)
        assert not tuned or not changing or tuned <= {"lora", "hosted"}
        assert not tuned or style or (days and not changing)
        assert not changing or advice["recommendations"][0]["remedy"] not in TUNING or style
        seen |= tuned
    assert seen == TUNING


@pytest.mark.parametrize(
    ("failed", "of", "needed"), [(0, 0, 22), (0, 5, 22), (1, 28, 34), (2, 12, 16), (1, 9, 41)]
)
def test_labels_needed(failed: int, of: int, needed: int) -> None:
    """It is said how many questions it takes, if as many of them fail as now."""
    assert labels_needed(share(failed, of)) == needed


def test_every_cause_and_remedy_has_words() -> None:
    """Both languages tell every cause and remedy, with the same values."""
    zh, en = (texts("advise", language) for language in ("zh", "en"))

    def fields(text: Any) -> set[str]:
        joined = "".join(text) if isinstance(text, list) else text
        return {name for _, name, _, _ in string.Formatter().parse(joined) if name}

    assert zh.keys() == en.keys()
    assert set(zh["why"]) == set(en["why"]) == set(get_args(Cause))
    for part in ("what", "do", "against"):
        assert set(zh[part]) == set(en[part]) == set(get_args(Remedy)) == set(EFFORTS)
        assert all(fields(zh[part][key]) == fields(en[part][key]) for key in zh[part])
    assert all(fields(zh["why"][key]) == fields(en["why"][key]) for key in zh["why"])


@pytest.mark.parametrize(
    ("note", "about"),
    [
        ("这是旧的价格", "outdated"), ("prices have changed", "outdated"), ("语气太生硬", "style"),
        ("too long", "style"), ("格式不对", "format"), ("等了太慢", "slow"), ("wrong", "other"), ("", "other"),
    ],
)  # fmt: skip
def test_complaints(note: str, about: str) -> None:
    """Notes of bad feedback tell what is wrong, in both languages."""
    assert complaint(note) == about


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("您好，7天[1]。感谢您的耐心～", True), ("您好，7天[1]。", False), ("7天。", False),
        ("Hello! 7 days [1]. Let me know if you need more.", True), ("7 days.", False),
    ],
)  # fmt: skip
def test_house_style(answer: str, kept: bool) -> None:
    """What all examples of a language have in common is the style that answers in it should keep."""
    style = house_style(
        [
            "您好，5天[1]。谢谢您～",
            "您好，凭证明[1]。\n- 证明\n感谢您的耐心！",
            "Hello, 5 days. Thank you.",
        ]
    )
    assert keeps(answer, style) is kept


def test_clusters() -> None:
    """Unanswered questions are grouped by a word that at least three different ones share."""
    asked = [
        "公积金怎么提取？",
        "公积金可以贷款吗？",
        "公积金断缴怎么办？",
        "公积金断缴怎么办？",
        "食堂在哪里？",
    ]
    assert clusters(asked) == [{"term": "公积金", "turns": 4}]
    assert clusters(["食堂在哪里？"] * 5) == []
    assert clusters([]) == []


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://localhost:8000/v1", True), ("http://10.1.2.3/v1", True), ("http://vllm:8000/v1", True),
        ("https://llm.corp.internal/v1", True), ("https://api.deepseek.com/v1", False), ("", False),
    ],
)  # fmt: skip
def test_private_deployment(url: str, private: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is private if its address is one of a private network."""
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    data = {"models": {"chat": "openai:m"}, "model": [{"name": "m", "base_url": url}]}
    assert deployment_of(Settings.model_validate(data))["private"] is private


ANSWERS: Answers = {
    "documents": 300, "changes": "never", "samples": 8000, "volume": 500, "format": "tone",
    "held": "no", "terms": False, "private": True, "pressed": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ["lora", "start", "private_model"]),
        ({"private": False}, ["hosted", "start"]),
        ({"private": False, "volume": 1}, ["start", "few_shot", "keep_traces"]),
        ({"samples": 300}, ["start", "few_shot", "private_model", "keep_traces"]),
        ({"changes": "daily"}, ["start", "lora", "fresh", "private_model"]),
        ({"changes": "daily", "held": "untried"}, ["start", "fresh", "few_shot", "private_model"]),
        ({"format": "json", "held": "yes", "pressed": True}, ["start", "private_model", "distill"]),
        ({"format": "free", "pressed": True, "terms": True, "private": False},
         ["start", "write_synonyms", "faster_model"]),
    ],
)  # fmt: skip
def test_interview(changes: Changes, told: list[str]) -> None:
    """Without a project the same criteria hold: retrieval for facts, tuning for form and with data alone."""
    advice = advice_for(cast(Answers, {**ANSWERS, **changes}), "zh")
    assert [one["remedy"] for one in advice["recommendations"]] == told
    assert "\n".join(lines_of(advice, "zh"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('changes = "sometimes"', "changes takes never, monthly, weekly, daily"),
        ("samples = -1", "samples: Input should be greater than or equal to 0"),
        ("volumes = 3", "volumes"),
        ("not toml", "cannot be read"),
        ('documents = "many"', "documents takes a whole number"),
    ],
)
def test_unusable_answers(tmp_path: Path, line: str, told: str) -> None:
    """An answer that cannot be used is told with what can."""
    key = line.partition(" ")[0]
    rows = [f"{name} = {json.dumps(value)}" for name, value in ANSWERS.items() if name != key]
    file = tmp_path / "answers.toml"
    file.write_text("\n".join([*rows, line]), encoding="utf-8")
    with pytest.raises(UsageError) as error:
        read_answers(file)
    assert told in str(error.value)


def asked(arguments: list[str], typed: str = "") -> str:
    """Run the command and return what it printed on stdout."""
    import typer

    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, arguments, input=typed)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("zh\n很多\n300\n每天\n100\n50\n自由\n是\nn\nno\n", "最先该做：用提示词和检索起步"),
        ("en\n300\nnev\n9000\n900\nton\nno\nn\nyes\nn\n", "First: LoRA"),
    ],
)
def test_interview_in_the_terminal(typed: str, first: str) -> None:
    """Answers may be words of either language or their beginnings; what is none is asked for again."""
    assert first in asked(["--interview"], typed)


async def test_project(tiny: Waypost, tmp_path: Path) -> None:
    """What missed is put down to a cause, who asked included, and a saved report gives the same advice."""
    rows = [
        {"id": "well", "question": "年假有几天？", "action": "search", "indexes": ["leave"], "answer": "7天"},
        {"id": "words", "question": "Who supplies molybdenum paste?", "action": "search",
         "indexes": ["manual"], "documents": ["docs/manual/pump.md"], "answer": "lithium"},
        {"id": "label", "question": "How often is the bearing lubricated?", "action": "search",
         "documents": ["docs/manual/pmup.md"]},
        {"id": "gone", "question": "产假有多少天？", "action": "search", "documents": ["docs/leave/maternity.md"]},
        {"id": "barred", "question": "What is the salary of Chen?", "action": "act", "tool": "read_salary"},
        {"id": "refused", "question": "病假要谁批准？", "action": "abstain"},
    ]  # fmt: skip
    file, saved = tmp_path / "questions.jsonl", tmp_path / "report.json"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    questions = read_questions(file)
    report = await evaluate(tiny, questions)
    found = await gather(tiny, report, questions)
    assert found["labels"] is not None
    assert {one["id"]: one["cause"] for one in found["labels"]["misses"]} == {
        "words": "terminology", "label": "unknown_document", "gone": "no_documents",
        "barred": "access", "refused": "answered_anyway",
    }  # fmt: skip
    saved.write_text(json.dumps(report), encoding="utf-8")
    again = await gather(tiny, read_whole_report(saved))
    assert again["labels"] == found["labels"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": [{"id": 1}]}', '{"results": 3}'])
def test_unusable_reports(tmp_path: Path, text: str) -> None:
    """What is no report with results is refused with what makes one."""
    file = tmp_path / "report.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="waypost eval"):
        read_whole_report(file)


async def test_history_of_documents(tiny_project: MakeProject) -> None:
    """The store knows which files wait, since when a document is there, and how often its content changed."""
    project = tiny_project()
    document = project / "docs" / "manual" / "pump.md"

    async def changes(waypost: Waypost) -> list[int]:
        facts = await gather(waypost)
        assert facts["documents"]["total"] == 2
        return [len(facts["documents"]["waiting"]), facts["documents"]["changes"]]

    async with Waypost.open(project, persistent=False) as waypost:
        assert (await waypost.registry.waiting()).files == [
            "docs/leave/休假制度.md",
            "docs/manual/pump.md",
        ]
        await waypost.ingest()
        assert await changes(waypost) == [0, 0]
        document.write_text(document.read_text(encoding="utf-8") + "\nMore.\n", encoding="utf-8")
        assert await changes(waypost) == [1, 0]
        await waypost.ingest()
        assert await changes(waypost) == [0, 1]
        document.unlink()
        assert (await waypost.registry.waiting()).files == ["docs/manual/pump.md"]


ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "advise.md").read_text(encoding="utf-8")


def test_guide_names_every_answer() -> None:
    """The guide's file of answers has them all, and is one that can be read."""
    [text] = re.findall(r"```toml\n# helpdesk/answers\.toml\n(.*?)```", GUIDE, re.DOTALL)
    assert tomllib.loads(text).keys() == Answers.__annotations__.keys()


@pytest.mark.slow
def test_guide(tmp_path: Path) -> None:
    """The guide's files, commands and snippet work as they stand there, in order."""
    command = tmp_path / "bin" / "waypost"
    command.parent.mkdir()
    start = f'exec "{sys.executable}" -W error -c "from agent.cli.main import run; run()" "$@"'
    command.write_text(f"#!/bin/sh\n{start}\n", encoding="utf-8")
    command.chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1",
    }  # fmt: skip
    printed = []
    for language, file, text in re.findall(
        r"```(\w+)\n(?:# (helpdesk/\S+)\n)?(.*?)```", GUIDE, re.DOTALL
    ):
        if file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text, encoding="utf-8")
            continue
        program = ["bash", "-e"] if language == "bash" else [sys.executable, "-W", "error"]
        done = subprocess.run(
            [*program, "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    first, _, interview, snippet = printed
    assert "no_documents" in snippet
    assert first.count("1. Add documents") == 2
    assert "用提示词和检索起步" in interview


# --- situations: one thing broken in a whole project ---------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the office, ingested and closed."""
    return await make_office(tmp_path_factory.mktemp("office"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def busy(office: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the office with more than 5,000 good turns."""
    return await make_busy(office, tmp_path_factory.mktemp("busy"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SITUATIONS)
async def test_one_thing_broken(office: Path, busy: Path, tmp_path: Path, name: str) -> None:
    """The first recommendation mends the one thing that is broken; a model is tuned only where that is it."""
    situation = SITUATIONS[name]
    advice = await advised(office, busy, tmp_path, situation)
    found = advice["facts"]
    assert found is not None
    told = [(one["remedy"], one["why"]) for one in advice["recommendations"]]
    assert told[0][0] == situation.top, (told, found["labels"])
    tuned = TUNING & {one["remedy"] for one in advice["recommendations"]}
    assert tuned == TUNING & {situation.top}


def emptied(project: Path) -> None:
    """Take away all that the settings tell the router of each index."""
    path = project / "waypost.toml"
    text = re.sub(r'(?m)^description = ".*"$', 'description = ""', path.read_text(encoding="utf-8"))
    path.write_text(re.sub(r"(?ms)^examples = \[.*?^\]", "examples = []", text), encoding="utf-8")


EXAMPLES: dict[str, tuple[str, Callable[[Path], None], Remedy]] = {
    "as it is": ("urban_construction", lambda project: None, "nothing"),
    "indexes without description and examples": ("urban_construction", emptied, "descriptions"),
    "an index that is restricted": (
        "regulations",
        lambda project: edit(
            project, ('name = "construction"\n', 'name = "construction"\ngroups = ["board"]\n')
        ),
        "grant",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
async def test_examples(tmp_path: Path, name: str) -> None:
    """A whole example is well as it is, and what is broken in it is found among all its questions."""
    example, broken, top = EXAMPLES[name]
    project = tmp_path / "project"
    shutil.copytree(
        ROOT / "examples" / example,
        project,
        ignore=shutil.ignore_patterns(".waypost", "__pycache__"),
    )
    broken(project)
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        rows = read_questions(project / "questions.jsonl")
        facts = await gather(waypost, await evaluate(waypost, rows), rows)
    told = [one["remedy"] for one in advice_of(facts)["recommendations"]]
    assert told[0] == top
    assert not TUNING & set(told)
