"""Whom a trace is of, without their name: hashes with a secret that never leaves the project's folder."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import StoreError

__all__ = ["SALT", "Hashes", "alone"]

SALT = "traces.salt"
BYTES = 32
SHOWN = 32  # hexadecimal digits of a hash that are kept


class Hashes:
    """Hashes of the people and threads of one project.

    Args:
        salt: random bytes; without them nobody can try names out.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def principal(self, name: str) -> str:
        """Return the hash of a principal's id; that of "", nobody in particular, is ""."""
        return self._of("principal", name) if name else ""

    def thread(self, name: str) -> str:
        """Return the hash of what a thread is stored under."""
        return self._of("thread", name)

    def question(self, text: str) -> str:
        """Return the hash of a question, by which a later correction finds its turn."""
        return self._of("question", " ".join(text.split()))

    def _of(self, kind: str, text: str) -> str:
        said = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._salt, said, hashlib.sha256).hexdigest()[:SHOWN]


@contextmanager
def alone(folder: Path, hashed: str) -> Iterator[Hashes]:
    """Yield a folder's hashes while no other process is in such a block; its salt is made if need be.

    Args:
        folder: made when first needed.
        hashed: the name of the file there with what was hashed.

    Raises:
        OSError: the folder cannot be written.
        StoreError: the salt is gone, and with it whom the traces are of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / SALT, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        salt = os.pread(file, BYTES, 0)
        if len(salt) < BYTES:
            if (folder / hashed).exists():
                raise StoreError(
                    f"{str(folder / SALT)!r} is gone, so nobody's traces can be told apart.",
                    fix=f"restore it, or delete it and {hashed}, with which the traces are gone.",
                )
            salt = secrets.token_bytes(BYTES)
            os.pwrite(file, salt, 0)
            os.fsync(file)
        yield Hashes(salt)
    finally:
        os.close(file)
