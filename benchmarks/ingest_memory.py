"""Memory of every process of an ingestion while a folder of mixed files is read.

`python benchmarks/ingest_memory.py --megabytes 2000 --folder DIR [--largest 50] [--minutes 6] [--keep]`.
Writes Markdown, text, CSV, JSON Lines and JSON of 10 KB up to the largest size into DIR/docs, in
Chinese and English and without two equal files, ingests them without embeddings, and prints each
process's peak of memory of its own (RssAnon, sampled), in every quarter of the time: flat memory has
equal quarters. What it wrote is deleted unless it is to be kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from indexes import Registry
from indexes.types import SyncReport

CONFIG = """\
[project]
default_access = "public"

[[index]]
name = "mixed"
sources = ["docs/**/*"]
embedding = "none"
"""
EVERY = 0.1  # seconds between two looks
QUARTERS = 4
SMALL = 10_000  # bytes
MIB = 2**20
ENGLISH = (
    "the contractor keeps noise dust and waste water within limits of permit and reports every "
    "month to owner authority measured site bridge tunnel station concrete steel review approval "
    "contract payment invoice delivery inspection safety training annual quarterly risk budget"
).split()
CHINESE = (
    "施工 单位 应当 采取 措施 控制 噪声 扬尘 废水 排放 监测 报告 每月 提交 建设 合同 付款 审批 检查 "
    "验收 质量 安全 培训 年度 季度 风险 预算 桥梁 隧道 车站 混凝土 钢筋 方案 专项 负责人"
).split()


def sentence(draw: random.Random) -> str:
    """Return a sentence in one of the two languages, with a number that hardly another one has."""
    number = draw.randrange(10**7)
    if draw.random() < 0.5:
        return "".join(draw.choices(CHINESE, k=14)) + f"第{number}号。"
    return " ".join(draw.choices(ENGLISH, k=16)).capitalize() + f" no. {number}."


def markdown(draw: random.Random) -> Iterator[str]:
    """Yield sections."""
    while True:
        yield f"## {sentence(draw)}\n\n" + " ".join(sentence(draw) for _ in range(8)) + "\n\n"


def plain(draw: random.Random) -> Iterator[str]:
    """Yield paragraphs."""
    while True:
        yield " ".join(sentence(draw) for _ in range(6)) + "\n\n"


def table(draw: random.Random) -> Iterator[str]:
    """Yield a header, then rows."""
    yield "编号,部门,description,amount\n"
    while True:
        dept = draw.choice(CHINESE)
        yield f"{draw.randrange(10**8)},{dept},{sentence(draw)},{draw.random() * 1e5:.2f}\n"


def records(draw: random.Random) -> Iterator[str]:
    """Yield JSON objects, one a line."""
    while True:
        row = {
            "id": draw.randrange(10**8),
            "text": sentence(draw),
            "tags": draw.choices(CHINESE, k=3),
        }
        yield json.dumps(row, ensure_ascii=False) + "\n"


def whole_json(draw: random.Random) -> Iterator[str]:
    """Yield a list of objects that is closed at its end."""
    lines = records(draw)
    yield "[" + next(lines)
    while True:
        yield "," + next(lines)


KINDS: tuple[tuple[str, Callable[[random.Random], Iterator[str]], str], ...] = (
    (".md", markdown, ""),
    (".txt", plain, ""),
    (".csv", table, ""),
    (".jsonl", records, ""),
    (".json", whole_json, "]"),
)


def write_files(folder: Path, megabytes: int, largest: int) -> int:
    """Write files until they have so many megabytes together; return how many they are."""
    draw = random.Random(7)
    total = number = 0
    while total < megabytes * MIB:
        ending, make, end = KINDS[number % len(KINDS)]
        # most are small, most bytes are in large ones; the first of each kind is a largest one
        big = largest * MIB
        size = big if number < len(KINDS) else int(SMALL * (big / SMALL) ** (draw.random() ** 2))
        size = min(size, megabytes * MIB // len(KINDS))
        path = folder / f"{number % 100:02}" / f"{number}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for text in make(draw):
                file.write(text)
                if file.tell() >= size:
                    break
            file.write(end)
        total += path.stat().st_size
        number += 1
    return number


class Sampler:
    """Looks at the memory of this process and of those below it until it is stopped."""

    def __init__(self) -> None:
        self.seen: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(EVERY):
            now = time.perf_counter()
            for process in _family(os.getpid()):
                with suppress(OSError, StopIteration):  # it has ended
                    self.seen[_name(process)].append((now, _anonymous(process)))

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()


def _family(root: int) -> list[int]:
    """Return a process and all below it, the owner of the store among them."""
    parents: dict[int, int] = {}
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(one.name)] = int((one / "stat").read_text().rpartition(")")[2].split()[1])
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting += [child for child, parent in parents.items() if parent == process]
    return found


def _name(process: int) -> str:
    words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    module = next((w.decode() for w in words if w.startswith(b"indexes.")), "ingestion")
    return f"{module} {process}"


def _anonymous(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) * 1024


async def ingest(project: Path, minutes: float) -> SyncReport | None:
    """Ingest; return None if the time was over before."""
    async with Registry.open(project) as registry:
        shown = 0.0

        def tell(what: str, done: int, total: int) -> None:
            nonlocal shown
            if what == "documents" and time.perf_counter() > shown + 30:
                shown = time.perf_counter()
                print(f"  {done} of {total} documents", flush=True)

        try:
            return await asyncio.wait_for(registry.sync(progress=tell), minutes * 60)
        except TimeoutError:
            return None


def main() -> None:
    """Write, ingest, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--largest", type=int, default=50, help="megabytes of the largest files")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="stop then and print what was seen"
    )
    parser.add_argument("--keep", action="store_true", help="leave the files and the store there")
    asked = parser.parse_args()
    project: Path = asked.folder
    if project.exists():
        parser.error(f"{str(project)!r} is there already")
    try:
        (project / "docs").mkdir(parents=True)
        (project / "waypost.toml").write_text(CONFIG, encoding="utf-8")
        number = write_files(project / "docs", asked.megabytes, asked.largest)
        print(f"{number} files, {asked.megabytes} MiB", flush=True)
        sampler = Sampler()
        started = time.perf_counter()
        report = asyncio.run(ingest(project, asked.minutes))
        taken = time.perf_counter() - started
        sampler.stop()
        _print(sampler, started, taken)
        if report is None:
            print(f"stopped after {taken:.0f} s")
        else:
            print(
                f"{report['chunks']} chunks of {report['added']} documents in {taken:.0f} s: "
                f"{asked.megabytes / taken:.2f} MiB/s, {report['chunks'] / taken:.0f} chunks/s"
            )
            for failure in report["failed"]:
                print(f"failed: {failure['path']}: {failure['error']}")
    finally:
        if not asked.keep:
            shutil.rmtree(project, ignore_errors=True)


def _print(sampler: Sampler, started: float, taken: float) -> None:
    print(f"{'peak of RssAnon, MiB':40}{'all':>8}" + "".join(f"{f'{q}/4':>8}" for q in range(1, 5)))
    for name, samples in sorted(sampler.seen.items()):
        quarters = [0] * QUARTERS
        for when, size in samples:
            quarter = min(QUARTERS - 1, max(0, int((when - started) / taken * QUARTERS)))
            quarters[quarter] = max(quarters[quarter], size)
        peaks = [max(quarters), *quarters]
        print(f"{name:40}" + "".join(f"{peak / MIB:8.0f}" for peak in peaks))


if __name__ == "__main__":
    main()
