"""Properties of a project's own schema, filled by a chat model from the sources and checked leaf by leaf."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from agent import observability
from agent.answering.fences import plain
from agent.answering.formats.plain import AnswerFormat
from agent.answering.formats.result import Result
from agent.answering.formats.schema import JsonFormat
from agent.answering.formats.values import MISSING, sound
from agent.answering.packing import LEAST, pack
from agent.answering.prompt import PER_MESSAGE, shown_source
from agent.answering.types import Source
from agent.errors import ModelError
from agent.models import Message
from agent.models.replies import Unusable, read_object
from agent.observability import STAGE_FAILED
from indexes.text import whole
from prompts import PACKAGED, Prompts

__all__ = ["Ask", "Supported", "written"]

Ask = Callable[[Sequence[Message], Mapping[str, Any]], Awaitable[str]]
Supported = Callable[[str], bool]


async def written(
    form: AnswerFormat,
    result: Result,
    sources: Sequence[Source] = (),
    *,
    ask: Ask | None = None,
    supported: Supported = lambda text: False,
    room: int = 0,
    count: Callable[[str], int] = len,
    prompts: Prompts = PACKAGED,
) -> str:
    """Return a finished turn in its form.

    A model is asked only for what a schema has beside the properties of every answer, and only if the
    answer is grounded. Its reply must keep to the schema; else it is asked once more, and then the JSON is
    made without it.

    Args:
        form: of the project's answers.
        result: the finished turn.
        sources: what the answer was written from.
        ask: sends messages with the JSON schema of the reply; None where no model may be asked.
        supported: says whether the sources support a text or number.
        room: the most tokens that the messages may have.
        count: counts the tokens of a text.
        prompts: the project's prompts.

    Raises:
        ConfigurationError: the schema has a rule that this answer does not keep to.
    """
    if not isinstance(form, JsonFormat) or ask is None or not sources or not result.grounded:
        return form.local(result)
    if form.asked is None:
        return form.local(result)
    messages = _messages(form.asked, result, sources, room=room, count=count, prompts=prompts)
    if messages is None:
        return form.local(result)
    try:
        filled = await _asked(form, messages, ask, result, room=room, count=count, prompts=prompts)
    except ModelError as error:
        observability.warning(STAGE_FAILED, stage="answer format", error=error.code)
        return form.local(result)
    value = form.value(result)
    for name, one in filled.items():
        kept = _checked(form, one, form.properties[name], supported)
        changed = {key: old for key, old in value.items() if key != name}
        if kept is not MISSING:
            changed[name] = kept
        if not form.problem(changed):
            value = changed
    return form.text(value)


def _messages(
    schema: Mapping[str, Any],
    result: Result,
    sources: Sequence[Source],
    *,
    room: int,
    count: Callable[[str], int],
    prompts: Prompts,
) -> list[Message] | None:
    """Return what the model is asked; None if there is no room for even one source."""

    def written_with(shown: str) -> list[Message]:
        return [
            *prompts.messages(
                "answer_json",
                result.language,
                question=plain(result.question),
                answer=plain(result.text),
                sources=shown,
                schema=json.dumps(schema, ensure_ascii=False),
            )
        ]

    left = room - _tokens(written_with(""), count)
    while left >= LEAST:
        kept = pack(
            sources,
            (),
            question=result.question,
            room=left,
            count=lambda text: count(text) + 2,  # the blank line between two
            shown=lambda source: shown_source(source, result.language),
        )
        asked = written_with("\n\n".join(shown_source(one, result.language) for one in kept))
        over = _tokens(asked, count) - room
        if kept and over <= 0:
            return asked
        left -= max(LEAST // 4, over)
    return None


def _tokens(messages: Sequence[Message], count: Callable[[str], int]) -> int:
    text = "\n".join(str(message["content"]) for message in messages)
    return count(text) + PER_MESSAGE * (len(messages) + 1)


async def _asked(
    form: JsonFormat,
    messages: list[Message],
    ask: Ask,
    result: Result,
    *,
    room: int,
    count: Callable[[str], int],
    prompts: Prompts,
) -> dict[str, Any]:
    """Return the object that the model made, at the second try if the first is unusable.

    Raises:
        ModelError: both were unusable, or `ask` failed.
    """
    asked = form.asked or {}
    reply = await ask(messages, asked)
    try:
        return _read(form, reply)
    except Unusable as error:
        told = prompts.messages("answer_json_again", result.language, problem=plain(str(error)))
        again = [*messages, {"role": "assistant", "content": reply}, *told]
        if _tokens(again, count) > room:
            raise ModelError(f"The model gave no JSON of the schema: {error}.") from error
    try:
        return _read(form, await ask(again, asked))
    except Unusable as error:
        raise ModelError(
            f"The model gave no JSON of the schema in two tries: {error}.",
            fix="name a model that keeps to a JSON format in [models] answerer.",
        ) from error


def _read(form: JsonFormat, reply: str) -> dict[str, Any]:
    """Return the reply's object.

    Raises:
        Unusable: it is no object of what was asked for.
    """
    found = read_object(reply)
    problem = (
        form.problem(found, form.asked) if sound(found) else "a number or the nesting has no end"
    )
    if problem:
        raise Unusable(problem)
    return found


def _checked(form: JsonFormat, value: Any, schema: Any, supported: Supported) -> Any:
    """Return a value of a model with nothing in it that the sources do not support.

    A text or number that they do not is replaced by what it would be without a model; where that is
    nothing, it is left out. What is neither text nor number stays.
    """
    own = form.shape(schema, value)
    empty = form.empty(schema)
    if value == empty and type(value) is type(empty):
        return value
    if isinstance(value, str):
        text = whole(value)
        return text if not text.strip() or supported(text) else empty
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value if supported(_figure(value)) else empty
    kept: Any
    if isinstance(value, list):
        items = [(one, _checked(form, one, own.get("items", True), supported)) for one in value]
        # an item that is left empty because nothing supports it is no item
        kept = [new for old, new in items if new is not MISSING and (new == old or _says(new))]
    else:
        kept = {}
        for name, one in value.items():
            known = name in own.get("properties", {})
            part = own["properties"][name] if known else own.get("additionalProperties", True)
            new = _checked(form, one, part, supported)
            optional = name not in own.get("required", ())
            unsaid = new != one and not _says(new) and optional
            if new is not MISSING and not unsaid and (known or supported(whole(name))):
                kept[name] = new
    return kept if not form.problem(kept, schema) else empty


def _figure(value: float) -> str:
    """Return a number as sources have it: 1200 for 1200.0."""
    return str(int(value) if value == int(value) else value)


def _says(value: Any) -> bool:
    """Say whether a value says anything: it is neither null nor empty."""
    return value is not None and value not in ("", [], {})
