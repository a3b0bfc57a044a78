"""Figures for Prometheus: turns, nodes, models, tools, limits and the store; never a user or a text.

Refusals are turns with the outcome "abstain". Turns are counted where each one's line is logged. All
is kept in the client's own registry, which LangGraph's server shows at /metrics beside its figures.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import GraphBubbleUp
from prometheus_client import Counter, Gauge, Histogram

from agent import observability
from agent.app import Waypost
from agent.errors import WaypostError
from agent.tools import failed
from indexes.types import Filter

__all__ = ["Ends", "Stored", "observe"]

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
EVERY = 60.0  # seconds; the store is not read at each scrape
FIELDS = ("index", "chunks", "synced", "version", "error")
UNCOUNTED = "metrics.store_failed"

TURNS = Counter("waypost_turns", "Turns that ended.", ["outcome", "decided_by"])
TURN_SECONDS = Histogram("waypost_turn_seconds", "What a turn's nodes took.", buckets=SECONDS)
NODE_SECONDS = Histogram(
    "waypost_node_seconds", "What a node of the graph took.", ["node"], buckets=SECONDS
)
UNGROUNDED = Counter("waypost_ungrounded_answers", "Answers from sources that nothing supports.")
MODEL_CALLS = Counter("waypost_model_calls", "Calls of chat models.")
TOKENS = Counter("waypost_tokens", "Tokens of chat models.", ["direction"])
TOOL_CALLS = Counter("waypost_tool_calls", "Calls of tools.", ["tool", "result"])
FAILURES = Counter("waypost_turns_failed", "Turns that ended in an error.", ["error"])
APPROVALS = Counter("waypost_approvals_asked", "Times that a turn waited for a person.")
LIMITS = Counter("waypost_limits_reached", "Turns that a limit cut short.", ["limit"])
DOCUMENTS = Gauge("waypost_documents", "Documents in the store.", ["index"])
CHUNKS = Gauge("waypost_chunks", "Chunks in the store.", ["index"])
UNREADABLE = Gauge("waypost_unreadable_documents", "Documents that could not be read.")
INGESTED = Gauge(
    "waypost_last_ingestion_timestamp_seconds", "When a document was last written to the store."
)


def observe(answer: Mapping[str, Any]) -> None:
    """Count a turn.

    Args:
        answer: the Answer that came out, or that waits for an approval.
    """
    outcome = "approval" if answer["pending"] is not None else answer["action"]
    TURNS.labels(outcome, answer["route"]["decided_by"]).inc()
    nodes = {name: took / 1000 for name, took in answer["timings_ms"].items() if name != "total"}
    TURN_SECONDS.observe(sum(nodes.values()))
    for name, took in nodes.items():
        NODE_SECONDS.labels(name).observe(took)
    if outcome in {"search", "act"} and not answer["grounded"]:
        UNGROUNDED.inc()
    usage = answer["usage"]
    MODEL_CALLS.inc(usage["model_calls"])
    for direction in ("input", "output"):
        TOKENS.labels(direction).inc(usage[f"{direction}_tokens"])
    for call in answer["tool_calls"]:
        TOOL_CALLS.labels(call["name"], _result(call)).inc()
    if answer["limit"] is not None:
        LIMITS.labels(answer["limit"]).inc()


def _result(call: Any) -> str:
    if not failed(call):
        return "ok"
    return "rejected" if "rejected" in call["result"] else "failed"


class Ends(BaseCallbackHandler):
    """Counts the turns that end without an answer: in an error, or in a request for an approval."""

    run_inline = True  # counting needs no thread

    def on_chain_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Count an error of the graph, or the pause of a node."""
        if isinstance(error, GraphBubbleUp):
            if parent_run_id is not None:
                APPROVALS.inc()
        elif parent_run_id is None:
            FAILURES.labels(_kind(error)).inc()


def _kind(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    return error.code if isinstance(error, WaypostError) else "other"


class Stored:
    """What the store holds, looked up for scrapes that are not too close.

    Args:
        waypost: the project.
    """

    def __init__(self, waypost: Waypost) -> None:
        self._waypost = waypost
        self._looked = -EVERY

    async def refresh(self) -> None:
        """Look again; if the store fails, the figures stay as they are."""
        if time.monotonic() < self._looked + EVERY:
            return
        self._looked = time.monotonic()
        registry = self._waypost.registry
        try:
            hits = await registry.store.scroll("documents", Filter(), FIELDS)
        except WaypostError as error:
            observability.warning(UNCOUNTED, error=error.code)
            return
        found = [hit.payload for hit in hits if hit.payload.get("version")]
        documents = Tally(str(one["index"]) for one in found)
        for name in registry.indexes:
            DOCUMENTS.labels(name).set(documents[name])
            CHUNKS.labels(name).set(sum(one["chunks"] for one in found if one["index"] == name))
        UNREADABLE.set(sum(1 for hit in hits if hit.payload.get("error")))
        synced = [datetime.fromisoformat(str(one["synced"])) for one in found if one.get("synced")]
        INGESTED.set(max(synced).timestamp() if synced else 0)
