"""Chat logs: what WeChat, QQ, WhatsApp, IRC, Slack and Telegram export.

Each message is a block with its speaker and time. A silence of more than an hour, or a new day, begins
another conversation under its own headings. The date of a log is that of its latest message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice

from indexes.base import Loaded
from indexes.ingest.loaders.chat_json import chat_of_json
from indexes.ingest.loaders.chat_lines import (
    Line,
    Order,
    Shape,
    date_of_line,
    shape_of,
    stamp_alone,
    tidy,
)
from indexes.ingest.loaders.lines import LONGEST, lines_of
from indexes.ingest.loaders.messages import UNDATED, Message, blocks_of_messages

__all__ = ["chat_of_json", "chat_of_text"]

SAMPLE = 200  # lines that are not blank, by which a chat is recognised
SEARCHED = 5_000  # lines in which they are looked for
PARTICIPANTS = 50
COUNTED = 10_000  # speakers at the most, against hostile logs

_HEADS = re.compile(r"^(?:消息记录|消息分组|消息对象)")
_PARTNER = re.compile(r"^消息对象\s?[:：]\s?(?P<name>.+)$")
_GROUP = re.compile(r"^消息分组\s?[:：]")
_NAMED = re.compile(
    r"^(?:群聊|群名称?|群聊名称|聊天对象|会话|聊天|Chat|Group|Channel|Conversation)(?: name| with)?\s?[:：]\s?(?P<name>.{1,80})$"
    r"|^(?:如下是|以下是|以下为)?(?P<of>.{1,60}?)的?(?:群聊)?的?聊天记录\s?[:：]?$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^[=\-*_—─]{6,}$")
_SYSTEM = re.compile(
    r"^.{0,60}(?:撤回了一条消息|加入了?(?:本群|群聊)|退出了?(?:本群|群聊)|移出了?(?:本群|群聊)|邀请.{1,60}加入了?群聊|"
    r"修改群名为.{0,60}|拍了拍.{0,40}|以上是打招呼的内容|开启了朋友验证.{0,60}|收到红包.{0,40}|领取了.{0,40}红包|"
    r"recalled a message|(?:has )?joined(?: the (?:group|chat|channel))?|"
    r"(?:has )?left(?: the (?:group|chat|channel))?)[。.]?$"
)


@dataclass
class _Survey:
    """What is known of a log when all its lines were seen once."""

    orders: Counter[str] = field(
        default_factory=Counter
    )  # how often an order must be the right one
    back: Counter[str] = field(default_factory=Counter)  # how often time goes back in it
    half: bool = False
    speakers: Counter[str] = field(default_factory=Counter)
    previous: dict[str, datetime] = field(default_factory=dict)
    last: dict[str, date] = field(default_factory=dict)

    def take(self, line: Line, day: date | None) -> None:
        """Count one message."""
        if line.name in self.speakers or len(self.speakers) < COUNTED:
            self.speakers[line.name] += 1
        stamp = line.stamp
        if stamp is None:
            return
        if stamp.ambiguous and stamp.day:
            self.half = self.half or stamp.half
            if stamp.day[0] > 12:
                self.orders["dmy"] += 1
            if stamp.day[1] > 12:
                self.orders["mdy"] += 1
        orders: tuple[Order, ...] = ("dmy", "mdy") if stamp.ambiguous else ("dmy",)
        for order in orders:
            time = stamp.time(order, day)
            if time is None:
                continue
            if order in self.previous and time < self.previous[order]:
                self.back[order] += 1
            self.previous[order] = time
            if time.year != UNDATED:
                self.last[order] = max(self.last.get(order, time.date()), time.date())

    def order(self) -> Order:
        """Return the order of day and month: what some date proves, else what goes back less often."""
        if self.orders["dmy"] != self.orders["mdy"]:
            return "dmy" if self.orders["dmy"] > self.orders["mdy"] else "mdy"
        if self.back["dmy"] != self.back["mdy"]:
            return "dmy" if self.back["dmy"] < self.back["mdy"] else "mdy"
        return "mdy" if self.half else "dmy"  # who writes AM and PM writes the month first


def chat_of_text(text: str, name: str) -> Loaded | None:
    """Return a chat log's messages, one block each; None if the text is no chat log.

    Args:
        text: the whole text.
        name: the file's name.
    """
    sample = list(islice((line for one in islice(lines_of(text), SEARCHED) if (line := tidy(one[:LONGEST]))), SAMPLE))  # fmt: skip
    if not sample:
        return None
    head = "\n".join(sample[:10])
    known = _HEADS.search(head) is not None or "消息对象" in head
    shape = shape_of(sample, known=known, log=name.lower().endswith(".log"))
    if shape is None:
        return None
    partners = re.findall(r"(?m)^消息对象\s?[:：]\s?(\S.{0,100})$", text) if known else []
    survey = _survey(text, shape)
    order = survey.order()
    last = survey.last.get(order) or survey.last.get("dmy")
    messages = _messages(lines_of(text), shape, order, several=len(set(partners)) > 1)
    return Loaded(
        blocks_of_messages(messages),
        title=_title(sample, shape, partners),
        date=last.isoformat() if last else "",
        fields={"participants": [one for one, _ in survey.speakers.most_common(PARTICIPANTS)]},
    )


def _survey(text: str, shape: Shape) -> _Survey:
    survey = _Survey()
    day: date | None = None
    for raw in lines_of(text):
        line = tidy(raw[:LONGEST])
        read = shape.read(line) if line else None
        if read:
            survey.take(read, day)
        elif line and not shape.dated and shape.timed:
            day = date_of_line(line, "dmy") or day
    return survey


def _title(sample: list[str], shape: Shape, partners: list[str]) -> str:
    if partners:
        return partners[0].strip() if len(set(partners)) == 1 else ""
    for line in sample[:10]:
        if shape.read(line):
            return ""
        named = _NAMED.match(line)
        if named:
            return (named["name"] or line.rstrip(":：").removeprefix("如下是").removeprefix("以下是").removeprefix("以下为")).strip()  # fmt: skip
    return ""


@dataclass
class _Reader:
    """Makes messages of lines; `several` chats in one file are told apart by their heads."""

    shape: Shape
    order: Order
    several: bool
    chat: str = ""
    day: date | None = None
    time: datetime | None = None  # of the last message
    exact: bool = False  # whether it has seconds
    line: Line | None = None
    parts: list[str] = field(default_factory=list)
    size: int = 0
    pieces: int = 0
    accounts: set[tuple[str, str]] = field(default_factory=set)

    def begin(self, line: Line) -> Iterator[Message]:
        """Begin a message."""
        yield from self.finish()
        self.line = line
        self.pieces = 0
        if line.text:
            self.parts.append(line.text)
            self.size = len(line.text)
        if line.stamp:
            time = line.stamp.time(self.order, self.day)
            if time and self.time and time.year == UNDATED:  # past midnight another day begins
                time = time.replace(day=self.time.day, month=self.time.month)
                if time + timedelta(hours=12) < self.time:
                    later = time + timedelta(days=1)
                    time = later if later.year == UNDATED else time
            self.time = time or self.time
            self.exact = line.stamp.exact

    def go_on(self, text: str) -> Iterator[Message]:
        """Add a line to the message, or take it for what stands above the first one."""
        if self.line is None:
            yield Message(text, time=self.time, exact=self.exact, chat=self.chat)
            return
        if self.size + len(text) > LONGEST and self.parts:
            yield self._message(self.line)
        self.parts.append(text)
        self.size += len(text)

    def tell(self, text: str, time: datetime | None = None) -> Iterator[Message]:
        """Yield what the chat itself tells."""
        yield from self.finish()
        self.time = time or self.time
        if text:
            yield Message(text, time=self.time, exact=self.exact, chat=self.chat)

    def finish(self) -> Iterator[Message]:
        """End the message."""
        if self.line and (self.parts or not self.pieces):
            yield self._message(self.line)
        self.line = None

    def _message(self, line: Line) -> Message:
        lead = ""
        text = "\n".join(self.parts)
        self.parts.clear()
        self.size = 0
        self.pieces += 1
        time = self.time
        if line.stamp and line.stamp.time(self.order, self.day) is None:
            time, lead = None, line.written  # no such day or hour
        if line.account and (line.name, line.account) not in self.accounts:
            if len(self.accounts) < COUNTED:
                self.accounts.add((line.name, line.account))
            lead = lead or f"{line.name}({line.account})"  # once, so that it can be found
        exact = bool(line.stamp and line.stamp.exact)
        exact = exact and time is not None
        return Message(text, line.name, time, exact, chat=self.chat, lead=lead)


def _messages(
    lines: Iterable[str], shape: Shape, order: Order, *, several: bool
) -> Iterator[Message]:
    reader = _Reader(shape, order, several)
    for raw in lines:
        line = tidy(raw)
        if not line:
            continue
        read = shape.read(line)
        if read:
            yield from reader.begin(read)
        else:
            yield from _other(line, reader)
    yield from reader.finish()


def _other(line: str, reader: _Reader) -> Iterator[Message]:
    """Read a line that begins no message."""
    shape = reader.shape
    empty = reader.line is not None and not reader.parts and not reader.pieces
    if not shape.dated and shape.timed and not (empty and not shape.inline):
        day = date_of_line(line, reader.order)
        if day:
            yield from reader.finish()
            reader.day = day
            return
    partner = _PARTNER.match(line[:200])
    if partner and reader.several:
        yield from reader.finish()
        reader.chat = partner["name"].strip()
        reader.time = None
    elif partner or _GROUP.match(line):
        yield from reader.tell(line)
    elif _RULE.match(line[:200]) and not empty:
        return  # a line drawn between parts
    elif len(line) <= 160 and _SYSTEM.match(line) and not empty:
        yield from reader.tell(line)
    elif shape.inline and shape.dated and (alone := stamp_alone(line)):
        stamp, rest = alone
        yield from reader.tell(rest, stamp.time(reader.order))
    else:
        yield from reader.go_on(line)
