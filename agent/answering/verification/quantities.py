"""Quantities in a text: numbers with their units, whatever their form; 3万元 is 30,000元, 三十日 30 days."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.answering.verification.units import SCALE, SCALES, UNIT, UNITS
from indexes.text import CJK, chinese_number

__all__ = ["COUNTED", "COUNTERS", "OTHER", "PART", "PLACE", "UNKNOWN", "Quantity", "quantities"]

COUNTED, UNKNOWN, OTHER = "#", "", "?"  # a counter, no unit, one that is not known
PART, PLACE = "§", "nth"  # numbers of articles and the like, and of days or ranks

COUNTERS = "人名位户家台套件份次辆座栋层间根支条项个种类处点页张块棵株篇部艘架组批把扇环段跨孔票笔"
_WORDS = {word: value for value, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen".split())}  # fmt: skip
_TENS = {word: 10 * value for value, word in enumerate(
    "twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}  # fmt: skip
_WORD_NUMBER = rf"\b(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(list(_WORDS)[1:10])}))?|{'|'.join(_WORDS)}|twice)\b"
_CN = "零〇一二两三四五六七八九十百千"
_AMOUNT = re.compile(
    rf"(?P<prefix>百分之|千分之|万分之|(?P<money>rmb|cny|usd|eur|gbp|sek|nok|dkk|chf|aud|cad|sgd|inr|krw|hk\$|us\$|[¥$€£])\s*)?"
    rf"(?:(?<![\d.])(?P<digits>(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?)"
    rf"|(?P<cn>[{_CN}]+(?:点[零一二三四五六七八九]+)?)|(?P<word>{_WORD_NUMBER}))"
    rf"[ \t]*(?P<scale>{SCALE}|(?(money)[mkb](?![a-z])|(?!)))?(?P<more>余|多(?!于))?(?:(?<=[a-z\d])-(?={UNIT})|[ \t]*)"
    rf"(?:(?:(?!{UNIT}|per\s|and\s|the\s|for\s|with\s|out\s)[a-z-]{{3,12}}\s+(?![$€£¥]))?(?P<unit>{UNIT})(?:\s*(?:/|每|per\s|a\s)\s*(?P<per>{UNIT}))?|(?P<counter>个?[{COUNTERS}]))?"
)
_RANGE = re.compile(
    r"\s*(?:[-–—~至到/、×*+]|和|与|及|或|to|and|or|x|,(?=\s?\d{1,3}(?:[^,\d]|$)))\s*"
)
_CN_WORD = re.compile(  # words with numerals that count nothing
    r"第一[年天个步档种类]|第二天|第[二三][个步档种类]|[这那当整]一[年天]|一[年天](?=下来|里|有|可|能|就|要|只)|一[天日](?=最[多高]|封顶|[之以]?内)|一般|一定|一致|一样|一直|一律|一切|一旦|一起|一些|一并|一方|一体|一面|一次性|一时|一共|一经|一览|一站|一线|统一|唯一|之一|进一步|"
    r"单一|同一|任一|逐一|万一|十分|千万(?!元)|百姓|二维|二次|三方|四周|四舍五入|第一时间|一家|一个|一名|一份|一项|一种|一类|一点|一位|"
    r"[每某哪]一|一方面|另一|其一|其二|其三|一是|二是|三是|四是|五是|一票|双一|一步|星期[一二三四五六]|周[一二三四五六]|礼拜[一二三四五六]|不一|"
    r"三防|三废|五金|七通|三通一平|三同时|六个百分百|四新|三宝|四口|五临边|百分百|千方百计|几[十百千]|数[十百千]|上[百千]"
)
_LISTING = re.compile(
    r"[两二三四五][份个则篇]?(?:资料|文档|文件|来源|材料)|\b(?:two|three|four|five) (?:sources|documents|texts|passages)\b|"
    r"[（(]\s*\d{1,2}\s*[)）]|(?:以下|如下|下列|这|共|有|分)\s*[\d一二三四五六七八九十]{1,2}\s*点|\btwice\b|(?:这|那|以上|上述|前述|下列)[两三四五六七八九十](?=[份个项条者种类点])|[①-⑳]|步骤\s*\d+|\bsteps?\s+\d+|第[一二三四五六七八九十]{1,2}(?=[,:;是]|步|点)|\b(?:one|two|three|four|five|six|seven|eight|nine|ten)(?= of (?:the|these|them))"
    r"|\b(?:the|these|those|both|following|all|no|any|each|every|that|this|which) one\b|\bone(?= (?:must|should|can|may|or more|another)\b)"
    r"|\b(?:the|these|those|all) (?:two|three|four|five|six)(?! (?:percent|per cent|days|hours|months|years|weeks|million))"
)
_ENUMERATED = re.compile(
    r"[项点个种类步大条]|方面|部分|阶段|环节|情形|要求"
    r"|\s*(?:\w+\s){0,2}(?:measures|steps|points|reasons|types|parts|categories|aspects|options|items|conditions|requirements|ways"
    r"|kinds|groups|elements|things|methods|stages|phases|sources|documents|cases|situations|rules|features|policies|factors|limits)\b"
)
_ENUMERATES = re.compile(
    r"以下|如下|包括|主要有|分别|分为|下列|上述|这[两三四五六]|following|include|includes|as follows|namely|below|these|main|key|:\s*\Z"
)
_FIRST = re.compile(r"首(?=[次年个批期轮日月])")
_NEXT = re.compile(r"[次翌](?=年)")
_ORDINAL = re.compile(rf"第\s*([{_CN}]{{1,6}}|\d{{1,5}}(?:\.\d{{1,3}}){{0,3}})\s*(?!季度)")
_SECTION = re.compile(
    r"\b(?:articles?|sections?|clauses?|chapters?|paragraphs?|tables?|figures?|pages?|no\.|level)"
    r"\s*(\d{1,5}(?:\.\d{1,3}){0,4})\b"
)
_NTH = re.compile(r"\b(\d{1,3})(?:st|nd|rd|th)\b")
_WORD_NTH = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\b(?! quarter| half|,)"
)
_LEAST = r"(?:至少|最少|最低|不[得应能可宜会]?(?:少|低|小|短)于|not? (?:[a-z]+ ){0,3}(?:(?:less|fewer|lower|shorter) than|under|below)|at least|a minimum of|minimum(?: of)?|>=|≥)"
_MOST = r"(?:至多|最多|最高|最大|不[得应能可宜会]?(?:超过|超|大于|高于|多于|长于)|未超过|not? (?:[a-z]+ ){0,3}(?:(?:more|greater|higher|longer|later) than|over|above)|(?:not|never|cannot)(?: to| be)? exceed(?:s|ing)?|at most|up to|a maximum of|maximum(?: of)?|within|<=|≤)"
_OVER = r"(?:超过|大于|高于|多于|more than|greater than|higher than|over|above|exceed(?:s|ed|ing)?|longer than|>)"
_UNDER = (
    r"(?:小于|低于|少于|不足|不到|未满|less than|fewer than|lower than|under|below|shorter than|<)"
)
_BEFORE = re.compile(
    rf"(?:(?P<least>{_LEAST})|(?P<most>{_MOST})|(?P<over>{_OVER})|(?P<under>{_UNDER}))\s*(?:or equal to )?(?:约|为|人民币|rmb|us)?\s*\Z"
)
_BEHIND = re.compile(
    r"\s*(?:(?P<most>以内|之内|内(?![容部外地网存科置])|以下|及以下|\(含\)以下|or less|or fewer|or below|or lower|at most)|(?P<least>以上|及以上|\(含\)以上|or more|or above|or higher|at least))"
)
_ABOUT = re.compile(
    r"(?:约(?:为|占)?[㐀-鿿]{1,8}的|约|大约|近|接近|将近|大概|about|approximately|around|nearly|roughly|almost|close to|some|~|≈)\s*(?:为|人民币|rmb)?\s*\Z"
)
_EACH = re.compile(rf"(?:\b(?:an?|per|each|every)\s+|每个?)(?P<unit>(?![$€£¥]){UNIT})")
_CLOCK = re.compile(
    r"(?<![\d:])(?P<half>凌晨|早上|上午|早|下午|晚上|傍晚|夜间|晚|夜里)?\s*(?:(?P<h>[01]?\d|2[0-4])[:：](?P<m>[0-5]\d)(?::\d\d)?(?!\d)\s*(?P<ap>[ap]\.?m\b\.?)?"
    r"|(?P<h2>[01]?\d|2[0-4])\s*(?P<ap2>[ap]\.?m\b\.?)|(?P<h3>[01]?\d|2[0-4]|十[一二]?|[一二两三四五六七八九])(?:时(?!间|候|段)|点钟|点(?![要意措建内原问注说规个的方心评]))(?P<m3>[0-5]?\d(?=分)|半)?分?)"
)
_POINTED = re.compile(r"(?<![\d.])(1?\d)\.([0-5]\d)(?=\s*[ap]\.?m)")
_POINTED_SPAN = re.compile(
    r"(?<![\d.])[01]?\d\.[0-5]\d\s?[-–—]\s?[012]?\d\.[0-5][05](?![\d.%]| ?[a-z%])"
)
_HALF = re.compile(
    r"(?<![\d.])(?:(\d|[一两二三四五六])个半(?=小时|钟头|月)|\b(one|two|three|four|five) and a half\b)"
)
_HALF_HOUR = re.compile(r"\bhalf (?:an|a|of an) hour\b|(?<![个\d])半个?(?:小时|钟头)")
_MINUTES = re.compile(r"(小时 ?\d{1,2} ?)分(?!钟)|(?<=\d)( ?)分(?= ?\d{1,2} ?秒)")
_CLOCK_HINT = re.compile(r"[:：]\d|时|点|\d\s*[ap]\.?m")


@dataclass(frozen=True)
class Quantity:
    """A number with its unit.

    Args:
        text: as it stands in the text.
        value: in the base unit of its dimension.
        number: without the unit's factor.
        dimension: the base unit, "#" for what is counted, "" if no unit is known.
        bound: 1 for at least or more than, -1 for at most or less than, else 0.
        about: whether it is said to be rounded.
        digits: the number without its scale: 3 of 3万.
        scale: the word of the scale.
        upper: the value of what stands above the line of a compound unit: 40mg of 40mg/kg.
    """

    text: str
    value: float
    number: float
    dimension: str
    bound: int
    about: bool
    digits: float
    scale: str
    upper: float = 0.0


def _cn_value(text: str) -> float:
    whole, _, part = text.partition("点")
    value = float(chinese_number(whole))
    if len(whole) > 1 and not any(sign in "十百千" for sign in whole):
        value = float("".join(str(chinese_number(sign)) for sign in whole))
    return value + (float("0." + "".join(str(chinese_number(s)) for s in part)) if part else 0.0)


def _word_value(text: str) -> float:
    if text == "twice":
        return 2.0
    first, _, second = text.replace("-", " ").partition(" ")
    return float(_TENS.get(first, _WORDS.get(first, 0)) + _WORDS.get(second, 0))


def quantities(text: str, *, claim: bool) -> list[Quantity]:
    """Return the quantities in a normalised text without dates and codes."""
    out: list[Quantity] = []
    text = _MINUTES.sub(r"\1\2分钟", text)
    text = _HALF.sub(_half, text)
    if "half" in text or "半" in text:
        text = _HALF_HOUR.sub("30 minutes", text)
    if claim:
        text = _LISTING.sub(lambda match: " " * len(match.group()), text)
    if "m" in text:
        text = _POINTED.sub(r"\1:\2", text)
    if not claim:
        text = _POINTED_SPAN.sub(lambda match: match.group().replace(".", ":"), text)
    if _CLOCK_HINT.search(text):
        text = _CLOCK.sub(lambda match: _clock(match, out), text)
    text = _CN_WORD.sub(lambda match: " " * len(match.group()), text)
    text = _SECTION.sub(lambda match: _numbered(match, out, PART), text)
    if not claim:
        text = _NEXT.sub("第二", _FIRST.sub("第一", text))
    text = _ORDINAL.sub(lambda match: _numbered(match, out, PART), text)
    text = _NTH.sub(lambda match: _numbered(match, out, PLACE), text)
    if not claim:
        for match in _WORD_NTH.finditer(text):
            value = float(_NTHS.index(match.group()) + 1)
            out.append(Quantity(match.group(), value, value, PLACE, 0, False, value, ""))
        for match in _EACH.finditer(text):
            dimension, factor = UNITS[match["unit"]]
            out.append(Quantity(match.group(), factor, 1.0, dimension, 0, False, 1.0, ""))
    matches = [match for match in _AMOUNT.finditer(text) if _counts(match, text, claim)]
    before: Quantity | None = None
    for i, match in enumerate(matches):
        behind = matches[i + 1] if i + 1 < len(matches) else None
        ranged = behind is not None and _RANGE.fullmatch(text[match.end() : behind.start()])
        one = _quantity(match, behind if ranged else None, text)
        if before is not None and match["unit"] is None and one.dimension in _KINDLESS:
            one = replace(one, dimension=before.dimension)  # 320 of $280-320
        before = one if ranged and match["prefix"] in _SIGNS else None
        joined = out[-1] if i and out else None
        if joined is not None and _longer(joined, one, text[matches[i - 1].end() : match.start()]):
            out[-1] = replace(
                joined, text=f"{joined.text}{one.text}", value=joined.value + one.value
            )
        else:
            out.append(one)
    return out


_KINDLESS = frozenset({UNKNOWN, OTHER})
_SIGNS = frozenset("¥$€£") | {"us$", "hk$"}


def _longer(first: Quantity, second: Quantity, between: str) -> bool:
    """Say whether two are one length of time: 3 hours and 15 minutes."""
    return (
        first.dimension == second.dimension == "s"
        and between.strip() in {"", "and", "零", "又"}
        and first.value / max(first.number, 1e-9) > second.value / max(second.number, 1e-9)
    )


def _half(match: re.Match[str]) -> str:
    whole = chinese_number(match[1]) if match[1] else _word_value(match[2])
    return f"{whole:g}.5{'个' if match[1] else ''}"


_NTHS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()


def _clock(match: re.Match[str], out: list[Quantity]) -> str:
    hour = chinese_number(match["h"] or match["h2"] or match["h3"])
    said = match["m"] or match["m3"]
    minute = 30 if said == "半" else int(said or 0)
    half = (match["ap"] or match["ap2"] or "")[:1]
    if hour < 12 and (half == "p" or (match["half"] or "") in {"下午", "晚上", "傍晚", "晚"}):
        hour += 12
    elif hour == 12 and half == "a":
        hour = 0
    value = float(60 * (hour % 24) + minute)
    out.append(Quantity(match.group().strip(), value, value, "clock", 0, False, value, ""))
    return " " * len(match.group())


def _numbered(match: re.Match[str], out: list[Quantity], dimension: str) -> str:
    """Take a number that names a part or a place in a row: 第十二条, Section 3.2, the 15th."""
    said = match.group(1)
    first, dot, rest = said.partition(".")
    value = float(f"{first}.{rest.replace('.', '')}") if dot else float(chinese_number(said))
    out.append(Quantity(match.group(), value, value, dimension, 0, False, value, ""))
    return " " * len(match.group())


def _counts(match: re.Match[str], text: str, claim: bool) -> bool:
    """Say whether a match is a number at all, and in a claim whether it says something."""
    said = match["cn"] or match["word"]
    small = said is not None and (len(said) == 1 or match["word"] is not None)
    strict = match["unit"] is not None or match["scale"] is not None or match["prefix"] is not None
    if match["cn"] and len(said) == 1 and not strict:
        if said in "零〇百千十" or not (
            match["counter"] and match["counter"] not in "个种类项点个"
        ):
            return not claim and match["counter"] is not None
        return said != "一"
    if match["word"] == "one" and not strict:
        return not claim
    if match["cn"] and not strict and all(sign in "百千" for sign in said):
        return False
    if not claim or strict:
        return True
    value = _number(match)
    return not (
        (small or value <= 10)
        and value <= 10
        and value == int(value)
        and _ENUMERATED.match(text, match.end() - len(match["counter"] or ""))
        and _ENUMERATES.search(text)
    )


def _number(match: re.Match[str]) -> float:
    if match["digits"]:
        return float(match["digits"].replace(",", ""))
    return _cn_value(match["cn"]) if match["cn"] else _word_value(match["word"])


def _quantity(match: re.Match[str], behind: re.Match[str] | None, text: str) -> Quantity:
    digits = _number(match)
    unit, scale, per = match["unit"], match["scale"] or "", match["per"]
    if behind is not None and unit is None and match["counter"] is None:
        unit, per = behind["unit"], behind["per"]
        scale = scale or behind["scale"] or ""
    if unit == "折" and digits >= 10:
        digits /= 10  # 七五折 and 75折 are 7.5折
    number = digits * SCALES.get(scale, 1.0)
    prefix = (match["prefix"] or "").strip()
    dimension, factor, upper = UNKNOWN, 1.0, 0.0
    if prefix == "百分之":
        dimension = "%"
    elif prefix == "千分之":
        dimension, factor = "%", 0.1
    elif prefix == "万分之":
        dimension, factor = "%", 0.01
    elif unit is not None:
        dimension, factor = UNITS[unit]
        if per is not None:
            over, divisor = UNITS[per]
            upper = number * factor
            dimension, factor = f"{dimension}/{over}", factor / divisor
    elif prefix:
        dimension, factor = UNITS.get(prefix, (UNKNOWN, 1.0))
    elif match["counter"] is not None:
        dimension = COUNTED
    elif behind is None and _WORD_BEHIND.match(text, match.end()):
        dimension = OTHER
    before = text[max(0, match.start() - 40) : match.start()]
    about = match["more"] is not None or _ABOUT.search(before) is not None
    about = about or text.startswith(("左右", "上下"), match.end())
    return Quantity(
        match.group().strip(),
        number * factor,
        number,
        dimension,
        _bound(before, text, (behind or match).end()),
        about,
        digits,
        scale,
        upper,
    )


_WORD_BEHIND = re.compile(
    rf"[{CJK}]|(?<=[\da-z ]) ?(?!(?:or|and|to|in|of|with|for|from|by|at|on|is|are|was|were|but|than|as)\b)[a-z]"
)


def _bound(before: str, text: str, end: int) -> int:
    found = _BEFORE.search(before) or _BEHIND.match(text, end)
    if found is None:
        return 0
    given = {key for key, value in found.groupdict().items() if value}
    return 1 if given & {"least", "over"} else -1
