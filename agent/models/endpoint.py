"""One chat model at one endpoint: its connections, one request, and what came back."""

from __future__ import annotations

import asyncio
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.models.dialect import Dialect
from agent.models.faults import Fault, fault_of
from agent.models.known import reasons, window_of
from agent.models.thinking import Visible
from agent.models.types import Completion, Message, RequestedCall, ToolSchema
from agent.settings import ChatModelSettings
from indexes.embeddings.loops import PerLoop
from indexes.embeddings.tokens import count_tokens

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["Endpoint", "LangChainEndpoint", "OpenAIEndpoint", "Request", "address_of", "key_of"]

OPENAI = "https://api.openai.com/v1"
CONFIG: dict[str, Any] = {"tags": ["nostream"]}  # LangGraph shows people no unchecked tokens
ABORTED = {"abort", "error", "insufficient_system_resource"}  # of vLLM, gateways, DeepSeek


def key_of(settings: ChatModelSettings, *, azure: bool = False) -> str:
    """Return the environment variable that holds an endpoint's key."""
    return settings.api_key_env or ("AZURE_OPENAI_API_KEY" if azure else "OPENAI_API_KEY")


def address_of(settings: ChatModelSettings, *, azure: bool = False) -> str:
    """Return an endpoint's base URL; "" where Azure's is not set."""
    if settings.base_url:
        return settings.base_url
    if azure:
        return os.environ.get("AZURE_OPENAI_ENDPOINT", "")
    return os.environ.get("OPENAI_API_BASE") or os.environ.get("OPENAI_BASE_URL") or OPENAI


@dataclass(frozen=True)
class Request:
    """What a model is asked: messages, the tools that it may request, the form of its reply."""

    messages: Sequence[Message]
    tools: Sequence[ToolSchema] = ()
    schema: Mapping[str, Any] | None = None


class Endpoint(ABC):
    """A chat model that may be asked.

    Args:
        settings: its name, limits and prices.
    """

    key = "its key"  # where these are set, for what to do about a fault
    url = "its address"

    def __init__(self, settings: ChatModelSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self.model = settings.model or settings.name
        self.window = settings.window or window_of(self.model)
        self.dialect = Dialect()
        self._thinks = False

    async def ask(
        self,
        request: Request,
        dialect: Dialect,
        on_text: Callable[[str], None],
        on_restart: Callable[[], None],
    ) -> Completion:
        """Send a request once and return the reply.

        Args:
            request: what is asked.
            dialect: how it is put.
            on_text: told each visible piece of the reply.
            on_restart: told that those so far do not count.

        Raises:
            Fault: there is no usable reply.
        """
        reply = _Reply(Visible(on_text, on_restart, thinks=self._thinks))
        try:
            stream = await self._stream(request, dialect)
        except Fault:
            raise
        except Exception as error:  # of the libraries that a model is made with
            raise fault_of(error, begun=False) from error
        async with aclosing(stream):
            while True:
                try:
                    async with asyncio.timeout(self.settings.timeout):
                        chunk = await anext(stream, None)
                except Exception as error:  # langchain-openai raises those of several libraries
                    raise fault_of(error, begun=reply.begun) from error
                if chunk is None:
                    break
                reply.add(chunk)
        completion = reply.completed(self.name, finishes=self._finishes)
        self._thinks = self._thinks or reply.visible.untagged
        return await self._priced(request, completion)

    async def close(self) -> None:  # noqa: B027  (a model of an app has nothing to close)
        """Close the connections of the running event loop; they are opened anew when needed."""

    @property
    def _finishes(self) -> bool:
        """Whether a reply without a reason for its end was cut off."""
        return False

    @abstractmethod
    async def _stream(self, request: Request, dialect: Dialect) -> Any:
        """Return the chunks of a LangChain model's reply."""

    async def _priced(self, request: Request, reply: Completion) -> Completion:
        read, written = reply.input_tokens, reply.output_tokens
        if not read:
            read, written = await asyncio.to_thread(self._counted, request, reply)
        cost = read * (self.settings.price_input or 0.0)
        cost += written * (self.settings.price_output or 0.0)
        return Completion(
            text=reply.text,
            input_tokens=read,
            output_tokens=written,
            cost=cost / 1e6,
            calls=reply.calls,
            cut=reply.cut,
            model=self.name,
        )

    def _counted(self, request: Request, reply: Completion) -> tuple[int, int]:
        """Return the tokens of prompt and reply, where the endpoint does not tell them."""
        sent = [*(str(message.get("content") or "") for message in request.messages)]
        sent += [f"{tool.name} {tool.description} {tool.parameters}" for tool in request.tools]
        got = [reply.text, *(f"{call.name} {dict(call.args)}" for call in reply.calls)]
        return (
            sum(count_tokens(self.model, text) for text in sent),
            sum(count_tokens(self.model, text) for text in got),
        )


class LangChainEndpoint(Endpoint):
    """A LangChain chat model of an app, which has its connections and its own way of asking.

    Args:
        model: any LangChain chat model.
        settings: its name, limits and prices.
    """

    def __init__(self, model: BaseChatModel, settings: ChatModelSettings) -> None:
        super().__init__(settings)
        self._model = model

    async def _stream(self, request: Request, dialect: Dialect) -> Any:
        tools = _functions(request.tools)
        asked: Any = self._model.bind_tools(tools) if tools else self._model
        return asked.astream(list(request.messages), config=CONFIG)


@dataclass(frozen=True)
class _Session:
    """What belongs to one event loop."""

    model: Any
    http: Any


class OpenAIEndpoint(Endpoint):
    """A chat model behind OpenAI's API, there, at Azure, or anywhere else.

    It may be asked from several event loops; each has connections of its own, which `close` closes.

    Args:
        settings: what is set for it.
        azure: its name is that of a deployment at Azure.
    """

    def __init__(self, settings: ChatModelSettings, *, azure: bool) -> None:
        super().__init__(settings)
        self._azure = azure
        self.key = key_of(settings, azure=azure)
        self._base = address_of(settings, azure=azure)
        self.url = "AZURE_OPENAI_ENDPOINT" if azure else "OPENAI_BASE_URL"
        if settings.base_url:
            self.url = f"base_url = {_shown(settings.base_url)!r}"
        # Models of OpenAI may need the newer name; other servers often know the older one alone.
        official = azure or urlsplit(self._base).hostname == urlsplit(OPENAI).hostname
        self.dialect = Dialect(
            longest="max_completion_tokens" if official else "max_tokens",
            temperature=not reasons(self.model),
        )
        self._sessions = PerLoop(self._connect)

    @property
    def _finishes(self) -> bool:
        return True

    async def close(self) -> None:
        """Close the connections of the running event loop; they are opened anew when needed."""
        session = self._sessions.pop()
        if session is not None:
            await session.http.aclose()

    async def _stream(self, request: Request, dialect: Dialect) -> Any:
        session = await self._sessions.get()
        model = session.model
        if dialect.responses:
            await asyncio.to_thread(getattr, model.root_async_client, "responses")  # imports much
            model = model.model_copy(update={"use_responses_api": True})
        fields = dialect.fields(self.settings, request.schema)
        if request.tools:
            fields["tools"] = _functions(request.tools)
        return model.astream(list(request.messages), config=CONFIG, **fields)

    def _connect(self) -> _Session:
        key = os.environ.get(self.key, "").strip()
        if not key:
            hint = "" if self._azure else " (any text for a server that wants none)"
            raise Fault(
                "key",
                f"{self.key} is not set",
                fix=f"set the environment variable {self.key}{hint}.",
            )
        if not (key.isascii() and key.isprintable()):
            raise Fault("key", f"{self.key} has characters that no key has")
        if not self._base:
            raise Fault(
                "connection", f"{self.url} is not set", fix=f"set {self.url} or its base_url."
            )
        import openai
        from langchain_openai import AzureChatOpenAI, ChatOpenAI
        from pydantic import SecretStr

        # A client of our own can be closed; langchain-openai takes none beside OPENAI_PROXY.
        http = openai.DefaultAsyncHttpxClient(proxy=os.environ.get("OPENAI_PROXY") or None)
        common: dict[str, Any] = {
            "model": self.model,
            "api_key": SecretStr(key),
            "timeout": self.settings.timeout,
            "stream_chunk_timeout": None,  # `ask` has one for every model
            "max_retries": 0,  # so has the chain
            "http_async_client": http,
            "openai_proxy": "",
            "use_responses_api": False,
        }
        if self._azure:
            version = self.settings.api_version or os.environ.get("OPENAI_API_VERSION")
            if not version:
                raise Fault(
                    "request",
                    "OPENAI_API_VERSION is not set",
                    fix="set `api_version` in its [[model]] table.",
                )
            model: Any = AzureChatOpenAI(
                azure_endpoint=self._base,
                azure_deployment=self.model,
                api_version=version,
                **common,
            )
        else:
            model = ChatOpenAI(base_url=self._base, **common)
        return _Session(model, http)


class _Reply:
    """Gathers the chunks of a LangChain stream."""

    def __init__(self, visible: Visible) -> None:
        self.visible = visible
        self.begun = False
        self._usage: Mapping[str, Any] = {}
        self._end = ""
        self._calls: Any = None

    def add(self, chunk: Any) -> None:
        """Take the next chunk; a model that cannot stream gives one message."""
        self.begun = True
        self.visible.add(_text(chunk.content))
        self._usage = getattr(chunk, "usage_metadata", None) or self._usage
        self._end = _end(chunk.response_metadata) or self._end
        if getattr(chunk, "tool_call_chunks", None):
            self._calls = chunk if self._calls is None else self._calls + chunk
        elif getattr(chunk, "tool_calls", None) or getattr(chunk, "invalid_tool_calls", None):
            self._calls = chunk

    def completed(self, model: str, *, finishes: bool) -> Completion:
        """Return the reply.

        Args:
            model: who replied.
            finishes: every whole reply has a reason for its end.

        Raises:
            Fault: it is not whole, or cannot be used.
        """
        if self._end == "content_filter":
            raise Fault("filtered", "the endpoint's content filter cut the reply")
        if self._end in ABORTED or (finishes and not self._end):
            raise Fault("connection", "the reply was cut off", passes=True)
        calls = _calls(self._calls)
        if self._end in ("tool_calls", "function_call") and not calls:
            raise Fault("call", "it requested a call in a form that cannot be read", passes=True)
        self.visible.end()
        text, cut = self.visible.text, self._end == "length"
        if cut and not text.strip() and not calls:
            raise Fault("length", "nothing but thoughts fitted into its longest reply")
        return Completion(
            text=text,
            input_tokens=self._usage.get("input_tokens", 0),
            output_tokens=self._usage.get("output_tokens", 0),
            calls=calls,
            cut=cut,
            model=model,
        )


def _end(metadata: Mapping[str, Any]) -> str:
    """Return why a reply ended, in the words of chat completions."""
    if metadata.get("status") == "completed":  # of the Responses API
        return "stop"
    if metadata.get("status") == "incomplete":
        why = (metadata.get("incomplete_details") or {}).get("reason")
        return "content_filter" if why == "content_filter" else "length"
    return str(metadata.get("finish_reason") or "")


def _text(content: Any) -> str:
    """Return the text of a message; half a character, which nothing can store, becomes a question mark."""
    if not isinstance(content, str):
        content = "".join(
            block if isinstance(block, str) else str(block.get("text") or "")
            for block in content
            if isinstance(block, str) or block.get("type") == "text"
        )
    return str(content).encode("utf-8", "replace").decode()


def _calls(message: Any) -> tuple[RequestedCall, ...]:
    """Return the calls that a message requests; LangChain's own reading mends broken arguments."""
    if message is None:
        return ()
    raw = getattr(message, "tool_call_chunks", None) or [
        *message.tool_calls,
        *message.invalid_tool_calls,
    ]
    calls = []
    for number, call in enumerate(raw, 1):
        args = call["args"]
        if not isinstance(args, Mapping):
            try:
                args = json.loads(args or "{}")
            except ValueError as error:
                raise Fault("call", "the arguments of a call are no JSON", passes=True) from error
        if not call["name"] or not isinstance(args, Mapping):
            raise Fault("call", "a call has no name or no named arguments", passes=True)
        if not _is_text(f"{call['name']}{json.dumps(args, ensure_ascii=False)}"):
            raise Fault("call", "a call has half characters", passes=True)
        calls.append(RequestedCall(call["id"] or f"call_{number}", call["name"], dict(args)))
    return tuple(calls)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _functions(tools: Sequence[ToolSchema]) -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in tools
    ]


def _shown(url: str) -> str:
    """Return a URL without the password or key that it may carry."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
