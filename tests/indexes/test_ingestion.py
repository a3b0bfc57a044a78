"""What ingestion makes of files: access lists by pattern, embeddings by level, titles, names, pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from indexes import Principal, Registry
from indexes.base import Level, Point, Sparse, chunk_id
from indexes.errors import ConfigurationError, UsageError
from indexes.ingest import files
from indexes.ingest.items import Recipe
from indexes.ingest.lists import folder_fields, load_access
from indexes.ingest.loaders import load
from indexes.ingest.sync import _pause
from indexes.lexical import encode_document
from indexes.search.location import best_location
from indexes.settings import Settings, load_settings
from indexes.stores.wire import as_point, frame, unpack
from indexes.text import tokens
from indexes.types import Estimate, Location, Span
from tests.agent.endpoint import DIMENSION, Endpoint, endpoint
from tests.indexes.projects import counts, found, ingest, ingested, write_project
from tests.indexes.samples import Line, write_pdf

LEXICAL = """\
[project]
default_access = "public"

[[index]]
name = "a"
sources = ["docs/**/*"]
embedding = "none"
"""

# --- access.toml ---------------------------------------------------------------------------------

FILES = {
    "docs/open.md": "# Open\n\nThe site opens at eight.",
    "docs/board/plan.md": "# Plan\n\nThe site moves east.",
    "docs/board/old/plan.md": "# Old plan\n\nThe site moves west.",
    "docs/board/mine.md": "---\ngroups: [hr]\n---\nThe site hires ten.",
}
OPEN, PLAN, OLD, MINE = FILES
LISTS = '"docs/board/**" = ["board"]\n"docs/board/old/*" = []\n'


def who(*groups: str) -> Principal:
    """Return somebody of these groups."""
    return Principal("somebody", groups)


@pytest.mark.parametrize(
    ("pattern", "document", "fits"),
    [
        ("docs/board/**", "docs/board/a.md", True),
        ("docs/board/**", "docs/board/old/a.md", True),
        ("docs/board/**", "docs/boards/a.md", False),
        ("docs/*", "docs/a.md", True),
        ("docs/*", "docs/board/a.md", False),
        ("**/*.pdf", "a.pdf", True),
        ("**/*.pdf", "docs/2023/a.pdf", True),
        ("docs/**/a.md", "docs/a.md", True),
        ("docs/?.md", "docs/a.md", True),
        ("docs/?.md", "docs/ab.md", False),
        ("docs/a.md", "docs/aXmd", False),
        ("docs/[x](1).md", "docs/[x](1).md", True),
        ("docs/董事会/*", "docs/董事会/a\nb.md", True),
        ("docs/caf\u00e9/*", "docs/cafe\u0301/a.md", True),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, document: str, fits: bool) -> None:
    """A star stays within a folder, two go through folders, all else stands for itself."""
    (tmp_path / "access.toml").write_text(f'"{pattern}" = ["g"]\n', encoding="utf-8")
    assert (load_access(tmp_path).of(document) == ("g",)) is fits


def test_last_fitting_pattern_counts(tmp_path: Path) -> None:
    """Lists go from the general to the special; a document that none fits has no list."""
    (tmp_path / "access.toml").write_text(LISTS, encoding="utf-8")
    lists = load_access(tmp_path)
    assert [lists.of(name) for name in (OPEN, PLAN, OLD)] == [None, ("board",), ()]


async def test_lists_by_pattern_hold(tmp_path: Path) -> None:
    """Who may see a document: its own list first, then access.toml, then index and project."""
    project = write_project(tmp_path, LEXICAL, {**FILES, "access.toml": LISTS})
    async with ingested(project) as registry:
        for principal, visible in (
            (None, {OPEN}),
            (who("board"), {OPEN, PLAN}),
            (who("hr"), {OPEN, MINE}),
            (who("board", "hr", "*", ""), {OPEN, PLAN, MINE}),
        ):
            assert await found(registry, "the site", principal) == visible


async def test_changed_lists_renew_what_they_touch(tmp_path: Path) -> None:
    """A new list is written at the next ingestion, and other documents are left alone."""
    project = write_project(tmp_path, LEXICAL, FILES)
    async with Registry.open(project) as registry:
        assert counts(await registry.sync()) == (4, 0, 0, 0)
        assert PLAN in await found(registry, "the site")
        (project / "access.toml").write_text(LISTS, encoding="utf-8")
        # front matter goes first: where its document lies says nothing
        assert counts(await registry.sync()) == (0, 2, 0, 2)
        assert await found(registry, "the site") == {OPEN}
        (project / "access.toml").write_text(LISTS.replace('["board"]', '["*"]'), encoding="utf-8")
        assert counts(await registry.sync()) == (0, 1, 0, 3)
        assert await found(registry, "the site") == {OPEN, PLAN}
        (project / "access.toml").unlink()
        assert counts(await registry.sync()) == (0, 1, 0, 3)  # for the other, "*" was in force
        assert await found(registry, "the site") == {OPEN, PLAN, OLD}


@pytest.mark.parametrize(
    "broken",
    [
        '"docs/**" = [',
        '"docs/**" = "board"',
        '"docs/**" = ["board", 3]',
        '[docs]\nboard = ["board"]',
        b"\xff\xfe",
        '"/docs/**" = ["board"]',
        '"./docs/**" = ["board"]',
        '"docs/board/" = ["board"]',
    ],
)
def test_broken_lists(tmp_path: Path, broken: str | bytes) -> None:
    """A list that is not understood, or can fit nothing, is an error."""
    content = broken if isinstance(broken, bytes) else broken.encode()
    (tmp_path / "access.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"access\.toml") as caught:
        load_access(tmp_path)
    assert caught.value.fix


async def test_broken_lists_stop_the_ingestion(tmp_path: Path) -> None:
    """With a list that is not understood nothing is added, changed or deleted."""
    project = write_project(tmp_path, LEXICAL, {**FILES, "access.toml": LISTS})
    async with ingested(project) as registry:
        (project / "access.toml").write_text('"docs/**" = "*"', encoding="utf-8")
        (project / OPEN).unlink()
        (project / PLAN).write_text("The site closes.", encoding="utf-8")
        (project / "docs/new.md").write_text("The site is new.", encoding="utf-8")
        with pytest.raises(ConfigurationError):
            await registry.sync()
        assert await found(registry, "the site") == {OPEN}
        assert "closes" not in str(await registry.search("closes", principal=who("board")))


# --- fields of folders ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "document", "fields"),
    [
        ("docs/{company}/{year}", "docs/acme/2023/a.md", {"company": "acme", "year": "2023"}),
        ("docs/{company}/{year}", "docs/acme/2023/q1/a.md", {"company": "acme", "year": "2023"}),
        ("docs/{company}/{year}", "docs/acme/a.md", {"company": "acme"}),
        ("docs/{company}/{year}", "other/acme/2023/a.md", {}),
        ("docs/*/{year}", "docs/acme/2023/a.md", {"year": "2023"}),
        ("docs/{公司}", "docs/临江城投/报告.md", {"公司": "临江城投"}),
        ("", "docs/a.md", {}),
    ],
)
def test_fields_of_folders(pattern: str, document: str, fields: dict[str, str]) -> None:
    """A part in braces names a folder; a path that does not follow the pattern has no fields."""
    assert folder_fields(pattern, document) == fields


# --- embeddings ----------------------------------------------------------------------------------

LEVELS = """\
[project]
default_access = "public"

[[index]]
name = "a"
layout = "{layout}"
sources = ["docs/*"]
{embedding}
views = {{ dense = 1.0 }}
"""
TEXTS = {
    "docs/noise.md": "# 噪声\n\n夜间施工噪声不得超过五十五分贝。",
    "docs/dust.md": "# 扬尘\n\n施工现场每日洒水三次。",
}


async def points(registry: Registry, level: Level) -> list[Point]:
    """Return all points of a level, with their vectors."""
    found, after = await registry.store.export(level, None, 100)
    assert after is None
    return found


@pytest.mark.parametrize("layout", ["flat", "hierarchical"])
@pytest.mark.parametrize(
    ("embedding", "dense"),
    [
        ('embedding = "none"', set()),
        ('embed = "chunks"', {"chunks"}),
        ('embed = "documents"', {"documents"}),
        ('embed = "both"', {"chunks", "documents"}),
    ],
)
async def test_what_is_embedded(
    tmp_path: Path, layout: str, embedding: str, dense: set[Level]
) -> None:
    """Chunks, documents, both or nothing have embeddings, of which a flat index has no document's."""
    config = LEVELS.format(layout=layout, embedding=embedding)
    expected = dense - ({"documents"} if layout == "flat" else set())
    async with ingested(write_project(tmp_path, config, TEXTS)) as registry:
        for level, sparse in (("chunks", {"text"}), ("documents", {"title", "metadata"})):
            there = await points(registry, level)  # type: ignore[arg-type]
            assert len(there) == len(TEXTS)
            for point in there:
                assert set(point.dense) == ({"dense"} if level in expected else set())
                assert set(point.sparse) >= sparse
        best, *_ = await registry.index("a").search("夜间噪声的限值", principal=None)
        assert best["document"] == "docs/noise.md"
        assert (best["similarity"] > 0.5) is ("chunks" in expected)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Return an endpoint of embeddings that the environment points to."""
    with endpoint() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "key")
        yield server


TWO_MODELS = """\
[project]
default_access = "public"

[[index]]
name = "local"
sources = ["docs/zh/*"]

[[index]]
name = "own"
layout = "hierarchical"
sources = ["docs/en/*"]
embedding = "openai:words"
"""
TWO = {
    "docs/zh/noise.md": "# 噪声\n\n夜间施工噪声不得超过五十五分贝。",
    "docs/en/noise.md": "# Noise\n\nAt night the noise must stay below 55 dB.",
    "docs/en/dust.md": "# Dust\n\nThe road is sprinkled three times a day.",
}


async def test_index_with_a_model_of_its_own(remote: Endpoint, tmp_path: Path) -> None:
    """Its vectors have a space and length of their own, and all indexes are searched together."""
    async with ingested(write_project(tmp_path, TWO_MODELS, TWO)) as registry:
        spaces = {
            (point.payload["index"], name): len(vector)
            for point in await points(registry, "chunks")
            for name, vector in point.dense.items()
        }
        assert spaces == {("local", "dense"): 384, ("own", "dense_own"): DIMENSION}
        asked = str(remote.asked("/embeddings"))
        assert "sprinkled" in asked
        assert "分贝" not in asked
        for index, query, document in (
            ("own", "noise at night", "docs/en/noise.md"),
            ("own", "sprinkled road", "docs/en/dust.md"),
            ("local", "夜间噪声", "docs/zh/noise.md"),
            (None, "夜间噪声的限值", "docs/zh/noise.md"),
            (None, "How often is the road sprinkled?", "docs/en/dust.md"),
        ):
            passages = await registry.search(query, index=index)
            assert passages[0]["document"] == document
        merged = await registry.search("夜间噪声 noise at night", k=5)
        assert {passage["index"] for passage in merged} == {"local", "own"}


@pytest.mark.slow
async def test_model_of_an_index_is_changed(remote: Endpoint, tmp_path: Path) -> None:
    """An index that goes over to a model of its own is embedded anew, alone."""
    local = TWO_MODELS.replace('embedding = "openai:words"\n', "")
    project = write_project(tmp_path, local, TWO)
    assert counts(await ingest(project)) == (3, 0, 0, 0)
    write_project(project, TWO_MODELS, {})
    async with Registry.open(project) as registry:
        assert counts(await registry.sync()) == (0, 2, 0, 1)
        assert await found(registry, "noise at night", index="own", k=1) == {"docs/en/noise.md"}
        own = [p for p in await points(registry, "chunks") if p.payload["index"] == "own"]
        assert [set(point.dense) for point in own] == [{"dense_own"}] * 2


@pytest.mark.parametrize(
    ("unasked", "agreed", "asked", "done"),
    [(1_000_000, False, False, True), (0, True, True, True), (0, False, True, False)],
)
async def test_much_is_embedded_over_a_network_only_if_agreed(
    remote: Endpoint, tmp_path: Path, unasked: int, agreed: bool, asked: bool, done: bool
) -> None:
    """Above a number of tokens somebody is asked with the estimate; a no writes nothing."""
    config = f"{TWO_MODELS}\n[ingest]\nconfirm_tokens = {unasked}\n"
    told: list[Sequence[Estimate]] = []

    def confirm(estimates: Sequence[Estimate]) -> bool:
        assert "sprinkled" not in str(remote.asked("/embeddings"))
        told.append(estimates)
        return agreed

    async with Registry.open(write_project(tmp_path, config, TWO)) as registry:
        if done:
            assert (await registry.sync(confirm=confirm))["added"] == 3
        else:
            with pytest.raises(UsageError, match="Nothing was embedded"):
                await registry.sync(confirm=confirm)
            assert await registry.documents() == []
        assert bool(told) is asked
        for [estimate] in told:
            assert (estimate["model"], estimate["texts"]) == ("openai:words", 4)
            assert 10 < estimate["tokens"] < 100
            assert estimate["dollars"] is None  # a model without a known price
        if done:
            (tmp_path / "docs/zh/noise.md").write_text("# 噪声\n\n白天。", encoding="utf-8")
            told.clear()
            await registry.sync(confirm=confirm)
            assert told == []  # what is embedded here, or is known, costs nothing


LOADER = """\
from indexes import Block, Loaded

def load_lines(path):
    return Loaded([Block("{} " + line) for line in path.read_text().splitlines()])
"""


async def test_files_are_read_anew_by_another_loader(tmp_path: Path) -> None:
    """When a project's own loader changes, its files are read again; others are left alone."""
    config = f'{LEXICAL}\n[ingest]\nloaders = {{ ".lines" = "loaders:load_lines" }}\n'
    files = {"docs/a.lines": "the crane", "docs/b.txt": "the hoist", "loaders.py": "1 / 0\n"}
    project = write_project(tmp_path, config, files)
    report = await ingest(project)
    assert [one["path"] for one in report["failed"]] == ["docs/a.lines"]
    (project / "loaders.py").write_text(LOADER.format("first"), encoding="utf-8")
    assert counts(await ingest(project)) == (1, 0, 0, 1)
    (project / "loaders.py").write_text(LOADER.format("second"), encoding="utf-8")
    assert counts(await ingest(project)) == (0, 1, 0, 1)
    async with ingested(project) as registry:
        [passage] = await registry.search("crane")
        assert passage["text"] == "second the crane"


# --- titles, names and pages ---------------------------------------------------------------------

COVER = "UNITED STATES SECURITIES AND EXCHANGE COMMISSION"
REPORT = "Net sales grew by {} percent, as {} opened new stores in most regions."


def write_filing(path: Path, company: str, percent: int, first: str = COVER) -> Path:
    """Write a form that begins like every other one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines: list[Line] = [(first, 16), (f"Form 10-K of {company}", 12), (REPORT.format(percent, "it"), 12)]  # fmt: skip
    return write_pdf(path, [lines])


@pytest.mark.parametrize(
    ("name", "first", "title"),
    [
        ("BESTBUY_2023_10K.pdf", COVER, ""),
        ("Exchange_filing.pdf", COVER, COVER),
        ("scan_0031.pdf", COVER, COVER),
        ("20230131.pdf", COVER, COVER),
        ("东站施工方案.pdf", "东站综合交通枢纽工程专项方案", "东站综合交通枢纽工程专项方案"),
        ("东站施工方案.pdf", "临江城市建设投资集团有限公司", ""),
        ("扫描件12.pdf", "临江城市建设投资集团有限公司", "临江城市建设投资集团有限公司"),
    ],
)
def test_titles_of_pdfs(tmp_path: Path, name: str, first: str, title: str) -> None:
    """A first line stays the title if it shares a word with the name, or the name says nothing."""
    assert load(write_filing(tmp_path / name, "Best Buy Co., Inc.", 3, first)).title == title


def test_pages_that_say_one_thing_keep_it(tmp_path: Path) -> None:
    """Lines alike but for a number are running lines, unless the pages have nothing else."""
    pages: list[list[Line]] = [[(f"Pier {n} was inspected.", 12)] for n in range(1, 6)]
    blocks = load(write_pdf(tmp_path / "piers.pdf", pages)).blocks
    assert [block.text for block in blocks] == [f"Pier {n} was inspected." for n in range(1, 6)]


async def test_names_that_are_glued_together(tmp_path: Path) -> None:
    """A form without a title of its own goes by its file's name, in which words are found."""
    config = (
        LEXICAL + 'layout = "hierarchical"\nviews = { chunk = 0.0, title = 1.0, metadata = 0.0 }\n'
    )
    companies = {
        "BESTBUY": "Best Buy Co., Inc.",
        "HOMEDEPOT": "Home Depot Inc.",
        "TARGET": "Target",
    }
    project = write_project(tmp_path, config, {})
    for percent, (name, company) in enumerate(companies.items()):
        write_filing(project / f"docs/{name}_2023_10K.pdf", company, percent)
    async with ingested(project) as registry:
        infos = await registry.documents()
        assert [info["title"] for info in infos] == [f"{name} 2023 10K" for name in companies]
        for query, name in (
            ("How much did the net sales of Best Buy grow?", "BESTBUY"),
            ("net sales of bestbuy", "BESTBUY"),
            ("Did Home Depot open new stores?", "HOMEDEPOT"),
        ):
            passages = await registry.search(query)
            assert passages[0]["document"] == f"docs/{name}_2023_10K.pdf"


PLACES: list[tuple[str, list[tuple[str, Location]], Location]] = [
    ("dust", [("noise at night", {"page": 1}), ("dust by day", {"page": 2})], {"page": 2}),
    ("noise", [("noise at night", {"page": 1}), ("dust by day", {"page": 2})], {"page": 1}),
    ("water", [("noise at night", {"page": 1}), ("dust by day", {"page": 2})], {"page": 1}),
    ("noise dust", [("noise", {"page": 1}), ("noise, dust", {"slide": 2})], {"slide": 2}),
    ("dust day", [("noise", {"page": 1}), ("dust", {"page": 2}), ("day", {"page": 2})], {"page": 2}),
    ("夜间噪声", [("扬尘", {"sheet": "甲"}), ("噪声", {"sheet": "乙"})], {"sheet": "乙"}),
    ("dust", [("noise", {"heading": "1"}), ("dust", {"heading": "2"})], {"heading": "2"}),
    ("扬尘限值", [("噪声限值", {"row": 2}), ("扬尘限值", {"row": 3}), ("废水限值", {"row": 4})], {"row": 3}),
    ("dust day", [("dust", {"page": 1, "row": 1}), ("day", {"page": 1, "row": 2}), ("dust", {"page": 2, "row": 3})], {"page": 1, "row": 1}),
    ("dust", [("dust", {})], {}),
    ("dust", [], {}),
]  # fmt: skip


@pytest.mark.parametrize(("query", "parts", "location"), PLACES)
def test_place_in_a_passage(
    query: str, parts: list[tuple[str, Location]], location: Location
) -> None:
    """Most of the question's words tell the page, and the part of it; of equal ones the first."""
    text, spans = "", list[Span]()
    for part, where in parts:
        spans.append({"start": len(text), "location": where})
        text += part + "\n"
    assert best_location(text, spans, frozenset(tokens(query))) == location


async def test_passage_over_the_end_of_a_page(tmp_path: Path) -> None:
    """The page that a passage reports is the one that answers."""
    project = write_project(tmp_path, LEXICAL, {})
    (project / "docs").mkdir()
    pages = [[("Noise stays below 55 dB at night.", 12)], [("Roads are sprinkled daily.", 12)]]
    write_pdf(project / "docs" / "site.pdf", pages)
    async with ingested(project) as registry:
        for query, page in (("noise at night", 1), ("Are roads sprinkled?", 2)):
            (passage,) = await registry.search(query)
            assert passage["location"]["page"] == page


@pytest.mark.parametrize(
    ("lists", "stays"),
    [('"docs/other/**" = ["board"]\n', True), ('"docs/**" = ["board"]\n', False)],
    ids=["another place", "its place"],
)
async def test_unreadable_file_whose_place_was_closed(
    tmp_path: Path, lists: str, stays: bool
) -> None:
    """A file that fails keeps its old text, but not for those whom its place has shut out since."""
    project = write_project(
        tmp_path,
        '[project]\ndefault_access = "public"\n'
        '[[index]]\nname = "notes"\nembedding = "none"\nsources = ["docs/*"]\n',
        {"docs/a.md": "# 泵房\n\n检修周期为三十天。"},
    )
    await ingest(project)
    write_project(project, (project / "waypost.toml").read_text("utf-8"), {"access.toml": lists})
    (project / "docs/a.md").write_bytes(b"---\n[\n---\n")
    async with Registry.open(project) as registry:
        report = await registry.sync()
        assert "docs/a.md" in [failure["path"] for failure in report["failed"]]
        assert bool(await found(registry, "检修周期")) is stays


async def test_list_that_fits_nothing_is_told(tmp_path: Path) -> None:
    """A pattern of access.toml that fits no document is reported: perhaps it is misspelt."""
    project = write_project(
        tmp_path,
        LEXICAL,
        {**FILES, "access.toml": '"dosc/**" = ["board"]\n"docs/**" = ["*"]\n'},
    )
    report = await ingest(project)
    assert [failure["error"] for failure in report["failed"]] == ["No document fits 'dosc/**'."]


# --- what makes it quick -------------------------------------------------------------------------


def test_reading_begins_when_a_file_is_new_or_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the files tells of each one that differs at once, and of nothing when none does."""
    monkeypatch.setattr(files, "FRESH", 0)  # else files as young as these are always read
    project = write_project(tmp_path, LEXICAL, FILES)
    settings = load_settings(project, Settings)
    recipes = {"a": (Recipe("a", 360, 160, False, False, "local", "dense", {}), "")}
    begun: list[str] = []

    def look(what: str) -> None:
        files.scan(project, settings, recipes, (), lambda: begun.append(what))

    look("new")
    assert begun == ["new"] * len(FILES)
    begun.clear()
    look("the same")
    (project / PLAN).write_text("# Plan\n\nThe site stays.", encoding="utf-8")
    look("changed")
    assert begun == ["changed"]


def test_sparse_vectors_cross_as_they_are() -> None:
    """Another process gets the same terms and weights, from arrays as from lists."""
    vector = encode_document("text", "施工现场的噪声, and dust at night 2024年")
    sent = Point(chunk_id("a", "d", 0), {"text": "噪声"}, {}, {"text": vector})
    come = as_point(unpack(frame(sent)[4:]))
    assert come == sent
    listed = Point(sent.id, {}, {}, {"text": Sparse(list(vector.ids), list(vector.weights))})
    assert as_point(unpack(frame(listed)[4:])) == listed


@pytest.mark.parametrize(
    ("asked", "worked", "pause"),
    [(0.1, 0.3, 0.6), (0.9, 0.3, 0.6), (1.1, 0.3, 0.0), (1e9, 0.3, 0.0), (0.1, 60.0, 2.0), (0.0, 0.0, 0.0)],
)  # fmt: skip
def test_giving_way(asked: float, worked: float, pause: float) -> None:
    """While people ask, two thirds of the time are theirs, two seconds at a time at most; else none is lost."""
    assert _pause(asked, worked) == pause
