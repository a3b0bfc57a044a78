"""Personal data in texts, found by its form and replaced by its kind, as in "call [phone]".

Names and addresses have no form, so they stay; a project's own patterns may find more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agent.observability import redacted

__all__ = ["Redactor"]

Check = Callable[[re.Match[str]], bool]

# Full-width digits and signs, and the dashes and blanks that stand between digits, one for one.
_WIDTHS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_PLAIN = _WIDTHS | dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_PLAIN |= dict.fromkeys(map(ord, "\xa0\u2002\u2003\u2009\u202f\u3000"), " ")

_SECRET_KEY = re.compile(
    r"(?:.*[_\W])?(?:password|passwd|secret|token|api[-_ ]?key|authorization|cookie|密码|口令|密钥)",
    re.IGNORECASE,
)
_LONG = 1_000_000  # a smaller number is nobody's

# A number begins and ends here: no part of a code such as ORD-13800138000, nor of a decimal.
_BEGIN = (
    r"(?:(?<![0-9A-Za-z+])(?<![0-9A-Z][-_])(?<![0-9]\.)|(?<=[Tt]el)|(?<=hone)|(?<=obile)|(?<=wx))"
)
_END = r"(?![0-9A-Za-z])(?!\.[0-9])(?!-[0-9A-Za-z])"

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9\u4e00-\u9fff-]{1,63}\.){1,8}(?:[A-Za-z]{2,24}|中国|公司|网络)"
)
_IDENTITY = re.compile(
    r"(?<![0-9A-Za-z])[1-9][0-9]{5}([ -]?)(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])"
    r"(?:0[1-9]|[12][0-9]|3[01])\1[0-9]{3}[0-9Xx](?![0-9A-Za-z])"
)
_DIGITS = re.compile(r"(?<![0-9A-Za-z])[0-9]{4,19}(?:([ -])[0-9]{3,13}(?:\1[0-9]{1,5}){0,4})?")
_ISSUERS = re.compile(
    r"62[0-9]{14,17}|9558[0-9]{12,15}|4(?:[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}"
    r"|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|35(?:2[89]|[3-8][0-9])[0-9]{12}|6(?:011|5[0-9]{2})[0-9]{12}"
)
_NUMBER = re.compile(
    r"[0-9+(][0-9 .()+-]{6,}"
)  # where there may be one; all patterns below are slower
_TAIL = 12  # characters after it that may belong to it, as an extension does
_PHONES = (
    # +86 138 0013 8000
    re.compile(rf"{_BEGIN}(?:(?:\+|00)?86[ -]?)?1[3-9][0-9]([ .-]?)[0-9]{{4}}\1[0-9]{{4}}{_END}"),
    # +44 (0)20 7946 0958
    re.compile(rf"(?<![0-9A-Za-z+])(?<![0-9] )(?:\+[1-9]|00[1-9][0-9]{{0,2}}[ -])(?:[ .()-]{{0,2}}[0-9]){{6,14}}{_END}"),
    # (415) 555-2671, but for the service numbers 400 and 800, which are nobody's own
    re.compile(
        rf"(?<![0-9A-Za-z(+])(?<![0-9A-Z][-_])(?:\([2-9][0-9]{{2}}\) ?|(?!400|800)[2-9][0-9]{{2}}(?=([.-])[2-9][0-9]{{2}}\1)[.-])"
        rf"[2-9][0-9]{{2}}[.-][0-9]{{4}}{_END}"
    ),
    # 010-65521234 转 801, (0512) 6552 1234
    re.compile(
        r"(?<![0-9A-Za-z+])(?<![0-9A-Z][-_])(?<![0-9]\.)"
        r"(?:\(0[1-9][0-9]{1,2}\) ?|(?:\+?86[ -]?)?(?:010|02[0-9]|0[3-9][0-9]{2})[ -]?)"
        r"[2-9](?:[0-9]{2}[ -]?[0-9]{4}|[0-9]{3}[ -]?[0-9]{4})"
        rf"(?:(?:-|转| ?ext\.? ?)[0-9]{{1,5}})?{_END}"
    ),
    # 电话：6552 1234
    re.compile(
        r"(?:(?<=电话)|(?<=电话号码)|(?<=电话[是为:])|(?<=座机)|(?<=座机[是为:])|(?<=固话)|(?<=传真)"
        r"|(?<=传真:)|(?<=[Tt]el[ :])|(?<=[Tt]el[.:] )|(?<=[Pp]hone[ :])|(?<=[Pp]hone: )|(?<=[Ff]ax[ :])|(?<=[Ff]ax: ))"
        rf"[2-9][0-9]{{2,3}}[ -]?[0-9]{{4}}{_END}"
    ),
)  # fmt: skip

# What a number of a phone's form is after these words, or before these units: no phone.
_NUMBERED = re.compile(
    r"(?:[¥$€£#]|\b[SP]/N|(?:订单|合同|流水|单据|凭证|工单|发票|项目|文件|快递|运单|物料|产品|设备|资产|序列|批|货|案|文|料|单|型)(?:编)?号|编号|编码|条码"
    r"|金额|总额|余额|[总单造]价|价[格款]|产值|总?投资额?|费用|预算|收入|支出|利润|产量|面积"
    r"|(?:^|[^a-z])(?:amount|total|sum|price|cost|fee|value|budget|balance|revenue|area"
    r"|(?:order|invoice|contract|tracking|serial|sku|model|part|batch|case|ticket|item|reference)"
    r"[ _-]?(?:no|num|number|id|code)))"
    r"(?:\([^()]{0,8}\))?[\s\"'.:=(,]*(?:是|为|约|共计?|达|is|was|of|[a-z]{3})?[\s\"':]*$",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r" ?(?:[万亿]?(?:[美欧日港]?元|吨|股|千克|公斤|平方|立方|米)|[万亿千百](?![\u4e00-\u9fff])"
    r"|(?:yuan|dollars?|euros?|usd|eur|rmb|cny|kg|kwh|tons?|tonnes?|bytes)\b)",
    re.IGNORECASE,
)
_AHEAD = 40  # characters in which the words before a number are looked for


class Redactor:
    """Takes personal data and credentials out of texts and plain data.

    Args:
        patterns: the project's own regular expressions, each with what it finds: it becomes "[name]".
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._own = [(re.compile(pattern), f"[{name}]") for name, pattern in patterns.items()]

    def text(self, text: str, label: str = "") -> str:
        """Return a text without personal data.

        Args:
            text: what people or tools wrote.
            label: what it is the value of, which tells an amount from a phone.
        """
        text = redacted(text)
        plain = text.translate(_PLAIN)
        for pattern, kind in self._own:
            text, plain = _without(pattern, kind, text, plain)
        text, plain = _without(_EMAIL, "[email]", text, plain)
        if _NUMBER.search(plain) is None:
            return text
        text, plain = _without(_IDENTITY, "[id]", text, plain, _is_identity)
        text, plain = _without(_DIGITS, "[card]", text, plain, _is_card)

        def is_phone(match: re.Match[str]) -> bool:
            before = match.string[max(0, match.start() - _AHEAD) : match.start()]
            if match.start() < _AHEAD:
                before = f"{label.translate(_PLAIN)}: {before}"
            return not (_NUMBERED.search(before) or _UNIT.match(match.string, match.end()))

        for pattern in _PHONES:
            text, plain = _without(pattern, "[phone]", text, plain, is_phone)
        return text

    def value(self, value: Any, label: str = "") -> Any:
        """Return plain data without personal data, also in keys and in numbers.

        Args:
            value: what JSON can say.
            label: the key it stands under.
        """
        if isinstance(value, dict):
            return {self.text(key): self._entry(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, label) for one in value]
        if isinstance(value, str):
            return self.text(value, label)
        if isinstance(value, int) and abs(value) >= _LONG:
            text = self.text(str(value), label)
            return value if text == str(value) else text
        return value

    def _entry(self, value: Any, key: str) -> Any:
        secret = isinstance(value, str | int) and not isinstance(value, bool)
        return "[redacted]" if secret and _SECRET_KEY.fullmatch(key) else self.value(value, key)


def _without(
    pattern: re.Pattern[str], kind: str, text: str, plain: str, check: Check | None = None
) -> tuple[str, str]:
    """Replace what a pattern finds in the plain text, there and in the text as it was written."""
    found = pattern.finditer(plain) if check is None else _numbers(pattern, plain)
    places = [one.span() for one in found if check is None or check(one)]
    for start, end in reversed(places):
        text = f"{text[:start]}{kind}{text[end:]}"
        plain = f"{plain[:start]}{kind}{plain[end:]}"
    return text, plain


def _numbers(pattern: re.Pattern[str], plain: str) -> Iterator[re.Match[str]]:
    """Yield what a pattern finds where there may be a number."""
    for near in _NUMBER.finditer(plain):
        for match in pattern.finditer(plain, near.start(), near.end() + _TAIL):
            if match.start() < near.end():
                yield match


def _is_identity(match: re.Match[str]) -> bool:
    """Check the last digit of an identity card's number, as GB 11643 has it."""
    digits = match[0].replace(" ", "").replace("-", "").upper()
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(digits[:17]))
    return "10X98765432"[total % 11] == digits[17]


def _is_card(match: re.Match[str]) -> bool:
    """Check a bank card's issuer and its last digit, after Luhn."""
    digits = match[0].replace(" ", "").replace("-", "")
    if _ISSUERS.fullmatch(digits) is None:
        return False
    odd = [int(digit) for digit in digits[-1::-2]]
    even = [2 * int(digit) for digit in digits[-2::-2]]
    return (sum(odd) + sum(one - 9 if one > 9 else one for one in even)) % 10 == 0
