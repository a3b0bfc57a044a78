"""Tools: the project's own, the built-in ones, and local filling of their arguments."""

from __future__ import annotations

from agent.tools.arguments import Filled, affinity, fill_arguments, find_slots
from agent.tools.asked import given
from agent.tools.builtin import builtin_tools
from agent.tools.call import run_call
from agent.tools.ledger import Ledger
from agent.tools.load import as_tool, load_tools
from agent.tools.servers import ServerCheck, check_mcp, open_mcp
from agent.tools.types import Parameter, Tool, ToolCall, ToolPlan, failed
from agent.tools.validation import check_arguments

__all__ = [
    "Filled",
    "Ledger",
    "Parameter",
    "ServerCheck",
    "Tool",
    "ToolCall",
    "ToolPlan",
    "affinity",
    "as_tool",
    "builtin_tools",
    "check_arguments",
    "check_mcp",
    "failed",
    "fill_arguments",
    "find_slots",
    "given",
    "load_tools",
    "open_mcp",
    "run_call",
]
