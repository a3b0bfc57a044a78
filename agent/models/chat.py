"""The chat model of a role: a chain of endpoints, each tried again while its failures may pass."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.errors import ConfigurationError, ModelError
from agent.models.endpoint import Endpoint, LangChainEndpoint, OpenAIEndpoint, Request
from agent.models.faults import Fault
from agent.models.types import Completion, Message, ToolSchema, as_messages
from agent.observability import warning
from agent.settings import ChatModelSettings
from indexes.embeddings.tokens import count_tokens

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["MODEL_FAILED", "ChatModel", "make_chat_model"]

MODEL_FAILED = "model.failed"
FIRST_WAIT = 0.5  # seconds at most before the second try; then twice that, and so on
LONGEST_WAIT = 20.0  # seconds between two tries, also where the endpoint asks for more
ADAPTATIONS = 6  # ways to put a request that a try may go through
LASTING = {"connection", "key", "forbidden", "missing", "quota", "busy", "server", "timeout"}
REST = 30.0  # seconds in which an endpoint that failed so is asked after the others


class ChatModel:
    """A chat model of one role: the first endpoint of a chain that replies.

    Args:
        chain: the endpoints, best first; at least one.
    """

    def __init__(self, chain: Sequence[Endpoint]) -> None:
        self.name = " → ".join(endpoint.name for endpoint in chain)
        self.input_tokens = min(one.window - one.settings.max_output for one in chain)
        self._chain = tuple(chain)
        self._tokenizers = tuple(dict.fromkeys(endpoint.model for endpoint in chain))
        self._resting: dict[Endpoint, float] = {}

    @classmethod
    def of(
        cls,
        model: BaseChatModel,
        *,
        name: str = "",
        window: int | None = None,
        max_output: int = 1024,
        timeout: float = 30.0,
    ) -> ChatModel:
        """Return a LangChain chat model of the app's own as one of Waypost.

        It retries by itself, if at all, and is told the form of a reply by the prompt alone.

        Args:
            model: any LangChain chat model.
            name: for messages and usage; default: what LangChain calls it.
            window: tokens of prompt and reply together; default: known for OpenAI's models, else 8192.
            max_output: the most tokens of a reply; set the same for the model itself.
            timeout: seconds until the first token, and between two.
        """
        settings = ChatModelSettings(
            name=name or model.get_name(),
            window=window,
            max_output=max_output,
            timeout=timeout,
            retries=0,
        )
        return cls([LangChainEndpoint(model, settings)])

    def count(self, text: str) -> int:
        """Return how many tokens a text has, for the endpoint that makes the most of it.

        It may wait for a download the first time; in async code call it in a thread.
        """
        return max(count_tokens(model, text) for model in self._tokenizers)

    async def close(self) -> None:
        """Close the connections of the running event loop; they are opened anew when needed."""
        for endpoint in self._chain:
            await endpoint.close()

    async def complete(
        self,
        prompt: str | Sequence[Message],
        *,
        on_token: Callable[[str], None] | None = None,
        on_restart: Callable[[], None] | None = None,
        tools: Sequence[ToolSchema] = (),
        schema: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> Completion:
        """Send a prompt and return the reply; a failure is tried again, then the next endpoint.

        Args:
            prompt: what the user says, or messages.
            on_token: told each piece of the reply as it comes, without what the model thinks aloud.
            on_restart: told that the pieces so far do not count, as another reply begins.
            tools: what the model may request.
            schema: the JSON schema of the reply, which an endpoint may not keep to.
            seconds: how long all of it may take.

        Raises:
            ModelError: no endpoint gave a usable reply in time.
        """
        call = _Call(
            Request(as_messages(prompt), tuple(tools), schema), on_token, on_restart, seconds
        )
        try:
            async with asyncio.timeout(seconds) as limit:
                for endpoint in self._order():
                    completion = await call.ask(endpoint)
                    if completion is not None:
                        self._resting.pop(endpoint, None)
                        return completion
                    if call.faults[endpoint].kind in LASTING:
                        self._resting[endpoint] = time.monotonic() + REST
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise call.failed(self._chain, late=True) from error
        raise call.failed(self._chain) from call.last

    def _order(self) -> list[Endpoint]:
        """Return the chain, but those that have just failed in a way that lasts at its end."""
        now = time.monotonic()
        return sorted(self._chain, key=lambda one: self._resting.get(one, 0.0) > now)


class _Call:
    """One call of a chat model: what was shown so far, what failed, and how long there is."""

    def __init__(
        self,
        request: Request,
        on_token: Callable[[str], None] | None,
        on_restart: Callable[[], None] | None,
        seconds: float | None,
    ) -> None:
        self.faults: dict[Endpoint, Fault] = {}
        self.last: Fault | None = None
        self._request = request
        self._on_token = on_token
        self._on_restart = on_restart
        self._shown = False
        self._seconds = seconds
        self._ends = None if seconds is None else time.monotonic() + seconds

    async def ask(self, endpoint: Endpoint) -> Completion | None:
        """Return an endpoint's reply; None if it has failed for good."""
        attempt, adapted, dialect = 0, 0, endpoint.dialect
        while True:
            self._restart()
            try:
                reply = await endpoint.ask(self._request, dialect, self._show, self._restart)
            except Fault as fault:
                self.faults[endpoint] = self.last = fault
                warning(
                    MODEL_FAILED,
                    model=endpoint.name,
                    kind=fault.kind,
                    reason=fault.reason,
                    attempt=attempt + adapted + 1,
                )
                better = None
                if fault.complaint and adapted < ADAPTATIONS:
                    better = dialect.adapted(
                        fault.complaint, structured=self._request.schema is not None
                    )
                if better is not None:
                    dialect, adapted = better, adapted + 1
                    continue
                # A model that cannot write arguments will not learn it.
                most = 1 if fault.kind == "call" else endpoint.settings.retries
                wait = fault.asked
                if wait is None:
                    wait = random.uniform(0, min(FIRST_WAIT * 2.0**attempt, LONGEST_WAIT))
                if not fault.passes or attempt >= most or wait > min(self._left(), LONGEST_WAIT):
                    return None
                attempt += 1
                await asyncio.sleep(wait)
            else:
                endpoint.dialect = dialect
                return reply

    def failed(self, chain: Sequence[Endpoint], *, late: bool = False) -> ModelError:
        """Return the error of the whole call.

        Args:
            chain: the endpoints, as they are configured.
            late: there was no time left.
        """
        reasons = [
            f"{one.name!r}: {self.faults[one].reason}" for one in chain if one in self.faults
        ]
        fixes = [
            f"{one.name!r}: {self.faults[one].fix(key=one.key, url=one.url)}"
            for one in chain
            if one in self.faults
        ]
        if late:
            told = f" ({'; '.join(reasons)})" if reasons else ""
            error = ModelError(
                f"The chat model {' → '.join(one.name for one in chain)!r} gave no reply "
                f"in the {self._seconds:.3g} s that it had{told}.",
                fix=" ".join([*fixes, "Raise limits.seconds, or use a faster model."]),
            )
            error.code = "model_timeout"
            return error
        error = ModelError(f"No chat model replied: {'; '.join(reasons)}.", fix=" ".join(fixes))
        error.retryable = any(fault.passes for fault in self.faults.values())
        return error

    def _left(self) -> float:
        return LONGEST_WAIT if self._ends is None else self._ends - time.monotonic()

    def _show(self, piece: str) -> None:
        if self._on_token is not None:
            self._shown = True
            self._on_token(piece)

    def _restart(self) -> None:
        if self._shown and self._on_restart is not None:
            self._on_restart()
        self._shown = False


def make_chat_model(
    chain: Sequence[str], settings: Sequence[ChatModelSettings] = ()
) -> ChatModel | None:
    """Return the chat model that [models] names; None for an empty chain, which is played locally.

    Args:
        chain: "openai:<model>" or "azure:<deployment>", best first.
        settings: the [[model]] tables; a model without one has their defaults.

    Raises:
        ConfigurationError: a name is none, or a model's longest reply leaves no room for a prompt.
    """
    tables = {table.name: table for table in settings}
    endpoints = []
    for name in chain:
        kind, _, model = name.partition(":")
        if kind not in ("openai", "azure") or not model:
            raise ConfigurationError(
                f"There is no chat model {name!r}.",
                fix="use 'openai:<model>' or 'azure:<deployment>'.",
            )
        table = tables.get(model) or ChatModelSettings(name=model)
        endpoint = OpenAIEndpoint(table, azure=kind == "azure")
        if endpoint.window <= table.max_output:
            raise ConfigurationError(
                f"The chat model {name!r} may write {table.max_output} tokens, "
                f"but its window has {endpoint.window}.",
                fix="set `window` or `max_output` in its [[model]] table.",
            )
        endpoints.append(endpoint)
    return ChatModel(endpoints) if endpoints else None
