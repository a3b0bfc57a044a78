"""The benchmark of routing counts what it says it counts, and asks each method the same."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.tuning.paired import calibration_error
from benchmarks.routing import (
    KnownVectors,
    arguments,
    figures,
    read,
    run,
    share_to_judge,
    task,
    weigh,
)
from benchmarks.routing_rivals import Answers, abstaining_below

WORDS = {
    "money": ["pay a bill", "account balance", "transfer money", "a bank loan", "interest rate"],
    "food": ["cook rice", "a soup recipe", "bake bread", "restaurant table", "boil an egg"],
    None: ["why is the sky blue", "who won the match", "how tall is the tower", "fix my roof"],
}


class Words:
    """A model that knows nothing but words, each a direction of its own."""

    name = "words"

    def __init__(self) -> None:
        self.embedded: list[str] = []

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the sum of the words' directions, as a unit vector."""
        self.embedded.append(text)
        total = np.full(48, 0.1)
        for word in text.lower().replace(",", "").split():
            total += np.random.default_rng(zlib.crc32(word.encode())).normal(size=48)
        return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def write_data(folder: Path) -> list[str]:
    """Write a small data set in CLINC150's form, and return the options that name it."""
    rows = [
        {"text": f"{lead} {phrase}", "intent": phrase, "category": category}
        for category, phrases in WORDS.items()
        for phrase in phrases
        for lead in ("please", "tell me about", "and now", "can you")
    ]
    for name, part in {"train": rows[::2], "val": rows[1::2]}.items():
        lines = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    domains = {name: phrases for name, phrases in WORDS.items() if name}
    (folder / "domains.json").write_text(json.dumps(domains), encoding="utf-8")
    described = [f'{name} = "{", ".join(phrases)}"' for name, phrases in domains.items()]
    (folder / "described.toml").write_text("\n".join(described), encoding="utf-8")
    options = ("--data", folder, "--descriptions", folder / "described.toml")
    return [str(option) for option in (*options, "--cache", folder / "vectors.npz")]


def answers(decided: Sequence[int], confidence: Sequence[float]) -> Answers:
    """Return answers over two categories and "none" (2)."""
    said = np.array(decided)
    return Answers(said, np.minimum(said, 1), np.array(confidence), True, 1.0, 0.0)


async def test_every_method_is_measured_and_texts_are_embedded_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run prints a line for each number of examples and method; another run embeds nothing."""
    given = [*write_data(tmp_path), "--examples", "0,2,all", "--seeds", "2"]
    first, second = Words(), Words()
    found = await run(arguments(given), first)
    assert list(found) == [
        (examples, method)
        for examples in ("0", "2", "all")
        for method in ("waypost", "nearest example", "centroid")
    ]
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(found)
    assert found["all", "waypost"].closed > 0.9
    assert len(first.embedded) == len(set(first.embedded))
    again = await run(arguments(given), second)
    assert not second.embedded
    assert again["2", "nearest example"].all == found["2", "nearest example"].all


def test_more_examples_contain_the_fewer(tmp_path: Path) -> None:
    """A seed's examples grow with their number, and those out of scope with them."""
    write_data(tmp_path)
    data = read(tmp_path, "val", tmp_path / "described.toml")
    none, two, five, everything = (task(data, n, 1) for n in ("0", "2", "5", "all"))
    assert not none.none
    assert none.examples == {"money": [], "food": []}
    for fewer, more in ((two, five), (five, everything)):
        assert set(fewer.none) < set(more.none)
        assert all(set(mine) < set(more.examples[name]) for name, mine in fewer.examples.items())


@pytest.mark.parametrize(
    ("decided", "closed", "precision", "recall", "everything"),
    [
        ([0, 0, 1, 1, 2], 1.0, 1.0, 1.0, 1.0),
        ([0, 0, 1, 1, 1], 1.0, 0.0, 0.0, 0.82),
        ([0, 0, 1, 0, 0], 0.75, 0.0, 0.0, 0.615),
        ([2, 2, 2, 2, 2], 0.5, 0.18, 1.0, 0.18),
        ([2, 0, 1, 1, 2], 0.75, 0.18 / 0.385, 1.0, 0.795),
    ],
)
def test_out_of_scope_has_its_share(
    decided: list[int], closed: float, precision: float, recall: float, everything: float
) -> None:
    """One question in five is out of scope, and counts as if it were 18 in 100."""
    found = figures(answers(decided, [0.5] * 5), np.array([0, 0, 1, 1, 2]), 2)
    assert (found.closed, found.precision, found.recall, found.all) == pytest.approx(
        (closed, precision, recall, everything)
    )
    assert found.f1 == pytest.approx(2 * precision * recall / max(precision + recall, 1e-9))


@pytest.mark.parametrize(
    ("confidence", "hit", "error", "share"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 1, 1], 0.25, 0.0),
        ([1.0, 1.0, 1.0, 1.0], [1, 0, 1, 0], 0.5, 1.0),
        ([0.9, 0.8, 0.7, 0.1], [1, 1, 1, 0], 0.175, 0.25),
        ([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0], 0.325, 0.75),
        ([], [], 0.0, 0.0),
    ],
)
def test_confidence_is_judged(
    confidence: list[float], hit: list[int], error: float, share: float
) -> None:
    """Calibration is the weighted gap a bin; up to the last error, the least confident are judged."""
    sure, right = np.array(confidence), np.array(hit, dtype=bool)
    weights = np.full(len(sure), 1 / max(len(sure), 1))
    assert calibration_error(sure, right, weights) == pytest.approx(error)
    assert share_to_judge(sure, right, weights) == pytest.approx(share)


@pytest.mark.parametrize(
    ("inside", "right", "outside", "lowest", "highest"),
    [
        ([0.8, 0.9], [1, 1], [0.1, 0.2], 0.2, 0.8),
        ([0.1, 0.9], [0, 1], [0.5], 0.5, 0.9),
        ([0.1, 0.2], [1, 1], [0.8, 0.9], -1.0, 0.1),
        ([0.1, 0.2], [1, 1], [], -np.inf, -np.inf),
    ],
)
def test_threshold_is_the_best_on_the_mix(
    inside: list[float], right: list[int], outside: list[float], lowest: float, highest: float
) -> None:
    """Abstaining pays where it catches more of the 18% than it loses of the rest."""
    hit = np.array(right, dtype=bool)
    found = abstaining_below(np.array(inside), hit, np.array(outside))
    assert lowest <= found <= highest


@pytest.mark.parametrize("right", [[], [0, 1, 0], [2, 2]])
def test_weights_need_both_kinds(right: list[int]) -> None:
    """With one kind of question only, each counts the same."""
    weights = weigh(np.array(right, dtype=np.int64), 2)
    assert weights.sum() == pytest.approx(1.0 if right else 0.0)
    assert len(set(weights)) <= 1


async def test_vectors_of_another_model_are_refused(tmp_path: Path) -> None:
    """A cache that another model wrote is named, not mixed with."""
    path = tmp_path / "vectors.npz"
    await KnownVectors(Words(), path).embed_examples(["hello"])
    other = Words()
    other.name = "other"
    with pytest.raises(SystemExit, match=r"vectors\.npz holds vectors of 'words', not 'other'"):
        KnownVectors(other, path)
