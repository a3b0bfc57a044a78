"""`waypost tune train --backend lora`: what it refuses, what it writes, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent import Waypost
from agent.errors import ConfigurationError, UsageError
from agent.models.adapter import open_adapter, read_card
from agent.models.adapter.base import find_base, load_base, recorded_name
from agent.routing import question_key
from agent.settings import Settings, load
from agent.tuning.train import Data, Hyper, read_data
from agent.tuning.train.figures import best_temperature, compared, scored
from agent.tuning.train.lora import train_adapter, working_folder
from tests.agent.job_server import job_server
from tests.agent.tiny import write_tiny_project
from tests.agent.tiny_model import write_tiny_model
from tests.test_docs import WAYPOST, blocks, commands

ROOT = Path(__file__).parents[2]
NAMES = ("train.jsonl", "validation.jsonl")
MISSING = [
    name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None
]
trains = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.filterwarnings("default"),  # of torch, transformers and peft about each other
]
WORDS = {
    "leave": ("年假", "病假", "holiday", "sick"),
    "manual": ("轴承", "密封", "bearing", "seal"),
    "none": ("天气", "股票", "match", "menu"),
}
FORMS = ("{}怎么办", "what about {}", "{}?", "tell me of {}", "请问{}", "is there {}")


def write_export(folder: Path, **card: Any) -> Path:
    """Write an export in the form of prompts and completions: each word of a label in each wording."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"prompt": form.format(word), "completion": label}
        for form in FORMS
        for label, words in WORDS.items()
        for word in words
    ]
    parts = {NAMES[0]: rows[: len(rows) * 2 // 3], NAMES[1]: rows[len(rows) * 2 // 3 :]}
    for name, part in {**parts, **card.pop("parts", {})}.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in part]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    sha256 = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in NAMES}
    told = {
        "task": "router", "format": "prompt-completion", "project": "Pump desk", "tokens": {},
        "problems": [], "sha256": sha256, **card,
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def test_an_export(tmp_path: Path) -> None:
    """Rows, names and hashes are read, and every question is known again however it is written."""
    data = read_data(write_export(tmp_path))
    assert (data.labels, len(data.train), len(data.validation)) == (
        ("leave", "manual", "none"),
        48,
        24,
    )
    known = hashlib.sha256(question_key("WHAT ABOUT SEAL").encode()).hexdigest()
    assert known in data.questions_sha256


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "openai"}, "'prompt-completion'"),
        ({"task": "style"}, "chooses names"),
        ({"problems": ["too few rows"]}, "too few rows"),
        ({"sha256": dict.fromkeys(NAMES, "0")}, "not the file"),
        ({"sha256": None}, "missing or wrong"),
        ({"parts": {NAMES[1]: []}}, "0 rows of validation"),
        ({"parts": {NAMES[0]: [{"prompt": "a", "completion": "leave"}] * 9}}, "1 names"),
        ({"parts": {NAMES[1]: [{"prompt": "a", "completion": "pay"}]}}, "too few rows of: pay"),
        ({"parts": {NAMES[0]: [{"question": "a"}]}}, "line 1: no prompt"),
        ({"parts": {NAMES[0]: [{"prompt": " ", "completion": "x"}]}}, "line 1: no texts"),
    ],
)
def test_exports_that_are_not_trained_on(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    """What is of another form, was changed, or is too little is refused, with what to do."""
    with pytest.raises(UsageError, match=told) as caught:
        read_data(write_export(tmp_path, **change))
    assert caught.value.fix


def test_base_models(tmp_path: Path) -> None:
    """A file, a folder or a known name is found; a path is recorded as it is from the adapter."""
    (tmp_path / "small.gguf").touch()
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").touch()
    assert find_base("small.gguf", tmp_path) == tmp_path / "small.gguf"
    assert find_base("base", tmp_path) == tmp_path / "base"
    out = tmp_path / "models" / "router"
    assert recorded_name(str(tmp_path / "base"), out) == "../../base"
    assert recorded_name("smollm2", out) == "smollm2"
    for wrong in ("nothing", "a/b/c", "../x", "models.bin"):
        with pytest.raises(ConfigurationError, match="no base model"):
            find_base(wrong, tmp_path)


def test_figures() -> None:
    """Shares, losses and calibration are of the rows; the gain is of the same rows before and after."""
    right = np.array([0, 0, 1, 1])
    before = np.log(np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1], [0.6, 0.4]]))
    after = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1]]))
    one = scored(after, right)
    assert (one["rows"], one["accuracy"], one["ece"]) == (4, 0.75, 0.15)
    assert one["loss"] == pytest.approx((3 * -np.log(0.9) - np.log(0.1)) / 4, abs=1e-4)
    both = compared(before, after, right, ("a", "b"), 1.0)
    assert (both["gain"], both["p"]) == (0.5, 0.5)
    assert both["gain_interval"][0] < 0 < both["gain_interval"][1]
    assert both["by_label"] == {"a": 1.0, "b": 0.5}


def test_temperature_is_fitted() -> None:
    """A model that is surer than it is right gets a temperature above 1, with which it is calibrated."""
    random = np.random.default_rng(0)
    chances = random.dirichlet(np.ones(3), size=2000)
    right = np.array([random.choice(3, p=row) for row in chances])
    assert best_temperature(np.log(chances) * 2.0, right) == pytest.approx(2.0, rel=0.15)
    assert scored(np.log(chances) * 2.0, right, 2.0)["ece"] < 0.03


class Stopped(Exception):
    """Stands for whatever ends a training."""


HYPER = Hyper(
    epochs=3, patience=3, batch=8, rate=1e-2, targets=("q_proj", "v_proj", "up_proj", "down_proj")
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small model."""
    import torch

    torch.set_num_threads(1)
    return write_tiny_model(tmp_path_factory.mktemp("model") / "base")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Return rows to learn from."""
    return read_data(write_export(tmp_path_factory.mktemp("export")))


@pytest.fixture(scope="module")
def adapter(base: Path, data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an adapter that was trained without a break."""
    folder = tmp_path_factory.mktemp("whole") / "adapter"
    train_adapter(data, str(base), folder, HYPER)
    return folder


class TestTraining:
    """With a model of a few thousand weights."""

    pytestmark = trains

    @pytest.fixture(autouse=True)
    def _one_thread(self) -> None:
        """Use one thread: there is too little to share."""
        import torch

        torch.set_num_threads(1)

    def test_an_adapter(self, adapter: Path, base: Path, data: Data) -> None:
        """Loss falls, and the folder tells of what, by what and how well; only its owner may read it."""
        card = read_card(adapter)
        steps, epochs = card["loss"]["steps"], card["loss"]["epochs"]
        assert epochs[-1]["train"] < epochs[0]["train"]
        assert (len(steps), len(epochs)) == (18, 3)
        assert card["figures"]["after"]["loss"] < card["figures"]["before"]["loss"]
        assert (card["labels"], card["data_sha256"]) == (list(data.labels), data.sha256)
        assert card["base"]["name"] == os.path.relpath(base, adapter)
        config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
        assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (8, 16, 0.05)
        assert str(base) not in "".join(
            path.read_text("utf-8") for path in adapter.iterdir() if path.suffix in {".json", ".md"}
        )
        assert "loss.svg" in (adapter / "README.md").read_text("utf-8")
        assert (adapter / "loss.svg").read_text("utf-8").count("<polyline") == 2
        assert adapter.stat().st_mode & 0o777 == 0o700
        assert not working_folder(adapter).exists()

    @pytest.mark.parametrize("step", [1, 6, 13], ids=lambda step: f"step {step}")
    def test_going_on(
        self, step: int, adapter: Path, base: Path, data: Data, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """A training that was interrupted ends with the very weights of one that was not."""
        monkeypatch.setattr("agent.tuning.train.lora.EVERY", 2)

        def stop(what: str, done: int, total: int) -> None:
            if (what, done) == ("training", step):
                raise Stopped

        out = tmp_path / "adapter"
        with pytest.raises(Stopped):
            train_adapter(data, str(base), out, HYPER, progress=stop)
        assert not out.exists()
        with pytest.raises(UsageError, match="interrupted") as caught:
            train_adapter(data, str(base), out, HYPER)
        assert "--resume" in caught.value.fix
        with pytest.raises(UsageError, match="other data"):
            train_adapter(data, str(base), out, Hyper(epochs=9), resume=True)
        card = train_adapter(data, str(base), out, HYPER, resume=True)
        whole = read_card(adapter)
        assert card["weights_sha256"] == whole["weights_sha256"]
        assert (card["loss"], card["figures"]) == (whole["loss"], whole["figures"])

    def test_stops_early(self, base: Path, data: Data, tmp_path: Path) -> None:
        """Where validation gets no better it ends, with the weights of the best epoch."""
        hyper = Hyper(epochs=30, patience=1, rate=0.3, targets=HYPER.targets)
        loss = train_adapter(data, str(base), tmp_path / "adapter", hyper)["loss"]
        assert len(loss["epochs"]) < 30
        best = min(loss["epochs"], key=lambda one: one["validation"])
        assert best["epoch"] == loss["best"] == len(loss["epochs"]) - 1

    def test_folders_and_modules_that_are_taken(
        self, adapter: Path, base: Path, data: Data, tmp_path: Path
    ) -> None:
        """An adapter is never written over another, and modules that the model lacks are named."""
        with pytest.raises(UsageError, match="already"):
            train_adapter(data, str(base), adapter, HYPER)
        with pytest.raises(UsageError, match="c_attn"):
            train_adapter(data, str(base), tmp_path / "a", Hyper(targets=("c_attn",)))

    async def test_in_process(
        self, adapter: Path, data: Data, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Asked in process it is loaded once, and says what it said in training, with its temperature."""
        loads: list[Path] = []

        def loading(path: Path, sha256: str) -> Any:
            loads.append(path)
            return load_base(path, sha256)

        monkeypatch.setattr("agent.models.adapter.adapter.load_base", loading)
        opened = open_adapter(adapter)
        assert not loads
        found = await asyncio.gather(*(opened.weigh(row.question) for row in data.validation))
        opened.close()
        assert len(loads) == 1
        assert all(sum(one.values()) == pytest.approx(1) for one in found)
        right = [max(one, key=lambda n: one[n]) == row.label for one, row in zip(found, data.validation, strict=True)]  # fmt: skip
        assert sum(right) / len(right) == pytest.approx(opened.card["figures"]["after"]["accuracy"], abs=1e-4)  # fmt: skip
        losses = [-np.log(one[row.label]) for one, row in zip(found, data.validation, strict=True)]
        assert np.mean(losses) == pytest.approx(opened.card["figures"]["after"]["loss"], abs=1e-3)

    @pytest.mark.parametrize("changed", ["base", "weights"])
    async def test_files_that_were_changed(
        self, changed: str, base: Path, data: Data, tmp_path: Path
    ) -> None:
        """Neither another base model nor damaged weights are used."""
        own = write_tiny_model(tmp_path / "base")
        hyper = Hyper(epochs=1, targets=HYPER.targets)
        train_adapter(data, str(own), tmp_path / "adapter", hyper)
        if changed == "base":
            write_tiny_model(own, seed=1)
        else:
            with (tmp_path / "adapter" / "adapter_model.safetensors").open("ab") as file:
                file.write(b"0")
        opened = open_adapter(tmp_path / "adapter")
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=r"not the one|damaged"):
                await opened.weigh("年假")
        opened.close()

    async def test_as_a_router(self, base: Path, data: Data, tmp_path: Path) -> None:
        """A project routes with it: it decides what the classifier is unsure of."""
        project = write_tiny_project(tmp_path)
        train_adapter(data, str(base), project / "models" / "router", HYPER)
        with (project / "waypost.toml").open("a", encoding="utf-8") as file:
            file.write('\n[models]\nrouter = "lora:models/router"\n')
        settings = load(project)
        strict = settings.routing.model_copy(update={"threshold": 1.0})
        settings = settings.model_copy(update={"routing": strict})
        async with Waypost.open(project, settings=settings) as waypost:
            route = await waypost.route("bearing 的密封怎么办")
            assert "a tuned model finds" in route["reason"]
            waypost.with_models({})
            alone = await waypost.route("bearing 的密封怎么办")
            assert alone["decided_by"] == "classifier"

    def test_the_command(self, base: Path, tmp_path: Path) -> None:
        """Killed in the middle, the command goes on with --resume, and prints the line for the settings."""
        write_export(tmp_path / "export")
        out = tmp_path / "models" / "router-lora"
        words = [
            "tune", "train", str(tmp_path / "export"), "--base", str(base), "--epochs", "2",
            "--project", str(tmp_path), "--json",
        ]  # fmt: skip
        kill = (
            "import os, signal\n"
            "import agent.tuning.train.lora as lora\n"
            "save, count = lora.save_checkpoint, [0]\n"
            "def saved(*given):\n"
            "    save(*given)\n"
            "    count[0] += 1\n"
            "    if count[0] == 2:\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            "lora.save_checkpoint = saved\n"
        )
        go = "from agent.cli.main import run; run()"

        def ran(code: str, *more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-c", code, *words, *more],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip

        assert (ran(kill + go).returncode, out.exists()) == (-9, False)
        assert ran(go).returncode == 2
        done = ran(go, "--resume")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["line"] == 'router = "lora:models/router-lora"'
        assert "epoch 2" in done.stderr
        assert read_card(out)["labels"] == told["labels"]

    def test_the_guide(self, base: Path, tmp_path: Path) -> None:
        """The commands of docs/training.md run as they stand there, with a smaller base model."""
        write_tiny_project(tmp_path / "office")
        guide = ROOT / "docs" / "training.md"
        printed = []
        with job_server() as server:
            server.looks = {"ftjob-1": 2}  # it has nearly ended
            environment = {
                **os.environ, "PYTHONPATH": str(ROOT),
                "OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "k",
            }  # fmt: skip
            for words in (words for block in blocks(guide, "bash") for words in commands(block)):
                given = [str(base) if word == "smollm2" else word for word in words]
                done = subprocess.run(
                    [*WAYPOST, *given, *(["--yes"] if "openai" in words and "train" in words else [])],
                    cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
                    check=False, stdin=subprocess.DEVNULL,
                )  # fmt: skip
                assert done.returncode == 0, done.stderr
                printed.append(done.stdout)
            assert (len(server.files), len(server.jobs)) == (2, 1)
        assert len(printed) == 4
        assert 'router = "lora:models/router-lora"' in printed[1]
        assert 'router = "openai:ft:' in printed[3]


def test_the_guides_settings() -> None:
    """Every TOML snippet of the guide is one of waypost.toml."""
    guide = ROOT / "docs" / "training.md"
    snippets = blocks(guide, "toml")
    assert len(snippets) == 2
    for snippet in snippets:
        Settings.model_validate(tomllib.loads(snippet))
    told = guide.read_text(encoding="utf-8")
    assert f"| `--rate` | {Hyper.rate:g} |" in told
    assert f"| `--epochs` | {Hyper.epochs} |" in told
    for link in re.findall(r"\]\(([^)#]+)\)", told):
        assert link.startswith("http") or (guide.parent / link).exists(), link
