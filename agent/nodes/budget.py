"""What a turn may still ask of chat models."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent import observability
from agent.answering import visible
from agent.context import Context
from agent.errors import LimitError, ModelError
from agent.models import ChatModel, Completion, Message, ToolSchema
from agent.routing import Complete
from agent.settings import Limits
from agent.state import State, Usage

__all__ = ["Budget", "added", "no_usage"]

LONGEST = 50_000  # characters of a reply that are read, whatever the endpoint makes of its limit


def no_usage() -> Usage:
    """Return the usage of nothing."""
    return {"model_calls": 0, "input_tokens": 0, "output_tokens": 0}


def added(usage: Usage, more: Usage) -> Usage:
    """Return two usages together."""
    total: Usage = {
        "model_calls": usage["model_calls"] + more["model_calls"],
        "input_tokens": usage["input_tokens"] + more["input_tokens"],
        "output_tokens": usage["output_tokens"] + more["output_tokens"],
    }
    cost = usage.get("cost", 0.0) + more.get("cost", 0.0)
    return {**total, "cost": round(cost, 8)} if cost else total


class Budget:
    """Asks chat models within the limits of the turn and of its thread, and counts what that costs.

    Args:
        state: has the turn's usage so far, its deadline, and what the thread has spent before.
        context: has the limits.
    """

    def __init__(self, state: State, context: Context) -> None:
        self._limits: Limits = context.resources.settings.limits
        self._deadline = state["deadline"]
        self._spent = state.get("spent") or no_usage()
        self.usage: Usage = state["usage"]

    @property
    def reached(self) -> str | None:
        """The name of the limit that forbids another call, if one does."""
        if self.seconds <= 0:
            return "seconds"
        limits = self._limits
        total = added(self._spent, self.usage)
        for name, most, usage in (
            ("", limits, self.usage),
            ("thread.", limits.thread, total),
        ):
            if most.model_calls is not None and usage["model_calls"] >= most.model_calls:
                return f"{name}model_calls"
            if most.tokens is not None and _tokens(usage) >= most.tokens:
                return f"{name}tokens"
            if most.cost is not None and usage.get("cost", 0.0) >= most.cost:
                return f"{name}cost"
        return None

    @property
    def seconds(self) -> float:
        """What is left of the turn's time."""
        return self._deadline - time.time()

    @property
    def tokens(self) -> int:
        """What is left of the turn's and the thread's tokens."""
        left = [self._limits.tokens - _tokens(self.usage)]
        if self._limits.thread.tokens is not None:
            left.append(self._limits.thread.tokens - _tokens(added(self._spent, self.usage)))
        return max(min(left), 0)

    async def ask(
        self,
        model: ChatModel,
        prompt: str | Sequence[Message],
        *,
        on_token: Callable[[str], None] | None = None,
        on_restart: Callable[[], None] | None = None,
        tools: Sequence[ToolSchema] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Ask a model; a call that fails counts as well.

        Args: those of `ChatModel.complete`.

        Raises:
            LimitError: a limit is reached.
            ModelError: the model failed, or did not answer in the time that is left.
        """
        reached = self.reached
        if reached is not None:
            raise LimitError(reached)
        read = 0

        def token(text: str) -> None:
            nonlocal read
            read += len(text)
            if on_token is not None and read <= LONGEST:
                on_token(visible(text))

        def restart() -> None:
            nonlocal read
            read = 0
            if on_restart is not None:
                on_restart()

        # https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans
        asked = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": model.name,
        }
        with observability.span(f"chat {model.name}", asked, asks=True):
            try:
                completion = await model.complete(
                    prompt,
                    on_token=None if on_token is None else token,
                    on_restart=restart,
                    tools=tools,
                    schema=schema,
                    seconds=self.seconds,
                )
            except ModelError:
                self._add(0, 0, 0.0)
                raise
            observability.note(
                {
                    "gen_ai.response.model": completion.model,
                    "gen_ai.usage.input_tokens": completion.input_tokens,
                    "gen_ai.usage.output_tokens": completion.output_tokens,
                }
            )
        self._add(completion.input_tokens, completion.output_tokens, completion.cost)
        return replace(
            completion,
            text=visible(completion.text[:LONGEST]),
            cut=completion.cut or len(completion.text) > LONGEST,
        )

    def completes(self, model: ChatModel | None) -> Complete | None:
        """Return a function from prompt to reply; None without a model, or at a limit."""
        if model is None or self.reached is not None:
            return None

        async def complete(prompt: str) -> str:
            return (await self.ask(model, prompt)).text

        return complete

    def _add(self, input_tokens: int, output_tokens: int, cost: float) -> None:
        more: Usage = {
            "model_calls": 1,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "cost": cost,
        }
        self.usage = added(self.usage, more)


def _tokens(usage: Usage) -> int:
    return usage["input_tokens"] + usage["output_tokens"]
