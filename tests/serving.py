"""A LangGraph server on a copy of the example project, in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

__all__ = [
    "PEOPLE",
    "ROOT",
    "Provider",
    "Server",
    "command",
    "copy_example",
    "free_port",
    "running",
    "serve",
    "served_project",
    "shared_server",
]

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "urban_construction"
SECRET = """---
title: 审计专用印章管理办法
groups: [audit]
---

# 审计专用印章管理办法

审计专用印章由审计部的周岚保管，存放在保险柜第17号格，领用须经总审计师批准。
"""
SETTINGS = """

[[tool]]
use = "tools:order_badge"
approve = true
examples = ["帮我订两张工牌", "订购工牌5张", "我要订工牌", "Order 3 badges", "Please order badges"]

[[tool]]
use = "tools:count_slowly"
examples = ["慢慢数一遍库存", "请把库存慢慢数一遍", "Count the stock slowly", "Take stock slowly"]

[traces]
keep = true

[server.jwt]
issuer = "https://id.example"
audience = "waypost"
public_key = "server/provider.pem"
"""
TOOLS = '''

@tool
def order_badge(count: Annotated[int, Field(title="张数")]) -> str:
    """Orders badges for staff. 订购工牌。"""
    with (Path(__file__).parent / "badges.txt").open("a", encoding="utf-8") as file:
        file.write(f"{count}\\n")
    return f"已订购工牌{count}张。"


@tool
async def count_slowly() -> str:
    """Counts the stock, slowly. 慢慢盘点库存。"""
    import asyncio

    await asyncio.sleep(25)
    return "库存共 7 件。"
'''
PEOPLE: Mapping[str, tuple[str, ...]] = {"ann": (), "bob": (), "boss": ("audit",)}
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
class Provider:
    """An identity provider, as far as it signs tokens."""

    audience: str = "waypost"
    issuer: str = "https://id.example"

    @cached_property
    def private(self) -> Any:
        """The key it signs with."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def public(self) -> bytes:
        """Its public key, in PEM form."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        pem: bytes = self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        return pem

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of a good token; a claim that is None is left out."""
        good = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "dan",
            "exp": int(time.time()) + 300,
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(self, *, headers: dict[str, Any] | None = None, **changed: Any) -> str:
        """Return a signed token."""
        import jwt

        return jwt.encode(self.claims(**changed), self.private, "RS256", headers=headers)


@dataclass(frozen=True)
class Server:
    """A running server: where it answers and logs, and the keys of those who may use it."""

    url: str
    log: Path
    project: Path
    keys: Mapping[str, str] = field(default_factory=dict)
    provider: Provider = field(default_factory=Provider)
    process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def log_on_failure(self) -> Iterator[None]:
        """Add what the server logged to whatever is raised inside."""
        try:
            yield
        except BaseException as error:
            error.add_note(f"--- server log ---\n{_tail(self.log)}")
            raise

    def client(self, user: str | None = None) -> httpx.Client:
        """Return a plain HTTP client with the key of a user."""
        headers = {"X-Api-Key": self.keys[user]} if user is not None else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=False)


def served_project(folder: Path) -> tuple[Path, dict[str, str], Provider]:
    """Make the example with two more tools, keys for a few people, and a provider of tokens.

    Returns:
        The project, everyone's key, and the provider.
    """
    from agent.keys import KeysFile
    from agent.templates import SERVING, serving

    project = copy_example(folder)
    for name, text in {"waypost.toml": SETTINGS, "tools.py": TOOLS}.items():
        with (project / name).open("a", encoding="utf-8") as file:
            file.write(text)
    (project / SERVING).write_text(serving(), encoding="utf-8")
    keys = {user: KeysFile(project).add(user, groups)[1] for user, groups in PEOPLE.items()}
    provider = Provider()
    (project / "server" / "provider.pem").write_bytes(provider.public)
    return project, keys, provider


def shared_server(request: pytest.FixtureRequest) -> Server:
    """Return the server that all modules share: `langgraph dev` in the project, as people run it.

    Its start ingests the project.
    """
    known = request.config.stash.get(_SHARED, None)
    if known is None:
        factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        project, keys, provider = served_project(factory.mktemp("server") / "project")
        stack = ExitStack()
        known = stack.enter_context(serve(project, keys, provider))
        request.config.stash[_SHARED] = known
        request.session.addfinalizer(stack.close)
    return known


_SHARED = pytest.StashKey[Server]()


@contextmanager
def serve(project: Path, keys: Mapping[str, str], provider: Provider) -> Iterator[Server]:
    """Run `langgraph dev` in a project."""
    port = free_port()
    dev = [sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload"]
    dev += ["--port", str(port), "--n-jobs-per-worker", "10"]
    with running(dev, project, port, project / "server.log", keys, provider) as server:
        yield server


@contextmanager
def running(
    command: list[str],
    folder: Path,
    port: int,
    log: Path,
    keys: Mapping[str, str] | None = None,
    provider: Provider | None = None,
    *,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[Server]:
    """Run a server until the end of the block, and wait until it answers.

    Args:
        command: what starts it.
        folder: where.
        port: the one that the command names.
        log: the file for what it prints.
        keys: of those who may use it.
        provider: of tokens.
        stop: the signal that ends it.
    """
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    server = Server(url, log, folder, keys or {}, provider or Provider(), process)
    try:
        with server.log_on_failure():
            _wait(server, process)
            yield server
    finally:
        _stop(process, stop)


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


def _stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """End the server; its whole group too, if it does not go by itself."""
    process.send_signal(how)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def command(*arguments: str) -> list[str]:
    """Return how to run `waypost`, whether it is installed or not."""
    return [sys.executable, "-c", "from agent.cli.main import run; run()", *arguments]


def free_port() -> int:
    """Return a port that nothing uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _tail(log: Path, characters: int = 6000) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-characters:]
