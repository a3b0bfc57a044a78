"""Tools: the project's own, the built-in ones, and local filling of their arguments."""

from __future__ import annotations

from agent.tools.arguments import Filled, affinity, fill_arguments, find_slots
from agent.tools.builtin import builtin_tools
from agent.tools.load import load_tools
from agent.tools.types import Parameter, Tool, ToolCall, ToolPlan

__all__ = [
    "Filled",
    "Parameter",
    "Tool",
    "ToolCall",
    "ToolPlan",
    "affinity",
    "builtin_tools",
    "fill_arguments",
    "find_slots",
    "load_tools",
]
