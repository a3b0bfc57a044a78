"""An OpenAI-compatible endpoint on the loopback interface: streamed chat completions and embeddings.

It can be slow, limit its rate, fail at chosen requests and spoil its vectors.
"""

from __future__ import annotations

import base64
import json
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.loopback import on_loopback

__all__ = ["DIMENSION", "Endpoint", "endpoint"]

DIMENSION = 64


Data = list[dict[str, Any]]
Failure = tuple[int, Mapping[str, str]]


class Endpoint(ThreadingHTTPServer):
    """Answers every chat request with `reply`, or with `status` where that is an error.

    `delay` is how many seconds an answer takes. `failures` are the status and headers of the n-th
    requests, from 1. `limit` is how many requests are answered in so many seconds, others getting 429
    and a Retry-After. `spoil` changes the data of embeddings. `keep_alive` keeps connections open.
    `requests` has what came, `times` when it came, `busiest` how many were answered at a time.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply = "NO_ANSWER"
        self.status = 200
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.times: list[float] = []
        self.delay = 0.0
        self.failures: dict[int, Failure] = {}
        self.limit: tuple[int, float] | None = None
        self.spoil: Callable[[Data], Data] | None = None
        self.dimension = DIMENSION
        self.keep_alive = False
        self.busiest = 0
        self._busy = 0
        self._answered: list[float] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The base URL for OPENAI_BASE_URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def asked(self, path: str) -> list[dict[str, Any]]:
        """Return the bodies that came for a path."""
        return [body for seen, body in self.requests if seen.endswith(path)]

    def receive(self, path: str, body: dict[str, Any]) -> Failure:
        """Note a request and return with which status and headers to answer it."""
        with self._lock:
            now = time.monotonic()
            self.requests.append((path, body))
            self.times.append(now)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            failure = self.failures.get(len(self.requests), (self.status, {}))
            if failure[0] == 200 and self.limit is not None:
                most, seconds = self.limit
                recent = [then for then in self._answered if then > now - seconds]
                if len(recent) >= most:
                    return 429, {"Retry-After": f"{recent[0] + seconds - now + 0.01:.3f}"}
                self._answered = [*recent, now]
            return failure

    def finish(self) -> None:
        """Note that a request was answered."""
        with self._lock:
            self._busy -= 1


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint
    disable_nagle_algorithm = True

    def setup(self) -> None:
        if self.server.keep_alive:
            self.protocol_version = "HTTP/1.1"
        super().setup()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, headers = self.server.receive(self.path, body)
        try:
            time.sleep(self.server.delay)
        finally:
            self.server.finish()
        if status != 200:
            content = json.dumps({"error": {"message": f"broken: {body}", **_error(headers)}})
            self._send(status, "application/json", content.encode(), headers)
        elif self.path.endswith("/embeddings"):
            answer = _embeddings(body, self.server.dimension, self.server.spoil)
            self._send(200, "application/json", json.dumps(answer).encode())
        else:
            self._send(200, "text/event-stream", _stream(self.server.reply))

    def _send(
        self, status: int, kind: str, content: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def _stream(reply: str) -> bytes:
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "test"}
    pieces = [reply[start : start + 7] for start in range(0, len(reply), 7)]
    parts: list[dict[str, Any]] = [
        {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}}]}
        for piece in pieces
    ]
    parts.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 321, "completion_tokens": 12, "total_tokens": 333}
    parts.append({**base, "choices": [], "usage": usage})
    lines = [f"data: {json.dumps(part)}\n\n" for part in parts]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def _error(headers: Mapping[str, str]) -> dict[str, str]:
    """Return an error's code, which tests give as if it were a header."""
    return {"code": headers["code"]} if "code" in headers else {}


def _embeddings(
    body: dict[str, Any], dimension: int, spoil: Callable[[Data], Data] | None
) -> dict[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data: Data = [
        {"object": "embedding", "index": position, "embedding": _vector(text, dimension)}
        for position, text in enumerate(texts)
    ]
    data = data if spoil is None else spoil(data)
    for one in data:
        if body.get("encoding_format") == "base64" and isinstance(one["embedding"], list):
            packed = struct.pack(f"<{len(one['embedding'])}f", *one["embedding"])
            one["embedding"] = base64.b64encode(packed).decode()
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def _vector(text: str, dimension: int) -> list[float]:
    """Count the words of a text by their checksums, so that texts with common words are near."""
    vector = [0.01] * dimension
    for word in text.lower().split():
        vector[zlib.crc32(word.encode()) % dimension] += 1.0
    return vector


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Run an endpoint until the block ends."""
    with on_loopback(Endpoint()) as server:
        yield server
