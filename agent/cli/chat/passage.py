"""A source of an answer in its document: the passage, and what stands before and after it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.answering import Citation
from agent.answering.formats.result import placed
from agent.cli.chat.screen import Excerpt
from agent.cli.chat.words import Words
from agent.excerpt import excerpt as surroundings
from indexes.types import Principal

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = ["excerpt", "source_line"]


def source_line(citation: Citation, words: Words) -> str:
    """Return a source on one line: its title and its place."""
    place = placed(citation, words.language)
    title = " ".join(citation["title"].split())
    if not place:
        return title
    return f"{title}（{place}）" if words.language == "zh" else f"{title} ({place})"


async def excerpt(
    cited: Sequence[Citation],
    values: Mapping[str, Any],
    waypost: Waypost,
    principal: Principal | None,
    words: Words,
) -> Excerpt:
    """Return what is shown of a source.

    Args:
        cited: the citations of one marker.
        values: the state of the thread that they belong to.
        waypost: has the documents.
        principal: who asks; what they may not see (any more) is not read again.
        words: the chat's texts.
    """
    first = cited[0]
    if not first["index"]:
        return _result(cited, values, words)
    stretches = [one["text"] for one in cited]
    place = words.listed(
        list(dict.fromkeys(filter(None, (placed(c, words.language) for c in cited))))
    )
    address = first["uri"].split("#")[0]  # a fragment may quote the text
    where = first["document"] if address in {"", first["document"]} else address
    found = await surroundings(
        waypost.registry,
        index=first["index"],
        document=first["document"],
        text=first["text"],
        principal=principal,
    )
    if found is not None:
        around = (found["before"], found["text"], found["after"])
        return Excerpt(first["title"], place, where, *around, stretches)
    text = "\n\n".join(stretches)
    return Excerpt(first["title"], place, where, "", text, "", (), words("changed"))


def _result(cited: Sequence[Citation], values: Mapping[str, Any], words: Words) -> Excerpt:
    """Return what is shown of a tool's result."""
    name = cited[0]["title"]
    calls = [call for call in values.get("tool_calls", ()) if call["name"] == name]
    told = [
        f"{json.dumps(call['args'], ensure_ascii=False)}\n"
        + json.dumps(call["result"], ensure_ascii=False, indent=2)
        for call in calls
    ]
    text = "\n\n".join(told) or "\n".join(one["text"] for one in cited)
    return Excerpt(
        words("tool_result", tool=name), "", "", "", text, "", [c["text"] for c in cited]
    )
