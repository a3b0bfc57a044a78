"""Readers of source files, one function a format: `(path) -> Loaded`."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

from indexes.base import Loaded, Loader
from indexes.errors import LoadError
from indexes.text import whole
from indexes.types import Block

__all__ = ["LOADERS", "MAX_BYTES", "load", "reader_versions", "supported", "unreadable"]

MAX_BYTES = 64 * 2**20  # of a file, if the settings say nothing else
HEAD = 4096  # bytes that tell a file's format
UNPACKED_BYTES = 2**30  # of an archive's parts together
RATIO = 200  # of unpacked to packed bytes; Office's own files stay below 50
DETAIL = 200  # characters of an error that are shown
EMPTY = "write something into it, or exclude it from `sources`."
RECOGNISE = "if its pages are images, run text recognition on it first."

READERS = (
    "waypost", "pypdfium2", "python-docx", "python-pptx", "openpyxl", "lxml", "pyromark",
    "selectolax", "tree-sitter", "rapidocr", "onnxruntime",
)  # fmt: skip
_CODE = "code:load_code"
LOADERS: Mapping[str, str] = {  # the module in this package and its function, by a file's ending
    ".pdf": "pdf:load_pdf",
    ".docx": "docx:load_docx",
    ".pptx": "pptx:load_pptx",
    ".xlsx": "table:load_xlsx",
    ".csv": "table:load_csv",
    ".tsv": "table:load_csv",
    ".md": "markdown:load_markdown",
    ".markdown": "markdown:load_markdown",
    ".html": "html:load_html",
    ".htm": "html:load_html",
    ".json": "records:load_json",
    ".jsonl": "records:load_jsonl",
    ".ndjson": "records:load_jsonl",
    ".eml": "mail:load_eml",
    ".txt": "plain:load_plain",
    ".text": "plain:load_plain",
    ".log": "plain:load_plain",
    **dict.fromkeys(
        ".py .js .jsx .mjs .ts .tsx .java .go .rs .c .h .cc .cpp .hpp .cs .rb .php .sh .sql".split(),
        _CODE,
    ),
}
_PARTS = {"word/": ".docx", "xl/": ".xlsx", "ppt/": ".pptx"}  # what an Office archive holds
_ARCHIVES = frozenset(_PARTS.values())
_BINARY = _ARCHIVES | {".pdf"}
_NAMES = {
    ".pdf": "a PDF",
    ".docx": "a Word file",
    ".xlsx": "an Excel file",
    ".pptx": "a PowerPoint file",
}


@cache
def reader_versions() -> str:
    """Return the versions of what reads files: what failed with one may succeed with another."""
    found = []
    for name in READERS:
        with suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return ", ".join(found)


def supported(path: Path, own: Mapping[str, Loader] | None = None) -> bool:
    """Say whether a loader is registered for the file's ending.

    Args:
        path: the file.
        own: a project's own loaders by ending.
    """
    return path.suffix.lower() in {*LOADERS, *(own or {})}


def load(path: Path, *, most: int = MAX_BYTES, own: Mapping[str, Loader] | None = None) -> Loaded:
    """Read one file with the loader of its format, which is that of its ending if its content agrees.

    The blocks come while they are read, and may raise what this function raises.

    Args:
        path: the file.
        most: how many bytes it may have.
        own: a project's own loaders by ending.

    Raises:
        LoadError: the format is unknown, or the file is empty, too large, damaged or unreadable.
    """
    ending = path.suffix.lower()
    if not supported(path, own):
        raise LoadError(
            f"There is no loader for {path.suffix or 'files without an ending'}.",
            fix="save it as PDF, Word, Excel, PowerPoint, HTML, Markdown or text, register a loader "
            "for it under [ingest] loaders, or exclude it from `sources`.",
        )
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise unreadable(error) from error
    if size > most:
        raise LoadError(
            f"The file has {size / 2**20:,.1f} MiB; the limit is {most / 2**20:g} MiB.",
            fix="split it into smaller files, or raise [ingest] max_mb.",
        )
    if not head:
        raise LoadError("The file is empty.", fix=EMPTY)
    own_loader = (own or {}).get(ending)
    found = ending if own_loader else _format(path, ending, head)
    try:
        if found in _ARCHIVES and not own_loader:
            _check_archive(path)
        loaded = (own_loader or _loader(found))(path)
        if not isinstance(loaded, Loaded):
            raise TypeError(f"it returned {loaded!r:.100}, which is no Loaded")
        if isinstance(loaded.groups, str):  # else each letter would be a group
            raise TypeError('its groups are a text: write ("board",)')
    except (LoadError, MemoryError):
        raise
    except Exception as error:  # readers of damaged files raise anything
        raise _told(error, found, head, own=own_loader is not None) from error
    if found != ending:
        loaded.warnings.append(f"The content is that of a {found} file; it was read as one.")
    return Loaded(
        _sound(
            loaded.blocks,
            RECOGNISE if found == ".pdf" else EMPTY,
            lambda error: _told(error, found, head, own=own_loader is not None),
        ),
        title=whole(loaded.title),
        date=loaded.date,
        groups=loaded.groups,
        fields=loaded.fields,
        warnings=loaded.warnings,
    )


def _loader(ending: str) -> Loader:
    module, function = LOADERS[ending].split(":")
    loader: Loader = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return loader


def _sound(
    blocks: Iterable[Block], cure: str, told: Callable[[Exception], LoadError]
) -> Iterator[Block]:
    """Yield blocks, with what goes wrong while they are read told in one way.

    Args:
        blocks: the blocks of a file.
        cure: what helps if they have no text.
        told: returns what a person is told of an error.
    """
    empty = True
    try:
        for block in blocks:
            empty = empty and not block.text.strip()
            text = whole(block.text)
            yield block if text is block.text else replace(block, text=text)
    except (LoadError, MemoryError):
        raise
    except Exception as error:
        raise told(error) from error
    if empty:
        raise LoadError("The file has no text.", fix=cure)


def _told(error: Exception, ending: str, head: bytes, *, own: bool) -> LoadError:
    """Return what a person is told of an error that a reader did not expect."""
    if isinstance(error, OSError) and error.strerror:
        return unreadable(error)
    if own:
        return LoadError(
            f"The project's own loader of {ending} files failed: "
            f"{type(error).__name__}: {str(error)[:DETAIL].rstrip('.')}.",
            fix="correct the loader, or the file if the loader is right.",
        )
    mark = b"%PDF-" if ending == ".pdf" else b"PK" if ending in _ARCHIVES else b""
    if mark not in head:
        return LoadError(
            f"The file is not {_NAMES[ending]}, although its ending is {ending}.",
            fix="give it the ending of its format, or export it again.",
        )
    if "amplification" in str(error):  # both XML parsers say so of entities within entities
        return LoadError(
            "The file is made to overwhelm whatever reads it: a few words that stand for millions.",
            fix="find out where it comes from; if it is sound, save it again in its own program.",
        )
    # what the readers of these say helps no person; the worker logs it
    detail = f" ({str(error)[:DETAIL].rstrip('.')})" if ending not in _BINARY and str(error) else ""
    return LoadError(
        f"The file is damaged, cut off or not what its ending says{detail}.",
        fix="open and save it again in its own program.",
    )


def unreadable(error: OSError) -> LoadError:
    """Return what a person is told of a file that the system does not let one read."""
    if isinstance(error, FileNotFoundError):
        return LoadError(
            "The file cannot be read: it is not there any more.",
            fix="if it was only moved, ingest again.",
        )
    cure = "give whoever ingests the right to read it, or exclude it from `sources`."
    if not isinstance(error, PermissionError):
        cure = "check the disk that it is on, and ingest again."
    return LoadError(f"The file cannot be read: {error.strerror}.", fix=cure)


def _format(path: Path, ending: str, head: bytes) -> str:
    """Return the ending that fits a file's content: its own, unless the content says another.

    Raises:
        LoadError: the content is of a known format that has no loader.
    """
    if b"%PDF-" in head[:1024]:
        return ".pdf"
    if head.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile:
            return ending  # its loader says what is wrong
        inside = [own for part, own in _PARTS.items() if any(n.startswith(part) for n in names)]
        return inside[0] if inside else ending
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise LoadError(
            "The file is of an old Office format, or encrypted.",
            fix="save it as .docx, .xlsx or .pptx without a password.",
        )
    if head.startswith(b"{\\rtf"):
        raise LoadError("The file is in Rich Text Format.", fix="save it as .docx.")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if ending in _BINARY and start.startswith((b"<!doctype html", b"<html")):
        return ".html"
    return ending


def _check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to far more than it is.

    Raises:
        LoadError: it would.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    packed = path.stat().st_size
    if unpacked > UNPACKED_BYTES or (unpacked > 2**26 and unpacked > RATIO * packed):
        raise LoadError(
            f"The file of {packed / 2**20:.1f} MiB would unpack to {unpacked / 2**20:,.0f} MiB.",
            fix="if it is sound, save its content in smaller files.",
        )
