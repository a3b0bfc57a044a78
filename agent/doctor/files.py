"""What can be seen of a project without opening it: its documents, descriptions, the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.doctor.check import Check, listed, passed, wrong
from agent.settings import Settings
from indexes.ingest.files import HIDDEN
from indexes.ingest.loaders import LOADERS
from indexes.settings import IndexSettings
from indexes.text import normalize

__all__ = ["look_at_files"]

LITTLE = 8  # characters of a description that say next to nothing
FEW = 3  # examples
ROOM = 1024  # MiB; writes are refused below a quarter of it


def look_at_files(project: Path, settings: Settings) -> list[Check]:
    """Check a project's documents, what questions are routed by, and the disk."""
    files = {
        index.name: [
            path
            for pattern in index.sources
            for path in project.glob(pattern)
            if path.is_file()
            and not any(part.startswith(HIDDEN) for part in path.relative_to(project).parts)
        ]
        for index in settings.index
    }
    return [*_sources(settings, files), *_routing(settings.index), *_disk(project, settings)]


def _sources(settings: Settings, files: Mapping[str, Sequence[Path]]) -> list[Check]:
    every = list(dict.fromkeys(path for some in files.values() for path in some))
    empty = [one.name for one in settings.index if one.sources and not files[one.name]]
    known = {*LOADERS, *settings.ingest.loaders}
    strange = [path.name for path in every if path.suffix.lower() not in known]
    most = settings.ingest.max_mb
    large = [path.name for path in every if path.stat().st_size > most * 2**20]
    closed = [path.name for path in every if not os.access(path, os.R_OK)]
    found = [
        wrong("sources", f"{detail}: {listed(names)}.", fix)
        for names, detail, fix in (
            (
                empty,
                "No file matches the sources of",
                "correct `sources` of these indexes, or add documents.",
            ),
            (
                strange,
                "No loader for",
                "convert these files, exclude them from `sources`, or name a loader in [ingest] loaders.",
            ),
            (large, f"Larger than {most:g} MB", "split these files, or raise [ingest] max_mb."),
            (closed, "Not readable", "give the user that runs Waypost the right to read them."),
        )
        if names
    ]
    return found or [passed("sources", f"{len(every)} files")]


def _routing(indexes: Sequence[IndexSettings]) -> list[Check]:
    found = []
    poor = [i.name for i in indexes if len(i.description) < LITTLE and len(i.examples) < FEW]
    if poor and len(indexes) > 1:
        found.append(
            wrong(
                "routing",
                f"Little to route by: {listed(poor)}.",
                "enumerate in `description` what the index covers, or add `examples`.",
            )
        )
    alike: dict[str, list[str]] = {}
    for index in indexes:
        if index.description:
            alike.setdefault(normalize(index.description), []).append(index.name)
    twice: dict[str, list[str]] = {}
    for index in indexes:
        for example in dict.fromkeys(map(normalize, index.examples)):
            twice.setdefault(example, []).append(index.name)
    for names in alike.values():
        if len(names) > 1:
            found.append(
                wrong(
                    "routing",
                    f"The same description: {listed(names)}.",
                    "say in each what it alone covers.",
                )
            )
    for example, names in twice.items():
        if len(names) > 1:
            found.append(
                wrong(
                    "routing",
                    f"{example!r} is an example of {listed(names)}.",
                    "leave it with the one that answers it.",
                )
            )
    return found or [passed("routing", "every index has its own description or examples")]


def _disk(project: Path, settings: Settings) -> list[Check]:
    folder = project / settings.store.path
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return [
            wrong(
                "disk",
                f"{str(nearest)!r} cannot be written to.",
                "give the right to write there, or choose another [store] path.",
            )
        ]
    free = shutil.disk_usage(nearest).free // 2**20
    detail = f"{free} MiB free"
    if free < ROOM:
        return [wrong("disk", detail, "make room: writes are refused below 256 MiB.")]
    return [passed("disk", detail)]
