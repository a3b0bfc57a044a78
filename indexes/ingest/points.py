"""What the store keeps of a document: its own point, and one a chunk."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any

from indexes.base import Loaded, Point, chunk_id, document_id
from indexes.filters import metadata
from indexes.ingest.chunking import chunk_blocks
from indexes.ingest.items import Item, Part
from indexes.lexical import encode_document, encode_tokens
from indexes.text import language, names, symbol_terms, tokens
from indexes.types import Block, Chunk, FieldValue
from indexes.validity import Stated

__all__ = ["parts", "stub"]

PART = 64  # chunks
VALIDITY = ("effective", "expires")
BEGINNING = 40  # blocks that tell the language
HEADINGS = 60  # of a document, at the most
KEY_TERMS = 64
COUNTED = 16  # the first chunks of a document, and every sixteenth, tell its key terms
MOST_TERMS = 50_000  # counted at once; a huge document forgets its rarest
OPENING = 1500  # characters
COVER = 600  # characters whose names say whom a document is about


def stub(item: Item) -> Point:
    """Return the point of a document that is not there yet: nobody sees it, and it has no digest."""
    return Point(
        document_id(*item.key),
        {
            "index": item.recipe.index,
            "document": item.document,
            "source": item.source,
            "access": [],
            "place": list(item.place),
            "digest": "",
            "version": "",
            "chunks": 0,
        },
    )


def parts(item: Item, loaded: Loaded, count: Callable[[str], int]) -> Iterator[Part]:
    """Cut a document and yield its points, part by part.

    Args:
        item: the document.
        loaded: its content, whose blocks are read as they are needed.
        count: counts the tokens of a text as its embedding model does.

    Raises:
        LoadError: the content turns out to be unreadable.
    """
    recipe = item.recipe
    own_title = loaded.title.strip()
    title = own_title or PurePosixPath(item.document).stem.replace("_", " ").strip()
    access = sorted(set(loaded.groups)) if loaded.groups is not None else list(item.place)
    fields: dict[str, FieldValue] = {**item.fields, **loaded.fields}
    blocks = iter(loaded.blocks)
    first = list(islice(blocks, BEGINNING))
    spoken = language(" ".join(block.text for block in first))
    meta: dict[str, Any] = metadata(
        {**fields, "title": title, "date": loaded.date, "language": spoken}, recipe.fields
    )
    loaded.warnings.extend(
        f"Its `{name}` is no date: {str(fields[name])[:40]!r}."
        for name in VALIDITY
        if name in fields and name not in meta
    )
    if "effective" in meta:
        meta["since"] = meta["effective"]
    if "replaced_by" in fields:
        meta["replaced_by"] = str(fields["replaced_by"])
    common = {
        "index": recipe.index,
        "document": item.document,
        "title": title,
        "uri": item.uri,
        "meta": meta,
        "version": item.version,
    }
    summary = _Summary(title)
    sent = False
    known: dict[str, Sequence[str]] = {}
    points: list[Point] = []
    texts: list[str] = []
    ordinal = 0
    defined: set[str] = set()
    cut = chunk_blocks(
        summary.watching(chain(first, blocks)),
        title,
        count=count,
        most=recipe.most,
        least=recipe.least,
    )
    for chunk in cut:
        words = tokens(chunk.text)
        if ordinal == 0:
            known[chunk.text] = words  # all that a short document has, and its opening too
        summary.count(ordinal, words)
        symbols = {span["location"].get("symbol", "") for span in chunk.spans} - {"", *defined}
        defined |= symbols  # what is cut into several chunks is defined in the first
        named = [term for symbol in sorted(symbols) for term in symbol_terms(symbol)]
        points.append(
            Point(
                id=chunk_id(recipe.index, item.document, ordinal, item.version),
                payload={
                    **common,
                    "access": access,
                    "ordinal": ordinal,
                    "header": chunk.header,
                    "path": list(chunk.path),
                    "text": chunk.text,
                    "spans": list(chunk.spans),
                },
                sparse={"text": encode_tokens("text", (*tokens(chunk.header), *named, *words))},
            )
        )
        if recipe.chunks:
            texts.append(_embedded(chunk, own_title))
        ordinal += 1
        if len(points) == PART:
            yield Part(access, points, texts)
            points, texts, sent = [], [], True
    if not sent and not any(name in fields for name in VALIDITY):
        # all chunks share `meta` and are still here: what a long text says at its end comes too late
        fields |= summary.stated.fields
        meta |= metadata(summary.stated.fields, {})
        if "effective" in meta:
            meta["stated"] = True
    stem = PurePosixPath(item.document).stem.replace("_", " ")
    name = summary.name(stem)
    opening = summary.opening
    opened = known[opening] if opening in known else tokens(opening)
    found = [str(value) for value in fields.values()]
    document = Point(
        id=document_id(*item.key),
        payload={
            **common,
            "access": access,
            "source": item.source,
            "date": loaded.date,
            "language": spoken,
            "name": name,
            "headings": summary.headings,
            "fields": fields,
            "chunks": ordinal,
            "digest": item.digest,
            "content": item.content,
            "place": list(item.place),
            "own_access": loaded.groups is not None,
            "warnings": loaded.warnings,
        },
        sparse={
            "title": encode_document("title", name),
            "terms": encode_document(
                "terms", " ".join([name, *summary.headings, *summary.key_terms])
            ),
            "opening": encode_tokens("opening", opened),
            "metadata": encode_document(
                "metadata", " ".join([name, loaded.date, *found, *names(opening[:COVER])])
            ),
        },
    )
    text = "\n".join([*([own_title] if own_title else []), *summary.headings[:12], opening])
    yield Part(access, points, texts, document, text if recipe.documents else "")


def _embedded(chunk: Chunk, title: str) -> str:
    """Return what is embedded of a chunk.

    A title that is only the file's name is left out, so that a renamed file keeps its embeddings.
    """
    lead = " · ".join([title, *chunk.path] if title else chunk.path)
    return f"{lead}\n{chunk.text}" if lead else chunk.text


class _Summary:
    """What a document's point says of its text, gathered while the text is cut.

    Args:
        title: the document's title.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._opening: list[str] = []
        self._size = 0
        self._headings: dict[str, None] = {}
        self._terms: Counter[str] = Counter()
        self.stated = Stated()

    def watching(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield blocks, remembering the headings and the beginning."""
        for block in blocks:
            if self._size < OPENING:
                self._opening.append(block.text)
                self._size += len(block.text)
            if block.level and len(self._headings) < HEADINGS:
                self._headings[block.text] = None
            self.stated.watch(block.text)
            yield block

    def count(self, ordinal: int, words: Sequence[str]) -> None:
        """Count a chunk's words, of a long document those of some chunks alone."""
        if ordinal < COUNTED or ordinal % COUNTED == 0:
            self._terms.update(words)
            if len(self._terms) > MOST_TERMS:
                self._terms = Counter(dict(self._terms.most_common(MOST_TERMS // 2)))

    @property
    def headings(self) -> list[str]:
        """The first headings, each once."""
        return list(self._headings)

    @property
    def opening(self) -> str:
        """The document's beginning; its weight falls with its length, not with its language."""
        return "\n".join(self._opening)[:OPENING]

    @property
    def key_terms(self) -> list[str]:
        """The terms that a document uses most; how rare they are elsewhere, the engine counts."""
        counts = self._terms
        # most terms of a text stand there once, and seldom is one of these needed
        for least in (2, 1):
            often = [term for term, count in counts.items() if count >= least]
            used = [term for term in often if len(term) > 1 and not term.isdigit()]
            if len(used) >= KEY_TERMS:
                break
        return nlargest(KEY_TERMS, used, key=counts.__getitem__)

    def name(self, stem: str) -> str:
        """Return the title and the file's name, with the words that the name glues together.

        "BESTBUY_2023_10K" stands for "Best Buy" if these words stand one after the other on the cover.
        """
        glued = {word.lower() for word in re.findall(r"[A-Za-z]{5,}", stem)}
        words = re.findall(r"[A-Za-z]+", self.opening) if glued else []
        parted = [
            " ".join(words[start:end])
            for start in range(len(words))
            for end in range(start + 1, min(start + 4, len(words)) + 1)
            if "".join(words[start:end]).lower() in glued and end > start + 1
        ]
        return " ".join(dict.fromkeys([self._title, stem, *parted]))
