"""The second stage: a calibrated classifier over indexes, tools and "none of these".

Each target gets six scores: an example kernel (log-mean-exp of centred cosines), its best scope
phrase, its most similar example by terms, how well its best chunks match by words and by
embedding, and how much the question looks like a call of the tool. "None" gets a bias and how
close the question is to anything known. A conditional logit over these, fitted on left-out
examples, makes them probabilities.

The shape of the stack was measured on CLINC150. The two ingredients that mattered most: subtracting
the mean embedding before comparing, and abstaining by similarity to the nearest examples.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.routing.types import NONE, Question, Target, TargetScore
from indexes.text import language, tokens
from prompts import texts

__all__ = ["ExampleEmbedder", "LocalClassifier", "scope_phrases"]

Array = NDArray[np.float64]
TAU = 10.0
TYPICAL, SPREAD = 0.86, 0.015  # e5's cosines lie in a narrow high band
FEATURES = ("kernel", "phrase", "terms", "affinity", "closeness", "call", "kernel_alone")
# The conditional logit's parameters: the weights of FEATURES (the kernel has one for targets with
# documents and one for those that have nothing but examples), a bias for targets without documents
# (of a tool with arguments, as far as the question looks like a call), then for "none" a bias and
# its weights on the nearest example, the best affinity and closeness. PRIOR was fitted on labelled
# questions by two authors, each checked on the other's; SCALE is how far a project's own examples,
# which resemble each other more than questions do, may move it.
PRIOR = np.array([5.5, 4.0, 0.5, 12.0, 1.0, 12.0, 17.0, 1.2, 8.5, -10.0, -2.0, -0.2])
SCALE = np.array([0.5, 0.5, 0.2, 1.0, 0.1, 1.5, 2.0, 1.0, 2.0, 1.5, 1.0, 0.1])
NONE_SHARE = 0.18  # how much the examples of "none" weigh in the fit, whatever their number
VERSION = 7


class ExampleEmbedder(Protocol):
    """What the classifier needs of an embedder."""

    @property
    def name(self) -> str:
        """The model's name and version."""
        ...

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question."""
        ...

    async def embed_examples(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of example questions, from a cache where possible."""
        ...


def scope_phrases(description: str) -> list[str]:
    """Split a description that enumerates what a target covers into its phrases."""
    parts = re.split(r"[、，,;；。.：:\n]+", description)
    return list(dict.fromkeys(part.strip() for part in parts if len(part.strip()) > 1))


@dataclass
class _Texts:
    """Texts that stand for targets: the positions of each target's, and all centred vectors."""

    rows: list[NDArray[np.int64]]
    vectors: Array


class LocalClassifier:
    """Scores questions against targets.

    Args:
        targets: what can be routed to.
        none: example questions that no target covers.
        embedder: the router's embedding model.
        cache: a file that keeps fitted weights; they are fitted anew when what they depend on changes.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        none: Sequence[str],
        embedder: ExampleEmbedder,
        cache: Path | None = None,
    ) -> None:
        self.targets = list(targets)
        self._embedder = embedder
        self._cache = cache
        generic = [*texts("generic", "zh"), *texts("generic", "en")]
        self._none = list(dict.fromkeys([*none, *generic]))
        self._generic = generic
        self._examples = [(i, text) for i, t in enumerate(targets) for text in t.examples]
        self._phrases = [
            (i, phrase)
            for i, target in enumerate(targets)
            for phrase in dict.fromkeys(
                [target.title, *scope_phrases(target.description), *target.phrases]
            )
        ]
        self._weights = PRIOR.copy()
        self._means: dict[str, Array] = {}

    async def prepare(self) -> None:
        """Embed examples and phrases (from the cache where possible)."""
        everything = [
            *self._generic,
            *(text for _, text in self._examples),
            *(text for _, text in self._phrases),
            *self._none,
        ]
        vectors = np.asarray(await self._embedder.embed_examples(everything), dtype=np.float64)
        bounds = np.cumsum([len(self._generic), len(self._examples), len(self._phrases)])
        generic, examples, phrases, none = np.split(vectors, bounds)
        for name in ("zh", "en"):
            rows = [
                vector
                for text, vector in zip(
                    [*self._generic, *(t for _, t in self._examples)],
                    [*generic, *examples],
                    strict=True,
                )
                if language(text) == name
            ]
            self._means[name] = np.mean(rows, axis=0)
        self._example_set = self._set(self._examples, examples)
        self._phrase_set = self._set(self._phrases, phrases)
        self._none_vectors = none
        self._vocabulary: dict[str, int] = {}
        counts: Counter[str] = Counter()
        for _, text in self._examples:
            counts.update(set(tokens(text)))
        self._vocabulary = {term: i for i, term in enumerate(counts)}
        total = len(self._examples)
        self._idf = np.array([math.log((1 + total) / (1 + n)) + 1 for n in counts.values()])
        self._terms = np.array([self._term_vector(text) for _, text in self._examples]).reshape(
            total, len(self._vocabulary)
        )

    def _set(self, items: Sequence[tuple[int, str]], vectors: Array) -> _Texts:
        centred = [self._centred(v, text) for v, (_, text) in zip(vectors, items, strict=True)]
        owners = np.array([owner for owner, _ in items], dtype=np.int64)
        rows = [np.flatnonzero(owners == i) for i in range(len(self.targets))]
        return _Texts(rows, np.array(centred).reshape(len(items), -1))

    def _centred(self, vector: Array, text: str) -> Array:
        shifted = vector - self._means[language(text)]
        return np.asarray(shifted / max(float(np.linalg.norm(shifted)), 1e-9))

    def _term_vector(self, text: str) -> Array:
        out = np.zeros(len(self._vocabulary))
        for term in set(tokens(text)):
            if term in self._vocabulary:
                out[self._vocabulary[term]] = 1.0
        out *= self._idf
        return np.asarray(out / max(float(np.linalg.norm(out)), 1e-9))

    def _features(self, vector: Array, question: Question, leave_out: int | None = None) -> Array:
        """Return the design matrix of a question: a row a target and one for "none"."""
        count = len(self.targets)
        design = np.zeros((count + 1, len(PRIOR)))
        centred = self._centred(vector, question.text)
        similar = self._example_set.vectors @ centred if len(self._examples) else np.zeros(0)
        phrase = self._phrase_set.vectors @ centred
        terms = self._terms @ self._term_vector(question.text)
        nearest = 0.0
        for i, target in enumerate(self.targets):
            mine = self._example_set.rows[i]
            if leave_out is not None:
                mine = mine[mine != leave_out]
            affinity = question.affinities.get(target.name)
            if len(mine):
                alike = similar[mine]
                kernel = math.log(float(np.mean(np.exp(TAU * alike)))) / TAU
                design[i, 6 if affinity is None else 0] = kernel
                design[i, 2] = float(terms[mine].max())
                nearest = max(nearest, float(alike.max()))
            scoped = self._phrase_set.rows[i]
            if len(scoped):
                best = float(phrase[scoped].max())
                design[i, 1] = best
                nearest = max(nearest, best)
            call = question.calls.get(target.name)
            if affinity is None:
                design[i, 7] = 1.0 if call is None else min(1.0, 3.0 * call)
            else:
                design[i, 3] = affinity.lexical
                design[i, 4] = _closeness(affinity.similarity)
            design[i, 5] = call or 0.0
        known = question.affinities.values()
        design[count, 8] = 1.0
        design[count, 9] = nearest
        design[count, 10] = max((one.lexical for one in known), default=0.0)
        design[count, 11] = max((_closeness(one.similarity) for one in known), default=0.0)
        return design

    async def fit(self, describe: Describe) -> None:
        """Fit the weights on the examples, each left out of its own comparison.

        Args:
            describe: gives a question's affinities and likeness to tool calls.
        """
        key = self._fingerprint()
        saved = await asyncio.to_thread(self._load, key)
        if saved is not None:
            self._weights = saved
            return
        designs: list[Array] = []
        right: list[int] = []
        raw = np.asarray(
            await self._embedder.embed_examples([text for _, text in self._examples]),
            dtype=np.float64,
        )
        for i, (owner, text) in enumerate(self._examples):
            designs.append(self._features(raw[i], await describe(text), leave_out=i))
            right.append(owner)
        for text, vector in zip(self._none, self._none_vectors, strict=True):
            designs.append(self._features(vector, await describe(text)))
            right.append(len(self.targets))
        labels = np.array(right)
        outside = labels == len(self.targets)
        weights = np.where(
            outside,
            NONE_SHARE * len(labels) / max(int(outside.sum()), 1),
            (1 - NONE_SHARE) * len(labels) / max(int((~outside).sum()), 1),
        )
        if self._examples:
            self._weights = _fit_conditional_logit(np.array(designs), labels, weights)
        await asyncio.to_thread(self._save, key)

    async def score(self, question: Question) -> TargetScore:
        """Return the probability of every target and of "none"."""
        vector = np.asarray(await self._embedder.embed_query(question.text), dtype=np.float64)
        design = self._features(vector, question)
        probabilities = _softmax(design @ self._weights)
        names = [*(target.name for target in self.targets), NONE]
        found = {name: float(p) for name, p in zip(names, probabilities, strict=True)}
        best = max(found, key=lambda name: found[name])
        return TargetScore(found, self._reason(best, design))

    def _reason(self, best: str, design: Array) -> str:
        if best == NONE:
            return "unlike every example, description and document"
        row = design[[target.name for target in self.targets].index(best)]
        strongest = FEATURES[int(np.argmax(row[: len(FEATURES)] * self._weights[: len(FEATURES)]))]
        return {
            "kernel": "similar to its examples",
            "phrase": "matches its description",
            "terms": "shares words with an example",
            "affinity": "its documents use the same words",
            "closeness": "its documents are about this",
            "call": "the question names its arguments",
            "kernel_alone": "similar to its examples",
        }[strongest]

    def _fingerprint(self) -> str:
        shape = [
            VERSION,
            self._embedder.name,
            self._none,
            [[t.name, t.kind, t.title, t.description, t.examples, t.phrases] for t in self.targets],
        ]
        return hashlib.sha256(json.dumps(shape, ensure_ascii=False).encode()).hexdigest()

    def _load(self, key: str) -> Array | None:
        if self._cache is None or not self._cache.exists():
            return None
        try:
            data = json.loads(self._cache.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None  # a cache that cannot be read is made again
        fits = data.get("key") == key and len(data.get("weights", ())) == len(PRIOR)
        return np.array(data["weights"]) if fits else None

    def _save(self, key: str) -> None:
        if self._cache is not None:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            data = {"key": key, "weights": [round(float(w), 5) for w in self._weights]}
            self._cache.write_text(json.dumps(data), encoding="utf-8")


class Describe(Protocol):
    """Gives what is known of a question beside its embedding."""

    async def __call__(self, text: str) -> Question:
        """Return the question with its affinities and likeness to tool calls."""
        ...


def _closeness(similarity: float) -> float:
    return (similarity - TYPICAL) / SPREAD if similarity else 0.0


def _softmax(utilities: Array) -> Array:
    shifted = np.exp(utilities - utilities.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _fit_conditional_logit(designs: Array, labels: NDArray[np.int64], weights: Array) -> Array:
    """Fit a conditional logit by Newton's method, drawn to PRIOR by a ridge.

    Args:
        designs: features of shape (questions, choices, parameters).
        labels: the index of the right choice, of shape (questions,).
        weights: how much each question counts, of shape (questions,).

    Source: McFadden, Conditional logit analysis of qualitative choice behavior, 1974.
    """
    theta = PRIOR.copy()
    ridge = np.diag(SCALE**-2.0)
    for _ in range(30):
        probabilities = _softmax(designs @ theta)
        expected = np.einsum("nc,ncp->np", probabilities, designs)
        chosen = designs[np.arange(len(labels)), labels]
        gradient = ((chosen - expected) * weights[:, None]).sum(axis=0) - ridge @ (theta - PRIOR)
        spread = np.einsum("nc,ncp,ncq->npq", probabilities, designs, designs)
        spread -= np.einsum("np,nq->npq", expected, expected)
        hessian = (spread * weights[:, None, None]).sum(axis=0) + ridge
        step = np.linalg.solve(hessian, gradient)
        theta = theta + step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-9))
        if float(np.abs(step).max()) < 1e-6:
            break
    theta[: len(FEATURES)] = np.maximum(theta[: len(FEATURES)], 0.0)
    return np.asarray(theta)
