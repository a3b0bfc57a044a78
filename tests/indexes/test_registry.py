from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexes import Principal, Registry
from indexes.base import Point, document_id
from indexes.embeddings.local import LocalEmbedder
from indexes.errors import ConfigurationError, UnknownIndexError
from indexes.ingest.sync import ingesting
from indexes.types import AnyOf, Filter
from tests.indexes.projects import counts, found, ingest, ingested, write_project

CONFIG = """\
[project]
name = "Demo"
default_access = "public"

[[index]]
name = "policy"
title = "制度办法"
sources = ["docs/policy/**/*"]

[[index]]
name = "cases"
layout = "hierarchical"
sources = ["docs/cases/*.md"]

[[index]]
name = "finance"
sources = ["docs/finance/*"]
groups = ["finance"]
embedding = "none"
"""
FILES = {
    "docs/policy/bidding.md": "# 招标采购管理办法\n\n第一条 四百万元以上的工程应当公开招标。\n\n第二条 评标委员会由五人组成。\n",
    "docs/policy/archive.txt": "档案管理规定\n\n第一条 竣工档案应当在九十日内移交。\n",
    "docs/policy/old/environment.md": "# 环境保护规定\n\n夜间施工噪声不得超过五十五分贝。\n",
    "docs/cases/leak.md": "# 青龙湖渗漏复盘\n\n## 原因\n\n底泥堆场防渗膜破损，渗漏持续三天。\n\n## 教训\n\n应当每日巡查防渗膜。\n",
    "docs/cases/noise.md": "# 噪声投诉复盘\n\n居民投诉夜间噪声，后来安装了声屏障。\n",
    "docs/cases/bribe.md": "---\ngroups: [board]\n---\n# 廉政案件复盘\n\n## 行贿经过\n\n某供应商行贿，案件由董事会处理，涉及噪声设备采购。\n",
    "docs/finance/loans.csv": "银行,利率,余额\n建设银行,3.45%,1200\n农业银行,3.10%,800\n",
}
ANYONE = None
STRANGER = Principal("s", ("sales",))
BOARD = Principal("b", ("board",))
FINANCE = Principal("f", ("finance", "sales"))


def make(folder: Path, config: str = CONFIG, files: dict[str, str] | None = None) -> Path:
    """Write a project."""
    return write_project(folder, config, FILES if files is None else files)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an ingested project, which tests copy."""
    return make(tmp_path_factory.mktemp("ready") / "project")


@pytest.fixture(scope="module")
async def registry(ready: Path) -> AsyncIterator[Registry]:
    """Open the ingested project, for tests that only read."""
    async with ingested(ready) as opened:
        yield opened


@pytest.fixture
async def project(tmp_path: Path) -> Path:
    """Return an ingested project of the test's own, closed."""
    made = make(tmp_path / "project")
    await ingest(made)
    return made


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the passages that reach the real model from now on."""
    seen: list[str] = []
    real = LocalEmbedder.embed_passages

    async def spy(
        self: LocalEmbedder, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        seen.extend(texts)
        return await real(self, texts, progress)

    monkeypatch.setattr(LocalEmbedder, "embed_passages", spy)
    return seen


# --- ingestion -----------------------------------------------------------------------------------


async def test_first_ingestion_adds_everything(tmp_path: Path) -> None:
    """An empty store takes all sources of all indexes."""
    project = make(tmp_path / "p")
    async with Registry.open(project) as registry:
        assert await registry.is_empty()
        report = await registry.sync()
        assert counts(report) == (len(FILES), 0, 0, 0)
        assert report["chunks"] == await registry.count_chunks() > 0
        assert not await registry.is_empty()


async def test_second_ingestion_changes_nothing(project: Path, embedded: list[str]) -> None:
    """What is unchanged is neither read into the model nor written."""
    report = await ingest(project)
    assert counts(report) == (0, 0, 0, len(FILES))
    assert report["chunks"] == 0
    assert embedded == []


async def test_ingestion_adds_updates_and_deletes(project: Path) -> None:
    """The store follows the sources, and old text is gone."""
    (project / "docs/policy/new.md").write_text("# 新规定\n\n食堂十二点开放。", encoding="utf-8")
    (project / "docs/cases/leak.md").write_text("# 渗漏\n\n改为混凝土衬砌。", encoding="utf-8")
    (project / "docs/policy/archive.txt").unlink()
    assert counts(await ingest(project)) == (1, 1, 1, len(FILES) - 2)
    async with Registry.open(project) as registry:
        assert "docs/policy/new.md" in await found(registry, "食堂几点开放", ANYONE)
        text = str(await registry.search("防渗膜破损 混凝土衬砌", index="cases"))
        assert "衬砌" in text
        assert "防渗膜" not in text
        assert "docs/policy/archive.txt" not in await found(registry, "竣工档案移交", ANYONE)


async def test_shorter_text_leaves_no_old_chunks(tmp_path: Path) -> None:
    """A document that shrinks loses the chunks that it no longer has."""
    long = "# 长文\n\n" + "\n\n".join(
        f"第{i}段说明施工噪声的控制办法与监测频率。" * 6 for i in range(20)
    )
    project = make(tmp_path / "p", files={"docs/policy/a.md": long})
    assert (await ingest(project))["chunks"] > 3
    (project / "docs/policy/a.md").write_text("# 短文\n\n一句。", encoding="utf-8")
    await ingest(project)
    async with Registry.open(project) as registry:
        assert await registry.count_chunks() == 1


async def test_only_leaves_the_rest_alone(project: Path) -> None:
    """An ingestion of one folder neither adds nor deletes elsewhere."""
    (project / "docs/policy/archive.txt").unlink()
    (project / "docs/policy/new.md").write_text("新", encoding="utf-8")
    (project / "docs/cases/leak.md").unlink()
    report = await ingest(project, [project / "docs" / "policy" / ".." / "cases"])
    assert counts(report) == (0, 0, 1, 2)


async def test_index_that_is_taken_out_loses_its_documents(project: Path) -> None:
    """Documents of an index that the settings no longer name are deleted."""
    make(project, CONFIG.split('[[index]]\nname = "finance"')[0], files={})
    assert counts(await ingest(project)) == (0, 0, 1, len(FILES) - 1)


async def test_settings_that_shape_chunks_renew_them(project: Path, embedded: list[str]) -> None:
    """A changed access list is written at once, without embedding anything again."""
    make(project, CONFIG.replace('["finance"]', '["board"]'), files={})
    assert counts(await ingest(project)) == (0, 1, 0, len(FILES) - 1)
    assert embedded == []
    async with Registry.open(project) as registry:
        assert await found(registry, "建设银行利率", FINANCE, index="finance") == set()
        assert await found(registry, "建设银行利率", BOARD, index="finance") != set()


async def test_bad_files_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A damaged and an unsupported file do not stop the others."""
    project = make(tmp_path / "p")
    (project / "docs/policy/broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (project / "docs/policy/tool.exe").write_bytes(b"MZ")
    report = await ingest(project)
    assert report["added"] == len(FILES)
    assert {f["path"] for f in report["failed"]} == {
        "docs/policy/broken.pdf",
        "docs/policy/tool.exe",
    }
    assert all(failure["error"] for failure in report["failed"])


async def test_a_file_that_breaks_keeps_its_old_text(project: Path) -> None:
    """Until it can be read again, what was known of it stays."""
    (project / "docs/policy/bidding.md").write_text(
        "---\ngroups: {a: 1}\n---\n坏", encoding="utf-8"
    )
    report = await ingest(project)
    assert [failure["path"] for failure in report["failed"]] == ["docs/policy/bidding.md"]
    async with Registry.open(project) as registry:
        assert "docs/policy/bidding.md" in await found(registry, "公开招标", ANYONE)


async def test_hidden_and_lock_files_are_no_sources(tmp_path: Path) -> None:
    """Editors' temporary files are passed over."""
    files = {
        "docs/policy/.hidden.md": "秘",
        "docs/policy/~$open.docx": "锁",
        "docs/policy/a.md": "文",
    }
    assert counts(await ingest(make(tmp_path / "p", files=files))) == (1, 0, 0, 0)


@pytest.mark.parametrize("target", ["../outside.md", "waypost.toml", "docs/finance/secret.md"])
async def test_links_are_not_followed(tmp_path: Path, target: str) -> None:
    """A link brings in no file from outside, no settings, and none that fewer people may see."""
    files = {"docs/policy/a.md": "甲文", "docs/finance/secret.md": "内部的秘密"}
    project = make(tmp_path / "p", files=files)
    (tmp_path / "outside.md").write_text("外面的秘密", encoding="utf-8")
    (project / "docs/policy/link.md").symlink_to(project / target)
    report = await ingest(project)
    assert counts(report) == (2, 0, 0, 0)
    assert [failure["path"] for failure in report["failed"]] == ["docs/policy/link.md"]
    async with Registry.open(project) as registry:
        assert "秘密" not in str(await registry.search("秘密"))


async def test_linked_folders_are_not_followed(tmp_path: Path) -> None:
    """A pattern that begins in a linked folder finds nothing there, and that is told."""
    project = make(tmp_path / "p", files={"elsewhere/a.md": "甲文"})
    (project / "docs").mkdir(exist_ok=True)
    (project / "docs/policy").symlink_to(project / "elsewhere")
    report = await ingest(project)
    assert counts(report) == (0, 0, 0, 0)
    assert [failure["path"] for failure in report["failed"]] == ["docs/policy"]


async def test_interrupted_ingestion_is_healed(project: Path, embedded: list[str]) -> None:
    """A document whose chunks went missing half-way is written again by the next ingestion."""
    where = Filter((AnyOf("document", ("docs/cases/leak.md",)),))
    async with Registry.open(project) as registry:
        (before,) = await registry.store.scroll("documents", where)
        id = document_id("cases", "docs/cases/leak.md")
        await registry.store.upsert("documents", [Point(id, {**before.payload, "digest": ""})])
        await registry.store.delete("chunks", where)
    assert counts(await ingest(project)) == (0, 1, 0, len(FILES) - 1)
    assert embedded == []
    async with Registry.open(project) as registry:
        assert "docs/cases/leak.md" in await found(registry, "防渗膜破损", ANYONE)
    assert counts(await ingest(project)) == (0, 0, 0, len(FILES))


async def test_progress_is_told(tmp_path: Path) -> None:
    """Whoever waits sees documents and embeddings go forward."""
    told: list[tuple[str, int, int]] = []
    async with Registry.open(make(tmp_path / "p")) as registry:
        await registry.sync(progress=lambda what, done, total: told.append((what, done, total)))
    assert told[-1] == ("documents", len(FILES), len(FILES))
    embedding = [done for what, done, _ in told if what == "embedding"]
    assert embedding == sorted(embedding)
    assert embedding[-1] > 0


# --- embeddings ----------------------------------------------------------------------------------


async def test_lexical_index_is_not_embedded(tmp_path: Path, embedded: list[str]) -> None:
    """An index with embedding = "none" sends nothing to the model."""
    await ingest(make(tmp_path / "p"))
    assert any("招标" in text for text in embedded)
    assert not any("建设银行" in text for text in embedded)


async def test_renamed_documents_are_not_embedded_again(
    tmp_path: Path, embedded: list[str]
) -> None:
    """Neither with a title of their own nor with one that is the file's name."""
    project = make(tmp_path / "p")
    (project / "docs/policy/pump.txt").write_text("水泵轴承过热，已经更换。", encoding="utf-8")
    await ingest(project)
    before = len(embedded)
    assert any("水泵" in text for text in embedded)
    for path in [one for one in project.glob("docs/policy/*") if one.is_file()]:
        path.rename(path.with_name(f"renamed {path.name}"))
    report = await ingest(project)
    assert report["added"] == report["deleted"] > 1
    assert len(embedded) == before
    async with Registry.open(project) as registry:
        assert await found(registry, "水泵轴承", index="policy", k=1) == {
            "docs/policy/renamed pump.txt"
        }
        assert "renamed pump" in {info["title"] for info in await registry.documents()}


async def test_lost_store_is_rebuilt_from_the_cache(project: Path, embedded: list[str]) -> None:
    """Texts that were ever embedded are not embedded again."""
    shutil.rmtree(project / ".waypost" / "store")
    assert counts(await ingest(project))[0] == len(FILES)
    assert embedded == []


async def test_shipped_embeddings_are_read_and_never_written(
    project: Path, tmp_path: Path, embedded: list[str]
) -> None:
    """A second project with equal texts takes them from the file it came with."""
    second = make(tmp_path / "second")
    shipped = second / "embeddings.db"
    shutil.copy(project / ".waypost" / "cache" / "embeddings.db", shipped)
    shipped.chmod(0o444)
    before = shipped.read_bytes()
    assert counts(await ingest(second))[0] == len(FILES)
    assert embedded == []
    (second / "docs/policy/new.md").write_text("# 新\n\n全新的规定。", encoding="utf-8")
    assert counts(await ingest(second)) == (1, 0, 0, len(FILES))
    assert len(embedded) == 1
    assert shipped.read_bytes() == before
    assert {path.name for path in second.iterdir()} == {
        "waypost.toml",
        "docs",
        ".waypost",
        shipped.name,
    }


async def test_cached_vectors_give_the_same_scores(project: Path) -> None:
    """A search after a rebuild scores exactly as before."""
    async with Registry.open(project) as registry:
        before = await registry.search("夜间噪声", index="policy")
    shutil.rmtree(project / ".waypost" / "store")
    async with Registry.open(project) as registry:
        await registry.sync()
        assert await registry.search("夜间噪声", index="policy") == before


# --- search --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "index", "principal", "document"),
    [
        ("多少万元以上要公开招标？", "policy", ANYONE, "docs/policy/bidding.md"),
        ("竣工檔案什麼時候移交", "policy", ANYONE, "docs/policy/archive.txt"),
        ("防渗膜为什么破损", "cases", ANYONE, "docs/cases/leak.md"),
        ("How was the complaint about noise at night settled?", "cases", ANYONE, "docs/cases/noise.md"),
        ("建设银行的利率", "finance", FINANCE, "docs/finance/loans.csv"),
    ],
)  # fmt: skip
async def test_search_in_one_index(
    registry: Registry, query: str, index: str, principal: Principal | None, document: str
) -> None:
    """Both layouts, with and without embeddings, find the right document first."""
    best = (await registry.search(query, index=index, principal=principal))[0]
    assert (best["document"], best["index"]) == (document, index)


@pytest.mark.parametrize(
    ("query", "document"),
    [("公开招标的限额", "docs/policy/bidding.md"), ("防渗膜破损", "docs/cases/leak.md")],
)
async def test_search_over_all(registry: Registry, query: str, document: str) -> None:
    """Without an index all are searched, and the one that matches best comes first."""
    passages = await registry.search(query, principal=FINANCE)
    assert passages[0]["document"] == document
    scores = [passage["score"] for passage in passages]
    assert scores == sorted(scores, reverse=True)


async def test_passages_have_the_agreed_form(registry: Registry) -> None:
    """A passage says where it stands and has its neighbours beside it, and no inner fields."""
    (passage,) = await registry.search("评标委员会由几人组成", index="policy", k=1)
    assert set(passage) == {
        "text", "score", "index", "document", "title", "uri", "location", "context", "chunk_id",
    }  # fmt: skip
    assert passage["title"] == "招标采购管理办法"
    assert passage["uri"] == "docs/policy/bidding.md"
    assert passage["location"]["article"] == "第二条"


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("index", [None, "policy", "cases"])
async def test_search_returns_at_most_k(registry: Registry, index: str | None, k: int) -> None:
    """Never more than k passages, each once."""
    passages = await registry.search("噪声", index=index, k=k)
    assert 0 < len(passages) <= k
    assert len({passage["chunk_id"] for passage in passages}) == len(passages)


@pytest.mark.parametrize("query", ["", "？！", " "])
async def test_search_for_nothing(registry: Registry, query: str) -> None:
    """A query without words is no error in any index."""
    assert await registry.search(query, index="finance", principal=FINANCE) == []
    assert isinstance(await registry.search(query), list)


async def test_neighbours_are_context(tmp_path: Path) -> None:
    """The chunks before and after stand in `context`, in their order, and are not counted."""
    topics = ["噪声", "扬尘", "废水", "固废", "振动"]
    text = "\n\n".join(f"## {t}\n\n" + f"{t}应当由专人每天监测并记录。" * 22 for t in topics)
    project = make(tmp_path / "p", files={"docs/policy/a.md": f"# 环保\n\n{text}"})
    async with Registry.open(project) as registry:
        await registry.sync()
        (passage,) = await registry.search("废水监测", index="policy", k=1)
    assert "废水" in passage["text"]
    assert ["扬尘" in passage["context"][0], "固废" in passage["context"][1]] == [True, True]


async def test_documents_say_what_is_known(registry: Registry) -> None:
    """The list gives title, link, language and size, in order of the source id."""
    infos = await registry.documents(index="policy")
    assert [info["document"] for info in infos] == sorted(n for n in FILES if "/policy/" in n)
    bidding = next(info for info in infos if "bidding" in info["document"])
    assert bidding["title"] == "招标采购管理办法"
    assert (bidding["language"], bidding["chunks"]) == ("zh", 1)


async def test_unknown_index(registry: Registry) -> None:
    """A name that the project does not have is an error with those that it has."""
    for call in (registry.search("x", index="legal"), registry.documents(index="legal")):
        with pytest.raises(UnknownIndexError, match="'legal'") as caught:
            await call
        assert caught.value.known == ["cases", "finance", "policy"]


async def test_empty_project(tmp_path: Path) -> None:
    """A project without documents answers with nothing, in every way."""
    async with Registry.open(make(tmp_path / "p", files={})) as registry:
        assert counts(await registry.sync()) == (0, 0, 0, 0)
        assert await registry.search("噪声") == []
        assert await registry.documents() == []
        assert await registry.affinities("噪声", principal=None) == {}
        assert (await registry.outlines(principal=None))["policy"].titles == ()


async def test_registries_share_a_store(project: Path) -> None:
    """A project may be open more than once, and each sees what another ingests, or deletes."""
    async with Registry.open(project) as first, Registry.open(project) as second:
        (project / "docs/policy/new.md").write_text(
            "# 新规定\n\n食堂十二点开放。", encoding="utf-8"
        )
        assert counts(await first.sync()) == (1, 0, 0, len(FILES))
        assert "docs/policy/new.md" in await found(second, "食堂几点开放")
        assert counts(await second.sync()) == (0, 0, 0, len(FILES) + 1)
        (project / "docs/policy/new.md").unlink()
        await second.sync()
        assert "docs/policy/new.md" not in await found(first, "食堂几点开放")


async def test_registry_works_on_after_another_is_closed(project: Path) -> None:
    """The store stays open for those who are left."""
    async with Registry.open(project) as first:
        async with Registry.open(project):
            pass
        assert "docs/policy/bidding.md" in await found(first, "公开招标")


async def test_folder_that_is_no_project(tmp_path: Path) -> None:
    """Opening a folder without settings leaves nothing behind in it."""
    with pytest.raises(ConfigurationError):
        async with Registry.open(tmp_path):
            pass
    assert os.listdir(tmp_path) == []


# --- access --------------------------------------------------------------------------------------

ACCESS = [
    (ANYONE, "docs/cases/bribe.md", False),
    (STRANGER, "docs/cases/bribe.md", False),
    (FINANCE, "docs/cases/bribe.md", False),
    (BOARD, "docs/cases/bribe.md", True),
    (ANYONE, "docs/finance/loans.csv", False),
    (STRANGER, "docs/finance/loans.csv", False),
    (FINANCE, "docs/finance/loans.csv", True),
    (Principal("x", ("*",)), "docs/finance/loans.csv", False),
    (Principal("x"), "docs/policy/bidding.md", True),
]
WORDS = {
    "docs/cases/bribe.md": "供应商行贿",
    "docs/finance/loans.csv": "建设银行",
    "docs/policy/bidding.md": "评标委员会",
}


@pytest.mark.parametrize(("principal", "document", "visible"), ACCESS)
async def test_access_to_passages(
    registry: Registry, principal: Principal | None, document: str, visible: bool
) -> None:
    """A passage is found by those on its list, alone and among all indexes, and by nobody else."""
    index = document.split("/")[1]
    assert (document in await found(registry, WORDS[document], principal, index=index)) is visible
    assert (document in await found(registry, WORDS[document], principal)) is visible
    passages = await registry.search(WORDS[document], principal=principal)
    assert (WORDS[document] in str(passages)) is visible


@pytest.mark.parametrize(("principal", "document", "visible"), ACCESS)
async def test_access_to_everything_else(
    registry: Registry, principal: Principal | None, document: str, visible: bool
) -> None:
    """Neither lists nor counts nor titles nor letters of it reach those who may not see it."""
    index, word = document.split("/")[1], WORDS[document]
    listed = {info["document"] for info in await registry.documents(principal=principal)}
    assert (document in listed) is visible
    term = {"供应商行贿": "行贿", "建设银行": "建设银行", "评标委员会": "评标"}[word]
    (idf,) = await registry.index(index).idf([term], principal=principal)
    assert (idf > 0) is visible
    assert await registry.stands(index, document, word, principal=principal) is visible
    title = {"bribe": "廉政案件复盘", "loans": "loans", "bidding": "招标采购管理办法"}[
        Path(document).stem
    ]
    outlines = await registry.outlines(principal=principal)
    assert (title in outlines[index].titles) is visible


async def test_affinities_do_not_tell_of_hidden_chunks(registry: Registry) -> None:
    """An index matches a question only by what the asker may see."""
    hidden = await registry.affinities("供应商行贿", principal=ANYONE)
    shown = await registry.affinities("供应商行贿", principal=BOARD)
    assert hidden["cases"].lexical == 0.0 < shown["cases"].lexical
    assert hidden["cases"].similarity < shown["cases"].similarity
    assert set(hidden) == {"policy", "cases"}
    assert "finance" in await registry.affinities("建设银行", principal=FINANCE)


async def test_outlines_hide_headings(registry: Registry) -> None:
    """Headings can say as much as text."""
    assert "行贿经过" not in str(await registry.outlines(principal=ANYONE))
    assert "行贿经过" in (await registry.outlines(principal=BOARD))["cases"].headings


async def test_neighbours_do_not_leak(registry: Registry) -> None:
    """The context of a visible passage is of its own document."""
    passages = await registry.search("噪声", principal=ANYONE, k=20)
    assert passages
    assert "行贿" not in str(passages)


@pytest.mark.parametrize("principal", [ANYONE, STRANGER])
async def test_private_by_default(tmp_path: Path, principal: Principal | None) -> None:
    """With default_access private, a document without a list is nobody's, one for "*" everyone's."""
    files = {
        "docs/policy/a.md": "没有名单的规定",
        "docs/policy/b.md": "---\ngroups: ['*']\n---\n公开的规定",
        "docs/policy/c.md": "---\ngroups: [sales]\n---\n销售的规定",
    }
    config = CONFIG.replace('default_access = "public"\n', "")
    async with Registry.open(make(tmp_path / "p", config, files)) as registry:
        await registry.sync()
        assert await registry.count_chunks() == 3
        expected = {"docs/policy/b.md"} | ({"docs/policy/c.md"} if principal else set())
        assert await found(registry, "规定", principal) == expected


async def test_equal_texts_keep_their_own_lists(tmp_path: Path) -> None:
    """A second document with the same words is stored apart, with its own readers."""
    text = "# 奖金方案\n\n奖金按季度发放。\n"
    files = {
        "docs/policy/open.md": text,
        "docs/policy/closed.md": f"---\ngroups: [board]\n---\n{text}",
    }
    async with Registry.open(make(tmp_path / "p", files=files)) as registry:
        await registry.sync()
        assert await found(registry, "奖金怎么发放", ANYONE) == {"docs/policy/open.md"}
        assert await found(registry, "奖金怎么发放", BOARD) == set(files)


async def test_a_list_that_is_withdrawn_holds_at_once(project: Path) -> None:
    """After the next ingestion the old readers are out."""
    path = project / "docs/cases/leak.md"
    path.write_text(f"---\ngroups: []\n---\n{FILES['docs/cases/leak.md']}", encoding="utf-8")
    await ingest(project)
    async with Registry.open(project) as registry:
        for principal in (ANYONE, BOARD, Principal("x", ("", "*"))):
            assert "docs/cases/leak.md" not in await found(registry, "防渗膜破损", principal)


async def test_ingestions_take_turns(tmp_path: Path) -> None:
    """A second ingestion waits until the first has ended, and says that it waits."""
    said: list[str] = []
    entered = asyncio.Event()

    async def second() -> None:
        async with ingesting(tmp_path, lambda what, done, total: said.append(what)):
            entered.set()

    async with ingesting(tmp_path):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.25)
        assert not entered.is_set()
    await waiting
    assert set(said) == {"waiting for another ingestion"}
