"""`waypost serve`: the project on a LangGraph server."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from agent.cli.common import Json, Project

if TYPE_CHECKING:
    from agent.settings import ServerSettings, Settings

__all__ = ["serve"]

LEVELS = Literal["debug", "info", "warning", "error"]
GRACE = 5  # seconds that streams have to end after Ctrl-C
QUIET = {
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGSMITH_TRACING": "false",
}
ACCESS = {
    "required": "Keys: waypost key add USER --group GROUP",
    "loopback": "Everyone on this machine may use it, and sees what is public.",
    "none": "EVERYONE who reaches it may use it, and sees what is public.",
}
HOW = """\
Waypost serves {name} at {url}
  browser  {url}/
  Python   get_client(url="{url}", api_key="…")                 langgraph_sdk, assistant "waypost"
  curl     curl {url}/runs/wait {key}-H 'Content-Type: application/json' \\
             -d '{{"assistant_id": "waypost", "input": {{"messages": [{{"role": "user", "content": "…"}}]}}}}'
  pages    {url}/docs  {url}/health  {url}/ready  {url}/metrics
{access}
Ctrl-C ends it."""


def serve(
    project: Project = Path(),
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 2024,
    everyone: Annotated[
        bool, typer.Option("--open", help="Ask for no key; only for this machine.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="How many runs at once.")] = 10,
    log_level: Annotated[LEVELS, typer.Option("--log-level")] = "warning",
    as_json: Json = False,
) -> None:
    """Serve the project over LangGraph's API, until Ctrl-C.

    Threads are kept in the project's state folder, or in the Postgres database that [threads] url names.
    With --json one line on stdout says where it answers, as soon as it does.
    """
    from agent.errors import UsageError
    from agent.settings import load

    project = project.absolute()
    if everyone:
        if not _is_loopback(host):
            raise UsageError(
                f"--open is for this machine alone, and {host!r} is not.",
                fix="leave --host out, or make keys with `waypost key add`.",
            )
        os.environ["WAYPOST_SERVER__AUTH"] = "loopback"
    settings = load(project)
    _check_installed()
    _check_port(host, port)
    _check_identities(project, settings.server)
    config = _config(project)
    # the server finds a checkpointer only as an attribute of a file
    file = Path(__file__).parents[1] / "server" / "threads.py"
    config.setdefault("checkpointer", {"path": f"{file}:make_checkpointer"})
    from langgraph_api.cli import run_server  # type: ignore[import-untyped]  # it has no types

    from agent.server.opened import opened
    from agent.server.threads import STATE

    env = config.get("env") or {}
    for name, value in {**QUIET, **(env if isinstance(env, Mapping) else {})}.items():
        os.environ.setdefault(name, str(value))
    os.environ["WAYPOST_PROJECT"] = str(project)
    os.environ["LOG_LEVEL"] = log_level.upper()
    logging.getLogger().setLevel(log_level.upper())
    logging.getLogger("langgraph_api.cli").setLevel(logging.WARNING)  # its greeting
    # why it could not start is told once, at the end
    logging.getLogger("uvicorn.error").addFilter(lambda record: opened.failure is None)
    state = project / settings.store.path / STATE
    state.mkdir(parents=True, exist_ok=True)
    os.chdir(state)  # where the server keeps its threads
    sys.path.append(str(project))
    out, sys.stdout = sys.stdout, sys.stderr  # where the server logs
    told = threading.Thread(
        target=_announce, args=(_url(host, port), settings, out if as_json else None), daemon=True
    )
    told.start()
    try:
        run_server(
            host,
            port,
            reload=False,
            graphs=config["graphs"],
            n_jobs_per_worker=jobs,
            open_browser=False,
            env=None if isinstance(env, Mapping) else str(project / env),
            server_level=log_level,
            timeout_graceful_shutdown=GRACE,
            **{name: config.get(name) for name in ("store", "auth", "http", "checkpointer")},
        )
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
    except SystemExit as stopped:  # of uvicorn, when it cannot start
        raise opened.failure or typer.Exit(1 if stopped.code else 0) from stopped
    finally:
        sys.stdout = out


def _check_installed() -> None:
    """Say what is missing.

    Raises:
        ConfigurationError: LangGraph's server is not installed.
    """
    from importlib.util import find_spec

    from agent.errors import ConfigurationError

    if find_spec("langgraph_api") is None:
        raise ConfigurationError(
            "LangGraph's server is not installed.", fix='pip install "waypost[server]".'
        )


def _check_identities(project: Path, settings: ServerSettings) -> None:
    """Say at once, in one line, what would keep everyone out."""
    from agent.server.identity import Identities

    Identities(project, settings)


def _check_port(host: str, port: int) -> None:
    """Refuse a port that is taken; the server would silently use another one.

    Raises:
        UsageError: it is taken, or not to be had.
    """
    from agent.errors import UsageError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"{host}:{port} cannot be used: {error.strerror}.",
                fix="stop what uses it, or choose another with --port.",
            ) from error


def _config(project: Path) -> dict[str, Any]:
    """Return the project's langgraph.json, else the one that `waypost init` writes."""
    from agent.errors import ConfigurationError
    from agent.templates import SERVING, serving

    path = project / SERVING
    try:
        config = json.loads(path.read_text(encoding="utf-8") if path.exists() else serving())
        if not isinstance(config, Mapping) or not isinstance(config.get("graphs"), Mapping):
            raise ValueError('it has no "graphs"')
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{str(path)!r} cannot be used: {error}.",
            fix="correct it, or delete it: serving needs none.",
        ) from error
    return {name: _absolute(value, project) for name, value in config.items()}


def _absolute(value: Any, project: Path) -> Any:
    """Return a part of langgraph.json whose relative files are named whatever the current folder is."""
    if isinstance(value, str) and value.startswith(("./", "../")):
        return str(project / value)
    if isinstance(value, Mapping):
        return {name: _absolute(one, project) for name, one in value.items()}
    return value


def _url(host: str, port: int) -> str:
    shown = "localhost" if host in {"0.0.0.0", "::"} else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _announce(url: str, settings: Settings, out: TextIO | None) -> None:
    """Tell how to call the server once it answers: people on stderr, or machines on `out`."""
    while True:
        try:
            with urllib.request.urlopen(f"{url}/ok", timeout=5):
                break
        except OSError:  # a URLError is one
            time.sleep(0.1)
    auth = settings.server.auth
    if out is not None:
        print(json.dumps({"url": url, "assistant": "waypost", "auth": auth}), file=out, flush=True)
        return
    key = "-H 'X-Api-Key: …' " if auth == "required" else ""
    typer.echo(
        HOW.format(name=settings.project.name, url=url, access=ACCESS[auth], key=key), err=True
    )


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
