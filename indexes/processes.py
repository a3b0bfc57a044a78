"""Starting Python processes of this package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["python_process"]

SECRET = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)$", re.IGNORECASE)
ROOT = Path(__file__).resolve().parents[1]  # where the package `indexes` is


def python_process(
    module: str, *arguments: str, secrets: bool = True, **options: Any
) -> subprocess.Popen[bytes]:
    """Start `python -m module`, whatever the current folder and the importable packages are.

    Args:
        module: the module to run.
        arguments: its arguments.
        secrets: whether it gets the keys and passwords of the environment.
        options: further ones of `subprocess.Popen`.
    """
    known = os.environ.get("PYTHONPATH", "")
    given = {k: v for k, v in os.environ.items() if secrets or not SECRET.search(k)}
    return subprocess.Popen(
        # -P: a folder `indexes` where the command runs is not this package
        [sys.executable, "-P", "-m", module, *arguments],
        env={**given, "PYTHONPATH": os.pathsep.join([str(ROOT), *([known] if known else [])])},
        start_new_session=True,  # Ctrl-C in a terminal is not for it
        **options,
    )
