"""Answers by a chat model, checked sentence by sentence while they stream: only what stands is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from agent.answering.links import without_links
from agent.answering.prompt import AnswerPrompt, is_no_answer, may_become_no_answer
from agent.answering.rules import Rules
from agent.answering.types import Citation, Draft, Source
from agent.answering.verification.claims import Claim, Splitter
from agent.answering.verification.verifier import Checked, Verifier, verdict
from agent.models import Completion, Message, RequestedCall, ToolSchema

__all__ = ["Ask", "Out", "Reply", "generate", "supports", "unsourced"]

Unsupported = Literal["drop", "repair", "flag"]
WAIT = {"lead", "heading", "header", "blank"}  # shown together with what they lead to
MENDED = {"marker", "link"}  # the check has taken the wrong marker or link out already


class Ask(Protocol):
    """Sends messages to the answerer within the turn's budget; raises ModelError."""

    def __call__(
        self,
        prompt: Sequence[Message],
        *,
        on_token: Callable[[str], None],
        on_restart: Callable[[], None],
        tools: Sequence[ToolSchema] = (),
    ) -> Awaitable[Completion]:
        """Return the reply."""
        ...


class Out(Protocol):
    """Where an answer goes as it is written."""

    def token(self, text: str) -> str:
        """Show a further piece, and return it as it is shown."""
        ...

    def restart(self) -> None:
        """Withdraw what was shown, if anything was."""
        ...


@dataclass(frozen=True)
class Reply:
    """A model's answer.

    `draft` is None where it asks for `calls` instead, where it found no answer in the sources (`silent`),
    and where nothing that it said is supported.
    """

    draft: Draft | None
    calls: Sequence[RequestedCall] = ()
    silent: bool = False


async def generate(
    ask: Ask,
    prompt: AnswerPrompt,
    verifier: Verifier,
    out: Out,
    *,
    unsupported: Unsupported,
    flag: str,
    repair: Callable[[str], str],
    tools: Sequence[ToolSchema] = (),
) -> Reply:
    """Let a chat model answer, and show each sentence once it is checked.

    Args:
        ask: sends messages to the answerer.
        prompt: the question with its sources.
        verifier: checks sentences against them.
        out: where checked sentences go.
        unsupported: what becomes of a sentence that the sources do not support.
        flag: what is put behind such a sentence if it stays.
        repair: makes the request to correct such sentences, given them.
        tools: what the model may call instead of answering.

    Raises:
        ModelError: the endpoint failed; `out` may have to be restarted.
    """
    rules = Rules(_rules(prompt.messages), (source.text for source in prompt.sources))
    writer = _Writer(verifier, prompt.sources, rules, out, unsupported, flag)
    completion = await ask(
        prompt.messages, on_token=writer.feed, on_restart=writer.restart, tools=tools
    )
    if completion.calls:
        writer.restart()
        return Reply(None, completion.calls)
    if is_no_answer(completion.text):
        writer.restart()
        return Reply(None, silent=True)
    writer.close(cut=completion.cut)
    if writer.rejected and unsupported == "repair":
        again: list[Message] = [
            *prompt.messages,
            {"role": "assistant", "content": completion.text},
            {"role": "user", "content": repair("\n".join(f"- {t}" for t in writer.rejected))},
        ]
        writer.restart()
        writer = _Writer(verifier, prompt.sources, rules, out, "drop", flag)
        completion = await ask(again, on_token=writer.feed, on_restart=writer.restart)
        writer.close(cut=completion.cut)
    return Reply(writer.draft())


async def unsourced(ask: Ask, prompt: Sequence[Message], out: Out, *, persona: str) -> str:
    """Let a chat model answer without sources, and show what it says but for links and its rules.

    Args:
        ask: sends messages to the answerer.
        prompt: the rules and the question.
        out: where sentences go.
        persona: how the assistant introduces itself, which it may repeat.

    Raises:
        ModelError: the endpoint failed; `out` may have to be restarted.
    """
    rules = Rules(_rules(prompt), [persona])
    splitter, shown = Splitter(), list[str]()

    def take(claims: Sequence[Claim]) -> None:
        for claim in claims:
            if not rules.repeated(claim.text):
                shown.append(out.token(without_links(claim.text, lambda url: False)[0]))

    def restart() -> None:
        nonlocal splitter
        splitter = Splitter()
        shown.clear()
        out.restart()

    await ask(prompt, on_token=lambda text: take(splitter.feed(text)), on_restart=restart)
    take(splitter.close())
    return "".join(shown)


def _rules(messages: Sequence[Message]) -> str:
    return "\n".join(str(one["content"]) for one in messages if one["role"] == "system")


def supports(verifier: Verifier, text: str) -> bool:
    """Say whether the sources support a text that has no markers, such as a field of a form."""
    return {"uncited"}.issuperset(verifier.check(Claim(text, "sentence")).problems)


class _Writer:
    """Cuts a streamed reply into claims, checks them, and shows what stands."""

    def __init__(
        self,
        verifier: Verifier,
        sources: Sequence[Source],
        rules: Rules,
        out: Out,
        unsupported: Unsupported,
        flag: str,
    ) -> None:
        self._verifier = verifier
        self._sources = {source.number: source for source in sources}
        self._rules = rules
        self._out = out
        self._unsupported = unsupported
        self._flag = flag
        self._begin()

    def _begin(self) -> None:
        self._splitter = Splitter()
        self._held: str | None = ""  # what may still become the word for no answer
        self._shown: list[str] = []
        self._kept: list[Checked] = []
        self._waiting: list[str] = []
        self.rejected: list[str] = []

    def restart(self) -> None:
        """Forget the reply so far, and withdraw what was shown of it."""
        if self._shown:
            self._out.restart()
        self._begin()

    def feed(self, token: str) -> None:
        """Take a piece of the reply."""
        if self._held is not None:
            self._held += token
            if may_become_no_answer(self._held):
                return
            token, self._held = self._held, None
        for claim in self._splitter.feed(token):
            self._take(claim)

    def close(self, *, cut: bool) -> None:
        """Take the end of the reply; a sentence in which it was cut off is left out."""
        rest = [*self._splitter.feed(self._held or ""), *self._splitter.close()]
        self._held = None
        for claim in rest[:-1] if cut else rest:
            self._take(claim)

    def draft(self) -> Draft | None:
        """Return what was shown with its citations; None if it claims nothing."""
        text = "".join(self._shown).strip()
        if not any(one.claims for one in self._kept):
            return None
        found = verdict([_mended(one) for one in self._kept])
        problems = sorted({problem for one in self._kept for problem in one.problems})
        return {
            "text": text,
            "citations": self._citations(),
            "grounded": found.grounded,
            "support": found.confidence,
            "problems": list(problems),
        }

    def _take(self, claim: Claim) -> None:
        if self._rules.repeated(claim.text):
            self.rejected.append(claim.text.strip())
            return
        checked = self._verifier.check(claim)
        text = checked.text
        if not _stands(checked):
            self.rejected.append(claim.text.strip())
            if self._unsupported != "flag":
                return
            end = len(text.rstrip())
            text = f"{text[:end]}{self._flag}{text[end:]}"
        if claim.kind in WAIT:
            self._waiting.append(text)
            return
        if self.rejected and self._unsupported == "repair":
            return  # all of it will be written again
        self._kept.append(checked)
        whole = "".join([*self._waiting, text])
        self._waiting = []
        self._shown.append(self._out.token(whole))

    def _citations(self) -> list[Citation]:
        markers = dict.fromkeys(marker for one in self._kept for marker in one.markers)
        citations = []
        for marker in markers:
            source = self._sources[marker]
            quotation = self._verifier.quote(marker, self._kept)
            citations.append(source.cited(quotation.text if quotation else source.text))
        return citations


def _stands(checked: Checked) -> bool:
    """Say whether a claim can stay, with the markers and links that were wrong taken out."""
    return MENDED.issuperset(checked.problems) and (bool(checked.markers) or not checked.claims)


def _mended(checked: Checked) -> Checked:
    return replace(checked, problems=()) if _stands(checked) else checked
