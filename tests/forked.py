"""`waypost` commands, each in a process of its own that has imported already what takes long."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["waypost"]

ROOT = Path(__file__).parent.parent

SECONDS = 300.0
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["agent.app", "agent.cli.main", "agent.evaluation", __name__])


def waypost(words: Sequence[str], folder: Path, typed: str = "") -> tuple[int | None, str, str]:
    """Run a command as a shell would.

    Args:
        words: what stands behind `waypost`.
        folder: where it runs.
        typed: what it reads on stdin.

    Returns:
        Its exit code (None: it did not end in time), stdout and stderr.
    """
    with TemporaryDirectory() as place:
        files = [Path(place) / name for name in ("in", "out", "err")]
        files[0].write_text(typed, encoding="utf-8")
        process = _PROCESSES.Process(
            target=_run, args=(list(words), folder, files, {**os.environ, "PYTHONPATH": str(ROOT)})
        )
        process.start()
        process.join(SECONDS)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
        out, err = (path.read_text(encoding="utf-8") for path in files[1:])
        return code, out, err


def _run(words: list[str], folder: Path, files: list[Path], environment: dict[str, str]) -> None:
    """Become the command: its files, its folder, its environment."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(files):
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
        for number, mode in enumerate(("r", "w", "w"))
    )
    sys.argv = ["waypost", *words]
    from agent.cli.main import run

    run()
