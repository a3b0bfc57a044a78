"""Readers of source files, one function a format: `(path) -> Loaded`."""

from __future__ import annotations

from pathlib import Path

from indexes.base import Loaded, Loader
from indexes.errors import LoadError

__all__ = ["MAX_BYTES", "load", "supported"]

MAX_BYTES = 64 * 2**20


def _pdf(path: Path) -> Loaded:
    from indexes.ingest.loaders.pdf import load_pdf

    return load_pdf(path)


def _docx(path: Path) -> Loaded:
    from indexes.ingest.loaders.docx import load_docx

    return load_docx(path)


def _xlsx(path: Path) -> Loaded:
    from indexes.ingest.loaders.table import load_xlsx

    return load_xlsx(path)


def _csv(path: Path) -> Loaded:
    from indexes.ingest.loaders.table import load_csv

    return load_csv(path)


def _markdown(path: Path) -> Loaded:
    from indexes.ingest.loaders.markdown import load_markdown

    return load_markdown(path)


def _plain(path: Path) -> Loaded:
    from indexes.ingest.loaders.plain import load_plain

    return load_plain(path)


LOADERS: dict[str, Loader] = {
    ".pdf": _pdf,
    ".docx": _docx,
    ".xlsx": _xlsx,
    ".csv": _csv,
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _plain,
}


def supported(path: Path) -> bool:
    """Say whether a loader is registered for the file's ending."""
    return path.suffix.lower() in LOADERS


def load(path: Path) -> Loaded:
    """Read one file with the loader of its ending.

    Raises:
        LoadError: the format is unknown, or the file is empty, too large, damaged or unreadable.
    """
    if not supported(path):
        raise LoadError(
            f"There is no loader for {path.suffix or 'files without an ending'}.",
            fix=f"convert it to one of {', '.join(sorted(LOADERS))}, or exclude it from `sources`.",
        )
    try:
        size = path.stat().st_size
    except OSError as error:
        raise LoadError(f"The file cannot be read: {error.strerror}.") from error
    if size > MAX_BYTES:
        raise LoadError(
            f"The file has {size // 2**20} MiB; the limit is {MAX_BYTES // 2**20} MiB.",
            fix="split it into smaller files.",
        )
    if size == 0:
        raise LoadError("The file is empty.")
    try:
        loaded = LOADERS[path.suffix.lower()](path)
    except LoadError:
        raise
    except Exception as error:  # readers of damaged files raise anything
        raise LoadError(
            f"The file is damaged or not what its ending says ({type(error).__name__}: {error}).",
            fix="open and save it again in its own program.",
        ) from error
    if not any(block.text.strip() for block in loaded.blocks):
        raise LoadError("The file has no text.", fix="run text recognition on scanned pages first.")
    return loaded
