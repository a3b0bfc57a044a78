"""Documents as an app gives them: checked before anything is written, and made of LangChain's."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from indexes.errors import UsageError
from indexes.ingest.structure import blocks_of_lines
from indexes.text import whole
from indexes.types import Block, Document, FieldValue, Location

__all__ = ["as_documents", "check_id", "checked", "checked_ids", "digest_of_document"]

_PLACES = {  # the keys of a location and what they hold
    **dict.fromkeys(("page", "slide", "row"), int),
    **dict.fromkeys(("sheet", "heading", "article", "symbol", "time"), str),
    "lines": list,
}
_LANGCHAIN = {"id", "title", "date", "groups", "page", "page_number", "uri"}  # become no fields


def as_documents(given: Iterable[Any]) -> list[Document]:
    """Return checked documents, made of LangChain's where they are not Waypost's own.

    Raises:
        UsageError: something is neither, is not sound, or has the id of another.
    """
    if isinstance(given, str | Document) or not isinstance(given, Iterable):
        raise UsageError("Documents come in a list.", fix="write index.add([document]).")
    own: dict[str, Document] = {}
    pages: dict[str, list[Any]] = {}
    for one in given:
        if isinstance(one, Document):
            document = checked(one)
            if document.id in own:
                raise _twice(document.id)
            own[document.id] = document
        else:
            pages.setdefault(_langchain_id(one), []).append(one)
    for id, found in pages.items():
        if id in own:
            raise _twice(id)
        own[id] = checked(_of_pages(id, found))
    return list(own.values())


def checked(document: Document) -> Document:
    """Return a document with what it was given in plain types, and half characters replaced.

    Raises:
        UsageError: a part of it has the wrong type, named with the document.
    """
    id = check_id(document.id)
    for name in ("title", "uri", "date"):
        _check(id, isinstance(getattr(document, name), str), f"its {name} is no text")
    blocks = document.blocks
    _check(id, _is_list(blocks), "its blocks are no list of Block")
    groups = document.groups
    if groups is not None:
        _check(id, _is_list(groups), 'its groups are no list: write ("board",), or None')
        groups = tuple(groups)
        _check(id, all(isinstance(one, str) for one in groups), "one of its groups is no text")
    _check(id, isinstance(document.fields, Mapping), "its fields are no mapping")
    return Document(
        id=id,
        title=whole(document.title),
        blocks=[_block(id, block) for block in blocks],
        uri=whole(document.uri),
        date=whole(document.date),
        groups=None if groups is None else tuple(map(whole, groups)),
        fields={name: _field(id, name, value) for name, value in document.fields.items()},
    )


def check_id(id: Any) -> str:
    """Return an id if it is one.

    Raises:
        UsageError: it is no text, is empty, or has characters that no text has.
    """
    if not isinstance(id, str) or not id.strip():
        raise UsageError(f"The id {id!r} is no text.", fix='give each document one: "wiki/12".')
    if "\0" in id or whole(id) != id:
        raise UsageError(f"The id {id!r} has a NUL or half a character.", fix="choose another one.")
    return id


def checked_ids(given: Iterable[str]) -> list[str]:
    """Return ids, each once.

    Raises:
        UsageError: these are not ids.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UsageError("Ids come in a list.", fix='write index.delete(["wiki/12"]).')
    return list(dict.fromkeys(check_id(one) for one in given))


def digest_of_document(document: Document) -> str:
    """Return a digest of all that a checked document says."""
    head = [document.id, document.title, document.uri, document.date, document.groups]
    digest = hashlib.sha256(_plain([*head, dict(document.fields)]))
    for block in document.blocks:
        digest.update(_plain([block.text, block.location, block.level]))
    return digest.hexdigest()


def _plain(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _block(id: str, given: Any) -> Block:
    _check(id, isinstance(given, Block), f"one of its blocks is {type(given).__name__!r}, no Block")
    block: Block = given
    _check(id, isinstance(block.text, str), "the text of one of its blocks is no text")
    _check(id, _is_number(block.level) and block.level >= 0, "a block's level is no depth")
    _check(id, isinstance(block.location, Mapping), "a block's location is no mapping")
    location: Mapping[str, Any] = block.location
    for key, value in location.items():
        fits = key in _PLACES and isinstance(value, _PLACES[key]) and not isinstance(value, bool)
        _check(
            id,
            fits and (key != "lines" or (len(value) == 2 and all(map(_is_number, value)))),
            f"a block's location has {key!r}: {value!r}, but its keys are {', '.join(_PLACES)}",
        )
    text = whole(block.text)
    return block if text is block.text else replace(block, text=text)


def _field(id: str, name: Any, value: Any) -> FieldValue:
    _check(id, isinstance(name, str), f"a field's name is no text: {name!r}")
    values = list(value) if isinstance(value, list | tuple) else [value]
    for one in values:
        _check(
            id,
            _is_value(one),
            f"its field {name!r} is no text, number, truth or list of these: {one!r}",
        )
    kept = [whole(one) if isinstance(one, str) else one for one in values]
    return kept if isinstance(value, list | tuple) else kept[0]


def _is_value(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63  # what stores keep
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _check(id: str, holds: bool, problem: str) -> None:
    if not holds:
        raise UsageError(f"The document {id!r} is not sound: {problem}.", fix="correct it.")


def _twice(id: str) -> UsageError:
    return UsageError(f"Two documents have the id {id!r}.", fix="give each one its own.")


def _langchain_id(one: Any) -> str:
    metadata = getattr(one, "metadata", None)
    if not isinstance(getattr(one, "page_content", None), str) or not isinstance(metadata, dict):
        raise UsageError(
            f"{type(one).__name__!r} is no document.",
            fix="give indexes.Document or LangChain's Document.",
        )
    id = getattr(one, "id", None) or metadata.get("id") or metadata.get("source")
    if not id:
        raise UsageError(
            "A LangChain document has no id.", fix="set its `id`, or `source` in its metadata."
        )
    return check_id(str(id))


def _of_pages(id: str, pages: Sequence[Any]) -> Document:
    """Make one document of its pages; what all but their texts say is taken from the first."""
    blocks: list[Block] = []
    for one in pages:
        blocks += blocks_of_lines(one.page_content.splitlines(), _page_of(one.metadata))
    first = pages[0].metadata
    groups = first.get("groups")
    if any(one.metadata.get("groups") != groups for one in pages):
        raise UsageError(
            f"The pages of {id!r} have different groups.",
            fix="give them the same `groups`, or ids of their own.",
        )
    return Document(
        id=id,
        title=str(first.get("title") or ""),
        blocks=blocks,
        uri=str(first.get("uri") or first.get("source") or ""),
        date=str(first.get("date") or ""),
        groups=(groups,) if isinstance(groups, str) else groups,
        fields={
            key: value
            for key, value in first.items()
            if isinstance(key, str) and key not in _LANGCHAIN and _is_kept(value)
        },
    )


def _page_of(metadata: Mapping[str, Any]) -> Location:
    """Return the page; LangChain's `page` counts from 0, the `page_number` of some loaders from 1."""
    page, number = metadata.get("page"), metadata.get("page_number")
    if isinstance(page, int) and _is_number(page):
        return {"page": page + 1}
    return {"page": number} if isinstance(number, int) and _is_number(number) else {}


def _is_kept(value: Any) -> bool:
    return all(map(_is_value, value)) if isinstance(value, list | tuple) else _is_value(value)
