"""The forms that an answer may have: plain text, fixed fields, or JSON of the project's own schema."""

from __future__ import annotations

from agent.answering.formats.fill import Ask, written
from agent.answering.formats.load import load_format
from agent.answering.formats.plain import AnswerFormat, Fields, Plain
from agent.answering.formats.result import Result
from agent.answering.formats.schema import JsonFormat

__all__ = [
    "AnswerFormat",
    "Ask",
    "Fields",
    "JsonFormat",
    "Plain",
    "Result",
    "load_format",
    "written",
]
