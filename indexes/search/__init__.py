"""The two layouts of an index: flat (chunks) and hierarchical (documents, then chunks)."""

from __future__ import annotations

from indexes.search.flat import FlatIndex
from indexes.search.hierarchical import HierarchicalIndex

__all__ = ["FlatIndex", "HierarchicalIndex"]
