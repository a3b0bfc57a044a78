"""Retrieval: documents in, located passages out; usable without the agent.

The names below load when they are first used, so that the process that owns a store, which lives in
this package too, starts in a few milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from indexes.types import (
    Block,
    Document,
    DocumentInfo,
    Location,
    Passage,
    Principal,
    SyncReport,
    Where,
)

if TYPE_CHECKING:
    from indexes.base import Loaded, Source
    from indexes.errors import LoadError
    from indexes.ingest.sql import SqlSource
    from indexes.registry import Affinity, Registry, public_passage

__all__ = [
    "Affinity",
    "Block",
    "Document",
    "DocumentInfo",
    "LoadError",
    "Loaded",
    "Location",
    "Passage",
    "Principal",
    "Registry",
    "Source",
    "SqlSource",
    "SyncReport",
    "Where",
    "public_passage",
]

_LAZY = {
    "Affinity": "indexes.registry",
    "LoadError": "indexes.errors",
    "Loaded": "indexes.base",
    "Registry": "indexes.registry",
    "Source": "indexes.base",
    "SqlSource": "indexes.ingest.sql",
    "public_passage": "indexes.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
