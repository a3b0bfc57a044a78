"""Ingestions that are killed at random, and whether the next one puts everything right.

`python benchmarks/crash.py [--trials N] [--seed N] [--embedding local]`. A project's files and access
lists change at random, ingestions of it are ended with kill -9, and so are the processes that own the
store or read files. After one that is left alone, the store is compared point by point with one that
is built anew from the same files. The exit code is 1 if they differ.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indexes.base import Level, Point, Store
from indexes.registry import Registry
from indexes.settings import Settings, load_settings
from indexes.types import SyncReport

__all__ = ["Trials", "differing", "export", "processes"]

ROOT = Path(__file__).resolve().parents[1]
LEVELS: tuple[Level, Level] = ("chunks", "documents")
INGEST = """
import asyncio, sys
from indexes.registry import Registry

async def main() -> None:
    async with Registry.open(sys.argv[1]) as registry:
        print("ready", flush=True)
        await registry.sync()

asyncio.run(main())
"""
CONFIG = """
[project]
name = "p"
default_access = "public"
[[index]]
name = "flat"
sources = ["flat/**"]
embedding = "{embedding}"
chunk_tokens = 64
chunk_min_tokens = 0
[[index]]
name = "deep"
layout = "hierarchical"
sources = ["deep/**"]
embedding = "{embedding}"
chunk_tokens = 64
chunk_min_tokens = 0
"""
WORDS = (
    "噪声 扬尘 监测 工地 排放 限值 夜间 施工 审批 投诉 noise dust shield tunnel budget contract "
    "safety inspection deadline permit drainage bridge"
).split()
TARGETS: tuple[tuple[str, ...], ...] = (
    ("ingestion",),
    ("ingestion",),
    ("ingestion", "owner"),
    ("owner", "ingestion"),
    ("ingestion", "owner", "worker"),
    ("owner",),
    ("worker",),
)
ENDINGS = (".md", ".md", ".txt", ".csv", ".docx")
HISTORY = {"synced", "since", "changes"}  # when a document was written, and how often
LONG = 300  # sections: more than are written together


def processes() -> list[tuple[int, int, str]]:
    """Return (process, parent, command) of everything that runs."""
    told = subprocess.run(
        ["ps", "-axww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(None, 3) for line in told.splitlines()]
    return [
        (int(one[0]), int(one[1]), one[3]) for one in lines if len(one) == 4 and "Z" not in one[2]
    ]


async def export(store: Store) -> dict[str, Any]:
    """Return every point of a store by level and id, without when it was written."""
    out: dict[str, Any] = {}
    for level in LEVELS:
        after: str | None = None
        while True:
            points, after = await store.export(level, after, 500)
            out.update((f"{level} {point.id}", _plain(point)) for point in points)
            if after is None:
                break
    return out


def _plain(point: Point) -> Any:
    payload = {key: value for key, value in point.payload.items() if key not in HISTORY}
    sparse = {
        name: sorted(zip(one.ids, one.weights, strict=True)) for name, one in point.sparse.items()
    }
    return payload, sparse, dict(point.dense)


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the points that are not the same in both, with what they are."""
    return [
        f"{key}: {_named(one.get(key))} | {_named(other.get(key))}"
        for key in sorted({*one, *other})
        if not _are_equal(one.get(key), other.get(key))
    ]


def _are_equal(one: Any, other: Any) -> bool:
    if one is None or other is None or one[:2] != other[:2] or one[2].keys() != other[2].keys():
        return one is other
    # an embedding may differ in its last bit with what was embedded beside it
    return all(np.allclose(one[2][name], other[2][name], atol=2e-3) for name in one[2])


def _named(point: Any) -> str:
    if point is None:
        return "missing"
    fields = (
        "document", "version", "ordinal", "digest", "chunks", "access", "place", "error"
    )  # fmt: skip
    return str({key: point[0][key] for key in fields if key in point[0]})


class Trials:
    """A project that lives through killed ingestions.

    Args:
        folder: where it is made.
        seed: of all that is random but the moments of the kills.
        embedding: "none" or a model.
        documents: how many there are at first.
    """

    def __init__(
        self, folder: Path, *, seed: int = 0, embedding: str = "none", documents: int = 30
    ) -> None:
        self._random = random.Random(seed)
        self._embedding = embedding
        self._project = folder / "project"
        self._clean = folder / "clean"
        self._seconds = 1.5  # that an ingestion takes, as far as is known
        self._count = 0
        self.figures: Counter[str] = Counter()
        self._project.mkdir(parents=True)
        self._write("waypost.toml", CONFIG.format(embedding=embedding).encode())
        for _ in range(documents):
            self._add()
        self._before: list[dict[str, bytes]] = [self._files()]

    async def run(self, kills: int = 0) -> list[str]:
        """Change, kill, ingest and compare; return what is not as it should be.

        Args:
            kills: how often it kills; 0 leaves that to chance.
        """
        for _ in range(kills or self._random.choice((1, 1, 2, 3))):
            self._change()
            if await asyncio.to_thread(self._ingest_and_kill, self._random.choice(TARGETS)):
                self._touch_failed()
            if self._random.random() < 0.3:
                self._change()
        return await self._compared()

    # files

    def _write(self, name: str, content: bytes) -> None:
        path = self._project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self._project).as_posix(): path.read_bytes()
            for folder in ("flat", "deep")
            for path in sorted((self._project / folder).rglob("*"))
            if path.is_file()
        }

    def _name(self, ending: str) -> str:
        self._count += 1
        folder = self._random.choice(("flat", "flat/内部", "deep", "deep/board"))
        return f"{folder}/{self._random.choice(WORDS)}_{self._count}{ending}"

    def _add(self) -> None:
        name = self._name(self._random.choice(ENDINGS))
        self._write(name, self._text(name))

    def _text(self, name: str) -> bytes:
        rare = 0.2 if self._embedding == "none" else 0.05
        sections = LONG if self._random.random() < rare else self._random.choice((1, 3, 12, 70))
        if self._embedding != "none":
            sections = min(sections, LONG, 12 if sections < LONG else LONG)
        lines = [" ".join(self._random.choices(WORDS, k=12)) for _ in range(sections)]
        if name.endswith(".md"):
            groups = self._random.choice(("", "", "---\ngroups: [board]\n---\n\n"))
            parts = [f"# 第 {number} 节\n\n{line}。" for number, line in enumerate(lines)]
            return (groups + "\n\n".join(parts)).encode()
        if name.endswith(".csv"):
            rows = [f"{number},{line}" for number, line in enumerate(lines)]
            return "\n".join(["编号,内容", *rows]).encode()
        if name.endswith(".docx"):
            return self._word(name, lines)
        return "\n\n".join(f"{line} {line} {line}。" for line in lines).encode()

    def _word(self, name: str, lines: Sequence[str]) -> bytes:
        import io

        from docx import Document

        document = Document()
        for number, line in enumerate(lines[:40]):
            document.add_heading(f"{name} {number}", 1)
            document.add_paragraph(line)
        out = io.BytesIO()
        document.save(out)
        return out.getvalue()

    def _change(self) -> None:
        self._before.append(self._files())
        for _ in range(self._random.choice((1, 2, 4, 8))):
            names = sorted(self._files())
            what = self._random.choice(
                ("add", "rewrite", "rewrite", "append", "delete", "rename", "swap", "back", "lists")
            )
            if what == "add" or len(names) < 10:
                self._add()
                continue
            one, other = self._random.sample(names, 2)
            if what == "rewrite":
                broken = one.endswith(".docx") and self._random.random() < 0.3
                self._write(one, b"no document" if broken else self._text(one))
            elif what == "append" and not one.endswith(".docx"):
                more = self._random.choice(WORDS)
                self._write(one, (self._project / one).read_bytes() + f"\n\n{more}\n".encode())
            elif what == "delete":
                (self._project / one).unlink()
            elif what == "rename":
                to = self._project / self._name(Path(one).suffix)
                to.parent.mkdir(parents=True, exist_ok=True)
                (self._project / one).rename(to)
            elif what == "swap" and Path(one).suffix == Path(other).suffix:
                mine, others = ((self._project / name).read_bytes() for name in (one, other))
                self._write(one, others)
                self._write(other, mine)
            elif what == "back":
                self._go_back()
            elif what == "lists":
                lists = [
                    f'"{pattern}" = ["{self._random.choice(("board", "staff", "*"))}"]'
                    for pattern in ("flat/内部/**", "deep/board/**", "deep/*.md")
                    if self._random.random() < 0.5
                ]
                self._write("access.toml", "\n".join(lists).encode())

    def _go_back(self) -> None:
        """Restore the files of an earlier state: all, or some."""
        then = self._random.choice(self._before[-3:])
        share = self._random.choice((0.2, 1.0))
        for name in sorted({*then, *self._files()}):
            if self._random.random() < share:
                if name in then:
                    self._write(name, then[name])
                else:
                    (self._project / name).unlink()

    def _touch_failed(self) -> None:
        """Change every short text, since one whose reader was killed is not read again unchanged."""
        for name, content in self._files().items():
            if name.endswith(".docx"):
                if content != b"no document":
                    self._write(name, self._text(name))
            else:
                self._write(name, content + b"\n\nonce more\n")

    # ingestions

    def _ingest_and_kill(self, targets: Sequence[str]) -> bool:
        """Ingest and kill; say whether only a process that reads was killed."""
        delay = self._random.random() * self._seconds * 1.1
        process = subprocess.Popen(
            [sys.executable, "-c", INGEST, str(self._project)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        assert process.stdout is not None
        if self._random.random() < 0.9:  # else while it starts
            process.stdout.readline()
        started = time.monotonic()
        time.sleep(delay)
        killed = False
        if process.poll() is None:
            for target in targets:
                killed = self._kill(target, process) or killed
        self.figures["killed " + " and ".join(targets) if killed else "ended before"] += 1
        code = process.wait()
        process.stdout.close()
        if code == 0:
            self._seconds = 0.7 * self._seconds + 0.3 * (time.monotonic() - started)
        elif "ingestion" not in targets:
            self.figures["failed"] += 1
        return killed and targets == ("worker",)

    def _kill(self, target: str, ingestion: subprocess.Popen[bytes]) -> bool:
        if target == "ingestion":
            ingestion.kill()
            return True
        if target == "owner":
            store = (self._project / ".waypost" / "store").resolve()
            found = [
                one for one, _, c in processes() if c.endswith(f"indexes.stores.owner {store}")
            ]
        else:
            found = [
                one
                for one, parent, command in processes()
                if parent == ingestion.pid and "indexes.ingest.worker" in command
            ]
        for one in found:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return bool(found)

    async def _compared(self) -> list[str]:
        problems = []
        files = self._files()
        async with Registry.open(self._project) as registry:
            report = await registry.sync()
            again = await registry.sync()
            mine = await export(registry.store)
        settings = load_settings(self._project, Settings)
        store = settings.store.model_copy(update={"path": str(self._clean)})
        shutil.rmtree(self._clean / "store", ignore_errors=True)
        async with Registry.open(
            self._project, settings.model_copy(update={"store": store})
        ) as clean:
            anew = await clean.sync()
            other = await export(clean.store)
        failed = _failed(report, files)
        if _counted(report) + len(failed) != len(files):
            problems.append(f"the report does not add up to {len(files)}: {report}")
        quiet = again["added"] + again["updated"] + again["deleted"] == 0
        if not quiet or again["unchanged"] + len(failed) != len(files):
            problems.append(f"a further ingestion is not quiet: {again}")
        if failed != _failed(anew, files):
            problems.append(f"other files failed: {report['failed']} | {anew['failed']}")
        problems += differing(_without(mine, failed), _without(other, failed))
        self.figures["documents"] += len(files)
        self.figures["points"] += len(mine)
        self.figures["unreadable"] += len(failed)
        return problems


def _counted(report: SyncReport) -> int:
    return report["added"] + report["updated"] + report["unchanged"]


def _failed(report: SyncReport, files: Mapping[str, Any]) -> set[str]:
    return {one["path"] for one in report["failed"] if one["path"] in files}


def _without(points: Mapping[str, Any], documents: set[str]) -> dict[str, Any]:
    """Leave out documents that cannot be read: they keep their old text, if they have one."""
    return {key: one for key, one in points.items() if one[0]["document"] not in documents}


async def main() -> int:
    """Run the trials; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--embedding", default="none")
    parser.add_argument("--documents", type=int, default=30)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    started = time.monotonic()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(
            Path(folder),
            seed=chosen.seed,
            embedding=chosen.embedding,
            documents=chosen.documents,
        )
        for number in range(chosen.trials):
            problems = await trials.run()
            bad += bool(problems)
            if number % 10 == 9:
                print(f"{number + 1} trials, {bad} bad", flush=True)
            for problem in problems[:10]:
                print(f"trial {number} of seed {chosen.seed}: {problem}", flush=True)
        await asyncio.sleep(2)  # the owners end
    for name, count in sorted(trials.figures.items()):
        print(f"{name}: {count}")
    print(f"{chosen.trials} trials, {bad} bad, {time.monotonic() - started:.0f} s")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
