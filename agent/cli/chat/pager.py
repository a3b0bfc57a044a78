"""What is longer than the screen is shown in a pager."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType

__all__ = ["paged"]


def paged(out: Console, shown: RenderableType) -> None:
    """Show something, in $PAGER or less if it does not fit on the screen."""
    if len(out.render_lines(shown, pad=False)) < out.height - 2:
        out.print(shown)
        return
    command = shlex.split(os.environ.get("PAGER", "")) or ["less"]
    if shutil.which(command[0]) is None:
        out.print(shown)
        return
    with out.capture() as captured:
        out.print(shown)
    environment = {**os.environ, "LESS": "R", "LESSCHARSET": "utf-8"}  # R: colours, nothing else
    with _left_to_it():
        subprocess.run(
            command, input=captured.get().encode(), env=environment, check=False, stderr=None
        )


@contextmanager
def _left_to_it() -> Iterator[None]:
    """Let Ctrl-C be the pager's alone."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
