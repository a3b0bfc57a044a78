"""The cascade: rules, the local classifier, a chat model, and a fan-out when none of them decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from agent import observability
from agent.errors import WaypostError
from agent.observability import STAGE_FAILED
from agent.routing.classifier import LocalClassifier
from agent.routing.corrections import Right
from agent.routing.decision import FAN_OUT, cheapest, likely_tools, make_route
from agent.routing.model import ask_model
from agent.routing.rules import TALK, VAGUE, Rules
from agent.routing.types import (
    NONE,
    Action,
    Asked,
    Complete,
    Decision,
    Describe,
    Language,
    Passed,
    Stage,
    Target,
)
from agent.settings import Routing
from prompts import PACKAGED, Prompts

__all__ = ["Router"]

LOST = 0.35  # below this the best guess is no decision: the top indexes are searched side by side


class Classifying:
    """The stage of the local classifier: it decides what costs least in expectation.

    Args:
        classifier: fitted.
        settings: what mistakes cost, and how sure it must be where a chat model can be asked.
    """

    name = "classifier"

    def __init__(self, classifier: LocalClassifier, settings: Routing) -> None:
        self._classifier = classifier
        self._costs = settings.costs
        self._threshold = settings.threshold

    async def decide(self, asked: Asked) -> Decision | Passed:
        """Return the decision of least cost, unless it is too unsure."""
        question = await asked.describe(asked.text)
        score = await self._classifier.score(question, [target.name for target in asked.targets])
        asked = replace(asked, probabilities=score.probabilities)
        choice = cheapest(asked, question.calls, self._costs)
        best = max(asked.probabilities, key=lambda name: asked.probabilities[name])
        unsure = bool(choice.targets) and (
            asked.probabilities[choice.targets[0]] < LOST
            or (choice.action == "search" and best == NONE)
        )
        if choice.sure < self._threshold and asked.complete is not None:
            reason = f"the classifier is unsure ({choice.sure:.2f}: {score.reason})"
            return Passed(reason, asked.probabilities)
        if unsure:
            return Passed(f"no target is likely enough ({score.reason})", asked.probabilities)
        talk = [name.removeprefix(TALK) for name in choice.targets if name.startswith(TALK)]
        action: Action = "clarify" if talk == [VAGUE] else choice.action
        route = make_route(
            asked,
            action,
            choice.targets if action == "search" else (),
            choice.targets if action == "act" else (),
            choice.sure,
            score.reason,
            "classifier",
        )
        kind = talk[0] if talk and talk != [VAGUE] else None
        return Decision(route, kind, likely_tools(asked))


class Escalating:
    """The stage of the chat model, if there is one.

    Args:
        threshold: what its decision's confidence is at least.
        prompts: the project's prompts.
    """

    name = "model"

    def __init__(self, threshold: float, prompts: Prompts) -> None:
        self._threshold = threshold
        self._prompts = prompts

    async def decide(self, asked: Asked) -> Decision | Passed:
        """Return what the model chose among what the principal may see."""
        if asked.complete is None:
            return Passed("")
        choices = [target for target in asked.targets if target.kind != "talk"]
        choice = await ask_model(
            asked.text, choices, asked.complete, asked.language, prompts=self._prompts
        )
        tools = [name for name in choice.targets if name in asked.names("tool")]
        indexes = [name for name in choice.targets if name not in tools]
        action: Action = "act" if tools else "search" if indexes else "answer"
        chances = asked.probabilities
        sure = max(self._threshold, sum(chances.get(n, 0.0) for n in choice.targets or (NONE,)))
        route = make_route(asked, action, indexes, tools, sure, choice.reason, "model")
        return Decision(route, tools=likely_tools(asked))


class Router:
    """Decides what is done with a question: the first stage that decides does.

    Args:
        classifier: the fitted local classifier over all targets.
        settings: [routing] of the project.
        corrections: gives the right route of a question that was corrected.
        prompts: the project's prompts.
    """

    def __init__(
        self,
        classifier: LocalClassifier,
        settings: Routing,
        corrections: Callable[[str], Right | None],
        *,
        prompts: Prompts = PACKAGED,
    ) -> None:
        self._targets = classifier.targets
        self._stages: Sequence[Stage] = (
            Rules(corrections, settings.rule),
            Classifying(classifier, settings),
            Escalating(settings.threshold, prompts),
        )

    async def route(
        self,
        text: str,
        describe: Describe,
        *,
        visible: Callable[[Target], bool] = lambda target: True,
        complete: Complete | None = None,
        language: Language = "en",
    ) -> Decision:
        """Return the route of a standalone question.

        Args:
            text: the question.
            describe: finds its affinities and likeness to tool calls; called only if no rule decides.
            visible: whether the principal may see a target.
            complete: sends a prompt to the router's chat model; None where there is none.
            language: of the prompt.
        """
        targets = tuple(target for target in self._targets if visible(target))
        asked = Asked(text, targets, describe, complete, language)
        told: list[str] = []
        for stage in self._stages:
            try:
                verdict = await stage.decide(asked)
            except (
                Exception
            ) as error:  # whatever fails: the next stage is asked, and the route says so
                code = error.code if isinstance(error, WaypostError) else type(error).__name__
                observability.warning(STAGE_FAILED, stage=f"router {stage.name}", error=code)
                what = error.message if isinstance(error, WaypostError) else code
                verdict = Passed(f"the {stage.name} stage failed ({what})")
            if isinstance(verdict, Decision):
                if told and verdict.route["decided_by"] != "rule":
                    verdict.route["reason"] = "; ".join([verdict.route["reason"], *told])
                return verdict
            if verdict.probabilities:
                asked = replace(asked, probabilities=verdict.probabilities)
            if verdict.reason:
                told.append(verdict.reason)
        return _fan_out(asked, told)


def _fan_out(asked: Asked, told: Sequence[str]) -> Decision:
    """Search the likeliest indexes side by side; without any there is nothing to do but to decline."""
    chances = asked.probabilities
    indexes = sorted(asked.names("index"), key=lambda name: -chances.get(name, 0.0))[:FAN_OUT]
    if not indexes:
        route = make_route(
            asked, "answer", (), (), chances.get(NONE, 0.0), "; ".join(told), "fallback"
        )
        return Decision(route)
    sure = sum(chances.get(name, 0.0) for name in indexes)
    reason = "; ".join([f"so the best {len(indexes)} indexes are searched", *told][::-1])
    return Decision(make_route(asked, "search", indexes, (), sure, reason, "fallback"))
