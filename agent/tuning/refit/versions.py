"""The versions of what the router learned: the one that serves, and those before it.

`router/learned.jsonl` serves. Its first line has its version and its figures; when another takes its place
it becomes `router/learned.<version>.jsonl`, and stays. All are small, readable and part of the project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import UsageError
from agent.routing import LEARNED, Learned, LearnedExample, Version, read_learned
from agent.tuning.whole_file import write_private

__all__ = ["Versions"]

KEPT = re.compile(r"learned\.(\d+)\.jsonl")


class Versions:
    """The versions of a project.

    Args:
        project: its folder.
    """

    def __init__(self, project: Path) -> None:
        self._file = project / LEARNED

    @property
    def serving(self) -> Learned:
        """What serves now, which has no version where nothing was learned.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        return read_learned(self._file)

    def history(self) -> list[tuple[Version, int, bool]]:
        """Return the versions, the oldest first, each with its number of examples and whether it serves.

        Raises:
            ConfigurationError: a file cannot be read.
        """
        found = {number: read_learned(self._kept(number)) for number in self._numbers()}
        serving = self.serving
        if serving.version is not None:
            found[serving.number] = serving
        return [
            (one.version, len(one.examples), key == serving.number)
            for key, one in sorted(found.items())
            if one.version is not None
        ]

    def deploy(
        self, examples: Sequence[LearnedExample], figures: Mapping[str, Any], *, forced: bool
    ) -> int:
        """Let examples serve instead of those that do now, which are kept, and return their version.

        Raises:
            UsageError: a file cannot be written; what served before serves on.
        """
        serving = self.serving
        before = self._keep(serving)
        number = max([0, before, *self._numbers()]) + 1
        version: Version = {
            "version": number,
            "before": before,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "forced": forced,
            "figures": dict(figures),
        }
        write_private(self._file, Learned(version, tuple(examples)).lines())
        return number

    def roll_back(self) -> int:
        """Let the version before the one that serves serve again, and return it; 0: nothing is learned.

        Raises:
            UsageError: there is none, or its file is gone or cannot be written.
        """
        serving = self.serving
        if serving.version is None:
            raise UsageError(
                "There is no version to go back from.", fix="put one into service first."
            )
        before = serving.version["before"]
        if before and not self._kept(before).exists():
            raise UsageError(
                f"{str(self._kept(before))!r} is gone.", fix="restore it from your backups."
            )
        self._keep(serving)
        if before:
            write_private(self._file, _text(self._kept(before)))
        else:
            self._file.unlink()
        return before

    def _keep(self, serving: Learned) -> int:
        """Keep what serves under its number, as it is now, and return that; 0 where nothing is learned."""
        if serving.version is None:
            if self._file.exists():
                raise UsageError(
                    f"{str(self._file)!r} does not begin with a line about its version.",
                    fix="restore that line from your version control, or move the file away.",
                )
            return 0
        write_private(self._kept(serving.number), _text(self._file))
        return serving.number

    def _kept(self, number: int) -> Path:
        return self._file.with_name(f"learned.{number}.jsonl")

    def _numbers(self) -> list[int]:
        names = [path.name for path in self._file.parent.glob("learned.*.jsonl")]
        return sorted(int(found[1]) for name in names if (found := KEPT.fullmatch(name)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{str(path)!r} cannot be read: {error}.", fix="restore it from your backups."
        ) from error
