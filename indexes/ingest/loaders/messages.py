"""Messages of a chat as blocks: conversations under headings, each message with speaker and time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from indexes.ingest.loaders.lines import pieces_of
from indexes.types import Block, Location

__all__ = ["UNDATED", "Message", "blocks_of_messages", "iso"]

GAP = timedelta(hours=1)  # a silence longer than this ends a conversation
UNDATED = 1  # the year of times whose day is unknown
SPEAKERS = 5  # named in a conversation's heading
BUFFER = 500  # messages of a conversation that wait for its heading
BUFFERED = 200_000  # characters of them
REPEATS = 20  # messages back that a repeated one is looked for
_CJK = re.compile(r"[\u3000-\u9fff\uf900-\ufaff\uff00-\uffef]")


@dataclass(frozen=True)
class Message:
    """What somebody said, or, without a speaker, what the chat itself tells (who joined).

    Args:
        text: the words.
        speaker: who said them.
        time: when; the year `UNDATED` if only the hour is known.
        exact: whether `time` has seconds.
        anchor: the time of what it answers, with which it stands; None: its own.
        chat: which chat of several it is from.
        lead: how the text names the speaker, if with more than the name.
    """

    text: str
    speaker: str = ""
    time: datetime | None = None
    exact: bool = False
    anchor: datetime | None = None
    chat: str = ""
    lead: str = ""


def iso(time: datetime, exact: bool) -> str:
    """Return a time as `2024-03-01 10:02`, with seconds if it has them, without an unknown day."""
    clock = f"{time.hour:02}:{time.minute:02}" + (f":{time.second:02}" if exact else "")
    return clock if time.year == UNDATED else f"{_day(time)} {clock}"


def _day(time: datetime) -> str:
    return f"{time.year:04}-{time.month:02}-{time.day:02}"


@dataclass
class _Conversation:
    """Messages without a long silence: they wait until all who speak in it are known."""

    base: int  # how many headings it stands under
    start: datetime | None = None
    last: datetime | None = None
    waiting: list[Block] = field(default_factory=list)
    size: int = 0
    speakers: dict[str, None] = field(default_factory=dict)
    headed: bool = False

    def ends_before(self, message: Message) -> bool:
        """Say whether a message belongs to the next conversation."""
        now = message.anchor or message.time
        if now is None or self.last is None:
            return False
        return now.date() != self.last.date() or abs(now - self.last) > GAP

    def take(self, message: Message) -> Iterator[Block]:
        """Add a message; yield what need not wait any longer."""
        now = message.anchor or message.time
        if now is not None:
            self.start = self.start or now
            self.last = now
        if message.speaker:
            self.speakers.setdefault(message.speaker)
        blocks = list(_blocks_of_message(message, self.start))
        self.waiting += blocks
        self.size += sum(len(block.text) for block in blocks)
        if self.headed or len(self.waiting) >= BUFFER or self.size >= BUFFERED:
            yield from self.release()

    def release(self) -> Iterator[Block]:
        """Yield the heading, if it is still to come, and what waits."""
        if not self.headed and self.start and any(block.text for block in self.waiting):
            yield from self._headings(self.start)
        self.headed = True
        yield from self.waiting
        self.waiting.clear()
        self.size = 0

    def _headings(self, start: datetime) -> Iterator[Block]:
        # Two headings, the time above the people: sections are joined only under one parent, so that
        # no passage goes over two conversations.
        time: Location = {"time": iso(start, False)}
        yield Block(time["time"], time, self.base + 1)
        named = [*self.speakers][:SPEAKERS]
        if named:
            chinese = any(_CJK.search(name) for name in named)
            more = len(self.speakers) > SPEAKERS
            text = ("、" if chinese else ", ").join(named) + (" 等" if chinese else " …") * more
            yield Block(text, time, self.base + 2)


def blocks_of_messages(messages: Iterable[Message]) -> Iterator[Block]:
    """Yield headings and one block a message (several of a very long one), while they are read.

    Args:
        messages: in their order; one that comes again within a few, to the second, is left out.
    """
    chat = ""
    now = _Conversation(0)
    recent: deque[tuple[object, str, str]] = deque(maxlen=REPEATS)
    for message in messages:
        if message.exact and message.speaker:
            key = (message.time, message.speaker, message.text)
            if key in recent:
                continue
            recent.append(key)
        if message.chat != chat or now.ends_before(message):
            yield from now.release()
            if message.chat != chat:
                chat = message.chat
                yield Block(chat, {}, 1)
            now = _Conversation(1 if chat else 0)
        if message.time is None and now.start is None and not message.speaker:
            yield from _blocks_of_message(message, None)  # what stands above the first message
        else:
            yield from now.take(message)
    yield from now.release()


def _blocks_of_message(message: Message, start: datetime | None) -> Iterator[Block]:
    location: Location = {}
    lead = message.lead or message.speaker
    if message.time is not None:
        location["time"] = iso(message.time, message.exact)
        if lead:
            same = start is None or start.date() == message.time.date()
            lead += " " + ("" if same else f"{_day(message.time)} ") + iso(message.time, False)[-5:]
    if not lead:
        for piece in pieces_of(message.text):
            yield Block(piece, location)
        return
    lead += "：" if _CJK.search(lead) or _CJK.search(message.text[:200]) else ": "
    for piece in pieces_of(message.text) if message.text else ("",):
        yield Block((lead + piece).rstrip(), location)
