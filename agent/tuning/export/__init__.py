"""Training and validation files from a project's own data."""

from __future__ import annotations

from agent.tuning.export.run import export
from agent.tuning.export.types import FORMATS, TASKS, Card, Format, Options, Task

__all__ = ["FORMATS", "TASKS", "Card", "Format", "Options", "Task", "export"]
