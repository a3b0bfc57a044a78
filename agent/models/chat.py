"""Any OpenAI-compatible chat model, through langchain-openai, loaded when it is first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.errors import ConfigurationError, ModelError

__all__ = ["ChatModel", "Completion", "make_chat_model"]

TIMEOUT = 60.0
RETRIES = 2


@dataclass(frozen=True)
class Completion:
    """A model's reply and what it cost in tokens."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0


class ChatModel:
    """A chat model of one role.

    Args:
        name: the model's name at the endpoint, for messages.
        build: makes the LangChain model; called once, at the first question.
        internal: its tokens are not part of the answer and must not be streamed to people.
    """

    def __init__(self, name: str, build: Callable[[], Any], *, internal: bool) -> None:
        self.name = name
        self._build = build
        self._model: Any = None
        self._tags = ["nostream"] if internal else ["waypost:answer"]

    async def complete(
        self, prompt: str, on_token: Callable[[str], None] | None = None
    ) -> Completion:
        """Send a prompt and return the reply.

        Args:
            prompt: the whole prompt.
            on_token: told each piece of the reply as it comes.

        Raises:
            ModelError: the endpoint failed, refused or timed out.
        """
        if self._model is None:
            self._model = await asyncio.to_thread(self._build)
        config = {"tags": self._tags}
        parts: list[str] = []
        usage: dict[str, int] = {}
        try:
            async for chunk in self._model.astream(prompt, config=config):
                text = _text(chunk.content)
                parts.append(text)
                usage = dict(chunk.usage_metadata or usage)
                if text and on_token is not None:
                    on_token(text)
        except Exception as error:  # langchain-openai raises the errors of several libraries
            raise ModelError(
                f"The chat model {self.name!r} failed: {type(error).__name__}.",
                fix="check OPENAI_API_KEY, OPENAI_BASE_URL and the model's name.",
            ) from error
        return Completion(
            "".join(parts), usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content if isinstance(block, dict))


def make_chat_model(name: str, *, internal: bool) -> ChatModel | None:
    """Return the chat model that a setting names; None for "local".

    Args:
        name: "local" or "openai:<model>".
        internal: keep its tokens out of the answer's stream.
    """
    if name == "local":
        return None
    kind, _, model = name.partition(":")
    if kind != "openai" or not model:
        raise ConfigurationError(f"There is no chat model {name!r}.", fix="use 'openai:<model>'.")

    def build() -> Any:
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(
            model=model, temperature=0, timeout=TIMEOUT, max_retries=RETRIES, stream_usage=True
        )

    return ChatModel(model, build, internal=internal)
