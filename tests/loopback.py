"""A small HTTP server on loopback while a test runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import TypeVar

__all__ = ["on_loopback"]

Server = TypeVar("Server", bound=BaseServer)


@contextmanager
def on_loopback(server: Server) -> Iterator[Server]:
    """Let a server answer in a thread of its own until the block ends, then close it."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
