from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.errors import ConfigurationError
from agent.settings import ToolSettings
from agent.tools import Tool, check_mcp, open_mcp, run_call
from indexes import Principal

SERVER = Path(__file__).parent / "mcp_server.py"
LI = Principal("li", ("engineering",))
SECRET = "kept-quiet-0815"
Found = dict[str, Tool]


def command(folder: Path) -> str:
    """Return the command line that starts the server for a folder."""
    return shlex.join([sys.executable, str(SERVER), str(folder)])


def done(folder: Path) -> list[dict[str, Any]]:
    """Return what the server recorded."""
    path = folder / "runs.jsonl"
    return (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )


def process(folder: Path) -> int:
    """Return the id of the server's process."""
    return int((folder / "started").read_text("utf-8"))


async def result(tool: Tool, **args: Any) -> Any:
    """Call a tool as Li, under the key "k", and return what came back."""
    call = await run_call(tool, args, principal=LI, key="k", ledger=None, language="en")
    return call["result"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Path, Found]]:
    """A server over stdio, opened by several [[tool]] tables, and its folder."""
    folder = tmp_path_factory.mktemp("warehouse")
    mcp = command(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_KEY", SECRET)
        patch.setenv("ANOTHER_KEY", "not for the server")
        tables = [
            ToolSettings(mcp=mcp, tools=("stock",), examples=("How many seals?",), effects=False),
            ToolSettings(mcp=mcp, tools=("order",), approve=True, groups=("engineering",)),
            ToolSettings(mcp=mcp, tools=("wipe",), approve=False, timeout=5),
            ToolSettings(mcp=mcp, tools=("*", "nothing"), env=("WAREHOUSE_KEY",)),
        ]
        async with open_mcp(folder, tables) as tools:
            yield folder, {tool.name: tool for tool in tools}


@pytest.fixture(name="tools")
def only_tools(opened: tuple[Path, Found]) -> Found:
    """The tools of the server over stdio."""
    return opened[1]


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("stock", {"part": "seal"}, {"part": "seal", "count": 40, "least": 0}),
        ("stock", {"part": "seal", "least": "3"}, {"part": "seal", "count": 40, "least": 3}),
        ("header", {"name": "host"}, "no request"),
        ("picture", {}, "[image]"),
    ],
)
async def test_results_are_data(
    tools: Found, name: str, args: dict[str, Any], expected: Any
) -> None:
    """A server's answer is what a tool of the project would have returned."""
    assert await result(tools[name], **args) == expected


@pytest.mark.parametrize(
    ("name", "args", "says"),
    [
        ("stock", {}, "“part” is missing: one of: seal, bearing"),
        ("stock", {"part": "pump"}, "“part” cannot be \"pump\": one of: seal, bearing"),
        ("stock", {"part": "seal", "least": "few"}, "“least” cannot be \"few\": an integer"),
        ("stock", {"part": "seal", "colour": 1}, "no argument “colour”; the arguments are: part, least"),
        ("order", {"part": "seal", "principal": {"id": "boss"}}, "“principal” is filled in by the system"),
        ("order", {"part": "seal", "idempotency_key": "x"}, "“idempotency_key” is filled in"),
    ],
)  # fmt: skip
async def test_arguments_are_checked(
    tools: Found, name: str, args: dict[str, Any], says: str
) -> None:
    """Nothing is sent that the server's own schema does not allow."""
    assert says in (await result(tools[name], **args))["error"]


async def test_principal_and_key_are_injected(opened: tuple[Path, Found]) -> None:
    """A server that asks for them learns who asks and which call this is; a model learns of neither."""
    folder, tools = opened
    order = tools["order"]
    assert (list(order.schema["properties"]), order.schema["required"]) == (["part"], ["part"])
    assert [parameter.name for parameter in order.parameters] == ["part"]
    assert await result(order, part="seal") == {"ordered": "seal"}
    who = {"id": "li", "groups": ["engineering"]}
    assert done(folder)[-1] == {"tool": "order", "part": "seal", "key": "k", "who": who}


@pytest.mark.parametrize(
    ("name", "approve", "effects", "keyed", "timeout", "groups"),
    [
        ("stock", False, False, False, 30.0, None),
        ("order", True, True, True, 30.0, ("engineering",)),
        ("clear", True, True, False, 30.0, None),  # its server calls it destructive
        ("wipe", False, True, False, 5.0, None),  # its server says that it only reads
        ("refuse", False, True, False, 30.0, None),
    ],
)
def test_protection(
    tools: Found,
    name: str,
    approve: bool,
    effects: bool,
    keyed: bool,
    timeout: float,
    groups: tuple[str, ...] | None,
) -> None:
    """The table decides; without it a hint can raise a protection, and none can lower it."""
    tool = tools[name]
    assert (tool.approve, tool.effects, tool.keyed) == (approve, effects, keyed)
    assert (tool.timeout, tool.groups) == (timeout, groups)


def test_every_tool_once(tools: Found) -> None:
    """The star stands for the tools that no other table names; examples belong to the one named."""
    assert len(tools) == 10
    assert (tools["stock"].examples, tools["clear"].examples) == (("How many seals?",), ())


async def test_what_a_server_says_is_bounded(tools: Found) -> None:
    """Neither a description nor a result can fill a model's window."""
    assert len(tools["wordy"].for_model().description) == 1000
    said = await result(tools["wordy"])
    assert len(said) < 20_200
    assert "too long (50002 characters)" in said


async def test_environment_and_secrets(tools: Found) -> None:
    """A server gets the variables that are listed for it, and nobody reads their values in an error."""
    names = set(await result(tools["variables"]))
    assert {"PATH", "WAREHOUSE_KEY"} <= names
    assert "ANOTHER_KEY" not in names
    error = (await result(tools["refuse"], word="no"))["error"]
    assert "no with [redacted]" in error
    assert SECRET not in error


async def test_one_connection_many_tasks(opened: tuple[Path, Found]) -> None:
    """Calls from many tasks at once share the one process, whichever task opened it."""
    folder, tools = opened
    before = process(folder)
    calls = [asyncio.create_task(result(tools["stock"], part="seal", least=n)) for n in range(20)]
    assert [one["least"] for one in await asyncio.gather(*calls)] == list(range(20))
    assert process(folder) == before


@pytest.mark.slow
async def test_a_server_that_dies(tmp_path: Path) -> None:
    """What broke during a call is told and not repeated; the next call starts the server again."""
    tables = [
        ToolSettings(mcp=command(tmp_path), tools=("stock",)),
        ToolSettings(mcp=command(tmp_path), tools=("die",), timeout=0.5),
    ]
    async with open_mcp(tmp_path, tables) as found:
        tools = {tool.name: tool for tool in found}
        first = process(tmp_path)
        slow = (await result(tools["die"], mode="sleep"))["error"]
        assert "no answer within 0.5 s; it may have been done" in slow
        died = (await result(tools["die"]))["error"]
        assert "the connection to its server broke during the call; it may have been done" in died
        assert len(done(tmp_path)) == 2
        assert (await result(tools["stock"], part="seal"))["count"] == 40
        second = process(tmp_path)
        os.kill(second, signal.SIGKILL)
        assert (await result(tools["stock"], part="seal"))["count"] == 40
        third = process(tmp_path)
        assert len({first, second, third}) == 3
    with pytest.raises(ProcessLookupError):
        os.kill(process(tmp_path), 0)


async def test_a_tool_that_only_reads_is_asked_again(tmp_path: Path) -> None:
    """Without side effects a call that broke is made once more, and no more than that."""
    table = ToolSettings(mcp=command(tmp_path), tools=("die",), effects=False)
    async with open_mcp(tmp_path, [table]) as [die]:
        assert "broke during the call" in (await result(die))["error"]
    assert len(done(tmp_path)) == 2


ODD = """
import json, sys
thing = {"type": "object", "properties": {"a": True, "b": {"type": ["string", "null"]}}}
tools = [
    {"name": "a.b c", "inputSchema": thing},
    {"name": "none", "inputSchema": {"type": "object", "properties": {"a": {"type": "thing"}}}},
    {"name": "large", "inputSchema": {"type": "object", "description": "x" * 20_000}},
]
answers = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "odd", "version": "1"},
    },
    "tools/list": {"tools": tools if sys.argv[1] == "odd" else 7},
    "tools/call": {"content": 7},
}
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = answers.get(asked["method"], {})
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


async def test_an_odd_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Tools without a usable schema are left out and told of; an unusable answer is an error."""
    odd, broken = (shlex.join([sys.executable, "-c", ODD, kind]) for kind in ("odd", "broken"))
    tables = [ToolSettings(mcp=odd, tools=("*", "gone"))]
    with caplog.at_level(logging.WARNING, "waypost"):
        async with open_mcp(tmp_path, tables) as [tool]:
            assert (tool.name, tool.schema["properties"]) == (
                "a_b_c",
                {"a": {}, "b": {"type": ["string", "null"]}},
            )
            assert "unusable answer" in (await result(tool, a=[1], b=None))["error"]
    for told in ("tool=none", "tool=large", "tool=gone"):
        assert told in caplog.text
    [check] = await check_mcp(tmp_path, [ToolSettings(mcp=broken, tools=("*",))])
    assert "unusable answer" in check["error"]


async def test_the_guide(tmp_path: Path) -> None:
    """The server and the table that the guide shows work together."""
    guide = (Path(__file__).parents[2] / "docs" / "tools.md").read_text("utf-8")
    [code] = re.findall(r"```python\n# depot/server.py\n(.*?)```", guide, re.DOTALL)
    [table] = re.findall(r'```toml\n(\[\[tool\]\]\nmcp = "python .*?)\n\n', guide, re.DOTALL)
    (tmp_path / "server.py").write_text(code, encoding="utf-8")
    python = table.replace("python ", f"{shlex.quote(sys.executable)} ")
    settings = [ToolSettings(**one) for one in tomllib.loads(python)["tool"]]
    async with open_mcp(tmp_path, settings) as [tool]:
        assert await result(tool, part="seal") == "seal: three days"


class Web:
    """The server over HTTP, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), str(self.folder), str(self.port)],
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            with closing(socket.socket()) as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise TimeoutError(self.url)

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A running server over HTTP."""
    server = Web(tmp_path)
    yield server
    server.stop()


@pytest.mark.slow
async def test_over_http(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a URL gets its headers, and is found again after it was away."""
    monkeypatch.setenv("WAREHOUSE_KEY", f"Bearer {SECRET}")
    tables = [
        ToolSettings(
            mcp=web.url, tools=("header", "stock"), headers={"Authorization": "WAREHOUSE_KEY"}
        )
    ]
    async with open_mcp(web.folder, tables) as found:
        tools = {tool.name: tool for tool in found}
        assert await result(tools["header"], name="authorization") == f"Bearer {SECRET}"
        [check] = await check_mcp(web.folder, tables)
        assert (check["tools"], check["error"]) == (["header", "stock"], "")
        web.stop()
        gone = (await result(tools["stock"], part="seal"))["error"]
        assert gone == "The tool stock did not succeed: its server does not answer"
        web.start()
        assert (await result(tools["stock"], part="seal"))["count"] == 40
        web.stop()
        web.start()  # it has forgotten the session
        assert (await result(tools["stock"], part="seal"))["count"] == 40


@pytest.mark.parametrize(
    ("mcp", "why"),
    [
        ("no-such-program --x", "FileNotFoundError"),
        (shlex.join([sys.executable, "-c", "raise SystemExit('no stock')"]), "(no stock)"),
        (
            shlex.join([sys.executable, "-c", "import time; time.sleep(60)"]),
            "no answer within 0.5 s",
        ),
        ("http://127.0.0.1:9/mcp?token=abcdefghijkl", "ConnectError"),
    ],
)
async def test_a_server_that_does_not_answer(
    tmp_path: Path,
    mcp: str,
    why: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The project opens without its tools; the log says so and names the cure, as does a check."""
    monkeypatch.setattr("agent.tools.connection.CONNECT", 0.5)
    monkeypatch.setattr("mcp.client.stdio.PROCESS_TERMINATION_TIMEOUT", 0.1)
    tables = [ToolSettings(mcp=mcp, tools=("*",))]
    with caplog.at_level(logging.WARNING, "waypost"):
        async with open_mcp(tmp_path, tables) as tools:
            assert tools == []
    [record] = [
        one.getMessage() for one in caplog.records if "tool_server.failed" in one.getMessage()
    ]
    assert (why in record, "start it, or correct" in record) == (True, True)
    [check] = await check_mcp(tmp_path, tables)
    assert (why in check["error"], check["fix"] != "", check["tools"]) == (True, True, [])
    assert "abcdefghijkl" not in record + str(check)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            {"mcp": "http://127.0.0.1:9/mcp", "headers": {"X": "NO_SUCH_VARIABLE"}},
            "NO_SUCH_VARIABLE",
        ),
        ({"mcp": "server", "env": ("NO_SUCH_VARIABLE",)}, "NO_SUCH_VARIABLE"),
        ({"mcp": "server 'x"}, "no command line"),
        ({"mcp": "server", "examples": ("How?",)}, "several tools"),
    ],
)
async def test_a_wrong_table(tmp_path: Path, table: dict[str, Any], says: str) -> None:
    """What can only be a mistake in waypost.toml is told at once, with its cure."""
    with pytest.raises(ConfigurationError, match=says) as raised:
        async with open_mcp(tmp_path, [ToolSettings(tools=("*",), **table)]):
            pass
    assert raised.value.fix


async def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the message says what to install; without such a table nothing is needed."""
    monkeypatch.setattr("agent.tools.servers.find_spec", lambda name: None)
    async with open_mcp(tmp_path, [ToolSettings(use="tools:own")]) as tools:
        assert tools == []
    with pytest.raises(ConfigurationError, match="not installed"):
        async with open_mcp(tmp_path, [ToolSettings(mcp="server", tools=("*",))]):
            pass
