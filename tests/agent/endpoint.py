"""An OpenAI-compatible endpoint on the loopback interface: streamed chat completions and embeddings."""

from __future__ import annotations

import base64
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Endpoint", "endpoint"]

DIMENSION = 64


class Endpoint(ThreadingHTTPServer):
    """Answers every chat request with `reply`, or with `status` where that is an error."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply = "NO_ANSWER"
        self.status = 200
        self.requests: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        """The base URL for OPENAI_BASE_URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def asked(self, path: str) -> list[dict[str, Any]]:
        """Return the bodies that came for a path."""
        return [body for seen, body in self.requests if seen.endswith(path)]


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, body))
        if self.server.status != 200:
            self._send(self.server.status, "application/json", b'{"error": {"message": "broken"}}')
        elif self.path.endswith("/embeddings"):
            self._send(200, "application/json", json.dumps(_embeddings(body)).encode())
        else:
            self._send(200, "text/event-stream", _stream(self.server.reply))

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
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


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = []
    for position, text in enumerate(texts):
        vector: list[float] | str = _vector(text)
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{DIMENSION}f", *vector)).decode()
        data.append({"object": "embedding", "index": position, "embedding": vector})
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def _vector(text: str) -> list[float]:
    """Count the words of a text by their checksums, so that texts with common words are near."""
    vector = [0.01] * DIMENSION
    for word in text.lower().split():
        vector[zlib.crc32(word.encode()) % DIMENSION] += 1.0
    return vector


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Run an endpoint until the block ends."""
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
