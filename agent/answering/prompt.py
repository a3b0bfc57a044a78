"""What the answerer's chat model is asked: rules, examples, the conversation, numbered sources, the question.

All but the rules are data: fenced, and written so that nothing in them can end a fence, number a source
or open a turn (`agent.answering.fences`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from agent.answering.extract import place
from agent.answering.fences import fenced, one_line, plain
from agent.answering.packing import LEAST, pack
from agent.answering.types import Source
from agent.answering.validity import told as told_validity
from agent.models import Message
from indexes.text import whole
from indexes.types import LocatedPassage
from prompts import PACKAGED, Prompts, texts

__all__ = [
    "NO_ANSWER",
    "AnswerPrompt",
    "answer_prompt",
    "is_no_answer",
    "may_become_no_answer",
    "shown_source",
    "sources_of",
]

Language = Literal["zh", "en"]
Count = Callable[[str], int]
NO_ANSWER = "NO_ANSWER"
RESULT = 4000  # characters of a tool's structured result
PER_MESSAGE = 8  # tokens that a chat's form takes beside a message's text
BETWEEN = 2  # tokens of the blank line between two sources
SURE = 0.9  # the share of the room up to which tokens need not be counted as they are sent
RECENT = 2  # messages of the conversation that stay when there is little room


@dataclass(frozen=True)
class AnswerPrompt:
    """What the model is asked, with the sources as it is shown them: what it says is compared with these.

    Args:
        messages: of OpenAI's chat form.
        sources: those kept, with their numbers; long ones are a stretch of their text.
        tokens: an upper bound of what the messages have.
    """

    messages: Sequence[Message]
    sources: Sequence[Source]
    tokens: int


def sources_of(
    passages: Sequence[LocatedPassage], calls: Sequence[Mapping[str, object]] = ()
) -> list[Source]:
    """Return numbered sources: the passages from 1 on, then the results of tools.

    A result's text has its call on the first line and then its `summary`, its text, or its fields as JSON.
    One that is an error, was not approved or is empty is no source.

    Args:
        passages: what was retrieved, best first.
        calls: the tool calls that were made, as `agent.tools.ToolCall`.
    """
    found = [
        Source(
            number,
            passage["text"],
            passage["title"],
            passage["index"],
            passage["document"],
            passage["uri"],
            passage["location"],
            passage.get("validity"),
        )
        for number, passage in enumerate(passages, 1)
    ]
    for call in calls:
        told = _told(call["result"])
        if told:
            name = str(call["name"])
            args = call["args"] if isinstance(call["args"], Mapping) else {}
            given = ", ".join(f"{key}={_json(value)}" for key, value in args.items())
            text = whole(f"{name}({given})\n{told}")
            found.append(Source(len(found) + 1, text, name, "", f"tool:{name}", "", {}))
    return found


def _told(result: object) -> str:
    """Return a tool's result as text; "" if there is nothing in it to cite."""
    if isinstance(result, str):
        return result.strip()
    if result is None or (isinstance(result, dict) and {"error", "rejected"} & set(result)):
        return ""
    if not isinstance(result, dict):
        return _bounded(result)
    summary = str(result.get("summary") or "").strip()
    rest = {key: value for key, value in result.items() if key != "summary"}
    return "\n".join(part for part in (summary, _bounded(rest) if rest else "") if part)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _bounded(value: Any) -> str:
    """Return data as JSON of bounded size; what is left out of a list or text is marked by "…"."""
    text = _json(value)
    for items, characters in ((50, 1000), (20, 400), (10, 200), (5, 100), (2, 50)):
        if len(text) <= RESULT:
            return text
        text = _json(_trimmed(value, items, characters))
    return text if len(text) <= RESULT else f"{text[:RESULT]}…"


def _trimmed(value: Any, items: int, characters: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= characters else f"{value[:characters]}…"
    if isinstance(value, Mapping):
        kept = {k: _trimmed(v, items, characters) for k, v in list(value.items())[: 2 * items]}
        return kept if len(value) <= 2 * items else {**kept, "…": f"+{len(value) - 2 * items}"}
    if isinstance(value, list | tuple):
        shown = [_trimmed(one, items, characters) for one in value[:items]]
        return shown if len(value) <= items else [*shown, f"… +{len(value) - items}"]
    return value


def shown_source(source: Source, language: Language) -> str:
    """Return a source as it stands in a prompt.

    Args:
        source: the source.
        language: of the words for its place.
    """
    title = one_line(source.title)
    if source.index:
        title = texts("messages", language)["documents_quote"].format(title=title)
    words = texts("messages", language)
    where = one_line(place(source.location, words))
    head = f"[{source.number}] {title} {where}".rstrip()
    validity = one_line(told_validity(source.validity, words, always=True))
    if validity:
        head = f"{head} {words['aside'].format(text=validity)}"
    return fenced("source", f"{head}\n{plain(source.text)}", id=source.number)


def answer_prompt(
    question: str,
    sources: Sequence[Source],
    support: Sequence[float],
    *,
    room: int,
    count: Count,
    language: Language,
    persona: str = "",
    examples: Sequence[tuple[str, str]] = (),
    conversation: Sequence[Message] = (),
    summary: str = "",
    prompts: Prompts = PACKAGED,
) -> AnswerPrompt | None:
    """Return what the answerer is asked; None if there is no room for even one source.

    Where room is short, first the conversation gives way, but for its end, then its summary, then the
    examples; the rest is the sources'.

    Args:
        question: the standalone question.
        sources: what may be cited (`sources_of`).
        support: how well each source supports an answer; those beyond it, tool results, count 1.
        room: the most tokens that the messages may have: of the model's input, and of the turn.
        count: counts the tokens of a text.
        language: of the instructions, and of the answer unless the question asks for another.
        persona: how the assistant introduces itself and speaks.
        examples: questions and answers that show the style.
        conversation: earlier turns, oldest first, each with `role` and `content`.
        summary: what was said before these.
        prompts: the project's prompts.
    """
    if not sources:
        return None

    def messages(shown: str, told: str, shots: Sequence[tuple[str, str]]) -> list[Message]:
        written = prompts.messages(
            "answer",
            language,
            persona=persona,
            conversation=told,
            sources=shown,
            question=plain(question),
        )
        turns: list[Message] = []
        for asked, answer in shots:
            turns += prompts.messages("answer_example", language, question=asked)
            turns.append({"role": "assistant", "content": answer})
        return [*written[:-1], *turns, written[-1]]

    def tokens(asked: Sequence[Message]) -> int:
        whole_text = "\n".join(str(message["content"]) for message in asked)
        return count(whole_text) + PER_MESSAGE * (len(asked) + 1)

    def talk(turns: Sequence[Message], before: str) -> str:
        said = _conversation(turns, before)
        return prompts.render("answer_conversation", language, turns=said) if said else ""

    plans = [
        (talk(conversation, summary), examples),
        (talk(conversation[-RECENT:], summary), examples),
        (talk(conversation[-RECENT:], ""), examples),
        ("", examples),
        ("", ()),
    ]

    @cache  # most sources are looked at several times
    def counted(text: str) -> int:
        return count(text) + BETWEEN

    wanted = sum(counted(shown_source(one, language)) for one in sources)
    for told, shots in plans:
        fixed = tokens(messages("", told, shots))
        if fixed <= room - min(wanted, room // 2):
            break
    left = room - fixed
    while left >= LEAST:
        kept = pack(
            sources,
            support,
            question=question,
            room=left,
            count=counted,
            shown=lambda source: shown_source(source, language),
        )
        written = [shown_source(one, language) for one in kept]
        asked = messages("\n\n".join(written), told, shots)
        needed = fixed + sum(map(counted, written))
        if needed > SURE * room:
            needed = tokens(asked)  # tokens may meet otherwise where texts are joined
        if kept and needed <= room:
            return AnswerPrompt(asked, kept, needed)
        left -= max(LEAST // 4, needed - room)
    return None


def _conversation(turns: Sequence[Message], summary: str) -> str:
    """Return earlier turns as data; the markers of earlier answers mean sources that are gone."""
    parts = [fenced("summary", plain(_unmarked(summary)))] if summary.strip() else []
    for turn in turns:
        role = "assistant" if turn["role"] == "assistant" else "user"
        text = plain(_unmarked(str(turn["content"]))).strip()
        if text:
            parts.append(fenced("turn", text, role=role))
    return "\n".join(parts)


def _unmarked(text: str) -> str:
    return _MARKERS.sub("", text)


_MARKERS = re.compile(r"[ \t]*[\[［【]\s*\d{1,3}\s*[\]］】]")
_CITED = re.compile(r"[\[［【]\s*\d{1,3}\s*[\]］】]")
HELD = 300  # characters of a reply within which it may say that there is no answer
_TOKEN = re.compile(r"(?<![A-Za-z])(?:(?i:NO[_＿\\]{1,2}ANSWER)|NO[ -]ANSWER)(?![A-Za-z])")
_AROUND = " \t\r\n.。,，:：;；!！?？`*_~#>-\"'“”‘’「」『』《》<>()（）[]{}\\"
_LEAD = r"(?:(?:很?抱歉|对不起|不好意思|根据|依据|从|基于|在)[^。！？\n]{0,20}?[，,]?)?"
_GOES_ON = re.compile(
    r"但是?|不过|然而|\bbut\b(?! the (?:sources|documents))|\bhowever\b", re.IGNORECASE
)
_SAID_SO = (
    re.compile(
        rf"{_LEAD}(?:(?:我|该|此|这个|以上|上述|现有|所给|给定|提供的?)*(?:资料|文档|信息|内容|来源|问题)?(?:中|里|内)?"
        r"(?:不足以|无法|不能|没有办法|未能|没法)(?:直接|准确|据此)?(?:回答|作答|得出|确定|判断|提供)"
        r"|(?:我|以上|上述|现有|所给|给定|提供的?)*(?:资料|文档|信息|来源)(?:中|里|内)?(?:并?没有|并?未|均未|不)"
        r"(?:提到|提及|包含|涉及|说明|给出|提供|找到|记载|相关|足够|回答|能回答)"
        r"|(?:没有找到|没有|无|未找到|找不到|暂无)(?:相关|足够|可用|任何)?的?(?:答案|回答|信息|资料|依据)|不知道|无答案)"
    ),
    re.compile(
        r"(?:(?:i am|i'm|i’m) )?(?:sorry|unfortunately)?[,. ]*(?:but )?(?:(?:based on|according to|from) [^.\n]{0,40}?,? ?)?"
        r"(?:(?:i|we) (?:do not|don't|don’t) (?:know|have)|(?:i|we) (?:cannot|can't|can’t|could not|am unable to|are unable to) (?:answer|find|determine|provide|tell)"
        r"|there is (?:no|not enough|insufficient) (?:answer|information|data)|no answer|no (?:relevant |such )?information"
        r"|(?:the |these |those |this |given |provided |available )*(?:sources?|documents?|texts?|information|context|passages?|question)"
        r" (?:provided )?(?:do not|does not|don't|doesn't|cannot|can't|did not|contain no|contains no|is insufficient|are insufficient|is not enough))",
        re.IGNORECASE,
    ),
)


def is_no_answer(text: str) -> bool:
    """Say whether a reply is that the sources do not answer: NO_ANSWER, dressed up or in other words.

    A reply with a marker, such as [1], says something beside that: no more than the word itself may
    have one.

    Args:
        text: the whole reply.
    """
    bare = _CITED.sub("", text).strip(_AROUND)
    if not bare or _TOKEN.fullmatch(bare.upper()):
        return True
    if _CITED.search(text):
        return False
    found = _TOKEN.search(text)
    if found is not None:
        return found.start() <= HELD
    return len(text) <= HELD and not _GOES_ON.search(bare) and any(s.match(bare) for s in _SAID_SO)


def may_become_no_answer(prefix: str) -> bool:
    """Say whether the beginning of a reply may still become one that `is_no_answer`.

    Args:
        prefix: what has come so far.
    """
    bare = _CITED.sub("", prefix).strip(_AROUND).upper()
    if NO_ANSWER.startswith(bare) or _TOKEN.fullmatch(bare):
        return True
    if _CITED.search(prefix):
        return False
    return len(prefix) <= HELD + 2 * len(NO_ANSWER) or is_no_answer(prefix)
