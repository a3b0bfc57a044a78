"""A conversation as Markdown, with the sources of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.answering import Citation, visible
from agent.cli.chat.passage import source_line
from agent.cli.chat.words import Words

__all__ = ["conversation"]


def conversation(title: str, values: Mapping[str, Any], words: Words) -> str:
    """Return a thread as Markdown.

    Args:
        title: of the text.
        values: the thread's state.
        words: the chat's texts.
    """
    parts = [f"# {title}"]
    for message in values.get("messages", ()):
        if message.type == "human":
            first, *others = str(message.content).strip().split("\n")
            parts += [f"## {words('you')}: {first}", *(["\n".join(others)] if others else [])]
        else:
            parts.append(str(message.content))
            parts += _sources(message.additional_kwargs.get("citations", ()), words)
    return visible("\n\n".join(parts)) + "\n"


def _sources(citations: Sequence[Citation], words: Words) -> list[str]:
    if not citations:
        return []
    lines = [f"**{words('sources')}**", ""]
    for citation in sorted(citations, key=lambda one: one["marker"]):
        document = citation["uri"] or citation["document"]
        lines.append(f"- [{citation['marker']}] {source_line(citation, words)} `{document}`")
        lines += [f"  > {line}" for line in citation["text"].strip().split("\n")]
    return ["\n".join(lines)]
