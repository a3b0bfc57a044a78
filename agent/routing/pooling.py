"""What a tuned model says, joined with what the classifier says."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["pooled"]


def pooled(classified: Mapping[str, float], tuned: Mapping[str, float]) -> dict[str, float]:
    """Return the probabilities of all targets, those that the tuned model knows being judged by both.

    Both are joined by their geometric mean. On CLINC150's questions that the classifier is unsure about, it was
    right more often, and better calibrated, than either alone. A target that the model does not know
    (small talk, an index that is newer) keeps the classifier's probability. What it gives to targets
    that are not there (those the principal may not see) is no reason for another: that share goes by
    the classifier.

    Args:
        classified: of the targets that the principal may be routed to, and "none"; they sum to 1.
        tuned: of the names that the model knows; they sum to 1 at most.
    """
    joint = {
        name: math.sqrt(classified[name] * tuned[name]) for name in tuned if name in classified
    }
    mass = sum(classified[name] for name in joint)
    seen = sum(tuned[name] for name in joint)
    total = sum(joint.values())
    if not total:
        return dict(classified)
    return {
        name: mass * seen * joint[name] / total + (1 - seen) * chance if name in joint else chance
        for name, chance in classified.items()
    }
