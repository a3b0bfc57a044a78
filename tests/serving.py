"""A LangGraph server on a copy of the example project, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

__all__ = ["Server", "copy_example", "serve"]

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "urban_construction"
SECRET = """---
title: 审计专用印章管理办法
groups: [audit]
---

# 审计专用印章管理办法

审计专用印章由审计部的周岚保管，存放在保险柜第17号格，领用须经总审计师批准。
"""
START_SECONDS = 90.0
QUIET = {
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_STRICT_MSGPACK": "true",
    "PYTHONUNBUFFERED": "1",
}


def copy_example(folder: Path) -> Path:
    """Copy the example project without its store, but with its embeddings, and add a secret document."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".waypost", "__pycache__"))
    cache = EXAMPLE / ".waypost" / "cache"
    if not (EXAMPLE / "embeddings.db").exists() and cache.exists():
        shutil.copytree(cache, folder / ".waypost" / "cache")
    (folder / "docs" / "policy" / "secret.md").write_text(SECRET, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Server:
    """A running server: where it answers and where it logs."""

    url: str
    log: Path

    @contextmanager
    def log_on_failure(self) -> Iterator[None]:
        """Add what the server logged to whatever is raised inside."""
        try:
            yield
        except BaseException as error:
            error.add_note(f"--- server log ---\n{_tail(self.log)}")
            raise


@contextmanager
def serve(project: Path, folder: Path) -> Iterator[Server]:
    """Run `langgraph dev` with langgraph.json, but for another project.

    The file's own `env` wins over the environment, so the project is set in a copy of it. The server
    keeps its threads in `.langgraph_api` where it runs, so that it runs in a folder of its own.

    Args:
        project: the project to serve.
        folder: for that copy, the threads and the log.
    """
    config = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    config["env"]["WAYPOST_PROJECT"] = str(project)
    (folder / "langgraph.json").write_text(json.dumps(config), encoding="utf-8")
    port = _free_port()
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload"]
    command += ["--port", str(port), "--n-jobs-per-worker", "10"]
    command += ["--config", str(folder / "langgraph.json")]
    server = Server(f"http://127.0.0.1:{port}", folder / "server.log")
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with server.log_on_failure():
            _wait(server, process)
        yield server
    finally:
        _stop(process)


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with {process.returncode}.")
        try:
            if httpx.get(f"{server.url}/ok", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError(f"The server was not ready after {START_SECONDS:g} s.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server; its whole group too, if it does not go by itself."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _tail(log: Path, characters: int = 6000) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-characters:]
