"""What `waypost init` proposes, against one index for everything and the examples' own settings.

`python benchmarks/first_run.py [EXAMPLE ...] [--folder DIR]`. The documents of each example are put into a
folder as a person would have them, by their subfolders and all in one; then the example's questions
about documents, and those that nothing answers, are asked. A folder of many formats in two languages,
which its files make untidy, comes last, with the seconds of each command.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from agent.app import Waypost
from agent.evaluation import evaluate, read_questions
from agent.evaluation.types import Labelled
from agent.proposal import look_into, propose, settings_text
from tests.agent.messy import CITED, REFUSED, write_messy_folder

ROOT = Path(__file__).parent.parent
EXAMPLES = ["urban_construction", "customer_service", "regulations", "code_assistant"]
CHECKOUT = "checkout"  # its own folder: one named `prompts` beside waypost.toml is the project's
CODE = ("agent", "indexes", "prompts")
ONE = '[project]\nname = "One"\nlanguage = "{}"\ndefault_access = "public"\n[[index]]\nname = "documents"\nsources = {}\n'
IGNORED = shutil.ignore_patterns(".waypost", "__pycache__", "*.pyc", "templates")
USED = {"id", "question", "after", "action", "documents", "answer"}


def questions(example: str, lead: str, *, flat: bool) -> list[Labelled]:
    """Return an example's questions about documents and those to refuse, for documents below `lead`."""
    found: list[Labelled] = []
    for row in read_questions(ROOT / "examples" / example / "questions.jsonl"):
        asks = row.get("action") == "search" and row.get("documents")
        if not asks and row.get("action") != "abstain":
            continue
        kept: Labelled = {key: value for key, value in row.items() if key in USED}  # type: ignore[assignment]
        if asks:
            names = [
                name.removeprefix("docs/") if example != EXAMPLES[3] else name
                for name in row["documents"]
            ]
            kept["documents"] = [
                lead + (name.rpartition("/")[2] if flat else name) for name in names
            ]
        found.append(kept)
    return found


def lay_out(example: str, folder: Path, *, flat: bool) -> None:
    """Put an example's documents into a folder, and the embeddings that were shipped with them."""
    source = ROOT / "examples" / example
    folder.mkdir(parents=True)
    if example == EXAMPLES[3]:  # its documents are this code base
        base = folder / CHECKOUT
        for name in CODE:
            shutil.copytree(ROOT / name, base / name, ignore=IGNORED)
        for name in ("threads", "style"):
            shutil.copytree(source / name, base / name)
        (base / "docs").mkdir()
        for path in (ROOT / "docs").glob("*.md"):
            shutil.copy2(path, base / "docs")
    elif flat:
        for path in (source / "docs").rglob("*"):
            if path.is_file():
                shutil.copy2(path, folder)
    else:
        shutil.copytree(source / "docs", folder, dirs_exist_ok=True)
    shutil.copy2(source / "embeddings.db", folder)


async def measure(name: str, project: Path, rows: Sequence[Labelled]) -> None:
    """Ingest, ask, and print the figures."""
    async with Waypost.open(project, persistent=False) as waypost:
        report = await waypost.ingest()
        found = await evaluate(waypost, rows)
        indexes = len(waypost.registry.indexes)
    figures = {
        "document@5": found["search"]["document@5"],
        "cited": found["answer"]["cited"],
        "contains": found["answer"].get("contains"),
        "refused": found["answer"]["refused"],
    }
    told = "  ".join(
        f"{key} {'  -' if value is None else f'{100 * value:3.0f}'}"
        for key, value in figures.items()
    )
    print(f"{name:<44} {indexes} indexes  {told}  {len(report['failed'])} failed", flush=True)


async def compare(example: str, work: Path) -> None:
    """Measure an example's own settings, one index, and what is proposed."""
    own = work / f"{example}-own"
    shutil.copytree(ROOT / "examples" / example, own, ignore=IGNORED)
    lead = "" if example == EXAMPLES[3] else "docs/"
    print(f"{example}: {len(questions(example, lead, flat=False))} questions")
    await measure("  its own settings", own, questions(example, lead, flat=False))
    for flat in (False, True) if lead else (False,):
        folder = work / f"{example}-{'flat' if flat else 'folders'}"
        lay_out(example, folder, flat=flat)
        rows = questions(example, "" if lead else f"{CHECKOUT}/", flat=flat)
        looked = await look_into(folder)
        language = looked.language or "en"
        proposal = propose(looked, language)
        endings = sorted({f"**/*{file.ending}" for file in looked.found.files})
        one = ONE.format(language, json.dumps(endings))
        if not lead:
            one += 'embedding = "none"\n'  # embedding thousands of functions takes half an hour
        shape = "one folder" if flat else "its folders"
        for name, text in (
            (f"  {shape}, one index", one),
            (f"  {shape}, proposed", settings_text(proposal, example, None)),
        ):
            (folder / "waypost.toml").write_text(text, encoding="utf-8")
            await measure(name, folder, rows)


async def untidy(work: Path) -> None:
    """Time each command on the untidy folder, and measure its questions."""
    folder = write_messy_folder(work / "untidy")
    rows: list[Labelled] = [
        {"id": question, "question": question, "action": "search", "documents": [document]}
        for question, document in CITED.items()
    ]
    rows += [{"id": question, "question": question, "action": "abstain"} for question in REFUSED]
    print(f"untidy folder: {len(rows)} questions")
    for command in (
        ["init", str(folder), "--yes"],
        ["ingest", "--project", str(folder)],
        ["ask", "--project", str(folder), next(iter(CITED))],
    ):
        started = time.monotonic()
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", "from agent.cli.main import run; run()", *command],
            check=True, capture_output=True, cwd=ROOT,
        )  # fmt: skip
        print(f"  waypost {command[0]:<8} {time.monotonic() - started:5.1f} s", flush=True)
    await measure("  proposed", folder, rows)
    (folder / "waypost.toml").write_text(ONE.format("zh", '["**/*"]'), encoding="utf-8")
    await measure("  one index", folder, rows)


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "examples", nargs="*", metavar="EXAMPLE", help=f"default: {', '.join(EXAMPLES)}, untidy"
    )
    parser.add_argument("--folder", type=Path, help="a new folder to work in, which is kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.folder or Path(temporary)
        for example in options.examples or [*EXAMPLES, "untidy"]:
            await (untidy(work) if example == "untidy" else compare(example, work))


if __name__ == "__main__":
    asyncio.run(main())
