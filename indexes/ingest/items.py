"""What is to be ingested and what becomes of it, as plain data that crosses to another process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from indexes.base import Point
from indexes.types import FieldType, FieldValue

__all__ = ["FILES", "Item", "Part", "Recipe", "Setup", "content_digest", "digest_of", "shape_of"]

FILES = ""  # the source of documents that are files of the project
# Counted up when the same content makes other chunks, so that everything is cut anew.
CHUNKING_VERSION = 11


@dataclass(frozen=True)
class Recipe:
    """What an index makes of a document.

    Args:
        index: the index's name.
        most: tokens of a chunk at the most.
        least: tokens below which sections are joined.
        chunks: whether chunks are embedded.
        documents: whether documents are.
        model: the embedding model as settings name it, which counts the tokens.
        space: the name of the dense vectors.
        fields: the types of the metadata that can be filtered by.
    """

    index: str
    most: int
    least: int
    chunks: bool
    documents: bool
    model: str
    space: str
    fields: Mapping[str, FieldType]


@dataclass(frozen=True)
class Item:
    """A document that is to be ingested.

    Args:
        recipe: what is made of it.
        document: its id.
        uri: where people open it.
        source: the name of the source it comes from; `FILES` for files.
        content: a digest or version of its content.
        digest: what its points depend on.
        place: the access list that it has by its place, if it carries none of its own.
        fields: the metadata that its place gives.
        path: the file; "" for what is no file.
    """

    recipe: Recipe
    document: str
    uri: str
    source: str
    content: str
    digest: str
    place: Sequence[str]
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    path: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The index and the document."""
        return self.recipe.index, self.document

    @property
    def version(self) -> str:
        """What tells the chunks of this state of the document from those of another."""
        return self.digest[:16]


@dataclass(frozen=True)
class Part:
    """Some chunks of a document, in order; with the last ones, the document's own point.

    The points have no dense vectors yet.

    Args:
        access: the groups that may see the document.
        chunks: the points of chunks.
        texts: what is embedded for each of them, if chunks are embedded.
        document: the document's point, which ends it.
        text: what is embedded for the document, if documents are.
    """

    access: Sequence[str]
    chunks: Sequence[Point]
    texts: Sequence[str]
    document: Point | None = None
    text: str = ""


@dataclass(frozen=True)
class Setup:
    """What a worker is told when it starts.

    Args:
        project: the project's folder.
        loaders: its own loaders, "module:function" by ending.
        most: bytes that a file may have.
        seconds: how long one step may take: opening a file, reading a block, cutting some chunks.
        memory: bytes that the process may have.
    """

    project: str
    loaders: Mapping[str, str]
    most: int
    seconds: float
    memory: int


def content_digest(path: Path) -> str:
    """Return the digest of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shape_of(recipe: Recipe, model: str) -> str:
    """Return what of the settings a document's points depend on.

    Args:
        recipe: what is made of it.
        model: the name and version of the embedding model.
    """
    used = {**asdict(recipe), "model": model if recipe.chunks or recipe.documents else ""}
    return json.dumps([CHUNKING_VERSION, used], sort_keys=True)


def digest_of(shape: str, fields: Mapping[str, FieldValue], content: str) -> str:
    """Return what a document's points depend on, as one digest.

    Args:
        shape: what of the settings they do.
        fields: the metadata that its place gives.
        content: a digest or version of its content.
    """
    given = json.dumps([dict(fields), content], sort_keys=True)
    return hashlib.sha256(f"{shape}{given}".encode()).hexdigest()
