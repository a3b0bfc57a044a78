"""What the store keeps of a document: its own point, and one a chunk."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexes.base import Point, Vector, chunk_id, document_id
from indexes.filters import metadata
from indexes.lexical import encode_document
from indexes.settings import IndexSettings
from indexes.text import language, names, tokens
from indexes.types import Chunk, Document

__all__ = ["Prepared", "document_points", "texts_to_embed"]

HEADINGS = 60  # of a document, at the most
KEY_TERMS = 64
OPENING = 1500  # characters
COVER = 600  # characters whose names say whom a document is about


@dataclass(frozen=True)
class Prepared:
    """A document that is loaded and cut, ready to be embedded.

    Args:
        index: its index.
        document: the document.
        chunks: its chunks.
        access: the groups that may see it.
        place: those that its place alone lets see it.
        digest: what its points depend on.
        space: the name of its dense vectors.
    """

    index: IndexSettings
    document: Document
    chunks: Sequence[Chunk]
    access: Sequence[str]
    place: Sequence[str]
    digest: str
    space: str


def texts_to_embed(item: Prepared) -> list[str]:
    """Return the texts whose embeddings `document_points` takes, in its order."""
    texts = [_searched(chunk) for chunk in item.chunks] if item.index.embeds_chunks else []
    if item.index.embeds_documents:
        texts.append("\n".join([item.document.title, *_headings(item)[:12], _opening(item)]))
    return texts


def document_points(item: Prepared, vectors: Iterator[Vector]) -> tuple[Point, list[Point], Point]:
    """Return the document's point without a digest, its chunks' points, and its finished point.

    Args:
        item: the document.
        vectors: gives the embeddings of `texts_to_embed`.
    """
    document, index = item.document, item.index
    text = " ".join(block.text for block in document.blocks[:40])
    values = {
        **document.fields,
        "title": document.title,
        "date": document.date,
        "language": language(text),
    }
    meta = metadata(values, index.fields)
    common = {
        "index": index.name,
        "document": document.id,
        "title": document.title,
        "uri": document.uri,
        "access": list(item.access),
        "meta": meta,
    }
    chunks = [
        Point(
            id=chunk_id(index.name, document.id, ordinal),
            payload={
                **common,
                "ordinal": ordinal,
                "header": chunk.header,
                "path": list(chunk.path),
                "text": chunk.text,
                "spans": list(chunk.spans),
            },
            dense={item.space: next(vectors)} if index.embeds_chunks else {},
            sparse={"text": encode_document("text", _searched(chunk))},
        )
        for ordinal, chunk in enumerate(item.chunks)
    ]
    headings = _headings(item)
    name = _name(item)
    found = [str(value) for value in document.fields.values()]
    cover = names(_opening(item)[:COVER])
    finished = Point(
        id=document_id(index.name, document.id),
        payload={
            **common,
            "date": document.date,
            "language": values["language"],
            "name": name,
            "headings": headings,
            "fields": dict(document.fields),
            "chunks": len(item.chunks),
            "digest": item.digest,
            "place": list(item.place),
        },
        dense={item.space: next(vectors)} if index.embeds_documents else {},
        sparse={
            "title": encode_document("title", name),
            "terms": encode_document("terms", " ".join([name, *headings, *_key_terms(item)])),
            "opening": encode_document("opening", _opening(item)),
            "metadata": encode_document(
                "metadata", " ".join([name, document.date, *found, *cover])
            ),
        },
    )
    unfinished = replace(finished, payload={**finished.payload, "digest": ""})
    return unfinished, chunks, finished


def _name(item: Prepared) -> str:
    """Return the title and the file's name, with the words that the name glues together.

    "BESTBUY_2023_10K" stands for "Best Buy" if these words stand one after the other on the cover.
    """
    stem = Path(item.document.id).stem.replace("_", " ")
    glued = {word.lower() for word in re.findall(r"[A-Za-z]{5,}", stem)}
    words = re.findall(r"[A-Za-z]+", _opening(item))
    parted = [
        " ".join(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, min(start + 4, len(words)) + 1)
        if "".join(words[start:end]).lower() in glued and end > start + 1
    ]
    return " ".join(dict.fromkeys([item.document.title, stem, *parted]))


def _searched(chunk: Chunk) -> str:
    return f"{chunk.header}\n{chunk.text}"


def _headings(item: Prepared) -> list[str]:
    found = (block.text for block in item.document.blocks if block.level)
    return list(dict.fromkeys(found))[:HEADINGS]


def _opening(item: Prepared) -> str:
    """Return the document's beginning; its weight falls with its length, not with its language."""
    out, size = [], 0
    for block in item.document.blocks:
        out.append(block.text)
        size += len(block.text)
        if size >= OPENING:
            break
    return "\n".join(out)[:OPENING]


def _key_terms(item: Prepared) -> list[str]:
    """Return the terms that a document uses most; how rare they are elsewhere, the engine counts."""
    counts: Counter[str] = Counter()
    for chunk in item.chunks:
        counts.update(term for term in tokens(chunk.text) if len(term) > 1 and not term.isdigit())
    return [term for term, _ in counts.most_common(KEY_TERMS)]
