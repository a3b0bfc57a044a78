"""What limits a project now, and what to do about it: facts → findings → an order → words."""

from __future__ import annotations

from agent.tuning.advise.advice import advice_of
from agent.tuning.advise.gather import gather
from agent.tuning.advise.types import Advice, Facts, Recommendation

__all__ = ["Advice", "Facts", "Recommendation", "advice_of", "gather"]
