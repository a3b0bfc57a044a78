"""Answers as JSON of a project's own schema, made without a model.

The properties that every answer has are filled from it; each other one has its default, its constant
or something empty. Whether that gives valid JSON for every outcome is tried when the project is opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import unquote

from agent.answering.formats.result import Result
from agent.answering.formats.values import MISSING, candidates, sound
from agent.answering.types import Citation
from agent.errors import ConfigurationError
from indexes.text import whole

__all__ = ["OWN", "JsonFormat"]

OWN = ("answer", "sources", "confidence", "grounded", "action", "language", "question")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEEPEST = 20  # objects within objects that are built locally
CURE = "give it a default, or allow null"
NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
DATA = ("const", "enum", "default", "examples")


class JsonFormat:
    """A project's JSON schema, found to be one that can be kept to.

    Args:
        schema: of draft 2020-12, an object at its top, with `$ref`s into its own `$defs` only.
        file: where it is from, for messages.

    Raises:
        ConfigurationError: it is no such schema, or a property could not be filled without a model.
    """

    def __init__(self, schema: Any, file: str) -> None:
        self._file = file
        _check(schema, file)
        self.schema: Mapping[str, Any] = schema
        for result in _probes():
            try:
                value = self._value(result)
            except _NoValueError as error:
                raise self._error(f"`{error}` has no value without a model", CURE) from error
            problem = self.problem(value)
            if problem:
                told = f"without a model an answer ({result.action}) would be invalid: {problem}"
                raise self._error(told, f"{CURE}, or loosen that rule")

    @property
    def properties(self) -> dict[str, Any]:
        """The schemas of the properties in their order; a required one without a schema allows anything."""
        root = self.resolved(self.schema)
        found = dict(root.get("properties", {}))
        return found | {name: True for name in root.get("required", ()) if name not in found}

    @property
    def required(self) -> list[str]:
        """The names of the properties that must be there."""
        return list(self.resolved(self.schema).get("required", ()))

    @cached_property
    def asked(self) -> dict[str, Any] | None:
        """The schema of what a model may fill: the properties that are not ours; None without any."""
        left = {name: one for name, one in self.properties.items() if name not in OWN}
        if not left:
            return None
        kept = {key: self.schema[key] for key in ("$defs", "definitions") if key in self.schema}
        return {
            "type": "object",
            "properties": left,
            "required": [name for name in self.required if name in left],
            "additionalProperties": False,
            **kept,
        }

    def local(self, result: Result) -> str:
        """Return a finished turn as JSON of the schema.

        Raises:
            ConfigurationError: the schema has a rule that this answer does not keep to.
        """
        return self.text(self.value(result))

    def value(self, result: Result) -> dict[str, Any]:
        """Return a finished turn as an object that the schema allows.

        Raises:
            ConfigurationError: the schema has a rule that this answer does not keep to.
        """
        try:
            value = self._value(result)
        except _NoValueError as error:
            raise self._error(f"`{error}` does not allow this answer", CURE) from error
        problem = self.problem(value)
        if problem:
            raise self._error(f"it does not allow this answer: {problem}", CURE)
        return value

    def text(self, value: dict[str, Any]) -> str:
        """Return an object as compact JSON, its keys in the schema's order."""
        ordered = self._ordered(value, self.schema)
        return whole(
            json.dumps(ordered, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        )

    def problem(self, value: Any, schema: Any = None) -> str:
        """Return where and why a value is invalid; "" if it is valid.

        Args:
            value: plain data.
            schema: the whole schema, or a part of it.
        """
        try:
            validator = self._validator if schema is None else self._validator.evolve(schema=schema)
            error = next(iter(validator.iter_errors(value)), None)
        except RecursionError:
            return "it is nested too deeply"
        return "" if error is None else f"{error.json_path}: {error.message[:200]}"

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """Return what a part of the schema refers to, beside what it says itself."""
        for _ in range(DEEPEST):
            if not isinstance(schema, Mapping):
                return {}
            if "$ref" not in schema:
                return schema
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            target = _pointed(self.schema, schema["$ref"])
            schema = {**target, **rest} if isinstance(target, Mapping) else rest
        return {}

    def shape(self, schema: Any, value: Any) -> Mapping[str, Any]:
        """Return what a part of the schema says of a value, the alternative that it is included."""
        own = self.resolved(schema)
        for key in ("allOf", "anyOf", "oneOf"):
            fitting = (one for one in own.get(key, ()) if not self.problem(value, one))
            for branch in fitting if key == "allOf" else islice(fitting, 1):
                own = {**self.shape(branch, value), **own}
        return own

    def empty(self, schema: Any, depth: int = 0, *, ours: bool = False) -> Any:
        """Return what a value is without a model: default, constant, null or empty; else MISSING.

        Args:
            schema: the value's own.
            depth: of the objects around it.
            ours: it tells of the answer, and a constant that is not so would be untrue.
        """
        own = self.resolved(schema)
        given = [own[key] for key in ("default", "const")[: 1 if ours else 2] if key in own]
        enum = own.get("enum")
        if not ours and isinstance(enum, list) and len(enum) == 1:
            given += enum
        for value in (*given, None, [], {}, ""):
            if not self.problem(value, schema):
                return value
        if "properties" not in own or depth > DEEPEST:
            return MISSING
        built = {}
        for name, part in own["properties"].items():
            if name in own.get("required", ()) or "default" in self.resolved(part):
                built[name] = self.empty(part, depth + 1)
        lacks = any(value is MISSING for value in built.values())
        return MISSING if lacks or self.problem(built, schema) else built

    def _lacking(self, schema: Any, path: str, depth: int = 0) -> str:
        """Return the name of the innermost property because of which a value has none."""
        own = self.resolved(schema)
        for name, part in own.get("properties", {}).items():
            required = name in own.get("required", ())
            if required and depth < DEEPEST and self.empty(part) is MISSING:
                return self._lacking(part, f"{path}.{name}", depth + 1)
        return path

    def _value(self, result: Result) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, schema in self.properties.items():
            value = self._ours(name, schema, result) if name in OWN else MISSING
            if value is MISSING and (name in self.required or "default" in self.resolved(schema)):
                value = self.empty(schema, ours=name in OWN)
                if value is MISSING:
                    raise _NoValueError(self._lacking(schema, name))
            if value is not MISSING:
                found[name] = value
        return found

    def _ours(self, name: str, schema: Any, result: Result) -> Any:
        """Return the first form of a property of every answer that its schema allows."""
        own = self.resolved(schema)
        if name == "sources":
            item = own.get("items", True)
            objects = [self._source(item, citation, result) for citation in result.citations]
            forms = candidates(name, own, result, objects)
        else:
            forms = candidates(name, own, result)
        return next((form for form in forms if not self.problem(form, schema)), MISSING)

    def _source(self, schema: Any, citation: Citation, result: Result) -> dict[str, Any]:
        """Return a citation as an object of an item's schema."""
        found = {}
        own = self.resolved(schema)
        for name, part in own.get("properties", {}).items():
            forms = candidates(f"source.{name}", self.resolved(part), result, citation)
            value = next((form for form in forms if not self.problem(form, part)), MISSING)
            if value is MISSING and name in own.get("required", ()):
                value = self.empty(part)
            if value is not MISSING:
                found[name] = value
        return found

    def _ordered(self, value: Any, schema: Any) -> Any:
        own = self.shape(schema, value)
        if isinstance(value, list):
            return [self._ordered(one, own.get("items")) for one in value]
        if not isinstance(value, dict):
            return value
        parts = own.get("properties", {})
        names = [*(name for name in parts if name in value), *(n for n in value if n not in parts)]
        return {name: self._ordered(value[name], parts.get(name)) for name in names}

    @cached_property
    def _validator(self) -> Any:
        from jsonschema import Draft202012Validator
        from referencing import Registry

        return Draft202012Validator(
            self.schema, registry=Registry()
        )  # an empty one asks no network

    def _error(self, told: str, fix: str) -> ConfigurationError:
        return ConfigurationError(f"{self._file}: {told}.", fix=f"{fix}.")


class _NoValueError(Exception):
    """A property that has no value without a model; the text is its name."""


def _check(schema: Any, file: str) -> None:
    """Refuse what is no schema of the right dialect for an object, or refers elsewhere."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(schema, dict):
        raise ConfigurationError(
            f"{file} holds no JSON schema.", fix='write {"type": "object", …}.'
        )
    if not sound(schema):
        raise ConfigurationError(
            f"{file} has a number that is not finite, or is nested too deeply.", fix="simplify it."
        )
    if str(schema.get("$schema", DIALECT)).rstrip("#") != DIALECT:
        raise ConfigurationError(f"{file}: `$schema` is another draft.", fix=f"write {DIALECT}.")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ConfigurationError(
            f"{file} is no valid JSON schema: {error.json_path}: {error.message[:200]}.",
            fix="mend it there.",
        ) from error
    for path, part in _parts(schema, "$"):
        if path != "$" and "$id" in part:
            raise ConfigurationError(f"{file}: {path} has an `$id`.", fix="leave it out.")
        for key in ("$ref", "$dynamicRef", "$recursiveRef"):
            target = part.get(key, "")
            if key in part and (
                key != "$ref"
                or not target.startswith(("#/$defs/", "#/definitions/"))
                or _pointed(schema, target) is None
            ):
                raise ConfigurationError(
                    f"{file}: {path} refers to {target!r}.",
                    fix="put what it refers to into `$defs` of the same file: nothing is fetched.",
                )
    resolved = schema
    for _ in range(DEEPEST):
        if "$ref" in resolved:
            resolved = _pointed(schema, resolved["$ref"])
    kind, names = resolved.get("type"), resolved.get("properties")
    if kind != "object" or not isinstance(names, dict) or not names:
        raise ConfigurationError(
            f"{file}: its top is no object with properties.",
            fix='write "type": "object" and `properties`, such as `answer`.',
        )


def _parts(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema within a schema with its path; data that looks like one is left out."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key, value in schema.items():
        if key in DATA:
            continue
        if key in NAMED and isinstance(value, dict):
            for name, one in value.items():
                yield from _parts(one, f"{path}.{key}.{name}")
        for number, one in enumerate(value if isinstance(value, list) else [value]):
            if key not in NAMED:
                yield from _parts(one, f"{path}.{key}" + f"[{number}]" * isinstance(value, list))


def _pointed(schema: Any, reference: str) -> Any:
    """Return what a reference into the schema points to; None if there is nothing."""
    found = schema
    for part in reference.removeprefix("#/").split("/"):
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _probes() -> Iterator[Result]:
    """Yield answers of every kind, to see what a schema makes of them."""
    texts = (
        "",
        "x",
        "依据《办法》第七条（2024年），费用为 1,200.50 元 [1]。\n另见附件。",
        "".join(map(chr, range(32, 127))),
        "A sentence of some length with its source [1]. " * 200,
    )
    for place, action in enumerate(("answer", "search", "act", "clarify", "abstain")):
        for number, text in enumerate(texts):
            for sure in (0.0, 0.31, 0.5, 0.8765, 1.0):
                citations = [_cited(marker + 1) for marker in range((0, 1, 12)[number % 3])]
                yield Result(
                    text or "?",
                    text,
                    action,
                    citations,
                    sure,
                    grounded=bool(number % 2),
                    language="zh" if place % 2 else "en",
                )


def _cited(marker: int) -> Citation:
    return {
        "marker": marker,
        "text": "费用为 1,200.50 元",
        "index": "finance",
        "document": "docs/办法.pdf",
        "title": "办法",
        "uri": "",
        "location": {"page": 3},
    }
