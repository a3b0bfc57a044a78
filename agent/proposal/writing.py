"""The waypost.toml of a proposal, with comments for whoever edits it next."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agent.errors import UsageError
from agent.proposal.propose import Proposal, ProposedIndex
from prompts import texts

__all__ = ["settings_text", "write_new"]

DECLINE = 20  # what declining costs beside an answer not found: see benchmarks/first_run.py
WIDE = 88  # columns within which a list stays on its line


def settings_text(proposal: Proposal, name: str, groups: Sequence[str] | None) -> str:
    """Return a waypost.toml.

    Args:
        proposal: the indexes.
        name: the project's.
        groups: who may ask; None: everyone.
    """
    said: dict[str, str] = texts("init", proposal.language)["comments"]
    access = ("public", said["public"]) if groups is None else ("private", said["private"])
    lines = [
        f"# {said['file']}",
        "[project]",
        f"name = {_value(name)}",
        _line(f"language = {_value(proposal.language)}", said["language"]),
        _line(f"default_access = {_value(access[0])}", access[1]),
        "",
        "[models]",
        _line('chat = "local"', said["chat"]),
        'embedding = "local"',
        "",
        "[routing]",
        _line("none = []", said["none"]),
        "",
        "[routing.costs]",
        _line(f"decline = {DECLINE}", said["decline"]),
        "",
        f"# {said['index']}",
    ]
    for number, index in enumerate(proposal.indexes):
        lines += [*([""] if number else []), *_index(index, groups, said, first=not number)]
    return "\n".join(lines) + "\n"


def _index(
    index: ProposedIndex, groups: Sequence[str] | None, said: dict[str, str], *, first: bool
) -> Iterator[str]:
    """Yield the lines of an index; what holds for all is explained at the first."""
    kind = "code" if index.embedding == "none" else index.layout
    yield "[[index]]"
    yield f"name = {_value(index.name)}"
    yield f"title = {_value(index.title)}"
    yield f"description = {_value(index.description)}"
    yield _line(f"layout = {_value(index.layout)}", said[kind] if first or kind != "flat" else "")
    if index.embedding:
        yield f"embedding = {_value(index.embedding)}"
    yield from _list("sources", index.sources, said["sources"] if first else "")
    if index.folders:
        yield _line(f"folders = {_value(index.folders)}", said["folders"])
        inside = ", ".join(f"{name} = {_value(kind)}" for name, kind in index.fields.items())
        yield f"fields = {{ {inside} }}"
    if index.examples:
        yield from _list("examples", index.examples, said["examples"] if first else "")
    if groups is not None:
        yield f"groups = {_value(list(groups))}"


def _line(text: str, comment: str) -> str:
    return f"{text:<30} # {comment}" if comment else text


def _list(key: str, values: Sequence[str], comment: str) -> Iterator[str]:
    short = f"{key} = {_value(list(values))}"
    if len(short) <= WIDE:
        yield _line(short, comment)
        return
    yield _line(f"{key} = [", comment)
    yield from (f"    {_value(value)}," for value in values)
    yield "]"


def _value(value: Any) -> str:
    """Return a text or a list of texts as TOML writes it: as JSON does, but for one sign."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet.

    Raises:
        UsageError: it is there, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise UsageError(
            f"{str(path)!r} is there already; nothing was changed.",
            fix="look at it with `waypost doctor`.",
        ) from None
    except OSError as error:
        raise UsageError(
            f"{str(path)!r} cannot be written: {error.strerror}.",
            fix="give yourself the right to write there; or make the project in another folder and name "
            "this one: waypost init DIR --documents FOLDER.",
        ) from error
