from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from indexes import Registry
from indexes.errors import UsageError
from indexes.filters import compile_where, metadata
from indexes.types import AnyOf, Condition, FieldType, Range
from tests.indexes.projects import found, ingested, write_project

DECLARED: Mapping[str, FieldType] = {
    "region": "keyword", "year": "number", "signed": "date", "topic": "text",
}  # fmt: skip

COMPILED: list[tuple[dict[str, Any], list[Condition]]] = [
    ({}, []),
    ({"language": "zh"}, [AnyOf("meta.language", ("zh",))]),
    ({"region": ["north", "south"]}, [AnyOf("meta.region", ("north", "south"))]),
    ({"region": 7}, [AnyOf("meta.region", ("7",))]),
    ({"region": [True, "x"]}, [AnyOf("meta.region", ("True", "x"))]),
    ({"document": "docs/a.md"}, [AnyOf("document", ("docs/a.md",))]),
    ({"document": ("a.md", "b.md")}, [AnyOf("document", ("a.md", "b.md"))]),
    ({"year": 2023}, [Range("meta.year", gte=2023, lte=2023)]),
    ({"year": "2023"}, [Range("meta.year", gte=2023, lte=2023)]),
    ({"year": {"gt": 1.5, "lt": 9}}, [Range("meta.year", gt=1.5, lt=9)]),
    ({"date": "2024-05-17"}, [Range("meta.date", gte=20240517, lte=20240517)]),
    ({"date": "20240517"}, [Range("meta.date", gte=20240517, lte=20240517)]),
    ({"date": "2024年5月17日"}, [Range("meta.date", gte=20240517, lte=20240517)]),
    ({"date": "2024-05"}, [Range("meta.date", gte=20240501, lte=20240531)]),
    ({"date": 2024}, [Range("meta.date", gte=20240101, lte=20241231)]),
    ({"signed": {"gte": "2024", "lt": "2025"}}, [Range("meta.signed", gte=20240101, lt=20250101)]),
    ({"signed": {"gt": "2024", "lte": "2025/6"}}, [Range("meta.signed", gt=20241231, lte=20250631)]),
    ({"title": {"text": "Annual reports"}}, [AnyOf("meta.title", (t,)) for t in ("annual", "report")]),
    ({"topic": "青龙湖"}, [AnyOf("meta.topic", (t,)) for t in ("青龙", "龙湖")]),
    (
        {"region": "north", "year": {"gte": 1}},
        [AnyOf("meta.region", ("north",)), Range("meta.year", gte=1)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("where", "conditions"), COMPILED)
def test_filters_compile(where: dict[str, Any], conditions: list[Condition]) -> None:
    """Each way to write a condition becomes one that stores know; a month or year is all its days."""
    assert list(compile_where(where, DECLARED)) == conditions


def test_no_filter_is_everything() -> None:
    """None asks for nothing in particular."""
    assert compile_where(None, DECLARED) == ()


UNFIT: list[Any] = [
    {"region": {"gte": 1}},
    {"region": {"text": "a"}},
    {"region": []},
    {"region": [None]},
    {"region": [{"text": "a"}]},
    {"year": "many"},
    {"year": "nan"},
    {"year": {"lt": float("inf")}},
    {"year": {}},
    {"year": {"equals": 3}},
    {"year": [2022, 2023]},
    {"date": "soon"},
    {"date": {"gte": "123456"}},
    {"date": {"text": "2024"}},
    {"title": {"text": "？"}},
    {"title": ["a", "b"]},
    {"title": None},
    {"document": []},
    {"document": {"gte": "a"}},
]


@pytest.mark.parametrize("where", UNFIT)
def test_unfit_conditions(where: Any) -> None:
    """A condition that does not fit its field is refused by name, never taken for everything."""
    with pytest.raises(UsageError, match=repr(next(iter(where)))) as caught:
        compile_where(where, DECLARED)
    assert caught.value.fix


@pytest.mark.parametrize("where", [["language"], "language", 3])
def test_filter_that_is_no_mapping(where: Any) -> None:
    """The message shows how a filter is written."""
    with pytest.raises(UsageError, match="mapping") as caught:
        compile_where(where, DECLARED)
    assert '{"language": "zh"}' in caught.value.fix


def test_unknown_field_names_the_known_ones() -> None:
    """Whoever misspells a field sees which there are."""
    with pytest.raises(UsageError, match="'yaer'") as caught:
        compile_where({"yaer": 2023}, DECLARED)
    assert caught.value.fix == (
        "use one of: document, title, date, language, effective, expires, region, year, signed, topic."
    )


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"region": ["a", 3, True]}, {"region": ["a", "3", "True"]}),
        ({"year": "2023", "signed": "2024-05"}, {"year": 2023.0, "signed": 20240501}),
        ({"topic": "Dust limits"}, {"topic": ["dust", "limit"]}),
        ({"year": "many", "signed": "soon", "region": "", "other": 1}, {}),
        ({"year": float("nan")}, {}),
        ({"year": [2022, 2023]}, {}),
    ],
)
def test_what_is_kept_to_filter_by(values: dict[str, Any], kept: dict[str, Any]) -> None:
    """Values are kept in the form of their field's type, and left out if they have none."""
    assert metadata(values, DECLARED) == kept


# --- end to end ----------------------------------------------------------------------------------

CONFIG = """\
[project]
default_access = "public"

[[index]]
name = "reports"
layout = "hierarchical"
sources = ["docs/reports/**/*.md"]
margin = 1.0
folders = "docs/reports/{company}/{year}"
fields = { company = "keyword", year = "number", region = "keyword", signed = "date" }

[[index]]
name = "notes"
sources = ["docs/notes/*.md"]
embedding = "none"
fields = { region = "keyword", topic = "text" }

[[index]]
name = "plain"
sources = ["docs/plain/*.txt"]
embedding = "none"
"""
REPORT = "---\nregion: {}\nsigned: {}\ndate: {}\n---\n# {}\n\n{}\n"
ZH, EN = "夜间施工噪声监测结果符合限值。", "The noise measured at night kept within its limit."
FILES = {
    "docs/reports/acme/2022/a.md": REPORT.format("[north, east]", "2022-03-01", "2022", "Acme noise", EN),
    "docs/reports/acme/2023/a.md": REPORT.format("south", "2023-02-11", "2023-05", "Acme noise", EN),
    "docs/reports/临江/2023/噪声.md": REPORT.format("north", "20230930", "2023年9月30日", "中国建设银行大厦噪声报告", ZH),
    "docs/notes/night.md": "---\nregion: north\ntopic: work at night\ndate: 2024-05-17\n---\n# Night noise\n\n" + EN,
    "docs/notes/夜间.md": "---\ntopic: 夜间施工\ndate: 2024-06-01\n---\n# 夜间噪声\n\n" + ZH,
    "docs/plain/noise.txt": EN,
    "docs/plain/噪声.txt": ZH,
}  # fmt: skip
ACME22, ACME23, LINJIANG, NIGHT, YEJIAN, PLAIN, ZAOSHENG = FILES


@pytest.fixture(scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    """Open an ingested project with fields from folders and front matter."""
    project = write_project(tmp_path_factory.mktemp("filters"), CONFIG, FILES)
    async with ingested(project) as opened:
        yield opened


WHERES: list[tuple[str | None, dict[str, Any], set[str]]] = [
    ("reports", {"company": "acme"}, {ACME22, ACME23}),
    ("reports", {"company": ["临江", "nobody"]}, {LINJIANG}),
    ("reports", {"year": 2023}, {ACME23, LINJIANG}),
    ("reports", {"year": {"lt": 2023}}, {ACME22}),
    ("reports", {"year": 2023, "company": "acme"}, {ACME23}),
    ("reports", {"region": "east"}, {ACME22}),
    ("reports", {"region": ["south", "east"]}, {ACME22, ACME23}),
    ("reports", {"signed": {"gte": "2023-02", "lt": "2023-03"}}, {ACME23}),
    ("reports", {"signed": "2023-09"}, {LINJIANG}),
    ("reports", {"date": {"gt": "2023-05"}}, {LINJIANG}),
    ("reports", {"language": "zh"}, {LINJIANG}),
    ("reports", {"title": {"text": "建设银行"}}, {LINJIANG}),
    ("reports", {"title": "noise acme"}, {ACME22, ACME23}),
    ("reports", {"document": ACME22}, {ACME22}),
    ("reports", {"year": 1999}, set()),
    ("notes", {"topic": {"text": "working nights"}}, {NIGHT}),
    ("notes", {"topic": "施工"}, {YEJIAN}),
    ("notes", {"date": "2024"}, {NIGHT, YEJIAN}),
    ("notes", {"date": {"lt": "2024-06"}}, {NIGHT}),
    ("plain", {"language": "en"}, {PLAIN}),
    ("plain", {"document": [PLAIN, NIGHT]}, {PLAIN}),
    (None, {"region": "north"}, {ACME22, LINJIANG, NIGHT}),
    (None, {"topic": "施工"}, {YEJIAN}),
    (None, {"language": "zh"}, {LINJIANG, YEJIAN, ZAOSHENG}),
    (None, {"document": [ACME23, ZAOSHENG]}, {ACME23, ZAOSHENG}),
]


@pytest.mark.parametrize(("index", "where", "expected"), WHERES)
@pytest.mark.parametrize("query", ["噪声 noise", "夜间的限值 limit at night"])
async def test_search_in_some_documents(
    registry: Registry, query: str, index: str | None, where: dict[str, Any], expected: set[str]
) -> None:
    """A search with a filter finds all documents that it lets through, and no other."""
    assert await found(registry, query, index=index, where=where, k=20) == expected


@pytest.mark.parametrize(("index", "where", "expected"), WHERES)
async def test_documents_that_a_filter_lets_through(
    registry: Registry, index: str | None, where: dict[str, Any], expected: set[str]
) -> None:
    """The list of documents takes the same filters."""
    infos = await registry.documents(index=index, where=where)
    assert {info["document"] for info in infos} == expected


async def test_documents_tell_their_fields(registry: Registry) -> None:
    """Folders and front matter, as they were written."""
    (info,) = await registry.documents(index="reports", where={"document": ACME22})
    assert info["fields"] == {
        "company": "acme", "year": "2022", "region": ["north", "east"], "signed": "2022-03-01",
    }  # fmt: skip
    assert info["date"] == "2022"


@pytest.mark.parametrize(
    ("index", "where"),
    [("plain", {"region": "north"}), ("notes", {"year": 2023}), (None, {"region": "n", "height": 3})],
)  # fmt: skip
async def test_field_that_no_searched_index_has(
    registry: Registry, index: str | None, where: dict[str, Any]
) -> None:
    """A field that an index lacks is an error there, and everywhere if all lack it."""
    for call in (
        registry.search("noise", index=index, where=where),
        registry.documents(index=index, where=where),
    ):
        with pytest.raises(UsageError, match="There is no field") as caught:
            await call
        assert "use one of: document, title, date, language" in caught.value.fix


async def test_values_that_no_store_can_keep(tmp_path: Path) -> None:
    """Odd numbers and half characters in front matter cost their field, not the ingestion."""
    odd = '---\nyear: .inf\nsize: 123456789012345678901234567890\ntopic: "\\uD800 dust"\n---\nDust.'
    files = {"docs/notes/odd.md": odd, "docs/reports/acme/nan/a.md": "Dust in no year."}
    async with ingested(write_project(tmp_path, CONFIG, files)) as registry:
        assert await found(registry, "dust", where={"topic": "dust"}) == {"docs/notes/odd.md"}
        assert await found(registry, "dust", where={"year": {"gte": 0}}) == set()
        (info,) = await registry.documents(index="notes")
    assert info["fields"]["year"] == "inf"
