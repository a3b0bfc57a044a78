"""Moving a whole store: from one engine to another, to a file, and back.

A backup is a gzipped file of frames: a head with the schema and the number of points of each level,
the points, and a tail with the digest of all before it. It holds text and vectors, so restoring
needs no source file and no embedding model, and fits every engine.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from indexes.base import SPARSE, Level, Point, Schema, Store
from indexes.errors import StoreError, UsageError
from indexes.stores.common import SCHEMA_VERSION
from indexes.stores.wire import HEADER, as_point, frame, unpack
from indexes.types import Filter

__all__ = ["Counts", "backup", "copy", "restore"]

BATCH = 256
VERSION: Final = {"version": SCHEMA_VERSION}
FORMAT: Final = "waypost-backup-1"
LEVELS: tuple[Level, ...] = ("chunks", "documents")  # a document's point says that it is complete
Counts = dict[str, int]
Progress = Callable[[str, int, int], None]


async def copy(
    source: Store, target: Store, state: Path, progress: Progress | None = None
) -> Counts:
    """Copy every point of a store into another one.

    A copy that was cut short goes on where it stopped when it is called again.

    Args:
        source: where the points are; nothing in it changes.
        target: an open store of the same schema, empty unless a copy into it was cut short.
        state: a file of this target's that remembers how far the copy is; deleted at the end.
        progress: told (what is being done, done, of how many).

    Returns:
        How many points of each level the target holds.

    Raises:
        UsageError: the target holds points that this copy did not write.
        StoreError: an engine failed, or the target holds fewer points than the source at the end.
    """
    done: dict[str, str | None] = await asyncio.to_thread(_read_json, state)
    digests = state.with_suffix(".digests.json")
    if done:
        before: dict[str, str] = await asyncio.to_thread(_read_json, digests)
    else:
        before = await _digests(source)
        await asyncio.to_thread(digests.write_text, json.dumps(before), encoding="utf-8")
        await _check_empty(target, "empty it first, or name another folder or collection.")
    total = await _counts(source)
    for level in LEVELS:
        after = done.get(level, "")
        if after is None:
            continue  # this level is complete
        written = 0
        async for points, further in _exported(source, level, after or None):
            await target.upsert(level, _settled(level, points, before))
            written += len(points)
            done[level] = further
            await asyncio.to_thread(state.write_text, json.dumps(done), encoding="utf-8")
            if progress is not None:
                progress(level, written, total[level])
    await target.flush()
    found = await _counts(target)
    missing = {
        level: total[level] - found[level] for level in LEVELS if found[level] < total[level]
    }
    if missing:
        raise StoreError(
            f"The copy lacks {missing} of {total} points.",
            fix=f"delete {str(state)!r} and copy again while nothing is ingested.",
        )
    for file in (state, digests):
        await asyncio.to_thread(file.unlink, missing_ok=True)
    return found


async def backup(
    source: Store, schema: Schema, path: Path, progress: Progress | None = None
) -> Counts:
    """Write every point of a store into a file, which appears when it is complete.

    Args:
        source: the store.
        schema: what its points are made of.
        path: the file; one that exists is replaced.
        progress: told (what is being done, done, of how many).
    """
    total, before = await _counts(source), await _digests(source)
    part = path.with_name(path.name + ".part")
    digest = hashlib.sha256()
    counts: Counts = dict.fromkeys(LEVELS, 0)
    try:
        with gzip.open(part, "wb", compresslevel=1) as file:
            _write(file, digest, {"format": FORMAT, "schema": asdict(schema), **VERSION})
            for level in LEVELS:
                async for points, _ in _exported(source, level, None):
                    sound = _settled(level, points, before)
                    plain = [{**asdict(one), "dense": _compact(one)} for one in sound]
                    await asyncio.to_thread(_write, file, digest, [level, plain])
                    counts[level] += len(points)
                    if progress is not None:
                        progress(level, counts[level], total[level])
            _write(file, digest, {"counts": counts, "digest": digest.hexdigest()})
        await asyncio.to_thread(part.replace, path)
    except OSError as error:
        raise StoreError(
            f"The backup {str(path)!r} cannot be written: {error.strerror or error}.",
            fix="choose a writable place with enough room.",
        ) from error
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
    return counts


async def restore(
    path: Path, target: Store, schema: Schema, *, replace: bool, progress: Progress | None = None
) -> Counts:
    """Fill a store from a backup, after checking the whole file.

    Args:
        path: the backup.
        target: an open store; empty unless `replace`.
        schema: what the target's points are made of.
        replace: delete what the target holds.
        progress: told (what is being done, done, of how many).

    Raises:
        UsageError: the file is missing or no complete backup, fits another schema, or the target
            is not empty. The target is as it was.
        StoreError: the engine failed.
    """
    counts = await asyncio.to_thread(_verified, path, schema)
    if not replace:
        await _check_empty(target, "pass `replace` (--replace) to delete them first.")
    for level in SPARSE:
        await target.delete(level, Filter())
    done: Counts = dict.fromkeys(LEVELS, 0)
    with gzip.open(path, "rb") as file:
        _read(file)
        while isinstance(message := (await asyncio.to_thread(_read, file))[1], list):
            level, points = cast(Level, message[0]), [as_point(one) for one in message[1]]
            await target.upsert(level, points)
            done[level] += len(points)
            if progress is not None:
                progress(level, done[level], counts[level])
    await target.flush()
    return await _counts(target)


async def _exported(
    source: Store, level: Level, after: str | None
) -> AsyncIterator[tuple[list[Point], str | None]]:
    while True:
        points, after = await source.export(level, after, BATCH)
        yield points, after
        if after is None:
            return


async def _digests(store: Store) -> dict[str, str]:
    """Return the digest of each document, by the id of its point."""
    found = await store.scroll("documents", Filter(), ("digest",))
    return {hit.id: str(hit.payload.get("digest", "")) for hit in found}


def _settled(level: Level, points: Sequence[Point], before: Mapping[str, str]) -> list[Point]:
    """Return points without the digests of documents that changed since their chunks were read.

    Without a digest a document counts as unfinished, and the next ingestion writes it again.
    """
    if level == "chunks":
        return list(points)
    return [
        point
        if before.get(point.id) == point.payload.get("digest")
        else replace(point, payload={**point.payload, "digest": ""})
        for point in points
    ]


async def _counts(store: Store) -> Counts:
    return {level: (await store.count(level, [Filter()]))[0] for level in LEVELS}


async def _check_empty(store: Store, fix: str) -> None:
    counts = await _counts(store)
    if any(counts.values()):
        raise UsageError(f"The store holds {counts['documents']} documents already.", fix=fix)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{str(path)!r} cannot be read: {error}.", fix="delete it and copy again."
        ) from error


def _compact(point: Point) -> dict[str, Any]:
    """Return dense vectors in 32 bits, as engines keep them."""
    return {name: np.asarray(vector, dtype=np.float32) for name, vector in point.dense.items()}


def _write(file: gzip.GzipFile, digest: Any, message: Any) -> None:
    data = frame(message)
    digest.update(data)
    file.write(data)


def _read(file: gzip.GzipFile) -> tuple[bytes, Any]:
    """Return the next frame's bytes and message."""
    header = file.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    data = file.read(HEADER.unpack(header)[0])
    return header + data, unpack(data)


def _verified(path: Path, schema: Schema) -> Counts:
    """Read a backup to its end, and return how many points it holds."""
    counts: Counts = dict.fromkeys(LEVELS, 0)
    digest = hashlib.sha256()
    try:
        with gzip.open(path, "rb") as file:
            raw, head = _read(file)
            if not isinstance(head, dict) or head.get("format") != FORMAT:
                raise UsageError(f"{str(path)!r} is no backup of a Waypost store.")
            if head.get("version") != SCHEMA_VERSION:
                raise UsageError(
                    f"{str(path)!r} was made by another version of Waypost.",
                    fix="ingest the sources anew instead.",
                )
            digest.update(raw)
            raw, message = _read(file)
            while isinstance(message, list):
                counts[message[0]] += len(message[1])
                digest.update(raw)
                raw, message = _read(file)
    except FileNotFoundError:
        raise UsageError(f"There is no file {str(path)!r}.", fix="correct the path.") from None
    except (OSError, EOFError, ValueError, KeyError, zlib.error) as error:
        raise UsageError(
            f"{str(path)!r} is no complete backup: {error or 'it ends too early'}.",
            fix="restore another one.",
        ) from error
    if message.get("counts") != counts or message.get("digest") != digest.hexdigest():
        raise UsageError(f"{str(path)!r} is damaged.", fix="restore another backup.")
    found = Schema.from_dict(head["schema"])
    if found.spaces != schema.spaces:
        raise UsageError(
            f"{str(path)!r} holds vectors of {found.spaces}, and the settings need {schema.spaces}.",
            fix="set the embedding model that the backup was made with.",
        )
    return counts
