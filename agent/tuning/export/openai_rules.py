"""What OpenAI's documentation asks of files for supervised fine-tuning, checked line by line.

Sources, as they stand in November 2026: the guide https://developers.openai.com/api/docs/guides/supervised-fine-tuning
(at least 10 examples; a file of JSON Lines in the form of chat completions; each line ends with what the
assistant should say; calls as `tool_calls` with `tools`; `weight` 0 or 1), its page of best practices
(lines longer than the training context are cut off), the API reference of fine-tuning/chat-input (the
keys and roles) and of files (512 MB), and of chat completions (names of functions, at most 128 tools).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["CONTEXT", "LEAST_ROWS", "problems_in"]

LEAST_ROWS = 10
CONTEXT = 65_536  # tokens of one line, of gpt-4.1 and its smaller ones and of gpt-4o-mini
BYTES = 512_000_000
TOOLS = 128
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ROW_KEYS = {"messages", "tools", "parallel_tool_calls"}
ROLES = {"system", "developer", "user", "assistant", "tool"}
KEYS = {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "refusal"}


def problems_in(
    name: str, rows: Sequence[Any], tokens: Sequence[int], size: int, *, training: bool
) -> list[str]:
    """Return why OpenAI would refuse a file, or cut its lines; nothing if it would not.

    Args:
        name: of the file, for the messages.
        rows: its lines.
        tokens: of each line.
        size: bytes of the file.
        training: whether it is the file to train on, which must have some rows.
    """
    found = []
    if training and len(rows) < LEAST_ROWS:
        found.append(
            f"{name} has {len(rows)} rows; OpenAI takes no fewer than {LEAST_ROWS} to train on."
        )
    if size > BYTES:
        found.append(f"{name} has {size / 1e6:.0f} MB; OpenAI takes at most {BYTES / 1e6:.0f}.")
    for number, (row, count) in enumerate(zip(rows, tokens, strict=True), 1):
        found += [f"{name}, line {number}: {problem}." for problem in _of_row(row)]
        if count > CONTEXT:
            found.append(
                f"{name}, line {number}: {count} tokens, of which OpenAI cuts off those after {CONTEXT}."
            )
    return found


def _of_row(row: Any) -> Iterator[str]:
    if not isinstance(row, Mapping) or not isinstance(row.get("messages"), list):
        yield "it is no object with `messages`"
        return
    if unknown := sorted(set(row) - ROW_KEYS):
        yield f"it has unknown keys {unknown}"
    if not isinstance(row.get("parallel_tool_calls", True), bool):
        yield "`parallel_tool_calls` is neither true nor false"
    tools: dict[str, Mapping[str, Any]] = {}
    yield from _of_tools(row.get("tools", []), tools)
    messages = row["messages"]
    if not messages or not all(isinstance(one, Mapping) for one in messages):
        yield "`messages` is not a list of messages"
        return
    if messages[-1].get("role") != "assistant":
        yield "the last message is not the assistant's"
    if not any(one.get("role") == "user" for one in messages):
        yield "there is no message of the user"
    learned = [
        one for one in messages if one.get("role") == "assistant" and one.get("weight", 1) == 1
    ]
    if not learned:
        yield "there is no message of the assistant to learn"
    yield from _of_order(messages)
    for one in messages:
        yield from _of_message(one, tools)


def _of_order(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Check that instructions come first, and that results follow the calls that they are of."""
    waiting: set[str] = set()
    begun = False
    for one in messages:
        role = one.get("role")
        if role in {"system", "developer"} and begun:
            yield f"a {role} message stands after the conversation has begun"
        begun = begun or role in {"user", "assistant"}
        if role == "tool":
            if one.get("tool_call_id") not in waiting:
                yield "a tool's result is of no call before it"
            waiting.discard(str(one.get("tool_call_id")))
        elif waiting:
            yield "a call has no result, though the conversation goes on"
            waiting = set()
        if role == "assistant" and isinstance(one.get("tool_calls"), list):
            waiting = {str(call.get("id")) for call in one["tool_calls"]}


def _of_message(one: Mapping[str, Any], tools: Mapping[str, Any]) -> Iterator[str]:
    role, content, calls = one.get("role"), one.get("content"), one.get("tool_calls")
    if role not in ROLES:
        yield f"{role!r} is no role"
    if unknown := sorted(set(one) - KEYS):
        yield f"a message has unknown keys {unknown}"
    if "weight" in one and (role != "assistant" or one["weight"] not in (0, 1)):
        yield "`weight` is 0 or 1, and for the assistant alone"
    if calls is not None and role != "assistant":
        yield "only the assistant calls tools"
    if calls is None and not (isinstance(content, str) and content.strip()):
        yield f"a message of the {role} says nothing"
    for call in calls or ():
        yield from _of_call(call, tools)


def _of_call(call: Any, tools: Mapping[str, Any]) -> Iterator[str]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or call.get("type") != "function" or not call.get("id"):
        yield "a call has not `id`, `type` and `function`"
        return
    if function.get("name") not in tools:
        yield f"{function.get('name')!r} is called, which `tools` does not have"
    try:
        given = json.loads(function.get("arguments", ""))
    except (TypeError, ValueError):
        given = None
    if not isinstance(given, dict):
        yield "the arguments of a call are no JSON object in a text"
        return
    schema = tools.get(str(function.get("name")))
    if schema is not None:
        from jsonschema import Draft202012Validator

        for error in Draft202012Validator(schema).iter_errors(given):
            yield f"an argument of a call breaks the schema at {error.json_path}"


def _of_tools(tools: Any, known: dict[str, Mapping[str, Any]]) -> Iterator[str]:
    """Check the tools, and note their schemas by name."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(tools, list) or len(tools) > TOOLS:
        yield f"`tools` is no list of at most {TOOLS}"
        return
    for one in tools:
        function = one.get("function") if isinstance(one, Mapping) else None
        if not isinstance(function, Mapping) or one.get("type") != "function":
            yield "a tool has not `type` and `function`"
            continue
        name, schema = function.get("name"), function.get("parameters", {})
        if not isinstance(name, str) or NAME.fullmatch(name) is None:
            yield f"{name!r} is no name of a tool: 1 to 64 of a-z, A-Z, 0-9, _ and -"
            continue
        if name in known:
            yield f"two tools are named {name!r}"
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            yield f"the parameters of {name!r} are no JSON schema: {error.message}"
            schema = {}
        known[name] = schema
