"""The words of units and scales: which dimension a unit measures, and how many base units it is."""

from __future__ import annotations

import re

__all__ = ["MONEY", "SCALE", "SCALES", "UNIT", "UNITS", "unit_words"]

_UNIT_WORDS: dict[str, tuple[float, str]] = {
    "元": (1, "人民币 元 块钱 rmb cny yuan renminbi ¥"),
    "$.01": (0.01, "美分 cents"),
    "$": (1, "美元 美金 us dollars us dollar dollars dollar usd us$ $"),
    "€": (1, "欧元 euros euro eur €"),
    "£": (1, "英镑 pounds sterling gbp £"),
    "港": (1, "港元 港币 hkd hk$"),
    "円": (1, "日元 yen jpy"),
    "sek": (1, "瑞典克朗 sek"),
    "nok": (1, "挪威克朗 nok"),
    "dkk": (1, "丹麦克朗 dkk"),
    "chf": (1, "瑞士法郎 chf"),
    "aud": (1, "澳元 aud"),
    "cad": (1, "加元 cad"),
    "sgd": (1, "新加坡元 sgd"),
    "inr": (1, "卢比 rupees inr"),
    "krw": (1, "韩元 krw"),
    "%": (1, "% percent per cent"),
    "pp": (1, "个百分点 百分点 percentage points percentage point pp"),
    "%.1": (0.1, "‰"),
    "%.10": (10, "成"),
    "%.10.": (10, "折"),
    "%.100": (100, "倍"),
    "m": (1, "米 metres metre meters meter m"),
    "m.001": (1e-3, "毫米 millimetres millimetre millimeters millimeter mm"),
    "m.01": (1e-2, "厘米 centimetres centimeters centimetre centimeter cm"),
    "m.1000": (1e3, "公里 千米 kilometres kilometers kilometre kilometer km"),
    "m.000001": (1e-6, "微米 microns micron μm um"),
    "m2": (1, "平方米 平米 square metres square meters square metre square meter sq m sqm m2"),
    "m2.10000": (1e4, "公顷 hectares hectare ha"),
    "m2.1000000": (1e6, "平方公里 平方千米 square kilometres square kilometers km2"),
    "m2.666": (2000 / 3, "亩"),
    "m3": (1, "立方米 cubic metres cubic meters cubic metre cubic meter m3"),
    "l": (1, "升 litres liters litre liter l"),
    "l.001": (1e-3, "毫升 millilitres milliliters ml"),
    "g": (1, "克 grams gram g"),
    "g.001": (1e-3, "毫克 milligrams milligram mg"),
    "g.000001": (1e-6, "微克 micrograms microgram μg ug mcg"),
    "g.1000": (1e3, "公斤 千克 kilograms kilogram kilos kg"),
    "g.500": (500, "斤"),
    "g.1000000": (1e6, "吨 tonnes tonne tons ton t"),
    "g.1000000000": (1e9, "kilotonnes kt"),
    "s": (1, "秒钟 秒 seconds second secs sec s"),
    "s.001": (1e-3, "毫秒 milliseconds millisecond ms"),
    "s.60": (60, "分钟 minutes minute mins min"),
    "s.900": (900, "刻钟"),
    "s.3600": (3600, "个小时 小时 个钟头 hours hour hrs hr h"),
    "d": (1, "个自然日 自然日 个日历天 日历天 calendar days calendar day 天 日 days day"),
    "d.7": (7, "个星期 星期 周 weeks week"),
    "学时": (1, "个学时 学时 个课时 课时"),
    "mo": (1, "个月 months month"),
    "mo.3": (3, "个季度 quarters"),
    "mo.12": (12, "周年 周岁 年度 年 岁 years year"),
    "wd": (1, "个工作日 工作日 business days business day working days working day workdays"),
    "td": (1, "个交易日 交易日 trading days trading day"),
    "px": (1, "像素 pixels pixel px"),
    "px.1000000": (1e6, "megapixels megapixel mp"),
    "°": (1, "°"),
    "mol": (1, "摩尔 mol"),
    "mol.001": (1e-3, "毫摩尔 mmol"),
    "mol.000001": (1e-6, "微摩尔 μmol umol"),
    "db": (1, "分贝 decibels db(a) dba db"),
    "°c": (1, "摄氏度 ℃ °c degrees celsius"),
    "°f": (1, "华氏度 °f degrees fahrenheit"),
    "w.1000": (1e3, "千瓦 kilowatts kw"),
    "w.1000000": (1e6, "兆瓦 megawatts mw"),
    "w": (1, "瓦 watts watt w"),
    "wh.1000": (1e3, "千瓦时 kilowatt-hours kwh"),
    "pa": (1, "pa"),
    "pa.1000": (1e3, "千帕 kpa"),
    "pa.1000000": (1e6, "兆帕 mpa"),
    "amp": (1, "amperes ampere amps"),
    "v": (1, "伏 volts volt v"),
    "v.1000": (1e3, "千伏 kv"),
    "hz": (1, "赫兹 hz"),
    "hz.1000": (1e3, "khz"),
    "hz.1000000": (1e6, "兆赫 mhz"),
    "hz.1000000000": (1e9, "ghz"),
    "bps.1000000": (1e6, "mbps mbit/s"),
    "bps.1000000000": (1e9, "gbps gbit/s"),
    "mmhg": (1, "毫米汞柱 mmhg"),
    "bar": (1, "bar"),
    "nm": (1, "牛·米 n·m nm"),
    "b.1000": (1e3, "kb"),
    "b.1000000": (1e6, "mb megabytes"),
    "b.1000000000": (1e9, "gb gigabytes"),
    "b.1000000000000": (1e12, "tb terabytes"),
    "kn": (1, "千牛 kn"),
    "iu": (1, "iu 国际单位"),
}  # fmt: skip


def _multi(words: str) -> list[str]:
    """Return the unit words of a line; English ones of two words stand after each other."""
    out: list[str] = []
    joined = "us square cubic calendar business working trading percentage per pounds degrees sq"
    parts = words.split()
    while parts:
        word = parts.pop(0)
        out.append(f"{word} {parts.pop(0)}" if word in joined.split() and parts else word)
    return out


UNITS = {
    word: (key.partition(".")[0], factor)
    for key, (factor, words) in _UNIT_WORDS.items()
    for word in _multi(words)
}


MONEY = frozenset("元 $ € £ 港 円 sek nok dkk chf aud cad sgd inr krw".split())


def _either(words: list[str]) -> str:
    return "|".join(
        re.escape(word) + ("(?![a-z])" if word[-1].isalpha() and word.isascii() else "")
        for word in sorted(words, key=len, reverse=True)
    )


UNIT = f"(?:{_either(list(UNITS))})"
SCALES = {"万亿": 1e12, "亿": 1e8, "千万": 1e7, "百万": 1e6, "十万": 1e5, "万": 1e4, "trillion": 1e12,
           "billion": 1e9, "million": 1e6, "thousand": 1e3, "hundred": 1e2, "bn": 1e9, "mn": 1e6, "m": 1e6, "k": 1e3, "b": 1e9, "千": 1e3}  # fmt: skip
SCALE = r"万亿|亿|千万|百万|十万|万|千(?![米克瓦帕伏牛])|(?:trillion|billion|million|thousand|hundred|bn|mn)(?![a-z])"


def unit_words(text: str) -> dict[str, set[float]]:
    """Return the dimensions whose units stand apart from a number, with the base units that one is.

    Args:
        text: normalised; 单位:万元 gives 10,000 of 元, "in $ millions" 1,000,000 of $.
    """
    found: dict[str, set[float]] = {}
    for match in _UNIT_APART.finditer(text):
        if match["unit"] in _IN_WORDS:
            continue
        dimension, factor = UNITS[match["unit"]]
        scale = match["scale"] or match["behind"]
        found.setdefault(dimension, set()).add(factor * SCALES.get(scale or "", 1.0))
    for word, (dimension, factor) in _REGULAR.items():
        if word in text:
            found.setdefault(dimension, set()).add(factor)
    return found


_REGULAR = {"annual": ("mo", 12.0), "yearly": ("mo", 12.0), "quarterly": ("mo", 3.0), "monthly": ("mo", 1.0),
            "weekly": ("d", 7.0), "daily": ("d", 1.0), "hourly": ("s", 3600.0)}  # fmt: skip
_IN_WORDS = frozenset("成折倍")  # 完成 measures nothing
_UNIT_APART = re.compile(
    rf"(?<![a-z\d.])(?<!\d )(?:(?P<scale>{SCALE})s?\s?(?:of )?)?(?P<unit>{UNIT})"
    rf"(?:\s?(?P<behind>{SCALE}|(?:million|billion|thousand)(?=s)|[mkb](?![a-z])))?"
)
