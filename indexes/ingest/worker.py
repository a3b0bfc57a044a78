"""The process that reads files and cuts them: `python -m indexes.ingest.worker`.

Files come from anywhere, so they are read where a bomb, a loop or a crash of a parser hurts nobody: in
a process with a bound on its memory, which the kernel ends when a step takes too long. It is asked
over its standard input and answers over its output, in the frames of `indexes.stores.wire`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from indexes.base import Loader
from indexes.embeddings import make_embedder
from indexes.errors import LoadError, WaypostError
from indexes.ingest.items import Item, Part, Recipe
from indexes.ingest.loaders import load
from indexes.ingest.points import parts
from indexes.project import load_object
from indexes.stores.wire import frame, read_frame

__all__ = ["Setup"]


@dataclass(frozen=True)
class Setup:
    """What a worker is told when it starts.

    Args:
        project: the project's folder.
        loaders: its own loaders, "module:function" by ending.
        most: bytes that a file may have.
        seconds: how long one step may take: opening a file, or making some chunks.
        memory: bytes that the process may have.
    """

    project: str
    loaders: Mapping[str, str]
    most: int
    seconds: float
    memory: int


def main() -> None:
    """Answer until the other side goes."""
    asked, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    setup = Setup(**read_frame(asked))
    _limit_memory(setup.memory)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it is doing
    with out:
        _serve(setup, asked, out)


def _serve(setup: Setup, asked: BinaryIO, out: BinaryIO) -> None:
    reader = _Reader(setup)
    while (message := read_frame(asked)) is not None:
        item = Item(**{**message, "recipe": Recipe(**message["recipe"])})
        try:
            for part in _timed(reader.parts(item), setup.seconds):
                _answer(out, part)
        except MemoryError:
            most = setup.memory // 2**20
            problem = f"Reading the file takes more than {most} MiB of memory."
            fix = "split it into smaller files, or raise [ingest] memory_mb."
            _answer(out, {"error": problem, "fix": fix})
        except WaypostError as error:
            _answer(out, {"error": error.message, "fix": error.fix})


class _Reader:
    """Reads files and cuts them; loaders and tokenizers are made when they are needed."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._counters: dict[str, Callable[[str], int]] = {}

    @cached_property
    def _loaders(self) -> Mapping[str, Loader]:
        project = Path(self._setup.project)
        return {end: load_object(project, use) for end, use in self._setup.loaders.items()}

    def parts(self, item: Item) -> Iterator[Part]:
        """Yield the parts of a file, the last one after a look whether it is still the same."""
        path = Path(item.path)
        before = _state(path)
        model = item.recipe.model
        if model not in self._counters:
            self._counters[model] = make_embedder(model).count_tokens
        loaded = load(path, most=self._setup.most, own=self._loaders)
        for part in parts(item, loaded, self._counters[model]):
            if part.document is not None and _state(path) != before:
                raise LoadError(
                    "The file changed while it was read.", fix="ingest again when it is complete."
                )
            yield part


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise LoadError(f"The file cannot be read: {error.strerror}.") from error
    return found.st_size, found.st_mtime_ns


def _timed(found: Iterator[Part], seconds: float) -> Iterator[Part]:
    """Yield parts; the kernel ends this process when making one takes too long.

    The alarm is off while a part waits to be taken.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        for one in found:
            signal.setitimer(signal.ITIMER_REAL, 0)
            yield one
            signal.setitimer(signal.ITIMER_REAL, seconds)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(out: BinaryIO, message: Any) -> None:
    out.write(frame(message))
    out.flush()


def _limit_memory(most: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # what it allocates, rather than what it maps: the embedding model's weights are mapped
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)  # who asked has gone
