"""The first stage: what needs no judgement. Small talk, explicit choices, inventory, hand-over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from agent.routing.types import NONE, Candidate, Decision, Route, Target
from indexes.text import content_terms, normalize
from prompts import texts

__all__ = ["TALK", "apply_rules", "stands_alone", "talk_targets"]

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
_HAND_OVER = re.compile(
    r"转(?:接)?人工|人工(?:客服|服务|坐席)|(?:找|要|换|叫)(?:个|一个|一位)?(?:真人|人工)|"
    r"(?:talk|speak|connect me|transfer(?: me)?)\s+(?:to|with)\s+(?:a\s+)?(?:human|real person|person|agent|someone)"
)


def apply_rules(question: str, targets: Sequence[Target]) -> Decision | None:
    """Return the route that a rule decides, or None.

    Args:
        question: the standalone question.
        targets: the indexes and tools that may be routed to.
    """
    indexes = [target for target in targets if target.kind == "index"]
    text = normalize(question).strip()
    talk = _small_talk(text)
    if talk is not None:
        return _match(question, indexes, "answer", f"small talk: {talk}", talk=talk)
    if _HAND_OVER.search(text):
        return _match(question, indexes, "act", "asks for a person", tools=[HAND_OVER])
    if _INVENTORY.search(text):
        return _match(
            question, indexes, "act", "asks which documents there are", tools=[LIST_DOCUMENTS]
        )
    explicit = _explicit(question, indexes)
    if explicit is not None:
        name, rest = explicit
        return _match(
            rest, indexes, "search", f"the question names the index {name!r}", chosen=name
        )
    if not content_terms(question):
        return _match(question, indexes, "clarify", "the question has no topic")
    return None


def stands_alone(question: str) -> bool:
    """Say whether a question needs nothing from before by a rule: small talk, hand-over, inventory."""
    text = normalize(question).strip()
    asked = _HAND_OVER.search(text) or _INVENTORY.search(text)
    return asked is not None or _small_talk(text) is not None


def _match(
    question: str,
    indexes: Sequence[Target],
    action: Any,
    reason: str,
    *,
    tools: list[str] | None = None,
    chosen: str | None = None,
    talk: str | None = None,
) -> Decision:
    certain = chosen or NONE
    names = [
        certain,
        *(t.name for t in indexes if t.name != certain),
        *([] if chosen is None else [NONE]),
    ]
    candidates: list[Candidate] = [
        {"name": name, "confidence": 1.0 if name == certain else 0.0} for name in names
    ]
    route: Route = {
        "question": question,
        "action": action,
        "indexes": [] if chosen is None else [{"name": chosen, "confidence": 1.0}],
        "tools": tools or [],
        "candidates": candidates,
        "confidence": 1.0,
        "reason": reason,
        "decided_by": "rule",
    }
    return Decision(route, talk)


def _explicit(question: str, indexes: Sequence[Target]) -> tuple[str, str] | None:
    """Return the index that a question names and the rest of it: 「在财务报表里：…」, `/index finance …`."""
    names = {}
    for target in indexes:
        names[target.name.lower()] = target.name
        names[target.title.lower()] = target.name
    choices = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if not choices:
        return None
    quoted = rf"[《“\"'「]?(?P<name>{choices})[》”\"'」]?"
    match = re.match(
        rf"\s*(?:/index\s+{quoted}\s+|(?:请?(?:在|从|到|去|查|只查|in|from)\s*)?{quoted.replace('name', 'other', 1)}"
        r"\s*(?:里面|里|中|内)?\s*[:：]\s*)(?P<rest>\S.*)$",
        question,
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
