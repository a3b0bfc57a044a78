"""A small causal model that learns to route: data in CLINC150's form, a LoRA adapter, figures beside the classifier's.

`python benchmarks/lora.py --data FOLDER [--train 1000] [--validation 200] [--held-out 1000]
[--base smollm2] [--epochs 4] [--out FOLDER] [--seed 0]`. The folder holds train.jsonl, val.jsonl
(lines with text, intent and category, which is null out of scope) and domains.json. Questions in scope
are drawn at random, as many of each category, for training and validation from the training part, those
held out from the other.

Figures on the held-out questions, with Wilson's interval of 95%: the untuned model choosing among the
categories' names; the same with all names written before each question; the tuned model; the project's
local classifier with the same training questions and no descriptions; both together, as the router does
it for questions that the classifier is unsure about. Times are of training, wall and CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import resource
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.models.adapter.adapter import WEIGHTS
from agent.models.adapter.base import digest, find_base, load_base
from agent.models.adapter.labels import make_labels
from agent.models.adapter.scoring import TEMPLATE, encode, score, sharpened
from agent.routing import LocalClassifier, Question, Target
from agent.routing.pooling import pooled
from agent.tuning.train import Hyper, Row, read_data
from agent.tuning.train.figures import scored
from agent.tuning.train.lora import train_adapter
from benchmarks.routing import KEPT, KnownVectors
from indexes.embeddings.local import LocalEmbedder

THRESHOLD = 0.6  # of [routing], its default
Array = NDArray[np.float64]


def drawn(path: Path, count: int, random_: random.Random, without: set[str]) -> list[Row]:
    """Return questions in scope of a file, as many of each category."""
    by_category: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["category"] is not None and row["text"] not in without:
            by_category[row["category"]].append(row["text"])
    each = count // len(by_category)
    rows = [
        Row(text, category)
        for category, texts in sorted(by_category.items())
        for text in random_.sample(sorted(set(texts)), min(each, len(set(texts))))
    ]
    random_.shuffle(rows)
    return rows


def write_export(folder: Path, train: list[Row], validation: list[Row]) -> None:
    """Write rows as `waypost tune export --task router --format prompt-completion` does."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train.jsonl", train), ("validation.jsonl", validation)):
        lines = [json.dumps({"prompt": row.question, "completion": row.label}) for row in rows]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    sha256 = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("train.jsonl", "validation.jsonl")
    }
    card = {
        "task": "router", "format": "prompt-completion", "project": "benchmark", "tokens": {},
        "problems": [], "sha256": sha256,
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")


async def classified(train: list[Row], held: list[Row], names: tuple[str, ...]) -> Array:
    """Return the local classifier's probabilities of the categories, as (questions, names)."""
    targets = [
        Target(name, "index", "", "", tuple(row.question for row in train if row.label == name))
        for name in names
    ]
    embedder = LocalEmbedder()
    classifier = LocalClassifier(targets, (), KnownVectors(embedder, KEPT / f"{embedder.name}.npz"))

    async def describe(text: str) -> Question:
        return Question(text)

    await classifier.fit(describe)
    found = [(await classifier.score(Question(row.question), names)).probabilities for row in held]
    return np.array([[one[name] for name in (*names, "none")] for one in found])


def told(name: str, logs: Array, right: NDArray[np.int64], temperature: float = 1.0) -> None:
    """Print the figures of one way to choose."""
    one = scored(logs, right, temperature)
    low, high = one["interval"]
    print(
        f"{name:<44}{one['accuracy']:>7.1%}  ({low:.1%}–{high:.1%})"
        f"  loss {one['loss']:.3f}  ECE {one['ece']:.3f}",
        flush=True,
    )


def logged(chances: Array) -> Array:
    """Return logarithms of probabilities."""
    return np.asarray(np.log(np.maximum(chances, 1e-9)))


def cpu() -> float:
    """Return the CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Draw, train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--train", type=int, default=1000)
    parser.add_argument("--validation", type=int, default=200)
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--base", default="smollm2")
    parser.add_argument("--epochs", type=int, default=Hyper.epochs)
    parser.add_argument("--rate", type=float, default=Hyper.rate)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keeps the adapter; else it is thrown away")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measure(given, Path(scratch))


def measure(given: argparse.Namespace, scratch: Path) -> None:
    """Train once and print the figures."""
    draw = random.Random(given.seed)
    taught = drawn(given.data / "train.jsonl", given.train + given.validation, draw, set())
    known = {row.question for row in taught}
    held = drawn(given.data / "val.jsonl", given.held_out, draw, known)
    write_export(scratch / "export", taught[: given.train], taught[given.train :])
    data = read_data(scratch / "export")
    print(
        f"{len(data.train)} to learn from, {len(data.validation)} of validation, {len(held)} held out"
    )

    out = given.out or scratch / "adapter"
    hyper = Hyper(epochs=given.epochs, rate=given.rate, seed=given.seed)
    began, used = time.monotonic(), cpu()
    card = train_adapter(data, given.base, out, hyper, tell=lambda text: print(text, flush=True))
    print(f"trained in {time.monotonic() - began:.0f} s, {cpu() - used:.0f} CPU s, with loading")
    print("loss by step:", " ".join(f"{step}:{loss:.2f}" for step, loss in card["loss"]["steps"]))
    print(
        f"adapter {(out / WEIGHTS).stat().st_size / 1e6:.1f} MB, temperature {card['temperature']}"
    )

    path = find_base(given.base, Path())
    model, tokenizer = load_base(path, digest(path))
    labels = make_labels(data.labels, tokenizer)
    right = np.array([data.labels.index(row.label) for row in held], dtype=np.int64)
    listed = f"Categories: {', '.join(data.labels)}\n{TEMPLATE}"

    def judged(by: Any, template: str = TEMPLATE) -> Array:
        prompts = [encode(row.question, tokenizer, template) for row in held]
        return score(by, prompts, labels)

    told("untuned", judged(model), right)
    told("untuned, the names before each question", judged(model, listed), right)
    from peft import PeftModel

    tuned_model = PeftModel.from_pretrained(model, out).merge_and_unload().eval()
    began, used = time.monotonic(), cpu()
    logs = judged(tuned_model)
    spent = (cpu() - used) / len(held) * 1000
    told("tuned", logs, right, card["temperature"])
    print(f"a question takes it {spent:.0f} CPU ms, {len(held)} at a time")
    together(data.labels, list(data.train), held, sharpened(logs, card["temperature"]), right)


def together(
    names: tuple[str, ...],
    train: list[Row],
    held: list[Row],
    tuned: Array,
    right: NDArray[np.int64],
) -> None:
    """Print what the local classifier does alone, and with the tuned model."""
    found = asyncio.run(classified(train, held, names))
    closed = found[:, :-1] / found[:, :-1].sum(axis=1, keepdims=True)
    told("local classifier", logged(closed), right)
    joined = []
    for one, other in zip(found, tuned, strict=True):
        chances = pooled(
            dict(zip((*names, "none"), map(float, one), strict=True)),
            dict(zip(names, map(float, other), strict=True)),
        )
        joined.append([chances[name] for name in names])
    pool = np.array(joined)
    pool /= pool.sum(axis=1, keepdims=True)
    unsure = closed.max(axis=1) < THRESHOLD
    print(f"the classifier is unsure about {unsure.mean():.1%}")
    told(
        "both, where it is unsure",
        logged(np.where(unsure[:, None], pool, closed)),
        right,
    )
    told("both, everywhere", logged(pool), right)


if __name__ == "__main__":
    main()
