"""What `waypost tune router` put into service: a file of the project with questions and their targets.

`router/learned.jsonl` has a line about the version first, then one example a line. It is read as further
examples, of which those that people corrected or wrote into the settings come first. A line can be taken
out by hand; without the file nothing is learned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.routing.files import reason_of, unreadable

__all__ = ["LEARNED", "Learned", "LearnedExample", "Source", "Version", "read_learned"]

LEARNED = Path("router") / "learned.jsonl"
Source = Literal["accepted", "corrected", "labelled"]


class Version(TypedDict):
    """The first line of the file.

    `before` is the version that it replaced (0: none), `at` when, in UTC; `forced` is whether it was put
    into service although it did worse, and `figures` are those of then.
    """

    version: int
    before: int
    at: str
    forced: bool
    figures: dict[str, Any]


@dataclass(frozen=True)
class LearnedExample:
    """A question and what is right for it.

    Args:
        question: as it stands alone, without personal data.
        target: the name of an index or a tool, or "none".
        source: an accepted answer, a corrected one, or a label that a person gave.
        at: when the turn was, or the label was read, in ISO form.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    question: str
    target: str
    source: Source
    at: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as plain data, in the order of the file."""
        return asdict(self)


@dataclass(frozen=True)
class Learned:
    """What a file holds; `version` is None where there is no file, `problems` are lines that cannot be read."""

    version: Version | None = None
    examples: tuple[LearnedExample, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """The number of the version; 0 where there is none."""
        return self.version["version"] if self.version is not None else 0

    def lines(self) -> str:
        """Return the text of the file."""
        rows: Sequence[object] = [
            *([self.version] if self.version else []),
            *(one.as_dict() for one in self.examples),
        ]
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_learned(path: Path) -> Learned:
    """Read a file of learned examples; one that does not exist has none.

    A line that cannot be read makes no other invalid: it is among the `problems`.

    Raises:
        ConfigurationError: the file exists and cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return Learned()
    except OSError as error:
        raise unreadable(path, error) from error
    version: Version | None = None
    examples, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if number == 1:
                version = _heads().validate_json(line)
            else:
                examples.append(_examples().validate_json(line))
        except ValidationError as error:
            problems.append(f"line {number}: {reason_of(error)}")
    return Learned(version, tuple(examples), tuple(problems))


@lru_cache(maxsize=1)
def _examples() -> TypeAdapter[LearnedExample]:
    return TypeAdapter(LearnedExample)


@lru_cache(maxsize=1)
def _heads() -> TypeAdapter[Version]:
    return TypeAdapter(Version)
