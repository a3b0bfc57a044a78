"""respond: write the answer from passages and tool results, or reply to small talk."""

from __future__ import annotations

import json
from typing import Any

from langgraph.runtime import Runtime

from agent import observability
from agent.answering import compose, extract, generate, outline
from agent.context import Context
from agent.errors import ModelError
from agent.nodes.common import after, covered, limit_reached, say, words
from agent.observability import STAGE_FAILED
from agent.state import State
from agent.tools import ToolCall
from prompts import texts

__all__ = ["respond", "result_text"]


async def respond(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the answer."""
    action = state["route"]["action"]
    if action == "answer":
        return await _reply(state, runtime)
    generated = await _generated(state, runtime)
    if generated is not None:
        return {**generated, "outcome": generated.get("outcome", action)}
    if action == "act":
        update = _from_tools(state)
    else:
        judgement = state["judgement"]
        passages = state["passages"]
        if judgement["section"] > 1:
            quotes = outline(passages[: judgement["section"]])
        else:
            quotes = extract(state["query"], passages, judgement["support"], judgement["weights"])
        update = {"draft": compose(quotes, state["passages"], words(state))}
    say(runtime, "token", text=update["draft"]["text"])
    limit = limit_reached(state, runtime.context)
    has_model = runtime.context.resources.answerer is not None
    return {**update, "outcome": action, "limit": limit if has_model else None}


async def _generated(state: State, runtime: Runtime[Context]) -> dict[str, Any] | None:
    """Let the chat model write, if there is one, it may be asked, and it succeeds."""
    resources = runtime.context.resources
    model = resources.answerer
    results = [result_text(call) for call in state["tool_calls"]]
    failed = any("error" in r for c in state["tool_calls"] if isinstance(r := c["result"], dict))
    if model is None or failed or limit_reached(state, runtime.context) is not None:
        return None
    if not state["passages"] and not results:
        return None
    try:
        reply = await generate(
            model,
            state["question"],
            state["passages"],
            results,
            persona=resources.settings.project.persona,
            language=state["language"],
            on_token=lambda token: say(runtime, "token", text=token),
        )
    except ModelError as error:
        observability.warning(STAGE_FAILED, stage="answerer", error=error.code)
        return None
    usage = after(state["usage"], reply.completion)
    if reply.draft is None:
        return {"usage": usage, "outcome": "abstain"} if not results else None
    return {"draft": reply.draft, "usage": usage}


def _from_tools(state: State) -> dict[str, Any]:
    lines = [result_text(call) for call in state["tool_calls"]]
    return {"draft": {"text": "\n".join(lines) or words(state)["rejected"], "citations": []}}


def result_text(call: ToolCall) -> str:
    """Return a tool's result as people read it: its `summary`, its text, or its fields."""
    result = call["result"]
    if isinstance(result, dict):
        if "error" in result:
            return str(result["error"])
        if "summary" in result:
            return str(result["summary"])
        return "；".join(f"{key}: {value}" for key, value in result.items())
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)


async def _reply(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Small talk, or a question that nothing covers."""
    context = runtime.context
    project = context.resources.settings.project
    messages = words(state)
    if state["talk"] is not None:
        kind = next(one for one in texts("smalltalk", "kind") if one["name"] == state["talk"])
        persona = project.persona or project.name
        text = kind[state["language"]].format(persona=persona, covered=covered(state, context))
        say(runtime, "token", text=text)
        return {"draft": {"text": text, "citations": []}, "outcome": "answer"}
    routing, model = context.resources.settings.routing, context.resources.answerer
    if routing.outside == "model" and model is not None and limit_reached(state, context) is None:
        try:
            completion = await model.complete(
                f"{project.persona}\n\n{state['question']}",
                lambda token: say(runtime, "token", text=token),
            )
        except ModelError as error:
            observability.warning(STAGE_FAILED, stage="answerer", error=error.code)
        else:
            return {
                "draft": {"text": completion.text, "citations": []},
                "outcome": "answer",
                "usage": after(state["usage"], completion),
            }
    text = messages["outside"].format(covered=covered(state, context))
    say(runtime, "token", text=text)
    return {"draft": {"text": text, "citations": []}, "outcome": "abstain"}
