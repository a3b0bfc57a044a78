"""An endpoint for fine-tuning on the loopback interface, which loses connections where it is told to.

It stores files and jobs as OpenAI's API does, so that what was made twice can be counted.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from tests.loopback import on_loopback

__all__ = ["Fault", "JobServer", "job_server"]

STATES = ["validating_files", "running", "succeeded"]
Reply = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request.

    `before` closes the connection without doing anything, `after` does it first, `late` does it only
    when the client looks again; `status` answers with an error, which does nothing.
    """

    kind: Literal["before", "after", "late", "status"]
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)


class JobServer(ThreadingHTTPServer):
    """Counts what is made; `faults` are those of the n-th requests, from 1.

    `metadata` is whether jobs keep theirs. `ends` is how a job ends. `stops` is called before each
    request is done, and after it where its second argument is true.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults: dict[int, Fault] = {}
        self.requests: list[tuple[str, str]] = []
        self.files: list[dict[str, Any]] = []
        self.jobs: list[dict[str, Any]] = []
        self.metadata = True
        self.ends = "succeeded"
        self.looks: dict[str, int] = {}
        self.stops: Callable[[int, bool], None] = lambda number, after: None
        self.late: list[Callable[[], Reply]] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def arrive(self) -> None:
        """Do what was asked in requests whose connection was lost long ago."""
        while self.late:
            self.late.pop(0)()

    def receive(self, method: str, path: str) -> tuple[int, Fault | None]:
        """Note a request and return its number and what goes wrong with it."""
        with self._lock:
            self.requests.append((method, path))
            number = len(self.requests)
            return number, self.faults.get(number)

    def do(self, method: str, path: str, body: bytes) -> Reply:
        """Do what is asked."""
        parts = path.removeprefix("/v1/").partition("?")[0].split("/")
        with self._lock:
            match method, parts:
                case "POST", ["files"]:
                    return 200, self._store(body)
                case "GET", ["files"]:
                    return 200, _listed(self.files)
                case "POST", ["fine_tuning", "jobs"]:
                    return 200, self._start(json.loads(body))
                case "GET", ["fine_tuning", "jobs"]:
                    return 200, _listed(self.jobs[::-1])
                case "GET", ["fine_tuning", "jobs", name]:
                    return 200, self._look(name)
                case "POST", ["fine_tuning", "jobs", name, "cancel"]:
                    return 200, self._job(name) | {"status": "cancelled"}
                case "GET", ["fine_tuning", "jobs", name, "events"]:
                    return 200, _listed(self._events(name))
        return 404, {"error": {"message": f"no route {method} {path}"}}

    def _store(self, body: bytes) -> dict[str, Any]:
        found = re.search(rb'filename="([^"]+)"', body)
        assert found is not None
        file = {
            "id": f"file-{len(self.files) + 1}", "object": "file", "bytes": len(body),
            "created_at": len(self.files), "filename": found[1].decode(), "purpose": "fine-tune",
            "status": "processed",
        }  # fmt: skip
        self.files.append(file)
        return file

    def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        job = {
            "id": f"ftjob-{len(self.jobs) + 1}", "object": "fine_tuning.job",
            "created_at": len(self.jobs), "model": asked["model"], "status": STATES[0],
            "training_file": asked["training_file"],
            "validation_file": asked.get("validation_file"), "seed": asked["seed"],
            "organization_id": "o", "result_files": [], "hyperparameters": {},
            "fine_tuned_model": None, "error": None, "method": asked["method"],
            "metadata": asked["metadata"] if self.metadata else None, "suffix": asked["suffix"],
        }  # fmt: skip
        self.jobs.append(job)
        return job

    def _job(self, name: str) -> dict[str, Any]:
        return next(job for job in self.jobs if job["id"] == name)

    def _look(self, name: str) -> dict[str, Any]:
        job = self._job(name)
        look = self.looks[name] = self.looks.get(name, 0) + 1
        job["status"] = STATES[min(look - 1, len(STATES) - 1)]
        if job["status"] == "succeeded":
            job["status"] = self.ends
            if self.ends == "succeeded":
                job["fine_tuned_model"] = f"ft:{job['model']}:o:{job['suffix']}:{name}"
            else:
                job["error"] = {
                    "code": "bad",
                    "message": "a row is too \x1b[31mlong",
                    "param": None,
                }
        return job

    def _events(self, name: str) -> list[dict[str, Any]]:
        return [
            {
                "id": f"e{look}", "object": "fine_tuning.job.event", "created_at": look,
                "level": "info", "message": f"look {look}",
            }
            for look in range(self.looks.get(name, 0), 0, -1)
        ]  # fmt: skip


def _listed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": list(rows), "has_more": False}


class _Handler(BaseHTTPRequestHandler):
    server: JobServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_POST(self) -> None:
        self._answer("POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, method: str, body: bytes) -> None:
        number, fault = self.server.receive(method, self.path)
        self.server.stops(number, False)
        if fault is not None and fault.kind == "status":
            self._send((fault.status, {"error": {"message": "no"}}), fault.headers)
            return
        if fault is not None and fault.kind == "late":
            self.server.late.append(lambda: self.server.do(method, self.path, body))
        if fault is not None and fault.kind in ("before", "late"):
            self.close_connection = True
            return
        reply = self.server.do(method, self.path, body)
        self.server.stops(number, True)
        if fault is not None:
            self.close_connection = True
            return
        self._send(reply, {})

    def _send(self, reply: Reply, headers: dict[str, str]) -> None:
        status, data = reply
        content = json.dumps(data).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@contextmanager
def job_server() -> Iterator[JobServer]:
    """Run such an endpoint until the block ends."""
    with on_loopback(JobServer()) as server:
        yield server
