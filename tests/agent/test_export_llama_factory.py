"""Exports of the examples pass OpenAI's rules, and LLaMA-Factory's own loader reads every format of them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import Principal, Waypost
from agent.tuning.export import FORMATS, TASKS, Card, Options, export

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ("code_assistant", "customer_service", "regulations", "urban_construction")
PLACE = "WAYPOST_LLAMA_FACTORY"  # a folder where the environment is kept from one run to the next
BASE = "Qwen/Qwen2.5-0.5B-Instruct"
EACH = 3  # every so many questions of each example are asked, and all answers accepted
# What its loader and its trainer need, of what it asks for; the version of torch has a build for CPUs.
PACKAGES = (
    "torch==2.13.0", "transformers>=4.55,<=5.6.0", "datasets<=4.0.0", "accelerate<=1.11.0",
    "peft>=0.18,<=0.18.1", "trl<=0.24.0", "omegaconf", "pillow", "sentencepiece", "matplotlib",
)  # fmt: skip
ITSELF = ("llamafactory==0.9.5",)


@pytest.fixture(scope="module")
def factory() -> Iterator[Path]:
    """Return the Python of an environment that has LLaMA-Factory, made if need be."""
    kept = os.environ.get(PLACE)
    folder = Path(kept or tempfile.mkdtemp(prefix="llama-factory-"))
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists() or ready.read_text() != str((PACKAGES, ITSELF)):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        for more in (PACKAGES, ("--no-deps", *ITSELF)):
            subprocess.run([python, "-m", "pip", "install", "-q", *more], check=True, timeout=900)
        ready.write_text(str((PACKAGES, ITSELF)))
    yield python
    if kept is None:
        shutil.rmtree(folder)


async def exports(name: str, folder: Path) -> dict[Path, Card]:
    """Return every export of a copy of an example in which some answers were accepted."""
    project = folder / name
    ignored = shutil.ignore_patterns(".waypost", "__pycache__")
    shutil.copytree(ROOT / "examples" / name, project, ignore=ignored)
    with (project / "waypost.toml").open("a", encoding="utf-8") as file:
        file.write("\n[traces]\nkeep = true\n")
    made: dict[Path, Card] = {}
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        lines = (project / "questions.jsonl").read_text("utf-8").splitlines()
        rows = [row for row in map(json.loads, lines) if "after" not in row][::EACH]
        for number, row in enumerate(rows):
            who = Principal(row["user"], tuple(row.get("groups", ()))) if "user" in row else None
            answer = await waypost.ask(row["question"], principal=who, thread=str(number))
            if answer["pending"] is None:  # else the turn has not ended
                await waypost.feedback(thread=str(number), good=True, principal=who)
        for task in TASKS:
            for form in FORMATS:
                out = folder / f"{name}-{task}-{form}"
                made[out] = await export(waypost, Options(task, form, base=BASE), out)
    return made


def expected(row: dict[str, Any]) -> list[str]:
    """Return what the model must learn of a line, whatever its format: the reply, or the calls' names."""
    last = (row.get("messages") or row.get("conversations") or [row])[-1]
    if last.get("from") == "function_call":
        calls = json.loads(last["value"])
        calls = calls if isinstance(calls, list) else [calls]
        return [
            text for call in calls for text in (call["name"], *map(str, call["arguments"].values()))
        ]
    keys = ("content", "value", "output", "completion")
    return [next(str(last[key]) for key in keys if key in last)]


def load(factory: Path, place: Path, folders: list[Path]) -> dict[str, dict[str, list[str]]]:
    """Return what LLaMA-Factory loads of each folder, once it has trained on the last one."""
    done = subprocess.run(
        [factory, ROOT / "tests" / "agent" / "llama_factory.py", "loaded.json", *folders],
        cwd=place, capture_output=True, text=True, timeout=900, check=False,
        env={
            **os.environ, "DISABLE_VERSION_CHECK": "1", "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(place / "hf"), "PYTHONPATH": "",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Skipping this abnormal" not in done.stdout + done.stderr
    found: dict[str, dict[str, list[str]]] = json.loads((place / "loaded.json").read_text("utf-8"))
    return found


@pytest.mark.slow
async def test_examples_load(factory: Path, tmp_path: Path) -> None:
    """Every row of every export of the four examples is loaded and learned; one is trained on as it is."""
    made: dict[Path, Card] = {}
    for name in EXAMPLES:
        made |= await exports(name, tmp_path)
    assert len(made) == len(EXAMPLES) * len(TASKS) * len(FORMATS)
    assert {str(out): card["problems"] for out, card in made.items() if card["problems"]} == {}
    folders = [out for out in made if (out / "train.yaml").exists()]
    assert {out for out in made if out not in folders} == {
        tmp_path / f"{name}-tools-openai" for name in EXAMPLES
    }
    folders.sort(key=lambda out: out.name.endswith("router-prompt-completion"))  # the shortest rows
    loaded = await asyncio.to_thread(load, factory, tmp_path, folders)
    for out in folders:
        for file, name in (("train", "train_dataset"), ("validation", "eval_dataset")):
            rows = [
                json.loads(line) for line in (out / f"{file}.jsonl").read_text("utf-8").splitlines()
            ]
            learned = loaded[str(out)].get(name, [])
            assert len(learned) == len(rows), out
            for row, text in zip(rows, learned, strict=True):
                assert all(said in text for said in expected(row)), (out, text)
    assert (folders[-1] / "adapter" / "adapter_model.safetensors").exists()
