"""Tuned small models that run in this process: a base model with a LoRA adapter over it.

Nothing here imports torch before a model is loaded.
"""

from __future__ import annotations

from agent.models.adapter.adapter import Adapter, open_adapter
from agent.models.adapter.card import CARD, AdapterCard, BaseCard, read_card

__all__ = ["CARD", "Adapter", "AdapterCard", "BaseCard", "open_adapter", "read_card"]
