from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from indexes import Block, Document, Registry
from indexes.errors import ConfigurationError
from indexes.filters import metadata
from indexes.types import Validity
from indexes.validity import Stated, asked_days, titled
from tests.indexes.projects import ingest, ingested, write_project

TODAY = date(2026, 11, 21)
CONFIG = """
[project]
default_access = "public"

[[index]]
name = "rules"
sources = ["docs/**/*"]
embedding = "none"
"""

ASKED: list[tuple[str, str, str]] = [
    ("2021年签的合同，质保金是多少", "2021-01-01", "2021-12-31"),
    ("21年签的合同", "2021-01-01", "2021-12-31"),
    ("2022年6月15日当天适用哪个办法", "2022-06-15", "2022-06-15"),
    ("2023年以前要几天", "2022-12-31", "2022-12-31"),
    ("2023年7月以后呢", "2023-07-01", "2026-11-21"),
    ("2020年到2022年之间", "2020-01-01", "2022-12-31"),
    ("去年买的设备", "2025-01-01", "2025-12-31"),
    ("两年前签的合同", "2024-01-01", "2024-12-31"),
    ("2024年第一季度的标准", "2024-01-01", "2024-03-31"),
    ("2023年修订前是怎么规定的", "2022-12-31", "2022-12-31"),
    ("As of May 2022, how long is it?", "2022-05-01", "2022-05-31"),
    ("before March 2023 what was the limit", "2023-02-28", "2023-02-28"),
    ("a contract signed three years ago", "2023-01-01", "2023-12-31"),
    ("2021年签的合同现在怎么退", "2026-11-21", "2026-11-21"),
    ("2021年和现在的规定有什么变化", "2021-01-01", "2026-11-21"),
    ("档案保存10年吗", "2026-11-21", "2026-11-21"),
    ("保存不少于10年", "2026-11-21", "2026-11-21"),
    ("押金要交多少", "2026-11-21", "2026-11-21"),
    ("What is the limit?", "2026-11-21", "2026-11-21"),
]


@pytest.mark.parametrize(("question", "first", "last"), ASKED)
def test_asked_days(question: str, first: str, last: str) -> None:
    """A question asks about the days it names, and else about today; a length of time is no day."""
    asked = asked_days(question, today=TODAY)
    assert (asked.first.isoformat(), asked.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    "question",
    [
        "2019年版《办法》第八条怎么规定",
        "2023年修订的办法第三条",
        "《办法》（2021年修订）第五条",
        "what did the 2019 version say",
    ],
)
def test_a_year_may_name_a_version(question: str) -> None:
    """The year of a version is no day that is asked about, and lets any version answer."""
    asked = asked_days(question, today=TODAY)
    assert (asked.any_version, asked.named, asked.text) == (True, False, question)
    assert asked.in_force == ()
    ended: Validity = {"effective": "2019-01-01", "expires": "2020-12-31", "replaced_by": ""}
    judged = asked.judged(ended)
    assert (judged["state"], judged["now"]) == ("in_force", "ended")


def test_the_days_are_taken_out_of_the_question() -> None:
    """What is left of a question is what the documents have to say something about."""
    assert asked_days("2021年签的合同", today=TODAY).text == "签的合同"
    assert asked_days("2021年", today=TODAY).text == "2021年"


STATED: list[tuple[list[str], Mapping[str, str]]] = [
    (["本办法自2023年3月1日起施行。"], {"effective": "2023-03-01"}),
    (["第九条　本规定自 2023 年 3 月 1 日起实施，《旧规定》同时废止。"], {"effective": "2023-03-01"}),
    (
        ["本办法自2023年3月1日起施行，有效期5年。"],
        {"effective": "2023-03-01", "expires": "2028-02-29"},
    ),
    (["本政策有效期至2024年6月30日。"], {"expires": "2024-06-30"}),
    (["本办法自2024年1月1日起废止。"], {"expires": "2023-12-31"}),
    (["These Rules shall enter into force on 1 March 2024."], {"effective": "2024-03-01"}),
    (["This Policy takes effect on March 1, 2024 and more."], {"effective": "2024-03-01"}),
    (["This Policy expires on 30 June 2025."], {"expires": "2025-06-30"}),
    # of another document, of a part, of no day, of several days, of an amended text: not plain enough
    (["《旧办法》自2019年1月1日起施行。"], {}),
    (["收费标准自2023年3月1日起执行。"], {}),
    (["本办法自公布之日起施行。"], {}),
    (["本办法自2023年2月30日起施行。"], {}),
    (["本办法自2023年3月1日起施行。", "本办法自2024年3月1日起施行。"], {}),
    (["（根据2023年5月20日的决定修订）", "本办法自2019年3月1日起施行。"], {}),
    (["The contract enters into force on 1 March 2024."], {}),
]  # fmt: skip


@pytest.mark.parametrize(("paragraphs", "fields"), STATED)
def test_what_a_text_states(paragraphs: list[str], fields: Mapping[str, str]) -> None:
    """A text that plainly says of itself when it holds is believed, and no other."""
    stated = Stated()
    for one in paragraphs:
        stated.watch(one)
    assert stated.fields == fields


def test_last_days_of_months_and_years() -> None:
    """What expires in June holds all of June, what is effective in it from its first day."""
    assert metadata({"effective": "2023-06", "expires": "2024-06"}, {}) == {
        "effective": 20230601,
        "expires": 20240631,
    }


@pytest.mark.parametrize(
    ("title", "bare"),
    [
        ("X办法（2023年修订）", "x办法"),
        ("《X办法》", "x办法"),
        ("Gift Rules (2019 version)", "giftrules"),
    ],
)
def test_titles_without_versions(title: str, bare: str) -> None:
    """Versions of one regulation have one title."""
    assert titled(title) == bare


async def holding(registry: Registry, question: str) -> set[str]:
    """Return the documents found that hold on the days a question asks about."""
    asked = asked_days(question, today=TODAY)
    index = registry.index("rules")
    found = await index.search("deposit", principal=None, k=20, asked=asked)
    return {passage["document"] for passage in found}


@pytest.mark.parametrize("layout", ["flat", "hierarchical"])
async def test_what_does_not_hold_is_not_found(tmp_path: Path, layout: str) -> None:
    """The store leaves out what had ended or had not begun; what says nothing always holds."""
    files = {
        "docs/old.md": "---\neffective: 2019-01-01\nexpires: 2020-12-31\n---\nThe deposit is 5.",
        "docs/new.md": "---\neffective: 2021-01-01\n---\nThe deposit is 3.",
        "docs/later.md": "---\neffective: 2090\n---\nThe deposit is 1.",
        "docs/always.md": "A deposit is money.",
    }
    config = f'{CONFIG}layout = "{layout}"\n'
    async with ingested(write_project(tmp_path, config, files)) as registry:
        assert await holding(registry, "now") == {"docs/new.md", "docs/always.md"}
        assert await holding(registry, "in 2019") == {"docs/old.md", "docs/always.md"}
        assert await holding(registry, "on 2020-12-31") == {"docs/old.md", "docs/always.md"}
        assert await holding(registry, "on 2021-01-01") == {"docs/new.md", "docs/always.md"}
        assert await holding(registry, "in 2091") == {
            "docs/new.md", "docs/later.md", "docs/always.md",
        }  # fmt: skip
        every = await registry.search("deposit", k=20)  # no days: every document
        assert {one["document"] for one in every} == set(files)
        validity = {one["document"]: one.get("validity") for one in every}
        assert validity["docs/always.md"] is None
        assert validity["docs/old.md"] == {
            "effective": "2019-01-01", "expires": "2020-12-31", "replaced_by": "",
        }  # fmt: skip
        ended = await registry.search("deposit", where={"expires": {"lt": "2021"}})
        assert {one["document"] for one in ended} == {"docs/old.md"}


async def test_a_text_that_says_when_it_holds(tmp_path: Path) -> None:
    """The text's own words count for all of its chunks, unless its fields say otherwise."""
    law = "# 押金办法\n\n第一条　押金（deposit）为五元。\n\n第二条　本办法自2024年3月1日起施行。"
    files = {"docs/a.md": law, "docs/b.md": f"---\neffective: 2020-01-01\n---\n{law}"}
    async with ingested(write_project(tmp_path, CONFIG, files)) as registry:
        assert await holding(registry, "in 2021") == {"docs/b.md"}
        assert await holding(registry, "now") == {"docs/a.md", "docs/b.md"}


async def test_a_wrong_date_is_told(tmp_path: Path) -> None:
    """A value that is no date is a warning, not a rule that always holds in silence."""
    report = await ingest(
        write_project(tmp_path, CONFIG, {"docs/a.md": "---\neffective: soon\n---\nText."})
    )
    assert [one["warning"] for one in report["warned"]] == ["Its `effective` is no date: 'soon'."]


async def test_a_replacement_ends_what_it_replaces(tmp_path: Path) -> None:
    """What a document replaces, by path or title, ends the day before; without it, it goes on."""
    files = {
        "docs/old.md": "---\ntitle: Deposit rules (2019)\neffective: 2019-01-01\n---\nA deposit.",
        "docs/older.md": "---\ntitle: Fees\nexpires: 2018-12-31\n---\nA deposit, once.",
        "docs/new.md": "---\ntitle: Deposits\neffective: 2023-05-01\nreplaces: [Deposit rules, docs/older.md]\n---\nThe deposit.",
    }
    project = write_project(tmp_path, CONFIG, files)
    async with ingested(project) as registry:
        assert await holding(registry, "on 2023-04-30") == {"docs/old.md"}
        assert await holding(registry, "on 2023-05-01") == {"docs/new.md"}
        assert await holding(registry, "in 2018") == {"docs/older.md"}
        found = await registry.search("deposit", k=9)
        old = next(one for one in found if one["document"] == "docs/old.md")
        assert old["validity"]["replaced_by"] == "Deposits"
        assert (await registry.sync())["unchanged"] == 3
        (project / "docs" / "new.md").unlink()
        await registry.sync()
        assert await holding(registry, "now") == {"docs/old.md"}


async def test_a_hidden_replacement_ends_nothing(tmp_path: Path) -> None:
    """What fewer may see ends nothing for the others, and its title is not told to them."""
    hidden = "---\ntitle: Secret\neffective: 2023-05-01\nreplaces: docs/old.md\ngroups: [board]\n---\nNew."
    files = {
        "docs/old.md": "---\neffective: 2019-01-01\n---\nThe deposit is 5.",
        "docs/new.md": hidden,
    }
    project = write_project(tmp_path, CONFIG, files)
    async with ingested(project) as registry:
        assert await holding(registry, "now") == {"docs/old.md"}
        [found] = await registry.search("deposit")
        assert found["validity"]["replaced_by"] == ""
        (project / "docs" / "new.md").write_text(hidden.replace("groups: [board]\n", ""))
        await registry.sync()
        assert "docs/old.md" not in await holding(registry, "now")


async def test_fields_of_files_without_front_matter(tmp_path: Path) -> None:
    """fields.toml says of any file what its format cannot; a change of it counts at the next ingestion."""
    files = {"docs/a.txt": "The deposit is 5.", "docs/b.txt": "The deposit is 6."}
    project = write_project(tmp_path, CONFIG, files)
    fields = project / "fields.toml"
    fields.write_text('"docs/*" = { effective = 2020-01-01 }\n"docs/a.txt" = { expires = 2021 }\n')
    async with ingested(project) as registry:
        assert await holding(registry, "in 2021") == {"docs/a.txt", "docs/b.txt"}
        assert await holding(registry, "in 2022") == {"docs/b.txt"}
        fields.write_text('"docs/*" = { effective = 2020-01-01 }\n"c.txt" = { expires = 2021 }\n')
        report = await registry.sync()
        assert report["updated"] == 1
        assert report["failed"] == [{"path": "fields.toml", "error": "No document fits 'c.txt'."}]
        assert await holding(registry, "in 2022") == {"docs/a.txt", "docs/b.txt"}


@pytest.mark.parametrize(
    "text", ['"docs/*" = 3', '"docs/*" = { when = { a = 1 } }', '"/docs" = { a = 1 }', "docs = ["]
)
async def test_unusable_fields(tmp_path: Path, text: str) -> None:
    """A file of fields that cannot be understood stops the ingestion, and is named."""
    project = write_project(tmp_path, CONFIG, {"docs/a.txt": "Text.", "fields.toml": text})
    with pytest.raises(ConfigurationError, match=r"fields\.toml"):
        await ingest(project)


async def test_added_documents_hold_as_files_do(tmp_path: Path) -> None:
    """Fields of documents that an app adds say when they hold, too."""
    async with Registry.open(write_project(tmp_path, CONFIG, {})) as registry:
        fields = {"effective": "2024-01-01", "expires": "2024-12-31"}
        note = Document("n", "Note", [Block("The deposit is 5.")], fields=fields)
        await registry.index("rules").add([note])
        assert await holding(registry, "in 2024") == {"n"}
        assert await holding(registry, "in 2025") == set()


async def test_articles_by_number(tmp_path: Path) -> None:
    """With `chunk_min_tokens = 0` an article is a chunk of its own, found within its document."""
    law = "# 办法\n\n第一条　甲。\n\n第二条　依照第一条办理。\n\n第三条　乙。"
    config = f"{CONFIG}chunk_min_tokens = 0\n"
    async with ingested(write_project(tmp_path, config, {"docs/a.md": law})) as registry:
        index = registry.index("rules")
        found = await index.within("docs/a.md", "§1", principal=None)
        texts = sorted(one["text"].splitlines()[-1] for one in found)
        assert texts == ["第一条　甲。", "第二条　依照第一条办理。"]
        assert await index.within("docs/b.md", "§1", principal=None) == []


async def test_a_day_that_only_the_text_states(tmp_path: Path) -> None:
    """A rule alone may tell of the time before it; an earlier version that is known answers for that."""
    first = "# 押金办法\n\n第一条　deposit为5。\n\n第二条　本办法自2019年1月1日起施行。"
    later = "# 押金办法\n\n第一条　deposit为3。\n\n第二条　本办法自2022年1月1日起施行。"
    project = write_project(tmp_path, CONFIG, {"docs/later.md": later})
    async with ingested(project) as registry:
        assert await holding(registry, "in 2020") == {"docs/later.md"}
        (project / "docs" / "first.md").write_text(first, encoding="utf-8")
        await registry.sync()
        assert await holding(registry, "in 2020") == {"docs/first.md"}
        (project / "docs" / "first.md").unlink()
        await registry.sync()
        assert await holding(registry, "in 2020") == {"docs/later.md"}
        future = later.replace("2022", "2090")
        (project / "docs" / "later.md").write_text(future, encoding="utf-8")
        await registry.sync()
        assert await holding(registry, "in 2020") == set()
