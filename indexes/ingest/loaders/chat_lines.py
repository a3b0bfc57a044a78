"""The shapes that lines of chat logs have, and which of them a text is in, if it is a chat at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from indexes.ingest.loaders.messages import UNDATED

__all__ = ["Line", "Order", "Shape", "Stamp", "date_of_line", "shape_of", "stamp_alone", "tidy"]

Order = Literal["dmy", "mdy"]

LONG = 400  # characters of a line in which name and time stand
HEADER = 120  # characters of a line that is only name and time
NAME = 40
PREAMBLE = 15  # lines above the first message

_DATE = (
    r"(?:(?P<y>\d{4})\s?[-/.年]\s?(?P<m>\d{1,2})\s?[-/.月]\s?(?P<d>\d{1,2})日?"
    r"|(?P<a>\d{1,2})[/.-](?P<b>\d{1,2})[/.-](?P<c>\d{4}|\d{2})(?!\d))"
    r"(?:\s?(?:星期|周)[一二三四五六日天])?"
)
_TIME = (
    r"(?P<half>上午|下午|凌晨|清晨|早上|中午|傍晚|晚上|午夜)?\s?"
    r"(?P<hour>\d{1,2})[:：](?P<minute>\d{2})(?:[:：](?P<second>\d{2}))?"
    r"(?:\s?(?P<ampm>[AaPp])\.?\s?[Mm]\b\.?)?(?![\d:：])(?![.,]\d)"  # milliseconds: a machine's
)
_STAMP = rf"{_DATE}[,，T]?\s*{_TIME}"
_NAMED = rf"(?P<name>[^:：]{{1,{NAME}}})[:：]\s?"
_WHO = r"(?P<name>[^\s:：][^:：]{0,79})"
_LAZY = r"(?P<name>\S.{0,59}?)"
_STAMP_ALONE = re.compile(rf"^\[?{_STAMP}\]?\s*(?:[-–—]\s+)?")
_ACCOUNT = re.compile(
    r"^(?P<name>.*?\S)\s?[(（<](?P<id>\d{5,12}|[^()<>（）\s]{1,60}@[^()<>（）\s]{1,60})[)）>]$"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        "jan january,feb february,mar march,apr april,may,jun june,jul july,aug august,"
        "sep sept september,oct october,nov november,dec december".split(","),
        1,
    )
    for name in names.split()
}
_DATE_LINE = re.compile(rf"^[\W_]{{0,40}}{_DATE}[\W_]{{0,40}}$")
_ENGLISH_DATE = re.compile(
    r"^[\W_]{0,40}(?:day changed\s+)?(?:[A-Za-z]{3,9}day,?\s+|[A-Za-z]{3},?\s+)?"
    r"(?:(?P<m1>[A-Za-z]{3,9})\.?\s+(?P<d1>\d{1,2})(?:st|nd|rd|th)?|(?P<d2>\d{1,2})(?:st|nd|rd|th)?\s+(?P<m2>[A-Za-z]{3,9})\.?)"
    r",?\s+(?P<y>\d{4})[\W_]{0,40}$",
    re.IGNORECASE,
)
_INVISIBLE = dict.fromkeys(
    map(ord, "\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)
_MACHINE = re.compile(
    r"(?i)\b(?:trace|debug|info|notice|warn|warning|err|error|fatal|critical|severe|exception)\b"
    r"|[\[\]={}|\\]|::|\w\.\w+\.\w|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|^(?:kernel|systemd|sshd|sudo|su|nginx|apache2?|httpd|cron|crond|root|main|app|server|client|worker|"
    r"web|api|db|http|https|docker|dockerd|postgres|mysqld?|redis|java|python|node|dhclient|named|postfix|"
    r"ntpd|rsyslogd|kubelet|etcd|backup|scheduler|thread|task|job|service|daemon|proxy|cache|queue)\b[-\w]*$"
)
_ROLES = re.compile(  # of plays, interviews, hearings, contracts, lists of questions and of facts
    r"(?i)^(?:[qa]\d*|问|答|提问|回答|[甲乙丙丁]方?|注|注意|提示|备注|说明|例|记者|主持人|旁白|嘉宾|画外音|原告.*|被告.*|审判[长员].*|"
    r"书记员|公诉人|辩护人|证人.*|发言人.*|speaker.*|interviewer|interviewee|host|guest|narrator|moderator|question|answer|"
    r"note|notes|tip|warning|example|summary|todo|faq|第.{1,6}[条章节款项].*|step.*|user|assistant|system|"
    r"from|to|cc|bcc|subject|date|re)$"
)
_NOT_NAMES = re.compile(r"[。！？；!?;，]|//|^[-*#>•·+]\s|^\d+[.、)]")


def tidy(line: str) -> str:
    """Return a line without blanks around it and marks of direction."""
    line = line.strip()
    return line if line.isascii() else line.translate(_INVISIBLE).strip()


@dataclass(frozen=True)
class Stamp:
    """The date and time of a message as written: `day` is (year, month, day), in its own order."""

    day: tuple[int, int, int] | None
    ambiguous: bool  # whether `day` is (first, second, year) of 3/4/2024
    clock: tuple[int, int, int]
    exact: bool
    half: bool  # whether the clock is of 12 hours

    def time(self, order: Order, day: date | None = None) -> datetime | None:
        """Return the time; None if there is no such time.

        Args:
            order: of day and month where they are ambiguous.
            day: the date, where the stamp has none.
        """
        try:
            if self.day is None:
                return datetime(*(day or date(UNDATED, 1, 1)).timetuple()[:3], *self.clock)
            if not self.ambiguous:
                return datetime(*self.day, *self.clock)
            first, second, year = self.day
            if (order == "dmy" and second <= 12) or first > 12:
                first, second = second, first
            return datetime(year, first, second, *self.clock)
        except ValueError:
            return None


@dataclass(frozen=True)
class Line:
    """The first line of a message: its stamp, speaker and account, and the text that stands in it.

    `written` is all but that text, as it is written.
    """

    stamp: Stamp | None
    name: str
    account: str
    text: str | None
    written: str


@dataclass(frozen=True)
class Shape:
    """One way to write a message's first line.

    Args:
        pattern: finds `name`, and the parts of date and time.
        inline: whether the text follows in the same line.
        dated: whether each line has its date.
        own: whether nothing but a chat is written so.
        timed: whether each line has its time.
    """

    pattern: re.Pattern[str]
    inline: bool
    dated: bool
    own: bool = False
    timed: bool = True

    def read(self, line: str) -> Line | None:
        """Return what a tidy line says, if it begins a message."""
        if not self.inline and (len(line) > HEADER or not self._may_be(line)):
            return None
        match = self.pattern.match(line[:LONG])
        if match is None:
            return None
        name = match["name"].strip(" \t—–-|,，")
        if not name or len(name) > 2 * NAME or _NOT_NAMES.search(name):
            return None
        account = _ACCOUNT.match(name)
        person = account["name"] if account else name
        if len(person) > NAME or not re.search(
            r"[^\W\d_]|^\+?\d[\d -]{5,}$|[^\x00-\u20ff]", person
        ):
            return None
        return Line(
            _stamp(match) if self.timed else None,
            person,
            account["id"] if account else "",
            line[match.end() :].strip() if self.inline else None,
            line[: match.end()].rstrip(" :：-"),
        )

    def _may_be(self, line: str) -> bool:
        """Tell most lines that are none quickly."""
        return line[:1].isdigit() or line[-1:].isdigit() or line[-1:] in ("m", "M", ".", ")", "]")


_SHAPES = (
    Shape(re.compile(rf"^\[?{_STAMP}\]?\s+(?:[-–—]\s+)?{_WHO}$"), False, True),
    Shape(re.compile(rf"^{_LAZY}\s+(?:[—–-]\s+)?[(（\[]?{_STAMP}[)）\]]?$"), False, True),
    Shape(re.compile(rf"^{_LAZY}\s+[(（\[]?{_TIME}[)）\]]?$"), False, False),
    Shape(re.compile(rf"^\[{_STAMP}\]\s*{_NAMED}"), True, True),
    Shape(re.compile(rf"^{_STAMP}\s+[-–—]\s*{_NAMED}"), True, True),
    Shape(re.compile(rf"^{_STAMP}\s+{_NAMED}"), True, True),
    Shape(re.compile(rf"^{_LAZY}\s*[(（\[]?{_STAMP}[)）\]]?\s?[:：]\s?"), True, True),
    Shape(re.compile(rf"^[\[(（]?{_TIME}[\])）]?\s*(?:[-–—]\s+)?{_NAMED}"), True, False),
    Shape(re.compile(rf"^[\[(（]?(?:{_DATE}\s+)?{_TIME}[\])）]?\s*<[ @+%~&]?(?P<name>[^<>\s]{{1,30}})>\s"), True, False, own=True),
)  # fmt: skip
_BARE = Shape(
    re.compile(r"^(?P<name>[^:：\s][^:：]{0,19})(?:：|:\s)\s?(?=\S)"), True, False, timed=False
)


def _stamp(match: re.Match[str]) -> Stamp:
    parts = match.groupdict()
    hour = int(parts["hour"])
    half = parts["half"] or (parts["ampm"] or "").lower()
    if half:
        if half in ("下午", "傍晚", "晚上", "p") and hour < 12:
            hour += 12
        elif half == "中午" and hour < 3:
            hour += 12
        elif half in ("上午", "凌晨", "清晨", "早上", "午夜", "a") and hour == 12:
            hour = 0
    second = parts["second"]
    clock = (hour, int(parts["minute"]), int(second or 0))
    return Stamp(_day(parts), bool(parts.get("a")), clock, bool(second), bool(half))


def _day(parts: Mapping[str, str | None]) -> tuple[int, int, int] | None:
    year, first, second = (parts.get(key) for key in "ymd")
    if year and first and second:
        return int(year), int(first), int(second)
    first, second, year = (parts.get(key) for key in "abc")
    if first and second and year:
        return int(first), int(second), int(year) + 2000 * (len(year) == 2)
    return None


def stamp_alone(line: str) -> tuple[Stamp, str] | None:
    """Return the stamp that a tidy line begins with, and the rest: what the chat itself tells."""
    match = _STAMP_ALONE.match(line[:LONG])
    return (_stamp(match), line[match.end() :]) if match else None


def date_of_line(line: str, order: Order) -> date | None:
    """Return the date that a tidy line consists of (—— 2024-03-01 ——, March 1, 2024)."""
    if len(line) > HEADER:
        return None
    match = _DATE_LINE.match(line)
    if match:
        parts = match.groupdict()
        time = Stamp(_day(parts), bool(parts["a"]), (0, 0, 0), False, False).time(order)
        return time.date() if time else None
    english = _ENGLISH_DATE.match(line)
    if english:
        month = _MONTHS.get((english["m1"] or english["m2"]).lower())
        try:
            return date(int(english["y"]), month or 0, int(english["d1"] or english["d2"]))
        except ValueError:
            return None
    return None


def shape_of(lines: Sequence[str], *, known: bool, log: bool) -> Shape | None:
    """Return the shape of a chat's messages; None if the lines are no chat.

    Args:
        lines: the first tidy lines that are not blank.
        known: whether the text says itself that it is a chat (消息记录).
        log: whether the file is named a log, as those of servers are.
    """
    best: Shape | None = None
    most = 0
    for shape in _SHAPES:
        found = [(place, one) for place, line in enumerate(lines) if (one := shape.read(line))]
        if len(found) > most and _is_chat(lines, shape, found, known=known, log=log):
            best, most = shape, len(found)
    return best or (_BARE if not log and _is_dialogue(lines) else None)


def _is_chat(
    lines: Sequence[str],
    shape: Shape,
    found: Sequence[tuple[int, Line]],
    *,
    known: bool,
    log: bool,
) -> bool:
    count = len(found)
    first = found[0][0]
    body = len(lines) - first - count
    names = Counter(line.name for _, line in found)
    if first > PREAMBLE or sum(n for name, n in names.items() if _is_machine(name)) > 0.2 * count:
        return False
    if shape.own:
        return count >= 2 and count >= 0.5 * (len(lines) - first)
    if not _in_order([line.stamp for _, line in found if line.stamp]):
        return False
    recurring = len(names) <= 0.6 * count
    if shape.inline:
        share = count / (len(lines) - first)
        bracketed = lines[found[0][0]].startswith("[") or re.match(
            r".{8,40}\s[-–—]\s", lines[first]
        )
        if log or len(names) < 2:
            return False
        if shape.dated and bracketed:
            return count >= 2 and share >= 0.3 and (recurring or count < 6)
        return count >= (3 if shape.dated else 5) and share >= 0.6 and (recurring or count < 5)
    if log and not known:
        return False
    places = [place for place, _ in found] + [len(lines)]
    filled = sum(after - here > 1 for here, after in pairwise(places))
    if filled < 0.6 * count or body > 20 * count:
        return False
    if shape.dated:
        enough = count >= 3 or (count == 2 and body <= 6)
        return known or (enough and (recurring or count < 10))
    day = any(date_of_line(line, "dmy") for line in lines)
    return count >= (2 if day else 4) and (
        day or (recurring and len(names) > 1 and _is_close(found))
    )


def _is_machine(name: str) -> bool:
    return name.isascii() and _MACHINE.search(name) is not None


def _in_order(stamps: Sequence[Stamp]) -> bool:
    """Say whether times go on in one direction, most of them, in one of the orders of dates."""
    if len(stamps) < 4:
        return True
    for order in ("dmy", "mdy"):
        times = [time for stamp in stamps if (time := stamp.time(order))]
        pairs = list(pairwise(times))
        against = min(sum(a > b for a, b in pairs), sum(a < b for a, b in pairs))
        if against <= max(1, 0.3 * len(pairs)):
            return True
    return False


def _is_close(found: Sequence[tuple[int, Line]]) -> bool:
    """Say whether undated times are those of talk: minutes apart, and no offsets into a recording."""
    times = [time for _, line in found if line.stamp and (time := line.stamp.time("dmy"))]
    if not times or times[0] < datetime(UNDATED, 1, 1, 0, 10):
        return False
    gaps = sorted(abs(b - a) for a, b in pairwise(times))
    return bool(gaps) and gaps[len(gaps) // 2] <= timedelta(minutes=15)


def _is_dialogue(lines: Sequence[str]) -> bool:
    """Say whether lines of the shape "Name: text" are a chat: short ones, of people, in turns."""
    found = [line for one in lines if (line := _BARE.read(one))]
    count = len(found)
    if count < 8 or count < 0.95 * len(lines):
        return False
    order = [line.name for line in found]
    names = Counter(order)
    texts = [line.text or "" for line in found]
    turns = sum(a != b for a, b in pairwise(order))
    if not 2 <= len(names) <= count / 4 or min(names.values()) < 2 or turns < 0.3 * count:
        return False
    if any(_ROLES.match(name) or _is_machine(name) or not _is_person(name) for name in names):
        return False
    period = len(names)  # records repeat their fields in one order, people only sometimes
    if all(a == b for a, b in zip(order, order[period:], strict=False)) and period > 2:
        return False
    spoken = sum(bool(re.search(r"[，。！？,!?…]|\w \w+ \w", text)) for text in texts)
    return spoken >= 0.4 * count and sorted(map(len, texts))[count // 2] <= 60


def _is_person(name: str) -> bool:
    if name.isascii():
        return len(name.split()) <= 3 and not (name.isupper() and len(name) > 3)
    return len(name) <= 8
