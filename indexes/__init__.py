"""Retrieval: documents in, located passages out; usable without the agent.

The names below load when they are first used, so that the process that owns a store, which lives in
this package too, starts in a few milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from indexes.types import DocumentInfo, Location, Passage, Principal, SyncReport, Where

if TYPE_CHECKING:
    from indexes.registry import Affinity, Registry, public_passage

__all__ = [
    "Affinity",
    "DocumentInfo",
    "Location",
    "Passage",
    "Principal",
    "Registry",
    "SyncReport",
    "Where",
    "public_passage",
]

_LAZY = dict.fromkeys(("Affinity", "Registry", "public_passage"), "indexes.registry")


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
