"""The processes that read files, as the ingestion sees them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from indexes.errors import LoadError, StoreError
from indexes.ingest.items import Item, Part, Setup
from indexes.processes import python_process
from indexes.stores.wire import as_point, frame, read_frame

__all__ = ["Worker"]

LOG_BYTES = 2**20  # of what libraries say; then it begins anew


class Worker:
    """A process that reads files; it is started for the first one, and anew after a crash.

    Args:
        setup: what it is told.
        log: the file that its libraries' messages go to.
    """

    def __init__(self, setup: Setup, log: Path) -> None:
        self._setup = setup
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start the process, which takes half a second, before there is a file for it."""
        if self._process is None:
            self._process = self._started()

    async def read(self, item: Item) -> AsyncIterator[Part]:
        """Yield the parts of a file.

        Raises:
            LoadError: it cannot be read, or reading it ended the process.
        """
        step = self._first_answer
        ended = False
        try:
            while not ended:
                answer = await asyncio.to_thread(step, item)
                step = self._answer
                if "error" in answer:
                    ended = True
                    error = LoadError(answer["error"], fix=answer["fix"])
                    error.retryable = bool(answer.get("retryable"))
                    raise error
                part = _part(answer)
                ended = part.document is not None
                yield part
        finally:
            if not ended:
                self.close()  # what it still has to say belongs to this file

    def _ask(self, item: Item) -> None:
        message = frame(item)
        for _ in range(2):  # it may have ended since the last file
            self.begin()
            assert self._process is not None
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(message)
                self._process.stdin.flush()
            except BrokenPipeError:
                self.close()
            else:
                return
        raise StoreError(
            "The process that reads files does not start.", fix=f"see {str(self._log)!r}."
        )

    def _first_answer(self, item: Item) -> dict[str, Any]:
        self._ask(item)
        return self._answer(item)

    def _answer(self, item: Item) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        answer: dict[str, Any] | None = read_frame(process.stdout)
        if answer is not None:
            return answer
        self._process = None
        assert process.stdin is not None
        process.stdin.close()
        process.stdout.close()
        status = process.wait()
        _kill(process)  # what it started, such as a converter
        return self._ended(status, Path(item.path).suffix.lower())

    def _ended(self, status: int, ending: str) -> dict[str, Any]:
        """Return what is told of a file whose reading ended the process."""
        own = self._setup.loaders.get(ending)
        cure = (
            f"correct {own!r}, which [ingest] loaders names for {ending} files"
            if own
            else "the file may be damaged: open and save it again in its own program"
        )
        if status == -signal.SIGALRM:
            return {
                "error": f"Reading the file stood still for {self._setup.seconds:g} s.",
                "fix": f"{cure}, or raise [ingest] seconds.",
            }
        if status == -signal.SIGKILL:
            return {
                "error": "The program that reads files was killed: perhaps memory ran out.",
                "fix": "ingest again; if it happens again, see what else takes memory.",
                "retryable": True,
            }
        return {
            "error": f"The program that reads {ending} files crashed on this one ({_how(status)}).",
            "fix": f"{cure}, or raise [ingest] memory_mb; {str(self._log)!r} may tell more.",
        }

    def _started(self) -> subprocess.Popen[bytes]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            if log.tell() > LOG_BYTES:
                log.truncate(0)
            process = python_process(
                "indexes.ingest.worker",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                secrets=False,
            )
        assert process.stdin is not None
        process.stdin.write(frame(self._setup))
        return process

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: of what has ended
        os.killpg(process.pid, signal.SIGKILL)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _part(data: dict[str, Any]) -> Part:
    document = data["document"]
    return Part(
        data["access"],
        [as_point(one) for one in data["chunks"]],
        data["texts"],
        None if document is None else as_point(document),
        data["text"],
    )
