"""Structured logs and spans: event names, and one canonical line a turn. Texts are logged by opt-in alone."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from indexes.log import LOGGER, info, warning

__all__ = [
    "LEARNING_FAILED",
    "QUESTION_FINISHED",
    "STAGE_FAILED",
    "configure",
    "info",
    "note",
    "observers",
    "question_finished",
    "redacted",
    "span",
    "warning",
]

QUESTION_FINISHED = "question.finished"
STAGE_FAILED = "stage.failed"
LEARNING_FAILED = "learning.failed"
PAUSES = {"GraphInterrupt"}  # how LangGraph waits for a person

Attributes = Mapping[str, str | bool | int | float]

observers: list[Callable[[Mapping[str, Any]], None]] = []
"""Told the Answer of every turn, where its line is logged; they must neither block nor raise."""

# What looks like a credential: keys of well-known services, tokens, and what is written as one.
_SECRET = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|ghs|xox[abps]|glpat)[-_][A-Za-z0-9_-]{12,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|(?i:(?:password|passwd|secret|token|api[-_ ]?key|密码|口令|密钥)\s*(?:[:=：]|是|为|is)\s*)\S+"
)


def redacted(text: str) -> str:
    """Return a text without what looks like a credential."""
    return _SECRET.sub("[redacted]", text)


def question_finished(answer: Mapping[str, Any], *, text: bool) -> None:
    """Write the one line that tells of a turn: what was done, with what, how long, at what cost.

    Args:
        answer: the Answer that came out, or that waits for an approval.
        text: log the question and the answer too, without what looks like a credential.
    """
    for observe in observers:
        observe(answer)
    route, pending = answer["route"], answer["pending"]
    texts = {"question": route["question"], "answer": answer["answer"]} if text else {}
    info(
        QUESTION_FINISHED,
        action="approval" if pending is not None else answer["action"],
        route=route["action"],
        indexes=",".join(index["name"] for index in route["indexes"]),
        tools=",".join(call["name"] for call in answer["tool_calls"]),
        decided_by=route["decided_by"],
        confidence=answer["confidence"],
        grounded=answer["grounded"],
        citations=len(answer["citations"]),
        limit=answer["limit"],
        **{f"{name}_ms": took for name, took in answer["timings_ms"].items()},
        **answer["usage"],
        **{name: redacted(value) for name, value in texts.items()},
    )


@contextmanager
def span(name: str, attributes: Attributes | None = None, *, asks: bool = False) -> Iterator[None]:
    """Run the block inside an OpenTelemetry span; nothing where the app does not use OpenTelemetry.

    An error is noted by its kind alone, since its message may quote what people wrote.

    Args:
        name: of the span, such as "waypost.search".
        attributes: what is known of it at the beginning.
        asks: another service is asked in it.
    """
    trace = _opentelemetry()
    if trace is None:
        yield
        return
    with trace.get_tracer("waypost").start_as_current_span(
        name,
        kind=trace.SpanKind.CLIENT if asks else trace.SpanKind.INTERNAL,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield
        except Exception as error:
            kind = getattr(error, "code", type(error).__name__)
            if kind not in PAUSES:
                current.set_attribute("error.type", str(kind))
                current.set_status(trace.StatusCode.ERROR)
            raise


def note(attributes: Attributes) -> None:
    """Add to the span that is open, if there is one: names, numbers and choices, never a text."""
    trace = _opentelemetry()
    if trace is not None:
        trace.get_current_span().set_attributes(attributes)


def _opentelemetry() -> Any:
    """Return OpenTelemetry's API if the app has set it up; nobody else could read the spans."""
    trace = sys.modules.get("opentelemetry.trace")  # libraries load it, too
    if trace is None or isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return None
    return trace


def configure(*, verbose: bool = False) -> None:
    """Send the logs to standard error: warnings alone, or with `verbose` every event.

    Apps that embed Waypost need not call this: events go to the standard logger "waypost".

    Args:
        verbose: log each question's canonical line too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO if verbose else logging.WARNING)
    LOGGER.propagate = False
