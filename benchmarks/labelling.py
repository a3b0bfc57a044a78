"""What labelling the questions that `waypost tune router --ask` chooses brings, against random ones.

`python benchmarks/labelling.py --data FOLDER [--split val] [--examples 20] [--rounds 5] [--stream 420]
[--labels 80] [--seeds 3]`. The folder is that of benchmarks/routing.py, and so are weights and figures. It
begins with a few examples a category, once described by its name alone and once by the phrases of
clinc150.toml, with which less is left to learn. In each round a stream of further training questions
comes, in their natural mix; so many of it are labelled and the router is refitted, once with the questions
that `--ask` chooses and once with as many chosen at random from the same streams. Exit code 1 if the choice
lifts closed accuracy of the categories described by name by less than `--lift` points, or is no better
than chance in either case.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.routing import Question
from agent.tuning.refit import select
from benchmarks.routing import (
    HERE,
    KEPT,
    Data,
    Figures,
    KnownVectors,
    QueryModel,
    figures,
    fitted,
    mean,
    read,
    task,
    waypost,
)
from benchmarks.routing_rivals import Task
from indexes.embeddings.local import LocalEmbedder

ARMS = LEAST_SURE, RANDOM = "least sure", "random"
NAMES, PHRASES = "by name", "by phrases"
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Labelled:
    """A training question and its category; None is out of scope."""

    text: str
    category: str | None


def streams(data: Data, known: Task, seed: int, rounds: int, size: int) -> list[list[Labelled]]:
    """Return the questions that come in each round: training questions that are no examples yet."""
    used = {text for mine in known.examples.values() for text in mine} | set(known.none)
    rest = [
        Labelled(text, category)
        for category, texts in data.train.items()
        for text in dict.fromkeys(texts)
        if text not in used
    ]
    random.Random(f"{seed} stream").shuffle(rest)
    return [rest[size * number : size * (number + 1)] for number in range(rounds)]


def taught(known: Task, labels: Sequence[Labelled]) -> Task:
    """Return a task with further examples."""
    examples = {
        name: [*mine, *(one.text for one in labels if one.category == name)]
        for name, mine in known.examples.items()
    }
    none = [*known.none, *(one.text for one in labels if one.category is None)]
    return replace(known, examples=examples, none=none)


async def chosen(
    arm: str, known: Task, stream: Sequence[Labelled], count: int, seed: int, vectors: KnownVectors
) -> list[Labelled]:
    """Return the questions of a stream that are labelled."""
    if arm == RANDOM:
        return random.Random(f"{seed} {stream[0].text}").sample(list(stream), count)
    classifier = await fitted(known, vectors)
    sure = [
        max((await classifier.score(Question(one.text))).probabilities.values()) for one in stream
    ]
    alike = await classifier.alike([one.text for one in stream])
    return [stream[place] for place in select(np.array(sure), alike, count)]


async def run(options: argparse.Namespace, model: QueryModel) -> dict[Key, Figures]:
    """Measure, and return the figures by description, choice and round; round 0 is before any label."""
    described = read(options.data, options.split, options.descriptions)
    named = {name: name.replace("_", " ") for name in described.descriptions}
    kinds = {NAMES: replace(described, descriptions=named), PHRASES: described}
    vectors = KnownVectors(model, options.cache)
    found: dict[Key, list[Figures]] = {}
    for kind, data in kinds.items():
        for seed in range(options.seeds):
            first = task(data, str(options.examples), seed)
            coming = streams(data, first, seed, options.rounds, options.stream)
            texts = [one.text for part in coming for one in part]
            examples = [text for mine in first.examples.values() for text in mine]
            await vectors.embed_examples([*data.questions, *texts, *examples])
            for arm in ARMS:
                known = first
                for number, stream in enumerate([[], *coming]):
                    if stream:
                        labels = await chosen(arm, known, stream, options.labels, seed, vectors)
                        known = taught(known, labels)
                    answers = await waypost(known, vectors)
                    one = figures(answers, data.right, len(data.descriptions))
                    found.setdefault((kind, arm, number), []).append(one)
                print(f"{kind}, seed {seed}, {arm}: {100 * one.closed:.1f}", file=sys.stderr)
    return {key: mean(many) for key, many in found.items()}


def table(found: dict[Key, Figures], labels: int) -> str:
    """Return the figures as lines of text; shares are in percent."""
    lines = [
        f"{'described':<14}{'choice':<12}{'round':>6}{'labels':>8}"
        f"{'closed':>8}{'F1':>8}{'all':>8}{'ECE':>8}"
    ]
    for (kind, arm, number), one in found.items():
        shares = "".join(f"{100 * part:>8.1f}" for part in (one.closed, one.f1, one.all, one.ece))
        lines.append(f"{kind:<14}{arm:<12}{number:>6}{number * labels:>8}{shares}")
    return "\n".join(lines)


def lifts(found: dict[Key, Figures], rounds: int) -> dict[tuple[str, str], float]:
    """Return by how many points each choice lifted closed accuracy."""
    return {
        (kind, arm): 100 * (found[kind, arm, rounds].closed - found[kind, arm, 0].closed)
        for kind in (NAMES, PHRASES)
        for arm in ARMS
    }


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder in CLINC150's form")
    parser.add_argument("--split", default="val", help="the part that is asked: val or test")
    parser.add_argument("--examples", type=int, default=20, help="examples a category at first")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stream", type=int, default=420, help="questions that come in a round")
    parser.add_argument("--labels", type=int, default=80, help="questions labelled in a round")
    parser.add_argument("--seeds", type=int, default=3, help="draws to average over")
    parser.add_argument("--lift", type=float, default=5.0, help="points of closed accuracy to gain")
    parser.add_argument("--descriptions", type=Path, default=HERE / "clinc150.toml")
    parser.add_argument("--cache", type=Path, default=KEPT / "routing.npz", help="keeps vectors")
    return parser.parse_args(given)


def main() -> None:
    """Measure and judge."""
    options = arguments()
    found = asyncio.run(run(options, LocalEmbedder()))
    print(table(found, options.labels))
    gained = lifts(found, options.rounds)
    for (kind, arm), points in gained.items():
        print(f"{kind}, {arm}: {points:+.1f} points")
    chance = any(gained[kind, LEAST_SURE] <= gained[kind, RANDOM] for kind in (NAMES, PHRASES))
    if gained[NAMES, LEAST_SURE] < options.lift or chance:
        sys.exit(1)


if __name__ == "__main__":
    main()
