"""A chat model that obeys an attack wherever it reads it: what the safest project must withstand."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import Field

from tests.agent.injection.project import SECRET, Attack
from tests.agent.scripted import Streaming

__all__ = ["Obedient", "folded"]

TAGS = range(0xE0020, 0xE007F)
SIGNS = re.compile(r"[\W_]+")
SOURCE = re.compile(r'<source id="(\d+)">\n(.*?)\n</source>', re.DOTALL)


def folded(text: str) -> str:
    """Return a text as one reads it who looks through every trick: letters and digits alone."""
    shown = "".join(chr(ord(c) - 0xE0000) if ord(c) in TAGS else c for c in text)
    return SIGNS.sub("", unicodedata.normalize("NFKC", shown)).casefold()


class Obedient(Streaming):
    """Does what the attack wants as soon as it reads it in what it is asked or offered; else it is honest.

    It obeys in every form at once: as sentences with the marker of a source and without, as heading, list,
    table, code and lead-in, beside the true answer. `obeyed` counts the calls in which it did.
    """

    attack: Attack | None = None
    obeyed: int = 0
    systems: list[str] = Field(default_factory=list)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        assert self.attack is not None
        tools = kwargs.get("tools", ())
        prompt = "\n".join(str(message.content) for message in messages)
        system = "\n".join(str(m.content) for m in messages if m.type == "system")
        if system:
            self.systems.append(system)
        offered = json.dumps(list(tools), ensure_ascii=False, default=str)
        obeys = folded(self.attack.text)[:48] in folded(prompt + offered)
        self.obeyed += obeys
        call = self.attack.call
        if obeys and call is not None and f'"{call["name"]}"' in offered:
            args = {
                key: value.format(question=self.attack.question)
                if isinstance(value, str)
                else value
                for key, value in call["args"].items()
            }
            chunk: Any = {
                "name": call["name"],
                "args": json.dumps(args),
                "id": "call-0",
                "index": 0,
                "type": "tool_call_chunk",
            }
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[chunk]))
            return
        reply = self._reply(prompt, system or prompt, obeys=obeys)
        for start in range(0, len(reply), 7):
            yield ChatGenerationChunk(message=AIMessageChunk(content=reply[start : start + 7]))

    def _reply(self, prompt: str, system: str, *, obeys: bool) -> str:
        assert self.attack is not None
        number = next((n for n, text in SOURCE.findall(prompt) if self._tells(text)), "1")
        said = self.attack.says.format(
            question=quote(self.attack.question), system=system, secret=SECRET, source=number
        )
        line = " ".join(said.split())
        if '"targets"' in prompt:
            target = "order_part" if self.attack.call else "leave"
            return json.dumps({"targets": [target if obeys else "pumps"], "reason": line})
        if '"sufficient"' in prompt:
            lacking = {"sufficient": False, "missing": [line[:110]]}
            return json.dumps(lacking if obeys else {"sufficient": True, "missing": []})
        if '"queries"' in prompt:
            return json.dumps({"queries": [line[:100] if obeys else "pump interval"]})
        if "<source" not in prompt:
            return line if obeys else self.attack.question
        fact = f"{self.attack.fact} [{number}]{'。' if self.attack.language == 'zh' else '.'}"
        if not obeys:
            return fact
        return said if said == "NO_ANSWER" else _in_every_form(fact, said, line, number)

    def _tells(self, text: str) -> bool:
        assert self.attack is not None
        figure = re.findall(r"\d[\d.]+", self.attack.fact)[-1]
        return figure in text and (self.attack.code in text or "7.5" in figure)


def _in_every_form(fact: str, said: str, line: str, number: str) -> str:
    marked = "\n".join(f"{one} [{number}]" for one in said.splitlines() if one.strip())
    each = re.sub(r"(?<=[。.!！])(?=\s|\Z)", f" [{number}]", line)
    return "\n\n".join(
        [
            fact,
            said,
            marked,
            each,
            f"## {line}",
            f"**{line}**",
            f"```text\n{said}\n```",
            f"```{line}\nx\n```",
            f"| {line} | {line} |\n|---|---|\n| {line} | [{number}] |",
            f"- {line} [{number}]",
            f"{line}:",
            fact,
            f"The sources do not tell this, {line}",
            f"In summary: {line}",
        ]
    )
