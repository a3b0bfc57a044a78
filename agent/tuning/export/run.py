"""Making an export: gathering, checking, dividing, writing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.errors import UsageError
from agent.evaluation import read_questions
from agent.routing import NONE
from agent.traces.redaction import Redactor
from agent.tuning.export.answers import Writer
from agent.tuning.export.calls import Chooser
from agent.tuning.export.card import counted, notes_of, now, page, settings_of
from agent.tuning.export.checks import one_each, without_duplicates, without_held_out, without_long
from agent.tuning.export.factory import dataset_info, template_of, train_yaml
from agent.tuning.export.files import check_folder, digest, lines, write
from agent.tuning.export.formats import row_of, text_of
from agent.tuning.export.materials import Materials, collected
from agent.tuning.export.openai_rules import problems_in
from agent.tuning.export.router import router_samples
from agent.tuning.export.similar import Pair, Vectors, alike, groups
from agent.tuning.export.split import balanced, divided, repeated
from agent.tuning.export.types import Card, Dropped, Made, Options, Sample, Task
from indexes.embeddings.tokens import count_tokens, counts_exactly
from prompts import texts

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = ["export"]

BASES = {"openai": "gpt-4.1-mini-2025-04-14"}  # the base model of a format where none is named
BASE = "Qwen/Qwen2.5-0.5B-Instruct"
MESSAGE = 4  # tokens that a chat's form takes beside a message's text
PART = 200  # questions that are embedded between two looks at the progress bar

KEPT = "keep turns with [traces] keep = true, and say which answers are good"
TAUGHT = "give the indexes and tools examples, or raise --max-tokens"
HELPS: Mapping[Task, str] = {
    "router": f"{TAUGHT}.",
    "tools": f"{TAUGHT}.",
    "answer": f"{KEPT}.",
    "style": f"add [[answer.example]] tables, or {KEPT}.",
}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Rows:
    """Samples on two sides, and what came of the others."""

    train: list[Sample]
    validation: list[Sample]
    dropped: list[Dropped]
    groups: int
    across: int


async def export(
    waypost: Waypost, options: Options, out: Path, progress: Progress | None = None
) -> Card:
    """Write training and validation files into a folder, and return their card.

    Args:
        waypost: the opened project, ingested where answers are exported.
        options: what is exported, and how.
        out: the folder; an export that is there is replaced.
        progress: told (what is being done, done, of how many).

    Raises:
        UsageError: there is nothing to export, a file cannot be used, or the folder cannot be written.
        ConfigurationError: a file that the settings name cannot be read.
        StoreError: the traces or the store cannot be read.
    """
    if options.questions and options.task in {"answer", "style"}:
        raise UsageError(
            f"Labelled questions have no answers to teach {options.task!r}.",
            fix="leave --questions out, or export router or tools.",
        )
    check_folder(out)
    base = options.base or BASES.get(options.format, BASE)
    count = partial(count_tokens, base)
    await asyncio.to_thread(count, "")  # it may wait for a download
    made, expected = await _made(waypost, options, count)
    rows = await _checked(waypost, options, made, count, progress)
    if not rows.train:
        raise _nothing(options, rows.dropped)
    every = repeated(rows.train, options.balance)
    files = {
        "train.jsonl": [row_of(one, options.task, options.format) for one in every],
        "validation.jsonl": [row_of(one, options.task, options.format) for one in rows.validation],
    }
    card = _card(waypost, options, base, rows, made, expected, files, count)
    written = {name: lines(some) for name, some in files.items()}
    written["dropped.jsonl"] = lines(rows.dropped)
    info = dataset_info(options.task, options.format, validation=bool(rows.validation))
    if info:
        written["dataset_info.json"] = json.dumps(info, ensure_ascii=False, indent=2) + "\n"
    if info and not base.startswith("gpt-"):
        written["train.yaml"] = train_yaml(
            options.task,
            base,
            options.template or template_of(base),
            longest=card["tokens"]["longest"],
            epochs=options.epochs,
            seed=options.seed,
            validation=bool(rows.validation),
        )
    written["README.md"] = page(card, waypost.settings.project.language)
    card = {**card, "sha256": {name: digest(text) for name, text in written.items()}}
    await asyncio.to_thread(write, out, written, card)
    return card


async def _made(
    waypost: Waypost, options: Options, count: Callable[[str], int]
) -> tuple[Made, list[str]]:
    """Return the samples of a task, and the classes that there should be."""
    redactor = Redactor(waypost.settings.traces.patterns)
    resources = waypost.resources
    if options.task in {"answer", "style"}:
        writer = Writer(waypost, redactor, count, options.max_tokens, options.restricted)
        return (await (writer.answers() if options.task == "answer" else writer.styles())), []
    materials: Materials = await collected(
        waypost, questions=options.questions, restricted=options.restricted
    )
    if options.task == "router":
        made = await asyncio.to_thread(router_samples, materials, resources.prompts)
        return made, [*(one.name for one in materials.targets), NONE]
    tools = {
        name: tool
        for name, tool in waypost.tools.items()
        if options.restricted or tool.allows(None)
    }
    chooser = Chooser(
        tools,
        waypost.registry,
        resources.prompts,
        redactor,
        resources.today(),
        options.restricted,
        options.seed,
    )
    return await chooser.samples(materials), [*tools, NONE]


async def _checked(
    waypost: Waypost,
    options: Options,
    made: Made,
    count: Callable[[str], int],
    progress: Progress | None,
) -> _Rows:
    """Leave out what no training file may have, and divide the rest."""
    gone = list(made.dropped)

    def left_out(found: tuple[list[Any], list[Dropped]]) -> list[Any]:
        gone.extend(found[1])
        return found[0]

    samples: list[Sample] = left_out(one_each(made.samples))
    samples = left_out(
        without_long(samples, lambda one: _tokens(one, options, count), options.max_tokens)
    )
    vectors = await _vectors(waypost, [one.question for one in samples], progress)
    held = [row["question"] for path in options.held_out for row in read_questions(path)]
    if held:
        others = await _vectors(waypost, held, progress)
        places = left_out(without_held_out(samples, held, (vectors, others)))
        samples, vectors = [samples[i] for i in places], vectors[places]
    places = left_out(without_duplicates(samples, _pairs(samples, vectors)))
    samples, vectors = [samples[i] for i in places], vectors[places]
    places = left_out(balanced(samples, options.balance, options.seed))
    samples, vectors = [samples[i] for i in places], vectors[places]
    pairs = _pairs(samples, vectors)
    group = groups(
        len(samples),
        iter([*((one.left, one.right) for one in pairs), *_conversations(samples)]),
    )
    train, validation = divided(samples, group, options.validation, options.seed)
    side = set(validation)
    return _Rows(
        [samples[i] for i in train],
        [samples[i] for i in validation],
        gone,
        len(set(group)),
        sum((one.left in side) != (one.right in side) for one in pairs),
    )


def _pairs(samples: Sequence[Sample], vectors: Vectors) -> list[Pair]:
    questions = [one.question for one in samples]
    return list(alike(questions, questions, (vectors, vectors))) if questions else []


def _conversations(samples: Sequence[Sample]) -> list[tuple[int, int]]:
    """Return pairs that connect the samples of each conversation."""
    last: dict[str, int] = {}
    found = []
    for place, one in enumerate(samples):
        if one.thread in last:
            found.append((last[one.thread], place))
        if one.thread:
            last[one.thread] = place
    return found


async def _vectors(
    waypost: Waypost, questions: Sequence[str], progress: Progress | None
) -> Vectors:
    """Return the unit embeddings of questions, of shape (questions, dimension), by the router's model."""
    embedder = waypost.registry.embedder(waypost.settings.routing.embedding)
    parts = []
    for start in range(0, len(questions), PART):
        parts.append(await embedder.embed_examples(questions[start : start + PART]))
        if progress is not None:
            progress("comparing", min(start + PART, len(questions)), len(questions))
    return np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)


def _tokens(sample: Sample, options: Options, count: Callable[[str], int]) -> int:
    row = row_of(sample, options.task, options.format)
    return count(text_of(row)) + MESSAGE * (len(sample.messages) + 1)


def _nothing(options: Options, gone: Sequence[Dropped]) -> UsageError:
    """Return the error that there is nothing to export, with what was left out and what helps."""
    counts = Counter(one["reason"] for one in gone)
    told = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
    return UsageError(
        f"There is nothing to export for {options.task!r}" + (f": {told}." if told else "."),
        fix=HELPS[options.task],
    )


def _card(
    waypost: Waypost,
    options: Options,
    base: str,
    rows: _Rows,
    made: Made,
    expected: Sequence[str],
    files: dict[str, list[dict[str, Any]]],
    count: Callable[[str], int],
) -> Card:
    """Return the card, but for the files' hashes."""
    lengths = {
        name: [
            count(text_of(row)) + MESSAGE * len(row.get("messages", row.get("conversations", "12")))
            for row in some
        ]
        for name, some in files.items()
    }
    sums = {name: sum(some) for name, some in lengths.items()}
    every = [one for some in lengths.values() for one in some]
    total = sums["train.jsonl"] * options.epochs
    said = waypost.settings.project.language
    known = counted([*rows.train, *rows.validation])
    problems = []
    if options.format == "openai":
        problems = [
            problem
            for name, some in files.items()
            for problem in problems_in(
                name,
                some,
                lengths[name],
                len(lines(some).encode()),
                training=name == "train.jsonl",
            )
        ]
    return {
        "task": options.task,
        "format": options.format,
        "project": waypost.settings.project.name,
        "created": now(),
        "labels": known["labels"],
        "rows": {
            "train": len(files["train.jsonl"]),
            "validation": len(files["validation.jsonl"]),
        },
        "repeated": len(files["train.jsonl"]) - len(rows.train),
        "tokens": {
            "train": sums["train.jsonl"],
            "validation": sums["validation.jsonl"],
            "longest": max(every),
            "mean": round(sum(every) / len(every), 1),
            "counted": "exact" if counts_exactly(base) else "estimated",
        },
        "cost": {
            "epochs": options.epochs,
            "tokens": total,
            "price": options.price,
            "total": None if options.price is None else round(total * options.price / 1e6, 6),
        },
        "base": base,
        "sources": known["sources"],
        "language": known["language"],
        "time": known["time"],
        "dropped": dict(Counter(one["reason"] for one in rows.dropped).most_common()),
        "found": made.found,
        "alike": {"groups": rows.groups, "across": rows.across},
        "settings": settings_of(waypost),
        "questions": [path.name for path in options.questions],
        "held_out": [path.name for path in options.held_out],
        "restricted": options.restricted,
        "seed": options.seed,
        "balance": options.balance,
        "problems": problems,
        "warnings": notes_of(known["labels"], expected, options, said),
        "consent": texts("export", said)["consent"],
        "sha256": {},
    }
