"""What ingestion costs beside embedding: CPU time and memory of every process that takes part.

`python benchmarks/ingestion.py [--files 10000] [--text FILE]`. Three measurements, each in a process of
its own: syncing many files of which none or one changed, the chunks and bytes of each format that a
second of CPU brings into the store without embeddings, and the same with all embeddings in the cache.
Linux alone, since it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PASSAGE = 450  # characters
PASSAGES = 20  # in a file of a format
RUNS = 3  # of a sync in which nothing changed
CHARS = 900_000  # of each format: 2,000 passages
MARK = "紫云英"  # in one document alone
RATE, RESYNC, CHANGED = 800.0, 2.0, 1.0  # chunks a CPU second, CPU seconds, seconds: what is wanted
ROLES = {"indexes.stores.owner": "store", "indexes.ingest.worker": "reader"}
TICKS = os.sysconf("SC_CLK_TCK")
SETTINGS = """\
[project]
default_access = "public"
[[index]]
name = "texts"
sources = ["docs/**/*"]
layout = "hierarchical"
embedding = "{}"
"""
Passages = Iterator[str]


# --- text ---------------------------------------------------------------------------------------


def passages_of(file: Path | None) -> Passages:
    """Yield passages of 150 to 750 characters without end: shuffled sentences of a text.

    Args:
        file: a text in UTF-8, or JSON whose long strings are the text; None: the example's documents.
    """
    from indexes.text import language, sentences

    if file is None:
        folder = ROOT / "examples" / "urban_construction" / "docs"
        texts = [one.read_text("utf-8") for one in sorted(folder.rglob("*.md"))]
    else:
        text = file.read_text("utf-8")
        texts = list(_strings(json.loads(text))) if text.lstrip()[:1] in "{[" else [text]
    found = [
        " ".join(sentence.split())
        for text in texts
        for _, sentence in sentences(text)
        if len(sentence) > 15 and language(sentence) == "zh" and "|" not in sentence
    ]
    drawn = random.Random(7)
    passage, size = "", PASSAGE
    while True:
        drawn.shuffle(found)
        for sentence in found:
            passage += sentence
            if len(passage) >= size:
                yield passage
                passage, size = (
                    "",
                    drawn.randint(PASSAGE // 3, PASSAGE * 5 // 3) - len(sentence) // 2,
                )


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        if len(data) > 100:
            yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)


# --- files --------------------------------------------------------------------------------------


def write_md(path: Path, texts: Sequence[str]) -> None:
    """Write a section of Markdown for every five passages."""
    parts = [
        f"## 第{i // 5 + 1}节\n\n{text}" if i % 5 == 0 else text for i, text in enumerate(texts)
    ]
    path.write_text(f"# {path.stem}\n\n" + "\n\n".join(parts), "utf-8")


def write_txt(path: Path, texts: Sequence[str]) -> None:
    """Write a paragraph for every passage."""
    path.write_text("\n\n".join(texts), "utf-8")


def write_html(path: Path, texts: Sequence[str]) -> None:
    """Write a page with a heading and a paragraph for every passage."""
    body = "".join(f"<p>{escape(text)}</p>\n" for text in texts)
    head = f"<head><meta charset='utf-8'><title>{path.stem}</title></head>"
    path.write_text(f"<html>{head}<body><h1>{path.stem}</h1>{body}</body></html>", "utf-8")


def write_json(path: Path, texts: Sequence[str]) -> None:
    """Write a list of records with a passage each."""
    data = [{"number": i, "title": text[:12], "text": text} for i, text in enumerate(texts)]
    path.write_text(json.dumps(data, ensure_ascii=False), "utf-8")


def write_csv(path: Path, texts: Sequence[str]) -> None:
    """Write a table with ten rows for every passage."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("编号", "内容", "数量"), *_rows(texts)])


def write_xlsx(path: Path, texts: Sequence[str]) -> None:
    """Write a sheet with ten rows for every passage."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("表")
    for row in [("编号", "内容", "数量"), *_rows(texts)]:
        sheet.append(row)
    book.save(path)


def _rows(texts: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    step = PASSAGE // 10
    for i, text in enumerate(texts):
        for start in range(0, len(text), step):
            yield f"{i}-{start // step}", text[start : start + step], start * 7


def write_eml(path: Path, texts: Sequence[str]) -> None:
    """Write a mail with a paragraph for every passage."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = path.stem, "a@example.org", "b@example.org"
    mail["Date"] = "Fri, 01 Mar 2024 10:02:33 +0800"
    mail.set_content("\n\n".join(texts))
    path.write_bytes(mail.as_bytes())


def write_chat(path: Path, texts: Sequence[str]) -> None:
    """Write a chat log with ten messages for every passage."""
    lines: list[str] = []
    for number, (_, text, _) in enumerate(_rows(texts)):
        day, minute = divmod(number, 600)
        time_of_day = f"{8 + minute // 60:02d}:{minute % 60:02d}:00"
        lines += [f"2024-03-{day + 1:02d} {time_of_day} {'张李王赵'[number % 4]}三", text]
    path.write_text("\n".join(lines), "utf-8")


def write_code(path: Path, texts: Sequence[str]) -> None:
    """Write a module with a function, and its comment, for every passage."""
    body = [
        f"def step_{i}(value: int) -> int:\n"
        + "".join(f"    # {text[j : j + 60]}\n" for j in range(0, len(text), 60))
        + f"    return value + {i}\n"
        for i, text in enumerate(texts)
    ]
    path.write_text("\n\n".join(body), "utf-8")


def write_docx(path: Path, texts: Sequence[str]) -> None:
    """Write a Word document with a paragraph for every passage."""
    import docx

    document = docx.Document()
    for i, text in enumerate(texts):
        if i % 5 == 0:
            document.add_heading(f"第{i // 5 + 1}节", 1)
        document.add_paragraph(text)
    document.save(str(path))


def write_pptx(path: Path, texts: Sequence[str]) -> None:
    """Write a presentation with a slide for every passage."""
    import pptx

    show = pptx.Presentation()
    for i, text in enumerate(texts):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = f"第{i + 1}页"
        slide.placeholders[1].text = text
    show.save(str(path))


def write_pdf(path: Path, texts: Sequence[str]) -> None:
    """Write a PDF with two passages a page, in lines of 30 characters."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(path))
    for start in range(0, len(texts), 2):
        canvas.setFont("STSong-Light", 12)
        y = 790
        for text in texts[start : start + 2]:
            for begin in range(0, len(text), 30):
                canvas.drawString(70, y, text[begin : begin + 30])
                y -= 20
            y -= 20
        canvas.showPage()
    canvas.save()


FORMATS: Mapping[str, tuple[str, Callable[[Path, Sequence[str]], None]]] = {
    "md": (".md", write_md),
    "txt": (".txt", write_txt),
    "docx": (".docx", write_docx),
    "xlsx": (".xlsx", write_xlsx),
    "csv": (".csv", write_csv),
    "pdf": (".pdf", write_pdf),
    "html": (".html", write_html),
    "json": (".json", write_json),
    "eml": (".eml", write_eml),
    "chat": (".txt", write_chat),
    "code": (".py", write_code),
    "pptx": (".pptx", write_pptx),
}


# --- one measurement, in a process of its own ---------------------------------------------------


class Processes:
    """Looks at the processes that this one has started, now and then."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, int], float] = {}
        self.memory: dict[str, float] = {}
        self.own = 0.0  # seconds that looking took
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.look()
        self.own += time.thread_time()

    def look(self) -> bool:
        """Note what each has taken so far; say whether there is any."""
        there = False
        for process in Path("/proc").glob("[0-9]*"):
            try:
                fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
                if int(fields[1]) != os.getpid() or fields[0] == "Z":
                    continue
                line = (process / "cmdline").read_bytes().decode().split("\0")
                role = next((ROLES[word] for word in line if word in ROLES), "")
                if not role:
                    continue
                there = True
                taken = (int(fields[11]) + int(fields[12])) / TICKS
                self.seconds[role, int(process.name)] = taken
                self._note(role, process / "status")
            except (OSError, IndexError):
                continue  # it has ended
        return there

    def _note(self, role: str, status: Path) -> None:
        most = _peak(status)
        self.memory[role] = max(most, self.memory.get(role, 0.0))

    def wait(self) -> None:
        """Wait until the store's process has settled what was written, and all have ended."""
        until = time.monotonic() + 60
        while self.look() and time.monotonic() < until:
            time.sleep(0.1)
        self.own += time.thread_time()

    def of(self, role: str) -> float:
        """Return the CPU seconds that processes of a role were seen to take."""
        return sum(taken for (name, _), taken in self.seconds.items() if name == role)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def _peak(status: Path) -> float:
    """Return the most memory that a process has had, in MiB."""
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


async def measure(project: Path, only: str, mark: str, invent: bool) -> dict[str, Any]:
    """Sync a project once and return what that took.

    Args:
        project: its folder.
        only: the file to look at alone; "": all.
        mark: what is searched for afterwards; "": nothing.
        invent: put invented vectors into the cache instead of embedding.
    """
    from indexes import Registry

    if invent:
        _invent()
    imports = time.process_time()
    with Processes() as processes:
        async with Registry.open(project) as registry:
            started = time.perf_counter()
            report = await registry.sync([project / only] if only else ())
            wall = time.perf_counter() - started
            if mark:
                found = await registry.search(mark)
                assert any(mark in passage["text"] for passage in found), "it is not found"
                wall = time.perf_counter() - started
            chunks, documents = await registry.count_chunks(), len(await registry.documents())
        await asyncio.to_thread(processes.wait)
    main = time.process_time() - imports - processes.own
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = children.ru_utime + children.ru_stime
    store = processes.of("store")
    return {
        "imports": imports,
        "main": main,
        "store": store,
        "reader": max(0.0, total - store),
        "wall": wall,
        "report": report,
        "chunks": chunks,
        "documents": documents,
        "memory": {"main": _peak(Path("/proc/self/status")), **processes.memory},
    }


def _invent() -> None:
    import numpy as np

    from indexes.embeddings.local import LocalEmbedder

    async def embed(self: Any, texts: Sequence[str], progress: Any = None) -> Any:
        drawn = np.random.default_rng(len(texts)).normal(size=(len(texts), self.dimension))
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)

    LocalEmbedder.embed_passages = embed  # type: ignore[method-assign]


def run(project: Path, *, only: str = "", mark: str = "", invent: bool = False) -> dict[str, Any]:
    """Return what `measure` finds in a process of its own."""
    made = subprocess.run(
        [sys.executable, __file__, "--measure", json.dumps([str(project), only, mark, invent])],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return found


def seconds(found: Mapping[str, Any]) -> float:
    """Return the CPU seconds of all processes, imports of the measuring one left out."""
    return float(found["main"] + found["store"] + found["reader"])


# --- what is printed ----------------------------------------------------------------------------


@contextmanager
def project_of(embedding: str) -> Iterator[Path]:
    """Make an empty project."""
    with tempfile.TemporaryDirectory(prefix="waypost-") as folder:
        project = Path(folder)
        (project / "docs").mkdir()
        (project / "waypost.toml").write_text(SETTINGS.format(embedding), "utf-8")
        yield project


def show_syncs(count: int, texts: Passages) -> None:
    """Measure syncs of many files of which none or one changed."""
    with project_of("none") as project:
        for i in range(count):
            path = project / "docs" / f"{i // 500:03d}" / f"{i:06d}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"# 文件{i}\n\n{next(texts)}", "utf-8")
        time.sleep(2.5)  # files this young are read again, since a clock may not have ticked
        first = run(project)
        print(f"\n{count:,} files of a passage, no embeddings", flush=True)
        _line("first ingestion", first)
        again = sorted((run(project) for _ in range(RUNS)), key=seconds)
        assert all(one["report"]["unchanged"] == count for one in again)
        _line("nothing changed", again[RUNS // 2])
        taken = seconds(again[RUNS // 2])
        print(f"{'':34}{taken:6.2f} of {RESYNC:.2f} CPU s ({taken / RESYNC:.2f})")
        for number, only in enumerate(("", "docs/000/000007.md")):
            walls = []
            for attempt in range(RUNS):
                mark = f"{MARK}{'甲乙丙丁'[attempt]}{'东西'[number]}"
                path = project / "docs" / "000" / "000007.md"
                path.write_text(f"# 文件7\n\n{mark}开花了。{next(texts)}", "utf-8")
                changed = run(project, only=only, mark=mark)
                walls.append(changed["wall"])
            wall = statistics.median(walls)
            _line("one changed, named" if only else "one changed, all looked at", changed)
            print(f"{'':34}{wall:6.2f} of {CHANGED:.2f} s until found ({wall / CHANGED:.2f})")


def _line(name: str, found: Mapping[str, Any]) -> None:
    memory = ", ".join(f"{role} {most:.0f}" for role, most in found["memory"].items())
    print(
        f"{name:<32}{seconds(found):8.2f} CPU s (main {found['main']:.2f}, readers "
        f"{found['reader']:.2f}, store {found['store']:.2f}; imports {found['imports']:.2f}), "
        f"{found['wall']:.2f} s; MiB: {memory}",
        flush=True,
    )


def show_formats(formats: Sequence[str], texts: Passages, embedding: str, characters: int) -> None:
    """Measure how fast each format comes into the store."""
    what = "no embeddings" if embedding == "none" else "all embeddings in the cache"
    print(
        f"\n{characters:,} characters of each format, {what}; `rate` in chunks of {PASSAGE} characters"
    )
    print(
        f"{'format':<8}{'chunks':>8}{'MB':>7}{'CPU s':>8}{'main':>7}{'readers':>9}{'store':>7}"
        f"{'start':>7}{'rate':>7}{'ratio':>7}{'MB/s':>7}  MiB at most"
    )
    for name in formats:
        ending, write = FORMATS[name]
        with project_of(embedding) as project:
            docs = project / "docs"
            write(docs / f"first{ending}", [next(texts)])
            run(project, invent=True)
            start = seconds(_anew(project))
            written = 0
            while written < characters:
                drawn = [next(texts) for _ in range(PASSAGES)]
                write(docs / f"{name}-{written:09d}{ending}", drawn)
                written += sum(map(len, drawn))
            size = sum(file.stat().st_size for file in docs.iterdir())
            if embedding != "none":
                _anew(project, invent=True)
            found = _anew(project)
        assert not found["report"]["failed"], found["report"]["failed"]
        taken = seconds(found) - start
        rate = written / PASSAGE / taken
        memory = ", ".join(f"{role} {most:.0f}" for role, most in found["memory"].items())
        print(
            f"{name:<8}{found['chunks']:>8}{size / 1e6:>7.2f}{seconds(found):>8.2f}"
            f"{found['main']:>7.2f}{found['reader']:>9.2f}{found['store']:>7.2f}{start:>7.2f}"
            f"{rate:>7.0f}{rate / RATE:>7.2f}{size / 1e6 / taken:>7.2f}  {memory}",
            flush=True,
        )


def _anew(project: Path, *, invent: bool = False) -> dict[str, Any]:
    """Ingest into an empty store; the cache of embeddings stays."""
    shutil.rmtree(project / ".waypost" / "store")
    return run(project, invent=invent)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="of the syncs; 0: leave them out")
    parser.add_argument("--text", type=Path, help="Chinese text in UTF-8")
    parser.add_argument("--formats", default=",".join(FORMATS), help="which are measured")
    parser.add_argument("--characters", type=int, default=CHARS, help="of each format")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        project, only, mark, invent = json.loads(given.measure)
        print(json.dumps(asyncio.run(measure(Path(project), only, mark, invent))))
        return
    sys.path.insert(0, str(ROOT))
    texts = passages_of(given.text)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    formats = [name for name in given.formats.split(",") if name]
    for embedding in ("none", "local"):
        chosen = formats if embedding == "none" else [name for name in formats if name == "md"]
        if chosen:
            show_formats(chosen, texts, embedding, given.characters)
    if given.files:
        show_syncs(given.files, texts)


if __name__ == "__main__":
    main()
