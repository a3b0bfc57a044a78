"""A sample as a line of a file: OpenAI's chat form, LLaMA-Factory's two forms, prompt and completion.

Sources: https://platform.openai.com/docs/api-reference/fine-tuning/chat-input and LLaMA-Factory's
data/README.md. A form without calls (alpaca, prompt-completion) has the tool's name alone as the reply to
the bare question: small models learn the choice so, and arguments are filled in otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.models import Message, ToolSchema
from agent.tuning.export.types import Format, Sample, Task

__all__ = ["row_of", "text_of"]

Row = dict[str, Any]
_ROLES = {"user": "human", "assistant": "gpt"}


def row_of(sample: Sample, task: Task, form: Format) -> Row:
    """Return a sample as a line of a format.

    Args:
        sample: the sample.
        task: what it teaches.
        form: of the file.
    """
    return _WRITERS[form](sample, task)


def text_of(row: Mapping[str, Any]) -> str:
    """Return all that a model reads and writes of a line, to count its tokens.

    Args:
        row: of any format.
    """
    return "\n".join(_texts(row))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        tools = value.get("tools")
        schemas = json.dumps(tools, ensure_ascii=False) if isinstance(tools, list) else tools or ""
        own = [text for key, one in value.items() if key != "tools" for text in _texts(one)]
        return [*own, schemas]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return []


def _openai(sample: Sample, task: Task) -> Row:
    messages = [
        # an example of the prompt is not what is to be learned
        {**one, "weight": 0} if one["role"] == "assistant" else dict(one)
        for one in sample.messages
    ]
    if sample.calls:
        calls = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": call["name"],
                    "arguments": json.dumps(call["args"], ensure_ascii=False),
                },
            }
            for number, call in enumerate(sample.calls, 1)
        ]
        row: Row = {"messages": [*messages, {"role": "assistant", "tool_calls": calls}]}
    else:
        row = {"messages": [*messages, {"role": "assistant", "content": sample.reply}]}
    if sample.tools:
        row["tools"] = [{"type": "function", "function": _schema(one)} for one in sample.tools]
        row["parallel_tool_calls"] = True
    return row


def _sharegpt(sample: Sample, task: Task) -> Row:
    system, turns = _parted(sample.messages)
    conversation = [{"from": _ROLES[one["role"]], "value": str(one["content"])} for one in turns]
    if sample.calls:
        calls = [{"name": one["name"], "arguments": one["args"]} for one in sample.calls]
        said = json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)
        conversation.append({"from": "function_call", "value": said})
    else:
        conversation.append({"from": "gpt", "value": sample.reply})
    tools = [_schema(one) for one in sample.tools]
    return {
        "conversations": conversation,
        "system": system,
        "tools": json.dumps(tools, ensure_ascii=False) if tools else "",
    }


def _alpaca(sample: Sample, task: Task) -> Row:
    if task == "tools":
        return {"instruction": sample.question, "input": "", "output": sample.label, "system": "", "history": []}  # fmt: skip
    system, turns = _parted(sample.messages)
    shots = [str(one["content"]) for one in turns[:-1]]
    return {
        "instruction": str(turns[-1]["content"]),
        "input": "",
        "output": sample.reply,
        "system": system,
        "history": [list(pair) for pair in zip(shots[::2], shots[1::2], strict=True)],
    }


def _prompt_completion(sample: Sample, task: Task) -> Row:
    if task in {"router", "tools"}:
        return {"prompt": sample.question, "completion": sample.label}
    if task == "style":
        return {"prompt": sample.question, "completion": sample.reply}
    asked = "\n\n".join(str(one["content"]) for one in sample.messages)
    return {"prompt": asked, "completion": sample.reply}


def _parted(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """Return the system prompt, "" without one, and the turns."""
    system = "\n\n".join(str(one["content"]) for one in messages if one["role"] == "system")
    return system, [one for one in messages if one["role"] != "system"]


def _schema(tool: ToolSchema) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": {"type": "object", "properties": {}, **tool.parameters},
    }


_WRITERS: Mapping[Format, Callable[[Sample, Task], Row]] = {
    "openai": _openai,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "prompt-completion": _prompt_completion,
}
