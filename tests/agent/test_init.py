from __future__ import annotations

import hashlib
import json
import os
import random
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent import Waypost
from agent.cli.init import init
from agent.errors import UsageError
from agent.proposal.describe import describe
from agent.proposal.globs import patterns
from agent.proposal.groups import Group, group
from agent.proposal.propose import Looked, Proposal, ProposedIndex, look_into, propose
from agent.proposal.sample import Read, Sample
from agent.proposal.walk import File, Found, look
from agent.proposal.writing import settings_text
from agent.settings import load
from indexes.ingest.lists import compile_glob
from prompts import texts
from tests.agent.messy import CITED, REFUSED, write_messy_folder
from tests.agent.screens import terminal

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-W", "error", "-c", "from agent.cli.main import run; run()"]


def files(*names: str) -> list[File]:
    """Return files of these names."""
    return [File(name, 100) for name in sorted(names)]


def sample(
    name: str, *headings: str, words: str = "", language: Any = "en", chunks: int = 3
) -> Sample:
    """Return what a file says."""
    counts = dict.fromkeys(words.split(), 1)
    return Sample(name, Path(name).stem, language, headings, counts, words, chunks)


def numbered(pattern: str, count: int) -> list[str]:
    """Return as many names of one pattern."""
    return [pattern.format(number) for number in range(1, count + 1)]


# Which files belong together.

GROUPS: dict[str, tuple[list[str], list[tuple[str, int]]]] = {
    "one file": (["a.md"], [("", 1)]),
    "one flat folder": (numbered("{}.md", 30), [("", 30)]),
    "folders": ([*numbered("hr/{}.md", 3), *numbered("it/{}.md", 2)], [("hr", 3), ("it", 2)]),
    "a folder around folders": (
        [*numbered("docs/hr/{}.md", 3), *numbered("docs/it/{}.md", 2)],
        [("docs/hr", 3), ("docs/it", 2)],
    ),
    "folders and files beside them": (
        [*numbered("hr/{}.md", 3), *numbered("it/{}.md", 2), *numbered("{}.md", 2)],
        [("hr", 3), ("", 2), ("it", 2)],
    ),
    "nearly all in one folder": (
        [*numbered("docs/hr/{}.md", 9), *numbered("docs/it/{}.md", 9), "a.md", "b.md"],
        [("docs/hr", 9), ("docs/it", 9), ("", 2)],
    ),
    "single files together": (
        [*numbered("hr/{}.md", 3), "a/1.md", "b/1.md"],
        [("hr", 3), ("a b", 2)],
    ),
    "a single file with another": ([*numbered("hr/{}.md", 3), "a/1.md"], [("hr a", 4)]),
    "years": ([*numbered("2023/{}.md", 3), *numbered("2024/{}.md", 2)], [("", 5)]),
    "years in a folder": (
        [*numbered("tax/2023/{}.md", 3), *numbered("tax/2024/{}.md", 2), *numbered("it/{}.md", 2)],
        [("tax", 5), ("it", 2)],
    ),
    "quarters": ([*numbered("第一季度/{}.md", 2), *numbered("第二季度/{}.md", 2)], [("", 4)]),
    "customers": (
        [
            f"{who}/{what}.md"
            for who in ("acme", "north", "south")
            for what in ("contract", "offer")
        ],
        [("", 6)],
    ),
    "code beside documents": (
        [*numbered("src/{}.py", 4), *numbered("docs/{}.md", 3), "src/data.json"],
        [("docs", 3), ("src", 4)],
    ),
    "texts among code": (
        [
            *numbered("src/{}.py", 4),
            "src/lib/LICENSE.txt",
            "src/lib/a.py",
            "src/how.md",
            "README.md",
            "b.md",
        ],
        [("", 2), ("src", 7)],
    ),
    "some scripts": ([*numbered("{}.md", 9), "a.py", "b.sh"], [("", 11)]),
    "many folders": ([f"f{n:02}/{m}.md" for n in range(14) for m in range(n, n + 2)], []),
}


@pytest.mark.parametrize("case", GROUPS)
def test_files_are_grouped(case: str) -> None:
    """Folders make groups, unless they are of one kind or hold a single file; there are at most eight."""
    names, expected = GROUPS[case]
    found, beside = group(files(*names), {})
    assert len(found) <= 8
    if expected:
        assert [(" ".join(one.folders), len(one.files)) for one in found] == expected
    covered = sorted(file.name for one in found for file in one.files)
    assert covered == sorted({*names} - {file.name for file in beside})


FIELDS = {
    "2023 2024": ("{year}", {"year": "number"}),
    "2023-01 2023-02 2023-03": ("{period}", {"period": "keyword"}),
    "第一期 第二期": ("{period}", {"period": "keyword"}),
    "Q1 Q2 Q3": ("{period}", {"period": "keyword"}),
    "一月 二月": ("{period}", {"period": "keyword"}),
    "sales legal": ("", {}),
}


@pytest.mark.parametrize("folders", FIELDS)
def test_folders_of_one_kind_are_a_field(folders: str) -> None:
    """Years, months and numbers become a field of one index."""
    names = [f"{folder}/{n} {folder[:2]}{n}.md" for folder in folders.split() for n in "ab"]
    found, _ = group(files(*names), {})
    by, fields = FIELDS[folders]
    assert (found[0].by, dict(found[0].fields)) == (by, fields)


def test_likest_are_merged() -> None:
    """A folder with a single file goes to the group that uses its words."""
    names = [*numbered("hr/{}.md", 2), *numbered("it/{}.md", 2), "new/1.md"]
    said = {"hr": "leave salary", "it": "printer network", "new": "printer toner"}
    samples = {name: sample(name, words=said[name.split("/")[0]]) for name in names}
    found, _ = group(files(*names), samples)
    assert [" ".join(one.folders) for one in found] == ["it new", "hr"]


# Patterns that cover each file once.


def covering(globs: Sequence[Sequence[str]], name: str) -> list[int]:
    """Return the groups whose patterns a file fits."""
    name = unicodedata.normalize("NFC", name)  # as an ingestion compares names
    return [
        number
        for number, some in enumerate(globs)
        if any(compile_glob(pattern).fullmatch(name) for pattern in some)
    ]


def test_every_file_is_covered_once() -> None:
    """Whatever lies where: each file fits the patterns of its own group alone, what is left out of none."""
    chance = random.Random(7)
    for _ in range(150):
        folders = ["", "a", "a/b", "a/c d", "合同", "合同/[旧]", "x.y"]
        endings = [".md", ".PDF", ".pdf", ".py", ".json", ".txt", ""]
        names = {
            f"{chance.choice(folders)}/{chance.choice('abcdef甲乙')}{chance.choice(endings)}".lstrip(
                "/"
            )
            for _ in range(chance.randint(1, 25))
        } - {"a", "x.y"}  # which are folders
        owner = {name: chance.choice([0, 0, 1, 2, None]) for name in sorted(names)}
        out = [name for name, number in owner.items() if number is None]
        globs = patterns(
            [[name for name, number in owner.items() if number == which] for which in range(3)],
            [*out, "a/made/"],
        )
        assert {name: covering(globs, name) for name in names} == {
            name: [] if number is None else [number] for name, number in owner.items()
        }
        for ours in ("langgraph.json", "tools.py", "waypost.toml", "a/made/x.md"):
            assert ours in names or covering(globs, ours) == [], globs


GLOBS: dict[str, tuple[list[list[str]], list[str], list[list[str]]]] = {
    "whole folders": ([["a/1.md", "a/b/2.pdf"], ["c/1.md"]], [], [["a/**/*"], ["c/**/*"]]),
    "a flat project": ([["1.md", "2.md", "3.pdf"]], [], [["**/*.md", "**/*.pdf"]]),
    "a project's own endings": ([["1.json", "2.md"]], [], [["*.md", "1.json"]]),
    "pictures beside": ([["a/1.md", "a/2.md"]], ["a/x.png"], [["a/**/*.md"]]),
    "a link beside": ([["a/1.md", "a/2.txt"]], ["a/x.txt"], [["a/*.md", "a/2.txt"]]),
    "code beside": ([["a/1.md"], ["a/1.py"]], [], [["a/**/*.md"], ["a/**/*.py"]]),
    "a made folder": ([["a/1.md", "a/b/2.md"]], ["a/dist/"], [["a/*", "a/b/**/*"]]),
    "brackets": ([["[a]/1.md"], ["b/[1].md", "b/2.md"], ["b/3.md"]], [],
                 [["?a?/**/*"], ["b/?1?.md", "b/2.md"], ["b/3.md"]]),
}  # fmt: skip


@pytest.mark.parametrize("case", GLOBS)
def test_patterns_fit_what_comes_later(case: str) -> None:
    """Patterns name folders and endings; a file by itself only where it has to be."""
    groups, others, expected = GLOBS[case]
    assert patterns(groups, others) == expected


# What a group is about.


def described(language: Any, **folders: Sequence[Sample]) -> list[Any]:
    """Describe folders of samples."""
    groups = [Group(files(*(one.name for one in some)), [name]) for name, some in folders.items()]
    samples = {one.name: one for some in folders.values() for one in some}
    return describe(groups, samples, language, "root")


def test_phrases_tell_groups_apart() -> None:
    """What one group alone has comes first; numbers, dates and headings of any document are left out."""
    hr, it = described(
        "zh",
        hr=[
            sample(
                "hr/1.md",
                "第一章 总则",
                "第二条 年假",
                "一、审批流程",
                language="zh",
                words="员工 小时",
            ),
            sample(
                "hr/2.md", "2.1 年假", "2023年薪酬", "附件1 审批流程", language="zh", words="员工"
            ),
        ],
        it=[sample("it/1.md", "总则", "1. 打印机", "审批流程", language="zh", words="员工 编号")],
    )
    assert hr.phrases[0] == "年假"
    assert {"总则", "小时", "2023年薪酬"}.isdisjoint(hr.phrases)
    assert {"审批流程", "薪酬", "员工"} <= {*hr.phrases}
    assert it.phrases[0] == "打印机"


NAMES = {
    "hr": "hr", "合同": "contracts", "财务报表": "finance-reports", "01_HR Policies": "hr-policies",
    "2024": "files-2024", "甲乙丙": "files", "None": "others", "聊天记录": "chats", "Ä Ö": "a-o",
    "docs": "documents",
}  # fmt: skip


@pytest.mark.parametrize("folder", NAMES)
def test_names_are_ascii(folder: str) -> None:
    """An index's name is made of its folder's, in English words where it is Chinese."""
    [one] = (
        described("en", **{f"x/{folder}": [sample("a.md")]})
        if folder != "docs"
        else described("en", docs=[sample("a.md")], other=[sample("b.md")])[:1]
    )
    assert one.name == NAMES[folder]


def test_names_differ() -> None:
    """Two folders with the same words get two names."""
    found = described(
        "zh", 甲=[sample("1.md")], 乙=[sample("2.md")], 合同=[sample("3.md")], 协议合同=[]
    )
    names = [one.name for one in found]
    assert names[:2] == ["files", "files-2"]
    assert len({*names}) == 4


def looked(samples: Sequence[Sample]) -> Looked:
    """Return a folder in which every file was read."""
    found = Found(files(*(one.name for one in samples)), [])
    return Looked(Path("folder"), found, Read({one.name: one for one in samples}, {}, False))


LAYOUTS: dict[str, tuple[int, int, str, str]] = {
    "few": (5, 40, "income tax", "flat"),
    "short": (12, 3, "income tax", "flat"),
    "long and alike": (12, 40, "income tax", "hierarchical"),
    "long and different": (12, 40, "{0}a {0}b {0}c", "flat"),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_layouts(case: str) -> None:
    """Many long documents that use the same words are hierarchical, everything else is flat."""
    count, chunks, words, layout = LAYOUTS[case]
    samples = [
        sample(f"{n}.md", words=words.format(chr(97 + n)), chunks=chunks) for n in range(count)
    ]
    [index] = propose(looked(samples), "en").indexes
    assert index.layout == layout


def test_the_language_is_that_of_most() -> None:
    """The assistant speaks the language of most documents."""
    zh, en = [[sample(f"{said}{n}.md", language=said) for n in range(3)] for said in ("zh", "en")]
    assert looked([*zh, en[0]]).language == "zh"
    assert looked([zh[0], *en]).language == "en"
    assert looked([]).language is None


@pytest.mark.parametrize("groups", [None, ("legal", 'a"b')])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_written_is_read(
    tmp_path: Path, language: Any, groups: tuple[str, ...] | None
) -> None:
    """Whatever names and headings hold, the settings say what was proposed."""
    index = ProposedIndex(
        name="a-1", title='合同 "A"\\', description="a\"b、c\td\x7f]\n[[index]]", layout="hierarchical",
        sources=["x y/**/*", "'.md"], files=3, example="x", examples=["a?", "b" * 90], embedding="none",
        folders="x/{year}", fields={"year": "number"},
    )  # fmt: skip
    text = settings_text(Proposal(language, [index], {}, ""), '名"\n', groups)
    (tmp_path / "waypost.toml").write_text(text, encoding="utf-8")
    settings = load(tmp_path)
    assert settings.project.name == '名"\n'
    assert settings.project.default_access == ("public" if groups is None else "private")
    read = settings.index[0].model_dump()
    for key in ("name", "title", "description", "layout", "embedding", "folders", "fields"):
        assert read[key] == getattr(index, key)
    assert (list(read["sources"]), list(read["examples"])) == (index.sources, index.examples)
    assert read["groups"] == groups


def test_texts_are_complete() -> None:
    """Both languages have every text."""
    zh, en = texts("init", "zh"), texts("init", "en")
    assert zh.keys() == en.keys()
    for table in ("comments", "troubles", "layouts"):
        assert zh[table].keys() == en[table].keys()


# Looking at folders.


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Return a folder as people have them."""
    return write_messy_folder(tmp_path / "青禾 files")


def test_every_trouble_is_named(tmp_path: Path) -> None:
    """What is left out or has to be looked after is named, hidden and lock files are not."""
    found = look(write_messy_folder(tmp_path / "files", real=False))
    assert {kind: len(names) for kind, names in found.troubles.items()} == {
        "machine": 2, "kind": 1, "old": 1, "link": 1, "empty": 1, "large": 1, "copy": 1,
    }  # fmt: skip
    named = json.dumps([*found.troubles.values(), [file.name for file in found.files]])
    assert not [hidden for hidden in (".git", ".DS_Store", "~$") if hidden in named]
    assert "tools/node_modules/" in found.others
    assert len(found.files) == 24


def test_links_and_loops_are_not_followed(tmp_path: Path) -> None:
    """A link to a folder above is named, and what it leads to is not read."""
    (tmp_path / "a.md").write_text("# A\n")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe.md")
    found = look(tmp_path)
    assert [file.name for file in found.files] == ["a.md"]
    assert found.troubles == {"link": ["loop"], "kind": ["pipe.md"]}


def test_projects_and_environments_are_left_out(tmp_path: Path) -> None:
    """A folder that is a project of its own, or a program's, belongs to no index."""
    for name in (
        "other/waypost.toml",
        "env/pyvenv.cfg",
        "web/package.json",
        "web/dist/a.html",
        "dist/b.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = look(tmp_path)
    assert [file.name for file in found.files] == ["dist/b.md"]
    assert found.troubles["project"] == ["other"]
    assert found.troubles["machine"] == ["env", "web/dist", "web/package.json"]


def test_a_folder_with_far_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names their home by mistake is told what to name instead."""
    for number in range(12):
        (tmp_path / f"{number}.md").touch()
    assert len(look(tmp_path).files) == 12
    monkeypatch.setattr("agent.proposal.walk.MOST_ENTRIES", 11)
    with pytest.raises(UsageError, match="--documents"):
        look(tmp_path)


async def test_a_proposal_comes_without_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where time ran out before anything was read, folders alone make a proposal that can be used."""
    for name in ("hr/a.md", "hr/b.md", "it/a.md", "it/b.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# A\n")
    monkeypatch.setattr("agent.proposal.sample.SECONDS", -1.0)
    seen = await look_into(tmp_path)
    assert (seen.read.hurried, seen.language) == (True, None)
    proposal = propose(seen, "en")
    (tmp_path / "waypost.toml").write_text(settings_text(proposal, "x", None), encoding="utf-8")
    assert [(one.name, one.title, one.sources) for one in load(tmp_path).index] == [
        ("hr", "HR", ("hr/**/*",)),
        ("it", "IT", ("it/**/*",)),
    ]


# Mistakes.


def prepare(folder: Path) -> None:
    """Make places where no project can be made."""
    (folder / "file").write_text("x")
    (folder / "made").mkdir()
    (folder / "made" / "waypost.toml").write_text("")
    (folder / "made" / "docs").mkdir()
    (folder / "unknown").mkdir()
    (folder / "unknown" / "x.exe").write_text("x")
    (folder / "used" / "docs").mkdir(parents=True)
    (folder / "used" / "docs" / "old.md").write_text("old")
    (folder / "app" / "prompts").mkdir(parents=True)
    (folder / "app" / "prompts" / "own.toml").write_text("x = 1")
    (folder / "documents").mkdir()
    (folder / "documents" / "a.md").write_text("# A\n")


MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a project": ({"directory": "made"}, ["already exists", "waypost doctor --project"]),
    "in a project": ({"directory": "made/docs"}, ["lies in the project", "waypost ingest"]),
    "a file": ({"directory": "file"}, ["is a file"]),
    "nothing to read": ({"directory": "unknown"}, ["No file in", "x.exe", "--documents"]),
    "no documents": ({"directory": "new", "documents": "absent"}, ["absent", "not there"]),
    "documents a file": ({"directory": "new", "documents": "file"}, ["is a file"]),
    "among documents": ({"directory": "documents/new", "documents": "documents"},
                        ["among its own documents", "waypost init"]),
    "documents a project": ({"directory": "new", "documents": "made"}, ["is a project itself", "waypost ask"]),
    "copies in the way": ({"directory": "used", "documents": "documents"}, ["in use"]),
    "language": ({"directory": "documents", "language": "fr"}, ["'fr'", "zh or en"]),
    "nobody": ({"directory": "documents", "access": " , "}, ["nobody", "public"]),
    "template and more": ({"directory": "new", "template": "basic", "language": "zh"}, ["--template"]),
    "template in use": ({"directory": "documents", "template": "basic"}, ["already exists"]),
    "prompts of something else": ({"directory": "app"}, ["prompts", "--documents"]),
    "nothing to show": ({"directory": "new", "dry_run": True}, ["--documents"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(tmp_path: Path, mistake: str) -> None:
    """A mistake is told with its cure, and nothing is written."""
    prepare(tmp_path)
    before = state_of(tmp_path)
    options, says = MISTAKES[mistake]
    for key in ("directory", "documents"):
        if key in options:
            options = {**options, key: tmp_path / options[key]}
    with pytest.raises(UsageError) as caught:
        init(**options, yes=True)
    assert [said for said in says if said not in str(caught.value)] == []
    assert state_of(tmp_path) == before


def test_a_closed_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be written to is named with the way around."""
    (tmp_path / "a.md").write_text("# A\n")
    monkeypatch.setattr("agent.cli.init.os.access", lambda path, mode: False)
    with pytest.raises(UsageError, match="--documents"):
        init(directory=tmp_path, yes=True)


def state_of(folder: Path) -> dict[str, str]:
    """Return every path with its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.stat().st_size < 2**20
    }


# The command, on real files.


def waypost(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal."""
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}, stdin=subprocess.DEVNULL, cwd=cwd,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def printed(*args: str | Path) -> Any:
    """Run the command with --json and return what it prints."""
    done = waypost(*args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
async def test_from_a_messy_folder_to_answers(messy: Path) -> None:
    """Three commands: a proposal that is the same each time, an ingestion, a cited answer."""
    before = state_of(messy)
    shown = printed("init", messy, "--dry-run")
    assert (shown["written"], state_of(messy)) == (False, before)
    made = printed("init", messy)
    assert (made["settings"], made["language"]) == (shown["settings"], "zh")
    assert {key: value for key, value in state_of(messy).items() if key in before} == before
    assert {*state_of(messy)} - {*before} == {"waypost.toml", "langgraph.json"}
    assert made["indexes"][-1]["embedding"] == "none"
    assert made["troubles"]["broken"]["count"] == 1

    indexes = load(messy).index
    globs = [one.sources for one in indexes]
    covered = {file.name: covering(globs, file.name) for file in look(messy).files}
    assert {name: len(found) for name, found in covered.items() if len(found) != 1} == {}

    ingest, ask = made["next"]
    done = run_in_a_shell(ingest)
    failed = [line.split(": ")[1] for line in done.stderr.splitlines()]
    assert sorted(failed) == ["Manuals/broken.pdf", "Manuals/dump.log", "Manuals/空.md"]
    assert "[1]" in run_in_a_shell(ask).stdout
    checks = printed_checks(messy)
    assert {name for name, fix in checks.items() if fix} <= {"sources", "documents"}

    cited = await answers(messy, [*CITED])
    found = [document in cited[question] for question, document in CITED.items()]
    assert sum(found) >= 0.8 * len(CITED)
    refused = await answers(messy, REFUSED)
    assert [question for question, documents in refused.items() if documents] == []


async def answers(project: Path, questions: Sequence[str]) -> dict[str, list[str]]:
    """Return the documents that each question's answer cites."""
    async with Waypost.open(project, persistent=False) as opened:
        asked = {question: await opened.ask(question) for question in questions}
    return {
        question: [one["document"] for one in answer["citations"]]
        for question, answer in asked.items()
    }


def run_in_a_shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a printed command as a shell takes it."""
    words = shlex.split(command)
    assert words[0] == "waypost"
    done = waypost(*words[1:])
    assert done.returncode == 0, done.stderr
    return done


def printed_checks(project: Path) -> dict[str, str]:
    """Return the checks of `waypost doctor` with what to fix."""
    checks = json.loads(waypost("doctor", "--project", project, "--json").stdout)["checks"]
    return {check["name"]: check["fix"] for check in checks}


@pytest.mark.slow
def test_documents_from_elsewhere_are_copied(messy: Path, tmp_path: Path) -> None:
    """With --documents the originals stay, the readable files are copied, and only groups may ask."""
    before = state_of(messy)
    made = printed("init", tmp_path / "my project", "--documents", messy, "--access", "ops, legal")
    assert state_of(messy) == before
    project = tmp_path / "my project"
    assert made["copied"] == 24
    assert not (project / "docs/Manuals/photo.jpg").exists()
    assert load(project).project.default_access == "private"
    assert {one.groups for one in load(project).index} == {("ops", "legal")}
    assert all(p.startswith("docs/") for one in load(project).index for p in one.sources)
    assert "--user me --group ops" in made["next"][1]


@pytest.mark.slow
def test_three_questions_are_asked(tmp_path: Path) -> None:
    """In a terminal it asks where, which language and who, and says what it will do before it does."""
    documents = tmp_path / "papers"
    documents.mkdir()
    (documents / "leave.md").write_text("# Annual leave\n\nAnnual leave is ten days.\n")
    (documents / "sick.md").write_text("# Sick leave\n\nBring a certificate.\n")
    project = tmp_path / "desk"
    with asking(project) as screen:
        screen.until_seen("文档在哪个文件夹", "1/3 Which folder")
        screen.enter("/no/such/folder")
        screen.until_seen("an existing folder")
        screen.enter(str(documents))
        screen.until_seen("2/3 Which language")
        screen.enter("fr")
        screen.until_seen("Please write zh, en")
        screen.enter("zh")
        screen.until_seen("3/3 谁可以提问")
        screen.enter("hr，legal")
        assert screen.ended() == 0
        places = [
            screen.text.index(said) for said in ("复制到", "建议 1 个索引", "已写入", "接下来")
        ]
        assert all(one < other for one, other in pairwise(places))
    assert load(project).project.language == "zh"
    assert load(project).index[0].groups == ("hr", "legal")
    question = ("ask", "How many days is annual leave?", "--project", str(project))
    assert "[1]" in waypost(*question, "--user", "me", "--group", "hr").stdout
    assert "[1]" not in waypost(*question).stdout


@pytest.mark.slow
def test_defaults_are_a_key_away(tmp_path: Path) -> None:
    """Enter three times makes a project in the folder itself, for everyone."""
    (tmp_path / "leave.md").write_text("# Annual leave\n\nAnnual leave is ten days.\n")
    with asking(tmp_path) as screen:
        for question in ("1/3", "2/3", "3/3"):
            screen.until_seen(question)
            screen.until_prompt()
            screen.type("\r")
        assert screen.ended() == 0
    assert load(tmp_path).project.default_access == "public"
    assert load(tmp_path).index[0].sources == ("**/*.md",)


@pytest.mark.slow
def test_an_empty_folder_gets_a_sample(tmp_path: Path) -> None:
    """Without documents, in a terminal and without one, a sample project is made."""
    with asking(tmp_path / "one") as screen:
        screen.until_prompt()
        screen.type("\r")
        assert screen.ended() == 0
    assert printed("init", tmp_path / "two")["template"] == "basic"
    assert load(tmp_path / "one").index == load(tmp_path / "two").index


def asking(directory: Path) -> Any:
    """Run `waypost init` in a terminal."""
    return terminal(
        [*COMMAND, "init", str(directory)], columns=240, PYTHONPATH=str(ROOT), PYTHONUTF8="1"
    )
