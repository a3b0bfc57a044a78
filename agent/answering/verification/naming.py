"""Names in a claim: words of Latin letters and Chinese ones that no sentence's beginning explains."""

from __future__ import annotations

import re

from agent.answering.verification.units import UNITS
from indexes.text import CJK, names, persons

__all__ = ["CALLED", "chinese_names", "latin_names"]

_WORD = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ0-9'’&-]*")
_ORGANISATION = re.compile(
    rf"(?:(?![的由向和与及或在是为经对从到了将被把给])[{CJK}]){{1,12}}?(?:有限责任公司|有限公司|公司|集团|管理局|局(?![部面限势域])|委员会|管委会|研究院|设计院|研究所"
    r"|大学|医院|法院|银行(?![卡存账保转贷])|协会|事务所|监理部|项目部|基金会|出版社)"
)
_CENTRE = re.compile(
    rf"(?:(?![的由向和与及或在是为经对从到了将被把给])[{CJK}]){{4,12}}?(?:中心|诊所)"
)
_STARTERS = frozenset(
    "the a an in on at for from by with as of to under during after before when while where if although though because since "
    "however therefore thus moreover furthermore additionally also finally first second third both all each every no not any "
    "this that these those it they he she we you i its their there here yes according based per about between within without "
    "regarding overall note please contact see only such other another some most many must should can may will would".split()
)
_COMMON = frozenset("english chinese i ok faq".split())


def latin_names(text: str) -> list[str]:
    """Return the words with a capital letter that no sentence's beginning explains."""
    found = []
    chinese = re.search(f"[{CJK}]", text) is not None
    end = 0
    for match in _WORD.finditer(text):
        word = match.group().rstrip("'’-").removesuffix("'s").removesuffix("’s")
        opens = end == 0 or _OPENS.search(text, end, match.start()) is not None
        opens = opens and _INITIAL.search(text, 0, match.start()) is None
        end = match.end()
        if len(word) < 2 or not any(map(str.isupper, word)):
            continue
        low = word.lower()
        if low in UNITS or low in _COMMON or low in _STARTERS:
            continue
        named = _ACTING.match(text, match.start()) is not None
        if chinese or not opens or named or sum(map(str.isupper, word)) >= 2:
            found.append(word)
    if chinese:
        found += _HYPHENED.findall(text)
    return list(dict.fromkeys(found))


_ACTING = re.compile(  # Deloitte audited, Krups warrants; but Sales rose, Growth is
    r"[A-Z][a-z]{2,} [A-Z][a-z]+ (?:[a-z]{3,}(?:s|ed)|will|was|is|has)\b|[A-Z][a-z]{2,}(?<!ing)(?<!ment)(?<!tion)(?<!sion)(?<!ness)(?<!ance)(?<!ence)(?<!ship)(?<!one)(?<!age)(?<!th)(?<!ly)"
    r" (?:[a-z]{3,}(?<!s)s (?:the|an?|its|their|all|most|each|any|no)\b|(?<!s )(?:[a-z]{3,}ed|said|was|is)\b(?!,| (?:by|to|for|in|of|on|at|up)\b))"
)
_INITIAL = re.compile(r"\b(?:[A-Z]|Dr|Mr|Mrs|Ms|Prof|St)\. ?\Z")
_OPENS = re.compile(r"[.:;!?•*|>#\n\"“(]")
_HYPHENED = re.compile(r"(?<![A-Za-z0-9-])[a-z]{2,20}(?:-[a-z]{2,20})+(?![A-Za-z0-9-])")


def chinese_names(text: str) -> tuple[list[str], list[str]]:
    """Return Chinese proper names (what the tagger takes for one, organisations) and words that may be persons."""
    if re.search(f"[{CJK}]", text) is None:
        return [], []
    found: list[str] = []
    doubtful: list[str] = []
    for name in (_AROUND.sub("", name) for name in names(text)):
        if len(name) > 1 and _ALL_CJK.fullmatch(name) and not _NO_NAME.search(name):
            place = text.find(name)
            person = len(name) == 2 and name[0] in _SURNAMES
            if (
                not person
                or _ROLE.search(text[max(0, place - 4) : place])
                or _ACTS.match(text, place + len(name))
            ):
                found.append(name)
            else:
                doubtful.append(name)
    if any(name[0] not in _SURNAMES for name in found):
        people = persons(text)  # 清仓, say: what begins with no surname is no person
        found = [name for name in found if name not in people or _full(name) or _proper(name, text)]
    further = [*_CENTRE.findall(text), *_ORGANISATION.findall(text), *_PERSON.findall(text)]
    return [*found, *further], doubtful


def _full(name: str) -> bool:
    """Say whether a word that is tagged as a person may be more than a given name: 安全检查 may not."""
    return len(name) == 3 or (len(name) > 3 and not _SURNAMED.isdisjoint(name[:2]))


def _proper(name: str, text: str) -> bool:
    """Say whether a word of two signs that is tagged as a person is one, or is part of a place's name."""
    place = text.find(name)
    return (
        name[0] in _SURNAMES
        or text[max(0, place - 1) : place] in list(_SURNAMES)
        or _PLACED.match(text, place + len(name)) is not None
    )


_PLACED = re.compile(
    r"小区|花园|家园|新村|[路街镇乡村县市省州区桥河湖江山岛苑城湾](?![于分多者])|大厦|大街|大道|广场|公园|商场|机场|车站|[店馆站厂矿港](?![在于])"
)
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤齐祁宁戚柴柯翟辛祝左章洪倪耿焦纪舒屈项詹温庄殷鲁樊葛阮喻凌骆聂岳卢褚郗冉扈蔺柏苗费岑滕毕邬伍穆萧湛禹狄臧庞闵季娄盛刁霍虞昝裘缪宗郁邢裴荣翁荀甄芮储靳糜栾郜黎蒲赖卓屠乔胥姬郦雍桑濮宦瞿阎艾慎戈廖庾衡匡敖訾贲阚巫卞"
_SURNAMED = frozenset(_SURNAMES)
_NO_NAME = re.compile(r"^[之一两]|分之|^(?:中国|我国|国内|国家|全国|本市|全市|一共)$")
_ROLE = re.compile(r"(?:[为是由叫和、，,：:经长部科室处]|财务|会计|经理|主任|人|员|师|总监|总工)$")
_ACTS = re.compile(r"\s*(?:负责|担任|签|主持|批准|说|表示|任|先生|女士|同志|审核)")
_PERSON = re.compile(
    rf"(?:人|经理|主任|[市局处院所部科班组站校厂行社队店台机船事]长|[员师]|专家|总监|总工|工程师|医师|代表)(?:[为是由叫]|[:：])?\s*([{_SURNAMES}][{CJK}]{{1,2}})(?=[，。、；,;\s（(|\[]|$|负责|担任|签|批准|审核)"
)


CALLED = re.compile(  # what something is said to be; what is counted or timed is no name
    rf"(?:为|是|叫)((?![每各无不零]|[{CJK}]*[一二两三四五六七八九十百千几]|[{CJK}]*[个次天年月日时])[{CJK}]{{2,5}})(?=[，。；（(\s\[]|$)"
)
_AROUND = re.compile(
    r"^[据由经向与和对让请被将给在为是朝往从自至](?=..)|(?<=..)[说称道讲]$"
)  # taken along by the tagger
_ALL_CJK = re.compile(f"[{CJK}]+")
