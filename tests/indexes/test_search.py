"""How documents are chosen before chunks, and which documents mention a phrase."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from indexes import Principal, Registry
from indexes.base import Hit, Level, Query
from indexes.search import hierarchical
from indexes.stores.shared import SharedStore
from tests.indexes.projects import found, ingested, write_project

COMPANIES = ("Acme Pumps", "Borealis Rail", "Cobalt Mining", "Delta Foods", "临江城投", "青龙水务")
YEARS = range(2020, 2024)
ZH = (
    "# {company}{year}年年度报告\n\n## 营业收入\n\n{company}本年度营业收入为{amount}万元，同比增长。\n\n"
    "## 研发投入\n\n本年度研发投入占营业收入的比例为{share}%。\n"
)
EN = (
    "# {company} annual report {year}\n\n## Revenue\n\nThe revenue of the year was {amount} thousand, "
    "above that of the year before.\n\n## Research\n\nResearch was {share}% of the revenue.\n"
)
CONFIG = """\
[project]
default_access = "public"

[[index]]
name = "lexical"
layout = "hierarchical"
sources = ["docs/*.md"]
margin = 0.2
embedding = "none"

[[index]]
name = "hybrid"
layout = "hierarchical"
sources = ["docs/*.md"]
margin = 0.2
"""


def document(company: str, year: int) -> str:
    """Return the id of a company's report."""
    return f"docs/{company.replace(' ', '_')}_{year}.md"


def reports() -> dict[str, str]:
    """Return a report for each company and year; they differ by names and numbers alone."""
    return {
        document(company, year): (EN if company.isascii() else ZH).format(
            company=company, year=year, amount=1000 * i + year, share=i + year % 10
        )
        for i, company in enumerate(COMPANIES, 1)
        for year in YEARS
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a project of reports that are hard to tell apart."""
    return write_project(tmp_path_factory.mktemp("reports"), CONFIG, reports())


@pytest.fixture(scope="module")
async def registry(project: Path) -> AsyncIterator[Registry]:
    """Open that project, ingested."""
    async with ingested(project) as opened:
        yield opened


@pytest.mark.parametrize("index", ["lexical", "hybrid"])
@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("company", COMPANIES)
async def test_right_one_of_near_identical_documents(
    registry: Registry, index: str, company: str, year: int
) -> None:
    """A name and a year in the question choose the document, though all say nearly the same."""
    queries = (
        [f"What was the revenue of {company} in {year}?", f"{year} research share at {company}"]
        if company.isascii()
        else [f"{company}{year}年的营业收入是多少？", f"{year}年度{company}研发投入占比"]
    )
    for query in queries:
        best, *_ = await registry.search(query, index=index)
        assert best["document"] == document(company, year)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Level, Query]]:
    """Return the queries that reach the store from now on."""
    seen: list[tuple[Level, Query]] = []
    real = SharedStore.query

    async def spy(self: SharedStore, level: Level, queries: Sequence[Query]) -> list[list[Hit]]:
        seen.extend((level, query) for query in queries)
        return await real(self, level, queries)

    monkeypatch.setattr(SharedStore, "query", spy)
    return seen


@pytest.mark.parametrize("large", [False, True])
async def test_large_index_is_not_searched_by_meaning_as_a_whole(
    project: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch,
    asked: list[tuple[Level, Query]], large: bool,
) -> None:  # fmt: skip
    """Above a size the best chunk of all is found by words; inside the chosen documents both count."""
    if large:
        monkeypatch.setattr(hierarchical, "LARGE", 1)
    async with Registry.open(project) as fresh:  # how large an index is is looked up now and then
        best, *_ = await fresh.search("What was the revenue of Acme Pumps in 2021?", index="hybrid")
    assert best["document"] == document("Acme Pumps", 2021)
    assert best["score"] > 0
    fused = [q for level, q in asked if level == "chunks" and q.sparse is not None]
    inside = [query for query in fused if "document" in str(query.filter)]
    everywhere = [query for query in fused if query not in inside]
    assert [query.dense is None for query in everywhere] == [large]
    assert inside
    assert all(query.dense is not None for query in inside)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ("margin = 0.0", {"docs/a.md"}),
        ("margin = 1.0\nkeep = 9", {"docs/a.md", "docs/b.md", "docs/c.md"}),
        ("margin = 1.0\nkeep = 2", {"docs/a.md", "docs/b.md"}),
        ("margin = 1.0\nkeep = 1", {"docs/a.md"}),
    ],
)
async def test_documents_near_the_best_are_kept(
    tmp_path: Path, settings: str, kept: set[str]
) -> None:
    """Passages come from the documents within the margin of the best one, and not from more."""
    config = CONFIG.split("[[index]]\nname = ")[0] + (
        '[[index]]\nname = "a"\nlayout = "hierarchical"\nsources = ["docs/*"]\nembedding = "none"\n'
    )
    files = {
        "docs/a.md": "# Noise at night\n\nNoise at night, from pumps, stays below 55 dB.",
        "docs/b.md": "# Noise by day\n\nBy day the noise may be louder.",
        "docs/c.md": "# Dust\n\nDust is kept down; noise is not a matter here, said the men at the gate.",
    }
    async with ingested(write_project(tmp_path, config + settings, files)) as registry:
        assert await found(registry, "noise of pumps at night", k=9) == kept


async def test_far_documents_are_left_out(registry: Registry) -> None:
    """With one document named, the reports of other companies are not in the way."""
    for query, company in (
        ("Research share of Cobalt Mining in 2022", "Cobalt_Mining"),
        ("青龙水务2022年研发投入", "青龙水务"),
    ):
        for index in ("lexical", "hybrid"):
            names = await found(registry, query, index=index, k=20)
            assert f"docs/{company}_2022.md" in names
            assert all(company in name for name in names)


# --- documents that mention a phrase -------------------------------------------------------------

MENTIONS = """\
[project]
default_access = "public"

[[index]]
name = "a"
sources = ["docs/a/*"]
embedding = "none"

[[index]]
name = "b"
layout = "hierarchical"
sources = ["docs/b/*"]
groups = ["board"]
embedding = "none"
"""
BANK = "# 贷款\n\n中国建设银行股份有限公司提供贷款。\n"
MENTIONED = {
    "docs/a/bank.md": BANK,
    "docs/a/far.md": "# 建设\n\n" + "银行提供资金，用于道路。" * 400 + "\n\n建设周期三年。",
    "docs/a/pump.md": "# Pumps\n\nSeals are replaced.\n\n# Checks\n\nBearings are lubricated.",
    "docs/b/bank.md": BANK,
}
ALL = {(name.split("/")[1], name) for name in MENTIONED}
BOARD = Principal("b", ("board",))


@pytest.fixture(scope="module")
async def mentions(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    """Open a project with a public and a closed index."""
    project = write_project(tmp_path_factory.mktemp("mentions"), MENTIONS, MENTIONED)
    async with ingested(project) as opened:
        yield opened


@pytest.mark.parametrize(
    ("phrase", "principal", "names"),
    [
        ("建设银行", None, {"docs/a/bank.md"}),
        ("建设银行", BOARD, {"docs/a/bank.md", "docs/b/bank.md"}),
        ("建設銀行", None, {"docs/a/bank.md"}),
        ("建设 银行", None, {"docs/a/bank.md", "docs/a/far.md"}),
        ("replace seal", None, {"docs/a/pump.md"}),
        ("seals bearings", None, {"docs/a/pump.md"}),
        ("seals 银行", BOARD, set()),
        ("建设银行 turbine", BOARD, set()),
        ("中央银行", BOARD, set()),
        ("", BOARD, set()),
        ("？！", BOARD, set()),
    ],
)
async def test_documents_that_mention_a_phrase(
    mentions: Registry, phrase: str, principal: Principal | None, names: set[str]
) -> None:
    """All words must stand in the document, however they are written, and the asker may see it."""
    assert await mentions.mentioning(phrase, principal=principal) == {
        (index, name) for index, name in ALL if name in names
    }


async def test_nothing_is_mentioned_to_whom_nothing_is_visible(tmp_path: Path) -> None:
    """A project without a visible chunk mentions nothing."""
    config = MENTIONS.replace('"public"', '"private"')
    async with ingested(write_project(tmp_path, config, MENTIONED)) as registry:
        assert await registry.mentioning("建设银行", principal=None) == set()
        assert await registry.mentioning("建设银行", principal=BOARD) == {("b", "docs/b/bank.md")}
