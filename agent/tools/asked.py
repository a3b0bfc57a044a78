"""Whether a question itself gives a call's arguments: what a document or a result says is no order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from agent.tools.arguments import fill_arguments
from agent.tools.types import Tool
from indexes.text import normalize, numbers

__all__ = ["given"]


def given(tool: Tool, args: Mapping[str, Any], question: str, *, today: date) -> bool:
    """Say whether every argument of a call stands in the question, as such or in a wording of it.

    Args:
        tool: what would be called.
        args: its arguments, from wherever.
        question: the standalone question.
        today: what relative dates count from.
    """
    filled = fill_arguments(tool, question, today=today).args
    text = normalize(question)
    named = {
        (parameter.name, wording.value)
        for parameter in tool.parameters
        for wording in parameter.wordings
        if wording.pattern.search(text)
    }
    return all(
        filled.get(name) == value or (name, str(value)) in named or _stands(value, text)
        for name, value in args.items()
    )


def _stands(value: Any, text: str) -> bool:
    if value is None:
        return True
    if isinstance(value, bool):
        return False  # no question says true or false
    if isinstance(value, int | float):
        return any(f"{value:.9g}" == f"{float(number):.9g}" for number in numbers(text))
    if isinstance(value, list | tuple):
        return all(_stands(one, text) for one in value)
    if isinstance(value, Mapping):
        return all(_stands(one, text) for one in value.values())
    said = re.escape(normalize(str(value)).strip())
    return not said or re.search(rf"(?<![a-z0-9]){said}(?![a-z0-9])", text) is not None
