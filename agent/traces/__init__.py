"""Traces of turns, kept on this machine by opt-in alone.

`async with Traces.open(project, settings) as traces: async for trace in traces.read(good=True): …`
"""

from agent.traces.record import trace_of
from agent.traces.traces import TRACE_FAILED, Traces, untraced
from agent.traces.types import Feedback, Stats, Trace, TracePart, TracePassage, TraceRight

__all__ = [
    "TRACE_FAILED",
    "Feedback",
    "Stats",
    "Trace",
    "TracePart",
    "TracePassage",
    "TraceRight",
    "Traces",
    "trace_of",
    "untraced",
]
