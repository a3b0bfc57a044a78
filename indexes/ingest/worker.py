"""The process that reads files and cuts them: `python -m indexes.ingest.worker`.

Files come from anywhere, so they are read where a bomb, a loop or a crash of a parser hurts nobody: in
a process with a bound on its memory, which the kernel ends when a step takes too long. It is asked
over its standard input and answers over its output, in the frames of `indexes.stores.wire`.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from indexes.base import Loader
from indexes.embeddings import make_embedder
from indexes.errors import LoadError, WaypostError
from indexes.ingest.items import Item, Part, Recipe, Setup, content_digest
from indexes.ingest.loaders import load, unreadable
from indexes.ingest.points import parts
from indexes.project import load_object
from indexes.stores.wire import frame, read_frame
from indexes.text import tokens
from indexes.types import Block

__all__ = ["main"]

TEXT = 16  # characters of a document for each byte that a file may have: names of columns recur
ARMED = 0.02  # of the time for a step, within which its alarm is not put off again
NICE = 10  # who waits for an answer comes first
LEAST = 16  # characters that a block counts as, so that no loader yields empty ones for ever


def main() -> None:
    """Answer until the other side goes."""
    asked, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # what a loader reads is no question
    os.dup2(2, 1)  # what it prints is no answer
    pipe = out.fileno()
    os.register_at_fork(
        after_in_child=lambda: os.close(pipe)
    )  # it would keep the other side waiting
    setup = Setup(**read_frame(asked))
    _limit_memory(setup.memory)
    os.nice(NICE)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it is doing
    with out:
        _serve(setup, asked, out)


def _serve(setup: Setup, asked: BinaryIO, out: BinaryIO) -> None:
    reader = _Reader(setup)
    tokens("词 word")  # loads dictionaries, perhaps before there is a file
    while (message := read_frame(asked)) is not None:
        item = Item(**{**message, "recipe": Recipe(**message["recipe"])})
        try:
            reader.prepare(item)
            for part in _timed(reader.parts(item), setup.seconds):
                _answer(out, part)
        except MemoryError:
            most = setup.memory // 2**20
            problem = f"Reading the file takes more than {most} MiB of memory."
            fix = "split it into smaller files, or raise [ingest] memory_mb."
            _answer(out, {"error": problem, "fix": fix})
        except WaypostError as error:
            if error.__cause__ is not None:
                traceback.print_exception(error.__cause__)
            told = {"error": _sound(error.message), "fix": _sound(error.fix)}
            again = error.retryable or not isinstance(
                error, LoadError
            )  # it is not the file's fault
            _answer(out, {**told, "retryable": again})
        except BrokenPipeError:
            raise  # who asked has gone
        except BaseException as error:  # a loader may raise what is no Exception, even SystemExit
            traceback.print_exception(error)
            name = type(error).__name__
            problem = f"The loader of {Path(item.path).suffix} files failed: {name}: {error}."
            _answer(out, {"error": _sound(problem), "fix": "ingest.log tells where; correct it."})


def _sound(text: str) -> str:
    """Return a text that can be written: names and messages may hold bytes that are no UTF-8."""
    return text[:1000].encode("utf-8", "backslashreplace").decode()


class _Reader:
    """Reads files and cuts them; loaders and tokenizers are made when they are needed."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._counters: dict[str, Callable[[str], int]] = {}

    def _own(self, ending: str) -> Mapping[str, Loader]:
        """Return the project's own loader of an ending, if it has one; a broken one bars no other."""
        use = self._setup.loaders.get(ending)
        return {ending: load_object(Path(self._setup.project), use)} if use else {}

    def prepare(self, item: Item) -> None:
        """Make what every document of an index needs, which is not to count as time for this one."""
        model = item.recipe.model
        if model not in self._counters:
            self._counters[model] = make_embedder(model).count_tokens
            self._counters[model]("")

    def parts(self, item: Item) -> Iterator[Part]:
        """Yield the parts of a file, the last one after a look whether it is what was to be read."""
        path = Path(item.path)
        loaded = load(path, most=self._setup.most, own=self._own(path.suffix.lower()))
        loaded = replace(loaded, blocks=self._bounded(loaded.blocks))
        for part in parts(item, loaded, self._counters[item.recipe.model]):
            if part.document is not None and _digest(path) != item.content:
                error = LoadError(
                    "The file changed while it was read.", fix="ingest again when it is complete."
                )
                error.retryable = True
                raise error
            yield part

    def _bounded(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield blocks up to as much text as a document may have; each one gives time for the next.

        Recognising a scanned page takes seconds. An empty block only says that the loader goes on.
        """
        room = TEXT * self._setup.most
        seconds = self._setup.seconds
        armed = 0.0
        for block in blocks:
            now = time.monotonic()
            if now - armed > ARMED * seconds:  # not at each: some systems take 5 µs for it
                signal.setitimer(signal.ITIMER_REAL, seconds)
                armed = now
            room -= LEAST + len(block.text)
            if room < 0:
                most = TEXT * self._setup.most / 2**20
                raise LoadError(
                    f"The file gives more than {most:,.0f} MiB of text.",
                    fix="split it into smaller files, or raise [ingest] max_mb.",
                )
            if block.text:
                yield block


def _digest(path: Path) -> str:
    try:
        return content_digest(path)
    except OSError as error:
        raise unreadable(error) from error


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
