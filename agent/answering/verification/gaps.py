"""What claims nothing: transitions, courtesies, and that the sources do not say something."""

from __future__ import annotations

import re

__all__ = ["ADVICE", "BUT", "GENERIC", "HONEST", "TRANSITION"]

GENERIC = frozenset(
    "见 详见 参见 资料 来源 文件 文档 上述 以上 综上所述 综上 总结 总之 信息 内容 回答 如下 以下 希望 帮助 进一步 参考 提供 您好 你好 "
    "感谢 联系 补充 说明 材料 检索 结果 下面 首先 其次 最后 此外 另外 同时 因此 所以 但是 不过 然而 具体 概括 整理 依据 "
    "随时 告知 解答 疑问 更多 下列 包括 要点 主要 用户 现有 给出 提到 一般来说 需要注意 注意 值得 值得注意 有用 "
    "sourc document provid base follow summari summar summaris inform hope help question answer pleas context passag materi "
    "feel free ask detail addit see document overal conclus short brief thank refer relev abov below note state accord cite "
    "抱歉 很抱歉 遗憾 很遗憾 不好意思 unfortun sorri afraid regret "
    "here main key point list further happi let assist more".split()
)
_GIVES = r"(?:contain|include|give|provide|offer|have|has|mention|list|say)s?"
ADVICE = re.compile(
    r"咨询|询问|[请可]问|建议问|了解|联系|核实|确认|拨打|致电|查阅|查看|参考|\b(?:ask|contact|check|consult|confirm|verify|refer|see|speak|reach|call)\b|\bshould be able to\b",
    re.IGNORECASE,
)
HONEST = re.compile(
    r"(?:没有|未|并未|均未|无法|不足以|暂无|未能|不能|查不到|找不到|不包含|未找到|尚未)[^，。；;,]{0,24}?(?:提到|提及|说明|涉及|给出|包含|找到|明确|载明|确定|列出|提供|记载|写明|披露|回答|判断|得知|信息|依据|看出|约定|介绍|规定|交代|讲到|描述|记录|写|讲|说(?!法)|列|解释)"
    r"|(?:资料|文档|文件|来源|[文表]|说明书?|手册|报[告道表]|纪要|记录|合同|协议|制度|条例|规定|办法|通知|邮件|聊天)[中里内]?(?:也|均|都|并)?(?:没有|未)[^，。；;,]{0,24}"
    r"|(?:找不到|查不到|暂无)[^，。；;,]{0,16}"
    r"|\b(?:sources?|documents?|passages?|information|context|materials?|excerpts?|texts?|they|i|we|it|records?|files?|filings?|polic(?:y|ies)|manuals?|reports?|docs|documentation|notes|minutes|guides?|articles?|transcripts?|agreements?|contracts?|handbooks?|tables?)\b[^.;]{0,40}?"
    r"\b(?:(?:do|does|did|could|can)(?: not|n['’]t)|cannot)\s+(?:\w+\s+){0,2}?(?:mention|state|say|specify|contain|include|provide|cover|give|indicate|address|find|determine|answer|disclose|confirm|tell|reveal|list|describe|discuss|explain|record|name|report|go into|touch on)\b"
    r"|\b(?:the|this|these|those|that|your)\s+(?:[\w'’-]+\s+){1,4}(?:do|does|did)(?: not|n['’]t)\s+(?:\w+\s+){0,2}?"
    r"(?:mention|say|state|specify|explain|record|describe|discuss|indicate|disclose|tell)\b"
    rf"|\b(?:sources?|documents?|passages?|reports?|polic(?:y|ies)|manuals?|notes|guides?|excerpts?|texts?) {_GIVES} no (?:[a-z]+ ){{0,3}}(?:of|on|for|about|to|regarding)\b"
    r"|\b(?:do|does|did)(?: not|n['’]t) (?:\w+ ){0,2}(?:mention|say|state|specify|tell|disclose|reveal)\b"
    r"|\bnothing (?:is|was) (?:said|mentioned|stated|written)\b"
    r"|\b(?:neither|no|none of the) (?:[a-z]+ )?[a-z]+ (?:say|mention|cover|state|explain|describe|address)s?\b"
    r"|\b(?:nothing|none|neither) (?:in|of) (?:the|these|this|my)\b[^.;,]{0,40}|\b(?:there is )?no (?:information|mention|data|details?)\b|\bnot (?:mentioned|stated|specified|given|provided|available|covered|disclosed) (?:in|by)\b|\b(?:is|are)(?: not|n['’]t) (?:mentioned|stated|specified|given|addressed|covered|described|discussed|reported)\b",
    re.IGNORECASE,
)
BUT = re.compile(
    r"[，,;；]\s*(?:但|不过|然而|通常|一般)|\b(?:but|however|although|usually|typically|generally|while)\b",
    re.IGNORECASE,
)
TRANSITION = re.compile(
    r"\s*(?:根据|综上|总之|总的来说|总体而言|以下|下面|希望|如需|如有|如果您|您好|感谢|需要说明|请注意|具体如下|以上"
    r"|based on|according to|in summary|to summari[sz]e|overall|in conclusion|here (?:is|are)|below|i hope|hope|let me know|please|if you|feel free|thank|sure|certainly|the following|in short)",
    re.IGNORECASE,
)
