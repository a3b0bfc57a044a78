"""The local classifier: right from descriptions alone, better with examples, calibrated, and fast to load."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.routing import LocalClassifier, Question, Target
from agent.routing import classifier as module
from agent.routing.lexicon import Lexicon
from agent.routing.regression import KernelRidge, SubTopics
from agent.routing.rules import talk_targets
from agent.routing.types import NONE
from indexes.embeddings.local import LocalEmbedder

BANK = "freeze an account, interest rate, transfer money, 冻结账户, 转账, 利率"
KITCHEN = "recipe for a dish, cooking time, restaurant reservation, 菜谱, 烹饪时间, 订餐厅"
TRAVEL = "book a flight, visa for a country, lost luggage, 订机票, 签证, 行李丢失"
TARGETS = [
    Target("bank", "index", "Bank", BANK),
    Target("kitchen", "index", "厨房", KITCHEN),
    Target("travel", "index", "Travel", TRAVEL),
]
ASKED = [
    ("How do I send money to my sister?", "bank"),
    ("我的卡丢了，先把户头冻住", "bank"),
    ("Which recipe uses up old bread?", "kitchen"),
    ("红烧肉怎么做？", "kitchen"),
    ("My suitcase did not arrive", "travel"),
    ("去日本要办什么签证？", "travel"),
    ("Who wrote Hamlet?", NONE),
    ("量子力学是什么？", NONE),
]


class Words:
    """Embeds a text as its hashed words: enough for what does not need meaning."""

    name = "words"

    def __init__(self) -> None:
        self.embedded = 0

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return a vector."""
        return self._vector(text)

    async def embed_examples(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors, and count them."""
        self.embedded += len(texts)
        return np.array([self._vector(text) for text in texts])

    def _vector(self, text: str) -> NDArray[np.float32]:
        vector = np.full(64, 0.1, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[zlib.crc32(word.encode()) % 64] += 1
        return vector / np.float32(np.linalg.norm(vector))


class Embedder(LocalEmbedder):
    """The local model; examples are embedded one by one, without a cache."""

    async def embed_examples(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors."""
        return np.array([await self.embed_query(text) for text in texts])


async def plain(text: str) -> Question:
    """Return a question about which no document says anything."""
    return Question(text)


async def fitted(
    targets: Sequence[Target],
    none: Sequence[str] = (),
    embedder: module.ExampleEmbedder | None = None,
    cache: Path | None = None,
) -> LocalClassifier:
    """Return a fitted classifier."""
    classifier = LocalClassifier(targets, none, embedder or Words(), cache)
    await classifier.fit(plain)
    return classifier


async def best(classifier: LocalClassifier, text: str) -> str:
    """Return the likeliest target."""
    found = (await classifier.score(Question(text))).probabilities
    assert sum(found.values()) == pytest.approx(1.0)
    return max(found, key=lambda name: found[name])


def of(word: str, count: int) -> tuple[str, ...]:
    """Return examples about something."""
    return tuple(f"{word} number {i} of the {word}s" for i in range(count))


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """Return the local model, loaded once."""
    return Embedder()


@pytest.mark.parametrize(("text", "name"), ASKED)
async def test_descriptions_alone(embedder: Embedder, text: str, name: str) -> None:
    """Without any example a description that enumerates what is covered routes, in two languages."""
    classifier = await fitted(TARGETS, embedder=embedder)
    assert await best(classifier, text) == name


async def test_an_example_teaches(embedder: Embedder) -> None:
    """One example moves what the descriptions had elsewhere."""
    text = "Is my umbrella insured?"
    before = await fitted(TARGETS, embedder=embedder)
    taught = [Target("travel", "index", "Travel", TRAVEL, ("Is my camera insured?",)), *TARGETS[:2]]
    after = await fitted(taught, embedder=embedder)
    scores = [(await one.score(Question(text))).probabilities["travel"] for one in (before, after)]
    assert scores[1] > scores[0] + 0.2
    assert await best(after, text) == "travel"


async def test_a_long_description_is_not_embedded_whole() -> None:
    """Of thousands of phrases a few hundred are enough, spread over all of them."""
    embedder = Words()
    target = Target("pump", "index", "", ", ".join(of("pump", 5000)))
    classifier = await fitted([target], (), embedder)
    assert embedder.embedded < 500
    assert await best(classifier, "pump number 4990 of the pumps") == "pump"


async def test_small_talk_of_the_project_is_its_own(embedder: Embedder) -> None:
    """A project that covers greetings itself has no general greetings; others have."""
    own = Target("lobby", "index", "", "greetings, saying goodbye", ("hello there", "good morning"))
    names = {t.name for t in (await fitted([own, *talk_targets()], embedder=embedder)).targets}
    assert "talk:greeting" not in names
    assert "talk:greeting" in {
        t.name for t in (await fitted([*TARGETS, *talk_targets()], embedder=embedder)).targets
    }


async def test_general_questions_that_the_project_covers_are_not_none(embedder: Embedder) -> None:
    """「今天天气怎么样」 is outside most projects, and inside one about the weather."""
    weather = Target(
        "weather", "index", "", "the weather today, 今天的天气, rain tomorrow, 天气预报"
    )
    classifier = await fitted([weather, *TARGETS], embedder=embedder)
    assert await best(classifier, "今天天气怎么样？") == "weather"
    assert await best(await fitted(TARGETS, embedder=embedder), "今天天气怎么样？") == NONE


async def test_same_twice() -> None:
    """The same project gives the same probabilities to the last digit."""
    targets = [Target(word, "index", word, word, of(word, 30)) for word in ("pump", "leave")]
    one, two = [await fitted(targets, ["what is love"]) for _ in range(2)]
    asked = Question("a pump of the leaves")
    assert (await one.score(asked)) == (await two.score(asked))


async def test_reopened_without_fitting(tmp_path: Path) -> None:
    """What was fitted is read from the cache, with the same probabilities."""
    targets = [Target(word, "index", word, word, of(word, 5)) for word in ("pump", "leave")]
    embedder = Words()
    first = await fitted(targets, (), embedder, tmp_path / "router.npz")
    count = embedder.embedded
    again = await fitted(targets, (), embedder, tmp_path / "router.npz")
    assert embedder.embedded == count
    asked = Question("which pump is it?")
    expected = (await first.score(asked)).probabilities
    assert (await again.score(asked)).probabilities == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("many", [1_000, 50], ids=["kernel ridge", "sub-topics"])
async def test_hidden_targets_change_nothing(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """Who may not see a target gets the probabilities of a project that does not have it."""
    monkeypatch.setattr(module, "MANY", many)
    words = ("pump", "leave", "audit")
    targets = [Target(word, "index", word, word, of(word, 40)) for word in words]
    none = ["who is king", "what is love"]
    classifier = await fitted(targets, none)
    asked = Question("what does the audit of the audits say?")
    hidden = (await classifier.score(asked, ["pump", "leave"])).probabilities
    assert set(hidden) == {"pump", "leave", NONE}
    assert (await classifier.score(asked)).probabilities["audit"] > 0.5
    without = await fitted(targets[:2], none)
    without._fitted.weights = classifier._fitted.weights
    without._fitted.means = classifier._fitted.means
    expected = (await without.score(asked)).probabilities
    assert hidden == pytest.approx(expected, abs=0.2)
    assert max(hidden, key=lambda name: hidden[name]) == max(expected, key=lambda n: expected[n])


async def test_many_small_changes_are_fitted_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small changes add up: what was fitted is compared, not what was saved last."""
    monkeypatch.setattr(module, "MANY", 100)
    fits = []
    once = SubTopics._fit.__func__  # type: ignore[attr-defined]

    def counted(cls: type[SubTopics], *given: object) -> SubTopics:
        fits.append(1)
        return once(cls, *given)  # type: ignore[no-any-return]

    monkeypatch.setattr(SubTopics, "_fit", classmethod(counted))
    for count in (100, 108, 116, 124, 132):
        targets = [
            Target("pump", "index", "pump", "pump", of("pump", count)),
            Target("leave", "index", "leave", "leave", of("leave", 100)),
        ]
        await fitted(targets, ["who is king"], Words(), tmp_path / "router.npz")
    assert 8 <= len(fits) < 20  # twice four fits, three of which are of parts


@pytest.mark.parametrize(
    "damage",
    [b"", b"PK\x03\x04 half", b"{}", b"PK\x03\x04" + bytes(200), b"\x93NUMPY\x01\x00v\x00{'descr"],
)
async def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: bytes) -> None:
    """A cache that cannot be read costs a fit, nothing else."""
    path = tmp_path / "router.npz"
    path.write_bytes(damage)
    classifier = await fitted([Target("pump", "index", "pump", "pump")], (), Words(), path)
    assert await best(classifier, "pump") == "pump"
    assert path.stat().st_size > 1000


async def test_a_changed_project_is_fitted_anew(tmp_path: Path) -> None:
    """New targets, descriptions or examples are learned, whatever the cache holds."""
    path = tmp_path / "router.npz"
    pump = Target("pump", "index", "pump", "pump")
    await fitted([pump], (), Words(), path)
    classifier = await fitted([pump, Target("leave", "index", "leave", "leave")], (), Words(), path)
    assert await best(classifier, "leave") == "leave"


async def test_many_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many examples sub-topics are learned; a few more examples count without a new fit."""
    monkeypatch.setattr(module, "MANY", 200)
    path = tmp_path / "router.npz"
    words = ("pump", "leave", "valve")
    targets = [Target(word, "index", word, word, of(word, 120)) for word in words]
    none = [f"who is king number {i}" for i in range(20)]
    first = await fitted(targets, none, Words(), path)
    for word in words:
        assert await best(first, f"which {word} is it?") == word
    assert await best(first, "who is king number 99") == NONE
    odd = "how are gaskets glued"
    more = [Target("pump", "index", "pump", "pump", (*targets[0].examples, odd)), *targets[1:]]
    with monkeypatch.context() as patched:
        patched.setattr(SubTopics, "_fit", None)  # nothing may be fitted
        second = await fitted(more, none, Words(), path)
    scores = [(await one.score(Question(odd))).probabilities["pump"] for one in (first, second)]
    assert scores[1] > scores[0]


def test_left_out_scores_are_those_of_a_fit_without() -> None:
    """What kernel ridge says of a text it was not shown equals a fit without that text."""
    draw = np.random.default_rng(3)
    vectors = draw.normal(size=(30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.arange(30) % 3
    alike = vectors @ vectors.T
    _, left_out = KernelRidge.fit(alike, labels, 3)
    kept = np.arange(30) != 7
    without, _ = KernelRidge.fit(alike[np.ix_(kept, kept)], labels[kept], 3)
    assert without.scores(vectors[7], alike[7, kept]) == pytest.approx(left_out[7], abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("breaking rules", 0),
        ("rule breakers", 0),
        ("东站的环保措施", 1),
        ("環保措施", 1),
        ("ABC-123x", 2),
        ("？！", None),
        ("", None),
    ],
)
def test_lexicon(asked: str, nearest: int | None) -> None:
    """Texts are alike by their characters: word forms, Chinese of both scripts, codes."""
    lexicon = Lexicon.of(["the rule was broken, breaking it", "环保措施有哪些", "part abc-123x"])
    found = lexicon.similarities(asked)
    assert found.shape == (3,)
    assert found.max() <= 1.0001
    assert (None if found.max() == 0 else int(found.argmax())) == nearest
