"""prepare: a clean turn, and a question that can be understood without what came before."""

from __future__ import annotations

import re
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from agent import observability
from agent.context import Context, Resources
from agent.errors import ModelError, UsageError
from agent.nodes.common import after, budget_left
from agent.observability import STAGE_FAILED
from agent.routing import Slot, Standalone, ask_standalone, standalone, stands_alone
from agent.settings import Limits
from agent.state import Previous, State, Usage
from agent.tools import fill_arguments, find_slots
from indexes.text import chinese_number, content_terms, language

__all__ = ["checked", "prepare"]

_CHOICE = re.compile(
    r"(?:选|要|就)?第?([一二三四五六七八九十\d]{1,3})个?吧?|(?:the )?(first|second|third|fourth|fifth)(?: one)?|(?:option |number |no\. ?|#)?(\d{1,2})",
    re.IGNORECASE,
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}


async def prepare(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Reset what belongs to one turn and make the question stand alone."""
    resources = runtime.context.resources
    asked = checked(_last_question(state["messages"]), resources.settings.limits)
    letters = bool(content_terms(asked)) or any(char.isalpha() for char in asked)
    previous = state.get("previous")
    found = _stand_alone(asked, previous, resources)
    usage: Usage = {"model_calls": 0, "input_tokens": 0, "output_tokens": 0}
    if previous is not None:
        found, usage = await _asked_model(
            asked, found, previous["question"], usage, runtime.context
        )
    return {
        "question": found.text,
        "topic": found.topic,
        "alternative": found.alternative,
        "language": language(asked) if letters else resources.settings.project.language,
        "found": Overwrite([]),
        "timings": Overwrite({}),
        "searched": [],
        "passages": [],
        "judgement": {
            "sufficient": False,
            "score": 0.0,
            "support": [],
            "missing": [],
            "section": 0,
            "weights": {},
        },
        "rewrites": 0,
        "plans": [],
        "unknown": [],
        "tool_calls": [],
        "draft": {"text": "", "citations": []},
        "limit": None,
        "usage": usage,
    }


def checked(question: str, limits: Limits) -> str:
    """Return a question without blanks around it.

    Raises:
        UsageError: it is empty or too long.
    """
    text = question.encode("utf-8", "replace").decode().strip()  # half a character is no text
    if not text:
        raise UsageError("The question is empty.", fix="ask something.")
    most = limits.question_characters
    if len(text) > most:
        raise UsageError(
            f"The question has {len(text)} characters; the limit is {most}.",
            fix="shorten it, or ingest the long text as a document and ask about that.",
        )
    return text


def _last_question(messages: list[Any]) -> str:
    if not messages or messages[-1].type != "human":
        return ""  # nothing was asked
    content = messages[-1].content
    if isinstance(content, str):
        return content.strip()
    return "".join(block.get("text", "") for block in content if isinstance(block, dict)).strip()


def _stand_alone(asked: str, previous: Previous | None, resources: Resources) -> Standalone:
    if previous is None or stands_alone(asked):
        return Standalone(asked, "")
    topic = previous["topic"]
    completed = _completed(asked, previous, resources)
    if completed is not None:
        return Standalone(f"{previous['question']} {completed}", topic)
    tools = list(resources.tools.values())

    def slots(text: str) -> list[Slot]:
        return [Slot(s.argument, s.value, s.start, s.end) for s in find_slots(tools, text)]

    return standalone(asked, previous["question"], slots, topic)


def _completed(asked: str, previous: Previous, resources: Resources) -> str | None:
    """Return what a tool call lacked, if this is the answer to what was asked back for it."""
    call = previous["open_call"]
    if call is None or call["name"] not in resources.tools:
        return None
    tool = resources.tools[call["name"]]
    filled = fill_arguments(tool, asked, today=resources.today())
    if set(filled.args) - set(call["args"]) and len(content_terms(asked)) <= len(filled.args) + 2:
        return asked
    lacking = [one for one in filled.missing if one.name not in call["args"] and one.choices]
    chosen = _CHOICE.fullmatch(asked.strip(" 。.!！"))
    if len(lacking) != 1 or chosen is None:
        return None
    number = next(group for group in chosen.groups() if group)
    place = _ORDINALS.get(number.lower()) or chinese_number(number)
    choices = lacking[0].choices
    return choices[place - 1] if 0 < place <= len(choices) else None


async def _asked_model(
    asked: str, local: Standalone, previous: str, usage: Usage, context: Context
) -> tuple[Standalone, Usage]:
    """Let the router's chat model better a reading that is a guess; if it fails, the guess stays."""
    model = context.resources.router_model
    if local.sure or model is None or not budget_left({"usage": usage}, context):
        return local, usage

    async def complete(prompt: str) -> str:
        nonlocal usage
        completion = await model.complete(prompt)
        usage = after(usage, completion)
        return completion.text

    try:
        text = await ask_standalone(asked, previous, complete, language(asked))
    except ModelError as error:
        observability.warning(STAGE_FAILED, stage="follow-up model", error=error.code)
        return local, usage
    return Standalone(text, local.topic), usage
