"""Refitting the router: what is new is sifted, measured against what serves now, and put into service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from agent.app import Waypost
from agent.errors import UsageError
from agent.evaluation import Labelled
from agent.evaluation.scores import principal_of
from agent.learning import Lesson
from agent.routing import (
    NONE,
    LearnedExample,
    LocalClassifier,
    question_key,
)
from agent.tuning.refit.alike import NEAR, groups
from agent.tuning.refit.bench import Bench
from agent.tuning.refit.candidates import Candidate, Kept, sift
from agent.tuning.refit.measure import Judged, Measured, measured
from agent.tuning.refit.versions import Versions
from indexes import Principal

__all__ = ["Refit", "deploy", "refit"]

Progress = Callable[[str, int, int], None]
FOLDS = 5
FOLDED = 6_000  # lessons whose likeness to each other is still computed for folds
MOST = 3_000  # candidates of one refit, the newest: comparing them grows with the square
SEED = 0
FEW = 30  # questions below which figures say little


@dataclass(frozen=True)
class Refit:
    """What a refit would change.

    Args:
        since: the version that serves now; 0: none.
        learned: all examples of the file that it would write, those of before included.
        sifted: what is new, what is held back, what is left out.
        how: measured on the given questions, or on folds of the project's own ones.
        skipped: given questions that measure nothing: follow-ups, those without a label that tells the
            target, and those that the router has learned.
        measured: the classifier that serves now against the new one; nothing where nothing is new.
    """

    since: int
    learned: tuple[LearnedExample, ...]
    sifted: Kept
    how: Literal["questions", "folds"]
    skipped: int
    measured: Measured

    @property
    def few(self) -> bool:
        """Whether there are too few questions for the figures to say much."""
        return self.measured["questions"] < FEW


@dataclass(frozen=True)
class _Held:
    """A held-out question, its right targets, and who asks."""

    question: str
    right: frozenset[str]
    principal: Principal | None


async def refit(
    waypost: Waypost,
    examples: Sequence[LearnedExample],
    questions: Sequence[Labelled] | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Refit:
    """Sift examples and measure a classifier that has learned them against the one that serves now.

    Args:
        waypost: the opened project.
        examples: what may be learned, the oldest first.
        questions: labelled questions that no router learns from; without them the lessons themselves are
            asked, each by classifiers that have not learned it nor anything near to it.
        progress: told (what is being done, done, of how many).

    Raises:
        UsageError: none of the questions tells a target, or there are too many lessons for folds.
    """
    serving = Versions(waypost.project).serving
    bench = await Bench.of(waypost)
    known = {question_key(one.question): one for one in bench.lessons}
    held, skipped = _held_out(questions or (), known)
    if questions is not None and not held:
        raise UsageError(
            f"None of the {len(questions)} questions can measure routing.",
            fix='label them with `tool` or `indexes` ("indexes": [] where none covers it),'
            " and take none that the router has learned.",
        )
    now = await bench.fitted(bench.lessons)
    candidates = []
    newest = examples[-MOST:]
    for number, example in enumerate(newest):
        progress("candidates", number, len(newest))
        candidates.append(Candidate(example, await bench.ask(now, example.question)))
    texts = [one.example.question for one in candidates] + [one.question for one in held]
    alike = await now.alike(texts)
    count = len(candidates)
    near = set(np.flatnonzero((alike[:count, count:] >= NEAR).any(axis=1)).tolist())
    sifted = sift(candidates, alike[:count, :count], known, near)
    new = [one.example for one in sifted.kept]
    replaced = {question_key(one.question) for one in new}
    kept = [one for one in bench.lessons if question_key(one.question) not in replaced]
    lessons = [*kept, *(Lesson(one.question, one.target, "learned") for one in new)]
    judged: list[Judged] = []
    if new and held:
        judged = await _on_questions(bench, now, lessons, held, progress)
    elif new:
        judged = await _on_folds(bench, now, lessons, progress)
    current = [one for one in serving.examples if question_key(one.question) not in replaced]
    return Refit(
        serving.number,
        (*current, *new),
        sifted,
        "questions" if held else "folds",
        skipped,
        measured(judged),
    )


def deploy(versions: Versions, found: Refit, *, forced: bool = False) -> int:
    """Put a refit into service and return its version; a process that has the project open learns it.

    Args:
        versions: of the project.
        found: what to put into service.
        forced: although it does worse.

    Raises:
        UsageError: it cannot be written, or another version serves meanwhile.
    """
    if versions.serving.number != found.since:
        raise UsageError("Another version serves meanwhile.", fix="run the command again.")
    figures = {
        name: {key: figure[key] for key in ("questions", "before", "after", "interval")}
        for name, figure in found.measured["figures"].items()
    }
    return versions.deploy(found.learned, {"how": found.how, **figures}, forced=forced)


def _held_out(rows: Sequence[Labelled], known: Mapping[str, Lesson]) -> tuple[list[_Held], int]:
    held = []
    for row in rows:
        right = _right(row)
        if right and not row.get("after") and question_key(row["question"]) not in known:
            held.append(_Held(row["question"], right, principal_of(row)))
    return held, len(rows) - len(held)


def _right(row: Labelled) -> frozenset[str]:
    """Return the targets that a question's labels allow; none where they do not tell."""
    if row.get("tool"):
        return frozenset([row["tool"]])
    if row.get("indexes"):
        return frozenset(row["indexes"])
    if row.get("action") == "answer" or ("indexes" in row and row.get("action") != "clarify"):
        return frozenset([NONE])
    return frozenset()


async def _on_questions(
    bench: Bench,
    now: LocalClassifier,
    lessons: Sequence[Lesson],
    held: Sequence[_Held],
    progress: Progress,
) -> list[Judged]:
    then = await bench.fitted(lessons)
    judged = []
    for number, one in enumerate(held):
        progress("questions", number, len(held))
        before = await bench.ask_as(now, one.question, one.principal)
        after = await bench.ask_as(then, one.question, one.principal)
        judged.append(Judged(one.question, one.right, before, after))
    progress("questions", len(held), len(held))
    return judged


async def _on_folds(
    bench: Bench, serving: LocalClassifier, lessons: Sequence[Lesson], progress: Progress
) -> list[Judged]:
    """Ask each lesson of two classifiers that have learned nothing near to it."""
    names = {*bench.names, NONE}
    asked = [one for one in lessons if one.target in names]
    if len(asked) > FOLDED:
        raise UsageError(
            f"{len(asked)} examples are too many to be measured on themselves.",
            fix="give labelled questions with --questions.",
        )
    if not asked:
        return []
    group = groups(await serving.alike([one.question for one in asked]))
    order = np.random.default_rng(SEED).permutation(np.unique(group))
    fold_of = {int(first): place % FOLDS for place, first in enumerate(order)}
    folds = np.array([fold_of[int(first)] for first in group])
    served = {question_key(one.question): one for one in bench.lessons}
    judged = []
    for fold in range(FOLDS):
        progress("folds", fold, FOLDS)
        left = [one for one, mine in zip(asked, folds, strict=True) if mine == fold]
        out = {question_key(one.question) for one in left}
        now = await bench.fitted([one for key, one in served.items() if key not in out])
        then = await bench.fitted([one for one in lessons if question_key(one.question) not in out])
        for one in left:
            before = await bench.ask(now, one.question)
            after = await bench.ask(then, one.question)
            judged.append(Judged(one.question, frozenset([one.target]), before, after))
    progress("folds", FOLDS, FOLDS)
    return judged
