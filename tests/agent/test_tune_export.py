"""Training files hold what was accepted, as it is served, and nothing that they must not."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from agent import Principal, Waypost
from agent.cli.tune.export import command
from agent.errors import UsageError
from agent.models import ToolSchema
from agent.settings import Settings, load
from agent.tuning.export import FORMATS, TASKS, Card, Options, export
from agent.tuning.export.checks import one_each, without_duplicates
from agent.tuning.export.factory import dataset_info, template_of, train_yaml
from agent.tuning.export.formats import row_of
from agent.tuning.export.openai_rules import problems_in
from agent.tuning.export.similar import alike, groups
from agent.tuning.export.split import balanced, divided, repeated
from agent.tuning.export.types import Format, Sample, Source, skeleton
from prompts import texts
from tests.agent.scripted import scripted
from tests.agent.tiny import write_tiny_project

MakeProject = Callable[..., Path]
BASE = "Qwen/Qwen2.5-0.5B-Instruct"
KEEP = ("[routing]", "[traces]\nkeep = true\n\n[routing]")
LI = Principal("li.lei", ("hr",))


def sample(question: str, label: str = "leave", source: Source = "examples", **more: Any) -> Sample:
    """Return a sample whose prompt is its question."""
    asked = ({"role": "user", "content": question},)
    return Sample(question, label, source, "zh", asked, more.pop("reply", label), **more)


CALLING = Sample(
    "订两个密封圈", "order_part", "traces", "zh",
    ({"role": "system", "content": "规则"}, {"role": "user", "content": "订两个密封圈"}), "",
    calls=({"name": "order_part", "args": {"part": "seal", "count": 2}},),
    tools=(ToolSchema("order_part", "Orders.", {"type": "object", "properties": {"part": {"type": "string"}, "count": {"type": "integer"}}}),),
)  # fmt: skip
SHOTS = Sample(
    "年假几天？", "answer", "traces", "zh",
    (
        {"role": "system", "content": "规则"}, {"role": "user", "content": "例"},
        {"role": "assistant", "content": "好"}, {"role": "user", "content": "资料 年假几天？"},
    ), "7天[1]",
)  # fmt: skip
FUNCTION = {
    "name": "order_part",
    "description": "Orders.",
    "parameters": dict(CALLING.tools[0].parameters),
}
ROWS: list[tuple[Sample, Any, Format, dict[str, Any]]] = [
    (CALLING, "tools", "openai", {
        "messages": [
            {"role": "system", "content": "规则"}, {"role": "user", "content": "订两个密封圈"},
            {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {
                "name": "order_part", "arguments": '{"part": "seal", "count": 2}'}}]},
        ],
        "tools": [{"type": "function", "function": FUNCTION}], "parallel_tool_calls": True,
    }),
    (CALLING, "tools", "sharegpt", {
        "conversations": [
            {"from": "human", "value": "订两个密封圈"},
            {"from": "function_call", "value": '{"name": "order_part", "arguments": {"part": "seal", "count": 2}}'},
        ],
        "system": "规则", "tools": json.dumps([FUNCTION], ensure_ascii=False),
    }),
    (CALLING, "tools", "alpaca", {"instruction": "订两个密封圈", "input": "", "output": "order_part", "system": "", "history": []}),
    (CALLING, "tools", "prompt-completion", {"prompt": "订两个密封圈", "completion": "order_part"}),
    (SHOTS, "answer", "openai", {"messages": [
        {"role": "system", "content": "规则"}, {"role": "user", "content": "例"},
        {"role": "assistant", "content": "好", "weight": 0}, {"role": "user", "content": "资料 年假几天？"},
        {"role": "assistant", "content": "7天[1]"},
    ]}),
    (SHOTS, "answer", "sharegpt", {
        "conversations": [
            {"from": "human", "value": "例"}, {"from": "gpt", "value": "好"},
            {"from": "human", "value": "资料 年假几天？"}, {"from": "gpt", "value": "7天[1]"},
        ],
        "system": "规则", "tools": "",
    }),
    (SHOTS, "answer", "alpaca", {
        "instruction": "资料 年假几天？", "input": "", "output": "7天[1]", "system": "规则", "history": [["例", "好"]],
    }),
    (SHOTS, "answer", "prompt-completion", {"prompt": "规则\n\n例\n\n好\n\n资料 年假几天？", "completion": "7天[1]"}),
    (SHOTS, "style", "prompt-completion", {"prompt": "年假几天？", "completion": "7天[1]"}),
    (sample("年假几天？"), "router", "prompt-completion", {"prompt": "年假几天？", "completion": "leave"}),
]  # fmt: skip


@pytest.mark.parametrize(("made", "task", "form", "row"), ROWS)
def test_rows(made: Sample, task: Any, form: Format, row: dict[str, Any]) -> None:
    """A sample has the documented form of each format; only its own reply is learned."""
    assert row_of(made, task, form) == row


GOOD = row_of(CALLING, "tools", "openai")
USER = {"role": "user", "content": "hi"}
SAYS = {"role": "assistant", "content": "hello"}
CALL = GOOD["messages"][-1]
BROKEN: list[tuple[Any, str]] = [
    ([], "no object with `messages`"),
    ({"messages": []}, "not a list of messages"),
    ({"messages": [USER]}, "last message is not the assistant's"),
    ({"messages": [SAYS]}, "no message of the user"),
    ({"messages": [USER, {**SAYS, "weight": 0}]}, "no message of the assistant to learn"),
    ({"messages": [USER, {**SAYS, "weight": 2}]}, "`weight` is 0 or 1"),
    ({"messages": [{**USER, "role": "human"}, SAYS]}, "'human' is no role"),
    ({"messages": [USER, {**SAYS, "content": " "}]}, "says nothing"),
    ({"messages": [USER, {**SAYS, "mood": "x"}]}, "unknown keys ['mood']"),
    ({"messages": [USER, SAYS], "prompt": "x"}, "unknown keys ['prompt']"),
    ({"messages": [USER, SAYS, {"role": "system", "content": "x"}, SAYS]}, "after the conversation has begun"),
    ({"messages": [USER, {"role": "tool", "tool_call_id": "a", "content": "x"}, SAYS]}, "of no call before it"),
    ({**GOOD, "messages": [*GOOD["messages"], USER, SAYS]}, "a call has no result"),
    ({**GOOD, "tools": []}, "'order_part' is called, which `tools` does not have"),
    ({**GOOD, "tools": [{"type": "function", "function": {**FUNCTION, "name": "order part"}}]}, "no name of a tool"),
    ({**GOOD, "tools": [{"type": "function", "function": {**FUNCTION, "parameters": {"type": "thing"}}}]}, "no JSON schema"),
    ({**GOOD, "tools": GOOD["tools"] * 2}, "two tools are named"),
    ({**GOOD, "tools": GOOD["tools"] * 129}, "at most 128"),
    ({**GOOD, "parallel_tool_calls": "yes"}, "neither true nor false"),
    ({**GOOD, "messages": [USER, {**CALL, "tool_calls": [{**CALL["tool_calls"][0], "function": {"name": "order_part", "arguments": {}}}]}]}, "no JSON object in a text"),
    ({**GOOD, "messages": [USER, {**CALL, "tool_calls": [{**CALL["tool_calls"][0], "function": {"name": "order_part", "arguments": '{"count": "two"}'}}]}]}, "breaks the schema at $.count"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "told"), BROKEN, ids=[told for _, told in BROKEN])
def test_openai_rules_are_kept(row: Any, told: str) -> None:
    """Each of OpenAI's rules finds the line that breaks it."""
    [problem, *_] = problems_in("v.jsonl", [GOOD, row], [5, 5], 100, training=False)
    assert "v.jsonl, line 2" in problem
    assert told in "".join(problems_in("v.jsonl", [row], [5], 100, training=False))


def test_openai_limits() -> None:
    """Ten rows are the least to train on; a file may be too large, a line too long; a good one has no problem."""
    assert problems_in("t.jsonl", [GOOD] * 10, [5] * 10, 100, training=True) == []
    [few] = problems_in("t.jsonl", [GOOD] * 9, [5] * 9, 100, training=True)
    assert "9 rows" in few
    assert "fewer than 10" in few
    assert "513 MB" in problems_in("t.jsonl", [GOOD], [5], 513_000_000, training=False)[0]
    assert "cuts off" in problems_in("t.jsonl", [GOOD], [65_537], 100, training=False)[0]


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ("年假有几天？", "年假有几天", True),
        ("How often is the bearing lubricated?", "how often is the BEARING lubricated", True),
        ("婚假怎么申请？", "婚假怎麼申請", True),
        ("How often is the bearing lubricated?", "How often are the bearings lubricated?", True),
        ("年假有几天？", "病假要谁批准？", False),
        ("Which vibration is allowed?", "When is the seal replaced?", False),
    ],
)
def test_alike_by_letters(left: str, right: str, found: bool) -> None:
    """Case, script, punctuation and a few letters make no other question."""
    nothing = np.zeros((1, 2), dtype=np.float32)
    assert bool(list(alike([left], [right], (nothing, nothing)))) is found


def test_alike_by_meaning() -> None:
    """Questions of near embeddings are alike, each pair once; chains make one group."""
    angles = np.array([0.0, 0.2, 0.4, 2.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    asked = ["一", "二", "三", "四"]
    pairs = [(one.left, one.right) for one in alike(asked, asked, (vectors, vectors))]
    assert pairs == [(0, 1), (1, 2)]
    assert groups(4, iter(pairs)) == [0, 0, 0, 3]


def test_one_reply_a_question() -> None:
    """A correction beats an example, a later turn an earlier one; examples that contradict are left out."""
    kept, gone = one_each(
        [
            sample("年假？", "manual"), sample("年假", "leave", "corrections"),
            sample("病假", "manual", "traces", at="2026-01"), sample("病假", "leave", "traces", at="2026-02"),
            sample("婚假", "manual"), sample("婚假。", "leave"),
            sample("产假"), sample("产假？"),
        ]
    )  # fmt: skip
    assert [(one.question, one.label) for one in kept] == [
        ("年假", "leave"),
        ("病假", "leave"),
        ("产假", "leave"),
    ]
    reasons = [(one["reason"], one["question"]) for one in gone]
    assert reasons == [
        ("contradiction", "年假？"),
        ("contradiction", "病假"),
        ("contradiction", "婚假"),
        ("contradiction", "婚假。"),
        ("duplicate", "产假？"),
    ]


@pytest.mark.parametrize(
    ("other", "label", "dropped"),
    [
        ("How often is the main bearing of the pump lubricated", "manual", True),
        ("How often is the main bearing of the pump lubricated", "leave", False),
        ("How often is the main bearing of the pump 2 lubricated?", "manual", False),
    ],
)
def test_near_duplicates(other: str, label: str, dropped: bool) -> None:
    """Nearly the same question with the same reply is one too many, unless a number or the label differs."""
    made = [
        sample("How often is the main bearing of the pump lubricated?", "manual"),
        sample(other, label),
    ]
    asked = [one.question for one in made]
    nothing = np.zeros((2, 2), dtype=np.float32)
    places, gone = without_duplicates(made, list(alike(asked, asked, (nothing, nothing))))
    assert ([0] if dropped else [0, 1]) == places
    assert [one["reason"] for one in gone] == ["near_duplicate"] * dropped


def test_divided() -> None:
    """Groups stay whole, each class gives its share, what prompts show is trained on, seeds repeat."""
    made = [sample(f"{label}{n}", label, shown=n < 10) for label in "abc" for n in range(20)]
    group = [n - n % 2 for n in range(60)]  # pairs
    train, validation = divided(made, group, 0.2, seed=1)
    assert sorted([*train, *validation]) == list(range(60))
    assert {n - n % 2 for n in train}.isdisjoint({n - n % 2 for n in validation})
    assert Counter(made[n].label for n in validation) == {"a": 4, "b": 4, "c": 4}
    assert not any(made[n].shown for n in validation)
    assert divided(made, group, 0.2, seed=1) == (train, validation)
    assert divided(made, group, 0.2, seed=2) != (train, validation)
    assert divided(made, group, 0.0, seed=1) == (list(range(60)), [])
    assert divided(made[:4], [0, 1, 2, 3], 0.2, seed=1)[1] == []  # too few to give one away


def test_balance() -> None:
    """Cutting keeps corrections and three times the middle class; repeating adds at most twice a row."""
    made = [sample(f"a{n}", "a", "corrections" if n == 99 else "examples") for n in range(100)]
    made += [sample(f"{label}{n}", label) for label in "bc" for n in range(4)]
    places, gone = balanced(made, "cap", seed=0)
    assert Counter(made[n].label for n in places) == {"a": 12, "b": 4, "c": 4}
    assert 99 in places
    assert len(gone) == 88
    assert len(balanced(made, "repeat", seed=0)[0]) == 108
    assert Counter(one.label for one in repeated(made, "repeat")) == {"a": 100, "b": 12, "c": 12}
    assert repeated(made, "cap") == made


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("form", FORMATS)
def test_llama_factory_is_told(task: Any, form: Format) -> None:
    """dataset_info.json names both files; the settings are LoRA's usual ones on two projections."""
    info = dataset_info(task, form, validation=True)
    if (task, form) == ("tools", "openai"):
        assert info == {}  # LLaMA-Factory encodes such arguments twice
        return
    told = yaml.safe_load(
        train_yaml(task, BASE, "qwen", longest=900, epochs=2, seed=7, validation=True)
    )
    names = [told["dataset"], told["eval_dataset"]]
    assert {name: info[name]["file_name"] for name in names} == {
        names[0]: "train.jsonl",
        names[1]: "validation.jsonl",
    }
    lora = {key: told[key] for key in ("lora_rank", "lora_alpha", "lora_dropout", "lora_target")}
    assert lora == {"lora_rank": 8, "lora_alpha": 16, "lora_dropout": 0.05, "lora_target": "q_proj,v_proj"}  # fmt: skip
    assert told["cutoff_len"] >= 900
    assert not told["bf16"]
    assert template_of(told["model_name_or_path"]) == told["template"] == "qwen"


def rows_of(folder: Path, name: str = "train") -> list[dict[str, Any]]:
    """Return the lines of a file of an export."""
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def exported(project: Path, out: Path, capsys: pytest.CaptureFixture[str], **more: Any) -> Card:
    """Run the command, and return the card that it prints."""
    given: dict[str, Any] = {"task": "router", "form": "prompt-completion", "base": BASE}
    command(out=out, project=project, as_json=True, **(given | more))
    card: Card = json.loads(capsys.readouterr().out)
    stored = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert {"folder": str(out), **stored} == card
    return card


def test_router_export(
    tiny_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every public class has its examples once; files are their owner's, whole, and as the card says."""
    out = tmp_path / "out"
    card = exported(tiny_project(), out, capsys)
    both = [*rows_of(out), *rows_of(out, "validation")]
    assert Counter(row["completion"] for row in both) == card["labels"]
    assert {"leave", "manual", "order_part", "none"} <= set(card["labels"])
    assert len({skeleton(row["prompt"]) for row in both}) == len(both)
    assert card["rows"] == {
        "train": len(rows_of(out)),
        "validation": len(rows_of(out, "validation")),
    }
    assert card["rows"]["validation"] > 0
    assert card["alike"]["across"] == 0
    for name, digest in card["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert "waypost.toml" in card["settings"]["files"]
    assert str(tmp_path) not in (out / "card.json").read_text("utf-8").replace(str(out), "")


def test_restricted_is_left_out(
    tiny_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tool for finance stands in no file, nor do its questions, unless that is asked for; then it is said."""
    project = tiny_project()
    card = exported(project, tmp_path / "a", capsys, form="openai")
    every = "".join(path.read_text("utf-8") for path in (tmp_path / "a").iterdir())
    assert "salary" not in every.replace("read_salary", "")
    assert "read_salary" not in (tmp_path / "a" / "train.jsonl").read_text("utf-8")
    assert card["dropped"]["restricted"] == 4
    card = exported(project, tmp_path / "b", capsys, form="openai", restricted=True)
    assert card["labels"]["read_salary"] == 4
    assert any("--restricted" in note for note in card["warnings"])
    card = exported(project, tmp_path / "c", capsys, task="tools", form="openai")
    assert "read_salary" not in (tmp_path / "c" / "train.jsonl").read_text("utf-8")


PLANTED = (
    '    "How often is the bearing lubricated?",',
    '    "How often is the bearing lubricated?", "How often is the bearing lubricated",'
    ' "How often is the pump bearing lubricated by hand?", "How often is the pump bearing lubricated by hand ?!",'
    ' "Start the pump with the key sk-abcdefghijklmnopqrstuvwxyz123456",'
    ' "Whom do I call about the seal, 13800138000?", "Which seal fits? ' + "Really, which one? " * 90 + '",',
)  # fmt: skip


def test_planted_faults_are_found(
    tiny_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A duplicate, an over-long row, a credential, a phone and a leak are each left out or mended, and told."""
    held = tmp_path / "held.jsonl"
    held.write_text(
        '{"question": "Which vibration is permitted?", "indexes": ["manual"]}\n', "utf-8"
    )
    out = tmp_path / "out"
    card = exported(
        tiny_project(PLANTED), out, capsys, held_out=[held], max_tokens=300, balance="none"
    )
    assert card["dropped"] == {"restricted": 4, "duplicate": 2, "too_long": 1, "held_out": 1, "credential": 1}  # fmt: skip
    found = {tuple(one["kinds"]): one["done"] for one in card["found"]}
    assert found == {("redacted",): "dropped", ("phone",): "replaced"}
    asked = [row["prompt"] for row in [*rows_of(out), *rows_of(out, "validation")]]
    assert "Whom do I call about the seal, [phone]?" in asked
    assert "Which vibration is allowed?" not in asked
    every = "".join(path.read_text("utf-8") for path in out.iterdir())
    assert "sk-abcdef" not in every
    assert "13800138000" not in every
    told = {row["reason"]: row["question"] for row in rows_of(out, "dropped")}
    assert told["held_out"] == "Which vibration is allowed?"
    assert told["restricted"] == ""
    page = (out / "README.md").read_text("utf-8")
    assert "longer than --max-tokens | 1" in page
    assert card["held_out"] == ["held.jsonl"]


def test_likely_leaks_stay_together(
    tiny_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A paraphrase, in another language too, is on the side of its question, whatever the seed."""
    project = tiny_project(
        ('"年假有几天？", "病假要谁批准？"', '"婚假多少天", "产假多少天", "年假有几天？", "How many days is 年假?", "病假要谁批准？"'),
        ('"Order 3 seals"', '"Order a seal", "Order one", "Order 3 impellers please", "Order 4 impellers please", "Order 3 seals"'),
    )  # fmt: skip
    pairs = [("年假有几天？", "How many days is 年假?"), ("Order 3 impellers please", "Order 4 impellers please")]  # fmt: skip
    drawn = set()
    for seed in range(4):
        out = tmp_path / str(seed)
        card = exported(project, out, capsys, seed=seed, validation=0.5)
        assert card["alike"]["across"] == 0
        validation = {row["prompt"] for row in rows_of(out, "validation")}
        drawn |= validation
        for left, right in pairs:
            assert (left in validation) == (right in validation)
    assert drawn & {one for pair in pairs for one in pair}  # else it says nothing


@pytest.mark.slow
def test_same_seed_same_files(
    tiny_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An export can be made again to the byte; another seed divides otherwise."""
    project, names = tiny_project(), ("train.jsonl", "validation.jsonl", "dropped.jsonl")
    made = [
        exported(project, tmp_path / name, capsys, task="tools", form="openai", seed=seed)["sha256"]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert [made[0][name] for name in names] == [made[1][name] for name in names]
    assert made[0]["validation.jsonl"] != made[2]["validation.jsonl"]


def test_calls(
    tiny_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A question calls with its arguments, asks back where one is missing, and calls nothing for an index."""
    out = tmp_path / "out"
    questions = tmp_path / "q.jsonl"
    rows = [
        {"question": "Get us 5 impellers", "tool": "order_part", "args": {"part": "impeller", "count": 5}},
        {"question": "And 3?", "after": ["Order seals"], "tool": "order_part"},
        {"question": "Get us a flux capacitor", "tool": "order_part", "action": "clarify"},
        {"question": "产假有多少天？", "action": "abstain"},
        {"question": "谁发明了电话？", "action": "abstain", "indexes": []},
    ]  # fmt: skip
    questions.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    card = exported(tiny_project(), out, capsys, task="tools", form="openai", questions=[questions], balance="none")  # fmt: skip
    assert card["problems"] == []
    said: dict[str, Any] = {}
    for row in [*rows_of(out), *rows_of(out, "validation")]:
        asked = re.search(r"<question>\s*(.*?)\s*</question>", row["messages"][1]["content"], re.S)
        last = row["messages"][-1]
        assert asked is not None
        said[asked[1]] = last.get("content") or [
            (one["function"]["name"], json.loads(one["function"]["arguments"]))
            for one in last["tool_calls"]
        ]
        assert len(row["tools"]) == 4
    assert said["Order 3 seals"] == [("order_part", {"part": "seal", "count": 3})]
    assert said["读一下压力表"] == [("read_gauge", {"gauge": "pressure"})]
    assert said["Get us 5 impellers"] == [("order_part", {"part": "impeller", "count": 5})]
    for unsaid in ("Order a part", "Get us a flux capacitor", "年假有几天？", "谁发明了电话？"):
        assert said[unsaid] == "MISSING", unsaid
    assert (card["dropped"]["follow_up"], card["dropped"]["unclear"]) == (1, 1)
    assert any("q.jsonl" in note for note in card["warnings"])


async def test_router_prompt_is_the_served_one(tiny_project: MakeProject, tmp_path: Path) -> None:
    """What a row asks is to the letter what the router's chat model is asked, for the same question."""
    project = tiny_project(("[routing]", "[routing]\nthreshold = 1.0"))
    asked = "谁批准陪产假？"
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps({"question": asked, "indexes": ["leave"]}), "utf-8")
    model, chat = scripted('{"targets": ["leave"]}')
    async with Waypost.open(project, persistent=False) as waypost:
        options = Options("router", "openai", questions=(questions,), base=BASE)
        await export(waypost, options, tmp_path / "out")
        waypost.with_models({"router": chat})
        await waypost.ask(asked)
    rows = [*rows_of(tmp_path / "out"), *rows_of(tmp_path / "out", "validation")]
    [row] = [row for row in rows if asked in row["messages"][0]["content"]]
    assert row["messages"][0] == {"role": "user", "content": model.prompts[0]}
    assert json.loads(row["messages"][1]["content"]) == {"targets": ["leave"]}
    shown = next(
        row for row in rows if '"年假有几天？"\n</question>' in row["messages"][0]["content"]
    )
    assert (
        shown["messages"][0]["content"].count("年假有几天？") == 1
    )  # not as an example with its index


@pytest.fixture(scope="module")
async def kept(tiny: Waypost, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Waypost]:
    """Return a project with some turns, of which people said what they thought."""
    project = write_tiny_project(tmp_path_factory.mktemp("kept") / "project")
    settings = project / "waypost.toml"
    text = settings.read_text("utf-8").replace(*KEEP, 1)
    text += '\n[[answer.example]]\nquestion = "How often is it painted?"\nanswer = "Hello! Every 2 years [1]. Bye!"\n'
    settings.write_text(text, "utf-8")
    (project / "docs" / "leave" / "pay.md").write_text(
        "---\ngroups: [hr]\n---\n\n# 保密津贴\n\n保密津贴每月发放600元。\n", "utf-8"
    )
    (project / "docs" / "manual" / "crane.md").write_text(
        "# Crane\n\nThe crane is inspected every 3 years.\n\nAnn from the workshop: phone 13800138000.\n",
        "utf-8",
    )
    shutil.copytree(tiny.project / ".waypost" / "cache", project / ".waypost" / "cache")
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        for number, (question, who, good) in enumerate(
            [
                ("年假有几天？", None, True),
                ("How often is the bearing lubricated?", None, True),
                ("病假要谁批准？", None, False),
                ("婚假几天？", None, None),
                ("保密津贴每月多少元？", LI, True),
                ("When is the mechanical seal replaced?", None, True),
                ("谁赢了昨天的比赛？", None, True),
                ("How often is the crane inspected?", None, True),
                ("What is the salary of Chen?", Principal("fin", ("finance",)), True),
            ]
        ):
            thread = f"t{number}"
            await waypost.ask(question, principal=who, thread=thread)
            if good is not None:
                await waypost.feedback(thread=thread, good=good, principal=who)
        await waypost.correct("婚假几天？", action="search", indexes=["leave"])
        yield waypost


async def test_accepted_turns_are_learned(kept: Waypost, tmp_path: Path) -> None:
    """Good and corrected turns teach their route; bad ones and those without a word teach nothing."""
    card = await export(kept, Options("router", "prompt-completion", base=BASE), tmp_path / "o")
    rows = {
        row["prompt"]: row["completion"]
        for name in ("train", "validation")
        for row in rows_of(tmp_path / "o", name)
    }
    assert rows["婚假几天？"] == "leave"
    assert rows["When is the mechanical seal replaced?"] == "manual"
    assert rows["谁赢了昨天的比赛？"] == "none"
    assert card["dropped"]["bad_feedback"] == 1
    assert card["dropped"]["restricted"] == 4 + 1 + 1  # examples, a call, a document
    assert "津贴" not in "".join(path.read_text("utf-8") for path in (tmp_path / "o").iterdir())
    assert card["sources"]["traces"] >= 2
    assert card["sources"]["corrections"] == 1
    assert card["time"]["last"] >= card["time"]["first"] > ""


async def test_answers_are_grounded(kept: Waypost, tmp_path: Path) -> None:
    """An accepted answer stands in the passages of its own prompt; hidden ones are counted, not told."""
    out = tmp_path / "o"
    card = await export(kept, Options("answer", "openai", base=BASE, validation=0.0), out)
    assert card["dropped"] == {"bad_feedback": 1, "unclear": 2, "restricted": 2}
    rows = {row["messages"][-1]["content"]: row["messages"] for row in rows_of(out)}
    [said] = [one for one in rows if "7天" in one]
    assert "[1]" in said
    assert '<source id="1">' in rows[said][-2]["content"]
    assert "I am the pump desk." in rows[said][0]["content"]
    assert [one.get("weight") for one in rows[said] if one["role"] == "assistant"] == [0, None]
    every = "".join(path.read_text("utf-8") for path in out.iterdir())
    assert "津贴" not in every
    assert "8200" not in every  # what the tool told somebody
    assert "13800138000" not in every
    [crane] = [one for one in rows if "3 years" in one]
    assert "phone [phone]" in rows[crane][-2]["content"]
    assert {kind for one in card["found"] for kind in one["kinds"]} == {"phone"}
    told = await export(
        kept, Options("answer", "openai", base=BASE, restricted=True), tmp_path / "r"
    )
    assert "600元" in (tmp_path / "r" / "train.jsonl").read_text("utf-8")
    assert told["restricted"]


async def test_style(kept: Waypost, tmp_path: Path) -> None:
    """The settings' examples and accepted answers stand as the prompt shows examples, after its rules."""
    card = await export(kept, Options("style", "openai", base=BASE, validation=0.0), tmp_path / "o")
    assert card["sources"] == {"traces": 4, "examples": 1}
    [row] = [row for row in rows_of(tmp_path / "o") if "painted" in row["messages"][1]["content"]]
    assert row["messages"][-1]["content"] == "Hello! Every 2 years [1]. Bye!"
    assert row["messages"][1]["content"].startswith("(An example, of form and tone only.")


@pytest.mark.slow
async def test_what_has_changed_is_not_learned(kept: Waypost, tmp_path: Path) -> None:
    """An answer from a document that reads otherwise now is left out as stale, whatever people said then."""
    file = kept.project / "docs" / "manual" / "pump.md"
    before = file.read_text("utf-8")
    file.write_text(before.replace("500 hours", "300 hours"), "utf-8")
    await kept.ingest()
    card = await export(kept, Options("answer", "openai", base=BASE), tmp_path / "o")
    file.write_text(before, "utf-8")
    await kept.ingest()
    assert card["dropped"]["stale"] == 3  # all that found a passage of that document
    assert "500 hours" not in (tmp_path / "o" / "train.jsonl").read_text("utf-8")


async def test_a_claim_that_nothing_supports_is_not_learned(kept: Waypost, tmp_path: Path) -> None:
    """People like wrong answers too: one whose figure stands in no passage is left out."""
    assert kept.traces is not None
    [trace] = [
        one async for one in kept.traces.read(good=True) if one["question"] == "年假有几天？"
    ]
    wrong: Any = {**trace, "id": "wrong", "thread": "wrong", "question": "年假到底有几天？"}
    wrong["answer"] = trace["answer"].replace("7天", "70天")
    await kept.traces.record(wrong)
    await kept.traces.feedback("wrong", "", True)
    out = tmp_path / "o"
    card = await export(kept, Options("answer", "prompt-completion", base=BASE), out)
    assert card["dropped"]["unsupported"] == 1
    assert [one["question"] for one in rows_of(out, "dropped") if one["reason"] == "unsupported"] == [wrong["question"]]  # fmt: skip
    assert "70天" not in (out / "train.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"validation": 0.9}, "--validation 0.9"),
        ({"max_tokens": 3}, "--max-tokens 3"),
        ({"epochs": 0}, "--epochs 0"),
        ({"price": -1.0}, "--price -1.0"),
        ({"task": "answer"}, "nothing to export for 'answer'"),
        ({"max_tokens": 64, "form": "openai"}, "nothing to export for 'router': too_long"),
        ({"held_out": [Path("gone.jsonl")]}, "cannot be read"),
        ({"questions": [Path("q.jsonl")], "task": "style"}, "no answers to teach 'style'"),
    ],
)
def test_what_cannot_be(
    tiny_project: MakeProject, tmp_path: Path, given: dict[str, Any], told: str
) -> None:
    """An option out of range, a file that is not there, or nothing to export: told, and nothing written."""
    arguments = {"task": "router", "form": "alpaca", "base": BASE} | given
    with pytest.raises(UsageError, match=re.escape(told)):
        command(out=tmp_path / "out", project=tiny_project(), **arguments)
    assert not (tmp_path / "out").exists()


def test_few_rows_and_their_cost(
    tiny_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below OpenAI's least number of rows the files are there, and the card says why they will not do."""
    project, out = tiny_project(), tmp_path / "out"
    settings = load(project)
    text = (project / "waypost.toml").read_text("utf-8")
    text = re.sub(
        r"^(examples|none) = \[.*?^\]|^(examples|none) = \[.*\]$", "", text, flags=re.M | re.S
    )
    (project / "waypost.toml").write_text(
        text + '\n[[answer.example]]\nquestion = "年假？"\nanswer = "您好，7天[1]。"\n', "utf-8"
    )
    assert settings.index
    card = exported(project, out, capsys, task="style", form="openai", price=25.0, epochs=2)
    assert card["rows"] == {"train": 1, "validation": 0}
    assert card["problems"] == [
        "train.jsonl has 1 rows; OpenAI takes no fewer than 10 to train on."
    ]
    assert card["cost"]["total"] == pytest.approx(card["tokens"]["train"] * 2 * 25 / 1e6, abs=1e-6)
    assert not (out / "validation.jsonl").read_text()
    assert "eval_dataset" not in (out / "train.yaml").read_text()


@pytest.mark.slow
def test_folder(
    tiny_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An export replaces an earlier one and leaves other files; what is none is not touched."""
    project, out = tiny_project(), tmp_path / "out"
    exported(project, out, capsys, form="alpaca")
    (out / "adapter").mkdir()
    exported(project, out, capsys, task="tools", form="openai")
    assert (out / "adapter").exists()
    assert not (out / "train.yaml").exists()  # of the export before
    (out / "card.json").unlink()
    with pytest.raises(UsageError, match="no whole export"):
        command(task="router", form="alpaca", base=BASE, out=out, project=project)
    command(task="router", form="alpaca", base=BASE, project=project)
    assert "rows to train on" in capsys.readouterr().out
    assert (project / ".waypost" / "training" / "router-alpaca" / "card.json").exists()


def test_words_are_there_in_both_languages() -> None:
    """Every reason that a row is left out for has words in both languages."""
    source = "".join(
        path.read_text("utf-8")
        for path in (Path(__file__).parent.parent.parent / "agent/tuning/export").glob("*.py")
    )
    reasons = set(re.findall(r'(?:dropped|Unusable)\(\s*"(\w+)"', source))
    reasons |= set(re.findall(r'reason(?:, asked)? = "(\w+)"', source))
    assert {"held_out", "too_long", "restricted", "stale", "unknown_target"} <= reasons
    for said in ("zh", "en"):
        assert reasons <= set(texts("export", said)["reason"])
    assert texts("export", "zh").keys() == texts("export", "en").keys()


GUIDE = Path(__file__).parent.parent.parent / "docs" / "training-data.md"


def test_guide_names_everything() -> None:
    """The guide's tables have every task, format and reason."""
    text = GUIDE.read_text("utf-8")
    named = set(re.findall(r"`([\w-]+)`", "".join(re.findall(r"^\| .*", text, re.M))))
    assert {*TASKS, *FORMATS, *texts("export", "en")["reason"]} <= named
    for snippet in re.findall(r"```toml\n(.*?)```", text, re.S):
        Settings.model_validate(tomllib.loads(snippet))


@pytest.mark.slow
def test_guide(tmp_path: Path) -> None:
    """The guide, followed from its beginning, makes the files that it says."""
    text = GUIDE.read_text("utf-8")
    environment = {**os.environ, "PYTHONPATH": str(GUIDE.parent.parent), "PYTHONUTF8": "1"}
    start = [sys.executable, "-W", "error"]
    waypost = [*start, "-c", "from agent.cli.main import run; run()"]
    printed: list[str] = []
    for language, block in re.findall(r"```(\w+)\n(.*?)```", text, re.S):
        if file := re.match(r"# (office/\S+)\n", block):
            (tmp_path / file[1]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file[1]).write_text(block[file.end() :], "utf-8")
            continue
        commands = {
            "python": [[*start, "-c", block]],
            "bash": [[*waypost, *shlex.split(line)[1:]] for line in block.splitlines()],
        }
        for words in commands.get(language, []):
            done = subprocess.run(
                words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert done.stdout.strip()
            printed.append(done.stdout)
    card = json.loads((tmp_path / "office/.waypost/training/router-openai/card.json").read_text())
    assert card["dropped"]["held_out"] >= 1
    assert card["sources"]["corrections"] == 1
    both = [*rows_of(tmp_path / "router"), *rows_of(tmp_path / "router", "validation")]
    assert {"prompt": "陪产假找谁批？", "completion": "leave"} in both
    assert len(rows_of(tmp_path / "answers")) == 2
    assert (tmp_path / "tools" / "train.yaml").exists()
    assert (tmp_path / "python-export" / "card.json").exists()
    assert '"task": "style"' in "".join(printed)
