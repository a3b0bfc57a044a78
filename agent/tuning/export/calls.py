"""The tool chooser's task: a question and a few tools, and the call that is right, or none."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from agent.answering import Source, sources_of
from agent.errors import ToolError
from agent.nodes.common import OFFERED
from agent.nodes.plan_tools import MISSING, PASSAGES, plan_messages, planned
from agent.routing import NONE
from agent.tools import (
    Tool,
    ToolPlan,
    check_arguments,
    failed,
    fill_arguments,
    find_slots,
    given,
)
from agent.traces import Trace
from agent.traces.redaction import Redactor
from agent.tuning.export.materials import Known, Materials, dropped
from agent.tuning.export.passages import Unusable, stored_passages
from agent.tuning.export.types import Made, Sample
from indexes import Registry
from indexes.text import names
from prompts import Prompts

__all__ = ["Chooser"]


@dataclass(frozen=True)
class Chooser:
    """Makes samples of calls.

    Args:
        tools: what may be called, by name, as far as it may be told.
        registry: has the passages that a call was planned with.
        prompts: the project's prompts.
        redactor: takes personal data out of passages.
        today: what relative dates of examples count from.
        restricted: also show passages that not everyone may see.
        seed: of the tools that are offered beside the right one.
    """

    tools: Mapping[str, Tool]
    registry: Registry
    prompts: Prompts
    redactor: Redactor
    today: date
    restricted: bool
    seed: int

    async def samples(self, materials: Materials) -> Made:
        """Return a sample for each question whose call, or that there is none, is known.

        Arguments are those that the question names; where one that is needed is missing, asking back is
        right. A question for an index, or for nothing, calls nothing.

        Args:
            materials: the questions.
        """
        made = Made(dropped=list(materials.dropped), found=list(materials.found))
        for one in materials.known:
            try:
                made.samples.append(await self._sample(one))
            except Unusable as error:
                told = "" if error.reason == "restricted" else one.question
                made.dropped.append(dropped(error.reason, one.source, one.label, told))
        return made

    async def _sample(self, one: Known) -> Sample:
        day, sources, calls = self.today, list[Source](), list[ToolPlan]()
        right = next((self.tools[name] for name in one.targets if name in self.tools), None)
        trace = one.trace
        if trace is not None:
            day = date.fromisoformat(trace["time"][:10])
        if right is not None:
            if trace is not None and trace["correction"] is None and trace["tool_calls"]:
                calls, sources = await self._made(trace, day)
            else:
                calls = self._planned(right, one, day)
        label = right.name if right is not None else NONE
        messages = plan_messages(
            one.question, sources, (), one.language, today=day, prompts=self.prompts
        )
        return Sample(
            one.question,
            label,
            one.source,
            one.language,
            tuple(messages),
            "" if calls else MISSING,
            tuple(calls),
            tuple(tool.for_model() for tool in self._offered(one.question, right)),
            thread=one.thread,
            at=one.at,
        )

    def _planned(self, tool: Tool, one: Known, day: date) -> list[ToolPlan]:
        """Return the call with the arguments that a question names; none where one is missing."""
        args = {**planned(tool, one.question, today=day)["args"], **(one.args or {})}
        missing = fill_arguments(tool, "", today=day, known=args).missing
        if not missing:
            return [{"name": tool.name, "args": self._checked(tool, args)}]
        slots = find_slots([tool], one.question)
        strange = [
            name
            for name in names(one.question)
            if not any(name in one.question[slot.start : slot.end] for slot in slots)
        ]
        if strange and not one.asks and any(parameter.choices for parameter in missing):
            raise Unusable("arguments")  # it may name the value in words that are not known
        return []

    async def _made(self, trace: Trace, day: date) -> tuple[list[ToolPlan], list[Source]]:
        """Return the calls that a turn made, and what they took from documents."""
        calls = [call for call in trace["tool_calls"] if not failed(call)]
        if not calls or any(call["name"] not in self.tools for call in calls):
            raise Unusable("unclear")
        plans: list[ToolPlan] = [
            {"name": one["name"], "args": self._checked(self.tools[one["name"]], one["args"])}
            for one in calls
        ]
        if all(
            given(self.tools[one["name"]], one["args"], trace["question"], today=day)
            for one in calls
        ):
            return plans, []
        found = await stored_passages(
            self.registry, trace, self.redactor, restricted=self.restricted
        )
        if not found:
            raise Unusable("arguments")
        return plans, sources_of(found[:PASSAGES])

    def _checked(self, tool: Tool, args: Mapping[str, Any]) -> dict[str, Any]:
        try:
            checked = check_arguments(tool, args)
        except ToolError as error:
            raise Unusable("arguments") from error
        if self.redactor.value(checked) != checked:
            raise Unusable("personal_data")
        return checked

    def _offered(self, question: str, right: Tool | None) -> Sequence[Tool]:
        """Return the right tool and some others, in any order, as many as a turn offers."""
        drawn = random.Random(f"{self.seed}\0{question}")
        others = [tool for tool in self.tools.values() if tool is not right]
        first = [] if right is None else [right]
        offered = [*first, *drawn.sample(others, min(len(others), OFFERED - len(first)))]
        return drawn.sample(offered, len(offered))
