"""The answerer's tasks: grounded, cited answers from passages, and the project's way of speaking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.answering import Source, answer_prompt, sources_of
from agent.answering.formats import Plain
from agent.answering.prompt import NO_ANSWER
from agent.answering.validity import with_validity
from agent.answering.verification import Verifier, split, verdict
from agent.models import Message
from agent.traces import Trace
from agent.traces.redaction import Redactor
from agent.tuning.export.materials import CREDENTIAL, dropped, kinds_in, read_traces, why_not
from agent.tuning.export.passages import Unusable, stored_passages
from agent.tuning.export.types import Made, Sample
from indexes.text import language
from indexes.types import LocatedPassage
from prompts import Language, texts

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = ["ANSWER", "REFUSAL", "Writer"]

ANSWER, REFUSAL = "answer", "refusal"


@dataclass(frozen=True)
class Writer:
    """Makes samples of answers.

    Args:
        waypost: the opened project.
        redactor: takes personal data out.
        count: counts the tokens of a text.
        room: the most tokens of a prompt with its answer.
        restricted: also answers from what not everyone may see.
    """

    waypost: Waypost
    redactor: Redactor
    count: Callable[[str], int]
    room: int
    restricted: bool

    async def answers(self) -> Made:
        """Return a sample for each accepted answer that stands in the passages as they are now.

        A turn that found nothing, and was said to be right, is one whose right reply is that there is none.
        """
        return await self._of_traces(self._answer)

    async def styles(self) -> Made:
        """Return the examples of the settings and the accepted answers, each as the prompt shows examples."""
        made = await self._of_traces(self._style)
        for one in self.waypost.settings.answer.example:
            said = language(one.question)
            if self.redactor.text(one.answer) != one.answer:
                made.dropped.append(dropped("personal_data", "examples", ANSWER))
                continue
            asked = self.redactor.text(one.question)
            messages = self._shown(asked, said)
            made.samples.append(Sample(asked, ANSWER, "examples", said, messages, one.answer))
        return made

    async def _of_traces(self, sample: Callable[[Trace, str], Awaitable[Sample]]) -> Made:
        made = Made()
        async with read_traces(self.waypost) as traces:
            async for trace in traces:
                try:
                    label = self._accepted(trace)
                    made.samples.append(await sample(trace, label))
                    self._note(made)
                except Unusable as error:
                    told = "" if error.reason == "restricted" else trace["question"]
                    made.dropped.append(dropped(error.reason, "traces", "", told))
        return made

    def _note(self, made: Made) -> None:
        """Note what was taken out of the last sample's question and passages."""
        last = made.samples[-1]
        said = "\n".join(str(one["content"]) for one in last.messages)
        kinds = kinds_in(said, self.waypost.settings.traces.patterns)
        if kinds:
            made.found.append(
                {
                    "source": "traces",
                    "label": last.label,
                    "kinds": sorted(kinds),
                    "done": "replaced",
                }
            )

    def _accepted(self, trace: Trace) -> str:
        """Return what kind of reply a person accepted.

        Raises:
            Unusable: nobody did, or what the model wrote is not known from the trace.
        """
        said = trace["feedback"]
        if said is None or not said["good"]:
            raise Unusable(why_not(trace))
        if trace["correction"] is not None or trace["limit"] is not None:
            raise Unusable("unclear")
        kinds = kinds_in(
            f"{trace['question']}\n{trace['answer']}", self.waypost.settings.traces.patterns
        )
        if CREDENTIAL in kinds:
            raise Unusable("credential")
        if kinds_in(trace["answer"], self.waypost.settings.traces.patterns):
            raise Unusable("personal_data")  # a model would learn to say "[phone]"
        if trace["action"] == "abstain":
            return REFUSAL
        if trace["action"] == "clarify":
            raise Unusable("unclear")
        if not isinstance(self.waypost.resources.form, Plain):
            raise Unusable("form")  # the trace has the finished form, not what the model wrote
        self._check_tools(trace)
        return ANSWER

    def _check_tools(self, trace: Trace) -> None:
        """Refuse what tools said to somebody in particular: it may be for them alone."""
        tools = self.waypost.tools
        for call in trace["tool_calls"]:
            tool = tools.get(call["name"])
            if not self.restricted and (
                trace["principal"] or tool is None or not tool.allows(None)
            ):
                raise Unusable("restricted")

    async def _answer(self, trace: Trace, label: str) -> Sample:
        sources = sources_of(await self._passages(trace), trace["tool_calls"])
        if label == ANSWER and not (trace["grounded"] and sources):
            raise Unusable("unclear")
        answer = NO_ANSWER if label == REFUSAL else trace["answer"]
        settings, said = self.waypost.settings, trace["language"]
        prompt = answer_prompt(
            trace["question"],
            sources,
            (),
            room=self.room - self.count(answer),
            count=self.count,
            language=said,
            persona=settings.project.persona,
            examples=[(one.question, one.answer) for one in settings.answer.example],
            prompts=self.waypost.resources.prompts,
        )
        if prompt is None:
            raise Unusable("too_long" if sources else "unclear")
        if label == ANSWER:
            answer = _standing(answer, trace, prompt.sources)
        return Sample(
            trace["question"],
            label,
            "traces",
            said,
            tuple(prompt.messages),
            answer,
            thread=trace["thread"],
            at=trace["time"],
        )

    async def _style(self, trace: Trace, label: str) -> Sample:
        if label == REFUSAL:
            raise Unusable("unclear")  # its words are the settings', not a model's
        if trace["action"] != "answer" and not trace["grounded"]:
            raise Unusable("unsupported")
        await self._passages(trace)  # an answer quotes them
        question, said = trace["question"], trace["language"]
        return Sample(
            question,
            label,
            "traces",
            said,
            self._shown(question, said),
            trace["answer"],
            thread=trace["thread"],
            at=trace["time"],
        )

    async def _passages(self, trace: Trace) -> list[LocatedPassage]:
        found = await stored_passages(
            self.waypost.registry, trace, self.redactor, restricted=self.restricted
        )
        if any(CREDENTIAL in kinds_in(one["text"], {}) for one in found):
            raise Unusable("credential")
        return found

    def _shown(self, question: str, said: Language) -> tuple[Message, ...]:
        """Return a question as the answerer's prompt shows an example, after its rules."""
        prompts = self.waypost.resources.prompts
        written = prompts.messages(
            "answer",
            said,
            persona=self.waypost.settings.project.persona,
            conversation="",
            sources="",
            question="",
        )
        rules = [one for one in written if one["role"] == "system"]
        return (*rules, *prompts.messages("answer_example", said, question=question))


def _standing(answer: str, trace: Trace, sources: Sequence[Source]) -> str:
    """Return an answer whose every claim has the number of a source in which it stands.

    The check puts numbers right: an answer that no model wrote numbers its quotations, not the sources.

    Raises:
        Unusable: a claim stands in none.
    """
    words: Mapping[str, Any] = texts("messages", trace["language"])
    verifier = Verifier(with_validity(sources, words), trace["question"])
    checked = [verifier.check(claim) for claim in split(answer)]
    if not verdict(checked).grounded:  # nor is one of quoted code alone, which claims nothing
        raise Unusable("unsupported")
    return "".join(one.text for one in checked).strip()
