"""Why a chat model gave no usable reply: one kind of fault for whatever was raised."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Literal, cast

from indexes.embeddings.retry import setback_of

if TYPE_CHECKING:
    import openai

__all__ = ["Fault", "Kind", "fault_of"]

Kind = Literal[
    "key",
    "forbidden",
    "missing",
    "quota",
    "busy",
    "server",
    "connection",
    "timeout",
    "context",
    "filtered",
    "request",
    "reply",
    "call",
    "length",
    "failed",
]

FIXES: dict[Kind, str] = {
    "key": "check the key in {key}, and that it belongs to the endpoint of {url}.",
    "forbidden": "check that the account of {key} may use this model.",
    "missing": "check the model's name, and {url}, which often ends in /v1.",
    "quota": "add credit to the account of {key}.",
    "busy": "wait, or raise the account's rate limit.",
    "server": "look at the server's log, or try again later.",
    "connection": "check {url}, the network, and that the server runs.",
    "timeout": "check that the server is not overloaded, or raise `timeout` in its [[model]] table.",
    "context": "set `window` in its [[model]] table to what the server has.",
    "filtered": "ask in other words, or set the account's content filter.",
    "request": "check the model's name and `extra_body` in its [[model]] table.",
    "reply": "check that {url} is an OpenAI-compatible endpoint; it often ends in /v1.",
    "call": "use a model that can call tools.",
    "length": "raise `max_output` in its [[model]] table, which counts what the model thinks too.",
    "failed": "see the error that caused this one.",
}
STATUS: dict[int, Kind] = {
    401: "key",
    402: "quota",
    403: "forbidden",
    404: "missing",
    408: "timeout",
    429: "busy",
    503: "busy",
    529: "busy",
}
LONGER = re.compile(
    r"context (length|window|size)|maximum context|prompt is too long|input tokens exceed"
    r"|exceed_context|context_length|contextwindow",
    re.IGNORECASE,
)
FILTERED = re.compile(r"content_filter|content management policy|content_policy")
UNPAID = re.compile(r"insufficient_(quota|balance)")
CODE = re.compile(r"[a-z_]{3,40}")
TOO_LONG = "the prompt is longer than its window"


class Fault(Exception):
    """One try that failed.

    Args:
        kind: what to do about it.
        reason: why, in words that quote neither a key nor a text.
        passes: the same request may succeed later.
        asked: how many seconds the endpoint asks to wait.
        complaint: what the endpoint refuses about the request, for adapting it; never shown.
        fix: what else than usual helps.
    """

    def __init__(
        self,
        kind: Kind,
        reason: str,
        *,
        passes: bool = False,
        asked: float | None = None,
        complaint: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.passes = passes
        self.asked = asked
        self.complaint = complaint
        self._fix = fix

    def fix(self, *, key: str, url: str) -> str:
        """Return what to do.

        Args:
            key: where the endpoint's key is set.
            url: where its address is set.
        """
        return self._fix or FIXES[self.kind].format(key=key, url=url)


def fault_of(error: Exception, *, begun: bool) -> Fault:
    """Return what an error of a chat model means.

    Args:
        error: whatever a LangChain model raised.
        begun: something of the reply had come.
    """
    if isinstance(error, Fault):
        return error
    from langchain_core.exceptions import ContextOverflowError
    from langchain_core.exceptions import ModelError as LangChainError

    # Where openai is not loaded the error is not of it, and loading it would hold up the event loop.
    if isinstance(error, getattr(sys.modules.get("openai"), "APIError", ())):
        return _of_openai(cast("openai.APIError", error), begun=begun)
    if isinstance(error, TimeoutError):
        return _late(begun=begun)
    if isinstance(error, ContextOverflowError):
        return Fault("context", TOO_LONG)
    if isinstance(error, LangChainError):
        return Fault("failed", type(error).__name__, passes=error.is_retryable)
    if isinstance(error, OSError):
        return Fault("connection", type(error).__name__, passes=True)
    if isinstance(error, ValueError | LookupError | TypeError | AttributeError):
        # langchain-openai and openai check little: what is not as they expect ends in one of these.
        reason = (
            "a part of the reply cannot be read" if begun else "the reply is empty or unreadable"
        )
        return Fault("reply", reason, passes=True)
    return Fault("failed", type(error).__name__)


def _late(*, begun: bool) -> Fault:
    when = "stopped in the middle" if begun else "did not begin in time"
    return Fault("timeout", f"the reply {when}", passes=True)


def _of_openai(error: openai.APIError, *, begun: bool) -> Fault:
    """Return the fault of an error of the network, or one that the endpoint sent."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return _late(begun=begun)
    if isinstance(error, openai.APIConnectionError):
        reason = "the connection was lost in the middle" if begun else "no connection"
        return Fault("connection", reason, passes=True)
    code, sent = str(error.code or ""), isinstance(error, openai.APIStatusError)
    status = error.status_code if isinstance(error, openai.APIStatusError) else 0
    status = status or (int(code) if code.isdigit() else 0)
    reason = f"HTTP {status}" if sent else "an error in the reply"
    if CODE.fullmatch(code):
        reason += f" ({code})"
    told = f"{code} {error.type or ''} {error.message}"
    if status < 500 and LONGER.search(told):
        return Fault("context", f"{reason}: {TOO_LONG}")
    if status < 500 and FILTERED.search(told):
        return Fault("filtered", f"{reason}: the endpoint's content filter refused")
    if UNPAID.search(code):
        return Fault("quota", reason)
    other: Kind = "request" if 400 <= status < 500 else "server"
    kind = STATUS.get(status, other)
    if not sent:
        return Fault(kind, reason, passes=kind in ("busy", "server", "timeout"))
    setback = setback_of(error)
    if setback is not None:
        return Fault(kind, reason, passes=True, asked=setback.asked)
    refused = status in (400, 422) or "/responses" in error.message
    return Fault(kind, reason, complaint=f"{error.param or ''} {error.message}" if refused else "")
