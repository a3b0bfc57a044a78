"""Retrieval for Waypost, usable without the agent: indexes, hybrid search, access lists."""

from __future__ import annotations

from indexes.registry import Registry
from indexes.types import DocumentInfo, Location, Passage, Principal, SyncReport

__all__ = ["DocumentInfo", "Location", "Passage", "Principal", "Registry", "SyncReport"]
