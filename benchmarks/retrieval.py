"""Quality of retrieval on data sets that are not part of the repository.

`python benchmarks/retrieval.py --drcd dev.json` takes question-answering data in SQuAD's format
(DRCD, CMRC, SQuAD): articles become documents. `--filings FOLDER` takes PDFs and a questions.jsonl
(FinanceBench's form: document, question, evidence_pages from 0), and puts distractors beside them:
copies whose company, years and numbers are changed. `--folder DIR` keeps the built stores, so that
a second run embeds nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes import Passage, Registry
from indexes.ingest.loaders import load
from indexes.settings import IndexSettings, ProjectSettings, Settings

TOP = 10
COMPANIES = [
    "Northlake Industries", "Calder Packaging", "Orion Retail Group", "Halvorsen Aerospace",
    "Meridian Health", "Silverline Resorts", "Brightwater Beauty", "Tamarack Electronics",
    "Pinecrest Pharma", "Westbrook Holdings",
]  # fmt: skip


@dataclass
class Asked:
    """A question and what tells that a passage answers it."""

    text: str
    document: str
    found: Callable[[Passage], bool]


@dataclass
class Figures:
    """Ranks of the first right passage and document of each question (0: not found)."""

    passages: list[int]
    documents: list[int]
    milliseconds: list[float]

    def line(self, name: str) -> str:
        """Return the figures as one line of a table."""
        return (
            f"{name:<34} R@1 {_at(self.passages, 1):.3f}  R@5 {_at(self.passages, 5):.3f}  "
            f"MRR {_mrr(self.passages):.3f} | document R@1 {_at(self.documents, 1):.3f}  "
            f"R@3 {_at(self.documents, 3):.3f}  | p50 {statistics.median(self.milliseconds):.1f} ms"
        )


def _at(ranks: Sequence[int], most: int) -> float:
    return sum(1 for rank in ranks if 0 < rank <= most) / max(1, len(ranks))


def _mrr(ranks: Sequence[int]) -> float:
    return sum(1 / rank for rank in ranks if rank) / max(1, len(ranks))


def _plain(text: str) -> str:
    return re.sub(r"\s", "", text)


async def measure(
    registry: Registry, asked: Sequence[Asked], search: Callable[[Asked], Awaitable[list[Passage]]]
) -> Figures:
    """Ask all questions."""
    figures = Figures([], [], [])
    for one in asked:
        started = time.perf_counter()
        passages = await search(one)
        figures.milliseconds.append((time.perf_counter() - started) * 1000)
        right = (n for n, passage in enumerate(passages, 1) if one.found(passage))
        figures.passages.append(next(right, 0))
        seen = list(dict.fromkeys(passage["document"] for passage in passages))
        figures.documents.append(seen.index(one.document) + 1 if one.document in seen else 0)
    return figures


def settings(**index: Any) -> Settings:
    """Return the settings of a project with one index."""
    return Settings(
        project=ProjectSettings(default_access="public"),
        index=(IndexSettings(name="all", sources=("docs/**/*",), **index),),
    )


async def built(project: Path, known: Settings) -> None:
    """Bring a project's store in line with its documents, telling how far it is."""
    started = time.perf_counter()

    def told(what: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{what} {done}{f' of {total}' if total else ''}   ", end="", file=sys.stderr)

    async with Registry.open(project, known) as registry:
        report = await registry.sync(progress=told)
    print(
        f"{report['added']} documents added, {report['chunks']} chunks, "
        f"{time.perf_counter() - started:.0f} s; failed: {report['failed']}"
    )


def articles(path: Path, project: Path) -> list[Asked]:
    """Write each article as a document, and return the questions about them."""
    asked: list[Asked] = []
    folder = project / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    for number, article in enumerate(json.loads(path.read_text("utf-8"))["data"]):
        name = f"docs/{number:05}.md"
        contexts = [paragraph["context"] for paragraph in article["paragraphs"]]
        text = "\n\n".join(re.sub(r"\s*\n\s*", " ", context) for context in contexts)
        (project / name).write_text(f"# {article['title']}\n\n{text}\n", encoding="utf-8")
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                answer = question["answers"][0]
                start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
                near = _plain(paragraph["context"][max(0, start - 6) : end + 6])

                def found(passage: Passage, near: str = near, name: str = name) -> bool:
                    return passage["document"] == name and near in _plain(passage["text"])

                asked.append(Asked(question["question"], name, found))
    return asked


async def drcd(path: Path, project: Path, most: int) -> None:
    """Articles of an encyclopedia: flat and hierarchical, hybrid and its branches."""
    asked = articles(path, project)
    random.Random(0).shuffle(asked)
    asked = asked[:most] if most else asked
    await built(project, settings(layout="hierarchical"))
    print(f"{path.name}: {len(asked)} questions")
    for name, known in {
        "flat, hybrid": settings(),
        "flat, BM25 alone": settings(weights={"bm25": 1.0, "dense": 0.0}),
        "flat, dense alone": settings(weights={"bm25": 0.0, "dense": 1.0}),
        "hierarchical, hybrid": settings(layout="hierarchical"),
    }.items():
        async with Registry.open(project, known) as registry:

            async def search(one: Asked, registry: Registry = registry) -> list[Passage]:
                return await registry.search(one.text, index="all", k=TOP)

            print((await measure(registry, asked, search)).line(name), flush=True)


def distractors(folder: Path, out: Path, count: int) -> None:
    """Write changed copies of filings: another company, other years, other numbers.

    Half of them keep the company and change the year alone, as a company's other filings do.
    """
    random_ = random.Random(1)
    originals = sorted(folder.glob("*.pdf"))
    for number in range(count):
        source = originals[number % len(originals)]
        company, rest = re.split(r"_(?=\d{4})", source.stem, maxsplit=1)
        blocks = load(source).blocks
        shift = random_.choice([-4, -3, -2, -1, 1])
        other = company if number % 2 else random_.choice(COMPANIES)
        names = re.compile(r"[\s&_]*".join(company.replace("_", "")), re.IGNORECASE)
        lines = []
        for block in blocks:
            text = block.text if number % 2 else names.sub(other, block.text)
            text = _later(text, shift)
            text = re.sub(
                r"\b\d{1,3}(?:,\d{3})+\b", lambda m: f"{random_.randrange(10**6):,}", text
            )
            lines.append(text)
        name = f"{other.upper().replace(' ', '')}_{rest}"
        (out / f"{_later(name, shift)}_{number}.md").write_text(
            "\n\n".join(lines), encoding="utf-8"
        )


def _later(text: str, years: int) -> str:
    """Return a text with every year moved."""
    return re.sub(r"(?<!\d)(19|20)\d\d(?!\d)", lambda m: str(int(m.group()) + years), text)


def reports(folder: Path, project: Path, count: int) -> list[Asked]:
    """Put the filings and their distractors into a project, and return the questions."""
    docs = project / "docs"
    if not docs.exists():
        docs.mkdir(parents=True)
        for source in folder.glob("*.pdf"):
            shutil.copy(source, docs / source.name)
        distractors(folder, docs, count)
    asked: list[Asked] = []
    for line in (folder / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        pages = {page + 1 for page in row["evidence_pages"]}
        name = f"docs/{row['document']}"

        def found(passage: Passage, pages: set[int] = pages, name: str = name) -> bool:
            return passage["document"] == name and passage["location"].get("page") in pages

        asked.append(Asked(row["question"], name, found))
    return asked


async def filings(folder: Path, project: Path, count: int, embedded: bool) -> None:
    """Company filings among distractors: flat, hierarchical, and inside the right document."""
    asked = reports(folder, project, count)
    model = {"embed": "documents"} if embedded else {"embedding": "none"}
    await built(project, settings(layout="hierarchical", **model))
    print(f"{folder.name}: {len(asked)} questions, {count} distractors")
    for name, known in {
        "flat": settings(**model),
        "hierarchical": settings(layout="hierarchical", **model),
        "inside the right document": settings(layout="hierarchical", **model),
    }.items():
        async with Registry.open(project, known) as registry:

            async def search(
                one: Asked, registry: Registry = registry, known: bool = name.startswith("inside")
            ) -> list[Passage]:
                where = {"document": one.document} if known else None
                return await registry.search(one.text, index="all", k=5, where=where)

            print((await measure(registry, asked, search)).line(name), flush=True)


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drcd", type=Path, help="a file in SQuAD's format")
    parser.add_argument("--filings", type=Path, help="a folder of PDFs with a questions.jsonl")
    parser.add_argument("--distractors", type=int, default=40)
    parser.add_argument("--embedded", action="store_true", help="embed the filings' documents")
    parser.add_argument("--questions", type=int, default=0, help="ask this many only")
    parser.add_argument("--folder", type=Path, help="where to build, and keep, the stores")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        if chosen.drcd:
            await drcd(chosen.drcd, folder / "drcd", chosen.questions)
        if chosen.filings:
            await filings(chosen.filings, folder / "filings", chosen.distractors, chosen.embedded)


if __name__ == "__main__":
    asyncio.run(main())
