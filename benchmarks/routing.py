"""Accuracy of routing on data in CLINC150's form, beside other routers.

`python benchmarks/routing.py --data FOLDER [--split val] [--examples 0,5,20,100,all] [--seeds 5]
[--rivals]`. The folder holds train.jsonl and the split (lines with text, intent and category, which
is null out of scope) and domains.json (category: intents). A few examples a category are drawn from
the training part, with as many out-of-scope ones (20 at most; `all` takes everything); every
category also has its description in clinc150.toml, or in the file named by `--descriptions`.

Questions are weighed so that those out of scope have 18% of the weight, as in CLINC150's test part,
whatever their share in the file. Figures are means over the seeds: closed = accuracy among the
categories on questions in scope; P, R and F1 of "none"; all = accuracy over categories and "none";
ECE of the confidence in what was decided, in 15 bins, where that claims to be a probability; to 99%
= the share that a perfect judge must answer, the least confident first, for 99% to be right; median
time of a score beside the embedding; time of fitting.

The vectors (the local model's, each text once) are kept in `--cache`. `--rivals` asks other
projects' routers too, installed from PyPI into a virtual environment of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.routing import LocalClassifier, Question, Target
from agent.tuning.paired import calibration_error
from benchmarks.routing_rivals import (
    OUTSIDE,
    Answers,
    Array,
    Task,
    abstaining_below,
    ask_each,
    read_vectors,
)
from indexes.embeddings.local import LocalEmbedder

HERE = Path(__file__).parent
KEPT = Path.home() / ".cache" / "waypost-benchmarks"
RIVALS = ("semantic-router>=1.1,<1.2", "llama-index-core>=0.14.25,<0.15", "scikit-learn>=1.9,<2")
MOST_NONE = 20
BINS = 15
WANTED = 0.99
CHECKED = 2000  # examples that a baseline's threshold is chosen on
SAVED = 2048  # vectors computed between two writes of the cache


class QueryModel(Protocol):
    """What the benchmark needs of an embedding model."""

    @property
    def name(self) -> str:
        """The model's name and version."""
        ...

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question."""
        ...


class KnownVectors:
    """The vectors of texts, each computed once and kept in a file.

    Args:
        model: computes those that are missing.
        path: the file.
    """

    def __init__(self, model: QueryModel, path: Path) -> None:
        self.name = model.name
        self.path = path
        self._model = model
        self.vectors: dict[str, NDArray[np.float32]] = {}
        if path.exists():
            name, self.vectors = read_vectors(path)
            if name != model.name:
                sys.exit(
                    f"{path} holds vectors of {name!r}, not {model.name!r}: name another file."
                )

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question."""
        return (
            self.vectors[text] if text in self.vectors else (await self.embed_examples([text]))[0]
        )

    async def embed_examples(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, computing those that are missing."""
        missing = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        for start in range(0, len(missing), SAVED):
            part = missing[start : start + SAVED]
            if len(missing) > SAVED:
                print(f"embedding: {start} of {len(missing)}", file=sys.stderr)
            at_once = asyncio.Semaphore(os.cpu_count() or 1)

            async def one(text: str, at_once: asyncio.Semaphore = at_once) -> None:
                async with at_once:
                    self.vectors[text] = await self._model.embed_query(text)

            await asyncio.gather(*(one(text) for text in part))
            self._save()
        return np.array([self.vectors[text] for text in texts])

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        texts = np.frombuffer(json.dumps(list(self.vectors)).encode(), dtype=np.uint8)
        values = np.array(list(self.vectors.values()), dtype=np.float32)
        part = self.path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, model=np.array(self.name), texts=texts, vectors=values)
        part.replace(self.path)


@dataclass(frozen=True)
class Data:
    """Labelled questions by category, with None for those out of scope."""

    train: dict[str | None, list[str]]
    questions: list[str]
    right: NDArray[np.int64]  # positions of categories, and their number for "none"
    descriptions: dict[str, str]


def read(folder: Path, split: str, descriptions: Path) -> Data:
    """Read a data set.

    Args:
        folder: holds train.jsonl, the split and domains.json.
        split: what is asked: the name of a file without its ending.
        descriptions: a TOML file with a text for each category.
    """
    categories = list(json.loads((folder / "domains.json").read_text(encoding="utf-8")))
    known = tomllib.loads(descriptions.read_text(encoding="utf-8"))
    if missing := [name for name in categories if name not in known]:
        sys.exit(f"{descriptions} has no description of {', '.join(missing)}.")
    train: dict[str | None, list[str]] = {name: [] for name in (*categories, None)}
    for row in _rows(folder / "train.jsonl"):
        train[row["category"]].append(str(row["text"]))
    asked = _rows(folder / f"{split}.jsonl")
    position = {name: i for i, name in enumerate([*categories, None])}
    right = np.array([position[row["category"]] for row in asked])
    questions = [str(row["text"]) for row in asked]
    return Data(train, questions, right, {name: known[name] for name in categories})


def _rows(path: Path) -> list[dict[str, str | None]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def task(data: Data, examples: str, seed: int) -> Task:
    """Draw a seed's examples; a larger number contains the smaller one's."""
    everything = examples == "all"
    chosen: dict[str | None, list[str]] = {}
    for name, texts in data.train.items():
        shuffled = random.Random(f"{seed} {name}").sample(texts, len(texts))
        most = len(texts) if everything else int(examples)
        chosen[name] = shuffled[: most if everything or name else min(most, MOST_NONE)]
    none = chosen.pop(None)
    found = {name: texts for name, texts in chosen.items() if name is not None}
    return Task(f"{examples} examples, seed {seed}", data.descriptions, found, none, data.questions)


def _targets(known: Task) -> list[Target]:
    return [
        Target(
            name, "index", name.replace("_", " ").capitalize(), text, tuple(known.examples[name])
        )
        for name, text in known.descriptions.items()
    ]


async def _described(text: str) -> Question:
    return Question(text)  # there are no documents and no tools


async def fitted(known: Task, vectors: KnownVectors) -> LocalClassifier:
    """Return the agent's classifier, fitted."""
    classifier = LocalClassifier(_targets(known), known.none, vectors)
    await classifier.fit(_described)
    return classifier


async def waypost(known: Task, vectors: KnownVectors) -> Answers:
    """Answer with the agent's classifier."""
    started = time.perf_counter()
    classifier = await fitted(known, vectors)
    fit_seconds = time.perf_counter() - started
    table, times = [], []
    for text in known.questions:
        question = Question(text)
        started = time.perf_counter()
        score = await classifier.score(question)
        times.append(time.perf_counter() - started)
        table.append([score.probabilities[name] for name in (*known.categories, "none")])
    probabilities = np.array(table)
    return Answers(
        probabilities.argmax(axis=1),
        probabilities[:, :-1].argmax(axis=1),
        probabilities.max(axis=1),
        True,
        float(np.median(times)) * 1e6,
        fit_seconds,
    )


def baseline(known: Task, vectors: KnownVectors, kind: str) -> Answers:
    """Answer with the nearest example or centroid by cosine; a description stands for no examples.

    It abstains below the similarity that is best on the examples, each left out of its own
    comparison.
    """
    started = time.perf_counter()
    texts = {name: mine or [known.descriptions[name]] for name, mine in known.examples.items()}
    sizes = [len(mine) for mine in texts.values()]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.array([vectors.vectors[text] for mine in texts.values() for text in mine])
    starts = np.cumsum([0, *sizes[:-1]])
    sums = np.add.reduceat(rows, starts)
    known_rows = rows if kind == "nearest" else _unit(sums)

    def scores(vector: NDArray[np.float32]) -> NDArray[np.float32]:
        similar = known_rows @ vector
        return np.maximum.reduceat(similar, starts) if kind == "nearest" else similar

    threshold = -np.inf
    if known.none and min(sizes) > 1:
        checked = np.random.default_rng(0).permutation(len(rows))[:CHECKED]
        left_out = np.empty((len(checked), len(sizes)), dtype=np.float32)
        for row, i in enumerate(checked):
            if kind == "nearest":
                similar = rows @ rows[i]
                similar[i] = -1.0
                left_out[row] = np.maximum.reduceat(similar, starts)
            else:
                others = sums.copy()
                others[labels[i]] -= rows[i]
                left_out[row] = _unit(others) @ rows[i]
        outside = np.array([scores(vectors.vectors[text]).max() for text in known.none])
        right = left_out.argmax(axis=1) == labels[checked]
        threshold = abstaining_below(left_out.max(axis=1), right, outside)
    fit_seconds = time.perf_counter() - started

    def answer(text: str) -> tuple[int, float]:
        found = scores(vectors.vectors[text])
        best = int(found.argmax())
        return best, float(found[best])

    best, sure, microseconds = ask_each(known.questions, answer)
    decided = np.where(sure >= threshold, best, len(sizes))
    confidence = np.abs(sure - threshold) if np.isfinite(threshold) else sure
    return Answers(decided, best, confidence, False, microseconds, fit_seconds)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


@dataclass(frozen=True)
class Figures:
    """What answers are worth; NaN where a method does not tell what the figure needs."""

    closed: float
    precision: float
    recall: float
    f1: float
    all: float
    ece: float
    judged: float
    microseconds: float
    fit_seconds: float


def weigh(right: NDArray[np.int64], none: int) -> Array:
    """Return weights that sum to 1 and give the questions out of scope OUTSIDE of it."""
    outside = right == none
    if outside.all() or not outside.any():
        return np.full(len(right), 1 / max(len(right), 1))
    return np.asarray(np.where(outside, OUTSIDE / outside.sum(), (1 - OUTSIDE) / (~outside).sum()))


def figures(answers: Answers, right: NDArray[np.int64], none: int) -> Figures:
    """Return the figures of answers.

    Args:
        answers: what a method answered.
        right: what is right.
        none: what stands for "none" in both.
    """
    weights = weigh(right, none)
    outside = right == none
    hit = answers.decided == right
    found = float(weights[outside & hit].sum())
    precision = found / max(float(weights[answers.decided == none].sum()), 1e-12)
    recall = found / max(float(weights[outside].sum()), 1e-12)
    sure = answers.confidence
    return Figures(
        closed=float(np.mean(answers.closed[~outside] == right[~outside]))
        if not outside.all()
        else 0.0,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / max(precision + recall, 1e-12),
        all=float(weights[hit].sum()),
        ece=calibration_error(sure, hit, weights, BINS) if answers.probability else math.nan,
        judged=math.nan if np.isnan(sure).any() else share_to_judge(sure, hit, weights),
        microseconds=answers.microseconds,
        fit_seconds=answers.fit_seconds,
    )


def share_to_judge(confidence: Array, hit: NDArray[np.bool_], weights: Array) -> float:
    """Return the share that a perfect judge must answer, the least confident first, for WANTED."""
    order = np.argsort(confidence, kind="stable")
    wrong = np.concatenate([[0.0], np.cumsum((weights * ~hit)[order])])
    enough = int(np.argmax(wrong[-1] - wrong <= 1 - WANTED + 1e-12))
    return float(weights[order][:enough].sum())


def mean(many: Sequence[Figures]) -> Figures:
    """Return the means of figures."""
    return Figures(*(float(column) for column in np.mean([astuple(one) for one in many], axis=0)))


def environment(folder: Path) -> Path:
    """Return the interpreter of the rivals' virtual environment, made where it is not there yet."""
    python = folder / "bin" / "python"
    made = folder / "made.txt"
    if not made.exists() or made.read_text(encoding="utf-8") != "\n".join(RIVALS):
        print(f"installing {', '.join(RIVALS)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True, symlinks=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *RIVALS], check=True)
        made.write_text("\n".join(RIVALS), encoding="utf-8")
    return python


def ask_rivals(python: Path, tasks: Sequence[Task], cache: Path) -> dict[str, dict[str, Answers]]:
    """Ask the rivals, and return their answers by the names of task and rival."""
    known = [{"name": one.name, "examples": one.examples, "none": one.none} for one in tasks]
    job = {
        "vectors": str(cache.resolve()),
        "descriptions": tasks[0].descriptions,
        "questions": tasks[0].questions,
        "tasks": known,
    }
    answers: dict[str, dict[str, Answers]] = {one.name: {} for one in tasks}
    with tempfile.TemporaryDirectory() as folder:
        written, out = Path(folder) / "job.json", Path(folder) / "out.npz"
        written.write_text(json.dumps(job), encoding="utf-8")
        # on few shared cores, scikit-learn's threads wait for each other a hundred times longer
        alone = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([python, HERE / "routing_rivals.py", written, out], check=True, env=alone)
        with np.load(out, allow_pickle=False) as arrays:
            for key in arrays:
                if key.endswith("/decided"):
                    number, name, _ = key.split("/")
                    parts = [arrays[f"{number}/{name}/{field.name}"] for field in fields(Answers)]
                    # a number comes back as an array without axes
                    answers[tasks[int(number)].name][name] = Answers(
                        *(p if p.ndim else p.item() for p in parts)
                    )
    return answers


async def run(options: argparse.Namespace, model: QueryModel) -> dict[tuple[str, str], Figures]:
    """Measure, and return the figures by number of examples and method."""
    data = read(options.data, options.split, options.descriptions)
    vectors = KnownVectors(model, options.cache)
    drawn = {
        examples: [
            task(data, examples, seed)
            for seed in range(1 if examples in ("0", "all") else options.seeds)
        ]
        for examples in options.examples.split(",")
    }
    tasks = [one for many in drawn.values() for one in many]
    phrases = [phrase for text in data.descriptions.values() for phrase in text.split(", ")]
    used = [
        text
        for one in tasks
        for text in (*one.none, *(t for m in one.examples.values() for t in m))
    ]
    await vectors.embed_examples([*data.questions, *data.descriptions.values(), *phrases, *used])
    # once beforehand: the texts of its own that the classifier embeds belong to nobody's fit
    await fitted(task(data, "0", 0), vectors)
    others: dict[str, dict[str, Answers]] = {}
    if options.rivals:
        others = ask_rivals(environment(options.environment), tasks, options.cache)
    found: dict[tuple[str, str], Figures] = {}
    print(HEADER)
    for examples, many in drawn.items():
        measured: dict[str, list[Figures]] = {}
        for one in many:
            answers = {
                "waypost": await waypost(one, vectors),
                "nearest example": baseline(one, vectors, "nearest"),
                "centroid": baseline(one, vectors, "centroid"),
                **others.get(one.name, {}),
            }
            for name, said in answers.items():
                result = figures(said, data.right, len(data.descriptions))
                measured.setdefault(name, []).append(result)
        for name, results in measured.items():
            found[examples, name] = mean(results)
            print(line(examples, name, found[examples, name]), flush=True)
    return found


HEADER = (
    f"{'examples':<9}{'method':<30}{'closed':>7}{'P':>7}{'R':>7}{'F1':>7}{'all':>7}{'ECE':>7}"
    f"{'to 99%':>8}{'µs':>8}{'fit s':>8}"
)


def line(examples: str, name: str, one: Figures) -> str:
    """Return figures as a line of the table."""
    shares = [one.closed, one.precision, one.recall, one.f1, one.all, one.ece, one.judged]
    cells = ["–" if math.isnan(share) else f"{100 * share:.1f}" for share in shares]
    width = (7, 7, 7, 7, 7, 7, 8)
    row = "".join(f"{cell:>{w}}" for cell, w in zip(cells, width, strict=True))
    return f"{examples:<9}{name:<30}{row}{one.microseconds:>8.0f}{one.fit_seconds:>8.2f}"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder in CLINC150's form")
    parser.add_argument("--split", default="val", help="the part that is asked: val or test")
    parser.add_argument("--examples", default="0,5,20,100,all", help="numbers a category, or all")
    parser.add_argument("--seeds", type=int, default=5, help="draws of examples to average over")
    parser.add_argument("--descriptions", type=Path, default=HERE / "clinc150.toml")
    parser.add_argument("--cache", type=Path, default=KEPT / "routing.npz", help="keeps vectors")
    parser.add_argument("--rivals", action="store_true", help="ask other projects' routers too")
    parser.add_argument(
        "--environment", type=Path, default=KEPT / "rivals", help="the rivals' virtual environment"
    )
    return parser.parse_args(given)


if __name__ == "__main__":
    asyncio.run(run(arguments(), LocalEmbedder()))
