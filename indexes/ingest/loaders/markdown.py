"""Markdown through pyromark (pulldown-cmark), with front matter in YAML or TOML.

markdown-it-py was measured too: it is a tenth as fast, too slow beside the rest of ingestion.

Nothing that a reader sees is lost: HTML blocks are read as web pages are, tags that HTML does not have
(`<your-name>`) stay as text, footnotes keep their marks, absolute addresses of links stand in brackets
after their text. Only what is plainly a link's target is one: 「[注]: 本表不含税」 is a sentence.
Strikethrough is off, since a single `~` would do (5~10℃ … 30~40%), and so are the other extensions that
take signs away. The language of code is left out.
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.loaders.encodings import read_text
from indexes.ingest.loaders.html import blocks_of_html
from indexes.ingest.loaders.html_reader import HEADING
from indexes.ingest.loaders.lines import LONGEST, pieces_of
from indexes.ingest.loaders.table import rows_to_blocks
from indexes.types import Block, FieldValue, Value

__all__ = ["load_markdown"]

ADDRESS = 200  # characters of a link's address that are kept with its text
GUARD = "\ufdd0"  # no character of any text; before a bracket, it makes a line no link definition
_FRONT_MATTER = re.compile(
    r"\A(?P<fence>---|\+\+\+)[ \t]*\r?\n(?![ \t]*\r?\n)(?P<text>.*?)\r?\n(?P=fence)[ \t]*(?:\r?\n|\Z)",
    re.DOTALL,
)
_DEFINITION = re.compile(
    r"^(?P<before>[ \t>*+.)\d-]{0,40})\[(?!\^)(?=[^\[\]\n]{1,999}\]:[ \t]{0,20}\n?[ \t>]{0,20}(?P<target>\S{1,300}))",
    re.MULTILINE,
)
_TARGET = re.compile(r"<|#|\.{0,2}/|[a-z][a-z\d+.-]*:|[\x21-\x7e]*[./:@#][\x21-\x7e]*$", re.I)
_ABSOLUTE = re.compile(r"(?:https?|ftp)://|mailto:|tel:", re.I)
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z\d-]*)[\s/>]|<!--|<[?!]")
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.I)
_KNOWN = frozenset(  # what is markup inside a line; anything else in angle brackets is text
    "a abbr acronym address area article aside audio b base basefont bdi bdo big blockquote body br button "
    "canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em "
    "embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup "
    "hr html i iframe img input ins kbd label legend li link main map mark menu meta meter nav nobr "
    "noscript object ol optgroup option output p param picture pre progress q rp rt ruby s samp script "
    "search section select small source span strike strong style sub summary sup svg table tbody td "
    "template textarea tfoot th thead time title tr track tt u ul var video wbr".split()
)
_INLINE = frozenset({"Emphasis", "Strong", "Link", "Image"})


def load_markdown(path: Path) -> Loaded:
    """Read Markdown: headings, paragraphs, list items, tables row by row, code as it is.

    Front matter may give `title`, `date`, `groups` (the document's access list) and further fields.

    Raises:
        LoadError: the front matter, and with it perhaps the access list, cannot be understood.
    """
    warnings: list[str] = []
    text = read_text(path, warnings)
    fields, start = _front_matter(text)
    found = _blocks(text[start:])
    first = next(found, None)
    title = _text(fields.get("title") or "").strip()
    if not title and first is not None and first.level == 1:
        title = first.text
    return Loaded(
        itertools.chain(() if first is None else (first,), found),
        title=title,
        date=_text(fields.get("date") or ""),
        groups=_groups(fields),
        fields=_further(fields),
        warnings=warnings,
    )


def _front_matter(text: str) -> tuple[dict[str, Any], int]:
    """Return the fields and where the text begins; what is no mapping is text between two rules.

    Raises:
        LoadError: it is neither.
    """
    matter = _FRONT_MATTER.match(text)
    if not matter:
        return {}, 0
    fields = _toml(matter["text"]) if matter["fence"] == "+++" else _yaml(matter["text"])
    return (fields, matter.end()) if isinstance(fields, dict) else ({}, 0)


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LoadError(f"The front matter is not valid YAML: {error}.") from error


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise LoadError(f"The front matter is not valid TOML: {error}.") from error


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
    nested = (dict, list, set, tuple, type(None))  # a few aliases can stand for endless lists
    return {
        _text(name): [_value(one) for one in value if not isinstance(one, nested)]
        if isinstance(value, list)
        else _value(value)
        for name, value in fields.items()
        if name not in {"title", "date", "groups"}
        and (isinstance(value, list) or not isinstance(value, nested))
    }


def _value(value: Any) -> Value:
    """Return a value that a store can keep: numbers without bounds stay as text."""
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    return _text(value)


def _text(value: Any) -> str:
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    return text.encode("utf-8", "replace").decode()  # half a character is no text


def _guarded(text: str) -> str:
    """Mark the lines that only look like a link's target, which would vanish."""
    if "]:" not in text:
        return text
    return _DEFINITION.sub(
        lambda match: match[0] if _TARGET.match(match["target"]) else f"{match['before']}{GUARD}[",
        text,
    )


def _blocks(text: str) -> Iterator[Block]:
    from pyromark import Options, events

    options = (
        Options.ENABLE_TABLES
        | Options.ENABLE_FOOTNOTES
        | Options.ENABLE_TASKLISTS
        | Options.ENABLE_MATH
    )
    reader = _Reader()
    for event in events(_guarded(text.replace(GUARD, "")), options=options):
        reader.take(event)
        if reader.done:
            yield from reader.done
            reader.done.clear()
    reader.flush()
    yield from reader.done


class _Reader:
    """Collects blocks from the parser's events."""

    def __init__(self) -> None:
        self.done: list[Block] = []
        self._parts: list[str] = []
        self._marker = ""
        self._level = 0
        self._lists: list[int | None] = []  # the next number of each open list
        self._rows: list[list[str]] = []
        self._links: list[tuple[int, str]] = []  # where an open link began, and what it says beside
        self._verbatim = False

    def take(self, event: Any) -> None:
        """Take up one event."""
        if isinstance(event, str):  # a break of lines or a rule between paragraphs
            self._parts.append("\n")
            return
        ((kind, value),) = event.items()
        match kind:
            case "Text" | "Code" | "Html":
                self._parts.append(value)
            case "Start":
                self._start(value)
            case "End":
                self._end(value if isinstance(value, str) else next(iter(value)))
            case "InlineHtml":
                self._parts.append(_inline(value))
            case "InlineMath":
                self._parts.append(f"${value}$")
            case "DisplayMath":
                self._parts.append(f"$${value}$$")
            case "FootnoteReference":
                self._parts.append(f"[^{value}]")
            case "TaskListMarker":
                self._parts.append("[x] " if value else "[ ] ")

    def flush(self) -> None:
        """End a block."""
        if not self._parts:
            return
        text = "".join(self._parts)
        self._parts.clear()
        text = text.rstrip("\n") if self._verbatim else text.strip()
        if text.strip():
            self._put(text if self._verbatim else self._marker + text)

    def _put(self, text: str) -> None:
        if GUARD in text:
            text = text.replace(GUARD, "")
        if not self._verbatim:
            self._marker = ""
        # A line under a paragraph makes a heading of all of it, often by mistake.
        level = self._level if len(text) <= HEADING and "\n" not in text else 0
        pieces = pieces_of(text) if len(text) > LONGEST else (text,)
        self.done.extend(Block(piece, {}, level) for piece in pieces)

    def _start(self, value: Any) -> None:
        kind: str = value if isinstance(value, str) else next(iter(value))
        detail: Any = None if isinstance(value, str) else value[kind]
        if kind in _INLINE:
            if kind in {"Link", "Image"}:
                self._links.append((len(self._parts), _beside(kind, detail)))
            return
        if kind in {"TableHead", "TableRow"}:
            self._rows.append([])
            return
        self.flush()
        match kind:
            case "Heading":
                self._level = int(detail["level"][1])
            case "List":
                self._lists.append(detail)
            case "Item":
                number = self._lists[-1]
                self._marker = "- " if number is None else f"{number}. "
                if number is not None:
                    self._lists[-1] = number + 1
            case "FootnoteDefinition":
                self._marker = f"[^{detail}]: "
            case "Table":
                self._rows = []
            case "CodeBlock":
                self._verbatim = True

    def _end(self, kind: str) -> None:
        if kind in {"Link", "Image"}:
            start, beside = self._links.pop()
            new = [part for part in beside.split("\n") if part not in "".join(self._parts[start:])]
            if new:
                self._parts.append(f" ({' '.join(new)})")
        elif kind == "TableCell":
            cell = " ".join("".join(self._parts).replace(GUARD, "").split())
            self._parts.clear()
            self._rows[-1].append(cell)
        elif kind == "Table":
            self.done.extend(rows_to_blocks(self._rows, {}))
            self._rows = []
        elif kind == "HtmlBlock":
            self._html()
        elif kind not in _INLINE and kind not in {"TableHead", "TableRow"}:
            self.flush()
            if kind == "Heading":
                self._level = 0
            elif kind == "CodeBlock":
                self._verbatim = False
            elif kind == "List":
                self._lists.pop()
            elif kind in {"Item", "FootnoteDefinition"}:
                self._marker = ""

    def _html(self) -> None:
        source = "".join(self._parts).replace(GUARD, "")
        self._parts.clear()
        names = {match[1].lower() for match in _TAG.finditer(source) if match[1]}
        if names and not names & _KNOWN:
            self._put(self._marker + source.strip())
            return
        if source.startswith("<!--") and "-->" not in source:  # it would hide the rest of the text
            for paragraph in re.split(r"\n[ \t]*\n", source[4:]):
                if paragraph.strip():
                    self._put(self._marker + paragraph.strip())
            return
        for block in blocks_of_html(source):
            self.done.append(Block(self._marker + block.text, block.location, block.level))
            self._marker = ""


def _beside(kind: str, detail: Any) -> str:
    """Return what a link says beside its text: its address if it is an absolute one, its title."""
    address = detail["dest_url"]
    keep = kind == "Link" and len(address) <= ADDRESS and _ABSOLUTE.match(address)
    address = re.sub(r"^(?:mailto|tel):", "", address, flags=re.I) if keep else ""
    return "\n".join(part for part in (address, detail["title"].replace("\n", " ")) if part)


def _inline(tag: str) -> str:
    """Return what a tag within a line shows: itself, if HTML has no such tag."""
    match = _TAG.match(tag)
    name = (match[1] or "").lower() if match else None
    if name == "br":
        return "\n"
    if name == "img":
        alt = _ALT.search(tag)
        return (alt[1] or alt[2] or "") if alt else ""
    return tag if name is None or (name and name not in _KNOWN) else ""
