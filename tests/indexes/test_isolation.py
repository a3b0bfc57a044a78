"""Files are read in processes of their own: what a loader does there harms no other file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from indexes import Registry, SyncReport
from tests.indexes.projects import counts, ingest, write_project

SECONDS = 3
CONFIG = """\
[project]
default_access = "public"

[ingest]
max_mb = 0.05
seconds = {seconds}
memory_mb = 512
workers = 2
loaders = {{ {loaders} }}

[[index]]
name = "a"
sources = ["docs/**/*"]
embedding = "none"
"""
LOADERS = """\
import ctypes, os, re, signal, subprocess, sys, threading, time
from indexes import Block, Loaded

class Odd(BaseException):
    pass

def blocks(*texts):
    return Loaded([Block(text, {}) for text in texts])

def fine(path):
    return blocks(path.read_text("utf-8"))

def loops(path):
    while True:
        pass

def loops_in_c(path):
    re.match(r"(a+)+$", "a" * 60 + "b")

def sleeps_in_a_block(path):
    def some():
        yield Block("a beginning of sleeping", {})
        time.sleep(1000)
    return Loaded(some())

def yields_for_ever(path):
    def some():
        while True:
            yield Block("endless words " * 20, {})
    return Loaded(some())

def yields_nothing_for_ever(path):
    def some():
        while True:
            yield Block("", {})
    return Loaded(some())

def eats(path):
    kept = []
    while True:
        kept.append(bytearray(2**27))

def eats_in_a_block(path):
    def some():
        yield Block("a beginning of eating", {})
        eats(path)
    return Loaded(some())

def crashes(path):
    ctypes.string_at(0)

def crashes_in_a_block(path):
    def some():
        for number in range(300):
            yield Block(f"paragraph {number} of the crash. " * 60, {})
        ctypes.string_at(0)
    return Loaded(some())

def crashes_later(path):
    subprocess.Popen(["sleep", "1000"])
    if not os.fork():
        time.sleep(1000)
    ctypes.string_at(0)

def prints(path):
    print("noise " * 100_000)
    os.write(1, b"\\\\x00\\\\x00\\\\x00\\\\x01noise" * 1000)
    subprocess.run(["echo", "noise"])
    sys.stdout.flush()
    return blocks("the printing loader is read")

def reads(path):
    return blocks(f"standard input gave {len(sys.stdin.read())} characters")

def raises(path):
    raise KeyError("the column")

def raises_in_a_block(path):
    def some():
        yield Block("a beginning of raising", {})
        raise ValueError("row 7 is odd")
    return Loaded(some())

def raises_oddly(path):
    raise Odd("\\\\udcff" + "very odd " * 100_000)

def exits(path):
    sys.exit("enough")

def exits_at_once(path):
    os._exit(0)

def recurses(path):
    return recurses(path)

def returns_nothing(path):
    pass

def returns_texts(path):
    return Loaded(["a text that is no block"])

def letters(path):
    return Loaded([Block("a text", {})], groups="board")

def halves(path):
    return Loaded([Block("half a sign \\\\ud83d stays readable", {})], title="half \\\\ud83d")

def names_hugely(path):
    return Loaded([Block("under a huge title", {})], title="title " * 100_000)

def changes(path):
    def some():
        yield Block("the changing file", {})
        path.write_text("something else", "utf-8")
    return Loaded(some())

def vanishes(path):
    def some():
        yield Block("the vanishing file", {})
        path.unlink()
    return Loaded(some())

def is_slow(path):
    def some():
        for number in range(6):
            time.sleep(SECONDS / 4)
            yield Block(f"slow page {number} is recognised", {"page": number})
    return Loaded(some())

def is_slow_with_pictures(path):
    def some():
        for number in range(6):
            time.sleep(SECONDS / 4)
            yield Block("", {"page": number})
        yield Block("a text after many pictures", {})
    return Loaded(some())
""".replace("\\\\", "\\")


@dataclass(frozen=True)
class Case:
    """A loader, and what becomes of its file: found, or reported with a reason and a cure."""

    loader: str
    found: str = ""
    error: str = ""
    fix: str = ""


STILL = f"stood still for {SECONDS} s"
CRASHED = "crashed on this one (SIGSEGV)"
FAILED = "own loader of .{} files failed"
CASES = (
    Case("loops", error=STILL, fix="correct 'loaders:loops'"),
    Case("loops_in_c", error=STILL, fix="raise [ingest] seconds"),
    Case("sleeps_in_a_block", error=STILL, fix="raise [ingest] seconds"),
    Case("yields_for_ever", error="more than 1 MiB of text", fix="raise [ingest] max_mb"),
    Case("yields_nothing_for_ever", error="more than 1 MiB of text", fix="raise [ingest] max_mb"),
    Case("eats", error="more than 512 MiB of memory", fix="raise [ingest] memory_mb"),
    Case("eats_in_a_block", error="more than 512 MiB of memory", fix="raise [ingest] memory_mb"),
    Case("crashes", error=CRASHED, fix="correct 'loaders:crashes'"),
    Case("crashes_in_a_block", error=CRASHED, fix="correct 'loaders:crashes_in_a_block'"),
    Case("crashes_later", error=CRASHED, fix="correct 'loaders:crashes_later'"),
    Case("prints", found="the printing loader is read"),
    Case("reads", found="standard input gave 0 characters"),
    Case("raises", error="failed: KeyError: 'the column'", fix="correct the loader"),
    Case("raises_in_a_block", error="failed: ValueError: row 7 is odd", fix="correct the loader"),
    Case("raises_oddly", error="failed: Odd: \\udcffvery odd", fix="correct it"),
    Case("exits", error="failed: SystemExit: enough", fix="correct it"),
    Case("exits_at_once", error="(exit code 0)", fix="correct 'loaders:exits_at_once'"),
    Case("recurses", error="failed: RecursionError", fix="correct the loader"),
    Case("returns_nothing", error="returned None, which is no Loaded", fix="correct the loader"),
    Case("returns_texts", error="no attribute 'text'", fix="correct the loader"),
    Case("letters", error="its groups are a text", fix="correct the loader"),
    Case("halves", found="stays readable"),
    Case("names_hugely", found="under a huge title"),
    Case("changes", error="changed while it was read", fix="ingest again"),
    Case("vanishes", error="not there any more", fix="ingest again"),
    Case("is_slow", found="slow page 5 is recognised"),
    Case("is_slow_with_pictures", found="a text after many pictures"),
)
FINE = 20  # files that nothing is wrong with


def ending(loader: str) -> str:
    """Return the ending of a loader's files."""
    return "." + loader.replace("_", "")


def write_files(folder: Path) -> Path:
    """Write a project with a file for each loader, and sound ones among them."""
    named = {ending(case.loader): f"loaders:{case.loader}" for case in CASES}
    named |= {".missing": "loaders:nowhere", ".broken": "broken:load", ".fine": "loaders:fine"}
    loaders = ", ".join(f'"{key}" = "{use}"' for key, use in named.items())
    files = {f"docs/{n:02}{case.loader}{ending(case.loader)}": "x" for n, case in enumerate(CASES)}
    files |= {f"docs/{number:02}fine.fine": f"sound text {number}" for number in range(FINE)}
    files |= {"docs/a.missing": "x", "docs/a.broken": "x", "broken.py": "1 / 0"}
    files["loaders.py"] = f"SECONDS = {SECONDS}\n{LOADERS}"
    return write_project(folder, CONFIG.format(seconds=SECONDS, loaders=loaders), files)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Registry, SyncReport]]:
    """Return the project and the report of its ingestion."""
    project = write_files(tmp_path_factory.mktemp("isolation"))
    async with Registry.open(project) as registry:
        yield registry, await registry.sync()


@pytest.mark.parametrize("case", CASES, ids=[case.loader for case in CASES])
async def test_loader(opened: tuple[Registry, SyncReport], case: Case) -> None:
    """The file is found, or the report tells what its loader did and what helps; briefly."""
    registry, report = opened
    errors = [f["error"] for f in report["failed"] if f["path"].endswith(ending(case.loader))]
    if case.found:
        assert errors == []
        found = await registry.search(case.found, k=50)
        mine = [one["text"] for one in found if one["document"].endswith(ending(case.loader))]
        assert any(case.found in text for text in mine)
        return
    [error] = errors
    reason, _, cure = error.partition(" Fix: ")
    assert case.error in reason
    assert case.fix in cure
    assert len(error) < 2000
    assert not any(
        info["document"].endswith(ending(case.loader)) for info in await registry.documents()
    )


async def test_other_files_are_read(opened: tuple[Registry, SyncReport]) -> None:
    """The files between those that end the process are all there."""
    registry, report = opened
    found = {info["document"] for info in await registry.documents()}
    assert {f"docs/{number:02}fine.fine" for number in range(FINE)} <= found
    assert len(report["failed"]) == 2 + sum(not case.found for case in CASES)


@pytest.mark.parametrize(
    ("name", "reason"), [("a.missing", "no 'nowhere'"), ("a.broken", "failed while loading")]
)
async def test_loader_that_is_not_there(
    opened: tuple[Registry, SyncReport], name: str, reason: str
) -> None:
    """A loader that cannot be used fails its own files alone."""
    [error] = [f["error"] for f in opened[1]["failed"] if f["path"] == f"docs/{name}"]
    assert reason in error
    assert "Fix: " in error


async def test_nothing_is_left_behind(opened: tuple[Registry, SyncReport]) -> None:
    """What was read of a file before its loader failed is in no index."""
    registry, _ = opened
    for beginning in ("a beginning of sleeping", "endless words", "paragraph 3 of the crash"):
        assert beginning not in str(await registry.search(beginning, k=20))
    stored = {hit["document"] for hit in await registry.search("crash endless beginning", k=50)}
    assert not any("ever" in name or "crash" in name for name in stored)


def test_processes_end(opened: tuple[Registry, SyncReport]) -> None:
    """What a loader had started ends with it."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes()
            folder = os.readlink(process / "cwd")
        except OSError:
            continue
        assert not (told == b"sleep\x001000\x00" and folder == os.getcwd())


LEXICAL = CONFIG.format(seconds=30, loaders="")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_what_may_not_be_read(tmp_path: Path) -> None:
    """Files and folders without the right to read are reported; the folder's files are kept."""
    project = write_project(tmp_path, LEXICAL, {f"docs/{n}/{n}.md": f"text {n}" for n in "abc"})
    await ingest(project)
    (project / "docs/a").chmod(0)
    (project / "docs/b/b.md").chmod(0)
    try:
        async with Registry.open(project) as registry:
            report = await registry.sync()
            assert counts(report)[2] == 0
            assert {f["path"] for f in report["failed"]} == {"docs/a", "docs/b/b.md"}
            assert all("Permission denied" in f["error"] for f in report["failed"])
            assert all("the right to read" in f["error"] for f in report["failed"])
            assert len(await registry.documents()) == 3
    finally:
        (project / "docs/a").chmod(0o700)


async def test_file_is_exchanged_for_a_pipe(tmp_path: Path) -> None:
    """A pipe in a file's place is reported, nobody waits for it, and the old text goes."""
    project = write_project(tmp_path, LEXICAL, {"docs/a.md": "text a", "docs/b.md": "text b"})
    async with Registry.open(project) as registry:
        assert counts(await registry.sync()) == (2, 0, 0, 0)
        (project / "docs/a.md").unlink()
        os.mkfifo(project / "docs/a.md")
        report = await registry.sync()
        assert counts(report) == (0, 0, 1, 1)
        [failure] = report["failed"]
        assert "pipe" in failure["error"]
