"""What some of the files say: enough of each to tell what it is about, read within bounds."""

from __future__ import annotations

import asyncio
import math
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from agent.errors import LoadError
from agent.proposal.walk import File, Told
from indexes.ingest.items import FILES, Item, Part, Setup, content_digest
from indexes.ingest.loaders import MAX_BYTES, unreadable
from indexes.ingest.sync import recipe_of
from indexes.ingest.workers import Worker
from indexes.settings import IndexSettings, Settings
from indexes.text import NOUN, content_terms
from prompts import Language

__all__ = ["Read", "Sample", "read_some"]

MOST = 160  # files that are read
SECONDS = 45.0  # for all of them
STEP = 10.0  # seconds for one step of reading one of them
MEMORY = 2**30  # bytes of a reading process
READERS = 2
CHUNKS = 16  # of a document, whose words are counted
HEADINGS = 60
HAS_DIGIT = re.compile(r"\d")
T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """What a file says.

    Args:
        name: the file's path in the folder.
        title: its own title, or what its name says.
        language: the one that it is in.
        headings: each once, in order; of source code its symbols.
        words: nouns and names as they are compared, with how many of its first chunks have them.
        text: these chunks.
        chunks: how many it has; at least so many if it is long.
    """

    name: str
    title: str
    language: Language
    headings: Sequence[str]
    words: Mapping[str, int]
    text: str
    chunks: int


@dataclass(frozen=True)
class Read:
    """The files that were read, by name, those that cannot be with the reason, and whether time ran out."""

    samples: Mapping[str, Sample]
    broken: Mapping[str, str]
    hurried: bool


async def read_some(folder: Path, files: Sequence[File], told: Told) -> Read:
    """Read some files of each folder, in processes with bounds on memory and time, as an ingestion does.

    Args:
        folder: the folder that their names begin at.
        files: those that there are.
        told: told what is being done and how far it is.
    """
    chosen = _chosen([file for file in files if 0 < file.size <= MAX_BYTES])
    samples: dict[str, Sample] = {}
    broken: dict[str, str] = {}
    waiting = iter(chosen)
    end = time.monotonic() + SECONDS
    setup = _setup(folder)

    async def work(worker: Worker) -> None:
        for file in waiting:
            if time.monotonic() > end:
                return
            try:
                samples[file.name] = await _read(worker, folder, file)
            except LoadError as error:
                broken[file.name] = error.message
            told("reading", len(samples) + len(broken), len(chosen))

    with tempfile.TemporaryDirectory() as logs:
        workers = [Worker(setup, Path(logs) / f"{number}.log") for number in range(READERS)]
        try:
            await asyncio.gather(*map(work, workers[: len(chosen)]))
        finally:
            for worker in workers:
                worker.close()
    ordered = {file.name: samples[file.name] for file in chosen if file.name in samples}
    return Read(ordered, broken, len(samples) + len(broken) < len(chosen))


def _setup(folder: Path) -> Setup:
    return Setup(str(folder.absolute()), {}, MAX_BYTES, STEP, MEMORY)


def _chosen(files: Sequence[File]) -> list[File]:
    """Return at most MOST files, as evenly as can be from all folders and, in each, from all names."""
    folders: dict[str, list[File]] = defaultdict(list)
    for file in files:
        folders[file.folder].append(file)
    every = list(_spread([folders[name] for name in sorted(folders)], MOST))
    quota = 1
    while sum(min(len(some), quota + 1) for some in every) <= MOST and quota < MOST:
        quota += 1
    return [file for some in every for file in _spread(some, quota)]


def _spread(items: Sequence[T], most: int) -> Iterator[T]:
    """Yield at most so many items, evenly spaced."""
    step = max(1.0, len(items) / most)
    for position in range(min(len(items), most)):
        yield items[math.floor(position * step)]


async def _read(worker: Worker, folder: Path, file: File) -> Sample:
    """Read a file, of a long one the first part.

    Raises:
        LoadError: it cannot be read, or changes meanwhile.
    """
    path = folder / file.name
    try:
        content = await asyncio.to_thread(content_digest, path)
    except OSError as error:
        raise unreadable(error) from error
    recipe = recipe_of(IndexSettings(name="sample", embedding="none"), Settings())
    item = Item(recipe, file.name, file.name, FILES, content, "", (), {}, str(path))
    reading = cast(
        AsyncGenerator[Part, None], worker.read(item)
    )  # closed early, it ends the process
    async with aclosing(reading) as parts:
        async for part in parts:
            return await asyncio.to_thread(_sample, file.name, part)
    raise LoadError("The file has no text.")


def _sample(name: str, part: Part) -> Sample:
    first = part.chunks[0].payload
    headings = [heading for chunk in part.chunks for heading in chunk.payload["path"]]
    if part.document is not None:
        headings = list(part.document.payload["headings"])
    places = [span["location"] for chunk in part.chunks for span in chunk.payload["spans"]]
    if symbols := [str(place["symbol"]) for place in places if place.get("symbol")]:
        headings = symbols
    elif any("time" in place for place in places):
        headings = []  # of a chat: they name persons
    texts = [chunk.payload["text"] for chunk in part.chunks[:CHUNKS]]
    words = Counter(
        term
        for text in texts
        for term, says in content_terms(text).items()
        if says >= NOUN and len(term) > 1 and not HAS_DIGIT.search(term)
    )
    return Sample(
        name,
        title=first["title"],
        language=first["meta"]["language"],
        headings=list(dict.fromkeys(headings))[:HEADINGS],
        words=words,
        text="\n".join(texts),
        chunks=len(part.chunks),
    )
