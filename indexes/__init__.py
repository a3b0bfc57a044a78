"""Retrieval for Waypost, usable without the agent: indexes, hybrid search, access lists."""

from __future__ import annotations

from indexes.registry import Affinity, Registry, public_passage
from indexes.types import DocumentInfo, Location, Passage, Principal, SyncReport

__all__ = [
    "Affinity",
    "DocumentInfo",
    "Location",
    "Passage",
    "Principal",
    "Registry",
    "SyncReport",
    "public_passage",
]
