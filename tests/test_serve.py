"""`waypost serve` and `waypost key`: a project is served from a folder as it is, and stops cleanly."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from langgraph_sdk import get_client

from agent.cli import key, serve
from agent.errors import ConfigurationError, UsageError
from agent.keys import KeysFile
from agent.settings import Settings
from agent.templates import SERVING, copy_template
from tests.serving import ROOT, Server, command, free_port, running, served_project, shared_server

QUESTION = "How do I add my own documents?"
NODE_SDK = "@langchain/langgraph-sdk@1.15.0"
SCRIPT = """
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey, question] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const thread = await client.threads.create();
const input = { messages: [{ role: "user", content: question }] };
const told = [];
let answer = null;
const streamMode = ["messages-tuple", "custom", "values"];
for await (const part of client.runs.stream(thread.thread_id, "waypost", { input, streamMode })) {
  if (part.event === "messages") told.push(part.data[0].content);
  if (part.event === "values") answer = part.data.answer ?? answer;
}
const state = await client.threads.getState(thread.thread_id);
const stranger = new Client({ apiUrl, apiKey: "wrong" });
const refused = await stranger.threads.search().catch((error) => error.status);
console.log(JSON.stringify({ told: told.join(""), answer, last: state.values.messages.at(-1), refused }));
"""


def waypost(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def free_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what `--open` sets for the process that it serves in."""
    monkeypatch.setenv("WAYPOST_SERVER__AUTH", "required")
    monkeypatch.delenv("WAYPOST_SERVER__AUTH")


@pytest.mark.usefixtures("free_environment")
def test_what_serve_refuses(tmp_path: Path) -> None:
    """A mistake is told with its cure before anything is started."""
    project, broken = tmp_path / "project", tmp_path / "broken"
    for folder in (project, broken):
        copy_template("basic", folder)
    (broken / SERVING).write_text("{", encoding="utf-8")
    port = free_port()
    with pytest.raises(ConfigurationError, match="waypost key add"):
        serve.serve(project, port=port)
    with pytest.raises(UsageError, match="this machine alone"):
        serve.serve(project, port=port, everyone=True, host="0.0.0.0")
    with pytest.raises(ConfigurationError, match=r"langgraph\.json"):
        serve.serve(broken, port=port, everyone=True)
    with pytest.raises(ConfigurationError, match="waypost init"):
        serve.serve(tmp_path / "absent", port=port)
    assert not list(tmp_path.glob("*/.waypost"))


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    """The server's own command would silently take another port; this one ends, in one line."""
    copy_template("basic", tmp_path / "project")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = waypost("serve", "--open", "--port", port, folder=tmp_path / "project")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "choose another with --port" in done.stderr


def test_the_server_s_extra_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without LangGraph's server the command says what to install."""
    copy_template("basic", tmp_path / "project")
    monkeypatch.setitem(sys.modules, "langgraph_api", None)
    with pytest.raises(ConfigurationError, match=r"waypost\[server\]"):
        serve.serve(tmp_path / "project")


def test_keys_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`waypost key` prints a key once, lists keys without secrets, and takes them away."""
    project = tmp_path / "project"
    copy_template("basic", project)
    done = waypost("key", "add", "ann", "--group", "hr", "--group", "审计", folder=project)
    assert done.returncode == 0, done.stderr
    found = KeysFile(project).find(done.stdout.strip())
    assert found is not None
    assert (found.user, found.groups, found.expires) == ("ann", ("hr", "审计"), None)
    key.add("bob", expires="30d", project=project)
    text = capsys.readouterr().out.strip()
    made = KeysFile(project).find(text)
    assert made is not None
    assert made.expires is not None
    assert 29 < (made.expires - made.created).total_seconds() / 86400 <= 30
    key.list_keys(project, as_json=True)
    listed = capsys.readouterr().out
    assert [one["user"] for one in json.loads(listed)["keys"]] == ["ann", "bob"]
    assert not any(one.strip().rpartition("-")[2] in listed for one in (done.stdout, text))
    for wrong in ("2020-01-01", "0d", "soon"):
        with pytest.raises(UsageError):
            key.add("ann", expires=wrong, project=project)
    with pytest.raises(UsageError, match="waypost key list"):
        key.revoke("carl", project)
    key.revoke("ann", project)
    key.revoke(made.name, project)
    assert not KeysFile(project).keys()


def serving(project: Path, port: int, *options: str) -> list[str]:
    """Return the command that serves a project, from somewhere else."""
    return command("serve", "--project", str(project), "--port", str(port), *options)


def stopped(server: Server) -> int:
    """Send Ctrl-C to a server and return its exit code."""
    assert server.process is not None
    server.process.send_signal(signal.SIGINT)
    return server.process.wait(20)


@pytest.mark.slow
def test_a_project_that_cannot_be_opened(tmp_path: Path) -> None:
    """What is wrong with a project is told in the library's own words, without a traceback."""
    project = tmp_path / "project"
    copy_template("basic", project)
    with (project / "waypost.toml").open("a", encoding="utf-8") as file:
        file.write('[[tool]]\nuse = "tools:absent"\n')
    done = waypost("serve", "--open", "--port", str(free_port()), folder=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("Error: There is no file")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("made", [True, False], ids=["from init", "without langgraph.json"])
async def test_a_project_is_served_as_it_is(tmp_path: Path, made: bool) -> None:
    """With and without a langgraph.json a project is served; Ctrl-C ends it, and threads are kept."""
    project = tmp_path / "project"
    copy_template("basic", project)
    if not made:
        (project / SERVING).unlink()
    files = {path for path in project.rglob("*") if ".waypost" not in path.parts}
    log, port = tmp_path / "log", free_port()
    turn: Any = {"messages": [{"role": "user", "content": QUESTION}]}
    with running(serving(project, port, "--open"), tmp_path, port, log) as server:
        async with get_client(url=server.url) as client:
            thread = (await client.threads.create())["thread_id"]
            values: Any = await client.runs.wait(thread, "waypost", input=turn)
            assert values["answer"]["action"] == "search"
        await asyncio.sleep(0.5)
        text = log.read_text(encoding="utf-8")
        assert f"at {server.url}" in text
        assert "Everyone on this machine" in text
        assert stopped(server) == 0
    assert {path for path in project.rglob("*") if ".waypost" not in path.parts} == files
    with running(serving(project, port, "--open"), tmp_path, port, log) as server:
        async with get_client(url=server.url) as client:
            kept: Any = (await client.threads.get_state(thread))["values"]
            assert kept["answer"] == values["answer"]
        assert stopped(server) == 0


@pytest.mark.slow
async def test_an_approval_outlives_the_server(tmp_path: Path) -> None:
    """A turn that waits for a person goes on after the server was stopped and started again."""
    project, keys, _ = served_project(tmp_path / "project")
    log, port = tmp_path / "log", free_port()
    turn: Any = {"messages": [{"role": "user", "content": "帮我订4张工牌"}]}
    with running(serving(project, port), tmp_path, port, log) as server:
        async with get_client(url=server.url, api_key=keys["ann"]) as client:
            thread = (await client.threads.create())["thread_id"]
            await client.runs.wait(thread, "waypost", input=turn)
        assert stopped(server) == 0
    with running(serving(project, port, "--json"), tmp_path, port, log) as server:
        async with get_client(url=server.url, api_key=keys["ann"]) as client:
            assert (await client.threads.get(thread))["status"] == "interrupted"
            decisions: Any = {"resume": {"decisions": [{"type": "approve"}]}}
            values: Any = await client.runs.wait(thread, "waypost", command=decisions)
            assert "已订购工牌4张" in values["answer"]["answer"]
        assert (project / "badges.txt").read_text(encoding="utf-8").split() == ["4"]
        lines = [one for one in log.read_text(encoding="utf-8").splitlines() if one[:1] == "{"]
        assert [json.loads(one)["url"] for one in lines] == [server.url]


@pytest.mark.slow
async def test_ctrl_c_ends_a_stream(tmp_path: Path) -> None:
    """A client that listens does not keep the server from stopping soon."""
    project, keys, _ = served_project(tmp_path / "project")
    log, port = tmp_path / "log", free_port()
    turn: Any = {"messages": [{"role": "user", "content": "请把库存慢慢数一遍"}]}
    with running(serving(project, port), tmp_path, port, log) as server:
        async with get_client(url=server.url, api_key=keys["ann"]) as client:
            thread = (await client.threads.create())["thread_id"]
            parts = client.runs.stream(thread, "waypost", input=turn, stream_mode="custom")
            async for part in parts:
                if part.event == "custom":
                    break
            started = time.monotonic()
            assert await asyncio.to_thread(stopped, server) == 0
            assert time.monotonic() - started < 15


@pytest.fixture(scope="module")
def node_sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where Node finds LangGraph's client."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    install = [npm, "install", "--no-audit", "--no-fund", "--silent", NODE_SDK]
    installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300)
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install {NODE_SDK}: {installed.stderr[-300:]}")
    return folder


@pytest.mark.slow
def test_langgraph_s_own_client_in_node(request: pytest.FixtureRequest, node_sdk: Path) -> None:
    """JavaScript's client asks with a key, reads the answer as it comes, and is refused without one."""
    (node_sdk / "ask.mjs").write_text(SCRIPT, encoding="utf-8")
    server = shared_server(request)
    question = "东站项目的环保措施有哪些？"
    with server.log_on_failure():
        done = subprocess.run(
            ["node", "ask.mjs", server.url, server.keys["ann"], question],
            cwd=node_sdk,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["answer"]["action"] == "search"
    assert said["answer"]["citations"]
    assert said["last"]["content"] == said["answer"]["answer"]
    assert said["told"].count(said["answer"]["answer"]) == 1
    assert said["refused"] == 401


def guide(language: str) -> list[str]:
    """Return the code blocks of a language in the guide."""
    text = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def written(folder: Path) -> None:
    """Make the guide's project."""
    for language in ("toml", "markdown", "python"):
        for block in guide(language):
            name = re.match(r"(?:---\n.*?---\n)?# (desk/\S+)\n", block, re.DOTALL)
            if name:
                path = folder / name[1]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.replace(f"# {name[1]}\n", "", 1), encoding="utf-8")


def test_the_guide_s_settings_are_settings() -> None:
    """Every [server] table of the guide is one that the server takes."""
    tables = [tomllib.loads(block) for block in guide("toml") if block.startswith("[server")]
    assert len(tables) == 2
    for table in tables:
        Settings.model_validate(table)


@pytest.mark.slow
def test_the_guide_runs(tmp_path: Path) -> None:
    """The guide's commands and snippets do what it says."""
    written(tmp_path)
    lines = [line for block in guide("bash") for line in block.splitlines()]
    shown = ""
    for line in lines:
        if line.startswith("waypost key add"):
            done = waypost(*shlex.split(line)[1:], folder=tmp_path)
            assert done.returncode == 0, done.stderr
            shown = shown or done.stdout.strip()
    port, log = free_port(), tmp_path / "log"
    assert "waypost serve --project desk" in lines
    env = {**os.environ, "WAYPOST_KEY": shown, "PYTHONPATH": str(ROOT)}

    def run(*program: str) -> str:
        done = subprocess.run(
            program, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with running(serving(tmp_path / "desk", port), tmp_path, port, log) as server:
        [curl] = [line for line in lines if line.startswith("curl")]
        curl = curl.replace("http://127.0.0.1:2024", server.url)
        assert "7:30" in json.loads(run("bash", "-c", curl))["answer"]["answer"]
        asked, approved = (
            run(sys.executable, "-c", block.replace("http://127.0.0.1:2024", server.url))
            for block in guide("python")
            if "get_client" in block
        )
        assert "7:30" in asked
        assert "Marta Lind" in asked
        assert "'count': 4" in approved
        assert "Ordered 3 badges." in approved
        for line in lines:
            if line.startswith(("waypost key list", "waypost key revoke")):
                done = waypost(*shlex.split(line)[1:], folder=tmp_path)
                assert done.returncode == 0, done.stderr
        assert "bob" in done.stdout
        assert stopped(server) == 0


@pytest.mark.slow
def test_the_guide_s_javascript_runs(tmp_path: Path, node_sdk: Path) -> None:
    """The guide's JavaScript prints the answer, once."""
    written(tmp_path)
    shown = KeysFile(tmp_path / "desk").add("ann")[1]
    port = free_port()
    [block] = guide("javascript")
    with running(serving(tmp_path / "desk", port), tmp_path, port, tmp_path / "log") as server:
        code = block.replace("http://127.0.0.1:2024", server.url)
        (node_sdk / "guide.mjs").write_text(code, encoding="utf-8")
        done = subprocess.run(
            ["node", "guide.mjs"],
            cwd=node_sdk,
            env={**os.environ, "WAYPOST_KEY": shown},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("level B2") == 1
