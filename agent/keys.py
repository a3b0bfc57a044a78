"""API keys of a project's server: who they are for, and hashes of them, in server/keys.toml.

The file goes where the project goes: it holds no secret. A key is 32 random bytes, which nobody can
guess, so one round of SHA-256 keeps it as well as a slow hash would, and costs a request nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError, UsageError

__all__ = ["KEYS", "Key", "KeysFile", "expiry"]

KEYS = Path("server") / "keys.toml"
HEAD = "# Written by `waypost key`. It holds hashes of keys, no key: keep it with the project.\n"
PREFIX = "sk-wp"  # what looks like a key is kept out of logs and found by scanners for secrets
_FORM = re.compile(rf"{PREFIX}-([0-9a-f]{{8}})-([0-9a-f]{{64}})")
_DAYS = re.compile(r"(\d{1,5})d")


@dataclass(frozen=True)
class Key:
    """A key, as it is kept.

    Args:
        name: its own, the part of it that is no secret.
        user: whom it is for.
        groups: theirs.
        sha256: of the secret part, in hexadecimal.
        created: when it was made.
        expires: when it ends; None: never.
    """

    name: str
    user: str
    groups: tuple[str, ...]
    sha256: str
    created: datetime
    expires: datetime | None = None

    def has_expired(self) -> bool:
        """Say whether its time is over."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


class KeysFile:
    """The keys of a project; changes by other processes are seen at once.

    Args:
        project: the project's folder.
    """

    def __init__(self, project: Path) -> None:
        self.path = project / KEYS
        self._known: tuple[tuple[int, int, int], dict[str, Key]] | None = None

    def find(self, text: str) -> Key | None:
        """Return the key that a client sent; None if there is none, or none any more.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        match = _FORM.fullmatch(text)
        key = self.keys().get(match[1]) if match else None
        if match is None or key is None or key.has_expired():
            return None
        return key if hmac.compare_digest(_hash(match[2]), key.sha256) else None

    def keys(self) -> dict[str, Key]:
        """Return all keys by name, those that have expired too.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        try:
            status = self.path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._known is None or self._known[0] != stamp:
                self._known = (stamp, _read(self.path))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{str(self.path)!r} cannot be read: {error}.",
                fix="restore it, or delete it and make new keys with `waypost key add`.",
            ) from error
        return self._known[1]

    def add(
        self, user: str, groups: Sequence[str] = (), expires: datetime | None = None
    ) -> tuple[Key, str]:
        """Make a key.

        Args:
            user: whom it is for; they may have several.
            groups: theirs.
            expires: when it ends; None: never.

        Returns:
            What is kept of it, and the key itself, which cannot be had again.

        Raises:
            UsageError: a name is empty or not printable, or the time is over already.
            ConfigurationError: the file cannot be read or written.
        """
        for text in (user, *groups):
            if not text.strip() or not text.isprintable():
                raise UsageError(f"{text!r} names nobody.", fix="use printable characters.")
        now = datetime.now(UTC)
        if expires is not None and expires <= now:
            raise UsageError(f"{expires:%Y-%m-%d %H:%M} UTC is over.", fix="name a later time.")
        secret = secrets.token_hex(32)
        with self._changing() as keys:
            name = secrets.token_hex(4)
            while name in keys:
                name = secrets.token_hex(4)
            key = Key(name, user, tuple(groups), _hash(secret), now, expires)
            keys[name] = key
        return key, f"{PREFIX}-{name}-{secret}"

    def revoke(self, name: str) -> list[Key]:
        """Take a key away, or all keys of a user.

        Args:
            name: the key's, else the user's.

        Raises:
            UsageError: there is neither.
            ConfigurationError: the file cannot be read or written.
        """
        with self._changing() as keys:
            gone = [keys[name]] if name in keys else [k for k in keys.values() if k.user == name]
            if not gone:
                raise UsageError(
                    f"There is no key {name!r}, and no user {name!r} with one.",
                    fix="see `waypost key list`.",
                )
            for key in gone:
                del keys[key.name]
        return gone

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """Yield the keys to be changed, alone, and write them as a whole."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                keys = dict(self.keys())
                yield keys
                written = self.path.with_suffix(".new")
                mode = self.path.stat().st_mode & 0o777 if self.path.exists() else 0o600
                file = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with open(file, "w", encoding="utf-8") as out:
                    os.fchmod(out.fileno(), mode)
                    out.write(_written(keys))
                written.replace(self.path)
            finally:
                os.close(folder)
        except OSError as error:
            raise ConfigurationError(
                f"{str(self.path)!r} cannot be written: {error.strerror}.",
                fix="make the file and its folder writable.",
            ) from error


def expiry(text: str) -> datetime:
    """Return when a key ends: days from now, such as "90d", or the last day, such as "2027-06-30".

    Raises:
        UsageError: it is neither.
    """
    days = _DAYS.fullmatch(text)
    if days:
        return datetime.now(UTC).replace(microsecond=0) + timedelta(days=int(days[1]))
    try:
        last = date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no time.", fix='use days such as "90d", or a date such as "2027-06-30".'
        ) from None
    return datetime.combine(last, time(), UTC) + timedelta(days=1)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _read(path: Path) -> dict[str, Key]:
    entries: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8")).get("key", [])
    found = [
        Key(
            str(one["name"]),
            str(one["user"]),
            tuple(str(group) for group in one["groups"]),
            str(one["sha256"]),
            _moment(one["created"]),
            _moment(one["expires"]) if "expires" in one else None,
        )
        for one in entries
    ]
    return {key.name: key for key in found}


def _moment(value: object) -> datetime:
    """Return a time of the file; one without a zone would be somebody's guess."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{value} is no time with its zone")
    return value


def _written(keys: dict[str, Key]) -> str:
    lines = [HEAD]
    for key in keys.values():
        lines += [
            "[[key]]",
            f"name = {_quoted(key.name)}",
            f"user = {_quoted(key.user)}",
            f"groups = [{', '.join(_quoted(group) for group in key.groups)}]",
            f"sha256 = {_quoted(key.sha256)}",
            f"created = {key.created.isoformat(timespec='seconds')}",
        ]
        if key.expires is not None:
            lines.append(f"expires = {key.expires.isoformat(timespec='seconds')}")
        lines.append("")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # of printable text, a string of TOML too
