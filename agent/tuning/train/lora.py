"""Training a LoRA adapter: a small causal model learns to write the right name after a question.

Only what tells the names apart is learned: at each fork of their tokens, the right branch among the
branches. Source of the adapters: Hu et al., "LoRA: low-rank adaptation of large language models", 2021.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import UsageError
from agent.models.adapter.base import (
    digest,
    find_base,
    load_base,
    need_extra,
    quietly,
    recorded_name,
)
from agent.models.adapter.card import AdapterCard
from agent.models.adapter.labels import Labels, make_labels
from agent.models.adapter.scoring import TEMPLATE, encode, score, written
from agent.tuning.train.checkpoint import load_checkpoint, save_checkpoint
from agent.tuning.train.data import Data, Row
from agent.tuning.train.figures import best_temperature, compared, scored
from agent.tuning.train.report import write_adapter
from agent.tuning.train.types import Figures, Hyper, Loss

__all__ = ["Progress", "Told", "train_adapter", "working_folder"]

Progress = Callable[[str, int, int], None]
Told = Callable[[str], None]
EVERY = 20  # steps between two checkpoints
POOL = 16  # batches that are sorted by length together
WARM = 0.05  # the share of steps in which the learning rate rises
CLIP = 1.0


def working_folder(out: Path) -> Path:
    """Return where a training keeps how far it is, until its adapter is written."""
    return out.parent / f".{out.name}.training"


def train_adapter(
    data: Data,
    base: str,
    out: Path,
    hyper: Hyper,
    *,
    resume: bool = False,
    progress: Progress = lambda what, done, total: None,
    tell: Told = lambda text: None,
) -> AdapterCard:
    """Train an adapter and write its folder.

    Args:
        data: to learn from.
        base: "smollm2", a GGUF file, a folder in transformers' form, or a name at the Hub.
        out: the adapter's folder; there is none yet.
        hyper: how.
        resume: go on where an interrupted training stopped.
        progress: told (what is being done, done, of how many).
        tell: told what each epoch came to.

    Raises:
        ConfigurationError: the extra `train` or the base model is not there.
        UsageError: the folder is taken, or an interrupted training is of something else.
    """
    need_extra()
    work = working_folder(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{str(out)!r} is there already.", fix="name another folder with --out.")
    if work.exists() and not resume:
        raise UsageError(
            f"A training for {str(out)!r} was interrupted.",
            fix=f"add --resume, or delete {str(work)!r} to begin anew.",
        )
    path = find_base(base, Path())
    sha256 = digest(path)
    depends = json.dumps([sha256, data.sha256, asdict(hyper), TEMPLATE], sort_keys=True)
    training = _Training(
        data, path, sha256, hyper, hashlib.sha256(depends.encode()).hexdigest(), work
    )
    training.prepare(progress)
    training.run(progress, tell)
    figures, temperature = training.finish(progress)
    card: AdapterCard = {
        "kind": "waypost-adapter",
        "task": data.task,
        "project": data.project,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": {"name": recorded_name(base, out), "sha256": sha256},
        "template": TEMPLATE,
        "labels": list(data.labels),
        "temperature": temperature,
        "hyperparameters": asdict(hyper),
        "weights_sha256": "",  # known once they are written
        "data_sha256": data.sha256,
        "questions_sha256": data.questions_sha256,
        "figures": dict(figures),
        "loss": dict(training.course),
        "versions": {name: version(name) for name in ("waypost", "torch", "transformers", "peft")},
    }
    written_card = write_adapter(out, card, training.model)
    shutil.rmtree(work)
    return written_card


class _Training:
    """A training between its beginning and its end.

    Args:
        data: to learn from.
        base: the base model's file or folder.
        sha256: of that.
        hyper: how.
        key: of all of this.
        work: where checkpoints are.
    """

    def __init__(
        self, data: Data, base: Path, sha256: str, hyper: Hyper, key: str, work: Path
    ) -> None:
        import torch

        self._data = data
        self._hyper = hyper
        self._key = key
        self._work = work
        torch.manual_seed(hyper.seed)
        model, tokenizer = load_base(base, sha256)
        self.labels = make_labels(data.labels, tokenizer)
        self._rows = self._encoded(data.train, tokenizer)
        self._held = self._encoded(data.validation, tokenizer)
        self._right = np.array([target for _, target in self._held], dtype=np.int64)
        self.model = _with_matrices(model, hyper)
        self._learned = [one for one in self.model.parameters() if one.requires_grad]
        self._optimizer = torch.optim.AdamW(self._learned, lr=hyper.rate, weight_decay=0.0)
        self._per_epoch = -(-len(self._rows) // hyper.batch)
        self._steps = self._per_epoch * hyper.epochs
        self._step = 0
        self._before: Any = None
        self._best: dict[str, Any] = {}
        self._losses: list[float] = []  # of the epoch
        self.course: Loss = {"steps": [], "epochs": [], "best": 0}

    def prepare(self, progress: Progress) -> None:
        """Go to the last checkpoint; without one, measure the base model."""
        import torch

        found = load_checkpoint(self._work, self._key)
        if found is None:
            with self.model.disable_adapter():
                self._before = torch.from_numpy(
                    self._judged(lambda done, total: progress("base model", done, total))
                )
            self._save()
            return
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(self.model, found["weights"])
        self._optimizer.load_state_dict(found["optimizer"])
        self._step, self._best, self._before = found["step"], found["best"], found["before"]
        course = json.loads(found["course"])
        self.course, self._losses = course["loss"], course["losses"]
        torch.set_rng_state(found["random"][0])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(found["random"][1:])

    def run(self, progress: Progress, tell: Told) -> None:
        """Train until the last epoch, or until validation stops falling."""
        while not self._over():
            epoch = self._step // self._per_epoch
            batches = _batches([len(tokens) for tokens, _ in self._rows], self._hyper, epoch)
            self.model.train()
            for batch in batches[self._step % self._per_epoch :]:
                self._learn([self._rows[row] for row in batch])
                progress("training", self._step, self._steps)
                if self._step % EVERY == 0 and self._step % self._per_epoch:
                    self._save()
            self._end_epoch(epoch + 1, progress, tell)
            self._save()

    def finish(self, progress: Progress) -> tuple[Figures, float]:
        """Return the figures and the temperature of the best epoch, whose weights stay."""
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(self.model, self._best)
        logs = self._judged(lambda done, total: progress("tuned model", done, total))
        temperature = best_temperature(logs, self._right)
        before = self._before.numpy()
        return compared(before, logs, self._right, self._data.labels, temperature), temperature

    def _encoded(self, rows: Sequence[Row], tokenizer: Any) -> list[tuple[list[int], int]]:
        numbers = {name: number for number, name in enumerate(self.labels.names)}
        return [(encode(row.question, tokenizer, TEMPLATE), numbers[row.label]) for row in rows]

    def _over(self) -> bool:
        since = len(self.course["epochs"]) - self.course["best"]
        return self._step >= self._steps or since >= self._hyper.patience

    def _learn(self, rows: Sequence[tuple[list[int], int]]) -> None:
        """Take a step."""
        import torch

        warm = max(1.0, WARM * self._steps)
        share = min(1.0, (self._step + 1) / warm) * (1 - self._step / self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = self._hyper.rate * share
        loss = _loss(self.model, rows, self.labels)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learned, CLIP)
        self._optimizer.step()
        self._step += 1
        self._losses.append(float(loss.detach()))
        spacing = max(1, self._steps // 100)
        if self._step % spacing == 0:
            latest = self._losses[-spacing:]
            self.course["steps"].append([self._step, round(sum(latest) / len(latest), 4)])

    def _end_epoch(self, epoch: int, progress: Progress, tell: Told) -> None:
        from peft import get_peft_model_state_dict

        logs = self._judged(lambda done, total: progress(f"validation {epoch}", done, total))
        scores = scored(logs, self._right)
        train = sum(self._losses) / len(self._losses)
        if not math.isfinite(train + scores["loss"]):
            raise UsageError(
                "The training has come apart: its loss is no number any more.",
                fix=f"delete {str(self._work)!r} and train with a lower --rate.",
            )
        self._losses = []
        lowest = min((one["validation"] for one in self.course["epochs"]), default=float("inf"))
        self.course["epochs"].append(
            {
                "epoch": epoch,
                "step": self._step,
                "train": round(train, 4),
                "validation": scores["loss"],
                "accuracy": scores["accuracy"],
            }
        )
        if scores["loss"] < lowest:
            self.course["best"] = epoch
            state = get_peft_model_state_dict(self.model)
            self._best = {name: one.detach().cpu().clone() for name, one in state.items()}
        tell(
            f"epoch {epoch}: loss {train:.3f}; validation: loss {scores['loss']:.3f},"
            f" {scores['accuracy']:.1%} right"
        )

    def _judged(self, progress: Callable[[int, int], None]) -> Any:
        self.model.eval()
        return score(self.model, [tokens for tokens, _ in self._held], self.labels, progress)

    def _save(self) -> None:
        import torch
        from peft import get_peft_model_state_dict

        state = torch.get_rng_state()
        others = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        save_checkpoint(
            self._work,
            {
                "key": self._key,
                "step": self._step,
                "weights": get_peft_model_state_dict(self.model),
                "best": self._best,
                "optimizer": self._optimizer.state_dict(),
                "random": [state, *others],
                "before": self._before,
                "course": json.dumps({"loss": self.course, "losses": self._losses}),
            },
        )


def _with_matrices(model: Any, hyper: Hyper) -> Any:
    """Return a base model with matrices that are learned beside its own."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=hyper.rank,
        lora_alpha=hyper.alpha,
        lora_dropout=hyper.dropout,
        target_modules=list(hyper.targets),
    )
    try:
        with quietly():
            return get_peft_model(model, config)
    except ValueError as error:
        raise UsageError(
            f"The base model has no modules {', '.join(hyper.targets)}.",
            fix="name its own with --targets, such as q_proj,v_proj or c_attn.",
        ) from error


def _batches(lengths: Sequence[int], hyper: Hyper, epoch: int) -> list[list[int]]:
    """Return the rows of each step of an epoch: at random, those of one step alike in length."""
    drawn = random.Random(f"{hyper.seed} {epoch}")
    order = list(range(len(lengths)))
    drawn.shuffle(order)
    pool = hyper.batch * POOL
    batches = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool], key=lambda row: lengths[row])
        batches += [near[at : at + hyper.batch] for at in range(0, len(near), hyper.batch)]
    drawn.shuffle(batches)
    return batches


def _loss(model: Any, rows: Sequence[tuple[list[int], int]], labels: Labels) -> Any:
    """Return the mean negative logarithm of the right names' probabilities."""
    import torch

    ways = [labels.ways[target] for _, target in rows]
    ends = [labels.forks[way[-1][0]] for way in ways]  # written before the last fork of each
    starts = [labels.forks[way[0][0]] for way in ways]
    kept = 1 + max(len(end) - len(start) for end, start in zip(ends, starts, strict=True))
    sequences = [[*tokens, *end] for (tokens, _), end in zip(rows, ends, strict=True)]
    scores = written(model, sequences, kept)
    losses = [
        -torch.log_softmax(
            scores[row, len(labels.forks[fork]) - len(ends[row]) - 1, list(labels.branches[fork])],
            dim=-1,
        )[branch]
        for row, way in enumerate(ways)
        for fork, branch in way
    ]
    return torch.stack(losses).sum() / len(rows)
