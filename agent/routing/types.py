"""What a route is, and what can be routed to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.models.replies import Complete
from indexes import Affinity

__all__ = [
    "NONE",
    "Action",
    "Asked",
    "Candidate",
    "Complete",
    "DecidedBy",
    "Decision",
    "Describe",
    "Language",
    "Passed",
    "Question",
    "Route",
    "Slot",
    "Stage",
    "Target",
    "TargetScore",
    "Weigh",
]

Language = Literal["zh", "en"]
Action = Literal["answer", "search", "act", "clarify"]
DecidedBy = Literal["rule", "classifier", "model", "fallback"]
NONE = "none"
Weigh = Callable[[str], Awaitable[dict[str, float]]]


class Candidate(TypedDict):
    """A name and the probability that it is the right one.

    Args:
        name: an index, or "none".
        confidence: the probability.
    """

    name: str
    confidence: float


class Route(TypedDict):
    """What the router decided, why, and who decided.

    Args:
        question: what was routed: a follow-up is written out.
        action: what to do; "answer" is small talk, or what nothing covers.
        indexes: those to be searched, best first.
        tools: those to be called.
        candidates: all indexes that the person may see and "none", descending, summing to 1.
        confidence: the probability that the decision is right.
        reason: what weighed most, and which stages passed or failed before.
        decided_by: the stage that decided.
    """

    question: str
    action: Action
    indexes: list[Candidate]
    tools: list[str]
    candidates: list[Candidate]
    confidence: float
    reason: str
    decided_by: DecidedBy


@dataclass(frozen=True)
class Target:
    """An index, a tool or a kind of small talk that a question may be routed to."""

    name: str
    kind: Literal["index", "tool", "talk"]
    title: str
    description: str
    examples: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()  # mined from its documents
    corrected: tuple[str, ...] = ()  # questions of people; no prompt may show them

    @property
    def taught(self) -> tuple[str, ...]:
        """The project's examples, and the questions that were corrected to this target."""
        return tuple(dict.fromkeys([*self.examples, *self.corrected]))


@dataclass(frozen=True)
class Decision:
    """A route, the kind of small talk that the question is, if any, and all tools, likeliest first."""

    route: Route
    talk: str | None = None
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class TargetScore:
    """What the classifier found: probabilities by target name, "none" included, summing to 1."""

    probabilities: dict[str, float]
    reason: str


@dataclass(frozen=True)
class Slot:
    """A tool argument's value as it stands in a question."""

    argument: str
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Question:
    """A standalone question with what is already known of it.

    `affinities` say how well each index's best chunks match it (empty indexes are missing), and
    `calls` how much it looks like a call of each tool with required arguments, from 0 to 1.
    """

    text: str
    affinities: dict[str, Affinity] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)


class Describe(Protocol):
    """Gives what is known of a question beside its embedding."""

    async def __call__(self, text: str) -> Question:
        """Return the question with its affinities and likeness to tool calls."""
        ...


@dataclass(frozen=True)
class Asked:
    """A question on its way through the stages.

    Args:
        text: the standalone question.
        targets: what the principal may be routed to.
        describe: finds what the documents and tools make of a question.
        complete: sends a prompt to the router's chat model; None where there is none.
        weigh: gives a tuned model's probability of each name that it knows; None where there is none.
        language: of prompts.
        probabilities: of the targets by name and of "none", summing to 1, once they are known.
        calls: how much it looks like a call of each tool with required arguments, once known.
    """

    text: str
    targets: tuple[Target, ...]
    describe: Describe
    complete: Complete | None = None
    weigh: Weigh | None = None
    language: Language = "en"
    probabilities: dict[str, float] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)

    def names(self, kind: str) -> list[str]:
        """Return the names of the targets of a kind."""
        return [target.name for target in self.targets if target.kind == kind]


@dataclass(frozen=True)
class Passed:
    """A stage that leaves the decision to the next one: why, if that tells anything, and what it found."""

    reason: str
    probabilities: dict[str, float] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)


class Stage(Protocol):
    """A part of the cascade: it decides, or passes."""

    @property
    def name(self) -> str:
        """What it is called in logs and reasons."""
        ...

    async def decide(self, asked: Asked) -> Decision | Passed:
        """Return the decision, or why there is none.

        Whatever it raises is told in the route, and the next stage is asked.
        """
        ...
