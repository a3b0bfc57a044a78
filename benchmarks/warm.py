"""CPU time of a warm question, with and without the SQLite checkpointer, beside its one embedding.

`python benchmarks/warm.py [--rounds N]`. Different questions are asked in one process; the time of
one query embedding, measured in the same process, is taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from agent.app import Waypost

ROOT = Path(__file__).parent.parent
QUESTIONS = [
    "{}项目的环保措施有哪些？",
    "{}的施工进度计划是怎么安排的？",
    "{}出过什么问题，怎么处理的？",
    "查询{}2024年的纳统金额",
    "{}的噪声监测点有几个？",
]
PROJECTS = ["东站", "西站", "滨江大道", "青龙湖", "南湖隧道", "会展中心", "老城管网", "循环产业园"]


async def costs(project: Path, *, persistent: bool, rounds: int) -> list[float]:
    """Return the CPU milliseconds of each question."""
    asked = [q.format(p) + "　" * n for n in range(rounds) for q in QUESTIONS for p in PROJECTS]
    out = []
    async with Waypost.open(project, persistent=persistent) as waypost:
        await waypost.ingest()
        for question in ("你好", *asked[:5]):
            await waypost.ask(question + "。")
        for question in asked:
            started = time.process_time()
            await waypost.ask(question)
            out.append((time.process_time() - started) * 1000)
    return out


async def embedding(project: Path) -> float:
    """Return the median CPU milliseconds of one query embedding."""
    async with Waypost.open(project, persistent=False) as waypost:
        embedder = waypost.registry.embedder
        await embedder.embed_query("热身")
        times = []
        for number in range(60):
            started = time.process_time()
            await embedder.embed_query(f"{PROJECTS[number % 8]}项目的环保措施有哪些？{number}")
            times.append((time.process_time() - started) * 1000)
    return statistics.median(times)


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(
            ROOT / "examples" / "urban_construction",
            project,
            ignore=shutil.ignore_patterns(".waypost"),
        )
        one = await embedding(project)
        print(f"one query embedding              {one:5.1f} CPU ms")
        for persistent in (False, True):
            found = sorted(
                cost - one for cost in await costs(project, persistent=persistent, rounds=rounds)
            )
            name = "with the SQLite checkpointer" if persistent else "without a checkpointer"
            print(
                f"a question beside it, {name:<30} median {statistics.median(found):5.1f}  "
                f"p95 {found[int(len(found) * 0.95)]:5.1f} CPU ms"
            )


if __name__ == "__main__":
    asyncio.run(main())
