"""Routers of other projects, asked what benchmarks/routing.py asks; runs in an environment of its own.

`python routing_rivals.py JOB.json OUT.npz` is what benchmarks/routing.py starts. They are given the
same vectors through their own interfaces for embedders, and the same examples. semantic-router has
no threshold by default. For its `fit`, which needs examples that it has not stored, a quarter is
held out; the calibration is then used with all examples stored, and its threshold is chosen like
the baselines', for accuracy over the held-out and the out-of-scope examples. (Its documentation's
0.5 abstains from too much here.)
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vectors = Mapping[str, NDArray[np.float32]]

OUTSIDE = 0.18  # the share of out-of-scope questions, as in CLINC150's test part
HELD_OUT = 4  # every fourth example is what semantic-router's fit() learns from
FOLDS = 5


@dataclass(frozen=True)
class Task:
    """What a method may learn from, and what it is asked."""

    name: str
    descriptions: dict[str, str]
    examples: dict[str, list[str]]
    none: list[str]
    questions: list[str]

    @property
    def categories(self) -> list[str]:
        """The categories' names; `len(categories)` stands for "none" in answers."""
        return list(self.descriptions)


@dataclass(frozen=True)
class Answers:
    """What a method answered.

    `decided` and `closed` are positions of categories, the former with `len(categories)` for
    "none". `confidence` orders the answers, and is NaN where a method tells nothing; `probability`
    says whether it claims to be the probability of being right.
    """

    decided: NDArray[np.int64]
    closed: NDArray[np.int64]
    confidence: Array
    probability: bool
    microseconds: float
    fit_seconds: float


def read_vectors(path: Path) -> tuple[str, dict[str, NDArray[np.float32]]]:
    """Return the name of the model and the vectors by text that a file holds."""
    with np.load(path, allow_pickle=False) as data:
        texts = json.loads(data["texts"].tobytes())
        return str(data["model"]), dict(zip(texts, data["vectors"], strict=True))


def abstaining_below(scores: Array, right: NDArray[np.bool_], outside: Array) -> float:
    """Return the threshold with the best accuracy if out-of-scope questions are OUTSIDE of all.

    Args:
        scores: of in-scope questions, each unknown to what scored it.
        right: whether the category with that score is the right one.
        outside: scores of out-of-scope questions; without any, nothing is below the threshold.
    """
    if not len(outside):
        return -np.inf
    values = np.concatenate([scores, outside])
    gains = np.concatenate(
        [
            right * (OUTSIDE - 1) / max(len(scores), 1),
            np.full(len(outside), OUTSIDE / len(outside)),
        ]
    )
    order = np.argsort(values, kind="stable")
    gained = np.concatenate([[0.0], np.cumsum(gains[order])])
    below = int(np.argmax(gained))  # so many are abstained from
    ordered = values[order]
    if below == 0:
        return float(ordered[0]) - 1e-9
    above = ordered[below] if below < len(ordered) else ordered[-1] + 1e-9
    return float((ordered[below - 1] + above) / 2)


def ask_each(
    questions: Sequence[str], answer: Callable[[str], tuple[int, float]]
) -> tuple[NDArray[np.int64], Array, float]:
    """Ask each question, and return the best categories, their scores and the median time."""
    best = np.zeros(len(questions), dtype=np.int64)
    scores = np.zeros(len(questions))
    times = []
    for i, text in enumerate(questions):
        started = time.perf_counter()
        best[i], scores[i] = answer(text)
        times.append(time.perf_counter() - started)
    return best, scores, float(np.median(times)) * 1e6


async def _semantic_router(task: Task, vectors: Vectors, mode: str) -> Answers:
    from semantic_router import IndexedRouter, Route
    from semantic_router.encoders import DenseEncoder

    class Encoder(DenseEncoder):  # type: ignore[misc]
        """Gives the vectors that are already known."""

        def __call__(self, docs: list[str]) -> list[list[float]]:
            return [vectors[text].tolist() for text in docs]

        async def acall(self, docs: list[str]) -> list[list[float]]:
            return self(docs)

    def router(utterances: Mapping[str, Sequence[str]], **options: Any) -> Any:
        routes = [Route(name=name, utterances=list(texts)) for name, texts in utterances.items()]
        return IndexedRouter(encoder=Encoder(name="known"), routes=routes, **options)

    threshold = -np.inf
    started = time.perf_counter()
    if mode == "phrases":
        split = {name: text.split(", ") for name, text in task.descriptions.items()}
        chosen = router(split)
    elif mode == "fit":
        stored = {
            name: [text for i, text in enumerate(texts) if i % HELD_OUT]
            for name, texts in task.examples.items()
        }
        held_out = [
            (text, name) for name, texts in task.examples.items() for text in texts[::HELD_OUT]
        ]
        asked: list[tuple[str, str | None]] = [*held_out, *((text, None) for text in task.none)]
        part = router(stored)
        await part.afit([text for text, _ in asked], [name for _, name in asked])
        tops = [(await part.acall(text, limit=None, threshold=-1.0))[0] for text, _ in asked]
        sure = np.array([top.confidence for top in tops])
        right = np.array([top.name == name for top, (_, name) in zip(tops, asked, strict=True)])
        inside = len(held_out)
        threshold = abstaining_below(sure[:inside], right[:inside], sure[inside:])
        chosen = router(task.examples, calibrator=part.calibrator)
    else:
        whole = {name: task.examples[name] or [text] for name, text in task.descriptions.items()}
        chosen = router(whole)
    fit_seconds = time.perf_counter() - started
    position = {name: i for i, name in enumerate(task.categories)}
    closed, confidence, times = [], [], []
    for text in task.questions:
        started = time.perf_counter()
        ranked = await chosen.acall(text, limit=None, threshold=-1.0)
        times.append(time.perf_counter() - started)
        closed.append(position[ranked[0].name])
        confidence.append(ranked[0].confidence)
    best, sure = np.array(closed), np.array(confidence)
    decided = np.where(sure >= threshold, best, len(position))
    return Answers(
        decided,
        best,
        np.where(decided == best, sure, 1 - sure),
        mode == "fit",
        float(np.median(times)) * 1e6,
        fit_seconds,
    )


def _llama_index(task: Task, vectors: Vectors) -> Answers:
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.selectors import EmbeddingSingleSelector
    from llama_index.core.tools import ToolMetadata

    class Embedding(BaseEmbedding):  # type: ignore[misc]
        """Gives the vectors that are already known."""

        def _get_query_embedding(self, query: str) -> list[float]:
            return list(vectors[query].tolist())

        def _get_text_embedding(self, text: str) -> list[float]:
            return list(vectors[text].tolist())

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    started = time.perf_counter()
    selector = EmbeddingSingleSelector.from_defaults(embed_model=Embedding())
    choices = [ToolMetadata(name=n, description=text) for n, text in task.descriptions.items()]
    fit_seconds = time.perf_counter() - started
    best, _, microseconds = ask_each(
        task.questions, lambda text: (selector.select(choices, text).ind, 0.0)
    )
    return Answers(best, best, np.full(len(best), np.nan), False, microseconds, fit_seconds)


def _logistic_regression(task: Task, vectors: Vectors) -> Answers:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    started = time.perf_counter()
    texts = [text for mine in task.examples.values() for text in mine]
    labels = np.repeat(np.arange(len(task.examples)), [len(m) for m in task.examples.values()])
    known = np.array([vectors[text] for text in texts])
    # of plain, standardised and centred vectors with C from 0.001 to 100, the best on validation
    regression = LogisticRegression(C=10, max_iter=1000)
    model = make_pipeline(StandardScaler(with_std=False), Normalizer(), regression)
    unseen = cross_val_predict(model, known, labels, cv=FOLDS, method="predict_proba")
    model.fit(known, labels)
    outside = model.predict_proba(np.array([vectors[text] for text in task.none])).max(axis=1)
    right = unseen.argmax(axis=1) == labels
    threshold = abstaining_below(unseen.max(axis=1), right, outside)
    fit_seconds = time.perf_counter() - started
    mean, weights, bias = model[0].mean_, regression.coef_, regression.intercept_

    def answer(text: str) -> tuple[int, float]:
        centred = vectors[text] - mean
        logits = weights @ centred / np.linalg.norm(centred) + bias
        odds = np.exp(logits - logits.max())
        return int(logits.argmax()), float(1 / odds.sum())

    best, sure, microseconds = ask_each(task.questions, answer)
    decided = np.where(sure >= threshold, best, len(task.examples))
    confidence = np.where(decided == best, sure, 1 - sure)
    return Answers(decided, best, confidence, True, microseconds, fit_seconds)


def rivals(task: Task, vectors: Vectors) -> Iterator[tuple[str, Answers]]:
    """Return what each rival answers that can be used with what is known."""
    yield "semantic-router", asyncio.run(_semantic_router(task, vectors, "default"))
    if not any(task.examples.values()):
        yield "semantic-router, phrases", asyncio.run(_semantic_router(task, vectors, "phrases"))
        yield "LlamaIndex embedding selector", _llama_index(task, vectors)
        return
    yield "semantic-router, fit()", asyncio.run(_semantic_router(task, vectors, "fit"))
    yield "logistic regression", _logistic_regression(task, vectors)


def main() -> None:
    """Answer a job's tasks and write what was answered."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    _, vectors = read_vectors(Path(job["vectors"]))
    arrays: dict[str, Any] = {}
    for number, known in enumerate(job["tasks"]):
        task = Task(questions=job["questions"], descriptions=job["descriptions"], **known)
        for name, answers in rivals(task, vectors):
            print(f"{task.name}: {name}", file=sys.stderr, flush=True)
            for part, value in vars(answers).items():
                arrays[f"{number}/{name}/{part}"] = value
    np.savez(sys.argv[2], **arrays)


if __name__ == "__main__":
    main()
