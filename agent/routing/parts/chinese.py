"""Comparisons and lists in Chinese questions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from agent.routing.followup import FindSlots
from agent.routing.followup.words import is_aspect
from agent.routing.parts.kinds import MOST, PERIOD, alike, head_kind, same_kind, tail_kind
from indexes.text import CJK, words_of

__all__ = ["split_chinese"]

_LEAD = re.compile(
    r"(?:请问(?:一下)?|请|麻烦|帮(?:我|忙)|能否|可否|能不能|可以|我?想(?:要)?(?:知道|了解|问)(?:一下)?|查询|查(?:一下|查)?|看(?:一下|看)?|告诉我|说说|说明|介绍(?:一下)?|列出|列一下|给我|关于|对于|针对)+"
)
_COMPARE = re.compile(r"(?:对比|比较|比对|分析)(?:一下|分析)?(?!例|重)")
_THEN = re.compile(
    r"(?:并|，|,)\s*(?:对比|比较|分析).{0,6}$|(?:做|作)(?:个|一个|一下)?(?:对比|比较)$"
)
_CLOSING = re.compile(r"[？?。.!！\s]+$")
_PROTECTED = re.compile(r"《[^》]*》|“[^”]*”|「[^」]*」|（[^）]*）|\([^)]*\)")
_JOINS = ("、", "和", "与", "跟", "同", "及", "以及", "还是", "或者")
_VERSUS = re.compile(r"\s*(?:\bvs\.?|\bVS\.?|\bversus)\s*", re.IGNORECASE)
_EACH = re.compile(
    r"分别(?:都)?|各自(?:的)?|各(?=是|为|有|多|几|需|要|由|占|怎|如何|承担|负责|在|什么|收|支付|花|投|规定|适用|达|用|[0-9])|都?各(?=是)"
)
_DIFFER = re.compile(
    r"(?:之间)?的?(?:主要)?(?:有|存在)?(?:没有|无|什么|哪些|何|啥|多大|怎样的)?(?:本质|主要)?的?(?:区别|差别|差异|不同|异同|不一样|对比|比较|相比|差距)(?:之处|点|情况|结果)?(?:吗|呢|在(?:哪里?|哪儿|于什么|哪些方面)|是什么|有哪些|有多大|大不大|如何|怎么样|一下)*$"
    r"|(?:哪里|哪些方面|哪些地方|什么地方)(?:不同|不一样|有区别|有差别)$|(?:是否|是不是)?(?:都)?(?:一样|相同|一致)(?:吗|不|么)?$|怎么(?:区分|区别)$|(?:该)?怎么选$|相?差(?:多少|几倍|多大)$"
)
_WHICH = re.compile(
    r"[，,]?(?:到底)?(?:哪一?[个家种座条项款份年期者]|谁)的?(?P<of>[^，,]{0,12}?)(?:(?:更为?|比较|最|要|会)(?P<how>[^，,]{1,5})|(?P<short>[高低大小多少长短快慢贵早晚严重轻宽]|便宜|划算))$"
)
_COMPARED_TO = re.compile(
    r"(?:和|与|跟|同|相比于|相比|相较于|较之)(?P<other>[^，,]{1,24}?)(?:相比|比起来|相较|比较|对比)(?:较)?[，,]"
)
_THAN = re.compile(
    r"(?<![同环占对相攀评])(?:相?比(?!例|重|赛|较|如|选|率|值|对|价|照|划)|相较于|较之)"
)
_COMPARES = re.compile(
    r"(?:吗|多少|几.?|谁|如何|怎么样|变化|[更高低大小多少长短快慢贵严宽早晚好强])(?:了|些|点|一些|一点)?$"
)
_CHANGE = re.compile(
    r"的?(?:同比|环比|年均|总共|一共)?(?:发生了?|有|有了)?(?:什么|哪些|怎样的|怎么|如何|多大)?的?(?:变化|变动|增长|增减|增加|减少|下降|上升|上涨|提高|降低|下滑|增幅|涨幅|降幅|改变)(?:了|率|幅度|趋势|情况|额)*(?:是?多少|如何|怎么样|怎样|吗|有?多大|几个?(?:百分点|倍)|是什么|百分之几)?$"
)
_RANGE = re.compile(
    rf"(?:从|自)?(?P<a>{PERIOD})(?:年?度?)?\s*(?:至|到|和|与|跟|、|以及|相比|比|较|对比|相较于?|->|→|~|—|-)\s*(?P<b>{PERIOD})(?:相比|比|之间|间|期间)?"
)
_COUNTED = re.compile(
    rf"(?:这|那)?[两二三四五六七八九十几俩仨\d](?:个|家|种|款|份|类|条|座|处|期|项|部|年|者)(?P<noun>[{CJK}]{{0,4}}?)(?=的|分别|各|都|$|在|之间|有|哪|，|,)|(?:二|两|三|四)者|俩"
)
# asked of both together: a distance, a total, an interface
_TOGETHER = re.compile(
    r"之间|距离|相距|间距|合计|总计|合起来|加起来|加在一起|总共|一共|总和|之和|共同|关系|关联|联系|接口|接驳|衔接|换乘|相互|互相|联合|一起|同时|签订?|冲突|矛盾|兼容|配合|搭配|混用?|公约数|交界|分工"
)
_MEASURED = re.compile(r"多少|几[个天年月]|多[久长大高宽深厚重快]|什么时候|何时")
_HOW_MUCH = re.compile(r"多少|几.{0,2}$|[了些点更]")
_DEGREE = re.compile(
    r"(?:是不是|是否)?(?:更为?|还要|要|会|也)?(?:[多高低大小长短快慢贵严宽早晚好强重轻](?:格|松)?|便宜|严格|宽松|划算|安全)(?:了|出|一些|一点|些|点)?(?:多少|几.{0,2}|多[久长大])?$"
)
_IN = re.compile(r"^(?:在|就)(?P<of>.+?)(?:方面|上|中|领域|里)?(?:的)?$")
# where the last member of a list ends
_STOPS = frozenset(
    "的 分别 各 各自 各是 各有 都 都是 有 是 在 怎么 怎样 如何 什么 什么时候 多少 多久 多长 多大 多高 哪个 哪些 哪家 哪 谁 何时 需要 需 要 能 能不能 "
    "可以 会 由 从 用 采用 应 应该 相比 对比 比 之间 方面 两个 三个 四个 两 三 俩 规定 为什么 为 几 几个 ， , 吗 是不是 是否 一样 不同 区别 差别 差异 差 相差".split()
)
# what anything may have, beyond what a follow-up may ask for alone
_MORE_ASPECTS = re.compile(
    r".{0,4}(?:投资|规模|产值|收入|利润|税率|利率|价|量|数|额|费|期|法|人|点)$"
)
_NOUNS = {
    **dict.fromkeys(("贵", "便宜", "划算", "实惠", "高价", "低价"), "价格"),
    **dict.fromkeys(("快", "慢"), "速度"),
    **dict.fromkeys(("长", "短"), "长度"),
    **dict.fromkeys(("重", "轻"), "重量"),
    **dict.fromkeys(("大", "小"), "规模"),
    **dict.fromkeys(("早", "晚", "先", "后"), "时间"),
    **dict.fromkeys(("严格", "严", "宽松"), "要求"),
    **dict.fromkeys(("安全",), "安全性"),
}


@dataclass(frozen=True)
class _List:
    """A list in a sentence: what stands before it, its members, and what is said of them."""

    before: str
    members: tuple[str, ...]
    after: str


def split_chinese(text: str, find_slots: FindSlots) -> list[str]:
    """Return what a Chinese question asks of each of several things; nothing if it is one.

    Args:
        text: a single question.
        find_slots: finds the values of tools' arguments.
    """
    text = _CLOSING.sub("", text)
    lead = _LEAD.match(text)
    text = text[lead.end() :] if lead else text
    compared = _COMPARE.match(text)
    body = text[compared.end() :] if compared else text
    then = _THEN.search(body)
    body = body[: then.start()].rstrip("，,的") if then else body
    compares = compared is not None or then is not None
    for reading in (_changed, _with_other, _than):
        found = reading(body, find_slots)
        if found:
            return found
    return _listed(body, find_slots, compares=compares)


def _changed(text: str, find_slots: FindSlots) -> list[str]:
    """2023年到2024年营业收入的变化: of each of the two years."""
    match = _RANGE.search(text)
    if match is None or match["a"] == match["b"]:
        return []
    before, after = text[: match.start()], text[match.end() :]
    change = _CHANGE.search(after)
    if change is None:
        return []
    after = re.sub("相比$", "", after[: change.start()])
    first, second = _years(match["a"], match["b"])
    if after or not before:
        after = after if after.startswith("的") or not after else f"的{after}"
        return [f"{before}{one}{after}" for one in (first, second)]
    about = before.rstrip("的在，,")
    return [f"{one}{about}" for one in (first, second)]


def _years(first: str, second: str) -> tuple[str, str]:
    """Give each of two periods what only the other says: 2023和2024年, 2024年三季度和四季度."""
    if re.fullmatch(r"\d{4}", first) and re.fullmatch(r"\d{4}年度?", second):
        return first + second[4:], second
    year = re.match(r"\d{4}年", first)
    if year and not re.match(r"\d{4}|[今去前明]年", second):
        return first, year.group() + second
    return first, second


def _with_other(text: str, find_slots: FindSlots) -> list[str]:
    """和东站相比，西站的噪声限值更严格吗."""
    match = _COMPARED_TO.match(text)
    if match is None:
        return []
    other, rest = match["other"], text[match.end() :]
    thing, of, tail = rest.partition("的")
    if not of or not (same_kind(thing, other, find_slots) or alike(thing, other)):
        return []
    about = _told(tail)
    return [f"{thing}的{about}", f"{other}的{about}"] if about else []


def _than(text: str, find_slots: FindSlots) -> list[str]:
    """西站的噪声限值比东站严格吗: only where the two are clearly of one kind."""
    match = next((one for one in _THAN.finditer(text) if one.start() > 0), None)
    if match is None or not _COMPARES.search(text):
        return []
    left, right = text[: match.start()].rstrip("，,"), text[match.end() :]
    thing, of, about = left.partition("的")
    before, other = _same_thing(thing, right, find_slots)
    if other and of and about:
        return [left, f"{before}{other}的{about}"]
    if other:
        told = _told(right[len(other) :])
        pair = [thing, before + other]
        return [f"{one}的{told}" for one in pair] if told else pair
    kind = head_kind(left, find_slots)
    for cut in [kind[1]] if kind else _ends(left)[:-1]:
        _, other = _same_thing(left[:cut], right, find_slots)
        if other:
            return [left, f"{other}{left[cut:]}"]
    return []


def _same_thing(thing: str, right: str, find_slots: FindSlots) -> tuple[str, str]:
    """Return the beginning of a text that names a thing of the kind that a phrase ends with.

    With it what stands before that thing in the phrase: 东站 of 东站2024年.
    """
    kind, other = tail_kind(thing, find_slots), head_kind(right, find_slots)
    if kind and other and kind[0] == other[0]:
        return thing[: kind[1]], right[: other[1]]
    if kind and kind[0] == "period":
        return "", ""
    limit = len(words_of(thing)) + 1
    ends = _ends(right)[:limit]
    return "", next((right[:end] for end in ends if alike(thing, right[:end])), "")


def _told(text: str) -> str:
    """Return what a comparison is about: 工期 of 工期更长吗, 价格 of 贵多少."""
    text = re.sub(r"^的|[吗呢]$", "", text)
    bare = _HOW_MUCH.sub("", text)
    if bare in _NOUNS:
        return _NOUNS[bare]
    if len(text) > 2:
        text = _DEGREE.sub("", text)
    return _CHANGE.sub("", text)


def _listed(text: str, find_slots: FindSlots, *, compares: bool) -> list[str]:
    """Return the parts of a question that asks something of each member of a list."""
    found = _find_list(text, find_slots)
    if found is None:
        return []
    after, differs = _without_comparison(found.after)
    each = _EACH.search(after)
    if each:
        after = after[: each.start()] + after[each.end() :]
    if not (compares or differs or each):
        together = _TOGETHER.search(text)
        pairs = list(pairwise(found.members))
        known = all(same_kind(one, other, find_slots) for one, other in pairs)
        similar = all(alike(one, other) for one, other in pairs)
        measured = after.startswith("的") and _MEASURED.search(after)
        said = after.strip("的 ")
        if together or not said or not (known or (similar and measured)):
            return []
    elif each and not differs and "之间" in after:
        return []
    counted = _COUNTED.match(after)
    members = found.members
    if counted:
        noun = counted["noun"] or ""
        after = after[counted.end() :]
        members = tuple(one if one.endswith(noun) else one + noun for one in members)
    if differs and not after.strip("的 ") and not any("的" in one for one in members):
        return [f"什么是{found.before}{member}" for member in _bounded(members)]
    about = _IN.match(after) if differs or compares else None
    after = f"的{about['of']}" if about else after
    after = after.rstrip("，, ")
    return [f"{found.before}{member}{after}" for member in _bounded(members)]


def _bounded(members: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many members as parts may be; the last has the rest."""
    if len(members) <= MOST:
        return members
    return (*members[: MOST - 1], "、".join(members[MOST - 1 :]))


def _without_comparison(after: str) -> tuple[str, bool]:
    """Return what is said of a list without the question how its members compare, and whether it was put."""
    after = re.sub(r"^(?:之间)?相比(?:较|之下)?(?:而言|来说)?[，,]?", "", after)
    which = _WHICH.search(after)
    if which:
        rest = after[: which.start()]
        about = which["of"] or rest
        if which["of"]:
            return f"的{which['of'].removeprefix('的')}", True
        if about.strip("的，, "):
            return rest if rest.startswith(("的", "在")) else f"的{rest.lstrip('，,')}", True
        how = (which["how"] or which["short"]).rstrip("些点一")
        noun = _NOUNS.get(how, "")
        return (f"的{noun}" if noun else how if len(how) > 1 else ""), True
    differ = _DIFFER.search(after)
    if differ and differ.group():
        return after[: differ.start()], True
    return after, False


def _find_list(text: str, find_slots: FindSlots) -> _List | None:
    """Return the list of a sentence, with the boundaries of its first and last member."""
    joins = _joins(text)
    if not joins:
        return None
    start, region_end = _region(text, joins)
    joins = [one for one in joins if start < one[0] and one[1] < region_end]
    if not joins:
        return None
    pieces = [text[a:b] for (_, a), (b, _) in pairwise(joins)]
    for position, piece in enumerate(pieces):
        if "的" in piece and "的" not in text[start : joins[0][0]]:
            joins = joins[: position + 1]
            break
    middles = [text[a:b] for (_, a), (b, _) in pairwise(joins)]
    head, rest = text[start : joins[0][0]], text[joins[-1][1] :]
    if not head or not rest or any(not one for one in middles):
        return None
    found = _bounds(head, rest, find_slots)
    if found is None:
        return None
    before, first, last, after = found
    members = tuple(one.strip() for one in (first, *middles, last))
    if all(re.fullmatch(PERIOD, one) for one in members) and len(members) == 2:
        members = _years(first, last)
    elif re.fullmatch(r"\d{4}", first) and re.fullmatch(r"\d{4}年度?", last):
        members = tuple(one if one.endswith(("年", "度")) else one + last[4:] for one in members)
    if len(set(members)) < len(members):
        return None
    return _List(text[:start] + before, members, after)


def _joins(text: str) -> list[tuple[int, int]]:
    """Return where the words stand that join the members of one list."""
    hidden = [match.span() for match in _PROTECTED.finditer(text)]
    found: list[tuple[str, int, int]] = []
    place = 0
    for word in words_of(text):
        if word in _JOINS and place and not any(a < place < b for a, b in hidden):
            found.append((word, place, place + len(word)))
        place += len(word)
    versus = [("和", *match.span()) for match in _VERSUS.finditer(text) if match.start()]
    found = versus or found
    if not found:
        return []
    loose = next(
        (one for one in ("还是", "或者", "和", "跟", "同") if any(w == one for w, _, _ in found)),
        "",
    )
    kinds = {word for word, _, _ in found}
    if "、" in kinds:
        keep = kinds
    elif loose:
        keep = {loose}  # 与 and 及 join what stands inside a name
    else:
        keep = kinds
    merged: list[tuple[int, int]] = []
    for word, start, end in found:
        if word not in keep:
            continue
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _region(text: str, joins: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the clause that a list stands in: from the comma before it to its end."""
    first, last = joins[0][0], joins[-1][1]
    start = max(text.rfind(mark, 0, first) for mark in "，,：:。；") + 1
    ends = [place for mark in "，,：:" if (place := text.find(mark, joins[0][1])) > 0]
    end = min([*ends, len(text)])
    return start, end if end > joins[0][1] else max(last, len(text))


def _bounds(head: str, rest: str, find_slots: FindSlots) -> tuple[str, str, str, str] | None:
    """Return what stands before a list, its first and last member, and what is said of them.

    Args:
        head: the clause up to the first joining word.
        rest: what follows the last one.
        find_slots: finds the values of tools' arguments.
    """
    tail, front = tail_kind(head, find_slots), head_kind(rest, find_slots)
    if re.search(r"\d{4}$", head) and front and front[0] == "period":
        return head[:-4], head[-4:], rest[: front[1]], rest[front[1] :]
    if tail and front and tail[0] == front[0]:
        return head[: tail[1]], head[tail[1] :], rest[: front[1]], rest[front[1] :]
    period = re.match(PERIOD, head)
    if period and period.end() < len(head):
        before = period.group() + ("的" if head[period.end()] == "的" else "")
        inner = _bounds(head[len(before) :], rest, find_slots)
        return (before + inner[0], *inner[1:]) if inner else None
    stop = _stop(rest)
    last, after = rest[:stop], rest[stop:]
    if "的" in head:
        thing, _, about = head.rpartition("的")
        if after.startswith("的"):
            of = _stop(after)
            if after[1:of].endswith(about[-1:]) or same_kind(thing, last, find_slots):
                return "", head, last + after[:of], after[of:]
        if same_kind(thing, last, find_slots) or (alike(thing, last) and not alike(about, last)):
            return "", thing, last, f"的{about}{after}"
        return f"{thing}的", about, last, after
    if after.startswith("的"):
        return "", head, last, after
    return _without_of(head, last, after, find_slots)


def _without_of(
    head: str, last: str, after: str, find_slots: FindSlots
) -> tuple[str, str, str, str] | None:
    """Find the boundaries where no 的 shows them: 东站与西站总投资, 东站工期和投资."""
    kind = head_kind(head, find_slots)
    if kind and kind[1] == len(head):
        other = head_kind(last, find_slots)
        if other and other[0] == kind[0]:
            return "", head, last[: other[1]], last[other[1] :] + after
    if kind and kind[1] < len(head) and head_kind(last, find_slots) is None:
        return head[: kind[1]], head[kind[1] :], last, after
    words, others = words_of(head), words_of(last)
    if words[-1] == others[-1] and len(words) > 1 and len(others) > 1:
        return "", head, last, after
    if not alike(head, last) and not _is_aspect(words[-1]):
        ends = _ends(last)[:-1]
        cut = next((end for end in ends if alike(head, last[:end])), 0) or next(
            (end for end in ends if _is_aspect(last[end:])), 0
        )
        if cut:
            return "", head, last[:cut], last[cut:] + after
    if len(words) > 1 and _is_aspect(last) and _is_aspect(words[-1]) and not alike(head, last):
        cut = len(head) - len(words[-1])
        return head[:cut], head[cut:], last, after
    return "", head, last, after


def _is_aspect(phrase: str) -> bool:
    return is_aspect(phrase) or _MORE_ASPECTS.fullmatch(phrase) is not None


def _stop(text: str) -> int:
    """Return where a phrase at the beginning of a text ends."""
    place = 0
    for word in words_of(text):
        if place and word in _STOPS:
            return place
        place += len(word)
    return len(text)


def _ends(text: str) -> list[int]:
    """Return where the words of a text end."""
    found: list[int] = []
    for word in words_of(text):
        found.append((found[-1] if found else 0) + len(word))
    return found
