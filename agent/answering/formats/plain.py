"""Formats that need neither a schema nor a model: plain text and fixed fields."""

from __future__ import annotations

import re
from typing import Any, Protocol

from agent.answering.formats.result import Result, level, listed
from prompts import texts

__all__ = ["AnswerFormat", "Fields", "Plain"]


class AnswerFormat(Protocol):
    """A form of answers; `local` never asks a model."""

    def local(self, result: Result) -> str:
        """Return a finished turn in this form."""
        ...


class Plain:
    """The text as it is."""

    def local(self, result: Result) -> str:
        """Return the text."""
        return result.text


class Fields:
    """Three labelled fields: 答案, 数据来源 and 置信度, or Answer, Sources and Confidence."""

    def local(self, result: Result) -> str:
        """Return the fields; no line of the text can be taken for one of them."""
        words: dict[str, Any] = texts("messages", result.language)
        labels = [words[f"fields_{name}"] for name in ("answer", "sources", "confidence")]
        # a line that begins like a field is set off by a blank
        forged = re.compile(rf"^(?=(?:{'|'.join(labels)})\s*[:：])", re.MULTILINE | re.IGNORECASE)
        text = forged.sub(" ", result.text.strip())
        sources = listed(result)
        values = (
            f"\n{text}" if "\n" in text else text,
            "".join(f"\n{line}" for line in sources) or words["fields_none"],
            words["fields_level"].format(
                level=words[f"confidence_{level(result.confidence)}"], number=result.confidence
            ),
        )
        lines = []
        for label, value in zip(labels, values, strict=True):
            line = words["fields_line"].format(
                label=label, value="" if value[:1] == "\n" else value
            )
            lines.append(line.rstrip() + (value if value[:1] == "\n" else ""))
        return "\n".join(lines)
