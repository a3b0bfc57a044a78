"""prepare: a clean turn, and a question that can be understood without what came before."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any, Literal

from langgraph.config import get_config
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from agent import observability
from agent.answering import empty_draft
from agent.context import Context, Resources
from agent.errors import ModelError, UsageError
from agent.nodes.budget import Budget, no_usage
from agent.nodes.common import said, slots_of, words
from agent.observability import STAGE_FAILED
from agent.routing import Standalone, ask_standalone, standalone, stands_alone
from agent.settings import Limits
from agent.state import Previous, State
from agent.tools import fill_arguments
from indexes.text import chinese_number, content_terms, language

__all__ = ["checked", "prepare"]

_CHOICE = re.compile(
    r"(?:选|要|就)?第?([一二三四五六七八九十\d]{1,3})个?吧?|(?:the )?(first|second|third|fourth|fifth)(?: one)?|(?:option |number |no\. ?|#)?(\d{1,2})",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![A-Za-z\d])[A-Za-z]*[-_.#/]?\d[A-Za-z\d]*(?:[-_.#/][A-Za-z\d]+)*")
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}


async def prepare(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Reset what belongs to one turn and make the question stand alone."""
    resources = runtime.context.resources
    await resources.fresh()
    asked = checked(_last_question(state["messages"]), resources.settings.limits)
    previous = state.get("previous")
    found = _stand_alone(asked, previous, resources)
    deadline = time.time() + resources.settings.limits.seconds
    budget = Budget({**state, "usage": no_usage(), "deadline": deadline}, runtime.context)
    if previous is not None:
        found = await _asked_model(asked, found, previous["question"], budget, runtime.context)
    return {
        # what waited for an approval is dropped by the next question, and no longer said to wait
        "messages": [said(state, words(state)["rejected"], "act")]
        if state.get("approvals")
        else [],
        "question": found.text,
        "topic": found.topic,
        "alternative": found.alternative,
        "language": _language(asked, found.text) or resources.settings.project.language,
        "turn": _turn(runtime),
        "deadline": deadline,
        "found": Overwrite([]),
        "timings": Overwrite({}),
        "offered": [],
        "parts": [],
        "passages": [],
        "denied": [],
        "judgement": {"sufficient": False, "score": 0.0, "parts": [], "unanswered": []},
        "rewrites": 0,
        "plans": [],
        "approvals": [],
        "unknown": [],
        "tool_calls": [],
        "rounds": 0,
        "draft": empty_draft(),
        "limit": None,
        "usage": budget.usage,
    }


def _turn(runtime: Runtime[Context]) -> str:
    """Return the turn's id: on a server the run's, where only one turn is in it.

    A server that was killed may do a run again from its beginning, also one that had ended; the ledger of
    calls then has to know it.
    """
    where = runtime.execution_info
    if runtime.server_info is None or where is None or "|" in where.checkpoint_ns:
        return uuid.uuid4().hex
    run = str(get_config().get("configurable", {}).get("run_id", ""))
    return run.replace("-", "") or uuid.uuid4().hex


def _language(asked: str, whole: str) -> Literal["zh", "en"] | None:
    """Return the language of what was asked, else of it in full; codes and numbers are of none."""
    texts = (_CODE.sub(" ", text) for text in (asked, whole))
    return next((language(text) for text in texts if any(map(str.isalpha, text))), None)


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
    return standalone(asked, previous["question"], slots_of(resources), topic)


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
    asked: str, local: Standalone, previous: str, budget: Budget, context: Context
) -> Standalone:
    """Let the rewriter's chat model better a reading that is a guess; if it fails, the guess stays."""
    complete = None if local.sure else budget.completes(context.resources.models.get("rewriter"))
    if complete is None:
        return local
    try:
        text = await ask_standalone(
            asked, previous, complete, language(asked), prompts=context.resources.prompts
        )
    except ModelError as error:
        observability.warning(STAGE_FAILED, stage="follow-up model", error=error.code)
        return local
    return Standalone(text, local.topic)
