"""The router's task: a question and the choices, and the name that is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.routing import Target
from agent.routing.model import EXAMPLES, router_prompt, router_reply
from agent.tuning.export.materials import Known, Materials
from agent.tuning.export.types import Made, Sample, skeleton
from prompts import Prompts

__all__ = ["router_samples"]


def router_samples(materials: Materials, prompts: Prompts) -> Made:
    """Return a sample for each question: the prompt of the router's chat model, and its reply.

    A question that the prompt itself shows as an example is left out of it, since its target stands there.

    Args:
        materials: the questions and what can be routed to.
        prompts: the project's prompts.
    """
    made = Made(dropped=list(materials.dropped), found=list(materials.found))
    for one in materials.known:
        prompt = router_prompt(
            one.question, _choices(one, materials.targets), one.language, prompts=prompts
        )
        made.samples.append(
            Sample(
                one.question,
                one.label,
                one.source,
                one.language,
                ({"role": "user", "content": prompt},),
                router_reply(one.targets),
                shown=one.shown,
                thread=one.thread,
                at=one.at,
            )
        )
    return made


def _choices(one: Known, targets: Sequence[Target]) -> list[Target]:
    own = skeleton(one.question)
    return [
        replace(
            target,
            examples=tuple(text for text in target.examples[:EXAMPLES] if skeleton(text) != own),
        )
        for target in targets
    ]
