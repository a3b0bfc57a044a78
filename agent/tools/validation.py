"""Checking the arguments of a call, whoever filled them in: a model, the local filling, or a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from agent.errors import ToolError
from agent.tools.schema import resolved
from agent.tools.types import INJECTED, Parameter, Tool
from indexes.text import normalize
from indexes.types import Principal
from prompts import Language, texts

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["check_arguments"]

SHOWN = 60  # characters of a wrong value
LIMITS = {
    "minimum": "allowed_minimum",
    "maximum": "allowed_maximum",
    "exclusiveMinimum": "allowed_above",
    "exclusiveMaximum": "allowed_below",
    "minLength": "allowed_shortest",
    "maxLength": "allowed_longest",
}
BOOLEANS = {"true": True, "false": False}


def check_arguments(
    tool: Tool, args: Mapping[str, Any], *, language: Language = "en"
) -> dict[str, Any]:
    """Return the arguments in the types that a tool wants, as plain data.

    A choice may be named by an alias, and a number or truth value may stand as a text.

    Args:
        tool: the tool to be called.
        args: its arguments, without the injected ones.
        language: of the message.

    Raises:
        ToolError: an argument is unknown, missing or not allowed; the message names every one.
    """
    words = texts("messages", language)
    properties = tool.schema.get("properties", {})
    more = tool.schema.get("additionalProperties")
    wrong = [words["argument_injected"].format(name=name) for name in args if name in INJECTED]
    wrong += [
        words["argument_unknown"].format(
            name=name,
            allowed=words["list_separator"].join(properties) or words["arguments_none"],
        )
        for name in args
        if name not in properties and name not in INJECTED and not more
    ]
    if wrong:
        raise ToolError(" ".join(wrong))
    known = {parameter.name: parameter for parameter in tool.parameters}
    given = {
        name: _coerced(known[name], value) if name in known else value
        for name, value in args.items()
    }
    if tool.arguments is not None:
        return _by_model(tool, given, words)
    return _by_schema(tool, given, words)


def _coerced(parameter: Parameter, value: Any) -> Any:
    """Return a value as the parameter's type where a text clearly says it."""
    if isinstance(value, float) and parameter.kind == "integer" and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    if parameter.kind == "boolean":
        return BOOLEANS.get(value.strip().lower(), value)
    if parameter.kind in {"integer", "number"}:
        try:
            return int(value) if parameter.kind == "integer" else float(value)
        except ValueError:
            return value
    if parameter.aliases and value not in parameter.choices:
        meant = normalize(value)
        return next((one.value for one in parameter.wordings if one.text == meant), value)
    return value


def _by_model(tool: Tool, given: dict[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    assert tool.arguments is not None
    # Injected arguments may be required; these values only stand in for them.
    standing = {"principal": Principal(""), "idempotency_key": ""}
    injected = {name: standing[name] for name in INJECTED if name in tool.arguments.model_fields}
    try:
        checked = tool.arguments.model_validate({**given, **injected})
    except ValidationError as error:
        found = [_told_by_model(tool, one, words) for one in error.errors(include_url=False)]
        raise ToolError(" ".join(found)) from error
    dumped: dict[str, Any] = checked.model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude=set(injected), warnings=False
    )
    return dumped


def _told_by_model(tool: Tool, error: ErrorDetails, words: Mapping[str, Any]) -> str:
    path = [str(part) for part in error["loc"]] or ["?"]
    if error["type"] == "missing":
        return _missing(tool, path, words)
    own = error["msg"] if error["type"] in {"value_error", "assertion_error"} else ""
    return _wrong(tool, path, error["input"], own, error["msg"], words)


def _by_schema(tool: Tool, given: dict[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    nothing: Registry[Any] = Registry()  # a reference never makes a request
    validator = validator_for(tool.schema)(tool.schema, registry=nothing)
    found: list[str] = []
    try:
        for error in validator.iter_errors(given):
            path = [str(part) for part in error.absolute_path]
            if error.validator == "required":
                required: Any = error.validator_value
                given_here: Any = error.instance
                lacking = [name for name in required if name not in given_here]
                found += [_missing(tool, [*path, name], words) for name in lacking]
            else:
                found.append(_wrong(tool, path or ["?"], error.instance, "", error.message, words))
    except Unresolvable as error:
        raise ToolError(f"{tool.name}: {error}") from error
    if found:
        raise ToolError(" ".join(dict.fromkeys(found)))
    return given


def _missing(tool: Tool, path: list[str], words: Mapping[str, Any]) -> str:
    allowed = words["list_separator"].join(_allowed(tool, path, words)) or path[-1]
    return str(words["argument_missing"].format(name=".".join(path), allowed=allowed))


def _wrong(
    tool: Tool, path: list[str], value: Any, own: str, message: str, words: Mapping[str, Any]
) -> str:
    """Say what is wrong: `own` is what the tool itself says, `message` what the library says."""
    allowed = own or words["list_separator"].join(_allowed(tool, path, words)) or message
    shown = json.dumps(value, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
    return str(
        words["argument_wrong"].format(name=".".join(path), value=shown, allowed=allowed[:1000])
    )


def _allowed(tool: Tool, path: list[str], words: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an argument may be, as its schema says; of a part of an argument it says nothing."""
    entry = tool.schema.get("properties", {}).get(path[0])
    if entry is None or len(path) > 1:
        return
    found = resolved(entry, tool.schema)
    choices = found.get("enum") or ([found["const"]] if "const" in found else [])
    if choices:
        joined = words["list_separator"].join(str(choice) for choice in choices)
        yield words["allowed_choices"].format(choices=joined)
        return
    kind = found.get("type")
    for one in kind if isinstance(kind, list) else [kind]:
        if f"kind_{one}" in words:
            yield words[f"kind_{one}"]
    if "pattern" in found:
        yield words["allowed_pattern"].format(pattern=found["pattern"])
    for key, name in LIMITS.items():
        if key in found:
            yield words[name].format(limit=found[key])
