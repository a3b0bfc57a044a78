"""Training a model on exported data: a LoRA adapter here, or a fine-tuning job at an endpoint."""

from __future__ import annotations

from agent.tuning.train.data import Data, Row, read_data
from agent.tuning.train.types import Hyper

__all__ = ["Data", "Hyper", "Row", "read_data"]
