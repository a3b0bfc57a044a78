"""Documents that are no files: rows of a database, what an app adds, and what LangChain loaded."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document as Page

from indexes import Block, Document, Principal, Registry, SqlSource
from indexes.errors import ConfigurationError, UnknownIndexError, UsageError
from indexes.project import load_module, load_object
from tests.indexes.projects import counts, found, write_project

PUBLIC = '[project]\ndefault_access = "public"\n'
WIKI = '\n[[index]]\nname = "wiki"\nsources = ["docs/**/*"]\nembedding = "none"\n'
NEWS = '\n[[index]]\nname = "news"\nembedding = "none"\n'
CONFIG = PUBLIC + WIKI
NAMED = '\n[[source]]\nuse = "sources:articles"\nindex = "wiki"\n'
SOURCES = """\
import sqlite3
from pathlib import Path

from indexes import SqlSource

DATABASE = Path(__file__).parent / "articles.db"


def articles():
    return SqlSource("articles", lambda: sqlite3.connect(DATABASE, timeout=0.1), table="articles")
"""
TEXTS = {1: "The lift was repaired.", 2: "电梯每年检查一次。", 3: "The roof leaks."}


class Database:
    """A SQLite file with a table of articles, and how many rows were read from it."""

    def __init__(self, project: Path) -> None:
        self.path = project / "articles.db"
        self.read: list[str] = []
        self.run(
            "CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT, text TEXT, updated_at TEXT,"
            " groups TEXT, day TEXT, price REAL, link TEXT)"
        )
        for id, text in TEXTS.items():
            self.put(id, text)

    def run(self, statement: str, *parameters: object) -> None:
        """Change the database."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, parameters)

    def put(self, id: int, text: str | None, updated: str = "1", groups: str | None = None) -> None:
        """Insert or replace an article."""
        self.run(
            "INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?, ?, '2024-05-01', 1.5, 'https://x/1')",
            *(id, f"Article {id}", text, updated, groups),
        )

    def source(self, name: str = "articles", **options: Any) -> Counting:
        """Return the table as a source."""
        return Counting(
            self,
            name,
            lambda: sqlite3.connect(self.path, timeout=0.05),
            table="articles",
            **options,
        )


class Counting(SqlSource):
    """A source that notes which rows are read."""

    def __init__(self, database: Database, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._database = database

    async def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
        """Read rows, noting them."""
        self._database.read += ids
        async for document in super().read(ids):
            yield document


class Pages:
    """A source in memory, which can be told to fail."""

    def __init__(self, name: str = "pages", **versions: str) -> None:
        self.name = name
        self.pages = {f"{name}/{id}": version for id, version in versions.items()}
        self.fail_after: int | None = None
        self.asked: list[str] = []

    async def versions(self) -> Mapping[str, str]:
        """Return the pages' versions."""
        return self.pages

    async def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
        """Yield the pages, until it is to fail."""
        for id in ids:
            if self.fail_after is not None and len(self.asked) >= self.fail_after:
                raise ConnectionError("the wiki went away")
            self.asked.append(id)
            yield document(id, f"The page {id}, version {self.pages[id]}.")


def document(id: str, text: str = "The lift was repaired.", **more: Any) -> Document:
    """Return a document of one paragraph."""
    return Document(id, id, [Block(text)], **more)


def write(tmp_path: Path, config: str = CONFIG, **files: str) -> Path:
    """Write a project with one file."""
    return write_project(
        tmp_path, config, {"docs/hours.md": "# Hours\n\nWe open at eight.", **files}
    )


async def listed(registry: Registry, principal: Principal | None = None) -> set[str]:
    """Return the documents that are listed."""
    return {info["document"] for info in await registry.documents(principal=principal)}


def errors(report: Any) -> dict[str, str]:
    """Return what failed, and why."""
    return {failure["path"]: failure["error"] for failure in report["failed"]}


# --- rows of a database --------------------------------------------------------------------------


async def test_only_rows_that_changed_are_read(tmp_path: Path) -> None:
    """Rows that are added, updated or deleted are followed; the others are not even read."""
    project = write(tmp_path)
    database = Database(project)
    async with Registry.open(project) as registry:
        assert counts(await registry.sync_source("wiki", database.source())) == (3, 0, 0, 0)
        assert await found(registry, "电梯") == {"articles/2"}
        database.read.clear()
        assert counts(await registry.sync_source("wiki", database.source())) == (0, 0, 0, 3)
        assert database.read == []
        database.put(1, "The lift was replaced.", updated="2")
        database.put(4, "The door is new.")
        database.run("DELETE FROM articles WHERE id = 3")
        assert counts(await registry.sync_source("wiki", database.source())) == (1, 1, 1, 1)
        assert sorted(database.read) == ["articles/1", "articles/4"]
        assert await found(registry, "replaced") == {"articles/1"}
        assert await found(registry, "repaired roof") == set()


async def test_columns_become_what_a_document_has(tmp_path: Path) -> None:
    """Title, date, address, fields and access list come from their columns."""
    config = CONFIG + 'fields = { price = "number" }\n'
    project = write(tmp_path, config)
    database = Database(project)
    database.put(2, "Prices of 2024.", groups="board， hr,")
    database.put(3, None)
    source = database.source(
        text=("text", "link"),
        date="day",
        groups="groups",
        uri="link",
        fields=("price", "upper(title)"),
    )
    async with Registry.open(project) as registry:
        await registry.sync_source("wiki", source)
        assert await listed(registry) == {"articles/1", "articles/3"}
        [info] = [
            one
            for one in await registry.documents(
                principal=Principal("ann", ("hr",)), where={"price": {"gt": 1}, "date": "2024-05"}
            )
            if one["document"] == "articles/2"
        ]
        assert (info["title"], info["uri"], info["date"], info["source"]) == (
            "Article 2", "https://x/1", "2024-05-01", "articles",
        )  # fmt: skip
        assert info["fields"] == {"price": 1.5, "upper(title)": "ARTICLE 2"}
        [passage] = await registry.search("prices", principal=Principal("bo", ("board",)), k=1)
        assert passage["text"] == "text: Prices of 2024.\nlink: https://x/1"


async def test_a_row_without_a_text_is_listed(tmp_path: Path) -> None:
    """It has a title, no passages and a warning, and is not read again."""
    project = write(tmp_path)
    database = Database(project)
    database.put(3, None)
    async with Registry.open(project) as registry:
        report = await registry.sync_source("wiki", database.source())
        assert report["warned"] == [{"path": "articles/3", "warning": "It has no text."}]
        assert "articles/3" in await listed(registry)
        assert counts(await registry.sync_source("wiki", database.source())) == (0, 0, 0, 3)


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("(SELECT 1 AS id, 1 AS updated_at UNION ALL SELECT 1, 2)", "two rows have 1"),
        ("(SELECT NULL AS id, 1 AS updated_at)", "a row has none"),
        ("missing", "OperationalError: no such table: missing"),
    ],
)
async def test_unusable_tables(tmp_path: Path, table: str, error: str) -> None:
    """A table that cannot be read, or has no key, fails as a whole, and deletes nothing."""
    project = write(tmp_path)
    database = Database(project)
    async with Registry.open(project) as registry:
        await registry.sync_source("wiki", database.source())
        broken = SqlSource("articles", lambda: sqlite3.connect(database.path), table=table)
        report = await registry.sync_source("wiki", broken)
        assert error in errors(report)["articles"]
        assert (counts(report), len(await listed(registry))) == ((0, 0, 0, 0), 3)


# --- sources and their neighbours ----------------------------------------------------------------


async def test_sources_leave_each_other_alone(tmp_path: Path) -> None:
    """What leaves one source goes; files, other sources and added documents stay."""
    project = write(tmp_path)
    async with Registry.open(project) as registry:
        await registry.sync()
        await registry.index("wiki").add([document("note")])
        one, other = Pages("one", a="1", b="1"), Pages("other", a="1")
        for source in (one, other):
            await registry.sync_source("wiki", source)
        one.pages.clear()
        assert counts(await registry.sync_source("wiki", one)) == (0, 0, 2, 0)
        assert await listed(registry) == {"docs/hours.md", "note", "other/a"}
        assert counts(await registry.sync()) == (0, 0, 0, 1)
        assert await listed(registry) == {"docs/hours.md", "note", "other/a"}


@pytest.mark.parametrize(
    ("id", "whose"),
    [
        ("docs/hours.md", "a file"),
        ("note", "a document that was added"),
        ("other/a", "the source 'other'"),
    ],
)
async def test_taken_ids(tmp_path: Path, id: str, whose: str) -> None:
    """A source or an app cannot take the id of a document from elsewhere; nothing is written."""
    project = write(tmp_path)
    async with Registry.open(project) as registry:
        index = registry.index("wiki")
        await registry.sync()
        await index.add([document("note")])
        await registry.sync_source("wiki", Pages("other", a="1"))
        before = await listed(registry)
        source = Pages("one", a="1")
        source.pages[id] = "1"
        report = await registry.sync_source("wiki", source)
        assert f"{id!r} is that of {whose} in the index 'wiki'" in errors(report)["one"]
        if id != "note":
            with pytest.raises(UsageError, match=whose):
                await index.add([document("new"), document(id)])
        assert (counts(report), source.asked, await listed(registry)) == ((0, 0, 0, 0), [], before)


async def test_a_file_cannot_take_an_id(tmp_path: Path) -> None:
    """A file that comes later fails; the document that was added is found as it was."""
    project = write(tmp_path)
    async with Registry.open(project) as registry:
        await registry.index("wiki").add([document("docs/new.md", "The lift was repaired.")])
        (project / "docs" / "new.md").write_text("The roof leaks.", encoding="utf-8")
        assert "from elsewhere" in errors(await registry.sync())["docs/new.md"]
        assert await found(registry, "lift repaired") == {"docs/new.md"}
        assert await found(registry, "roof") == set()
        assert await registry.index("wiki").delete(["docs/new.md"]) == 1
        assert counts(await registry.sync()) == (1, 0, 0, 1)


async def test_equal_versions_are_no_renamed_row(tmp_path: Path) -> None:
    """A row that goes is deleted although another one with its version cannot be read."""
    project = write(tmp_path)
    async with Registry.open(project) as registry:
        source = Pages(a="1")
        await registry.sync_source("wiki", source)
        source.pages = {"pages/b": "1"}
        source.fail_after = 0
        assert counts(await registry.sync_source("wiki", source)) == (0, 0, 1, 0)
        assert await listed(registry) == set()


# --- sources that fail ---------------------------------------------------------------------------


async def test_a_failing_look_deletes_nothing(tmp_path: Path) -> None:
    """A locked database is told by the source's name, and everything stays."""
    project = write(tmp_path)
    database = Database(project)
    async with Registry.open(project) as registry:
        await registry.sync_source("wiki", database.source())
        with closing(sqlite3.connect(database.path)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            report = await registry.sync_source("wiki", database.source())
        assert "OperationalError: database is locked" in errors(report)["articles"]
        assert len(await listed(registry)) == 3
        assert counts(await registry.sync_source("wiki", database.source())) == (0, 0, 0, 3)


async def test_a_failure_half_way_keeps_what_is_done(tmp_path: Path) -> None:
    """What was read before is found; the rest comes with the next ingestion, and no old text goes."""
    project = write(tmp_path)
    async with Registry.open(project) as registry:
        source = Pages(a="1", b="1", c="1")
        await registry.sync_source("wiki", source)
        source.pages = dict.fromkeys(source.pages, "2")
        source.fail_after = len(source.asked) + 1
        report = await registry.sync_source("wiki", source)
        assert counts(report) == (0, 1, 0, 0)
        assert "ConnectionError: the wiki went away" in errors(report)["pages"]
        assert await found(registry, "version 1") == set(source.pages)
        texts = {p["text"] for p in await registry.search("version", k=9)}
        assert len([text for text in texts if "version 2" in text]) == 1
        source.fail_after = None
        assert counts(await registry.sync_source("wiki", source)) == (0, 2, 0, 1)


async def test_what_is_not_delivered_is_asked_for_again(tmp_path: Path) -> None:
    """A source that leaves a document out is told of, and the document waits."""

    class Forgetful(Pages):
        forgets = True

        async def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
            if self.forgets:
                yield document("pages/unasked")
                return
            async for one in super().read(ids):
                yield one

    project = write(tmp_path)
    async with Registry.open(project) as registry:
        source = Forgetful(a="1", b="1")
        report = await registry.sync_source("wiki", source)
        assert "It did not deliver 'pages/a' and 1 more" in errors(report)["pages"]
        assert await listed(registry) == set()
        source.forgets = False
        assert counts(await registry.sync_source("wiki", source)) == (2, 0, 0, 0)


async def test_an_unsound_document_fails_alone(tmp_path: Path) -> None:
    """The others of its source are ingested."""

    class Unsound(Pages):
        async def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
            yield Document("pages/a", "A", ["no block"])  # type: ignore[list-item]
            yield document("pages/b")

    project = write(tmp_path)
    async with Registry.open(project) as registry:
        report = await registry.sync_source("wiki", Unsound(a="1", b="1"))
        assert "one of its blocks is 'str', no Block" in errors(report)["pages/a"]
        assert await listed(registry) == {"pages/b"}


@pytest.mark.parametrize(
    ("versions", "error"),
    [
        (["pages/a"], "returned 'list'"),
        (None, "returned 'NoneType'"),
        ({"": "1"}, "The id '' is no text"),
        ({3: "1"}, "The id 3 is no text"),
        ({"a\0": "1"}, "NUL"),
    ],
)
async def test_unusable_versions(tmp_path: Path, versions: Any, error: str) -> None:
    """What is no mapping of ids is told of, and deletes nothing."""
    project = write(tmp_path)
    async with Registry.open(project) as registry:
        source = Pages(a="1")
        await registry.sync_source("wiki", source)
        source.pages = versions
        report = await registry.sync_source("wiki", source)
        assert error in errors(report)["pages"]
        assert await listed(registry) == {"pages/a"}


@pytest.mark.parametrize("source", [Pages(""), Pages("added"), "wiki", None])
async def test_what_is_no_source(tmp_path: Path, source: Any) -> None:
    """A source without what a source has, or with a name that stands for something else."""
    async with Registry.open(write(tmp_path)) as registry:
        with pytest.raises(ConfigurationError):
            await registry.sync_source("wiki", source)
        with pytest.raises(UnknownIndexError):
            await registry.sync_source("unknown", Pages())


# --- sources of waypost.toml ---------------------------------------------------------------------


async def test_named_sources_follow_the_files(tmp_path: Path) -> None:
    """An ingestion takes files and sources; one of some files alone does not look at sources."""
    project = write(tmp_path, CONFIG + NAMED, **{"sources.py": SOURCES})
    database = Database(project)
    async with Registry.open(project) as registry:
        assert counts(await registry.sync()) == (4, 0, 0, 0)
        database.put(1, "The lift was replaced.", updated="2")
        assert counts(await registry.sync([project / "docs"])) == (0, 0, 0, 1)
        with closing(sqlite3.connect(database.path)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            (project / "docs" / "new.md").write_text("New.", encoding="utf-8")
            report = await registry.sync()
        assert (counts(report), [*errors(report)]) == ((1, 0, 0, 1), ["articles"])
        assert counts(await registry.sync()) == (0, 1, 0, 4)


async def test_what_leaves_the_settings_goes(tmp_path: Path) -> None:
    """A source or index that has left waypost.toml takes along what can be had again.

    What an app added stays, unseen until its index is back.
    """
    project = write(tmp_path, CONFIG + NEWS + NAMED, **{"sources.py": SOURCES})
    Database(project)
    async with Registry.open(project) as registry:
        await registry.sync()
        await registry.sync_source("wiki", Pages(a="1"))
        await registry.index("wiki").add([document("note")])
        await registry.index("news").add([document("flash")])
    (project / "waypost.toml").write_text(CONFIG, encoding="utf-8")
    async with Registry.open(project) as registry:
        assert counts(await registry.sync()) == (0, 0, 3, 1)
        assert await listed(registry) == {"docs/hours.md", "pages/a", "note"}
        everyone = await registry.mentioning("repaired", principal=None)
        assert everyone == {("wiki", "note")}
        assert counts(await registry.sync()) == (0, 0, 0, 1)
    (project / "waypost.toml").write_text(CONFIG + NEWS, encoding="utf-8")
    async with Registry.open(project) as registry:
        assert "flash" in await listed(registry)


@pytest.mark.parametrize(
    ("use", "code", "error"),
    [
        ("sources:articles", "articles = 3\n", "is no source"),
        ("sources:articles", "def articles():\n    return 3\n", "is no source"),
        ("sources:articles", "def articles():\n    1 / 0\n", "ZeroDivisionError"),
        ("sources:other", SOURCES, "has no 'other'"),
        ("nowhere:articles", SOURCES, "There is no file"),
        ("sources:articles", "import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("sources:articles", "import helpers\n", "cannot import another"),
        ("sources:articles", SOURCES + '\n\n"""', "SyntaxError"),
    ],
)
async def test_unusable_named_sources(tmp_path: Path, use: str, code: str, error: str) -> None:
    """A source that cannot be made stops the ingestion before it begins."""
    config = CONFIG + NAMED.replace("sources:articles", use)
    project = write(tmp_path, config, **{"sources.py": code, "helpers.py": ""})
    async with Registry.open(project) as registry:
        with pytest.raises(ConfigurationError, match=error):
            await registry.sync()
        assert await registry.is_empty()


async def test_two_named_sources_of_one_name(tmp_path: Path) -> None:
    """Each would delete what the other brings."""
    again = SOURCES + "\n\nagain = articles\n"
    config = CONFIG + NAMED + NAMED.replace(":articles", ":again")
    project = write(tmp_path, config, **{"sources.py": again})
    async with Registry.open(project) as registry:
        with pytest.raises(ConfigurationError, match="Two sources of the index 'wiki'"):
            await registry.sync()


@pytest.mark.slow
async def test_sources_in_the_command_line(tmp_path: Path) -> None:
    """`waypost ingest` looks at the sources, `waypost documents` lists what they have."""
    project = write(tmp_path, CONFIG + NAMED, **{"sources.py": SOURCES})
    Database(project)

    async def waypost(*words: str) -> str:
        command = [sys.executable, "-c", "from agent.cli.main import run; run()", *words]
        done = await asyncio.create_subprocess_exec(
            *command, "--project", str(project), stdout=-1, stderr=-1
        )
        out, told = await done.communicate()
        assert done.returncode == 0, told.decode()
        return out.decode()

    assert "4 added" in await waypost("ingest")
    assert {"articles/1", "docs/hours.md"} <= set((await waypost("documents")).split())


def test_a_module_is_loaded_once(tmp_path: Path) -> None:
    """Threads that ask for it at once wait until it is there as a whole."""
    code = "import time\ntime.sleep(0.1)\n\n\ndef made():\n    return 1\n"
    (tmp_path / "slow.py").write_text(code, encoding="utf-8")

    async def load_all() -> set[int]:
        load: Callable[[], int] = lambda: id(load_object(tmp_path, "slow:made"))  # noqa: E731
        return set(await asyncio.gather(*(asyncio.to_thread(load) for _ in range(4))))

    assert len(asyncio.run(load_all())) == 1
    assert load_module(tmp_path, "slow") is load_module(tmp_path, "slow")


# --- adding, updating, deleting ------------------------------------------------------------------


async def test_adding_is_idempotent(tmp_path: Path) -> None:
    """A document that is added as it is is neither cut nor embedded again."""
    async with Registry.open(write(tmp_path, PUBLIC + '\n[[index]]\nname = "wiki"\n')) as registry:
        index, told = registry.index("wiki"), registry.embedder_of("wiki")
        embedded: list[str] = []
        embed = told.embed_passages

        async def counting(texts: Sequence[str], progress: Any = None) -> Any:
            embedded.extend(texts)
            return await embed(texts, progress)

        told.embed_passages = counting  # type: ignore[method-assign]
        both = [document("a"), document("b", "电梯每年检查一次。")]
        assert counts(await index.add(both)) == (2, 0, 0, 0)
        assert len(embedded) == 2
        assert counts(await index.add(both)) == (0, 0, 0, 2)
        assert counts(await index.add([document("a", "It was sold."), both[1]])) == (0, 1, 0, 1)
        assert len(embedded) == 3
        assert await found(registry, "sold", k=1) == {"a"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"title": "The gate"}, "gate"),
        ({"fields": {"kind": "gate"}}, ""),
        ({"uri": "https://gate"}, ""),
        ({"date": "2024"}, ""),
        ({"blocks": [Block("The lift was repaired.", {"page": 2})]}, "lift"),
    ],
)
async def test_every_part_of_a_document_counts(
    tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    """Another title, field, address, date or location is a change."""
    async with Registry.open(write(tmp_path)) as registry:
        index = registry.index("wiki")
        await index.add([document("a")])
        new = Document(
            **{"id": "a", "title": "a", "blocks": [Block("The lift was repaired.")], **change}
        )
        assert counts(await index.update([new])) == (0, 1, 0, 0)
        assert not text or await found(registry, text) == {"a"}


async def test_updating_what_is_not_there(tmp_path: Path) -> None:
    """One unknown id is enough: nothing is written."""
    async with Registry.open(write(tmp_path)) as registry:
        await registry.sync()
        index = registry.index("wiki")
        await index.add([document("a")])
        with pytest.raises(UsageError, match="There is no document 'b' in the index 'wiki'"):
            await index.update([document("a", "It was sold."), document("b")])
        with pytest.raises(UsageError, match="a file"):
            await index.update([document("docs/hours.md")])
        assert await found(registry, "sold") == set()
        assert await found(registry, "repaired") == {"a"}


async def test_deleting(tmp_path: Path) -> None:
    """Only what was added can be deleted; the number says how many there were."""
    async with Registry.open(write(tmp_path)) as registry:
        await registry.sync()
        await registry.sync_source("wiki", Pages(a="1"))
        index = registry.index("wiki")
        await index.add([document("a"), document("b")])
        assert await index.delete(["a", "a", "docs/hours.md", "pages/a", "nothing"]) == 1
        assert await index.delete([]) == await index.delete(["a"]) == 0
        assert await listed(registry) == {"b", "docs/hours.md", "pages/a"}
        assert await found(registry, "repaired") == {"b"}


UNSOUND: list[Any] = [
    document("a"),
    "a",
    None,
    ["a"],
    [None],
    [document("")],
    [document("  ")],
    [document("a\0b")],
    [document("\ud800")],
    [document(3)],  # type: ignore[arg-type]
    [document("a"), document("a")],
    [document("a"), Page("text", id="a")],
    [Document("a", None, [])],  # type: ignore[arg-type]
    [Document("a", "", "text")],  # type: ignore[arg-type]
    [Document("a", "", None)],  # type: ignore[arg-type]
    [Document("a", "", ["text"])],  # type: ignore[list-item]
    [Document("a", "", [Block(None)])],  # type: ignore[arg-type]
    [Document("a", "", [Block("a", level=-1)])],
    [Document("a", "", [Block("a", {"place": 1})])],  # type: ignore[typeddict-unknown-key]
    [Document("a", "", [Block("a", {"page": "1"})])],  # type: ignore[typeddict-item]
    [Document("a", "", [Block("a", {"lines": [1]})])],
    [document("a", groups="board")],
    [document("a", groups=(1,))],
    [document("a", date=2024)],
    [document("a", fields=[])],
    [document("a", fields={1: "a"})],
    [document("a", fields={"a": object()})],
    [document("a", fields={"a": [None]})],
    [document("a", fields={"a": float("nan")})],
    [document("a", fields={"a": 2**80})],
    [Page("text")],
    [Page("text", id="\0")],
    [Page("1", metadata={"source": "a", "groups": ["x"]}), Page("2", metadata={"source": "a"})],
    [Page("1", metadata={"source": "a", "groups": 3})],
]


async def test_unsound_documents(tmp_path: Path) -> None:
    """What is no document is refused with its reason, and so are the sound ones beside it."""
    async with Registry.open(write(tmp_path)) as registry:
        index = registry.index("wiki")
        for given in UNSOUND:
            beside = [document("sound"), *given] if isinstance(given, list) else given
            for put in (index.add, index.update):
                with pytest.raises(UsageError) as caught:
                    await put(beside)
                assert caught.value.fix, given
        for ids in ("a", [""], [3], None):
            with pytest.raises(UsageError):
                await index.delete(ids)  # type: ignore[arg-type]
        assert await registry.is_empty()
        assert counts(await index.add([])) == (0, 0, 0, 0)


async def test_awkward_texts(tmp_path: Path) -> None:
    """Empty, Chinese and broken texts, and ids of any characters, are kept."""
    texts = {
        "empty": "",
        "维基/电梯 检查": "电梯每年检查一次。",
        'a"b\\c\n': "A NUL \0 in the lift.",
        "half": "Half a \ud83d lift.",
    }
    async with Registry.open(write(tmp_path)) as registry:
        report = await registry.index("wiki").add([document(id, one) for id, one in texts.items()])
        assert (counts(report), len(report["warned"])) == ((4, 0, 0, 0), 1)
        assert await found(registry, "电梯") == {"维基/电梯 检查"}
        assert await found(registry, "lift") == {'a"b\\c\n', "half"}
        assert await listed(registry) == set(texts)
        assert await registry.index("wiki").delete(list(texts)) == 4


@pytest.mark.slow
async def test_many_chunks_and_many_documents(tmp_path: Path) -> None:
    """A document of 5,000 chunks is whole; 1,200 documents come in one call."""
    long = Document(
        "long", "Long", [Block(f"Row {n}: " + "lift " * 190, {"row": n}) for n in range(1, 5001)]
    )
    async with Registry.open(write(tmp_path)) as registry:
        index = registry.index("wiki")
        report = await index.add([long])
        assert report["chunks"] >= 5000
        [passage] = await registry.search("Row 4711", k=1)
        assert passage["location"]["row"] == 4711
        many = [document(f"many/{n}") for n in range(1200)]
        assert counts(await index.add(many)) == (1200, 0, 0, 0)
        assert counts(await index.update(many)) == (0, 0, 0, 1200)
        assert await index.delete([one.id for one in many]) == 1200
        assert await registry.count_chunks() == report["chunks"]


async def test_adding_at_once(tmp_path: Path) -> None:
    """Tasks and processes that add to one index at the same time wait for each other."""
    project = write(tmp_path)
    code = (
        "import asyncio, sys\n"
        "from indexes import Block, Document, Registry\n"
        "async def main():\n"
        "    async with Registry.open(sys.argv[1]) as registry:\n"
        "        for n in range(5):\n"
        "            one = Document(f'other/{n}', '', [Block(f'The roof {n} leaks.')])\n"
        "            await registry.index('wiki').add([one, Document('same', '', [Block('roof')])])\n"
        "asyncio.run(main())\n"
    )
    async with Registry.open(project) as registry:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(project))
        index = registry.index("wiki")
        await asyncio.gather(
            *(index.add([document(f"mine/{n}"), document("same", "roof")]) for n in range(5))
        )
        assert await process.wait() == 0
        names = {f"{whose}/{n}" for whose in ("mine", "other") for n in range(5)}
        assert await listed(registry) == names | {"same"}
        assert [p["document"] for p in await registry.search("roof", k=20)].count("same") == 1


# --- access --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("default", "index", "own", "seen"),
    [
        ("private", "", None, []),
        ("private", "", ("*",), ["", "ann"]),
        ("private", 'groups = ["hr"]\n', None, ["ann"]),
        ("public", "", None, ["", "ann"]),
        ("public", "", (), []),
        ("public", "", ("hr", "board"), ["ann"]),
        ("public", 'groups = ["board"]\n', ("hr",), ["ann"]),
    ],
)
async def test_who_sees_what_is_added(
    tmp_path: Path, default: str, index: str, own: tuple[str, ...] | None, seen: list[str]
) -> None:
    """A document's own list counts, else its index's, else the project's default."""
    project = write(tmp_path, f'[project]\ndefault_access = "{default}"\n{WIKI}{index}')
    ann = Principal("ann", ("hr",))
    async with Registry.open(project) as registry:
        await registry.index("wiki").add([document("a", groups=own)])
        await registry.sync_source("wiki", Pages(a="1"))
        for who in (None, ann):
            name = who.id if who else ""
            assert ("a" in await found(registry, "repaired", who)) is (name in seen)
            assert ("a" in await listed(registry, who)) is (name in seen)


async def test_new_lists_reach_what_was_added(tmp_path: Path) -> None:
    """An index that becomes restricted restricts added documents too, at the next ingestion."""
    project = write(tmp_path)
    async with Registry.open(project) as registry:
        await registry.index("wiki").add([document("a"), document("own", groups=("*",))])
        await registry.sync_source("wiki", Pages(a="1"))
        assert await listed(registry) == {"a", "own", "pages/a"}
    (project / "waypost.toml").write_text(CONFIG + 'groups = ["hr"]\n', encoding="utf-8")
    async with Registry.open(project) as registry:
        assert counts(await registry.sync()) == (1, 2, 0, 0)
        assert await listed(registry) == await found(registry, "repaired page") == {"own"}
        ann = Principal("ann", ("hr",))
        assert await found(registry, "repaired page", ann) == {"a", "own", "pages/a"}
        assert counts(await registry.sync()) == (0, 0, 0, 1)
        assert counts(await registry.index("wiki").add([document("a")])) == (0, 0, 0, 1)


# --- LangChain -----------------------------------------------------------------------------------


async def test_pages_of_langchain(tmp_path: Path) -> None:
    """Pages of one source are one document, whose passages know their page."""
    metadata = {"source": "guide.pdf", "title": "Guide", "groups": ["*"], "tags": ["x"], "odd": {}}
    given = [
        Page("1 Lifts\nThe lift was repaired.", metadata={**metadata, "page": 0}),
        Page("The roof leaks.", metadata={**metadata, "page": 1}),
        Page("The gate is new.", metadata={"source": "other.pdf", "page_number": 7}),
        Page("The door is old.", id="door"),
    ]
    async with Registry.open(write(tmp_path)) as registry:
        index = registry.index("wiki")
        assert counts(await index.add(given)) == (3, 0, 0, 0)
        for query, document, page in (
            ("roof", "guide.pdf", 2),
            ("gate", "other.pdf", 7),
            ("door", "door", None),
        ):
            [passage] = await registry.search(query, k=1)
            assert (passage["document"], passage["location"].get("page")) == (document, page)
        [info] = [one for one in await registry.documents() if one["document"] == "guide.pdf"]
        assert (info["title"], info["uri"], info["fields"]) == (
            "Guide", "guide.pdf", {"source": "guide.pdf", "tags": ["x"]},
        )  # fmt: skip
        assert counts(await index.update(given[:2])) == (0, 0, 0, 1)


def test_public_names() -> None:
    """What an app needs to bring documents in comes from the package itself."""
    import indexes

    assert all(getattr(indexes, name) is not None for name in indexes.__all__)
