"""The first stage: what needs no judgement, from corrections and the project's patterns to small talk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from agent.routing.corrections import Right
from agent.routing.decision import make_route
from agent.routing.types import NONE, Action, Asked, Decision, Passed, Target
from agent.settings import Rule
from indexes.text import content_terms, normalize
from prompts import texts

__all__ = ["TALK", "VAGUE", "Rules", "stands_alone", "talk_targets"]

TALK = "talk:"
VAGUE = "vague"  # an opening without a topic, which is asked back
LIST_DOCUMENTS = "list_documents"
HAND_OVER = "hand_over"
_INVENTORY = re.compile(
    r"^(?:你|您|你们|系统|库里|知识库|这里|目前|现在|一共|总共|都|里面|中|可以|能|我|看到|查到|查询|列出|，|,|\s)*"
    r"(?:有|收录|包含|存)?(?:了)?(?:些)?(?:哪些|什么|多少(?:份|个|篇)?|几份|所有的?|全部的?)(?:文件|文档|资料|材料|document)s?[?？。\s]*$"
    r"|^(?:please\s+)?(?:list|show)(?:\s+me)?(?:\s+(?:all|the|your|my|available|indexed))*\s+(?:documents|files)[?.\s]*$"
    r"|^(?:what|which|how many)\s+(?:documents|files)\s+(?:do you have|are there|are indexed|can i (?:see|search)|are available)[?.\s]*$"
)
_HAND_OVER = re.compile(  # what is asked about the staff right behind its name is no request for it
    r"(?:转(?:接)?人工|人工(?:客服|服务|坐席)|(?:找|要|换|叫)(?:个|一个|一位)?(?:真人|人工))"
    r"(?!.{0,4}(?:几点|何时|什么时候|时间|多久|多长|上班|下班|在线吗|收费|要钱))(?!(?:客服|服务|坐席)?的?(?:电话|热线))"
    r"|^(?!(?:when|what time|how long|how much)\b).*?\b(?:talk|speak|connect me|transfer(?: me)?)\s+(?:to|with)\s+"
    r"(?:a\s+)?(?:human|real person|person|agent|someone)"
)


class Rules:
    """The stage of rules, in this order: corrections, explicit choices, patterns, the general ones.

    Args:
        corrections: gives the right route of a question that was corrected.
        patterns: [[routing.rule]] of the project.
    """

    name = "rule"

    def __init__(
        self,
        corrections: Callable[[str], Right | None] = lambda question: None,
        patterns: Sequence[Rule] = (),
    ) -> None:
        self._corrections = corrections
        self._patterns = [(re.compile(one.pattern, re.IGNORECASE), one) for one in patterns]

    async def decide(self, asked: Asked) -> Decision | Passed:
        """Return what a rule decides; a rule about what the principal may not see does not apply."""
        right = await asyncio.to_thread(self._corrections, asked.text)
        if right is not None and _seen(asked, right.indexes, right.tool):
            return _match(
                asked,
                right.action,
                "this question was corrected",
                indexes=right.indexes,
                tools=[right.tool] if right.tool else [],
            )
        explicit = _explicit(asked)
        if explicit is not None:
            name, rest = explicit
            reason = f"the question names the index {name!r}"
            return _match(replace(asked, text=rest), "search", reason, indexes=[name])
        text = normalize(asked.text).strip()
        for pattern, one in self._patterns:
            indexes = [one.index] if one.index else []
            if (pattern.search(text) or pattern.search(asked.text)) and _seen(
                asked, indexes, one.tool
            ):
                action: Action = "act" if one.tool else "search" if indexes else "answer"
                tools = [one.tool] if one.tool else []
                reason = f"matches the pattern {one.pattern!r}"
                return _match(asked, action, reason, indexes=indexes, tools=tools)
        return _general(asked, text) or Passed("")


def _general(asked: Asked, text: str) -> Decision | None:
    talk = _small_talk(text)
    if talk is not None and f"{TALK}{talk}" in asked.names("talk"):
        return _match(asked, "answer", f"small talk: {talk}", talk=talk)
    if _HAND_OVER.search(text):
        return _match(asked, "act", "asks for a person", tools=[HAND_OVER])
    if _INVENTORY.search(text):
        return _match(asked, "act", "asks which documents there are", tools=[LIST_DOCUMENTS])
    if not content_terms(asked.text) and not any(char.isalpha() for char in text):
        return _match(asked, "clarify", "the question has no topic")
    return None


def _seen(asked: Asked, indexes: Sequence[str], tool: str | None) -> bool:
    tools = [*asked.names("tool"), HAND_OVER, LIST_DOCUMENTS]
    return set(indexes) <= set(asked.names("index")) and (tool is None or tool in tools)


def stands_alone(question: str) -> bool:
    """Say whether a question needs nothing from before by a rule: small talk, hand-over, inventory."""
    text = normalize(question).strip()
    asked = _HAND_OVER.search(text) or _INVENTORY.search(text)
    return asked is not None or _small_talk(text) is not None


def _match(
    asked: Asked,
    action: Action,
    reason: str,
    *,
    indexes: Sequence[str] = (),
    tools: Sequence[str] = (),
    talk: str | None = None,
) -> Decision:
    certain = [*indexes] or [NONE]
    probabilities = dict.fromkeys([*asked.names("index"), NONE], 0.0)
    probabilities |= {name: 1.0 / len(certain) for name in certain}
    asked = replace(asked, probabilities=probabilities)
    return Decision(make_route(asked, action, indexes, tools, 1.0, reason, "rule"), talk)


def _explicit(asked: Asked) -> tuple[str, str] | None:
    """Return the index that a question names and the rest of it: 「在财务报表里：…」, `/index finance …`."""
    indexes = [target for target in asked.targets if target.kind == "index"]
    names = {target.title.lower(): target.name for target in indexes if target.title}
    names |= {target.name.lower(): target.name for target in indexes}
    choices = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if not choices:
        return None
    quoted = rf"[《“\"'「]?(?P<name>{choices})[》”\"'」]?"
    match = re.match(
        rf"\s*(?:/index\s+{quoted}\s+|(?:请?(?:在|从|到|去|查|只查|in|from)\s*)?{quoted.replace('name', 'other', 1)}"
        r"\s*(?:里面|里|中|内)?\s*[:：]\s*)(?P<rest>\S.*)$",
        asked.text,
        re.IGNORECASE | re.DOTALL,
    )
    if match is None:
        return None
    return names[(match["name"] or match["other"]).lower()], match["rest"].strip()


def talk_targets() -> list[Target]:
    """Return the kinds of small talk as targets of the classifier."""
    return [
        Target(f"{TALK}{kind['name']}", "talk", "", "", tuple(kind["examples"]))
        for kind in texts("smalltalk", "kind")
    ]


def _small_talk(text: str) -> str | None:
    if len(text) > 60:
        return None
    return next(
        (name for name, patterns in _patterns() if any(p.search(text) for p in patterns)), None
    )


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, list[re.Pattern[str]]]]:
    kinds = texts("smalltalk", "kind")
    return [(kind["name"], [re.compile(p) for p in kind["patterns"]]) for kind in kinds]
