"""A folder of awkward and hostile files: all end as indexed or reported, none in a crash or a hang."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from indexes import Principal, Registry, SyncReport
from indexes.types import Failure, Passage
from tests.indexes.awkward import AWKWARD, LIMITS, SECRET, Awkward, make_all
from tests.indexes.projects import ingest, write_project
from tests.indexes.samples import write_pdf

CONFIG = f"""\
[project]
default_access = "public"

{LIMITS}
[[index]]
name = "a"
sources = ["docs/**/*"]
embedding = "none"
"""
INDEXED = [one for one in AWKWARD if one.found]
REPORTED = [one for one in AWKWARD if not one.found]


@dataclass(frozen=True)
class Ingested:
    """The folder after it was ingested twice."""

    registry: Registry
    first: SyncReport
    second: SyncReport

    async def passages(self, one: Awkward) -> list[Passage]:
        """Return the passages of a file that have its text."""
        wanted = _plain(one.found)
        found = await self.registry.search(one.found, k=20)
        return [
            passage
            for passage in found
            if passage["document"] == f"docs/{one.name}" and wanted in _plain(passage["text"])
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ingested]:
    """Return the folder, ingested twice: the second time nothing has changed."""
    project = tmp_path_factory.mktemp("awkward") / "project"
    project.mkdir()
    make_all(write_project(project, CONFIG, {}))
    async with Registry.open(project) as registry:
        yield Ingested(registry, await registry.sync(), await registry.sync())


def _plain(text: str) -> str:
    return " ".join(text.split())


def _named(one: Awkward) -> str:
    return one.name if one.name.isascii() and one.name.isprintable() else ascii(one.name)[:40]


def _of(one: Awkward, failures: Sequence[Failure]) -> list[str]:
    """Return what is reported of a file."""
    return [
        failure["error"]
        for failure in failures
        if failure["path"] == f"docs/{one.name}"
        or (one.shown and failure["path"].startswith(f"docs/{one.shown}"))
    ]


@pytest.mark.parametrize("one", INDEXED, ids=_named)
async def test_file_is_indexed(folder: Ingested, one: Awkward) -> None:
    """What stands in the file is found, at its place, and what was left out is told."""
    assert _of(one, folder.first["failed"]) == []
    passages = await folder.passages(one)
    assert passages
    assert one.at.items() <= passages[0]["location"].items()
    told = [w["warning"] for w in folder.first["warned"] if w["path"] == f"docs/{one.name}"]
    assert one.warning in " ".join(told)
    assert bool(told) is bool(one.warning) or one.name.startswith("deep/")


@pytest.mark.parametrize("one", REPORTED, ids=_named)
async def test_file_is_reported(folder: Ingested, one: Awkward) -> None:
    """The report says once what is wrong with the file and what helps, in words of people."""
    [error] = _of(one, folder.first["failed"])
    reason, mark, cure = error.partition(" Fix: ")
    assert mark
    assert one.error in reason
    assert one.fix in cure
    for word in ("Error", "Exception", "Traceback", "object at 0x", "<class", "None"):
        assert word not in error


async def test_every_file_is_accounted_for(folder: Ingested) -> None:
    """No file is both indexed and reported, none is neither, and nothing else is reported."""
    documents = {info["document"] for info in await folder.registry.documents()}
    assert documents == {f"docs/{one.name}" for one in INDEXED}
    assert len(folder.first["failed"]) == len(REPORTED)
    assert folder.first["added"] == len(INDEXED)


async def test_second_ingestion_repeats_the_reports(folder: Ingested) -> None:
    """Nothing is read again, nothing changes, and what failed is told again."""
    second = folder.second
    assert (second["added"], second["updated"], second["deleted"]) == (0, 0, 0)
    assert second["unchanged"] == len(INDEXED)
    assert second["seconds"] < 1
    assert sorted(map(str, second["failed"])) == sorted(map(str, folder.first["failed"]))


async def test_failures_are_kept(folder: Ingested) -> None:
    """What could not be read is asked for later too; of what is no file, only the report tells."""
    kept = await folder.registry.failures(principal=None)
    reported = folder.first["failed"]
    assert kept
    assert all(failure in reported for failure in kept)
    left = {f["path"] for f in reported} - {f["path"] for f in kept}
    assert all(path.startswith(("docs/links/", "docs/names/")) for path in left)


async def test_nothing_outside_is_read(folder: Ingested) -> None:
    """Neither links nor entities of XML lead out of the project."""
    passages = await folder.registry.search(SECRET, k=50, principal=Principal("one", ("*",)))
    assert "orchidlantern" not in str(passages)


# --- larger ones ---------------------------------------------------------------------------------

LARGE = CONFIG.replace(LIMITS, "")  # with the usual limits


@pytest.mark.slow
async def test_fifty_megabytes_of_text(tmp_path: Path) -> None:
    """A text of 50 MB is read to its end."""
    project = write_project(tmp_path, LARGE, {})
    (project / "docs").mkdir()
    with (project / "docs/large.txt").open("w", encoding="utf-8") as file:
        for number in range(50 * 2**20 // 128):
            file.write(
                f"第 {number} 号仓库由值班员负责，夜间巡查两次。{'The keeper signs twice. ' * 3}\n\n"
            )
        file.write("The last shed 9999001 holds the 31 oars.\n")
    async with Registry.open(project) as registry:
        report = await registry.sync()
        assert report["failed"] == []
        [passage] = await registry.search("last shed 9999001 oars", k=1)
        assert "31 oars" in passage["text"]


@pytest.mark.slow
async def test_ten_thousand_pages(tmp_path: Path) -> None:
    """A PDF of 10,000 pages is read to its last page."""
    project = write_project(tmp_path, LARGE, {})
    (project / "docs").mkdir()
    # words of their own: a line that only differs in its number on all pages runs above the text
    names = ["".join(chr(97 + int(digit)) * 2 for digit in str(n)) for n in range(1, 10_001)]
    pages = [[(f"Pier {name} bears its name in brass.", 12)] for name in names]
    write_pdf(project / "docs/long.pdf", pages)
    async with Registry.open(project) as registry:
        assert (await registry.sync())["failed"] == []
        [passage] = await registry.search(f"pier {names[-1]}", k=1)
        assert names[-1] in passage["text"]


@pytest.mark.slow
async def test_too_many_pages(tmp_path: Path) -> None:
    """A PDF of more pages than are read is reported, and not by halves."""
    project = write_project(tmp_path, LARGE, {})
    (project / "docs").mkdir()
    write_pdf(project / "docs/longer.pdf", [[("x", 12)]] * 20_001)
    [failure] = (await ingest(project))["failed"]
    assert "20001 pages; the limit is 20000" in failure["error"]
    assert "split it" in failure["error"]
