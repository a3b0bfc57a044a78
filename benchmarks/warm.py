"""CPU time of a warm question, with and without the SQLite checkpointer, beside its one embedding.

`python benchmarks/warm.py`. 120 different questions are asked in one process, each once; what its own
embedding took is measured inside and taken off."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from agent.app import Waypost
from indexes.base import Vector

ROOT = Path(__file__).parent.parent
QUESTIONS = [
    "{}项目的环保措施有哪些？",
    "{}的施工进度计划是怎么安排的？",
    "{}出过什么问题，怎么处理的？",
    "查询{}2024年的纳统金额",
    "{}的噪声监测点有几个？",
    "{}的扬尘怎么控制？",
    "{}的总投资是多少？",
    "{}什么时候竣工？",
    "{}的土方外运有哪些要求？",
    "{}的安全措施写了什么？",
    "{}的废水怎么处理？",
    "查询{}第三季度的完成投资",
    "{}目前的形象进度",
    "{}的监测计划",
    "{}周边有哪些敏感目标？",
]
PROJECTS = ["东站", "西站", "滨江大道", "青龙湖", "南湖隧道", "会展中心", "老城管网", "循环产业园"]


def engine_seconds() -> float:
    """Return the CPU seconds that processes which own a store have taken (Linux alone)."""
    total = 0.0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"indexes.stores.owner" in (process / "cmdline").read_bytes():
                fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue  # it has ended
    return total


async def costs(project: Path, *, persistent: bool) -> tuple[list[float], list[float], float]:
    """Return CPU milliseconds: each question's beside its one embedding, that one's, the engine's."""
    asked = [question.format(name) for question in QUESTIONS for name in PROJECTS]
    beside, embeddings = [], []
    took: list[float] = []
    async with Waypost.open(project, persistent=persistent) as waypost:
        await waypost.ingest()
        embedder = waypost.registry.embedder("local")
        embed = embedder.embed_query

        async def timed(text: str) -> Vector:
            started = time.process_time()
            vector = await embed(text)
            took.append((time.process_time() - started) * 1000)
            return vector

        embedder.embed_query = timed  # type: ignore[method-assign]
        for question in ("你好", *asked[:5]):
            await waypost.ask(question + "。")
        engine = engine_seconds()
        for question in asked:
            took.clear()
            started = time.process_time()
            await waypost.ask(question)
            beside.append((time.process_time() - started) * 1000 - max(took, default=0.0))
            embeddings += [max(took)] if took else []
        engine = (engine_seconds() - engine) / len(asked) * 1000
    return sorted(beside), embeddings, engine


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(
            ROOT / "examples" / "urban_construction",
            project,
            ignore=shutil.ignore_patterns(".waypost"),
        )
        for persistent in (False, True):
            found, embeddings, engine = await costs(project, persistent=persistent)
            name = "with the SQLite checkpointer" if persistent else "without a checkpointer"
            print(f"one query embedding {statistics.median(embeddings):5.1f} CPU ms")
            print(
                f"a question beside it, {name:<30} median {statistics.median(found):5.1f}  "
                f"p95 {found[int(len(found) * 0.95)]:5.1f} CPU ms, and {engine:.1f} in the store's process"
            )


if __name__ == "__main__":
    asyncio.run(main())
