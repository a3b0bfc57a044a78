"""A real Postgres for tests, in a folder and at a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["MISSING", "postgres"]

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) if os.name == "posix" else []
INITDB = shutil.which("initdb") or (str(_FOUND[-1]) if _FOUND else "")
MISSING = "" if INITDB else "no Postgres is installed"
START_SECONDS = 60.0
USER = "postgres"  # who owns the server where the tests run as root, which Postgres refuses


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a server until the block ends, and return the URL of a database.

    Args:
        folder: an empty folder for its files.
    """
    binaries = Path(INITDB).resolve().parent
    data = folder / "data"
    data.mkdir()
    owner = USER if os.getuid() == 0 else None
    if owner is not None:
        shutil.chown(data, owner)
        for parent in [folder, *folder.parents]:  # the owner must get there
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    options: dict[str, Any] = {
        "user": owner,
        "cwd": data,
        "env": {"PATH": os.defpath, "LC_ALL": "C"},
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "waypost", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, timeout=60, **options,
    )  # fmt: skip
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
    command += [part for one in settings for part in ("-c", one)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, **options) as server,
    ):
        try:
            wait_until_ready(port, server, folder / "log")
            yield f"postgresql://waypost@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGQUIT)  # at once; nothing has to be kept


def wait_until_ready(port: int, server: subprocess.Popen[Any], log: Path) -> None:
    """Wait until the server takes connections."""
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and server.poll() is None:
        if "ready to accept connections" in log.read_text():
            return
        time.sleep(0.05)
    raise TimeoutError(f"Postgres does not run at port {port}: {log.read_text()[-1000:]}")
