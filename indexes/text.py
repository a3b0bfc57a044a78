"""The one place for language: normalising, segmenting, dates, numbers, sentences.

Search, routing, answering and verification all use these functions, so that a term means the same
everywhere. Segmentation is jieba's search mode joined with character bigrams, over simplified
Chinese, which was the best of the sparse tokenisations measured on DRCD.
"""

from __future__ import annotations

import re
import string
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import filterfalse
from operator import add
from typing import Any, Literal, NamedTuple

__all__ = [
    "CJK",
    "NAMED",
    "NOUN",
    "Haystack",
    "Period",
    "article_number",
    "as_written",
    "asked_symbols",
    "content_terms",
    "has_number",
    "identifiers",
    "is_word",
    "known_words",
    "language",
    "names",
    "normalize",
    "numbers",
    "period_spans",
    "periods",
    "persons",
    "phrase_terms",
    "sentence_spans",
    "sentences",
    "symbol_terms",
    "tokens",
    "whole",
    "words_of",
]

Language = Literal["zh", "en"]

LONGEST = 64  # characters of a word: the stems of longer ones are not remembered
MOST_NAMES = 8  # of a question that may name symbols
LONGEST_NAME = 200  # characters of a name of code; longer ones are data
_WIDE = tuple(zip("，：；（）？！", ",:;()?!", strict=True))
SHORT = 200  # characters: names, headings and questions, which come back; passages are not kept
NAMED, NOUN = 1.0, 0.8  # how much names, and other nouns, say about a topic
_CAPITALISED = re.compile(r"(?<![.?!]\s)(?<!^)\b[A-Z][A-Za-z]+")
CJK = r"㐀-䶿一-鿿豈-﫿"  # for use in the brackets of a regular expression
_CJK_RUN = re.compile(f"[{CJK}]+")
_WORD = re.compile(
    rf"[{CJK}]+|\d[\d,]*(?:\.\d+)?|[^\W\d_{CJK}]+(?:['’][a-z]+)?(?:[-.]?\d+(?:\.\d+)?(?:[a-z]{{1,2}}(?![^\W_{CJK}]))?)?",
    re.UNICODE,
)
# Names as code has them: words joined by "_" or by capitals. Their joints are found by signs of which
# ordinary texts have few. Parts of one letter make no such name, as in kWh.
_JOINT = re.compile(
    r"[A-Z_](?:(?<=[a-z][A-Z])|(?<=[A-Z]{2})(?=[a-z]{2})|(?<=[A-Za-z0-9]_)(?=_*[A-Za-z]))"
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_+[A-Za-z][A-Za-z0-9]*)*")
_MARKS_CODE = frozenset("._(`")
_NAME_SIGNS = frozenset(string.ascii_letters + string.digits + "_")
_NAME_PART = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])\d*|[A-Z]?[a-z][a-z0-9]*|[A-Z]+|\d+")
_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6,
           "七": 7, "八": 8, "九": 9}  # fmt: skip
_UNITS = {"十": 10, "百": 100, "千": 1000}

# Words that carry no topic: they shape a question or glue a sentence together.
_STOP_ZH = frozenset(
    "的 了 是 在 和 与 及 或 也 都 就 而 被 把 对 从 到 由 于 以 为 为了 吗 呢 吧 啊 呀 么 嘛 有 没有 没 不 "
    "我 你 您 他 她 它 我们 你们 他们 咱们 这 那 哪 这个 那个 这些 那些 哪个 哪些 哪里 哪儿 哪一 哪几 "
    "什么 什么样 怎么 怎样 怎么样 如何 为什么 为何 多少 几 几个 多大 多长 多久 多高 多远 何时 什么时候 是否 "
    "能否 可否 能 能够 可以 可 会 要 要求 应该 应当 应 需要 需 请 请问 请教 告诉 告诉我 查 查询 查一下 查一查 "
    "查查 看 看看 看一下 帮 帮我 帮忙 给 给我 说 说说 说明 一下 介绍 列出 列举 想 想要 想知道 知道 了解 "
    "关于 有关 相关 方面 情况 具体 主要 分别 各 各自 每 每个 个 项 条 份 些 等 等等 之 其 其中 所 所有 全部 一共 "
    "总共 共 以及 并 并且 还 还有 又 再 呀 吗 则 时 时候 中 里 内 上 下 后 前 来 去 做 进行 规定 问 问题 "
    "一 一个 种 它们 该 此 本 啥 咋 哪位 谁 得 着 过 很 多 让 跟 同 按 按照 根据 通过 才 只 只有 如果 若 那么 "
    "啦 哦 嗯 呗 麻烦 谢谢 吧 比较 有什么 有没有 是什么 是不是 那边 这边 意思 东西 之内 以内 哪块 另外 然后 那 的话 到底 究竟 目前 现在".split()
)
_STOP_SIGNS = frozenset(word for word in _STOP_ZH if len(word) == 1)
_STOP_EN = frozenset(
    "a an the of in on at to for from by with as is are was were be been being do does did done has "
    "have had having can could should would will shall may might must what which who whom whose when "
    "where why how many much long often there here this that these those it its they them their he "
    "she his her i me my we us our you your and or but not no nor if then than so too very about into "
    "over under between within during before after above below up down out off any some each all both "
    "please tell show give list explain describe find let know get me us s t re ve ll d m also just "
    "whether according per such via does exactly need needs want soon far away near nearest new old got "
    "give given gave say said mean come came go goes put keep make made take took use used apply applies "
    "still yet ever now currently actually kind type sort thing things way lot lots happen happened happens "
    "first last next latest recent don't doesn't didn't isn't aren't wasn't can't cannot couldn't won't".split()
)


def whole(text: str) -> str:
    """Return a text without halves of characters, which cannot be stored; two of one are joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def normalize(text: str) -> str:
    """Return `text` in NFKC form, lower case, and simplified Chinese."""
    return _normalized_short(text) if len(text) <= SHORT else _normalized(text)


@lru_cache(maxsize=4096)
def _normalized_short(text: str) -> str:
    return _normalized(text)


def _normalized(text: str) -> str:
    if not text.isascii():
        for wide, narrow in _WIDE:  # in nearly every Chinese text, and else what takes NFKC's time
            text = text.replace(wide, narrow)
        if not unicodedata.is_normalized("NFKC", text):
            text = unicodedata.normalize("NFKC", text)
    text = text.lower()
    return str(_simplifier().convert(text)) if _CJK_RUN.search(text) else text


def language(text: str) -> Language:
    """Return the language of `text`: "zh" if it has at least as many characters as Latin words."""
    chinese = sum(len(run) for run in _CJK_RUN.findall(text))
    latin = len(re.findall(r"[A-Za-z]+", text))
    return "zh" if chinese and chinese >= latin else "en"


def tokens(text: str) -> tuple[str, ...]:
    """Return the terms of `text` that the lexical search indexes and looks up.

    Chinese runs give jieba's search-mode grains and all character bigrams, Latin words their
    Snowball stems, numbers themselves without separators; years, quarters, months and article
    numbers also give a canonical term, so that 第三季度, 三季度 and Q3 meet. Names of code give
    their words and themselves as one term, so that loadFile, load_file and "load file" meet.
    """
    return _tokens_of_short(text) if len(text) <= SHORT else tuple(_all_tokens(text))


@lru_cache(maxsize=4096)
def _tokens_of_short(text: str) -> tuple[str, ...]:
    return tuple(_all_tokens(text))


def _all_tokens(text: str) -> list[str]:
    out = _tokens(normalize(text))
    for name in _joined(text):
        out += name.further
    return out


def _tokens(text: str) -> list[str]:
    words = _WORD.findall(text)
    # of which script they are, asked once of each first character that there is
    chinese = {sign: _is_chinese(sign) for sign in {word[0] for word in words}}
    runs = [word for word in words if chinese[word[0]]]
    grains = iter(_grains(runs))
    out: list[str] = []
    for word in words:
        if chinese[word[0]]:
            own = next(grains)
            out += own
            if len(word) > 1:
                out += filterfalse(set(own).__contains__, map(add, word, word[1:]))
        else:
            out.append(_exact(word))
    out += _canonical(text)
    return out


def _is_chinese(word: str) -> bool:
    """Say whether a match of `_WORD` is a Chinese run."""
    first = word[0]
    return "㐀" <= first <= "䶿" or "一" <= first <= "鿿" or "豈" <= first <= "﫿"


class _Joined(NamedTuple):
    """A name of code in a text: where it stands, the term it is, and terms that its words alone lack."""

    start: int
    end: int
    term: str
    further: tuple[str, ...]


def _joined(text: str) -> Iterator[_Joined]:
    """Yield the names of code in a text, which must not be normalised: capitals part their words.

    Looked for around their joints, of which ordinary texts have few.
    """
    end = 0
    for joint in _JOINT.finditer(text):
        start = joint.start()
        if start < end:
            continue
        while start > end and text[start - 1] in _NAME_SIGNS:
            start -= 1
        match = _NAME.search(text, start, start + LONGEST_NAME)
        end = match.end() if match else joint.end()
        if match and (found := _joined_name(match.group())):
            yield _Joined(match.start(), end, *found)


@lru_cache(maxsize=8192)
def _joined_name(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Return a name as one term, and what of this and its parts its words between "_" do not give."""
    words = [word for word in name.split("_") if word]
    parts = [part for word in words for part in _NAME_PART.findall(word)]
    if len(words) < 2 and sum(len(part) > 1 for part in parts) < 2:
        return None
    given = {_exact(word.lower()) for word in words}
    term = _stem("".join(words).lower())
    wanted = (term, *(_exact(part.lower()) for part in parts if len(part) > 1))
    return term, tuple(one for one in dict.fromkeys(wanted) if one not in given)


def symbol_terms(symbol: str) -> list[str]:
    """Return the terms by which the definition of a symbol is found: its own name's, and with what it is in.

    Args:
        symbol: a function's or class's name, qualified by points: Registry.search.
    """
    names = [_symbol_name(name) for name in symbol.split(".")]
    return [f"@{names[-1]}", *([f"@{names[-2]}.{names[-1]}"] if len(names) > 1 else [])]


@lru_cache(maxsize=256)
def asked_symbols(question: str) -> tuple[list[str], list[str]]:
    """Return the `symbol_terms` of whatever a question may name: of single names, and of one in another.

    A word that names no symbol finds nothing, so every Latin word may be one, and any two may be a
    class and its method: Registry.search, search of Registry.

    Args:
        question: the question.
    """
    found = (match for match in _NAME.finditer(question) if not _is_plain_stop(match))
    names = list(dict.fromkeys(_symbol_name(match.group()) for match in found))[:MOST_NAMES]
    return [f"@{a}" for a in names], [f"@{a}.{b}" for a in names for b in names if a != b]


def _is_plain_stop(match: re.Match[str]) -> bool:
    """Say whether a word is a function word that nothing marks as code: no point, "_", "(" or "`"."""
    text, start, end = match.string, match.start(), match.end()
    around = text[max(0, start - 1) : start] + text[end : end + 1]
    return match.group().lower() in _STOP_EN and not _MARKS_CODE.intersection(around)


def _symbol_name(name: str) -> str:
    return name.replace("_", "").lower()


def phrase_terms(text: str) -> list[str]:
    """Return the `tokens` that every text has in which these words stand, however it is segmented.

    建设银行 is a word alone, but not in 中国建设银行: of Chinese, the pairs of characters are sure.
    """
    out: list[str] = []
    single: list[str] = []
    for match in _WORD.finditer(normalize(text)):
        word = match.group()
        if not _CJK_RUN.match(word):
            out.append(_exact(word))
        elif len(word) > 1:
            out += [word[i : i + 2] for i in range(len(word) - 1)]
        else:
            single.append(word)
    return list(dict.fromkeys(out or single))


def _exact(word: str) -> str:
    """Return the term of a word that is not Chinese."""
    if word[0].isdigit():
        return word.replace(",", "")
    return word.replace("-", "") if word[-1:].isdigit() or "-" in word else _stem(word)


def _canonical(text: str) -> list[str]:
    return [term for _, _, terms in (*_dated(text), *_articles(text)) for term in terms]


_ASKED_MEASURE = re.compile("几.|多[大长高深宽厚久快重远少]|一[个件台套只张条块辆本份位名把根支]")


def content_terms(text: str) -> dict[str, float]:
    """Return the distinct terms of a question that say what it is about, with how much each says.

    Words, numbers and canonical dates in order, without function and question words; a name of code is
    one term, since another name with some of its words is another thing. Names, numbers and dates say most (NAMED), then other nouns, then verbs and adjectives, the rest little. Use
    `Haystack` to ask whether a passage has a term.
    """
    return dict(_content_terms(text))


@lru_cache(maxsize=256)
def _content_terms(text: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    names = {_stem(name.lower()) for name in _CAPITALISED.findall(text)}
    joined = list(_joined(text))
    for name in joined:
        text = text[: name.start] + " " * (name.end - name.start) + text[name.end :]
    text = normalize(text)
    named = [*_dated(text), *_articles(text), *_identified(text)]
    for start, end, _ in named:
        text = text[:start] + " " * (end - start) + text[end:]
    for match in _WORD.finditer(text):
        word = match.group()
        if _CJK_RUN.match(word):
            for term, tag in _cutter().tag(word):
                if term not in _STOP_ZH and not _ASKED_MEASURE.fullmatch(term):
                    found.setdefault(term, _tag_weight(tag))
        elif word[0].isdigit():
            found[_exact(word)] = NAMED
        elif word not in _STOP_EN:
            stem = _exact(word)
            found[stem] = NAMED if stem in names or not stem.isalpha() else NOUN
    found.update((name.term, NAMED) for name in joined)
    for _, _, terms in named:
        found.update(dict.fromkeys(terms, NAMED))
    return found


def names(text: str) -> list[str]:
    """Return the proper names and identifiers in a text, as they stand there."""
    found = [match.group() for match in _CAPITALISED.finditer(text)]
    # one call for all runs, which costs less; a line break between two is a word of its own
    tagged = _cutter().tag("\n".join(filter(_is_chinese, _WORD.findall(text))))
    found += [word for word, tag in tagged if len(word) > 1 and _tag_weight(tag) >= NAMED]
    found += [text[start:end] for start, end, _ in _identified(text.lower())]
    return list(dict.fromkeys(found))


def persons(text: str) -> set[str]:
    """Return the words of a text that are tagged as a person's name, some of them wrongly."""
    tagged = _cutter().tag("\n".join(filter(_is_chinese, _WORD.findall(text))))
    return {word for word, tag in tagged if tag.startswith("nr")}


def _tag_weight(tag: str) -> float:
    """Return how much a part of speech (ICTCLAS tags, as jieba gives them) says about a topic."""
    if tag in {"nr", "ns", "nt", "nz", "nrt", "nrfg", "j", "eng"}:
        return NAMED
    if tag.startswith("n") or tag in {"vn", "an", "l", "i", "z"}:
        return NOUN
    return 0.4 if tag.startswith(("v", "a", "b")) else 0.2


def _dated(text: str) -> list[tuple[int, int, list[str]]]:
    return [(start, end, period.terms()) for start, end, period in period_spans(text)]


def as_written(term: str, text: str) -> str:
    """Return a term of a text as it stands there: litres for its stem; itself if no word makes it.

    Args:
        term: one of `content_terms`.
        text: what it is a term of.
    """
    words = (match.group() for match in _WORD.finditer(text))
    written = (word for word in words if word.isascii() and _exact(word.lower()) == term)
    return next(written, term)


def identifiers(text: str) -> list[str]:
    """Return the names with numbers in `text`, such as 5号线, 3号楼, T7 or C30: what must not be mixed up."""
    return [name for _, _, names in _identified(normalize(text)) for name in names]


def _identified(text: str) -> list[tuple[int, int, list[str]]]:
    return [(m.start(), m.end(), [m.group().replace("-", "")]) for m in _IDENTIFIER.finditer(text)]


def _articles(text: str) -> list[tuple[int, int, list[str]]]:
    if "条" not in text and "article" not in text:
        return []
    return [
        (m.start(), m.end(), [f"§{chinese_number(m.group(1) or m.group(2))}"])
        for m in _ARTICLE.finditer(text)
    ]


class Haystack:
    """A text in which terms of `content_terms` are looked for.

    Args:
        text: the text.
    """

    def __init__(self, text: str) -> None:
        self.text = normalize(text)
        self._original = text

    @cached_property
    def exact(self) -> frozenset[str]:
        """The `tokens` that are no Chinese words: those stand in the text itself."""
        words = (match.group() for match in _WORD.finditer(self.text))
        exact = [_exact(word) for word in words if not _CJK_RUN.match(word)]
        exact += [term for name in _joined(self._original) for term in name.further]
        return frozenset([*exact, *_canonical(self.text)])

    def has(self, identifier: str) -> bool:
        """Say whether the text names one of `identifiers`, a code as a whole: no VX-20 stands in VX-20S."""
        latin = identifier.isascii() and identifier.isalnum()
        return identifier in self.exact if latin else identifier in self.text

    def share(self, term: str) -> float:
        """Return how much of a term the text has, from 0 to 1.

        A Chinese term matches as a substring, so segmentation cannot hide it; a long one that does
        not stand there as a whole counts by its character bigrams.
        """
        if _CJK_RUN.search(term) is None:
            return 1.0 if term in self.exact else 0.0
        if term in self.text:
            return 1.0
        if len(term) < 2 or not _CJK_RUN.match(term):
            return 0.0
        if len(term) == 2:
            return 0.8 if _is_abbreviated(term, self.text) else 0.0
        pairs = [term[i : i + 2] for i in range(len(term) - 1)]
        return 0.8 * sum(pair in self.text for pair in pairs) / len(pairs)


def _is_abbreviated(term: str, haystack: str) -> bool:
    """Say whether a term of two characters abbreviates four of a text: 环保 for 环境保护."""
    start = haystack.find(term[0])
    while start >= 0:
        word = haystack[start : start + 4]
        if word[2:3] == term[1] and _CJK_RUN.match(word[1]) and _CJK_RUN.match(word[3:]):
            return True
        start = haystack.find(term[0], start + 1)
    return False


def _grains(runs: list[str]) -> list[list[str]]:
    """Return the search-mode grains of each Chinese run, without function characters."""
    if not runs:
        return []
    # One call for all runs, which costs less; a line break between two is a grain of its own.
    cut = _cutter().cut_for_search("\n".join(runs))
    grains = list(filterfalse(_STOP_SIGNS.__contains__, cut))
    out: list[list[str]] = []
    start = 0
    for _ in runs[1:]:
        end = grains.index("\n", start)
        out.append(grains[start:end])
        start = end + 1
    return [*out, grains[start:]]


def is_word(text: str) -> bool:
    """Say whether the dictionary has a Chinese word."""
    return bool(_cutter().has_word(text))


def known_words(run: str) -> list[str]:
    """Return a Chinese text cut into words of the dictionary alone, and single characters."""
    found: list[str] = _cutter().cut(run, False)
    return found


def words_of(run: str) -> list[str]:
    """Return the words of a Chinese text, one after the other."""
    found: list[str] = _cutter().cut(run)
    return found


@lru_cache(maxsize=1)
def _cutter() -> Any:
    import rjieba

    return rjieba


@lru_cache(maxsize=1)
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


_stemmers = threading.local()  # a stemmer keeps its word between calls, so each thread has its own


def _stem(word: str) -> str:
    return _stemmed(word) if len(word) <= LONGEST else _stemmed.__wrapped__(word)


@lru_cache(maxsize=65536)
def _stemmed(word: str) -> str:
    word = word.removesuffix("'s").removesuffix("’s")
    if not word.isascii() or not word.isalpha():
        return word
    stemmer = getattr(_stemmers, "english", None)
    if stemmer is None:
        import Stemmer

        stemmer = _stemmers.english = Stemmer.Stemmer("english")
    return str(stemmer.stemWord(word))


_IDENTIFIER = re.compile(
    rf"(?<!\d)\d+号[{CJK}](?<![日，的])|(?<!\d)\d+#|(?<![a-z0-9])[a-z]{{1,3}}-?\d+[a-z]{{0,2}}(?![a-z0-9.])(?<!q[1-4])(?<!h[12])"
)

# --- numbers and dates -------------------------------------------------------------------------

_CN = "零〇一二两三四五六七八九十百千"
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_ARTICLE = re.compile(rf"第\s*([{_CN}\d]{{1,12}})\s*条|\barticle\s+(\d{{1,12}})\b")


def chinese_number(text: str) -> int:
    """Return the value of a number written in digits or in Chinese (二十三, 一百零五)."""
    text = text.strip()
    if text.isdigit():
        return int(text)
    total = 0
    digit: int | None = None
    for char in text:
        if char in _UNITS:
            total += (1 if digit is None else digit) * _UNITS[char]
            digit = None
        elif char in _DIGITS:
            digit = _DIGITS[char] if digit is None else digit * 10 + _DIGITS[char]
    return total + (digit or 0)


def article_number(text: str) -> int | None:
    """Return the number of the article that `text` names first (第十二条, Article 12), if any."""
    match = _ARTICLE.search(normalize(text))
    return chinese_number(match.group(1) or match.group(2)) if match else None


def numbers(text: str) -> list[str]:
    """Return the numbers in `text` as digits without separators, in order."""
    digits = unicodedata.normalize("NFKC", text)  # case and script make no number
    return [number.replace(",", "") for number in _NUMBER.findall(digits)]


def has_number(text: str) -> bool:
    """Say whether `text` has a number."""
    return _NUMBER.search(unicodedata.normalize("NFKC", text)) is not None


@dataclass(frozen=True)
class Period:
    """A stretch of time named in a text: a year, a half, a quarter, a month or a day."""

    year: int | None = None
    half: int | None = None
    quarter: int | None = None
    month: int | None = None
    day: int | None = None

    def terms(self) -> list[str]:
        """Return the canonical search terms of the period."""
        pairs = (("y", self.year), ("h", self.half), ("q", self.quarter), ("m", self.month))
        return [f"~{key}{value}" for key, value in pairs if value is not None]

    def iso(self) -> str:
        """Return the period as 2024, 2024H1, 2024Q3, 2024-05 or 2024-05-17 ("" without a year)."""
        if self.year is None:
            return ""
        if self.month is not None:
            day = f"-{self.day:02d}" if self.day is not None else ""
            return f"{self.year}-{self.month:02d}{day}"
        if self.quarter is not None:
            return f"{self.year}Q{self.quarter}"
        return f"{self.year}H{self.half}" if self.half is not None else f"{self.year}"


_YEAR_CN = (
    r"(?P<year>(?:19|20)\d\d|[二][〇零][〇零一二三四五六七八九]{2}|\d\d(?=年))\s*(?:年度|财年|年)?"
)
_RELATIVE_YEAR = {"今年": 0, "本年度": 0, "本年": 0, "去年": -1, "上年度": -1, "上年": -1, "前年": -2, "明年": 1,
                  "this year": 0, "last year": -1, "next year": 1, "previous year": -1}  # fmt: skip
_ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
}
_MONTHS = {name: i + 1 for i, name in enumerate(
    "january february march april may june july august september october november december".split())}  # fmt: skip
_QUARTER = (
    r"(?:第?(?P<q1>[一二三四1-4])\s*季度?|q(?P<q2>[1-4])(?!\d)|(?P<q3>[1-4])q(?!\d)|"
    r"(?:the\s+)?(?P<q4>first|second|third|fourth|1st|2nd|3rd|4th)\s+quarter)"
)
_HALF = r"(?:(?P<h1>[上下])半年|h(?P<h2>[12])(?!\d)|(?:the\s+)?(?P<h3>first|second)\s+half)"
_MONTH = r"(?:(?P<m1>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?(?:(?P<d1>3[01]|[12]\d|0?[1-9])[日号])?)"
_PART = rf"(?:{_QUARTER}|{_HALF}|{_MONTH})"
_PERIOD = re.compile(
    rf"(?:{_YEAR_CN}|(?P<ryear>{'|'.join(_RELATIVE_YEAR)}))(?:\s*(?:的\s*)?(?:-\s*)?{_PART})?"
)
_PART_ONLY = re.compile(_PART)
_PART_THEN_YEAR = re.compile(
    rf"(?<![\d年\-]){_PART}\s*(?:of\s+|in\s+|,\s*)?(?P<year>(?:19|20)\d\d)(?!\d|\s*年|\s*-?q[1-4])"
)
_ISO_DAY = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d\d)[-/.](?P<m>1[0-2]|0?[1-9])(?:[-/.](?P<d>3[01]|[12]\d|0?[1-9]))?(?!\d)"
)
_MONTH_EN = re.compile(
    rf"\b(?P<name>{'|'.join(_MONTHS)})\b\.?(?:\s+(?P<d>[12]?\d|3[01]),?)?\s+(?P<y>(?:19|20)\d\d)"
)
# Where matches of the above can start: a set of single characters is searched much faster than they.
_PART_START = re.compile(r"[第一二三四五六七八九十上下\d](?=.?\s*[季月半])")
_PART_START_EN = re.compile(r"[第一二三四五六七八九十上下\dqhtfs]")
_PART_EN = re.compile(r"q[1-4]|h[12]|[1-4]q|quarter|half")
_CENTURY = re.compile(r"(?:19|20)\d\d[-/.]")
_MONTH_NAME = re.compile("|".join(_MONTHS))
_YEAR_START = re.compile(r"[\d二今本去上前明](?=年|\d年|[90]\d\d|[〇零])")
_YEAR_START_EN = re.compile(r"[\d二今本去上前明tlnp]")
_UNIT = re.compile(r"\s*(?:万|亿|元|米|吨|个|户|人|套|kg|mm|cm|km|m\b|%|㎡|m²|m³)")
_PERIOD_HINT = re.compile(r"[\d年季月]|二[〇零]|year|quarter|half|month")  # each period has one
_RELATIVE_QUARTER = re.compile(
    r"(?P<this>本季度|这个季度|this quarter)|(?P<last>上个?季度|last quarter|previous quarter)"
)
_RELATIVE_MONTH = re.compile(
    r"(?P<this>本月|这个月|this month)|(?P<last>上个?月|last month|previous month)"
)


def periods(text: str, *, today: date | None = None) -> list[Period]:
    """Return the periods that `text` names, in order of appearance.

    Args:
        text: a question or passage, Chinese or English.
        today: what relative words (去年, 上季度, last month) count from; without it they are left out.
    """
    return [period for _, _, period in period_spans(text, today=today)]


def period_spans(text: str, *, today: date | None = None) -> list[tuple[int, int, Period]]:
    """Return the periods that `text` names with the offsets between which it does."""
    text = text.lower()
    if not _PERIOD_HINT.search(text):
        return []
    found: list[tuple[int, int, Period]] = []
    taken = bytearray(len(text))

    def take(match: re.Match[str], period: Period) -> None:
        start, end = match.span()
        if period != Period() and taken.find(1, start, end) < 0:
            found.append((start, end, period))
            taken[start:end] = b"\1" * (end - start)

    parts = _part_starts(text)
    if "19" in text or "20" in text:
        for match in _matches(text, _starts(text, _CENTURY), _ISO_DAY):
            day = int(match["d"]) if match["d"] else None
            take(match, Period(year=int(match["y"]), month=int(match["m"]), day=day))
        for match in _matches(text, _starts(text, _MONTH_NAME), _MONTH_EN):
            day = int(match["d"]) if match["d"] else None
            take(match, Period(year=int(match["y"]), month=_MONTHS[match["name"]], day=day))
        for match in _matches(text, parts, _PART_THEN_YEAR):
            take(match, _with_part(match, int(match["year"])))
    starts = _YEAR_START_EN if "year" in text else _YEAR_START
    for match in _matches(text, _starts(text, starts), _PERIOD):
        if match["ryear"] and today is None:
            continue
        if match["ryear"]:
            year = (today or date.today()).year + _RELATIVE_YEAR[match["ryear"]]
        else:
            if _glued_to_number(text, match):
                continue
            year = _year(match["year"])
        take(match, _with_part(match, year))
    for match in _matches(text, parts, _PART_ONLY):
        take(match, _with_part(match, None))
    if today is not None:
        for match in _RELATIVE_QUARTER.finditer(text):
            index = today.year * 4 + (today.month - 1) // 3 - (1 if match["last"] else 0)
            take(match, Period(year=index // 4, quarter=index % 4 + 1))
        for match in _RELATIVE_MONTH.finditer(text):
            index = today.year * 12 + today.month - 1 - (1 if match["last"] else 0)
            take(match, Period(year=index // 12, month=index % 12 + 1))
    return sorted(found, key=lambda item: item[0])


def _part_starts(text: str) -> list[int]:
    """Return where a part of a year is named: few places, found at a fraction of the cost of `_PART`."""
    if _PART_EN.search(text):
        places = _starts(text, _PART_START_EN)
    elif "月" in text or "季" in text or "半年" in text:
        places = _starts(text, _PART_START)
    else:
        return []
    return [place for place in places if _PART_ONLY.match(text, place)]


def _starts(text: str, pattern: re.Pattern[str]) -> list[int]:
    return [match.start() for match in pattern.finditer(text)]


def _matches(text: str, places: list[int], pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield what `pattern.finditer(text)` does, if it can only match at these places."""
    end = 0
    for place in places:
        if place >= end and (match := pattern.match(text, place)):
            yield match
            end = match.end()


def _glued_to_number(text: str, match: re.Match[str]) -> bool:
    """A bare 4-digit number inside a longer one, or with a unit behind it, is no year."""
    start, end = match.start("year"), match.end("year")
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isdigit() or (before in {".", ","} and text[start - 2 : start - 1].isdigit()):
        return True
    if after.isdigit() or (after in {".", ","} and text[end + 1 : end + 2].isdigit()):
        return True
    return match.end() == end and _UNIT.match(text, end) is not None


def _year(text: str) -> int:
    if text.isdigit():
        return int(text) if len(text) == 4 else 2000 + int(text)
    return int("".join(str(_DIGITS[c]) for c in text))


def _with_part(match: re.Match[str], year: int | None) -> Period:
    groups = match.groupdict()
    quarter = groups["q1"] or groups["q2"] or groups["q3"] or groups["q4"]
    half = groups["h1"] or groups["h2"] or groups["h3"]
    if quarter:
        return Period(year=year, quarter=_ORDINALS.get(quarter) or chinese_number(quarter))
    if half:
        value = {"上": 1, "下": 2}.get(half) or _ORDINALS.get(half) or int(half)
        return Period(year=year, half=value)
    if groups["m1"]:
        day = int(groups["d1"]) if groups["d1"] else None
        return Period(year=year, month=chinese_number(groups["m1"]), day=day)
    return Period(year=year)


# --- sentences ---------------------------------------------------------------------------------

_SENTENCE_END = re.compile(
    r"[。！？!?；;…]+[”’」』）)\"']*|\n+|(?<=[a-z0-9)\]%\"”])\.(?=\s+[A-Z\"“(\[]|\s*$|\n)"
)


def sentences(text: str) -> list[tuple[int, str]]:
    """Split `text` into sentences, each with its character offset; blank ones are left out."""
    return [(start, text[start:end]) for start, end in sentence_spans(text)]


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the sentences of `text` begin and end; blank ones are left out."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        piece = text[start : match.end()]
        if not piece.isspace():
            yield _stripped(start, piece)
        start = match.end()
    piece = text[start:]
    if piece and not piece.isspace():
        yield _stripped(start, piece)


def _stripped(start: int, piece: str) -> tuple[int, int]:
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
