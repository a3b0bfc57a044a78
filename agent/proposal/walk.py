"""What lies in a folder of documents, by name and size alone: nothing is opened but to compare copies."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from agent.errors import UsageError
from indexes.ingest.files import HIDDEN, is_text
from indexes.ingest.items import content_digest
from indexes.ingest.loaders import LOADERS, MAX_BYTES

__all__ = ["CODE", "File", "Found", "Told", "Trouble", "look"]

Trouble = Literal[
    "kind", "old", "link", "name", "closed", "machine", "project",  # these are left out
    "empty", "large", "copy", "broken",  # these are named by an ingestion as well, or read twice
]  # fmt: skip
Told = Callable[[str, int, int], None]

MOST_ENTRIES = 100_000  # files and folders; whoever has more has named the wrong folder
COMPARED = 16 * 2**20  # bytes of a file that may be read to find its copies
CODE = frozenset(ending for ending, loader in LOADERS.items() if loader.startswith("code:"))
OLD = frozenset({".doc", ".xls", ".ppt", ".rtf", ".wps", ".et", ".dps"})
MADE = frozenset(  # folders that a program fills
    {"node_modules", "bower_components", "__pycache__", "site-packages", "__MACOSX", "$RECYCLE.BIN"}
    | {"System Volume Information", "lost+found"}
)
BUILT = frozenset({"build", "dist", "target", "out", "bin", "obj", "coverage"})  # beside a manifest
MANIFESTS = frozenset(
    "package.json pyproject.toml setup.py Cargo.toml pom.xml build.gradle go.mod CMakeLists.txt".split()
)
MADE_FILES = frozenset(
    {"langgraph.json", "package-lock.json", "package.json", "tsconfig.json", "composer.json"}
)
PROJECT = "waypost.toml"
OURS = frozenset(
    {"access.toml", "fields.toml"}
)  # settings that a project's folder may have already


@dataclass(frozen=True)
class File:
    """A file that a reader is there for: its path in the folder, in POSIX form, and its bytes."""

    name: str
    size: int

    @property
    def folder(self) -> str:
        """The folder that it lies in; "" for the folder looked at."""
        return self.name.rpartition("/")[0]

    @property
    def ending(self) -> str:
        """Its ending in small letters."""
        return PurePosixPath(self.name).suffix.lower()


@dataclass(frozen=True)
class Found:
    """What a look found.

    Args:
        files: those with a reader, in order of their names.
        others: names of what is left out but would be found by a pattern such as `**/*`; folders end in "/".
        troubles: names of what somebody should look after, by kind.
    """

    files: Sequence[File]
    others: Sequence[str]
    troubles: dict[Trouble, list[str]] = field(default_factory=dict)


def look(folder: Path, told: Told = lambda what, done, total: None) -> Found:
    """Look at every file below a folder as an ingestion would: no hidden ones, no links followed.

    Args:
        folder: the folder.
        told: told what is being done and how far it is.

    Raises:
        UsageError: the folder cannot be read, or holds far too much.
    """
    files: list[File] = []
    others: list[str] = []
    troubles: dict[Trouble, list[str]] = defaultdict(list)
    for name, entry, trouble in _entries(folder, told):
        if not trouble:
            file = File(name, entry.stat(follow_symlinks=False).st_size)
            files.append(file)
            if not file.size:
                troubles["empty"].append(name)
            elif file.size > MAX_BYTES:
                troubles["large"].append(name)
            elif not os.access(entry.path, os.R_OK):
                troubles["closed"].append(name)
        else:
            shown = name.encode("utf-8", "backslashreplace").decode()
            others.append(f"{shown}/" if entry.is_dir(follow_symlinks=False) else shown)
            troubles[trouble].append(shown)
    files.sort(key=lambda file: file.name)
    if copies := _copies(folder, files, {*troubles["closed"]}):
        troubles["copy"] = copies
    return Found(files, others, {kind: sorted(names) for kind, names in troubles.items() if names})


def _entries(
    folder: Path, told: Told
) -> Iterator[tuple[str, os.DirEntry[str], Trouble | Literal[""]]]:
    """Yield each file with its path from the folder and why it is left out, and folders left out."""
    waiting = [""]
    seen = 0
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(folder / inside) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise UsageError(
                f"{str(folder / inside)!r} cannot be read: {error.strerror}.",
                fix="give yourself the right to read it, or name another folder.",
            ) from error
        seen += len(entries)
        told("looking", seen, 0)
        if seen > MOST_ENTRIES:
            raise UsageError(
                f"{str(folder)!r} holds more than {MOST_ENTRIES:,} files and folders.",
                fix="name the folder that the documents are in: --documents FOLDER.",
            )
        names = {entry.name for entry in entries}
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.name.startswith(HIDDEN) or name in OURS:
                continue
            if not is_text(entry.name):
                yield name, entry, "name"
            elif entry.is_symlink():
                yield name, entry, "link"
            elif not entry.is_dir(follow_symlinks=False):
                yield name, entry, _trouble(entry)
            elif entry.name in MADE or (entry.name in BUILT and names & MANIFESTS):
                yield name, entry, "machine"
            elif not os.access(entry.path, os.R_OK | os.X_OK):
                yield name, entry, "closed"
            elif os.path.exists(os.path.join(entry.path, PROJECT)) or os.path.exists(
                os.path.join(entry.path, "pyvenv.cfg")
            ):
                made = os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
                yield name, entry, "machine" if made else "project"
            else:
                waiting.append(name)


def _trouble(entry: os.DirEntry[str]) -> Trouble | Literal[""]:
    """Return why a file is left out; "" if it is not."""
    ending = PurePosixPath(entry.name).suffix.lower()
    if entry.name in MADE_FILES or entry.name.lower().endswith((".min.js", ".bundle.js")):
        return "machine"
    if ending in OLD:
        return "old"
    return "" if ending in LOADERS and entry.is_file(follow_symlinks=False) else "kind"


def _copies(folder: Path, files: Sequence[File], closed: set[str]) -> list[str]:
    """Return the files whose content is that of an earlier one."""
    sizes: dict[int, list[File]] = defaultdict(list)
    for file in files:
        if 0 < file.size <= COMPARED and file.name not in closed:
            sizes[file.size].append(file)
    found = []
    for alike in sizes.values():
        seen: set[str] = set()
        for file in alike if len(alike) > 1 else ():
            try:
                digest = content_digest(folder / file.name)
            except OSError:
                continue  # it went or was closed meanwhile: reading it tells
            if digest in seen:
                found.append(file.name)
            seen.add(digest)
    return found
