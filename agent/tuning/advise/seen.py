"""What rules share: making a finding, and what the router could learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agent.tuning.advise.types import Basis, Cause, Facts, Finding, Remedy, Share

__all__ = ["exact", "finding", "known_routes", "learnable", "listed"]

LEARNABLE = 50  # questions with a known right route that the router's refit needs


def finding(
    cause: Cause,
    remedy: Remedy,
    where: Iterable[str],
    counted: Share,
    basis: Basis,
    **values: object,
) -> Finding:
    """Return what a rule saw; `values` are for the words that tell of it."""
    return {
        "cause": cause,
        "remedy": remedy,
        "where": sorted({one for one in where if one}),
        "share": counted,
        "target": "",
        "within": None,
        "basis": basis,
        "values": {name: str(value) for name, value in values.items()},
    }


def exact(count: int, of: int) -> Share:
    """Return a share that is counted, not sampled."""
    of = max(of, count, 1)
    return {"count": count, "of": of, "low": round(count / of, 4), "high": round(count / of, 4)}


def listed(texts: Iterable[str], most: int = 5) -> str:
    """Return the commonest texts, and how many more there are."""
    counted = [text for text, _ in Counter(texts).most_common()]
    more = f" (+{len(counted) - most})" if len(counted) > most else ""
    return ", ".join(counted[:most]) + more


def known_routes(facts: Facts) -> int:
    """Return how many different questions of the traces have a known right route."""
    return facts["turns"]["labelled"] if facts["turns"] else 0


def learnable(facts: Facts) -> bool:
    """Say whether these are enough to fit the router anew."""
    return known_routes(facts) >= LEARNABLE
