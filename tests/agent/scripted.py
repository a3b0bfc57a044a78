"""A chat model that says what a test wrote for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from agent.models import ChatModel

__all__ = ["Calls", "Scripted", "Streaming", "scripted"]

Calls = Sequence[tuple[str, dict[str, Any]]]


class Streaming(BaseChatModel):
    """A chat model of which only `_stream` has to be written; tools may be offered to it."""

    @property
    def _llm_type(self) -> str:
        return "test"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Pass the tools on to `_stream`."""
        return self.bind(tools=tools, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = "".join(str(c.message.content) for c in self._stream(messages))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


class Scripted(Streaming):
    """A chat model that streams prepared replies, and remembers what it was asked and offered.

    A reply is a text, or the calls of tools that it makes. An empty list of replies means that the
    endpoint fails; `fail_after` is after how many characters it is cut off.
    """

    replies: list[Any]
    prompts: list[str]
    offered: list[list[str]]
    fail_after: int | None = None

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.prompts.append("\n".join(str(message.content) for message in messages))
        self.offered.append([_name(tool) for tool in kwargs.get("tools", ())])
        if not self.replies:
            raise ConnectionError("unreachable")
        reply = self.replies.pop(0)
        if isinstance(reply, str):
            for start in range(0, max(len(reply), 1), 5):
                if self.fail_after is not None and start >= self.fail_after:
                    raise ConnectionError("cut off")
                piece = AIMessageChunk(content=reply[start : start + 5])
                yield ChatGenerationChunk(message=piece)
        else:
            chunks: list[Any] = [
                {
                    "name": name,
                    "args": json.dumps(args),
                    "id": f"call-{place}",
                    "index": place,
                    "type": "tool_call_chunk",
                }
                for place, (name, args) in enumerate(reply)
            ]
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=chunks))
        usage = UsageMetadata(input_tokens=100, output_tokens=7, total_tokens=107)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=usage))


def _name(tool: Any) -> str:
    return str(tool["function"]["name"] if isinstance(tool, dict) else tool.name)


def scripted(*replies: str | Calls, fail_after: int | None = None) -> tuple[Scripted, ChatModel]:
    """Return a scripted model, and it as Waypost asks it."""
    model = Scripted(replies=list(replies), prompts=[], offered=[], fail_after=fail_after)
    return model, ChatModel.of(model, name="scripted")
