"""Email messages (.eml) through the standard library: headers, body, attachments.

The library's old policy is used: it hands out headers as they are, while the new one loses bytes of
headers without a charset and words whose characters were cut in two, which Chinese senders write.
"""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path

from indexes.base import Loaded
from indexes.errors import LoadError
from indexes.ingest.loaders.encodings import read_text
from indexes.ingest.loaders.html import blocks_of_html, decoded
from indexes.ingest.loaders.html_reader import HEADING
from indexes.ingest.loaders.lines import LONGEST, pieces_of
from indexes.types import Block, FieldValue

__all__ = ["load_eml"]

DEPTH = 2  # of messages and attachments within others
ATTACHMENTS = 50  # that are read; further ones are only named
WRAPPED = 60  # columns from which on a line counts as broken by the sender's program
STUB = 3  # how many times longer than the plain text the HTML is, if that only refers to it
HEADER = 20_000  # characters that are decoded: the time grows with their square
ADDRESSES = 200  # of a header that become a field
_HEADERS = ("From", "To", "Cc", "Date")
_NEW_LINE = re.compile(r"[>\-*•·|]|\d{1,2}[.)、]|--|[\w-]{2,20}[:：]")


def load_eml(path: Path) -> Loaded:
    """Read a message: subject, senders and receivers, date, body, and attachments of known formats.

    The fields are `from` (an address), `to` and `cc` (lists of them). The plain body is taken, the HTML
    one if there is no other or the plain one only refers to it.

    Raises:
        LoadError: the file is no message.
    """
    try:
        message = message_from_bytes(path.read_bytes())
    except RecursionError as error:
        raise LoadError(
            "The message has parts within parts too deep to be read.",
            fix="save what matters of it as text.",
        ) from error
    if not any(message.get(name) is not None for name in (*_HEADERS, "Subject", "Received")):
        raise LoadError(
            "The file is no email message: it has no headers.",
            fix="export it again from the mail program as .eml.",
        )
    reader = _Reader([])
    subject = _header(message, "Subject")
    return Loaded(
        reader.blocks(message, 1, 0),
        title=subject if len(subject) <= HEADING else "",
        date=_day(message),
        fields=_fields(message),
        warnings=reader.warnings,
    )


@dataclass
class _Attachment:
    name: str
    part: Message


class _Reader:
    """Reads a message and what is attached to it, within bounds that hold for all of it."""

    def __init__(self, warnings: list[str]) -> None:
        self.warnings = warnings
        self._read = 0

    def blocks(self, message: Message, level: int, depth: int) -> Iterator[Block]:
        """Yield a message's blocks.

        Args:
            message: the message.
            level: the depth of its subject's heading.
            depth: how many messages it is attached within.
        """
        subject = _header(message, "Subject")
        if subject:
            yield Block(subject, {}, level if len(subject) <= HEADING else 0)
        head = [f"{name}: {text}" for name in _HEADERS if (text := _header(message, name))]
        if head:
            yield Block("\n".join(head))
        texts, attachments = _parts(message)
        for part in texts:
            yield from self._body(part, level)
        if attachments:
            yield Block(f"Attachments: {', '.join(one.name for one in attachments)}")
        unread = 0
        for attachment in attachments:
            inner = _message_of(attachment)
            if inner is None and not _is_known(attachment.name):
                continue
            if depth >= DEPTH or self._read >= ATTACHMENTS:
                unread += 1
                continue
            self._read += 1
            yield from self._attached(attachment, inner, level + 1, depth + 1)
        if unread:
            self.warnings.append(
                f"{unread} attachment{'s' * (unread > 1)} not read: {ATTACHMENTS} are, and what is "
                f"attached to messages up to {DEPTH} deep."
            )

    def _body(self, part: Message, level: int) -> Iterator[Block]:
        text = _text(part)
        if part.get_content_type() != "text/html":
            yield from _paragraphs(text)
            return
        try:
            for block in blocks_of_html(text):
                yield Block(block.text, block.location, block.level and block.level + level)
        except LoadError as error:
            self.warnings.append(f"The body: {error.message}")

    def _attached(
        self, attachment: _Attachment, inner: Message | None, level: int, depth: int
    ) -> Iterator[Block]:
        try:
            if inner is not None and _header(inner, "Subject") == attachment.name:
                yield from self.blocks(inner, level, depth)
                return
            yield Block(attachment.name, {}, level)
            if inner is not None:
                yield from self.blocks(inner, level + 1, depth)
            else:
                yield from self._file(attachment, level)
        except Exception as error:  # whatever is wrong with it, the message itself is read
            reason = error.message if isinstance(error, LoadError) else str(error)
            self.warnings.append(f"The attachment {attachment.name!r}: {reason}")

    def _file(self, attachment: _Attachment, level: int) -> Iterator[Block]:
        from indexes.ingest.loaders import load

        data = attachment.part.get_payload(decode=True)
        if not isinstance(data, bytes):
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"attachment{Path(attachment.name).suffix.lower()}")
            path.write_bytes(data)
            loaded = load(path, most=max(1, len(data)))
            for block in loaded.blocks:
                yield Block(block.text, block.location, block.level and block.level + level)
            self.warnings.extend(
                f"The attachment {attachment.name!r}: {one}" for one in loaded.warnings
            )


def _is_known(name: str) -> bool:
    from indexes.ingest.loaders import supported

    return supported(Path(name))


def _message_of(attachment: _Attachment) -> Message | None:
    """Return the message that a part holds, itself or as a file."""
    part = attachment.part
    payload = part.get_payload()
    if part.get_content_type() == "message/rfc822" and isinstance(payload, list) and payload:
        inner = payload[0]
        return inner if isinstance(inner, Message) else None
    if attachment.name.lower().endswith(".eml"):
        data = part.get_payload(decode=True)
        return message_from_bytes(data) if isinstance(data, bytes) else None
    return None


def _parts(message: Message) -> tuple[list[Message], list[_Attachment]]:
    """Return the texts to show, in order, and the attachments."""
    texts: list[Message] = []
    attachments: list[_Attachment] = []
    waiting = [message]
    while waiting:
        part = waiting.pop()
        kind = part.get_content_type()
        payload = part.get_payload()
        name = _name(part)
        if kind == "message/rfc822" and part is not message:
            attachments.append(_Attachment(name or _inner_subject(part) or "message.eml", part))
        elif isinstance(payload, list):
            inner = [one for one in payload if isinstance(one, Message)]
            if kind == "multipart/alternative":
                inner = _chosen(inner)
            waiting.extend(reversed(inner))
        elif name or part.get_content_disposition() == "attachment":
            attachments.append(_Attachment(name or "unnamed", part))
        elif (
            kind in {"text/plain", "text/html"}
            or kind.startswith("multipart/")
            or (kind == "text/enriched" and not texts)
        ):
            texts.append(part)
    return texts, attachments


def _chosen(parts: Sequence[Message]) -> list[Message]:
    """Return the alternative to read, and attachments that senders put among them."""
    plain = [part for part in parts if part.get_content_type() == "text/plain"]
    rich = [part for part in parts if part not in plain and _holds_html(part)]
    others = [part for part in parts if part not in plain and part not in rich]
    if plain and rich:
        words = sum(len("".join(_text(part).split())) for part in plain)
        shown = sum(_shown(part) for part in rich)
        return [*(plain if words and shown <= STUB * words + 200 else rich), *others]
    return list(parts)


def _holds_html(part: Message) -> bool:
    kind = part.get_content_type()
    return kind == "text/html" or kind in {"multipart/related", "multipart/mixed"}


def _shown(part: Message) -> int:
    """Return how many characters the HTML of a part shows."""
    try:
        return sum(
            len("".join(block.text.split()))
            for text in _parts(part)[0]
            for block in blocks_of_html(_text(text))
        )
    except LoadError:
        return 0


def _name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, IndexError):  # broken parameters
        name = "unnamed"
    name = _words(str(name)).replace("\\", "/").rpartition("/")[2]
    return " ".join("".join(char for char in name if char.isprintable()).split())


def _inner_subject(part: Message) -> str:
    payload = part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    return _header(inner, "Subject") if isinstance(inner, Message) else ""


def _raw(message: Message, name: str) -> str:
    found = (str(value) for key, value in message.raw_items() if key.lower() == name.lower())
    return next(found, "")


def _header(message: Message, name: str) -> str:
    return _words(_raw(message, name))


def _words(raw: str) -> str:
    """Return a header's text, its encoded words decoded; bytes of no charset are guessed."""
    raw = re.sub(r"\r?\n[ \t]*", " ", raw)
    raw, rest = raw[:HEADER], raw[HEADER:]
    try:
        parts = decode_header(_bytes_decoded(raw))
    except (HeaderParseError, ValueError):
        parts = [(raw, None)]
    text = "".join(
        part if isinstance(part, str) else _charset_decoded(part, charset)
        for part, charset in parts
    )
    text = (text + rest).encode("utf-8", "replace").decode()
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _bytes_decoded(raw: str) -> str:
    """Return a header's text with its raw bytes read, which Python keeps as halves of characters."""
    if raw.isascii():
        return raw
    data = raw.encode("utf-8", "surrogateescape")
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")


def _charset_decoded(data: bytes, charset: str | None) -> str:
    if (
        charset is None
    ):  # what stands between encoded words; raw-unicode-escape is how they are handed out
        return data.decode("raw-unicode-escape", "replace")
    text = decoded(data, charset)
    return data.decode("gb18030", "replace") if text is None else text


def _text(part: Message) -> str:
    """Return a part's text in the charset it names, or in the one it seems to be in."""
    try:
        data = part.get_payload(decode=True)
        charset = part.get_content_charset() or ""
    except (ValueError, LookupError, TypeError, IndexError):  # broken parameters or coding
        data, charset = str(part.get_payload()).encode("utf-8", "replace"), ""
    if not isinstance(data, bytes):
        return ""
    if not data.strip():
        return ""
    text = decoded(data, charset)
    if text is not None:
        return text.replace("\0", "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "body.txt")
        path.write_bytes(data)
        try:
            return read_text(path)
        except LoadError:
            return data.replace(b"\0", b"").decode("utf-8", "replace")


def _paragraphs(text: str) -> Iterator[Block]:
    """Yield a plain body's paragraphs; lines stay apart, unless the sender's program broke them."""
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        line = line.rstrip()
        if line.strip(" \t>"):
            if paragraph and _goes_on(paragraph[-1], line):
                glue = " " if line[0].isascii() and paragraph[-1][-1:].isascii() else ""
                paragraph[-1] += glue + line
            else:
                paragraph.append(line)
        elif paragraph:
            whole = "\n".join(paragraph)
            paragraph.clear()
            for piece in pieces_of(whole) if len(whole) > LONGEST else (whole,):
                yield Block(piece)


def _goes_on(before: str, line: str) -> bool:
    before = before[-200:]  # the last line that was joined is among these
    if _NEW_LINE.match(line) or line[0] in " \t" or before.startswith(">"):
        return False
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in before) >= WRAPPED


def _day(message: Message) -> str:
    for raw in (_raw(message, "Date"), _raw(message, "Received").rpartition(";")[2]):
        try:
            return parsedate_to_datetime(raw).date().isoformat()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return ""


def _fields(message: Message) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {}
    for name in ("From", "To", "Cc"):
        try:
            pairs = getaddresses([_raw(message, name)[:HEADER]])
        except RecursionError:  # brackets within brackets
            continue
        found = [_words(address).lower() for _, address in pairs if "@" in address][:ADDRESSES]
        if found:
            fields[name.lower()] = found[0] if name == "From" else list(found)
    return fields
