"""Names in a claim: words of Latin letters and Chinese ones that no sentence's beginning explains."""

from __future__ import annotations

import re

from agent.answering.verification.units import UNITS
from indexes.text import CJK, names, persons

__all__ = ["chinese_names", "latin_names", "opening_names"]

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
_DAYS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday english chinese i ok faq".split()
)


def latin_names(text: str) -> list[str]:
    """Return the words with a capital letter that no sentence's beginning explains."""
    found = []
    chinese = re.search(f"[{CJK}]", text) is not None
    previous_end, previous = 0, ""
    matches = list(_WORD.finditer(text))
    for i, match in enumerate(matches):
        word = match.group().rstrip("'’-").removesuffix("'s").removesuffix("’s")
        between = text[previous_end : match.start()]
        opens = i == 0 or any(sign in between for sign in '.:;!?•*|>#\n"“(')
        previous_end = match.end()
        previous, last = word, previous
        if len(word) < 2 or not any(map(str.isupper, word)):
            continue
        low = word.lower()
        if low in UNITS or low in _DAYS or low in _STARTERS:
            continue
        acronym = len(word) >= 2 and sum(map(str.isupper, word)) >= 2
        followed = (
            i + 1 < len(matches)
            and text[match.end() : matches[i + 1].start()].strip() in {"", "&"}
            and matches[i + 1].group()[0].isupper()
        )
        if opens and not acronym and not followed and not chinese:
            continue
        if opens and not acronym and (low in _BARE or (last == "" and low.endswith("ly"))):
            continue
        found.append(word)
    if chinese:
        found += _HYPHENED.findall(text)
    return list(dict.fromkeys(found))


_HYPHENED = re.compile(r"(?<![A-Za-z0-9-])[a-z]{2,20}(?:-[a-z]{2,20})+(?![A-Za-z0-9-])")


def opening_names(text: str) -> list[str]:
    """Return the words that begin a sentence as only a name does: Deloitte audited the accounts.

    These are single words before a verb that are neither a plural nor formed like an ordinary word.
    """
    return [
        match[1]
        for match in _OPENING.finditer(text)
        if not _ORDINARY.search(match[1])
        and match[1].lower() not in _STARTERS | _BARE | _DAYS | UNITS.keys()
        and not (match[1].endswith("s") and match[2].endswith("ed"))
    ]


_OPENING = re.compile(
    r"(?:\A|[.!?;:]\s+|\n)[\s*_>#-]*(?:\d+[.)]\s+)?([A-Z][a-z]{2,20})(?=\*{0,2} ((?:also |now |still )?(?:is|was|has|had|will|may|can|must"
    r"|does|did|said|says|[a-z]{2,12}ed|built|made|won|sold|bought|paid|set|held|gave|took|began|wrote|told|ran|led|left|met"
    r"|[a-z]{2,12}[a-rt-z]s(?! (?:are|were|have|had|is|was|has|must|can|may|will|should|shall|do|did|need|[a-z]{2,12}ed|in|of|on|for|at|to)\b))) )"
)
_ORDINARY = re.compile(
    r"(?:ing|ed|ly|tion|sion|ment|ness|ity|ance|ence|ancy|ency|ism|ship|hood|age|ure|al|ive|ous|ful|able|ible|less|ware|work|time|day|body"
    r"|thing|one|line|load|back|up|out|off|ss|th|ics|ist|ery|ory|ary|logy|graphy|port)\Z"
)
_BARE = frozenset(
    "staff rent notice water food access cash interest credit debt tax power heat air oil gas steel concrete cement traffic revenue income "
    "profit growth demand supply service data training travel leave overtime insurance safety cost price stock capital cargo freight mail "
    "email help advice evidence everything nothing something anything what who whoever whatever none neither either few several half one two "
    "three four five six seven eight nine ten today tomorrow yesterday labour labor space smoking sleep blood pain fever treatment therapy surgery "
    "sodium potassium weight height depth width length speed pressure volume noise dust waste paper wood glass sand soil rock ice snow rain wind "
    "light sound code software hardware firmware product customer pay salary wage bonus pension sickness illness death injury fire flood "
    "damage loss theft fraud abuse delay change progress success failure use end start finish entry exit admission permission approval "
    "title scope policy law court management board council committee government parliament congress police army media press public "
    "nobody everybody somebody people children women men adults patients mother father teacher driver user owner tenant landlord buyer seller "
    "lender borrower client supplier contractor employer employee manager director chair vendor site plant unit room floor building "
    "delivery rate margin turnover headcount attendance enrolment enrollment membership retention ownership research output input throughput "
    "latency bandwidth memory storage disk battery screen backup encryption authentication login logout registration parking breakfast lunch dinner "
    "keep check submit send press hold open close turn set add remove click select choose enter type run restart install update save delete "
    "create call contact ask report pay book bring take get make see read wait try avoid ensure follow fill complete sign print upload download "
    "attach apply register review verify confirm connect disconnect replace clean rinse wash store return measure record provide include consider "
    "discuss start stop let give put allow request obtain prepare arrange schedule inspect test monitor wear do never always remember specify "
    "define configure enable disable find switch move place insert pull push lift tighten mix pour adjust reduce increase limit separate combine "
    "compare count calculate estimate identify list mark label name show display explain describe renew cancel claim collect track "
    "coffee tea milk sugar salt alcohol tobacco medicine vaccine nausea headache cough diarrhea rash".split()
)


def chinese_names(text: str) -> list[str]:
    """Return Chinese proper names: what the tagger takes for one, and organisations."""
    if re.search(f"[{CJK}]", text) is None:
        return []
    found = []
    for name in (_AROUND.sub("", name) for name in names(text)):
        if len(name) > 1 and _ALL_CJK.fullmatch(name) and not _NO_NAME.search(name):
            place = text.find(name)
            person = len(name) <= 3 and name[0] in _SURNAMES
            if (
                not person
                or _ROLE.search(text[max(0, place - 4) : place])
                or _ACTS.match(text, place + len(name))
            ):
                found.append(name)
    if any(name[0] not in _SURNAMES for name in found):
        people = persons(text)  # 清仓, say: what begins with no surname is no person
        found = [
            name for name in found if name not in people or len(name) > 2 or _proper(name, text)
        ]
    return [*found, *_CENTRE.findall(text), *_ORGANISATION.findall(text), *_PERSON.findall(text)]


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
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
_NO_NAME = re.compile(r"^(?:中国|我国|国内|国家|全国|本市|全市|一共)$")
_ROLE = re.compile(r"(?:[为是由叫和、，,：:经长]|经理|主任|人|员|师|总监|总工)$")
_ACTS = re.compile(r"\s*(?:负责|担任|签|主持|批准|说|表示|任|先生|女士|同志|审核)")
_PERSON = re.compile(
    rf"(?:人|经理|主任|市长|局长|处长|院长|所长|部长|董事长|员|总监|总工|工程师|医师|代表)(?:[为是由叫]|[:：])?\s*([{_SURNAMES}][{CJK}]{{1,2}})(?=[，。、；,;\s（(|\[]|$|负责|担任|签|批准|审核)"
)


_AROUND = re.compile(
    r"^[据由经向与和对让请被将给在为是](?=..)|(?<=..)[说称道讲]$"
)  # taken along by the tagger
_ALL_CJK = re.compile(f"[{CJK}]+")
