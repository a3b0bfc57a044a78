"""The files of a project: which of them belong to which index, and what has changed."""

from __future__ import annotations

import os
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexes.access import access_list
from indexes.ingest.items import FILES, Item, Recipe, content_digest, digest_of
from indexes.ingest.lists import compile_glob, folder_fields, load_access, load_fields
from indexes.settings import IndexSettings, Settings
from indexes.types import Failure

__all__ = ["HIDDEN", "Scan", "is_text", "scan"]

HIDDEN = (".", "~$")  # how the names of files and folders that are passed over begin

FRESH = 2 * 10**9  # nanoseconds; a file may change again within one tick of its clock
# how to cure what cannot be read
ALLOW = "give whoever ingests the right to read it, or exclude it from `sources`."
COPY = "put a copy in its place, or exclude it from `sources`."
REMOVE = "remove it, or exclude it from `sources`."
RENAME = "rename it, as `convmv` does for many at once."
Stat = tuple[int, int, int, int]  # size, mtime and ctime in nanoseconds, inode


@dataclass(frozen=True)
class Scan:
    """What a look at the sources found.

    Args:
        items: the files, one for each index that they belong to.
        failed: what cannot be looked at.
        unseen: folders whose files are unknown, since they cannot be listed.
    """

    items: Sequence[Item]
    failed: Sequence[Failure]
    unseen: Sequence[str]


def scan(
    project: Path,
    settings: Settings,
    recipes: Mapping[str, tuple[Recipe, str]],
    only: Sequence[Path],
    begin: Callable[[], None] = lambda: None,
) -> Scan:
    """Look at every file of the sources; of those that changed, the content is read.

    Args:
        project: the project's folder.
        settings: its settings.
        recipes: what each index makes of a document, and what of the settings that depends on.
        only: look at these files and folders alone.
        begin: called when a file is new or changed, so that what it needs can be made meanwhile.

    Raises:
        ConfigurationError: access.toml or fields.toml is unusable.
    """
    lists = load_access(project)
    described = load_fields(project)
    most = int(settings.ingest.max_mb * 2**20)
    own = _loaders(project, settings)
    walk = _Walk(project, settings, only)
    failed = walk.failed
    items: list[Item] = []
    with closing(_Digests(project / settings.store.path / "cache" / "files.db")) as digests:
        for name, path, indexes in walk.files():
            place = lists.of(name)
            try:
                content, changed = digests.of(name, path, most)
            except OSError:
                content, changed = "", False  # reading it tells why
            if changed:
                begin()
            for index in indexes:
                recipe, shape = recipes[index.name]
                fields = {**folder_fields(index.folders, name), **described.of(name)}
                items.append(
                    Item(
                        recipe,
                        document=name,
                        uri=name,
                        source=FILES,
                        content=content,
                        digest=digest_of(shape + own.get(path.suffix.lower(), ""), fields, content),
                        place=access_list(place, index.groups, settings.project.default_access),
                        fields=fields,
                        path=str(path),
                    )
                )
        digests.save(complete=not only)
    if not only:
        documents = [item.document for item in items]
        failed += [
            {"path": file, "error": f"No document fits {pattern!r}."}
            for file, found in (("access.toml", lists), ("fields.toml", described))
            for pattern in found.unused(documents)
        ]
    return Scan(items, failed, walk.unseen)


def _loaders(project: Path, settings: Settings) -> dict[str, str]:
    """Return digests of the project's own loaders by ending: a file is read anew by another one."""
    found = {}
    for ending, use in settings.ingest.loaders.items():
        with suppress(OSError):  # that it is missing is told when a file is read
            file = project / f"{use.partition(':')[0]}.py"
            found[ending] = f"{use} {content_digest(file)}"
    return found


class _Walk:
    """The files that fit the indexes' patterns, each folder listed once.

    Args:
        project: the project's folder.
        settings: its settings.
        only: what to look at alone.
    """

    def __init__(self, project: Path, settings: Settings, only: Sequence[Path]) -> None:
        self._project = project
        self._root = os.path.realpath(project)
        self._only = [os.path.abspath(one) for one in only]
        self._state = (project / settings.store.path).resolve()
        self._patterns = [
            (index, [compile_glob(pattern) for pattern in index.sources])
            for index in settings.index
        ]
        self._bases = sorted({_base(p) for index in settings.index for p in index.sources})
        self.failed: list[Failure] = []
        self.unseen: list[str] = []

    def files(self) -> Iterator[tuple[str, Path, list[IndexSettings]]]:
        """Yield each file's name in the project, its path and the indexes that it belongs to."""
        done: list[str] = []
        for base in self._bases:
            if any(base == one or one == "" or base.startswith(f"{one}/") for one in done):
                continue
            done.append(base)
            if ".." in PurePosixPath(base).parts or base.startswith("/"):
                self._fail(base, "The pattern leads out of the project.")
            elif os.path.realpath(self._project / base) != os.path.normpath(
                os.path.join(self._root, base)
            ):
                self._fail(base, f"The folder is a link, which is not followed. Fix: {COPY}")
            else:
                yield from self._below(base)

    def _below(self, base: str) -> Iterator[tuple[str, Path, list[IndexSettings]]]:
        waiting = [base]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(self._project / folder) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                self._fail(folder, f"The folder cannot be read: {_told(error)}")
                self.unseen.append(folder)
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.startswith(HIDDEN) or not self._wanted(entry.path):
                    continue
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if not is_text(entry.name):
                            self._fail(name, f"The folder's name is not valid UTF-8. Fix: {RENAME}")
                        elif os.path.abspath(entry.path) != str(self._state):
                            waiting.append(name)
                    elif indexes := self._indexes(name):
                        problem = self._problem(entry)
                        if not problem:
                            yield name, Path(entry.path), indexes
                        else:
                            self._fail(name, problem)
                except OSError as error:
                    self._fail(name, f"The file cannot be read: {_told(error)}")

    def _problem(self, entry: os.DirEntry[str]) -> str:
        """Return why what fits a pattern is no file to be read; "" if it is one."""
        if not is_text(entry.name):
            return f"The file's name is not valid UTF-8. Fix: {RENAME}"
        if entry.is_symlink():  # its target may be a secret, or have another access list
            return f"It is a link, which is not followed. Fix: {COPY}"
        if entry.is_file():
            return ""
        return f"It is no file but a device, a pipe or a socket. Fix: {REMOVE}"

    def _wanted(self, path: str) -> bool:
        if not self._only:
            return True
        real = os.path.abspath(path)
        return any(
            real == one or real.startswith(f"{one}{os.sep}") or one.startswith(f"{real}{os.sep}")
            for one in self._only
        )

    def _indexes(self, name: str) -> list[IndexSettings]:
        if not name.isascii():
            name = unicodedata.normalize("NFC", name)  # some disks part letters and accents
        return [
            index
            for index, patterns in self._patterns
            if any(pattern.fullmatch(name) for pattern in patterns)
        ]

    def _fail(self, name: str, error: str) -> None:
        shown = name.encode("utf-8", "backslashreplace").decode()
        self.failed.append({"path": shown, "error": error})


def _base(pattern: str) -> str:
    """Return the folder that a pattern's files lie below."""
    parts = PurePosixPath(pattern).parts
    fixed = []
    for part in parts[:-1]:
        if "*" in part or "?" in part:
            break
        fixed.append(part)
    return "/".join(fixed).replace("//", "/")


class _Digests:
    """Digests of files' contents, remembered as long as a file's size and times stay.

    Only a cache: without it every file is read. A file that changed in the last moments is read
    again, since its clock may not have ticked between two changes (as git does for its index).

    Args:
        path: the SQLite file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open(path)
        except sqlite3.DatabaseError:  # damaged, locked or full: it is only a cache
            self._open(None)
        self._seen: dict[str, tuple[Stat, str]] = {}
        self._new: set[str] = set()

    def _open(self, path: Path | None) -> None:
        self._database = sqlite3.connect(path or ":memory:", timeout=10)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, size INT, modified INT, "
            "changed INT, inode INT, digest TEXT) WITHOUT ROWID"
        )
        self._known = {
            name: ((size, modified, changed, inode), digest)
            for name, size, modified, changed, inode, digest in self._database.execute(
                "SELECT * FROM files"
            )
        }

    def of(self, name: str, path: Path, most: int) -> tuple[str, bool]:
        """Return the digest of a file's content, and whether it may be another one than it was.

        Of a file with more than `most` bytes, its state is the digest.

        Raises:
            OSError: it cannot be read.
        """
        found = path.stat()
        stat = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        known = self._known.get(name)
        if known is not None and known[0] == stat:
            self._seen[name] = known
            return str(known[1]), False
        if found.st_size > most:
            return "-".join(map(str, stat)), False
        now = time.time_ns()
        digest = content_digest(path)
        if max(found.st_mtime_ns, found.st_ctime_ns) < now - FRESH:
            self._seen[name] = (stat, digest)
            self._new.add(name)
        return digest, known is None or known[1] != digest

    def save(self, *, complete: bool) -> None:
        """Remember what was looked at; if that was everything, forget the rest."""
        gone = [(name,) for name in self._known if name not in self._seen] if complete else []
        with suppress(sqlite3.OperationalError), self._database:  # a full disk: only a cache
            self._database.executemany("DELETE FROM files WHERE name = ?", gone)
            self._database.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)",
                [(name, *self._seen[name][0], self._seen[name][1]) for name in self._new],
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _told(error: OSError) -> str:
    """Return why something cannot be read, and the cure."""
    return f"{error.strerror}. Fix: {ALLOW if isinstance(error, PermissionError) else REMOVE}"


def is_text(name: str) -> bool:
    """Say whether a name's bytes are valid UTF-8, and not kept as halves of characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
