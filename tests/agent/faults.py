"""An OpenAI-compatible endpoint on the loopback interface that fails in every way that endpoints do.

It answers each request by the next of its acts, the last one again and again.
"""

from __future__ import annotations

import json
import select
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.loopback import on_loopback

__all__ = [
    "DONE",
    "TOOL",
    "Act",
    "FaultServer",
    "busy",
    "called",
    "chunk",
    "error",
    "fault_server",
    "finish",
    "said",
    "saying",
    "usage",
]

DONE = b"data: [DONE]\n\n"
TOOL = "get_budget"
SECRET = "sk-secret-of-the-account"  # endpoints quote keys, and texts of people, in what they complain of


@dataclass(frozen=True)
class Act:
    """How one request is answered: bytes to send, and seconds to wait between them.

    `cut` closes the connection without the end that was promised.
    """

    parts: Sequence[bytes | float] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "text/event-stream"
    cut: bool = False


def event(**fields: Any) -> bytes:
    """Return one event of a stream of chat completions."""
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "test"}
    return f"data: {json.dumps({**base, **fields})}\n\n".encode()


def chunk(text: str) -> bytes:
    """Return a piece of a reply."""
    return event(choices=[{"index": 0, "delta": {"role": "assistant", "content": text}}])


def finish(reason: str = "stop") -> bytes:
    """Return the end of a reply."""
    return event(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])


def usage(read: int = 321, written: int = 12) -> bytes:
    """Return the tokens of a request and its reply."""
    tokens = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return event(choices=[], usage=tokens)


def saying(text: str, size: int = 7) -> list[bytes]:
    """Return the pieces of a reply."""
    return [chunk(text[start : start + size]) for start in range(0, len(text), size)]


def said(text: str, *, end: str = "stop", tokens: bool = True, size: int = 7) -> Act:
    """Answer with a text."""
    return Act([*saying(text, size), finish(end), *([usage()] if tokens else []), DONE])


def called(*arguments: str, name: str = TOOL) -> Act:
    """Answer with calls of a tool, whose arguments come in two pieces each."""
    parts: list[bytes] = []
    for number, text in enumerate(arguments):
        middle = len(text) // 2
        first = {"name": name, "arguments": text[:middle]}
        for function in (first, {"arguments": text[middle:]}):
            call = {"index": number, "type": "function", "function": function}
            if function is first:
                call["id"] = f"id{number}"
            parts.append(event(choices=[{"index": 0, "delta": {"tool_calls": [call]}}]))
    return Act([*parts, finish("tool_calls"), usage(), DONE])


def error(
    status: int, code: str | int | None = None, message: str = "", param: str = "", **headers: str
) -> Act:
    """Answer with an error in OpenAI's form, which quotes a key and a text."""
    told = {"message": f"{message} {SECRET} budget", "code": code, "type": None, "param": param}
    body = json.dumps({"error": told}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Act([body], status, named, "application/json")


def busy(after: float | None = None, *, date: bool = False) -> Act:
    """Answer that the rate limit is reached, perhaps with Retry-After."""
    if after is None:
        return error(429, "rate_limit_exceeded")
    told = formatdate(time.time() + after, usegmt=True) if date else f"{after:g}"
    return error(429, "rate_limit_exceeded", retry_after=told)


class FaultServer(ThreadingHTTPServer):
    """Answers by `acts`; `requests` has the bodies that came, `paths` and `keys` what they came with.

    `left` is set once a client has gone before its answer ended.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.acts: list[Act] = [said("")]
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str] = []
        self.times: list[float] = []
        self.left = threading.Event()
        self.stopping = threading.Event()
        self._lock = threading.Lock()

    def shutdown(self) -> None:
        """Let go of the requests that it keeps waiting, then end."""
        self.stopping.set()
        super().shutdown()

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def plan(self, *acts: Act) -> None:
        """Answer the next requests so, and forget those that came."""
        with self._lock:
            self.acts = list(acts)
            self.left.clear()
            for seen in (self.requests, self.paths, self.keys, self.times):
                seen.clear()

    def receive(self, path: str, key: str, body: dict[str, Any]) -> Act:
        """Note a request and return how to answer it."""
        with self._lock:
            self.paths.append(path)
            self.keys.append(key)
            self.requests.append(body)
            self.times.append(time.monotonic())
            return self.acts[min(len(self.requests), len(self.acts)) - 1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let clients go silently, and print any other error."""
        if isinstance(sys.exception(), ConnectionError):
            self.left.set()
        else:
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: FaultServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization") or self.headers.get("api-key") or ""
        act = self.server.receive(self.path, key, body)
        waits = [part for part in act.parts if isinstance(part, float)]
        if act.parts and act.parts[0] in waits and not self._waited(float(act.parts[0])):
            return
        self.send_response(act.status)
        for name, value in act.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", act.kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for number, part in enumerate(act.parts):
                if isinstance(part, bytes):
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                elif number and not self._waited(part):
                    return
            if act.cut:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            self.close_connection = True
            self.server.left.set()

    def _waited(self, seconds: float) -> bool:
        """Wait; return whether the client and the server are still there then."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.01)
            if readable:  # a client says nothing now, so it has gone
                self.close_connection = True
                self.server.left.set()
                return False
        return not self.server.stopping.is_set()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@contextmanager
def fault_server() -> Iterator[FaultServer]:
    """Run such an endpoint until the block ends."""
    with on_loopback(FaultServer()) as server:
        yield server
