"""What turns took: time by stage, tokens, calls of models, and the limits that were reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.evaluation.figures import mean, percentile
from agent.state import Usage
from agent.tuning.advise.types import Basis, LoadFacts

__all__ = ["SLOW", "Took", "load_of"]

SLOW = 10_000.0  # milliseconds: what keeps a person's attention (J. Nielsen, Usability Engineering, 1993)
SLOW_SEARCH = 500.0  # milliseconds: the articles' "hundreds at most"


@dataclass(frozen=True)
class Took:
    """What one turn took: milliseconds by stage and `total`, the models' usage, who routed, the limit."""

    timings: Mapping[str, float]
    usage: Usage
    decided_by: str
    limit: str | None = None


def load_of(turns: Sequence[Took], basis: Basis) -> LoadFacts | None:
    """Return what turns took together; None of nothing."""
    if not turns:
        return None
    total = [one.timings.get("total", 0.0) for one in turns]
    tokens = [float(one.usage["input_tokens"] + one.usage["output_tokens"]) for one in turns]
    return {
        "basis": basis,
        "turns": len(turns),
        "slow": sum(one > SLOW for one in total),
        "slow_search": sum(one.timings.get("search", 0.0) > SLOW_SEARCH for one in turns),
        "total_p95": percentile(total, 0.95) or 0.0,
        "stages": _stages(one.timings for one in turns),
        "tokens": round(mean(tokens) or 0.0, 1),
        "model_calls": round(mean([one.usage["model_calls"] for one in turns]) or 0.0, 2),
        "escalated": sum(one.decided_by == "model" for one in turns),
        "limits": dict(Counter(one.limit for one in turns if one.limit)),
    }


def _stages(timings: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the milliseconds of each stage over the slow turns, the longest first."""
    spent: Counter[str] = Counter()
    for one in timings:
        if one.get("total", 0.0) > SLOW:
            spent.update({name: value for name, value in one.items() if name != "total"})
    return {name: round(value, 1) for name, value in spent.most_common()}
