"""Why the last question was treated as it was: what each stage of the graph said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.answering.formats.result import level
from agent.cli.chat.words import Words
from agent.state import Answer

__all__ = ["call_line", "explained", "used"]

BARS = 20  # columns of a candidate's bar
CANDIDATES = 5
SHOWN = 8  # times of stages
_BAD = {"failed": "error", "rejected": "rejected"}


def explained(answer: Answer, values: Mapping[str, Any], words: Words) -> list[str]:
    """Return the lines of /why.

    Args:
        answer: the last answer.
        values: the state of its thread.
        words: the chat's texts.
    """
    route = answer["route"]
    targets = [one["name"] for one in route["indexes"]] + route["tools"]
    lines = [
        words("question", text=route["question"]),
        words(
            "route", action=route["action"], targets=" ".join(targets),
            decided_by=route["decided_by"], reason=route["reason"],
        ),
    ]  # fmt: skip
    for one in route["candidates"][:CANDIDATES]:
        bar = "█" * round(BARS * one["confidence"])
        lines.append(f"  {one['confidence']:.2f} {one['name']} {bar}".rstrip())
    lines += [*_searched(values, words), *_called(answer, words)]
    lines.append(_checked(answer, values, words))
    sure = words.message(f"confidence_{level(answer['confidence'])}")
    lines.append(words("confidence", level=sure, number=answer["confidence"]))
    if answer["limit"]:
        lines.append(words("limited", limit=answer["limit"]))
    lines.append(_usage("usage_turn", answer["usage"], words))
    slowest = sorted(answer["timings_ms"].items(), key=lambda one: -one[1])[:SHOWN]
    lines.append(words("times", times=words.listed([f"{n} {ms:,.0f} ms" for n, ms in slowest])))
    return lines


def used(answer: Answer, values: Mapping[str, Any], words: Words) -> list[str]:
    """Return the lines of /usage: what the turn cost, and the conversation."""
    lines = [_usage("usage_turn", answer["usage"], words)]
    if spent := values.get("spent"):
        lines.append(_usage("usage_thread", spent, words))
    if answer["limit"]:
        lines.append(words("limited", limit=answer["limit"]))
    return lines


def _searched(values: Mapping[str, Any], words: Words) -> list[str]:
    lines = []
    judgement = values.get("judgement")
    parts = values.get("parts", ())
    if len(parts) > 1:
        for part in parts:
            names = words.listed(list(part["indexes"]) or list(part["tools"]))
            lines.append("  " + words("part", question=part["question"], indexes=names))
    if judgement and judgement["parts"]:
        verdict = words("enough" if judgement["sufficient"] else "not_enough")
        found = len(values.get("passages", ()))
        lines.append(words("judged", count=found, verdict=verdict, score=judgement["score"]))
        missing = dict.fromkeys(term for one in judgement["parts"] for term in one["missing"])
        if missing:
            lines.append("  " + words("missing", terms=words.listed(list(missing))))
    if rewrites := values.get("rewrites"):
        lines.append(words("rewritten", count=rewrites))
    return lines


def _called(answer: Answer, words: Words) -> list[str]:
    return [call_line(call, words) for call in answer["tool_calls"]]


def call_line(call: Mapping[str, Any], words: Words) -> str:
    """Return a tool call on one line."""
    result = call["result"]
    key = "called"
    if isinstance(result, dict):
        key = next((f"called_{word}" for word in _BAD if _BAD[word] in result), "called")
    args = words.listed([f"{name}: {value}" for name, value in call["args"].items()])
    return words(key, tool=call["name"], args=args)


def _checked(answer: Answer, values: Mapping[str, Any], words: Words) -> str:
    if not answer["citations"] and not answer["grounded"]:
        return words("unchecked")
    if answer["grounded"]:
        return words("checked_good")
    problems = values.get("draft", {}).get("problems", [])
    return words("checked_bad", problems=words.listed(list(problems))).strip()


def _usage(key: str, usage: Mapping[str, Any], words: Words) -> str:
    cost = words("cost", cost=usage["cost"]) if "cost" in usage else ""
    return words(key, **{**usage, "cost": cost})
