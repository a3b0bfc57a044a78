"""JSON schemas of tools' arguments: what a model sees, and the parameters read from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.tools.types import INJECTED, Parameter

__all__ = ["parameters", "resolved", "visible"]

OWN_KEYS = ("aliases",)  # of Waypost's own: some endpoints refuse a keyword that they do not know
OWN_FORMATS = ("period", "asked")


def visible(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema that a model sees: without the injected arguments and Waypost's own keywords."""
    shown = {
        name: {
            key: value
            for key, value in _described(entry).items()
            if key not in OWN_KEYS and not (key == "format" and value in OWN_FORMATS)
        }
        for name, entry in schema.get("properties", {}).items()
        if name not in INJECTED
    }
    required = [name for name in schema.get("required", ()) if name in shown]
    rest = {
        key: value
        for key, value in schema.items()
        if key not in {"required", "description", "title"}
    }
    return {
        "type": "object",
        **rest,
        "properties": shown,
        **({"required": required} if required else {}),
    }


def parameters(schema: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Return the arguments that a schema describes, the injected ones left out."""
    required = set(schema.get("required", ()))
    return tuple(
        _parameter(name, resolved(entry, schema), name in required)
        for name, entry in schema.get("properties", {}).items()
        if name not in INJECTED
    )


def resolved(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of one argument with its reference and its first choice but null put in."""
    found = _described(entry)
    for option in found.pop("anyOf", ()):
        if option.get("type") != "null":
            found |= option
            break
    if "$ref" in found:
        definition = schema.get("$defs", {}).get(str(found["$ref"]).rsplit("/", 1)[-1], {})
        found = {**definition, **found}
    return found


def _described(entry: Any) -> dict[str, Any]:
    return dict(entry) if isinstance(entry, Mapping) else {}  # `true` allows anything


def _kind(entry: Mapping[str, Any]) -> str:
    kind = entry.get("type", "string")
    return (
        next((str(one) for one in kind if one != "null"), "null")
        if isinstance(kind, list)
        else str(kind)
    )


def _parameter(name: str, entry: Mapping[str, Any], required: bool) -> Parameter:
    choices = entry.get("enum") or ([entry["const"]] if "const" in entry else [])
    return Parameter(
        name=name,
        title=str(entry.get("title", name)),
        kind=_kind(entry),
        required=required,
        choices=tuple(str(choice) for choice in choices),
        aliases={str(k): str(v) for k, v in _described(entry.get("aliases")).items()},
        pattern=str(entry.get("pattern", "")),
        format=str(entry.get("format", "")),
    )
