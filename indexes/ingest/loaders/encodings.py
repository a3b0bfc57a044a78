"""Which encoding a text file is in: Unicode by its marks and rules, older ones by what they read as.

An older encoding decodes nearly any bytes, but what is not written in it into rare signs, so the
reading whose signs are the most usual in their places is right. Measured on 52 short samples, that is
right in all of them; charset-normalizer in 31, and it takes 会议纪要 for Korean.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from indexes.errors import LoadError
from indexes.text import normalize

__all__ = ["read_text"]

SAMPLE = 200_000  # bytes from the first that is not ASCII on, by which readings are compared
WIDE = 5_000  # signs of a reading that are weighed
SOUND = 0.999  # of the characters of a text with broken bytes
FEW = 3  # broken bytes that even a short text may have
PER_BROKEN = 5  # sound characters outside ASCII for each, in UTF-8: chance makes far fewer
PLAUSIBLE = 0.35  # the weight of a reading below which it is none
SURE = 0.6  # the weight that UTF-16 without a mark needs
CONTROLS = 0.01  # of a text at the most

_FREQUENT = frozenset(  # the characters that half of all Chinese texts are made of
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然"
    "家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机"
    "十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西"
    "斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打"
    "女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五"
    "基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清"
    "今切院让识候带导争运笔标准施范围审核单价招投承包商位合同款项支付预算费用财监督检查验收质量环境噪扬尘废固控措施"
    "深基坑专案图纸材料土石方钢混凝桩板墙防火排污职责岗培训考勤假薪酬绩效采购供应货发票税率附录章节款备注姓名称电邮箱"
    "请谢您好吗吧啊呢哦嗯谁啥群聊消息天早晚午星号元亿千百八九六七零左右李刘陈杨赵黄周吴徐孙胡朱林何郭罗城投集团双碳纪"
    "目台省级师湖州江京株式会社臺北府撥銀貸街镇村室组委党团村亩项双需满份版订修改般根每办"
)
_MARKS = frozenset(
    "，。、：；？！“”‘’—…《》（）「」『』【】〔〕〈〉·～　％－／＋＝①②③④⑤⑥⑦⑧⑨⑩℃±×÷≤≥"
)
_LETTERS = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœŠšŽžŸ")
_TYPE = frozenset("“”‘’–—…•€£©®™°±²³µ§«»¿¡½¼¾·„‚º\xa0")
_RUN = re.compile(r"[^\x00-\x7f]+")
_ODD_CONTROL = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_BOMS = (  # UTF-32's first: UTF-16's is the beginning of it
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (b"\x84\x31\x95\x33", "gb18030"),
)


def read_text(path: Path, warnings: list[str] | None = None) -> str:
    """Return a text file's content, whatever encoding Chinese and Western texts come in.

    That is UTF-8, UTF-16 and UTF-32 (with a byte order mark or without), GB 18030 with GBK, Big5,
    Windows-1252 with Latin-1, and Shift JIS.

    Args:
        path: the file.
        warnings: is told of bytes that could not be read.

    Raises:
        LoadError: the content is no text, or in another encoding.
    """
    data = path.read_bytes()
    text, broken = _unicode(data) or _older(data)
    text = text.removeprefix("\ufeff")
    if _is_binary(text):
        raise LoadError(
            "The file is not text: it has null bytes or many control characters.",
            fix="give it the ending of its format, or exclude it from `sources`.",
        )
    if broken and warnings is not None:
        warnings.append(
            f"{broken} broken character{'s' * (broken > 1)} could not be read and "
            f"{'are' if broken > 1 else 'is'} shown as \N{REPLACEMENT CHARACTER}."
        )
    return text


def _unicode(data: bytes) -> tuple[str, int] | None:
    """Return the text and how many of its characters are broken, if it is in a form of Unicode."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _lenient(data, encoding)
    if b"\0" in data[:SAMPLE]:
        return _without_mark(data)
    try:
        return data.decode("utf-8"), 0
    except UnicodeDecodeError:
        text, broken = _lenient(data, "utf-8")
    wide = len(text) - len(text.encode("ascii", "ignore")) - broken
    few = broken <= max(FEW, (1 - SOUND) * len(text))
    return (text, broken) if few and wide >= PER_BROKEN * broken else None


def _lenient(data: bytes, encoding: str) -> tuple[str, int]:
    """Return what the bytes read as, with a sign in place of what is broken, and how often."""
    try:
        return data.decode(encoding), 0
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
    own = data.count("\ufffd".encode()) if encoding.startswith("utf-8") else 0
    return text, max(1, text.count("\ufffd") - own)


def _without_mark(data: bytes) -> tuple[str, int] | None:
    """Return UTF-16 or UTF-32 without a byte order mark: null bytes stand in every ASCII sign."""
    readings = [
        (_weight(_start(data[:SAMPLE], encoding), _of_unicode), encoding)
        for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    ]
    weight, encoding = max(readings)
    return _lenient(data, encoding) if weight >= SURE else None


def _older(data: bytes) -> tuple[str, int]:
    """Return the most plausible reading in an encoding from before Unicode, or UTF-16 of only Chinese.

    Raises:
        LoadError: none is plausible.
    """
    first = next((match.start() for match in re.finditer(rb"[\x80-\xff]", data)), 0)
    begin = data.rfind(b"\n", 0, first) + 1
    sample = data[max(begin, first - SAMPLE) :][:SAMPLE]
    readings = [
        (_weight(_start(sample, encoding), weigh), -order, encoding)
        for order, (encoding, weigh) in enumerate(_READINGS.items())
    ]
    if len(data) % 2 == 0:  # of Chinese alone it has no null bytes
        readings.append((_weight(_start(data[:SAMPLE], "utf-16-le"), _of_unicode), -9, "utf-16-le"))
        readings.append((_weight(_start(data[:SAMPLE], "utf-16-be"), _of_unicode), -9, "utf-16-be"))
    for weight, _, encoding in sorted(readings, reverse=True):
        if weight < PLAUSIBLE:
            break
        text, broken = _lenient(data, encoding)
        if broken <= max(FEW, (1 - SOUND) * len(text)):
            return text, broken
    raise LoadError(
        "The file is not text in UTF-8, UTF-16, GB 18030, Big5, Windows-1252 or Shift JIS.",
        fix="save it in UTF-8, or give it the ending of its format.",
    )


def _start(data: bytes, encoding: str) -> str:
    """Decode the beginning of a text, which may end within a character."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(data, False)


def _weight(text: str, weigh: Callable[[str], Iterator[float]]) -> float:
    """Return how usual the signs of a reading are: 0 to 1, and less for what is no reading."""
    total = 0.0
    count = 0
    for one in weigh(text):
        total += one
        count += 1
        if count == WIDE:
            break
    broken = text[: 4 * WIDE].count("\ufffd")
    return (total - broken) / (count + broken) if count else 0.0


def _of_chinese(text: str) -> Iterator[float]:
    for match in _RUN.finditer(text):
        run = match.group()
        for char, simple in zip(run, _simplified(run), strict=True):
            weight = _of_ideograph(char, simple)
            if len(run) == 1 and weight != 0.9:  # in a Western word, not in a Chinese sentence
                inside = _is_letter(text, match.start() - 1) or _is_letter(text, match.end())
                weight *= 0.4 if inside else 0.8
            yield weight


def _of_ideograph(char: str, simple: str) -> float:
    if char in _MARKS:
        return 0.9
    if simple in _FREQUENT:
        return 1.0
    if "\u3041" <= char <= "\u30ff":
        return 0.3
    if "\uff01" <= char <= "\uff5e":
        return 0.7
    return 0.6 if _is_common(char) else 0.0


def _is_common(char: str) -> bool:
    """Say whether a character is of daily use: in the first part of the national sets."""
    for encoding, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6)):
        try:
            if first <= char.encode(encoding)[0] <= last:
                return "\u4e00" <= char <= "\u9fff"
        except UnicodeEncodeError:
            continue
    return False


def _of_western(text: str) -> Iterator[float]:
    for match in _RUN.finditer(text):
        run = match.group()
        for char in run:
            if len(run) > 2:  # no Western word has three accents in a row, but Chinese bytes have
                yield 0.3 if char in _TYPE else 0.0
            elif char in _LETTERS:
                before, after = _is_letter(text, match.start() - 1), _is_letter(text, match.end())
                odd = before and char.isupper() and text[match.start() - 1].islower()
                within = before and after if len(run) == 2 else before or after
                yield 0.2 if odd else 1.0 if within else 0.5 if len(run) == 1 else 0.2
            else:
                yield 0.8 if char in _TYPE else 0.3 if char != "\ufffd" else 0.0


def _of_japanese(text: str) -> Iterator[float]:
    wide = "".join(_RUN.findall(text[: 4 * WIDE]))
    kana = sum("\u3041" <= char <= "\u30ff" for char in wide)
    share = 1.0 if kana > 0.15 * len(wide) else 0.3  # without kana it is Chinese read as another
    for char in wide:
        if "\u3041" <= char <= "\u30ff":
            yield share
        elif char in _MARKS:
            yield 0.9 * share
        else:
            yield 0.6 * share if "\u4e00" <= char <= "\u9fff" else 0.0


def _of_unicode(text: str) -> Iterator[float]:
    text = text[:WIDE]
    for char, simple in zip(text, _simplified(text), strict=True):
        if char.isascii():
            yield -3.0 if _ODD_CONTROL.match(char) else 1.0
        elif char in _LETTERS or char in _TYPE or "\U0001f300" <= char <= "\U0001faff":
            yield 0.8
        elif char in "\u200d\ufe0f":  # what joins an emoji's parts
            yield 0.8
        else:
            yield _of_ideograph(char, simple)


_READINGS = {  # in the order in which equal ones are taken
    "gb18030": _of_chinese,
    "big5hkscs": _of_chinese,
    "cp1252": _of_western,
    "cp932": _of_japanese,
}


def _simplified(text: str) -> str:
    """Return simplified characters in the places of traditional ones."""
    out = normalize(text)
    if len(out) != len(text):  # some sign stands for several: … for three dots
        return "".join(normalize(char)[:1] or char for char in text)
    return out


def _is_letter(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isascii() and text[place].isalpha()


def _is_binary(text: str) -> bool:
    """Say whether a reading has signs that no text has."""
    sample = text[:SAMPLE]
    odd = sum(1 for _ in _ODD_CONTROL.finditer(sample))
    return "\0" in text or odd > max(1, CONTROLS * len(sample))
