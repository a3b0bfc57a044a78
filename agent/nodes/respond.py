"""respond: write the answer from passages and tool results, or reply to small talk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph.runtime import Runtime

from agent import observability
from agent.answering import (
    Citation,
    Draft,
    Pieces,
    Quote,
    Source,
    answer_prompt,
    article_quote,
    compose,
    empty_draft,
    extract,
    location_at,
    outline,
    plain,
    sources_of,
    unnumbered,
)
from agent.answering.code import is_code
from agent.answering.differing import differences, differing_note
from agent.answering.links import opened
from agent.answering.validity import lapsed_documents, lapsed_note, with_validity
from agent.context import Context
from agent.errors import LimitError, ModelError
from agent.nodes.budget import Budget
from agent.nodes.common import (
    before_question,
    calls_left,
    covered,
    offered,
    requested,
    result_text,
    say,
    tell,
    with_contact,
    words,
)
from agent.nodes.remember import recent
from agent.observability import STAGE_FAILED
from agent.state import Judgement, PartJudgement, State, Usage
from agent.tools import Tool, ToolCall, failed
from indexes.types import LocatedPassage
from indexes.validity import asked_days

if TYPE_CHECKING:
    from agent.answering.generate import Reply

__all__ = ["respond"]

ROUNDS = 4  # of tool calls in a turn
MOST_OF_A_PART = 2  # quotations of one part where there are several


async def respond(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the answer, or request the calls that the model wants to make first."""
    if state["route"]["action"] == "answer":
        return await _reply(state, runtime)
    return await _generated(state, runtime) or _local(state, runtime)


def _local(
    state: State,
    runtime: Runtime[Context],
    *,
    usage: Usage | None = None,
    limit: str | None = None,
) -> dict[str, Any]:
    """Write the answer without a model: quotations, and what tools returned."""
    texts = words(state)
    parts = [_told(call, texts) for call in state["tool_calls"]]
    quotes = _quotes(state, runtime)
    draft = compose(quotes, state["passages"], texts)
    warning = lapsed_note(draft["citations"], texts)
    parts += [warning] if warning else []
    parts += [draft["text"]] if quotes else []
    differ = _differing(quotes, {place: place + 1 for place in range(len(quotes))}, state, runtime)
    parts += [differ] if differ else []
    if not parts:
        parts = [texts["rejected"]]
    elif state["route"]["action"] == "search":
        parts += [
            texts["part_missing"].format(question=state["parts"][position]["question"])
            for position in state["judgement"]["unanswered"]
        ]
    if limit is not None:
        parts.append(texts["limit_note"].format(limit=limit))
    backed = bool(quotes) or any(not failed(call) for call in state["tool_calls"])
    text = "\n\n".join(parts) if quotes else "\n".join(parts)
    text = tell(state, runtime, text)
    return {
        "draft": {**draft, "text": text, "grounded": backed, "support": 1.0},
        "outcome": state["route"]["action"],
        "limit": limit,
        "usage": usage or state["usage"],
    }


def _told(call: ToolCall, texts: Mapping[str, Any]) -> str:
    """Return what came of a call; of one that was not approved, that it was not, and why."""
    said = unnumbered(result_text(call))
    rejected = isinstance(call["result"], dict) and "rejected" in call["result"]
    return f"{texts['rejected']} {said}".strip() if rejected and said != texts["rejected"] else said


def _differing(
    quotes: Sequence[Quote], markers: Mapping[int, int], state: State, runtime: Runtime[Context]
) -> str:
    """Return a note of what regulations in force say differently, if they do."""
    question = asked_days(state["question"], today=runtime.context.resources.today()).text
    found = differences(question, quotes, state["passages"])
    return differing_note(found, quotes, state["passages"], markers, words(state))


def _quotes(state: State, runtime: Runtime[Context]) -> list[Quote]:
    """Return the stretches that answer each part, as quotations from the turn's passages.

    What the best of them refer to comes after them.
    """
    today = runtime.context.resources.today()
    judgement, passages = state["judgement"], state["passages"]
    best: dict[int, int] = {}
    for position, (part, judged) in enumerate(
        zip(state["parts"], judgement["parts"], strict=False)
    ):
        known = best.get(part["of"])
        if judged["sufficient"] and (
            known is None or judged["score"] > judgement["parts"][known]["score"]
        ):
            best[part["of"]] = position
    quotes: dict[tuple[int, str], Quote] = {}
    for position in best.values():
        judged = judgement["parts"][position]
        ordered = [passages[place] for place in judged["order"]]
        if judged["section"] > 1:
            found = outline(ordered[: judged["section"]])
        else:
            query = state["parts"][position]["query"]
            if any("validity" in passage for passage in ordered):
                query = asked_days(query, today=today).text
            found = extract(query, ordered, judged["support"], judged["weights"])
        found = found[: MOST_OF_A_PART if len(best) > 1 else None]
        for quote in [*found, *_related(found, judged, passages)]:
            place = judged["order"][quote.passage]
            quotes.setdefault((place, quote.text), replace(quote, passage=place))
    return list(quotes.values())


def _related(
    found: Sequence[Quote], judged: PartJudgement, passages: Sequence[LocatedPassage]
) -> list[Quote]:
    """Return the articles that a part's quotations refer to, as far as they are not quoted."""
    out: list[Quote] = []
    for one in judged.get("related", []):
        quote = article_quote(passages[judged["order"][one["rank"]]], one["rank"], one["article"])
        if quote is not None and not any(quote.text in known.text for known in found):
            out.append(quote)
    return out


async def _generated(state: State, runtime: Runtime[Context]) -> dict[str, Any] | None:
    """Let the chat model write, if there is one; where it cannot, the local answer says why."""
    resources = runtime.context.resources
    model = resources.models.get("answerer")
    if model is None or (state["rounds"] and all(map(failed, state["tool_calls"]))):
        return None
    budget = Budget(state, runtime.context)
    out = _Out(state, runtime)
    try:
        if budget.reached is not None:
            raise LimitError(budget.reached)
        reply = await _asked(state, runtime, budget, out)
    except ModelError as error:
        out.restart()
        observability.warning(STAGE_FAILED, stage="answerer", error=error.code)
        limit = error.limit if isinstance(error, LimitError) else budget.reached
        return _local(state, runtime, usage=budget.usage, limit=limit)
    if reply is None:
        return _local(state, runtime, usage=budget.usage)
    plans = requested(reply.calls, state, runtime.context)
    if plans:
        return {"plans": plans, "outcome": "act", "draft": empty_draft(), "usage": budget.usage}
    if reply.draft is not None:
        draft = _located(reply.draft, state)
        return {
            "draft": _noted(draft, state, runtime, out),
            "outcome": state["route"]["action"],
            "usage": budget.usage,
        }
    if reply.silent and not state["tool_calls"]:
        return {
            "judgement": _refuted(state),
            "denied": [*state["denied"], *(one["chunk_id"] for one in state["passages"])],
            "draft": empty_draft(),
            "outcome": "abstain",
            "usage": budget.usage,
        }
    out.restart()  # something was shown, but it claims nothing
    return _local(state, runtime, usage=budget.usage)


async def _asked(
    state: State, runtime: Runtime[Context], budget: Budget, out: _Out
) -> Reply | None:
    """Return what the answerer's model makes of the sources; None if there is no room for any."""
    from agent.answering.generate import generate
    from agent.answering.verification import Verifier

    resources = runtime.context.resources
    model = resources.models["answerer"]
    settings, language = resources.settings, state["language"]
    sources, support = _sources(state)
    room = budget.tokens * 3 // 4  # the rest is the reply's
    history = recent(before_question(state), settings.limits.history_tokens)
    prompt = await asyncio.to_thread(  # counting tokens may have to wait for a download
        partial(
            answer_prompt,
            state["question"],
            sources,
            support,
            room=min(model.input_tokens, room),
            count=model.count,
            language=language,
            persona=settings.project.persona,
            examples=[(one.question, one.answer) for one in settings.answer.example],
            conversation=[
                {"role": "user" if one.type == "human" else "assistant", "content": one.content}
                for one in history
            ],
            summary=state.get("summary", ""),
            prompts=resources.prompts,
        )
    )
    if prompt is None:
        if sources and room < model.input_tokens:
            raise LimitError("tokens")
        return None
    tools = _offered(state, runtime.context)
    return await generate(
        partial(budget.ask, model),
        prompt,
        Verifier(with_validity(prompt.sources, words(state)), state["question"]),
        out,
        unsupported=settings.answer.unsupported,
        flag=words(state)["unsupported_flag"],
        repair=lambda problems: resources.prompts.render("repair", language, problems=problems),
        tools=[tool.for_model() for tool in tools],
    )


def _sources(state: State) -> tuple[list[Source], list[float]]:
    """Return the passages and tool results as numbered sources, and how much each passage is worth."""
    worth = [0.0] * len(state["passages"])
    for judged in state["judgement"]["parts"]:
        for place, support in zip(judged["order"], judged["support"], strict=True):
            worth[place] = max(worth[place], support)
    return sources_of(state["passages"], state["tool_calls"]), worth


def _offered(state: State, context: Context) -> list[Tool]:
    """Return the tools that the model may call before it answers: after a call that succeeded, a few more."""
    again = 0 < state["rounds"] < ROUNDS and calls_left(state, context) > 0
    return offered(state, context) if again else []


def _located(draft: Draft, state: State) -> Draft:
    """Return a draft whose citations say where in its passage a quotation begins."""
    citations: list[Citation] = []
    for citation in draft["citations"]:
        if citation["index"]:
            passage = state["passages"][citation["marker"] - 1]
            offset = max(passage["text"].find(citation["text"]), 0)
            location = location_at(passage, offset)
            uri = opened(passage["uri"], location, citation["text"])
            citation = {**citation, "location": location, "uri": uri}
        citations.append(citation)
    return {**draft, "citations": citations}


def _noted(draft: Draft, state: State, runtime: Runtime[Context], out: _Out) -> Draft:
    """Return a draft that says what its writer may have left out.

    That is: which cited documents do not hold on the days asked about, and where those that do differ.
    """
    texts, passages = words(state), state["passages"]
    cited = list(draft["citations"])
    notes = []
    lapsed = lapsed_documents(cited, texts)
    if lapsed:
        listed = texts["list_separator"].join(lapsed)
        notes.append(texts["lapsed_cited"].format(documents=listed))
    used = {passages[one["marker"] - 1]["document"] for one in cited if one["index"]}
    dated = {one["document"] for one in passages if "validity" in one}
    comparable = _quotes(state, runtime) if len(dated) > 1 else []
    quotes = [one for one in comparable if not one.related]
    if used & {passages[one.passage]["document"] for one in quotes}:
        markers = {place: quote.passage + 1 for place, quote in enumerate(quotes)}
        differ = _differing(quotes, markers, state, runtime)
        if differ:
            notes.append(differ)
            sources = sources_of(passages)
            known = {one["marker"] for one in cited}
            cited += [
                sources[quote.passage].cited(quote.text, quote.location)
                for quote in quotes
                if quote.passage + 1 not in known and f"[{quote.passage + 1}]" in differ
            ]
    if not notes:
        return draft
    added = out.token("\n\n" + "\n".join(notes))
    return {**draft, "text": f"{draft['text']}{added}", "citations": cited}


def _refuted(state: State) -> Judgement:
    """Return the judgement of passages in which the model found no answer."""
    asked = [place for place, part in enumerate(state["parts"]) if part["of"] == place]
    return {**state["judgement"], "sufficient": False, "unanswered": asked}


class _Out:
    """Sends an answer as it is written to those who read the stream."""

    def __init__(self, state: State, runtime: Runtime[Context]) -> None:
        self._state = state
        self._runtime = runtime
        self._said = False
        self._pieces = self._begun()

    def token(self, text: str) -> str:
        """Show a further piece, and return it as it is shown."""
        self._said = True
        return tell(self._state, self._runtime, text, self._pieces)

    def restart(self) -> None:
        """Withdraw what was shown, if anything was."""
        if self._said:
            say(self._runtime, "restart")
        self._said = False
        self._pieces = self._begun()

    def _begun(self) -> Pieces | None:
        """Return what knows a code block from the rest, where sources are code: it stays as it stands."""
        passages = self._state["passages"]
        quoted = any(is_code(one["document"], one["location"]) for one in passages)
        return Pieces() if quoted else None


async def _reply(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Small talk, or a question that nothing covers."""
    context = runtime.context
    project = context.resources.settings.project
    messages = words(state)
    if state["talk"] is not None:
        persona = project.persona or project.name
        reply = context.resources.prompts.small_talk(state["talk"], state["language"])
        text = reply.format(persona=persona, covered=covered(state, context))
        return _said(state, runtime, text, "answer")
    outside: str = messages["outside"].format(covered=covered(state, context))
    model = context.resources.models.get("answerer")
    if context.resources.settings.routing.outside == "model" and model is not None:
        budget, out = Budget(state, context), _Out(state, runtime)
        prompt = context.resources.prompts.messages(
            "outside", state["language"], persona=project.persona, question=plain(state["question"])
        )
        limit: str | None = None
        from agent.answering.generate import unsourced

        try:
            text = await unsourced(partial(budget.ask, model), prompt, out, persona=project.persona)
        except ModelError as error:
            text, limit = "", error.limit if isinstance(error, LimitError) else budget.reached
            observability.warning(STAGE_FAILED, stage="answerer", error=error.code)
        if text.strip():
            return {
                "draft": {**empty_draft(), "text": text},
                "outcome": "answer",
                "usage": budget.usage,
            }
        out.restart()
        text = with_contact(state, context, outside)
        if limit is not None:
            text = f"{text} {messages['limit_note'].format(limit=limit)}"
        told = _said(state, runtime, text, "abstain")
        return {**told, "usage": budget.usage, "limit": limit}
    return _said(state, runtime, with_contact(state, context, outside), "abstain")


def _said(state: State, runtime: Runtime[Context], text: str, outcome: str) -> dict[str, Any]:
    text = tell(state, runtime, text)
    return {"draft": {**empty_draft(), "text": text}, "outcome": outcome}
