"""The cascade: rules, the local classifier, a chat model, and a fan-out when none is sure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from agent import observability
from agent.errors import WaypostError
from agent.observability import STAGE_FAILED
from agent.routing.classifier import Describe, LocalClassifier
from agent.routing.model import Complete, ModelChoice, ask_model
from agent.routing.rules import TALK, VAGUE, apply_rules
from agent.routing.types import NONE, Action, Candidate, DecidedBy, Decision, Route, Target

__all__ = ["Router"]

SURE = 0.6  # below this a chat model is asked, if there is one
OUTSIDE = 0.9  # below this "none" is not trusted without having searched
TALKING = 0.5  # small talk below this is looked up like any question
ASKING = 0.75  # a tool whose arguments are incomplete is asked back about only above this
COMPLETE = 0.55  # how much like a call a question is that names every argument
ACTING = 0.5  # a tool is never called on a guess
LOST = 0.35  # below this the best guess is no decision: the top indexes are searched side by side
CLOSE = 0.08  # an index with this share of the best one's probability is searched too
FAN_OUT = 3


class Router:
    """Decides what is done with a question.

    Args:
        classifier: the fitted local classifier over all targets.
    """

    def __init__(self, classifier: LocalClassifier) -> None:
        self._classifier = classifier

    async def route(
        self,
        text: str,
        describe: Describe,
        *,
        visible: Callable[[Target], bool] = lambda target: True,
        complete: Complete | None = None,
        language: Literal["zh", "en"] = "en",
    ) -> Decision:
        """Return the route of a standalone question.

        Args:
            text: the question.
            describe: finds its affinities and likeness to tool calls; called only if no rule decides.
            visible: whether the principal may see a target.
            complete: sends a prompt to the router's chat model; None where there is none.
            language: of the prompt.
        """
        targets = [target for target in self._classifier.targets if visible(target)]
        match = apply_rules(text, targets)
        if match is not None:
            return match
        described = await describe(text)
        score = await self._classifier.score(described)
        names = {NONE, *(target.name for target in targets)}
        total = sum(p for name, p in score.probabilities.items() if name in names)
        seen = {name: p / total for name, p in score.probabilities.items() if name in names}
        best = max(seen, key=lambda name: seen[name])
        if (best.startswith(TALK) and seen[best] < TALKING) or (
            described.calls.get(best, 1.0) < COMPLETE and seen[best] < ASKING
        ):
            rest = {
                name: p for name, p in seen.items() if name != best and not name.startswith(TALK)
            }
            best = max(rest, key=lambda name: rest[name])
        reason = score.reason
        if not best.startswith(TALK):  # small talk that is not sure enough is nobody's question
            seen[NONE] += sum(seen.pop(name) for name in list(seen) if name.startswith(TALK))
            best = NONE if seen[NONE] >= OUTSIDE else best
        if seen[best] < SURE and complete is not None:
            try:
                choices = [target for target in targets if target.kind != "talk"]
                choice = await ask_model(text, choices, complete, language)
                return Decision(self._chosen(text, targets, seen, choice))
            except WaypostError as error:
                observability.warning(STAGE_FAILED, stage="router model", error=error.code)
                reason = f"{reason}; the model stage failed ({error.message})"
        if best.startswith(TALK):
            talk = best.removeprefix(TALK)
            action: Literal["answer", "clarify"] = "clarify" if talk == VAGUE else "answer"
            found = _route(text, targets, seen, action, [], [], seen[best], reason, "classifier")
            return Decision(found, None if talk == VAGUE else talk)
        return Decision(self._decided(text, targets, seen, best, reason))

    def _decided(
        self, text: str, targets: Sequence[Target], seen: dict[str, float], best: str, reason: str
    ) -> Route:
        tools = {target.name for target in targets if target.kind == "tool"}
        if best in tools and seen[best] >= ACTING:
            return _route(text, targets, seen, "act", [], [best], seen[best], reason, "classifier")
        if best in tools:
            best = max((name for name in seen if name not in tools), key=lambda name: seen[name])
        indexes = sorted((t.name for t in targets if t.kind == "index"), key=lambda n: -seen[n])
        if best == NONE and (seen[NONE] >= OUTSIDE or not indexes):
            return _route(text, targets, seen, "answer", [], [], seen[NONE], reason, "classifier")
        top = seen[indexes[0]]
        if best == NONE or top < LOST:
            chosen = indexes[:FAN_OUT]
            reason = f"no target is likely enough, so the best {len(chosen)} are searched; {reason}"
            sure = sum(seen[name] for name in chosen)
            return _route(text, targets, seen, "search", chosen, [], sure, reason, "fallback")
        chosen = [name for name in indexes if seen[name] >= CLOSE * top][:FAN_OUT]
        sure = sum(seen[name] for name in chosen)
        return _route(text, targets, seen, "search", chosen, [], sure, reason, "classifier")

    def _chosen(
        self, text: str, targets: Sequence[Target], seen: dict[str, float], choice: ModelChoice
    ) -> Route:
        tools = {target.name for target in targets if target.kind == "tool"}
        indexes = [name for name in choice.targets if name not in tools]
        acting = [name for name in choice.targets if name in tools]
        action: Literal["act", "search", "answer"] = (
            "act" if acting else "search" if indexes else "answer"
        )
        sure = max(SURE, sum(seen[name] for name in choice.targets or (NONE,)))
        return _route(text, targets, seen, action, indexes, acting, sure, choice.reason, "model")


def _route(
    text: str,
    targets: Sequence[Target],
    seen: dict[str, float],
    action: Action,
    indexes: Sequence[str],
    tools: list[str],
    confidence: float,
    reason: str,
    decided_by: DecidedBy,
) -> Route:
    names = [target.name for target in targets if target.kind == "index"] + [NONE]
    total = sum(seen[name] for name in names) or 1.0
    candidates: list[Candidate] = sorted(
        ({"name": name, "confidence": round(seen[name] / total, 4)} for name in names),
        key=lambda candidate: -candidate["confidence"],
    )
    return {
        "question": text,
        "action": action,
        "indexes": [{"name": name, "confidence": round(seen[name], 4)} for name in indexes],
        "tools": tools,
        "candidates": candidates,
        "confidence": round(min(confidence, 1.0), 4),
        "reason": reason,
        "decided_by": decided_by,
    }
