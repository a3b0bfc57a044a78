"""How follow-ups are worded in Chinese and English, and what a question is about.

Function words and general nouns only (cost, deadline, 流程): what a project's own things are called
comes from its tools' arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from indexes.text import CJK, language

__all__ = [
    "SO_THE_NOUN",
    "Fragment",
    "asks",
    "fragment",
    "is_aspect",
    "joined",
    "of_topic",
    "stem",
    "subject",
    "subjectless",
    "topic_of",
]

# Nouns whose first character could be what 那 points at: 那年假呢 is "so, annual leave?", not "that year".
SO_THE_NOUN = (
    r"那(?=年假|年终(?!于)|年度|年会(?=的|呢|[?？]|$)|年薪|年检(?!查)|年审(?!批|核|查)|年龄|年限|年金(?!额)|时间|时长|时限|时效|天气"
    r"|位置|条件|条款|份额|本金|款项|家属|家具|家庭|里程|个税|个人所得税|次数|次品|样品|样本|边界|边坡|儿童|类型|类别|种类|种子)"
)
_OPENING = re.compile(
    rf"(?:不对?[,，]?\s*)?(?:(?:我(?:说|问|指)的是|我是(?:说|问))|那么|{SO_THE_NOUN}|那(?![个些种样边里儿时年天次位家])|还有|另外|再(?:问一下|查一下|看看|查)?|以及|同样|换成|换作|如果是|要是)"
    r"|(?:no[,.]?\s*)?i (?:meant?|am asking about)\b|(?:(?:and|but|then|also|ok(?:ay)?|so)\b[\s,]*)?(?:what about|how about)\b|(?:and|but|also|then|same (?:for|question for))\b|no,",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"\s*(?:(?:for|in|on|at|with|by|from|to|of|during|under|after|before)\s+|(?:和|跟|与|对于?)(?=.+呢[?？]?$))",
    re.IGNORECASE,
)
_STATE = re.compile("怎么样|如何")
SHORT = 4  # characters
_CLOSING = re.compile(
    r"(?:(?:也|又)(?:一样|需要|适用|可以|能|要|有|是这样|是|如此)?吗|(?:又)?(?:呢|怎么样|如何|又是多少)|(?:呢)?[,，]?(?:\btoo|\bas well))?[\s?？。.!！]*$",
    re.IGNORECASE,
)
_ASKS_ZH = re.compile(
    r"什么时候|什么|多少|多[久长大高远快深厚重宽]|怎么样|怎么|怎样|如何|为什么|为何|哪[些个里儿年家位种类一]?|谁|几[个天次年月点份号条人家]?|何时|是否|能不能|可不可以|要不要|有没有|是不是|吗(?=[?？。\s]*$)"
)
_ASKS_EN = re.compile(
    r"^(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|should|would|will|may|must|has|have)\b(?!\s+(?:about|if)\b)",
    re.IGNORECASE,
)
_POLITE = re.compile(
    r"^(?:请问(?:一下)?|请|麻烦|帮我?|查询|查一下|查|看一下|看看|告诉我|我想知道|想问一下)+|^(?:please|tell me|show me)\b[\s,]*",
    re.IGNORECASE,
)
_QUESTION_EN = re.compile(
    r"^(?:what|which|how|when|where|who|why)?\b\s*(?:(?:is|are|was|were|does|do|did|can|could|should|would|will|may|must|has|have|much|many|long|often)\b\s*)*(?:(?:i|we|you|one|there)\b\s+)?",
    re.IGNORECASE,
)
_HANGING = re.compile(
    r"(?:分别|各|都|是|有|为|要|可以|能|会|应该|应|需要|到底|一般|由|在|被|,|，)+$"
)
_BREAK = re.compile(
    r"(?<=.)的|(?<=..)(?:怎么|如何|什么|多少|是否|能|可以|需要|应该|必须|要|会|由|支持|规定|包括|有|是|在)"
)
_NO_SUBJECT = re.compile(
    r"(?:由?谁|由?哪[个种些]|.{1,5}了(?:怎么办|怎么处理|会怎[么样])|有没有|有什么|可以|可不可以|能不能|能否|能|会(?!议|员|计|费|务|展)|会不会|要不要|需不需要|需要|要|是否|应该|从?什么时候|从?何时|怎么|怎样|如何|为什么|多久|多[长大少高]|几|必须|一定|最[多少晚早长])"
)
MOST_SUBJECTLESS = 7  # characters
# What anything may have: asked alone, it is asked of what was talked about.
_ASPECT_ZH = re.compile(
    rf"(?P<more>[{CJK}]{{0,8}}?)(?:费用?|价格|价钱|报价|金额|数额|总额|额度|期限?|时间|时限|时长|日期|流程|程序|步骤|手续|条件|前提|要求|标准|资格|材料|资料|证件|凭证|方式|方法|做法|渠道|途径|"
    r"原因|理由|后果|风险|影响|作用|反应|禁忌|用法|用量|剂量|职责|责任|权利|义务|部门|单位|人员|负责人|责任人|经办人|联系人|对象|地点|地址|位置|电话|联系方式|比例|[利税费]率|率|基数|次数|间隔|等级|级别|门槛|数量|面积|长度|进度|进展|状态|"
    r"范围|内容|目的|依据|例外|区别|优点|缺点|优势|限制|效果|效力|参数|返回值|默认值|质量|预算|成本|处罚|罚款|赔偿|补偿|审批|安排|结果|情况|细节|权益|定义|含义)"
)
_ASPECT_EN = re.compile(
    r"(?:[a-z-]+ )?(?:costs?|price|pricing|fees?|amount|budget|duration|deadline|time|timing|schedule|date|procedure|process|steps?|requirements?|conditions?|eligibility|documents?|paperwork|"
    r"reasons?|causes?|consequences?|penalty|penalties|risks?|effects?|side effects?|dosage|limits?|exceptions?|scope|purpose|responsibilit(?:y|ies)|location|address|contact|rate|frequency|"
    r"status|progress|quality|results?|details?|parameters?|defaults?|advantages|disadvantages|benefits|drawbacks|alternatives|examples?|definition)",
    re.IGNORECASE,
)
_MEASURED = re.compile(rf"^(?P<of>.+)的(?P<aspect>[{CJK}]{{1,8}})$")
_AMOUNT = re.compile(r"[是为](?:多[少久长大高]|几)")
_OF = re.compile(
    r"^(?:the\s+)?(?P<aspect>[a-z][\w-]*(?:\s+[\w-]+){0,2}?)\s+(?:of|for)\s+(?P<of>.+)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Fragment:
    """A question without what only marks it as a follow-up; `marked` says that something did.

    `preposition` is what it begins with: "in" of "and in 2023?".
    """

    text: str
    marked: bool
    preposition: str = ""


def fragment(question: str) -> Fragment:
    """Return 「费用」 for 「那费用呢？」 and "2023" for "and in 2023?"."""
    opening = _OPENING.match(question)
    rest = question[opening.end() :].lstrip(" ,，") if opening else question
    preposition = _PREPOSITION.match(rest)
    rest = rest[preposition.end() :] if preposition else rest
    closing = _CLOSING.search(rest)
    if closing and not opening and _STATE.match(closing.group()) and closing.start() > SHORT:
        closing = None  # 房贷利率走势如何 asks something of its own
    text = (rest[: closing.start()] if closing else rest).strip(" ,，?？。.!！")
    marks = closing.group().strip("?？。.!！ ") if closing else ""
    return Fragment(
        text,
        marked=bool(opening or preposition or marks),
        preposition=preposition.group().strip().lower() if preposition else "",
    )


def asks(question: str) -> bool:
    """Say whether a text is put as a question of its own, not as a mere phrase."""
    if language(question) == "zh":
        return _ASKS_ZH.search(question) is not None
    return _ASKS_EN.match(question) is not None


def is_aspect(phrase: str, *, before: int = 4) -> bool:
    """Say whether a phrase names what anything may have: 费用, the deadline, side effects.

    Args:
        phrase: a noun with its modifiers.
        before: how many characters may stand before the noun: 1 allows 工期, but not 住宿费.
    """
    chinese = _ASPECT_ZH.fullmatch(phrase)
    if chinese:
        return len(chinese["more"]) <= before
    return _ASPECT_EN.fullmatch(_without_article(phrase)) is not None


def stem(question: str) -> str:
    """Return a question without its question words, if anything is left of it."""
    text = _POLITE.sub("", question.strip()).strip(" ?？。.!！")
    if language(text) == "en":
        return _QUESTION_EN.sub("", text).strip() or text
    text = re.sub(r"(?:呢|吗|吧)$", "", text)
    asked = _ASKS_ZH.search(text)
    if asked is None:
        return text.strip("的 ")
    before = _HANGING.sub("", text[: asked.start()]).strip("的 ")
    return before if len(before) > 1 else text[asked.end() :].strip("的 ") or text


def topic_of(question: str) -> str:
    """Return what a question asks something of: a part of it, 「布洛芬」 for 「布洛芬的用量是多少？」."""
    text = stem(question)
    found = (_MEASURED if language(text) == "zh" else _OF).match(text)
    if found is None:
        return text
    measured = len(found["aspect"]) <= SHORT and _AMOUNT.search(question)
    if language(text) == "zh" and not (measured or is_aspect(found["aspect"])):
        return text
    return found["of"].strip()


def subject(text: str) -> str:
    """Return the phrase that a Chinese text begins with, up to what is said of it."""
    text = _POLITE.sub("", text)
    end = _BREAK.search(text)
    return text[: end.start()] if end else text


def subjectless(question: str) -> bool:
    """Say whether a short Chinese question names nobody and nothing it is about: 谁来检查."""
    text = question.strip(" ?？。.!！")
    return len(text) <= MOST_SUBJECTLESS and _NO_SUBJECT.match(text) is not None


def of_topic(aspect: str, topic: str) -> str:
    """Return 「主题的费用」 or "the cost of the topic"."""
    if language(topic) == "zh" or language(aspect) == "zh":
        return f"{topic}的{aspect}"
    return f"{aspect} of {topic}"


def joined(topic: str, question: str) -> str:
    """Return a question that leaves out what it is about, with it."""
    return f"{topic}{question}" if language(question) == "zh" else f"{topic}: {question}"


def _without_article(phrase: str) -> str:
    return re.sub(r"^(?:the|its|their|any)\s+", "", phrase, flags=re.IGNORECASE)
