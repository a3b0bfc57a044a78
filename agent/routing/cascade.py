"""The cascade: rules, the local classifier, a tuned model, a chat model, and a fan-out when none decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from agent import observability
from agent.errors import ConfigurationError, ModelError, WaypostError
from agent.observability import STAGE_FAILED
from agent.routing.classifier import LocalClassifier
from agent.routing.corrections import Right
from agent.routing.decision import FAN_OUT, cheapest, likely_tools, make_route
from agent.routing.model import ask_model
from agent.routing.pooling import pooled
from agent.routing.rules import TALK, VAGUE, Rules
from agent.routing.types import (
    NONE,
    Action,
    Asked,
    Complete,
    DecidedBy,
    Decision,
    Describe,
    Language,
    Passed,
    Stage,
    Target,
    Weigh,
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
        self._settings = settings

    async def decide(self, asked: Asked) -> Decision | Passed:
        """Return the decision of least cost, unless it is too unsure."""
        question = await asked.describe(asked.text)
        score = await self._classifier.score(question, [target.name for target in asked.targets])
        asked = replace(asked, probabilities=score.probabilities, calls=question.calls)
        more = asked.complete is not None or asked.weigh is not None
        return _least(asked, self._settings, score.reason, "classifier", more=more)


class Weighing:
    """The stage of a tuned model in this process: it decides as the classifier does, knowing more.

    Args:
        settings: what mistakes cost, and how sure it must be where a chat model can be asked.
    """

    name = "tuned model"

    def __init__(self, settings: Routing) -> None:
        self._settings = settings

    async def decide(self, asked: Asked) -> Decision | Passed:
        """Return the decision of least cost, unless it is too unsure.

        A model that fails leaves what the classifier makes of the question.
        """
        if asked.weigh is None:
            return Passed("")
        more = asked.complete is not None
        try:
            chances = pooled(asked.probabilities, await asked.weigh(asked.text))
        except (ConfigurationError, ModelError) as error:
            observability.warning(STAGE_FAILED, stage=f"router {self.name}", error=error.code)
            reason = f"the {self.name} stage failed ({error.message})"
            return _least(asked, self._settings, reason, "classifier", more=more)
        asked = replace(asked, probabilities=chances)
        best = max(chances, key=lambda name: chances[name])
        likely = f"{best.removeprefix(TALK)} is most likely ({chances[best]:.2f})"
        reason = f"with what a tuned model finds, {likely}"
        return _least(asked, self._settings, reason, "model", more=more)


def _least(
    asked: Asked, settings: Routing, reason: str, by: DecidedBy, *, more: bool
) -> Decision | Passed:
    """Return the decision of least cost, unless it is too unsure.

    Args:
        asked: the question, with probabilities.
        settings: what mistakes cost, and how sure one must be.
        reason: why the probabilities are so.
        by: whose they are.
        more: whether another stage may know better.
    """
    choice = cheapest(asked, asked.calls, settings.costs)
    chances = asked.probabilities
    best = max(chances, key=lambda name: chances[name])
    unsure = bool(choice.targets) and (
        chances[choice.targets[0]] < LOST or (choice.action == "search" and best == NONE)
    )
    if choice.sure < settings.threshold and more:
        told = f"the {by} is unsure ({choice.sure:.2f}: {reason})"
        return Passed(told, chances, asked.calls)
    if unsure:
        return Passed(f"no target is likely enough ({reason})", chances, asked.calls)
    talk = [name.removeprefix(TALK) for name in choice.targets if name.startswith(TALK)]
    action: Action = "clarify" if talk == [VAGUE] else choice.action
    route = make_route(
        asked,
        action,
        choice.targets if action == "search" else (),
        choice.targets if action == "act" else (),
        choice.sure,
        reason,
        by,
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
            Weighing(settings),
            Escalating(settings.threshold, prompts),
        )

    async def route(
        self,
        text: str,
        describe: Describe,
        *,
        visible: Callable[[Target], bool] = lambda target: True,
        complete: Complete | None = None,
        weigh: Weigh | None = None,
        language: Language = "en",
    ) -> Decision:
        """Return the route of a standalone question.

        Args:
            text: the question.
            describe: finds its affinities and likeness to tool calls; called only if no rule decides.
            visible: whether the principal may see a target.
            complete: sends a prompt to the router's chat model; None where there is none.
            weigh: asks a tuned model in this process; None where there is none.
            language: of the prompt.
        """
        targets = tuple(target for target in self._targets if visible(target))
        asked = Asked(text, targets, describe, complete, weigh, language)
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
                asked = replace(asked, probabilities=verdict.probabilities, calls=verdict.calls)
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
