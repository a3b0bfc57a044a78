"""What a group of files is about: a title, a name for it, and the phrases that tell it from the others."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from agent.proposal.groups import Group
from agent.proposal.sample import Sample
from agent.proposal.walk import CODE
from indexes.text import as_written, content_terms, language, normalize, tokens
from prompts import Language, texts

__all__ = ["Description", "describe", "headings_of"]

PHRASES = 30  # of a description
OTHER = 8  # of them in the language that fewer documents are in
HEADINGS = 0.6  # share of phrases that may be headings; the rest are words
FEW = 3  # documents whose words may stand in one alone; headings that are too few
LONGEST = {"zh": 14, "en": 40}  # characters of a phrase
TITLE = 40  # characters
ACRONYM = 3  # letters, as in hr and it
_NUMBERING = re.compile(
    r"^\s*(?:第\s*[\d一二三四五六七八九十百零〇]+\s*[章节節条條篇部编编款]|[一二三四五六七八九十]+\s*[、.．]"
    r"|[（(][\d一二三四五六七八九十a-zA-Z]+[)）]|(?:chapter|section|article|part|annex|appendix)\s+[\dIVXA-H]+[.:]?"
    r"|附[件录錄][\d一二三四五六七八九十]*|\d+(?:[.．]\d+)*(?:[.．、)]\s*|\s+)|\d+(?:[.．]\d+)+|[A-Z](?:[.．]\d+)*[.．、)])\s*[:：、.\-–]*\s*",
    re.IGNORECASE,
)
_DATES = re.compile(
    r"[（(\[【]?(?:19|20)\d\d(?:\s*[年./_-]?\s*\d{1,2})?(?:\s*[月./_-]?\s*\d{1,2})?\s*(?:年度|年版|[日年月版])?(?:[-–~]\d+)?[）)\]】]?"
    r"|第?[一二三四1-4][季]度|\bQ[1-4]\b|\b[vV]\d+(?:\.\d+)*\b|[（(][^（）()]{0,12}(?:版|稿|本|修订|修正)[）)]"
)
_USUAL = frozenset(
    normalize(word)
    for word in (
        "总则 附则 概述 概况 目录 前言 引言 序言 说明 附录 附件 结论 简介 其他 其它 背景 正文 总结 摘要 备注 修订记录 "
        "罚则 附表 基本情况 适用范围 目的 定义 参考文献 致谢 introduction overview contents summary appendix conclusion "
        "conclusions references abstract background notes general other misc preface scope purpose definitions index "
        "table_of_contents readme untitled document new sheet1 sheet2 sheet3 sheet slide examples example see_also faq"
    ).split()
)
_UNITS = frozenset(  # what every table and form has
    normalize(word)
    for word in (
        "编号 文件 文件编号 日期 时间 小时 合计 小计 总计 单位 姓名 电话 项目 参数 项 部分 情况 方面 内容 问题 原因 方式 数字 指标 "
        "个体 主体 两者 后者 工作日 工作日内 每季度 以上 以下 备注 序号 名称 类别 类型 金额 数量 附表 编制 负责人 单位名称 集团 公司 部门 "
        "本市 全市 人民代表大会常务委员会 kg km mm cm ml db ph min max day days year years month months hour hours time date name "
        "inc llc ltd corp company quarter number total page item items type value values note unit part people person thing things case cases example"
    ).split()
)
_SYMBOL = re.compile(r"[A-Za-z]\w{5,40}(\.[A-Za-z]\w{2,30})?")
_SPLITS = re.compile(r"[、，,;；。：:|\n\r\t\"“”]+|\.(?=\s|$)")


@dataclass(frozen=True)
class Description:
    """What a group is about.

    Args:
        name: the index's, of ASCII.
        title: what people read.
        phrases: what it covers, the most telling first.
        own: those that stand in its documents, rather than hold for its kind.
        languages: those of its documents, the one that most are in first.
    """

    name: str
    title: str
    phrases: Sequence[str]
    own: Sequence[str]
    languages: Sequence[Language]


def describe(
    groups: Sequence[Group],
    samples: dict[str, Sample],
    spoken: Language,
    root: str,
) -> list[Description]:
    """Describe groups, each against the others.

    Args:
        groups: they.
        samples: what some of their files say.
        spoken: the language of titles that no folder gives.
        root: the name of the folder looked at.
    """
    words = texts("init", spoken)
    read = [[samples[file.name] for file in one.files if file.name in samples] for one in groups]
    counts = [_counts(some) for some in read]
    spread = Counter(phrase for one in counts for phrase in one)
    found: list[Description] = []
    for one, some, own in zip(groups, read, counts, strict=True):
        title = _title(one, words, root if len(groups) == 1 else "")
        name = _name(title if not one.code else "code", {*(d.name for d in found)})
        order = [said for said, _ in Counter(sample.language for sample in some).most_common()]
        phrases = list(_telling(own, spread, len(groups), len(some), some, order))
        kind = words["code_phrases"] if one.code else [] if phrases else [title]
        found.append(Description(name, title, [*kind, *phrases], phrases, order or [spoken]))
    return found


def _counts(samples: Sequence[Sample]) -> Counter[str]:
    """Return in how many documents each heading, title and word stands."""
    found: Counter[str] = Counter()
    for sample in samples:
        words = () if PurePosixPath(sample.name).suffix.lower() in CODE else sample.words
        found.update({*headings_of(sample), *filter(_says_something, words)})
    return found


def headings_of(sample: Sample) -> Iterator[str]:
    """Yield a file's title and headings as phrases, without numbers and dates; of code its symbols."""
    if PurePosixPath(sample.name).suffix.lower() in CODE:
        yield from filter(_SYMBOL.fullmatch, sample.headings)
        return
    for heading in (sample.title, *sample.headings):
        for part in _SPLITS.split(heading):
            phrase = _clean(part)
            if phrase:
                yield phrase


def _says_something(word: str) -> bool:
    return word not in _UNITS and word not in _USUAL and (len(word) > 3 or language(word) == "zh")


def _clean(heading: str) -> str:
    """Return a heading without its number and dates; "" if it says nothing about a subject."""
    text = _NUMBERING.sub("", " ".join(heading.replace("_", " ").split()))
    text = _DATES.sub("", text).strip(" -–—_·*#《》<>「」【】[]（）()'“”‘’")
    said = language(text)
    long = len(text) > LONGEST[said] or (said == "en" and len(text.split()) > 5)
    if (
        len(text) < (2 if said == "zh" else 3)
        or long
        or normalize(text) in _USUAL | _UNITS
        or not re.search(r"[^\W\d_]{2}", text)
    ):
        return ""
    odd = re.search(r"\d{3}|[$<>{}`=\\]", text) or not content_terms(text)
    return "" if odd else text


def _telling(
    own: Counter[str],
    spread: Counter[str],
    groups: int,
    documents: int,
    samples: Sequence[Sample],
    languages: Sequence[Language],
) -> Iterator[str]:
    """Yield the phrases that tell a group from the others, best first, in its languages."""
    headings = {phrase for sample in samples for phrase in headings_of(sample)}
    text = {said: "\n".join(s.text for s in samples if s.language == said) for said in languages}

    def weight(phrase: str) -> float:
        return own[phrase] * math.log(1 + 2 * groups / spread[phrase])

    ranked = sorted(own, key=lambda phrase: (-weight(phrase), phrase))
    for said in languages:
        # a few documents in English tell by their headings; their single words are any words
        few = documents < FEW and (said == "zh" or len(headings) < FEW)
        most = PHRASES if said == languages[0] else OTHER
        chosen: list[str] = []
        for some, room in (
            ([one for one in ranked if one in headings], int(most * HEADINGS)),
            (
                [one for one in ranked if one not in headings and (few or own[one] > 1)],
                most,
            ),
        ):
            for phrase in some:
                if len(chosen) >= room:
                    break
                if language(phrase) != said:
                    continue
                shown = phrase if phrase in headings else as_written(phrase, text[said])
                if _is_new(shown, chosen):
                    chosen.append(shown)
        yield from chosen


def _is_new(phrase: str, chosen: Collection[str]) -> bool:
    """Say whether a phrase says something that those chosen do not."""
    if language(phrase) == "zh":
        return not any(phrase in one or one in phrase for one in chosen)
    terms = {term for term in tokens(phrase) if not term.isdigit()}
    others = [{*tokens(one)} for one in chosen]
    return bool(terms) and not any(terms <= other or other <= terms for other in others)


def _title(group: Group, words: dict[str, Any], root: str) -> str:
    """Return what people call a group: by its folders, else by what it is."""
    if group.code:
        return str(words["code"])
    names = [_folder_title(folder) for folder in group.folders]
    names = [name for name in dict.fromkeys(names) if name]
    if not names:
        return _folder_title(root) or str(words["documents"])
    title = str(words["and"]).join(names)
    return title if len(title) <= TITLE else f"{names[0]}{words['more']}"


def _folder_title(folder: str) -> str:
    """Return a folder's name without numbering and signs."""
    name = PurePosixPath(folder).name
    text = " ".join(re.sub(r"[_\-]+", " ", re.sub(r"^\d{1,3}[\s._、-]+", "", name)).split())
    if normalize(text) in {"docs", "doc", "documents", "files", "文档", "资料", "文件"}:
        return ""
    text = "".join(sign for sign in text if sign.isprintable())
    if not text.islower():
        return text
    return text.upper() if len(text) <= ACRONYM else text[:1].upper() + text[1:]


def _name(title: str, taken: set[str]) -> str:
    """Return a name of ASCII that no other index has."""
    text = normalize(title)
    for chinese, english in sorted(texts("init", "slugs").items(), key=lambda pair: -len(pair[0])):
        text = text.replace(chinese, f" {english} ")
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = "-".join(dict.fromkeys(re.findall(r"[a-z0-9]+", text)))[:40].strip("-")
    if not name[:1].isalpha():
        name = f"files-{name}".strip("-")
    name = wanted = "others" if name == "none" else name
    number = 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
