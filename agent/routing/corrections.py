"""What people said is the right route: a file of the project that routing learns from at once.

`router/corrections.jsonl` has one correction a line and is committed with the project. It is only
ever added to; of several corrections of one question the last counts.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from agent import observability
from agent.errors import ConfigurationError, UnknownIndexError, UsageError
from agent.routing.files import Stamp, reason_of, stamp_of, unreadable
from agent.routing.types import Action
from indexes.text import normalize

__all__ = [
    "FILE",
    "Correction",
    "Corrections",
    "CorrectionsFile",
    "Right",
    "question_key",
    "question_sha256",
    "read_corrections",
]

FILE = Path("router") / "corrections.jsonl"
SKIPPED = "correction.skipped"
ENDINGS = "?!.。… "  # as `normalize` writes them


@dataclass(frozen=True)
class Right:
    """The right route of a question: `answer` is right for what no index or tool covers.

    Args:
        action: what to do.
        indexes: what to search, best first; for `search`, and for `act` where it helps the tool.
        tool: the tool to call; for `act`.

    Raises:
        UsageError: the parts do not fit each other.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    action: Action
    indexes: tuple[str, ...] = ()
    tool: str | None = None

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise UsageError(
                f"There is no action {self.action!r}.",
                fix="use search, act, clarify, or answer for what no index or tool covers.",
            )
        if self.action == "search" and not self.indexes:
            raise UsageError("'search' needs an index.", fix="name what to search.")
        if self.action == "act" and not self.tool:
            raise UsageError("'act' needs a tool.", fix="name the tool to call.")
        if self.action != "act" and self.tool:
            raise UsageError(f"{self.action!r} takes no tool.", fix="use 'act', or name none.")
        if self.action in {"answer", "clarify"} and self.indexes:
            raise UsageError(f"{self.action!r} takes no index.", fix="use 'search', or name none.")

    def check(self, indexes: Sequence[str], tools: Sequence[str]) -> None:
        """Check that the names are among those that the one who corrects may see.

        Raises:
            UsageError: an index or the tool is not.
        """
        for name in self.indexes:
            if name not in indexes:
                raise UnknownIndexError(name, list(indexes))
        if self.tool is not None and self.tool not in tools:
            raise UsageError(
                f"There is no tool {self.tool!r} in this project.",
                fix=f"use one of: {', '.join(tools)}.",
            )


@dataclass(frozen=True)
class Correction:
    """What was said about the route of a question.

    Args:
        question: the standalone question.
        right: the right route; None where it was only said that the decided one is wrong, which
            routing does not learn from.
        decided: the route as it was decided, where it is known.
        at: when it was said, in ISO form.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    question: str
    right: Right | None
    decided: Mapping[str, Any] | None = None
    at: str = ""

    @classmethod
    def now(
        cls, question: str, right: Right | None, decided: Mapping[str, Any] | None = None
    ) -> Correction:
        """Return a correction that is made now."""
        return cls(question, right, decided, datetime.now(UTC).isoformat(timespec="seconds"))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, in the order of the file."""
        found = asdict(self)
        return {key: found[key] for key in ("question", "decided", "right", "at")}


class Corrections:
    """The corrections that a file holds, and what routing takes from them.

    Args:
        entries: all, in the order of the file.
        problems: what could not be read, each with its line.
    """

    def __init__(self, entries: Sequence[Correction] = (), problems: Sequence[str] = ()) -> None:
        self.entries = tuple(entries)
        self.problems = tuple(problems)
        self._rights: dict[str, tuple[str, Right]] = {}
        for entry in self.entries:
            if entry.right is not None:
                self._rights[question_key(entry.question)] = entry.question, entry.right

    def match(self, question: str) -> Right | None:
        """Return the right route of a question that was corrected.

        Case, width, script and the final punctuation make no difference.
        """
        found = self._rights.get(question_key(question))
        return None if found is None else found[1]

    def examples(self) -> dict[str, list[str]]:
        """Return the corrected questions by the tool, else by the first index, they belong to."""
        found: dict[str, list[str]] = defaultdict(list)
        for question, right in self._rights.values():
            name = right.tool or next(iter(right.indexes), None)
            if name is not None:
                found[name].append(question)
        return dict(found)

    def none(self) -> list[str]:
        """Return the corrected questions that no index or tool covers."""
        return [question for question, right in self._rights.values() if right.action == "answer"]


class CorrectionsFile:
    """A file of corrections that this and other processes add to.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = Corrections()
        self._stamp: Stamp = None
        self._reading = threading.Lock()

    def current(self) -> Corrections:
        """Return what the file holds now: the same object until it changes.

        It is read again only if its time, size or inode changed; lines that cannot be read are then
        logged and skipped.

        Raises:
            ConfigurationError: the file exists and cannot be read.
        """
        stamp = stamp_of(self.path)
        with self._reading:
            if stamp != self._stamp:
                self._known = read_corrections(self.path)
                self._stamp = stamp
                for problem in self._known.problems:
                    observability.warning(SKIPPED, file=str(self.path), problem=problem)
            return self._known

    def add(self, correction: Correction) -> None:
        """Append a correction; it is on the disk when this returns.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        line = json.dumps(correction.as_dict(), ensure_ascii=False).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                _append(file, line)
            finally:
                os.close(file)
        except OSError as error:
            raise ConfigurationError(
                f"{str(self.path)!r} cannot be written: {error.strerror}.",
                fix="make the file and its folder writable, and see that the disk has room.",
            ) from error


def _append(file: int, line: bytes) -> None:
    """Write a whole line or nothing, apart from a last line that was cut off."""
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        line = b"\n" + line
    if os.write(file, line) < len(line):
        os.ftruncate(file, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file)


def read_corrections(path: Path) -> Corrections:
    """Read a file of corrections; one that does not exist has none.

    A line that cannot be read, such as one that was cut off, makes no other invalid: it is among
    the `problems`.

    Raises:
        ConfigurationError: the file exists and cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return Corrections()
    except OSError as error:
        raise unreadable(path, error) from error
    entries, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entries.append(_adapter().validate_json(line))
        except ValidationError as error:
            cut = "; the last line may have been cut off" if number == len(lines) else ""
            problems.append(f"line {number}: {reason_of(error)}{cut}")
    return Corrections(entries, problems)


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Correction]:
    return TypeAdapter(Correction)


def question_key(question: str) -> str:
    """Return what stays the same of a question in another case, width or script, or with other final marks."""
    text = " ".join(normalize(question).split())
    return text.strip(ENDINGS) or text


def question_sha256(question: str) -> str:
    """Return the SHA-256 of a question's key, by which it is known again where its text must not stand."""
    return hashlib.sha256(question_key(question).encode()).hexdigest()
