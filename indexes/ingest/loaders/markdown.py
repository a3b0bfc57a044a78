"""Markdown through markdown-it-py, with YAML front matter."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.loaders.plain import read_text
from indexes.ingest.loaders.table import rows_to_blocks
from indexes.types import Block, FieldValue, Value

__all__ = ["load_markdown"]

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


def load_markdown(path: Path) -> Loaded:
    """Read Markdown: headings, paragraphs, list items, tables row by row, code as it is.

    Front matter may give `title`, `date`, `groups` (the document's access list) and further fields.
    """
    text = read_text(path)
    matter = _FRONT_MATTER.match(text)
    fields = _fields(matter.group(1)) if matter else {}
    blocks = _blocks(text[matter.end() :] if matter else text)
    title = _text(fields.get("title") or "").strip()
    if not title and blocks and blocks[0].level == 1:
        title = blocks[0].text
    return Loaded(
        blocks,
        title=title,
        date=_text(fields.get("date") or ""),
        groups=_groups(fields),
        fields=_further(fields),
    )


def _fields(text: str) -> dict[str, Any]:
    import yaml

    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LoadError(f"The front matter is not valid YAML: {error}.") from error
    return fields if isinstance(fields, dict) else {}


def _groups(fields: dict[str, Any]) -> tuple[str, ...] | None:
    if "groups" not in fields:
        return None
    groups = fields["groups"]
    if groups is None:
        return ()
    if isinstance(groups, str):
        return (_text(groups),)
    if isinstance(groups, list) and all(isinstance(group, str) for group in groups):
        return tuple(_text(group) for group in groups)
    raise LoadError("The front matter's `groups` is neither a name nor a list of names.")


def _further(fields: dict[str, Any]) -> dict[str, FieldValue]:
    """Return the other fields as plain values; what is nested is left out."""
    return {
        _text(name): [_value(one) for one in value] if isinstance(value, list) else _value(value)
        for name, value in fields.items()
        if name not in {"title", "date", "groups"} and not isinstance(value, dict | type(None))
    }


def _value(value: Any) -> Value:
    """Return a value that a store can keep: numbers without bounds stay as text."""
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    return _text(value)


def _text(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode()  # half a character is no text


def _blocks(text: str) -> list[Block]:
    from markdown_it import MarkdownIt

    found = MarkdownIt("commonmark").enable("table").parse(text)
    blocks: list[Block] = []
    rows: list[list[str]] = []
    level = depth = 0
    ordered: list[int | None] = []
    marker = ""
    for token in found:
        match token.type:
            case "heading_open":
                level = int(token.tag[1])
            case "heading_close":
                level = 0
            case "ordered_list_open":
                ordered.append(int(token.attrs.get("start", 1)))
            case "bullet_list_open":
                ordered.append(None)
            case "ordered_list_close" | "bullet_list_close":
                ordered.pop()
            case "list_item_open":
                number = ordered[-1]
                marker = "- " if number is None else f"{number}. "
                if number is not None:
                    ordered[-1] = number + 1
            case "table_open":
                depth, rows = 1, []
            case "tr_open":
                rows.append([])
            case "table_close":
                depth = 0
                blocks += rows_to_blocks(rows, {})
            case "inline":
                plain = _plain(token)
                if depth:
                    rows[-1].append(plain)
                elif plain:
                    blocks.append(Block(marker + plain, {}, level))
                    marker = ""
            case "fence" | "code_block":
                blocks.append(Block(token.content.rstrip("\n"), {}))
    return blocks


def _plain(token: Any) -> str:
    parts = []
    for child in token.children or ():
        if child.type in {"softbreak", "hardbreak"}:
            parts.append("\n")
        elif child.type in {"text", "code_inline", "html_inline", "image"}:
            parts.append(child.content)
    return "".join(parts).strip()
