"""How a request is put to an endpoint: OpenAI's API has changed, and others follow parts of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from agent.settings import ChatModelSettings

__all__ = ["Dialect"]

_NAMED = re.compile(
    r"/responses|response_format|stream_options|max_tokens|max_completion_tokens|temperature"
)


@dataclass(frozen=True)
class Dialect:
    """Which of OpenAI's ways an endpoint understands.

    `form` is how it is told that a reply must be JSON, `longest` how that it must end, `temperature` and
    `usage` whether it can be told those, `responses` whether it wants OpenAI's Responses API, as
    newer models of OpenAI do where they are given tools.
    """

    form: Literal["json_schema", "json_object", "text"] = "json_schema"
    longest: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    usage: bool = True
    responses: bool = False

    def fields(
        self, settings: ChatModelSettings, schema: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return what a LangChain model of OpenAI's API is called with beside messages and tools."""
        fields: dict[str, Any] = {}
        body = dict(settings.extra_body)
        form = self._form(schema)
        if self.responses:
            fields |= {"max_completion_tokens": settings.max_output, "store": False}
            if form is not None:
                fields["response_format"] = form
        else:
            # LangChain renames max_tokens, and takes another way where it sees response_format.
            body = {self.longest: settings.max_output, **body}
            if form is not None:
                body["response_format"] = form
            if self.temperature and settings.temperature != "default":
                fields["temperature"] = settings.temperature
            fields["stream_usage"] = self.usage
        return {**fields, "extra_body": body} if body else fields

    def adapted(self, complaint: str, *, structured: bool) -> Dialect | None:
        """Return how to put the request after a refusal; None: the refusal is about something else.

        Args:
            complaint: what the endpoint wrote.
            structured: the request had a schema.
        """
        named = _NAMED.search(complaint)
        match named.group() if named is not None else "":
            case "/responses" if not self.responses:
                return replace(self, responses=True)
            case "max_tokens" | "max_completion_tokens" as name if name == self.longest:
                other: Literal["max_tokens", "max_completion_tokens"] = (
                    "max_completion_tokens" if name == "max_tokens" else "max_tokens"
                )
                return replace(self, longest=other)
            case "temperature" if self.temperature:
                return replace(self, temperature=False)
            case "stream_options" if self.usage:
                return replace(self, usage=False)
        if not structured or self.form == "text":
            return None
        return replace(self, form="json_object" if self.form == "json_schema" else "text")

    def _form(self, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if schema is None or self.form == "text":
            return None
        if self.form == "json_object":
            return {"type": "json_object"}
        named = {"name": "reply", "strict": _strict(schema), "schema": dict(schema)}
        return {"type": "json_schema", "json_schema": named}


def _strict(schema: Any) -> bool:
    """Return whether OpenAI can keep a reply to a schema: each object lists all that it may have.

    The rule: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas.
    """
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if schema.get("type") == "object" or isinstance(properties, Mapping):
            closed = schema.get("additionalProperties") is False
            if not closed or set(schema.get("required", ())) != set(properties or ()):
                return False
        return all(_strict(part) for part in schema.values())
    return not isinstance(schema, list) or all(_strict(part) for part in schema)
