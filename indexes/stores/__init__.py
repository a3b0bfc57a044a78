"""Vector engines behind the Store protocol."""

from __future__ import annotations

from indexes.stores.edge import EdgeStore

__all__ = ["EdgeStore"]
