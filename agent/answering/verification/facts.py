"""What of a text can be checked word for word: quantities, dates, codes, names, titles, quotations.

A fact of a claim stands in a source if the source has an equal one, whatever its form: 3万元 is 30,000元,
三十日 is 30 days, March 2025 is 2025-03.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from agent.answering.verification.dates import Date, chinese_dates, english_dates
from agent.answering.verification.naming import CALLED, chinese_names, latin_names
from agent.answering.verification.quantities import PART, Quantity, quantities
from agent.answering.verification.units import UNITS
from indexes.text import CJK, chinese_number, normalize

__all__ = ["Facts", "facts", "squashed"]


@dataclass
class Facts:
    """The facts of a text."""

    quantities: list[Quantity] = field(default_factory=list)
    dates: list[Date] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of Latin letters
    chinese: list[str] = field(default_factory=list)  # Chinese names
    doubtful: list[str] = field(default_factory=list)  # words that may be names of persons
    called: list[str] = field(default_factory=list)  # what something is said to be, perhaps a name
    titles: list[str] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.quantities or self.dates or self.codes or self.names or self.chinese
                    or self.titles or self.quotes)  # fmt: skip


_CODE_SPAN = re.compile(r"`{1,3}([^`\n]{1,200})`{1,3}")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,32})+")
_PHONE = re.compile(  # ranges and spans of years are none
    r"(?<![A-Za-z0-9_.+-])(?:\+\d{1,3}[ -])?(?:(?:0\d{2,3}|\(0\d{2,3}\))[ -]?\d{3,4}[ -]?\d{4}|[48]00[ -]?\d{3}[ -]?\d{4}"
    r"|1[3-9]\d[ -]?\d{4}[ -]?\d{4}|\d{3}[ -]\d{3}[ -]\d{4})(?![A-Za-z0-9_-]|\.\d)"
)
_CODE = re.compile(
    r"(?<![A-Za-z0-9_.μ-])(?:"
    r"v?\d+(?:\.\d+){2,5}(?:[-.]?[a-z]+\d*)?(?![A-Za-z0-9])"  # versions, addresses
    r"|[A-Za-z]+(?:[-/_][A-Za-z]+)*[-_/]?\d[A-Za-z0-9]*(?:[-_/.][A-Za-z0-9]+)*(?![A-Za-z0-9])"
    r"|(?!RMB|CNY|USD|EUR|GBP|HKD|JPY)[A-Z]{2,6}(?:/T)? \d{2,6}(?:[A-Z]{1,2}|[-.]\d{1,5}){1,3}(?![A-Za-z0-9])"
    r"|(?:GB|GB/T|ISO|IEC|DIN|ASTM|JGJ|JGJ/T|CJJ|RFC|EN|BS) \d{1,6}(?![A-Za-z0-9])"
    r"|\b(?:[Ll]ine|[Pp]hase|[Ll]ot|[Cc]ategory|[Cc]lass|[Gg]rade|[Bb]uilding|[Zz]one|[Bb]lock|[Tt]ype|[Mm]odel) (?:\d{1,4}[A-Z]?|[A-HIVX]{1,4})(?![A-Za-z0-9.])"
    r"|[A-Z][a-z]{2,20} (?!I\b)[A-Z](?![\w.'’&-])"
    r"|\d+[A-Za-z]*-[A-Za-z]+\d*[A-Za-z0-9-]*(?![A-Za-z0-9])"
    r"|\d+#|\d+(?:\.\d+)?G(?![A-Za-z0-9])|\d+[A-Z](?![A-Za-z0-9])"
    r"|(?!(?:19|20)\d\d[QH]\d)\d+[A-Z]+\d[A-Z0-9]*(?![A-Za-z0-9])|@[A-Za-z][\w-]{1,38}"
    r"|[A-Za-z]+_[A-Za-z0-9_]+|--[a-z][a-z0-9-]+|[a-z]+[A-Z][A-Za-z0-9]+"
    r")"
)
_UNITLIKE = re.compile(
    r"(?:(?:[a-z]{1,4}/)?(?:m|km|cm|mm|dm)[23]|sq|q[1-4]|h[12]|co2|\d+(?:m|h|s|t|g|l|w|v|a|k|x|kg|km|mm|cm|mg|ml|kw|mw|db|gb|mb|kb|tb|ms|min|day|days|hour|year|month|week)(?:[-/].*)?|\d+-[a-z]{3,}(?:-[a-z]+)*|\d+-(?:m|mm|cm|km|g|kg|t)s?)\Z",
    re.IGNORECASE,
)
_HOUSED = (
    "线楼井孔桩桥墩坑门机房院厅区站口仓库柜炉泵池塔梁柱洞店车船线令标"  # what 3号 is a name of
)
_LETTERED = re.compile(
    rf"(?<![A-Za-z])[A-Z](?=[区座栋段标包型类级楼馆厅组款轮股])|(?<![{CJK}])?[甲乙丙丁](?=[方级类])|(?<!\d)\d{{1,4}}号[{_HOUSED}]"
    r"|(?:[一二三四五六七八九十]|\d{1,2})(?:期|标段|级(?!别))"
)
_TITLE = re.compile(r"《([^《》]{1,120})》")
_QUOTES = tuple(
    re.compile(pattern)
    for pattern in (
        r"“([^“”]{1,1000})”",
        r"「([^「」]{1,1000})」",
        r"『([^『』]{1,1000})』",
        r"‘([^‘’]{2,1000})’(?![A-Za-z])",
        r'(?<!\d)"([^"]{1,1000})"',
    )
)
_ELLIPSIS = re.compile(r"\s*(?:…+|\.{3,}|\[…\]|\[\.{3}\])\s*")
_EDGES = " \t\n,.;:!?。,、；：！？…'’*_"


def squashed(code: str) -> str:
    """Return a code without the signs that people leave out: tx200a for TX-200A or TX 200A."""
    code = _SEPARATORS.sub("-", normalize(code).strip())
    return _LETTER_DIGIT.sub("", _VERSION.sub("", code))


_SEPARATORS = re.compile(r"[\s/_–—-]+")
_VERSION = re.compile(r"\Av(?=\d+\.\d)")
_LETTER_DIGIT = re.compile(r"(?<=[a-z])-(?=\d)|(?<=\d)-(?=[a-z])")


def _taken(pattern: re.Pattern[str], text: str) -> tuple[list[str], str]:
    """Return what a pattern finds, its group if it has one, and the text with blanks for it."""
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        found.append(match.group(match.lastindex or 0))
        return " " * len(match.group())

    return found, pattern.sub(take, text)


def facts(text: str, *, named: bool = True) -> Facts:
    """Return the facts of a text.

    Args:
        text: a claim without markers and links, or a source.
        named: whether names and quotations are looked for, which only claims need.
    """
    out = Facts()
    plain = text.replace("，", "， ").replace("℃", "°C")
    if "½" in plain:
        plain = _HALVES.sub(_half, plain)
    plain = unicodedata.normalize("NFKC", plain)
    if "#" in plain:
        plain = _HOUSE.sub("号", plain)
    if named:
        for pattern in _QUOTES:
            for quote in pattern.findall(text):
                out.quotes += [
                    part for one in _ELLIPSIS.split(quote) if (part := one.strip(_EDGES))
                ]
        out.titles = [one.strip() for one in _TITLE.findall(text)]
        spans, plain = _taken(_CODE_SPAN, plain)
        out.codes += [span.strip() for span in spans]
    plain = _AGED.sub(r"\1 \2", plain)
    plain = (_AMPERES if named else _ANY_AMPERES).sub(r"\1 amps", plain)
    if "@" in plain:
        emails, plain = _taken(_EMAIL, plain)
        out.codes += emails
    found, plain = english_dates(plain)
    out.dates += found

    def code(match: re.Match[str]) -> str:
        said = match.group()
        if (
            (_UNITLIKE.match(said) and not _BAND.search(said))
            or _CENTURY.match(said)
            or said.lower() in UNITS
        ):
            return said
        out.codes.append(said)
        return said if not named and " " in said else " " * len(said)  # ISO 125 is a number, too

    phones, plain = _taken(_PHONE, plain)
    out.codes += [_SEPARATORS.sub("", phone) for phone in phones]
    plain = _CODE.sub(code, plain)
    out.codes += [f"{m.group()}{plain[m.end()]}" if len(m.group()) == 1 else _level(m.group())
                  for m in _LETTERED.finditer(plain)]  # fmt: skip
    plain = _LEVEL.sub(lambda m: " " * len(m.group()), plain)
    if named:
        out.names = latin_names(plain)
        out.chinese, out.doubtful = chinese_names(text)
        out.called = CALLED.findall(text)
    if not named:
        for day, month, year in _DOTTED.findall(text):
            out.dates.append(
                Date(f"{day}.{month}.{year}", int(year), month=int(month), day=int(day))
            )
        for month, year in _MONTHLY.findall(text):
            out.dates.append(Date(f"{month}/{year}", int(year), month=int(month)))
        plain = _STAMPED.sub(r"\1月\2日 ", plain)
    low = normalize(plain)
    dates, low = chinese_dates(low)
    out.dates += dates
    out.quantities = quantities(low, claim=named)
    if not named:
        for said in _NUMBERED_CLAUSE.findall(plain):
            first, _, rest = said.partition(".")
            value = float(f"{first}.{rest.replace('.', '')}")
            out.quantities.append(Quantity(said, value, value, PART, 0, False, value, ""))
    return out


_AGED = re.compile(r"\b(over|under)-(\d{1,3})s\b", re.IGNORECASE)
_AMPERES = re.compile(r"(\d) ?(?:A(?=\s*(?:[^\sA-Za-z0-9]|\Z))|安培?(?![全装]))")
_ANY_AMPERES = re.compile(
    r"(\d) ?(?:(?<= )A(?![A-Za-z0-9-])|A(?=\s*(?:[^\sA-Za-z0-9]|\Z))|安培?(?![全装]))"
)
_BAND = re.compile(r"\A\d+(?:\.\d+)?G\Z")  # 5G, which is no weight
_CENTURY = re.compile(r"(?:19|20)\d\d[-/.]\d")
_NUMBERED_CLAUSE = re.compile(  # 2.3 The rent ..., at the beginning of a line or sentence
    rf"(?:^|(?<=[.;:。；)] )|(?<=\n))(\d{{1,2}}(?:\.\d{{1,2}}){{1,2}})\.?[ \t]+(?=[A-Z{CJK}])"
)
_DOTTED = re.compile(
    r"(?<![\d.])(0?[1-9]|[12]\d|3[01])[./](0?[1-9]|1[0-2])[./]((?:19|20)\d\d)(?![\d.]\d)"
)
_MONTHLY = re.compile(r"(?<![\d./-])(0[1-9]|1[0-2])[./]((?:19|20)\d\d)(?!\d)")
_STAMPED = re.compile(  # 02-17 10:02, before a message
    r"(?<![\d.-])(0\d|1[0-2])[-/.]([0-2]\d|3[01])(?= ?\d{1,2}:\d\d)"
)
_HALVES = re.compile(r"(\d?) ?½")
_HOUSE = re.compile(rf"(?<=\d)#(?=[{CJK}])")  # 3#楼
_LEVEL = re.compile(
    rf"(?:[一二三四五六七八九十]|\d{{1,2}})(?:期|标段|级(?!别))|(?<!\d)\d{{1,4}}号[{_HOUSED}]"
)


def _half(match: re.Match[str]) -> str:
    """Return 1.5 for 1½."""
    return f"{match[1] or 0}.5"


def _level(text: str) -> str:
    """Return 2期 for 二期."""
    head = text.rstrip("期标段级")
    return f"{chinese_number(head)}{text[len(head) :]}" if len(head) < len(text) else text
