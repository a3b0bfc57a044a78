"""Waypost: a routed multi-index agent on LangGraph.

`from agent import Waypost, Principal`; names are loaded when first used, so importing this package
opens no model and no engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.app import Event, Waypost
    from agent.routing.types import Route
    from agent.state import Answer
    from agent.sync import WaypostSync
    from indexes.types import Passage, Principal

__all__ = ["Answer", "Event", "Passage", "Principal", "Route", "Waypost", "WaypostSync"]

_HOMES = {
    "Answer": "agent.state",
    "Event": "agent.app",
    "Passage": "indexes.types",
    "Principal": "indexes.types",
    "Route": "agent.routing.types",
    "Waypost": "agent.app",
    "WaypostSync": "agent.sync",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agent' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
