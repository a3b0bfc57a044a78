"""prepare: a clean turn, and a question that can be understood without what came before."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from agent.context import Context, Resources
from agent.errors import UsageError
from agent.routing import Slot, Standalone, standalone, stands_alone
from agent.settings import Limits
from agent.state import Previous, State
from agent.tools import fill_arguments, find_slots
from indexes.text import content_terms, language, names

__all__ = ["checked", "prepare"]


async def prepare(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Reset what belongs to one turn and make the question stand alone."""
    resources = runtime.context.resources
    asked = checked(_last_question(state["messages"]), resources.settings.limits)
    letters = bool(content_terms(asked)) or any(char.isalpha() for char in asked)
    found = _stand_alone(asked, state.get("previous"), resources)
    return {
        "question": found.text,
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
        "usage": {"model_calls": 0, "input_tokens": 0, "output_tokens": 0},
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
        return Standalone(asked)
    tools = list(resources.tools.values())
    call = previous["open_call"]
    if call is not None and call["name"] in resources.tools:
        tool = resources.tools[call["name"]]
        given = fill_arguments(tool, asked, today=resources.today()).args
        if set(given) - set(call["args"]) and len(content_terms(asked)) <= len(given) + 2:
            return Standalone(
                f"{previous['question']} {asked}"
            )  # the answer to what was asked back

    def slots(text: str) -> list[Slot]:
        found = [Slot(s.argument, s.value, s.start, s.end) for s in find_slots(tools, text)]
        for name in names(text):
            start = text.find(name)
            end = start + len(name)
            if not any(slot.start < end and start < slot.end for slot in found):
                found.append(Slot("name", name, start, end))
        return found

    return standalone(asked, previous["question"], slots)
