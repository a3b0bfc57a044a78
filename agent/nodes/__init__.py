"""The graph's nodes: each a small async function `(state, runtime) -> changed keys`."""

from __future__ import annotations

from agent.nodes.abstain import abstain
from agent.nodes.approve import approve, propose
from agent.nodes.clarify import clarify
from agent.nodes.judge import judge
from agent.nodes.plan_tools import plan_tools
from agent.nodes.prepare import prepare
from agent.nodes.respond import respond
from agent.nodes.rewrite import rewrite
from agent.nodes.route import route
from agent.nodes.run_tools import run_tools
from agent.nodes.search import search
from agent.nodes.verify import verify

__all__ = [
    "abstain",
    "approve",
    "clarify",
    "judge",
    "plan_tools",
    "prepare",
    "propose",
    "respond",
    "rewrite",
    "route",
    "run_tools",
    "search",
    "verify",
]
