"""Random access lists and random people: nothing of a document reaches those who may not see it."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from indexes import Principal, Registry
from indexes.access import EVERYONE, permits
from tests.indexes.projects import ingested, write_project

SEED = 20240613
DOCUMENTS = 60
GROUPS = ("board", "finance", "legal", "sales", "审计", "works")
INDEX_GROUPS = {"notes": None, "cases": ["finance", "works"], "filings": []}
REGIONS = ("north", "south", "east", "west", "centre")
CONFIG = """\
[project]
default_access = "public"
""" + "".join(
    f"""
[[index]]
name = "{name}"
layout = "{layout}"
sources = ["docs/{name}/*.md"]
embedding = "none"
fields = {{ code = "keyword", topic = "text" }}
documents = 100
candidates = 300
keep = 50
margin = 1.0
chunk_tokens = 64
chunk_min_tokens = 0
{f"groups = {INDEX_GROUPS[name]}" if INDEX_GROUPS[name] is not None else ""}
"""
    for name, layout in (("notes", "flat"), ("cases", "hierarchical"), ("filings", "hierarchical"))
)
TEXT = """\
---
title: Pump report {title}
code: {code}
topic: noise {topic}
region: {region}
{groups}
---
## Findings {heading}

The pump was checked at night; the noise came from the bearing, says {first}. 水泵夜间检查，噪声来自轴承。

## Measures

The bearing was replaced and the noise went down, says {second}. 更换轴承后噪声下降，应当每月复查。
"""
KINDS = ("title", "heading", "first", "second", "code", "topic")
SECRET = re.compile(r"zz[bcdfghjklmnpqrtvw]{8}|docs/\w+/\d+\.md")


@dataclass(frozen=True)
class Document:
    """A document with words that stand nowhere else, and who may see it."""

    index: str
    name: str
    secrets: dict[str, str]
    access: frozenset[str]
    text: str

    def visible(self, principal: Principal | None) -> bool:
        """Say whether somebody may see it; written apart from what is tested."""
        groups = set(principal.groups) - {EVERYONE} if principal else set()
        return EVERYONE in self.access or bool(self.access & groups)


def some_groups(rng: random.Random) -> list[str]:
    """Return an access list: of everyone, of nobody, or of a few groups."""
    kind = rng.random()
    if kind < 0.2:
        return [EVERYONE]
    return [] if kind < 0.35 else rng.sample(GROUPS, rng.randint(1, 3))


def generate(rng: random.Random) -> tuple[list[Document], str]:
    """Return documents whose lists come from all four places, and the access.toml that some need."""
    documents: list[Document] = []
    lists: list[str] = []
    for number in range(DOCUMENTS):
        index = rng.choice(list(INDEX_GROUPS))
        name = f"docs/{index}/{number}.md"
        secrets = {k: "zz" + "".join(rng.choices("bcdfghjklmnpqrtvw", k=8)) for k in KINDS}
        usual = INDEX_GROUPS[index]
        access, matter = [EVERYONE] if usual is None else usual, ""
        if rng.random() < 0.4:
            access = some_groups(rng)
            lists.append(f'"docs/*/{number}.md" = {access}')
        if rng.random() < 0.4:
            access = some_groups(rng)
            matter = f"groups: {access}"
        text = TEXT.format(**secrets, groups=matter, region=rng.choice(REGIONS))
        documents.append(Document(index, name, secrets, frozenset(access), text))
    return documents, "\n".join(lists)


def people(rng: random.Random) -> Iterator[Principal | None]:
    """Yield people without end: unknown ones, of no group, of some, and of groups that do not count."""
    while True:
        groups = rng.sample((*GROUPS, EVERYONE, "", "nobody"), rng.randint(0, 3))
        yield rng.choice([None, *[Principal(str(rng.random()), tuple(groups))] * 5])


@dataclass(frozen=True)
class World:
    """An ingested project, and what is in it."""

    registry: Registry
    documents: Sequence[Document]

    def seen(self, principal: Principal | None) -> set[str]:
        """Return the ids of the documents that somebody may see."""
        return {one.name for one in self.documents if one.visible(principal)}


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Open a generated project."""
    documents, lists = generate(random.Random(SEED))
    files = {"access.toml": lists, **{one.name: one.text for one in documents}}
    project = write_project(tmp_path_factory.mktemp("access"), CONFIG, files)
    async with ingested(project) as registry:
        yield World(registry, documents)


Answer = tuple[Any, bool]  # what was answered, and whether the document was found
Way = Callable[[Registry, Document, Principal | None, random.Random], Awaitable[Answer]]


async def by_search(
    registry: Registry, document: Document, principal: Principal | None, rng: random.Random
) -> Answer:
    """Ask for a secret, in the document's index or in all: what is hidden scores nothing at all."""
    secret = document.secrets[rng.choice(KINDS[:4])]
    index = rng.choice([document.index, None])
    passages = await registry.search(secret, index=index, principal=principal, k=rng.randint(1, 9))
    assert document.visible(principal) or passages == []
    return passages, document.name in {passage["document"] for passage in passages}


async def by_crowded_search(
    registry: Registry, document: Document, principal: Principal | None, rng: random.Random
) -> Answer:
    """Ask for a secret among words that every document has, deep enough to return neighbours."""
    query = f"pump bearing noise 轴承噪声 {document.secrets['title']} {document.secrets['first']}"
    passages = await registry.search(query, index=document.index, principal=principal, k=50)
    return passages, document.name in {passage["document"] for passage in passages}


async def by_filter(
    registry: Registry, document: Document, principal: Principal | None, rng: random.Random
) -> Answer:
    """Filter by a secret, in a search and in the list."""
    where: dict[str, Any] = rng.choice(
        [
            {"code": document.secrets["code"]},
            {"topic": {"text": document.secrets["topic"]}},
            {"title": document.secrets["title"]},
            {"document": document.name},
        ]
    )
    index = rng.choice([document.index, None])
    options: dict[str, Any] = {"index": index, "principal": principal, "where": where}
    passages = await registry.search("noise of the pump", **options)
    infos = await registry.documents(**options)
    assert len(infos) == document.visible(principal)
    assert bool(passages) is bool(infos)
    return (passages, infos), bool(infos)


async def by_list(
    registry: Registry, document: Document, principal: Principal | None, rng: random.Random
) -> Answer:
    """List everything."""
    infos = await registry.documents(principal=principal)
    return infos, document.name in {info["document"] for info in infos}


async def by_mention(
    registry: Registry, document: Document, principal: Principal | None, rng: random.Random
) -> Answer:
    """Ask which documents mention a secret."""
    secret = document.secrets[rng.choice(KINDS[:4])]
    mentioned = await registry.mentioning(f"{secret} pump", principal=principal)
    assert mentioned <= {(document.index, document.name)}
    return mentioned, bool(mentioned)


async def by_outline(
    registry: Registry, document: Document, principal: Principal | None, rng: random.Random
) -> Answer:
    """Read all titles and headings."""
    outlines = await registry.outlines(principal=principal)
    return outlines, document.secrets[rng.choice(["title", "heading"])] in str(outlines)


async def by_weight(
    registry: Registry, document: Document, principal: Principal | None, rng: random.Random
) -> Answer:
    """Ask how well indexes match a secret, and how rare it is."""
    secret = document.secrets[rng.choice(KINDS[:4])]
    affinities = await registry.affinities(secret, principal=principal)
    (rarity,) = await registry.index(document.index).idf([secret], principal=principal)
    matching = {name for name, one in affinities.items() if one.lexical or one.similarity}
    assert matching <= {document.index}
    assert bool(matching) is (rarity > 0)
    return None, bool(matching)


async def by_section(
    registry: Registry, document: Document, principal: Principal | None, rng: random.Random
) -> Answer:
    """Read a section, or all, of a document whose id is known; and ask whether a text stands in it."""
    path = rng.choice([[], [f"Findings {document.secrets['heading']}"]])
    index = registry.index(document.index)
    passages = await index.section(document.name, path, principal=principal)
    stands = await registry.stands(
        document.index, document.name, document.secrets["first"], principal=principal
    )
    assert bool(passages) is stands
    return passages, stands


WAYS: Sequence[Way] = (
    by_search, by_crowded_search, by_filter, by_list, by_mention, by_outline, by_weight, by_section,
)  # fmt: skip
SURE: Sequence[Way] = tuple(way for way in WAYS if way is not by_crowded_search)  # limited to a few


@pytest.mark.parametrize("queries", [400, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_nothing_hidden_is_told(world: World, queries: int) -> None:
    """In whatever way somebody asks, they get what they may see of a document, and else no trace."""
    rng = random.Random(queries)
    owners = {secret: one.name for one in world.documents for secret in one.secrets.values()}
    outcomes = set()
    for number, principal in zip(range(queries), people(rng), strict=False):
        document, way = rng.choice(world.documents), WAYS[number % len(WAYS)]
        answer, was_found = await way(world.registry, document, principal, rng)
        told = {owners.get(secret, secret) for secret in SECRET.findall(str(answer))}
        case = f"{way.__name__} by {principal} for {document.name}"
        assert told <= world.seen(principal), case
        visible = document.visible(principal)
        assert was_found is visible if way in SURE else was_found <= visible, case
        outcomes.add((way, visible))
    assert len(outcomes) == 2 * len(
        WAYS
    )  # each way was tried by those who may and those who may not


@pytest.mark.parametrize("groups", [None, (), ("board",), ("审计", "works"), GROUPS])
async def test_what_is_hidden_might_as_well_not_exist(
    world: World, tmp_path: Path, groups: tuple[str, ...] | None
) -> None:
    """All answers and their scores are those of a project without the documents one may not see."""
    principal = None if groups is None else Principal("somebody", groups)
    files = {one.name: one.text for one in world.documents if one.visible(principal)}
    lists = (world.registry.project / "access.toml").read_text(encoding="utf-8")
    project = write_project(tmp_path, CONFIG, {**files, "access.toml": lists})
    async with ingested(project) as without:
        told, scores = await answers(world, without, principal)
    everything = await answers(world, world.registry, principal)
    assert everything[0] == told
    assert everything[1] == pytest.approx(scores, rel=1e-5)


async def answers(
    world: World, registry: Registry, principal: Principal | None
) -> tuple[list[Any], list[float]]:
    """Return a registry's answers to questions of all kinds, and their scores."""
    told: list[Any] = [
        await registry.outlines(principal=principal),
        [{**one, "synced": ""} for one in await registry.documents(principal=principal)],
        await registry.mentioning("bearing noise", principal=principal),
    ]
    scores: list[float] = []
    questions = ["noise of the bearing", "轴承噪声 每月复查", "pump", ""]
    pairs = zip(world.documents, REGIONS * 2, strict=False)
    questions += [f"{one.secrets['title']} {region} bearing" for one, region in pairs]
    for question in questions:
        for name, affinity in (await registry.affinities(question, principal=principal)).items():
            told.append(name)
            scores.append(affinity.lexical)
        for one in registry.indexes:
            passages = await registry.search(question, index=one, principal=principal, k=300)
            passages.sort(key=lambda passage: passage["chunk_id"])  # equal scores have no order
            told += [{**passage, "score": None} for passage in passages]
            scores += [passage["score"] for passage in passages]
        # how ranks are merged shows in the scores; which of equal passages come first, does not
        merged = await registry.search(question, principal=principal)
        scores += [passage["score"] for passage in merged]
    for index in registry.indexes.values():
        scores += await index.idf(["pump", "bear", "zz"], principal=principal)
    return told, scores


@pytest.mark.parametrize(
    ("groups", "principal", "lets_in"),
    [
        (None, None, True),
        (["*"], None, True),
        (["*"], Principal("li"), True),
        (["board"], None, False),
        (["board"], Principal("li", ("staff",)), False),
        (["board"], Principal("li", ("staff", "board")), True),
        ([], Principal("li", ("board",)), False),
    ],
)
def test_permits(groups: list[str] | None, principal: Principal | None, lets_in: bool) -> None:
    """A list lets its groups in, "*" and no list everyone, an empty list nobody."""
    assert permits(groups, principal) is lets_in
