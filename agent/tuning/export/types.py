"""What an export is made of: samples, what became of the others, and the card that tells of both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from typing_extensions import TypedDict

from agent.models import Message, ToolSchema
from agent.tools import ToolPlan
from indexes.text import normalize
from prompts import Language

__all__ = [
    "FORMATS",
    "TASKS",
    "Balance",
    "Card",
    "Dropped",
    "Format",
    "Found",
    "Made",
    "Options",
    "Sample",
    "Source",
    "Task",
    "skeleton",
]

Task = Literal["router", "tools", "answer", "style"]
Format = Literal["openai", "sharegpt", "alpaca", "prompt-completion"]
Balance = Literal["cap", "repeat", "none"]
Source = Literal["corrections", "examples", "learned", "traces", "questions"]
TASKS: tuple[Task, ...] = get_args(Task)
FORMATS: tuple[Format, ...] = get_args(Format)
_SIGNS = re.compile(r"[\W_]+")


def skeleton(question: str) -> str:
    """Return what is left of a question without case, width, script, blanks and punctuation."""
    return _SIGNS.sub("", normalize(question)) or question.strip()


@dataclass(frozen=True)
class Sample:
    """A question as the model is asked it, and the right reply.

    Args:
        question: the standalone question, by which samples are compared.
        label: the class that it counts for: an index, a tool, "none", or what kind of answer it is.
        source: where it comes from.
        language: of the question.
        messages: what the model is asked, as served.
        reply: what it should say; "" where it should call.
        calls: what it should call.
        tools: what it may call.
        shown: the question stands, with its label, in the prompts of other samples.
        thread: the hash of the conversation it is of, if any.
        at: when it was asked, in ISO form; "" if that is not known.
    """

    question: str
    label: str
    source: Source
    language: Language
    messages: tuple[Message, ...]
    reply: str
    calls: tuple[ToolPlan, ...] = ()
    tools: tuple[ToolSchema, ...] = ()
    shown: bool = False
    thread: str = ""
    at: str = ""

    @property
    def key(self) -> str:
        """What two samples of one question have in common."""
        return skeleton(self.question)

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What the model should do, to be compared."""
        return self.label, self.reply, tuple((one["name"], str(one["args"])) for one in self.calls)


class Dropped(TypedDict):
    """A row that was left out: why, and without the question where that itself may not be told."""

    reason: str
    source: str
    label: str
    question: str


class Found(TypedDict):
    """Personal data or a credential in a row: its kinds, and what was done."""

    source: str
    label: str
    kinds: list[str]
    done: Literal["replaced", "dropped"]


@dataclass(frozen=True)
class Made:
    """Samples, and what became of the rows that are none."""

    samples: list[Sample] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """How an export is made.

    Args:
        task: what the model is to learn.
        format: of the files.
        questions: files of labelled questions to learn from too.
        held_out: files of labelled questions that must stay unknown.
        validation: the share of rows that training does not see.
        balance: what is done for classes of few rows.
        max_tokens: a longer row is left out.
        restricted: also what not everyone may see.
        seed: of everything that is drawn.
        base: the model that is to be tuned.
        template: LLaMA-Factory's for that model; "": by its name.
        epochs: how often the rows are gone through.
        price: of a million training tokens; None: unknown.
    """

    task: Task
    format: Format
    questions: tuple[Path, ...] = ()
    held_out: tuple[Path, ...] = ()
    validation: float = 0.1
    balance: Balance = "cap"
    max_tokens: int = 4096
    restricted: bool = False
    seed: int = 0
    base: str = ""
    template: str = ""
    epochs: int = 3
    price: float | None = None


class Tokens(TypedDict):
    """Tokens of the rows, as `counted` for the base model: exactly, or estimated."""

    train: int
    validation: int
    longest: int
    mean: float
    counted: Literal["exact", "estimated"]


class Cost(TypedDict):
    """What training may cost: `total` is None where the price of a million tokens is not known."""

    epochs: int
    tokens: int
    price: float | None
    total: float | None


class Card(TypedDict):
    """What an export holds and how it came about: `card.json`.

    `labels`, `sources` and `language` count rows of both files, before repetition; `repeated` is how many
    rows of the training file are there again. `problems` are reasons why the files cannot be used as they are,
    `warnings` such as to think of.
    """

    task: Task
    format: Format
    project: str
    created: str
    labels: dict[str, int]
    rows: dict[str, int]
    repeated: int
    tokens: Tokens
    cost: Cost
    base: str
    sources: dict[str, int]
    language: dict[str, int]
    time: dict[str, str]
    dropped: dict[str, int]
    found: list[Found]
    alike: dict[str, int]
    settings: dict[str, Any]
    questions: list[str]
    held_out: list[str]
    restricted: bool
    seed: int
    balance: Balance
    problems: list[str]
    warnings: list[str]
    consent: str
    sha256: Mapping[str, str]
