"""The second stage: a calibrated classifier over indexes, tools, small talk and "none of these".

Each target gets scores: a regression on the examples, an example kernel (log-mean-exp of centred
similarities), its best phrase, how well its documents' best chunks match by words and by embedding,
and how much the question looks like a call of the tool. "None" gets a bias, how close the question is
to anything known, and the regression's score of it. A conditional logit over these, fitted on
questions that each was left out of its own comparison, makes them probabilities.

Similarity is of embeddings, the mean embedding subtracted, and of characters (TF-IDF).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.routing.calibration import fit_conditional_logit, softmax
from agent.routing.lexicon import Lexicon
from agent.routing.regression import KernelRidge, Regression, SubTopics
from agent.routing.types import NONE, Describe, Question, Target, TargetScore
from indexes.text import language
from prompts import texts

__all__ = ["ExampleEmbedder", "LocalClassifier", "scope_phrases", "spread"]

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
LEXICAL = 0.23  # the share of characters in a similarity
TAU = 20.0
NEAREST, NEAREST_OF_MANY = 3, 10  # how close a question is to anything: the mean of so many
COVERED = 0.5  # a general question this similar to what the project covers is not general there
OWN_NONE = 10  # with so many examples of "none" of its own a project needs no general ones
PHRASES = 300  # of one description; each has to be embedded once
GENERAL = 0.35  # otherwise so many for each text about the project: more would drown it
MANY = 2_000  # texts above which the regression is one over sub-topics
SAMPLE = 4_000  # examples that weights are fitted on
VIEWS = 32  # models of what different people may see that are kept
FEW_CHANGED = 0.1  # below this share of many examples, what is costly is not fitted anew
PHRASES_ALIKE = 20  # how many phrases their own mean has to outweigh the questions' mean
TYPICAL, SPREAD = 0.86, 0.015  # e5's cosines lie in a narrow high band
FEATURES = (
    ("regression", "similar to its examples"),
    ("kernel", "similar to its examples"),
    ("phrase", "matches its description"),
    ("regression_alone", "similar to its examples"),
    ("kernel_alone", "similar to its examples"),
    ("phrase_alone", "matches its description"),
    ("affinity", "its documents use the same words"),
    ("closeness", "its documents are about this"),
    ("call", "the question names its arguments"),
)
# The conditional logit's parameters: the weights of FEATURES (`_alone` are of targets without
# documents), a bias for targets without documents (of a tool with arguments, as far as the question
# looks like a call), then for "none" a bias and its weights on the nearest texts and the regression,
# where no document is known; and the same, with the best affinity and closeness, where some are.
# SCALE is how far a project's own examples may move each.
PRIOR = np.array(
    [6.4, 1.1, 2.7, 8.5, 5, 11, 14.7, 1.1, 14.7, 0.3, 5, -2.5, 3.5, 5.6, -3.9, 23, 0.1, 0],
    dtype=np.float64,
)
SCALE = np.array(
    [0.5, 0.3, 0.3, 3, 2, 3, 0.5, 0.05, 1, 1, 2, 3, 8, 0.5, 1, 1, 0.5, 0.05], dtype=np.float64
)
NONE_SHARE = 0.18  # how much the examples of "none" weigh in the fit, whatever their number
VERSION = 13


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


@dataclass(frozen=True)
class _Rows:
    """All texts that questions are compared with, in this order.

    Examples, examples of "none", phrases of descriptions: these the regression learns from. Then
    phrases mined from documents. `owners` are positions of targets; "none" comes after the last.
    """

    texts: list[str]
    owners: NDArray[np.int64]
    examples: int
    none: int
    learned: int


@dataclass
class _Model:
    """What is fitted."""

    targets: list[str]
    rows: _Rows
    means: Floats  # of questions: zh, en; of phrases: zh, en
    vectors: Floats
    lexicon: Lexicon
    regression: Regression
    weights: Array
    fitted_on: NDArray[np.uint32]  # the texts that the regression was fitted on, hashed


class LocalClassifier:
    """Scores questions against targets.

    Args:
        targets: what can be routed to.
        none: example questions that no target covers.
        embedder: the router's embedding model.
        cache: a file that keeps what was fitted; it is fitted anew when what it depends on changes.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        none: Sequence[str],
        embedder: ExampleEmbedder,
        cache: Path | None = None,
    ) -> None:
        self._given = list(targets)
        self._none = list(dict.fromkeys(none))
        self._embedder = embedder
        self._cache = cache
        self._model: _Model | None = None
        self._views: dict[frozenset[str], _Model] = {}
        self._lock = asyncio.Lock()

    @property
    def targets(self) -> list[Target]:
        """What can be routed to, without the kinds of small talk that the project covers itself."""
        names = set(self._fitted.targets)
        return [target for target in self._given if target.name in names]

    @property
    def _fitted(self) -> _Model:
        if self._model is None:
            raise RuntimeError("LocalClassifier.fit was not awaited")
        return self._model

    async def fit(self, describe: Describe) -> None:
        """Fit what the cache does not hold.

        Args:
            describe: gives a question's affinities and likeness to tool calls.
        """
        key = self._fingerprint()
        saved = await asyncio.to_thread(self._load)
        if saved is not None and saved[0] == key:
            self._model = saved[1]
            return
        shape = await self._shape()
        before = saved[1] if saved is not None and saved[0]["base"] == key["base"] else None
        model = await asyncio.to_thread(_learn, *shape, before)
        self._model = model[0]
        if model[1] is not None:
            model[0].weights = await self._calibrated(model[0], model[1], describe)
        await asyncio.to_thread(self._save, key)

    async def _shape(self) -> tuple[list[str], _Rows, Floats, Floats]:
        """Return the names of targets, their texts with vectors, and the mean vectors."""
        general = [text for name in ("zh", "en") for text in texts("generic", name)]
        everything = dict.fromkeys([*general, *self._none])
        for target in self._given:
            everything.update(dict.fromkeys([*target.taught, *_scope(target), *target.phrases]))
        embedded = await self._embedder.embed_examples(list(everything))
        known = dict(zip(everything, np.asarray(embedded, dtype=np.float32), strict=True))
        return await asyncio.to_thread(_arrange, self._given, self._none, general, known)

    async def _calibrated(self, model: _Model, left_out: Array, describe: Describe) -> Array:
        """Return the weights, fitted on examples that each was left out of its own comparison."""
        rows = model.rows
        step = max(1, -(-rows.examples // SAMPLE))
        asked = [*range(0, rows.examples, step), *range(rows.examples, rows.examples + rows.none)]
        designs = []
        for position in asked:
            question = await describe(rows.texts[position])
            vector = model.vectors[position]
            designs.append(_features(model, vector, question, left_out[position], position))
        labels = rows.owners[asked]
        outside = labels == len(model.targets)
        weights = np.where(
            outside,
            NONE_SHARE * len(labels) / max(int(outside.sum()), 1),
            (1 - NONE_SHARE) * len(labels) / max(int((~outside).sum()), 1),
        )
        if not rows.examples:  # "none" alone says nothing about the rest
            return PRIOR.copy()
        fitted = await asyncio.to_thread(
            fit_conditional_logit, np.array(designs), labels, weights, PRIOR, SCALE
        )
        fitted[: len(FEATURES)] = np.maximum(fitted[: len(FEATURES)], 0.0)
        return fitted

    async def score(self, question: Question, names: Sequence[str] | None = None) -> TargetScore:
        """Return the probability of every target and of "none".

        Args:
            question: the question.
            names: the targets that there are for who asks; the others, with their examples and
                phrases, change nothing about the result. None for all.
        """
        model = await self._view(names)
        vector = np.asarray(await self._embedder.embed_query(question.text), dtype=np.float32)
        centred = _centred(vector, model.means[_language(question.text)])
        design = _features(model, centred, question)
        probabilities = softmax(design @ model.weights)
        choices = [*model.targets, NONE]
        found = {name: float(p) for name, p in zip(choices, probabilities, strict=True)}
        best = int(np.argmax(probabilities))
        if best == len(model.targets):
            return TargetScore(found, "unlike every example, description and document")
        parts = design[best, : len(FEATURES)] * model.weights[: len(FEATURES)]
        return TargetScore(found, FEATURES[int(np.argmax(parts))][1])

    async def alike(self, questions: Sequence[str]) -> Floats:
        """Return how alike questions are, as examples are compared, of shape (questions, questions).

        1 is the same; texts without anything in common are around 0.
        """
        model = self._fitted
        embedded = [await self._embedder.embed_query(text) for text in questions]
        return await asyncio.to_thread(_alike, model, list(questions), embedded)

    async def _view(self, names: Sequence[str] | None) -> _Model:
        """Return the model of some targets, made when it is first asked for."""
        model = self._fitted
        chosen = frozenset(model.targets if names is None else names) & frozenset(model.targets)
        if len(chosen) == len(model.targets):
            return model
        async with self._lock:
            if chosen not in self._views:
                while len(self._views) >= VIEWS:
                    del self._views[next(iter(self._views))]
                self._views[chosen] = await asyncio.to_thread(_part, model, tuple(chosen))
            return self._views[chosen]

    def _fingerprint(self) -> dict[str, str]:
        base = [VERSION, self._embedder.name, [[t.name, t.kind] for t in self._given]]
        rest = [
            self._none,
            [[t.title, t.description, t.taught, t.phrases] for t in self._given],
        ]
        return {"base": _digest(base), "rest": _digest(rest)}

    def _load(self) -> tuple[dict[str, str], _Model] | None:
        if self._cache is None or not self._cache.exists():
            return None
        try:
            with self._cache.open("rb") as raw, np.load(raw) as file:
                arrays = {name: file[name] for name in file.files}
            head = json.loads(bytes(arrays["head"]).decode())
            if head["version"] != VERSION or len(arrays["weights"]) != len(PRIOR):
                return None
            rows = _Rows(
                head["texts"], arrays["row_owners"], head["examples"], head["none"], head["learned"]
            )
            regression = SubTopics(arrays) if "slopes" in arrays else KernelRidge(arrays)
            model = _Model(
                head["targets"],
                rows,
                np.asarray(arrays["means"], dtype=np.float32),
                np.asarray(arrays["vectors"], dtype=np.float32),
                Lexicon(arrays),
                regression,
                arrays["weights"],
                arrays["fitted_on"],
            )
            if not _fits(model):
                return None
        except Exception:  # zipfile and numpy raise many: a cache that cannot be read is made again
            return None
        return head["key"], model

    def _save(self, key: dict[str, str]) -> None:
        if self._cache is None:
            return
        model = self._fitted
        head = {
            "version": VERSION,
            "key": key,
            "targets": model.targets,
            "texts": model.rows.texts,
            "examples": model.rows.examples,
            "none": model.rows.none,
            "learned": model.rows.learned,
        }
        arrays: dict[str, Any] = {
            "head": np.frombuffer(json.dumps(head, ensure_ascii=False).encode(), dtype=np.uint8),
            "row_owners": model.rows.owners,
            "means": model.means,
            "vectors": model.vectors.astype(np.float16),
            "weights": model.weights,
            "fitted_on": model.fitted_on,
            **model.lexicon.arrays(),
            **model.regression.arrays(),
        }
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        written = self._cache.with_name(f"{self._cache.name}.{uuid.uuid4().hex}")
        try:
            with written.open("wb") as file:
                np.savez(file, **arrays)
            written.replace(self._cache)
        finally:
            written.unlink(missing_ok=True)


def _digest(shape: Any) -> str:
    return hashlib.sha256(json.dumps(shape, ensure_ascii=False).encode()).hexdigest()


def _language(text: str) -> int:
    return 0 if language(text) == "zh" else 1


def _scope(target: Target) -> list[str]:
    phrases = spread(scope_phrases(target.description), PHRASES)
    return list(dict.fromkeys(filter(None, [target.title, *phrases])))


def _centred(vector: Floats, mean: Floats) -> Floats:
    shifted = vector - mean
    return np.asarray(shifted / max(float(np.linalg.norm(shifted)), 1e-9), dtype=np.float32)


def _arrange(
    given: Sequence[Target], none: Sequence[str], general: Sequence[str], known: dict[str, Floats]
) -> tuple[list[str], _Rows, Floats, Floats]:
    """Put the texts in their order, with centred vectors, and leave out what does not apply."""
    questions = [*general, *(text for target in given for text in target.taught)]
    scope = [text for target in given if target.kind != "talk" for text in _scope(target)]
    means = _means(questions, scope, known)
    indexes = [target for target in given if target.kind == "index"]

    def vectors_of(chosen: Sequence[str], kind: int) -> Floats:
        rows = [_centred(known[text], means[kind + _language(text)]) for text in chosen]
        found = np.array(rows, dtype=np.float32).reshape(len(chosen), means.shape[1])
        return found.astype(np.float16).astype(np.float32)  # as the cache will give them back

    covered = np.vstack(
        [
            vectors_of([text for target in indexes for text in target.taught], 0),
            vectors_of([text for target in indexes for text in _scope(target)], 2),
        ]
    )

    def is_covered(text: str) -> bool:
        return bool(((covered @ vectors_of([text], 0)[0]) >= COVERED).any())

    targets = [
        target
        for target in given
        if target.kind != "talk" or not any(is_covered(text) for text in target.examples)
    ]
    outside = list(none)
    if len(outside) < OWN_NONE:
        free = [text for text in general if text not in none and not is_covered(text)]
        known_texts = sum(len(target.taught) + len(_scope(target)) for target in targets)
        outside += spread(free, max(OWN_NONE, int(GENERAL * known_texts)) - len(outside))
    blocks: list[list[tuple[int, str]]] = [
        [(i, text) for i, target in enumerate(targets) for text in target.taught],
        [(len(targets), text) for text in outside],
        [(i, text) for i, target in enumerate(targets) for text in _scope(target)],
        [(i, text) for i, target in enumerate(targets) for text in target.phrases],
    ]
    flat = [item for block in blocks for item in block]
    split = len(blocks[0]) + len(blocks[1])
    rows = _Rows(
        [text for _, text in flat],
        np.array([owner for owner, _ in flat], dtype=np.int64),
        len(blocks[0]),
        len(blocks[1]),
        split + len(blocks[2]),
    )
    vectors = np.vstack([vectors_of(rows.texts[:split], 0), vectors_of(rows.texts[split:], 2)])
    return [target.name for target in targets], rows, means, vectors


def spread(items: Sequence[str], most: int) -> list[str]:
    """Return at most `most` of the items, spread evenly over all."""
    return list(items[:: max(1, -(-len(items) // most))])


def _means(questions: Sequence[str], phrases: Sequence[str], known: dict[str, Floats]) -> Floats:
    """Return the mean vectors of questions (zh, en) and of phrases (zh, en)."""
    out = []
    for kind in (0, 1):
        mine = [known[text] for text in questions if _language(text) == kind]
        out.append(np.mean(mine, axis=0))
    for kind in (
        0,
        1,
    ):  # of few phrases the mean is what they are about, so it is drawn to questions
        mine = [known[text] for text in phrases if _language(text) == kind]
        total = PHRASES_ALIKE * out[kind] + (np.sum(mine, axis=0) if mine else 0.0)
        out.append(total / (PHRASES_ALIKE + len(mine)))
    return np.array(out, dtype=np.float32)


def _learn(
    targets: list[str], rows: _Rows, means: Floats, vectors: Floats, before: _Model | None
) -> tuple[_Model, Array | None]:
    """Fit all but the weights; without left-out scores the weights of before are kept."""
    lexicon = Lexicon.of(rows.texts)
    classes = len(targets) + 1
    count = rows.learned
    fitted_on = np.unique([zlib.crc32(text.encode()) for text in rows.texts[:count]]).astype(
        np.uint32
    )
    regression: Regression
    if count > MANY and before is not None and _is_alike(targets, fitted_on, before):
        regression, left_out, weights = before.regression, None, before.weights
        fitted_on = before.fitted_on
    else:
        weights = PRIOR.copy()
        if count > MANY:
            regression, left_out = SubTopics.fit(vectors[:count], rows.owners[:count], classes)
        else:
            regression, left_out = _ridge(rows, vectors, lexicon, classes)
    return _Model(targets, rows, means, vectors, lexicon, regression, weights, fitted_on), left_out


def _is_alike(targets: list[str], texts: NDArray[np.uint32], before: _Model) -> bool:
    if targets != before.targets or not isinstance(before.regression, SubTopics):
        return False
    return len(np.setxor1d(texts, before.fitted_on)) < FEW_CHANGED * len(texts)


def _fits(model: _Model) -> bool:
    """Say whether the parts of a model that was read belong together."""
    rows = model.rows
    return (
        len(rows.texts) == len(rows.owners) == len(model.vectors)
        and model.vectors.shape[1:] == model.means.shape[1:]
        and rows.examples + rows.none <= rows.learned <= len(rows.texts)
    )


def _part(model: _Model, names: Sequence[str]) -> _Model:
    """Return a model that knows only some targets, and nothing of the texts of the others."""
    kept = [i for i, name in enumerate(model.targets) if name in names]
    position = {old: new for new, old in enumerate([*kept, len(model.targets)])}
    rows = model.rows
    stay = [row for row, owner in enumerate(rows.owners.tolist()) if owner in position]
    chosen = np.array(stay, dtype=np.int64)
    bounds = np.searchsorted(chosen, [rows.examples, rows.examples + rows.none, rows.learned])
    part = _Rows(
        [rows.texts[row] for row in stay],
        np.array([position[owner] for owner in rows.owners[chosen].tolist()], dtype=np.int64),
        int(bounds[0]),
        int(bounds[1] - bounds[0]),
        int(bounds[2]),
    )
    targets = [model.targets[i] for i in kept]
    vectors = model.vectors[chosen]
    lexicon = Lexicon.of(part.texts)
    regression: Regression
    if isinstance(model.regression, SubTopics):
        regression = model.regression.part([*kept, len(model.targets)])
    else:
        regression, _ = _ridge(part, vectors, lexicon, len(targets) + 1)
    return _Model(
        targets, part, model.means, vectors, lexicon, regression, model.weights, model.fitted_on
    )


def _ridge(
    rows: _Rows, vectors: Floats, lexicon: Lexicon, classes: int
) -> tuple[KernelRidge, Array]:
    count = rows.learned
    learned = vectors[:count]
    alike = (1 - LEXICAL) * (learned @ learned.T)
    for position, text in enumerate(rows.texts[:count]):
        alike[position] += LEXICAL * lexicon.similarities(text)[:count]
    return KernelRidge.fit(alike, rows.owners[:count], classes)


def _alike(model: _Model, questions: list[str], embedded: list[Floats]) -> Floats:
    lexicon = Lexicon.of(questions)
    out = np.zeros((len(questions), len(questions)), dtype=np.float32)
    if questions:
        means = model.means[[_language(text) for text in questions]]
        shifted = np.asarray(embedded, dtype=np.float32) - means
        shifted /= np.maximum(np.linalg.norm(shifted, axis=1, keepdims=True), 1e-9)
        out += (1 - LEXICAL) * (shifted @ shifted.T)
    for position, text in enumerate(questions):
        out[position] += LEXICAL * lexicon.similarities(text)
    return out


def _features(
    model: _Model,
    vector: Floats,
    question: Question,
    scores: Array | None = None,
    position: int | None = None,
) -> Array:
    """Return the design matrix of a question: a row a target and one for "none".

    Args:
        model: what is fitted.
        vector: the question's centred vector.
        question: the question.
        scores: the regression's, where they are known.
        position: the question's own row, left out.
    """
    rows, count = model.rows, len(model.targets)
    # one thread: BLAS would start several, which wait for each other longer than they work
    similar = (1 - LEXICAL) * np.einsum("ij,j->i", model.vectors, vector)
    similar += LEXICAL * model.lexicon.similarities(question.text)
    if scores is None:
        scores = model.regression.scores(vector, similar[: rows.learned])
    if position is not None:
        similar[position] = -np.inf
    kernel = _kernels(rows, similar, count)
    phrase = np.full(count, -np.inf)
    beginning = rows.examples + rows.none
    np.maximum.at(phrase, rows.owners[beginning:], similar[beginning:])
    phrase = np.where(np.isfinite(phrase), phrase, kernel)
    design = np.zeros((count + 1, len(PRIOR)))
    for i, name in enumerate(model.targets):
        affinity = question.affinities.get(name)
        first = 3 if affinity is None else 0
        design[i, first : first + 3] = scores[i], kernel[i], phrase[i]
        call = question.calls.get(name)
        if affinity is None:
            design[i, 9] = 1.0 if call is None else min(1.0, 3.0 * call)
        else:
            design[i, 6] = affinity.lexical
            design[i, 7] = _closeness(affinity.similarity)
        design[i, 8] = call or 0.0
    found = question.affinities.values()
    similar[rows.examples : beginning] = -np.inf
    most = NEAREST_OF_MANY if rows.learned > MANY else NEAREST
    nearest = np.partition(similar, -most)[-most:] if len(similar) >= most else similar
    near = float(np.mean(np.maximum(nearest, 0.0))) if len(nearest) else 0.0
    first = 13 if found else 10
    design[count, first : first + 3] = 1.0, near, scores[count]
    if found:
        design[count, 16] = max(one.lexical for one in found)
        design[count, 17] = max(_closeness(one.similarity) for one in found)
    return design


def _kernels(rows: _Rows, similar: Floats, count: int) -> Array:
    """Return each target's log-mean-exp over its examples, or its description where it has none."""
    weights = np.exp(TAU * similar[: rows.learned])
    out = np.zeros(count)
    for part in (slice(rows.examples + rows.none, rows.learned), slice(0, rows.examples)):
        owners, mine = rows.owners[part], weights[part]
        sizes = np.bincount(owners[mine > 0], minlength=count)[:count]
        sums = np.bincount(owners, mine, minlength=count)[:count]
        there = sizes > 0
        out[there] = np.log(sums[there] / sizes[there]) / TAU
    return out


def _closeness(similarity: float) -> float:
    return (similarity - TYPICAL) / SPREAD if similarity else 0.0
